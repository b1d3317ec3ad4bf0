"""The truth of a picture, from the fragments that made it: heat, classes, depth, landmarks, face box, regions.

A pixel's truth is that of one of its samples: the nearest one on the part of the person that most of its samples see.
"""

from __future__ import annotations

import numpy as np

from threedpain.generation.compiling import njit
from threedpain.generation.frames import project
from threedpain.generation.head.bust import Face
from threedpain.generation.head.motion import landmarks as landmark_points
from threedpain.generation.records import MASK_CLASSES, Camera
from threedpain.generation.render.raster.nearest import barycentric, centre
from threedpain.generation.render.shading.model import HEAT, PAINT, SKIN
from threedpain.limits import HEAT_STEP

from .surfaces import resting_landmarks
from .view import View

SKIN_CLASS, BROW_CLASS, HAIR_CLASS = (MASK_CLASSES.index(name) for name in ("skin", "brows", "hair"))
LIPS_CLASS = MASK_CLASSES.index("lips")
FRONT = 0.0  # metres: regions lie in front of the ears
BROW_OPACITY = 26000  # of 65535: from here a pixel of skin is brow
OFF = 0.006  # metres: a landmark is visible if one of the nine samples around it sees something as deep as it


@njit(cache=True, nogil=True)
def truth(
    winners, nearness, vertices, faces, uvs, material, face_class, table, texels, levels, mask, heatmap, depth, chosen
):
    """Fill mask uint8, heatmap uint8, depth float32 and the chosen face int32, all [S, S]; arguments as
    `shading.kernel.shade` takes them."""
    size = mask.shape[0]
    n = winners.shape[0] // size
    seen = np.empty(n * n, np.int32)
    part = np.empty(n * n, np.int32)
    for y in range(size):
        for x in range(size):
            mixed = False
            for dy in range(n):
                for dx in range(n):
                    f = winners[y * n + dy, x * n + dx]
                    seen[dy * n + dx] = f
                    part[dy * n + dx] = face_class[f] if f >= 0 else 0
                    mixed |= part[dy * n + dx] != part[0]
            best = 0
            if mixed:
                most = 0
                for s in range(n * n):
                    votes = 0
                    for t in range(n * n):
                        votes += part[s] == part[t]
                    nearer = nearness[y * n + s // n, x * n + s % n] > nearness[y * n + best // n, x * n + best % n]
                    if votes > most or (votes == most and nearer):
                        best, most = s, votes
            f = seen[best]
            down = best // n if mixed else 0
            yi, xi = y * n + down, x * n + best - down * n
            chosen[y, x], mask[y, x], heatmap[y, x], depth[y, x] = f, 0, 0, 0
            if f < 0:
                continue
            mask[y, x], depth[y, x] = face_class[f], 1 / nearness[yi, xi]
            if material[f] != SKIN:
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            px, py = centre(xi, size * n), centre(yi, size * n)
            b0, b1, b2 = barycentric(px, py, vertices, i0, i1, i2)
            if b0 * table[i0, PAINT] + b1 * table[i1, PAINT] + b2 * table[i2, PAINT] > 0.5:
                mask[y, x] = HAIR_CLASS
                continue
            heat = b0 * table[i0, HEAT] + b1 * table[i1, HEAT] + b2 * table[i2, HEAT]
            heatmap[y, x] = min(int(heat / HEAT_STEP + 0.5), 255)
            if mask[y, x] == SKIN_CLASS:
                u = b0 * uvs[f, 0, 0] + b1 * uvs[f, 1, 0] + b2 * uvs[f, 2, 0]
                v = b0 * uvs[f, 0, 1] + b1 * uvs[f, 1, 1] + b2 * uvs[f, 2, 1]
                start, height, width = levels[1, 0], levels[1, 1], levels[1, 2]
                i, j = min(max(int((1 - v) * height), 0), height - 1), min(max(int(u * width), 0), width - 1)
                if texels[start + i * width + j, 3] > BROW_OPACITY:
                    mask[y, x] = BROW_CLASS


def landmarks(view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """68 landmarks: pixels float32 [68, 2], camera-frame metres float32 [68, 3], visible bool [68] by depth test, and
    not under an accessory."""
    posed, camera, nearness = view.posed, view.camera, view.nearness
    topology, face = posed.face.bust.topology, posed.face
    points = landmark_points(topology, face.vertices.astype(np.float64))
    pixels, seen = project(camera, points)
    samples = len(nearness)
    column, row = np.floor(pixels * (samples / camera.size)).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < samples) & (row < samples)
    column, row = np.clip(column, 1, samples - 2), np.clip(row, 1, samples - 2)
    around = np.stack([nearness[row + dy, column + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    off = np.abs(np.where(around > 0, 1 / np.maximum(around, 1e-9), np.inf) - seen[:, 2])
    if posed.surfaces.worn:  # lies on the skin itself: depth alone would not see it
        hits = np.stack([view.winners[row + dy, column + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
        off[hits >= len(posed.surfaces.faces) - len(posed.surfaces.worn.mesh.faces)] = np.inf
    return pixels.astype(np.float32), seen.astype(np.float32), inside & (off.min(0) < OFF)


def face_box(face: Face, camera: Camera, pixels: np.ndarray) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 tight over the landmarks and the forehead up to the hairline of the head without hair, in pixels.

    Labels do not hang on hair, so `worn.scalp.LOWER` has no part in this: hair begins 7 mm (women) or 4 mm (men) lower.
    """
    forehead, _ = project(camera, face.vertices[_hairline(face)])
    points = np.concatenate([pixels, forehead])
    return (*points.min(0).astype(float).tolist(), *points.max(0).astype(float).tolist())


def _hairline(face: Face) -> np.ndarray:
    """Vertices of the forehead below the hairline: above the brows, between the temples, scalp weight under a half."""
    bust, topology = face.bust, face.bust.topology
    marks = resting_landmarks(bust)
    x, y, z = bust.vertices.T
    brows = marks[17:27, 1].max()
    inside = (np.abs(x) < 0.8 * np.abs(marks[[17, 26], 0]).max()) & (y > brows) & (z > marks[[17, 26], 2].min() - 0.02)
    return np.flatnonzero(inside & (topology.scalp < 0.5) & (topology.body < 0.5))


def regions(view: View, mask: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Action-unit regions uint8 [S, S]: 1 + index into facs.REGIONS, 0 elsewhere; they lie on the skin and move with
    it."""
    posed, bust = view.posed, view.posed.face.bust
    cells, low, step = posed.surfaces.head.region_map
    result = np.zeros(mask.shape, np.uint8)
    _region(chosen, view.vertices, posed.surfaces.faces, bust.vertices, mask, cells, low, np.float32(step), result)
    return result


@njit(cache=True, nogil=True)
def _region(chosen, vertices, faces, rest, mask, cells, low, step, result):
    size = len(mask)
    for y in range(size):
        for x in range(size):
            if mask[y, x] != SKIN_CLASS and mask[y, x] != BROW_CLASS and mask[y, x] != LIPS_CLASS:
                continue
            f = chosen[y, x]
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            a, b, c = barycentric(centre(x, size), centre(y, size), vertices, i, j, k)
            if a * rest[i, 2] + b * rest[j, 2] + c * rest[k, 2] < FRONT:
                continue
            column = int((a * rest[i, 0] + b * rest[j, 0] + c * rest[k, 0] - low[0]) / step)
            row = int((a * rest[i, 1] + b * rest[j, 1] + c * rest[k, 1] - low[1]) / step)
            if 0 <= row < cells.shape[0] and 0 <= column < cells.shape[1]:
                result[y, x] = cells[row, column]
