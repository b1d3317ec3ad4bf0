"""The papers' protocols: nobody is tested on who was trained on, figures are those worked out by hand, and a killed run
goes on where it was."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import PIL.Image
import pytest

from threedpain.errors import InvalidInput
from threedpain.modeling.faces.faces import FaceSet
from threedpain.modeling.protocols import protocols
from threedpain.modeling.protocols.compare import Entrant, compare
from threedpain.modeling.protocols.folds import ARMS, plan
from threedpain.modeling.protocols.protocols import (
    COLUMNS,
    Settings,
    calibrate,
    markdown,
    measure,
    summary,
    truth,
)
from threedpain.modeling.vitpain.baselines import BASELINES
from threedpain.modeling.vitpain.image_processing_vitpain import ViTPainImageProcessor


def people(count, **columns):
    return pd.DataFrame({"identity": [f"p{i:02d}" for i in range(count) for _ in range(3)], **columns})


@pytest.mark.parametrize("protocol, count, folds", [("unbc-loso", 25, 25), ("cv5", 23, 5), ("augmentation", 10, 15)])
def test_people_are_never_in_two_parts_and_all_are_tested(protocol, count, folds):
    turns = plan(protocol, people(count))
    assert len(turns) == folds
    for fold in turns:
        parts = [set(fold.train), set(fold.validation), set(fold.test)]
        assert all(not a & b for i, a in enumerate(parts) for b in parts[:i])
        assert len(set.union(*parts)) == count
    for arm in {fold.arm for fold in turns}:
        tested = [name for fold in turns if fold.arm == arm for name in fold.test]
        assert sorted(tested) == sorted({f"p{i:02d}" for i in range(count)})


def test_cv5_is_sixty_twenty_twenty():
    for fold in plan("cv5", people(50)):
        assert (len(fold.train), len(fold.validation), len(fold.test)) == (30, 10, 10)


def test_a_persons_name_leads_to_no_other_folder():
    names = ["../../x", "a/b", "042-ll042"]
    folds = plan("unbc-loso", pd.DataFrame({"identity": names}))
    assert {fold.test for fold in folds} == {(name,) for name in names}
    assert all(Path(fold.name).name == fold.name for fold in folds) and "person-042-ll042" in {f.name for f in folds}


def test_people_all_in_one_fold_are_refused():
    with pytest.raises(InvalidInput, match="needs people in at least 2 folds, all of this set are in fold 3"):
        plan("unbc-5fold", pd.DataFrame({"identity": ["a", "b"], "fold": [3, 3]}))


def test_published_folds_are_honoured():
    table = people(6, fold=np.repeat([0, 1, 2, 0, 1, np.nan], 3))
    turns = {fold.name: fold for fold in plan("unbc-5fold", table)}
    assert turns["fold-0"].test == ("p00", "p03") and turns["fold-0"].train == ("p01", "p02", "p04")
    assert "p05" not in sum((fold.train + fold.test for fold in turns.values()), ())
    with pytest.raises(InvalidInput, match="unbc-5fold needs the column fold"):
        plan("unbc-5fold", people(6))
    with pytest.raises(InvalidInput, match="p00 is in more than one fold"):
        plan("unbc-5fold", people(2, fold=[0, 0, 1, 1, 1, 1]))
    with pytest.raises(InvalidInput, match="cv5 needs at least 5 people, the set has 4"):
        plan("cv5", people(4))


def predictions(pspi, hat, expression=None, pain=None):
    count = len(hat)
    return pd.DataFrame(
        {
            "PSPI": np.array(pspi, float),
            "pspi_hat": hat,
            "expression": expression or [None] * count,
            "pain1_hat": pain or [0.5] * count,
        }
    )


def test_threshold_is_the_lowest_with_the_best_f1():
    told = predictions([0, 0, 0, 1, 2, 5], [0.2, 1.0, 2.0, 1.5, 2.5, 3.0])
    grid = np.linspace(0, 6, 200)
    # at 1.0 < t <= 1.5: three found, one false: F1 = 6/7; nothing is better
    assert calibrate(told)[1] == grid[grid > 1.0][0]
    # PSPI >= 3 is the last alone: any threshold above 2.5 is perfect
    assert calibrate(told)[3] == grid[grid > 2.5][0]


def test_figures_by_hand():
    told = predictions([0, 0, 2, 4], [0.5, 2.0, 1.0, 3.5])
    figures = measure(told, {1: 1.0, 2: 2.0, 3: 3.0})
    assert figures["MAE"] == pytest.approx((0.5 + 2.0 + 1.0 + 0.5) / 4)
    assert figures["AUROC@1"] == pytest.approx(3 / 4)  # of four pairs only (2.0, 1.0) is the wrong way round
    assert figures["F1@1"] == pytest.approx(2 * 2 / (2 + 3))
    assert figures["F1@2"] == pytest.approx(2 * 1 / (2 + 2))
    assert figures["F1@3"] == 1.0 and figures["AUROC@3"] == 1.0
    assert figures["AP@1"] == pytest.approx((1 / 1 + 2 / 3) / 2)
    x, y = np.array([0, 0, 2, 4]), np.array([0.5, 2, 1, 3.5])
    assert figures["Pearson"] == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_pictures_that_cannot_tell_give_no_figure():
    figures = measure(predictions([0, 0, 0], [0.1, 0.2, 0.3]), {1: 1.0, 2: 1.0, 3: 1.0})
    assert figures["MAE"] == pytest.approx(0.2)
    assert all(math.isnan(figures[name]) for name in COLUMNS if name != "MAE")


def test_without_pspi_the_expression_is_the_truth():
    """SynPAIN: pain against everything else, by the probability of pain."""
    told = predictions([math.nan] * 4, [9.0, 9, 9, 9], ["pain", "neutral", "other", "pain"], [0.9, 0.2, 0.6, 0.5])
    assert truth(told, 1).tolist() == [1, 0, 0, 1] and np.isnan(truth(told, 2)).all()
    figures = measure(told, calibrate(told, by_pspi=False), by_pspi=False)
    assert figures["AUROC@1"] == pytest.approx(3 / 4) and math.isnan(figures["MAE"]) and math.isnan(figures["F1@2"])
    assert figures["F1@1"] == pytest.approx(0.8)


def test_interval_is_students_over_the_folds_that_could_tell():
    folds = [dict.fromkeys(COLUMNS, value) for value in (1.0, 2.0, 3.0, math.nan)]
    got = summary(folds)["MAE"]
    assert got == {"mean": pytest.approx(2.0), "half": pytest.approx(4.302653 / 3**0.5, rel=1e-5), "folds": 3}
    table = markdown({"ViTPain": summary(folds)})
    assert "| ViTPain | 2.00 ± 2.48 |" in table and table.splitlines()[0].startswith("| | MAE | Pearson | AUROC@1")


# ---- whole runs, with a model that needs no training


@pytest.fixture
def unbc(tmp_path):
    """Ten people in UNBC's layout; the brightness of a picture is its PSPI."""
    root = tmp_path / "unbc"
    for i in range(10):
        name, sequence = f"{101 + i}-aa{101 + i}", f"aa{101 + i}t1aaaff"
        for number in range(6):
            score = (0, 0, 0, 1, 4, 8)[(number + i) % 6]
            for kind in ("Images", "Frame_Labels/PSPI", "Frame_Labels/FACS"):
                (root / kind / name / sequence).mkdir(parents=True, exist_ok=True)
            frame = f"{sequence}{number:03d}"
            picture = PIL.Image.new("RGB", (32, 32), (20 + 20 * score,) * 3)
            picture.save(root / "Images" / name / sequence / f"{frame}.png")
            (root / f"Frame_Labels/PSPI/{name}/{sequence}/{frame}_facs.txt").write_text(f"{score}")
            (root / f"Frame_Labels/FACS/{name}/{sequence}/{frame}_facs.txt").write_text("")
    return root


