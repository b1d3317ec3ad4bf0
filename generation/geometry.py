"""Quad meshes: one level of Catmull-Clark as a sparse matrix, so that a basis on the cage is a basis on the surface."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from threedpain.generation.compiling import njit


@dataclass(frozen=True)
class Refined:
    """A quad mesh after one subdivision. Points are ordered: old vertices, then edge points, then quad centres."""

    matrix: sp.csr_matrix  # float32 [V', V]: new points from old
    quads: np.ndarray  # int32 [4 Q, 4]; the four children of quad q are 4 q .. 4 q + 3, child k holds its corner k


def refine(quads: np.ndarray, count: int, smooth: bool = True) -> Refined:
    """One subdivision of `quads` [Q, 4] over `count` points; `smooth=False` splits linearly (for UVs and masks).

    Rules of Catmull and Clark, Computer-Aided Design 10, 1978; borders follow the cubic B-spline rule.
    """
    quads = np.asarray(quads, np.int64)
    number = len(quads)
    ends = np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2)  # edge k of a quad: corner k to k + 1
    edges, edge_of = np.unique(np.sort(ends, axis=1), axis=0, return_inverse=True)
    edge_of = edge_of.reshape(number, 4)
    centres = sp.csr_matrix(
        (np.full(4 * number, 0.25), (np.repeat(np.arange(number), 4), quads.ravel())), shape=(number, count)
    )
    middles = sp.csr_matrix(
        (np.full(2 * len(edges), 0.5), (np.repeat(np.arange(len(edges)), 2), edges.ravel())), shape=(len(edges), count)
    )
    if smooth:
        old, middles = _smoothed(quads, count, edges, edge_of, centres, middles)
    else:
        old = sp.identity(count, format="csr")
    matrix = sp.vstack([old, middles, centres]).tocsr().astype(np.float32)
    matrix.sort_indices()

    corner, edge = quads, count + edge_of
    centre = np.repeat(count + len(edges) + np.arange(number), 4).reshape(number, 4)
    children = np.stack([corner, edge, centre, np.roll(edge, 1, axis=1)], axis=-1).reshape(-1, 4)
    return Refined(matrix, children.astype(np.int32))


def _smoothed(quads, count, edges, edge_of, centres, middles):
    number = len(quads)
    around_edge = sp.csr_matrix(
        (np.ones(4 * number), (edge_of.ravel(), np.repeat(np.arange(number), 4))), shape=(len(edges), number)
    )
    border = np.asarray(around_edge.sum(axis=1)).ravel() == 1
    inside = sp.diags((~border).astype(float))
    edge_points = inside @ (0.5 * middles + 0.25 * (around_edge @ centres)) + sp.diags(border.astype(float)) @ middles

    touch = sp.csr_matrix(
        (np.ones(2 * len(edges)), (edges.ravel(), np.repeat(np.arange(len(edges)), 2))), shape=(count, len(edges))
    )
    faces_of = sp.csr_matrix(
        (np.ones(4 * number), (quads.ravel(), np.repeat(np.arange(number), 4))), shape=(count, number)
    )
    valence = np.maximum(np.asarray(touch.sum(axis=1)).ravel(), 1)
    faces_at = np.maximum(np.asarray(faces_of.sum(axis=1)).ravel(), 1)
    on_border = np.asarray((touch @ border.astype(float)) > 0).ravel()
    smooth = (
        sp.diags(1 / (valence * faces_at)) @ (faces_of @ centres)
        + sp.diags(2 / valence**2) @ (touch @ middles)
        + sp.diags((valence - 3) / valence)
    )
    along = touch @ sp.diags(border.astype(float)) @ middles  # the two border neighbours' midpoints: 1/8, 6/8, 1/8
    crease = 0.25 * along + sp.identity(count) * 0.5
    free = np.asarray(faces_of.sum(axis=1)).ravel() == 0
    keep = sp.diags(free.astype(float))
    old = (
        sp.diags((~on_border & ~free).astype(float)) @ smooth
        + sp.diags((on_border & ~free).astype(float)) @ crease
        + keep
    )
    return old.tocsr(), edge_points.tocsr()


def quad_sides(quads: np.ndarray) -> np.ndarray:
    """The ends [4 Q, 2] of each side of quads [Q, 4]: first all sides from corner 0 to 1, last all from 3 to 0."""
    return np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])


def triangles(quads: np.ndarray) -> np.ndarray:
    """Two triangles a quad, [Q, 4] -> [2 Q, 3], in the order 2 q, 2 q + 1."""
    return quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)


def averaging(faces: np.ndarray, count: int) -> sp.csr_matrix:
    """Values [N] of `count` vertices of triangles [M, 3] -> their means with their neighbours', float64 [N, N]."""
    a, b = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
    graph = sp.csr_matrix((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), shape=(count, count))
    graph.data[:] = 1.0
    graph = graph + sp.identity(count)
    return sp.diags(1 / np.asarray(graph.sum(axis=1)).ravel()) @ graph


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation and shift that lay `source` over `target` [N, 3] with least squares (Umeyama, PAMI 13, 1991)."""
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, s, vt = np.linalg.svd((target - b).T @ (source - a))
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    turn = u @ sign @ vt
    scale = float((s * np.diag(sign)).sum() / ((source - a) ** 2).sum())
    return scale, turn, b - scale * turn @ a


def smoothstep(x: np.ndarray, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals float32 [V, 3], faces weighing by area."""
    return _normals(np.ascontiguousarray(vertices, np.float32), faces)


@njit(cache=True, nogil=True)
def _normals(vertices, faces):
    result = np.zeros_like(vertices)
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = vertices[j, 0] - vertices[i, 0], vertices[j, 1] - vertices[i, 1], vertices[j, 2] - vertices[i, 2]
        bx, by, bz = vertices[k, 0] - vertices[i, 0], vertices[k, 1] - vertices[i, 1], vertices[k, 2] - vertices[i, 2]
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for v in (i, j, k):
            result[v, 0] += nx
            result[v, 1] += ny
            result[v, 2] += nz
    for v in range(len(result)):
        length = np.float32(math.sqrt(result[v, 0] ** 2 + result[v, 1] ** 2 + result[v, 2] ** 2))
        if length > 0:
            for k in range(3):  # one by one: dividing the row takes two seconds more to compile
                result[v, k] /= length
        else:
            result[v, 2] = 1
    return result


def above(values: np.ndarray, faces: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of a mesh where `level` [N], linear within triangles [M, 3], is above 0: what is known of its vertices,
    [P, K] of `values` [N, K] and new ones on the edge, and its faces [Q, 3]. Vertices that no face uses go."""
    inside = level[faces] > 0
    count = inside.sum(axis=1)
    edge = np.flatnonzero((count == 1) | (count == 2))
    lone = np.where(count[edge] == 1, inside[edge].argmax(axis=1), inside[edge].argmin(axis=1))
    a, b, c = (faces[edge, (lone + k) % 3] for k in range(3))  # a is alone on its side
    other = np.stack([b, c])
    share = (level[a] / (level[a] - level[other]))[..., None]
    between = (values[a] * (1 - share) + values[other] * share).reshape(-1, values.shape[1])
    ab = len(values) + np.arange(len(edge))
    ac, one = ab + len(edge), count[edge] == 1
    parts = (
        faces[count == 3],
        np.stack([a, ab, ac], axis=1)[one],
        np.stack([ab, b, c], axis=1)[~one],
        np.stack([ab, c, ac], axis=1)[~one],
    )
    used, index = np.unique(np.concatenate(parts), return_inverse=True)
    return np.concatenate([values, between])[used], index.reshape(-1, 3)
