"""Tubes on the face: the nasal cannula with its two prongs, and the feeding tube with its tape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .glasses import ear_root
from .outside import Outside
from .patches import TAPES, patch
from .piece import MEDICAL, Piece, attached, lay, outward, rings, spline, tube, tube_faces

CANNULA, FEEDING = 0.0015, 0.0012  # radii, metres
PLASTICS = ((0.36, 0.42, 0.42), (0.28, 0.40, 0.35), (0.40, 0.40, 0.385))
FEEDING_PLASTICS = ((0.46, 0.42, 0.32), (0.38, 0.41, 0.43), (0.42, 0.31, 0.18))
SIDES = 7


def wear_cannula(skin: Outside, rng: np.random.Generator) -> list[Piece]:
    """A tube under the nose with two prongs, over both ears, and together again under the chin."""
    colour = np.array(PLASTICS[int(rng.integers(len(PLASTICS)))])
    slack = rng.uniform(size=3)
    pieces = [_tube(skin, _upper(skin, side, slack[0]), CANNULA, colour, 44) for side in (1, -1)]
    pieces += [_tube(skin, _lower(skin, side, slack[1]), CANNULA, colour, 30) for side in (1, -1)]
    pieces += [_prong(skin, side, colour) for side in (1, -1)]
    pieces.append(_tube(skin, _bar(skin), 1.35 * CANNULA, colour, 9))
    pieces.append(_tube(skin, _drop(skin), 1.5 * CANNULA, colour, 20))
    return pieces


def wear_feeding_tube(skin: Outside, rng: np.random.Generator) -> list[Piece]:
    """A thin tube out of one nostril, over the cheek and the ear, held by tape at nose or cheek."""
    side = 1 if rng.random() < 0.5 else -1
    colour = np.array(FEEDING_PLASTICS[int(rng.integers(len(FEEDING_PLASTICS)))])
    tape, u = np.array(TAPES[int(rng.integers(len(TAPES)))]), rng.uniform(size=3)
    piece = _tube(skin, _from_nostril(skin, side, u[0]), FEEDING, colour, 46)
    piece = replace(piece, enters=np.arange(46 * SIDES) < 4 * SIDES)
    marks = skin.marks
    ear, nose = marks[1 if side < 0 else 15], marks[31 if side < 0 else 35]
    cheek = (0.52 + 0.1 * u[1]) * nose + (0.48 - 0.1 * u[1]) * ear

    def over(x, y):
        return 0.0008 + 2.2 * FEEDING * np.exp(-((y / 0.0026) ** 2))

    return [piece, patch(skin, cheek, np.radians(-side * 14.0), (0.030, 0.020), over, tape)]


def _nostril(skin: Outside, side: int) -> np.ndarray:
    """The middle of a nostril's opening."""
    marks = skin.marks
    wing, middle, next_ = (marks[35], marks[33], marks[34]) if side > 0 else (marks[31], marks[33], marks[32])
    return 0.30 * wing + 0.35 * middle + 0.35 * next_ + [0.0, 0.0015, 0.001]


def _upper(skin: Outside, side: int, slack: float) -> np.ndarray:
    marks = skin.marks
    wing, ear, temple = (marks[35], marks[15], marks[16]) if side > 0 else (marks[31], marks[1], marks[0])
    root = ear_root(skin, side)
    return np.stack(
        [
            marks[33] + [0.004 * side, -0.004, 0.003],
            wing + [0.003 * side, -0.005, 0.002],
            0.62 * wing + 0.38 * ear + [0.0, 0.002 - 0.004 * slack, 0.006],
            0.25 * wing + 0.55 * ear + 0.2 * temple,
            0.40 * temple + 0.60 * root + [0.0, -0.004, 0.004],
            root,
            root + [0.0, -0.005, -0.013],
            root + [-0.002 * side, -0.026, -0.022],
        ]
    )


