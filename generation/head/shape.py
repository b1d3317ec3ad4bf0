"""The form of a head: phenotype mixture and face-shape changes by age, gender, ethnicity and chance.

Directions of the shifts follow the anthropometric literature: Farkas, International anthropometric study of facial
morphology in various ethnic groups, J. Craniofac. Surg. 16, 2005 (noses, eyes, lips by population); Fink and
Penton-Voak, Evolutionary psychology of facial attractiveness, 2002, and Enlow, Facial Growth, 1990 (jaw, brow and lips
by sex); Albert, Ricanek and Patterson, Forensic Sci. Int. 172, 2007 (ageing: sag, thinner lips, longer ears and nose,
eye bags). Their sizes are set so that between-cell shifts stay below the spread within a cell, but for the cell's own
traits.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

from threedpain.generation.seeds import child

# Shares of the three phenotype families, as concentration of a Dirichlet draw: (african, asian, caucasian).
FAMILIES = {
    "black": (14.0, 1.0, 1.5),
    "white": (0.8, 1.0, 14.0),
    "middle_eastern": (2.2, 1.8, 11.0),
    "south_asian": (3.2, 3.6, 9.0),
    "east_asian": (0.7, 15.0, 1.3),
}
OPPOSITES = (
    ("decr", "incr"),
    ("down", "up"),
    ("in", "out"),
    ("backward", "forward"),
    ("concave", "convex"),
    ("compress", "uncompress"),
    ("pointed", "triangle"),
    ("square", "round"),
)
SPREAD = 1.4  # mm: standard deviation of a feature's largest movement, if its range allows
SPREADS = {  # features that vary more (heads, in mm) or that look odd when they vary much
    "head-scale-horiz": 3.6,
    "head-scale-depth": 4.0,
    "head-scale-vert": 5.5,
    "head-back-scale-depth": 5.0,
    "forehead-scale-vert": 4.0,
    "forehead-nubian": 4.5,
    "head-angle-out": 3.0,
    "chin-height": 4.0,
    "head-fat": 4.0,
    "measure-shoulder-dist": 6.0,
    "torso-scale-horiz": 7.0,
    "torso-scale-depth": 6.0,
    "torso-muscle-pectoral": 3.0,
    "neck-scale-vert": 7.0,
    "measure-neck-circ": 3.5,
    "ear-trans-up": 1.2,
    "ear-trans-forward": 1.2,
    "ear-shape-triangle": 1.5,
    "ear-flap": 2.5,
    "mouth-trans-out": 0.4,
    "nose-trans-out": 0.3,
    "forehead-trans-forward": 3.0,
    "nose-scale-vert": 2.6,
    "nose-scale-depth": 2.6,
    "mouth-scale-horiz": 2.6,
    "ear-wing": 3.0,
    "eye-trans-out": 1.4,
    "nose-point-up": 1.8,
    "eye-eyefold-convex": 0.8,
    "eye-corner1-up": 0.7,
    "eye-push1-out": 1.0,
    "eye-push2-out": 1.0,
    "eye-height1": 0.8,
    "eye-height2": 0.8,
    "eye-height3": 0.8,
    "mouth-angles-up": 1.2,
    "eye-scale": 0.9,
    "eyebrows-angle-up": 1.6,
    "eye-bag": 1.0,
    "eye-epicanthus-out": 0.6,
}
SIDEWAYS = ("mouth-trans-out", "nose-trans-out")  # these shift to one side: a part of the asymmetry
# Feature -> trait -> shift of its coefficient (-1..1; the positive end is the second word of the pair). `age` counts 0
# at 20 years to 1 at 90, `old` 0 at 50 years to 1 at 90, when temples and cheeks lose fat; `male` +1 for men and -1 for
# women, the ethnicities 1 for their own. `all` relaxes the base mesh, whose brows frown.
SHIFTS: dict[str, dict[str, float]] = {
    "eyebrows-trans-forward": {"male": 0.16},
    "eyebrows-trans-up": {"all": 0.35, "male": -0.24, "age": -0.2},
    "eyebrows-angle-up": {"all": 0.5, "male": -0.06},
    "eye-height1": {"all": 0.25},
    "chin-width": {"male": 0.24},
    "chin-height": {"male": 0.12},
    "chin-bones": {"male": 0.14},
    "chin-prominent": {"male": 0.1, "black": -0.1, "east_asian": -0.1},
    "chin-triangle": {"male": -0.15},
    "chin-prognathism": {"black": 0.15},
    "chin-jaw-drop": {"age": 0.45},
    "head-round": {"male": -0.15},
    "head-rectangular": {"male": 0.06},
    "head-oval": {"male": -0.08},
    "head-fat": {"age": 0.12},
    "head-age": {"age": 0.5},
    "cheek-trans-up": {"age": -0.4, "male": -0.06},
    "cheek-volume": {"age": -0.28, "male": -0.1, "old": -0.3},
    "cheek-inner": {"age": -0.25},
    "cheek-bones": {"east_asian": 0.2, "male": -0.05},
    "neck-double": {"age": 0.4},
    "measure-neck-circ": {"male": 0.3},
    "measure-shoulder-dist": {"male": 0.25},
    "mouth-upperlip-volume": {"black": 0.45, "age": -0.35, "male": -0.16, "middle_eastern": 0.05, "south_asian": 0.1},
    "mouth-lowerlip-volume": {"black": 0.42, "age": -0.35, "male": -0.16, "south_asian": 0.12},
    "mouth-upperlip-height": {"black": 0.32, "age": -0.4, "male": -0.16, "east_asian": 0.06},
    "mouth-lowerlip-height": {"black": 0.25, "age": -0.32, "male": -0.12},
    "mouth-scale-horiz": {"black": 0.12, "age": 0.12},
    "mouth-angles-up": {"all": 0.3, "age": -0.14, "male": -0.04},
    "mouth-laugh-lines-out": {"age": -0.55},
    "mouth-philtrum-volume": {"age": -0.3},
    "mouth-cupidsbow": {"male": -0.15, "age": -0.2},
    "nose-flaring": {"black": 0.32},
    "nose-nostrils-width": {"black": 0.38, "south_asian": 0.1},
    "nose-width1": {"black": 0.2, "east_asian": 0.15, "middle_eastern": -0.1},
    "nose-width2": {"black": 0.22, "east_asian": 0.15},
    "nose-width3": {"black": 0.3, "east_asian": 0.1, "white": -0.08},
    "nose-hump": {"middle_eastern": 0.34, "south_asian": 0.16, "white": 0.06, "east_asian": -0.25, "male": 0.08},
    "nose-greek": {"middle_eastern": 0.2, "east_asian": -0.3, "black": -0.2},
    "nose-curve-convex": {"middle_eastern": 0.15, "black": -0.15, "east_asian": -0.15},
    "nose-point-up": {"all": 0.05, "middle_eastern": -0.1, "age": -0.12, "south_asian": -0.05, "male": -0.06},
    "nose-scale-depth": {"east_asian": -0.18, "black": -0.12, "middle_eastern": 0.12},
    "nose-scale-vert": {"all": -0.1, "age": 0.15, "middle_eastern": 0.1, "male": 0.1},
    "nose-volume": {"age": 0.1},
    "nose-base-up": {"age": -0.25},
    "eye-epicanthus-out": {"east_asian": 0.5},
    "eye-eyefold-up": {"age": -0.3, "east_asian": -0.25},
    "eye-eyefold-angle-up": {"age": -0.45},
    "eye-corner2-up": {"east_asian": 0.35, "age": -0.5},
    "eye-bag": {"age": 0.85},
    "eye-bag-height": {"age": 0.3},
    "eye-bag-out": {"age": 0.2},
    "eye-height2": {"all": 0.5, "age": -0.3, "east_asian": -0.3},
    "eye-scale": {"male": -0.16},
    "eye-push1-out": {"age": -0.2},
    "ear-lobe": {"age": 0.45},
    "ear-scale": {"age": 0.25, "male": 0.06},
    "ear-scale-vert": {"age": 0.25},
    "forehead-scale-vert": {"all": -0.3, "age": 0.05, "male": 0.03},
    "forehead-nubian": {"black": -0.03},
    "forehead-trans-forward": {"male": -0.1, "black": 0.1},
    "forehead-temple": {"age": -0.4, "old": -0.25},
    "torso-muscle-pectoral": {"male": -0.05},
}


def sample_phenotypes(rng: np.random.Generator, age: float, gender: str, ethnicity: str) -> dict[str, float]:
    """Anny's sliders: gender 0 male .. 1 female, age 2/3 at 25 years .. 1 at 90, body, and family shares (sum 1)."""
    normal = rng.standard_normal(4)
    gammas = {
        family: np.random.Generator(np.random.PCG64(s))
        for family, s in zip(("african", "asian", "caucasian"), rng.bit_generator.seed_seq.spawn(3), strict=True)
    }
    shares = np.array([g.standard_gamma(a) for g, a in zip(gammas.values(), FAMILIES[ethnicity], strict=True)])
    shares /= shares.sum()
    femininity = np.clip(0.95 + 0.1 * normal[0], 0.72, 1.0)
    older = np.clip((age - 25) / 65, 0, 1)
    return {
        "gender": float(femininity if gender == "female" else 1 - femininity),
        "age": float(2 / 3 + older / 3 * np.clip(1 + 0.12 * normal[3], 0.7, 1.0)),
        "muscle": float(
            np.clip(0.5 + 0.16 * normal[1] - 0.12 * older + (0.06 if gender == "male" else -0.06), 0.05, 0.95)
        ),
        "weight": float(np.clip(0.5 + 0.17 * normal[2] + 0.08 * older, 0.1, 0.95)),
        **{family: float(share) for family, share in zip(gammas, shares, strict=True)},
    }


