"""Hair that hangs lower than the ears falls to where down is for a head that lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from threedpain.generation.geometry import smoothstep
from threedpain.generation.head.bust import Bust

from .mesh import HairMesh
from .styles import HAIR
from .surface import Surface

LEVEL, FREE = 0.02, 0.1  # metres: hair held by the head ends at this height; so much lower it hangs as it likes
SWING = 62.0  # degrees from along the neck towards down; the pillow and the neck hold it back
BLOCKED = 0.35  # of the swing is left to hair on the side away from the pillow
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
    angle = np.radians(SWING) * held * smoothstep(below, 0.0, FREE)
    points += (below * np.sin(angle))[:, None] * toward
    points[:, 1] += below * (1 - np.cos(angle))
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
