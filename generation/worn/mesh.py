"""The triangles drawn beside the head: hair, beard, headwear and clothes, and how they follow it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from threedpain.generation.head.bust import Face
from threedpain.generation.seeds import child

FINISHES = ("cloth", "plastic", "flesh")
STRANDS = 256  # texels of the strand pattern
STRAND_TILES = 4  # kinds of ribbon side by side in it


@dataclass(frozen=True)
class HairMesh:
    """Triangles in the head frame of the neutral bust. Classes hair and facial_hair shade as hair, others by
    their `finish`; all are two-sided.

    A sample is covered where the strand pattern's rank at (u, v) is below the interpolated opacity, which may lie
    outside 0..1: 1 and more is solid, 0 and less is cut away.
    """

    vertices: np.ndarray  # float32 [N, 3]
    normals: np.ndarray  # float32 [N, 3], unit; of the hair's volume, so that ribbons shade as one mass
    tangents: np.ndarray  # float32 [N, 3], unit, root to tip or along the thread
    uv: np.ndarray  # float32 [N, 2], across and root to tip; repeats
    colour: np.ndarray  # float32 [N, 3], linear albedo
    opacity: np.ndarray  # float32 [N]
    occlusion: np.ndarray  # float32 [N], 1 free .. 0 buried
    faces: np.ndarray  # int32 [M, 3]
    face_class: np.ndarray  # int8 [M], index into MASK_CLASSES
    follow: np.ndarray  # float32 [N], 1 moves with the skull .. 0 stays with the shoulders
    anchor: np.ndarray  # int32 [N], head vertex whose expression moves this one; -1 none
    scalp: np.ndarray  # float32 [V], 0..1 hair colour painted on the skin at each head vertex
    scalp_colour: np.ndarray  # float32 [3], linear
    shadow: np.ndarray  # float32 [V], 1 free .. 0 dark under hair, hat or collar
    finish: np.ndarray | None = None  # int8 [M], of what is not hair, index into FINISHES; None: all is cloth

    @property
    def finishes(self) -> np.ndarray:
        """`finish` in full: int8 [M]."""
        return np.zeros(len(self.faces), np.int8) if self.finish is None else self.finish

    def posed(self, face: Face) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Vertices, normals and tangents, float32 [N, 3] each, following the skull, the neck and the jaw of a face."""
        rotation, shift = face.head_pose[:, :3].astype(np.float32), face.head_pose[:, 3].astype(np.float32)
        follow = self.follow[:, None]
        vertices = self.vertices + follow * (self.vertices @ rotation.T + shift - self.vertices)
        rows = np.flatnonzero(self.anchor >= 0)
        if len(rows):
            roots = self.anchor[rows]
            rest = face.bust.vertices[roots]
            weight = face.bust.neck_weight[roots][:, None]
            vertices[rows] += face.vertices[roots] - (rest + weight * (rest @ rotation.T + shift - rest))
        if np.allclose(rotation, np.eye(3), atol=1e-7):
            return vertices, self.normals, self.tangents
        normals, tangents = (d + follow * (d @ rotation.T - d) for d in (self.normals, self.tangents))
        return vertices, normals, tangents


def merge(*meshes: HairMesh) -> HairMesh:
    """One mesh of several on the same bust; paint takes the strongest, shadows multiply."""
    first = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    names = (
        "vertices",
        "normals",
        "tangents",
        "uv",
        "colour",
        "opacity",
        "occlusion",
        "face_class",
        "follow",
        "anchor",
    )
    return HairMesh(
        **{name: np.concatenate([getattr(m, name) for m in meshes]) for name in names},
        faces=np.concatenate([m.faces + offset for m, offset in zip(meshes, first, strict=True)]).astype(np.int32),
        scalp=np.max([m.scalp for m in meshes], axis=0),
        scalp_colour=max(meshes, key=lambda m: float(m.scalp.sum())).scalp_colour,
        shadow=np.prod([m.shadow for m in meshes], axis=0),
        finish=np.concatenate([m.finishes for m in meshes]),
    )


