"""The audit finds the bias that was put in, and no other; it takes any detector and says what it could not answer."""

import dataclasses
import html
import itertools
import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from flat_pipe import FlatPipe

from threedpain.demographics import CELLS
from threedpain.errors import InvalidInput, MissingFile
from threedpain.facs import pspi
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.process import threads
from threedpain.modeling.audit import pictures as audit_pictures
from threedpain.modeling.audit.audit import audit, effects, figures, gap, paired
from threedpain.modeling.audit.detector import open_detector
from threedpain.modeling.audit.pictures import CONTRASTS, FACTORS, Plan, pictures
from threedpain.modeling.audit.verdict import balanced_threshold, holm, in_points, reading, verdict
from threedpain.schema import GENERATOR_VERSION


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """Pictures of 50 people and 8 changed ones, made once for this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THREEDPAIN_CACHE", str(tmp_path_factory.mktemp("pictures")))
        pipe = FlatPipe()
        return pipe, pictures(Plan(50, 8, 16), pipe)


def brightness(photo):
    return (np.asarray(photo, float).mean() - 40) / 4


# ---- the pictures


def test_balanced_set_holds_every_cell_expression_and_side_alike(flat):
    table = flat[1][flat[1]["part"] == "set"]
    cells = table.groupby(["age_group", "gender", "ethnicity"])["person"].nunique()
    assert len(cells) == len(CELLS) and set(cells) == {1}
    assert len(table) == 50 * 6 * 3 and set(table.groupby("person")["view"].value_counts()) == {6}
    for person, part in table[table["kind"] == "pain"].groupby("person"):
        assert sorted(part["intensity"].unique()) == ["mild", "moderate", "severe"], person
    assert (table.loc[table["kind"] == "neutral", "PSPI"] == 0).all()


def differing(one, other):
    """The fields in which two identities differ."""
    return {
        field.name
        for field in dataclasses.fields(one)
        if not np.array_equal(getattr(one, field.name), getattr(other, field.name))
    }


WORN = {"glasses": ("glasses",), "mask": ("surgical_mask",), "cannula": ("cannula",)}


def test_a_changed_person_differs_in_one_thing():
    """What the generator is asked for, level by level: all but the factor is the same person in the same scene."""
    pipe, plan = FlatPipe(), Plan(1, 1, 16)
    rows = list(audit_pictures._changed(pipe, plan, 0))
    person = sample_identity(**audit_pictures._who(plan, 0))
    photos = [call for call in pipe.asked if call[1]]  # in pain: one a level
    assert len(photos) == len(rows) / 2 == sum(len(levels) for levels in FACTORS.values())
    scene, units = photos[0][2], photos[0][1]
    seen = {}
    for (identity, now, where), row in zip(photos, rows[1::2], strict=True):
        assert now == units and row["PSPI"] == pspi(units) and np.array_equal(where.camera.R, scene.camera.R)
        assert (where.background, where.clothes, where.sensor) == (scene.background, scene.clothes, scene.sensor)
        assert where.worn.names == WORN.get(row["level"], ())
        assert (where.light.kind == scene.light.kind) == (row["level"] not in ("clinical", "outdoor"))
        changed = differing(identity, person)
        assert changed <= {"skin_tone": {"skin"}, "hair": {"hair"}, "light": set(), "worn": set()}.get(
            row["factor"], changed
        )
        assert not changed & {"seed", "ethnicity", "asymmetry"}
        seen.setdefault(row["factor"], set()).update(changed)
    assert seen["skin_tone"] == {"skin"} and seen["hair"] == {"hair"} and "age" in seen["age"]
    assert "gender" in seen["gender"] and "age" not in seen["gender"] and "gender" not in seen["age"]


def test_pictures_come_from_the_cache_and_a_larger_plan_goes_on(flat, tmp_path):
    pipe = FlatPipe()
    small = pictures(Plan(2, 1, 16), pipe)
    made = len(pipe.asked)
    again = pictures(Plan(2, 1, 16), None)  # no generator: everything is there
    pd.testing.assert_frame_equal(small, again)
    pictures(Plan(3, 1, 16), pipe)
    assert made < len(pipe.asked) < 2 * made


# ---- the analysis


def test_an_audit_leaves_the_number_of_threads_as_it_was(flat):
    with threads(3):
        pictures(Plan(1, 0, 16), flat[0])
        assert torch.get_num_threads() == 3


def test_the_bias_put_in_is_found_and_no_other(flat, tmp_path, monkeypatch):
    monkeypatch.setattr("threedpain.modeling.audit.audit.pictures", lambda *_: flat[1].copy())
    report = audit(brightness, tmp_path, Plan(50, 8, 16))
    by_words = {(e["words"], e["expression"]): e for e in report["effects"]}
    for expression in ("at rest", "in pain"):
        assert by_words["outdoor instead of indoor light", expression]["value"] == pytest.approx(3.0)
    others = [e for e in report["effects"] if e["level"] != "outdoor"]
    assert len(report["effects"]) == 2 * len(CONTRASTS) and all(e["value"] == 0 and e["size"] == 0 for e in others)
    assert [e["level"] for e in report["effects"][:2]] == ["outdoor", "outdoor"]  # ranked
    outdoor = {e["expression"]: e for e in report["effects"][:2]}
    assert outdoor["at rest"]["turned"] == 1.0 and outdoor["in pain"]["turned"] == 0.0
    kept = json.loads((tmp_path / "report.json").read_text())
    assert kept["effects"][0]["words"] == "outdoor instead of indoor light"
    page = (tmp_path / "report.html").read_text()
    assert report["headline"].startswith("Reads pain (AUROC 0.9") and report["headline"] in page
    assert "; outdoor instead of indoor light moves its answer" in page and ", +3.0 PSPI points" in page
    assert "http" not in page.replace("http://www.w3.org", "")  # self-contained
    answers = pd.read_csv(tmp_path / "answers.csv")
    assert len(answers) == len(flat[1]) and {"person", "factor", "level", "answer"} <= set(answers.columns)


def answered(**columns):
    count = len(columns["answer"])
    people = [f"{i:02d}" for i in range(count)]
    return pd.DataFrame({"person": people, "part": "set", "points": columns["answer"], **columns})


def test_figures_by_hand():
    table = answered(PSPI=[0.0, 0, 4, 8], answer=[1.0, 0.0, 3.0, math.nan])
    found = figures(table, threshold=1.0)
    assert found["mae"]["value"] == pytest.approx(2 / 3) and found["bias"]["value"] == pytest.approx(0)
    assert found["missed"]["value"] == 0 and found["false_alarms"]["value"] == 0.5 and found["failed"]["value"] == 0.25
    assert found["auroc"]["value"] == 1 and found["people"] == 4
    assert math.isnan(found["mae"]["low"]) and math.isnan(found["mae"]["high"])  # four people are no certainty
    more = figures(answered(PSPI=[0.0, 0, 4, 8] * 2, answer=[1.0, 0.0, 3.0, 7.0] * 2), threshold=1.0)["mae"]
    assert more["low"] <= more["value"] <= more["high"]


def test_intervals_draw_people_not_pictures():
    """Ten times the same picture of a person is no more evidence than one."""
    rng = np.random.default_rng(0)
    few = answered(PSPI=rng.integers(0, 9, 12).astype(float), answer=rng.normal(4, 2, 12))
    many = pd.concat([few] * 10, ignore_index=True)
    one, ten = figures(few, 1.0)["mae"], figures(many, 1.0)["mae"]
    assert one == pytest.approx(ten)


def test_gap_is_large_and_unlikely_only_where_it_was_put():
    rng = np.random.default_rng(1)
    people = 40
    table = answered(
        PSPI=np.full(people, 4.0),
        answer=4 + rng.normal(0, 0.5, people),
        gender=["female", "male"] * (people // 2),
        ethnicity=["black", "black", "white", "white"] * 10,
    )
    table.loc[table["gender"] == "female", "points"] -= 2
    unfair, fair = gap(table, "gender"), gap(table, "ethnicity")
    assert (unfair["best"], unfair["worst"]) == ("male", "female") and unfair["gap"] > 1 and unfair["p"] < 0.01
    assert fair["p"] > 0.05


def test_effect_is_the_mean_of_paired_changes_with_cohens_d():
    rows = [
        {"person": f"{p}", "factor": "gender", "level": level, "expression": "in pain", "answer": answer}
        for p, (female, male) in enumerate([(5, 4), (6, 4), (3, 0)])
        for level, answer in (("female", female), ("male", male))
    ]
    rows.append(
        {"person": "9", "factor": "gender", "level": "male", "expression": "in pain", "answer": 7.0}
    )  # no counterpart
    table = pd.DataFrame(rows).assign(points=lambda table: table["answer"])
    assert paired(table, "gender", "male", "female", "in pain")["change"].tolist() == [-1, -2, -3]
    (found,) = effects(table, threshold=3.5, spread=4.0, reads=True)
    assert found["value"] == -2 and found["d"] == pytest.approx(-2.0) and found["size"] == 2 and found["people"] == 3
    assert found["value_share"] == -0.5 and found["points"] == -2 and found["turned"] == 0.0
    assert math.isnan(found["low"]) and not found["sure"]  # three people
    assert math.isnan(effects(table, threshold=3.5, spread=4.0, reads=False)[0]["points"])


def test_scores_are_told_in_points_by_quantiles_and_only_where_they_read():
    table = answered(PSPI=np.tile([0.0, 0, 4, 8], 5), answer=np.tile([0.1, 0.1, 0.3, 0.5], 5))
    points = in_points(table, pd.Series([0.1, 0.3, 0.5, 0.4, math.nan]), reading(table))
    assert points[:4] == pytest.approx([0, 4, 8, 6]) and math.isnan(points[4])
    blind = answered(PSPI=np.tile([0.0, 0, 4, 8], 5), answer=np.tile([0.1, 0.5, 0.5, 0.1], 5))
    assert np.isnan(in_points(blind, blind["answer"], reading(blind))).all()


def test_points_do_not_shrink_the_less_a_score_reads():
    """Least squares would give a weak reader a tenth of the range, and so a tenth of its bias."""
    rng = np.random.default_rng(3)
    truth = np.tile([0.0, 2, 6, 12], 100)
    table = answered(PSPI=truth, answer=truth + rng.normal(0, 12, 400))
    points = in_points(table, table["answer"], reading(table))
    assert np.quantile(points, 0.95) - np.quantile(points, 0.05) > 10


def test_a_threshold_parts_pain_from_rest():
    assert 0.2 < balanced_threshold(answered(PSPI=[0.0, 0, 4, 8], answer=[0.1, 0.2, 0.6, 0.9])) <= 0.6


def test_many_contrasts_are_judged_together():
    assert holm([0.001, 0.04, 0.9]) == [True, False, False] and holm([0.02, 0.001, 0.03]) == [True, True, True]


# ---- detectors whose headlines are known beforehand


def skin_of(table):
    level = table["level"].where(table["factor"] == "skin_tone")
    return level.astype(float).fillna(table["skin_tone"].astype(float)).to_numpy()


KNOWN = {
    "good": (lambda t, rng: t["PSPI"] + rng.normal(0, 0.2, len(t)), r"Reads pain \(AUROC 1\.00, .*; no other change"),
    "blind": (lambda t, rng: rng.normal(0, 1, len(t)), r"Does not read pain \(AUROC 0\.[45]\d, .*chance is 0\.50\)"),
    "constant": (lambda t, rng: np.full(len(t), 0.5), "Does not read pain: every picture gets the same answer"),
    "noisy": (lambda t, rng: t["PSPI"] + rng.normal(0, 5, len(t)), r"Reads pain \(AUROC 0\.[78].*not ruled out"),
    "skin": (
        lambda t, rng: skin_of(t),
        r"Does not read pain .*; very dark instead of very light skin moves its answer at rest by \d+ % of its spread$",
    ),
    "backwards": (lambda t, rng: -t["PSPI"] + rng.normal(0, 0.2, len(t)), "Reads pain backwards"),
}


@pytest.mark.parametrize("scale", ["score", "pspi"])
@pytest.mark.parametrize("kind", KNOWN)
def test_headlines_of_known_detectors(kind, scale, flat, tmp_path, monkeypatch):
    of, headline = KNOWN[kind]

    class Known:
        name, threshold, failures = kind, None, {}

        def __call__(self, table):
            return np.asarray(of(table, np.random.default_rng(0)), float)

    front = flat[1][(flat[1]["view"] == "front") | (flat[1]["part"] == "counterfactual")]
    monkeypatch.setattr("threedpain.modeling.audit.verdict.ROUNDS", 60)
    monkeypatch.setattr("threedpain.modeling.audit.audit.pictures", lambda *_: front.copy())
    monkeypatch.setattr("threedpain.modeling.audit.audit.open_detector", lambda _: Known())
    report = audit("any", tmp_path, Plan(50, 8, 16), scale)
    assert re.match(headline, report["headline"]), report["headline"]
    page = (tmp_path / "report.html").read_text()
    assert html.escape(report["headline"], quote=False) in page
    if not report["headline"].startswith("Reads pain ("):
        assert "PSPI points" not in report["headline"] and all(math.isnan(e["points"]) for e in report["effects"])
    assert ("read worst" in page) == bool(report["gaps"])  # no table without rows


def effect(words, share, low, high, sure):
    return {
        "words": words, "expression": "in pain", "value_share": share, "low_share": low, "high_share": high,
        "sure": sure, "points": 12 * share, "people": 12,
    }  # fmt: skip


@pytest.mark.parametrize(
    "mask, said",
    [
        (0.2, "no other change is so strong for certain, but up to 20 % of its spread is not ruled out"),
        (0.08, "no other change tried moves its answer by 10 % of its spread"),
    ],
)
def test_a_small_change_that_is_certain_is_told(mask, said):
    """The headline does not deny what the table below it holds for certain."""
    area = {"value": 0.9, "low": 0.8, "high": 0.95}
    effects = [effect("a mask", 0.04, -0.01, mask, False), effect("glasses", 0.06, 0.03, 0.09, True)]
    told = verdict({"reading": {"verdict": "reads", "auroc": area, "people": 50}, "effects": effects})
    assert (
        told == f"Reads pain (AUROC 0.90, 0.80 to 0.95); glasses moves its answer in pain by 6 % of its spread; {said}"
    )


def test_too_few_people_are_no_certainty(flat, tmp_path, monkeypatch):
    few = flat[1][flat[1]["person"] < "0003"]
    monkeypatch.setattr("threedpain.modeling.audit.audit.pictures", lambda *_: few.copy())
    report = audit(brightness, tmp_path, Plan(3, 3, 16))
    assert report["headline"].startswith("Too few people (3) to say whether it reads pain; too few people (3)")
    assert not any(effect["sure"] for effect in report["effects"])
    assert "too few people" in (tmp_path / "report.html").read_text()


# ---- any detector


@pytest.fixture
def two(flat):
    return flat[1].iloc[[0, 9]]


def test_callables_with_and_without_a_neutral(two):
    alone = open_detector(brightness)(two)
    assert alone[1] - alone[0] == pytest.approx(two["PSPI"].iloc[1] - two["PSPI"].iloc[0])
    both = open_detector(lambda photo, neutral: {"pspi": brightness(photo) - brightness(neutral)})(two)
    neutral = brightness(audit_pictures.opened(two["neutral"].iloc[0]))
    assert both == pytest.approx(alone - neutral)


def test_module_callables_are_found_from_the_current_folder(two, tmp_path, monkeypatch):
    code = "class Box:\n    @staticmethod\n    def read(photo):\n        return 2.5\n"
    (tmp_path / "my_detector.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    assert open_detector("my_detector:Box.read")(two).tolist() == [2.5, 2.5]
    for name, sentence in (
        ("my_detector:none", "my_detector has no 'none'"),
        ("no_such_module:f", "cannot be imported"),
        ("my_detector:Box.read.__doc__", "is not callable"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            open_detector(name)


def test_class_scores_count_the_labels_that_name_pain(two):
    scores = {"pain": 0.5, "no pain": 0.3, "severe pain": 0.2}

    def classifier(photo):
        return [{"label": label, "score": score} for label, score in scores.items()]

    assert open_detector(classifier)(two).tolist() == [0.7, 0.7]
    with pytest.raises(InvalidInput, match="none of the detector's labels names pain: happy"):
        open_detector(lambda photo: [{"label": "happy", "score": 1.0}])(two)
    with pytest.raises(InvalidInput, match="expected a number, pspi or score"):
        open_detector(lambda photo: {"mood": 1})(two)
    with pytest.raises(InvalidInput, match="takes no picture"):
        open_detector(lambda: 1)


def test_labels_that_deny_pain_do_not_count(two):
    labels = ("pain", "painless", "pain-free", "not in pain", "1: no pain", "class_no_pain", "without pain", "nopain")

    def classifier(photo):
        return [{"label": label, "score": 2.0**-place} for place, label in enumerate(labels)]

    assert open_detector(classifier)(two).tolist() == [1.0, 1.0]


def test_a_classifier_of_many_labels_is_asked_for_all_of_them(two):
    class Classifier(transformers.Pipeline):
        """Seven labels, of which pain is the least likely."""

        task = "image-classification"
        model = SimpleNamespace(config=SimpleNamespace(num_labels=7))
        _sanitize_parameters = preprocess = _forward = postprocess = None

        def __init__(self):
            pass

        def __call__(self, photo, top_k=5):
            told = [{"label": f"mood {at}", "score": 0.15} for at in range(6)] + [{"label": "pain", "score": 0.1}]
            return told[:top_k]

    assert open_detector(Classifier())(two).tolist() == [0.1, 0.1]


@pytest.mark.parametrize("trouble", [RuntimeError("no face found"), InvalidInput("no face was found in the picture")])
def test_an_audit_goes_on_where_a_detector_built_on_this_package_finds_no_face(two, trouble):
    answers = iter([trouble, 1.0])

    def choosy(photo):
        if isinstance(answer := next(answers), Exception):
            raise answer
        return answer

    detector = open_detector(choosy)
    assert np.isnan(detector(two)).tolist() == [True, False]
    assert detector.failures == {f"{type(trouble).__name__}: {trouble}": 1}


def test_an_infinite_answer_is_none(two):
    answers = iter([math.inf, 1.0])
    assert np.isnan(open_detector(lambda photo: next(answers))(two)).tolist() == [True, False]


def test_pictures_that_fail_are_counted_not_fatal(two):
    def blind(photo):
        if np.asarray(photo).mean() < 60:
            raise RuntimeError("no face found")
        return 1.0

    detector = open_detector(blind)
    answers = detector(two.assign(image=[two["image"].iloc[0], _grey(200)]))
    assert math.isnan(answers[0]) and answers[1] == 1.0 and detector.failures == {"RuntimeError: no face found": 1}
    with pytest.raises(InvalidInput, match="answered on none of 2 pictures: RuntimeError: no face found"):
        open_detector(blind)(two.assign(image=[_grey(10)] * 2))


def _grey(level):
    return audit_pictures._png(np.full((16, 16, 3), level, np.uint8))


def test_model_folders_are_read_with_boxes_and_neutrals(two, tmp_path):
    from threedpain.modeling.vitpain.baselines import BASELINES
    from threedpain.modeling.vitpain.image_processing_vitpain import ViTPainImageProcessor

    for name in ("pairwise", "vanilla"):
        BASELINES[name](32).save_pretrained(tmp_path / name)
        ViTPainImageProcessor(size=32).save_pretrained(tmp_path / name)
        answers = open_detector(str(tmp_path / name))(two)
        assert answers.shape == (2,) and ((answers >= 0) & (answers <= 16)).all()
    with pytest.raises(MissingFile):
        open_detector(str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--model", "nothing/here"], "nothing/here"),
        (["--model", "no_such_module:read"], "the module no_such_module cannot be imported"),
        (["--model", "vitpain", "--scale", "percent"], "scale must be one of pspi, score, got 'percent'"),
        (["--model", "vitpain", "--identities", "1"], "greater than or equal to 2"),
    ],
)
def test_command_says_mistakes_in_one_sentence(tmp_path, capsys, arguments, sentence):
    from threedpain.cli import main

    with pytest.raises(SystemExit) as exit_:
        main(["audit", "--out", str(tmp_path / "out"), *arguments])
    said = capsys.readouterr().err
    assert exit_.value.code == 2 and sentence in said and "Traceback" not in said


def test_the_command_tells_of_one_and_the_same_answer_without_a_share_of_it(flat, tmp_path, monkeypatch, capsys):
    from threedpain.cli import main

    (tmp_path / "same_answer.py").write_text("def read(photo):\n    return 3.0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("threedpain.modeling.audit.audit.pictures", lambda *_, **__: flat[1].copy())
    with pytest.raises(SystemExit) as exit_:
        main(["audit", "--model", "same_answer:read", "--out", "out"])
    said = capsys.readouterr().out
    assert not exit_.value.code and "every picture gets the same answer" in said and "nan" not in said
    assert f"generator {GENERATOR_VERSION}" in (tmp_path / "out" / "report.html").read_text()


def test_unknown_scale(tmp_path):
    with pytest.raises(InvalidInput, match="scale must be one of pspi, score, got 'percent'"):
        audit(brightness, tmp_path, scale="percent")


@pytest.mark.slow
def test_the_real_generator_changes_one_thing(tmp_path):
    """Rendered counterfactuals: a headscarf leaves the middle of the face; skin grows lighter level by level."""
    from threedpain.generation.pipeline import PainFacePipeline

    table = pictures(Plan(1, 1, 96), PainFacePipeline.from_pretrained())
    part = table[(table["part"] == "counterfactual") & (table["expression"] == "in pain")]
    images = {(row.factor, row.level): np.asarray(audit_pictures.opened(row.image), float) for row in part.itertuples()}
    x0, y0, x1, y1 = part["box"].iloc[0]
    middle = np.s_[
        round(y0 + (y1 - y0) * 0.5) : round(y0 + (y1 - y0) * 0.8),
        round(x0 + (x1 - x0) * 0.35) : round(x0 + (x1 - x0) * 0.65),
    ]
    scarf = np.abs(images["hair", "headscarf"] - images["hair", "bald"])
    assert scarf.mean() > 2 and np.median(scarf[middle]) < 12
    tones = [images["skin_tone", str(level)][middle].mean() for level in FACTORS["skin_tone"]]
    assert all(a < b for a, b in itertools.pairwise(tones))
