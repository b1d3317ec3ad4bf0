"""Who is in the dataset: age bands, genders, ethnicities, their 50 cells; which identity is in which cell and split.

Identities come in rounds of 50, each cell once. A round is made of five tens; every ten has each age band and each
ethnicity twice and each gender five times, so that also small sets are balanced. Cell and split of an identity depend
on its number and the seed alone: a set can grow and nothing moves.
"""

from __future__ import annotations

import hashlib
import math
import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

from . import limits
from .errors import InvalidInput

T = TypeVar("T")
Cell = tuple[str, str, str]

AGE_GROUPS: dict[str, tuple[int, int]] = {
    "18-29": (18, 29),
    "30-44": (30, 44),
    "45-59": (45, 59),
    "60-74": (60, 74),
    "75-90": (75, 90),
}
GENDERS = ("female", "male")
ETHNICITIES = ("black", "white", "middle_eastern", "south_asian", "east_asian")
CELLS: tuple[Cell, ...] = tuple(
    (age, gender, ethnicity) for age in AGE_GROUPS for gender in GENDERS for ethnicity in ETHNICITIES
)
YOUNGEST, OLDEST = int(limits.AGE.low), int(limits.AGE.high)

SPLITS = ("train", "validation", "test")
SPLIT_PATTERN = ("train", "train", "validation", "train", "train", "test", "train", "validation", "train", "train")


def cell_of(index: int, seed: int = 0) -> Cell:
    """(age group, gender, ethnicity) of identity `index` of the dataset with this seed."""
    turn, position = divmod(_natural(index), len(CELLS))
    return _round(turn, operator.index(seed))[position]


def split_of(index: int, seed: int = 0) -> str:
    """ "train", "validation" or "test": a tenth of the cells moves on by one in the pattern from round to round."""
    turn = _natural(index) // len(CELLS)
    offset = _round(0, operator.index(seed)).index(cell_of(index, seed)) % len(SPLIT_PATTERN)
    return SPLIT_PATTERN[(turn + offset) % len(SPLIT_PATTERN)]


@lru_cache(maxsize=128)
def _round(turn: int, seed: int) -> tuple[Cell, ...]:
    """The 50 cells in the order of this round.

    Place p of ten t holds age x + t and ethnicity x + 2t (mod 5), with (x, g) the place's two coordinates, and gender
    g + t (mod 2): a Latin design. Its names are shuffled by the seed. Within each ten, and among the five cells that
    share a place, no age band or ethnicity is favoured; the latter are the cells of one split in one round.
    """

    def shuffled(what: str, items: Sequence[T]) -> list[T]:
        return sorted(items, key=lambda item: hashlib.sha256(f"{seed}/{turn}/{what}/{item}".encode()).digest())

    ages, genders = shuffled("age", list(AGE_GROUPS)), shuffled("gender", GENDERS)
    ethnicities = shuffled("ethnicity", ETHNICITIES)
    places = shuffled("place", [(x, g) for x in range(5) for g in range(2)])
    return tuple(
        (ages[(x + ten) % 5], genders[(g + ten) % 2], ethnicities[(x + 2 * ten) % 5])
        for ten in range(5)
        for x, g in places
    )


def _natural(index: int) -> int:
    try:
        number = operator.index(index)
    except TypeError:
        raise InvalidInput(f"identity index must be an integer from 0 up, got {index!r}") from None
    if number < 0:
        raise InvalidInput(f"identity index must be an integer from 0 up, got {index}")
    return number


def check_age(age: float) -> float:
    """Years as a float, or InvalidInput outside 18 to 90."""
    return limits.AGE.check(age)


def age_group_of(age: float) -> str:
    """The band of an age in years; bands count completed years, so 29.9 is in 18-29."""
    years = math.floor(check_age(age))
    return next(name for name, (low, high) in AGE_GROUPS.items() if low <= years <= high)


def check_gender(gender: str) -> str:
    return _one_of("gender", gender, GENDERS)


def check_ethnicity(ethnicity: str) -> str:
    return _one_of("ethnicity", ethnicity, ETHNICITIES)


def check_age_group(age_group: str) -> str:
    return _one_of("age group", age_group, tuple(AGE_GROUPS))


def _one_of(what: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise InvalidInput(f"unknown {what} {value!r}; known are {', '.join(allowed)}")
    return value
