"""`make weights-vitpain`: one run, from the shipped generator, that can be continued."""

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from threedpain.cli import app
from threedpain.errors import InvalidInput

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("ship", ROOT / "model_cards" / "ship.py")
ship = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(ship)
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def recipe(*given: str) -> list[list[str]]:
    """The words of each `3dpain` command that would run, in order."""
    done = subprocess.run(
        ["make", "-n", "weights-vitpain", *given], cwd=ROOT, capture_output=True, text=True, check=True
    )
    text = done.stdout.replace("\\\n", " ")
    text = re.sub(r"bin/python .*?-m threedpain.modeling.training.run", "bin/3dpain train", text)
    return [
        line.split("3dpain", 1)[1].split() for line in text.splitlines() if "bin/3dpain " in line and " --out" in line
    ]


def of(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_sets_then_teacher_then_student_then_their_figures():
    data, strangers, teacher, student, *judged = recipe()
    assert data[0] == strangers[0] == "generate" and "training" in data and "training" not in strangers
    assert teacher[:2] == ["train", "teacher"] and student[:2] == ["train", "student"]
    assert int(of(data, "--identities")) >= 1000 and of(data, "--seed") != of(strangers, "--seed")
    assert [of(words, "--data") for words in (teacher, student)] == [of(data, "--out")] * 2
    assert of(student, "--teacher") == of(teacher, "--out")
    assert [(words[0], of(words, "--data"), of(words, "--model")) for words in judged] == [
        ("evaluate", of(strangers, "--out"), of(words, "--out")) for words in (teacher, student)
    ]
    assert all("--seed" in words and "--init" not in words for words in (data, strangers, teacher, student))
    assert "--identities 8 " in " ".join(recipe("PEOPLE=8")[0])
    assert of(recipe("EPOCHS=2")[3], "--epochs") == "2"


def test_every_option_is_one_the_commands_have():
    for words in recipe():
        command = get_command(app).commands[words[0]]
        known = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_a_finished_step_is_not_begun_again():
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    for out in ("runs/vitpain-teacher", "runs/vitpain"):
        assert re.search(rf"test -e {out}/config\.json \|\|\s+\$\(TRAIN\) .*--out {out} ", text)


def test_several_processes_train_by_the_same_words():
    assert recipe("PROCESSES=1") == recipe()
    done = subprocess.run(
        ["make", "-n", "weights-vitpain", "PROCESSES=3"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("--nproc-per-node 3") == 2 and "bin/3dpain train" not in done.stdout


def a_run(runs: Path, version: str = "9.9.9") -> None:
    """What `make weights-vitpain` leaves, made up: two sets' cards, two trained folders, two evaluations."""
    for name, people, split in (("train", 1200, 840), ("test", 200, 140)):
        (runs / name).mkdir(parents=True)
        (runs / name / "README.md").write_text(
            f"""---
generated_by:
  generator_version: {version}
  command: 3dpain generate --out 3dpain --identities {people} --seed 7
  people: {people}
  people_in_each_split: {{train: {split}, validation: {people - split - 120}, test: 120}}
  pictures: {14 * people}
  parameters: {{head: scan}}
---
"""
        )
    settings = {"epochs": 12.0, "batch_size": 48, "seed": 31, "precision": "bf16", "teacher": "runs/teacher"}
    shares = {"references": {"realistic": 0.6, "none": 0.4}, "diet": {"others": 0.25}}
    for name in ship.EVALUATIONS:
        (runs / name).mkdir()
        for file in ship.TRAINED:
            (runs / name / file).write_text(f"{name} {file}")
        role = "teacher" if name.endswith("teacher") else "student"
        (runs / name / "train.json").write_text(json.dumps({"role": role, **settings, **shares}))
        (runs / name / "log.jsonl").write_text(
            "".join(
                json.dumps({"step": step, "seconds": 0.5 * step, "mae": mae}) + "\n"
                for step, mae in ((1000, 1.7), (2000, 1.2), (3000, 1.3))
            )
        )
    for name in ship.EVALUATIONS.values():
        (runs / name).mkdir()
        for file in ship.JUDGED:
            (runs / name / file).write_text(f"{name} {file}")


@pytest.fixture
def weights(tmp_path) -> Path:
    for name in ship.EVALUATIONS:
        (tmp_path / "weights" / name).mkdir(parents=True)
        (tmp_path / "weights" / name / "modeling_vitpain.py").write_text("older")
        (tmp_path / "weights" / name / "training.md").write_text("older")
    return tmp_path / "weights"


def test_what_ships_is_what_the_run_made_and_its_record_says_how(tmp_path, weights):
    a_run(tmp_path / "runs")
    ship.ship(tmp_path / "runs", weights, processes=2)
    for name, evaluation in ship.EVALUATIONS.items():
        for file in ("model.safetensors", "config.json"):
            assert (weights / name / file).read_text() == f"{name} {file}"
        assert (weights / name / "report.md").read_text() == f"{evaluation} report.md"
        assert (weights / name / "modeling_vitpain.py").read_text() == (ship.CODE / "modeling_vitpain.py").read_text()
        assert not (weights / name / "pipeline_vitpain.py").exists()
        text = (weights / name / "training.md").read_text()
        for said in ("9.9.9", "`3dpain generate --identities 1200 --seed 7`", "1,200 people, 16,800 pictures",
                     "840 people", "3,000 steps of 48", "MAE 1.20 at step 2,000", "25 minutes", "2 processes",
                     "GPU, bf16.",
                     "200 people of generator 9.9.9, `3dpain generate --identities 200 --seed 7`"):  # fmt: skip
            assert said in text, said
        assert ("realistic 60%" in text) == (name == "vitpain")


@pytest.mark.parametrize("lost", ["vitpain/model.safetensors", "evaluation-teacher/report.md", "test/README.md"])
def test_half_a_run_ships_nothing(tmp_path, weights, lost):
    a_run(tmp_path / "runs")
    (tmp_path / "runs" / lost).unlink()
    with pytest.raises(InvalidInput, match=f"{lost} is missing"):
        ship.ship(tmp_path / "runs", weights)
    assert (weights / "vitpain-teacher" / "training.md").read_text() == "older"


def test_the_record_counts_everybody_who_was_learned_from(tmp_path, weights):
    a_run(tmp_path / "runs")
    settings = tmp_path / "runs" / "vitpain" / "train.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"splits": ["train", "test"]}))
    ship.ship(tmp_path / "runs", weights)
    said = (weights / "vitpain" / "training.md").read_text()
    assert "the 960 people of the splits train and test:" in said and "on 240 other people" in said
    assert "the 840 people of the split train:" in (weights / "vitpain-teacher" / "training.md").read_text()


def test_sets_of_two_generators_ship_nothing(tmp_path, weights):
    a_run(tmp_path / "runs")
    card = tmp_path / "runs" / "test" / "README.md"
    card.write_text(card.read_text().replace("9.9.9", "9.9.8"))
    with pytest.raises(InvalidInput, match=r"generators 9\.9\.8 and 9\.9\.9"):
        ship.ship(tmp_path / "runs", weights)
    assert (weights / "vitpain" / "training.md").read_text() == "older"


def test_weights_that_stay_are_judged_again_on_a_newer_generator_and_say_on_which(tmp_path, weights):
    a_run(tmp_path / "runs")
    ship.ship(tmp_path / "runs", weights)
    was = (weights / "vitpain" / "training.md").read_text().splitlines()
    a_run(tmp_path / "later", "10.0.0")
    (tmp_path / "later" / "evaluation" / "report.md").write_text("newer")
    ship.judge(tmp_path / "later", weights)
    assert (weights / "vitpain" / "report.md").read_text() == "newer"
    assert (weights / "vitpain" / "model.safetensors").read_text() == "vitpain model.safetensors"
    now = (weights / "vitpain" / "training.md").read_text().splitlines()
    assert now[:-1] == was[:-1] and "of generator 10.0.0" in now[-1] and "9.9.9" in now[2]
    (tmp_path / "later" / "evaluation" / "report.md").unlink()
    with pytest.raises(InvalidInput, match="report.md is missing: `make judged` makes it"):
        ship.judge(tmp_path / "later", weights)


def test_weights_are_judged_again_on_the_set_that_judged_them_first():
    def commands(target: str) -> list[str]:
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True)
        return [line for line in done.stdout.replace("\\\n", " ").splitlines() if "runs/test" in line]

    first, again = commands("weights-vitpain"), commands("judged")
    assert again[0] == first[0] and "generate" in again[0] and len(first) == len(again) == 3
