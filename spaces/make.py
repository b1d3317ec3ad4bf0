"""The Make tab: move a muscle, see the face, see where it moved, and take it with you."""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
import numpy as np

from threedpain import demographics, facs
from threedpain.errors import ThreeDPainError
from threedpain.spaces import drawing, engine
from threedpain.spaces.engine import FaceRequest

PRESETS: dict[str, dict[str, float]] = {
    "Neutral": {},
    "Mild pain": {"AU4": 1, "AU6": 1, "AU7": 1},
    "Moderate pain": {"AU4": 3, "AU6": 2, "AU7": 3, "AU9": 1, "AU10": 2},
    "Severe pain": {"AU4": 5, "AU6": 4, "AU7": 5, "AU9": 4, "AU10": 4, "AU43": 1, "AU25": 3},
    "Eyes closed": {"AU43": 1},
    "Smile": {"AU6": 3, "AU12": 4, "AU25": 2},
    "Surprise": {"AU1": 4, "AU2": 4, "AU5": 3, "AU26": 3, "AU25": 3},
}
OTHER_UNITS = tuple(name for name in facs.ACTION_UNITS if name not in facs.PAIN_UNITS)
UNITS = (*facs.PAIN_UNITS, *OTHER_UNITS)
LIGHTS = [("as the seed has it", ""), ("clinical", "clinical"), ("indoor", "indoor"), ("outdoor", "outdoor")]


def _as_request(*values) -> FaceRequest:
    *unit_values, age, gender, ethnicity, yaw, pitch, light, hair, seed = values
    units = tuple((name, float(value or 0)) for name, value in zip(UNITS, unit_values, strict=True))
    return FaceRequest(units, int(age), gender, ethnicity, float(yaw), float(pitch), light, hair, int(seed or 0))


def _labels(request: FaceRequest, out) -> dict:
    return {
        "PSPI": request.pspi, "action_units": request.active, **request.keywords(),
        "landmarks": np.asarray(out.landmarks).round(2).tolist(),
    }  # fmt: skip


def _save(folder: Path, request: FaceRequest, out) -> tuple[str, str]:
    out.image.save(folder / "face.png")
    (folder / "face.json").write_text(json.dumps(_labels(request, out), indent=1))
    return str(folder / "face.png"), str(folder / "face.json")


def show(strength: float, *values):
    """Everything of the Make tab for one setting of its controls."""
    request = _as_request(*values)
    try:
        out = engine.make(request)
    except ThreeDPainError as problem:
        return (*(gr.skip() for _ in range(8)), drawing.sentence(str(problem)))
    face = drawing.heat_overlay(out.image, np.asarray(out.heatmap) * drawing.HEAT_MM_PER_LEVEL, strength)
    caption = "no pain action" if request.pspi == 0 else f"{len(request.active)} action units at work"
    png, labels = _save(Path(tempfile.mkdtemp(prefix="3dpain-")), request, out)
    return (
        out.neutral, face, drawing.gauge(request.pspi, caption), drawing.pspi_terms(request.active),
        request.as_python(), png, labels, request, "",
    )  # fmt: skip


def overlay(strength: float, request: FaceRequest | None):
    """The heat's strength changed: the face itself is taken from the cache."""
    if request is None:
        return gr.skip()
    out = engine.make(request)
    return drawing.heat_overlay(out.image, np.asarray(out.heatmap) * drawing.HEAT_MM_PER_LEVEL, strength)


def turnable(request: FaceRequest | None):
    """The mesh with the heat painted on, as a glb file."""
    if request is None:
        return None
    path = Path(tempfile.mkdtemp(prefix="3dpain-")) / "face.glb"
    engine.make(request).mesh.export(path)
    return str(path)


def ramp(*values):
    """The same face from neutral to its expression and back, as an animated WebP."""
    request = _as_request(*values)
    steps = [0, 0.25, 0.5, 0.75, 1]
    frames = []
    for share in steps:
        units = tuple((name, value * share) for name, value in request.action_units)
        frames.append(engine.make(replace(request, action_units=units, size=256)).image)
    path = Path(tempfile.mkdtemp(prefix="3dpain-")) / "ramp.webp"
    order = frames + frames[-2:0:-1]
    order[0].save(path, save_all=True, append_images=order[1:], duration=[350] + [120] * (len(order) - 1), loop=0)
    return str(path)


def _unit_slider(name: str) -> gr.Slider:
    unit = facs.ACTION_UNITS[name]
    top = 1 if name == "AU43" else 5
    return gr.Slider(
        0, top, value=0, step=0.25 if top == 1 else 0.5, label=f"{name} {unit.facs_name}", elem_id=name.lower()
    )


@dataclass(frozen=True)
class MakeTab:
    """What other tabs and the page need of this one."""

    made: gr.State  # the FaceRequest on show
    send: gr.Button  # "let ViTPain read this face"
    first_call: dict  # the event that draws the first face when the page opens


