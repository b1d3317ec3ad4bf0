"""How a person moves: amplitudes, sides, shapes of every unit, and where their skin folds.

Faces at the same FACS score differ by half and double in how far they move, in direction and in folds: the corrugator
draws some brows together and lowers others, and a frown leaves two lines, one, a fan, or none (Borges, Plast. Reconstr.
Surg. 73, 1984; de Almeida et al., Dermatol. Surg. 38, 2012, count five glabellar patterns).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from threedpain import facs
from threedpain.errors import InvalidInput
from threedpain.generation.records import FURROWS, MANNERED
from threedpain.generation.seeds import child

LEAST, MOST = 0.6, 1.3  # of an amplitude
# Standard deviations of (stretch, turn in degrees, out, up); bold units come in several shapes.
USUAL = (0.08, 4.0, 0.12, 0.12)
BOLD: dict[str, tuple[float, float, float, float]] = {
    "AU4": (0.22, 5.0, 0.16, 0.12),  # drawn together .. lowered whole; inner ends .. whole brow
    "AU6": (0.1, 5.0, 0.15, 0.4),  # lid leads .. cheek leads
    "AU10": (0.12, 5.0, 0.4, 0.15),  # beside the nose .. the middle of the lip
    "AU12": (0.3, 6.0, 0.2, 0.15),  # wide .. high
}
# Means of the four, else 0: brows go down more than they draw together, their inner ends most, or the frown is a sad
# face; set so that others see it (docs/real-eyes.md), women's a little less so, whose lowered brows others take for a
# man's.
LEADS: dict[str, dict[str, tuple[float, float, float, float]]] = {
    "female": {"AU4": (-0.3, 0.0, -0.4, -0.1)},
    "male": {"AU4": (-0.35, 0.0, -0.4, -0.1)},
}
FARTHEST = 1.8  # standard deviations
FROWNS = {"glabella-two": 0.3, "glabella-one": 0.2, "glabella-fan": 0.2, None: 0.3}  # share of people


def sample_gain(seed: int, age: float) -> dict[str, float]:
    """Personal amplitude of every unit: some faces move more; muscles lose a little with age."""
    rng = child(seed, "gain")
    general = 0.1 * rng.standard_normal() - 0.03 - 0.04 * (age - 50) / 40
    own = 0.16 * rng.standard_normal(len(facs.ACTION_UNITS))
    return {
        unit: round(float(np.clip(np.exp(general + x), LEAST, MOST)), 4)
        for unit, x in zip(facs.ACTION_UNITS, own, strict=True)
    }


def sample_manner(seed: int, gender: str) -> dict[str, tuple[float, float, float, float]]:
    """(stretch, turn, out, up) of every unit with sides, as `head.manner` applies them."""
    manner = {}
    for unit in MANNERED:
        z = child(seed, "manner", unit).standard_normal(4).clip(-FARTHEST, FARTHEST)
        manner[unit] = _four(z * BOLD.get(unit, USUAL) + LEADS[gender].get(unit, (0.0,) * 4))
    return manner


def sample_furrows(seed: int) -> dict[str, tuple[float, float, float, float]]:
    """(depth, out, up, size) of every fold: how readily the skin folds there, 0 never; texels by which the folds lie
    further out (alone: to the subject's left) and up; their size."""
    kinds, shares = zip(*FROWNS.items(), strict=True)
    kind = kinds[int(np.searchsorted(np.cumsum(shares)[:-1], child(seed, "frown").random(), side="right"))]
    furrows = {}
    for name, (across, up) in FURROWS.items():
        rng = child(seed, "furrow", name)
        z, u = rng.standard_normal(3).clip(-FARTHEST, FARTHEST), rng.random(2)
        if name in FROWNS:
            depth = 0.5 + 0.5 * u[0] if name == kind else 0.0
        elif name in ("glabella-bar", "brow"):
            depth = (u[1] < 0.35) * (0.3 + 0.6 * u[0])
        else:
            depth = 0.3 + 0.75 * u[0]
        furrows[name] = _four((depth, across * z[0], up * z[1], np.exp(0.12 * z[2])))
    return furrows


def _four(values: Any) -> tuple[float, float, float, float]:
    return tuple(round(float(value), 4) for value in values)  # type: ignore[return-value]


def check_gain(values: Mapping[str, Any]) -> dict[str, float]:
    """`values` with each amplitude as a float, or one sentence; 0 is a unit that the person cannot move."""
    checked = {}
    for unit, value in values.items():
        try:
            amplitude = float(value)
        except (TypeError, ValueError, OverflowError):
            amplitude = np.nan
        if not 0 <= amplitude < np.inf:  # also refuses NaN
            raise InvalidInput(f"gain of {unit} must be a number of at least 0, got {value!r}")
        checked[unit] = amplitude
    return checked


def check_fours(values: Mapping[str, Any], name: str) -> dict[str, tuple[float, float, float, float]]:
    """`values` with each entry as four floats, or one sentence."""
    checked = {}
    for key, value in values.items():
        try:
            four = _four(value)
        except (TypeError, ValueError):
            raise InvalidInput(f"{name} of {key} must be four numbers, got {value!r}") from None
        if len(four) != 4 or not np.isfinite(four).all():
            raise InvalidInput(f"{name} of {key} must be four numbers, got {value!r}")
        checked[key] = four
    return checked
