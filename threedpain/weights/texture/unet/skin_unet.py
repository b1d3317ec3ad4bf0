"""The denoiser: a small convolutional U-Net over the six wavelet grids of SkinCodec, which knows where it is.

Fine coefficients enter and leave at the top, the next grids a level below each, the three coarsest at the bottom. Every
skin lies on the same head, so learned maps of the position are added at each level. Without any training its output is
zero, which for v-prediction of unit-variance latents is already the best guess that ignores how they hang together.

This file ships in the model's folder: it imports only torch, and diffusers once `SkinUNet` is asked for.
"""

from __future__ import annotations

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    """x + conv(silu(norm(x) scaled and shifted by the embedding))."""

    def __init__(self, width: int, embedding: int, dilation: int = 1):
        super().__init__()
        self.norm = nn.GroupNorm(8, width, affine=False)
        self.film = nn.Linear(embedding, 2 * width)
        self.conv = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        with torch.no_grad():
            self.conv.weight.mul_(0.3)

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        scale, shift = self.film(embedding).chunk(2, 1)
        if len(x) == 1:  # the norm itself scales and shifts a single skin
            scaled = F.group_norm(x, self.norm.num_groups, 1 + scale[0], shift[0])
        else:
            scaled = torch.addcmul(shift[..., None, None], self.norm(x), 1 + scale[..., None, None])
        return self.conv(F.silu(scaled, inplace=True)).add_(x)


