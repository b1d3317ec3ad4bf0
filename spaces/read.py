"""The Read tab: a photograph in, ViTPain's reading out, and the truth beside it where the face was made here."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from PIL import Image

from threedpain.errors import ThreeDPainError
from threedpain.modeling.predict import open_photo
from threedpain.spaces import drawing, engine
from threedpain.spaces.engine import FaceRequest


class Photo(gr.Image):
    """An upload that hands over the file itself, so that `open_photo` can judge it before anything decodes it."""

    is_template = True

    def preprocess(self, payload):
        return payload.path if payload else None


@dataclass(frozen=True)
class ReadTab:
    photo: Photo
    neutral: Photo
    outputs: list


def _open(path: str) -> Image.Image:
    return open_photo(path, max_pixels=engine.UPLOAD_PIXELS)


def _describe(reading, truth: FaceRequest | None) -> tuple:
    caption = "reading of ViTPain" if truth is None else f"reading of ViTPain; the truth is {truth.pspi:g}"
    return (
        drawing.gauge(reading.pspi, caption, reading.interval),
        drawing.unit_bars(reading.au, truth.active if truth else None),
        drawing.chances(reading.probabilities),
    )


def _answer(
    photo: Image.Image, neutral: Image.Image | None, strength: float, truth: FaceRequest | None = None
) -> tuple:
    reading = engine.read(photo, neutral)
    return (reading.overlay(photo, strength), *_describe(reading, truth), "")


def read_files(photo: str | None, neutral: str | None, strength: float):
    """Read an uploaded photograph (and the same person at rest, when given)."""
    empty = (None, drawing.gauge(0, "waiting for a photograph"), "", "")
    if photo is None:
        return (*empty, drawing.sentence("Add a photograph with one face, then press Read."))
    try:
        return _answer(_open(photo), _open(neutral) if neutral else None, strength)
    except ThreeDPainError as problem:
        return (*empty, drawing.sentence(str(problem)))


def read_made(request: FaceRequest | None, strength: float):
    """Read the face of the Make tab, its own neutral as the reference."""
    if request is None:
        return None, None, *read_files(None, None, strength)
    made = engine.make(request)
    try:
        answer = _answer(made.image, made.neutral, strength, request)
    except ThreeDPainError as problem:
        answer = (None, drawing.gauge(0, "no reading"), "", "", drawing.sentence(str(problem)))
    return made.image, made.neutral, *answer


def build() -> ReadTab:
    gr.Markdown(
        "A photograph of one face, from the front or up to about 35 degrees. A second photograph of the same person "
        "at rest makes the reading better. Pictures are read in memory and not kept.",
        elem_classes="notice",
    )
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            photo = Photo(
                label="Photograph",
                sources=["upload", "webcam", "clipboard"],
                height=300,
                elem_id="photo",
                alt_text="Photograph to read",
            )
            neutral = Photo(
                label="The same person at rest (optional)",
                sources=["upload", "webcam", "clipboard"],
                height=220,
                elem_id="photo-neutral",
                alt_text="The same person at rest",
            )
            with gr.Row():
                first = gr.Button("Use the photograph as the face at rest", size="sm")
                go = gr.Button("Read", variant="primary", elem_id="read")
        with gr.Column(scale=3, min_width=320):
            problem = gr.HTML(elem_id="read-problem")
            with gr.Row():
                picture = gr.Image(
                    label="Where the model sees it",
                    interactive=False,
                    height=340,
                    elem_id="reading",
                    alt_text="Photograph with the model's pain heatmap",
                    buttons=[],
                )
                dial = gr.HTML(drawing.gauge(0, "waiting for a photograph"), elem_id="reading-pspi", min_height=190)
            strength = gr.Slider(0, 1, value=0.6, step=0.1, label="Heat strength", elem_id="read-heat")
            bars = gr.HTML(elem_id="reading-units")
            chances = gr.HTML(elem_id="reading-chances")
    outputs = [picture, dial, bars, chances, problem]
    gr.on(
        [go.click, photo.upload], read_files, [photo, neutral, strength], outputs, api_name="read_face",
        api_description="Read a photograph: photograph file, neutral photograph file or null, heat strength.",
        concurrency_id="read", concurrency_limit=1, show_progress="minimal",
    )  # fmt: skip
    first.click(lambda path: path, photo, neutral, queue=False, api_visibility="private")
    return ReadTab(photo, neutral, [photo, neutral, *outputs, strength])