def macro_weights(phenotypes: Mapping[str, float]) -> dict[str, float]:
    """Weights of the macro shapes: products of the interpolation weights of each phenotype (MakeHuman's scheme)."""
    sex = {"male": 1 - phenotypes["gender"], "female": phenotypes["gender"]}
    old = float(np.clip(3 * phenotypes["age"] - 2, 0, 1))
    age = {"young": 1 - old, "old": old}
    race = {name: phenotypes[name] for name in ("african", "asian", "caucasian")}
    muscle, weight = (_three(phenotypes[name], name) for name in ("muscle", "weight"))
    weights = {
        f"{r}-{s}-{a}": race[r] / sum(race.values()) * sex[s] * age[a] for r, s, a in itertools.product(race, sex, age)
    }
    return weights | {
        f"universal-{s}-{a}-{m}-{w}": sex[s] * age[a] * muscle[m] * weight[w]
        for s, a, m, w in itertools.product(sex, age, muscle, weight)
    }


def _three(value: float, name: str) -> dict[str, float]:
    low, high = max(1 - 2 * value, 0), max(2 * value - 1, 0)
    return {f"min{name}": low, f"average{name}": 1 - low - high, f"max{name}": high}


@lru_cache(maxsize=4)
def features(
    shape_names: tuple[str, ...], reaches: tuple[float, ...]
) -> tuple[tuple[str, str | None, str | None, float], ...]:
    """(name, shape of the negative end, shape of the positive end, millimetres at 1) without sides and asymmetries.

    Sided shapes appear once, without their "l-". `shape_names` [S] are the head's, `reaches` [S] the largest movement
    of each at coefficient 1, millimetres.
    """
    reach_of = dict(zip(shape_names, reaches, strict=True))
    names = [
        name.removeprefix("l-")
        for name in shape_names
        if name != "size" and not name.startswith(("r-", "asym-", "universal-", "african-", "asian-", "caucasian-"))
    ]
    found: list[tuple[str, str | None, str | None, float]] = []
    done: set[str] = set()
    for name in names:
        if name in done:
            continue
        stem, _, end = name.rpartition("-")
        pair = next((p for p in OPPOSITES if end in p and all(f"{stem}-{e}" in names for e in p)), None)
        low, high = (f"{stem}-{e}" for e in pair) if pair else (None, name)
        done.update((low, high))
        title = stem if pair == OPPOSITES[0] else high
        reach = min(reach_of[end] for shape in (low or high, high) for end in _sides(reach_of, shape))
        found.append((title, low, high, reach))
    return tuple(found)


