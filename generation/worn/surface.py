"""What hair and cloth lie on: the skin of a bust as an outer surface, its landmarks, and shells cut from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from threedpain.generation.geometry import averaging, vertex_normals
from threedpain.generation.head.bust import Bust
from threedpain.generation.head.motion import landmarks
from threedpain.generation.records import MASK_CLASSES

from .mesh import HairMesh

OUTER = tuple(MASK_CLASSES.index(name) for name in ("skin", "ears", "neck"))
EARS = MASK_CLASSES.index("ears")


class Surface:
    """The skin of a neutral bust seen from outside: no eyes, lips or cavities. Metres, head frame."""

    def __init__(self, bust: Bust) -> None:
        topology = bust.topology
        self.bust, self.vertices = bust, bust.vertices
        skin = np.isin(topology.face_class, OUTER) & (topology.face_part == 0)
        self.faces = topology.faces[skin]
        self.normals = vertex_normals(self.vertices, topology.faces)
        self.landmarks = landmarks(topology, self.vertices)
        self.ears = np.zeros(len(self.vertices), bool)
        self.ears[topology.faces[topology.face_class == EARS]] = True
        self.rows = np.unique(self.faces)

    @cached_property
    def skull(self) -> tuple[np.ndarray, np.ndarray]:
        """Centre [3] and half axes [3] of the box around the hair-bearing skin."""
        points = self.vertices[self.bust.topology.scalp > 0.5]
        low, high = points.min(axis=0), points.max(axis=0)
        low[1] = self.landmarks[17:27, 1].mean()  # the cranium alone: from the brows up
        centre, half = (low + high) / 2, (high - low) / 2
        return np.array([0.0, low[1], centre[2]]), np.array([half[0], high[1] - low[1], half[2]])

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.vertices[self.rows])

    @cached_property
    def _bald_tree(self) -> tuple[cKDTree, np.ndarray]:
        rows = self.rows[~self.ears[self.rows]]
        return cKDTree(self.vertices[rows]), rows

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """Rows of the nearest skin vertices."""
        return self.rows[self._tree.query(points)[1]]

    def blend(self, points: np.ndarray, values: np.ndarray) -> np.ndarray:
        """What `values` [V] are at points [N, 3] on the skin, between its vertices."""
        distance, near = self._tree.query(points, k=4)
        weight = 1 / (distance + 2e-4) ** 2
        return (weight * values[self.rows[near]]).sum(axis=1) / weight.sum(axis=1)

    def height(self, points: np.ndarray, through_ears: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Signed height above the skin [N] and the skin's normal there [N, 3]."""
        tree, rows = self._bald_tree if through_ears else (self._tree, self.rows)
        near = rows[tree.query(points)[1]]
        normal = self.normals[near]
        return np.einsum("nd,nd->n", points - self.vertices[near], normal), normal

    def push_out(self, points: np.ndarray, clearance, through_ears: bool = False) -> np.ndarray:
        """Points moved along the skin's normal until they are at least `clearance` above it."""
        height, normal = self.height(points, through_ears)
        return points + np.maximum(clearance - height, 0.0)[:, None] * normal

    def midline(self, weight: float, front: bool) -> np.ndarray:
        """The point of the neck's front or back midline with this neck weight."""
        v = self.vertices[self.rows]
        w = self.bust.neck_weight[self.rows]
        side = (v[:, 2] > self.bust.neck_pivot[2]) == front
        on = np.flatnonzero((np.abs(v[:, 0]) < 0.004) & side & (w > 0.001) & (w < 0.9))
        best = on[np.argmin(np.abs(w[on] - weight))]
        return np.array([0.0, *v[best, 1:]])

    def cut(self, keep: np.ndarray) -> Shell:
        """The part of the surface whose triangles have a vertex with `keep` [V]."""
        faces = self.faces[keep[self.faces].any(axis=1)]
        rows, local = np.unique(faces, return_inverse=True)
        return Shell(self, rows, local.reshape(-1, 3).astype(np.int32))


@dataclass(frozen=True)
class Shell:
    """A piece of the skin's surface to be lifted off: vertices are `rows` of the bust."""

    surface: Surface
    rows: np.ndarray  # int64 [N]
    faces: np.ndarray  # int32 [M, 3]

    @property
    def points(self) -> np.ndarray:
        return self.surface.vertices[self.rows]

    @property
    def normals(self) -> np.ndarray:
        return self.surface.normals[self.rows]

    @cached_property
    def smoother(self) -> sp.csr_matrix:
        """Averages over neighbours, float64 [N, N]."""
        return averaging(self.faces, len(self.rows))

    def smooth(self, values: np.ndarray, times: int) -> np.ndarray:
        for _ in range(times):
            values = self.smoother @ values
        return values

    def mesh(self, points: np.ndarray, kind: int, colour, **given) -> HairMesh:
        """A drawable mesh of this shell's triangles at `points`; what is not given takes sober defaults."""
        n, bust = len(points), self.surface.bust
        normals = vertex_normals(points.astype(np.float32), self.faces)
        flip = np.einsum("nd,nd->n", normals, self.normals) < -0.5
        normals[flip] *= -1
        down = np.array([0.0, -1.0, 0.0]) + normals * normals[:, 1:2]
        tangents = down / np.maximum(np.linalg.norm(down, axis=1, keepdims=True), 1e-6)
        values = {
            "normals": normals,
            "tangents": tangents,
            "uv": np.zeros((n, 2)),
            "opacity": np.ones(n),
            "occlusion": np.ones(n),
            "follow": bust.neck_weight[self.rows],
            "scalp": np.zeros(len(bust.vertices)),
            "scalp_colour": np.zeros(3),
            "shadow": np.ones(len(bust.vertices)),
        } | given
        return HairMesh(
            vertices=points.astype(np.float32),
            faces=self.faces,
            face_class=np.full(len(self.faces), kind, np.int8),
            colour=np.broadcast_to(colour, (n, 3)).astype(np.float32),
            anchor=given.pop("anchor", np.full(n, -1)).astype(np.int32),
            **{name: np.asarray(value, np.float32) for name, value in values.items() if name != "anchor"},
        )


def waves(points: np.ndarray, rng: np.random.Generator, wavelength: float, count: int = 6) -> np.ndarray:
    """Smooth noise of unit variance [N] at points [N, 3]: a few plane waves of about this length."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    k = 2 * np.pi / (wavelength * rng.uniform(0.7, 1.5, count))
    phase = rng.uniform(0, 2 * np.pi, count)
    return np.sqrt(2 / count) * np.sin(points @ (direction * k[:, None]).T + phase).sum(axis=1)
