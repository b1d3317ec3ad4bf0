"""The truth of a picture, from the fragments that made it: heat, classes, depth, landmarks, face box, regions.

A pixel's truth is that of one of its samples: the nearest sample of the class that most of its samples have.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from threedpain.generation.camera import project
from threedpain.generation.records import MASK_CLASSES, Camera, Face
from threedpain.generation.shade import CLOTH, HAIR, SKIN
from threedpain.generation.surfaces import Posed

HEAT_STEP = 0.05  # mm a level
BROW, HAIR_CLASS, FACIAL = (MASK_CLASSES.index(name) for name in ("brows", "hair", "facial_hair"))
OCCLUDED = 0.006  # metres: a landmark this far behind what the picture shows is hidden


@njit(cache=True, nogil=True)
def truth(winners, zbuf, corners, xs, ys, faces, uvs, material, face_class, table, texels, levels, mask, heatmap, depth, chosen):
    """Fill mask uint8, heatmap uint8, depth float32 and the chosen face int32, all [S, S]."""
    size = mask.shape[0]
    n = winners.shape[0] // size
    classes = np.zeros(n * n, np.int64)
    heats = np.zeros(n * n, np.float32)
    for y in range(size):
        for x in range(size):
            for s in range(n * n):
                yi, xi = y * n + s // n, x * n + s % n
                f = winners[yi, xi]
                classes[s] = 0
                heats[s] = 0
                if f < 0:
                    continue
                classes[s] = face_class[f]
                kind = material[f]
                if kind == HAIR or kind == CLOTH:
                    continue
                px, py, c = xs[xi], ys[yi], corners[f]
                b0 = ((px - c[1, 0]) * (c[2, 1] - c[1, 1]) - (py - c[1, 1]) * (c[2, 0] - c[1, 0])) / c[0, 2]
                b1 = ((px - c[2, 0]) * (c[0, 1] - c[2, 1]) - (py - c[2, 1]) * (c[0, 0] - c[2, 0])) / c[1, 2]
                b2 = ((px - c[0, 0]) * (c[1, 1] - c[0, 1]) - (py - c[0, 1]) * (c[1, 0] - c[0, 0])) / c[2, 2]
                total = b0 + b1 + b2
                b0, b1, b2 = b0 / total, b1 / total, b2 / total
                i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
                if kind == SKIN:
                    heats[s] = b0 * table[i0, 10] + b1 * table[i1, 10] + b2 * table[i2, 10]
                    paint = b0 * table[i0, 11] + b1 * table[i1, 11] + b2 * table[i2, 11]
                    if classes[s] == 1:
                        u = b0 * uvs[f, 0, 0] + b1 * uvs[f, 1, 0] + b2 * uvs[f, 2, 0]
                        v = b0 * uvs[f, 0, 1] + b1 * uvs[f, 1, 1] + b2 * uvs[f, 2, 1]
                        start, height, width = levels[1, 0], levels[1, 1], levels[1, 2]
                        i = min(max(int((1 - v) * height), 0), height - 1)
                        j = min(max(int(u * width), 0), width - 1)
                        if texels[start + i * width + j, 3] > 26000:
                            classes[s] = BROW
                    if paint > 0.5:
                        classes[s] = HAIR_CLASS
                        heats[s] = 0
            best = most = 0
            for s in range(n * n):
                votes = 0
                for t in range(n * n):
                    if classes[t] == classes[s]:
                        votes += 1
                yi, xi = y * n + s // n, x * n + s % n
                nearer = classes[s] > 0 and zbuf[yi, xi] < zbuf[y * n + best // n, x * n + best % n]
                if votes > most or (votes == most and nearer):
                    best, most = s, votes
            yi, xi = y * n + best // n, x * n + best % n
            mask[y, x] = classes[best]
            chosen[y, x] = winners[yi, xi]
            depth[y, x] = zbuf[yi, xi] if classes[best] > 0 else 0
            heatmap[y, x] = min(int(heats[best] / HEAT_STEP + 0.5), 255)


def landmarks(posed: Posed, camera: Camera, zbuf: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """68 landmarks: pixels float32 [68, 2], camera-frame metres float32 [68, 3], visible bool [68] by depth test."""
    topology, face = posed.face.bust.topology, posed.face
    corners = topology.faces[topology.landmark_faces]
    points = np.einsum("lij,li->lj", face.vertices[corners].astype(np.float64), topology.landmark_barycentric)
    pixels, seen = project(camera, points)
    n = len(zbuf) // camera.size
    column, row = np.floor(pixels * n).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < len(zbuf)) & (row < len(zbuf))
    column, row = np.clip(column, 1, len(zbuf) - 2), np.clip(row, 1, len(zbuf) - 2)
    around = np.stack([zbuf[row + dy, column + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    farthest = np.where(around < 0, np.inf, around).max(0)
    return pixels.astype(np.float32), seen.astype(np.float32), inside & (seen[:, 2] < farthest + OCCLUDED)


def face_box(face: Face, camera: Camera, pixels: np.ndarray) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 tight over the landmarks and the forehead up to the hairline, in pixels."""
    forehead, _ = project(camera, face.vertices[_hairline(face)])
    points = np.concatenate([pixels, forehead])
    return (*points.min(0).astype(float).tolist(), *points.max(0).astype(float).tolist())


def _hairline(face: Face) -> np.ndarray:
    """Vertices of the forehead below the hairline: above the brows, between the temples, scalp weight under a half."""
    bust, topology = face.bust, face.bust.topology
    corners = bust.vertices[topology.faces[topology.landmark_faces]]
    marks = np.einsum("lij,li->lj", corners, topology.landmark_barycentric)
    x, y, z = bust.vertices.T
    brows = marks[17:27, 1].max()
    inside = (np.abs(x) < 0.8 * np.abs(marks[[17, 26], 0]).max()) & (y > brows) & (z > marks[[17, 26], 2].min() - 0.02)
    return np.flatnonzero(inside & (topology.scalp < 0.5) & (topology.body < 0.5))
