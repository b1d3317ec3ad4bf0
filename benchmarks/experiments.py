"""What each part of ViTPain is worth: one small run an arm, one table an experiment, intervals over people.

    python benchmarks/experiments.py --data 3dpain --out runs/experiments                              # all of them
    python benchmarks/experiments.py --data 3dpain --out runs/experiments --only distillation --only age
    python benchmarks/experiments.py --data 3dpain --test 3dpain-new --page docs/experiments.md --finished

An arm is a change of the base's settings or of the people it may learn from. It is trained once, whatever number of
tables it stands in, for as many steps as every other arm, and asked about the same test people. The first row of a
table is the one the others are compared with, picture by picture. Finished arms and answers are kept: the same command
continues. Writes a page with all tables (experiments_page.py), and the figures beside it as JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from threedpain.dataset_script.load import load
from threedpain.demographics import ETHNICITIES
from threedpain.modeling.evaluation import metrics
from threedpain.modeling.evaluation.evaluate import predict
from threedpain.modeling.evaluation.report import in_mix
from threedpain.modeling.faces.faces import FaceSet, packed_size
from threedpain.modeling.faces.retake import add_aligned
from threedpain.modeling.faces.sets import face_set, training_sets
from threedpain.modeling.training.run import TrainConfig, train
from threedpain.modeling.vitpain.loading import load_model, load_processor
from threedpain.modeling.vitpain.recipes import RECIPES

logger = logging.getLogger(__name__)

# 64 pixels looked at 70 %: about a twentieth of the shipped student's work.
SIZE, PACKED = 64, packed_size(80)
TRUNK = {"stem": "plain", "stem_widths": [16, 32, 64], "stem_depths": [0, 0, 1]}
BACKBONE = {
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "intermediate_size": 256,
    "patch_size": 1,
    "initializer_range": 128**-0.5,
}  # the usual 0.02 suits wide ViTs; narrow ones begin slowly with it
# So short a run does not get beyond guessing the mean when its pictures are turned, moved and coloured as well.
SETTINGS = {"precision": "bf16", "average": 0.99, "validations": 2, "validation_pictures": 300, "augment": False,
            "diet": {}, "references": {"realistic": 0.5, "aligned": 0.3, "none": 0.2}}  # fmt: skip
WATCHED, TESTED = 30, 100  # people, at most


@dataclass(frozen=True)
class Arm:
    """One run: what is trained, what differs from the base's settings, and whom it learns from."""

    role: str = "student"
    model: dict[str, Any] = field(default_factory=dict)
    losses_off: tuple[str, ...] = ()
    identities: int | None = 150  # at most; None: everybody
    where: tuple[str, ...] = ()
    taught: bool = False
    seed: int = 0
    longer: int = 1  # times as many steps


def model_of(arm: Arm) -> dict[str, Any]:
    """The changes of an arm to its role's model configuration."""
    model: dict[str, Any] = {"image_size": SIZE}
    if arm.role in ("student", "au-linear"):
        model |= TRUNK | {"backbone_config": RECIPES["student"]["model"]["backbone_config"] | BACKBONE}
    elif arm.role == "teacher":
        model["backbone_config"] = RECIPES["teacher"]["model"]["backbone_config"] | {"patch_size": 1}
    return model | arm.model


@dataclass(frozen=True)
class Row:
    """A line of a table: an arm, and the neutral reference it is asked with."""

    label: str
    arm: str = "base"
    reference: str = "realistic"
    shots: int = 1


ARMS: dict[str, Arm] = {
    "base": Arm(),
    "teacher": Arm(role="teacher"),
    "distilled": Arm(taught=True),
    "vanilla": Arm(role="vanilla"),
    "pairwise": Arm(role="pairwise"),
    "au-linear": Arm(role="au-linear"),
    "no-reference": Arm(model={"reference": "none", "stem_differences": False}),
    "late-comparison": Arm(model={"stem_differences": False}),
    "no-au-head": Arm(model={"au_head": False}),
    "no-heatmap": Arm(losses_off=("heatmap",)),
    "no-maps": Arm(model={"heatmap_upsample": 0}),
    "people-50": Arm(identities=50),
    "people-all": Arm(identities=None),
    "young": Arm(where=("age_group=18-29,30-44",)),
    "old": Arm(where=("age_group=60-74,75-90",)),
    **{name: Arm(where=(f"ethnicity={name}",), identities=50) for name in ETHNICITIES},
    "base-other-seed": Arm(seed=1),
}
EXPERIMENTS: dict[str, tuple[Row, ...]] = {
    "distillation": (Row("undistilled"), Row("distilled", "distilled"), Row("undistilled, another seed",
                     "base-other-seed"), Row("the teacher, on heatmaps", "teacher")),
    "reference": (Row("realistic"), Row("realistic, 3 references", shots=3), Row("aligned", reference="aligned"),
                  Row("none", reference="none"), Row("none, trained without", "no-reference", "none"),
                  Row("realistic, compared after the stem only", "late-comparison"),
                  Row("aligned, compared after the stem only", "late-comparison", "aligned")),
    "au-head": (Row("with AU head"), Row("without", "no-au-head")),
    "heatmap-head": (Row("with heatmap"), Row("without heatmap, with the parts of the face", "no-heatmap"),
                     Row("without both maps", "no-maps")),
    "identities": (Row("150 people"), Row("50 people", "people-50"), Row("all people", "people-all")),
    "age": (Row("all ages"), Row("18 to 44 only", "young"), Row("60 to 90 only", "old")),
    "ethnicity": (Row("every ethnicity", "people-50"), *(Row(f"{name} only", name) for name in ETHNICITIES)),
}  # fmt: skip
GROUPS = {"age": "age_group", "ethnicity": "ethnicity"}  # told apart in these tables


