"""What years do to the even light of a face: mottled skin, grooves of the mid-face, a net of fine lines.

Painted into the albedo, where it is seen at any size and in any light, on top of the folds that are shape
(`head.wrinkles`): pigment and vessels become uneven (Fink, Grammer and Matts, Evolution and Human Behavior 27, 2006),
the cheek sinks between its ligaments into mounds and grooves (Mendelson, Muzaffar and Adams, Plast. Reconstr. Surg.
110, 2002), and lines stay. How much of each a person of an age has is their own.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

from threedpain.generation.geometry import smoothstep
from threedpain.generation.records import Identity
from threedpain.generation.seeds import child

from . import layout
from .blemishes import AREA
from .creases import creases
from .noise import enlarged, field
from .tone import density, paint

# Grooves of the right half: points in texels, width in texels, darkening at 85 years. Each has a lighter bank above
# or beside it: it is the shade of a form.
GROOVES = {
    "trough": (((684, 458), (664, 473), (640, 480), (618, 476)), 5.0, 0.30),
    "mid-cheek": (((672, 470), (650, 490), (628, 508), (606, 522), (592, 540)), 7.0, 0.20),
    "nasolabial": (((679, 504), (668, 520), (656, 545), (652, 570), (654, 592)), 8.0, 0.30),
    "marionette": (((654, 580), (653, 600), (657, 622), (664, 640)), 7.5, 0.22),
    "jowl": (((664, 640), (640, 650), (618, 640), (598, 615)), 9.0, 0.22),
    "hollow": (((590, 505), (600, 540), (612, 570), (622, 600)), 12.0, 0.20),
    "lid": (((668, 432), (645, 425), (622, 430), (604, 444)), 4.0, 0.22),
    "temple": (((572, 372), (560, 400), (560, 425)), 12.0, 0.18),
}

MOTTLE = 0.75  # at 85 years: how much more of the skin's own unevenness of one to three millimetres
GROOVE = 1.1  # times the darkening of `GROOVES`
BLOTCH = 0.03  # standard deviation of each size of blotch, in melanin
LINES = 0.08  # standard deviation of the net of lines, in melanin
COVERED = 0.35  # share of the mottling that full make-up hides
REACH = 16.0  # widths from a groove: farther away its profile is less than the smallest float32
SOONER = {"female": 0.45, "male": 1.2}  # power of years: women's faces line from the forties on
FINER = 0.85  # women's share of men's mottling, an assumption
# Women's share of the grooves' depth, assumptions: their years come sooner by `SOONER`, so that at sixty theirs would
# be the deeper ones, and those of the lower face make a man of an old woman.
SHALLOWER = dict.fromkeys(GROOVES, 1.0) | {
    "trough": 0.9,
    "lid": 0.85,
    "nasolabial": 0.6,
    "marionette": 0.6,
    "jowl": 0.55,
    "hollow": 0.6,
}


def aged(albedo: np.ndarray, who: Identity) -> np.ndarray:
    """`albedo` uint8 [H, W, 3] after a person's years; the same array for the young."""
    older = float(np.clip((who.age - 28) / 57, 0, 1)) ** SOONER[who.gender]
    if older <= 0:
        return albedo
    rng = child(who.skin.seed, "ageing")
    z = rng.standard_normal(4 + len(GROOVES)).clip(-1.6, 1.6)
    own = older * (0.55 + 0.45 * who.skin.wrinkles / max(older, 0.2)) * (1 + 0.12 * z[0])
    skin = density(albedo[AREA])
    free = _free() * ((FINER if who.gender == "female" else 1.0) * (1 - COVERED * who.skin.makeup))
    middle = uniform_filter(skin, (3, 3, 1)) - uniform_filter(skin, (9, 9, 1))
    skin += (own * MOTTLE * (1 + 0.3 * z[1]) * free)[..., None] * middle
    shape = skin.shape[:2]
    deep = own * GROOVE * (1 + 0.3 * z[4:])
    if who.gender == "female":
        deep *= list(SHALLOWER.values())
    shade = np.einsum("g,gij->ij", deep.astype(np.float32), _grooves())
    blotches = BLOTCH * (1 + 0.3 * z[2]) * (field(rng, shape, 1.2) + field(rng, shape, 3.6))
    lines = LINES * (1 + 0.3 * z[3]) * _lines(rng, shape)
    dark = np.float32(own) * free * (blotches + lines)
    red = np.float32(0.5 * BLOTCH * own) * free * field(rng, shape, 2.4)
    shade += creases(who, min(own, 1.0)) * _free()
    out = albedo.copy()
    paint(out[AREA], skin, dark, red, shade)
    return out


