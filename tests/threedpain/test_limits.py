"""Limits: said once, and the same at every door."""

import inspect
import math
import re

import pytest
from typer.testing import CliRunner

from threedpain import limits
from threedpain.cli import app
from threedpain.errors import InvalidInput
from threedpain.generation.dataset.plan import VIEWS, Config
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.pipeline import PainFacePipeline
from threedpain.generation.scene.scene import sample_scene

FACE = [limit for limit in limits.FACE if limit.name not in ("skin_tone", "asymmetry", "seed")]


def ends(limit):
    """Both ends, and what lies just beyond them."""
    low, high = (int(end) if limit.whole else end for end in (limit.low, limit.high))
    return (low, high), (low - 1, high + 1, math.nan if not limit.whole else 1.5, None, "x", True)


@pytest.mark.parametrize(
    "limit", dict.fromkeys([*limits.FACE, *limits.FILM, *limits.DATASET]), ids=lambda limit: limit.name
)
def test_a_limit_takes_its_ends_and_nothing_beyond(limit):
    good, bad = ends(limit)
    for value in good:
        assert limit.check(value) == value
    for value in bad:
        with pytest.raises(InvalidInput, match=re.escape(f"from {limit.range}, got {value!r}")):
            limit.check(value)


@pytest.mark.parametrize("limit", FACE, ids=lambda limit: limit.name)
def test_the_pipeline_and_the_scene_behind_it_agree(limit):
    """What passes the door is taken by the camera, and what does not is refused before any work."""
    good, bad = ends(limit)
    for value in good:
        PainFacePipeline.check_inputs({}, **{limit.name: value})
        asked = {name: value for name in ("fov", "size") if name == limit.name}
        assert sample_scene(0, **asked).camera.size == asked.get("size", 512)
    for value in bad[:2]:
        with pytest.raises(InvalidInput, match=f"{limit.name} must be "):
            PainFacePipeline.check_inputs({}, **{limit.name: value})


@pytest.mark.parametrize("limit", [limits.AGE, limits.SKIN_TONE, limits.ASYMMETRY], ids=lambda limit: limit.name)
def test_a_person_has_the_ends(limit):
    for value in ends(limit)[0]:
        sample_identity(1, **{limit.name: value})
    for value in ends(limit)[1][:2]:
        with pytest.raises(InvalidInput, match=f"{limit.name} must be "):
            sample_identity(1, **{limit.name: value})


def test_there_are_as_many_views_as_the_limit_says():
    assert len(VIEWS) == limits.VIEWS.high


@pytest.mark.parametrize("limit", limits.DATASET, ids=lambda limit: limit.name)
def test_a_dataset_has_the_ends(limit):
    for value in ends(limit)[0]:
        Config(**{"videos": 0, limit.name: value})
    for value in ends(limit)[1][:3]:
        with pytest.raises(InvalidInput, match=f"{limit.name} must be a whole number "):
            Config(**{"videos": 0, limit.name: value})


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("face", [limit for limit in limits.FACE if limit.name != "asymmetry"]),
        ("clip", limits.FILM),
        ("generate", limits.DATASET),
    ],
)
def test_the_help_says_them(command, said):
    text = CliRunner(env={"COLUMNS": "400"}).invoke(app, [command, "--help"]).output
    for limit in said:
        assert f"from {limit.range}" in text, limit.name


def test_the_sliders_of_the_space_have_them():
    from threedpain.spaces import make

    text = inspect.getsource(make)
    for name in ("AGE", "YAW", "PITCH", "SEED"):
        assert f"limits.{name}" in text
    assert not re.search(r"Slider\(-?\d", text.replace("gr.Slider(0, 1,", ""))  # no range of its own
