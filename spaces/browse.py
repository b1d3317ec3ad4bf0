"""The Browse tab: the rows of a 3DPain set, filtered, and each with every label drawn."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import gradio as gr
import numpy as np

from threedpain import demographics
from threedpain.errors import ThreeDPainError
from threedpain.spaces import drawing

PAGE = 24
SAMPLE = "sample"  # a small set made on this machine at first use
LABEL_COLUMNS = ["expression_name", "age_group", "gender", "ethnicity", "PSPI", "view_id"]


@functools.lru_cache(maxsize=2)
def open_set(source: str):
    """Rows of a 3dpain folder, a Hub id, or the built-in sample, all splits in one."""
    from datasets import concatenate_datasets, load_dataset

    import threedpain  # noqa: F401  registers the builder

    if source == SAMPLE:
        splits = load_dataset("3dpain", identities=4, expressions=4, others=1, views=3, size=256)
    else:
        splits = load_dataset(source, "images")
    return concatenate_datasets(list(splits.values()))


@functools.lru_cache(maxsize=2)
def _labels(source: str):
    return open_set(source).select_columns(LABEL_COLUMNS).to_pandas()


def _class_index(source: str, column: str, name: str) -> int:
    return open_set(source).features[column].str2int(name)


def find(source: str, age_group: str, gender: str, ethnicity: str, view: str, expression: str, low: float, high: float):
    """Gallery, row numbers and a sentence for the rows that fit all filters."""
    source = (source or SAMPLE).strip()
    try:
        table = _labels(source)
    except (ThreeDPainError, FileNotFoundError, ConnectionError, ValueError) as problem:
        return [], [], drawing.sentence(f"{source!r} could not be opened: {str(problem).splitlines()[0]}")
    keep = table["PSPI"].between(low, high)
    for column, value in (("age_group", age_group), ("gender", gender), ("ethnicity", ethnicity)):
        if value:
            keep &= table[column] == _class_index(source, column, value)
    if view:
        keep &= table["view_id"] == view
    if expression:
        keep &= table["expression_name"] == expression
    rows = np.flatnonzero(keep)
    shown = rows[:PAGE].tolist()
    data = open_set(source)
    pictures = [(data[row]["image"], f"PSPI {table['PSPI'][row]:g}, {table['expression_name'][row]}") for row in shown]
    said = f"{len(rows)} of {len(table)} pictures fit" + (f"; the first {PAGE} are shown." if len(rows) > PAGE else ".")
    return pictures, shown, f'<p class="notice" role="status">{said}</p>'


def open_row(source: str, shown: list[int], event: gr.SelectData):
    """One row with its mask, box and landmarks drawn, its heat, and all its labels."""
    row = open_set((source or SAMPLE).strip())[shown[event.index]]
    drawn = drawing.draw_truth(row["image"], row["mask"], row["landmarks"], row["landmarks_visible"], row["bbox"])
    heat = drawing.heat_overlay(row["image"], np.asarray(row["heatmap"]) * drawing.HEAT_MM_PER_LEVEL, 0.8)
    pictures = ("image", "heatmap", "mask", "landmarks", "landmarks_3d", "landmarks_visible", "depth", "regions")
    labels = {name: value for name, value in row.items() if name not in pictures}
    return drawn, heat, json.dumps(labels, indent=1, default=str)


def build() -> dict:
    """Lay out the tab; returns the event that fills it when it is first opened."""
    local = Path("3dpain")
    with gr.Row():
        source = gr.Textbox(
            str(local) if local.is_dir() else SAMPLE,
            elem_id="set",
            scale=2,
            label="Set: a 3dpain folder, a Hub id, or 'sample' (made here in about a minute)",
        )
        age = gr.Dropdown(
            [("any", ""), *((name, name) for name in demographics.AGE_GROUPS)], value="", label="Age group"
        )
        gender = gr.Dropdown(
            [("any", ""), *((name, name) for name in demographics.GENDERS)],
            value="",
            label="Gender",
            elem_id="browse-gender",
        )
        ethnicity = gr.Dropdown(
            [("any", ""), *((name.replace("_", " "), name) for name in demographics.ETHNICITIES)],
            value="",
            label="Ethnicity",
        )
    with gr.Row():
        view = gr.Dropdown([("any", ""), "front", "left", "right"], value="", label="View")
        expression = gr.Dropdown(
            [("any", ""), "neutral", "pain", "smile", "surprise"], value="", label="Expression", allow_custom_value=True
        )
        low = gr.Slider(0, 16, value=0, step=1, label="PSPI from", elem_id="pspi-low")
        high = gr.Slider(0, 16, value=16, step=1, label="PSPI to", elem_id="pspi-high")
    said = gr.HTML(elem_id="browse-said")
    shown = gr.State([])
    gallery = gr.Gallery(label="Pictures", columns=6, height=420, allow_preview=False, elem_id="gallery", buttons=[])
    with gr.Row():
        drawn = gr.Image(
            label="Mask, box, landmarks",
            interactive=False,
            height=420,
            elem_id="drawn",
            alt_text="Picture with its class mask, face box and landmarks",
        )
        heat = gr.Image(label="Pain heat", interactive=False, height=420, alt_text="Picture with its pain heat")
        labels = gr.Code(language="json", label="Every label of the row", elem_id="row-labels", max_lines=18)
    filters = [source, age, gender, ethnicity, view, expression, low, high]
    outputs = [gallery, shown, said]
    gr.on([source.submit, *(control.change for control in filters[1:])], find, filters, outputs, api_name="browse",
          concurrency_id="browse", trigger_mode="always_last", show_progress="minimal")  # fmt: skip
    gallery.select(open_row, [source, shown], [drawn, heat, labels], concurrency_id="browse", api_visibility="private")
    return {"fn": find, "inputs": filters, "outputs": outputs}
