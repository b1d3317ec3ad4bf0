"""Bytes are a version: what the generator makes is what its version fixed, and any change is said to need a new one."""

import json

import golden
import numpy as np
import pytest
from safetensors.numpy import load_file

from threedpain.schema import GENERATOR_VERSION

WHAT_TO_DO = (
    " of generator {version} changed. If that is meant: raise GENERATOR_VERSION in threedpain/schema.py, say it in "
    "CHANGELOG.md, run `python tests/support/golden.py`, and make weights, cards and sheets again (`make "
    "weights-vitpain`, model_cards/render.py). If not, a seed no longer gives the same bytes: find the change."
)
NEARLY = 1e-5  # relative: numbers of identities, on another machine


@pytest.fixture(scope="module")
def fixed():
    return load_file(golden.FILE)


@pytest.fixture(scope="module")
def today():
    return golden.facts()


def test_the_facts_are_of_this_version(fixed):
    assert golden.plain(fixed["version"]) == GENERATOR_VERSION, (
        f"the facts are of version {golden.plain(fixed['version'])}, the generator is {GENERATOR_VERSION}: "
        "run `python tests/support/golden.py`"
    )


@pytest.mark.parametrize("name", ["plan", "topology", "columns"])
def test_exact_facts(fixed, today, name):
    assert golden.plain(fixed[name]) == golden.plain(today[name]), told(name)


def test_identities(fixed, today):
    then, now = (json.loads(golden.plain(facts["identities"])) for facts in (fixed, today))
    assert alike(then, now), told("an identity's fields")


def test_vertices(fixed, today):
    off = np.abs(fixed["vertices"].astype(int) - today["vertices"]).max(axis=1)
    assert len(fixed["vertices"]) == len(today["vertices"]) and off.max() <= 1, told(
        f"{(off > 1).sum()} vertices (by up to {off.max() * golden.STEP * 1000:.2f} mm)"
    )


def test_mask(fixed, today):
    other = int((fixed["mask"] != today["mask"]).sum())
    assert other <= 2, told(f"{other} pixels of a mask")  # two: an edge through a pixel's centre may round either way


def test_a_moved_vertex_a_column_and_a_plan_are_found(fixed, today):
    moved = today | {"vertices": today["vertices"] + np.int16(2) * (np.arange(len(today["vertices"])) == 9)[:, None]}
    with pytest.raises(AssertionError, match="1 vertices .* raise GENERATOR_VERSION"):
        test_vertices(fixed, moved)
    for name in ("plan", "columns"):
        other = golden.text(golden.plain(today[name])[:-1] + "x")
        with pytest.raises(AssertionError, match="raise GENERATOR_VERSION"):
            test_exact_facts(fixed, today | {name: other}, name)


def told(what: str) -> str:
    return what + WHAT_TO_DO.format(version=GENERATOR_VERSION)


def alike(then, now) -> bool:
    """Equal structures, numbers nearly."""
    if isinstance(then, dict):
        return then.keys() == now.keys() and all(alike(then[key], now[key]) for key in then)
    if isinstance(then, list):
        return len(then) == len(now) and all(map(alike, then, now))
    return then == now or (isinstance(then, float) and then == pytest.approx(now, rel=NEARLY, abs=NEARLY))
