"""A person's own marks: moles, freckles, spots of age and blood, small veins, and the grain of pores.

The skin model hints at them; a face is told from its neighbour's by them, and skin without any is a doll's. How many a
person has are amounts of `Skin`; where they lie comes of the skin's seed. Painted in the two chromophores. A texel is
about half a millimetre: pores are grain, freckles one to three texels, moles and age spots shapes.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter

from threedpain.generation.geometry import smoothstep
from threedpain.generation.records import Identity
from threedpain.generation.seeds import child

from . import layout
from .noise import field

AREA = np.s_[252:700, 500:912]  # of the maps, rows and columns: hairline to chin, ear to ear
FRECKLES, FRECKLE = 700, 0.5  # how many at most, and the darkening of a middling one, in melanin
MOLES, MOLE = 20, 1.2
SPOTS, SPOT = 45, 0.62  # of age
PIMPLES, PIMPLE = 6, 0.45  # in haemoglobin
VEINS = 0.24  # in haemoglobin, on nose and cheeks of the old and the ruddy
PORES = {"female": 0.065, "male": 0.085}  # standard deviation, in melanin
UNEVEN = 0.06  # standard deviation of wide patches of either chromophore
COVERED = 0.45  # share of all this that full make-up hides


def blemishes(who: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Melanin and haemoglobin that the person's marks add, each float32 [rows, columns] of `AREA`."""
    rng, skin = child(who.skin.seed, "blemishes"), who.skin
    bare, mid = _bare(), _middle()
    shape = bare.shape
    light = float(np.clip((skin.tone + 50) / 90, 0.3, 1))  # brown shows less on dark skin
    older = float(np.clip((who.age - 30) / 50, 0, 1))
    amount = rng.uniform(0.6, 1.4, 5)
    dark = _freckles(rng, int(FRECKLES * skin.freckles * amount[0]), bare * (0.25 + mid)) * FRECKLE
    for x, y in _places(rng, bare, rng.poisson(MOLES * skin.moles * amount[1])):
        radius = 1.1 + 2.2 * rng.beta(1.2, 3.0)
        _disc(dark, x, y, radius, MOLE * rng.uniform(0.35, 1.0) * (0.6 + 0.4 * light), 0.5, rng.uniform(0, 6, 2))
    for x, y in _places(rng, bare * (1.2 - mid), rng.poisson(SPOTS * skin.age_spots * amount[2])):
        radius = 1.5 + 5.5 * rng.beta(1.2, 3.2)
        _disc(dark, x, y, radius, SPOT * rng.uniform(0.35, 1.0), 0.55, rng.uniform(0, 6, 2))
    red = np.zeros(shape, np.float32)
    for x, y in _places(rng, bare, rng.poisson(PIMPLES * (0.3 + skin.redness) * amount[3])):
        _disc(red, x, y, rng.uniform(1.2, 3.0), PIMPLE * rng.uniform(0.4, 1.0), 0.9, rng.uniform(0, 6, 2))
    vessels = np.abs(field(rng, shape, 2.2))
    veins = (1 - smoothstep(vessels, 0.0, 0.35)) * smoothstep(field(rng, shape, 9.0), 0.0, 1.5)
    red += VEINS * (0.25 * skin.redness + 0.75 * older * amount[4] * light) * _flush() * veins
    patches = field(rng, shape, 16.0), field(rng, shape, 11.0)
    dark += UNEVEN * (0.6 + 0.4 * older) * bare * patches[0]
    red += UNEVEN * (0.8 + skin.redness) * bare * patches[1]
    grain = rng.standard_normal(shape, dtype=np.float32)
    grain = gaussian_filter(grain, 0.7, truncate=2.5) - gaussian_filter(grain, 1.8, truncate=2.5)
    grain /= grain.std()
    shown = 1 - COVERED * skin.makeup
    pores = PORES[who.gender] * (0.7 + 0.6 * older) * (0.6 + 0.8 * mid) * (0.5 + 0.5 * shown) * bare
    return shown * dark + pores * grain, shown * red


def _places(rng: np.random.Generator, where: np.ndarray, count: int) -> np.ndarray:
    """Places (x, y) float [count, 2] within `where` [rows, columns], with its probability."""
    if not count:
        return np.empty((0, 2))
    sums = np.cumsum(where.ravel(), dtype=np.float64)
    cells = np.searchsorted(sums, rng.uniform(0, sums[-1], count))
    y, x = np.divmod(cells, where.shape[1])
    return np.stack([x, y], 1) + rng.uniform(0, 1, (count, 2))


def _freckles(rng: np.random.Generator, count: int, where: np.ndarray) -> np.ndarray:
    """Soft small spots of three sizes, of about unit depth; the small ones are the most."""
    out = np.zeros(where.shape, np.float32)
    if not count:
        return out
    where = where * np.exp(0.8 * field(rng, where.shape, 22.0))  # they come in clouds
    for sigma, share in ((0.7, 0.6), (1.0, 0.3), (1.5, 0.1)):
        spots = np.zeros(where.shape, np.float32)
        n = int(share * count)
        x, y = _places(rng, where, n).astype(int).T
        np.add.at(spots, (y, x), rng.uniform(0.4, 1.3, n).astype(np.float32))
        out += gaussian_filter(spots, sigma, truncate=3.0) * (6.3 * sigma**2)
    return np.minimum(out, 2.0)


def _disc(out: np.ndarray, x: float, y: float, radius: float, depth: float, soft: float, turn: np.ndarray) -> None:
    """Add a roundish spot at (x, y) whose rim wobbles by two phases `turn` and fades over `soft` radii."""
    reach = int(2 * radius) + 2
    top, left = max(int(y) - reach, 0), max(int(x) - reach, 0)
    part = out[top : int(y) + reach + 1, left : int(x) + reach + 1]
    gy, gx = np.mgrid[top : top + part.shape[0], left : left + part.shape[1]] + 0.5
    angle = np.arctan2(gy - y, gx - x)
    rim = radius * (1 + 0.16 * np.sin(2 * angle + turn[0]) + 0.10 * np.sin(3 * angle + turn[1]))
    part += (depth * smoothstep((1 - np.hypot(gx - x, gy - y) / rim) / max(soft, 1 / radius) + 0.5)).astype(np.float32)


@cache
def _bare() -> np.ndarray:
    """Skin without lips, eyes and nostrils, soft [rows, columns] of `AREA`."""
    ex, ey = layout.EYES[0]
    face = layout.ellipse(layout.AXIS, 478, 195, 235, 0.25)
    holes = np.maximum.reduce(
        [layout.both(ex, ey, 42, 22, 0.4), layout.lips(), layout.both(*layout.NOSTRILS[0], 12, 9)]
    )
    return (face * (1 - holes))[AREA].astype(np.float32)


@cache
def _middle() -> np.ndarray:
    """Nose and the cheeks beside it, where freckles are most and pores widest, [rows, columns] of `AREA`."""
    return layout.ellipse(layout.AXIS, 490, 120, 60, 1.4)[AREA].astype(np.float32)


@cache
def _flush() -> np.ndarray:
    """Where small veins show: wings of the nose and cheeks, [rows, columns] of `AREA`."""
    cheeks, nose = layout.both(612, 508, 50, 36, 1.2), layout.ellipse(layout.AXIS, 508, 34, 24, 1.0)
    return np.maximum(cheeks, nose)[AREA].astype(np.float32)
