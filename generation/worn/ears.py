"""What is worn at the ears: earrings, and a hearing aid behind one of them.

Sizes in metres, set by eye after catalogues: studs 4 to 7 mm, hoops 12 to 30 mm across, cases of hearing aids about
28 mm along and 8 mm wide.
"""

from __future__ import annotations

import numpy as np

from threedpain.generation.records import MASK_CLASSES

from .glasses import ear_root
from .outside import Outside
from .piece import MEDICAL, Piece, lay, outward, rings, spline, tube, tube_faces

JEWELLERY = MASK_CLASSES.index("clothes")
METALS = ((0.62, 0.44, 0.17), (0.62, 0.44, 0.17), (0.58, 0.58, 0.58), (0.60, 0.40, 0.30))
STONES = ((0.72, 0.70, 0.66), (0.02, 0.02, 0.025), (0.05, 0.08, 0.25), (0.25, 0.02, 0.03), (0.03, 0.16, 0.09))
CASES = ((0.42, 0.33, 0.26), (0.35, 0.35, 0.36), (0.60, 0.59, 0.57), (0.10, 0.10, 0.105), (0.26, 0.17, 0.11))
SIDES = 8
LEANT = 0.45  # metres out for a metre down: earrings that lie on neck or jaw hang so at most


def wear_earrings(skin: Outside, rng: np.random.Generator) -> list[Piece]:
    """A pair: studs, hoops or drops."""
    kind = ("stud", "stud", "hoop", "drop")[int(rng.integers(4))]
    metal = np.array(METALS[int(rng.integers(len(METALS)))])
    stone = np.array(STONES[int(rng.integers(len(STONES)))])
    u = rng.uniform(size=2)
    pieces = []
    for side in (1, -1):
        row, out = _lobe(skin, side)
        hole = skin.vertices[row]
        if kind == "stud":
            size = 0.0020 + 0.0015 * u[0]
            pieces.append(_ball(skin, row, hole + 0.7 * size * out, size * np.ones(2), stone if u[1] < 0.6 else metal))
            continue
        if kind == "hoop":
            size = 0.006 + 0.009 * u[0]
            turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)[:, None]
            path = hole - [0, size - 0.001, 0] + size * (np.sin(turn) * out + np.cos(turn) * [0.0, 1.0, 0.0])
            path = _swung(skin, path, hole, out, 0.002)
            pieces.append(_hung(skin, row, path, np.array([0.0007, 0.0007]) * (1 + u[1]), metal, closed=True))
            continue
        thread = np.linspace(hole + 0.001 * out, hole + 0.001 * out - [0, 0.009 + 0.010 * u[0], 0], 5)
        thread = _swung(skin, thread, hole, out, 0.0035)
        pieces.append(_ball(skin, row, hole + 0.001 * out, np.full(2, 0.0015), metal))
        pieces.append(_hung(skin, row, thread, np.full(2, 0.0005), metal))
        pieces.append(_ball(skin, row, thread[-1], np.array([0.0028, 0.0040 + 0.002 * u[1]]), stone))
    return pieces


def wear_hearing_aid(skin: Outside, rng: np.random.Generator) -> list[Piece]:
    """A case behind one ear and a thin tube over its root into the ear."""
    side = 1 if rng.random() < 0.5 else -1
    colour = np.array(CASES[int(rng.integers(len(CASES)))])
    root = ear_root(skin, side)
    row = int(skin.below(root[None])[0])
    behind = [[0.0, 0.001, -0.010], [0.0, -0.008, -0.017], [-0.001 * side, -0.026, -0.020]]
    path, normal = lay(skin, spline(root + behind, 14), 0.0034, ears=False, hold=0.8)
    along = np.linspace(0, 1, len(path))[:, None]
    radii = np.array([0.0031, 0.0038]) * np.sqrt(np.clip(1 - (2 * along - 1) ** 6, 0.02, 1))
    case = tube(path, normal, radii, SIDES)
    for _ in range(2):
        case = skin.push_out(case, 0.0004, ears=False)
    faces = outward(case, tube_faces(len(path), SIDES), rings(path, SIDES))
    front = np.stack(
        [
            path[0],
            root + [0.002 * side, -0.003, 0.004],
            root + [0.002 * side, -0.016, 0.006],
            root + [0.0, -0.028, 0.003],
        ]
    )
    wire = skin.push_out(spline(front, 16), 0.0008)
    dome = _ball(skin, row, wire[-1], np.array([0.0030, 0.0024]), np.array([0.30, 0.30, 0.30]), MEDICAL)
    return [
        _carried(skin, row, case, faces, colour, MEDICAL),
        _hung(skin, row, wire, np.full(2, 0.0006), np.array([0.40, 0.40, 0.39]), kind=MEDICAL),
        dome,
    ]


