"""Hair that hangs lower than the ears falls to where down is for a head that lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from threedpain.generation.geometry import smoothstep
from threedpain.generation.head.bust import Bust
from threedpain.generation.seeds import child

from .mesh import HairMesh
from .styles import HAIR
from .surface import Surface, waves

LEVEL, FREE = 0.02, 0.2  # metres: hair held by the head ends at this height; so much lower it hangs as it likes
SWING = 62.0  # degrees from along the neck towards down; the pillow and the neck hold it back
LOCKS, APART = 0.03, 0.14  # metres across a lock, and how unlike in their swing they are: straight hair is no board
BLOCKED = 0.35  # of the swing is left to hair on the side away from the pillow
REACH = 0.09  # metres a lock falls before it lies on the pillow
SHOULDERS, RESTS = (0.1, 0.16), (0.01, 0.05)  # metres: so low and so near to the skin it lies on the shoulders
CARRIED = (0.0, 0.5)  # cosine of the skin under it with up: from there on the skin carries it and it stays
ABOVE = 0.005  # metres over the skin


def fallen(hair: HairMesh, bust: Bust, down: tuple[float, float, float]) -> HairMesh:
    """The hair of an upright head, its loose ends swung towards `down` [3], a unit vector across the head's height."""
    rows = np.unique(hair.faces[hair.face_class == HAIR])
    rows = rows[hair.vertices[rows, 1] < LEVEL]
    if not len(rows):
        return hair
    surface, toward = Surface(bust), np.asarray(down)
    points = hair.vertices[rows].astype(np.float64)
    below = LEVEL - points[:, 1]
    held = np.where(points @ toward < 0, BLOCKED, 1.0)  # head and neck are in the way
    held *= np.clip(1 + APART * waves(points * [1, 0, 1], child(0, "fallen"), LOCKS), 0.5, 1.3)
    height, out = surface.height(points)
    resting = smoothstep(below, *SHOULDERS) * (1 - smoothstep(height, *RESTS)) * smoothstep(-out @ toward, *CARRIED)
    swing = np.sin(np.radians(SWING) * held * smoothstep(below, 0.0, FREE)) * (1 - resting)
    bent = np.tanh(below * swing / REACH)
    points += (REACH * bent)[:, None] * toward
    points[:, 1] += below - np.sqrt(np.maximum(below**2 - (REACH * bent) ** 2, 0))
    angle = np.arcsin(swing * (1 - bent**2))  # from there on it lies along the pillow as it hung
    vertices, normals, tangents = hair.vertices.copy(), hair.normals.copy(), hair.tangents.copy()
    vertices[rows] = surface.push_out(points, ABOVE, through_ears=True)
    for directions in (normals, tangents):
        directions[rows] = _swung(directions[rows], toward, angle)
    return replace(hair, vertices=vertices, normals=normals, tangents=tangents)


def _swung(directions: np.ndarray, toward: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Directions [N, 3] turned by angles [N] from the head's own down to `toward`."""
    along, across = -directions[:, 1], directions @ toward
    c, s = np.cos(angle), np.sin(angle)
    turned = directions - across[:, None] * toward + (c * across + s * along)[:, None] * toward
    turned[:, 1] = -(c * along - s * across)
    return turned
