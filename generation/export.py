"""A face as a textured mesh for other programs: glb, obj, trimesh, PyTorch3D.

One atlas holds the skin and, in a strip below it, an eye, teeth, tongue and the mouth's inside. Lashes are left out:
they are alpha-tested hairs that a plain texture cannot draw. Files hold the unsubdivided mesh (about 7,000 vertices).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from threedpain.errors import InvalidInput
from threedpain.generation.head.bust import Face

from .colour import pigment, to_srgb
from .records import MASK_CLASSES, PARTS, SKIN_HEIGHT, SKIN_WIDTH, Identity, SkinMaps
from .render.colours import sclera_colour

if TYPE_CHECKING:
    import trimesh

STRIP = 128  # texels of the strip below the skin, at full resolution
TILES = ("eye", "teeth", "tongue", "mouth")  # in the strip, from the left, STRIP texels each
EYE_ZOOM = 3  # the eye's tile shows the 60 degrees about the pupil; what lies behind takes the rim's sclera
PLAIN = {"teeth": (214, 204, 184), "tongue": (158, 92, 88), "mouth": (58, 22, 20)}  # sRGB
WHITE_HAIR = np.array([0.5, 0.49, 0.47])


@dataclass(frozen=True)
class TexturedMesh:
    """A mesh with one texture: arrays only."""

    vertices: np.ndarray  # float32 [V, 3], head frame
    faces: np.ndarray  # int32 [F, 3]
    uvs: np.ndarray  # float32 [T, 2], u right, v up
    face_uvs: np.ndarray  # int32 [F, 3]
    texture: np.ndarray  # uint8 [H, W, 3], sRGB
    heat: np.ndarray  # float32 [V], mm


def textured(face: Face, maps: SkinMaps, coarse: bool = True) -> TexturedMesh:
    """The face with its atlas, on the unsubdivided mesh or on the smooth surface."""
    topology = face.bust.topology
    if coarse:
        mesh = face.bust.model.coarse
        rows = mesh["rows"]
    else:
        mesh = {name: getattr(topology, name) for name in ("faces", "uvs", "face_uvs", "face_part", "face_class")}
        rows = np.arange(len(face.vertices))
    kept = np.flatnonzero(mesh["face_part"] != PARTS.index("lashes"))
    tile = _tile_of(mesh["face_part"], mesh["face_class"])
    uvs, face_uvs = _into_atlas(mesh["uvs"], mesh["face_uvs"][kept], tile[kept])
    return TexturedMesh(
        face.vertices[rows],
        mesh["faces"][kept].astype(np.int32),
        uvs,
        face_uvs,
        atlas(face.bust.identity, maps),
        face.heat[rows],
    )


def atlas(identity: Identity, maps: SkinMaps) -> np.ndarray:
    """uint8 [768 + 128, 1384, 3]: the skin with its brows, and the strip of tiles below."""
    out = np.zeros((SKIN_HEIGHT + STRIP, SKIN_WIDTH, 3), np.uint8)
    out[:SKIN_HEIGHT] = maps.albedo
    there = np.nonzero(maps.worn_brows)
    brows = maps.worn_brows[there][:, None] / 255.0
    hair = identity.hair
    colour = pigment(hair) * (1 - hair.grey) + WHITE_HAIR * hair.grey
    out[there] = np.round(maps.albedo[there] * (1 - brows) + 255 * to_srgb(colour) * brows)
    for number, tile in enumerate(TILES):
        columns = slice(number * STRIP, (number + 1) * STRIP)
        out[SKIN_HEIGHT:, columns] = eye_tile(identity) if tile == "eye" else PLAIN[tile]
    return out


def eye_tile(identity: Identity) -> np.ndarray:
    """The eyeball's front in polar UVs, uint8 [128, 128, 3]: pupil, iris, limbus, sclera."""
    eyes = identity.eyes
    y, x = (np.mgrid[0:STRIP, 0:STRIP] + 0.5) / STRIP - 0.5
    degrees = 360 / EYE_ZOOM * np.hypot(x, y)[..., None]
    iris = 23.0 * eyes.iris_scale
    t = degrees / iris
    colour = np.array(eyes.iris) * (0.75 + 0.5 * np.clip(1 - t, 0, 1))
    rim = 1 - 0.75 * np.exp(-0.5 * ((t - 1) / 0.1) ** 2)
    inside = np.clip((1.04 - t) / 0.08, 0, 1)
    linear = (colour * inside + sclera_colour(identity) * (1 - inside)) * rim
    pupil = np.clip((t - eyes.pupil) / 0.06, 0, 1)
    return np.round(255 * to_srgb(linear * pupil + 0.004 * (1 - pupil))).astype(np.uint8)


def _tile_of(part: np.ndarray, face_class: np.ndarray) -> np.ndarray:
    """The tile of each face, index into TILES; -1 for skin."""
    tile = np.full(len(part), -1)
    for name, parts in (
        ("eye", ("eye_left", "eye_right")),
        ("teeth", ("teeth_upper", "teeth_lower")),
        ("tongue", ("tongue",)),
    ):
        tile[np.isin(part, [PARTS.index(p) for p in parts])] = TILES.index(name)
    hollow = np.isin(face_class, [MASK_CLASSES.index("mouth"), MASK_CLASSES.index("eyes")])
    tile[hollow & (part == PARTS.index("skin"))] = TILES.index("mouth")
    return tile


