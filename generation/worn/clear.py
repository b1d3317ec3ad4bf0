"""The last step of every fit: what still lies in the skin is moved out of it, measured by the skin's triangles.

A fit asks the skin's nearest vertices (`Outside.height`), which is quick and smooth but misjudges skin that folds:
beside a nostril, in a frown, at the corner of a laughing mouth. There a point may be millimetres under the skin.
"""

from __future__ import annotations

import numpy as np

from .outside import Outside

DEEP = 0.0004  # metres under the skin that are left: what is pressed on gives way
FREE = 0.0003  # metres above the skin of what is moved out
NEAR = 4  # vertices around a point that are asked
REACH = 0.010  # metres to the skin's nearest vertex within which a point can lie in it
ROUNDS = 4


def cleared(skin: Outside, points: np.ndarray, enters: np.ndarray) -> np.ndarray:
    """Points [N, 3], those moved to the nearest place on the skin that lie in it; ears are no skin here, and what
    `enters` the body [N] stays."""
    asked = np.flatnonzero(~enters)
    for _ in range(ROUNDS if len(asked) else 0):
        away, near = skin.around(points[asked], NEAR, REACH)
        reached = np.isfinite(away[:, 0])
        asked, near = asked[reached], near[reached]
        over = np.einsum("nkd,nkd->nk", points[asked, None] - skin.vertices[near], skin.normals[near])
        doubtful = (over < 0).any(axis=1)
        asked = asked[doubtful]
        if not len(asked):
            break
        foot, normal, height = _above(skin, points[asked], near[doubtful])
        inside = height < -DEEP
        if not inside.any():
            break
        asked = asked[inside]
        points = points.copy()
        points[asked] = foot[inside] + FREE * normal[inside]
    return points


def _above(skin: Outside, points: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The nearest places [N, 3] of the triangles at the vertices `near` [N, K] to points [N, 3], the skin's normals
    there [N, 3], and how high the points are above it [N]: 0 where the skin ends."""
    here, rows = _triangles_at(skin.ground.plain, near)
    foot, weights = nearest_on(points[here], skin.vertices[rows])
    away = np.linalg.norm(points[here] - foot, axis=1)
    order = np.lexsort((away, here))
    best = order[np.r_[True, np.diff(here[order]) > 0]]  # every point has one: the vertices are of such triangles
    foot, weights, rows, away = foot[best], weights[best], rows[best], away[best]
    normal = np.einsum("nk,nkd->nd", weights, skin.normals[rows])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    height = away * np.sign(np.einsum("nd,nd->n", points - foot, normal))
    deep = np.flatnonzero(height < -DEEP)
    ends = _ends(skin.ground.plain, rows[deep].ravel()).reshape(-1, 3)
    height[deep[(weights[deep] * ends).sum(axis=1) > 0.999]] = 0
    return foot, normal, height


def _triangles_at(faces: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All triangles at the vertices `near` [N, K]: which of the N each is for [M], and its corners [M, 3]."""
    asked, place = np.unique(near, return_inverse=True)
    local = np.full(int(faces.max()) + 1, -1)
    local[asked] = np.arange(len(asked))
    at = local[faces]
    triangle, corner = np.nonzero(at >= 0)
    at = at[triangle, corner]
    order = np.argsort(at, kind="stable")
    counts = np.bincount(at, minlength=len(asked))
    first, place = np.cumsum(counts) - counts, place.ravel()
    here = np.repeat(np.arange(near.size) // near.shape[1], counts[place])
    number = np.arange(len(here)) - np.repeat(np.cumsum(counts[place]) - counts[place], counts[place])
    return here, faces[triangle[order[np.repeat(first[place], counts[place]) + number]]]


def _ends(faces: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Whether the triangles [F, 3] end at each of these vertices [N]: whose sides are not all shared by two."""
    here, corners = _triangles_at(faces, vertices[:, None])
    at = np.argmax(corners == vertices[here, None], axis=1)[:, None]
    after, before = (np.take_along_axis(corners, (at + k) % 3, axis=1).ravel() for k in (1, 2))
    order = (np.lexsort((ring, here)) for ring in (after, before))
    closed = np.ones(len(vertices), bool)
    np.logical_and.at(closed, here, np.equal(*(ring[k] for ring, k in zip((after, before), order, strict=True))))
    return ~closed


def nearest_on(points: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The place of each triangle [N, 3, 3] nearest to its point [N, 3], and that place's weights of the corners."""
    a, b, c = corners.transpose(1, 0, 2)
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (np.einsum("nd,nd->n", p, q) for p, q in ((ab, ab), (ab, ac), (ac, ac)))
    d20, d21 = np.einsum("nd,nd->n", ap, ab), np.einsum("nd,nd->n", ap, ac)
    scale = np.maximum(d00 * d11 - d01 * d01, 1e-24)
    v, w = (d11 * d20 - d01 * d21) / scale, (d00 * d21 - d01 * d20) / scale
    weights = np.stack([1 - v - w, v, w], axis=1)
    out = np.flatnonzero((weights < 0).any(axis=1))
    closest = np.full(len(out), np.inf)
    for i, j in ((0, 1), (1, 2), (2, 0)):  # the nearest place lies on a side
        p, side = corners[out, i], corners[out, j] - corners[out, i]
        away = points[out] - p
        share = np.einsum("nd,nd->n", away, side) / np.maximum(np.einsum("nd,nd->n", side, side), 1e-24)
        share = np.clip(share, 0, 1)
        distance = np.linalg.norm(away - share[:, None] * side, axis=1)
        nearer = distance < closest
        closest[nearer] = distance[nearer]
        rows = out[nearer]
        weights[rows] = 0
        weights[rows, i], weights[rows, j] = 1 - share[nearer], share[nearer]
    return np.einsum("nk,nkd->nd", weights, corners), weights
