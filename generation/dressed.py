"""A head with what grows on it and is worn on it, as meshes for other programs; `export` writes the bare head.

Hair, beard, headwear and accessories are the very triangles that the renderer draws, with its strand pattern as their
texture. What the renderer covers, where the pattern's rank lies below the vertices' opacity, glTF's alpha test covers
too: it multiplies a texture's alpha with a vertex's, so both hold exponentials. Panes (the glass of glasses) stay out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from .colour import to_srgb
from .export import corners, textured, to_trimesh
from .geometry import above
from .records import MASK_CLASSES, SkinMaps
from .render.shading.model import COLOUR, NORMAL, OCCLUSION, PAINT, POSITION
from .render.surfaces import Posed
from .worn.mesh import strand_pattern
from .worn.weaves import APART, patterns

if TYPE_CHECKING:
    import trimesh

CUTOFF = math.exp(-1)  # alpha from which on a sample is there
STRANDS = tuple(MASK_CLASSES.index(name) for name in ("hair", "facial_hair"))  # drawn with the strand pattern


@dataclass(frozen=True)
class DressedHead:
    """A head and all that is on it, y up, metres."""

    head: trimesh.Trimesh
    """As `export.to_trimesh` makes it; vertex attributes `_HEAT` (mm), `_PAINT` (how much of the skin's colour is
    hair's, 0 to 1) and `_LIGHT` (what hair and headwear leave of the light, 0 to 1)."""
    paint: np.ndarray
    """float32 [3], linear: the colour of hair painted on the skin."""
    worn: dict[str, trimesh.Trimesh]
    """By class of `records.MASK_CLASSES`; clothes are headwear and garments."""


def dressed(posed: Posed, maps: SkinMaps) -> DressedHead:
    """The head of a face that was set up to be drawn, with all that is drawn on it."""
    face, surfaces = posed.face, posed.surfaces
    head = to_trimesh(face, maps, heat=True)
    rows = face.bust.model.coarse["rows"][corners(textured(face, maps))[0][:, 0]]
    head.vertex_attributes["_PAINT"] = posed.table[rows, PAINT]
    head.vertex_attributes["_LIGHT"] = surfaces.hair.shadow[rows]
    first, kinds = len(surfaces.head.faces), np.unique(surfaces.hair.face_class)
    worn = {}
    for kind in kinds:
        faces = surfaces.faces[first:][surfaces.hair.face_class == kind]
        worn[MASK_CLASSES[kind]] = _mesh(posed, faces, kind)
    return DressedHead(head, surfaces.hair.scalp_colour, worn)


def _mesh(posed: Posed, faces: np.ndarray, kind: int) -> trimesh.Trimesh:
    """The triangles of one class with colours a vertex: strands with their pattern, all else cut where it ends."""
    import trimesh

    hair, head = posed.surfaces.hair, len(posed.face.vertices)
    used, index = np.unique(faces, return_inverse=True)
    table, place, own = posed.table[used], index.reshape(-1, 3), used - head
    a, b, c = table[:, POSITION][place].transpose(1, 0, 2)
    inward = (np.cross(b - a, c - a) * table[:, NORMAL][place].sum(axis=1)).sum(axis=1) < 0
    place[inward] = place[inward][:, ::-1]  # viewers turn the normals of what they see from behind
    colours = table[:, COLOUR] * table[:, [OCCLUSION]]
    alpha = np.ones(len(used))
    if kind in STRANDS:
        alpha = np.where(hair.opacity[own] > 0, np.exp(np.clip(hair.opacity[own], 0, 1) - 1), 0)
    else:
        colours = colours * tone_at(hair.uv[own])
    tint = np.maximum(colours.max(axis=0), 1e-6)  # colours have 8 bits, too few for black hair as they are
    # rows of the pattern go with v, those of a glTF's picture against it
    known = np.concatenate([table[:, :6], hair.uv[own] * [1, -1], colours / tint, alpha[:, None]], axis=1)
    if kind not in STRANDS:
        known, place = above(known, place, hair.opacity[own] - 0.5)
    visual = trimesh.visual.TextureVisuals(uv=known[:, 6:8], material=_material(kind, tint))
    visual.vertex_attributes["color"] = np.rint(255 * known[:, 8:]).astype(np.uint8)
    return trimesh.Trimesh(known[:, :3], place, vertex_normals=known[:, 3:6], process=False, visual=visual)


def tone_at(uv: np.ndarray) -> np.ndarray:
    """What the pattern makes of colours [N, 1] at uv [N, 2], as the renderer does; weaves are evened out, for which
    vertices are too few."""
    pattern = patterns()
    column, row = (np.floor(uv * len(pattern)).astype(int) % len(pattern)).T
    weave = np.floor(uv[:, 0] / APART).astype(int).clip(0, pattern.shape[2] - 2)
    even = pattern.mean(axis=(0, 1))[1 + weave]
    return np.where(weave > 0, even, pattern[row, column, 1])[:, None] / 128.0


def _material(kind: int, tint: np.ndarray) -> trimesh.visual.material.PBRMaterial:
    """The look of a class: the strand pattern, its ranks as alpha, in a colour (linear), or the colour alone."""
    import trimesh

    more = {}
    if kind in STRANDS:
        rank, tone = np.moveaxis(strand_pattern().astype(np.float64), -1, 0)
        colour = to_srgb(tone[..., None] / 128 * tint)
        picture = np.concatenate([colour, np.exp(-rank / 255)[..., None]], axis=-1)
        more = {"alphaMode": "MASK", "alphaCutoff": CUTOFF}
    else:
        picture = to_srgb(tint)[None, None]
    return trimesh.visual.material.PBRMaterial(
        name=MASK_CLASSES[kind], baseColorTexture=Image.fromarray(np.rint(255 * picture).astype(np.uint8)),
        metallicFactor=0.0, roughnessFactor=0.55 if kind in STRANDS else 0.8, doubleSided=True, **more,
    )  # fmt: skip
