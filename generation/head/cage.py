"""`CageHead`: what heads share whose shape and movements live on a coarse cage that one sparse matrix makes smooth.

Head frame: +x to the subject's left, +y up, +z out of the face, metres; the origin lies between the ears of the average
adult. Vertices of a bust: the smooth surface's, then the left and the right eyeball's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from threedpain import facs
from threedpain.generation.compiling import njit
from threedpain.generation.records import MASK_CLASSES, PARTS, Identity

from .bust import Topology
from .lids import Lids
from .lips import Lips
from .localise import fades
from .motion import UNITS, landmarks
from .teeth import Teeth

RINGS, SPOKES = 18, 32  # of an eyeball
EYE = tuple(PARTS.index(part) for part in ("eye_left", "eye_right"))
EYEBALL_COUNT = 1 + RINGS * SPOKES  # vertices of one


class CageHead:
    """The part of `bust.Head` that follows from a cage: its surface, eyeballs, and what the topology says of vertices.

    A head adds `__call__`, `draw` and `coarse`. C cage vertices, N vertices of the smooth surface, V of the bust.
    """

    def __init__(
        self,
        *,
        shape_names: tuple[str, ...],
        action_names: tuple[str, ...],
        cage: np.ndarray,
        smoothing: sp.csr_matrix,
        actions: np.ndarray,
        front: np.ndarray,
        front_spacing: np.ndarray,
        lids: tuple[Lids, Lids],
        lips: Lips,
        teeth: Teeth,
        neck_pivot: np.ndarray,
        neck_weight: np.ndarray,
        topology: Topology,
    ) -> None:
        """`cage` float32 [C, 3]: the head before shape and movement; `smoothing` float32 [N, C]; `neck_weight` float32
        [N] of the smooth surface (eyeballs follow the head); the rest as in `bust.Head`."""
        self.shape_names, self.action_names = shape_names, action_names
        self.cage, self.smoothing = cage, smoothing
        self.actions, self.field_unit = actions, field_units(action_names)
        self.front, self.front_spacing = front, front_spacing
        self.lids, self.lips, self.teeth = lids, lips, teeth
        self.neck_pivot = neck_pivot
        self.neck_weight = np.concatenate([neck_weight, np.ones(2 * EYEBALL_COUNT)]).astype(np.float32)
        self.topology = topology
        self._eyeball = sphere()[0]

    def surface(self, cage: np.ndarray) -> np.ndarray:
        """Skin, teeth, tongue and lashes: points [..., C, 3] (or offsets) on cages -> float32 [..., N, 3] on smooth
        surfaces."""
        cages = np.ascontiguousarray(cage, np.float32).reshape(-1, *cage.shape[-2:])
        out, matrix = np.empty((len(cages), self.skin_count, 3), np.float32), self.smoothing
        for first in range(0, len(cages), 2):
            some = slice(first, first + 2)
            multiply = _multiply_two if len(cages[some]) == 2 else _multiply
            multiply(matrix.indptr, matrix.indices, matrix.data, cages[some], out[some])
        return out.reshape(*cage.shape[:-2], -1, 3)

    def eyeballs(self, centres: np.ndarray, radius: float, turn: np.ndarray | None = None) -> np.ndarray:
        """Both eyeballs' vertices [2 E, 3]; `turn` [3, 3] rotates them about their centres."""
        ball = self._eyeball if turn is None else self._eyeball @ turn.T.astype(np.float32)
        return (centres[:, None] + np.float32(radius) * ball).reshape(-1, 3).astype(np.float32)

    def fields(self, identity: Identity, cage: np.ndarray, surface: np.ndarray) -> np.ndarray:
        """A person's fields float32 [A, C, 3], kept to the regions on that person's `cage` [C, 3] and `surface`."""
        points = landmarks(self.topology, surface)
        fade = np.ones((len(UNITS), len(cage)), np.float32)
        fade[:, self.front] = fades(surface[self.front, :2], points[:, :2], UNITS, self.front_spacing, self.front_lip)
        return self.actions * fade[self.field_unit][:, :, None]

    def eased(self, identity: Identity, cage: np.ndarray, fields: np.ndarray) -> np.ndarray:
        """The fields as they are: this head's do not fold."""
        return fields

    def resting(self, identity: Identity) -> Mapping[str, float]:
        """The action units of the person's face at rest."""
        return identity.resting

    @property
    def skin_count(self) -> int:
        """Vertices before the eyeballs begin."""
        return self.smoothing.shape[0]

    @cached_property
    def front_lip(self) -> np.ndarray:
        """1 where `front` belongs to the upper lip, -1 on the lower lip, 0 elsewhere."""
        side = np.zeros(self.skin_count)
        side[self.lips.rows] = np.sign(self.lips.lift)
        return side[self.front]  # the cage's vertices are the surface's first

    @cached_property
    def skin_vertices(self) -> np.ndarray:
        """1 on vertices of the outer skin (face, lips, ears, neck), 0 on eyes, mouth and lashes: float32 [V]."""
        topology = self.topology
        outer = np.isin(topology.face_class, [MASK_CLASSES.index(name) for name in ("skin", "ears", "neck", "lips")])
        skin = np.zeros(len(topology.body), np.float32)
        skin[np.unique(topology.faces[outer & (topology.face_part == PARTS.index("skin"))])] = 1
        return skin

    @cached_property
    def lashes(self) -> np.ndarray:
        """1 on the points of the smooth surface that are upper lashes, -1 on lower ones, else 0: int8 [N]."""
        topology, rows = self.topology, np.zeros(self.skin_count, np.int8)
        strip = topology.face_part == PARTS.index("lashes")
        rows[topology.faces[strip]] = np.where(topology.uvs[topology.face_uvs[strip], 0] < 0.5, -1, 1)
        return rows


