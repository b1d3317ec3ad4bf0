"""The Make tab: move a muscle, see the face, see where it moved, and take it with you."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

import gradio as gr
from PIL import Image

from threedpain import demographics, facs, limits
from threedpain.errors import ThreeDPainError
from threedpain.generation.worn.hair import STYLES
from threedpain.limits import PLACES
from threedpain.modeling.reading.doubt import turned

from . import bust, drawing, engine
from .engine import FaceRequest, MadeFace

if TYPE_CHECKING:
    from threedpain.modeling.reading.reader import Reading

PRESETS: dict[str, dict[str, float]] = {
    "At rest": {},
    "Mild pain": {"AU4": 1, "AU6": 1, "AU7": 1},
    "Moderate pain": {"AU4": 3, "AU6": 2, "AU7": 3, "AU9": 1, "AU10": 2},
    "Severe pain": {"AU4": 5, "AU6": 4, "AU7": 5, "AU9": 4, "AU10": 4, "AU43": 1, "AU25": 3},
    "Eyes closed": {"AU43": 1},
    "Smile": {"AU6": 3, "AU12": 4, "AU25": 2},
    "Surprise": {"AU1": 4, "AU2": 4, "AU5": 3, "AU26": 3, "AU25": 3},
}
FIRST = "Moderate pain"  # what the page opens on
HEAT_AT_FIRST = 0.6
OTHER_UNITS = tuple(name for name in facs.ACTION_UNITS if name not in facs.PAIN_UNITS)
UNITS = (*facs.PAIN_UNITS, *OTHER_UNITS)
DRAWN = ("by chance", "")  # what the person's seed decides if nobody else does
WORDS = {  # for names that say too little alone
    "cannula": "nasal cannula", "mouth_hand": "hand at mouth", "cheek_hand": "hand at cheek",
    "brow_hand": "hand at brow", "bed_propped": "bed, propped up", "bed_back": "bed, on back",
    "bed_left": "bed, left side", "bed_right": "bed, right side", "bed_leaning": "bed, leaning forward",
}  # fmt: skip
CAMERA_RADIUS = 0.38  # metres from the middle of the head to turn, at which it fills its frame (Babylon sees 0.8 rad)
RAMP_STEPS = 9
RAMP_SIZE = 320


def request_of(
    action_units: dict[str, float], age: float = 45, gender: str = "female", ethnicity: str = "black", yaw: float = 0,
    pitch: float = 0, light: str = "", hair: str = "", seed: int = 7, accessory: str = "",
) -> FaceRequest:  # fmt: skip
    """A request; what is left out is what the page shows first."""
    units = tuple((name, float(action_units.get(name) or 0)) for name in UNITS)
    return FaceRequest(
        units, int(age), gender, ethnicity, float(yaw), float(pitch), light or "", hair or "", int(seed or 0),
        accessory or "",
    )  # fmt: skip


def first_request() -> FaceRequest:
    """The face the page opens on."""
    return request_of(PRESETS[FIRST])


def _as_request(*values) -> FaceRequest:
    return request_of(dict(zip(UNITS, values, strict=False)), *values[len(UNITS) :])


def preset_of(request: FaceRequest) -> str | None:
    """The preset whose muscle actions a request has, if there is one."""
    return next((name for name, units in PRESETS.items() if units == request.active), None)


def _answer(made: MadeFace, request: FaceRequest, strength: float, read: bool = True) -> tuple:
    reading: Reading | None = None
    trouble = ""
    if read:
        try:
            reading = engine.reading_of(request)
        except ThreeDPainError as problem:
            trouble = escape(f"ViTPain reads nothing here: {problem}")
    return (
        made.neutral, heated(made, strength), drawing.gauge(request.pspi, "from its muscles"),
        drawing.gauge(reading.pspi if reading else None, "read by ViTPain", reading.interval if reading else None),
        drawing.pspi_terms(request.active), drawing.summary(request.pspi, reading, trouble), preset_of(request),
        request.as_python(), request,
        drawing.beware([*turned(request.yaw, request.pitch), *reading.doubts]) if reading else "",
    )  # fmt: skip


def heated(made: MadeFace, strength: float) -> Image.Image:
    """A made face with its heat."""
    return drawing.heat_overlay(made.image, made.heat_mm, strength) if strength else made.image


def show(strength: float, *values) -> Iterator[tuple]:
    """Everything of the Make tab for one setting of its controls; for somebody new, the face before its reading."""
    request = _as_request(*values)
    try:
        is_known = engine.is_known(request)
        made = engine.make(request)
        if not is_known:
            yield _answer(made, request, strength, read=False)
            # the pictures are sent once: gradio would write their files anew while a browser fetches them
            yield (gr.skip(), gr.skip(), *_answer(made, request, strength)[2:])
        else:
            yield _answer(made, request, strength)
    except ThreeDPainError as problem:
        yield (*(gr.skip() for _ in range(9)), drawing.sentence(str(problem)))


def overlay(strength: float, request: FaceRequest | None):
    """The heat's strength changed: the face itself is taken from the cache."""
    if request is None:
        return gr.skip()
    return heated(engine.make(request), strength)


