"""Action-unit fields: what each unit moves at its maximum, composed from the 52 facial actions.

Every sided unit gives two fields ("AU4L", "AU4R"), every other one ("AU17"); `gaze...` fields let the lids follow the
eyes; a field such as "AU9*AU10" is a corrective that acts with the product of its units. AU43 has no field: lids are
closed by geometry in `lids`, whatever else they do. `localise` keeps the fields inside their regions on each face.
"""

from __future__ import annotations

import numpy as np

from threedpain import facs
from threedpain.generation.geometry import quad_sides
from threedpain.generation.records import MASK_CLASSES, PARTS

# Unit -> facial actions at maximum. {side} is Left or Right; an action without side is split at the midline.
ACTIONS: dict[str, dict[str, float]] = {
    "AU1": {"browInnerUp": 1.35},
    "AU2": {"browOuterUp{side}": 1.1},
    "AU4": {"browDown{side}": 1.05},
    "AU5": {"eyeWide{side}": 1.1},
    "AU6": {"cheekSquint{side}": 1.0},
    "AU7": {"eyeSquint{side}": 1.15},
    "AU9": {"noseSneer{side}": 1.0, "browDown{side}": 0.3},
    "AU10": {"mouthUpperUp{side}": 1.15},
    "AU12": {"mouthSmile{side}": 0.75},
    "AU14": {"mouthDimple{side}": 1.0},
    "AU15": {"mouthFrown{side}": 1.1},
    "AU16": {"mouthLowerDown{side}": 1.1},
    "AU17": {"mouthShrugLower": 0.9, "mouthShrugUpper": 0.35},
    "AU18": {"mouthPucker": 0.95},
    "AU20": {"mouthStretch{side}": 1.0},
    "AU22": {"mouthFunnel": 0.9},
    "AU23": {"mouthPressLeft": 0.35, "mouthPressRight": 0.35, "mouthRollLower": 0.35, "mouthRollUpper": 0.3},
    "AU24": {
        "mouthPressLeft": 0.5,
        "mouthPressRight": 0.5,
        "mouthRollLower": 0.2,
        "mouthRollUpper": 0.2,
        "mouthFrownLeft": 0.35,
        "mouthFrownRight": 0.35,
    },
    "AU25": {
        "mouthLowerDownLeft": 0.55,
        "mouthLowerDownRight": 0.55,
        "mouthUpperUpLeft": 0.2,
        "mouthUpperUpRight": 0.2,
        "jawOpen": 0.05,
    },
    "AU26": {"jawOpen": 0.38},
    "AU27": {"jawOpen": 0.85},
}
# Unit -> bumps (landmark of the right half, offset mm outwards/up, radius mm, movement mm outwards/up/forward): what
# the facial actions lack. The nose wrinkler lifts and flares the wing and gathers skin on the bridge.
BUMPS: dict[str, tuple] = {
    "AU4": ((21, (0, -2), 9.0, (-2.2, -1.0, 0.9)),),
    "AU6": ((41, (4, -9), 11.0, (0.4, 2.0, 1.3)),),
    "AU7": ((41, (0, -1), 5.0, (0.0, 0.9, 0.3)), (37, (2, 1), 5.0, (0.0, -0.8, 0.2))),
    "AU9": (
        (31, (3, 3), 7.0, (1.0, 2.8, 0.4)),
        (29, (7, 2), 6.0, (0.3, 2.4, 0.9)),
        (28, (4, 2), 5.0, (0.0, 1.2, 0.8)),
        (50, (3, 3), 7.0, (0.3, 1.4, 0.3)),
    ),
    "AU10": (
        (50, (4, 3), 9.0, (0.5, 1.6, 0.7)),
        (51, (0, 1), 9.0, (0.0, 1.2, 0.3)),
        (31, (9, -2), 8.0, (0.5, 2.0, 1.0)),
    ),
}
# Correctives "A*B": (share of B's field taken back when both are at their maxima, landmarks about which, radius mm).
PAIRS: dict[str, tuple[float, tuple[int, ...], float]] = {
    "AU9*AU10": (-0.16, (49, 50, 51, 31), 14.0),  # both raise the upper lip: not twice
    "AU6*AU7": (-0.45, (40, 41), 9.0),  # both lift the lower lid
    "AU1*AU4": (-0.6, (21, 20), 10.0),  # brows drawn together and up, not cancelled
    "AU12*AU6": (-0.4, (41, 2), 25.0),  # the smile lifts the same cheek
    "AU10*AU6": (-0.2, (41, 31), 16.0),
    "AU12*AU10": (-0.35, (49, 50), 14.0),
}
GAZE = {"gazeUp": "eyeLookUp", "gazeDown": "eyeLookDown", "gazeIn": "eyeLookIn", "gazeOut": "eyeLookOut"}
SIDES = {"L": "Left", "R": "Right"}


