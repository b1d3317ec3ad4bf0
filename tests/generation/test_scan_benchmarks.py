"""What the benchmark of outside eyes makes of a judge's answers, and what it says without a judge."""

import argparse
import csv
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCORES = ("browDown", "browInnerUp", "cheekSquint", "eyeBlink", "eyeSquint", "jawOpen", "mouthSmile", "mouthUpperUp")


def benchmark(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def real_eyes():
    return benchmark("real_eyes")


@pytest.fixture
def options():
    return argparse.Namespace(people=10, graded=10, seed=9000, only=None, out=Path("somewhere"))


def answers(real_eyes, options, strength):
    """Scores of people whose every expression shows in its own score by `strength` x level / 5, over a rest of 0.1."""
    out = {}
    for number in range(options.people):
        for name, level, _ in real_eyes.shown(number, options):
            scores = dict.fromkeys((*SCORES, "noseSneer"), 0.1)
            for shown, score, wanted in real_eyes.TARGETS:
                if shown == name and wanted > 0:
                    scores[score] += strength * int(level) / 5
            if name.startswith("drawn"):
                scores["browDown"] += 0.5 if name == "drawnpain" else 0.2
            out[number, name, level] = scores
    return out


def test_every_person_shows_everything_once(real_eyes, options):
    rows = real_eyes.shown(0, options)
    keys = [(name, level) for name, level, _ in rows]
    assert len(set(keys)) == len(keys)
    assert {level for name, level in keys if name == "AU4"} == set("12345")
    assert real_eyes.shown(0, options) == rows and real_eyes.shown(1, options) != rows
    options.only = ["AU4"]
    assert {name for name, _, _ in real_eyes.shown(0, options)} == {"neutral", "AU4"}
    closing = {
        level: units
        for name, level, units in real_eyes.shown(0, argparse.Namespace(**vars(options) | {"only": ["AU43"]}))
        if name == "AU43"
    }
    assert closing["1"] == {"AU43": pytest.approx(0.2)} and closing["5"] == {"AU43": 1}


def test_what_reaches_its_target_is_told_from_what_misses(real_eyes, options, capsys):
    strong = real_eyes.reported(answers(real_eyes, options, 0.9), options)
    assert all(row["reached"] for row in strong["units"])
    assert all(row["spearman"] == pytest.approx(1) and row["one_by_one"] == pytest.approx(1) for row in strong["ranks"])
    assert strong["units"][0]["change"] == pytest.approx(0.9)
    weak = real_eyes.reported(answers(real_eyes, options, 0.01), options)
    assert [row["reached"] for row in weak["units"]] == [row["target"] < 0 for row in weak["units"]]
    real_eyes.print_report(weak)
    said = capsys.readouterr().out
    assert "AU4       browDown      >=0.40 +0.01 misses" in said and "neutral < not pain < pain: ok" in said
    assert "mouthSmile     <0.15 +0.00 ok" in said


def test_people_without_a_face_are_left_out(real_eyes, options):
    seen = answers(real_eyes, options, 0.9)
    seen = {key: scores for key, scores in seen.items() if key[0] or key[1] == "drawnpain"}
    report = real_eyes.reported(seen, options)
    assert report["units"][0]["change"] == pytest.approx(0.9)
    assert json.loads(json.dumps(report)) == report


def test_without_the_judge_s_file_one_sentence_says_how_to_get_it(tmp_path):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "expression_judge.py", tmp_path, "--task", tmp_path / "none.task"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "pip install mediapipe" in done.stderr and "none.task" in done.stderr


def test_cheeks_are_not_drawn_over_eyes_that_nobody_closed():
    """Of forty people of all ages AU7 hides the eyes of none, a face in pain of one."""
    head = ScanHeadModel.load()
    hidden = benchmark("scan_eyes").eyes_report([head(sample_identity(seed, head=head)) for seed in range(9000, 9040)])
    assert hidden["AU7"] <= 0.05 and hidden["pain"] <= 0.05 and hidden["AU6 + AU7"] <= 0.15, hidden


@pytest.mark.slow
def test_figures_of_the_head_are_of_the_head_that_people_are_drawn_for(capsys):
    head, bench = ScanHeadModel.load(), benchmark("head")
    bench.forms(head, 100)
    bench.timings(head)
    told = capsys.readouterr().out
    assert "form, 100 people" in told and "expression and head pose: CPU time" in told


def test_ages_that_a_judge_says_alike_share_a_rank(tmp_path, capsys):
    who, judged = benchmark("who"), {20: 30, 30: 30, 40: 50, 50: 50}
    told = []
    for order in (sorted(judged), sorted(judged, reverse=True)):
        rows = [(f"{age}.png", "neutral", age, "female", "white", "30-44") for age in order]
        with open(tmp_path / "who.csv", "w", newline="") as file:
            csv.writer(file).writerows([who.COLUMNS, *rows])
        said = [{"file": f"{age}.png", "found": True, "age": judged[age], "gender": "female"} for age in order]
        (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, said)))
        who.score(tmp_path, tmp_path / "answers.jsonl")
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] and "age Spearman 0.89 " in told[0]
