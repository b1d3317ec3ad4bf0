"""Ways to comb head hair: which way it runs at a point of the head, and what is tied there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from threedpain.generation.geometry import smoothstep
from threedpain.generation.seeds import child

from .mesh import HairMesh
from .scalp import Scalp
from .strands import curled, hair_colour, ribbons
from .surface import waves

Comb = Callable[[np.ndarray, np.ndarray], np.ndarray]  # points and normals [N, 3] -> directions [N, 3]


def swept(scalp: Scalp, rng: np.random.Generator) -> Comb:
    """Short hair: brushed up and to one side on top, down at the sides, down behind."""
    side = float(rng.choice([-1.0, 1.0])) * rng.uniform(0.15, 0.8)
    forward = rng.uniform(-0.5, 0.9)
    if scalp.hair.style == "receding":  # what is left lies back along the head: it would stand up at its edge
        side, forward = 0.2 * side, -0.8

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
    start = scalp.centre + scalp.half * np.array([0.0, scalp.tied, -1.15])
    near = scalp.surface.nearest(start[None])[0]
    return scalp.surface.vertices[near] + 0.012 * scalp.surface.normals[near]


def tie(scalp: Scalp, kind: int, rng: np.random.Generator) -> HairMesh:
    """A bun, or a tail falling from the knot; faces of this class."""
    surface, hair = scalp.surface, scalp.hair
    place, count = knot_place(scalp), 110
    out = place - scalp.centre - [0, 0.4 * scalp.half[1], 0]
    out /= np.linalg.norm(out)
    t = np.linspace(0, 1, 10)[None, :, None]
    if hair.length < 0.5 or hair.curl > 0.6:  # a bun: loops over a ball
        radius = 0.022 + 0.016 * hair.density + 0.014 * hair.curl
        centre = place + (0.55 * radius) * out
        axis = rng.normal(size=(count, 3)) * 0.5 + out
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        first = np.cross(axis, rng.normal(size=(count, 3)))
        first /= np.linalg.norm(first, axis=1, keepdims=True)
        second = np.cross(axis, first)
        angle = 2.6 * t
        tilt = rng.uniform(-0.6, 0.6, (count, 1, 1))
        around = np.cos(angle) * first[:, None] + np.sin(angle) * second[:, None] + tilt * axis[:, None]
        around /= np.linalg.norm(around, axis=2, keepdims=True)
        curves = centre + radius * rng.uniform(0.88, 1.06, (count, 1, 1)) * around
        normals = around
    else:
        spread = rng.normal(0, 1, (count, 1, 3)) * [0.016, 0.008, 0.010]
        length = 0.14 + 0.16 * hair.length
        fall = np.array([0, -1.0, 0]) * t**1.3 * length + out * (0.035 * np.sin(np.minimum(t * 3.0, 1.57)))
        curves = place + fall + spread * np.sqrt(t) * (1 - 0.4 * t)
        curves = curled(surface.push_out(curves.reshape(-1, 3), 0.012).reshape(curves.shape), hair.curl, rng)
        normals = spread + 0.02 * out + 0 * curves
        normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    colours = hair_colour(hair, rng, count)
    return ribbons(
        surface,
        curves,
        normals,
        rng.uniform(0.007, 0.013, count),
        colours,
        kind,
        rng,
        opacity=(1.0, 0.6),
        occlusion=(0.7, 0.95),
        depth=rng.random(count),
    )


def along(want: np.ndarray, normals: np.ndarray, lift: float, falling: np.ndarray | float = 0.0) -> np.ndarray:
    """A direction laid onto the surface, except where hair falls freely."""
    into = np.einsum("nd,nd->n", want, normals)
    free = np.broadcast_to(falling, into.shape)
    direction = want - (into * (1 - free))[:, None] * normals + lift * normals * (1 - free)[:, None]
    return direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)


COMBS = {"swept": swept, "slick": slick}