@pytest.fixture
def bright(monkeypatch, tmp_path):
    """Instead of a network: the mean brightness of the packed picture. Records whom it was fitted on."""
    fitted = []

    def fit(begin, train, watch, settings, out, epochs):
        out.mkdir(parents=True, exist_ok=True)
        fitted.append((begin, out.parent.name, tuple(sorted(set(train.table["identity"]))), len(train)))
        return out

    def ask(folder, faces, settings):
        level = faces.images[faces.rows].reshape(len(faces), -1).max(1).astype(float)
        return faces.table.assign(pspi_hat=(level - 20) / 20, pain1_hat=0.5)

    monkeypatch.setattr(protocols, "_fit", fit)
    monkeypatch.setattr(protocols, "_ask", ask)
    monkeypatch.setattr(protocols, "_side", lambda settings: 32)
    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "cache"))
    return fitted


def test_unbc_run_is_perfect_for_a_perfect_model(unbc, bright, tmp_path):
    report = protocols.run("unbc-5fold", Settings("vitpain", f"unbc:{unbc}"), tmp_path / "out")
    figures = report["rows"]["vitpain"]
    assert figures["MAE"]["mean"] == pytest.approx(0, abs=0.05) and figures["F1@3"]["mean"] == 1
    assert figures["AUROC@1"] == {"mean": 1, "half": 0, "folds": 5}
    assert [len(names) for _, _, names, _ in bright] == [8] * 5
    for fold in report["folds"].values():
        kept = pd.read_csv(tmp_path / "out" / fold["fold"]["name"] / "predictions.csv")
        assert set(kept["identity"]) == set(fold["fold"]["test"]) and len(kept) == 12
    assert json.loads((tmp_path / "out" / "report.json").read_text())["table"] == report["table"]