def field_units(action_names: tuple[str, ...]) -> np.ndarray:
    """The row of `facs.ACTION_UNITS` whose regions hold each field: a pair's second unit, AU43 for the lids' gaze."""
    units = list(facs.ACTION_UNITS)
    owners = ["AU43" if name.startswith("gaze") else name.rpartition("*")[2].rstrip("LR") for name in action_names]
    return np.array([units.index(owner) for owner in owners])


@njit(cache=True, fastmath=False)
def _multiply(starts, columns, values, points, out):
    """out [1, N, 3] = CSR matrix @ points [1, C, 3], summed in the matrix' own order: the same bits everywhere."""
    one, first = points[0], starts[0]
    for row in range(out.shape[1]):
        last = starts[row + 1]
        x = y = z = np.float32(0)
        for k in range(first, last):
            weight, column = values[k], np.uint32(columns[k])  # unsigned: no wrapping round the end
            x += weight * one[column, 0]
            y += weight * one[column, 1]
            z += weight * one[column, 2]
        out[0, row, 0], out[0, row, 1], out[0, row, 2] = x, y, z
        first = last


@njit(cache=True, fastmath=False)
def _multiply_two(starts, columns, values, points, out):
    """The same of two at once, [2, C, 3] -> [2, N, 3]: reading the matrix is half of the work."""
    one, two, first = points[0], points[1], starts[0]
    for row in range(out.shape[1]):
        last = starts[row + 1]
        x = y = z = u = v = w = np.float32(0)
        for k in range(first, last):
            weight, column = values[k], np.uint32(columns[k])
            x += weight * one[column, 0]
            y += weight * one[column, 1]
            z += weight * one[column, 2]
            u += weight * two[column, 0]
            v += weight * two[column, 1]
            w += weight * two[column, 2]
        out[0, row, 0], out[0, row, 1], out[0, row, 2] = x, y, z
        out[1, row, 0], out[1, row, 1], out[1, row, 2] = u, v, w
        first = last


def sphere() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A unit eyeball looking along +z: vertices [E, 3], faces, polar UVs [E, 2].

    UV: centre (0.5, 0.5) is the pupil; the distance from it is angle / 360 degrees (the angle from the optical axis),
    the direction in UV is the direction on the eye seen from the front (u to the subject's left, v up).
    """
    angle = np.pi * (np.arange(1, RINGS + 1) / RINGS) ** 1.35  # rings are denser around the iris
    angle[-1] = np.pi * 0.985
    spoke = 2 * np.pi * np.arange(SPOKES) / SPOKES
    ring = np.stack(
        [
            np.outer(np.sin(angle), np.cos(spoke)),
            np.outer(np.sin(angle), np.sin(spoke)),
            np.outer(np.cos(angle), np.ones(SPOKES)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    reach = angle / (2 * np.pi)
    ring_uv = 0.5 + np.stack([np.outer(reach, np.cos(spoke)), np.outer(reach, np.sin(spoke))], axis=-1).reshape(-1, 2)
    vertices = np.concatenate([[[0, 0, 1]], ring]).astype(np.float32)
    uv = np.concatenate([[[0.5, 0.5]], ring_uv]).astype(np.float32)
    spokes = np.arange(SPOKES)
    after = (spokes + 1) % SPOKES
    faces = [np.stack([np.zeros(SPOKES, int), 1 + spokes, 1 + after], axis=1)]
    for k in range(RINGS - 1):
        inner, outer = 1 + k * SPOKES, 1 + (k + 1) * SPOKES
        faces.append(np.stack([inner + spokes, outer + spokes, outer + after], axis=1))
        faces.append(np.stack([inner + spokes, outer + after, inner + after], axis=1))
    return vertices, np.concatenate(faces).astype(np.int32), uv