def unit_fields(
    actions: dict[str, np.ndarray], position: np.ndarray, cavity: np.ndarray, landmarks: np.ndarray
) -> dict[str, np.ndarray]:
    """Fields [C, 3] by name. `position` [C, 3] is the mean cage, `cavity` [C] what lies inside mouth and eyes.

    All lengths are metres in the head frame; `landmarks` [68, 3] are the mean head's.
    """
    left = 0.5 + 0.5 * np.tanh(position[:, :1] / 0.0044)
    half = {"L": left, "R": 1 - left}
    fields: dict[str, np.ndarray] = {}
    for unit, recipe in ACTIONS.items():
        sides = SIDES if facs.ACTION_UNITS[unit].sided else {"": ""}
        for letter, word in sides.items():
            field = np.zeros_like(position)
            for action, weight in recipe.items():
                split = half[letter] if letter and "{side}" not in action else 1.0
                field += weight * split * actions[action.format(side=word)]
            for bump in BUMPS.get(unit, ()):
                field += _bump(position, landmarks, bump, letter) * (~cavity)[:, None]
            fields[unit + letter] = field
    canthi = np.min([np.linalg.norm(position - landmarks[i], axis=1) for i in (36, 39, 42, 45)], axis=0)
    for letter in SIDES:  # the corners of the eye are held by their ligaments
        fields["AU7" + letter] *= 1 - 0.85 * np.exp(-0.5 * (canthi[:, None] / 0.0045) ** 2)
    for pair, (share, around, radius) in PAIRS.items():
        unit = pair.partition("*")[2]
        for letter in SIDES:
            centres = [landmarks[i] * ([-1, 1, 1] if letter == "L" else [1, 1, 1]) for i in around]
            weight = np.max(
                [np.exp(-0.5 * (np.linalg.norm(position - c, axis=1) / (radius / 1000)) ** 2) for c in centres], axis=0
            )
            fields[pair + letter] = share * weight[:, None] * fields[unit + letter]
    for name, action in GAZE.items():
        for letter, word in SIDES.items():
            fields[name + letter] = actions[action + word]
    return fields


def _bump(position, landmarks, bump, letter) -> np.ndarray:
    """A Gaussian movement about a landmark of the right half, or its mirror image."""
    index, (outwards, up), radius, move = bump
    side = 1.0 if letter == "L" else -1.0
    centre = landmarks[index] * [-side if index not in (27, 28, 29, 30, 33, 51) else 0.0, 1, 1]
    centre = centre + np.array([side * outwards, up, 0]) / 1000
    weight = np.exp(-0.5 * (np.linalg.norm((position - centre) * [1, 1, 0.6], axis=1) / (radius / 1000)) ** 2)
    return weight[:, None] * np.array([side * move[0], move[1], move[2]]) / 1000


def outer_face(quads, classes, parts, position) -> tuple[np.ndarray, np.ndarray]:
    """bool [C] each: the front of the outer skin, and what lies inside mouth and eyes or is lashes."""
    outer, inner = np.zeros(len(position), bool), np.ones(len(position), bool)
    skin = parts == PARTS.index("skin")
    outer[quads[skin & np.isin(classes, [MASK_CLASSES.index(name) for name in ("skin", "lips")])]] = True
    inner[quads[skin & np.isin(classes, [MASK_CLASSES.index(n) for n in ("skin", "lips", "neck", "ears")])]] = False
    return outer & (position[:, 2] > 0.01), inner


def spacing(quads: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Mean length of the edges at each vertex [C], metres."""
    ends = quad_sides(quads)
    length = np.linalg.norm(position[ends[:, 0]] - position[ends[:, 1]], axis=1)
    total = np.bincount(ends.ravel(), np.repeat(length, 2), len(position))
    return total / np.maximum(np.bincount(ends.ravel(), minlength=len(position)), 1)