def test_killed_after_two_folds_it_goes_on_with_the_third(unbc, bright, tmp_path, monkeypatch):
    fit, settings = protocols._fit, Settings("vitpain", f"unbc:{unbc}")

    def killed(*args):
        if len(bright) == 2:
            raise KeyboardInterrupt
        return fit(*args)

    monkeypatch.setattr(protocols, "_fit", killed)
    with pytest.raises(KeyboardInterrupt):
        protocols.run("unbc-5fold", settings, tmp_path / "out")
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/fold.json")}
    assert len(done) == 2
    monkeypatch.setattr(protocols, "_fit", fit)
    report = protocols.run("unbc-5fold", settings, tmp_path / "out")
    assert [where for _, where, *_ in bright] == [f"fold-{k}" for k in range(5)]
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in done.items())
    whole = protocols.run("unbc-5fold", settings, tmp_path / "again")
    assert report["table"] == whole["table"]


def test_folds_of_other_settings_are_not_mixed_in(unbc, bright, tmp_path):
    protocols.run("unbc-5fold", Settings("vitpain", f"unbc:{unbc}"), tmp_path / "out")
    with pytest.raises(InvalidInput, match="holds a run with epochs = 50, not 7: go on with the same settings or"):
        protocols.run("unbc-5fold", Settings("vitpain", f"unbc:{unbc}", epochs=7), tmp_path / "out")


def test_leave_one_subject_out(unbc, bright, tmp_path):
    report = protocols.run("unbc-loso", Settings("vanilla", f"unbc:{unbc}"), tmp_path / "out")
    assert len(report["folds"]) == 10 and report["rows"]["vanilla"]["MAE"]["folds"] == 10


@pytest.fixture
def synthetic(tmp_path):
    root = tmp_path / "synthetic"
    root.mkdir()
    lines = ["path,subject,PSPI,age"]
    for i in range(6):
        for score in (0, 6):
            PIL.Image.new("RGB", (32, 32), (20 + 20 * score,) * 3).save(root / f"{i}_{score}.png")
            lines.append(f"{i}_{score}.png,s{i},{score},{20 + 12 * i}")
    (root / "labels.csv").write_text("\n".join(lines))
    return root


def test_cross_trains_on_one_set_and_tests_on_the_other(unbc, synthetic, bright, tmp_path):
    settings = Settings("vitpain", f"folder:{synthetic}", extra=f"unbc:{unbc}")
    report = protocols.run("cross", settings, tmp_path / "out")
    assert bright[0][3] == 12 and report["folds"]["cross"]["pictures"] == {"train": 12, "test": 60}
    with pytest.raises(InvalidInput, match="cross needs a second data set to test on"):
        protocols.run("cross", Settings("vitpain", f"unbc:{unbc}"), tmp_path / "other")


