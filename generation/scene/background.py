"""Defocused surroundings, painted as a panorama in angles around the camera, or seen in a photographed one: the views
of one room belong together.

Everything is drawn small, with edges as soft as the lens leaves them, and enlarged with a smooth spline: out of focus
there is nothing finer. Surfaces take the scene's light; windows, lamps and sky shine by themselves.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from threedpain.generation.compiling import njit
from threedpain.generation.records import Background, Camera, Light
from threedpain.generation.seeds import child
from threedpain.limits import CLINIC, PANORAMAS

from . import clinic
from .light import irradiance
from .panorama import level, look_into

_GRID = 80  # control points across the picture


def paint(background: Background, size: int, light: Light, camera: Camera) -> np.ndarray:
    """Linear radiance float32 [size, size, 3] behind the person, before exposure and tone curve."""
    if background.kind in CLINIC:
        behind, near, cover = (_enlarge(small, size) for small in clinic.paint(background, light, camera))
        return behind * np.clip(1 - cover, 0, 1) + near
    azimuth, elevation, toward = _angles(camera)
    if background.kind in PANORAMAS:  # as bright as the light on the face says, which for the same place is its own
        seen = look_into(background.kind, background.seed, azimuth, elevation)
        return _enlarge(level(light) * seen, size)
    lit = irradiance(light, -toward)  # what a wall behind the person, facing the camera, sends back
    if background.kind == "plain":
        small = np.full((_GRID, _GRID, 3), 0.32) * lit
    else:
        canvas = _Canvas(azimuth, elevation, lit, child(background.seed, "background"))
        {"indoor": _indoor, "clinical": _clinical, "outdoor": _outdoor}[background.kind](canvas)
        small = canvas.colour
    return _enlarge(small, size)


class _Canvas:
    """A low-resolution picture [G, G, 3] with soft brushes that think in degrees of azimuth and elevation."""

    def __init__(self, azimuth: np.ndarray, elevation: np.ndarray, lit: np.ndarray, rng: np.random.Generator):
        self.azimuth, self.elevation, self.lit, self.rng = azimuth, elevation, lit, rng
        self.blur = rng.uniform(0.5, 2.2)  # width of an edge out of focus, degrees
        self.colour = np.zeros((*azimuth.shape, 3))

    def fill(self, low: np.ndarray, high: np.ndarray, horizon: float = 0.0, spread: float = 40.0) -> None:
        """A vertical gradient of albedo over the whole sphere."""
        t = np.clip(0.5 + (self.elevation - horizon) / spread, 0, 1)[..., None]
        self.colour[:] = (low + (high - low) * t) * self.lit

    def box(self, left, right, bottom, top, albedo, opacity: float = 1.0, glow: float = 0.0) -> None:
        """A soft-edged rectangle; `glow` is radiance of its own instead of reflected light."""
        edges = np.array([left, right, bottom, top], np.float64)
        _fill_box(self.colour, self.azimuth, self.elevation, edges, self.blur, opacity, self._target(albedo, glow))

    def disc(self, azimuth, elevation, radius, albedo, opacity: float = 1.0, glow: float = 0.0) -> None:
        """A disc with the lens's blur at its rim."""
        place = np.array([azimuth, elevation, radius], np.float64)
        _fill_disc(self.colour, self.azimuth, self.elevation, place, self.blur, opacity, self._target(albedo, glow))

    def _target(self, albedo, glow: float) -> np.ndarray:
        """What is painted: radiance of its own, or the light it sends back, [G, G, 3]."""
        albedo = np.asarray(albedo, dtype=np.float64)
        return np.full(self.lit.shape, albedo * glow) if glow else albedo * self.lit

    def ripple(self, strength: float, wavelength: float, slant: float = 0.0) -> None:
        """Shading of folds: two slow waves across, as on a curtain."""
        phase, second = self.rng.uniform(0, 2 * np.pi, 2)
        across = (self.azimuth + slant * self.elevation) * (2 * np.pi / wavelength)
        wave = np.sin(across + phase + 0.8 * np.sin(0.37 * across + second))
        self.colour *= (1 + strength * wave)[..., None]

    def mottle(self, strength: float, scale: float) -> None:
        """Slow unevenness of brightness, `scale` degrees across."""
        total = np.zeros_like(self.azimuth)
        for _ in range(5):
            turn, phase = self.rng.uniform(0, 2 * np.pi, 2)
            k = 2 * np.pi / (scale * self.rng.uniform(0.6, 1.6))
            total += np.sin(k * (np.cos(turn) * self.azimuth + np.sin(turn) * self.elevation) + phase)
        self.colour *= np.maximum(1 + strength / 2.2 * total, 0.2)[..., None]


