"""The named endpoints: the page's three functions for programs, with plain values in and out.

They share the page's queue: a request that finds it full is told so, and one that cannot be done gets a sentence.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import gradio as gr

from threedpain import limits
from threedpain.errors import InvalidInput, ThreeDPainError
from threedpain.generation.worn.hair import STYLES
from threedpain.pictures import shown

from . import browse, drawing, engine, make, read
from .patience import within

logger = logging.getLogger(__name__)
PSPI_LOW = limits.Limit("low", 0, 16, "", "Least PSPI")
PSPI_HIGH = limits.Limit("high", 0, 16, "", "Most PSPI")
USE = Path(__file__).with_name("API.md").read_text()


def _with_sentences(function: Callable) -> Callable:
    """A user's mistake reaches the client as its sentence, and so does, told less closely, one of ours."""

    @functools.wraps(function)
    def answer(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except ThreeDPainError as problem:
            raise gr.Error(shown(str(problem)), print_exception=False) from None
        except Exception:
            logger.exception("%s failed", function.__name__)
            raise gr.Error("this page made a mistake; it is in its log", print_exception=False) from None

    return answer


def _text(name: str, value: Any, known: Collection[str] = ()) -> str:
    """A short text, one of `known` or empty where these are given."""
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 200:
        raise InvalidInput(f"{name} must be a text of at most 200 letters")
    if known and value and value not in known:
        raise InvalidInput(f"unknown {name} {value!r}; known are {', '.join(known)}")
    return value


def _whole(value: Any) -> Any:
    """JSON knows no whole numbers: 7.0 is 7."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


@_with_sentences
@within(300)
def make_face(action_units, age, gender, ethnicity, yaw, pitch, light, hair, seed, accessory):
    if not isinstance(action_units or {}, dict) or len(action_units or {}) > 64:
        raise InvalidInput('action_units must be a table such as {"AU4": 3}')
    gender, ethnicity = _text("gender", gender), _text("ethnicity", ethnicity)
    light, hair = _text("light", light, limits.PLACES), _text("hair", hair, tuple(STYLES))
    accessory = _text("accessory", accessory, limits.ACCESSORIES)
    seed = limits.SEED.check(_whole(seed))
    asked = {
        "age": limits.AGE.check(age), "gender": gender, "ethnicity": ethnicity, "yaw": limits.YAW.check(yaw),
        "pitch": limits.PITCH.check(pitch),
    }  # fmt: skip
    units = engine.pipeline().check_inputs(action_units or {}, **asked, light=light or None, size=engine.PICTURE_SIZE)
    if sided := [name for name in units if name not in make.UNITS]:
        raise InvalidInput(f"{sided[0]} has one side: this page moves both, as {sided[0][:-1]}")
    request = make.request_of(units, **asked, light=light, hair=hair, seed=seed, accessory=accessory)
    made = engine.make(request)
    return made.image, made.neutral, drawing.heat_overlay(made.image, made.heat_mm, 0.8), request.labels(made)


@_with_sentences
@within(120)
def read_face(photo, neutral):
    if photo is None:
        raise InvalidInput("photo is missing: give a picture file")
    picture = read.open_upload(photo)
    reading = engine.read(picture, read.open_upload(neutral) if neutral else None)
    small, heat = drawing.heat_of_reading(reading, picture)
    return drawing.heat_overlay(small, heat, 0.6), reading.as_dict()


@_with_sentences
@within(600)
def browse_set(source, age_group, gender, ethnicity, view, expression, low, high):
    source = _text("source", source).strip()
    age_group, gender = _text("age_group", age_group), _text("gender", gender)
    ethnicity, view, expression = _text("ethnicity", ethnicity), _text("view", view), _text("expression", expression)
    low, high = PSPI_LOW.check(low), PSPI_HIGH.check(high)
    rows = browse.matching(source, age_group, gender, ethnicity, view, expression, low, high)
    data = browse.open_set(source)
    labels = data.select_columns([name for name in data.column_names if name not in browse.PIXELS])
    first = [browse.labels_of(labels[int(row)], data.features) for row in rows[: browse.PAGE]]
    return {"count": len(rows), "rows": first}


def _as_sent(*components: gr.components.Component) -> list[gr.components.Component]:
    """Let arguments arrive as they were sent, so that the function judges them and answers with a sentence."""
    for component in components:
        component.preprocess = lambda payload: getattr(payload, "root", payload)
    return list(components)


def build() -> None:
    """Register the endpoints; nothing of this is seen on the page."""
    first = make.request_of({})
    with gr.Column(visible=False):
        call = gr.Button()
        call.click(
            make_face,
            _as_sent(
                gr.JSON({}, label="action_units"), gr.Number(first.age, label="age"),
                gr.Textbox(first.gender, label="gender"), gr.Textbox(first.ethnicity, label="ethnicity"),
                gr.Number(0, label="yaw"), gr.Number(0, label="pitch"), gr.Textbox("", label="light"),
                gr.Textbox("", label="hair"), gr.Number(first.seed, precision=0, label="seed"),
                gr.Textbox("", label="accessory"),
            ),
            [gr.Image(format="png", label="face"), gr.Image(format="png", label="at rest"),
             gr.Image(format="png", label="heat"), gr.JSON(label="labels")],
            api_name="make_face", concurrency_id="render",
            api_description="Render a face. light: a name of threedpain.limits.PLACES; light and hair empty: drawn by "
            "the seed; accessory: nothing if empty.",
        )  # fmt: skip
        call.click(
            read_face, [read.as_uploaded(gr.File(label="photo")), read.as_uploaded(gr.File(label="neutral"))],
            [gr.Image(format="png", label="heat"), gr.JSON(label="reading")], api_name="read_face",
            concurrency_id="read", api_description="Read a photograph, with one of the same person at rest or without.",
        )  # fmt: skip
        call.click(
            browse_set,
            _as_sent(
                gr.Textbox(browse.SAMPLE, label="source"), gr.Textbox("", label="age_group"),
                gr.Textbox("", label="gender"), gr.Textbox("", label="ethnicity"), gr.Textbox("", label="view"),
                gr.Textbox("", label="expression"), gr.Number(0, label="low"), gr.Number(16, label="high"),
            ),
            gr.JSON(label="rows"), api_name="browse", concurrency_id="browse",
            api_description="Labels of the rows of a set that fit all filters; an empty filter lets all through.",
        )  # fmt: skip
