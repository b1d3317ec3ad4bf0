"""Accessories: glasses and what medicine puts on a face, fitted to the head that wears them.

All of it is geometry that lies on the wearer's own skin and follows it: nothing of the face is changed. `choice` says
who wears what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from threedpain.generation.geometry import smoothstep, vertex_normals
from threedpain.generation.head.bust import Bust, Face
from threedpain.generation.records import MASK_CLASSES, Worn
from threedpain.generation.seeds import child
from threedpain.limits import COVERS

from .choice import EYEWEAR
from .clear import cleared
from .covers import cover_face
from .ears import wear_earrings, wear_hearing_aid
from .glasses import wear_glasses
from .masks import wear_oxygen_mask, wear_surgical_mask
from .mesh import HairMesh, empty, merge
from .outside import Ground, Outside
from .patches import wear_patch
from .piece import FINISHES, Piece
from .tubes import wear_cannula, wear_feeding_tube

FACIAL_HAIR = MASK_CLASSES.index("facial_hair")
PLAIN = 22.5 / 256, 0.5 / 256  # where the strand pattern leaves a colour as it is
PALE = np.array([0.45, 0.30, 0.22])
WORN = {
    "cannula": wear_cannula,
    "earrings": wear_earrings,
    "feeding_tube": wear_feeding_tube,
    "hearing_aid": wear_hearing_aid,
    "oxygen_mask": wear_oxygen_mask,
    "surgical_mask": wear_surgical_mask,
}


@dataclass(frozen=True, eq=False)
class Fitted:
    """Accessories on one head: a mesh to draw and panes to see through; both share the points.

    N points, F panes' triangles, V head vertices.
    """

    ground: Ground
    pieces: tuple[Piece, ...]
    mesh: HairMesh  # all points; its faces are the solid ones
    panes: np.ndarray  # int32 [F, 3], of the mesh's points
    clear: np.ndarray  # float32 [F, 3], the light each lets through
    haze: np.ndarray  # float32 [F], the light each scatters
    gloss: np.ndarray  # float32 [F], of its reflections

    def posed(self, face: Face) -> tuple[np.ndarray, np.ndarray]:
        """Points and normals float32 [N, 3] on a face, head frame."""
        skin = self.ground.of_face(face)
        points, normals = _together(skin, self.pieces, [piece.place(skin) for piece in self.pieces])
        skin.forget()  # pieces remember where they lie until the next face
        turn = face.head_pose[:, :3].astype(np.float64)
        return (points @ turn.T + face.head_pose[:, 3]).astype(np.float32), (normals @ turn.T).astype(np.float32)

    def over(self, hair: HairMesh) -> HairMesh:
        """The hair, beard and clothes of the wearer with what is worn over them."""
        rest = self.ground.at_rest()
        beard = np.unique(hair.faces[hair.face_class == FACIAL_HAIR])
        opacity = hair.opacity.copy()
        for piece in self.pieces:
            if piece.flattens is not None and len(beard):
                near = cKDTree(piece.place(rest)).query(hair.vertices[beard])[1]
                opacity[beard[piece.flattens[near]]] = -1.0
        return merge(replace(hair, opacity=opacity), self.mesh)

    @cached_property
    def opacity(self) -> np.ndarray:
        """float32 [F, 3, 3]: the panes' coverage test, as raster.nearest takes it: all is there."""
        return np.concatenate([np.zeros((len(self.panes), 3, 2)), np.ones((len(self.panes), 3, 1))], 2).astype(
            np.float32
        )


def fit(bust: Bust, worn: Worn, skin: np.ndarray = PALE) -> Fitted | None:
    """What is worn, on this head; nothing if nothing is. `skin`: linear colour of the wearer's hands [3]."""
    if not worn.names:
        return None
    ground = Ground.of(bust)
    rest = ground.at_rest()
    pieces: list[Piece] = []
    for name in worn.names:
        rng = child(worn.moment if name in COVERS else worn.seed, name)
        if name in EYEWEAR:
            pieces += wear_glasses(rest, name, rng)
        elif name in WORN:
            pieces += WORN[name](rest, rng)
        elif name in COVERS:
            pieces += cover_face(rest, name, rng, skin)
        else:
            pieces += wear_patch(rest, name, rng)
    fitted = _fitted(ground, rest, tuple(pieces))
    rest.forget()
    return fitted


