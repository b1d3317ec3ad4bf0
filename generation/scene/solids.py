"""Simple things that a line of sight can meet: boxes and cushions, each with folds in its surface.

A cushion is the solid x^4 + y^4 + z^2 <= 1, stretched: four sides, rounded corners, thin edges. All in one frame,
metres; directions need not be of unit length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from threedpain.generation.compiling import njit
from threedpain.generation.seeds import child

FAR = 1e9  # metres: nothing was met
_STEPS = 40  # of a line through a cushion before its surface is sought by halves


@dataclass(frozen=True)
class Solid:
    shape: str  # box, cushion
    centre: tuple[float, float, float]
    half: tuple[float, float, float]  # metres, along its own axes
    albedo: tuple[float, float, float]
    turn: tuple[tuple[float, float, float], ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))  # rows: its axes
    cloth: str = "smooth"  # smooth, creased (a sheet), pleated (a curtain)
    glow: float = 0.0  # radiance of its own


@dataclass(frozen=True)
class Seen:
    """What lines of sight meet first; rows as the lines."""

    distance: np.ndarray  # float64 [N], in units of each direction's length; FAR where nothing is
    which: np.ndarray  # int [N], index of the solid, -1 where nothing is
    points: np.ndarray  # float64 [N, 3]
    normals: np.ndarray  # float64 [N, 3], unit, folds included


def look(solids: list[Solid], origin: np.ndarray, rays: np.ndarray, seed: int) -> Seen:
    """The nearest of the solids along each ray [N, 3] from the origin [3]; the seed lays the folds."""
    distance, which = np.full(len(rays), FAR), np.full(len(rays), -1)
    normals = np.zeros_like(rays)
    for number, solid in enumerate(solids):
        turn, half = np.asarray(solid.turn, float), np.asarray(solid.half)
        start, along = turn @ (origin - np.asarray(solid.centre)) / half, rays @ turn.T / half
        met = (_cushion if solid.shape == "cushion" else _box)(start, along)
        nearer = np.flatnonzero(met < distance)
        if not len(nearer):
            continue
        distance[nearer], which[nearer] = met[nearer], number
        at = start + met[nearer, None] * along[nearer]
        slope = at**3 * [4, 4, 0] + at * [0, 0, 2] if solid.shape == "cushion" else np.sign(at) * _face(at)
        normal = slope / half
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        normals[nearer] = _folded(normal, at * half, solid.cloth, seed + number) @ turn
    points = origin + np.where(which >= 0, distance, 0.0)[:, None] * rays
    return Seen(distance, which, points, normals)


def _face(at: np.ndarray) -> np.ndarray:
    return np.abs(at) >= np.abs(at).max(axis=1, keepdims=True) - 1e-9


def _box(start: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Where rays [N, 3] enter the cube -1 .. 1 from outside, FAR if they do not."""
    step = np.where(np.abs(along) < 1e-12, 1e-12, along)
    one, two = (-1 - start) / step, (1 - start) / step
    enter, leave = np.minimum(one, two).max(axis=1), np.maximum(one, two).min(axis=1)
    return np.where((enter < leave) & (enter > 0), enter, FAR)


@njit(cache=True, nogil=True)
def _cushion(start, along):
    """The same for the cushion of half sizes 1."""
    result = np.full(len(along), FAR)
    for i in range(len(along)):
        dx, dy, dz = along[i]
        enter, leave = 0.0, FAR
        for k in range(3):
            step = along[i, k] if abs(along[i, k]) > 1e-12 else 1e-12
            one, two = (-1 - start[k]) / step, (1 - start[k]) / step
            enter, leave = max(enter, min(one, two)), min(leave, max(one, two))
        if enter >= leave:
            continue
        before = enter
        for n in range(1, _STEPS + 1):
            t = enter + (leave - enter) * n / _STEPS
            x, y, z = start[0] + t * dx, start[1] + t * dy, start[2] + t * dz
            if x * x * x * x + y * y * y * y + z * z < 1:
                low, high = before, t
                for _ in range(14):
                    t = 0.5 * (low + high)
                    x, y, z = start[0] + t * dx, start[1] + t * dy, start[2] + t * dz
                    if x * x * x * x + y * y * y * y + z * z < 1:
                        high = t
                    else:
                        low = t
                result[i] = high
                break
            before = t
    return result


def _folded(normal: np.ndarray, at: np.ndarray, cloth: str, seed: int) -> np.ndarray:
    """Unit normals [N, 3] tipped by the folds of the cloth at these places [N, 3], metres along the solid's axes."""
    if cloth == "smooth":
        return normal
    rng = child(seed, "folds")
    tip = np.zeros_like(normal)
    if cloth == "pleated":
        phase = rng.uniform(0, 2 * np.pi, 3)
        sway = 0.8 * np.sin(at[:, 0] * 9 + phase[1]) + 0.5 * np.sin(at[:, 0] * 23 + phase[2])
        tip[:, 0] = 0.55 * np.sin(at[:, 0] * 2 * np.pi / rng.uniform(0.09, 0.16) + sway + phase[0])
    else:
        for length in (0.3, 0.21, 0.15, 0.11, 0.08, 0.06, 0.045, 0.035):
            way = rng.normal(size=3)
            way /= np.linalg.norm(way)
            wander = 0.7 * np.sin(at @ rng.normal(size=3) * 14 + rng.uniform(0, 6))
            place = 0.5 + 0.5 * np.sin(at @ rng.normal(size=3) * 9 + rng.uniform(0, 6))  # creases come in patches
            wave = np.sin(at @ way * 2 * np.pi / length + wander + rng.uniform(0, 6))
            tip += rng.uniform(0.07, 0.2) * way * (place * wave * np.abs(wave))[:, None]  # broad hollows, narrow ridges
    normal = normal + tip - (tip * normal).sum(axis=1, keepdims=True) * normal
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)
