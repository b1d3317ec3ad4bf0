"""The Read tab: a photograph or a clip in, ViTPain's reading out, beside the truth where the face was made here."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass, replace
from itertools import islice

import gradio as gr
from PIL import Image

from threedpain.errors import InvalidInput, ThreeDPainError
from threedpain.modeling.reading.doubt import turned
from threedpain.modeling.reading.reader import open_photo, read_clip

from . import drawing, engine, make
from .engine import FaceRequest

EVERY = 6  # a clip is read at every sixth frame
MOST = 32  # and no further than so many
CLIP_PIXELS = 2_100_000  # of a frame: full HD
CLIP_SECONDS = 40.0  # that reading a clip may take
WAITING = "waiting for a face"
# What came of it is brought into sight: on a phone it lies a screen away from the button.
SHOW = """() => { setTimeout(() => (document.querySelector('#read-problem .problem') ||
  document.querySelector('#reading-pspi'))?.scrollIntoView({ block: 'nearest', behavior: 'smooth' }), 300) }"""
EMPTY = (
    "Add a photograph or a clip, or try an example. You then see pain intensity (PSPI) with its 90 % interval, "
    "the six muscle actions it is made of, and where on the face the model finds them."
)


@dataclass(frozen=True)
class ReadTab:
    """What the page needs to send a made face here."""

    receive: list  # outputs of `read_made`
    strength: gr.Slider


def open_upload(path: str) -> Image.Image:
    """A photograph from a visitor, judged before it is decoded."""
    return open_photo(path, max_pixels=engine.UPLOAD_PIXELS)


def _blank(problem: str) -> tuple:
    """picture, true picture, dial, units, chances, curve, problem"""
    nothing = gr.Image(None, visible=False)
    return None, nothing, drawing.gauge(None, WAITING), "", "", "", drawing.sentence(problem)


def _describe(reading, photo: Image.Image, strength: float, truth: FaceRequest | None = None, curve: str = "") -> tuple:
    small, heat = drawing.heat_of_reading(reading, photo)
    true_units, true_picture, doubts = None, gr.Image(None, visible=False), reading.doubts
    if truth is not None:
        made = engine.make(truth)
        true_units, doubts = truth.active, [*turned(truth.yaw, truth.pitch), *doubts]
        true_picture = gr.Image(drawing.heat_overlay(made.image, made.heat_mm, strength), visible=True)
    dial = drawing.gauge(reading.pspi, "read by ViTPain", reading.interval, None if truth is None else truth.pspi)
    return (
        drawing.heat_overlay(small, heat, strength), true_picture, dial, drawing.unit_bars(reading.au, true_units),
        drawing.chances(reading.probabilities), curve, drawing.beware(doubts),
    )  # fmt: skip


def read_files(photo: str | None, neutral: str | None, strength: float, truth: FaceRequest | None = None) -> tuple:
    """Read a photograph, with the same person at rest when given; `truth` is what the photograph was made from."""
    if photo is None:
        return _blank("Add a photograph with one face, then press Read.")
    try:
        picture = open_upload(photo)
        reading = engine.read(picture, open_upload(neutral) if neutral else None)
    except ThreeDPainError as problem:
        return _blank(str(problem))
    return _describe(reading, picture, strength, truth)


def read_made(request: FaceRequest | None, strength: float) -> tuple:
    """Read the face of the Make tab, its own neutral as the reference: photograph, neutral, truth, then the answer."""
    if request is None:
        return None, None, None, *_blank("Make a face first.")
    made = engine.make(request)
    try:
        answer = _describe(engine.reading_of(request), made.image, strength, request)
    except ThreeDPainError as problem:
        answer = _blank(str(problem))
    return made.image, made.neutral, request, *answer


def read_frames(clip: str | None, strength: float) -> tuple:
    """Read a clip against its own first frame; the picture and the bars are those of the strongest moment."""
    if clip is None:
        return _blank("Record or upload a clip first.")
    try:
        readings = [(frame, picture) for frame, picture in islice(_clip(clip), MOST) if frame.reading is not None]
        if not readings:
            raise InvalidInput("no single face was found in the clip; it must look roughly at the camera")
    except ThreeDPainError as problem:
        return _blank(str(problem))
    peak, picture = max(readings, key=lambda pair: pair[0].reading.pspi)
    seconds = [frame.seconds for frame, _ in readings]
    found = [frame.reading for frame, _ in readings]
    curve = drawing.curve(seconds, [reading.pspi for reading in found], [reading.interval for reading in found])
    return _describe(peak.reading, picture, strength, curve=curve)


def heat_photo(photo: str | None, neutral: str | None, strength: float, truth: FaceRequest | None, curve: str):
    """The heat's strength changed: `read_files`, unless a clip is on show, which is known by its `curve`."""
    return gr.skip() if curve else read_files(photo, neutral, strength, truth)


