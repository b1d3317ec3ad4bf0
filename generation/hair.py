"""Head hair, beard and headwear of a bust, by its identity's style."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from .hair_beard import grow_beard
from .hair_mesh import HairMesh, empty, merge
from .hair_styles import HAIR, dress
from .hair_surface import Surface, smoothstep
from .hair_wear import wear_cap, wrap_scarf
from .records import Bust
from .seeds import child

STYLES = ("bald", "buzz", "short", "medium", "long", "coily", "receding", "tied_back", "headscarf", "cap")
BEARDS = ("none", "stubble", "moustache", "goatee", "full")


def build_hair(bust: Bust) -> HairMesh:
    """Everything that grows on or is worn on this head."""
    hair = bust.identity.hair
    surface, rng = Surface(bust), child(hair.seed, "hair")
    meshes = []
    if hair.style == "headscarf":
        meshes += wrap_scarf(surface, hair, rng)
    elif hair.style == "cap":
        meshes += wear_cap(surface, hair, rng)
    elif hair.style != "bald":
        meshes += dress(surface, hair, rng)
    if hair.beard != "none":
        meshes += grow_beard(surface, hair, child(hair.seed, "beard"))
    if not meshes:
        return empty(len(bust.vertices))
    whole = merge(*meshes)
    strands = whole.vertices[np.unique(whole.faces[whole.face_class == HAIR])]
    return replace(whole, shadow=whole.shadow * _shadow(surface, strands))


def _shadow(surface: Surface, hair: np.ndarray) -> np.ndarray:
    """Light that still reaches each head vertex [V] past hair that hangs or stands near it."""
    shadow = np.ones(len(surface.vertices), np.float32)
    if len(hair):
        rows = surface.rows
        above = surface.vertices[rows] + 0.004 * surface.normals[rows]
        distance = cKDTree(hair[::2]).query(above, distance_upper_bound=0.04)[0]
        shadow[rows] = 0.62 + 0.38 * smoothstep(np.minimum(distance, 0.04), 0.003, 0.016)
    return shadow
