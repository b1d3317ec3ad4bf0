"""Split-conformal intervals for PSPI: half widths by bin of the prediction, fitted on people never learned from.

With n residuals in a bin, the ceil((n + 1) * level)-th smallest covers a new one with probability at least `level`
(Vovk, Gammerman and Shafer, 2005; by bin: Mondrian).
"""

from __future__ import annotations

import math

import numpy as np

BINS = 6
IN_A_BIN = 30  # predictions that a bin needs of its own; with fewer than 9 no 90 % could be promised


def fit_edges(prediction: np.ndarray) -> list[float]:
    """Inner edges that part the predictions into equally full bins, as many as have IN_A_BIN each, BINS at most."""
    bins = min(BINS, max(1, len(prediction) // IN_A_BIN))
    return np.quantile(prediction, np.linspace(0, 1, bins + 1)[1:-1]).tolist()


def half_widths(prediction: np.ndarray, truth: np.ndarray, edges: list[float], level: float = 0.9) -> list[float]:
    """Half width of the interval in each bin [bins]."""
    residual = np.abs(prediction - truth)
    found = np.searchsorted(edges, prediction, side="left")
    widths = []
    for at in range(len(edges) + 1):
        inside = np.sort(residual[found == at])
        if not len(inside):
            inside = np.sort(residual)  # nothing to learn from here: as wide as overall
        rank = math.ceil((len(inside) + 1) * level)
        widths.append(float(inside[min(rank, len(inside)) - 1]))
    return widths
