"""Head hair, beard and headwear of a bust, by its identity's style."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from threedpain.generation.colour import mass_colour
from threedpain.generation.geometry import smoothstep
from threedpain.generation.head.bust import Bust
from threedpain.generation.records import BEARDS, STYLES
from threedpain.generation.seeds import child

from .beard import grow_beard
from .headwear import wear_cap, wrap_scarf
from .mesh import HairMesh, empty, merge
from .styles import HAIR, dress
from .surface import Surface

__all__ = ["BEARDS", "STYLES", "build_hair"]


def build_hair(bust: Bust) -> HairMesh:
    """Everything that grows on or is worn on this head."""
    hair = bust.identity.hair
    surface, rng = Surface(bust), child(hair.seed, "hair")
    meshes = [empty(len(bust.vertices))]
    if hair.style == "headscarf":
        meshes += wrap_scarf(surface, hair, rng)
    elif hair.style == "cap":
        meshes += wear_cap(surface, hair, rng)
    elif hair.style != "bald":
        meshes += dress(surface, hair, rng)
    if hair.beard != "none":
        meshes += grow_beard(surface, hair, child(hair.seed, "beard"))
    whole = merge(*meshes)
    strands = np.unique(whole.faces[whole.face_class == HAIR])
    strands = whole.vertices[strands[whole.opacity[strands] > 0.75]]
    colour = mass_colour(hair).astype(np.float32)
    return replace(whole, shadow=whole.shadow * _shadow(surface, strands), scalp_colour=colour)


def _shadow(surface: Surface, hair: np.ndarray) -> np.ndarray:
    """Light that still reaches each head vertex [V] past hair that hangs or stands near it."""
    shadow = np.ones(len(surface.vertices), np.float32)
    if len(hair):
        rows = surface.rows
        above = surface.vertices[rows] + 0.004 * surface.normals[rows]
        distance = cKDTree(hair[::4]).query(above, distance_upper_bound=0.02)[0]
        shadow[rows] = 0.75 + 0.25 * smoothstep(np.minimum(distance, 0.02), 0.003, 0.011)
    return shadow