@dataclass(frozen=True)
class Bench:
    """Where the pictures come from, where results go, and how long an arm is trained.

    data: learned from: its split train, or everybody when there is another set to test on.
    test: the other set: its first people are tested on, the next ones watched. None: the splits of `data`.
    """

    data: str
    test: str | None
    out: Path
    steps: int

    @cached_property
    def learners(self) -> tuple[FaceSet, FaceSet]:
        """Training people, and the people watched."""
        if self.test is None:
            train_set, watched = training_sets([self.data], PACKED)
            return train_set, watched.first_identities(min(WATCHED, watched.table["identity"].nunique()))
        return face_set(self.data, "all", PACKED), self._new(TESTED, TESTED + WATCHED)

    @cached_property
    def tested(self) -> FaceSet:
        """The test mix, neutral and painful pictures, of people no arm learns from; with aligned references."""
        faces = self._new(0, TESTED)
        return faces.subset(in_mix(faces.table))

    def _new(self, start: int, stop: int) -> FaceSet:
        """People start .. stop of the set to test on."""
        dataset = load(self.test or self.data, split="test" if self.test is None else "all", config="images")
        chosen = set(list(dict.fromkeys(dataset["identity_id"]))[start:stop])
        return FaceSet.pack(add_aligned(dataset.select(_rows(dataset, chosen))), size=PACKED)

    def people(self, arm: Arm) -> FaceSet:
        faces = self.learners[0]
        faces = faces.where(arm.where) if arm.where else faces
        known = faces.table["identity"].nunique()
        return faces.first_identities(min(arm.identities or known, known))

    def run(self, name: str) -> Path:
        """The folder of a trained arm; trained now if it is not there, or continued."""
        arm, folder = ARMS[name], self.out / "arms" / name
        if (folder / "config.json").exists():
            return folder
        faces, started = self.people(arm), time.process_time()
        config = TrainConfig.of(
            arm.role, out=str(folder), model=model_of(arm), loss_weights=dict.fromkeys(arm.losses_off, 0.0),
            teacher=str(self.run("teacher")) if arm.taught else None, seed=arm.seed,
            **SETTINGS | {"epochs": self.steps * arm.longer * 48 / len(faces)},
        )  # fmt: skip
        logger.info("%s: %d pictures of %d people", name, len(faces), faces.table["identity"].nunique())
        train(config, faces, self.learners[1])
        about = {"arm": asdict(arm), "people": int(faces.table["identity"].nunique()), "pictures": len(faces),
                 "steps": self.steps * arm.longer, "cpu_seconds": round(time.process_time() - started)}  # fmt: skip
        (folder / "arm.json").write_text(json.dumps(about, indent=1) + "\n")
        return folder

    def _answers(self, row: Row) -> Path:
        return self.out / "answers" / f"{row.arm}-{row.reference}-{row.shots}.parquet"

    def ask(self, row: Row) -> pd.DataFrame:
        """Answers on the test mix, one row a picture, the same pictures for every row."""
        file = self._answers(row)
        if not file.exists():
            folder = self.run(row.arm)
            table = predict(load_model(folder), self.tested, processor=load_processor(folder), reference=row.reference,
                            shots=row.shots)  # fmt: skip
            file.parent.mkdir(parents=True, exist_ok=True)
            table.to_parquet(file)
        return pd.read_parquet(file)


def _rows(dataset, people: set[str]) -> list[int]:
    return [row for row, name in enumerate(dataset["identity_id"]) if name in people]


def figures(told: pd.DataFrame, first: pd.DataFrame, rounds: int) -> dict[str, list[float]]:
    """MAE, Pearson, AUROC(PSPI >= 3), and how much further from the truth than the first row; value, low, high."""
    truth, guess = told["PSPI"].to_numpy(float), told["pspi_hat"].to_numpy(float)
    further = np.abs(guess - truth) - np.abs(first["pspi_hat"].to_numpy(float) - truth)
    statistics = {
        "mae": lambda at: metrics.mae(truth[at], guess[at]),
        "pearson": lambda at: metrics.pearson(truth[at], guess[at]),
        "auroc3": lambda at: metrics.auroc(truth[at] >= 3, guess[at]),
        "further": lambda at: float(further[at].mean()),
    }
    everyone, people = np.arange(len(told)), told["identity"].to_numpy()
    return {name: [figure(everyone), *metrics.bootstrap(figure, people, rounds)] for name, figure in statistics.items()}