def heat_clip(clip: str | None, strength: float, curve: str):
    """The same of a clip, which waits in a line of its own."""
    return read_frames(clip, strength) if curve and clip else gr.skip()


EXAMPLE = make.request_of(
    make.PRESETS["Severe pain"], age=71, gender="male", ethnicity="white", light="indoor", seed=24
)
EXAMPLE_RATE = 12  # pictures a second of the example clip
EXAMPLE_SIDE = 256


def example_pair(strength: float) -> tuple:
    """A made photograph and the same person at rest, as files like a visitor's; then the answer of `read_files`."""
    made, paths = engine.make(EXAMPLE), []
    for name, picture in (("face.png", made.image), ("rest.png", made.neutral)):
        paths.append(str(engine.new_file(name)))
        picture.save(paths[-1])
    return *paths, None, *read_files(*paths, strength)


def example_clip(strength: float) -> tuple:
    """A made clip, then the answer of `read_frames`."""
    path = engine.new_file("clip.mp4")
    path.write_bytes(_example_clip())
    return str(path), *read_frames(str(path), strength)


@functools.cache
def _example_clip() -> bytes:
    """The example's face, from rest to its expression and half back, as an mp4."""
    import av

    shares = [0.0] * 4 + [step / 9 for step in range(1, 10)] + [1.0] * 6 + [0.9, 0.8, 0.7, 0.6, 0.5]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=EXAMPLE_RATE)
        stream.width = stream.height = EXAMPLE_SIDE
        stream.pix_fmt = "yuv420p"
        for share in shares:
            units = tuple((name, value * share) for name, value in EXAMPLE.action_units)
            made = engine.make(replace(EXAMPLE, action_units=units, size=EXAMPLE_SIDE))
            out.mux(stream.encode(av.VideoFrame.from_image(made.image)))
        out.mux(stream.encode())
    return buffer.getvalue()


def _clip(path: str):
    return read_clip(engine.reader(), path, every=EVERY, max_pixels=CLIP_PIXELS, seconds=CLIP_SECONDS)


def _path(payload) -> str | None:
    if payload is None:
        return None
    path = getattr(payload, "path", None)
    if not isinstance(path, str):
        raise InvalidInput("give one file, as it was uploaded")
    return path


def as_uploaded(component):
    """Let an upload arrive as its file's path, so that it is judged before anything decodes it."""
    component.preprocess = _path
    return component


def _photo(label: str, name: str, height: int) -> gr.Image:
    sources = ["upload", "webcam", "clipboard"]
    return as_uploaded(
        gr.Image(label=label, sources=sources, height=height, elem_id=name, alt_text=label, buttons=[], format="png")
    )