def save_png(request: FaceRequest) -> str:
    path = engine.new_file("face.png")
    engine.make(request).image.save(path)
    return str(path)


def save_glb(request: FaceRequest) -> str:
    """The head with the heat painted on, as strong as at first beside it, its hair and what is worn."""
    path = engine.new_file("face.glb")
    path.write_bytes(bust.glb(engine.head(request), HEAT_AT_FIRST))
    return str(path)


def save_json(request: FaceRequest) -> str:
    path = engine.new_file("face.json")
    path.write_text(json.dumps(request.labels(engine.make(request)), indent=1, allow_nan=False))
    return str(path)


def ramp(request: FaceRequest) -> str:
    """The same face from rest to its expression and back, as an animated WebP."""
    frames = []
    for step in range(RAMP_STEPS):
        units = tuple((name, value * step / (RAMP_STEPS - 1)) for name, value in request.action_units)
        frames.append(engine.make(replace(request, action_units=units, size=RAMP_SIZE)).image)
    order = frames + frames[-2:0:-1]
    pauses = [500] + [80] * (len(order) - 1)
    pauses[RAMP_STEPS - 1] = 700
    path = engine.new_file("ramp.webp")
    order[0].save(path, save_all=True, append_images=order[1:], duration=pauses, loop=0, quality=88)
    return str(path)


def units_of(preset: str) -> list[float]:
    """Values of all sliders for a preset."""
    return [PRESETS[preset].get(unit, 0) for unit in UNITS]


def _anyone() -> tuple:
    draw = random.Random()
    return (
        draw.randint(demographics.YOUNGEST, demographics.OLDEST), draw.choice(demographics.GENDERS),
        draw.choice(demographics.ETHNICITIES), draw.randint(0, 99_999),
    )  # fmt: skip


def _unit_slider(name: str) -> gr.Slider:
    top = facs.ACTION_UNITS[name].maximum
    return gr.Slider(
        0,
        top,
        value=PRESETS[FIRST].get(name, 0),
        step=top / 4 if top == 1 else top / 10,
        label=drawing.plain_name(name),
        elem_id=name.lower(),
    )


def _turn(limit: limits.Limit, label: str) -> gr.Slider:
    return gr.Slider(limit.low, limit.high, value=0, step=5, label=label, elem_id=limit.name)


def _choices(names) -> list[tuple[str, str]]:
    return [(WORDS.get(name, name.replace("_", " ")), name) for name in names]


def presets(name: str) -> gr.Radio:
    """The expressions to choose from, one thumbnail each (`thumbnails.css` draws them)."""
    return gr.Radio(list(PRESETS), value=FIRST, label="Expression", elem_id=name, elem_classes="thumbnails")


def _unit_controls() -> list[gr.Slider]:
    gr.Markdown("## Muscle actions\nPain shows in these six (FACS action units). Move them one by one.")
    sliders = [_unit_slider(name) for name in facs.PAIN_UNITS]
    with gr.Accordion("What else a face can do", open=False):
        sliders += [_unit_slider(name) for name in OTHER_UNITS]
    return sliders


