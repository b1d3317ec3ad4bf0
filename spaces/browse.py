"""The Browse tab: the rows of a 3DPain set, filtered, and each with every label drawn."""

from __future__ import annotations

import functools
import json
import logging
import re
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from html import escape
from itertools import islice
from pathlib import Path

import datasets
import gradio as gr
import numpy as np
from datasets import Dataset, concatenate_datasets, load_dataset
from huggingface_hub import HfFileSystem
from PIL import Image

from threedpain import demographics, expressions, facs
from threedpain.dataset_script.plain import check, read
from threedpain.errors import InvalidInput, ThreeDPainError
from threedpain.limits import COVERS, HEAT_STEP
from threedpain.pictures import shown as plain
from threedpain.pictures import stored_picture
from threedpain.schema import features

from . import drawing

logger = logging.getLogger(__name__)

PAGE = 24
SAMPLE = "sample"  # the pictures that come with the package
FROM_HUB = 600  # rows taken from a set on the Hub: enough to look at, and it fits on any disk
FILES_FROM_HUB = 32  # files they may lie in
BYTES_FROM_HUB = 700_000_000  # of their pictures
SETS_KEPT = 2
LABELS = ["identity_id", "expression_name", "age_group", "gender", "ethnicity", "PSPI", "view_id"]
PIXELS = (
    "image",
    "neutral_image",
    "heatmap",
    "mask",
    "landmarks",
    "landmarks_3d",
    "landmarks_visible",
    "depth",
    "regions",
)
PICTURES = ("image", "heatmap", "mask")  # what an opened row shows
ANY = ("any", "")
HUB_ID = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)
UNKNOWN_SET = "write 'sample', a 3dpain folder below the one the demo was started in, or a Hub id such as user/3dpain"


@functools.lru_cache(maxsize=2)
def open_set(source: str) -> Dataset:
    """Rows of the built-in sample, of a 3dpain folder below the working folder, or of a Hub id (the first of its test
    split); the visitor of a public page reads no other folder."""
    if source == SAMPLE:
        return concatenate_datasets(list(load_dataset("3dpain", SAMPLE).values()))
    if Path(source).is_absolute() or ".." in Path(source).parts or "\0" in source:
        raise InvalidInput(UNKNOWN_SET)
    folder = Path(source)
    if folder.exists():  # a folder is never asked for at the Hub, nor the other way round
        if not folder.resolve().is_relative_to(Path.cwd()) or not (folder / "manifest.json").is_file():
            raise InvalidInput(UNKNOWN_SET)
        return concatenate_datasets(list(read(source, "images").values()))
    if not HUB_ID.fullmatch(source):
        raise InvalidInput(UNKNOWN_SET)
    return _from_hub(source)


_shelves: deque[tempfile.TemporaryDirectory] = deque()


def _from_hub(source: str) -> Dataset:
    """The first rows of a stranger's set, in a folder that goes when others have been looked at since.

    Its files by name: what its README says of files could be any file of this machine. Its columns by type: the library
    opens what a cell of some types names, so only ours are let in, and no picture is decoded here.
    """
    names = [f"hf://{name}" for name in sorted(HfFileSystem().glob(f"datasets/{source}/images/test-*.parquet"))]
    names = names[:FILES_FROM_HUB]
    check(names, source)
    rows = load_dataset("parquet", data_files={"test": names}, split="test", streaming=True)
    known = features("images")
    if odd := [name for name, kind in known.items() if rows.features.get(name) != kind]:
        raise InvalidInput(f"{plain(source)} is no 3dpain set: it has no column {odd[0]} of the right type")
    rows = rows.select_columns(list(known)).decode(False)
    while len(_shelves) >= SETS_KEPT:
        _shelves.popleft().cleanup()
    _shelves.append(tempfile.TemporaryDirectory(prefix="3dpain-"))
    given = {"rows": rows}
    return Dataset.from_generator(_within_reason, known, _shelves[-1].name, gen_kwargs=given)


def _within_reason(rows: Iterable[dict]) -> Iterator[dict]:
    """The first rows, as long as they are not larger together than any of ours would be."""
    taken = 0
    for row in islice(rows, FROM_HUB):
        taken += sum(len(cell["bytes"] or b"") for cell in row.values() if isinstance(cell, dict) and "bytes" in cell)
        if taken > BYTES_FROM_HUB:
            raise InvalidInput("the pictures of this set are too large to be looked at here")
        yield row


@functools.lru_cache(maxsize=2)
def _labels(source: str):
    return open_set(source).select_columns(LABELS).to_pandas()


