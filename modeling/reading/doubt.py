"""When a reading deserves doubt: a picture unlike those learned from, or a decisive region of which nothing is seen."""

from __future__ import annotations

import math

import numpy as np

UNFAMILIAR = 0.01  # as far from the training faces as one in a hundred held-out ones

HIDDEN = 0.5  # share of a region that is seen, below which its units are guesses

TURNED = 50  # degrees; fewer than one in a hundred faces learned from are turned farther

_UNITS = {"brows": "AU4", "eyes": "AU7, AU43", "cheeks": "AU6", "nose": "AU9", "mouth": "AU10"}


def hidden_regions(visible: np.ndarray) -> tuple[str, ...]:
    """The decisive regions that are hidden, by the share of each of `REGIONS` that can be seen [6]."""
    from threedpain.modeling.vitpain.configuration_vitpain import REGIONS

    return tuple(name for name, share in zip(REGIONS, visible, strict=True) if name in _UNITS and share < HIDDEN)


def widened(config, pspi: float, interval: tuple[float, float] | None, hidden: tuple[str, ...]):
    """The interval of a reading, as wide as calibration found it with a region covered, where one is hidden."""
    from threedpain.modeling.vitpain.configuration_vitpain import PSPI_MAX

    widths = config.to_dict().get("interval_quantiles_covered")
    if interval is None or not hidden or widths is None:
        return interval
    half = widths[int(np.searchsorted(config.interval_edges, pspi))]
    low, high = interval
    return max(0.0, min(low, pspi - half)), min(PSPI_MAX, max(high, pspi + half))


def turned(yaw: float, pitch: float) -> list[str]:
    """What to know of a head that is known to be turned so far, in degrees."""
    away = math.degrees(math.acos(math.cos(math.radians(yaw)) * math.cos(math.radians(pitch))))
    if away <= TURNED:
        return []
    return [f"the head is turned away by {away:.0f} degrees: the model has hardly seen any beyond {TURNED}"]


def sentences(familiarity: float | None, hidden: tuple[str, ...], faint: bool = False) -> list[str]:
    """What a reader of the numbers should know."""
    said = ["the face could hardly be found: look whether its box is right"] if faint else []
    if hidden:
        names = " and ".join(filter(None, (", ".join(hidden[:-1]), hidden[-1])))
        units = ", ".join(_UNITS[name] for name in hidden)
        said.append(f"the {names} can hardly be seen: {units} and PSPI are guesses")
    if familiarity is not None and familiarity < UNFAMILIAR:
        said.append("this picture is unlike anything the model learned from")
    return said
