"""Clothes at the neckline: the shoulders' surface lifted, cut along a neckline of its kind and folded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from threedpain.generation.geometry import smoothstep
from threedpain.generation.head.bust import Bust
from threedpain.generation.records import MASK_CLASSES, Clothes
from threedpain.generation.seeds import child

from .mesh import HairMesh, empty, finer
from .surface import Surface, waves
from .weaves import CUT, laid, share_of

CLOTHES_KINDS = ("gown", "crew", "collar", "vneck", "none")
CLOTH = MASK_CLASSES.index("clothes")
EDGE, EDGE_HALVINGS = 0.008, 2  # metres around a neckline where triangles are cut finer, and how often
HEM, LEAF = 0.011, 0.036  # metres from a neckline to its seam, and to the edge of a collar's leaf
TRIM = {"crew": 0.8, "gown": 1.12}  # of the cloth's colour, what is sewn along the edge
ROUND = 0.006  # metres by which a neckline's corners are rounded


def sample_clothes(rng: np.random.Generator, place: str) -> Clothes:
    """What one wears there: gowns mostly in a clinic."""
    share = (0.6, 0.2, 0.1, 0.1) if place == "clinical" else (0.0, 0.45, 0.3, 0.25)
    kind = str(rng.choice(CLOTHES_KINDS[:4], p=share))
    hue, light = rng.uniform(0, 2 * np.pi), float(np.exp(rng.uniform(np.log(0.03), np.log(0.6))))
    saturation = 0.6 * rng.random()
    if kind == "gown":
        hue, light, saturation = rng.uniform(2.4, 4.2), rng.uniform(0.35, 0.6), 0.35 * rng.random()
    tint = 1 + saturation * np.cos(hue - np.array([0.0, 2.1, 4.2]))
    colour = np.clip(light * tint / tint.mean(), 0.01, 0.85)
    return Clothes(kind, tuple(float(v) for v in colour), int(rng.integers(2**31)))


def build_clothes(bust: Bust, clothes: Clothes) -> HairMesh:
    """The garment on this bust; its `shadow` darkens the skin at and under the neckline."""
    if clothes.kind == "none":
        return empty(len(bust.vertices))
    surface, rng = Surface(bust), child(clothes.seed, "clothes")
    above = _neckline(surface, clothes.kind)
    level = above(surface.vertices, bust.neck_weight)
    shell = surface.cut(level < 0.015)
    level_here = level[shell.rows]

    # Cloth bridges the hollows of the body, then stands off it, most where folds run.
    radius = np.hypot(shell.points[:, 0], shell.points[:, 2] - bust.neck_pivot[2])
    loose = smoothstep(-level_here, 0.0, 0.06)
    points = shell.points + loose[:, None] * (shell.smooth(shell.points, 12) - shell.points)
    folds = waves(points * [1.6, 0.5, 1.6], rng, 0.09) + 0.5 * waves(points * [2.0, 0.6, 2.0], rng, 0.04)
    lift = 0.0035 + loose * (0.006 + 0.0022 * folds * smoothstep(radius, 0.06, 0.16))
    if clothes.kind == "collar":
        lift = lift + 0.008 * smoothstep(level_here, -LEAF, 0.015 - LEAF) * (1 - 0.4 * smoothstep(level_here, -0.02, 0))
    points = points + lift[:, None] * shell.smooth(shell.normals, 6)
    points = surface.push_out(points, 0.0025)

    uv, mean = _laid_out(shell.points, bust, clothes)
    shadow = np.ones(len(level))
    skin = surface.cut(level < 0.04)
    shadow[skin.rows] = skin.smooth(0.35 + 0.65 * smoothstep(level[skin.rows], -0.002, 0.02), 2)
    mesh = shell.mesh(
        points,
        CLOTH,
        np.clip(np.asarray(clothes.colour) / mean, 0.0, 0.9),  # light and dark of a weave lie about the colour
        occlusion=1 - 0.12 * smoothstep(-folds, 0.3, 1.6) * loose,
        shadow=shadow,
        uv=uv,
    )
    # The skin's triangles measure up to 15 mm here, too coarse for a curve: those at the edge are cut finer.
    skin_points, weight = shell.points.astype(np.float64), bust.neck_weight[shell.rows]
    for _ in range(EDGE_HALVINGS):
        near = (np.abs(level_here) < EDGE) | ((clothes.kind == "collar") & (np.abs(level_here + LEAF) < EDGE))
        near[mesh.faces[np.ptp(np.sign(level_here[mesh.faces]), axis=1) > 0]] = True
        mesh, pairs = finer(mesh, near)
        skin_points, weight = (np.concatenate([a, a[pairs].mean(axis=1)]) for a in (skin_points, weight))
        level_here = above(skin_points, weight)
    inwards = smoothstep(level_here, -HEM - 0.001, 0.001 - HEM)  # what is sewn along the edge, and its seam
    shade = 1 - 0.3 * np.exp(-(((level_here + HEM) / 0.0015) ** 2))
    if clothes.kind == "collar":
        beside = np.minimum(-LEAF - level_here, 0) / 0.001 + np.maximum(-LEAF - level_here, 0) / 0.006
        shade = 1 - 0.5 * np.exp(-(beside**2))  # of its edge, on the cloth below
    elif clothes.kind != "vneck":
        mesh = replace(mesh, colour=mesh.colour * (1 + (TRIM[clothes.kind] - 1) * inwards)[:, None].astype(np.float32))
    # Behind the neck the rim's inner side is seen, which light from behind would show as bright slits.
    inner = smoothstep(level_here, -0.03, -0.005) * smoothstep(bust.neck_pivot[2] - skin_points[:, 2], -0.03, 0.01)
    mesh = replace(mesh, colour=mesh.colour * (1 - 0.7 * inner)[:, None].astype(np.float32))
    opacity = 0.5 - level_here / CUT
    return replace(mesh, opacity=opacity.astype(np.float32), occlusion=mesh.occlusion * shade.astype(np.float32))


def _laid_out(points: np.ndarray, bust: Bust, clothes: Clothes) -> tuple[np.ndarray, float]:
    """uv [N, 2] of a garment's points on the skin in its weave, and the share of its colour that this leaves. The cloth
    falls from a seam on the shoulders, to the front and the back."""
    rng = child(clothes.seed, "weave")
    chance = _WEAVES[clothes.kind]
    pick, size, sway = str(rng.choice(list(chance), p=list(chance.values()))), rng.uniform(0.8, 1.25), rng.random(2)
    across = points[:, 0] + 0.0015 * waves(points, rng, 0.07)
    along = points[:, 1] - 0.8 * np.abs(points[:, 2] - bust.neck_pivot[2]) + 0.0015 * waves(points, rng, 0.07)
    weave, repeat, both = _REPEATS[pick]
    uv = laid(weave, both[0] * (across / (size * repeat) + sway[0]), both[1] * (along / (size * repeat) + sway[1]))
    return uv, share_of(weave, both)


# What cloth is like -> its weave, the metres of one repeat, and whether it runs across and along.
_REPEATS = {
    "jersey": ("jersey", 0.06, (1, 1)),
    "knit": ("knit", 0.035, (1, 1)),
    "stripes": ("checks", 0.022, (0, 1)),
    "pinstripes": ("checks", 0.007, (1, 0)),
    "checks": ("checks", 0.016, (1, 1)),
    "tartan": ("tartan", 0.05, (1, 1)),
    "print": ("print", 0.022, (1, 1)),
}
# Kind -> how often it is of which cloth.
_WEAVES = {
    "crew": {"jersey": 0.5, "knit": 0.2, "stripes": 0.3},
    "gown": {"jersey": 0.35, "print": 0.5, "checks": 0.15},
    "vneck": {"jersey": 0.55, "knit": 0.45},
    "collar": {"jersey": 0.35, "tartan": 0.25, "checks": 0.2, "pinstripes": 0.2},
}
# Kind -> neck weight of the neckline's lowest point in front and highest behind, width relative to the neck's own,
# depth and half width of its V in metres.
_NECKLINES = {
    "crew": (0.06, 0.13, 1.22, 0.0, 1.0),
    "gown": (0.03, 0.10, 1.5, 0.02, 0.12),
    "vneck": (0.08, 0.13, 1.28, 0.07, 0.06),
    "collar": (0.2, 0.27, 1.12, 0.09, 0.035),
}


def _neckline(surface: Surface, kind: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """How far inside the neckline points [N, 3] on the skin with their neck weights [N] are, metres [N]; below zero
    there is cloth. An ellipse around the neck."""
    front_weight, back_weight, widening, depth, width = _NECKLINES[kind]
    front, back = surface.midline(front_weight, front=True), surface.midline(back_weight, front=False)
    top = (surface.midline(0.55, front=True) + surface.midline(0.35, front=False)) / 2
    middle, v, neck = (front + back) / 2, surface.vertices, surface.bust.neck_weight
    axis = (top - middle) / np.linalg.norm(top - middle)
    chord = (front - back) - (front - back) @ axis * axis
    half_depth = np.linalg.norm(chord) / 2
    ahead = chord / (2 * half_depth)
    half_width = widening * np.abs(v[(neck > 0.4) & (neck < 0.6), 0]).max()

    def above(points: np.ndarray, weight: np.ndarray) -> np.ndarray:
        x, z = points[:, 0], (points - middle) @ ahead
        around = np.hypot(x / half_width, z / half_depth)
        level = half_width * (1 - around)
        level = level + depth * smoothstep(z, 0.0, half_depth) * _larger(1 - np.hypot(x, 0.003) / width, 0.0, 0.15)
        slope = middle[1] + (front[1] - back[1]) / (front[2] - back[2]) * (points[:, 2] - middle[2])
        # high shoulders are under cloth
        beside = _larger(half_width * (1.15 - around), 0.3 * (weight - 0.3), ROUND)
        return _larger(level, -_larger(slope + 0.015 - points[:, 1], -beside, ROUND), ROUND)

    return above


def _larger(a: np.ndarray, b: np.ndarray | float, rounding: float) -> np.ndarray:
    """The larger of two, without a corner where they are equal."""
    return 0.5 * (a + b + np.hypot(a - b, rounding) - rounding)
