"""Training examples on disk and the codec's statistics from them.

An example is a `.npy` of raw wavelet coefficients (float16 [size]) and one of its condition features; its number and
the seed say all about it, so an interrupted preparation goes on where it stopped.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch

from threedpain.generation.texture.model.sampling import FEATURES, features
from threedpain.generation.texture.model.skin_codec import SkinCodec, analyse

from .augment import Programme

logger = logging.getLogger(__name__)
NO_SPREAD = 1e-3  # coefficients that never vary (brows outside their window) get this spread and no loss


def prepare(programme: Programme, folder: Path, count: int, seed: int) -> None:
    """Write examples 0 .. count-1 that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    codec = SkinCodec(features=FEATURES)
    for index in range(count):
        path = folder / f"{index:06d}.npy"
        if path.exists():
            continue
        look, lab, brow = programme(seed, index)
        skin = torch.from_numpy(np.concatenate([lab, brow[None]]))[None]
        save_example(path, codec.coefficients(skin)[0], features(look))
        if (index + 1) % 50 == 0:
            logger.info("prepared %d of %d examples", index + 1, count)


def save_example(path: Path, coefficients: torch.Tensor, condition: torch.Tensor) -> None:
    """Both arrays in one file, moved into place whole."""
    whole = np.concatenate([condition.numpy().astype(np.float16), coefficients.numpy().astype(np.float16)])
    partial = path.with_suffix(".part")
    with open(partial, "wb") as file:
        np.save(file, whole)
    partial.replace(path)


def load_example(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """(features [FEATURES], coefficients [size]), float32."""
    whole = torch.from_numpy(np.load(path)).float()
    return whole[:FEATURES], whole[FEATURES:]


@torch.no_grad()
def fit_codec(paths: list[Path], programme: Programme, seed: int) -> SkinCodec:
    """The codec with mean, slopes, spread and tint of the examples."""
    codec = SkinCodec(features=FEATURES)
    n, fine = len(paths), codec.fine_size
    total, squares = torch.zeros(fine), torch.zeros(fine)
    conditions, rest = torch.zeros(n, FEATURES), torch.zeros(n, codec.size - fine)
    for i, path in enumerate(paths):
        conditions[i], coefficients = load_example(path)
        total += coefficients[:fine]
        squares += coefficients[:fine] ** 2
        rest[i] = coefficients[fine:]
    mean = total / n
    variance = (squares / n - mean**2).clamp(min=0).view(codec.shapes[0])
    codec.fine_mean.copy_(mean.view(codec.shapes[0]))
    pooled = torch.nn.functional.avg_pool2d(variance[None], 2)
    pooled = torch.nn.functional.avg_pool2d(pooled, 3, stride=1, padding=1, count_include_pad=False)[0]
    codec.fine_spread.copy_(pooled.sqrt().clamp(min=NO_SPREAD))
    # Ridge regression; constant and face colour (the first four features) are not held back.
    penalty = torch.full((FEATURES,), 0.02 * n)
    penalty[:4] = 1e-4 * n
    normal = conditions.T @ conditions + torch.diag(penalty)
    codec.slopes.copy_(torch.linalg.solve(normal.double(), (conditions.T @ rest).double()).float())
    deviation = torch.zeros(codec.size - fine)
    for i in range(n):
        deviation += (rest[i] - conditions[i] @ codec.slopes) ** 2
    codec.spread.copy_((deviation / n).sqrt().clamp(min=NO_SPREAD))
    codec.tint.copy_(_tint(programme, seed))
    return codec


def _tint(programme: Programme, seed: int, count: int = 12) -> torch.Tensor:
    """[2 levels, (a*, b*)]: regression of colour detail on lightness detail."""
    products, powers = torch.zeros(2, 2), torch.zeros(2)
    for index in range(count):
        smooth = torch.from_numpy(programme(seed, index)[1])[None]
        for level in range(2):
            smooth, bands = analyse(smooth)
            light, a, b = bands.reshape(3, -1)
            products[level] += torch.stack([light @ a, light @ b])
            powers[level] += light @ light
    return products / powers[:, None]
