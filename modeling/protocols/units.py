"""What the action-unit protocols measure on held-out people: ICC(3,1) of the grades, AUROC of being there at all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from threedpain.facs import PAIN_UNITS
from threedpain.modeling.evaluation import metrics

COLUMNS = tuple(f"{figure} {unit}" for unit in PAIN_UNITS for figure in ("ICC", "AUROC"))


def present(data: str) -> dict[str, frozenset[str]]:
    """Picture -> the units its coders saw, graded or not; {} where a set does not say."""
    from threedpain.dataset_script.load import load

    rows = load(data, split="all", config="images")
    if "present_units" not in rows.column_names:
        return {}
    pairs = zip(rows["id"], rows["present_units"], strict=True)
    return {name: frozenset(units) for name, units in pairs if units is not None}


def measure(predictions: pd.DataFrame, seen: Mapping[str, frozenset[str]]) -> dict[str, float]:
    """The figures of held-out predictions; NaN for a unit that is not coded, or of one kind only.

    seen: from `present`. A unit somebody saw without grading it counts for AUROC and not for ICC.
    """
    found = {}
    for unit in PAIN_UNITS:
        graded, read = predictions[unit].to_numpy(float), predictions[f"{unit}_hat"].to_numpy(float)
        there = np.where(np.isnan(graded), np.nan, graded > 0)
        there[[unit in seen.get(name, ()) for name in predictions["id"]]] = 1.0
        found[f"ICC {unit}"] = float(metrics.icc31(graded, read)) if np.nanmax(graded, initial=0) > 0 else float("nan")
        found[f"AUROC {unit}"] = float(metrics.auroc(there, read))
    return found


def markdown(rows: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """A table a model: a row a unit that is coded, mean and 95 % interval over the folds."""
    lines: list[str] = []
    for label, figures in rows.items():
        lines += ["", f"| {label} | ICC(3,1) | AUROC |", "|---|---:|---:|"]
        for unit in PAIN_UNITS:
            cells = [_cell(figures[f"{figure} {unit}"]) for figure in ("ICC", "AUROC")]
            if cells != ["-", "-"]:
                lines.append(f"| {unit} | {' | '.join(cells)} |")
    return "\n".join(lines[1:])


def _cell(figure: Mapping[str, float]) -> str:
    mean, half = figure["mean"], figure["half"]
    return "-" if np.isnan(mean) else f"{mean:.2f}" + ("" if np.isnan(half) else f" ± {half:.2f}")
