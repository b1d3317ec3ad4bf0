"""Lids: they slide over eyeballs that stay where they are, meet exactly when closed and never cross.

Whatever the other units do, the opening left between the two lid margins is measured, column by column, and the upper
lid turns about the eye's centre through the wanted share of it. Written once for numpy and torch (`xp`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

SEAL = 0.005  # radians by which the closed upper lid overlaps the lower one: 0.08 mm


@dataclass(frozen=True)
class Lids:
    """One eye's lid points on the smooth surface; made by `build_lids.lid_tables`."""

    rows: Any  # int [R]: the points concerned
    weight: Any  # [R]: their share of the upper lid's turn
    floor: Any  # [R]: their least distance from the eye's centre over its radius
    upper: Any  # int [M]: the upper margin from the inner to the outer corner
    lower: Any  # int [M]
    facing: Any  # [M, M]: the lower margin's elevation below each upper margin point
    column: Any  # int [R]: the upper margin point before each lid point
    share: Any  # [R]: of the next one

    @staticmethod
    def both(tensors: Mapping[str, np.ndarray], convert: Callable[[np.ndarray], Any] = np.asarray) -> tuple[Lids, Lids]:
        """The left and the right eye's."""
        eyes = []
        for side in (0, 1):
            own = tensors["lid_side"] == side
            arrays = [tensors[f"lid_{name}"][own] for name in ("row", "weight", "floor")]
            arrays += [tensors[f"lid_{name}"][side] for name in ("upper", "lower", "facing")]
            arrays += [tensors[f"lid_{name}"][own] for name in ("column", "share")]
            eyes.append(Lids(*(convert(a.astype(np.int64) if a.dtype.kind == "i" else a) for a in arrays)))
        return tuple(eyes)

    def fitted(self, surface: np.ndarray, centre: np.ndarray, sign: float) -> Lids:
        """With the correspondence by azimuth of one person's resting surface [N, 3]; `sign` is +1 for the left eye."""
        if not len(self.upper):
            return self
        azimuth = [np.arctan2(sign * (surface[rows, 0] - centre[0]), surface[rows, 2] - centre[2])
                   for rows in (self.upper, self.lower, self.rows)]
        upper, lower = (np.maximum.accumulate(a) for a in azimuth[:2])
        index, share = between(lower, upper)
        facing = np.zeros((len(upper), len(lower)), np.float32)
        facing[np.arange(len(upper)), index] = 1 - share
        facing[np.arange(len(upper)), index + 1] += share
        column, share = between(upper, azimuth[2])
        return replace(self, facing=facing, column=column, share=share.astype(np.float32))


def between(knots: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The knot before each value and the share of the next; values outside go to the ends."""
    index = np.clip(np.searchsorted(knots, values) - 1, 0, len(knots) - 2)
    return index, np.clip((values - knots[index]) / np.maximum(knots[index + 1] - knots[index], 1e-6), 0, 1)


def close(xp, points, lids: Lids, centre, radius, closure):
    """New positions [R, 3] of one eye's lid points, from the surface `points` [N, 3] before any closing."""
    top, bottom = points[lids.upper] - centre, points[lids.lower] - centre
    gap = (xp.arcsin(top[:, 1] / _norm(xp, top)) - lids.facing @ xp.arcsin(bottom[:, 1] / _norm(xp, bottom))
           + SEAL * closure)
    zero = gap * 0
    turn = closure * xp.maximum(gap, zero) + xp.minimum(gap, zero)  # lids that would cross are pushed apart
    theta = (turn[lids.column] * (1 - lids.share) + turn[lids.column + 1] * lids.share) * lids.weight
    arm = points[lids.rows] - centre
    distance = _norm(xp, arm)
    elevation = xp.arcsin(arm[:, 1] / distance) - theta
    distance = xp.maximum(distance, lids.floor * radius)
    across = distance * xp.cos(elevation) / xp.sqrt(arm[:, 0] ** 2 + arm[:, 2] ** 2 + 1e-12)
    return centre + xp.stack([arm[:, 0] * across, distance * xp.sin(elevation), arm[:, 2] * across], 1)


def _norm(xp, vectors):
    return xp.sqrt((vectors * vectors).sum(1) + 1e-14)
