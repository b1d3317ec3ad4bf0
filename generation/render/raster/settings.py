"""What a rasterizer is asked and answers, in PyTorch3D's terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from threedpain.errors import InvalidInput

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class RasterizationSettings:
    """The fields of PyTorch3D's settings of the same name that change what is seen."""

    image_size: int | tuple[int, int] = 256  # S, or (H, W)
    blur_radius: float = 0.0
    faces_per_pixel: int = 1
    perspective_correct: bool = True
    clip_barycentric_coords: bool | None = None  # None: only if blur_radius > 0
    cull_backfaces: bool = False
    z_clip_value: float | None = None  # leaves out cull_to_frustum: triangles off the picture cost nothing here


@dataclass(frozen=True)
class Fragments:
    """What a pixel sees, nearest first; missing entries are -1. N meshes, K faces a pixel."""

    pix_to_face: torch.Tensor  # int64 [N, H, W, K], index into the packed faces of the batch
    zbuf: torch.Tensor  # float32 [N, H, W, K], distance along the optical axis
    bary_coords: torch.Tensor  # float32 [N, H, W, K, 3]
    dists: torch.Tensor  # float32 [N, H, W, K], squared NDC distance to the nearest edge, negative inside


class Rasterizer(Protocol):
    """Meshes in, fragments out: CpuRasterizer here, CudaRasterizer in generation.render.raster.pytorch3d."""

    settings: RasterizationSettings

    def __call__(self, vertices: Sequence[np.ndarray], faces: Sequence[np.ndarray]) -> Fragments: ...


def image_shape(image_size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if height < 1 or width < 1:
        raise InvalidInput(f"image_size must be positive, got {image_size}")
    return height, width