def matching(
    source: str, age_group: str, gender: str, ethnicity: str, view: str, expression: str, low: float, high: float
) -> np.ndarray:
    """Numbers of the rows that fit all filters; ThreeDPainError when the set cannot be opened."""
    try:
        table = _labels(source)
    except ThreeDPainError:
        raise
    except Exception as problem:  # any: of the network, of a stranger's files
        logger.warning("a set could not be opened", exc_info=problem)
        raise InvalidInput(f"{plain(source)} could not be opened as a 3dpain set") from None
    keep = table["PSPI"].between(low, high)
    for column, value in (("age_group", age_group), ("gender", gender), ("ethnicity", ethnicity)):
        if value:
            known = open_set(source).features[column].names
            if value not in known:
                raise InvalidInput(f"unknown {column} {plain(value)!r}; known are {', '.join(known)}")
            keep &= table[column] == known.index(value)
    for column, value in (("view_id", view), ("expression_name", expression)):
        if value:
            keep &= table[column] == value
    return np.flatnonzero(keep)


def mixed(source: str, rows: np.ndarray) -> np.ndarray:
    """The same rows, each person's most painful picture first, then everybody's next: every page shows many people."""
    table = _labels(source).iloc[rows].sort_values("PSPI", ascending=False, kind="stable")
    turn = table.groupby("identity_id", sort=False).cumcount()
    return np.asarray(turn.sort_values(kind="stable").index)


