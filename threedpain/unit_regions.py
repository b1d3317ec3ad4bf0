"""Which regions of the face an action unit may move."""

from __future__ import annotations

from collections.abc import Sequence

from .facs import ACTION_UNITS, unit_of


def regions_of(units: str | Sequence[str]) -> tuple[str, ...]:
    """The regions, both sides or one, that action units such as "AU12" or "AU12L" may move."""
    names = []
    for key in [units] if isinstance(units, str) else units:
        name, side = unit_of(key)
        sides = {"L": ("left",), "R": ("right",), "": ("right", "left")}[side]
        names += [f"{region}_{side}" for side in sides for region in ACTION_UNITS[name].regions]
    return tuple(dict.fromkeys(names))
