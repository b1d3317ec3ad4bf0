"""What each part of ViTPain is worth: one small run an arm, one table an experiment, intervals over people.

    python benchmarks/experiments.py --data 3dpain --out runs/experiments                    # all of them
    python benchmarks/experiments.py --data 3dpain --out runs/experiments --only distillation

An arm is a training configuration and the pictures it may learn from. Finished arms are kept: the same command
continues. The test people are the same for all arms; aligned references are used where the set has them.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from threedpain.modeling.data import FaceSet, packed_size
from threedpain.modeling.evaluate import predict
from threedpain.modeling.loading import load_model, load_processor
from threedpain.modeling.recipes import STUDENT, TEACHER
from threedpain.modeling.report import in_mix, overall
from threedpain.modeling.sets import face_set, training_sets
from threedpain.modeling.train import TrainConfig, train

logger = logging.getLogger(__name__)

# 80 pixels looked at 70 %: a quarter of the shipped student's work.
SMALL = {"image_size": 80, "stem_widths": [24, 48, 96], "stem_depths": [0, 1, 1]}
SMALL_BACKBONE = {"hidden_size": 192, "num_hidden_layers": 2, "intermediate_size": 384, "patch_size": 1}


@dataclass(frozen=True)
class Arm:
    """One run: changes to the settings, who is learned from, and the reference it is tested with."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    identities: int | None = 150
    where: tuple[str, ...] = ()
    taught: bool = False
    tests: tuple[tuple[str, int], ...] = (("realistic", 1),)  # (condition, references)


def _without(*losses: str) -> dict[str, Any]:
    return {"loss_weights": dict.fromkeys(losses, 0.0)}


EXPERIMENTS: dict[str, tuple[Arm, ...]] = {
    "distillation": (Arm("undistilled"), Arm("distilled", taught=True)),
    "reference": (
        Arm("trained with references", tests=(("realistic", 1), ("realistic", 3), ("aligned", 1), ("none", 1))),
        Arm("trained without", {"model": {"reference": "none"}}, tests=(("none", 1),)),
    ),
    "au-head": (Arm("with AU head"), Arm("without AU head", {"model": {"au_head": False}})),
    "heatmap-head": (Arm("with heatmap head"), Arm("without heatmap head", _without("heatmap", "mask"))),
    "identities": tuple(Arm(f"{count} identities", identities=count) for count in (50, 150, 500)),
    "age": (
        Arm("young only", where=("age_group=18-29,30-44",)),
        Arm("old only", where=("age_group=60-74,75-90",)),
        Arm("both", where=("age_group=18-29,30-44,60-74,75-90",)),
    ),
    "ethnicity": tuple(
        Arm(f"{name} only", where=(f"ethnicity={name}",))
        for name in ("black", "white", "middle_eastern", "south_asian", "east_asian")
    ),
}
GROUPS = {"age": "age_group", "ethnicity": "ethnicity"}  # tested by these groups, too


def run_arm(arm: Arm, out: Path, sets: tuple[FaceSet, FaceSet], teacher: Path, steps: int, seed: int) -> Path:
    """Train an arm; every arm takes the same number of steps whatever its number of people."""
    if (out / "config.json").exists():
        return out
    train_set, validation_set = sets
    if arm.where:
        train_set = train_set.where(arm.where)
    if arm.identities:
        train_set = train_set.first_identities(min(arm.identities, train_set.table["identity"].nunique()))
    settings = dict(arm.settings)
    model = {**SMALL, "backbone_config": STUDENT["backbone_config"] | SMALL_BACKBONE, **settings.pop("model", {})}
    config = TrainConfig.of(
        "student", out=str(out), model=model, teacher=str(teacher) if arm.taught else None, seed=seed,
        epochs=steps * 48 / len(train_set), validations=4, validation_pictures=600, **settings,
    )  # fmt: skip
    return train(config, train_set, validation_set)


def judge(folder: Path, arm: Arm, test_set: FaceSet, group: str | None, rounds: int) -> list[dict]:
    model, processor = load_model(folder), load_processor(folder)
    rows = []
    for condition, shots in arm.tests:
        if not test_set.can(condition):
            continue
        table = predict(model, test_set, processor=processor, reference=condition, shots=shots)
        table = table[in_mix(table)].reset_index(drop=True)
        parts = {"all": table} | ({name: part for name, part in table.groupby(group)} if group else {})
        for name, part in parts.items():
            figures = overall(part.reset_index(drop=True), None, rounds)
            rows.append({"arm": arm.name, "reference": f"{condition} x {shots}", "tested on": name,
                         **{key: figures[key] for key in ("mae", "pearson", "auroc3")}})  # fmt: skip
    return rows


def as_table(rows: list[dict]) -> str:
    lines = ["| arm | reference | tested on | MAE | Pearson | AUROC(PSPI >= 3) |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = [f"{row[key][0]:.3f} ({row[key][1]:.3f} to {row[key][2]:.3f})" for key in ("mae", "pearson", "auroc3")]
        lines.append(f"| {row['arm']} | {row['reference']} | {row['tested on']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a set with the splits train, validation and test")
    parser.add_argument("--out", type=Path, default=Path("runs/experiments"))
    parser.add_argument("--only", choices=EXPERIMENTS, action="append", help="repeatable; default: all")
    parser.add_argument("--steps", type=int, default=1000, help="updates of 48 pictures per arm")
    parser.add_argument("--rounds", type=int, default=500, help="of the bootstrap")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(given.threads)
    size = packed_size(SMALL["image_size"])
    sets, test_set = training_sets(given.data, size), face_set(given.data, "test", size)
    teacher = given.out / "teacher"
    wanted = given.only or list(EXPERIMENTS)
    if any(arm.taught for name in wanted for arm in EXPERIMENTS[name]) and not (teacher / "config.json").exists():
        backbone = {**TEACHER["backbone_config"], "patch_size": 1}
        config = TrainConfig.of("teacher", out=str(teacher), model={"image_size": 80, "backbone_config": backbone})
        train(config, *sets)
    for name in wanted:
        rows = []
        for number, arm in enumerate(EXPERIMENTS[name]):
            folder = run_arm(arm, given.out / name / str(number), sets, teacher, given.steps, given.seed)
            rows += judge(folder, arm, test_set, GROUPS.get(name), given.rounds)
        (given.out / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")
        (given.out / f"{name}.md").write_text(as_table(rows))
        logger.info("%s\n%s", name, as_table(rows))


if __name__ == "__main__":
    main()
