"""Pictures of a head into its skin texture: where each texel is in space, and what the cameras see there.

A texel takes a picture's colour where the camera sees it, weighted by how squarely: the fourth power of the cosine,
less near edges of depth, where a picture belongs to what lies behind. Form and detail are blended apart, so that seams
between pictures neither show nor blur.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from threedpain.generation.frames import project, to_ndc
from threedpain.generation.geometry import vertex_normals
from threedpain.generation.head.bust import Topology
from threedpain.generation.records import MASK_CLASSES, PARTS, SKIN_HEIGHT, SKIN_WIDTH, Camera
from threedpain.generation.render.raster.exact import CpuRasterizer
from threedpain.generation.render.raster.settings import RasterizationSettings
from threedpain.generation.texture import layout
from threedpain.generation.texture.training.augment import mirror, sample
from threedpain.generation.texture.training.sources import blur, fill

NEAR = 8.0  # texels between a texel and what the pixel at its place shows
SLACK = 0.0015  # metres a texel may lie behind the depth map and still be seen


@dataclass(frozen=True)
class Atlas:
    """The skin's texels in space."""

    covered: np.ndarray  # bool [H, W]
    points: np.ndarray  # float32 [H, W, 3], head frame
    normals: np.ndarray  # float32 [H, W, 3]


@dataclass(frozen=True)
class Look:
    """What a camera sees of the bare head."""

    camera: Camera
    depth: np.ndarray  # float32 [S, S], metres, 0 where nothing is
    uv: np.ndarray  # float32 [S, S, 2], texel coordinates of the skin, -1 where there is none
    cosine: np.ndarray  # float32 [S, S], of the angle between surface and view


def skin_faces(topology: Topology) -> np.ndarray:
    """Indices of the faces on the head's own UV island: no body below it, no borrowed texels of mouth and socket."""
    inner = [MASK_CLASSES.index(name) for name in ("eyes", "mouth")]
    own = (topology.face_part == PARTS.index("skin")) & ~np.isin(topology.face_class, inner)
    return np.flatnonzero(own & (topology.body[topology.faces].max(1) <= 0))


def make_atlas(topology: Topology, vertices: np.ndarray) -> Atlas:
    """Rasterize the skin in its own texture."""
    chosen = skin_faces(topology)
    texels = topology.uvs * (SKIN_WIDTH, -SKIN_HEIGHT) + (0, SKIN_HEIGHT)
    half = SKIN_HEIGHT / 2  # normalised device coordinates span the shorter side
    flat = np.stack([(SKIN_WIDTH / 2 - texels[:, 0]) / half, (half - texels[:, 1]) / half, np.ones(len(texels))], 1)
    settings = RasterizationSettings(image_size=(SKIN_HEIGHT, SKIN_WIDTH), perspective_correct=False)
    fragments = CpuRasterizer(settings)([flat.astype(np.float32)], [topology.face_uvs[chosen].astype(np.int32)])
    winner = fragments.pix_to_face[0, ..., 0].numpy()
    weights = fragments.bary_coords[0, ..., 0, :].numpy()[..., None]
    corners = topology.faces[chosen][np.maximum(winner, 0)]
    normals = (vertex_normals(vertices, topology.faces)[corners] * weights).sum(-2)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    return Atlas(winner >= 0, (vertices[corners] * weights).sum(-2).astype(np.float32), normals.astype(np.float32))


def look_at_head(topology: Topology, vertices: np.ndarray, camera: Camera) -> Look:
    """Depth, texture coordinates and angles of the bare head."""
    fragments = CpuRasterizer(RasterizationSettings(image_size=camera.size))(
        [to_ndc(camera, vertices)], [topology.faces]
    )
    winner = fragments.pix_to_face[0, ..., 0].numpy()
    weights = fragments.bary_coords[0, ..., 0, :].numpy()[..., None]
    seen = np.maximum(winner, 0)
    depth = np.where(winner >= 0, fragments.zbuf[0, ..., 0].numpy(), 0).astype(np.float32)
    texels = topology.uvs * (SKIN_WIDTH, -SKIN_HEIGHT) + (0, SKIN_HEIGHT)
    uv = (texels[topology.face_uvs[seen]] * weights).sum(-2)
    skin = np.isin(winner, skin_faces(topology))
    uv[~skin] = -1
    normals = (vertex_normals(vertices, topology.faces)[topology.faces[seen]] * weights).sum(-2)
    points = (vertices[topology.faces[seen]] * weights).sum(-2)
    to_eye = -camera.R.T @ camera.t - points
    cosine = (normals * to_eye).sum(-1) / np.maximum(
        np.linalg.norm(normals, axis=-1) * np.linalg.norm(to_eye, axis=-1), 1e-9
    )
    return Look(camera, depth, uv.astype(np.float32), np.where(skin, np.clip(cosine, 0, 1), 0).astype(np.float32))