class UNet(nn.Module):
    """v-prediction for latents [B, size] at timesteps [B] under features [B, F]; `known` [B] is 0 where the condition
    is withheld (classifier-free guidance)."""

    def __init__(
        self,
        height: int = 768,
        width: int = 1408,
        features: int = 24,
        widths: tuple[int, int, int, int] = (32, 48, 96, 160),
        depths: tuple[int, int, int, int] = (1, 2, 2, 4),
        embedding: int = 192,
    ):
        super().__init__()
        h, w = height, width
        a, b, c, d = widths
        channels = {4: 30, 8: 12, 16: 12, 32: 12, 64: 12, 128: 16}  # texels a cell: channels, as in SkinCodec
        self.shapes = [(count, h // cell, w // cell) for cell, count in channels.items()]
        self.embed = nn.Sequential(
            nn.Linear(64 + features + 1, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU()
        )
        self.register_buffer("place", _place(h // 4, w // 4), persistent=False)
        self.enter = nn.ModuleList(
            [
                nn.Conv2d(30 + len(self.place), a, 3, padding=1),
                nn.Conv2d(12, b, 1),
                nn.Conv2d(12, c, 1),
                *(nn.Conv2d(n, d, 1) for n in (12, 12, 16)),
            ]
        )
        self.where = nn.ParameterList(
            [
                nn.Parameter(torch.zeros(b, h // 8, w // 8)),
                nn.Parameter(torch.zeros(c, h // 16, w // 16)),
                nn.Parameter(torch.zeros(d, h // 32, w // 32)),
            ]
        )
        self.down = nn.ModuleList([nn.Conv2d(4 * i, o, 1) for i, o in ((a, b), (b, c), (c, d))])
        self.up = nn.ModuleList([nn.Conv2d(i, 4 * o, 1) for i, o in ((b, a), (c, b), (d, c))])

        def blocks(width: int, count: int, dilate: bool = False) -> nn.ModuleList:
            return nn.ModuleList([Block(width, embedding, 2 ** (k % 3) if dilate else 1) for k in range(count)])

        self.before = nn.ModuleList([blocks(w_, n) for w_, n in zip(widths[:3], depths[:3], strict=True)])
        self.middle = blocks(d, depths[3], dilate=True)
        self.after = nn.ModuleList([blocks(w_, n) for w_, n in zip(widths[:3], depths[:3], strict=True)])
        self.leave = nn.ModuleList(
            [
                nn.Conv2d(a, 30, 3, padding=1),
                nn.Conv2d(b, 12, 3, padding=1),
                nn.Conv2d(c, 12, 3, padding=1),
                *(nn.Conv2d(d, n, 1) for n in (12, 12, 16)),
            ]
        )
        for conv in self.leave:
            nn.init.zeros_(conv.weight)
            nn.init.zeros_(conv.bias)

    def forward(
        self, latent: torch.Tensor, timestep: torch.Tensor, features: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        # All layers keep the channels of a cell side by side in memory: no copies between them.
        sizes = [math.prod(shape) for shape in self.shapes]
        grids = [
            part.unflatten(1, shape).contiguous(memory_format=torch.channels_last)
            for part, shape in zip(latent.split(sizes, 1), self.shapes, strict=True)
        ]
        known = known.to(latent)[:, None]
        embedding = self.embed(torch.cat([_waves(timestep), features * known, known], 1))
        place = self.place.to(latent).expand(len(latent), -1, -1, -1)

        x0 = self.enter[0](torch.cat([grids[0], place.contiguous(memory_format=torch.channels_last)], 1))
        x0 = _run(self.before[0], x0, embedding)
        x1 = _halved(self.down[0], x0) + _cellwise(self.enter[1], grids[1]) + self.where[0]
        x1 = _run(self.before[1], x1, embedding)
        x2 = _halved(self.down[1], x1) + _cellwise(self.enter[2], grids[2]) + self.where[1]
        x2 = _run(self.before[2], x2, embedding)
        x3 = _halved(self.down[2], x2) + self.where[2] + _cellwise(self.enter[3], grids[3])
        for enter, grid in zip(self.enter[4:], grids[4:], strict=True):
            x3 = x3 + F.interpolate(_cellwise(enter, grid), size=x3.shape[-2:], mode="nearest")
        x3 = _run(self.middle, x3, embedding)
        x2 = _run(self.after[2], x2 + _doubled(self.up[2], x3), embedding)
        x1 = _run(self.after[1], x1 + _doubled(self.up[1], x2), embedding)
        x0 = _run(self.after[0], x0 + _doubled(self.up[0], x1), embedding)
        tops = (x0, x1, x2, x3, F.avg_pool2d(x3, 2), F.avg_pool2d(x3, 4))
        out = [conv(F.silu(x)).flatten(1) for conv, x in zip(self.leave, tops, strict=True)]
        return torch.cat(out, 1)


def _cellwise(conv: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """A convolution of one cell."""
    return F.linear(x.permute(0, 2, 3, 1), conv.weight.flatten(1), conv.bias).permute(0, 3, 1, 2)


def _halved(conv: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """`conv`, of one cell, of the four cells of `pixel_unshuffle`."""
    return F.conv2d(x, conv.weight.view(conv.out_channels, -1, 2, 2), conv.bias, stride=2)


def _doubled(conv: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """`pixel_shuffle` of `conv`, of one cell."""
    batch, _, rows, columns = x.shape
    weight = conv.weight.flatten(1).unflatten(0, (-1, 4)).transpose(0, 1).flatten(0, 1)
    cells = F.linear(x.permute(0, 2, 3, 1), weight, conv.bias.view(-1, 4).T.flatten())
    cells = cells.view(batch, rows, columns, 2, 2, -1).transpose(2, 3)
    return cells.reshape(batch, 2 * rows, 2 * columns, -1).permute(0, 3, 1, 2)


def _run(blocks: nn.ModuleList, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
    for block in blocks:
        x = block(x, embedding)
    return x


def _waves(timestep: torch.Tensor) -> torch.Tensor:
    """Sinusoids [B, 64] of timesteps 0..1000."""
    rates = torch.exp(torch.arange(32, device=timestep.device) * (-math.log(1000.0) / 31))
    angles = timestep.float()[:, None] * rates[None]
    return torch.cat([angles.cos(), angles.sin()], 1)


def _place(h: int, w: int) -> torch.Tensor:
    """Position channels [8, h, w]: both coordinates and smooth waves of them."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
    waves = [f(math.pi * k * v) for k in (2, 6) for v, f in ((x, torch.cos), (y, torch.sin))]
    return torch.stack([x, y, x.abs(), (x * 8).sin(), *waves])


def __getattr__(name: str) -> type:
    """`SkinUNet`, the same as a model of diffusers: made when asked for, importing that costs seconds."""
    if name != "SkinUNet":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from diffusers import ConfigMixin, ModelMixin
    from diffusers.configuration_utils import register_to_config

    class SkinUNet(UNet, ModelMixin, ConfigMixin):
        __init__ = register_to_config(UNet.__init__)

    return globals().setdefault(name, SkinUNet)
