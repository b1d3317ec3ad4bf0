"""The Compare tab: two people who differ in one thing, with one expression, and what ViTPain reads of both."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr
from PIL import Image

from threedpain import demographics
from threedpain.errors import ThreeDPainError

from . import drawing, engine, make
from .engine import FaceRequest

if TYPE_CHECKING:
    from threedpain.modeling.reading.reader import Reading


@dataclass(frozen=True)
class Contrast:
    """One field of a request, its two values, and their names."""

    field: str
    values: tuple[Any, Any]
    names: tuple[str, str]


CONTRASTS: dict[str, Contrast] = {
    "Skin tone": Contrast("skin_tone", (55.0, -50.0), ("very light skin", "very dark skin")),
    "Age": Contrast("age", (25, 80), ("25 years", "80 years")),
    "Gender": Contrast("gender", ("female", "male"), ("woman", "man")),
    "Light and place": Contrast("light", ("indoor", "outdoor"), ("indoors", "outdoors")),
    "Headscarf": Contrast("hair", ("short", "headscarf"), ("short hair", "a headscarf")),
    "Glasses": Contrast("accessory", ("", "glasses"), ("no glasses", "glasses")),
    "Surgical mask": Contrast("accessory", ("", "surgical_mask"), ("no mask", "a surgical mask")),
    "Nasal cannula": Contrast("accessory", ("", "cannula"), ("no cannula", "a nasal cannula")),
}
FIRST = "Skin tone"
WAITING = "waiting for a face"
ONE_PAIR = (
    "One pair says nothing about a group: <code>3dpain audit</code> asks the same of many people, of this model or of "
    "yours."
)


def pair_of(contrast: str, preset: str, seed: float) -> tuple[FaceRequest, FaceRequest]:
    """Two requests that differ in one field; who they are otherwise is drawn from the seed."""
    seed = int(seed or 0)
    draw = random.Random(seed)
    person = make.request_of(
        make.PRESETS[preset], age=draw.randint(30, 70), gender=draw.choice(demographics.GENDERS),
        ethnicity=draw.choice(demographics.ETHNICITIES), light="indoor", seed=seed,
    )  # fmt: skip
    chosen = CONTRASTS[contrast]
    one, other = (replace(person, **{chosen.field: value}) for value in chosen.values)
    return one, other


def show(contrast: str, preset: str, seed: float) -> Iterator[tuple]:
    """Pictures, dials and a sentence; the first face is shown while the second is made."""
    names, pair = CONTRASTS[contrast].names, pair_of(contrast, preset, seed)
    try:
        found: list[tuple[Image.Image, Reading]] = []
        for request in pair:
            made = engine.make(request)
            found.append((made.image, engine.reading_of(request)))
            if len(found) == len(pair) or not engine.is_known(pair[1]):
                yield _answer(names, found, request.pspi)
    except ThreeDPainError as problem:
        yield None, None, *(drawing.gauge(None, name) for name in names), "", drawing.sentence(str(problem))


def _answer(names: tuple[str, str], found: list[tuple[Image.Image, Reading]], pspi: float) -> tuple:
    pictures: list[Image.Image | None] = [None, None]
    dials = [drawing.gauge(None, f"{name}: {WAITING}") for name in names]
    for number, (picture, reading) in enumerate(found):
        pictures[number] = picture
        dials[number] = drawing.gauge(reading.pspi, names[number], reading.interval, pspi)
    said = '<p class="summary" role="status">The second person is being made.</p>'
    if len(found) == len(names):
        said = _verdict(names, [reading for _, reading in found], pspi)
    return *pictures, *dials, said, ""


def _verdict(names: tuple[str, str], readings: list[Reading], pspi: float) -> str:
    """What the two readings say."""
    one, other = (reading.pspi for reading in readings)
    apart = abs(round(other, 1) - round(one, 1))
    more = "the same" if apart < 0.05 else f"{apart:.1f} {'more' if other > one else 'less'}"
    return (
        f'<p class="summary" role="status">PSPI is {pspi:g} in both. ViTPain reads <strong>{one:.1f}</strong> '
        f"({escape(names[0])}) and <strong>{other:.1f}</strong> ({escape(names[1])}): {more}.</p>"
    )


def _picture(side: str) -> gr.Image:
    return gr.Image(
        label=f"{side} person", interactive=False, elem_id=f"compare-{side.lower()}", elem_classes="picture",
        alt_text=f"The {side.lower()} of two people who differ in one thing", buttons=[], format="jpeg", min_width=150,
    )  # fmt: skip


def build() -> dict:
    """Lay out the tab; returns the event that fills it when it is first opened."""
    with gr.Row(elem_classes="workbench"):
        with gr.Column(elem_classes="stage"):
            with gr.Column(elem_classes="faces"):
                with gr.Row(elem_classes="pair"):
                    pictures = [_picture("First"), _picture("Second")]
                said = gr.HTML(elem_id="compare-said", min_height=28)
            with gr.Column(elem_classes="measures"):
                problem = gr.HTML(elem_id="compare-problem", elem_classes="trouble")
                with gr.Row(elem_classes="pair"):
                    dials = [
                        gr.HTML(drawing.gauge(None, WAITING), elem_id=f"compare-dial-{side}", min_height=200)
                        for side in ("first", "second")
                    ]
                gr.HTML(f'<p class="notice">{ONE_PAIR}</p>')
        with gr.Column(elem_classes="choices"):
            gr.Markdown(
                "## Two people who differ in one thing\nThe muscles move alike, the camera is the same, and so is the "
                "person but for what is named here. A fair reader gives both the same value."
            )
            contrast = gr.Radio(list(CONTRASTS), value=FIRST, label="They differ in", elem_id="contrast")
        with gr.Column(elem_classes="controls"):
            preset = make.presets("compare-presets")
            seed = gr.Number(7, precision=0, minimum=0, maximum=99_999, label="Person number", elem_id="compare-seed")
            another = gr.Button("Another person", elem_id="compare-another")
    inputs, outputs = [contrast, preset, seed], [*pictures, *dials, said, problem]
    gr.on(
        [contrast.input, preset.input, seed.change], show, inputs, outputs, concurrency_id="render",
        trigger_mode="always_last", show_progress="minimal", api_visibility="private",
    )  # fmt: skip
    another.click(
        lambda: random.Random().randint(0, 99_999), None, seed, queue=False, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    return {"fn": show, "inputs": inputs, "outputs": outputs}
