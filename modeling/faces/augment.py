"""Augmentation of whole batches that leaves the labels true, drawn from one generator so that a step can be repeated.

A batch's draws come first, for every picture of it, whoever processes them; the same geometry then moves a picture, its
heatmap and mask, and its aligned reference. A flip exchanges left and right, which no label tells apart: PSPI and the
action units are the stronger side's.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from .faces import MARGIN


@dataclass(frozen=True)
class Geometry:
    """Per picture: flip (bool), rotation (radians), scale of the face, shift (shares of the crop's side)."""

    flip: np.ndarray
    angle: np.ndarray
    scale: np.ndarray
    shift: np.ndarray  # [n, 2]

    @classmethod
    def still(cls, count: int) -> Geometry:
        """The plain face crop."""
        return cls(np.zeros(count, bool), np.zeros(count), np.ones(count), np.zeros((count, 2)))

    @classmethod
    def draw(cls, count: int, rng: np.random.Generator, tilted: float = 0.0) -> Geometry:
        """tilted: share of pictures turned by up to 45 degrees; the others are turned by up to 6."""
        return cls(
            flip=rng.random(count) < 0.5,
            angle=np.radians(rng.uniform(-1, 1, count) * np.where(rng.random(count) < tilted, 45, 6)),
            scale=np.exp(rng.uniform(np.log(0.85), np.log(1.15), count)),
            shift=rng.uniform(-0.06, 0.06, (count, 2)),
        )

    def nudged(self, which: np.ndarray, rng: np.random.Generator) -> Geometry:
        """Half of those marked in `which` moved by a degree or a hundredth of the side: nobody holds quite still."""
        count = len(self.flip)
        much = which * (rng.random(count) < 0.5)
        return Geometry(
            flip=self.flip,
            angle=self.angle + much * np.radians(rng.uniform(-1.5, 1.5, count)),
            scale=self.scale * np.exp(much * rng.uniform(-0.02, 0.02, count)),
            shift=self.shift + much[:, None] * rng.uniform(-0.01, 0.01, (count, 2)),
        )

    def place(self, points: np.ndarray) -> np.ndarray:
        """Where points of the plain crop lie in the pictures that `warp` makes: [n, k, 2] -> same, crop = -1..1."""
        cosine, sine = np.cos(self.angle)[:, None], np.sin(self.angle)[:, None]
        mirror = np.where(self.flip, -1.0, 1.0)[:, None]
        x, y = np.moveaxis(points - 2 * self.shift[:, None], -1, 0)
        moved = np.stack((mirror * (cosine * x + sine * y), cosine * y - sine * x), axis=-1)
        return moved * self.scale[:, None, None]

    def take(self, index: np.ndarray) -> Geometry:
        return Geometry(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    def following(self, other: Geometry, follow: np.ndarray, at: np.ndarray) -> Geometry:
        """This geometry, where `follow` is true replaced by row `at` of another."""
        chosen = {}
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)[at]
            chosen[field.name] = np.where(follow.reshape(-1, *[1] * (mine.ndim - 1)), theirs, mine)
        return Geometry(**chosen)


def warp(packed: torch.Tensor, geometry: Geometry, size: int, mode: str = "bilinear") -> torch.Tensor:
    """Packed crops [n, C, S, S], float, moved and cut to [n, C, size, size]; beyond the border: 0."""
    cosine, sine = np.cos(geometry.angle), np.sin(geometry.angle)
    zoom = 1.0 / (MARGIN * geometry.scale)
    mirror = np.where(geometry.flip, -1.0, 1.0)
    matrix = np.empty((len(zoom), 2, 3), np.float32)
    matrix[:, 0, 0], matrix[:, 0, 1] = zoom * cosine * mirror, -zoom * sine
    matrix[:, 1, 0], matrix[:, 1, 1] = zoom * sine * mirror, zoom * cosine
    matrix[:, :, 2] = 2 * geometry.shift / MARGIN
    theta = torch.from_numpy(matrix).to(packed.device)
    grid = F.affine_grid(theta, [len(packed), packed.shape[1], size, size], align_corners=False)
    return F.grid_sample(packed, grid, mode=mode, padding_mode="zeros", align_corners=False)


@dataclass(frozen=True)
class Look:
    """Per picture: colour, blur, noise, grey, low resolution, JPEG and occlusion; 0 or 1 where nothing happens."""

    gain: np.ndarray  # [n, 3] per channel
    contrast: np.ndarray
    gamma: np.ndarray
    saturation: np.ndarray
    blur: np.ndarray  # sigma in pixels
    noise: np.ndarray  # standard deviation
    shrink: np.ndarray  # factor of the low resolution, 1: none
    jpeg: np.ndarray  # quality, 0: none
    hole: np.ndarray  # [n, 4] x0, y0, x1, y1 of an occluded rectangle, 0..1
    hole_colour: np.ndarray  # [n, 3]
    seed: np.ndarray  # of the noise

    @classmethod
    def draw(cls, count: int, rng: np.random.Generator, small: float = 0.0) -> Look:
        """small: share of pictures seen from afar, where faces of 107 pixels in a crop of 160 shrink to 24 and more."""
        sometimes = lambda share, values, otherwise: np.where(rng.random(count) < share, values, otherwise)  # noqa: E731
        saturation = sometimes(0.1, 0.0, rng.uniform(0.6, 1.4, count))
        corner, extent = rng.uniform(0, 0.85, (count, 2)), rng.uniform(0.1, 0.35, (count, 2))
        extent *= sometimes(0.1, 1.0, 0.0)[:, None]
        shrink = sometimes(0.08, rng.uniform(1.3, 2.2, count), 1.0)
        shrink = sometimes(small, np.exp(rng.uniform(np.log(1.5), np.log(4.5), count)), shrink)
        return cls(
            gain=rng.uniform(0.8, 1.2, (count, 1)) * rng.uniform(0.94, 1.06, (count, 3)),
            contrast=rng.uniform(0.85, 1.2, count),
            gamma=np.exp(rng.uniform(-0.2, 0.2, count)),
            saturation=saturation,
            blur=sometimes(0.1, rng.uniform(0.4, 1.2, count), 0.0),
            noise=sometimes(0.2, rng.uniform(0.005, 0.03, count), 0.0),
            shrink=shrink,
            jpeg=sometimes(0.05, rng.integers(30, 85, count), 0),
            hole=np.concatenate([corner, corner + extent], axis=1),
            hole_colour=rng.random((count, 3)),
            seed=rng.integers(0, 2**31, count),
        )

    def take(self, index: np.ndarray) -> Look:
        return Look(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    def following(self, other: Look, follow: np.ndarray, at: np.ndarray) -> Look:
        """This look with another's colours where `follow` is true: one light, two exposures."""
        chosen = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("gain", "contrast", "gamma", "saturation"):
            mine, theirs = chosen[name], getattr(other, name)[at]
            chosen[name] = np.where(follow.reshape(-1, *[1] * (mine.ndim - 1)), theirs, mine)
        return Look(**chosen)

    def hides(self, size: int) -> torch.Tensor:
        """Where the rectangles lie, [n, size, size], 0 or 1."""
        hidden = torch.zeros(len(self.seed), size, size)
        for at, (x0, y0, x1, y1) in enumerate((self.hole * size).astype(int)):
            hidden[at, y0:y1, x0:x1] = 1
        return hidden

    def apply(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures float [n, 3, S, S] in 0..1, likewise returned."""
        wide = lambda values: torch.as_tensor(values, dtype=pictures.dtype, device=pictures.device)  # noqa: E731
        x = pictures.clamp(1e-4, 1) ** wide(self.gamma)[:, None, None, None] * wide(self.gain)[:, :, None, None]
        middle = x.mean(dim=(1, 2, 3), keepdim=True)
        x = (x - middle) * wide(self.contrast)[:, None, None, None] + middle
        grey = x.mean(1, keepdim=True)
        x = grey + (x - grey) * wide(self.saturation)[:, None, None, None]
        for at in np.flatnonzero(self.shrink > 1):
            x[at] = _low_resolution(x[at : at + 1], self.shrink[at])[0]
        for at in np.flatnonzero(self.blur > 0):
            x[at] = _blurred(x[at : at + 1], self.blur[at])[0]
        for at in np.flatnonzero(self.noise > 0):
            noise = np.random.default_rng(self.seed[at]).standard_normal(x.shape[1:], dtype=np.float32)
            x[at] += wide(noise) * float(self.noise[at])
        x = x.clamp(0, 1)
        for at in np.flatnonzero(self.jpeg > 0):
            x[at] = wide(_jpeg(x[at], int(self.jpeg[at])))
        for at in np.flatnonzero(self.hole[:, 2] > self.hole[:, 0]):
            x0, y0, x1, y1 = (self.hole[at] * x.shape[-1]).astype(int)
            x[at, :, y0:y1, x0:x1] = wide(self.hole_colour[at])[:, None, None]
        return x


def _low_resolution(x: torch.Tensor, factor: float) -> torch.Tensor:
    small = F.interpolate(x, scale_factor=1 / factor, mode="bilinear", antialias=True)
    return F.interpolate(small, x.shape[-2:], mode="bilinear")


def _blurred(x: torch.Tensor, sigma: float) -> torch.Tensor:
    steps = torch.arange(-4, 5, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-0.5 * (steps / float(sigma)) ** 2)
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    x = F.conv2d(F.pad(x, (4, 4, 0, 0), mode="replicate"), kernel, groups=3)
    return F.conv2d(F.pad(x, (0, 0, 4, 4), mode="replicate"), kernel.mT, groups=3)


def _jpeg(x: torch.Tensor, quality: int) -> np.ndarray:
    """One picture [3, S, S] in 0..1, compressed and read again."""
    pixels = (x.permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer), dtype=np.float32).transpose(2, 0, 1) / 255
