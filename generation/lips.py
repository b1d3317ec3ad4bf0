"""Lips press against each other instead of passing through: where they would overlap, both give way by half.

Written once for numpy and torch (`xp`); the tables come from `build_lips`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

SPARE = 2e-5  # metres left between closed lips


@dataclass(frozen=True)
class Lips:
    """Contact lines of the lips, cut into K columns across the mouth, on the smooth surface."""

    before: Any  # int [3, 2, K]: three contact lines, upper and lower lip: the point before each column
    after: Any  # int [3, 2, K]
    between: Any  # [3, 2, K]: share of the point after
    rows: Any  # int [R]: points that give way
    lift: Any  # [R]: share of the overlap they rise (upper lip) or sink (lower lip, negative)
    column: Any  # int [R]: the column before each of them
    share: Any  # [R]: of the next column

    @staticmethod
    def of(tensors: Mapping[str, np.ndarray], convert: Callable[[np.ndarray], Any] = np.asarray) -> Lips:
        names = ("before", "after", "between", "row", "lift", "column", "share")
        arrays = (tensors[f"lip_{name}"] for name in names)
        return Lips(*(convert(a.astype(np.int64) if a.dtype.kind == "i" else a) for a in arrays))


def part(xp, points, lips: Lips):
    """New heights [R] (y) of the lips' points, from the surface `points` [N, 3]."""
    height = points[:, 1]
    line = height[lips.before] * (1 - lips.between) + height[lips.after] * lips.between
    overlap = line[:, 1] - line[:, 0] + SPARE
    overlap = xp.maximum(xp.maximum(overlap[0], overlap[1]), xp.maximum(overlap[2], overlap[2] * 0))
    wide = xp.maximum(overlap[1:-1], xp.maximum(overlap[:-2], overlap[2:]))  # neighbours give way with the deepest
    overlap = xp.concatenate([overlap[:1], wide, overlap[-1:]], 0)
    give = overlap[lips.column] * (1 - lips.share) + overlap[lips.column + 1] * lips.share
    return height[lips.rows] + lips.lift * give
