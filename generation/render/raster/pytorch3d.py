"""The one place that imports PyTorch3D: its CUDA rasterizer behind our protocol, and ours behind its interface.

PyTorch3D is loaded when first needed. A machine without it generates on its CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from threedpain.errors import InvalidInput, MissingExtra

from .exact import CpuRasterizer
from .settings import Fragments, RasterizationSettings, image_shape

if TYPE_CHECKING:
    import torch

MAX_FACES_PER_BIN = 100_000  # more than any scene here has: a bin that overflows would leave holes
LAYERS = 12  # of hair over one another


def load():
    """PyTorch3D's module of the mesh rasterizer and its Meshes, or a sentence with the pip line."""
    try:
        from pytorch3d.renderer.mesh import rasterizer
        from pytorch3d.structures import Meshes
    except ImportError as problem:
        raise MissingExtra(
            "PyTorch3D is not installed or does not fit this torch: pip install 'threedpain[pytorch3d]'"
        ) from problem
    return rasterizer, Meshes


class CudaRasterizer:
    """PyTorch3D's rasterizer, coarse to fine on a GPU, with the same call and fragments as `CpuRasterizer`.

    `device` may be "cpu": then it is PyTorch3D's own CPU path, the reference of the tests and the benchmark.
    """

    def __init__(self, settings: RasterizationSettings = RasterizationSettings(), device: str = "cuda"):  # noqa: B008
        self.settings = settings
        self.device = device

    def __call__(self, vertices: Sequence[np.ndarray], faces: Sequence[np.ndarray]) -> Fragments:
        """vertices: float [V_n, 3] per mesh (NDC x, NDC y, depth); faces: int [F_n, 3] per mesh. See `Fragments`."""
        import torch

        if len(vertices) != len(faces):
            raise InvalidInput(
                f"expected one array of faces a mesh, got {len(vertices)} meshes and {len(faces)} arrays"
            )
        rasterizer, Meshes = load()
        settings = self.settings
        clamp = settings.clip_barycentric_coords
        meshes = Meshes(
            [torch.as_tensor(v, dtype=torch.float32, device=self.device) for v in vertices],
            [torch.as_tensor(f, dtype=torch.int64, device=self.device) for f in faces],
        )
        return Fragments(
            *rasterizer.rasterize_meshes(
                meshes,
                image_size=image_shape(settings.image_size),
                blur_radius=settings.blur_radius,
                faces_per_pixel=settings.faces_per_pixel,
                max_faces_per_bin=max(MAX_FACES_PER_BIN, max((len(f) for f in faces), default=0)),
                perspective_correct=settings.perspective_correct,
                clip_barycentric_coords=settings.blur_radius > 0 if clamp is None else clamp,
                cull_backfaces=settings.cull_backfaces,
                z_clip_value=settings.z_clip_value,
            )
        )


def nearest_pytorch3d(vertices: np.ndarray, faces: np.ndarray, test: tuple, size: int, device: str):
    """What `nearest.nearest` finds, by PyTorch3D: winners int32 and nearness float32 [S, S].

    Coverage is tested on the nearest LAYERS of the tested faces: a sample behind more layers without cover sees the
    head.
    """
    tested, pattern_uv, ranks = test
    placed = vertices.copy()
    placed[:, 2] = np.where(vertices[:, 2] > 0, 1 / np.maximum(vertices[:, 2], 1e-9), -1)
    solid = CudaRasterizer(RasterizationSettings(size), device)([placed], [faces[:tested]])
    winners = solid.pix_to_face[0, :, :, 0].cpu().numpy().astype(np.int32)
    depth = np.where(winners >= 0, solid.zbuf[0, :, :, 0].cpu().numpy(), np.inf)
    if tested < len(faces):
        settings = RasterizationSettings(size, faces_per_pixel=LAYERS)
        layers = CudaRasterizer(settings, device)([placed], [faces[tested:]])
        index, z = layers.pix_to_face[0].cpu().numpy(), layers.zbuf[0].cpu().numpy()
        known = (pattern_uv[index] * layers.bary_coords[0].cpu().numpy()[..., None]).sum(3)  # u, v, opacity
        place = np.floor(known[..., :2] * len(ranks)).astype(int) & (len(ranks) - 1)
        cover = (known[..., 2] >= 1) | (ranks[place[..., 1], place[..., 0]] < 255 * known[..., 2])
        cover &= (index >= 0) & (z < depth[..., None])
        first = cover.argmax(2)[..., None]
        hit = cover.any(2)
        winners[hit] = tested + np.take_along_axis(index, first, 2)[hit, 0]
        depth[hit] = np.take_along_axis(z, first, 2)[hit, 0]
    return winners, np.where(winners >= 0, 1 / depth, 0).astype(np.float32)


def cpu_mesh_rasterizer(cameras=None, raster_settings=None, threads: int = 1):
    """A PyTorch3D `MeshRasterizer` (cameras, settings, Meshes in, Fragments out) that runs on `CpuRasterizer`.

    Drop-in for forward rendering on a CPU: the fragments carry no gradient, and `bin_size`, `max_faces_per_bin` and
    `cull_to_frustum` have nothing to do.
    """
    rasterizer, _ = load()

    class CpuMeshRasterizer(rasterizer.MeshRasterizer):
        def forward(self, meshes_world, **kwargs):
            import torch

            settings = kwargs.get("raster_settings", self.raster_settings)
            cameras = kwargs.get("cameras", self.cameras)
            with torch.no_grad():
                placed = self.transform(meshes_world, **kwargs)
            perspective = settings.perspective_correct
            perspective = cameras.is_perspective() if perspective is None else perspective
            fragments = CpuRasterizer(
                RasterizationSettings(
                    image_size=settings.image_size,
                    blur_radius=settings.blur_radius,
                    faces_per_pixel=settings.faces_per_pixel,
                    perspective_correct=perspective,
                    clip_barycentric_coords=settings.clip_barycentric_coords,
                    cull_backfaces=settings.cull_backfaces,
                    z_clip_value=_clip_plane(settings, cameras, perspective),
                ),
                threads,
            )([v.numpy() for v in placed.verts_list()], [f.numpy() for f in placed.faces_list()])
            return rasterizer.Fragments(fragments.pix_to_face, fragments.zbuf, fragments.bary_coords, fragments.dists)

    return CpuMeshRasterizer(cameras, raster_settings)


def textured(vertices, faces, uvs, face_uvs, texture):
    """PyTorch3D Meshes with TexturesUV. vertices [V, 3] (gradients pass), faces [F, 3], uvs [T, 2], face_uvs [F, 3],
    texture [H, W, 3] 0..1: tensors or arrays."""
    import torch

    _, Meshes = load()
    from pytorch3d.renderer import TexturesUV

    vertices = torch.as_tensor(vertices, dtype=torch.float32)
    device = vertices.device
    skin = TexturesUV(
        maps=[torch.as_tensor(texture, dtype=torch.float32, device=device)],
        faces_uvs=[torch.as_tensor(face_uvs, dtype=torch.int64, device=device)],
        verts_uvs=[torch.as_tensor(uvs, dtype=torch.float32, device=device)],
    )
    return Meshes([vertices], [torch.as_tensor(faces, dtype=torch.int64, device=device)], textures=skin)


def _clip_plane(settings, cameras, perspective: bool) -> float | None:
    """PyTorch3D's rule: half the camera's near distance, if it has one."""
    if settings.z_clip_value is not None:
        return settings.z_clip_value
    near: torch.Tensor | float | None = cameras.get_znear()
    if near is None or not perspective:
        return None
    return (near if isinstance(near, float | int) else near.min().item()) / 2
