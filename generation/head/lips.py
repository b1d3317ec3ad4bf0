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
    """New heights [R] (y) of the lips' points, from the surface `points` [N, 3]."""
    places = points[lips.rows]
    x, y, z = places[:, 0], places[:, 1], places[:, 2]
    line = y[lips.before] * (1 - lips.between) + y[lips.after] * lips.between
    overlap = xp.amax(line[:, 1] - line[:, 0] + SPARE, 0).clip(0, None)
    wide = xp.maximum(overlap[1:-1], xp.maximum(overlap[:-2], overlap[2:]))  # neighbours give way with the deepest
    y = _given(y, xp.concatenate([overlap[:1], wide, overlap[-1:]], 0), lips)

    apart = xp.stack([x, y, z], 1)
    found = _above(*(array if xp is np else array.detach().cpu().numpy() for array in (apart, lips.lower, lips.upper)))
    touching = np.flatnonzero(found >= 0)
    if not len(touching):
        return y
    face, below = lips.upper[found[touching]], lips.lower[touching]
    ax, az, bx, bz, cx, cz = (v[face[:, k]] - v[below] for k in range(3) for v in (x, z))
    weight = xp.stack([bx * cz - bz * cx, cx * az - cz * ax, ax * bz - az * bx], 1)
    height = (weight * y[face]).sum(1) / weight.sum(1)
    overlap = xp.concatenate([(y[below] - height + SPARE).clip(0, None), y[:1] * 0])
    row = np.full(len(found) + 1, len(touching))
    row[touching] = np.arange(len(touching))
    return _given(y, xp.amax(overlap[row[lips.near if xp is np else lips.near.cpu().numpy()]], 1), lips)


def _given(y, overlap, lips: Lips):
    """Heights [R] after giving way to overlaps [K]."""
    return y + lips.lift * (overlap[lips.column] * (1 - lips.share) + overlap[lips.column + 1] * lips.share)


@njit(cache=True)
def _above(places, lower, upper):
    """For each point of the lower lip the triangle of the upper lip's underside that it touches or has passed, straight
    over or under it, the highest of several; -1 for none. `places` [R, 3], `lower` [L], `upper` [F, 3] -> int [L]."""
    found = np.full(len(lower), -1)
    highest = np.full(len(lower), -np.inf)
    at = places[lower]
    for f in range(len(upper)):
        a, b, c = places[upper[f, 0]], places[upper[f, 1]], places[upper[f, 2]]
        area = (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2])
        if area >= 0:  # not turned downwards
            continue
        left, right = min(a[0], b[0], c[0]), max(a[0], b[0], c[0])
        back, front = min(a[2], b[2], c[2]), max(a[2], b[2], c[2])
        for i in range(len(at)):
            x, y, z = at[i, 0], at[i, 1], at[i, 2]
            if x < left or x > right or z < back or z > front:
                continue
            u = (b[0] - x) * (c[2] - z) - (b[2] - z) * (c[0] - x)
            v = (c[0] - x) * (a[2] - z) - (c[2] - z) * (a[0] - x)
            w = (a[0] - x) * (b[2] - z) - (a[2] - z) * (b[0] - x)
            if u >= 0 and v >= 0 and w >= 0:
                height = (u * a[1] + v * b[1] + w * c[1]) / (u + v + w)
                if abs(height - y) < REACH and height > highest[i]:
                    highest[i], found[i] = height, f
    for i in range(len(at)):
        if highest[i] - at[i, 1] > SPARE:
            found[i] = -1
    return found
