"""Clear things in front of what is drawn: lenses and masks one sees through, with their tint, haze and reflections.

They have depth and are hidden by what lies before them, but nothing of the truth changes behind them: what can be seen
keeps its label.
"""

from __future__ import annotations

import numpy as np

from threedpain.generation.records import Light
from threedpain.generation.render.shading.model import KEYS, NORMAL, POSITION
from threedpain.generation.scene.light import sh_basis
from threedpain.generation.worn.mesh import strand_pattern

from .backends import Backend
from .view import View

BARE = 0.04  # reflectance of plastic and glass at normal incidence
ROUGH = 0.06  # alpha of their highlight, before the lamp's own size


def look_through(view: View, radiance: np.ndarray, light: Light, backend: Backend) -> np.ndarray:
    """Radiance [S, S, 3] with the panes before it."""
    surfaces = view.posed.surfaces
    worn = surfaces.worn
    if worn is None or not len(worn.panes):
        return radiance
    first = len(view.vertices) - len(worn.mesh.vertices)
    faces = worn.panes + np.int32(first)
    ranks = np.ascontiguousarray(strand_pattern()[:, :, 0])
    samples, size = len(view.winners), len(radiance)
    n = samples // size
    winners, nearness = backend.visibility(view.vertices, faces, (0, worn.opacity, ranks), samples)
    rows, columns = np.nonzero((winners >= 0) & (nearness > view.nearness))
    if not len(rows):
        return radiance
    pixels, which = np.unique(rows // n * size + columns // n, return_inverse=True)
    share = np.bincount(which) / n**2
    one = np.empty(len(pixels), np.int64)
    one[which[::-1]] = np.arange(len(rows))[::-1]  # the first sample of each pixel speaks for it
    y, x = rows[one], columns[one]
    face = winners[y, x]
    weights = _weights(x, y, samples, view.vertices, faces[face])
    known = np.einsum("pk,pkc->pc", weights, view.posed.table[faces[face], :6])
    eye = -view.camera.R.T @ view.camera.t
    towards = _unit(eye - known[:, POSITION])
    normal = _unit(known[:, NORMAL])
    normal *= np.where((normal * towards).sum(axis=1) < 0, -1.0, 1.0)[:, None]
    cosine = np.clip((normal * towards).sum(axis=1), 0.02, 1)
    fresnel = worn.gloss[face] * (BARE + (1 - BARE) * (1 - cosine) ** 5)
    mirrored = 2 * cosine[:, None] * normal - towards
    glare = fresnel[:, None] * _sky(mirrored, light)
    for key in light.keys[:KEYS]:
        lamp = np.asarray(key.direction, np.float64)
        half = _unit(lamp + towards)
        alpha = (ROUGH + 0.25 * key.softness) ** 2
        nh = np.clip((normal * half).sum(axis=1), 0, 1)
        lit = np.clip(normal @ lamp, 0, 1)
        lobe = alpha / np.pi / (nh**2 * (alpha - 1) + 1) ** 2
        glare += (worn.gloss[face] * BARE * lobe * lit * np.pi * 0.25)[:, None] * np.asarray(key.colour)
    scattered = worn.haze[face][:, None] * _sky(normal, light)
    for key in light.keys[:KEYS]:
        lit = np.clip(normal @ np.asarray(key.direction), 0, 1)
        scattered += (worn.haze[face] * lit)[:, None] * np.asarray(key.colour)
    flat = radiance.reshape(-1, 3).astype(np.float64)
    through = flat[pixels] * worn.clear[face] ** (1 / np.maximum(cosine, 0.35))[:, None] * (1 - fresnel)[:, None]
    flat[pixels] += share[:, None] * (through + scattered + glare - flat[pixels])
    return flat.reshape(radiance.shape).astype(np.float32)


def _weights(x, y, samples: int, vertices: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Weights [P, 3] in space of the corners of triangles [P, 3] at samples (x, y)."""
    px, py = 1 - (2 * x + 1) / samples, 1 - (2 * y + 1) / samples
    a, b, c = vertices[corners].astype(np.float64).transpose(1, 0, 2)

    def edge(p, q):
        return (p[:, 0] - px) * (q[:, 1] - py) - (p[:, 1] - py) * (q[:, 0] - px)

    weights = np.stack([edge(b, c) * a[:, 2], edge(c, a) * b[:, 2], edge(a, b) * c[:, 2]], axis=1)
    total = weights.sum(axis=1, keepdims=True)
    return weights / np.where(np.abs(total) < 1e-18, 1e-18, total)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _sky(directions: np.ndarray, light: Light) -> np.ndarray:
    """The environment's irradiance / pi on normals [P, 3] -> [P, 3]."""
    return np.maximum(sh_basis(directions) @ light.environment, 0)
