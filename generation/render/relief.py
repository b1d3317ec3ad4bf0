"""Wrinkles as the shader reads them: slopes and depths of each map inside its own box of the skin's UV."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter

from threedpain.generation.records import SKIN_HEIGHT, SKIN_WIDTH
from threedpain.generation.seeds import child

PORES = 1.5e-5  # metres, standard deviation of the skin's grain
COUNT = 32000  # the largest slope or height of a map in counts
SHADE = 1.0e3  # darkening a metre of depth: a fold of 0.25 mm loses a quarter of the sky


@lru_cache(maxsize=1)
def slopes() -> tuple[np.ndarray, np.ndarray]:
    """All maps: texels int16 [X, 3] (dh/du, dh/dv, h in counts) and rows float32 [M, 10] (offset, height, width; box
    in uv: left, bottom, right, top; metres per unit of uv a count, darkening a count, 0)."""
    from threedpain.generation.head.wrinkles import wrinkle_maps

    texels, rows, start = [], [], 0
    for height in (*wrinkle_maps(), pores()):
        tall, wide = height.shape
        down, right = np.gradient(height.astype(np.float64))
        du, dv = right * wide, -down * tall  # v runs up
        i, j = np.nonzero(np.abs(height) > 1e-7)
        if not len(i):
            i, j = np.array([0, 1]), np.array([0, 1])
        top, bottom, left, end = (
            max(i.min() - 2, 0),
            min(i.max() + 3, tall),
            max(j.min() - 2, 0),
            min(j.max() + 3, wide),
        )
        box = np.s_[top:bottom, left:end]
        slope = max(np.abs(du[box]).max(), np.abs(dv[box]).max(), 1e-9) / COUNT
        depth = max(np.abs(height[box]).max(), 1e-9) / COUNT
        cut = np.stack([du[box] / slope, dv[box] / slope, height[box] / depth], -1)
        texels.append(np.round(cut).astype(np.int16).reshape(-1, 3))
        rows.append(
            (
                start,
                bottom - top,
                end - left,
                left / wide,
                1 - bottom / tall,
                end / wide,
                1 - top / tall,
                slope,
                SHADE * depth,
                0,
            )
        )
        start += len(texels[-1])
    return np.concatenate(texels), np.array(rows, np.float32)


def pores() -> np.ndarray:
    """The grain of all skin: heights float32 [H, W] in metres, about a millimetre wide."""
    shape = (SKIN_HEIGHT // 2, SKIN_WIDTH // 2)
    noise = child(0, "pores").normal(size=shape)
    grain = gaussian_filter(noise, 0.7) - gaussian_filter(noise, 2.0)
    return (PORES * grain / grain.std()).astype(np.float32)


def active(depths: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Texels of all maps, and the rows of those an expression uses with its depths [M] multiplied in, where `places`
    [M, 3] have them (shift in uv, size); pores always, and as they are."""
    texels, rows = slopes()
    depths = np.append(depths, 1).astype(np.float32)
    places = np.concatenate([places, [[0, 0, 1]]]).astype(np.float32)
    used = np.flatnonzero(depths > 0.01)
    rows, places = rows[used].copy(), places[used]
    low, high = rows[:, 3:5].copy(), rows[:, 5:7].copy()
    middle, half = (low + high) / 2 + places[:, :2], (high - low) / 2 * places[:, 2:]
    moved = (places != (0, 0, 1)).any(axis=1, keepdims=True)
    rows[:, 3:5], rows[:, 5:7] = np.where(moved, middle - half, low), np.where(moved, middle + half, high)
    rows[:, 7:9] *= depths[used, None]
    rows[:, 7] /= places[:, 2]  # as deep, but wider
    return texels, rows
