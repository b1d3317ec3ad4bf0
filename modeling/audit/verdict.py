"""What an audit says first: whether the detector reads pain at all, and what else is seen to move its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from threedpain.modeling.evaluation import metrics

ROUNDS = 500  # of the bootstrap
LEAST_PEOPLE = 8  # an interval over fewer is no certainty and is not given
NOTABLE = 0.1  # of the detector's own spread; less is no headline
LEVEL = 0.05


def interval(statistic: Callable[[np.ndarray], float], rows: np.ndarray, people: np.ndarray) -> dict[str, float]:
    """value, low, high of `statistic(row numbers)`; low and high are NaN over fewer than LEAST_PEOPLE people."""
    value = statistic(rows)
    enough = np.isfinite(value) and len(np.unique(people)) >= LEAST_PEOPLE
    low, high = metrics.bootstrap(statistic, people, ROUNDS) if enough else (np.nan, np.nan)
    return {"value": value, "low": low, "high": high}


def spread_of(answers: pd.Series) -> float:
    """The range of the middle 90 % of the answers; of all where these are one number."""
    told = answers.dropna().to_numpy(float)
    low, high = np.quantile(told, [0.05, 0.95]) if len(told) else (0.0, 0.0)
    return float(high - low) or (float(np.ptp(told)) if len(told) else 0.0)


def reading(balanced: pd.DataFrame) -> dict[str, Any]:
    """Whether the detector reads pain: AUROC of PSPI >= 1 and Pearson with PSPI on the balanced set, and the verdict.

    verdict: "reads" where both intervals lie above chance, "backwards" where both lie below, "constant" for one and
    the same answer, "few" over fewer than 8 people, otherwise "blind".
    """
    told = balanced[balanced["answer"].notna()]
    truth, answer, people = (told[name].to_numpy() for name in ("PSPI", "answer", "person"))
    everything = np.arange(len(told))
    auroc = interval(lambda rows: metrics.auroc(truth[rows] >= 1, answer[rows]), everything, people)
    pearson = interval(lambda rows: metrics.pearson(truth[rows], answer[rows]), everything, people)
    if not len(told) or np.ptp(answer) == 0:
        word = "constant"
    elif told["person"].nunique() < LEAST_PEOPLE:
        word = "few"
    elif auroc["low"] > 0.5 and pearson["low"] > 0:
        word = "reads"
    elif auroc["high"] < 0.5 and pearson["high"] < 0:
        word = "backwards"
    else:
        word = "blind"
    return {"verdict": word, "auroc": auroc, "pearson": pearson, "people": int(told["person"].nunique())}


def in_points(balanced: pd.DataFrame, answers: pd.Series, read: dict[str, Any]) -> np.ndarray:
    """Scores as PSPI: a quantile of the balanced set's scores is the same quantile of its PSPI. Unlike a line fitted
    by least squares this does not shrink the less a detector reads. NaN unless it reads pain."""
    if read["verdict"] != "reads":
        return np.full(len(answers), np.nan)
    told = balanced[balanced["answer"].notna()]
    truth = pd.Series(np.sort(told["PSPI"].to_numpy(float)))
    mean = truth.groupby(np.sort(told["answer"].to_numpy(float))).mean()
    values = answers.to_numpy(float)
    return np.where(np.isnan(values), np.nan, np.interp(values, mean.index.to_numpy(), mean.to_numpy()))


def balanced_threshold(balanced: pd.DataFrame) -> float:
    """The answer that best parts pain from rest: the share of pain found plus the share of rest left alone. (Best F1
    of a detector that reads nothing calls everybody in pain, and then no decision is ever turned.)"""
    told = balanced[balanced["answer"].notna()]
    pain, answer = (told["PSPI"] >= 1).to_numpy(), told["answer"].to_numpy(float)
    grid = np.unique(np.quantile(answer, np.linspace(0, 1, 201)))
    if not pain.any() or pain.all():
        return float(np.median(answer))
    return float(max(grid, key=lambda at: (answer[pain] >= at).mean() + (answer[~pain] < at).mean()))


def chance_of(change: np.ndarray) -> float:
    """Two-sided p of paired changes [people], Student's t; changes that are all alike are 0 or certain."""
    deviation = change.std(ddof=1)
    if deviation == 0:
        return 0.0 if change[0] else 1.0
    return float(2 * stats.t.sf(abs(change.mean()) / (deviation / np.sqrt(len(change))), len(change) - 1))


def holm(chances: Sequence[float]) -> list[bool]:
    """Which of many tests hold together at LEVEL (Holm, 1979)."""
    held, order = [False] * len(chances), np.argsort(chances, kind="stable")
    for rank, at in enumerate(order):
        if chances[at] > LEVEL / (len(chances) - rank):
            break
        held[at] = True
    return held


def verdict(report: dict[str, Any]) -> str:
    """The headline: first whether it reads pain, then what else moves it. Nothing is acquitted that was not tried on
    enough people, and nothing is told in PSPI points that does not read pain."""
    read = report["reading"]
    if read["verdict"] == "constant":
        return "Does not read pain: every picture gets the same answer, so nothing else can be judged"
    first = {
        "reads": f"Reads pain ({_area(read)})",
        "blind": f"Does not read pain ({_area(read)}, chance is 0.50)",
        "backwards": f"Reads pain backwards ({_area(read)}, chance is 0.50)",
        "few": f"Too few people ({read['people']}) to say whether it reads pain",
    }[read["verdict"]]
    effects = report["effects"]
    if not effects:
        return f"{first}; what else moves its answer was not tried"
    strongest = next((effect for effect in effects if effect["sure"]), None)
    if strongest:
        share = abs(strongest["value_share"])
        first += (
            f"; {strongest['words']} moves its answer {strongest['expression']} by {100 * share:.0f} % of its spread"
        )
        if share >= NOTABLE:
            return first + (f", {strongest['points']:+.1f} PSPI points" if np.isfinite(strongest["points"]) else "")
    people = min(effect["people"] for effect in effects)
    if people < LEAST_PEOPLE:
        return f"{first}; too few people ({people}) to say what else moves its answer"
    others = [effect for effect in effects if effect is not strongest]
    farthest = max((max(abs(effect["low_share"]), abs(effect["high_share"])) for effect in others), default=0.0)
    if read["verdict"] != "reads":
        return f"{first}; no other single change is seen to move it, which acquits it of nothing"
    if farthest < NOTABLE:
        return f"{first}; no other change tried moves its answer by {100 * NOTABLE:.0f} % of its spread"
    certain = "is so strong for certain" if strongest else "is certain"
    return f"{first}; no other change {certain}, but up to {100 * farthest:.0f} % of its spread is not ruled out"


def _area(read: dict[str, Any]) -> str:
    area = read["auroc"]
    return f"AUROC {area['value']:.2f}, {area['low']:.2f} to {area['high']:.2f}"
