"""Plasters, bandages and tape: patches of the wearer's own skin, cut to shape and lifted off it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from threedpain.generation.geometry import averaging, smoothstep

from .outside import Outside
from .piece import MEDICAL, Piece

Lift = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of places (along, up) [N] in the patch: metres above the skin
PLASTERS = ((0.52, 0.33, 0.21), (0.60, 0.43, 0.31), (0.30, 0.17, 0.10), (0.66, 0.62, 0.56), (0.42, 0.30, 0.20))
TAPES = ((0.72, 0.71, 0.68), (0.62, 0.50, 0.40), (0.70, 0.68, 0.64))
GAUZE = (0.74, 0.73, 0.71)
STIFF = 12  # rounds over which neighbours of a patch move alike


def wear_patch(skin: Outside, name: str, rng: np.random.Generator) -> list[Piece]:
    """A plaster or a bandage at one brow or one cheek."""
    side = 0 if rng.random() < 0.5 else 1  # of the subject's right, of the left
    u = rng.uniform(size=4)
    turn = np.radians(70 * (u[0] - 0.5))
    marks = skin.marks
    if name.startswith("brow"):
        up = (marks[27] - marks[33]) * 0.16
        centre = marks[(18, 25)[side]] * 0.4 + marks[(19, 24)[side]] * 0.6 + up + [0, 0.006 * (u[1] - 0.5), 0]
    else:
        ear, nose, corner = marks[(1, 15)[side]], marks[(31, 35)[side]], marks[(48, 54)[side]]
        centre = 0.42 * ear + 0.32 * nose + 0.26 * corner
    if name.endswith("plaster"):
        size = ((0.072, 0.019), (0.056, 0.017), (0.038, 0.016), (0.038, 0.038))[int(4 * u[2])]
        colour = np.array(PLASTERS[int(len(PLASTERS) * u[3])])
        pad = 0.30 * size[0], 0.36 * size[1]
        return [patch(skin, centre, turn, size, lambda x, y: 0.0007 + 0.0007 * _within(x, y, pad, 0.003), colour)]
    fall = 0.009 if name.startswith("brow") else 0.03  # one at the brow spans the hollow of the eye, not its skin
    wide, tall = 0.026 + 0.010 * u[2], 0.022 + 0.008 * u[3]
    tape = np.array(TAPES[int(rng.integers(len(TAPES)))])

    def gauze(x, y):
        return 0.0007 + 0.0022 * _within(x, y, (wide / 2 - 0.003, tall / 2 - 0.003), 0.006)

    return [
        patch(skin, centre, turn, (wide + 0.018, tall + 0.014), lambda x, y: gauze(x, y) - 0.0002, tape, fall),
        patch(skin, centre, turn, (wide, tall), lambda x, y: gauze(x, y) + 0.0003, np.array(GAUZE), fall),
    ]


def patch(
    skin: Outside,
    centre: np.ndarray,
    turn: float,
    size: tuple[float, float],
    lift: Lift,
    colour: np.ndarray,
    fall: float = 0.03,
) -> Piece:
    """A rounded rectangle of `size` metres around the skin nearest to `centre`, turned by `turn` in the skin's
    plane; it ends where the skin falls off by more than `fall` metres."""
    ground = skin.ground
    foot = ground.rows[np.argmin(((skin.vertices[ground.rows] - centre) ** 2).sum(axis=1))]
    near = ground.rows[((skin.vertices[ground.rows] - skin.vertices[foot]) ** 2).sum(axis=1) < 0.012**2]
    out = skin.normals[near].mean(axis=0)
    out /= np.linalg.norm(out)
    right = np.cross([0.0, 1.0, 0.0], out)
    right /= np.linalg.norm(right)
    up = np.cross(out, right)
    right, up = np.cos(turn) * right + np.sin(turn) * up, np.cos(turn) * up - np.sin(turn) * right
    away = skin.vertices - skin.vertices[foot]
    x, y, z = away @ right, away @ up, away @ out
    level = np.maximum(_box(x, y, size, 0.004), -z - fall)
    here = (level < 0.004) & (skin.normals @ out > 0.0) & (np.abs(z) < 0.03)
    faces = ground.faces[here[ground.faces].all(axis=1)]
    rows, local = np.unique(faces, return_inverse=True)
    x, y, level = x[rows], y[rows], level[rows]
    high = lift(x, y)
    edge = np.exp(-(((level + 0.0012) / 0.001) ** 2))

    local = local.reshape(-1, 3).astype(np.int32)
    even = averaging(local, len(rows))

    def place(now: Outside) -> np.ndarray:
        """On the skin it was cut from; stiffer than skin, it bridges what folds and is pushed out by what bulges."""
        moved, normals = now.vertices[rows] - skin.vertices[rows], now.normals[rows]
        for _ in range(STIFF):
            moved, normals = even @ moved, even @ normals
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        points = skin.vertices[rows] + moved + high[:, None] * normals
        for _ in range(2):
            lack = np.maximum(high - now.height(points)[0], 0)
            for _ in range(3):
                lack = np.maximum(even @ lack, lack)
            points = points + lack[:, None] * normals
        return now.push_out(points, 0.6 * high)

    return Piece(
        place,
        local,
        MEDICAL,
        np.broadcast_to(colour, (len(rows), 3)) * (1 - 0.10 * edge)[:, None],
        finish="cloth",
        opacity=0.5 - level / 0.0009,
        occlusion=1 - 0.12 * edge,
    )


def _box(x: np.ndarray, y: np.ndarray, size: tuple[float, float], corner: float) -> np.ndarray:
    """Signed distance to a rounded rectangle, metres; below 0 inside."""
    a, b = np.abs(x) - size[0] / 2 + corner, np.abs(y) - size[1] / 2 + corner
    return np.hypot(np.maximum(a, 0), np.maximum(b, 0)) + np.minimum(np.maximum(a, b), 0) - corner


def _within(x: np.ndarray, y: np.ndarray, half: tuple[float, float], soft: float) -> np.ndarray:
    """1 inside a rectangle of these half sizes .. 0 `soft` metres outside it."""
    return 1 - smoothstep(_box(x, y, (2 * half[0], 2 * half[1]), 0.002), 0.0, soft)
