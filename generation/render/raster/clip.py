"""Near-plane clipping before rasterization, and the way back, as PyTorch3D does them.

A triangle with two corners behind the plane becomes a smaller one; with one corner behind, two triangles that know
each other as neighbours. Afterwards face indices and barycentric coordinates refer to the original triangles again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .settings import RasterizationSettings


@dataclass(frozen=True)
class Clipped:
    corners: np.ndarray  # float32 [G, 3, 3]
    counts: np.ndarray  # int64 [N], triangles per mesh
    neighbours: np.ndarray  # int64 [G], the other half of a split triangle, else -1
    original: np.ndarray | None  # int64 [G], None: nothing was clipped
    conversion: np.ndarray | None  # float32 [G, 3, 3]: barycentric coordinates of the original = conversion @ clipped


def clip(corners: np.ndarray, counts: np.ndarray, settings: RasterizationSettings) -> Clipped:
    """corners float32 [F, 3, 3], counts int64 [N] -> the triangles in front of `z_clip_value`."""
    behind = np.zeros(corners.shape[:2], bool)
    if settings.z_clip_value is not None:
        behind = corners[:, :, 2] < np.float32(settings.z_clip_value)
    number = behind.sum(1)
    if not number.any():
        return Clipped(corners, counts, np.full(len(corners), -1, np.int64), None, None)
    pieces = np.array([1, 2, 1, 0])[number]
    ends = np.cumsum(pieces)
    starts = ends - pieces
    total = int(ends[-1])
    original = np.repeat(np.arange(len(corners)), pieces)
    result = corners[original]
    conversion = np.broadcast_to(np.eye(3, dtype=np.float32), (total, 3, 3)).copy()
    neighbours = np.full(total, -1, np.int64)
    perspective, plane = settings.perspective_correct, settings.z_clip_value
    cut = np.flatnonzero(number == 2)  # one corner remains
    if len(cut):
        (p1, _, _, p4, p5), (w1, _, _, w4, w5) = _crossings(corners[cut], (~behind[cut]).argmax(1), plane, perspective)
        result[starts[cut]] = np.stack((p4, p5, p1), 1)
        conversion[starts[cut]] = np.stack((w4, w5, w1), 2)
    split = np.flatnonzero(number == 1)  # two corners remain: a quadrilateral
    if len(split):
        (_, p2, p3, p4, p5), (_, w2, w3, w4, w5) = _crossings(
            corners[split], behind[split].argmax(1), plane, perspective
        )
        one, two = starts[split], starts[split] + 1
        result[one], result[two] = np.stack((p4, p2, p5), 1), np.stack((p5, p2, p3), 1)
        conversion[one], conversion[two] = np.stack((w4, w2, w5), 2), np.stack((w5, w2, w3), 2)
        neighbours[one], neighbours[two] = two, one
    mesh = np.repeat(np.arange(len(counts)), counts)
    left = np.bincount(mesh, weights=pieces, minlength=len(counts)).astype(np.int64)
    return Clipped(result, left, neighbours, original, conversion)


def unclip(clipped: Clipped, pix_to_face: np.ndarray, bary: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Face indices int64 [N, H, W, K] and barycentric coordinates [N, H, W, K, 3] in terms of the original
    triangles."""
    if clipped.original is None:
        return pix_to_face, bary
    hit = pix_to_face >= 0
    faces = pix_to_face[hit]
    pix_to_face[hit] = clipped.original[faces]
    bary[hit] = np.einsum("pij,pj->pi", clipped.conversion[faces], bary[hit])
    return pix_to_face, bary


def _crossings(corners: np.ndarray, lone: np.ndarray, plane: float, perspective: bool):
    """Points p1 (the lone corner), p2, p3, and p4, p5 where p1-p2 and p1-p3 cross the plane, each [T, 3], and the
    weights of each in the original triangle, [T, 3]."""
    plane = np.float32(plane)
    row = np.arange(len(corners))
    index = (lone, (lone + 1) % 3, (lone + 2) % 3)
    p1, p2, p3 = (corners[row, i] for i in index)
    weights = [np.zeros((len(corners), 3), np.float32) for _ in range(5)]
    for w, i in zip(weights, index, strict=False):  # p4 and p5 follow below
        w[row, i] = 1
    points = [p1, p2, p3]
    for other, i, w in ((p2, index[1], weights[3]), (p3, index[2], weights[4])):
        t = (p1[:, 2] - plane) / (p1[:, 2] - other[:, 2])
        rest = np.float32(1) - t
        point = p1 * rest[:, None] + other * t[:, None]
        if perspective:  # x and y are projected: cross in space, project again
            a, b = p1[:, :2] * p1[:, 2:], other[:, :2] * other[:, 2:]
            point[:, :2] = (a * rest[:, None] + b * t[:, None]) / plane
        w[row, index[0]], w[row, i] = rest, t
        points.append(point)
    return points, weights
