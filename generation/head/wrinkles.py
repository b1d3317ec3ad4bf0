"""Expression wrinkles: where they lie on the skin, and how deep an expression and an age make them.

Each map is drawn from curves in texels of the upright 1384 x 768 skin crop: a fold sinks, its banks bulge. Courses
follow the relaxed-skin-tension lines of the face (Borges, Plast. Reconstr. Surg. 73, 1984), across the pull of the
muscle.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from threedpain import facs
from threedpain.generation.records import SKIN_HEIGHT, SKIN_WIDTH, WRINKLES, Identity
from threedpain.generation.seeds import child

UNITS = tuple(facs.ACTION_UNITS)
AXIS = 705.5  # texel column of the symmetry plane
# Wrinkle -> unit -> depth at the unit's maximum; left and right maps listen to their own side.
DRIVERS: dict[str, dict[str, float]] = {
    "glabella-two": {"AU4": 1.0, "AU9": 0.45},
    "glabella-one": {"AU4": 1.0, "AU9": 0.45},
    "glabella-fan": {"AU4": 1.0, "AU9": 0.45},
    "glabella-bar": {"AU4": 0.4, "AU9": 0.8},
    "brow": {"AU4": 0.8, "AU1": 0.2},
    "forehead": {"AU1": 0.7, "AU2": 0.7},
    "crow": {"AU6": 1.0, "AU7": 0.4, "AU12": 0.2},
    "bunny": {"AU9": 1.0},
    "nasolabial": {"AU9": 0.6, "AU10": 0.85, "AU12": 0.7, "AU6": 0.25},
    "chin": {"AU17": 1.0, "AU24": 0.3},
}
# Of men's folds that stay at rest women keep so much (Tsukahara et al. 2013: men's foreheads are the more wrinkled, at
# every age).
FEMALE_REST = {"forehead": 0.5, "glabella-two": 0.6, "glabella-one": 0.6, "glabella-fan": 0.6, "glabella-bar": 0.6}
ALONE = ("glabella-one",)  # folds without a mirror image
# Wrinkle -> folds (points of the right half, width in texels, depth in millimetres). In maps without sides a fold is
# mirrored; one that starts on the axis goes on beyond it.
Fold = tuple[tuple[tuple[float, float], ...], float, float]
FOLDS: dict[str, tuple[Fold, ...]] = {
    "glabella-two": (
        (((696, 420), (693.5, 409), (694, 398), (697, 386), (698, 376)), 2.3, 0.6),
        (((684, 412), (681, 404), (680.5, 396), (682, 388)), 2.0, 0.18),
    ),
    "glabella-one": ((((705, 424), (704, 411), (705, 398), (706.5, 384), (706, 372)), 2.7, 0.75),),
    "glabella-fan": (
        (((701, 419), (700, 408), (698, 396), (697, 386)), 2.0, 0.42),
        (((693, 421), (688, 411), (683, 401), (679, 392)), 2.0, 0.42),
        (((684, 422), (677, 415), (670, 409)), 1.9, 0.28),
    ),
    "glabella-bar": (
        (((AXIS, 424), (699, 422.5), (692, 424.5)), 3.2, 0.5),
        (((AXIS, 416), (700, 415), (695, 416.5)), 2.4, 0.25),
    ),
    "brow": (
        (((686, 403), (681, 395), (674, 389), (665, 386)), 2.4, 0.35),
        (((676, 404), (668, 398), (658, 395)), 2.2, 0.28),
    ),
    "forehead": (
        (((AXIS, 366), (670, 364), (630, 358), (590, 362), (566, 372)), 4.6, 0.5),
        (((AXIS, 345), (668, 342), (626, 335), (584, 340), (560, 352)), 4.8, 0.55),
        (((AXIS, 322), (662, 319), (622, 314), (588, 320)), 4.8, 0.42),
        (((AXIS, 300), (664, 298), (632, 297)), 4.6, 0.28),
    ),
    "crow": (
        (((606, 431), (592, 423), (578, 417), (562, 414)), 3.2, 0.55),
        (((606, 437), (590, 436), (574, 436), (556, 438)), 3.2, 0.65),
        (((607, 443), (592, 449), (577, 456), (562, 465)), 3.2, 0.6),
        (((610, 449), (597, 459), (585, 470), (575, 482)), 3.2, 0.45),
        (((650, 455), (634, 462), (616, 463)), 3.0, 0.4),
        (((656, 464), (642, 474), (624, 478), (606, 472)), 4.5, 0.5),
    ),
    "bunny": (
        (((AXIS, 437), (697, 435.5), (686, 438)), 3.0, 0.55),
        (((AXIS, 448), (697, 446.5), (689, 449)), 2.8, 0.5),
        (((700, 470), (691, 460), (680, 452), (668, 448)), 3.0, 0.85),
        (((699, 481), (689, 470), (678, 462), (665, 459)), 3.0, 0.85),
        (((697, 490), (688, 481), (676, 474), (664, 472)), 2.8, 0.6),
        (((692, 497), (684, 490), (674, 486)), 2.6, 0.35),
        (((667, 450), (655, 458), (642, 464)), 3.2, 0.5),
        (((661, 449), (655, 462), (652, 478)), 6.5, -0.6),
    ),
    "nasolabial": ((((677, 509), (669, 519), (662, 531), (656, 546), (652, 562), (650, 578)), 5.2, 0.8),),
    "chin": ((((AXIS, 627), (692, 628), (678, 633)), 4.2, 0.6),),
}


def wrinkle_maps() -> np.ndarray:
    """Heights in metres at depth 1: float32 [len(WRINKLES), 768, 1384] in skin UV; folds sink, their banks rise. Made
    anew at each call: 55 MB, which the renderer reads once."""
    maps = np.zeros((len(WRINKLES), SKIN_HEIGHT, SKIN_WIDTH), np.float32)
    for index, name in enumerate(WRINKLES):
        stem, _, side = name.partition("_")
        for number, (points, width, depth) in enumerate(FOLDS[stem]):
            right = np.array(points)
            left = np.stack([2 * AXIS - right[:, 0], right[:, 1]], axis=1)
            if side or name in ALONE:
                paths = [left if side == "left" else right]
            elif right[0, 0] == AXIS:
                paths = [np.concatenate([left[:0:-1], right])]
            else:
                paths = [left, right]
            for k, path in enumerate(paths):
                _carve(maps[index], path, 1.3 * width, depth / 1000, child(0, "wrinkle", name, number, k))
        if stem == "chin":
            maps[index] += _pebbles()
    return maps


def _carve(height: np.ndarray, path: np.ndarray, width: float, depth: float, rng: np.random.Generator) -> None:
    """Lower `height` along a smooth path that tapers to both ends."""
    steps = np.linspace(0, len(path) - 1, 24 * len(path))
    fine = np.stack([_spline(path[:, k], steps) + 0.1 * width * _noise(rng, len(steps)) for k in (0, 1)], axis=1)
    along = np.linspace(0, 1, len(fine))
    taper = np.clip(np.minimum(along, 1 - along) / 0.35, 0, 1)
    taper = taper * taper * (3 - 2 * taper) * (1 + 0.12 * _noise(rng, len(fine)))
    reach = int(np.ceil(4.5 * width))
    x0, y0 = np.maximum(np.floor(fine.min(axis=0)).astype(int) - reach, 0)
    x1, y1 = np.minimum(np.ceil(fine.max(axis=0)).astype(int) + reach, [SKIN_WIDTH, SKIN_HEIGHT])
    across = (np.arange(x0, x1)[:, None] + 0.5 - fine[:, 0]) ** 2
    down = (np.arange(y0, y1)[:, None] + 0.5 - fine[:, 1]) ** 2
    squared = across + down[:, None]  # [rows, columns, places along the path]
    nearest = squared.argmin(axis=-1)
    t = np.sqrt(np.take_along_axis(squared, nearest[..., None], -1)[..., 0]) / width
    profile = -np.exp(-0.5 * (t / 0.62) ** 2) + 0.3 * np.exp(-0.5 * ((t - 1.85) / 0.85) ** 2)
    height[y0:y1, x0:x1] += (profile * taper[nearest] * depth).astype(np.float32)


def _spline(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Catmull-Rom through `values` at their indices."""
    padded = np.r_[2 * values[0] - values[1], values, 2 * values[-1] - values[-2]]
    index = np.clip(at.astype(int), 0, len(values) - 2)
    t = at - index
    a, b, c, d = (padded[index + k] for k in range(4))
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def _noise(rng: np.random.Generator, count: int) -> np.ndarray:
    """Smooth noise of unit size along a path."""
    knots = rng.standard_normal(count // 16 + 4)
    return _spline(knots, np.arange(count) / 16)


def _pebbles() -> np.ndarray:
    """The dimpled skin over a bunched mentalis."""
    rng = child(0, "wrinkle", "pebbles")
    y, x = np.mgrid[0:SKIN_HEIGHT, 0:SKIN_WIDTH] + 0.5
    out = np.zeros((SKIN_HEIGHT, SKIN_WIDTH))
    for _ in range(46):
        cx, cy = rng.uniform(660, 751), rng.uniform(632, 672)
        rows, columns = slice(int(cy) - 16, int(cy) + 17), slice(int(cx) - 16, int(cx) + 17)
        squared = (x[rows, columns] - cx) ** 2 + (y[rows, columns] - cy) ** 2
        out[rows, columns] -= 0.16e-3 * np.exp(-squared / (2 * rng.uniform(2.2, 3.6) ** 2))
    fade = np.exp(-0.5 * (((x - AXIS) / 34) ** 2 + ((y - 650) / 17) ** 2))
    return (out * fade).astype(np.float32)


def wrinkle_depths(identity: Identity, shares: np.ndarray) -> np.ndarray:
    """Depth 0..1 of each wrinkle map [len(WRINKLES)] from movement shares [2, U], the person's furrows, skin and age.

    Young skin folds to less than half the depth of old skin, which keeps a part of its lines at rest; how readily it
    folds at all, and how, is a person's own.
    """
    ageing = 0.3 * np.clip((identity.age - 18) / 72, 0, 1) + 0.7 * identity.skin.wrinkles
    own = _furrows(identity)[:, 0]
    rest = 0.75 * ageing**1.3 * own
    if identity.gender == "female":
        rest = rest * [FEMALE_REST.get(name.partition("_")[0], 1.0) for name in WRINKLES]
    drive = _drivers() @ shares.ravel()
    depths = rest + (own - rest) * (0.4 + 0.6 * ageing) * (1 - np.exp(-1.4 * drive)) / (1 - np.exp(-1.4))
    return np.clip(depths, 0, 1).astype(np.float32)


def wrinkle_places(identity: Identity) -> np.ndarray:
    """Where the person has each map: shift along u and v, and size [len(WRINKLES), 3]."""
    furrows = _furrows(identity)
    side = np.array([-1 if name.endswith("_right") else 1 for name in WRINKLES])
    return np.stack([side * furrows[:, 1] / SKIN_WIDTH, furrows[:, 2] / SKIN_HEIGHT, furrows[:, 3]], axis=1)


def _furrows(identity: Identity) -> np.ndarray:
    """`Identity.furrows` of each map [len(WRINKLES), 4]."""
    return np.array([identity.furrows[name.partition("_")[0]] for name in WRINKLES])


@lru_cache(maxsize=1)
def _drivers() -> np.ndarray:
    """`DRIVERS` as a matrix [len(WRINKLES), 2 U] over left and right shares; maps without sides take their mean."""
    matrix = np.zeros((len(WRINKLES), 2, len(UNITS)))
    for row, name in enumerate(WRINKLES):
        stem, _, side = name.partition("_")
        sides = np.array({"left": (1, 0), "right": (0, 1)}.get(side, (0.5, 0.5)))
        for unit, weight in DRIVERS[stem].items():
            matrix[row, :, UNITS.index(unit)] = weight * sides
    return matrix.reshape(len(WRINKLES), -1)
