"""Several models on the same pictures in one table, with intervals over identities and paired differences.

3dpain compare --data 3dpain --model "ViTPain=runs/student" --model "ViTPain alone=runs/student@none" ...
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from threedpain.dataset_script.load import load
from threedpain.errors import InvalidInput
from threedpain.modeling.evaluation import metrics
from threedpain.modeling.evaluation.evaluate import predict
from threedpain.modeling.evaluation.report import over_people
from threedpain.modeling.faces.faces import CONDITIONS, FaceSet
from threedpain.modeling.faces.sets import face_set
from threedpain.modeling.training.run import packed_size
from threedpain.modeling.vitpain.loading import load_model, load_processor

from .protocols import COLUMNS, LEVELS, _write, calibrate, statistic

logger = logging.getLogger(__name__)

ROUNDS = 300
_CALIBRATED = 1000  # validation pictures the thresholds are found on, at most


@dataclass(frozen=True)
class Entrant:
    """A row of the table: its label, a model folder, and which neutral reference the model is given."""

    label: str
    model: str
    reference: str = "realistic"

    @classmethod
    def parse(cls, text: str) -> Entrant:
        """`LABEL=MODEL[@realistic|aligned|none]`; without a label the folder's name."""
        label, equals, rest = text.partition("=")
        label, rest = (label, rest) if equals else ("", text)
        model, at, reference = rest.rpartition("@")
        model, reference = (model, reference) if at else (rest, "realistic")
        if reference not in CONDITIONS or not model:
            raise InvalidInput(
                f"{text!r} must be LABEL=MODEL or LABEL=MODEL@REFERENCE, the reference one of {', '.join(CONDITIONS)}"
            )
        return cls(label or Path(model).name + (f", {reference}" if at else ""), model, reference)


def compare(
    entrants: Sequence[Entrant],
    data: str,
    out: str | Path,
    split: str = "test",
    shots: int = 1,
    seed: int = 0,
    thresholds: str | None = None,
) -> dict[str, Any]:
    """The report, also in out/report.json, out/table.md and out/predictions.parquet.

    thresholds: the set on whose validation people the thresholds of F1 are found; by default those of `data`, unless
        they are themselves judged.
    """
    if len({entrant.label for entrant in entrants}) < len(entrants) or not entrants:
        raise InvalidInput("give at least one model, and every model a label of its own")
    sets: dict[tuple[str, str, int], FaceSet] = {}

    def faces(where: str, which: str, size: int) -> FaceSet:
        if (where, which, size) not in sets:
            sets[where, which, size] = face_set(where, which, size)
        return sets[where, which, size]

    if thresholds is None and split in ("test", "train") and "validation" in load(data, config="images"):
        thresholds = data
    answers, rows, differences = {}, {}, {}
    for entrant in entrants:
        logger.info("asking %s", entrant.label)
        model, processor = load_model(entrant.model), load_processor(entrant.model)
        size = packed_size(model.config.image_size)
        asked = {"processor": processor, "reference": entrant.reference, "shots": shots, "seed": seed}
        found = dict.fromkeys(LEVELS, float("nan"))
        if thresholds is not None:
            known = faces(thresholds, "validation", size)
            some = known.subset(np.linspace(0, len(known) - 1, min(len(known), _CALIBRATED)).astype(int))
            found = calibrate(predict(model, some, **asked))
        told = predict(model, faces(data, split, size), **asked)
        answers[entrant.label] = told
        rows[entrant.label] = _row(told, found)
        first = answers[entrants[0].label]
        if entrant is not entrants[0]:
            differences[entrant.label] = _difference(first, told)
    report = {
        "data": data,
        "split": split,
        "thresholds": thresholds,
        "pictures": len(told),
        "people": int(told["identity"].nunique()),
        "rows": rows,
        "differences": differences,
        "table": _table(rows, differences, entrants[0].label),
    }
    out = Path(out)
    _write(out / "report.json", report)
    (out / "table.md").write_text(report["table"] + "\n")
    pd.concat([table.assign(model=label) for label, table in answers.items()]).to_parquet(out / "predictions.parquet")
    return report


def _row(told: pd.DataFrame, thresholds: dict[int, float]) -> dict[str, dict[str, float]]:
    """Figure -> value and its 95 % interval when whole people are drawn with replacement; of too few people none."""
    found = {}
    for name in COLUMNS:
        figure = statistic(told, name, thresholds)
        value, low, high = figure(np.arange(len(told))), float("nan"), float("nan")
        if np.isfinite(value):
            low, high = over_people(figure, told["identity"], ROUNDS)
        found[name] = {"value": value, "low": low, "high": high}
    return found


def _difference(first: pd.DataFrame, told: pd.DataFrame) -> dict[str, float]:
    """Mean absolute error less the first model's on the same pictures, with its interval over people."""
    before, after = ((table["pspi_hat"] - table["PSPI"]).abs().to_numpy(float) for table in (first, told))

    def change(rows: np.ndarray) -> float:
        return metrics.mean_difference(before[rows], after[rows])

    low, high = over_people(change, told["identity"], ROUNDS)
    return {"value": change(np.arange(len(told))), "low": low, "high": high}


def _table(rows: dict[str, dict], differences: dict[str, dict], first: str) -> str:
    def cell(figure: dict[str, float], sign: str = "") -> str:
        if np.isnan(figure["value"]):
            return "-"
        if np.isnan(figure["low"]):
            return f"{figure['value']:{sign}.2f}"
        return f"{figure['value']:{sign}.2f} [{figure['low']:{sign}.2f}, {figure['high']:{sign}.2f}]"

    lines = ["| | " + " | ".join(COLUMNS) + f" | MAE less that of {first} |", "|---|" + "---:|" * (len(COLUMNS) + 1)]
    for label, figures in rows.items():
        last = cell(differences[label], "+") if label in differences else "-"
        lines.append(f"| {label} | " + " | ".join(cell(figures[name]) for name in COLUMNS) + f" | {last} |")
    return "\n".join(lines)
