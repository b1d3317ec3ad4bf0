"""What sex and age do to a face that the skin model hardly shows: brows, lips, lids, evenness, beard shadow, hollows.

Painted in the two chromophores of skin over the sampled maps. Women's skin has the greater contrast of lips and eyes
with the skin around them, which is how sex is read from faces: Russell, Perception 38, 2009. Contrast falls with age:
Porcheron, Mauger and Russell, PLoS ONE 8, 2013. Brows thin and higher in women: Price et al., Ophthalmic Plast.
Reconstr. Surg. 25, 2009. Make-up is a share of women's (`skin.makeup`), not everyone's.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates, uniform_filter

from threedpain.generation.colour import to_srgb
from threedpain.generation.geometry import smoothstep
from threedpain.generation.records import Identity, SkinMaps
from threedpain.generation.seeds import child

from . import layout
from .ageing import SHADE, aged
from .blemishes import AREA as MARKS
from .blemishes import blemishes
from .even import evened
from .tone import HAEMOGLOBIN, MELANIN, density

AREA = np.s_[360:700, 520:891]  # of the maps, rows and columns: brows to chin, cheek to cheek
BROWS = np.s_[360:452, 555:857]
FRONT = 0.45  # of a woman's brow is seen at its inner end, where hairs are fewest: no dark V when it is lowered
REACH = 30  # texels above and below the ridge are looked at
SMOOTH = 9.0  # texels over which the ridge bends
EVEN = 10.0  # texels along a woman's brow over which its gaps are filled
WIDE, DARK = (3.5, 6.5), (120.0, 225.0)  # standard deviation across a grown brow in texels, and opacity of 255
FULL = 1.9  # times as opaque as the mean, which gaps thin out
HAIRS = 0.28  # of the opacity, by which hairs differ
RIDGE = ((0.0, 0.15, 0.55, 1.0), (414.0, 410.0, 401.0, 422.0))  # along the brow from the nose: its height, texels


def finished(maps: SkinMaps, who: Identity) -> SkinMaps:
    """`maps` as a person of that sex and age wears them."""
    z = child(who.skin.seed, "finish").standard_normal(8).clip(-2, 2)
    female, old = who.gender == "female", float(np.clip((who.age - 35) / 50, 0, 1))
    parts = _parts()
    makeup = who.skin.makeup
    light = float(np.clip((who.skin.tone + 30) / 75, 0, 1))  # red shows less on dark skin
    if female:
        red = (0.32 + 0.04 * z[0] + (0.46 + 0.14 * z[1]) * makeup) * (1 - 0.25 * old) * parts["lips"]
        red += (0.05 + 0.03 * z[2]) * makeup * parts["cheeks"]
        dark = (0.22 + 0.03 * z[3] + 0.55 * makeup) * (1 - 0.15 * old) * parts["liner"]
        dark += (0.05 + 0.05 * z[4]) * makeup * parts["lids"] + (0.04 + 0.12 * makeup) * parts["lips"]
        smooth = np.clip(0.32 + 0.12 * z[5] + 0.3 * makeup - 0.4 * old, 0, 0.7)
    else:
        red = -0.06 * parts["lips"]
        dark = (0.06 + 0.2 * who.skin.stubble) * (0.3 + 0.7 * light) * parts["beard"]
        smooth = 0.0
    # Hollows of the old: shade under the bags, beside nose and mouth, at the temples' side of the cheek.
    folds = who.skin.wrinkles
    shade = folds * ((0.24 + 0.06 * z[6]) * parts["bags"] + (0.26 + 0.08 * z[7]) * parts["folds"])
    red = red + 0.12 * folds * parts["bags"] + 0.1 * old * light * parts["nose"]
    albedo = evened(maps.albedo, who.gender)
    skin = density(albedo[AREA])
    if smooth:
        even = uniform_filter(skin, (9, 9, 1))
        skin += (smooth * parts["even"])[..., None] * (even - skin)
    skin -= red[..., None] * HAEMOGLOBIN + dark[..., None] * MELANIN + shade[..., None] * SHADE
    albedo[AREA] = (to_srgb(np.exp(skin)).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    albedo = aged(_marked(albedo, who), who)
    return SkinMaps(albedo=albedo, brows=_brows(maps.brows, female, z, old, child(who.skin.seed, "plucked")))


def _marked(albedo: np.ndarray, who: Identity) -> np.ndarray:
    """`albedo` uint8 [H, W, 3], written over, with the person's own marks."""
    dark, red = blemishes(who)
    skin = density(albedo[MARKS]) - dark[..., None] * MELANIN - red[..., None] * HAEMOGLOBIN
    albedo[MARKS] = (to_srgb(np.exp(skin)).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return albedo


def _brows(brows: np.ndarray, female: bool, z: np.ndarray, old: float, rng: np.random.Generator) -> np.ndarray:
    """Women's thinner, plucked, a little higher and more arched, not so high that they look raised; men's lower and
    fuller."""
    gx, gy = layout.grid()
    gx, gy = gx[:, BROWS[1]], gy[BROWS[0]]
    along = np.clip((np.abs(gx - layout.AXIS) - 20) / 114, 0, 1)
    ridge = np.interp(along, *RIDGE)
    arch = np.sin(np.pi * np.clip(along, 0, 1) ** 0.8)
    if female:
        ridge = gaussian_filter1d(ridge, SMOOTH, axis=1)
        thin, lift = 0.54 + 0.08 * z[0], -2.3 - 0.7 * z[1] - (2.4 + 1.2 * z[2]) * arch - 0.5 * along
    else:
        thin, lift = 1.08 + 0.1 * z[0], 0.5 + z[1] - 0.5 * arch
    thin = thin * (1 + 0.1 * old * (not female))
    below = (gy - ridge - lift) / thin  # of the brow as it grew, texels below its ridge
    if female:
        across = np.arange(-REACH, REACH + 1, dtype=np.float32)[:, None]
        grown = _sampled(brows, ridge + across, gx)
        columns = np.broadcast_to(gx - gx[0, 0], below.shape)
        moved = map_coordinates(_plucked(grown, across, along[0], rng), [below + REACH, columns], order=1)
    else:
        moved = _sampled(brows, ridge + below, gx)
    out = np.zeros_like(brows)
    out[BROWS] = (moved.clip(0, 255) + 0.5).astype(np.uint8)
    return out


def _sampled(brows: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return map_coordinates(
        brows.astype(np.float32), [y - 0.5, np.broadcast_to(x - 0.5, y.shape)], order=1, mode="nearest"
    )


def _plucked(brow: np.ndarray, across: np.ndarray, along: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Straightened brows [rows `across`, columns `along`] made whole: one band of hairs on the line and of the width
    and opacity that each has in the running mean along it and with the other side, tapering towards the tail."""

    def even(x: np.ndarray) -> np.ndarray:
        mean = gaussian_filter1d(x * there, EVEN, mode="constant") + 1e-3
        return 0.5 * (mean + mean[::-1])

    there = (along > 0) & (along < 1)
    brow = brow * np.exp(-0.5 * (across / 9) ** 2)  # without stray spots
    weight = even(brow.sum(0))
    line = even((across * brow).sum(0)) / weight
    wide = np.sqrt(even(((across - line) ** 2 * brow).sum(0)) / weight).clip(*WIDE)
    dark = weight / (wide * np.sqrt(2 * np.pi)) / (even(np.ones_like(along)))
    dark = (FULL * dark[there].mean() ** 0.6 * dark**0.4).clip(*DARK)
    tail = smoothstep(along, 0.45, 1.0)
    wide = wide * (1 - 0.5 * tail)
    dark = dark * (FRONT + (1 - FRONT) * smoothstep(along, 0.02, 0.3)) * smoothstep(along, 0.0, 0.07) * (1 - tail**3)
    # Hairs: streaks that lean outwards.
    lean = np.sign(np.arange(len(along)) - len(along) / 2) * (0.4 + 1.6 * along)
    noise = gaussian_filter(rng.standard_normal(brow.shape), (3.0, 0.5))
    noise = noise / noise.std()
    rows = np.broadcast_to(across + REACH, brow.shape)
    hairs = map_coordinates(noise, [rows, np.arange(len(along)) + lean * (across - line)], order=1, mode="wrap")
    return dark * np.exp(-0.5 * ((across - line) / wide) ** 2) * (1 + HAIRS * hairs).clip(0.2, 1.8)


@cache
def _parts() -> dict[str, np.ndarray]:
    """Soft masks [rows, columns] of `AREA`."""
    ex, ey = layout.EYES[0]
    beard = layout.ellipse(layout.AXIS, 590, 125, 95, 0.5) * (1 - layout.ellipse(layout.AXIS, 505, 75, 50, 0.6))
    gx, gy = layout.grid()
    side = np.abs(gx - layout.AXIS)
    # Nasolabial fold and marionette line: one soft line from the wing of the nose to below the corner of the mouth.
    line = np.interp(gy, [505, 520, 545, 565, 590, 612, 635], [27, 37, 50, 54, 52, 51, 47])
    run = smoothstep(gy, 502.0, 520.0) * (1 - smoothstep(gy, 612.0, 640.0))
    parts = {
        "lips": layout.lips(),
        "cheeks": layout.both(598, 515, 50, 34, 1.4),
        "lids": layout.both(ex, ey - 13, 36, 13, 0.8),
        "liner": layout.both(ex, ey - 1, 36, 12, 0.5),
        "even": layout.ellipse(layout.AXIS, 500, 165, 170, 0.4)
        * (1 - np.maximum(layout.both(ex, ey, 42, 22, 0.4), layout.lips())),
        "beard": beard * (1 - layout.lips()),
        "bags": layout.both(ex + 4, ey + 29, 32, 8, 0.9),
        "folds": (np.exp(-0.5 * ((side - line) / 4.5) ** 2) * run).astype(np.float32),
        "nose": layout.ellipse(layout.AXIS, 500, 24, 24, 1.2),
    }

    return {name: part[AREA].astype(np.float32) for name, part in parts.items()}
