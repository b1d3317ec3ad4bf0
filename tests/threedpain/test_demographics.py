"""Cells, rounds and splits, on the full plan and on any smaller one."""

from collections import Counter
from itertools import pairwise

import pytest

from threedpain import InvalidInput
from threedpain.demographics import (
    AGE_GROUPS,
    CELLS,
    ETHNICITIES,
    GENDERS,
    SPLIT_PATTERN,
    age_group_of,
    cell_of,
    check_age,
    check_ethnicity,
    check_gender,
    split_of,
)

FULL = 2500
SEEDS = (0, 1, 2026, 2**40)


@pytest.fixture(scope="module", params=SEEDS)
def plan(request):
    return [(cell_of(i, request.param), split_of(i, request.param)) for i in range(FULL)]


def test_there_are_fifty_cells():
    assert len(CELLS) == len(set(CELLS)) == 50
    assert list(AGE_GROUPS) == ["18-29", "30-44", "45-59", "60-74", "75-90"]
    assert GENDERS == ("female", "male")
    assert ETHNICITIES == ("black", "white", "middle_eastern", "south_asian", "east_asian")
    assert Counter(SPLIT_PATTERN) == {"train": 7, "validation": 2, "test": 1}


def test_each_round_visits_each_cell_once_in_an_order_of_its_own(plan):
    rounds = [tuple(cell for cell, _ in plan[i : i + 50]) for i in range(0, FULL, 50)]
    assert all(set(one) == set(CELLS) for one in rounds)
    assert len(set(rounds)) == 50


@pytest.mark.parametrize("count", [1, 7, 49, 50, 51, 120, 999, FULL])
def test_any_number_differs_by_at_most_one_between_cells(plan, count):
    counts = Counter(cell for cell, _ in plan[:count])
    assert max(counts.values()) - min(counts.get(cell, 0) for cell in CELLS) <= 1


def test_each_full_round_is_35_10_5(plan):
    for start in range(0, FULL, 50):
        assert Counter(split for _, split in plan[start : start + 50]) == {"train": 35, "validation": 10, "test": 5}


def test_any_ten_rounds_are_7_2_1_in_each_cell(plan):
    for first in range(41):
        ten = Counter(plan[first * 50 : (first + 10) * 50])
        for cell in CELLS:
            assert [ten[cell, split] for split in ("train", "validation", "test")] == [7, 2, 1]


def test_the_first_ten_identities_are_7_2_1(plan):
    assert Counter(split for _, split in plan[:10]) == {"train": 7, "validation": 2, "test": 1}


def test_the_full_plan_is_70_20_10(plan):
    assert Counter(split for _, split in plan) == {"train": 1750, "validation": 500, "test": 250}


def test_every_ten_and_every_small_test_split_is_balanced(plan):
    for start in range(0, 500, 10):
        ages, genders, ethnicities = zip(*[cell for cell, _ in plan[start : start + 10]], strict=True)
        assert set(Counter(ages).values()) == set(Counter(ethnicities).values()) == {2}
        assert set(Counter(genders).values()) == {5}
    for start in range(0, 500, 50):
        test = [cell for cell, split in plan[start : start + 50] if split == "test"]
        if start == 0:  # later rounds keep the first round's groups, in which this holds
            assert len({age for age, _, _ in test}) == len({ethnicity for *_, ethnicity in test}) == 5
        assert len({gender for _, gender, _ in test}) == 2


def test_seeds_order_differently():
    orders = [tuple(cell_of(i, seed) for i in range(50)) for seed in SEEDS]
    assert all(a != b for a, b in pairwise(orders))


def test_the_order_of_seed_0_is_for_ever():
    """A set can grow: these must never change."""
    assert [cell_of(i, 0) for i in (0, 1, 49, 50, 2499)] == [
        ("60-74", "female", "south_asian"),
        ("45-59", "male", "east_asian"),
        ("75-90", "female", "south_asian"),
        ("75-90", "male", "east_asian"),
        ("60-74", "male", "south_asian"),
    ]


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (18, "18-29"),
        (29, "18-29"),
        (29.9, "18-29"),
        (30, "30-44"),
        (44.5, "30-44"),
        (45, "45-59"),
        (60, "60-74"),
        (75, "75-90"),
        (90, "75-90"),
    ],
)
def test_bands_count_completed_years(age, band):
    assert age_group_of(age) == band


@pytest.mark.parametrize("age", [17.9, 17, 90.1, 91, -1, float("nan"), float("inf")])
def test_ages_outside_are_refused(age):
    with pytest.raises(InvalidInput, match=r"age must be from 18 to 90 years, got"):
        check_age(age)


def test_other_bad_input_is_refused():
    with pytest.raises(InvalidInput, match="age must be from 18 to 90 years, got 'old'"):
        check_age("old")
    with pytest.raises(InvalidInput, match="unknown gender 'f'; known are female, male"):
        check_gender("f")
    with pytest.raises(InvalidInput, match="unknown ethnicity 'green'; known are black, white, middle_eastern"):
        check_ethnicity("green")
    for index in (-1, 1.5, "3", None):
        with pytest.raises(InvalidInput, match="identity index must be an integer from 0 up, got"):
            cell_of(index, 0)
    with pytest.raises(InvalidInput, match="identity index"):
        split_of(-1, 0)
