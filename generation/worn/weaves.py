"""What is woven into cloth or printed on it: shares of its colour in repeating squares, which garments are laid out on.

A garment's `uv` names its weave and the place in it, see `laid`. Ribs and stripes come from the same few squares, whose
sides are one repeat.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from threedpain.generation.geometry import smoothstep
from threedpain.generation.seeds import child

from .mesh import STRANDS as SIDE
from .mesh import strand_pattern

APART = 64  # squares in u between cloth of one tone and each weave; a garment is narrower than half of it
CUT = 5e-5  # metres over which cloth ends: its edge is a line whatever the strands' ranks are where the weave lies
WEAVES = ("jersey", "knit", "checks", "tartan", "print")


def laid(weave: str, across: np.ndarray, along: np.ndarray) -> np.ndarray:
    """uv [N, 2] of places counted in repeats, in that weave."""
    return np.stack([across + APART * (WEAVES.index(weave) + 1.5), along], axis=1)


def share_of(weave: str, runs: tuple[int, int] = (1, 1)) -> float:
    """The mean share of the cloth's colour where it runs across and along (1) or keeps its first place there (0)."""
    square = weaves()[:, :, WEAVES.index(weave)]
    across, along = runs
    return float((square if across else square[:, :1])[:: 1 if along else SIDE].mean()) / 128


@lru_cache(maxsize=1)
def patterns() -> np.ndarray:
    """uint8 [SIDE, SIDE, 2 + len(WEAVES)]: the strand pattern, then the weaves."""
    return np.concatenate([strand_pattern(), weaves()], axis=-1)


@lru_cache(maxsize=1)
def weaves() -> np.ndarray:
    """uint8 [SIDE, SIDE, len(WEAVES)], rows along v, repeating both ways: shares of the cloth's colour, 128 for all of
    it."""
    at = (np.arange(SIDE) + 0.5) / SIDE
    u, v = np.meshgrid(at, at)
    rng = child(0, "weaves")

    # Jersey: mixed fibres, longer along the thread than across.
    noise = np.fft.rfft2(rng.standard_normal((SIDE, SIDE)))
    across, along = np.fft.rfftfreq(SIDE), np.fft.fftfreq(SIDE)[:, None]
    fibres = np.fft.irfft2(noise * np.exp(-((across / 0.12) ** 2) - (along / 0.06) ** 2), s=(SIDE, SIDE))
    jersey = 0.95 + 0.025 * np.clip(fibres / fibres.std(), -2, 2)

    # Knit: 8 ribs, each of two slanting rows of stitches.
    rib = np.abs((8 * u) % 1 - 0.5)
    stitch = 0.5 + 0.5 * np.cos(2 * np.pi * (12 * v + 1.2 * rib))
    knit = 0.76 + 0.24 * smoothstep(0.5 - rib, 0.0, 0.28) * (0.8 + 0.2 * stitch)

    def band(x: np.ndarray, middle: float, half: float) -> np.ndarray:
        away = np.abs((x - middle + 0.5) % 1 - 0.5)
        return 1 - smoothstep(away, half - 0.025, half + 0.025)

    # Checks: dark where stripes cross; at one place in u, where no stripe runs along, stripes alone.
    checks = (1 - 0.34 * band(u, 0.5, 0.25)) * (1 - 0.34 * band(v, 0.5, 0.25))
    tartan: np.ndarray = np.ones_like(u)
    for x in (u, v):
        tartan = tartan * (1 - 0.34 * band(x, 0.5, 0.2)) * (1 - 0.25 * band(x, 0.0, 0.05))

    # Print: small lozenges and dots in turn, as on gowns.
    prints: np.ndarray = np.ones_like(u)
    for right, down, lozenge in ((0.25, 0.25, True), (0.75, 0.75, True), (0.75, 0.25, False), (0.25, 0.75, False)):
        dx, dy = np.abs(u - right), np.abs(v - down)
        away = dx + 0.7 * dy if lozenge else np.hypot(dx, dy)
        size = 0.10 if lozenge else 0.045
        prints = prints - 0.3 * (1 - smoothstep(away, size - 0.02, size + 0.02))
    squares = np.stack([jersey, knit, checks, tartan, prints], axis=-1)
    return np.rint(128 * squares).clip(0, 255).astype(np.uint8)
