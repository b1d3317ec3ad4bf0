"""The conditions a skin is trained under, and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from threedpain.demographics import ETHNICITIES

TONES = {
    "black": (-62, 0),
    "white": (18, 62),
    "middle_eastern": (-5, 48),
    "south_asian": (-38, 30),
    "east_asian": (5, 56),
}  # typology angles drawn, wider than ordinary so that the model interpolates

DARK_SHARE = {"black": 0.85, "white": 0.06, "middle_eastern": 0.2, "south_asian": 0.45, "east_asian": 0.07}


@dataclass(frozen=True)
class Look:
    """The conditions of a skin. Amounts are 0..1 as in records.Skin."""

    age: float
    gender: str
    ethnicity: str
    tone: float
    freckles: float = 0.0
    moles: float = 0.0
    age_spots: float = 0.0
    redness: float = 0.0
    wrinkles: float = 0.0
    stubble: float = 0.0
    makeup: float = 0.0
    brow_density: float = 0.6
    brow_thickness: float = 0.5


def sample_look(rng: np.random.Generator) -> Look:
    """Every cell alike; amounts plausible for it, with a tenth drawn at large so that conditions stay separate."""
    gender = ("female", "male")[rng.integers(2)]
    ethnicity = ETHNICITIES[rng.integers(len(ETHNICITIES))]
    age, tone = rng.uniform(18, 90), rng.uniform(*TONES[ethnicity])
    fair, old = np.clip((tone - 20) / 35, 0, 1), np.clip((age - 35) / 45, 0, 1)

    def amount(most: float, shape: float = 1.6) -> float:
        return float(rng.uniform() if rng.uniform() < 0.1 else most * rng.beta(1, shape))

    return Look(
        age=float(age),
        gender=gender,
        ethnicity=ethnicity,
        tone=float(tone),
        freckles=amount(0.15 + 0.85 * fair, 2.0),
        moles=amount(1.0, 2.0),
        age_spots=amount(0.05 + 0.95 * old),
        redness=amount(0.4 + 0.6 * fair),
        wrinkles=float(np.clip(rng.normal(0.05 + 0.85 * old, 0.15), 0, 1)),
        stubble=amount(1.0, 1.2) if gender == "male" else 0.0,
        makeup=amount(1.0, 1.0) if gender == "female" and rng.uniform() < 0.6 else 0.0,
        brow_density=float(rng.uniform()),
        brow_thickness=float(rng.uniform()),
    )
