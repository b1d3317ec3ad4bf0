"""What sex and age do to a face that the skin model hardly shows: lips, lids, evenness, beard shadow, hollows.

Painted in the two chromophores of skin over the sampled maps. Women's skin has the greater contrast of lips and eyes
with the skin around them, which is how sex is read from faces: Russell, Perception 38, 2009. Contrast falls with age:
Porcheron, Mauger and Russell, PLoS ONE 8, 2013. Make-up is a share of women's (`skin.makeup`), not everyone's.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

from threedpain.generation.geometry import smoothstep
from threedpain.generation.records import Identity, SkinMaps
from threedpain.generation.seeds import child

from . import layout
from .ageing import aged
from .blemishes import AREA as MARKS
from .blemishes import blemishes
from .brows import brows
from .even import evened
from .tone import density, paint

AREA = np.s_[360:700, 520:891]  # of the maps, rows and columns: brows to chin, cheek to cheek
LIPS = np.s_[545:620, 650:761]  # and of the lips
PLUM = np.array([0.5, 0.2, -0.9])  # density that turns coral to plum


def finished(maps: SkinMaps, who: Identity) -> SkinMaps:
    """`maps` as a person of that sex and age wears them."""
    z = child(who.skin.seed, "finish").standard_normal(8).clip(-2, 2)
    female, old = who.gender == "female", float(np.clip((who.age - 35) / 50, 0, 1))
    parts = _parts()
    makeup = who.skin.makeup
    light = float(np.clip((who.skin.tone + 30) / 75, 0, 1))  # red shows less on dark skin
    if female:
        red = (0.05 + 0.03 * z[2]) * makeup * parts["cheeks"]
        dark = (0.22 + 0.03 * z[3] + 0.55 * makeup) * (1 - 0.15 * old) * parts["liner"]
        dark += (0.05 + 0.05 * z[4]) * makeup * parts["lids"]
        smooth = np.clip(0.32 + 0.12 * z[5] + 0.3 * makeup - 0.4 * old, 0, 0.7)
    else:
        red = 0.0
        dark = (0.06 + 0.2 * who.skin.stubble) * (0.3 + 0.7 * light) * parts["beard"]
        smooth = 0.0
    # Hollows of the old: shade under the bags, beside nose and mouth, at the temples' side of the cheek.
    folds = who.skin.wrinkles
    shade = folds * ((0.24 + 0.06 * z[6]) * parts["bags"] + (0.26 + 0.08 * z[7]) * parts["folds"])
    red = red + 0.12 * folds * parts["bags"] + 0.05 * old * light * parts["nose"]
    albedo = evened(maps.albedo, who.gender, who.age)
    skin = density(albedo[AREA])
    if smooth:
        even = uniform_filter(skin, (9, 9, 1))
        skin += (smooth * parts["even"])[..., None] * (even - skin)
    paint(albedo[AREA], skin, *(np.asarray(layer, np.float32) for layer in (dark, red, shade)))
    _lips(albedo[LIPS], who, z[:2], old)
    albedo = aged(_marked(albedo, who), who)
    return SkinMaps(albedo=albedo, brows=brows(who))


def _lips(albedo: np.ndarray, who: Identity, z: np.ndarray, old: float) -> None:
    """Colours `albedo` uint8 [rows, columns, 3] of `LIPS`: fullest where they meet, none of it quite level, with fine
    upright lines that grow with age. Lipstick is a share of make-up, of each woman's own hue."""
    own = child(who.skin.seed, "lips")
    red, inner = _lip_parts()
    lines = gaussian_filter(own.standard_normal(red.shape), (4.0, 0.9))
    lines = lines / lines.std() * (0.07 + 0.08 * old)
    patches = gaussian_filter(own.standard_normal(red.shape), 5.0)
    stick = smoothstep(np.asarray(who.skin.makeup), 0.3, 0.9) if who.gender == "female" else 0.0
    hue = own.uniform(-1, 1)  # coral .. plum
    if who.gender == "female":
        blood = (0.25 + 0.04 * z[0]) * (1 - 0.55 * old) + (0.46 + 0.14 * z[1]) * stick * (1 - 0.3 * old)
        brown = 0.05 + 0.05 * own.normal() + (0.18 + 0.24 * own.random()) * stick
    else:
        blood, brown = -0.18 - 0.06 * old, 0.12 + 0.05 * own.normal()
    shape = red * (0.72 + 0.28 * inner)
    layers = brown * shape, blood * shape, red * (lines + 0.04 * patches / patches.std())
    skin = density(albedo) - (0.18 * stick * hue * red)[..., None] * PLUM
    paint(albedo, *(np.asarray(layer, np.float32) for layer in (skin, *layers)))


def _marked(albedo: np.ndarray, who: Identity) -> np.ndarray:
    """`albedo` uint8 [H, W, 3], written over, with the person's own marks."""
    dark, red = blemishes(who)
    paint(albedo[MARKS], density(albedo[MARKS]), dark, red, np.zeros_like(dark))
    return albedo


@cache
def _lip_parts() -> tuple[np.ndarray, np.ndarray]:
    """The red of the lips, narrow at their corners, and where they meet, soft masks [rows, columns] of `LIPS`."""
    gx, gy = layout.grid()
    x, y = layout.MOUTH
    corner = 1 - smoothstep(np.abs(gx - x), 30.0, 47.0) * smoothstep(np.abs(gy - y), 1.0, 7.0)
    inner = np.exp(-(((gy - y) / 9.0) ** 2)) * np.ones_like(gx)
    return (layout.lips() * corner)[LIPS].astype(np.float32), inner[LIPS].astype(np.float32)


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