def build() -> MakeTab:
    """Lay out the tab."""
    made = gr.State(None)
    with gr.Row(elem_classes="workbench"):
        with gr.Column(scale=2, min_width=300):
            with gr.Row():
                presets = {name: gr.Button(name, size="sm", min_width=90) for name in PRESETS}
            sliders = [_unit_slider(name) for name in facs.PAIN_UNITS]
            with gr.Accordion("Other action units", open=False):
                sliders += [_unit_slider(name) for name in OTHER_UNITS]
            with gr.Row():
                age = gr.Slider(18, 90, value=45, step=1, label="Age in years", elem_id="age")
                gender = gr.Dropdown(list(demographics.GENDERS), value="female", label="Gender", elem_id="gender")
                names = [(name.replace("_", " "), name) for name in demographics.ETHNICITIES]
                ethnicity = gr.Dropdown(names, value="black", label="Ethnicity", elem_id="ethnicity")
            with gr.Row():
                yaw = gr.Slider(-60, 60, value=0, step=5, label="Turn (+ their left)", elem_id="yaw")
                pitch = gr.Slider(-30, 30, value=0, step=5, label="Nod (+ up)", elem_id="pitch")
            with gr.Row():
                light = gr.Dropdown(LIGHTS, value="", label="Light", elem_id="light")
                hair = gr.Dropdown(_hair_choices(), value="", label="Hair", elem_id="hair")
                seed = gr.Number(7, precision=0, minimum=0, label="Person (seed)", elem_id="seed")
            anyone = gr.Button("Random person", variant="primary", elem_id="random-person")
        with gr.Column(scale=3, min_width=320):
            problem = gr.HTML()
            with gr.Row():
                neutral = gr.Image(
                    label="At rest",
                    interactive=False,
                    elem_classes="picture",
                    elem_id="neutral",
                    alt_text="The same face at rest",
                    buttons=[],
                )
                face = gr.Image(
                    label="Expression",
                    interactive=False,
                    elem_classes="picture",
                    elem_id="face",
                    alt_text="The face with the chosen action units",
                    buttons=[],
                )
            strength = gr.Slider(0, 1, value=0.0, step=0.1, label="Pain heat over the face (0 none)", elem_id="heat")
            with gr.Row():
                pspi = gr.HTML(elem_id="pspi", min_height=190)
                terms = gr.HTML(elem_id="terms", min_height=190)
            with gr.Row():
                to_read = gr.Button("Let ViTPain read this face", variant="primary", elem_id="send-to-read")
            with gr.Tabs():
                with gr.Tab("Python"):
                    code = gr.Code(
                        language="python",
                        label="The same face from Python",
                        interactive=False,
                        elem_id="code",
                        wrap_lines=True,
                    )
                with gr.Tab("3D"):
                    mesh_button = gr.Button("Show the turnable head", elem_id="show-mesh")
                    mesh = gr.Model3D(label="Head with pain heat", height=360, elem_id="mesh", clear_color=(0, 0, 0, 0))
                with gr.Tab("Intensity ramp"):
                    ramp_button = gr.Button("Animate from rest to this expression", elem_id="show-ramp")
                    ramp_image = gr.Image(
                        label="Ramp",
                        interactive=False,
                        type="filepath",
                        height=300,
                        elem_id="ramp",
                        alt_text="The expression growing and fading",
                        format="webp",
                    )
                with gr.Tab("Download"):
                    with gr.Row():
                        png = gr.DownloadButton("PNG", size="sm")
                        labels = gr.DownloadButton("JSON labels", size="sm")
    controls = [*sliders, age, gender, ethnicity, yaw, pitch, light, hair, seed]
    outputs = [neutral, face, pspi, terms, code, png, labels, made, problem]
    gr.on(
        [control.change for control in controls], show, [strength, *controls], outputs, api_name="make_face",
        api_description="Render a face. Inputs: heat strength, the action units in the page's order, age, gender, "
        "ethnicity, yaw, pitch, light, hair, seed.",
        concurrency_id="render", concurrency_limit=1, trigger_mode="always_last", show_progress="hidden",
    )  # fmt: skip
    strength.change(overlay, [strength, made], face, queue=False, show_progress="hidden", api_visibility="private")
    mesh_button.click(turnable, made, mesh, concurrency_id="render", api_visibility="private")
    ramp_button.click(ramp, controls, ramp_image, concurrency_id="render", api_visibility="private")
    for name, button in presets.items():
        values = [PRESETS[name].get(unit, 0) for unit in UNITS]
        button.click(
            lambda values=values: values, None, sliders, queue=False, show_progress="hidden", api_visibility="private"
        )
    anyone.click(
        _anyone, None, [age, gender, ethnicity, seed], queue=False, show_progress="hidden", api_visibility="private"
    )
    return MakeTab(made, to_read, {"fn": show, "inputs": [strength, *controls], "outputs": outputs})


def _hair_choices() -> list[tuple[str, str]]:
    from threedpain.generation.hair import STYLES

    return [("as the seed has it", "")] + [(style.replace("_", " "), style) for style in STYLES]


def _anyone():
    draw = random.Random()
    return (
        draw.randint(18, 90), draw.choice(list(demographics.GENDERS)), draw.choice(list(demographics.ETHNICITIES)),
        draw.randint(0, 99_999),
    )  # fmt: skip
