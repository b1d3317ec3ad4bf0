"""Pieces of what is worn: triangles that stay, points that follow the skin; tubes and the paths they take over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from threedpain.generation.records import MASK_CLASSES

from .mesh import FINISHES as FINISHES
from .outside import Outside

EYEWEAR, MEDICAL = MASK_CLASSES.index("eyewear"), MASK_CLASSES.index("medical")


@dataclass(frozen=True, eq=False)
class Piece:
    """One part of an accessory: N points, M triangles."""

    place: Callable[[Outside], np.ndarray]  # where its points lie on an expression: float64 [N, 3], skull's frame
    faces: np.ndarray  # int [M, 3]
    kind: int  # index into MASK_CLASSES
    colour: np.ndarray  # float [3] or [N, 3], linear albedo; of flesh as a share of the wearer's skin's
    finish: str = "plastic"  # of FINISHES
    opacity: np.ndarray | float = 1.0  # [N]; under a half is cut away, see HairMesh
    occlusion: np.ndarray | float = 1.0  # [N]
    clear: tuple[float, float, float] | None = None  # of a pane: the light it lets through
    haze: float = 0.0  # of a pane: the light it scatters, as albedo
    gloss: float = 1.0  # of a pane: its reflections, 1 those of bare plastic
    shades: bool = True  # darkens the skin it touches
    rest: np.ndarray | None = None  # float64 [N, 3]: stands for `place` at rest, where nothing depends on it
    enters: np.ndarray | bool = False  # [N]: goes into the body or through it, as a tube does at a nostril
    flattens: np.ndarray | None = None  # bool [N]: beards that stand before these points lie under them


def sheet_faces(rows: int, columns: int) -> np.ndarray:
    """Triangles int32 [2 x (rows - 1) x (columns - 1), 3] of a sheet of points, row by row."""
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None]).ravel()
    corners = [a, a + 1, a + columns + 1, a, a + columns + 1, a + columns]
    return np.stack(corners, axis=1).reshape(-1, 3).astype(np.int32)


def tube_faces(count: int, sides: int, closed: bool = False) -> np.ndarray:
    """Triangles int32 [2 x count x sides or less, 3] of a tube of `count` rings of `sides` points."""
    ring, side = np.meshgrid(np.arange(count if closed else count - 1), np.arange(sides), indexing="ij")
    other, after = (ring + 1) % count, (side + 1) % sides
    a, b, c, d = (r * sides + s for r, s in ((ring, side), (ring, after), (other, after), (other, side)))
    return np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3).astype(np.int32)


def tube(path: np.ndarray, up: np.ndarray, radii: tuple[float, float] | np.ndarray, sides: int = 8, closed=False):
    """Points [P x sides, 3] around a path [P, 3]: ellipses of radii (along `up`, across it); `up` [3] or [P, 3]."""
    along = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0) if closed else np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    up = np.broadcast_to(up, path.shape)
    across = np.cross(along, up)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    high = np.cross(across, along)
    radii = np.broadcast_to(radii, (len(path), 2))
    turn = 2 * np.pi * np.arange(sides) / sides
    around = (
        np.cos(turn)[None, :, None] * (radii[:, :1] * high)[:, None]
        + np.sin(turn)[None, :, None] * (radii[:, 1:] * across)[:, None]
    )
    return (path[:, None] + around).reshape(-1, 3)


def spline(controls: np.ndarray, count: int, closed: bool = False) -> np.ndarray:
    """A smooth curve [count, 3] through the controls [K, 3], evenly along it."""
    if closed:
        controls = np.concatenate([controls, controls[:1]])
    at = np.r_[0, np.cumsum(np.linalg.norm(np.diff(controls, axis=0), axis=1) ** 0.5 + 1e-6)]
    curve = CubicSpline(at, controls, bc_type="periodic" if closed else "natural")
    fine = curve(np.linspace(0, at[-1], 12 * count))
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))]
    wanted = np.linspace(0, length[-1], count + 1)[:-1] if closed else np.linspace(0, length[-1], count)
    return np.stack([np.interp(wanted, length, fine[:, k]) for k in range(3)], axis=1)


def smooth(values: np.ndarray, times: int, closed: bool = False) -> np.ndarray:
    """Values [P, ...] along a path, averaged with their neighbours; ends of an open path stay."""
    for _ in range(times):
        if closed:
            values = 0.25 * np.roll(values, 1, axis=0) + 0.5 * values + 0.25 * np.roll(values, -1, axis=0)
        else:
            inner = 0.25 * values[:-2] + 0.5 * values[1:-1] + 0.25 * values[2:]
            values = np.concatenate([values[:1], inner, values[-1:]])
    return values


def lay(
    skin: Outside,
    path: np.ndarray,
    height: float | np.ndarray,
    ears: bool | np.ndarray = True,
    hold: float | np.ndarray = 1.0,
    closed: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """A path [P, 3] drawn onto the skin: its points `height` above it, and the skin's normals there [P, 3].

    `hold` (0..1, [P]): how much of the way down to the skin is taken; nothing is ever left below `height`. `ears`: see
    `Outside.height`, [P] or one for all.
    """
    height, hold = np.broadcast_to(height, len(path)), np.broadcast_to(hold, len(path))
    ears = np.broadcast_to(ears, len(path))

    def above(points):
        high, normal = (np.empty(len(points)), np.empty((len(points), 3)))
        for kind in (True, False):
            rows = np.flatnonzero(ears == kind)
            if len(rows):
                high[rows], normal[rows] = skin.height(points[rows], kind)
        return high, normal

    for _ in range(4):
        high, normal = above(path)
        off = height - high
        off = np.where(off > 0, off, hold * off)
        path = path + smooth(off[:, None] * normal, 1, closed)
        path = smooth(path, 2, closed)
    for _ in range(2):
        high, normal = above(path)
        path = path + smooth(np.maximum(height - high, 0)[:, None] * normal, 1, closed)
    high, normal = above(path)
    path = path + np.maximum(height - high, 0)[:, None] * normal
    return path, smooth(normal, 4, closed)


def outward(points: np.ndarray, faces: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The faces turned so that they look away from `inside` ([3], or [N, 3] one for each point) on the whole."""
    a, b, c = points[faces].transpose(1, 0, 2)
    away = (a + b + c) / 3 - (inside if inside.ndim == 1 else inside[faces].mean(axis=1))
    return faces if (np.cross(b - a, c - a) * away).sum() >= 0 else faces[:, ::-1].copy()


def rings(path: np.ndarray, sides: int) -> np.ndarray:
    """The middle of each point of a tube: [P x sides, 3]."""
    return np.repeat(path, sides, axis=0)


def once(make: Callable) -> Callable:
    """`make` of an `Outside`, remembered for the last one asked about: parts of a thing share their shape."""
    last: list = [None, None]

    def remembered(skin: Outside):
        if last[0] is not skin:
            last[:] = [skin, make(skin)]
        return last[1]

    return remembered


def attached(skin: Outside, path: np.ndarray, smoothing: int = 3, closed: bool = False) -> Callable:
    """Where points [P, 3] of the face at rest lie on another expression: carried by the skin nearest to each, evenly
    along the path."""
    rows = skin.below(path)
    rest = skin.vertices[rows]

    def carried(now: Outside) -> np.ndarray:
        return path + smooth(now.vertices[rows] - rest, smoothing, closed)

    return carried
