"""Action units: validation, PSPI in every form it takes, and the sampling of expressions."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threedpain import InvalidInput, expressions, facs

EVERY = list(itertools.product(*[range(6)] * 5, range(2)))  # AU4, AU6, AU7, AU9, AU10, AU43: 6^5 x 2


def formula(au4, au6, au7, au9, au10, au43):
    """Prkachin and Solomon 2008, written once more and apart from the product."""
    return au4 + (au6 if au6 > au7 else au7) + (au9 if au9 > au10 else au10) + au43


def test_the_contract_of_units():
    must = {f"AU{number}" for number in (1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 17, 20, 25, 26, 27, 43)}
    assert must <= set(facs.ACTION_UNITS)
    assert facs.PAIN_UNITS == ("AU4", "AU6", "AU7", "AU9", "AU10", "AU43")
    assert {name for name, unit in facs.ACTION_UNITS.items() if unit.maximum == 1} == {"AU43"}
    for name, unit in facs.ACTION_UNITS.items():
        assert unit.name == name and unit.facs_name and unit.muscles and unit.regions


def test_pspi_scalar_agrees_with_the_formula_on_every_integer_combination():
    assert len(EVERY) == 6**5 * 2
    for combination in EVERY:
        assert facs.pspi(*combination) == formula(*combination)


def test_pspi_of_a_mapping_agrees_on_every_integer_combination():
    for combination in EVERY:
        assert facs.pspi(dict(zip(facs.PAIN_UNITS, combination, strict=True))) == formula(*combination)


def test_pspi_vectorised_agrees_on_every_integer_combination():
    torch = pytest.importorskip("torch")
    expected = np.array([formula(*combination) for combination in EVERY])
    array = np.array(EVERY, dtype=np.float32)
    np.testing.assert_array_equal(facs.pspi(array), expected)
    np.testing.assert_array_equal(facs.pspi(array.reshape(6, -1, 6)), expected.reshape(6, -1))
    columns = dict(zip(facs.PAIN_UNITS, array.T, strict=True))
    np.testing.assert_array_equal(facs.pspi(columns), expected)
    tensor = facs.pspi(torch.tensor(array))
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_array_equal(tensor.numpy(), expected)
    np.testing.assert_array_equal(facs.pspi({name: torch.tensor(a) for name, a in columns.items()}).numpy(), expected)
    assert expected.min() == 0 and expected.max() == 16


def test_pspi_carries_gradients():
    torch = pytest.importorskip("torch")
    units = torch.tensor([2.0, 3.0, 1.0, 0.5, 4.0, 1.0], requires_grad=True)
    facs.pspi(units).backward()
    assert units.grad.tolist() == [1, 1, 0, 0, 1, 1]


def test_pspi_of_a_mapping_ignores_other_units_and_takes_the_stronger_side():
    assert facs.pspi({}) == 0
    assert facs.pspi({"AU12": 5, "AU25": 3, "AU4": 2}) == 2
    assert facs.pspi({"AU6L": 4, "AU6R": 1, "AU7": 2}) == 4


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ({"AU3": 1}, "unknown action unit 'AU3'; known are AU1, AU2, AU4"),
        ({"AU4": 6}, "AU4 must be from 0 to 5, got 6"),
        ({"AU4": -0.1}, "AU4 must be from 0 to 5, got -0.1"),
        ({"AU43": 2}, "AU43 must be from 0 to 1, got 2"),
        ({"AU6": math.nan}, "AU6 must be from 0 to 5, got nan"),
        ({"AU6": math.inf}, "AU6 must be from 0 to 5, got inf"),
        ({"AU6": "much"}, "AU6 must be a number from 0 to 5, got 'much'"),
        ({"AU12": 1, "AU12L": 2}, "AU12 and AU12L exclude each other"),
        ({"AU26L": 1}, "AU26L is not allowed: AU26 has no sides, use AU26"),
        ({4: 1}, "unknown action unit 4"),
        ({"": 1}, "unknown action unit ''"),
        (["AU4"], "action units must be a mapping such as {'AU4': 3}, got list"),
    ],
)
def test_validate_refuses(argument, text):
    with pytest.raises(InvalidInput) as refusal:
        facs.validate(argument)
    assert text in str(refusal.value)


def test_an_unknown_unit_lists_all_known_ones():
    with pytest.raises(InvalidInput) as refusal:
        facs.validate({"AU99": 1})
    assert all(name in str(refusal.value) for name in facs.ACTION_UNITS)


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ((np.zeros((3, 5)),), "pspi needs [..., 6] in the order AU4, AU6, AU7, AU9, AU10, AU43, got [3, 5]"),
        ((np.float32(3),), "pspi needs [..., 6]"),
        ((1, 2, 3), "pspi needs six values in the order AU4, AU6, AU7, AU9, AU10, AU43, got 3"),
        ((0, 0, 0, 0, 0, 3), "AU43 must be from 0 to 1, got 3"),
        (({"AU4": np.zeros(3), "age": np.zeros(3)},), "unknown action unit 'age'"),
        (([[1, 2, 3, 4, 5, 1]] * 6,), "pspi takes no nested lists"),
    ],
)
def test_pspi_refuses(argument, text):
    with pytest.raises(InvalidInput) as refusal:
        facs.pspi(*argument)
    assert text in str(refusal.value)


def test_sides_are_the_subjects():
    assert facs.sided({"AU12L": 3, "AU4": 2}) == {"AU12": (3, 0), "AU4": (2, 2)}
    assert facs.sided({"AU12R": 1, "AU12L": 3}) == {"AU12": (3, 1)}


@given(st.dictionaries(st.sampled_from(sorted(facs.ACTION_UNITS)), st.floats(0, 1)))
def test_validate_keeps_what_is_valid(action_units):
    assert facs.validate(action_units) == action_units
    assert facs.sided(action_units) == {name: (value, value) for name, value in action_units.items()}


@pytest.mark.parametrize("target", range(17))
def test_sampling_for_a_target_is_exact_plausible_and_integer(target):
    rng = np.random.default_rng(target)
    for _ in range(300):
        action_units = expressions.sample_for_pspi(target, rng)
        assert facs.pspi(action_units) == target
        assert expressions.plausible(action_units)
        assert all(value == int(value) for value in action_units.values())
        if {"AU26", "AU27"} & set(action_units):
            assert action_units.get("AU25", 0) > 0  # a dropped jaw with closed lips would need AU24, which it excludes


def test_pain_seldom_laughs():
    rng = np.random.default_rng(6)
    drawn = [expressions.sample_for_pspi(9, rng) for _ in range(3000)]
    raised = [units for units in drawn if units["AU10"] >= 3]
    jaw = [[bool({"AU26", "AU27"} & set(u)) for u in raised if (u["AU4"] <= 1) == calm] for calm in (True, False)]
    assert len(jaw[0]) > 100 and 0 < np.mean(jaw[0]) < 0.4 * np.mean(jaw[1])


def _seen(target, draws):
    rng = np.random.default_rng(1000 + target)
    return {
        tuple(drawn[name] for name in facs.PAIN_UNITS)
        for drawn in (expressions.sample_for_pspi(target, rng) for _ in range(draws))
    }


@pytest.mark.parametrize("target", [0, 1, 2, 16])
def test_sampling_covers_every_combination_of_the_small_targets(target):
    assert _seen(target, 12000) == {c for c in EVERY if formula(*c) == target}


@pytest.mark.slow
@pytest.mark.parametrize("target", range(17))
def test_sampling_covers_every_combination(target):
    combinations = {c for c in EVERY if formula(*c) == target}
    seen = _seen(target, 30 * len(combinations))
    assert seen <= combinations
    assert len(seen) >= 0.95 * len(combinations)
    assert {c[0] for c in seen} == {c[0] for c in combinations} and {c[5] for c in seen} == {c[5] for c in combinations}


def test_no_combination_has_weight_zero():
    for target in range(17):
        combinations, cumulative = expressions._combinations(target)
        weights = np.diff([0.0, *cumulative])
        assert set(combinations) == {c for c in EVERY if formula(*c) == target}
        assert weights.min() > 1e-4 * weights.max()


def test_sampling_depends_on_the_generator_alone():
    draw = [expressions.sample_for_pspi(9, np.random.default_rng(5)) for _ in range(2)]
    assert draw[0] == draw[1]
    many = [expressions.sample_for_pspi(9, np.random.default_rng(seed)) for seed in range(30)]
    assert len({tuple(sorted(one.items())) for one in many}) > 20


@pytest.mark.parametrize("target", [-1, 17, 3.5, math.nan, "3", None, True])
def test_sampling_refuses_other_targets(target):
    with pytest.raises(InvalidInput, match="target PSPI must be an integer from 0 to 16, got"):
        expressions.sample_for_pspi(target, np.random.default_rng(0))


@pytest.mark.parametrize("name", expressions.OTHER_EXPRESSIONS)
def test_other_expressions_are_possible_vary_and_follow_the_formula(name):
    rng = np.random.default_rng(3)
    drawn = []
    for _ in range(100):
        got, action_units = expressions.sample_other(rng, name)
        assert got == name
        assert expressions.plausible(action_units) and any(action_units.values())
        six = [action_units.get(unit, 0) for unit in facs.PAIN_UNITS]
        assert facs.pspi(action_units) == pytest.approx(formula(*six))
        required = {unit for unit, (least, _) in expressions.OTHER_EXPRESSIONS[name].items() if least > 0}
        assert required <= set(facs.sided(action_units))
        drawn.append(tuple(sorted(action_units.items())))
    assert len(set(drawn)) > 10 or name == "blink"


def test_the_named_expressions_are_there_and_some_share_pains_units():
    must = {"polite_smile", "broad_smile", "laughter", "surprise", "fear", "anger", "disgust", "sadness", "crying"}
    must |= {"concentration", "squint", "effort", "yawn", "chewing", "sleepy", "blink", "contempt"}
    speech = {name for name in expressions.OTHER_EXPRESSIONS if name.startswith("speech_")}
    assert set(expressions.OTHER_EXPRESSIONS) == must | speech and len(speech) == 12
    rng = np.random.default_rng(0)
    names, scores = zip(
        *[(n, facs.pspi(a)) for n, a in (expressions.sample_other(rng) for _ in range(1500))], strict=True
    )
    assert set(names) == set(expressions.OTHER_EXPRESSIONS)
    assert 0.2 < np.mean(np.array(scores) == 0) < 0.8
    assert {expressions.sample_other(rng, "speech")[0] for _ in range(200)} == speech


def test_expressions_have_the_units_that_make_them():
    rng = np.random.default_rng(1)
    must = {"laughter": {"AU6", "AU7", "AU12", "AU25", "AU26"}, "fear": {"AU20", "AU25"}, "crying": {"AU4", "AU15"}}
    for name, units in must.items():
        assert all(units <= set(expressions.sample_other(rng, name)[1]) for _ in range(50))
    lids = [expressions.sample_other(rng, "sleepy")[1]["AU43"] for _ in range(50)]
    assert min(lids) >= 0.3 and max(lids) <= 0.8 and len(set(lids)) > 3
    yawns = {expressions.sample_other(rng, "yawn")[1].get("AU43", 0.0) for _ in range(50)}
    assert yawns == {0.0, 1.0}, "eyes are closed in a yawn, or not"


def test_contempt_is_of_one_side_or_the_other():
    rng = np.random.default_rng(4)
    drawn = [expressions.sample_other(rng, "contempt")[1] for _ in range(50)]
    assert {tuple(sorted({unit[-1] for unit in units})) for units in drawn} == {("L",), ("R",)}


def test_units_of_one_expression_grow_together():
    rng = np.random.default_rng(2)
    drawn = [expressions.sample_other(rng, "laughter")[1] for _ in range(300)]
    assert 0.4 < np.corrcoef([d["AU6"] for d in drawn], [d["AU12"] for d in drawn])[0, 1] < 0.95


def test_an_unknown_expression_lists_the_known_ones():
    with pytest.raises(InvalidInput, match="unknown expression 'grin'; known are polite_smile, broad_smile, laughter"):
        expressions.sample_other(np.random.default_rng(0), "grin")


def test_exclusive_pairs_name_real_units():
    assert all(len(pair) == 2 and pair <= set(facs.ACTION_UNITS) for pair in expressions.EXCLUSIVE)
    assert not expressions.plausible({"AU5": 1, "AU43": 1})
    assert expressions.plausible({"AU5": 0, "AU43": 1})
