"""Expressions: which units go together, pain of a given PSPI, and what else a face does.

Sources. Pain's companions (lip stretch, parted lips, dropped jaw): Prkachin, Pain 51, 1992; Kunz, Meixner and
Lautenbacher, Facial muscle movements encoding pain, Pain 160, 2019. Prototypes of the emotions: Ekman and Friesen,
EMFACS, as tabulated by Du, Tao and Martinez, PNAS 111, 2014.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect
from collections.abc import Mapping
from functools import cache
from typing import Any

from .errors import InvalidInput
from .facs import ACTION_UNITS, PAIN_UNITS, sided

# Pairs no face can do at once: opposite movements of the same lid, jaw or lips.
EXCLUSIVE: frozenset[frozenset[str]] = frozenset(
    frozenset(pair)
    for pair in (
        ("AU5", "AU43"),
        ("AU26", "AU27"),
        ("AU18", "AU20"),
        ("AU18", "AU27"),
        ("AU20", "AU22"),
        ("AU23", "AU27"),
        ("AU24", "AU25"),
        ("AU24", "AU26"),
        ("AU24", "AU27"),
        ("AU22", "AU24"),
        ("AU12", "AU18"),
        ("AU17", "AU27"),
    )
)


def plausible(action_units: Mapping[str, float]) -> bool:
    """Whether a face can do this at all: valid, and no two units that exclude each other."""
    active = {name for name, sides in sided(action_units).items() if max(sides) > 0}
    return not any(pair <= active for pair in EXCLUSIVE)


@cache
def _combinations(target: int) -> tuple[list[tuple[int, ...]], list[float]]:
    """Every integer combination of the pain units with this PSPI, and the running sum of their weights.

    The weight is never zero, and prefers what coders see: AU6 with AU7 and AU9 with AU10 of like strength, pain spread
    over brow, eyes and nose rather than in one of them alone, and closed eyes the oftener the stronger the pain.
    """
    combinations: list[tuple[int, ...]] = []
    weights: list[float] = []
    for au4, au6, au7, au9, au10, au43 in itertools.product(*[range(6)] * 5, range(2)):
        brow, orbit, levator = au4, max(au6, au7), max(au9, au10)
        if brow + orbit + levator + au43 != target:
            continue
        mean = (brow + orbit + levator) / 3
        spread = (brow - mean) ** 2 + (orbit - mean) ** 2 + (levator - mean) ** 2
        likeness = (au6 - au7) ** 2 + (au9 - au10) ** 2
        closed = (1 + target) / 17
        weights.append(math.exp(-likeness / 16 - spread / 16) * (closed if au43 else 1.05 - closed))
        combinations.append((au4, au6, au7, au9, au10, au43))
    return combinations, list(itertools.accumulate(weights))


# What often goes with pain without counting in PSPI: unit, probability at the greatest pain, greatest intensity.
_COMPANIONS = (
    ("AU25", 0.6, 3),
    ("AU26", 0.35, 3),
    ("AU27", 0.15, 3),
    ("AU20", 0.3, 3),
    ("AU12", 0.2, 2),
    ("AU17", 0.2, 3),
    ("AU1", 0.15, 2),
    ("AU15", 0.1, 2),
)


# A raised lip over a dropped jaw or drawn corners laughs, unless the brow says otherwise: those come seldom then.
_LAUGHING, _SELDOM = ("AU12", "AU26", "AU27"), 0.2


def sample_for_pspi(target: int, rng: Any) -> dict[str, float]:
    """A plausible expression whose PSPI is exactly `target` (integer, 0 to 16): the six pain units and, with growing
    pain, companions that leave PSPI as it is. `rng` is a numpy Generator. Every integer combination can come."""
    if isinstance(target, bool) or target != target or target not in range(17):
        raise InvalidInput(f"target PSPI must be an integer from 0 to 16, got {target!r}")
    target = int(target)
    combinations, cumulative = _combinations(target)
    chosen = combinations[min(bisect(cumulative, rng.random() * cumulative[-1]), len(combinations) - 1)]
    action_units = dict(zip(PAIN_UNITS, map(float, chosen), strict=True))
    for name, probability, strongest in _COMPANIONS:
        come, strength = rng.random(), 1 + rng.integers(strongest)  # always drawn: one unit's luck moves no other's
        laughs = name in _LAUGHING and action_units["AU10"] >= 3 and action_units["AU4"] <= 1
        if come < probability * (_SELDOM if laughs else 1.0) * target / 16 and plausible({**action_units, name: 1.0}):
            action_units[name] = float(strength)
    if action_units.keys() & {"AU26", "AU27"} and plausible({**action_units, "AU25": 1.0}):
        action_units.setdefault("AU25", 1.0)  # a dropped jaw parts the lips
    return action_units


Units = Mapping[str, tuple[float, float]]

_SPEAKING: Units = {"AU1": (0, 1), "AU2": (0, 1), "AU7": (0, 1)}  # brows and lids that go with speech
# Mouth shapes of speech, twelve groups of sounds.
_VISEMES: dict[str, Units] = {
    "speech_p": {"AU24": (3, 5), "AU23": (0, 2)},  # p b m: lips pressed
    "speech_f": {"AU17": (1, 2), "AU10": (1, 2), "AU25": (2, 4)},  # f v: the lower lip meets the upper teeth
    "speech_th": {"AU25": (3, 4), "AU26": (1, 2), "AU16": (0, 2)},
    "speech_t": {"AU25": (2, 4), "AU16": (1, 3), "AU26": (0, 2)},  # t d n l
    "speech_k": {"AU25": (2, 4), "AU26": (2, 3)},  # k g
    "speech_sh": {"AU22": (3, 5), "AU25": (2, 4)},  # sh ch
    "speech_s": {"AU20": (1, 3), "AU16": (2, 4), "AU25": (2, 3)},  # s z
    "speech_r": {"AU18": (2, 4), "AU25": (2, 3), "AU26": (0, 1)},
    "speech_a": {"AU25": (3, 5), "AU26": (3, 5)},
    "speech_e": {"AU20": (2, 4), "AU12": (0, 1), "AU25": (2, 5), "AU26": (0, 2)},
    "speech_o": {"AU22": (2, 4), "AU25": (2, 4), "AU26": (2, 4)},
    "speech_u": {"AU18": (3, 5), "AU25": (0, 3), "AU26": (0, 1)},
}

# Expressions that are not pain: unit -> (least, most). A least of 0 is a unit that may stay away. Several share pain's
# units, and their PSPI follows the formula: a model that reads effort or a laugh as pain is wrong here.
OTHER_EXPRESSIONS: dict[str, Units] = {
    "polite_smile": {"AU12": (1, 3), "AU6": (0, 1), "AU25": (0, 1), "AU1": (0, 1), "AU2": (0, 1)},
    "broad_smile": {"AU6": (1, 4), "AU7": (0, 2), "AU12": (3, 5), "AU25": (1, 4)},
    "laughter": {"AU6": (2, 5), "AU7": (1, 4), "AU12": (3, 5), "AU25": (2, 5), "AU26": (1, 4)},
    "surprise": {"AU1": (2, 5), "AU2": (2, 5), "AU5": (1, 4), "AU25": (1, 3), "AU26": (1, 4)},
    "fear": {
        "AU1": (3, 5),
        "AU2": (2, 5),
        "AU4": (1, 3),
        "AU5": (3, 5),
        "AU20": (3, 5),
        "AU25": (2, 4),
        "AU26": (1, 4),
    },
    "anger": {"AU4": (3, 5), "AU5": (2, 4), "AU7": (2, 4), "AU17": (0, 3), "AU23": (3, 5), "AU24": (0, 4)},
    "disgust": {
        "AU4": (0, 2),
        "AU7": (0, 2),
        "AU9": (2, 5),
        "AU10": (0, 4),
        "AU15": (0, 3),
        "AU17": (0, 3),
        "AU25": (0, 2),
    },
    "sadness": {"AU1": (2, 5), "AU4": (1, 3), "AU15": (1, 5), "AU17": (0, 4), "AU43": (0, 0.4)},
    "crying": {
        "AU1": (0, 3),
        "AU4": (2, 5),
        "AU6": (1, 4),
        "AU7": (1, 4),
        "AU10": (0, 2),
        "AU15": (1, 4),
        "AU17": (0, 4),
        "AU20": (0, 3),
        "AU25": (0, 4),
        "AU26": (0, 2),
        "AU43": (0, 1),
    },
    "contempt": {"AU12": (0, 1), "AU14": (2, 5)},
    "concentration": {"AU4": (1, 3), "AU7": (0, 2), "AU17": (0, 1), "AU23": (0, 2), "AU24": (0, 2)},
    "squint": {"AU4": (0, 3), "AU6": (0, 3), "AU7": (2, 5), "AU10": (0, 1), "AU12": (0, 1), "AU25": (0, 1)},
    "effort": {
        "AU4": (1, 4),
        "AU6": (0, 2),
        "AU7": (1, 4),
        "AU12": (0, 1),
        "AU17": (1, 3),
        "AU23": (0, 2),
        "AU24": (2, 5),
    },
    "yawn": {"AU1": (0, 2), "AU4": (0, 1), "AU7": (0, 3), "AU25": (3, 5), "AU27": (3, 5), "AU43": (0, 1)},
    "chewing": {"AU14": (0, 2), "AU17": (0, 2), "AU18": (0, 1), "AU23": (0, 2), "AU26": (1, 3)},
    "sleepy": {"AU1": (0, 1), "AU25": (0, 1), "AU43": (0.3, 0.8)},
    "blink": {"AU43": (1, 1)},
    **{name: {**shape, **_SPEAKING} for name, shape in _VISEMES.items()},
}
ONE_SIDED = ("contempt",)  # on the left or the right alone
SMILES = ("polite_smile", "broad_smile", "laughter")
# A plan goes through these by turns. Twelve shapes of speech have four turns between them: one each would make half of
# what is not pain talk.
TURNS = (*(name for name in OTHER_EXPRESSIONS if name not in _VISEMES), *4 * ("speech",))


def sample_other(rng: Any, name: str | None = None) -> tuple[str, dict[str, float]]:
    """A non-pain expression: its name (drawn, unless given) and its action units in tenths, PSPI by the formula.

    "speech" stands for any of its shapes. Units of one expression grow together, each with a will of its own.
    """
    if name is not None and name not in (*OTHER_EXPRESSIONS, "speech"):
        raise InvalidInput(f"unknown expression {name!r}; known are {', '.join((*OTHER_EXPRESSIONS, 'speech'))}")
    drawn, sound = TURNS[int(rng.integers(len(TURNS)))], list(_VISEMES)[int(rng.integers(len(_VISEMES)))]
    name = name or drawn
    name = sound if name == "speech" else name
    strength = rng.random()
    side = "LR"[int(rng.integers(2))] if name in ONE_SIDED else ""
    action_units: dict[str, float] = {}
    for unit, (least, most) in OTHER_EXPRESSIONS[name].items():
        stays_away, own = rng.random() < 0.4, 0.8 * (rng.random() - 0.5)
        if least == 0 and stays_away:
            continue
        intensity = round(least + (most - least) * min(max(strength + own, 0.0), 1.0), 1)
        if unit == "AU43" and most == 1:
            intensity = float(round(intensity))  # closed or not; lids that stop on their way have a range of their own
        if intensity > 0 and plausible({**action_units, unit: intensity}):
            action_units[unit + side] = intensity
    return name, action_units


SINGLE = "single_unit"  # the name of an expression in which one unit moves alone


def sample_single(rng: Any) -> dict[str, float]:
    """One action unit alone, in tenths of an intensity: in two of three draws one that pain counts, otherwise any.

    Units of pain seldom come alone in a painful face, so who learns from such faces only knows them together.
    """
    counted, any_unit = int(rng.integers(len(PAIN_UNITS))), int(rng.integers(len(ACTION_UNITS)))
    of_pain, strength = rng.random() < 2 / 3, float(rng.random())
    unit = PAIN_UNITS[counted] if of_pain else list(ACTION_UNITS)[any_unit]
    most = ACTION_UNITS[unit].maximum
    return {unit: round(1 + (most - 1) * strength, 1)}


def with_drooping_lids(action_units: Mapping[str, float], rng: Any) -> dict[str, float]:
    """The same expression, in half of the draws with lids part of the way down, AU43 in tenths from 0.1 to 0.9."""
    droops, closure = rng.random() < 0.5, round(0.1 + 0.8 * float(rng.random()), 1)
    if not droops or not plausible({**action_units, "AU43": closure}):
        return dict(action_units)
    return {**action_units, "AU43": closure}