def _paint_colour(rng: np.random.Generator, light: float, saturation: float) -> np.ndarray:
    """An albedo of a given lightness with a random hue, favouring warm and cool neutrals."""
    hue = rng.uniform(0, 2 * np.pi)
    tint = np.array([np.cos(hue), np.cos(hue - 2.1), np.cos(hue + 2.1)])
    return np.clip(light * (1 + saturation * rng.random() * tint), 0.01, 0.9)


def _indoor(c: _Canvas) -> None:
    rng = c.rng
    wall = _paint_colour(rng, rng.uniform(0.15, 0.6), 0.18)
    c.fill(0.75 * wall, wall, spread=60)
    c.mottle(0.06, 50)
    for _ in range(rng.integers(2, 6)):  # pictures, shelves and doors on the wall
        left, width = rng.uniform(-110, 100), rng.uniform(5, 22)
        bottom, height = rng.uniform(-8, 12), rng.uniform(6, 22)
        frame = _paint_colour(rng, rng.uniform(0.05, 0.5), 0.5)
        c.box(left, left + width, bottom, bottom + height, frame)
        c.box(
            left + 1.5,
            left + width - 1.5,
            bottom + 1.5,
            bottom + height - 1.5,
            _paint_colour(rng, rng.uniform(0.1, 0.6), 0.6),
            0.9,
        )
    for _ in range(rng.integers(3, 7)):  # furniture below
        left, width = rng.uniform(-110, 100), rng.uniform(12, 40)
        c.box(left, left + width, -70, rng.uniform(-18, 0), _paint_colour(rng, rng.uniform(0.04, 0.3), 0.5), 0.95)
    if rng.random() < 0.55:
        _window(c, rng.uniform(-60, 60))
    for _ in range(rng.integers(0, 4)):  # lamps
        warm = np.array([1.0, 0.78, 0.5])
        c.disc(rng.uniform(-80, 80), rng.uniform(3, 25), rng.uniform(1.2, 4), warm, 0.9, glow=rng.uniform(1.0, 2.4))


def _window(c: _Canvas, centre: float) -> None:
    rng = c.rng
    width, bottom, top = rng.uniform(14, 30), rng.uniform(-10, 2), rng.uniform(16, 35)
    left, right = centre - width / 2, centre + width / 2
    c.box(left - 1.5, right + 1.5, bottom - 1.5, top + 1.5, [0.7, 0.7, 0.68])
    glow = rng.uniform(0.9, 2.0)
    c.box(left, right, bottom, top, [0.92, 0.97, 1.03], glow=glow)
    c.box(left, right, bottom, bottom + rng.uniform(3, 9), [0.45, 0.55, 0.35], 0.7, glow=glow)
    for x in np.linspace(left, right, rng.integers(2, 4))[1:-1]:
        c.box(x - 0.7, x + 0.7, bottom, top, [0.6, 0.6, 0.6])
    if rng.random() < 0.6:  # curtains
        cloth = _paint_colour(rng, rng.uniform(0.2, 0.7), 0.4)
        c.box(left - 6, left + 2, bottom - 20, top + 4, cloth)
        c.box(right - 2, right + 6, bottom - 20, top + 4, cloth)