def bake(atlas: Atlas, look: Look, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours [C, H, W] and weights [H, W] that `picture` [C, S, S] gives the texels."""
    size = look.camera.size
    pixels, seen = project(look.camera, atlas.points.reshape(-1, 3))
    x, y = pixels.T.reshape(2, *atlas.covered.shape)
    near = _values(look.depth[None], x, y)[0]
    colours = _values(picture, x, y)
    to_eye = -look.camera.R.T @ look.camera.t - atlas.points
    cosine = (atlas.normals * to_eye).sum(-1) / np.linalg.norm(to_eye, axis=-1)
    inside = (x > 1) & (x < size - 1) & (y > 1) & (y < size - 1)
    visible = atlas.covered & inside & (np.abs(seen[:, 2].reshape(x.shape) - near) < SLACK) & (cosine > 0.2)
    # The pixel must show this very place: next to an eyeball, say, depth alone cannot tell.
    row, column = (np.clip(v.astype(int), 0, size - 1) for v in (y, x))
    own = np.stack(np.broadcast_arrays(*layout.grid()), -1)
    visible &= np.abs(look.uv[row, column] - own).max(-1) < NEAR
    rim = _values(_rim(look.depth)[None], x, y)[0]
    return colours, np.where(visible, np.clip(cosine, 0, 1) ** 4 * rim, 0).astype(np.float32)


def _values(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear values of a square [C, S, S] at pixel coordinates."""
    size = image.shape[-1]
    return sample(image.astype(np.float32), x * SKIN_WIDTH / size, y * SKIN_HEIGHT / size)


def _rim(depth: np.ndarray) -> np.ndarray:
    """1 away from jumps of depth, falling to 0 within three pixels of them."""
    jump = np.zeros(depth.shape, np.float32)
    for axis in (0, 1):
        step = np.abs(np.diff(depth, axis=axis)) > 0.003
        for shift in (0, 1):
            place = [slice(None), slice(None)]
            place[axis] = slice(shift, depth.shape[axis] - 1 + shift)
            jump[tuple(place)] = np.maximum(jump[tuple(place)], step)
    return np.clip(1 - 4 * blur(jump, 1.5), 0, 1)


def blend(bakes: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """One texture [C, H, W] and how well each texel is known, 0..1, from several bakes."""
    colours, weights = np.stack([c for c, _ in bakes]), np.stack([w for _, w in bakes])
    sharp = weights**3 / np.maximum((weights**3).sum(0), 1e-9)
    total = weights.sum(0)
    # Form: each picture continued beyond what it sees, so that wide blending has something to blend.
    wide = np.stack([blur(weight, 24) for weight in weights])
    wide = np.maximum(wide, 1e-6) / np.maximum(wide, 1e-6).sum(0)
    result = 0
    for colour, weight, narrow, broad in zip(colours, weights, sharp, wide, strict=True):
        known = (weight > 0).astype(np.float32)
        form = blur(colour * known, 12) / np.maximum(blur(known, 12), 1e-3)
        result = result + narrow * (colour - form) + broad * form
    best = np.take_along_axis(colours, weights.argmax(0)[None, None], 0)[0]
    return np.where(sum((w > 0).astype(int) for w in weights) > 1, result, best), np.clip(total * 4, 0, 1)


def complete(colour: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Texels no camera saw: first from the other side of the head, then smoothly from around."""
    other = mirror(known) * (1 - known)
    colour = colour * known + mirror(colour) * other
    weight = known + other
    colour = colour / np.maximum(weight, 1e-4)
    return fill(colour, np.clip(weight, 0, 1))


def unlight(colour: np.ndarray, normals: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Linear colour [3, H, W] less its shading: the part of log luminance that a second-order function of the normal
    explains (Ramamoorthi and Hanrahan 2001: nine harmonics hold what a matte surface shows of any light)."""
    x, y, z = normals.transpose(2, 0, 1)
    basis = np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y])
    light = np.log(np.maximum(colour.mean(0), 1e-3))
    use = known > 0.3
    weight = np.ones(use.sum())
    for _ in range(4):  # lips, brows and nostrils are albedo: outliers count less
        design = basis[:, use].T * weight[:, None]
        coefficients, *_ = np.linalg.lstsq(design, light[use] * weight, rcond=None)
        rest = light[use] - basis[:, use].T @ coefficients
        weight = 1 / (1 + (rest / 0.15) ** 2)
    shading = np.tensordot(coefficients, basis, 1)
    shading -= shading[use].mean()
    return colour * np.exp(-np.clip(shading, -1.2, 1.2))[None]
