"""Ribbons of hair: where they root, how they grow over the skin under combing and curl, and their colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from threedpain.generation.colour import pigment, visible_grey
from threedpain.generation.records import Hair

from .mesh import STRAND_TILES, HairMesh
from .surface import Surface, waves

_WHITE = np.array([0.50, 0.49, 0.47])


def hair_colour(hair: Hair, rng: np.random.Generator, count: int, grey: float | np.ndarray | None = None) -> np.ndarray:
    """Linear RGB [count, 3] of locks: pigment with its variation, and as many white ones as the person is grey.

    grey: another share than the person's, one or [count].
    """
    grey = visible_grey(hair.grey if grey is None else grey)
    lock = pigment(hair) * np.exp(rng.normal(0, 0.08, (count, 1)) + rng.normal(0, 0.02, (count, 3)))
    white = np.clip(grey + 0.06 * np.sqrt(grey * (1 - grey) + 1e-9) * rng.normal(size=count), 0, 1)[:, None]
    return lock * (1 - white) + _WHITE * np.exp(rng.normal(0, 0.04, (count, 1))) * white


@dataclass(frozen=True)
class Roots:
    """Places on the skin where ribbons start."""

    points: np.ndarray  # float64 [N, 3]
    normals: np.ndarray  # float64 [N, 3]
    rows: np.ndarray  # int64 [N], a corner of the triangle, for anchoring
    weight: np.ndarray  # float64 [N], of the mask

    def __getitem__(self, keep: np.ndarray) -> Roots:
        return Roots(self.points[keep], self.normals[keep], self.rows[keep], self.weight[keep])


def sample_roots(surface: Surface, mask: np.ndarray, count: int, rng: np.random.Generator) -> Roots:
    """About `count` roots spread evenly where `mask` [V] is high; none where it is below 0.05."""
    faces = surface.faces[mask[surface.faces].min(axis=1) > 0.05]
    if not len(faces):
        none = np.zeros((0, 3))
        return Roots(none, none, np.zeros(0, int), np.zeros(0))
    a, b, c = (surface.vertices[faces[:, k]].astype(np.float64) for k in range(3))
    area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    share = area * mask[faces].mean(axis=1)
    chosen = np.searchsorted(np.cumsum(share) / share.sum(), rng.random(3 * count))
    chosen = np.minimum(chosen, len(faces) - 1)
    u, v = rng.random((2, len(chosen)))
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)
    weights = np.stack([1 - u - v, u, v], axis=1)
    corners = faces[chosen]
    points = np.einsum("nk,nkd->nd", weights, surface.vertices[corners])
    # Thin out: of two roots that are too close the later one goes.
    spacing = 0.72 * np.sqrt(share.sum() / count)
    pairs = cKDTree(points).query_pairs(spacing, output_type="ndarray")
    keep = np.ones(len(points), bool)
    if len(pairs):
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        for first, second in pairs:
            if keep[first]:
                keep[second] = False
    kept = np.flatnonzero(keep)[:count]
    normals = np.einsum("nk,nkd->nd", weights[kept], surface.normals[corners[kept]])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Roots(points[kept], normals, corners[kept, 0], np.einsum("nk,nk->n", weights[kept], mask[corners[kept]]))


def grow(
    surface: Surface,
    roots: Roots,
    length: np.ndarray,
    comb: Callable[[np.ndarray, np.ndarray], np.ndarray],
    clearance: np.ndarray,
    lift: float | np.ndarray = 0.3,
    stiffness: float = 0.55,
    segments: int = 10,
    rise: int = 3,
    limit: Callable[[np.ndarray], np.ndarray] = lambda points: points,
    hug: Callable[[np.ndarray], np.ndarray] = lambda points: np.zeros(len(points)),
    through_ears: bool = False,
) -> np.ndarray:
    """Guide curves [N, segments + 1, 3].

    `comb(points, normals)` is where hair wants to go, `clearance` [N] how far above the skin it lies from about its
    `rise`-th segment on, `hug` how firmly it is held down to that (0 not at all .. 1), `limit` moves points out of
    where hair must not be.
    """
    points = roots.points.copy()
    heading = unit(comb(points, roots.normals) + np.reshape(lift, (-1, 1)) * roots.normals)
    curves = [points]
    step = (length / segments)[:, None]
    normals = roots.normals
    for k in range(1, segments + 1):
        moved = points + step * heading
        floor = clearance * min(1.0, (k + 0.5) / rise)
        height, normals = surface.height(moved, through_ears)
        moved = moved + (np.maximum(floor - height, 0) - hug(moved) * np.maximum(height - floor, 0))[:, None] * normals
        moved = limit(moved)
        heading = unit(stiffness * unit(moved - points) + (1 - stiffness) * comb(moved, normals))
        points = moved
        curves.append(points)
    return np.stack(curves, axis=1)


def curled(curves: np.ndarray, curl: float, rng: np.random.Generator, held: float = 0.05) -> np.ndarray:
    """Waves to ringlets: every curve winds around itself, more and faster the curlier; neighbours keep step. Over the
    first `held` metres the head holds it."""
    along = np.concatenate(
        [np.zeros((len(curves), 1)), np.cumsum(np.linalg.norm(np.diff(curves, axis=1), axis=2), axis=1)], axis=1
    )
    tangent = unit(np.gradient(curves, axis=1))
    side = unit(np.cross(tangent, [0.3, 0.1, 1.0]))
    other = np.cross(tangent, side)
    lock = waves(curves[:, 0], rng, 0.04)[:, None]
    knot = along[:, -1:] / (curves.shape[1] - 1)
    wavelength = np.maximum((0.085 - 0.05 * curl) * (1 + 0.12 * lock), 4.5 * knot)
    amplitude = (0.0004 + 0.0080 * curl) * rng.uniform(0.7, 1.2, (len(curves), 1)) * np.minimum(along / held, 1.0)
    angle = 2 * np.pi * along / wavelength + 2.2 * lock + (0.3 + 1.2 * curl) * rng.normal(size=(len(curves), 1))
    return curves + amplitude[..., None] * (np.cos(angle)[..., None] * side + 0.7 * np.sin(angle)[..., None] * other)


def lock_of(
    curves: np.ndarray,
    normals: np.ndarray,
    spread: float,
    count: int,
    rng: np.random.Generator,
    shortest: float = 0.78,
) -> np.ndarray:
    """Every curve [N, K, 3] as a lock of `count` curves [N * count, K, 3] side by side on the surface with these
    normals [N, K, 3], of other lengths (from `shortest` of the curve on), `spread` metres apart where they have left
    the roots and nearer at the tips."""
    knots = curves.shape[1]
    t = np.linspace(0, 1, knots)[None, :, None]
    lock, normals = np.repeat(curves, count, axis=0), np.repeat(normals, count, axis=0)
    side = unit(np.cross(unit(np.gradient(lock, axis=1)), normals))
    off, out = spread * np.clip(rng.normal(0, 1, (2, len(lock), 1, 1)), -1.8, 1.8)
    lock = lock + (0.3 + 0.7 * np.minimum(4 * t, 1)) * (1 - 0.5 * t) * off * side + 0.25 * t * np.abs(out) * normals
    cut = t[0, :, 0] * rng.uniform(shortest, 1.0, (len(lock), 1)) * (knots - 1)  # each ends where it ends
    low = np.minimum(cut.astype(int), knots - 2)
    part, row = (cut - low)[..., None], np.arange(len(lock))[:, None]
    return lock[row, low] * (1 - part) + lock[row, low + 1] * part


def ribbons(
    surface: Surface,
    curves: np.ndarray,
    normals: np.ndarray,
    width: np.ndarray,
    colours: np.ndarray,
    kind: int,
    rng: np.random.Generator,
    opacity: tuple[float, float] = (1.0, 0.35),
    occlusion: tuple[float, float] = (0.45, 1.0),
    depth: np.ndarray | None = None,
    tip: float = 0.35,
    anchor: np.ndarray | None = None,
    follow: np.ndarray | None = None,
    tip_shade: float = 1.06,
    fades: float = 0.7,
) -> HairMesh:
    """Flat ribbons along curves [N, K, 3], facing along normals [N, K, 3]; width [N] metres, colours [N, 3].

    opacity and occlusion go from root to tip, opacity changes from `fades` of the length on; `depth` [N] 0..1 darkens
    ribbons that lie deeper in the hair.
    """
    count, knots = curves.shape[:2]
    t = np.linspace(0, 1, knots)
    tangent = unit(np.gradient(curves, axis=1))
    side = unit(np.cross(tangent, normals))
    profile = np.minimum(0.45 + 2.5 * t, 1.0) * (1 - (1 - tip) * np.clip((t - 0.45) / 0.55, 0, 1) ** 1.5)
    half = 0.5 * width[:, None, None] * profile[None, :, None] * side
    vertices = np.stack([curves - half, curves + half], axis=2).reshape(-1, 3)
    facing = unit(normals - np.einsum("nkd,nkd->nk", normals, tangent)[..., None] * tangent)
    tile = rng.integers(STRAND_TILES, size=count)[:, None, None] / STRAND_TILES
    u = np.broadcast_to(tile + np.array([0.0, 1.0])[None, None] / STRAND_TILES, (count, knots, 2))
    length = np.linalg.norm(np.diff(curves, axis=1), axis=2).sum(axis=1)
    v = rng.random((count, 1)) + t[None] * np.maximum(length[:, None] / 0.12, 0.25)
    uv = np.stack([u, np.repeat(v[:, :, None], 2, axis=2)], axis=-1).reshape(-1, 2)

    def per_knot(value: np.ndarray) -> np.ndarray:  # [N, K, ...] -> [N * K * 2, ...]
        return np.repeat(value.reshape(count * knots, *value.shape[2:]), 2, axis=0)

    open_ = np.interp(t, [0, 0.5, 1], [occlusion[0], (occlusion[0] + 2 * occlusion[1]) / 3, occlusion[1]])[None]
    open_ = open_ * (1.0 if depth is None else (0.8 + 0.2 * depth)[:, None])
    shade = colours[:, None] * np.interp(t, [0, 0.4, 1], [0.88, 1.0, tip_shade])[None, :, None]
    cover = np.interp(t, [0, 0.08, fades, 1], [0.1 * opacity[0], opacity[0], opacity[0], opacity[1]])
    k = np.arange(knots - 1)
    quad = np.stack([2 * k, 2 * k + 1, 2 * k + 3, 2 * k, 2 * k + 3, 2 * k + 2], axis=1).reshape(-1, 3)
    faces = (quad[None] + (2 * knots * np.arange(count))[:, None, None]).reshape(-1, 3)
    total, heads = count * knots * 2, len(surface.vertices)
    return HairMesh(
        vertices=vertices.astype(np.float32),
        normals=per_knot(facing).astype(np.float32),
        tangents=per_knot(tangent).astype(np.float32),
        uv=uv.astype(np.float32),
        colour=per_knot(shade).astype(np.float32),
        opacity=per_knot(np.broadcast_to(cover[None], (count, knots))).astype(np.float32),
        occlusion=per_knot(np.broadcast_to(open_, (count, knots))).astype(np.float32),
        faces=faces.astype(np.int32),
        face_class=np.full(len(faces), kind, np.int8),
        follow=np.ones(total, np.float32) if follow is None else per_knot(follow).astype(np.float32),
        anchor=np.full(total, -1, np.int32) if anchor is None else np.repeat(anchor, 2 * knots).astype(np.int32),
        scalp=np.zeros(heads, np.float32),
        scalp_colour=np.zeros(3, np.float32),
        shadow=np.ones(heads, np.float32),
    )


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)
