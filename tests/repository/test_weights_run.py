"""`make weights-vitpain`: one run, from the shipped generator, that can be continued."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from threedpain.cli import app

ROOT = Path(__file__).parents[2]
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


def test_data_then_teacher_then_student_all_with_their_seed():
    data, teacher, student = recipe()
    assert data[0] == "generate" and teacher[:2] == ["train", "teacher"] and student[:2] == ["train", "student"]
    assert int(data[data.index("--identities") + 1]) >= 500 and "training" in data
    made, learned = data[data.index("--out") + 1], [words[words.index("--data") + 1] for words in (teacher, student)]
    assert learned == [made, made] and student[student.index("--teacher") + 1] == teacher[teacher.index("--out") + 1]
    assert all("--seed" in words and "--init" not in words for words in (data, teacher, student))
    assert "--identities 8 " in " ".join(recipe("PEOPLE=8")[0])


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
    assert recipe("PROCESSES=2") == recipe()
    done = subprocess.run(
        ["make", "-n", "weights-vitpain", "PROCESSES=3"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("--num_processes 3") == 2 and "bin/3dpain train" not in done.stdout