def _sides(known: Mapping[str, float], name: str) -> list[str]:
    return [name] if name in known else [f"l-{name}", f"r-{name}"]


def sample_shape(
    seed: int,
    age: float,
    gender: str,
    ethnicity: str,
    phenotypes: Mapping[str, float],
    lean: float,
    shape_names: tuple[str, ...],
    reaches: tuple[float, ...],
    chance: Callable[[str], float] = lambda feature: 1.0,
) -> np.ndarray:
    """Coefficients float32 [S] in the order of `shape_names`; `lean` scales every left/right difference, `reaches` [S]
    are the largest movements of the shapes at coefficient 1, millimetres; `chance` gives the share of its spread
    within a cell that a feature keeps."""
    values = dict.fromkeys(shape_names, 0.0)
    values.update(macro_weights(phenotypes))
    years = {"age": (age - 20) / 70, "old": float(np.clip((age - 50) / 40, 0, 1))}
    traits = {"all": 1.0, "male": 1.0 if gender == "male" else -1.0, ethnicity: 1.0} | years
    rng = child(seed, "shape")
    ages = child(seed, "ageing").standard_normal(1)[0]  # some people age late
    for name, low, high, reach in features(shape_names, reaches):
        common, left, right = rng.standard_normal(3)
        spread = chance(name) * min(0.62 * SPREADS.get(name, SPREAD) / reach, 0.33)
        shift = sum(
            amount * traits.get(trait, 0.0) * (1 + 0.25 * ages if trait in years else 1.0)
            for trait, amount in SHIFTS.get(name, {}).items()
        )
        middle = 0.8 * shift + spread * common
        if name in SIDEWAYS:
            middle *= lean
        sided = high not in values
        if low is None:
            middle = max(middle - 0.6 * spread, 0.0)
        for side, own in (("l-", left), ("r-", right)) if sided else (("", 0.0),):
            value = float(np.clip(middle + lean * 0.2 * spread * own, -0.95, 0.95))
            end = high if value >= 0 else low
            if end is not None:
                values[side + end] = abs(value)
    for name in shape_names:
        z = rng.standard_normal()
        if name.startswith("asym-"):
            values[name] = float(lean * np.clip(0.14 * z, 0, 0.5))
    values["size"] = float(0.022 * np.clip(child(seed, "size").standard_normal(), -2.5, 2.5))
    return np.array([values[name] for name in shape_names], np.float32)
