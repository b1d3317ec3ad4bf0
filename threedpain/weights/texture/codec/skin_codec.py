"""Between skins and latents: a wavelet transform, the mean skin of a condition, and the spread around it.

A skin is CIELAB and brow opacity, [B, 4, 768, 1384]. Its latent is the wavelet coefficients less what the condition
predicts, divided by their spread at that place: every number has zero mean and unit variance, the finest included, so
that diffusion starts from the right amount of detail everywhere and learns what is left: how they hang together.

Six grids make one flat vector, [B, `size`]: fine (4 texels a cell: lightness and brows at wavelengths of 2 to 8
texels), middle (8 texels a cell: all channels, 8 to 16), and coarser ones of 16, 32, 64 and 128 texels a cell, the last
with the smooth rest. Colour finer than 8 texels follows lightness by one factor a level.

This file ships in the model's folder: it imports only torch, and diffusers once `SkinCodec` is asked for.
"""

from __future__ import annotations

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

# Cohen, Daubechies and Feauveau's 9/7 wavelet as lifting steps (Daubechies and Sweldens 1998).
_LIFT = (-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971)
_SCALE = 1.230174104914001
BROWS = (15, 9, 9, 9, 9, 13)  # in each grid, the first of the channels of brow opacity


def _swing(line: torch.Tensor, left: bool) -> torch.Tensor:
    """Sum of each sample's two neighbours on the other half-grid, borders mirrored; along the last axis."""
    if left:  # neighbours of even samples: odd ones before and after
        return line + torch.cat([line[..., :1], line[..., :-1]], -1)
    return line + torch.cat([line[..., 1:], line[..., -1:]], -1)