def finer(mesh: HairMesh, near: np.ndarray) -> tuple[HairMesh, np.ndarray]:
    """A mesh of one finish whose sides that touch a vertex with `near` [N] are halved, and the ends int [K, 2] of the
    K vertices that came to lie in their middles, after those of before."""
    sides = np.sort(np.stack([mesh.faces, np.roll(mesh.faces, -1, axis=1)], axis=2), axis=2)
    pairs, middle = np.unique(sides[near[sides].any(axis=2)], axis=0, return_inverse=True)
    new = np.full(mesh.faces.shape, -1)
    new[near[sides].any(axis=2)] = len(mesh.vertices) + middle.ravel()
    count = (new >= 0).sum(axis=1)
    turn = np.where(count == 2, np.argmin(new, axis=1) + 1, np.argmax(new, axis=1))  # the side left whole comes last
    order = (turn[:, None] + np.arange(3)) % 3
    (a, b, c), (ab, bc, ca) = (np.take_along_axis(rows, order, axis=1).T for rows in (mesh.faces, new))
    patterns = (
        ((a, b, c),),
        ((a, ab, c), (ab, b, c)),
        ((ab, b, bc), (a, ab, bc), (a, bc, c)),
        ((a, ab, ca), (ab, b, bc), (bc, c, ca), (ab, bc, ca)),
    )
    parts = [np.stack(f, axis=1)[count == n] for n, pattern in enumerate(patterns) for f in pattern]
    kinds = [mesh.face_class[count == n] for n, pattern in enumerate(patterns) for _ in pattern]

    def middles(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, values[pairs].mean(axis=1).astype(values.dtype)])

    averaged = ("vertices", "normals", "tangents", "uv", "colour", "opacity", "occlusion", "follow")
    fine = replace(
        mesh,
        **{name: middles(getattr(mesh, name)) for name in averaged},
        anchor=np.concatenate([mesh.anchor, mesh.anchor[pairs[:, 0]]]),
        faces=np.concatenate(parts).astype(np.int32),
        face_class=np.concatenate(kinds),
    )
    return fine, pairs


def empty(head_vertices: int) -> HairMesh:
    """Nothing to draw: no triangles, no paint, no shadow."""
    vector = np.zeros((0, 3), np.float32)
    scalar = np.zeros(0, np.float32)
    return HairMesh(
        vector,
        vector,
        vector,
        np.zeros((0, 2), np.float32),
        vector,
        scalar,
        scalar,
        np.zeros((0, 3), np.int32),
        np.zeros(0, np.int8),
        scalar,
        np.zeros(0, np.int32),
        np.zeros(head_vertices, np.float32),
        np.zeros(3, np.float32),
        np.ones(head_vertices, np.float32),
    )


@lru_cache(maxsize=1)
def strand_pattern() -> np.ndarray:
    """uint8 [S, S, 2], rows along v, repeating both ways: rank (below opacity * 255 is covered) and tone (128
    = the vertex colour, 0 black, 255 twice as bright).

    STRAND_TILES ribbons lie side by side across u. Within one, single hairs run along v, sway a little, and dive under
    others and come up again; each has a rank of its own, so that where opacity sinks they end one after the other. They
    are densest in the middle and part towards the two edges, so that neighbouring ribbons melt into each other.
    """
    rng = child(0, "strands")
    return np.concatenate([_ribbon(rng, STRANDS // STRAND_TILES) for _ in range(STRAND_TILES)], axis=1)


def _ribbon(rng: np.random.Generator, width: int) -> np.ndarray:
    u, v = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(STRANDS) + 0.5) / STRANDS)
    height, tone = np.zeros_like(u), np.zeros_like(u)
    for count, weight in ((4, 0.15), (11, 0.25), (32, 0.6)):  # locks, wisps, single hairs
        phase = rng.uniform(0, 2 * np.pi, 3)
        sway = sum(np.sin(2 * np.pi * k * v + p) / k for k, p in zip((1, 2, 3), phase, strict=True))
        across = (u + 0.35 / count * sway) * count
        strand = np.floor(across).astype(int) % count
        middle = 1 - np.abs(2 * (across - np.floor(across)) - 1)
        dive = np.sin(2 * np.pi * (rng.integers(1, 6, count)[strand] * v + rng.random(count)[strand]))
        height += weight * (1.6 * rng.random(count)[strand] + 0.3 * middle + 0.35 * dive)
        tone += weight * (0.8 * rng.normal(0, 1, count)[strand] + 0.5 * (middle - 0.5) + 0.2 * dive)
    rim = np.clip((1 - np.abs(2 * u - 1)) / 0.7, 0, 1)  # 0 at the two edges, 1 inside
    height += 0.5 * rim
    rank = 1 - np.argsort(np.argsort(height, axis=None), axis=None).reshape(height.shape) / height.size
    return np.stack([255 * rank, np.clip(128 + 32 * tone, 0, 255)], axis=-1).astype(np.uint8)
