"""The head to turn: skin with its pain heat, hair and what is worn, as one glb that ends below the neck."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

from threedpain.generation.colour import to_linear, to_srgb
from threedpain.generation.dressed import DressedHead
from threedpain.generation.export import STRIP
from threedpain.generation.geometry import above, smoothstep
from threedpain.generation.records import SKIN_HEIGHT

from . import drawing

if TYPE_CHECKING:
    import trimesh

NECK = -0.155  # metres from between the ears: where the head ends
FADE = 0.03  # metres above that over which long hair thins out


def glb(dressed: DressedHead, strength: float) -> bytes:
    """A binary glTF of the head with its heat and all that is on it."""
    import trimesh

    scene = trimesh.Scene()
    scene.add_geometry(_skin(dressed, strength), geom_name="head")
    for name, mesh in dressed.worn.items():
        if "hair" in name:
            alpha = _looks(mesh).vertex_attributes["color"][:, 3]
            alpha[:] = np.rint(alpha * smoothstep(mesh.vertices[:, 1], NECK, NECK + FADE))
        kept = _cut(mesh)
        if len(kept.faces):
            scene.add_geometry(kept, geom_name=name)
    return scene.export(file_type="glb", include_normals=True)


def _skin(dressed: DressedHead, strength: float) -> trimesh.Trimesh:
    """The bare head, its heat, its hair's roots and the shade of what lies over it painted into its texture."""
    import trimesh

    head = dressed.head
    material, uv = _looks(head).material.copy(), _looks(head).uv
    skin = material.baseColorTexture
    across, down = np.meshgrid(np.arange(skin.width) + 0.5, np.arange(skin.height) + 0.5)
    away, near = cKDTree(uv * skin.size).query(np.stack([across, skin.height - down], axis=-1), k=4)
    share = 1 / np.maximum(away, 0.5) ** 2
    share /= share.sum(axis=-1, keepdims=True)
    below = skin.height * SKIN_HEIGHT // (SKIN_HEIGHT + STRIP)  # eyes, teeth and tongue

    def painted(name: str, nothing: float) -> np.ndarray:
        """A vertex attribute at every texel of the skin [H, W]."""
        values = (np.ravel(head.vertex_attributes[name])[near] * share).sum(axis=-1)
        values[below:] = nothing
        return values

    heated = drawing.heat_overlay(skin, painted("_HEAT", 0), strength)
    colour = to_linear(np.asarray(heated, np.float64) / 255)
    colour += painted("_PAINT", 0)[..., None] * (dressed.paint - colour)
    colour *= painted("_LIGHT", 1)[..., None]
    material.baseColorTexture = Image.fromarray(np.rint(255 * to_srgb(colour)).astype(np.uint8))
    material.doubleSided = True  # one looks into the neck
    places, place = np.unique(head.vertices.round(7), axis=0, return_inverse=True)
    smooth = trimesh.Trimesh(places, place.ravel()[head.faces], process=False).vertex_normals[place.ravel()]
    visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    return _cut(trimesh.Trimesh(head.vertices, head.faces, vertex_normals=smooth, process=False, visual=visual))


def _cut(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """What of a mesh lies above the end of the neck."""
    import trimesh

    visual = _looks(mesh)
    colour = visual.vertex_attributes.get("color", np.zeros((len(mesh.vertices), 0)))
    known = np.concatenate([mesh.vertices, mesh.vertex_normals, visual.uv, colour], axis=1)
    known, faces = above(known, mesh.faces, mesh.vertices[:, 1] - NECK)
    cut = trimesh.visual.TextureVisuals(uv=known[:, 6:8], material=visual.material)
    if "color" in visual.vertex_attributes:
        cut.vertex_attributes["color"] = np.rint(known[:, 8:]).astype(np.uint8)
    return trimesh.Trimesh(known[:, :3], faces, vertex_normals=known[:, 3:6], process=False, visual=cut)


def _looks(mesh: trimesh.Trimesh) -> trimesh.visual.TextureVisuals:
    """Of a mesh of ours, which always has a texture."""
    return cast("trimesh.visual.TextureVisuals", mesh.visual)
