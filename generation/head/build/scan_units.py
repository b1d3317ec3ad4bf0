"""Action-unit fields from the scans' expressions: the recipe and the amplitude of every unit at its maximum (E).

An expression at weight 1 is the most that an artist gave it, not FACS E. The weights are set so that a network that was
trained on photographs sees in each unit at E about what it sees in real people (`benchmarks/real_eyes.py`).
"""

from __future__ import annotations

import numpy as np

from threedpain import facs

# Unit -> expressions at E. {side} is L or R; sided expressions of a unit without sides are named twice.
RECIPES: dict[str, dict[str, float]] = {
    "AU1": {"browInnerUp_{side}": 1.8},
    "AU2": {"browOuterUp_{side}": 1.0},
    "AU4": {"browDown_{side}": 3.75},
    "AU5": {"eyeWide_{side}": 1.0},
    "AU6": {"cheekSquint_{side}": 1.0, "cheekRaiser_{side}": 1.0},
    "AU7": {"eyeSquint_{side}": 5.6, "cheekSquint_{side}": 0.45, "eyeWide_{side}": 0.3},
    "AU9": {"noseSneer_{side}": 1.3, "mouthUpperUp_{side}": -0.8},  # the lip is left to AU10
    "AU10": {"mouthUpperUp_{side}": 1.08, "mouthShrugUpper": 0.3, "mouthSmile_{side}": -0.18},
    "AU12": {"mouthSmile_{side}": 1.44},
    "AU14": {"mouthDimple_{side}": 1.0},
    "AU15": {"mouthFrown_{side}": 1.0},
    "AU16": {"mouthLowerDown_{side}": 1.0},
    "AU17": {"mouthShrugLower": 1.0},
    "AU18": {"mouthPucker": 1.0},
    "AU20": {"mouthStretch_{side}": 1.0, "mouthFrown_{side}": -0.5},
    "AU22": {"mouthFunnel": 0.7, "mouthPucker": 0.8},
    "AU23": {"mouthPucker": 0.5, "mouthRollLower": 0.5, "mouthRollUpper": 0.5},
    "AU24": {"mouthPress_L": 1.1, "mouthPress_R": 1.1, "mouthRollLower": 0.45, "mouthRollUpper": 0.4},
    "AU25": {"mouthLowerDown_L": 0.5, "mouthLowerDown_R": 0.5, "mouthUpperUp_L": 0.4, "mouthUpperUp_R": 0.4},
    "AU26": {"jawOpen": 0.49, "mouthRollLower": 0.3},  # rolled: else a hanging lip is a red tongue
    "AU27": {
        "jawOpen": 1.0,
        "mouthRollLower": 0.8,
        "mouthUpperUp_L": 0.25,
        "mouthUpperUp_R": 0.25,
        "mouthStretch_L": 0.25,
        "mouthStretch_R": 0.25,
    },
    "AU43": {"eyeBlink_{side}": 1.2},  # what the upper lid does not: that one closes by `lids`
}
# Metres that no point of a field goes beyond, softly, and how suddenly: what is strong at the lid is no longer strong
# on the cheek, which would be drawn over the eye like a sheet (2: what hardly moves moves less, the field reaches no
# farther than before); what lowers the whole brow does not lay its middle on the eye (1).
LIMITS: dict[str, tuple[float, int]] = {"AU4": (0.032, 1), "AU7": (0.008, 2)}
# Rounds of averaging over neighbours: our cage is coarser than the scans at the corners of the mouth.
SMOOTHED = {"AU12": 2, "AU20": 1}
# Correctives "A*B": the share of B's field taken back when both are at their maxima.
PAIRS: dict[str, float] = {
    "AU9*AU10": -0.25,  # both raise the upper lip: not twice
    "AU6*AU7": -0.6,  # both lift the lower lid
    "AU12*AU6": -0.35,  # the smile lifts the same cheek
    "AU12*AU10": -0.35,
    "AU1*AU4": -0.35,  # brows drawn together and up
    "AU43*AU7": -0.5,  # closed lids are not pressed up twice
}
GAZE = {"gazeUp": "eyeLookUp", "gazeDown": "eyeLookDown", "gazeIn": "eyeLookIn", "gazeOut": "eyeLookOut"}


def scan_fields(expressions: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Fields [C, 3] by name, as `units.unit_fields` gives them; `expressions` [C, 3] at weight 1."""
    fields: dict[str, np.ndarray] = {}
    for unit, recipe in RECIPES.items():
        for side in ("L", "R") if facs.ACTION_UNITS[unit].sided else ("",):
            fields[unit + side] = sum(
                weight * expressions[name.format(side=side)].astype(np.float64) for name, weight in recipe.items()
            )
            if unit in LIMITS:
                fields[unit + side] = _limited(fields[unit + side], *LIMITS[unit])
    for pair, share in PAIRS.items():
        for side in ("L", "R"):
            fields[pair + side] = share * fields[pair.partition("*")[2] + side]
    return fields | _looks(expressions)


def scanned_fields(expressions: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Fields as `scan_fields` names them, but each unit is the scans' own expression that leads its recipe, at the
    recipe's strength: nothing mixed in, limited or taken back. A stranger to a reader of the head that ships."""
    fields: dict[str, np.ndarray] = {}
    for unit, recipe in RECIPES.items():
        lead = max(recipe.values())
        for side in ("L", "R") if facs.ACTION_UNITS[unit].sided else ("",):
            fields[unit + side] = sum(
                weight * expressions[name.format(side=side)].astype(np.float64)
                for name, weight in recipe.items()
                if weight == lead
            )
    return fields | _looks(expressions)


def _looks(expressions: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name + side: expressions[f"{look}_{side}"].astype(np.float64)
        for name, look in GAZE.items()
        for side in ("L", "R")
    }


def _limited(field: np.ndarray, limit: float, power: int) -> np.ndarray:
    """The field [C, 3] with its lengths bent towards `limit`."""
    length = np.linalg.norm(field, axis=1, keepdims=True)
    return field * limit * np.tanh((length / limit) ** power) / np.maximum(length, 1e-12)