def _clinical(c: _Canvas) -> None:
    rng = c.rng
    wall = _paint_colour(rng, rng.uniform(0.45, 0.7), 0.12)
    c.fill(0.85 * wall, wall, spread=70)
    if rng.random() < 0.55:  # a bed curtain all around
        cloth = np.clip(_paint_colour(rng, 0.5, 0.25) * np.array([0.9, 1.05, 1.08]), 0, 0.85)
        start = rng.uniform(-100, 10)
        c.box(start, start + rng.uniform(60, 140), -70, rng.uniform(16, 45), cloth)
        c.ripple(0.13, rng.uniform(4, 9), rng.uniform(-0.05, 0.05))
    else:
        c.box(-180, 180, rng.uniform(-16, -8), rng.uniform(-7, -4), _paint_colour(rng, 0.4, 0.3), 0.8)  # wall guard
        c.mottle(0.04, 60)
    for _ in range(rng.integers(2, 5)):  # monitors, cupboards, sockets rails
        left, width = rng.uniform(-100, 90), rng.uniform(5, 16)
        bottom, height = rng.uniform(-6, 14), rng.uniform(4, 12)
        c.box(left, left + width, bottom, bottom + height, _paint_colour(rng, rng.uniform(0.08, 0.7), 0.2))
        if rng.random() < 0.4:
            c.box(left + 1, left + width - 1, bottom + 1, bottom + height - 1, [0.25, 0.5, 0.6], 0.8, glow=0.6)
    if rng.random() < 0.45:
        _window(c, rng.uniform(-70, 70))
    for _ in range(rng.integers(1, 4)):  # ceiling panels
        left = rng.uniform(-90, 80)
        right, top, glow = left + rng.uniform(10, 25), rng.uniform(28, 34), rng.uniform(1.2, 2.2)
        c.box(left, right, 24, top, [1.0, 1.0, 1.0], 0.9, glow=glow)
    if rng.random() < 0.35:  # a pillow or a raised mattress behind the shoulders
        c.box(rng.uniform(-40, -22), rng.uniform(22, 40), -60, rng.uniform(-6, 7), [0.72, 0.73, 0.74])


def _outdoor(c: _Canvas) -> None:
    rng = c.rng
    sky = np.array([0.75, 0.88, 1.05]) if rng.random() < 0.6 else np.array([0.95, 0.97, 1.0])
    c.colour[:] = sky * rng.uniform(0.7, 1.5) * (1 - 0.004 * c.elevation[..., None])
    grass = np.array([0.8, 1.1, 0.6]) if rng.random() < 0.6 else np.ones(3)
    ground = _paint_colour(rng, rng.uniform(0.12, 0.3), 0.2) * grass
    c.box(-180, 180, -90, rng.uniform(-14, -3), ground)
    if rng.random() < 0.45:  # houses
        for _ in range(rng.integers(4, 9)):
            left, width = rng.uniform(-110, 95), rng.uniform(10, 30)
            top, wall = rng.uniform(6, 40), _paint_colour(rng, rng.uniform(0.12, 0.45), 0.25)
            c.box(left, left + width, -12, top, wall)
            for x in np.arange(left + 2.5, left + width - 2.5, rng.uniform(4, 6)):
                c.box(x, x + 2.2, -4, top - 2.5, 0.45 * wall, 0.7)
    green = np.array([rng.uniform(0.5, 0.95), 1.0, rng.uniform(0.25, 0.5)])  # spring to autumn
    for _ in range(rng.integers(2, 6)):  # trees: clumps of leaves, darker below, the far ones paler
        depth, x, y, spread = rng.random(), rng.uniform(-80, 80), rng.uniform(-4, 14), rng.uniform(4, 10)
        for _ in range(9):
            u, v = rng.normal(0, spread, 2)
            leaf = green * rng.uniform(0.06, 0.16) * (1 + 0.04 * v) + 0.12 * depth * sky
            c.disc(x + u, y + v, rng.uniform(0.25, 0.6) * spread, np.clip(leaf, 0.01, 1), 0.75)
    for _ in range(rng.integers(0, 14)):  # light through leaves
        c.disc(rng.uniform(-70, 70), rng.uniform(-4, 24), rng.uniform(0.8, 2.4), sky, 0.5, glow=rng.uniform(0.8, 1.6))