def _lines(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Fine creases: level ones on the forehead, falling ones on cheeks and lips. Drawn at half size."""
    out = np.zeros(shape, np.float32)
    half = (shape[0] // 2, shape[1] // 2)
    for weight, sigma in zip(_stripes(), ((0.8, 6.0), (4.5, 0.8)), strict=True):
        noise = gaussian_filter(rng.standard_normal(half).astype(np.float32), sigma, truncate=2.5)
        out += weight * enlarged(noise / noise.std(), 2)
    return out


@cache
def _free() -> np.ndarray:
    """Skin without lips and eyes, soft [rows, columns] of `AREA`."""
    ex, ey = layout.EYES[0]
    face = layout.ellipse(layout.AXIS, 478, 195, 235, 0.35)
    return (face * (1 - np.maximum(layout.both(ex, ey, 42, 20, 0.4), layout.lips())))[AREA].astype(np.float32)


@cache
def _stripes() -> tuple[np.ndarray, np.ndarray]:
    """Where creases run level and where they fall [rows, columns] of `AREA`."""
    _, gy = layout.grid()
    level = (1 - smoothstep(gy, 395.0, 440.0)) * np.ones((1, 1384))
    return level[AREA].astype(np.float32), (1 - level)[AREA].astype(np.float32)


@cache
def _grooves() -> np.ndarray:
    """Each groove with its banks, both sides, float32 [grooves, rows, columns] of `AREA`: its depth at the middle of
    its course."""
    y, x = np.mgrid[AREA[0], AREA[1]].astype(np.float32) + np.float32(0.5)
    out = []
    for points, width, depth in GROOVES.values():
        corners = np.array(points, float)
        at = np.linspace(0, len(corners) - 1, 60)
        whole = np.stack([np.interp(at, np.arange(len(corners)), corners[:, k]) for k in (0, 1)], 1)
        whole = np.stack([gaussian_filter(whole[:, k], 4, mode="nearest") for k in (0, 1)], 1)
        taper = smoothstep(np.minimum(np.linspace(0, 1, 60), np.linspace(1, 0, 60)), 0.0, 0.3)
        total = np.zeros(x.shape, np.float32)
        for side in (-1, 1):
            course = np.stack([layout.AXIS + side * (layout.AXIS - whole[:, 0]), whole[:, 1]], 1)
            near = _box(course, REACH * width, x, y)
            squared = np.full(x[near].shape, 1e9, np.float32)
            weight = np.zeros(x[near].shape, np.float32)
            for (cx, cy), t in zip(course, taper, strict=True):
                far = (x[near] - cx) ** 2 + (y[near] - cy) ** 2
                closer = far < squared
                squared[closer], weight[closer] = far[closer], t
            t = np.sqrt(squared) / width
            total[near] += weight * (np.exp(-0.5 * t**2) - 0.45 * np.exp(-0.5 * ((t - 2.2) / 0.9) ** 2))
        out.append(depth * total)
    return np.stack(out)


def _box(course: np.ndarray, reach: float, x: np.ndarray, y: np.ndarray) -> tuple[slice, slice]:
    """The part of a grid within `reach` texels of a course [P, 2]."""
    (left, top), (right, bottom) = course.min(0) - reach, course.max(0) + reach
    rows, columns = np.searchsorted(y[:, 0], [top, bottom]), np.searchsorted(x[0], [left, right])
    return slice(*rows.tolist()), slice(*columns.tolist())