def build() -> ReadTab:
    """Lay out the tab."""
    truth = gr.State(None)
    with gr.Row(elem_classes="workbench-read"):
        with gr.Column(scale=2, min_width=300):
            gr.Markdown("## A face to read")
            with gr.Tabs():
                with gr.Tab("Photograph"):
                    pair = gr.Button("Try an example: a face and the same at rest", size="sm", elem_id="example-pair")
                    gr.Markdown(
                        "One face, from the front or up to some 35 degrees aside. With a second photograph of the same "
                        "person at rest the reading is better.",
                        elem_classes="notice",
                    )
                    photo = _photo("Photograph to read", "photo", 280)
                    first = gr.Button("This is the face at rest: keep it and take another", size="sm", elem_id="keep")
                    neutral = _photo("The same person at rest (optional)", "photo-neutral", 210)
                    go = gr.Button("Read", variant="primary", elem_id="read")
                with gr.Tab("Clip"):
                    film = gr.Button("Try an example clip", size="sm", elem_id="example-clip")
                    gr.Markdown(
                        f"Begin with the face at rest: the first frame is the reference. Every {EVERY}th frame is "
                        f"read, {MOST} at most.",
                        elem_classes="notice",
                    )
                    clip = as_uploaded(
                        gr.Video(
                            label="Clip", sources=["upload", "webcam"], height=280, elem_id="clip", include_audio=False,
                            buttons=[],
                        )
                    )  # fmt: skip
                    watch = gr.Button("Read the clip", variant="primary", elem_id="read-clip")
            gr.Markdown(
                "Pictures and clips are read in memory; their files are deleted within minutes. Not a medical device.",
                elem_classes="notice",
            )
        with gr.Column(scale=3, min_width=300, elem_classes="results"):
            gr.Markdown("## What ViTPain reads")
            before = gr.HTML(f'<p>{EMPTY}</p><p class="notice">{drawing.PSPI_IS}</p>', elem_classes="until")
            problem = gr.HTML(elem_id="read-problem", elem_classes="trouble")
            with gr.Row(elem_classes=["pair", "once"]):
                dial = gr.HTML(drawing.gauge(None, WAITING), elem_id="reading-pspi", min_height=215)
                chances = gr.HTML(elem_id="reading-chances", min_height=120)
            with gr.Row(elem_classes=["pair", "once"]):
                picture = gr.Image(
                    label="ViTPain sees", interactive=False, elem_id="reading", elem_classes="picture",
                    alt_text="The photograph with the model's pain heat", buttons=[], format="jpeg", min_width=150,
                )  # fmt: skip
                true_picture = gr.Image(
                    label="The truth", interactive=False, elem_id="true-heat", visible=False,
                    elem_classes="picture", alt_text="The made face with its true pain heat", buttons=[], format="jpeg",
                    min_width=150,
                )  # fmt: skip
            strength = gr.Slider(
                0, 1, value=0.6, step=0.1, label="Heat: where the skin moves with pain", elem_id="read-heat",
                elem_classes="once",
            )  # fmt: skip
            gr.HTML(drawing.heat_legend(), elem_classes="once")
            bars = gr.HTML(elem_id="reading-units")
            curve = gr.HTML(elem_id="reading-curve")
    outputs = [picture, true_picture, dial, bars, chances, curve, problem]
    # While it reads, what can be seen says so: before the first reading none of the outputs can.
    shown = [before, problem, dial, picture]
    queued = {"concurrency_id": "read", "concurrency_limit": 1, "show_progress_on": [photo, *shown]}
    queued |= {"show_progress": "minimal", "api_visibility": "private"}
    photo.input(lambda: None, None, truth, queue=False, show_progress="hidden", api_visibility="private").then(
        read_files, [photo, neutral, strength, truth], outputs, **queued
    ).then(None, js=SHOW)
    go.click(read_files, [photo, neutral, strength, truth], outputs, **queued).then(None, js=SHOW)
    strength.release(heat_photo, [photo, neutral, strength, truth, curve], outputs, **queued)
    filmed = {"concurrency_id": "clip", "concurrency_limit": 1, "show_progress_on": [clip, *shown]}
    filmed |= {"show_progress": "minimal", "api_visibility": "private"}
    strength.release(heat_clip, [clip, strength, curve], outputs, **filmed)
    watch.click(read_frames, [clip, strength], outputs, **filmed).then(None, js=SHOW)
    pair.click(example_pair, strength, [photo, neutral, truth, *outputs], **queued)
    film.click(example_clip, strength, [clip, *outputs], **filmed)
    first.click(lambda path: (path, None), photo, [neutral, photo], queue=False, api_visibility="private")
    return ReadTab([photo, neutral, truth, *outputs], strength)