def _person_controls() -> tuple[list, list, gr.Button]:
    """Who (age, gender, ethnicity, seed), how they are seen (turn, nod, light, hair, what is worn), and the
    button for anybody."""
    first = request_of({})
    gr.Markdown("## Person and camera")
    age = gr.Slider(limits.AGE.low, limits.AGE.high, value=first.age, step=1, label="Age in years", elem_id="age")
    with gr.Row():
        gender = gr.Dropdown(
            _choices(demographics.GENDERS), value=first.gender, label="Gender", elem_id="gender", min_width=125
        )
        ethnicity = gr.Dropdown(
            _choices(demographics.ETHNICITIES), value=first.ethnicity, label="Ethnicity", elem_id="ethnicity",
            min_width=130,
        )  # fmt: skip
        seed = gr.Number(
            first.seed, precision=0, minimum=limits.SEED.low, label="Person number", elem_id="seed", min_width=80
        )
    with gr.Row():
        light = gr.Dropdown(
            [DRAWN, *_choices(PLACES)], value="", label="Light and place", elem_id="light", min_width=140
        )
        hair = gr.Dropdown([DRAWN, *_choices(STYLES)], value="", label="Hair", elem_id="hair", min_width=140)
        accessory = gr.Dropdown(
            [("nothing", ""), *_choices(limits.ACCESSORIES)], value="", label="Worn or covering",
            elem_id="accessory", min_width=140,
        )  # fmt: skip
    yaw = gr.Slider(
        limits.YAW.low, limits.YAW.high, value=0, step=5, label="Head turned (degrees, + their left)", elem_id="yaw"
    )
    pitch = gr.Slider(
        limits.PITCH.low, limits.PITCH.high, value=0, step=5, label="Head nodded (degrees, + up)", elem_id="pitch"
    )
    anyone = gr.Button("Random person", elem_id="random-person")
    return [age, gender, ethnicity, yaw, pitch, light, hair, seed, accessory], [age, gender, ethnicity, seed], anyone


def _picture(label: str, name: str, alt: str) -> gr.Image:
    return gr.Image(label=label, interactive=False, elem_id=name, elem_classes="picture", alt_text=alt, buttons=[],
                    format="jpeg", min_width=150)  # fmt: skip


def _keepsakes(made: gr.State) -> tuple:
    """What a visitor takes along: code, the head in 3D, the animation, files."""
    with gr.Tabs():
        with gr.Tab("Python"):
            code = gr.Code(
                language="python", label="The same face from Python", interactive=False, elem_id="code",
                wrap_lines=True, show_line_numbers=False, buttons=["copy"], lines=8,
            )  # fmt: skip
        with gr.Tab("3D head"):
            mesh_button = gr.Button("Show the head with its heat, to turn", elem_id="show-mesh")
            mesh = gr.Model3D(
                label="Head with pain heat", height=360, elem_id="mesh", clear_color=(0, 0, 0, 0),
                camera_position=(90, 85, CAMERA_RADIUS),
            )  # fmt: skip
            gr.Markdown(
                "It takes some seconds to appear; drag to turn it. Clothes and the glass of glasses are left out.",
                elem_classes="notice",
            )
        with gr.Tab("Clip"):
            ramp_button = gr.Button("Animate from rest to this expression", elem_id="show-ramp")
            ramp_image = gr.Image(
                label="From rest to the expression and back", interactive=False, type="filepath", height=330,
                elem_id="ramp", alt_text="The expression growing and fading", format="webp", buttons=[],
            )  # fmt: skip
        with gr.Tab("Download"):
            gr.Markdown("The picture, the 3D head with its heat, and the labels.", elem_classes="notice")
            with gr.Row():
                for name, save in (("PNG", save_png), ("GLB", save_glb), ("JSON", save_json)):
                    _download(name, save, made)
    return code, mesh_button, mesh, ramp_button, ramp_image


@dataclass(frozen=True)
class MakeTab:
    """What other tabs and the page need of this one."""

    made: gr.State  # the FaceRequest on show
    send: gr.Button  # "let ViTPain read this face"
    first_call: dict  # the event that draws the first face when the page opens


