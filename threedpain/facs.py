"""Facial action units: their names, muscles, sides and regions; the validated vector; PSPI.

Sources. Names and muscles: Ekman, Friesen and Hager, Facial Action Coding System, 2002. PSPI: Prkachin and Solomon,
The structure, reliability and validity of pain expression, Pain 139, 2008.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import InvalidInput
from .regions import REGIONS

__all__ = [
    "ACTION_UNITS",
    "PAIN_UNITS",
    "REGIONS",
    "ActionUnit",
    "occurs",
    "pspi",
    "sided",
    "validate",
]


@dataclass(frozen=True)
class ActionUnit:
    """One action unit. `regions` are names in `REGIONS` without their side; `sided` units may act on one side alone."""

    name: str
    facs_name: str
    muscles: tuple[str, ...]
    regions: tuple[str, ...]
    sided: bool = True
    maximum: float = 5.0


_BROW_RAISED = ("forehead", "brow", "upper_lid")
_LIDS = ("upper_lid", "lower_lid")
_MOUTH = ("upper_lip", "lower_lip", "corner", "chin")
_AROUND = (*_MOUTH, "nasolabial")

ACTION_UNITS: dict[str, ActionUnit] = {
    unit.name: unit
    for unit in (
        ActionUnit("AU1", "inner brow raiser", ("frontalis, pars medialis",), _BROW_RAISED),
        ActionUnit("AU2", "outer brow raiser", ("frontalis, pars lateralis",), _BROW_RAISED),
        ActionUnit(
            "AU4",
            "brow lowerer",
            ("depressor glabellae", "depressor supercilii", "corrugator supercilii"),
            ("brow", *_LIDS, "nose"),
        ),
        ActionUnit("AU5", "upper lid raiser", ("levator palpebrae superioris",), ("brow", *_LIDS)),
        ActionUnit("AU6", "cheek raiser", ("orbicularis oculi, pars orbitalis",), (*_LIDS, "cheek")),
        ActionUnit("AU7", "lid tightener", ("orbicularis oculi, pars palpebralis",), ("brow", *_LIDS)),
        ActionUnit(
            "AU9",
            "nose wrinkler",
            ("levator labii superioris alaeque nasi",),
            ("brow", "nose", "nasolabial", "upper_lip"),
        ),
        ActionUnit(
            "AU10",
            "upper lip raiser",
            ("levator labii superioris", "caput infraorbitalis"),
            ("nose", "nasolabial", "upper_lip", "corner", "cheek"),
        ),
        ActionUnit(
            "AU12",
            "lip corner puller",
            ("zygomaticus major",),
            ("upper_lip", "lower_lip", "corner", "nasolabial", "cheek"),
        ),
        ActionUnit("AU14", "dimpler", ("buccinator",), ("upper_lip", "lower_lip", "corner", "nasolabial", "cheek")),
        ActionUnit("AU15", "lip corner depressor", ("depressor anguli oris",), _AROUND),
        ActionUnit("AU16", "lower lip depressor", ("depressor labii inferioris",), _MOUTH),
        ActionUnit("AU17", "chin raiser", ("mentalis",), _MOUTH, sided=False),
        ActionUnit(
            "AU18", "lip pucker", ("incisivii labii superioris", "incisivii labii inferioris"), _AROUND, sided=False
        ),
        ActionUnit("AU20", "lip stretcher", ("risorius", "platysma"), _AROUND),
        ActionUnit("AU22", "lip funneler", ("orbicularis oris",), _AROUND, sided=False),
        ActionUnit("AU23", "lip tightener", ("orbicularis oris",), _AROUND, sided=False),
        ActionUnit("AU24", "lip pressor", ("orbicularis oris",), _AROUND, sided=False),
        ActionUnit(
            "AU25",
            "lips part",
            ("depressor labii inferioris", "relaxed mentalis or orbicularis oris"),
            _MOUTH,
            sided=False,
        ),
        ActionUnit(
            "AU26", "jaw drop", ("relaxed masseter", "temporal and internal pterygoid"), (*_AROUND, "jaw"), sided=False
        ),
        ActionUnit("AU27", "mouth stretch", ("pterygoids", "digastric"), (*_AROUND, "jaw", "cheek"), sided=False),
        ActionUnit(
            "AU43",
            "eyes closed",
            ("relaxed levator palpebrae superioris", "orbicularis oculi"),
            ("brow", *_LIDS),
            maximum=1.0,
        ),
    )
}

PAIN_UNITS = ("AU4", "AU6", "AU7", "AU9", "AU10", "AU43")


def unit_of(key: str) -> tuple[str, str]:
    """'AU12L' -> ('AU12', 'L'), 'AU12' -> ('AU12', ''); InvalidInput for a name that is none."""
    if key in ACTION_UNITS:
        return key, ""
    if isinstance(key, str) and key[-1:] in ("L", "R") and key[:-1] in ACTION_UNITS:
        if not ACTION_UNITS[key[:-1]].sided:
            raise InvalidInput(f"{key} is not allowed: {key[:-1]} has no sides, use {key[:-1]}")
        return key[:-1], key[-1]
    raise InvalidInput(
        f"unknown action unit {key!r}; known are {', '.join(ACTION_UNITS)}, and one-sided keys such as AU12L and AU12R"
    )


def validate(action_units: Mapping[str, float]) -> dict[str, float]:
    """The same vector as plain floats, or InvalidInput naming the key, its value and what is allowed.

    Intensities are 0 (absent) to 5 (maximum), AU43 0 to 1. A plain key sets both sides, `AU12L` and `AU12R` one each
    (the subject's left and right).
    """
    if not isinstance(action_units, Mapping):
        raise InvalidInput(f"action units must be a mapping such as {{'AU4': 3}}, got {type(action_units).__name__}")
    checked: dict[str, float] = {}
    for key, value in action_units.items():
        name, side = unit_of(key)
        if side and name in action_units:
            raise InvalidInput(f"{name} and {key} exclude each other: give {name} for both sides, or {name}L, {name}R")
        maximum = ACTION_UNITS[name].maximum
        try:
            intensity = float(value)
        except (TypeError, ValueError, OverflowError):
            raise InvalidInput(f"{key} must be a number from 0 to {maximum:g}, got {value!r}") from None
        if not 0.0 <= intensity <= maximum:  # also refuses NaN
            raise InvalidInput(f"{key} must be from 0 to {maximum:g}, got {intensity:g}")
        checked[key] = intensity
    return checked


def sided(action_units: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Validated intensities as (left, right), one entry a unit that was named; the sides are the subject's."""
    sides: dict[str, list[float]] = {}
    for key, intensity in validate(action_units).items():
        name, side = unit_of(key)
        left_right = sides.setdefault(name, [0.0, 0.0])
        for i, letter in enumerate("LR"):
            if side in ("", letter):
                left_right[i] = intensity
    return {name: (left, right) for name, (left, right) in sides.items()}


def strongest(action_units: Mapping[str, float]) -> dict[str, float]:
    """One value a unit: a one-sided unit counts with its stronger side."""
    return {name: max(sides) for name, sides in sided(action_units).items()}


def occurs(name: str, intensity: float) -> bool:
    """Whether a coder would note the unit as present: from intensity 1 (a trace) up, AU43 from half closed."""
    return intensity >= (1.0 if ACTION_UNITS[name].maximum > 1 else 0.5)


def pspi(*units: Any) -> Any:
    """Prkachin and Solomon's pain intensity, 0 to 16: AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43.

    Takes a mapping of action units (validated; a one-sided unit counts with its stronger side; units that are no pain
    unit do not count), a mapping of arrays, six numbers, or anything [..., 6], the six in the order of `PAIN_UNITS`.
    Gives a float for numbers and an array or tensor [...] of the same library for arrays, whose range is not checked,
    so that gradients and NaN pass through.
    """
    if len(units) == 1 and isinstance(units[0], Mapping):
        given = units[0]
        if any(getattr(value, "ndim", 0) for value in given.values()):
            for key in given:
                if key not in ACTION_UNITS:
                    raise InvalidInput(
                        f"unknown action unit {key!r} in a mapping of arrays; known are {', '.join(ACTION_UNITS)}"
                    )
            six = [given.get(name, 0.0) for name in PAIN_UNITS]
        else:
            both = sided(given)
            six = [max(both.get(name, (0.0, 0.0))) for name in PAIN_UNITS]
    elif len(units) == 1 and hasattr(units[0], "__array__"):
        array = units[0]
        if array.ndim == 0 or array.shape[-1] != 6:
            raise InvalidInput(f"pspi needs [..., 6] in the order {', '.join(PAIN_UNITS)}, got {list(array.shape)}")
        six = [array[..., i] for i in range(6)]
    else:
        numbers = units[0] if len(units) == 1 and isinstance(units[0], (list, tuple)) else units
        if len(numbers) != 6:
            raise InvalidInput(f"pspi needs six values in the order {', '.join(PAIN_UNITS)}, got {len(numbers)}")
        if isinstance(numbers[0], (list, tuple)):
            raise InvalidInput("pspi takes no nested lists: give an array [..., 6]")
        six = list(numbers)
        if not any(getattr(value, "ndim", 0) for value in six):
            six = list(validate(dict(zip(PAIN_UNITS, six, strict=True))).values())
    au4, au6, au7, au9, au10, au43 = six
    return au4 + _maximum(au6, au7) + _maximum(au9, au10) + au43


def _maximum(a: Any, b: Any) -> Any:
    torch = sys.modules.get("torch")
    if torch is not None and (isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor)):
        like = a if isinstance(a, torch.Tensor) else b
        return torch.maximum(
            torch.as_tensor(a, dtype=like.dtype, device=like.device),
            torch.as_tensor(b, dtype=like.dtype, device=like.device),
        )
    if getattr(a, "ndim", 0) or getattr(b, "ndim", 0):
        import numpy

        return numpy.maximum(a, b)
    return max(a, b)