def _fitted(ground: Ground, rest: Outside, pieces: tuple[Piece, ...]) -> Fitted:
    placed = [piece.place(rest) if piece.rest is None else piece.rest for piece in pieces]
    points, normals = _together(rest, pieces, placed)
    counts = [len(here) for here in placed]
    first = np.cumsum([0, *counts[:-1]])
    solid = [i for i, piece in enumerate(pieces) if piece.clear is None]
    panes = [i for i, piece in enumerate(pieces) if piece.clear is not None]
    n, heads = len(points), len(ground.bust.vertices)

    colour = np.concatenate([np.broadcast_to(p.colour, (k, 3)) for p, k in zip(pieces, counts, strict=True)])
    scalars = {
        name: np.concatenate([np.broadcast_to(getattr(p, name), k) for p, k in zip(pieces, counts, strict=True)])
        for name in ("opacity", "occlusion")
    }
    touching = np.concatenate(
        [
            np.broadcast_to(p.shades and p.clear is None, k) & (np.broadcast_to(p.opacity, k) > 0.5)
            for p, k in zip(pieces, counts, strict=True)
        ]
    )
    faces = [pieces[i].faces + first[i] for i in solid]
    sizes = [len(pieces[i].faces) for i in panes]
    mesh = replace(
        empty(heads),
        vertices=points.astype(np.float32),
        normals=normals.astype(np.float32),
        tangents=np.zeros((n, 3), np.float32),
        uv=np.tile(np.array(PLAIN, np.float32), (n, 1)),
        colour=colour.astype(np.float32),
        opacity=scalars["opacity"].astype(np.float32),
        occlusion=scalars["occlusion"].astype(np.float32),
        faces=np.concatenate([np.zeros((0, 3)), *faces]).astype(np.int32),
        face_class=np.repeat([pieces[i].kind for i in solid], [len(f) for f in faces]).astype(np.int8),
        follow=np.ones(n, np.float32),
        anchor=np.full(n, -1, np.int32),
        shadow=_contact(rest, points[touching]),
        finish=np.repeat([FINISHES.index(pieces[i].finish) for i in solid], [len(f) for f in faces]).astype(np.int8),
    )
    return Fitted(
        ground,
        pieces,
        mesh,
        np.concatenate([np.zeros((0, 3)), *(pieces[i].faces + first[i] for i in panes)]).astype(np.int32),
        np.repeat(np.array([pieces[i].clear for i in panes], np.float32).reshape(-1, 3), sizes, axis=0),
        np.repeat(np.array([pieces[i].haze for i in panes], np.float32), sizes),
        np.repeat(np.array([pieces[i].gloss for i in panes], np.float32), sizes),
    )


def _together(skin: Outside, pieces: Sequence[Piece], placed: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Points and normals [N, 3] of all pieces, placed, out of the skin."""
    counts = [len(here) for here in placed]
    enters = np.concatenate([np.broadcast_to(piece.enters, k) for piece, k in zip(pieces, counts, strict=True)])
    points = cleared(skin, np.concatenate(placed), enters)
    parts = np.split(points, np.cumsum(counts[:-1]))
    normals = [vertex_normals(here, piece.faces) for piece, here in zip(pieces, parts, strict=True)]
    return points, np.concatenate(normals)


def _contact(rest: Outside, points: np.ndarray) -> np.ndarray:
    """Light that still reaches each head vertex [V] past what lies on the skin beside it."""
    shadow = np.ones(len(rest.vertices), np.float32)
    if len(points):
        rows = rest.ground.rows
        distance = cKDTree(points).query(rest.vertices[rows], distance_upper_bound=0.01)[0]
        shadow[rows] = 0.72 + 0.28 * smoothstep(np.minimum(distance, 0.01), 0.001, 0.0045)
    return shadow