def split(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One level along the last axis, of even length: (smooth, detail), each of half length."""
    even, odd = x[..., 0::2], x[..., 1::2]
    odd = odd + _LIFT[0] * _swing(even, False)
    even = even + _LIFT[1] * _swing(odd, True)
    odd = odd + _LIFT[2] * _swing(even, False)
    even = even + _LIFT[3] * _swing(odd, True)
    return even * _SCALE, odd / _SCALE


def join(smooth: torch.Tensor, detail: torch.Tensor, axis: int = -1) -> torch.Tensor:
    """The inverse of `split`, along any axis: each pass works where the last one left its numbers, since a skin is
    larger than what a processor keeps at hand."""
    even, odd, length = smooth / _SCALE, detail * _SCALE, smooth.shape[axis]

    def lift(line: torch.Tensor, other: torch.Tensor, factor: float, left: bool) -> None:
        border, near = (0, 1) if left else (length - 1, 0)
        inner = other.narrow(axis, 0, length - 1) + other.narrow(axis, 1, length - 1)
        line.narrow(axis, near, length - 1).sub_(inner, alpha=factor)
        line.narrow(axis, border, 1).sub_(other.narrow(axis, border, 1), alpha=2 * factor)

    lift(even, odd, _LIFT[3], True)
    lift(odd, even, _LIFT[2], False)
    lift(even, odd, _LIFT[1], True)
    lift(odd, even, _LIFT[0], False)
    axis = axis % even.dim()
    joined = even.new_empty(*even.shape[: axis + 1], 2, *even.shape[axis + 1 :])
    joined.select(axis + 1, 0).copy_(even)
    joined.select(axis + 1, 1).copy_(odd)
    return joined.flatten(axis, axis + 1)


def analyse(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[B, C, H, W] -> smooth [B, C, H/2, W/2] and details [B, 3C, H/2, W/2] (channel-major)."""
    low, high = split(x)
    low, high = low.transpose(-1, -2), high.transpose(-1, -2)
    (ll, lh), (hl, hh) = split(low), split(high)
    bands = torch.stack([lh, hl, hh], 2).flatten(1, 2)
    return ll.transpose(-1, -2), bands.transpose(-1, -2)


def synthesise(smooth: torch.Tensor, bands: torch.Tensor) -> torch.Tensor:
    """The inverse of `analyse`."""
    lh, hl, hh = bands.unflatten(1, (-1, 3)).unbind(2)
    return join(join(smooth, lh, -2), join(hl, hh, -2))


def grid_shapes(height: int, width: int) -> list[tuple[int, int, int]]:
    """[channels, rows, columns] of the six grids of a padded skin."""
    channels = {4: 30, 8: 12, 16: 12, 32: 12, 64: 12, 128: 16}
    return [(count, height // cell, width // cell) for cell, count in channels.items()]


class Codec(nn.Module):
    """Skins [B, 4, H, W] to latents [B, size] and back, given condition features [B, F]."""

    def __init__(
        self,
        height: int = 768,
        width: int = 1384,
        features: int = 24,
        brow_window: tuple[int, int, int, int] = (352, 464, 544, 864),
    ):
        super().__init__()
        self.height, self.width, self.brow_window = height, width, brow_window
        self.padded = (-height % 128 + height, -width % 128 + width)
        self.shapes = grid_shapes(*self.padded)
        self.sizes = [math.prod(shape) for shape in self.shapes]
        self.size, self.fine_size = sum(self.sizes), self.sizes[0]
        _, h, w = self.shapes[0]
        self.register_buffer("fine_mean", torch.zeros(30, h, w))
        self.register_buffer("fine_spread", torch.ones(30, h // 2, w // 2))
        self.register_buffer("slopes", torch.zeros(features, self.size - self.fine_size))
        self.register_buffer("spread", torch.ones(self.size - self.fine_size))
        self.register_buffer("tint", torch.zeros(2, 2))  # a*, b* per L* in the details of level 1 and 2

    def coefficients(self, skin: torch.Tensor) -> torch.Tensor:
        """[B, 4, H, W] -> raw wavelet coefficients [B, size]."""
        h, w = self.padded
        skin = F.pad(skin, (0, w - skin.shape[-1], 0, h - skin.shape[-2]), mode="replicate")
        skin = torch.cat([skin[:, :3], self._in_window(skin[:, 3:])], 1)
        x1, d1 = analyse(skin)
        x2, d2 = analyse(x1)
        rest, bands = x2, []
        for _ in self.shapes[1:]:
            rest, band = analyse(rest)
            bands.append(band)
        bands[-1] = torch.cat([rest, bands[-1]], 1)
        light, brow = slice(0, 3), slice(9, 12)
        fine = torch.cat(
            [F.pixel_unshuffle(d1[:, light], 2), d2[:, light], F.pixel_unshuffle(d1[:, brow], 2), d2[:, brow]], 1
        )
        return torch.cat([part.flatten(1) for part in (fine, *bands)], 1)

    def _in_window(self, brow: torch.Tensor) -> torch.Tensor:
        top, bottom, left, right = self.brow_window
        mask = torch.zeros_like(brow[:1])
        mask[..., top:bottom, left:right] = 1
        return brow * mask

    def grids(self, latent: torch.Tensor) -> list[torch.Tensor]:
        """Flat [B, size] -> one [B, *shape] for each of `shapes`."""
        return [part.unflatten(1, shape) for part, shape in zip(latent.split(self.sizes, 1), self.shapes, strict=True)]

    def scale_brows(self, latent: torch.Tensor, share: float) -> torch.Tensor:
        """Latents [B, size] with those of the brows multiplied by `share`."""
        latent = latent.clone()
        grids = self.grids(latent)
        for grid, first in zip(grids, BROWS, strict=True):
            grid[:, first:] *= share
        grids[-1][:, 3] *= share
        return latent

    def _statistics(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean [B, size] and spread [size] for condition features [B, F]."""
        rest, spread = self._rest(features)
        mean = torch.cat([self.fine_mean.float().flatten().expand(len(features), -1), rest], 1)
        return mean, torch.cat([self._fine_spread().flatten(), spread])

    def _rest(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean [B, size - fine_size] and spread [size - fine_size] of all grids but the fine one."""
        return features.float() @ self.slopes.float(), self.spread.float()

    def _fine_spread(self) -> torch.Tensor:
        return F.interpolate(self.fine_spread[None].float(), scale_factor=2, mode="bilinear", align_corners=False)[0]

    def encode(self, skin: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        mean, spread = self._statistics(features)
        return (self.coefficients(skin) - mean) / spread

    def decode(self, latent: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Latents [B, size] -> CIELAB and brow opacity [B, 4, H, W]."""
        fine = latent[:, : self.fine_size].unflatten(1, self.shapes[0])
        fine = torch.addcmul(self.fine_mean.float(), fine, self._fine_spread())
        mean, spread = self._rest(features)
        rest = torch.addcmul(mean, latent[:, self.fine_size :], spread).split(self.sizes[1:], 1)
        bands = [part.unflatten(1, shape) for part, shape in zip(rest, self.shapes[1:], strict=True)]
        skin, bands[-1] = bands[-1][:, :4], bands[-1][:, 4:]
        for band in reversed(bands):
            skin = synthesise(skin, band)
        light1, light2 = F.pixel_shuffle(fine[:, :12], 2), fine[:, 12:15]
        lab = latent.new_zeros(len(latent), 4, self.height, self.width)
        for channel, (tint1, tint2) in enumerate(((1.0, 1.0), *self.tint.float().T.tolist())):
            half = synthesise(skin[:, channel : channel + 1], tint2 * light2)
            lab[:, channel] = synthesise(half, tint1 * light1)[:, 0, : self.height, : self.width]
        top, bottom, left, right = self.brow_window
        lab[:, 3:, top:bottom, left:right] = self._brow(skin[:, 3:], fine[:, 15:])
        return lab

    def _brow(self, smooth: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        """Brow opacity [B, 1, rows, columns] in its window, of its smooth part and fine details over the whole skin, a
        quarter as large: put together with as much around the window as the wavelet reaches."""
        (top, bottom, left, right), reach = self.brow_window, 32
        y, x = max(top - reach, 0) // 4, max(left - reach, 0) // 4
        smooth, fine = (grid[..., y : (bottom + reach) // 4, x : (right + reach) // 4] for grid in (smooth, fine))
        brow = synthesise(synthesise(smooth, fine[:, 12:]), F.pixel_shuffle(fine[:, :12], 2))
        return brow[..., top - 4 * y : bottom - 4 * y, left - 4 * x : right - 4 * x]

    def forward(self, latent: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        return self.decode(latent, features)


def __getattr__(name: str) -> type:
    """`SkinCodec`, the same as a model of diffusers: made when asked for, importing that costs seconds."""
    if name != "SkinCodec":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from diffusers import ConfigMixin, ModelMixin
    from diffusers.configuration_utils import register_to_config

    class SkinCodec(Codec, ModelMixin, ConfigMixin):
        __init__ = register_to_config(Codec.__init__)

    return globals().setdefault(name, SkinCodec)
