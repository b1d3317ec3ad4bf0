"""Smooth noise over a part of the maps, made on a coarse grid and enlarged."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def field(rng: np.random.Generator, shape: tuple[int, int], size: float) -> np.ndarray:
    """Smooth noise float32 [H, W] of unit size over `size` texels."""
    step = max(int(size / 2), 1)
    small = rng.standard_normal((shape[0] // step + 2, shape[1] // step + 2), dtype=np.float32)
    whole = enlarged(gaussian_filter(small, size / step), step)[: shape[0], : shape[1]]
    return whole / whole.std()


def enlarged(grid: np.ndarray, times: int) -> np.ndarray:
    """[H, W] -> [times H, times W], corners on corners, straight between neighbours."""
    for _ in range(2):
        at = np.linspace(0, len(grid) - 1, times * len(grid), dtype=np.float32)
        first = np.minimum(at.astype(np.intp), len(grid) - 2)
        grid = (grid[first] + (at - first)[:, None].astype(np.float32) * (grid[first + 1] - grid[first])).T
    return grid
