"""The sex and age that photographs show, put on top of the directions of a person's cell: `seen`.

The base head's directions were made for bodies; faces are told apart by less and by other things. The tables are
shifts of `shape.features`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from threedpain.generation.seeds import child

from .shape import features

# The scans' mean is a man's: what sets a woman's face apart from it, added to the directions of the cell, as shifts of
# `features` of the base head (Farkas 2005: narrower lower face, shorter nose, orbits as large in a smaller
# face; Enlow 1990: flatter brow bone, fuller cheek), times the person's own share `SEXED`.
FEMALE = {
    "eyebrows-trans-forward": -0.55,
    "eyebrows-trans-up": 0.3,
    "chin-width": -0.5,
    "chin-height": 0.12,
    "chin-bones": -0.5,
    "chin-prominent": -0.13,
    "chin-triangle": 0.16,
    "cheek-volume": 0.1,
    "forehead-scale-vert": -0.1,
    "cheek-bones": 0.16,
    "mouth-upperlip-volume": 0.16,
    "mouth-lowerlip-volume": 0.16,
    "mouth-upperlip-height": 0.15,
    "mouth-lowerlip-height": 0.14,
    "mouth-cupidsbow": 0.2,
    "mouth-scale-horiz": -0.15,
    "nose-scale-vert": -0.06,
    "nose-scale-depth": -0.02,
    "nose-scale-horiz": -0.18,
    "nose-volume": -0.17,
    "nose-hump": -0.12,
    "nose-point-up": 0.18,
    "eye-scale": 0.06,
    "measure-neck-circ": -0.16,
    "neck-scale-horiz": -0.14,
}
MALE = {
    "eyebrows-trans-forward": 0.1,
    "eyebrows-trans-up": -0.1,
    "chin-width": 0.15,
    "chin-bones": 0.15,
}
# What the base head's ageing leaves too weak to be seen (Albert, Ricanek and Patterson 2007), at 90 years; from 30 on.
OLD = {
    "cheek-trans-up": -0.35,
    "cheek-inner": -0.35,
    "chin-jaw-drop": 0.45,
    "neck-double": 0.4,
    "eye-bag": 0.5,
    "eye-eyefold-up": -0.5,
    "eye-eyefold-angle-up": -0.5,
    "eye-corner2-up": -0.3,
    "eye-height2": -0.35,
    "head-age": 0.5,
    "mouth-laugh-lines-out": -0.4,
    "mouth-upperlip-height": -0.35,
    "mouth-lowerlip-height": -0.3,
    "mouth-upperlip-volume": -0.35,
    "mouth-lowerlip-volume": -0.3,
    "mouth-angles-up": -0.15,
    "nose-point-up": -0.15,
    "nose-scale-vert": 0.2,
    "forehead-temple": -0.4,
    "eyebrows-trans-up": -0.15,
    "ear-scale": 0.15,
}
SEXED = {"female": 1.4, "male": 1.0}  # the mean of how much of it a person has; its standard deviation
SEXED_SPREAD = 0.22
AGED = (1.0, 0.15)
# Of it in women: jaw, nose and brow change less, lids, lips, folds and cheeks nearly as much, and earlier.
AGED_FEMALE, SOFT_FEMALE, EARLIER = 0.2, 0.85, 0.5
SOFT = ("cheek-", "eye-", "mouth-", "neck-", "forehead-temple")
# The young woman's round cheek goes, and so does what the base head's years add to her bones until they are a man's.
OLD_FEMALE = {
    "cheek-volume": -0.45,
    "cheek-inner": 0.12,
    "mouth-cupidsbow": -0.25,
    "head-fat": -0.25,
    "chin-jaw-drop": 0.06,
    "chin-height": -0.12,
    "cheek-bones": 0.1,
    "eye-scale": 0.08,
    "eye-height2": 0.1,
    "chin-width": -0.5,
    "chin-bones": -0.4,
    "eyebrows-trans-forward": -0.5,
    "eyebrows-trans-up": 0.3,
    "nose-volume": -0.4,
    "nose-scale-horiz": -0.38,
    "nose-scale-depth": -0.14,
    "nose-scale-vert": -0.08,
    "mouth-upperlip-volume": 0.26,
    "mouth-lowerlip-volume": 0.24,
    "mouth-upperlip-height": 0.1,
    "mouth-lowerlip-height": 0.1,
    "ear-lobe": -0.3,  # the base head's old woman has long lobes already, which her cell's years draw to a point
}
# Millimetres, standard deviation: what sets women apart from each other beyond the scans' modes, whose faces are few.
OWN_FEMALE = {
    "head-scale-horiz": 0.5,
    "head-fat": 0.35,
    "chin-width": 1.5,
    "chin-triangle": 0.6,
    "chin-prominent": 0.8,
    "cheek-volume": 1.1,
    "cheek-bones": 1.0,
    "nose-scale-horiz": 0.3,
    "nose-scale-vert": 0.15,
    "nose-hump": 0.8,
    "nose-volume": 0.3,
    "nose-point-up": 0.4,
    "mouth-scale-horiz": 1.2,
    "mouth-upperlip-height": 0.6,
    "mouth-lowerlip-height": 0.6,
    "eye-scale": 0.2,
    "eye-eyefold-up": 0.4,
    "eye-corner2-up": 0.5,
    "eyebrows-trans-up": 0.9,
    "forehead-scale-vert": 1.5,
}


def seen(seed: int, age: float, gender: str, names: Sequence[str], reaches: Sequence[float]) -> np.ndarray:
    """Coefficients [S] of the base head's directions `names` [S], which move by `reaches` [S], of one person."""
    z = child(seed, "sexed").standard_normal(2).clip(-2, 2)
    sexed, aged = SEXED[gender] + SEXED_SPREAD * z[0], AGED[0] + AGED[1] * z[1]
    older = float(np.clip((age - 30) / 60, 0, 1))
    if gender == "female":
        own = child(seed, "own").standard_normal(len(OWN_FEMALE)).clip(-2, 2)
        shifts = {name: sexed * value for name, value in FEMALE.items()}
        soft = SOFT_FEMALE * older**EARLIER
        for name, value in OLD.items():
            share = soft if name.startswith(SOFT) else AGED_FEMALE * older
            shifts[name] = shifts.get(name, 0.0) + aged * share * value
        for name, value in OLD_FEMALE.items():
            shifts[name] = shifts.get(name, 0.0) + aged * older * value
    else:
        own = np.zeros(len(OWN_FEMALE))
        shifts = {name: sexed * value for name, value in MALE.items()}
        for name, value in OLD.items():
            shifts[name] = shifts.get(name, 0.0) + aged * older * value
    place = {name: row for row, name in enumerate(names)}
    apart = dict(zip(OWN_FEMALE, own, strict=True))
    out = np.zeros(len(names))
    for name, low, high, reach in features(tuple(names), tuple(reaches)):
        shift = shifts.get(name, 0.0) + apart.get(name, 0.0) * OWN_FEMALE.get(name, 0.0) / reach
        end = high if shift >= 0 else low
        if shift and end is not None:
            for side in ("",) if end in place else ("l-", "r-"):
                out[place[side + end]] += abs(shift)
    return out
