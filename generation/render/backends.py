"""Back ends: what sees the samples of a picture and shades them. Numba on one core, or torch on a device."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Protocol

import numpy as np

from threedpain.generation.elsewhere import compile_elsewhere

from .raster.nearest import nearest
from .raster.pytorch3d import nearest_pytorch3d
from .shading import kernel
from .shading.model import OPTICS, Colours, Geometry, Lights, Skin

if TYPE_CHECKING:
    import torch


class Backend(Protocol):
    """Two stages of a picture of S x S pixels with n x n samples each."""

    device: str

    def visibility(
        self, vertices: np.ndarray, faces: np.ndarray, test: tuple, samples: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The nearest face int32 (-1: none) and its nearness float32, both [samples, samples]; arguments as
        `raster.nearest.nearest` takes them."""

    def shade(
        self,
        winners: np.ndarray,
        nearness: np.ndarray,
        geometry: Geometry,
        skin: Skin,
        lights: Lights,
        colours: Colours,
        eye: np.ndarray,
        background: np.ndarray,
    ) -> np.ndarray:
        """Linear radiance float32 [S, S, 3]; `eye` float32 [3] is the camera, `background` float32 [S, S, 3]."""


class NumbaBackend:
    """Our own rasterizer and the fused kernel, on one core."""

    device = "cpu"

    def visibility(
        self, vertices: np.ndarray, faces: np.ndarray, test: tuple, samples: int
    ) -> tuple[np.ndarray, np.ndarray]:
        winners = np.full((samples, samples), -1, np.int32)
        nearness = np.zeros((samples, samples), np.float32)
        nearest(vertices, faces, test[0], test, winners, nearness)
        return winners, nearness

    def shade(self, winners, nearness, geometry, skin, lights, colours, eye, background) -> np.ndarray:
        out = np.empty_like(background)
        arguments = winners, nearness, geometry, skin, lights, colours, eye, OPTICS, background, out
        compile_elsewhere(kernel.shade, *arguments)
        kernel.shade(*arguments)
        return out


class TorchBackend:
    """PyTorch3D's rasterizer and the torch reference on a device. What does not change between the pictures of a person
    stays there as long as its array lives."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._kept: dict[int, torch.Tensor] = {}

    def visibility(
        self, vertices: np.ndarray, faces: np.ndarray, test: tuple, samples: int
    ) -> tuple[np.ndarray, np.ndarray]:
        return nearest_pytorch3d(vertices, faces, test, samples, self.device)

    def shade(self, winners, nearness, geometry, skin, lights, colours, eye, background) -> np.ndarray:
        import torch

        from .shading import reference

        still = {name: self._stays(getattr(geometry, name)) for name in ("faces", "uvs", "material", "strands")}
        moving = {name: self._there(getattr(geometry, name)) for name in ("vertices", "table")}
        maps = Skin(*map(self._stays, (skin.texels, skin.levels)), *map(self._there, (skin.slopes, skin.bumps)))
        with torch.no_grad():
            light = reference.shade(
                self._there(winners),
                self._there(nearness),
                Geometry(**still, **moving),
                maps,
                Lights(*map(self._there, lights)),
                Colours(*map(self._there, colours)),
                self._there(eye),
                self._stays(OPTICS),
                self._there(background),
            )
            return light.cpu().numpy()

    def _there(self, array: np.ndarray) -> torch.Tensor:
        import torch

        array = np.asarray(array)
        wide = np.int32 if array.dtype == np.uint16 else array.dtype  # torch has no arithmetic on uint16
        return torch.as_tensor(array.astype(wide), device=self.device)

    def _stays(self, array: np.ndarray) -> torch.Tensor:
        key = id(array)
        if key not in self._kept:
            self._kept[key] = self._there(array)
            weakref.finalize(array, self._kept.pop, key, None)
        return self._kept[key]
