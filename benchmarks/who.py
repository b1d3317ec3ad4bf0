"""Whom networks trained on photographs see: gender and age of our people by cell, neutral and in pain.

python benchmarks/who.py draw people --of 1                  pictures and people/who.csv, what was intended
python benchmarks/who.py score people answers.jsonl          answers of a judge: one JSON object a line with
                                                             file, found, age (years) and gender (male or female)
python benchmarks/who.py score people answers.jsonl --judge "node people.mjs"   asks the judge first: its command is
                                                             given the folder and prints the answers
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import subprocess
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from threedpain import PainFacePipeline, demographics
from threedpain.generation.seeds import child

PAIN = {"AU4": 4, "AU6": 3, "AU7": 3, "AU9": 3, "AU10": 3, "AU43": 1}
STATES = {"neutral": {}, "pain": PAIN}
SIZE = 384  # pixels
WANTED = {"neutral": 95, "pain": 90}  # per cent of women and of men read as intended
WANTED_CELL = 80  # of each ethnicity and age group of them
WANTED_AGE = {"Spearman": 0.85, "error": 5, "error of a group": 8}  # years
COLUMNS = ("file", "state", "age", "gender", "ethnicity", "group")


def draw(folder: Path, of: int, seed: int, head: str | None, states: list[str], every: int) -> None:
    """`of` people of every `every`-th cell, each in `states`, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    pipeline = PainFacePipeline.from_pretrained(device="cpu", **({"head": head} if head else {}))
    rows = []
    for number, (group, gender, ethnicity) in list(enumerate(demographics.CELLS))[::every]:
        for copy in range(of):
            age = round(float(child(seed, "who", number, copy).uniform(*demographics.AGE_GROUPS[group])), 1)
            for state in states:
                made = pipeline(
                    STATES[state],
                    seed=seed + 100 * copy + number,
                    age=age,
                    gender=gender,
                    ethnicity=ethnicity,
                    size=SIZE,
                )
                name = f"{number:02d}-{copy}-{gender}-{ethnicity}-{group}-{state}.png"
                made.image.save(folder / name)
                rows.append((name, state, age, gender, ethnicity, group))
    with open(folder / "who.csv", "w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def score(folder: Path, answers: Path) -> None:
    """Print the shares read as intended by gender and state and by cell, and how ages follow the intended."""
    with open(folder / "who.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    heard = {answer["file"]: answer for answer in map(json.loads, answers.read_text().splitlines())}
    for state in dict.fromkeys(row["state"] for row in rows):
        mine = [row for row in rows if row["state"] == state]
        seen = [row for row in mine if heard[row["file"]]["found"]]
        right = {row["file"]: heard[row["file"]].get("gender") == row["gender"] for row in seen}
        for gender in demographics.GENDERS:
            intended = [right[row["file"]] for row in seen if row["gender"] == gender]
            _line(f"{state:8} {gender}", intended, WANTED[state])
            for part in ("ethnicity", "group"):
                for value in demographics.ETHNICITIES if part == "ethnicity" else demographics.AGE_GROUPS:
                    cell = [right[r["file"]] for r in seen if r["gender"] == gender and value == r[part]]
                    _line(f"{state:8} {gender:6}   {value}", cell, WANTED_CELL)
        dated = [row for row in seen if heard[row["file"]].get("age") is not None]
        meant = np.array([float(row["age"]) for row in dated])
        years = np.array([heard[row["file"]]["age"] for row in dated])
        ranks = float(spearmanr(meant, years).statistic)  # judges say whole years: many share a rank
        error = abs(years - meant)
        print(
            f"{state:8} found {len(seen)} of {len(mine)}, dated {len(dated)}; "
            f"age Spearman {ranks:.2f} (wanted {WANTED_AGE['Spearman']}), bias {(years - meant).mean():+.1f} years, "
            f"mean error {error.mean():.1f} years (wanted {WANTED_AGE['error']})"
        )
        for group in demographics.AGE_GROUPS:
            of = np.array([row["group"] == group for row in dated])
            if of.any():
                wanted = WANTED_AGE["error of a group"]
                print(f"{state:8} {group}: mean error {error[of].mean():.1f} years (wanted {wanted})")


def _line(title: str, right: list[bool], wanted: int) -> None:
    if right:
        share = 100 * float(np.mean(right))
        missed = "" if share >= wanted else ", missed"
        print(
            f"{title:32} read as intended {sum(right):3d} of {len(right):3d}  {share:5.1f} % (wanted {wanted}{missed})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("draw", "score"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("answers", type=Path, nargs="?", help="the judge's answers (score)")
    parser.add_argument("--judge", help="a command that is given the folder and prints the answers; they are kept")
    parser.add_argument("--of", type=int, default=1, help="people of each cell")
    parser.add_argument("--every", type=int, default=1, help="every so-manyth cell")
    parser.add_argument("--states", nargs="+", choices=tuple(STATES), default=list(STATES))
    parser.add_argument("--head", help="the head's name; the default one if not given")
    parser.add_argument("--seed", type=int, default=9000)
    asked = parser.parse_args()
    if asked.task == "draw":
        draw(asked.folder, asked.of, asked.seed, asked.head, asked.states, asked.every)
        return
    answers = asked.answers or asked.folder / "answers.jsonl"
    if asked.judge:
        said = subprocess.run([*shlex.split(asked.judge), str(asked.folder.resolve())], capture_output=True, check=True)
        answers.write_bytes(said.stdout)
    score(asked.folder, answers)


if __name__ == "__main__":
    main()
