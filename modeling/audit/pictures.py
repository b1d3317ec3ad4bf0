"""The pictures of an audit: a balanced set, and counterfactual pairs, made by the generator and kept in the cache.

Balanced set: people over the 50 demographic cells; each at rest, in mild, moderate and severe pain and in two other
expressions, seen from three sides. Counterfactuals: the same person, expression, camera and light, one thing changed.
Every picture comes with the person's neutral photograph from another occasion (another light, place and clothes), as a
clinic would have it; a changed person's neutral is changed alike, a changed light or what is worn leaves it as it was.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
from tqdm import tqdm

from threedpain.assets import cache_dir
from threedpain.demographics import AGE_GROUPS, GENDERS, age_group_of, cell_of
from threedpain.expressions import sample_for_pspi, sample_other
from threedpain.facs import pspi
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.pipeline import PainFacePipeline, Person
from threedpain.generation.process import each
from threedpain.generation.scene.scene import sample_scene
from threedpain.generation.seeds import child
from threedpain.generation.worn.choice import worn_by
from threedpain.generation.worn.hair import STYLES
from threedpain.limits import LIGHTS
from threedpain.schema import GENERATOR_VERSION

VIEWS = ("front", "left", "right")
INTENSITIES = {"none": (0, 0), "mild": (1, 4), "moderate": (5, 8), "severe": (9, 16)}  # PSPI, both ends included
FACTORS: dict[str, tuple[Any, ...]] = {
    "skin_tone": (-50.0, -20.0, 15.0, 35.0, 55.0),  # individual typology angle, degrees
    "age": (22.0, 37.0, 52.0, 67.0, 82.0),
    "gender": GENDERS,
    "hair": tuple(style for style in ("short", "long", "bald", "headscarf") if style in STYLES),
    "light": LIGHTS,
    "worn": ("nothing", "glasses", "mask", "cannula"),
}
_WORN = {"glasses": "glasses", "mask": "surgical_mask", "cannula": "cannula"}  # level -> accessory
# What is compared with what: factor, level, reference level, in words.
CONTRASTS = (
    ("skin_tone", -50.0, 55.0, "very dark instead of very light skin"),
    ("age", 82.0, 22.0, "82 instead of 22 years"),
    ("gender", "male", "female", "male instead of female"),
    ("hair", "long", "short", "long instead of short hair"),
    ("hair", "bald", "short", "bald instead of short hair"),
    ("hair", "headscarf", "short", "a headscarf instead of short hair"),
    ("light", "clinical", "indoor", "clinical instead of indoor light"),
    ("light", "outdoor", "indoor", "outdoor instead of indoor light"),
    ("worn", "glasses", "nothing", "glasses instead of nothing worn"),
    ("worn", "mask", "nothing", "a surgical mask instead of nothing worn"),
    ("worn", "cannula", "nothing", "a nasal cannula instead of nothing worn"),
)
_FORMAT = 2  # of the cache; raised when what is photographed changes


@dataclass(frozen=True)
class Plan:
    """How many people, how large, from which seed; the same plan gives the same pictures."""

    identities: int = 50
    counterfactuals: int = 12
    size: int = 256
    seed: int = 0

    @property
    def folder(self) -> Path:
        text = f"{_FORMAT}|{GENERATOR_VERSION}|{self.size}|{self.seed}|{FACTORS}"
        return cache_dir() / "audit" / hashlib.sha256(text.encode()).hexdigest()[:16]


def pictures(plan: Plan, pipe: PainFacePipeline | None = None, workers: int = 1) -> pd.DataFrame:
    """All pictures of a plan, one row each, made now (by `pipe`, or the shipped one in `workers` processes) or taken
    from the cache.

    Columns: part (set, counterfactual), person, factor, level, expression, kind, view, PSPI, intensity, age_group,
    gender, ethnicity, skin_tone; image and neutral (PNG bytes), box and neutral_box (x0, y0, x1, y1).
    """
    wanted = [("set", i) for i in range(plan.identities)] + [("counterfactual", i) for i in range(plan.counterfactuals)]
    missing = [task for task in wanted if not _place(plan, *task).is_file()]
    with tqdm(total=len(wanted), initial=len(wanted) - len(missing), desc="audit pictures", unit="person") as bar:
        jobs = [(plan, *task, pipe) for task in missing]
        for _ in each(_make, jobs, workers if pipe is None else 1):
            bar.update()
    return pd.concat([pd.read_parquet(_place(plan, *task)) for task in wanted], ignore_index=True)


def _place(plan: Plan, part: str, number: int) -> Path:
    return plan.folder / f"{part}_{number:04d}.parquet"


def _make(job: tuple[Plan, str, int, PainFacePipeline | None]) -> None:
    """One person's pictures into the cache: a function of the plan alone, whichever process runs it."""
    plan, part, number, pipe = job
    take = _balanced if part == "set" else _changed
    table = pd.DataFrame(list(take(pipe or _shipped(), plan, number)))
    path = _place(plan, part, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.part")
    table.to_parquet(partial)
    partial.replace(path)


@cache
def _shipped() -> PainFacePipeline:
    return PainFacePipeline.from_pretrained()


def _who(plan: Plan, number: int) -> dict[str, Any]:
    """Person `number` of a plan, as arguments of `sample_identity`."""
    group, gender, ethnicity = cell_of(number, plan.seed)
    rng = child(plan.seed, "audit", number)
    youngest, oldest = AGE_GROUPS[group]
    return {
        "seed": int(rng.integers(2**31)),
        "age": round(float(rng.uniform(youngest, oldest)), 1),
        "gender": gender,
        "ethnicity": ethnicity,
    }


def _row(plan: Plan, number: int, person: Person, units: dict[str, float], sample, neutral, **named: Any) -> dict:
    score = float(pspi(units))
    identity = person.identity
    return {
        "person": f"{number:04d}",
        "PSPI": score,
        "intensity": next(name for name, (least, most) in INTENSITIES.items() if least <= round(score) <= most),
        "age_group": age_group_of(identity.age),
        "gender": identity.gender,
        "ethnicity": identity.ethnicity,
        "skin_tone": identity.skin.tone,
        "image": _png(sample.image),
        "neutral": _png(neutral.image),
        "box": list(sample.bbox),
        "neutral_box": list(neutral.bbox),
        **named,
    }


def _neutral(pipe: PainFacePipeline, plan: Plan, person: Person, seed: int):
    return pipe.photograph(person, {}, sample_scene(seed + 1, view="front", size=plan.size))


def _balanced(pipe: PainFacePipeline, plan: Plan, number: int) -> Iterator[dict]:
    who = _who(plan, number)
    person, seed = pipe.person(sample_identity(**who, head=pipe.head)), who["seed"]
    rng = child(plan.seed, "audit expressions", number)
    expressions: list[tuple[str, str, dict[str, float]]] = [("neutral", "neutral", {})]
    for least, most in list(INTENSITIES.values())[1:]:
        expressions.append(("pain", "pain", sample_for_pspi(int(rng.integers(least, most + 1)), rng)))
    expressions += [("other", *sample_other(rng)) for _ in range(2)]
    neutral = _neutral(pipe, plan, person, seed)
    for kind, name, units in expressions:
        for view in VIEWS:
            sample = pipe.photograph(person, units, sample_scene(seed, view=view, size=plan.size))
            yield _row(
                plan,
                number,
                person,
                units,
                sample,
                neutral,
                part="set",
                factor=None,
                level=None,
                expression=name,
                kind=kind,
                view=view,
            )


def _changed(pipe: PainFacePipeline, plan: Plan, number: int) -> Iterator[dict]:
    who = _who(plan, number)
    rng = child(plan.seed, "audit expressions", number, "counterfactual")
    expressions = {"at rest": {}, "in pain": sample_for_pspi(int(rng.integers(5, 13)), rng)}
    place = sample_scene(who["seed"], view="front", size=plan.size, light=LIGHTS[0])
    own = pipe.person(sample_identity(**who, head=pipe.head))
    for factor, levels in FACTORS.items():
        for level in levels:
            person, scene = own, place
            if factor == "light":  # the light alone: the place and the clothes stay
                lit = sample_scene(who["seed"], view="front", size=plan.size, light=level)
                scene = replace(place, light=lit.light)
            elif factor == "worn":
                scene = replace(place, worn=worn_by(who["seed"], _WORN.get(level, "")))
            elif level != who.get(factor):
                person = pipe.person(sample_identity(**{**who, factor: level}, head=pipe.head))
            neutral = _neutral(pipe, plan, person, who["seed"])
            for name, units in expressions.items():
                sample = pipe.photograph(person, units, scene)
                yield _row(
                    plan,
                    number,
                    person,
                    units,
                    sample,
                    neutral,
                    part="counterfactual",
                    factor=factor,
                    level=str(level),
                    expression=name,
                    kind="neutral" if not units else "pain",
                    view="front",
                )


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, "PNG", compress_level=3)
    return out.getvalue()


def opened(data: bytes) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(data)).convert("RGB")
