"""The figures pain assessment is judged by, as plain functions of two equally long arrays; NaN pairs are left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

THRESHOLD_GRID = np.linspace(0.0, 6.0, 200)  # of the F1 threshold, as in the ViTPain paper's protocol


def _pairs(truth, prediction) -> tuple[np.ndarray, np.ndarray]:
    truth, prediction = np.asarray(truth, np.float64).ravel(), np.asarray(prediction, np.float64).ravel()
    if len(truth) != len(prediction):
        raise ValueError(f"truth and prediction must be equally long, got {len(truth)} and {len(prediction)}")
    known = ~(np.isnan(truth) | np.isnan(prediction))
    return truth[known], prediction[known]


def mae(truth, prediction) -> float:
    """Mean absolute error."""
    truth, prediction = _pairs(truth, prediction)
    return float(np.abs(truth - prediction).mean()) if len(truth) else np.nan


def mean_difference(truth, prediction) -> float:
    """Mean of prediction - truth: below 0 too little is read."""
    truth, prediction = _pairs(truth, prediction)
    return float((prediction - truth).mean()) if len(truth) else np.nan


def rmse(truth, prediction) -> float:
    """Root of the mean squared error."""
    truth, prediction = _pairs(truth, prediction)
    return float(np.sqrt(((truth - prediction) ** 2).mean())) if len(truth) else np.nan


def pearson(truth, prediction) -> float:
    """Pearson's correlation; NaN where one side is constant."""
    truth, prediction = _pairs(truth, prediction)
    if len(truth) < 2 or np.ptp(truth) == 0 or np.ptp(prediction) == 0:
        return np.nan
    return float(np.corrcoef(truth, prediction)[0, 1])


def icc31(truth, prediction) -> float:
    """Intraclass correlation ICC(3,1) of two raters."""
    return icc31_raters(np.stack(_pairs(truth, prediction), axis=1))


def icc31_raters(ratings) -> float:
    """ICC(3,1), consistency of single ratings [targets, raters] (Shrout and Fleiss, 1979)."""
    ratings = np.asarray(ratings, np.float64)
    targets, raters = ratings.shape
    if targets < 2:
        return np.nan
    rows, columns, mean = ratings.mean(1, keepdims=True), ratings.mean(0, keepdims=True), ratings.mean()
    between = raters * ((rows - mean) ** 2).sum() / (targets - 1)
    error = ((ratings - rows - columns + mean) ** 2).sum() / ((targets - 1) * (raters - 1))
    spread = between + (raters - 1) * error
    return float((between - error) / spread) if spread > 0 else np.nan


def auroc(positive, score) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties half."""
    positive, score = _pairs(positive, score)
    positive = positive > 0
    count, rest = int(positive.sum()), int((~positive).sum())
    if not count or not rest:
        return np.nan
    ranks = stats.rankdata(score)
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * rest))


def average_precision(positive, score) -> float:
    """Mean precision over the positives in order of falling score (equal scores enter together)."""
    positive, score = _pairs(positive, score)
    positive = positive > 0
    if not positive.any():
        return np.nan
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))  # the end of each run of equal scores
    found = np.cumsum(positive[order])[last]
    precision = found / (last + 1)
    return float((np.diff(found, prepend=0) * precision).sum() / positive.sum())


def f1(positive, predicted) -> float:
    """Harmonic mean of precision and recall; 0 when nothing is found."""
    positive, predicted = _pairs(positive, predicted)
    positive, predicted = positive > 0, predicted > 0
    both = (positive & predicted).sum()
    return float(2 * both / (positive.sum() + predicted.sum())) if positive.any() or predicted.any() else np.nan


def best_threshold(positive, score, grid: np.ndarray = THRESHOLD_GRID) -> float:
    """The threshold of the grid whose `score >= threshold` has the best F1; the lowest of equals."""
    positive, score = _pairs(positive, score)
    return float(grid[int(np.argmax([f1(positive, score >= threshold) for threshold in grid]))])


def bootstrap(
    statistic: Callable[[np.ndarray], float], groups, rounds: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of `statistic(row numbers)` when whole groups (identities) are drawn with replacement."""
    _, inverse = np.unique(np.asarray(groups), return_inverse=True)
    members = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        drawn = rng.integers(0, len(members), len(members))
        values.append(statistic(np.concatenate([members[at] for at in drawn])))
    if not np.isfinite(values).any():
        return np.nan, np.nan
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