def find(source: str, *filters, page: int = 0):
    """Gallery, row numbers, a sentence, the page and the first row opened, for the rows that fit all filters."""
    source, closed = (source or SAMPLE).strip(), (None, None, "", None)
    try:
        rows = mixed(source, matching(source, *filters))
    except ThreeDPainError as problem:
        return [], [], drawing.sentence(str(problem)), 0, *closed
    page = min(max(page, 0), max(len(rows) - 1, 0) // PAGE)
    shown = rows[PAGE * page : PAGE * (page + 1)].tolist()
    table, pictures = _labels(source), _undecoded(open_set(source).select_columns(["image"]))
    captions = [_caption(table["PSPI"][row], table["expression_name"][row]) for row in shown]
    gallery = list(zip(_decoded(pictures[shown]["image"]), captions, strict=True)) if shown else []
    said = f"{len(rows)} of {len(table)} pictures fit."
    said += "" if shown else " Choose fewer conditions, and they appear here."
    if len(rows) > PAGE:
        said += f" Here are {PAGE * page + 1} to {PAGE * page + len(shown)}."
    opened = described(source, shown[0]) if shown else closed
    return gallery, shown, drawing.notice(said), page, *opened


def turn(step: int, page: int, source: str, *filters):
    """The page before or after."""
    return find(source, *filters, page=page + step)


def _undecoded(data: Dataset) -> Dataset:
    """The same set with its pictures as bytes: strangers' pictures are decoded by the one door alone."""
    for name, feature in data.features.items():
        if isinstance(feature, datasets.Image):
            data = data.cast_column(name, datasets.Image(decode=False))
    return data


def _decoded(cells: list[dict | None]) -> list[Image.Image | None]:
    return [stored_picture(cell) for cell in cells]


def _caption(pspi: float, expression: str) -> str:
    return f"PSPI {pspi:.3g}" + ("" if expression == "pain" else f", {expression.replace('_', ' ')}")


def labels_of(row: dict, columns) -> dict:
    """A row's labels in words, without pictures and point lists."""
    labels = {name: value for name, value in row.items() if name not in PIXELS}
    for name in ("expression", "age_group", "gender", "ethnicity"):
        labels[name] = columns[name].int2str(labels[name])
    return labels


def open_row(source: str, shown: list[int], event: gr.SelectData):
    """The row that was chosen in the gallery."""
    return described((source or SAMPLE).strip(), shown[event.index])


def described(source: str, number: int) -> tuple:
    """One row with its mask, box and landmarks drawn, its heat, and all its labels."""
    data = open_set(source)
    row = _undecoded(data)[number]
    row |= dict(zip(PICTURES, _decoded([row[name] for name in PICTURES]), strict=True))
    drawn = drawing.draw_truth(row["image"], row["mask"], row["landmarks"], row["landmarks_visible"], row["bbox"])
    heat = drawing.heat_overlay(row["image"], np.asarray(row["heatmap"]) * HEAT_STEP, 0.8)
    labels = labels_of(row, data.features)
    units = ", ".join(f"{name} {labels[name]:.3g}" for name in facs.ACTION_UNITS if labels.get(name)) or "none"
    people = labels["ethnicity"].replace("_", " ").title()
    facts = (
        f"{'An' if people[0] in 'AEIOU' else 'A'} {people} person, {labels['gender']}, {labels['age']:.0f} years, "
        f"{labels['expression_name'].replace('_', ' ')}{_worn(labels)}; PSPI {labels['PSPI']:.3g}; "
        f"action units: {units}; "
        f"head turned {_way(labels['yaw'], 'to their left', 'to their right')} and nodded "
        f"{_way(labels['pitch'], 'up', 'down')}."
    )
    return drawn, heat, f"<p>{escape(facts)}</p>", json.dumps(labels, indent=1, default=str)


def _way(degrees: float, more: str, less: str) -> str:
    """An angle and the side it goes to."""
    whole = round(abs(degrees))
    return f"{whole}°" + (f" {more if degrees > 0 else less}" if whole else "")


def _worn(labels: dict) -> str:
    """What the person of a row wears, and what is before the face, as a part of a sentence."""
    told = labels.get("accessories")
    names = [name for name in told.split(",")[:6] if name] if isinstance(told, str) else []
    said = {"wearing": [n for n in names if n not in COVERS], "behind": [n for n in names if n in COVERS]}
    return "".join(f", {how} {plain(', '.join(some).replace('_', ' '))}" for how, some in said.items() if some)


def _choice(label: str, names, name: str) -> gr.Dropdown:
    choices = [ANY, *((text.replace("_", " "), text) for text in names)]
    return gr.Dropdown(choices, value="", label=label, elem_id=name, min_width=120)


def build() -> dict:
    """Lay out the tab; returns the event that fills it when it is first opened."""
    local = Path("3dpain")
    gr.Markdown("## A set and its labels\nEvery picture was rendered, so every label is exact.")
    with gr.Row():
        source = gr.Textbox(
            str(local) if (local / "manifest.json").is_file() else SAMPLE, elem_id="set", scale=2, min_width=240,
            label="Set",
            info="'sample' (120 pictures), a folder made by 3dpain, or a Hugging Face id such as user/3dpain",
        )  # fmt: skip
        low = gr.Slider(0, 16, value=0, step=1, label="PSPI from", elem_id="pspi-low", min_width=140)
        high = gr.Slider(0, 16, value=16, step=1, label="PSPI to", elem_id="pspi-high", min_width=140)
    with gr.Row():
        filters = [
            _choice("Age group", demographics.AGE_GROUPS, "browse-age"),
            _choice("Gender", demographics.GENDERS, "browse-gender"),
            _choice("Ethnicity", demographics.ETHNICITIES, "browse-ethnicity"),
            _choice("View", ("front", "left", "right"), "browse-view"),
            _choice("Expression", ("neutral", "pain", *expressions.OTHER_EXPRESSIONS), "browse-expression"),
        ]
    said = gr.HTML(elem_id="browse-said", min_height=28)
    shown, page = gr.State([]), gr.State(0)
    gallery = gr.Gallery(
        label="Pictures", columns=6, height=440, allow_preview=False, elem_id="gallery", buttons=[], format="jpeg",
        object_fit="contain",
    )  # fmt: skip
    with gr.Row():
        back = gr.Button("Page before", size="sm", elem_id="page-before", min_width=120)
        on = gr.Button("Next page", size="sm", elem_id="page-next", min_width=120)
    gr.Markdown("## One picture and all its labels\nChoose another in the pictures above.")
    with gr.Row(elem_classes="opened"):
        drawn = gr.Image(
            label="Mask, face box, landmarks", interactive=False, elem_id="drawn", elem_classes="picture", buttons=[],
            alt_text="Picture with its class mask, face box and landmarks", format="jpeg", min_width=240,
        )  # fmt: skip
        heat = gr.Image(
            label="Pain heat", interactive=False, elem_id="row-heat", elem_classes="picture", buttons=[],
            alt_text="Picture with its pain heat", format="jpeg", min_width=240,
        )  # fmt: skip
        with gr.Column(min_width=260):
            facts = gr.HTML(elem_id="row-facts")
            labels = gr.Code(
                language="json", label="Every label of the row", elem_id="row-labels", max_lines=16, buttons=["copy"],
                show_line_numbers=False,
            )  # fmt: skip
    gr.HTML(drawing.class_legend())
    inputs = [source, *filters, low, high]
    opened = [drawn, heat, facts, labels]
    outputs = [gallery, shown, said, page, *opened]
    gr.on(
        [source.submit, *(control.change for control in inputs[1:])], find, inputs, outputs, concurrency_id="browse",
        trigger_mode="always_last", show_progress="minimal", api_visibility="private",
    )  # fmt: skip
    for step, button in ((-1, back), (1, on)):
        button.click(
            functools.partial(turn, step), [page, *inputs], outputs, concurrency_id="browse", show_progress="minimal",
            api_visibility="private",
        )  # fmt: skip
    # Other pictures: the frame goes from the one that was chosen to the first, which is the one opened.
    shown.change(
        lambda: gr.Gallery(selected_index=0), None, gallery, queue=False, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    gallery.select(open_row, [source, shown], opened, concurrency_id="browse", api_visibility="private")
    return {"fn": find, "inputs": inputs, "outputs": outputs}