def test_augmentation_adds_all_or_the_age_matched(unbc, synthetic, bright, tmp_path):
    settings = Settings("vitpain", f"unbc:{unbc}", extra=f"folder:{synthetic}", age_groups=("60-74", "75-90"))
    report = protocols.run("augmentation", settings, tmp_path / "out")
    assert list(report["rows"]) == list(ARMS)
    assert {count for _, where, _, count in bright if where.endswith("-0")} == {36}
    assert {count for _, where, _, count in bright if where.endswith("-1")} == {36 + 12}
    assert {count for _, where, _, count in bright if where.endswith("-2")} == {36 + 4}  # ages 68 and 80
    assert report["gains"][ARMS[2]]["mean"] == 0  # the model does not learn, so nothing is gained
    with pytest.raises(InvalidInput, match="the real set says no ages: name the age groups to add"):
        protocols.run("augmentation", Settings("vitpain", f"unbc:{unbc}", extra=f"folder:{synthetic}"), tmp_path / "x")


def test_pretraining_happens_once_and_every_fold_begins_there(unbc, synthetic, bright, tmp_path):
    settings = Settings("student", f"unbc:{unbc}", pretrain=f"folder:{synthetic}")
    protocols.run("unbc-5fold", settings, tmp_path / "out")
    begins = [begin for begin, *_ in bright]
    assert begins[0] == "student" and set(begins[1:]) == {str(tmp_path / "out" / "pretrained")} and len(begins) == 6


def test_settings_that_make_no_run_are_not_kept(synthetic, bright, tmp_path):
    with pytest.raises(InvalidInput, match="unbc-5fold needs the column fold"):
        protocols.run("unbc-5fold", Settings("vitpain", f"folder:{synthetic}"), tmp_path / "out")
    with pytest.raises(InvalidInput, match="batch_size 7 must be divisible"):
        protocols.run("cv5", Settings("vitpain", f"folder:{synthetic}", batch_size=7), tmp_path / "out")
    assert protocols.run("cv5", Settings("vitpain", f"folder:{synthetic}"), tmp_path / "out")["protocol"] == "cv5"


def test_a_trained_fold_that_was_not_judged_is_not_trained_again(tmp_path, monkeypatch):
    monkeypatch.setattr(protocols, "train", None)
    (tmp_path / "config.json").write_text("{}")
    assert protocols._fit("vitpain", None, None, None, tmp_path, 1) == tmp_path


def test_unknown_protocol():
    with pytest.raises(InvalidInput, match="unknown protocol 'kfold'; known are unbc-5fold, unbc-loso, cv5, cross"):
        protocols.run("kfold", Settings("vitpain", "x"), "out")


def test_faceset_references_stay_within_the_person(unbc, tmp_path, monkeypatch):
    from threedpain.dataset_script.load import load

    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "cache"))
    faces = FaceSet.pack(load("unbc", unbc, "all"), size=40)
    who, pspi = faces.table["identity"].to_numpy(), faces.table["PSPI"].to_numpy()
    for row, found in enumerate(faces.references):
        assert len(found) and (who[found] == who[row]).all() and (pspi[found] == 0).all() and row not in found


# ---- several models in one table


@pytest.mark.parametrize(
    "text, entrant",
    [
        ("ViTPain=runs/a@none", Entrant("ViTPain", "runs/a", "none")),
        ("runs/a", Entrant("a", "runs/a", "realistic")),
        ("runs/a@aligned", Entrant("a, aligned", "runs/a", "aligned")),
    ],
)
def test_entrants_are_label_model_and_reference(text, entrant):
    assert Entrant.parse(text) == entrant


@pytest.mark.parametrize("text", ["a=runs/a@mirror", "a=", "a=@none"])
def test_entrants_that_say_too_little(text):
    with pytest.raises(InvalidInput, match="must be LABEL=MODEL or LABEL=MODEL@REFERENCE"):
        Entrant.parse(text)


