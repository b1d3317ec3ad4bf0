"""Every metric against an independent reference."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

import threedpain.modeling
from threedpain.modeling.evaluation import metrics, report

MODULES = Path(threedpain.modeling.__file__).parent / "metric_modules"


@pytest.fixture(params=[0, 1, 2])
def pair(request):
    rng = np.random.default_rng(request.param)
    truth = rng.integers(0, 17, 200).astype(float)
    prediction = np.round(np.clip(truth + rng.normal(0, 3, 200), 0, 16), request.param)  # ties at 0 decimals
    return truth, prediction


def test_errors_and_correlation_equal_scikit_learn_and_scipy(pair):
    assert metrics.mae(*pair) == pytest.approx(reference.mean_absolute_error(*pair))
    assert metrics.rmse(*pair) == pytest.approx(reference.root_mean_squared_error(*pair))
    assert metrics.pearson(*pair) == pytest.approx(stats.pearsonr(*pair).statistic)


@pytest.mark.parametrize("limit", [1, 2, 3, 8])
def test_detection_equals_scikit_learn(pair, limit):
    truth, prediction = pair
    positive = truth >= limit
    assert metrics.auroc(positive, prediction) == pytest.approx(reference.roc_auc_score(positive, prediction))
    expected = reference.average_precision_score(positive, prediction)
    assert metrics.average_precision(positive, prediction) == pytest.approx(expected)
    assert metrics.f1(positive, prediction >= 4) == pytest.approx(reference.f1_score(positive, prediction >= 4))


def test_icc_of_shrout_and_fleiss():
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert round(metrics.icc31_raters(ratings), 2) == 0.71


def test_icc_equals_its_analysis_of_variance(pair):
    truth, prediction = pair
    # two raters: ICC(3,1) is the covariance over the mean of the variances
    expected = 2 * np.cov(truth, prediction)[0, 1] / (truth.var(ddof=1) + prediction.var(ddof=1))
    assert metrics.icc31(truth, prediction) == pytest.approx(expected)
    assert metrics.icc31(truth, truth + 5) == pytest.approx(1.0)


def test_unknown_pairs_are_left_out_and_constants_have_no_correlation():
    truth, prediction = np.array([1, 2, np.nan, 4]), np.array([1, 3, 9, np.nan])
    assert metrics.mae(truth, prediction) == 0.5
    assert np.isnan(metrics.pearson([1, 1, 1], [1, 2, 3])) and np.isnan(metrics.auroc([1, 1], [0, 1]))
    with pytest.raises(ValueError, match="equally long, got 2 and 3"):
        metrics.mae([1, 2], [1, 2, 3])


def test_the_best_threshold_is_the_grids_best():
    positive, score = np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.4, 2.2, 2.0, 3.0, 5.0])
    threshold = metrics.best_threshold(positive, score)
    scores = [reference.f1_score(positive, score >= at) for at in metrics.THRESHOLD_GRID]
    assert len(metrics.THRESHOLD_GRID) == 200 and metrics.THRESHOLD_GRID[[0, -1]].tolist() == [0, 6]
    assert reference.f1_score(positive, score >= threshold) == max(scores)


def test_the_bootstrap_draws_whole_people():
    values = np.repeat(np.arange(40.0), 25)
    people = np.repeat(np.arange(40), 25)
    low, high = metrics.bootstrap(lambda at: values[at].mean(), people, rounds=2000)
    wide = 1.96 * np.arange(40).std() / np.sqrt(40)  # of 40 people, not of 1,000 pictures
    assert low == pytest.approx(19.5 - wide, abs=0.6) and high == pytest.approx(19.5 + wide, abs=0.6)
    assert metrics.bootstrap(lambda at: values[at].mean(), people, rounds=50) == metrics.bootstrap(
        lambda at: values[at].mean(), people, rounds=50
    )


def test_modules_load_by_path_and_say_what_the_functions_say(pair):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import evaluate

        truth, prediction = pair
        pspi = evaluate.load(str(MODULES / "pspi")).compute(predictions=prediction, references=truth)
        found = evaluate.load(str(MODULES / "pain_detection")).compute(predictions=prediction, references=truth)
        unknown = np.array([np.nan, np.nan, 0.0, 8.0])
        some = evaluate.load(str(MODULES / "pain_detection")).compute(
            predictions=np.append(prediction, [9.0, 0.0, np.nan, np.nan]), references=np.append(truth, unknown)
        )
        units = np.tile(truth[:, None] / 4, 6)
        read = evaluate.load(str(MODULES / "action_units")).compute(predictions=units + 0.5, references=units)
    assert pspi["mae"] == pytest.approx(metrics.mae(truth, prediction), rel=1e-5)
    assert pspi["icc31"] == pytest.approx(metrics.icc31(truth, prediction), rel=1e-5)
    assert found["auroc_3"] == pytest.approx(metrics.auroc(truth >= 3, prediction), rel=1e-5)
    assert some == found, "a picture of unknown PSPI is not one without pain"
    assert read["mae"] == pytest.approx(0.5) and read["AU4_pearson"] == pytest.approx(1.0)


def test_people_of_whom_something_is_unknown_are_in_no_group_of_it():
    import pandas as pd

    table = pd.DataFrame({
        "identity": list("aabbcc"), "PSPI": 4.0, "pspi_hat": [4.0, 4, 5, 5, 9, 9],
        "gender": ["female"] * 4 + [None] * 2, "age_group": ["18-29"] * 2 + [None] * 2 + ["75-90"] * 2,
        "ethnicity": None,
    })  # fmt: skip
    groups = report.by_group(table, ["gender", "age_group", "ethnicity"], rounds=20)
    assert {name: list(found["groups"]) for name, found in groups.items()} == {
        "gender": ["female"], "age_group": ["18-29", "75-90"], "gender x age_group": ["female / 18-29"],
    }  # fmt: skip
    assert list(report.by_group(table.iloc[2:], ["gender", "age_group"], rounds=20)) == ["gender", "age_group"]


def test_groups_false_alarms_and_intensity_of_a_known_table():
    import pandas as pd

    table = pd.DataFrame({
        "identity": list("aabbcc"), "gender": ["female"] * 4 + ["male"] * 2, "view_id": "front",
        "expression": ["neutral", "pain", "neutral", "pain", "other", "other"],
        "expression_name": ["neutral", "pain", "neutral", "pain", "smile", "surprise"],
        "PSPI": [0.0, 8, 0, 4, 2, 0], "pspi_hat": [1.0, 8, 0, 2, 4, 1],
    })  # fmt: skip
    groups = report.by_group(table, ["gender"], rounds=20)["gender"]
    assert groups["groups"]["female"]["mae"] == 0.75 and groups["groups"]["male"]["mae"] == 1.5
    assert groups["gap"] == 0.75 and groups["worst"] == "male"
    alarms = report.false_alarms(table)
    assert alarms["all"]["share"] == 0.5 and alarms["smile"]["share"] == 1 and alarms["surprise"]["share"] == 0
    assert report.by_intensity(table)["1-4"] == {"pictures": 2, "mae": 2.0, "bias": 0.0}
    assert report.in_mix(table).sum() == 4


def test_a_report_tells_counts_whole_and_what_is_not_known_as_nothing():
    import pandas as pd

    table = pd.DataFrame({"PSPI": [0.0] * 1234 + [3.0], "pspi_hat": 0.5})
    main = {"overall": {"mae": [0.5, np.nan, np.nan]}, "units": {}, "groups": {}, "false_alarms": {}, "worn": {}}
    results = {"model": "tiny", "about": {}, "people": 9, "targets": [], "checks": {"doubted": np.nan}}
    text = report.as_markdown(results | {"conditions": {"none": main | {"intensity": report.by_intensity(table)}}})
    assert "| 0 | 1,234 | 0.5 | 0.5 |" in text and "| 13-16 | 0 | - | - |" in text
    assert "- doubted: -" in text and "nan" not in text
