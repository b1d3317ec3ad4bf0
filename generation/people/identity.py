"""`sample_identity`: a seed and a demographic cell become a person.

Every trait has a named random number of its own, drawn whatever the demographics; age, gender and ethnicity only move
and stretch the distributions those numbers are read through. So one attribute can be changed with all else of the same
seed kept: counterfactual people. What belongs to a trait follows it (an older version of the same person has more sag,
greyer hair, deeper lines); nothing else moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import numpy as np

from threedpain import demographics, facs, limits
from threedpain.errors import InvalidInput
from threedpain.generation.head.bust import Head
from threedpain.generation.head.model import HeadModel
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.head.shape import macro_weights, sample_phenotypes
from threedpain.generation.records import BEARDS, STYLES, Eyes, Hair, Identity, Skin
from threedpain.generation.seeds import child

from .colouring import sample_eyes, sample_hair, sample_skin
from .movement import check_fours, check_gain, sample_furrows, sample_gain, sample_manner

OVERRIDES = (
    "skin_tone",
    "hair",
    "beard",
    "asymmetry",
    "skin",
    "eyes",
    "phenotypes",
    "resting",
    "gain",
    "manner",
    "furrows",
)


def sample_identity(
    seed: int,
    age: float | None = None,
    gender: str | None = None,
    ethnicity: str | None = None,
    *,
    head: Head | None = None,
    **overrides: Any,
) -> Identity:
    """The person of `seed`, shaped for the `head` that will wear them (the default one if not given).

    What is not given (age, gender, ethnicity) is drawn; `overrides` change one thing each:

    skin_tone (individual typology angle, degrees), hair (a style's name, a `Hair`, or a mapping of its fields), beard
    (its name), asymmetry (0 symmetric, 1 as drawn), skin, eyes, phenotypes, resting, gain, manner, furrows (mappings of
    what to change).
    """
    unknown = set(overrides) - set(OVERRIDES)
    if unknown:
        raise InvalidInput(
            f"unknown attribute {sorted(unknown)[0]!r}; known are age, gender, ethnicity, " + ", ".join(OVERRIDES)
        )
    seed = limits.SEED.check(seed)
    who = child(seed, "who")
    drawn = (
        float(np.round(who.uniform(limits.AGE.low, limits.AGE.high), 1)),
        str(who.choice(demographics.GENDERS)),
        str(who.choice(demographics.ETHNICITIES)),
    )
    age = demographics.check_age(drawn[0] if age is None else age)
    gender = demographics.check_gender(drawn[1] if gender is None else gender)
    ethnicity = demographics.check_ethnicity(drawn[2] if ethnicity is None else ethnicity)

    phenotypes = _updated(
        sample_phenotypes(child(seed, "phenotypes"), age, gender, ethnicity), overrides.get("phenotypes"), "phenotypes"
    )
    lean = limits.ASYMMETRY.check(overrides.get("asymmetry", 1.0))
    shape = (head or ScanHeadModel.load()).draw(seed, age, gender, ethnicity, phenotypes, lean)
    skin = sample_skin(child(seed, "skin"), age, gender, ethnicity)
    skin = replace(skin, **_updated({}, overrides.get("skin"), "skin", {f.name for f in fields(Skin)}))
    if "skin_tone" in overrides:
        skin = replace(skin, tone=limits.SKIN_TONE.check(overrides["skin_tone"]))
    return Identity(
        seed=seed,
        age=age,
        gender=gender,
        ethnicity=ethnicity,
        phenotypes=phenotypes,
        shape=shape,
        skin=skin,
        hair=_hair(sample_hair(child(seed, "hair"), age, gender, ethnicity), overrides),
        eyes=replace(
            sample_eyes(child(seed, "eyes"), age, ethnicity),
            **_updated({}, overrides.get("eyes"), "eyes", {f.name for f in fields(Eyes)}),
        ),
        resting=_updated(_resting(child(seed, "resting"), age), overrides.get("resting"), "resting"),
        gain=check_gain(_updated(sample_gain(seed, age), overrides.get("gain"), "gain", set(facs.ACTION_UNITS))),
        asymmetry={
            unit: float(np.clip(lean * z * 0.45, -1, 1))
            for unit, z in zip(
                facs.ACTION_UNITS, child(seed, "lean").standard_normal(len(facs.ACTION_UNITS)), strict=True
            )
        },
        manner=check_fours(_updated(sample_manner(seed, gender), overrides.get("manner"), "manner"), "manner"),
        furrows=check_fours(_updated(sample_furrows(seed), overrides.get("furrows"), "furrows"), "furrows"),
    )


@lru_cache(maxsize=1)
def average_identity() -> Identity:
    """The person whose head is the average adult's, at rest and symmetric."""
    person = sample_identity(0, age=25, gender="female", ethnicity="white", asymmetry=0, head=HeadModel.load())
    half = {
        "gender": 0.5,
        "age": 2 / 3,
        "muscle": 0.5,
        "weight": 0.5,
        "african": 1 / 3,
        "asian": 1 / 3,
        "caucasian": 1 / 3,
    }
    weights = macro_weights(half)
    shape = np.array([weights.get(name, 0.0) for name in HeadModel.load().shape_names], np.float32)
    ones = dict.fromkeys(facs.ACTION_UNITS, 1.0)
    return replace(person, phenotypes=half, shape=shape, resting={}, gain=ones, asymmetry={}, manner={})


def _resting(rng: np.random.Generator, age: float) -> dict[str, float]:
    """A face at rest is no mask: lids droop, corners hang or smile, brows are held; a little more so with age."""
    z = rng.standard_normal(8)
    older = (age - 18) / 72
    amounts = {
        "AU4": 0.3 * z[0] - 0.2,
        "AU1": 1.3 + 0.35 * z[1],
        "AU2": 0.3 * z[2] - 0.2,
        "AU7": 0.25 * z[3] - 0.1 + 0.2 * older,
        "AU12": 0.3 * z[4] + 0.15,
        "AU15": -0.25 * z[4] - 0.1 + 0.3 * older,
        "AU17": 0.3 * z[5] - 0.2,
        "AU24": 0.3 * z[6] - 0.3,
        "AU43": 0.03 * z[7] + 0.05 * older,
    }
    most = {"AU43": 0.12, "AU1": 2.0}  # the base mesh's inner brows hang: AU1 lifts them to rest
    return {unit: round(float(min(amount, most.get(unit, 1.0))), 4) for unit, amount in amounts.items() if amount > 0}


def _hair(hair: Hair, overrides: Mapping[str, Any]) -> Hair:
    wanted = overrides.get("hair")
    if isinstance(wanted, Hair):
        hair = wanted
    elif isinstance(wanted, str):
        hair = replace(hair, style=wanted)
    elif wanted is not None:
        hair = replace(hair, **_updated({}, wanted, "hair", {f.name for f in fields(Hair)}))
    if "beard" in overrides:
        hair = replace(hair, beard=overrides["beard"])
    for name, value, known in (("hair style", hair.style, STYLES), ("beard", hair.beard, BEARDS)):
        if value not in known:
            raise InvalidInput(f"unknown {name} {value!r}; known are {', '.join(known)}")
    return hair


def _updated(values: dict, changes: Any, name: str, known: set[str] | None = None) -> dict:
    """`values` with `changes`, whose keys must be known (by default, those of `values`)."""
    if changes is None:
        return values
    if not isinstance(changes, Mapping):
        raise InvalidInput(f"{name} must be a mapping of what to change, got {changes!r}")
    allowed = set(facs.ACTION_UNITS) if name == "resting" else known if known is not None else set(values)
    for key in changes:
        if key not in allowed:
            raise InvalidInput(f"unknown {name} entry {key!r}; known are {', '.join(sorted(allowed))}")
    return {**values, **changes}