def _angles(camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Azimuth and elevation (degrees, 0 = straight behind a person seen from the front) and the unit direction of each
    control point's line of sight, in the head frame."""
    pixel = (np.arange(_GRID) + 0.5) * (camera.size / _GRID)
    u, v = np.meshgrid(pixel, pixel)
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ (np.linalg.inv(camera.K).T @ camera.R)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    azimuth = np.degrees(np.arctan2(rays[..., 0], -rays[..., 2]))
    return azimuth, np.degrees(np.arcsin(np.clip(rays[..., 1], -1, 1))), rays


@njit(cache=True, inline="always")
def _edge(x, blur):
    """0 outside .. 1 inside, over twice the blur."""
    t = min(max(0.5 + x / (2 * blur), 0.0), 1.0)
    return t * t * (3 - 2 * t)


@njit(cache=True, nogil=True)
def _fill_box(colour, azimuth, elevation, edges, blur, opacity, target):
    for i in range(colour.shape[0]):
        for j in range(colour.shape[1]):
            a, e = azimuth[i, j], elevation[i, j]
            if min(a - edges[0], edges[1] - a, e - edges[2], edges[3] - e) > -blur:
                alpha = _edge(a - edges[0], blur) * _edge(edges[1] - a, blur) * opacity
                alpha *= _edge(e - edges[2], blur) * _edge(edges[3] - e, blur)
                for k in range(3):
                    colour[i, j, k] += alpha * (target[i, j, k] - colour[i, j, k])


@njit(cache=True, nogil=True)
def _fill_disc(colour, azimuth, elevation, place, blur, opacity, target):
    for i in range(colour.shape[0]):
        for j in range(colour.shape[1]):
            inside = place[2] - np.hypot(azimuth[i, j] - place[0], elevation[i, j] - place[1])
            if inside > -blur:
                alpha = _edge(inside, blur) * opacity
                for k in range(3):
                    colour[i, j, k] += alpha * (target[i, j, k] - colour[i, j, k])


def _enlarge(small: np.ndarray, size: int) -> np.ndarray:
    first, weights = _spline(size, len(small))
    return _interpolate(small.astype(np.float32), first, weights, size)


@njit(cache=True, nogil=True, fastmath=True)
def _interpolate(small, first, weights, size):
    """Four control points down, then four across: [G, G, 3] to [size, size, 3]."""
    grid = small.shape[0]
    row = np.empty((grid, 3), np.float32)
    result = np.empty((size, size, 3), np.float32)
    for y in range(size):
        i = first[y]
        for j in range(grid):
            for k in range(3):
                row[j, k] = (
                    weights[y, 0] * small[i, j, k]
                    + weights[y, 1] * small[i + 1, j, k]
                    + weights[y, 2] * small[i + 2, j, k]
                    + weights[y, 3] * small[i + 3, j, k]
                )
        for x in range(size):
            j = first[x]
            for k in range(3):
                result[y, x, k] = (
                    weights[x, 0] * row[j, k]
                    + weights[x, 1] * row[j + 1, k]
                    + weights[x, 2] * row[j + 2, k]
                    + weights[x, 3] * row[j + 3, k]
                )
    return result


@lru_cache(maxsize=8)
def _spline(size: int, grid: int) -> tuple[np.ndarray, np.ndarray]:
    """Uniform cubic B-spline, smooth to the second derivative: first control point int64 [size] and weights float32
    [size, 4]; at the borders what falls outside is left out."""
    position = (np.arange(size) + 0.5) * grid / size - 0.5
    first = np.clip(np.floor(position).astype(int) - 1, 0, grid - 4)
    distance = np.abs(position[:, None] - (first[:, None] + np.arange(4)))
    weights = np.where(distance < 1, 2 / 3 - distance**2 + distance**3 / 2, np.maximum(2 - distance, 0) ** 3 / 6)
    return first, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
