"""Who sees the sky and who sees a lamp: ambient occlusion and soft key shadows per vertex, from depth maps of the same
rasterizer."""

from __future__ import annotations

import numpy as np

from threedpain.generation.compiling import njit
from threedpain.generation.render.raster.nearest import NO_TEST, nearest

DIRECTIONS = 24  # over the sphere, for ambient occlusion
AMBIENT_SIZE, SHADOW_SIZE = 96, 224  # texels of a depth map
GRAZING = -0.35  # cosine from which on a surface counts as turned away from the light


def sunflower(taps: int) -> np.ndarray:
    """Points evenly over the unit disc, float32 [taps, 2]."""
    radius, turn = np.sqrt((np.arange(taps) + 0.5) / taps), 2.399963 * np.arange(taps)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1).astype(np.float32)


COARSE, FINE = sunflower(6), sunflower(16)


def ambient(vertices: np.ndarray, normals: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Share of the sky each vertex sees, cosine-weighted, float32 [V]: 1 open .. 0 buried."""
    i = np.arange(DIRECTIONS) + 0.5  # Fibonacci sphere
    y, turn = 1 - 2 * i / DIRECTIONS, np.pi * (1 + 5**0.5) * i
    directions = np.stack([np.sqrt(1 - y * y) * np.cos(turn), y, np.sqrt(1 - y * y) * np.sin(turn)], 1)
    seen, most = np.zeros(len(vertices), np.float32), np.zeros(len(vertices), np.float32)
    for direction in directions:
        shadow = DepthMap(direction, vertices, AMBIENT_SIZE)
        shadow.draw(faces, len(faces), NO_TEST)
        cosine = np.maximum(normals @ direction.astype(np.float32), 0)
        seen += cosine * shadow.visible(normals, 0.004, COARSE, turned=0.0)
        most += cosine
    return seen / np.maximum(most, 1e-6)


class DepthMap:
    """What a far light sees: an orthographic depth map [n, n] that covers the given vertices."""

    def __init__(self, direction, vertices: np.ndarray, size: int):
        towards = np.asarray(direction, np.float64) / np.linalg.norm(direction)
        across = np.cross([0.0, 1.0, 0.0] if abs(towards[1]) < 0.9 else [1.0, 0.0, 0.0], towards)
        across /= np.linalg.norm(across)
        self.axes = np.stack([across, np.cross(towards, across), -towards]).astype(np.float32)
        self.placed, self.radius = _place(vertices, self.axes)
        self.winners = np.full((size, size), -1, np.int32)
        self.nearness = np.zeros((size, size), np.float32)

    def draw(self, faces: np.ndarray, culled: int, test) -> None:
        nearest(self.placed, faces, culled, test, self.winners, self.nearness)

    def visible(self, normals: np.ndarray, spread: float, taps: np.ndarray, turned: float = GRAZING) -> np.ndarray:
        """Share of a disc of light of radius `spread` metres (on the map) that reaches each vertex, float32 [V]; 0
        where the cosine to the light is under `turned`."""
        reach = taps * np.float32(spread / self.radius)
        return _gather(self.placed, normals, self.axes, self.nearness, reach, self.radius, np.float32(turned))


@njit(cache=True, nogil=True, fastmath=True)
def _place(vertices, axes):
    """Vertices in the map's frame: x, y -1..1 and nearness, float32 [V, 3]; metres a unit of x."""
    placed = np.empty_like(vertices)
    low, high = np.full(3, np.float32(np.inf)), np.full(3, np.float32(-np.inf))
    for v in range(len(vertices)):
        for k in range(3):
            at = vertices[v, 0] * axes[k, 0] + vertices[v, 1] * axes[k, 1] + vertices[v, 2] * axes[k, 2]
            placed[v, k] = at
            low[k] = min(low[k], at)
            high[k] = max(high[k], at)
    radius = max(high[0] - low[0], high[1] - low[1]) * np.float32(0.51)
    x, y, scale = np.float32(0.5) * (low[0] + high[0]), np.float32(0.5) * (low[1] + high[1]), np.float32(1) / radius
    farthest = high[2] + np.float32(0.1)
    for v in range(len(vertices)):
        placed[v, 0] = (placed[v, 0] - x) * scale
        placed[v, 1] = (placed[v, 1] - y) * scale
        placed[v, 2] = farthest - placed[v, 2]
    return placed, radius


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _gather(placed, normals, axes, nearness, taps, metres, turned):
    """Percentage-closer filtering over the taps, each compared with the receiver's tangent plane."""
    size = nearness.shape[0]
    half, one = np.float32(0.5 * size), np.float32(1)
    low, last, side = np.int32(0), np.int32(size - 1), np.int32(size)
    flat = nearness.ravel()
    result = np.zeros(len(placed), np.float32)
    for p in range(len(placed)):
        x, y, z = normals[p, 0], normals[p, 1], normals[p, 2]
        towards = -(x * axes[2, 0] + y * axes[2, 1] + z * axes[2, 2])
        if towards < turned:
            continue
        lean = metres / max(towards, np.float32(0.3))
        nx = (x * axes[0, 0] + y * axes[0, 1] + z * axes[0, 2]) * lean
        ny = (x * axes[1, 0] + y * axes[1, 1] + z * axes[1, 2]) * lean
        plane = placed[p, 2] + np.float32(0.003) + np.float32(1.5 / size) * lean
        free = 0
        for k in range(len(taps)):  # without a branch, so that the compiler takes many at once
            dx, dy = taps[k, 0], taps[k, 1]
            i = np.int32((one - placed[p, 1] - dy) * half)
            j = np.int32((one - placed[p, 0] - dx) * half)
            outside = (i < 0) | (j < 0) | (i > last) | (j > last)
            near = flat[min(max(i, low), last) * side + min(max(j, low), last)]
            free += outside | (plane - (dx * nx + dy * ny) > near)
        result[p] = np.float32(free) / np.float32(len(taps))
    return result
