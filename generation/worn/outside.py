"""The skin that accessories lie on: the outside of a face with its expression, seen from its own skull.

The skull's frame is the head frame of the neutral bust: what is rigid on the head stands still in it, however the head
turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from threedpain.generation.geometry import vertex_normals
from threedpain.generation.head.bust import Bust, Face
from threedpain.generation.head.motion import landmarks
from threedpain.generation.records import MASK_CLASSES

from .near import Near

SKIN = tuple(MASK_CLASSES.index(name) for name in ("skin", "ears", "neck", "lips"))
STANDS_OFF = 0.005  # metres from the skull: what is ear
EARS, LIPS = MASK_CLASSES.index("ears"), MASK_CLASSES.index("lips")


@dataclass(frozen=True, eq=False)
class Ground:
    """What of a head is outside, for all its expressions."""

    bust: Bust
    faces: np.ndarray  # int32 [K, 3], the outer skin's, lips included
    rows: np.ndarray  # int64 [R], its vertices
    bald: np.ndarray  # int64 [B], those of them that lie on the skull
    ears: np.ndarray  # int64 [E], those of the ears that stand off it

    @classmethod
    def of(cls, bust: Bust) -> Ground:
        topology = bust.topology
        faces = topology.faces[np.isin(topology.face_class, SKIN) & (topology.face_part == 0)]
        rows = np.unique(faces)
        around = np.unique(topology.faces[topology.face_class == EARS])
        ears = np.concatenate([_standing_off(bust.vertices, faces, rows, around, side) for side in (1, -1)])
        return cls(bust, faces, rows, np.setdiff1d(rows, ears), ears)

    @cached_property
    def plain(self) -> np.ndarray:
        """Triangles int32 [O, 3] of the skin without those of the ears."""
        ear = np.zeros(len(self.bust.vertices), bool)
        ear[self.ears] = True
        return self.faces[~ear[self.faces].any(axis=1)]

    def at_rest(self) -> Outside:
        return Outside(self, self.bust.vertices)

    def of_face(self, face: Face) -> Outside:
        return Outside(self, (face.vertices - face.head_pose[:, 3]) @ face.head_pose[:, :3])


def _standing_off(
    vertices: np.ndarray, faces: np.ndarray, rows: np.ndarray, around: np.ndarray, side: int
) -> np.ndarray:
    """What of the skin's `rows` is the ear of one side itself: what stands off the skull, which is found as a smooth
    surface through the skin `around` the ear, whose mask class covers more than the ear."""
    around = around[vertices[around, 0] * side > 0]
    if not len(around):
        return around
    low, high = vertices[around].min(axis=0), vertices[around].max(axis=0)
    here = vertices[rows].astype(np.float64)
    inside = (here[:, 0] * side > 0.03) & ((here >= low) & (here <= high))[:, 1:].all(axis=1)
    rows, here = rows[inside], here[inside]
    facing = vertex_normals(vertices, faces)[rows, 0] * side > 0.85
    y, z = ((here - here.mean(axis=0)) / 0.03)[:, 1:].T
    terms = np.stack([np.ones(len(y)), y, z, y * y, z * z, y * z], axis=1)
    skull = facing
    for _ in range(6):
        off = here[:, 0] * side - terms @ np.linalg.lstsq(terms[skull], here[skull, 0] * side, rcond=None)[0]
        skull = facing & (off < max(0.0025, np.quantile(off[skull], 0.8)))
    ear = off > STANDS_OFF
    away = np.abs(here - np.median(here[ear], axis=0)) if ear.any() else np.zeros_like(here)
    return rows[ear & (away[:, 1] < 0.045) & (away[:, 2] < 0.03)]


class Outside:
    """The outer skin of one expression, metres, skull's frame."""

    def __init__(self, ground: Ground, vertices: np.ndarray) -> None:
        self.ground = ground
        self.vertices = np.asarray(vertices, np.float64)

    @cached_property
    def normals(self) -> np.ndarray:
        """Of the skin at each vertex of the head, float64 [V, 3]."""
        return vertex_normals(self.vertices, self.ground.faces).astype(np.float64)

    @cached_property
    def marks(self) -> np.ndarray:
        """The landmarks, [68, 3]."""
        return landmarks(self.ground.bust.topology, self.vertices)

    @cached_property
    def _whole(self) -> cKDTree:
        return cKDTree(self.vertices[self.ground.rows])

    @cached_property
    def _bald(self) -> cKDTree:
        return cKDTree(self.vertices[self.ground.bald])

    def forget(self) -> None:
        """Let go of the trees that heights were asked of, megabytes each; they grow again when they are needed."""
        for name in ("_whole", "_bald"):
            self.__dict__.pop(name, None)

    def near(self) -> Near:
        """What `height` wants to be quick about points that move a little between two questions."""
        return Near(self._whole)

    def height(self, points: np.ndarray, ears: bool = True, near: Near | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Signed height of points [N, 3] above the skin [N], and the skin's normals there [N, 3]: of the three nearest
        vertices, so that it changes smoothly. `ears=False`: above the skull, as if there were no ears. `near` remembers
        the same points from the last question; the answer is the same without it."""
        if near is not None:
            return self._above(points, self.ground.rows, *near.query(points))
        tree, rows = (self._whole, self.ground.rows) if ears else (self._bald, self.ground.bald)
        return self._above(points, rows, *tree.query(points, k=3))

    def _above(
        self, points: np.ndarray, rows: np.ndarray, away: np.ndarray, near: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        weight = 1 / (away + 1e-5)
        weight /= weight.sum(axis=1, keepdims=True)
        near = rows[near]
        normal = np.einsum("nk,nkd->nd", weight, self.normals[near])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        foot = np.einsum("nk,nkd->nd", weight, self.vertices[near])
        return np.einsum("nd,nd->n", points - foot, normal), normal

    def around(self, points: np.ndarray, count: int, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """Distances and rows [N, count] of the skin's vertices, ears left out, that are nearest to points [N, 3] and
        within `reach`; beyond, a distance is infinite and a row any."""
        away, near = self._bald.query(points, k=count, distance_upper_bound=reach)
        return away, self.ground.bald[np.minimum(near, len(self.ground.bald) - 1)]

    def below(self, points: np.ndarray) -> np.ndarray:
        """Rows of the skin's vertices, ears left out, that are nearest to points [N, 3]."""
        return self.ground.bald[self._bald.query(points)[1]]

    def push_out(
        self, points: np.ndarray, clearance: float | np.ndarray, ears: bool = True, near: Near | None = None
    ) -> np.ndarray:
        """Points moved along the skin's normal until they are `clearance` above it; `near` as for `height`."""
        height, normal = self.height(points, ears, near)
        return points + np.maximum(clearance - height, 0.0)[:, None] * normal