def _lower(skin: Outside, side: int, slack: float) -> np.ndarray:
    marks = skin.marks
    rows = skin.ground.ears
    ear = skin.vertices[rows]
    ear = ear[ear[:, 0] * side > 0]
    lobe = ear[np.argmin(ear[:, 1])]
    jaw, low, chin = (marks[13], marks[11], marks[8]) if side > 0 else (marks[3], marks[5], marks[8])
    return np.stack(
        [
            lobe + [-0.004 * side, 0.014, -0.012],
            lobe + [-0.006 * side, -0.012, -0.008],
            0.6 * jaw + 0.4 * low + [-0.012 * side, -0.034 - 0.01 * slack, -0.032],
            0.55 * low + 0.45 * chin + [0.0, -0.046, -0.040],
            _slider(skin),
        ]
    )


def _slider(skin: Outside) -> np.ndarray:
    return skin.marks[8] + [0.0, -0.052, -0.040]


def _drop(skin: Outside) -> np.ndarray:
    top = _slider(skin)
    return np.stack([top + [0, 0.006, 0.003], top + [0.001, -0.02, 0.0], top + [0.004, -0.08, 0.03]])


def _bar(skin: Outside) -> np.ndarray:
    base = skin.marks[33] + [0.0, -0.004, 0.003]
    return np.stack([base + [x, 0.001 * abs(x) / 0.006, -0.0005] for x in (0.009, 0.004, -0.004, -0.009)])


def _from_nostril(skin: Outside, side: int, slack: float) -> np.ndarray:
    marks = skin.marks
    wing, ear, temple = (marks[35], marks[15], marks[16]) if side > 0 else (marks[31], marks[1], marks[0])
    hole, root = _nostril(skin, side), ear_root(skin, side)
    return np.stack(
        [
            hole + [0.0, 0.004, -0.003],
            hole + [0.0005 * side, -0.004, 0.002],
            wing + [0.003 * side, -0.005 + 0.003 * slack, 0.001],
            0.66 * wing + 0.34 * ear + [0.0, 0.001, 0.006],
            0.25 * wing + 0.55 * ear + 0.2 * temple,
            0.40 * temple + 0.60 * root + [0.0, -0.004, 0.004],
            root,
            root + [0.0, -0.005, -0.013],
            root + [-0.002 * side, -0.026, -0.022],
        ]
    )


def _prong(skin: Outside, side: int, colour: np.ndarray) -> Piece:
    """From the bar up into a nostril."""

    def path(now: Outside) -> np.ndarray:
        hole = _nostril(now, side)
        foot = now.marks[33] + [0.0045 * side, -0.0035, 0.0045]
        return spline(np.stack([foot, 0.5 * (foot + hole) + [0, 0, 0.002], hole + [0, 0.004, -0.003]]), 8)

    faces = tube_faces(8, SIDES)
    radii = np.array([1.2 * CANNULA, 1.2 * CANNULA])

    def place(now: Outside) -> np.ndarray:
        return tube(path(now), np.array([0.0, 0.0, 1.0]), radii, SIDES)

    return Piece(
        place, outward(place(skin), faces, rings(path(skin), SIDES)), MEDICAL, colour, shades=False, enters=True
    )


def _tube(
    skin: Outside, controls: np.ndarray, radius: float, colour: np.ndarray, count: int, hold: float = 1.0
) -> Piece:
    """A tube that lies on the skin along `controls` [K, 3], past the ears as if there were none."""
    rest, _ = lay(skin, spline(controls, count), radius + 0.0002, ears=False, hold=hold)
    carried = attached(skin, rest)

    def path(now: Outside) -> tuple[np.ndarray, np.ndarray]:
        return lay(now, carried(now), radius + 0.0002, ears=False, hold=hold)

    def place(now: Outside) -> np.ndarray:
        points, normal = path(now)
        return tube(points, normal, np.array([radius, radius]), SIDES)

    return Piece(place, outward(place(skin), tube_faces(count, SIDES), rings(path(skin)[0], SIDES)), MEDICAL, colour)