def _lobe(skin: Outside, side: int) -> tuple[int, np.ndarray]:
    """The row of the skin where an ear is pierced, and the way out of it there [3]."""
    rows = skin.ground.ears[skin.vertices[skin.ground.ears, 0] * side > 0]
    edge = skin.vertices[rows[np.argmin(skin.vertices[rows, 1])]]
    near = np.linalg.norm(skin.vertices[rows] - edge - [0.0, 0.0045, 0.0], axis=1) / 0.004
    away = near - 2 * skin.normals[rows] @ [0.8 * side, 0.0, 0.6]
    row = int(rows[np.argmin(away)])
    out = skin.normals[row] * [1, 0, 1]
    return row, out / np.linalg.norm(out)


def _swung(skin: Outside, path: np.ndarray, hole: np.ndarray, out: np.ndarray, clear: float) -> np.ndarray:
    """What hangs from the hole along `path` [P, 3], leant `out` until its lower half lies `clear` of jaw and neck, or
    by `LEANT` at most."""
    low = np.maximum(hole[1] - path[:, 1], 0.0)[:, None]
    hangs = low[:, 0] > 0.5 * low.max()
    leant = 0.0
    for _ in range(3):  # the skin curves away: what it takes is found in steps
        height, _ = skin.height(path[hangs] + leant * low[hangs] * out, ears=False)
        leant = min(leant + np.max((clear - height) / low[hangs, 0], initial=0.0), LEANT)
    return path + leant * low * out


def _hung(
    skin: Outside,
    row: int,
    path: np.ndarray,
    radii: np.ndarray,
    colour: np.ndarray,
    closed: bool = False,
    kind: int = JEWELLERY,
) -> Piece:
    """A tube along a path [P, 3] that moves with one vertex of the skin."""
    way = path[len(path) // 2] - path[0]
    up = np.cross(way, [0.3, 0.2, 0.9])
    points = tube(path, up / np.linalg.norm(up), radii, SIDES, closed)
    faces = outward(points, tube_faces(len(path), SIDES, closed), rings(path, SIDES))
    return _carried(skin, row, points, faces, colour, kind)


def _ball(
    skin: Outside, row: int, middle: np.ndarray, size: np.ndarray, colour: np.ndarray, kind: int = JEWELLERY
) -> Piece:
    """An ellipsoid of half axes `size`: across, and upright."""
    turn = np.linspace(0, np.pi, 8)
    path = middle + np.cos(turn)[:, None] * [0.0, size[1], 0.0]
    radii = np.repeat(np.maximum(size[0] * np.sin(turn), 1e-5)[:, None], 2, axis=1)
    points = tube(path, np.array([0.0, 0.0, 1.0]), radii, SIDES)
    faces = outward(points, tube_faces(len(path), SIDES), middle)
    return _carried(skin, row, points, faces, colour, kind)


def _carried(skin: Outside, row: int, points: np.ndarray, faces: np.ndarray, colour: np.ndarray, kind: int) -> Piece:
    rest = skin.vertices[row]
    return Piece(
        lambda now: points + (now.vertices[row] - rest), faces, kind, colour, shades=False, enters=kind == JEWELLERY
    )
