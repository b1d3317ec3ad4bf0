"""Ways to comb head hair: which way it runs at a point of the head."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from threedpain.generation.geometry import smoothstep
from threedpain.generation.seeds import child

from .scalp import Scalp
from .surface import waves

Comb = Callable[[np.ndarray, np.ndarray], np.ndarray]  # points and normals [N, 3] -> directions [N, 3]


def swept(scalp: Scalp, rng: np.random.Generator) -> Comb:
    """Short hair: brushed up and to one side on top, down at the sides, down behind."""
    side = float(rng.choice([-1.0, 1.0])) * rng.uniform(0.15, 0.8)
    forward = rng.uniform(-0.5, 0.9)

    def comb(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        q = scalp.q(points)
        top = smoothstep(q[:, 1], 0.45, 0.8)[:, None]
        jitter = waves(points, child(0, "short waves"), 0.03)[:, None]
        over = np.array([side, 0.0, forward]) + 0.25 * jitter * np.array([1.0, 0, 0.4])
        down = np.stack([0.1 * jitter[:, 0], np.full(len(q), -1.0), np.full(len(q), -0.35)], axis=1)
        return along(top * over + (1 - top) * down, normals, 0.12)

    return comb


def slick(scalp: Scalp, rng: np.random.Generator) -> Comb:
    """Drawn tight towards the knot."""
    knot = knot_place(scalp)

    def comb(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        return along(knot - points, normals, 0.0)

    return comb


def knot_place(scalp: Scalp) -> np.ndarray:
    """Where hair is tied: at the back of the head, higher on some people."""
    high = -0.15 + 0.75 * child(scalp.hair.seed, "knot").random()
    start = scalp.centre + scalp.half * np.array([0.0, high, -1.15])
    near = scalp.surface.nearest(start[None])[0]
    return scalp.surface.vertices[near] + 0.012 * scalp.surface.normals[near]


def along(want: np.ndarray, normals: np.ndarray, lift: float, falling: np.ndarray | float = 0.0) -> np.ndarray:
    """A direction laid onto the surface, except where hair falls freely."""
    into = np.einsum("nd,nd->n", want, normals)
    free = np.broadcast_to(falling, into.shape)
    direction = want - (into * (1 - free))[:, None] * normals + lift * normals * (1 - free)[:, None]
    return direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)


COMBS = {"swept": swept, "slick": slick}
