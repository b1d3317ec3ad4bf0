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
    """All maps: texels int16 [X, 3] (dh/du, dh/dv, h in counts) and rows float32 [M, 9] (offset, height, width; box
    in uv: left, bottom, right, top; metres per unit of uv a count; darkening a count)."""
    from threedpain.generation.head.wrinkles import wrinkle_maps

    texels, rows, start = [], [], 0
    for height in (*wrinkle_maps(), pores()):
        tall, wide = height.shape
        deep = np.abs(height) > 1e-7
        (top, bottom), (left, end) = _extent(deep.any(1)), _extent(deep.any(0))
        # with the neighbours that its slopes are taken from
        y, x = max(top - 1, 0), max(left - 1, 0)
        near = height[y : bottom + 1, x : end + 1].astype(np.float64)
        box = np.s_[top - y : bottom - y, left - x : end - x]
        down, right = (part[box] for part in np.gradient(near))
        du, dv, h = right * wide, -down * tall, height[top:bottom, left:end]  # v runs up
        slope = max(np.abs(du).max(), np.abs(dv).max(), 1e-9) / COUNT
        depth = max(np.abs(h).max(), 1e-9) / COUNT
        cut = np.stack([du / slope, dv / slope, h / depth], -1)
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
            )
        )
        start += len(texels[-1])
    return np.concatenate(texels), np.array(rows, np.float32)


def _extent(there: np.ndarray) -> tuple[int, int]:
    """From where to where a row or column of a map is used [N], two texels more at both ends; of an empty one, a corner
    that is not empty."""
    at = np.flatnonzero(there) if there.any() else np.array([0, 1])
    return max(int(at[0]) - 2, 0), min(int(at[-1]) + 3, len(there))


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
