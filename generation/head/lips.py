"""Lips press against each other instead of passing through: where they would overlap, both give way by half.

First as wholes, by the heights of three contact lines along either lip; then by what is left where the lips have slid
along each other, straight up from each point of the lower lip to the underside of the upper one. Written once for
numpy and torch (`xp`); the lines, and how far each point gives way, come from `build.lips`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, identity
from scipy.sparse.csgraph import dijkstra

from threedpain.generation.compiling import njit
from threedpain.generation.geometry import triangles
from threedpain.generation.records import MASK_CLASSES, PARTS

from .lids import chosen

SPARE = 2e-5  # metres left between closed lips
REACH = 6e-3  # metres: what lies deeper is no contact
RINGS = 6  # from the seam between lips and cavity outwards: these points can touch
BESIDE = 1.6  # columns to either side that give way with a point


@dataclass(frozen=True)
class Lips:
    """What may touch, and what then gives way, in K columns across the mouth."""

    before: Any  # int [3, 2, K]: three contact lines, upper and lower lip: place in `rows` of the point before a column
    after: Any  # int [3, 2, K]
    between: Any  # [3, 2, K]: share of the point after
    rows: Any  # int [R]: points of the smooth surface that give way
    lift: Any  # [R]: share of the overlap they rise (upper lip) or sink (lower lip, negative)
    column: Any  # int [R]: the column before each of them
    share: Any  # [R]: of the next column
    lower: Any  # int [L]: the lower lip's points that touch, as places in `rows`
    upper: Any  # int [F, 3]: the upper lip's triangles that touch, likewise
    near: Any  # int [K, M]: the lower lip's points by each column, as places in `lower`; L stands for none

    @staticmethod
    def none() -> Lips:
        """Of a head whose lips may pass through each other."""
        lines, rows, numbers = np.zeros((3, 2, 0), np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
        corners, near = np.zeros((0, 3), np.int64), np.zeros((0, 1), np.int64)
        return Lips(lines, lines, lines.astype(np.float32), rows, numbers, rows, numbers, rows, corners, near)

    @staticmethod
    def of(tensors: Mapping[str, np.ndarray], quads: np.ndarray) -> Lips:
        """From the head's asset and the smooth surface's `quads`."""
        rows, lift, column, share = (tensors[f"lip_{name}"] for name in ("row", "lift", "column", "share"))
        kind, part = (np.repeat(tensors[f"quad_{name}"], 8) for name in ("class", "part"))
        faces = triangles(quads.astype(np.int64))
        faces, kind = faces[part == PARTS.index("skin")], kind[part == PARTS.index("skin")]
        lips = faces[kind == MASK_CLASSES.index("lips")]
        seam = np.intersect1d(faces[kind == MASK_CLASSES.index("mouth")], lips)
        ends = np.concatenate([lips[:, [k, (k + 1) % 3]] for k in range(3)])
        count = quads.max() + 1
        ring = dijkstra(
            coo_matrix((np.ones(len(ends)), ends.T), (count, count)),
            directed=False,
            unweighted=True,
            indices=seam,
            min_only=True,
        )
        place, side = np.full(count, -1), np.zeros(count)
        place[rows], side[rows] = np.arange(len(rows)), lift
        upper = place[lips[(ring[lips] <= RINGS).all(axis=1) & (side[lips] > 0).all(axis=1)]]
        lower = place[(side < 0) & (ring >= 1) & (ring < RINGS)]
        across = column[lower] + share[lower]
        near = [np.flatnonzero(np.abs(across - k) <= BESIDE) for k in range(column.max() + 2)]
        table = np.full((len(near), max(map(len, near))), len(lower))
        for k, points in enumerate(near):
            table[k, : len(points)] = points
        return Lips(
            place[tensors["lip_before"]],
            place[tensors["lip_after"]],
            tensors["lip_between"],
            rows.astype(np.int64),
            lift,
            column.astype(np.int64),
            share,
            lower,
            upper,
            table,
        )


def closing(lips: Lips, smoothing: csr_matrix, surface: np.ndarray) -> csr_matrix:
    """Heights (y) of a cage [C] -> the same with the lips met: [C, C], linear, so that it closes a mean face and leaves
    shapes and directions nothing that parts it. `smoothing` [N, C] makes the smooth surface; on `surface` [N, 3], the
    mean's, is seen where the lips meet first."""
    count, columns = smoothing.shape[1], lips.before.shape[2]
    heights = surface[lips.rows, 1]
    line = heights[lips.before] * (1 - lips.between) + heights[lips.after] * lips.between
    first, every = (line[:, 0] - line[:, 1]).argmin(axis=0), np.arange(columns)
    gap = csr_matrix((columns, smoothing.shape[0]), dtype=np.float64)
    for lip, sign in ((0, 1.0), (1, -1.0)):
        share = lips.between[first, lip, every]
        for place, weight in ((lips.before, 1 - share), (lips.after, share)):
            row = lips.rows[place[first, lip, every]]
            gap = gap + coo_matrix((sign * weight, (every, row)), gap.shape)
    own = np.flatnonzero(lips.rows < count)  # the cage's vertices are the surface's first
    rows = np.tile(lips.rows[own], 2)
    column = np.concatenate([lips.column[own], lips.column[own] + 1])
    weight = np.tile(-lips.lift[own], 2) * np.concatenate([1 - lips.share[own], lips.share[own]])
    step = identity(count) + coo_matrix((weight, (rows, column)), (count, columns)) @ (gap @ smoothing)
    return (step @ step @ step).tocsr()  # the smooth surface follows the cage by halves


