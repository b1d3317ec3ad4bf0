"""Take the finished runs of `make weights-vitpain` into threedpain/weights: the last step of that run.

    python model_cards/ship.py [--runs runs] [--processes 2]      teacher and student, and what they are judged by
    python model_cards/ship.py [--runs runs] --judged             the latter alone: of the weights that are there

Beside the weights come what they are judged by (results.json, report.md), how they were trained (train.json, log.jsonl)
and training.md, written here from the records of the sets and of the runs, so that none of its figures is typed.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from huggingface_hub import DatasetCard

from threedpain.errors import InvalidInput

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "threedpain" / "weights"
CODE = ROOT / "modeling" / "vitpain"
TRAINED = ("config.json", "preprocessor_config.json", "model.safetensors", "train.json", "log.jsonl")
JUDGED = ("results.json", "report.md")
SELF_CONTAINED = (
    "configuration_vitpain.py",
    "modeling_vitpain.py",
    "image_processing_vitpain.py",
    "pipeline_vitpain.py",
)
EVALUATIONS = {"vitpain-teacher": "evaluation-teacher", "vitpain": "evaluation"}


def ship(runs: Path, weights: Path = WEIGHTS, processes: int = 1) -> None:
    """Copy teacher and student of the folder `runs` into `weights`; nothing is touched unless all of it is there."""
    needed = [runs / name / file for name in EVALUATIONS for file in TRAINED]
    needed += [runs / evaluation / file for evaluation in EVALUATIONS.values() for file in JUDGED]
    needed += [runs / name / "README.md" for name in ("train", "test")]
    missing = [str(path) for path in needed if not path.is_file()]
    if missing:
        raise InvalidInput(f"{missing[0]} is missing: `make weights-vitpain` makes it")
    learned, asked = (made(runs / name) for name in ("train", "test"))
    versions = {facts["generator_version"] for facts in (learned, asked)}
    if len(versions) > 1:
        raise InvalidInput(f"{runs}/train and {runs}/test are of the generators {' and '.join(sorted(versions))}")
    for name, evaluation in EVALUATIONS.items():
        folder = weights / name
        for source in [runs / name / file for file in TRAINED] + [runs / evaluation / file for file in JUDGED]:
            shutil.copyfile(source, folder / source.name)
        for file in SELF_CONTAINED:
            if (folder / file).is_file():
                shutil.copyfile(CODE / file, folder / file)
        (folder / "training.md").write_text(record(runs / name, learned, asked, processes))


def judge(runs: Path, weights: Path = WEIGHTS) -> None:
    """What `make judged` found of the weights that are in `weights`, and in their training.md on whom."""
    needed = [runs / evaluation / file for evaluation in EVALUATIONS.values() for file in JUDGED]
    missing = [str(path) for path in [*needed, runs / "test" / "README.md"] if not path.is_file()]
    if missing:
        raise InvalidInput(f"{missing[0]} is missing: `make judged` makes it")
    asked = judged_on(made(runs / "test"))
    for name, evaluation in EVALUATIONS.items():
        for file in JUDGED:
            shutil.copyfile(runs / evaluation / file, weights / name / file)
        page = weights / name / "training.md"
        lines = page.read_text().splitlines()
        page.write_text("\n".join([*lines[:-1], asked]) + "\n")


def judged_on(asked: dict) -> str:
    """The last line of training.md: whom `results.json` is about."""
    return (
        f"- `results.json`, `report.md`: {asked['people']:,} people of generator {asked['generator_version']}, "
        f"`3dpain generate {_options(asked)}`, whom no step, choice or calibration saw."
    )


def made(folder: Path) -> dict:
    """What a generated set says of itself on its card: generator, command, people and pictures."""
    return DatasetCard.load(folder / "README.md").data.to_dict()["generated_by"]


def record(run: Path, learned: dict, asked: dict, processes: int) -> str:
    """training.md of one run, a text for people who want to know what was done."""
    settings = json.loads((run / "train.json").read_text())
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    best = min(log, key=lambda line: line["mae"])
    people, options, splits = learned["people_in_each_split"], _options(learned), settings.get("splits", ["train"])
    lines = [
        "# How these weights were made",
        "",
        f"One run, from one state of the generator ({learned['generator_version']}, the "
        f"{learned['parameters']['head']} head): `make weights-vitpain`.",
        "",
        f"- Pictures: `3dpain generate {options}`: {learned['people']:,} people, {learned['pictures']:,} pictures.",
        f"- Learned from the {sum(people[split] for split in splits):,} people of the split"
        f"{'s' if len(splits) > 1 else ''} {' and '.join(splits)}: {settings['epochs']:g} epochs, "
        f"{log[-1]['step']:,} steps of {settings['batch_size']} pictures, seed {settings['seed']}. The best of "
        f"{len(log)} validations on {people['validation']:,} other people is kept: MAE {best['mae']:.2f} at step "
        f"{best['step']:,}, {log[0]['mae']:.2f} at the first.",
        *_lessons(settings),
        f"- Time: {log[-1]['seconds'] / 60:.0f} minutes of training, {processes} "
        f"process{'es' if processes > 1 else ''} of one thread each, {'a' if torch.cuda.is_available() else 'no'} GPU, "
        f"{'float32' if settings['precision'] == 'no' else settings['precision']}.",
        "- `train.json` are the settings, `log.jsonl` the course.",
        judged_on(asked),
    ]
    return "\n".join(lines) + "\n"


def _lessons(settings: dict) -> list[str]:
    """What a student learned beside the labels."""
    if settings["role"] != "student":
        return []
    references = ", ".join(f"{name} {share:.0%}" for name, share in settings["references"].items())
    diet = ", ".join(f"{name} {share:.0%}" for name, share in settings["diet"].items())
    return [
        f"- Teacher: `{Path(settings['teacher']).name}`. References: {references}. Of a step's pictures: {diet} "
        "(docs/training.md says what these are)."
    ]


def _options(facts: dict) -> str:
    """The options of the command that made a set, but for the folder."""
    words = facts["command"].removeprefix("3dpain generate ").split()
    at = words.index("--out")
    return " ".join(words[:at] + words[at + 2 :])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    parser.add_argument("--processes", type=int, default=1, help="that trained, for training.md")
    parser.add_argument("--judged", action="store_true", help="the weights stay: take what `make judged` found of them")
    given = parser.parse_args()
    try:
        if given.judged:
            judge(given.runs)
        else:
            ship(given.runs, processes=given.processes)
    except InvalidInput as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
