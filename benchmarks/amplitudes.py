"""How near to our labels anybody could come who sees one picture: `python benchmarks/amplitudes.py`.

People move by more or less than the average, unit by unit (`generation.people.movement.sample_gain`), which one picture
and a face at rest do not tell. A seer who knew exactly how far every pain unit moved, and learned from many people what
it is labelled, would still err by what is printed here: a floor under the errors of ViTPain, on the plan of its test
set. Nothing is drawn.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from threedpain.facs import PAIN_UNITS, pspi
from threedpain.generation.dataset.plan import Config, Plan
from threedpain.generation.people.movement import sample_gain


def labelled(people: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """How far the six units move, and their labels, both [N, 6]: everybody at rest and in pain."""
    plan = Plan(Config(identities=people, expressions=4, seed=seed, videos=0))
    moved, labels = [], []
    for index in range(people):
        person = plan.person(index)
        gain = sample_gain(plan.identity_seed(index), person.age)
        for expression in person.expressions:
            label = [expression.action_units.get(unit, 0.0) for unit in PAIN_UNITS]
            labels.append(label)
            moved.append([amount * gain[unit] for unit, amount in zip(PAIN_UNITS, label, strict=True)])
    return np.array(moved), np.array(labels)


def floor(learned: tuple[np.ndarray, np.ndarray], asked: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    """Mean absolute error of PSPI and of each unit."""

    def error(of) -> float:
        seer = HistGradientBoostingRegressor(loss="absolute_error", max_iter=300, random_state=0)
        seer.fit(learned[0], of(learned[1]))
        return float(np.abs(seer.predict(asked[0]) - of(asked[1])).mean())

    units = {unit: error(lambda labels, at=at: labels[:, at]) for at, unit in enumerate(PAIN_UNITS)}
    return {"PSPI": error(lambda labels: pspi(*labels.T)), **units}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=4000, help="to learn from")
    given = parser.parse_args()
    errors = floor(labelled(given.people, 31), labelled(200, 4242))
    mean = float(np.mean([errors[unit] for unit in PAIN_UNITS]))
    print("  ".join(f"{name} {error:.2f}" for name, error in errors.items()), f" mean of the units {mean:.2f}")


if __name__ == "__main__":
    main()
