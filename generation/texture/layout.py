"""Where things are on the upright hm08 skin crop, in texels (x right, y down), and soft masks of them.

The crop is a photograph-like flat face: the subject's right is on the left. Its mirror axis is x = 705.5.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from threedpain.generation.geometry import smoothstep
from threedpain.generation.records import SKIN_HEIGHT, SKIN_WIDTH

AXIS = 705.5  # texel coordinate (centres at +0.5) of the plane of symmetry
EYES = ((637.0, 440.0), (774.0, 440.0))  # centres of the lid openings
MOUTH = (705.5, 582.0)  # middle of the closed lips
LIPS = (44.0, 26.0)  # half width and half height of the red of the lips
NOSTRILS = ((688.0, 520.0), (723.0, 520.0))
EARS = ((418.0, 470.0), (993.0, 470.0))


def grid() -> tuple[np.ndarray, np.ndarray]:
    """x [1, W] and y [H, 1] of the texel centres."""
    return np.arange(SKIN_WIDTH, dtype=np.float32)[None] + 0.5, np.arange(SKIN_HEIGHT, dtype=np.float32)[:, None] + 0.5


def ellipse(x: float, y: float, rx: float, ry: float, softness: float = 0.3) -> np.ndarray:
    """float32 [H, W]: 1 inside the ellipse, falling to 0 over `softness` radii around its rim."""
    gx, gy = grid()
    radius = np.sqrt(((gx - x) / rx) ** 2 + ((gy - y) / ry) ** 2)
    return smoothstep((1 + softness / 2 - radius) / max(softness, 1e-3)).astype(np.float32)


def both(x: float, y: float, rx: float, ry: float, softness: float = 0.3) -> np.ndarray:
    """An ellipse and its mirror image."""
    return np.maximum(ellipse(x, y, rx, ry, softness), ellipse(2 * AXIS - x, y, rx, ry, softness))


@cache
def eyes() -> np.ndarray:
    """Soft mask [H, W] of the lid openings and their rims."""
    return both(*EYES[0], 34, 19, 0.5)


@cache
def lips() -> np.ndarray:
    """Soft mask [H, W] of the red of the lips: two upper bows and a lower curve."""
    x, y = MOUTH
    upper = np.maximum(both(x - 17, y - 6, 30, 17, 0.35), ellipse(x, y - 2, 26, 15, 0.35))
    return np.maximum(upper, ellipse(x, y + 6, 37, 21, 0.35))


@cache
def face() -> np.ndarray:
    """bool [H, W]: bare skin of the face, where tone is measured: no eyes, lips, nostrils, brows or hairline."""
    inside = ellipse(AXIS, 488, 128, 172, 0.0) > 0.5
    brows = both(632, 412, 72, 26, 0.0) > 0.5
    holes = np.maximum.reduce([both(*EYES[0], 46, 30, 0), ellipse(*MOUTH, 58, 36, 0), both(*NOSTRILS[0], 14, 12, 0)])
    return inside & ~brows & (holes < 0.5)


def _above(sides: list[float], edges: list[float], softness: float) -> np.ndarray:
    """float32 [H, W]: 1 above the symmetric line through (distance from the axis, y), 0 below."""
    gx, gy = grid()
    return smoothstep((np.interp(np.abs(gx - AXIS), sides, edges) - gy) / softness + 0.5).astype(np.float32)


@cache
def scalp() -> np.ndarray:
    """float32 [H, W]: 1 where head hair grows, 0 on the face, ears and neck: the line runs over the forehead, around
    temple and ear and down to the nape."""
    return _above(
        [0, 60, 110, 150, 175, 205, 235, 270, 330, 380, 430, 500, 560, 700],
        [268, 268, 285, 315, 375, 430, 400, 385, 385, 440, 520, 545, 545, 545],
        44,
    )


@cache
def shaven() -> np.ndarray:
    """float32 [H, W]: 1 wherever the photographs show hair or its shadow, a margin beyond `scalp`."""
    return _above(
        [0, 60, 110, 150, 175, 205, 225, 245, 270, 330, 348, 385, 440, 500, 700],
        [312, 312, 326, 368, 432, 470, 450, 418, 404, 404, 470, 548, 584, 588, 588],
        34,
    )


@cache
def firm() -> np.ndarray:
    """float32 [H, W]: 1 where the texture must stay where it is: lids, lips, nostrils, ears and the skin around."""
    parts = [
        both(*EYES[0], 60, 40, 0.8),
        ellipse(*MOUTH, 70, 50, 0.8),
        ellipse(AXIS, 505, 52, 45, 0.8),
        both(*EARS[0], 60, 85, 0.6),
    ]
    return np.maximum.reduce(parts)
