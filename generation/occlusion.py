"""Who sees the sky and who sees a lamp: ambient occlusion and soft key shadows per vertex, from depth maps of the same
rasterizer."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from threedpain.generation.raster_nearest import NO_TEST, nearest

DIRECTIONS = 24  # over the sphere, for ambient occlusion
AMBIENT_SIZE, SHADOW_SIZE = 96, 224  # texels of a depth map
TAPS = 16


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals float32 [V, 3], faces weighing by area."""
    return _normals(np.ascontiguousarray(vertices, np.float32), faces)


def ambient(vertices: np.ndarray, normals: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Share of the sky each vertex sees, cosine-weighted, float32 [V]: 1 open .. 0 buried."""
    i = np.arange(DIRECTIONS) + 0.5  # Fibonacci sphere
    y, turn = 1 - 2 * i / DIRECTIONS, np.pi * (1 + 5**0.5) * i
    directions = np.stack([np.sqrt(1 - y * y) * np.cos(turn), y, np.sqrt(1 - y * y) * np.sin(turn)], 1)
    seen, most = np.zeros(len(vertices), np.float32), np.zeros(len(vertices), np.float32)
    for direction in directions:
        shadow = DepthMap(direction, vertices, AMBIENT_SIZE)
        shadow.draw(vertices, faces, NO_TEST)
        cosine = np.maximum(normals @ direction.astype(np.float32), 0)
        seen += cosine * shadow.visible(vertices, normals, spread=0.004)
        most += cosine
    return seen / np.maximum(most, 1e-6)


class DepthMap:
    """What a far light sees: an orthographic depth map [n, n] that covers the given vertices."""

    def __init__(self, direction, vertices: np.ndarray, size: int):
        towards = np.asarray(direction, np.float64) / np.linalg.norm(direction)
        across = np.cross([0.0, 1.0, 0.0] if abs(towards[1]) < 0.9 else [1.0, 0.0, 0.0], towards)
        across /= np.linalg.norm(across)
        self.axes = np.stack([across, np.cross(towards, across), -towards]).astype(np.float32)
        placed = vertices @ self.axes.T
        low, high = placed.min(0), placed.max(0)
        self.centre = ((low + high) / 2).astype(np.float32)
        self.radius = np.float32(max(high[0] - low[0], high[1] - low[1]) / 2 * 1.02)
        self.farthest = np.float32(high[2] + 0.1)
        self.winners = np.full((size, size), -1, np.int32)
        self.nearness = np.zeros((size, size), np.float32)

    def draw(self, vertices: np.ndarray, faces: np.ndarray, test) -> None:
        nearest(self._place(vertices), faces, 0, test, self.winners, self.nearness)

    def visible(self, vertices: np.ndarray, normals: np.ndarray, spread: float) -> np.ndarray:
        """Share of a disc of light of radius `spread` metres (on the map) that reaches each vertex, float32 [V]."""
        return _gather(
            self._place(vertices), normals @ self.axes.T, self.nearness, np.float32(spread / self.radius), self.radius
        )

    def _place(self, vertices: np.ndarray) -> np.ndarray:
        placed = vertices @ self.axes.T
        placed[:, :2] = (placed[:, :2] - self.centre[:2]) / self.radius
        placed[:, 2] = self.farthest - placed[:, 2]
        return placed


@njit(cache=True, nogil=True)
def _gather(placed, normals, nearness, spread, scale):
    """Percentage-closer filtering over a sunflower of taps, each compared with the receiver's tangent plane."""
    size = nearness.shape[0]
    result = np.zeros(len(placed), np.float32)
    for p in range(len(placed)):
        nz = -normals[p, 2]  # towards the light
        if nz < -0.35:
            continue
        lean = max(nz, np.float32(0.3))
        free = 0
        for k in range(TAPS):
            radius = spread * np.float32(math.sqrt((k + 0.5) / TAPS))
            turn = np.float32(2.399963 * k)
            dx, dy = radius * np.float32(math.cos(turn)), radius * np.float32(math.sin(turn))
            i = int((np.float32(1) - placed[p, 1] - dy) * np.float32(0.5 * size))
            j = int((np.float32(1) - placed[p, 0] - dx) * np.float32(0.5 * size))
            if i < 0 or j < 0 or i >= size or j >= size:
                free += 1
                continue
            plane = placed[p, 2] - scale * (dx * normals[p, 0] + dy * normals[p, 1]) / lean
            if plane > nearness[i, j] - np.float32(0.003) - scale * np.float32(1.5 / size) / lean:
                free += 1
        result[p] = np.float32(free) / np.float32(TAPS)
    return result


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
        length = math.sqrt(result[v, 0] ** 2 + result[v, 1] ** 2 + result[v, 2] ** 2)
        if length > 0:
            result[v] /= np.float32(length)
        else:
            result[v, 2] = 1
    return result