def build() -> MakeTab:
    """Lay out the tab: on a desk the controls stand beside the faces, on a phone the faces stay in sight above them."""
    made = gr.State(None)
    with gr.Row(elem_classes="workbench"):
        with gr.Column(elem_classes="stage"):
            with gr.Column(elem_classes="faces"):
                with gr.Row(elem_classes="pair"):
                    neutral = _picture("At rest", "neutral", "The same face at rest")
                    face = _picture("With the expression", "face", "The face with the chosen muscle actions")
                summary = gr.HTML(elem_id="summary", min_height=28)
            with gr.Column(elem_classes="measures"):
                problem = gr.HTML(elem_id="make-problem", elem_classes="trouble")
                strength = gr.Slider(
                    0, 1, value=HEAT_AT_FIRST, step=0.1, label="Heat: where the skin moves with pain", elem_id="heat"
                )
                gr.HTML(drawing.heat_legend())
                gr.HTML(f'<h2>How much pain it shows</h2><p class="notice">{drawing.PSPI_IS}</p>', elem_id="pspi-is")
                with gr.Row(elem_classes="dials"):
                    pspi = gr.HTML(drawing.gauge(None, "from its muscles"), elem_id="pspi", min_height=170)
                    reading = gr.HTML(drawing.gauge(None, "read by ViTPain"), elem_id="made-reading", min_height=170)
                    terms = gr.HTML(drawing.pspi_terms({}), elem_id="terms", min_height=170)
                send = gr.Button("See the reading muscle by muscle", variant="primary", elem_id="send-to-read")
        with gr.Column(elem_classes="choices"):
            chosen = presets("presets")
        with gr.Column(elem_classes="controls"):
            sliders = _unit_controls()
            person, drawn, anyone = _person_controls()
    with gr.Column():
        gr.Markdown("## Take it along")
        code, mesh_button, mesh, ramp_button, ramp_image = _keepsakes(made)
    controls = [*sliders, *person]
    outputs = [neutral, face, pspi, reading, terms, summary, chosen, code, made, problem]
    call = {"fn": show, "inputs": [strength, *controls], "outputs": outputs}
    queued = {"concurrency_id": "render", "show_progress": "hidden", "api_visibility": "private"}
    gr.on([control.change for control in sliders], **call, **queued, concurrency_limit=1, trigger_mode="always_last")
    # Another person takes a while: their place says so. An expression comes at once, and would flicker.
    waiting = {**queued, "show_progress": "minimal", "show_progress_on": [neutral, face]}
    gr.on([control.change for control in person], **call, **waiting, concurrency_limit=1, trigger_mode="always_last")
    strength.change(
        overlay, [strength, made], face, queue=False, trigger_mode="always_last", show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    mesh_button.click(save_glb, made, mesh, concurrency_id="render", api_visibility="private")
    ramp_button.click(ramp, made, ramp_image, concurrency_id="render", api_visibility="private")
    # What sets many controls at once asks for the face itself: of a burst of changes, some of them of sliders folded
    # away, the last gets lost now and then on a busy machine. The same face asked for twice is made once.
    chosen.input(
        units_of, chosen, sliders, queue=False, show_progress="hidden", api_visibility="private"
    ).then(**call, **queued, trigger_mode="multiple")  # fmt: skip
    anyone.click(_anyone, None, drawn, queue=False, show_progress="hidden", api_visibility="private").then(
        **call, **waiting, trigger_mode="multiple"
    )
    return MakeTab(made, send, call)


def _download(name: str, save, made: gr.State) -> None:
    """A button that makes its file when it is asked for, then downloads it."""
    button = gr.Button(name, size="sm", min_width=80, elem_id=f"save-{name.lower()}")
    hidden = gr.DownloadButton(visible="hidden", elem_id=f"file-{name.lower()}")
    button.click(save, made, hidden, concurrency_id="render", api_visibility="private").then(
        None, js=f"() => document.querySelector('#file-{name.lower()}').click()"
    )