def test_comparison_is_on_the_same_pictures_with_paired_differences(unbc, tmp_path, monkeypatch):
    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "cache"))
    for name in ("pairwise", "vanilla"):
        folder = tmp_path / name
        BASELINES[name](32).save_pretrained(folder)
        ViTPainImageProcessor(size=32).save_pretrained(folder)
    entrants = [
        Entrant("plain", str(tmp_path / "vanilla")),
        Entrant("again", str(tmp_path / "vanilla")),
        Entrant("pairs", str(tmp_path / "pairwise")),
    ]
    report = compare(entrants, f"unbc:{unbc}", tmp_path / "out", split="test")
    assert report["people"] == 1 and report["pictures"] == 6  # ten people are dealt 7:2:1
    alone = report["rows"]["plain"]["MAE"]
    assert alone["value"] > 0 and np.isnan([alone["low"], alone["high"]]).all(), "one person is no interval"
    assert "[" not in report["table"]
    whole = compare(entrants, f"unbc:{unbc}", tmp_path / "all", split="all")
    assert np.isnan(whole["rows"]["plain"]["F1@1"]["value"]), "no threshold is found on the people it judges"
    assert whole["people"] == 10 and whole["differences"]["again"] == {"value": 0, "low": 0, "high": 0}
    difference, rows = whole["differences"]["pairs"], whole["rows"]
    assert difference["value"] == pytest.approx(rows["pairs"]["MAE"]["value"] - rows["plain"]["MAE"]["value"], abs=1e-5)
    assert difference["low"] <= difference["value"] <= difference["high"]
    assert "| MAE less that of plain |" in whole["table"] and len(whole["table"].splitlines()) == 5
    kept = pd.read_parquet(tmp_path / "all" / "predictions.parquet")
    assert set(kept["model"]) == {"plain", "again", "pairs"} and len(kept) == 180
    with pytest.raises(InvalidInput, match="every model a label of its own"):
        compare([entrants[0], entrants[0]], f"unbc:{unbc}", tmp_path / "x")


# ---- the stand-in


def test_stand_in_reads_back_through_the_unbc_adapter(tmp_path, monkeypatch):
    """Written by a pipeline that paints nothing, read by the adapter of the real archive: nothing is left over."""
    from threedpain.dataset_script.load import load, problems
    from threedpain.dataset_script.standin import PUBLISHED, write

    class Painter:
        head = None  # the shipped one

        def person(self, identity):
            return identity

        def photograph(self, person, units, scene, head_angles=(0, 0, 0)):
            marks = np.stack([np.arange(68) / 2 + 4, np.arange(68) / 3 + 8], 1)
            return SimpleNamespace(image=np.zeros((48, 48, 3), np.uint8), landmarks=marks)

    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "cache"))
    counts = write(tmp_path / "standin", 25, 3, 8, 48, 0, Painter())
    rows = load("unbc", tmp_path / "standin", "all")
    assert problems(rows) == {} and len(rows) == 25 * 3 * 8 and len(set(rows["subject"])) == 25
    told = np.array(rows["PSPI"])
    assert {int(value): int((told == value).sum()) for value in set(told)} == dict(counts)
    share = (told == 0).mean()
    assert abs(share - PUBLISHED["0"]) < 0.06  # most frames without pain, as in the archive
    assert set(rows["fold"]) == {0, 1, 2, 3, 4} and rows[0]["landmarks"][67] is not None
    stamp = {path: path.stat().st_mtime_ns for path in (tmp_path / "standin").rglob("*.png")}
    write(tmp_path / "standin", 25, 3, 8, 48, 0, Painter())
    assert all(path.stat().st_mtime_ns == before for path, before in stamp.items())  # nothing is written twice


@pytest.mark.slow
def test_full_protocol_on_the_rendered_stand_in_is_killed_and_resumes(tmp_path, monkeypatch):
    """The command a holder of the archive would give, on rendered people, with the real trainer."""
    import os
    import signal
    import subprocess
    import sys
    import time

    from threedpain.dataset_script.standin import write

    write(tmp_path / "standin", 10, 2, 8, 96, 0)
    code = (
        f"from threedpain.modeling.protocols.protocols import Settings, run\n"
        f"run('unbc-5fold', Settings('pairwise', 'unbc:{tmp_path}/standin', epochs=1, batch_size=16, shots=2, "
        f"image_size=64), '{tmp_path}/out')"
    )
    environment = {**os.environ, "THREEDPAIN_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    deadline = time.time() + 600
    while not (tmp_path / "out" / "fold-1" / "fold.json").is_file():
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/fold.json")}
    assert 2 <= len(done) < 5
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["rows"]["pairwise"]["MAE"]["folds"] == 5
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in done.items())