def _into_atlas(uvs: np.ndarray, face_uvs: np.ndarray, tile: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """UVs of the parts' own squares moved to their tiles, and unused ones dropped."""
    used, index = _different(np.repeat(tile, 3), face_uvs.ravel())
    uv = np.clip(uvs[used[:, 1]], 0, 1).astype(np.float64)
    arm = uv - 0.5
    zoom = np.minimum(EYE_ZOOM, 0.5 / np.maximum(np.linalg.norm(arm, axis=1, keepdims=True), 1e-6))
    uv = np.where(used[:, :1] == TILES.index("eye"), 0.5 + arm * zoom, uv)
    share = STRIP / (SKIN_HEIGHT + STRIP)
    u = np.where(used[:, 0] < 0, uv[:, 0], (used[:, 0] + 0.02 + 0.96 * uv[:, 0]) * STRIP / SKIN_WIDTH)
    v = np.where(used[:, 0] < 0, share + (1 - share) * uv[:, 1], share * (0.02 + 0.96 * uv[:, 1]))
    return np.stack([u, v], axis=1).astype(np.float32), index.reshape(-1, 3).astype(np.int32)


def corners(mesh: TexturedMesh) -> tuple[np.ndarray, np.ndarray]:
    """The different pairs of a vertex and a UV [N, 2], which files store as one, and the faces [F, 3] over them."""
    kept, index = _different(mesh.faces.ravel(), mesh.face_uvs.ravel())
    return kept, index.reshape(-1, 3)


def _different(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different pairs [N, 2] of whole numbers (the second none below 0), in order, and which of them each is. As
    single numbers they sort four times as fast."""
    scale = int(second.max(initial=0)) + 1
    kept, index = np.unique(first.astype(np.int64) * scale + second, return_inverse=True)
    return np.stack([kept // scale, kept % scale], axis=1), index


def to_trimesh(face: Face, maps: SkinMaps, heat: bool = False, texture_width: int = 692) -> trimesh.Trimesh:
    """A textured `trimesh.Trimesh`, y up, metres; with `heat`, `vertex_attributes["_HEAT"]` holds millimetres.

    The texture is a JPEG of `texture_width` texels across, so that a glb stays under half a megabyte.
    """
    import trimesh

    mesh = textured(face, maps)
    pairs, index = corners(mesh)
    height = round(texture_width * mesh.texture.shape[0] / mesh.texture.shape[1])
    small = Image.fromarray(mesh.texture).resize((texture_width, height), Image.Resampling.BOX)
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=86)
    material = trimesh.visual.material.PBRMaterial(
        name="face", baseColorTexture=Image.open(jpeg), metallicFactor=0.0, roughnessFactor=0.6, doubleSided=False
    )
    return trimesh.Trimesh(
        mesh.vertices[pairs[:, 0]],
        index,
        process=False,
        visual=trimesh.visual.TextureVisuals(uv=mesh.uvs[pairs[:, 1]], material=material),
        vertex_attributes={"_HEAT": mesh.heat[pairs[:, 0]]} if heat else None,
    )


def to_glb(face: Face, maps: SkinMaps, heat: bool = False) -> bytes:
    """A binary glTF under half a megabyte; the same face gives the same bytes."""
    return to_trimesh(face, maps, heat).export(file_type="glb")


def save(face: Face, maps: SkinMaps, path: str | Path) -> Path:
    """Write `path`: .glb, or .obj with its .mtl and .png beside it (full texture)."""
    path = Path(path)
    if path.suffix == ".glb":
        path.write_bytes(to_glb(face, maps))
    elif path.suffix == ".obj":
        _save_obj(textured(face, maps), path)
    else:
        raise InvalidInput(f"a face is saved as .glb or .obj, got {path.name!r}")
    return path


def _save_obj(mesh: TexturedMesh, path: Path) -> None:
    picture, material = path.with_suffix(".png"), path.with_suffix(".mtl")
    Image.fromarray(mesh.texture).save(picture)
    material.write_text(f"newmtl face\nKa 1 1 1\nKd 1 1 1\nmap_Kd {picture.name}\n")
    lines = [f"mtllib {material.name}", "usemtl face"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in mesh.vertices.tolist()]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in mesh.uvs.tolist()]
    lines += [
        "f " + " ".join(f"{p + 1}/{t + 1}" for p, t in zip(points, coordinates, strict=True))
        for points, coordinates in zip(mesh.faces.tolist(), mesh.face_uvs.tolist(), strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")


def to_pytorch3d(face: Face, maps: SkinMaps | None = None, vertices: Any = None) -> Any:
    """PyTorch3D `Meshes` with `TexturesUV` of the smooth surface; without `maps` the skin is plain.

    `vertices` [V, 3], a tensor in the bust's vertex order (see `differentiable`), replaces the face's own and keeps its
    gradients.
    """
    from threedpain.generation.render.raster.pytorch3d import textured as meshes

    if maps is None:
        maps = SkinMaps(
            np.full((SKIN_HEIGHT, SKIN_WIDTH, 3), (188, 150, 130), np.uint8),
            np.zeros((SKIN_HEIGHT, SKIN_WIDTH), np.uint8),
        )
    mesh = textured(face, maps, coarse=False)
    return meshes(
        mesh.vertices if vertices is None else vertices,
        mesh.faces,
        mesh.uvs,
        mesh.face_uvs,
        mesh.texture.astype(np.float32) / 255,
    )
