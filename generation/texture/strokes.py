"""Fine strokes, given as points, drawn into a part of the maps."""

from __future__ import annotations

import numpy as np


def drawn(x: np.ndarray, y: np.ndarray, amount: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """float64 [H, W]: the sum of `amount` at points (texel centres at +0.5), each shared by the four texels around."""
    x, y, amount = (x - 0.5).ravel(), (y - 0.5).ravel(), amount.ravel()
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    out = np.zeros(shape[0] * shape[1])
    for i, down in ((top, 1 - (y - top)), (top + 1, y - top)):
        for j, across in ((left, 1 - (x - left)), (left + 1, x - left)):
            inside = (i >= 0) & (i < shape[0]) & (j >= 0) & (j < shape[1])
            out += np.bincount((i * shape[1] + j)[inside], (amount * down * across)[inside], len(out))
    return out.reshape(shape)
