"""Intervals and thresholds fitted again on labelled faces that a model never learned from."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel

from threedpain.errors import InvalidInput
from threedpain.modeling.faces.faces import FaceSet

from .conformal import fit_edges, half_widths
from .evaluate import predict
from .metrics import best_threshold

logger = logging.getLogger(__name__)

LEVEL = 0.9
FEWEST = 40  # pictures of known PSPI
FEWEST_PEOPLE = 8
_FOLDS = 5

# Where the plain face crop shows the brows and the mouth, as shares of its side: x0, y0, x1, y1.
_BANDS = ((0.2, 0.33, 0.8, 0.47), (0.3, 0.62, 0.7, 0.8))


def calibrate(model: PreTrainedModel, processor, faces: FaceSet, *, shots: int = 1, seed: int = 0) -> dict[str, Any]:
    """Fit the model's intervals and its pain threshold to these faces, in place; the report of it.

    Three conditions have their own widths: with a neutral reference, without one, and with brows or mouth covered. The
    last two are never narrower than the first. The coverage in the report is of people left out of a fit, in turns.
    """
    known = faces.subset(faces.table["PSPI"].notna().to_numpy())
    people = known.table["identity"].nunique()
    if len(known) < FEWEST or people < FEWEST_PEOPLE:
        raise InvalidInput(
            f"calibration needs {FEWEST} pictures with PSPI of {FEWEST_PEOPLE} people, the set has {len(known)} of "
            f"{people}"
        )
    asked = {"processor": processor, "shots": shots, "seed": seed}
    main = "realistic" if known.can("realistic") else "none"
    tables = {
        "reference": predict(model, known, reference=main, **asked),
        "alone": predict(model, known, reference="none", **asked),
        "covered": predict(model, known, reference=main, change=cover, **asked),
    }
    config, before = model.config, model.config.pain_threshold
    fitted = _fit(tables)
    config.interval_edges, config.interval_quantiles = fitted["edges"], fitted["reference"]
    config.interval_quantiles_alone, config.interval_quantiles_covered = fitted["alone"], fitted["covered"]
    painful = tables["reference"]["PSPI"] >= 1
    if painful.any() and not painful.all():
        config.pain_threshold = best_threshold(painful, tables["reference"]["pspi_hat"])
    else:
        logger.warning("the set has %s: the threshold stays", "only pain" if painful.any() else "no pain")
    return {
        "pictures": len(known),
        "people": int(people),
        "level": LEVEL,
        "coverage": _held_out(tables, seed),
        "mean_half_width": {name: float(np.mean(_widths(fitted, name, table))) for name, table in tables.items()},
        "pain_threshold": {"before": before, "after": config.pain_threshold},
        "without_references": main == "none",
    }


def cover(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Plain face crops [n, 3, S, S] with the brows of one half of them and the mouths of the other painted grey."""
    side, covered = pictures.shape[-1], pictures.clone()
    for turn, band in enumerate(_BANDS):
        x0, y0, x1, y1 = (round(edge * side) for edge in band)
        covered[turn :: len(_BANDS), :, y0:y1, x0:x1] = 0.5
    return covered


def _fit(tables: dict[str, pd.DataFrame]) -> dict[str, list[float]]:
    """Inner edges of the bins, and half widths by bin of each condition."""
    arrays = {
        name: (table["pspi_hat"].to_numpy(float), table["PSPI"].to_numpy(float)) for name, table in tables.items()
    }
    guess = arrays["reference"][0]
    edges = fit_edges(guess)
    widths = {name: half_widths(*pair, edges, LEVEL) for name, pair in arrays.items()}
    for name in ("alone", "covered"):
        widths[name] = np.maximum(widths[name], widths["reference"]).tolist()
    return {"edges": edges, **widths}


def _widths(fitted: dict[str, list[float]], name: str, table: pd.DataFrame) -> np.ndarray:
    return np.array(fitted[name])[np.searchsorted(fitted["edges"], table["pspi_hat"].to_numpy(float))]


def _held_out(tables: dict[str, pd.DataFrame], seed: int) -> dict[str, float]:
    """Share of true PSPI within the intervals, each person's fitted to the other people, by condition."""
    people = tables["reference"]["identity"]
    names = np.random.default_rng(seed).permutation(np.sort(people.unique()))
    inside = {name: np.empty(len(people)) for name in tables}
    for turn in range(_FOLDS):
        out = people.isin(names[turn::_FOLDS]).to_numpy()
        fitted = _fit({name: table[~out] for name, table in tables.items()})
        for name, table in tables.items():
            wrong = (table["pspi_hat"] - table["PSPI"]).abs()[out].to_numpy()
            inside[name][out] = wrong <= _widths(fitted, name, table[out])
    return {name: float(values.mean()) for name, values in inside.items()}