def part(xp, points, lips: Lips):
    """New heights [B, R] (y) of the lips' points, from surfaces `points` [B, N, 3]."""
    places = chosen(xp, points, lips.rows)
    y = places[..., 1]
    line = chosen(xp, y, lips.before) * (1 - lips.between) + chosen(xp, y, lips.after) * lips.between
    overlap = xp.amax(line[:, :, 1] - line[:, :, 0] + SPARE, 1).clip(0, None)
    wide = xp.maximum(overlap[:, 1:-1], xp.maximum(overlap[:, :-2], overlap[:, 2:]))  # neighbours: as the deepest
    y = _given(xp, y, xp.concatenate([overlap[:, :1], wide, overlap[:, -1:]], 1), lips)

    arrays = (places, y, lips.lower, lips.upper)
    found = _above(*(array if xp is np else array.detach().cpu().numpy() for array in arrays))
    who, touching = np.nonzero(found >= 0)
    if not len(touching):
        return y
    face, below, x, z = lips.upper[found[who, touching]], lips.lower[touching], places[..., 0], places[..., 2]
    ax, az, bx, bz, cx, cz = (v[who, face[:, k]] - v[who, below] for k in range(3) for v in (x, z))
    weight = xp.stack([bx * cz - bz * cx, cx * az - cz * ax, ax * bz - az * bx], 1)
    height = (weight * y[who[:, None], face]).sum(1) / weight.sum(1)
    overlap = xp.concatenate([(y[who, below] - height + SPARE).clip(0, None), y[0, :1] * 0])
    row = np.full((len(y), len(lips.lower) + 1), len(touching))
    row[who, touching] = np.arange(len(touching))
    near = row.take(lips.near if xp is np else lips.near.cpu().numpy(), 1)
    return _given(xp, y, xp.amax(overlap[near], -1), lips)


def _given(xp, y, overlap, lips: Lips):
    """Heights [B, R] after giving way to overlaps [B, K]."""
    before, after = chosen(xp, overlap, lips.column), chosen(xp, overlap, lips.column + 1)
    return y + lips.lift * (before * (1 - lips.share) + after * lips.share)


@njit(cache=True)
def _above(places, heights, lower, upper):
    """For each point of the lower lip the triangle of the upper lip's underside that it touches or has passed, straight
    over or under it, the highest of several; -1 for none. `places` [B, R, 3], of which x and z count, `heights` [B,
    R], `lower` [L], `upper` [F, 3] -> int [B, L]."""
    found = np.full((len(places), len(lower)), -1)
    for face in range(len(places)):
        _above_one(places[face, :, 0], heights[face], places[face, :, 2], lower, upper, found[face])
    return found


@njit(cache=True)
def _above_one(x, y, z, lower, upper, found):
    order = np.argsort(x[lower], kind="mergesort")
    below, highest = lower[order], np.full(len(lower), -np.inf)
    across = x[below]
    for f in range(len(upper)):
        a, b, c = upper[f]
        area = (z[b] - z[a]) * (x[c] - x[a]) - (x[b] - x[a]) * (z[c] - z[a])
        if area >= 0:  # not turned downwards
            continue
        right = max(x[a], x[b], x[c])
        back, front = min(z[a], z[b], z[c]), max(z[a], z[b], z[c])
        for i in range(np.searchsorted(across, min(x[a], x[b], x[c])), len(below)):
            at, deep = across[i], z[below[i]]
            if at > right:
                break
            if deep < back or deep > front:
                continue
            u = (x[b] - at) * (z[c] - deep) - (z[b] - deep) * (x[c] - at)
            v = (x[c] - at) * (z[a] - deep) - (z[c] - deep) * (x[a] - at)
            w = (x[a] - at) * (z[b] - deep) - (z[a] - deep) * (x[b] - at)
            if u >= 0 and v >= 0 and w >= 0:
                height = (u * y[a] + v * y[b] + w * y[c]) / (u + v + w)
                if abs(height - y[below[i]]) < REACH and height > highest[i]:
                    highest[i], found[order[i]] = height, f
    for i in range(len(below)):
        if highest[i] - y[below[i]] > SPARE:
            found[order[i]] = -1
