"""A bias audit of any pain detector: how well it reads whom, and what else than pain moves its answer.

`audit("runs/mine", out)` or `audit("my.module:detector", out)` shows the detector a balanced generated set, and
counterfactual pairs that differ in one thing alone: same person, expression, camera and light. There the difference of
two answers is the effect of that one thing. All intervals are 95 %, by drawing whole people with replacement; of fewer
than 8 people none is given. First comes whether the detector reads pain at all: one that does not is acquitted of
nothing, so effects are told in its own spread, and in PSPI points only if it reads.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from threedpain.errors import InvalidInput
from threedpain.extras import need_extra
from threedpain.modeling.evaluation import metrics
from threedpain.schema import GENERATOR_VERSION

from .detector import open_detector
from .pictures import CONTRASTS, FACTORS, INTENSITIES, Plan, pictures
from .verdict import (
    LEAST_PEOPLE,
    ROUNDS,
    balanced_threshold,
    chance_of,
    holm,
    in_points,
    interval,
    reading,
    spread_of,
    verdict,
)

logger = logging.getLogger(__name__)

SCALES = ("pspi", "score")
GROUPS = ("age_group", "gender", "ethnicity", "view", "intensity", "kind")
PEOPLE = ("age_group", "gender", "ethnicity")  # groups of people, among which a gap is unfair


def audit(
    model: str | Callable | Any,
    out: str | Path,
    plan: Plan | None = None,
    scale: str = "pspi",
    pipe: Any = None,
    workers: int = 1,
) -> dict[str, Any]:
    """Audit one detector; the report is returned and written to out/report.json, report.html and answers.csv.

    scale: what the answers are: "pspi" (0 to 16), or "score", any number that grows with pain. A score is told in
    PSPI points only where it reads pain at all, quantile by quantile of the balanced set.
    """
    need_extra("matplotlib", "report")  # before the work, not after it
    from .page import write_page

    if scale not in SCALES:
        raise InvalidInput(f"scale must be one of {', '.join(SCALES)}, got {scale!r}")
    out, plan = Path(out), plan or Plan()
    detector = open_detector(model)
    table = pictures(plan, pipe, workers)
    table["answer"] = detector(table)
    first = table[table["part"] == "set"]
    read = reading(first)
    spread = spread_of(first["answer"])
    table["points"] = table["answer"] if scale == "pspi" else in_points(first, table["answer"], read)
    balanced, changed = (table[table["part"] == part].reset_index(drop=True) for part in ("set", "counterfactual"))
    own = detector.threshold is not None and scale == "pspi"
    threshold = detector.threshold if own else balanced_threshold(balanced)
    report = {
        "model": detector.name,
        "plan": asdict(plan),
        "generator_version": GENERATOR_VERSION,
        "scale": scale,
        "reading": read,
        "spread": spread,
        "threshold": {
            "value": threshold,
            "from": "the model's own" if own else "best balance of pain found and rest left alone on the balanced set",
        },
        "pictures": {"set": len(balanced), "counterfactual": len(changed)},
        "failures": {"share": float(table["answer"].isna().mean()), "reasons": detector.failures},
        "overall": figures(balanced, threshold),
        "groups": {
            name: {level: figures(part, threshold) for level, part in by_level(balanced, name)} for name in GROUPS
        },
        "gaps": [found for name in PEOPLE if (found := gap(balanced, name))],
        "cells": cells(balanced),
        "effects": effects(changed, threshold, spread, read["verdict"] == "reads") if len(changed) else [],
        "curves": {factor: curve(changed, factor) for factor in FACTORS} if len(changed) else {},
    }
    report["headline"] = verdict(report)
    out.mkdir(parents=True, exist_ok=True)
    table.drop(columns=["image", "neutral", "box", "neutral_box"]).to_csv(out / "answers.csv", index=False)
    (out / "report.json").write_text(json.dumps(_plain(report), indent=1, allow_nan=False))
    write_page(report, changed, out / "report.html")
    return report


def by_level(table: pd.DataFrame, name: str):
    order = list(INTENSITIES) if name == "intensity" else list(dict.fromkeys(sorted(table[name])))
    return [(level, table[table[name] == level]) for level in order if (table[name] == level).any()]


# ---- how well it reads whom


def figures(table: pd.DataFrame, threshold: float) -> dict[str, Any]:
    """Figures of a part of the balanced set, each as value, low, high. `bias` is the mean of answer - PSPI, `missed`
    the share of pain (PSPI >= 1) below the threshold, `false_alarms` the share of PSPI 0 above it."""
    truth, answer = table["PSPI"].to_numpy(float), table["answer"].to_numpy(float)
    points = table["points"].to_numpy(float)
    pain, told = truth >= 1, ~np.isnan(answer)

    def share(chosen: np.ndarray, above: bool) -> Callable[[np.ndarray], float]:
        def of(rows: np.ndarray) -> float:
            rows = rows[chosen[rows] & told[rows]]
            return float(((answer[rows] >= threshold) == above).mean()) if len(rows) else np.nan

        return of

    statistics = {
        "mae": lambda rows: metrics.mae(truth[rows], points[rows]),
        "bias": lambda rows: metrics.mean_difference(truth[rows], points[rows]),
        "pearson": lambda rows: metrics.pearson(truth[rows], answer[rows]),
        "auroc": lambda rows: metrics.auroc(pain[rows][told[rows]], answer[rows][told[rows]]),
        "missed": share(pain, False),
        "false_alarms": share(~pain, True),
        "failed": lambda rows: float((~told[rows]).mean()),
    }
    whole, people = np.arange(len(table)), table["person"].to_numpy()
    found = {name: interval(statistic, whole, people) for name, statistic in statistics.items()}
    return {"pictures": len(table), "people": int(table["person"].nunique()), **found}


def gap(table: pd.DataFrame, name: str) -> dict[str, Any] | None:
    """How far apart the best and the worst read group are (MAE), and how often chance alone, groups dealt anew among
    the same people, parts them as far; None where answers cannot be told in PSPI points."""
    told = table[table["points"].notna()]
    if told.empty:
        return None
    error = (told["points"] - told["PSPI"]).abs().groupby(told["person"]).agg(["sum", "count"])
    group = told.groupby("person")[name].first().loc[error.index].to_numpy()
    total, count = error["sum"].to_numpy(), error["count"].to_numpy()
    levels = sorted(set(group))

    def means(dealt: np.ndarray) -> np.ndarray:
        return np.array([total[dealt == level].sum() / count[dealt == level].sum() for level in levels])

    seen, rng = means(group), np.random.default_rng(0)
    chance = np.array([np.ptp(means(rng.permutation(group))) for _ in range(2 * ROUNDS)])
    return {
        "group": name,
        "best": levels[int(seen.argmin())],
        "worst": levels[int(seen.argmax())],
        "gap": float(np.ptp(seen)),
        "p": float((1 + (chance >= np.ptp(seen)).sum()) / (1 + len(chance))),
    }


def cells(table: pd.DataFrame) -> list[dict[str, Any]]:
    """MAE and bias of each demographic cell: few people each, to be looked at, not to be believed one by one."""
    found = []
    for (age_group, gender, ethnicity), part in table.groupby(["age_group", "gender", "ethnicity"]):
        error = (part["points"] - part["PSPI"]).dropna()
        found.append(
            {
                "age_group": age_group,
                "gender": gender,
                "ethnicity": ethnicity,
                "people": int(part["person"].nunique()),
                "mae": float(error.abs().mean()),
                "bias": float(error.mean()),
            }
        )
    return found


# ---- what else than pain moves it


def effects(changed: pd.DataFrame, threshold: float, spread: float, reads: bool) -> list[dict[str, Any]]:
    """Every contrast at rest and in pain, the strongest first: the mean change of the answer with its interval, as a
    share of the detector's own `spread`, in standard deviations of the change (Cohen's d of pairs), the share of
    decisions it turns, and in PSPI points if it `reads` pain. `sure`: at least 8 people, and Holm's correction over
    all contrasts leaves the t-test of the change below 5 %."""
    found = []
    for factor, level, reference, words in CONTRASTS:
        for expression in ("at rest", "in pain"):
            pairs = paired(changed, factor, level, reference, expression)
            if len(pairs) < 2:
                continue
            change, people = pairs["change"].to_numpy(), pairs.index.to_numpy()
            deviation = change.std(ddof=1)
            turned = (pairs["level"] >= threshold) != (pairs["reference"] >= threshold)
            mean = interval(lambda rows, change=change: float(change[rows].mean()), np.arange(len(change)), people)
            points = pairs["points"].mean() if reads else np.nan
            found.append(
                {
                    "factor": factor,
                    "level": str(level),
                    "reference": str(reference),
                    "words": words,
                    "expression": expression,
                    "people": len(pairs),
                    **mean,
                    **{f"{name}_share": mean[name] / spread if spread else np.nan for name in mean},
                    "points": float(points),
                    "d": float(change.mean() / deviation) if deviation > 0 else float("nan"),
                    "p": chance_of(change),
                    "size": float(np.abs(change).mean()),
                    "turned": float(turned.mean()),
                }
            )
    for effect, sure in zip(found, holm([e["p"] for e in found]), strict=True):
        effect["sure"] = bool(sure and effect["people"] >= LEAST_PEOPLE)
    return sorted(found, key=lambda effect: -abs(effect["value"]))


def paired(changed: pd.DataFrame, factor: str, level: Any, reference: Any, expression: str) -> pd.DataFrame:
    """Columns level, reference, change (level - reference) and points (the same in PSPI points), one row a person."""
    part = changed[(changed["factor"] == factor) & (changed["expression"] == expression)]
    wide = part.pivot(index="person", columns="level", values="answer")
    if not {str(level), str(reference)} <= set(wide.columns):
        return pd.DataFrame(columns=["level", "reference", "change", "points"])
    points = part.pivot(index="person", columns="level", values="points")
    pairs = pd.DataFrame({"level": wide[str(level)], "reference": wide[str(reference)]})
    pairs = pairs.assign(points=points[str(level)] - points[str(reference)]).dropna(subset=["level", "reference"])
    return pairs.assign(change=pairs["level"] - pairs["reference"])


def curve(changed: pd.DataFrame, factor: str) -> dict[str, list[dict[str, Any]]]:
    """Expression -> for every level the mean answer less the person's own mean over the levels, with its interval."""
    found: dict[str, list[dict[str, Any]]] = {}
    for expression in ("at rest", "in pain"):
        part = changed[(changed["factor"] == factor) & (changed["expression"] == expression)]
        wide = part.pivot(index="person", columns="level", values="answer").dropna()
        centred = wide.sub(wide.mean(axis=1), axis=0)
        found[expression] = []
        for level in map(str, FACTORS[factor]):
            if level in wide and len(wide) > 1:
                values = centred[level].to_numpy()
                spread = interval(
                    lambda rows, values=values: float(values[rows].mean()),
                    np.arange(len(values)),
                    centred.index.to_numpy(),
                )
                found[expression].append({"level": level, "answer": float(wide[level].mean()), **spread})
    return found


def _plain(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(name): _plain(value) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    if isinstance(content, (float, np.floating)):
        return None if np.isnan(content) else float(content)
    return content.item() if isinstance(content, np.generic) else content