def measure(bench: Bench, name: str, rounds: int, finished: bool) -> list[dict]:
    """The lines of one experiment's table; `finished`: of arms that are there, training none."""
    rows, first, group = [], None, GROUPS.get(name)
    wanted = [row for row in EXPERIMENTS[name] if not finished or (bench.out / "arms" / row.arm / "arm.json").exists()]
    if len(wanted) < 2 or wanted[0] != EXPERIMENTS[name][0]:
        return []
    for row in wanted:
        told = bench.ask(row).set_index("id", drop=False)
        first = told if first is None else first
        parts = {"all": told} | ({str(level): part for level, part in told.groupby(group)} if group else {})
        about = json.loads((bench.run(row.arm) / "arm.json").read_text())
        rows += [
            {"row": asdict(row), "trained_on": about["people"], "tested_on": part_name, "pictures": len(part),
             "people": int(part["identity"].nunique()),
             "guessing": float((part["PSPI"] - part["PSPI"].mean()).abs().mean()),
             "figures": figures(part, first.loc[part.index], rounds)}
            for part_name, part in parts.items()
        ]  # fmt: skip
    return rows


def about(bench: Bench) -> dict[str, Any]:
    """How the finished arms were trained, and on what; `arms`: in which settings each differs from the base."""
    plain = json.loads(json.dumps(asdict(ARMS["base"])))
    arms = {file.parent.name: json.loads(file.read_text()) for file in sorted(bench.out.glob("arms/*/arm.json"))}
    differ = {
        name: {key: value for key, value in arm["arm"].items() if value != plain[key]} for name, arm in arms.items()
    }
    found = {
        "size": SIZE, "steps": bench.steps, "people": ARMS["base"].identities, "seed": ARMS["base"].seed,
        "arms": differ, "cpu_minutes": round(sum(arm["cpu_seconds"] for arm in arms.values()) / 60),
        "data": _of(bench.data),
    }  # fmt: skip
    return found | ({"test": _of(bench.test)} if bench.test else {})


def _of(data: str) -> str:
    plan = json.loads((Path(data) / "plan.json").read_text())
    config = plan["config"]
    return (
        f"{config['identities']} people, {config['size']} pixels, seed {config['seed']}, "
        f"generator {plan['generator_version']}"
    )


def main() -> None:
    from experiments_page import as_table, page  # both stand beside this file, which tests load by its path
    from kept import check_same, plan_of

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a generated set to learn from")
    parser.add_argument("--test", help="another generated set to test on; then all people of --data are learned from")
    parser.add_argument("--out", type=Path, default=Path("runs/experiments"))
    parser.add_argument("--only", choices=EXPERIMENTS, action="append", help="repeatable; default: all")
    parser.add_argument("--arms", choices=ARMS, nargs="+", help="train these alone, in this order; no tables")
    parser.add_argument("--finished", action="store_true", help="train nothing: tables of the arms that are there")
    parser.add_argument("--page", type=Path, help="where the page goes; default: experiments.md in --out")
    parser.add_argument("--steps", type=int, default=350, help="updates of 48 pictures per arm")
    parser.add_argument("--rounds", type=int, default=1000, help="of the bootstrap")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(given.threads)
    torch.backends.cuda.enable_flash_sdp(False)  # for a few dozen tokens its backward is a CPU's slowest step
    bench = Bench(given.data, given.test, given.out, given.steps)
    plans = {name: plan_of(data) for name, data in (("data", given.data), ("test", given.test)) if data}
    check_same(given.out / "made_of.json", {"steps": given.steps, **plans})
    if given.arms:
        for name in given.arms:
            bench.run(name)
        return
    target = given.page or given.out / "experiments.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    file = target.with_suffix(".json")
    content = json.loads(file.read_text()) if given.only and file.is_file() else {"tables": {}}
    former, now = content.get("about"), about(bench)
    if former and any(former.get(key) != now.get(key) for key in ("size", "steps", "people", "seed", "data", "test")):
        parser.error(f"{file} has tables of other data or steps, which --only would keep: name another --page")
    for name in given.only or EXPERIMENTS:
        content["tables"][name] = measure(bench, name, given.rounds, given.finished)
        content["about"] = about(bench)
        logger.info("%s\n%s", name, as_table(content["tables"][name]))
        file.write_text(json.dumps(content, indent=1) + "\n")
        target.write_text(page(content))


if __name__ == "__main__":
    main()
