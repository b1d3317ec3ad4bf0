"""When a reading deserves doubt: a picture unlike those learned from, or a decisive region of which nothing is seen."""

from __future__ import annotations

import numpy as np

from threedpain.modeling.vitpain.configuration_vitpain import PSPI_MAX

UNFAMILIAR = 0.01  # as far from the training faces as one in a hundred held-out ones

# Classes of the mask head by region, and the least share of the visible face they take where the region is seen.
_FACE = (1, 4, 5, 6, 7)
_REGIONS = {"brows": (4,), "eyes": (5,), "mouth": (6, 7)}
_LEAST = {"brows": 0.002, "eyes": 0.002, "mouth": 0.01}
_UNITS = {"brows": "AU4", "eyes": "AU6, AU7, AU43", "mouth": "AU10"}
_CLOSED = 0.3  # of AU43: eyes that are shut cannot be seen either


def hidden_regions(mask_logits: np.ndarray, closed: float = 0.0) -> tuple[str, ...]:
    """The decisive regions that are hidden, by mask logits [classes, S, S] and the AU43 that was read."""
    seen = mask_logits.argmax(0)
    face = max(1, np.isin(seen, _FACE).sum())
    hidden = [name for name, classes in _REGIONS.items() if np.isin(seen, classes).sum() < _LEAST[name] * face]
    return tuple(name for name in hidden if name != "eyes" or closed < _CLOSED)


def widened(config, pspi: float, interval: tuple[float, float] | None, hidden: tuple[str, ...]):
    """The interval of a reading, as wide as calibration found it with a region covered, where one is hidden."""
    widths = config.to_dict().get("interval_quantiles_covered")
    if interval is None or not hidden or widths is None:
        return interval
    half = widths[int(np.searchsorted(config.interval_edges, pspi))]
    low, high = interval
    return max(0.0, min(low, pspi - half)), min(PSPI_MAX, max(high, pspi + half))


def sentences(familiarity: float | None, hidden: tuple[str, ...]) -> list[str]:
    """What a reader of the numbers should know."""
    said = [f"the {name} can hardly be seen: {_UNITS[name]} and PSPI are guesses" for name in hidden]
    if familiarity is not None and familiarity < UNFAMILIAR:
        said.append("this picture is unlike anything the model learned from")
    return said
