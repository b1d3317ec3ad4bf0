"""A stranger to be tested on: trained on one head's faces, asked about the other's, and what each part is worth there.

    python benchmarks/transfer.py --set anny=runs/anny --set scan=runs/scan --out runs/transfer   # both ways
    python benchmarks/transfer.py --set anny=runs/anny --set scan=runs/scan --arm base --arm distilled
    python benchmarks/transfer.py --set anny=runs/anny --model vitpain --out runs/transfer       # a model that is there

Sets are generated ones (`3dpain generate --head ...`). An arm learns from a set's split train and is asked about the
set's split test and about everybody of the other sets. Beside the sets' pictures stand probes of new people, rendered
with each set's own head: every pain unit alone at its strongest, broad laughter, a neutral face. Finished arms and
answers are kept: the same command continues. Intervals are 95 %, people drawn with replacement.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import torch
from PIL import Image
from scipy import stats

from threedpain.facs import PAIN_UNITS, pspi
from threedpain.modeling.evaluation import metrics
from threedpain.modeling.evaluation.evaluate import predict
from threedpain.modeling.evaluation.report import FALSE_ALARM, in_mix
from threedpain.modeling.faces.faces import FaceSet, packed_size
from threedpain.modeling.faces.sets import face_set, training_sets
from threedpain.modeling.training.run import TrainConfig, train
from threedpain.modeling.vitpain.loading import load_model, load_processor
from threedpain.modeling.vitpain.recipes import DIET, PLAIN_TRUNK, STUDENT

logger = logging.getLogger(__name__)

PROBE_SIZE = 192  # pixels
LAUGHTER = {"AU6": 3.0, "AU12": 5.0, "AU25": 4.0, "AU26": 1.0}  # PSPI 3
PROBES: dict[str, dict[str, float]] = {
    "neutral": {}, "laughter": LAUGHTER, **{unit: {unit: 1.0 if unit == "AU43" else 5.0} for unit in PAIN_UNITS},
}  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """What differs from the student's recipe."""

    settings: dict[str, Any] = field(default_factory=dict)
    taught: bool = False
    role: str = "student"
    pain_only: bool = False  # learns from neutral and painful faces alone


ARMS: dict[str, Arm] = {
    "base": Arm(),
    "distilled": Arm(taught=True),
    "stem from nothing": Arm({"stem_weights": "none"}),
    "plain stem": Arm({"model": PLAIN_TRUNK}),
    "no covers": Arm({"diet": DIET | {"covered": 0.0}}),
    "no strangers": Arm({"diet": DIET | {"strangers": 0.0}}),
    "pain only": Arm({"diet": DIET | {"others": 0.0}}, pain_only=True),
    "no diet": Arm({"diet": {}}),
    "base, another seed": Arm({"seed": 1}),
    "teacher": Arm(role="teacher"),
}


@dataclass(frozen=True)
class Bench:
    """Sets by name, where results go, how long an arm learns and how many people are rendered as probes."""

    sets: dict[str, str]
    out: Path
    steps: int
    people: int

    @cached_property
    def packed(self) -> int:
        return packed_size(STUDENT["image_size"])

    def trained(self, name: str, on: str) -> Path:
        """The folder of an arm trained on one set; trained now, or continued, if it is not there."""
        arm, folder = ARMS[name], self.out / "arms" / on / name.replace(" ", "-").replace(",", "")
        if (folder / "config.json").exists():
            return folder
        learned, watched = training_sets([self.sets[on]], self.packed)
        if arm.pain_only:
            learned = learned.subset((learned.table["expression"] != "other").to_numpy())
        settings = {"epochs": self.steps * 48 / len(learned), "validations": 4, "validation_pictures": 300}
        config = TrainConfig.of(
            arm.role, out=str(folder), teacher=str(self.trained("teacher", on)) if arm.taught else None,
            **settings | arm.settings,
        )  # fmt: skip
        logger.info("%s, learning from %s: %d pictures", name, on, len(learned))
        return train(config, learned, watched)

    def pictures(self, on: str, learned_from: str | None) -> FaceSet:
        """A set's people who were not learned from."""
        return face_set(self.sets[on], "test" if on == learned_from else "all", self.packed)

    def answers(self, label: str, folder: Path, on: str, learned_from: str | None) -> dict[str, pd.DataFrame]:
        """The set's pictures and probes with the model's answers, by kind and reference; kept in parquet."""
        model, processor, found = load_model(folder), load_processor(folder), {}
        for kind in ("set", "probes"):
            for reference in ("realistic", "none"):
                file = self.out / "answers" / f"{label}-on-{on}-{kind}-{reference}.parquet"
                if not file.exists():
                    faces = self.pictures(on, learned_from) if kind == "set" else self.probes(on)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    predict(model, faces, processor=processor, reference=reference).to_parquet(file)
                found[f"{kind}, {reference}"] = pd.read_parquet(file)
        return found

    def probes(self, on: str) -> FaceSet:
        """New people of a set's head, each showing every one of PROBES, and at rest once more for a reference."""
        folder = self.out / "probes" / f"{on}-{self.people}.parquet"
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            plan = json.loads((Path(self.sets[on]) / "plan.json").read_text())["config"]
            rendered(plan["head"], self.people).to_parquet(folder)
        return FaceSet.pack(datasets.Dataset.from_parquet(str(folder)), size=self.packed)


def rendered(head: str, people: int) -> datasets.Dataset:
    """The probes of `people` new people, frontal, each in scenes of its own."""
    from threedpain.generation.dataset.rows import take
    from threedpain.generation.people.identity import sample_identity
    from threedpain.generation.pipeline import PainFacePipeline
    from threedpain.generation.seeds import child

    pipe, rows = PainFacePipeline.from_pretrained(device="cpu", head=head), []
    shown = [("rest", {}), *PROBES.items()]
    for number in range(people):
        seed = int(child(0, "transfer", number).integers(2**62))
        person = pipe.people([sample_identity(seed, head=pipe.head)])[0]
        for name, units in shown:
            view = "left" if name == "rest" else "front"
            sample = take(pipe, person, f"probe_{name}", units, view, PROBE_SIZE).sample
            rows.append({
                "id": f"{number}-{name}", "identity_id": f"{number:04d}", "view_id": view,
                "image": Image.fromarray(sample.image), "bbox": [float(edge) for edge in sample.bbox],
                "expression": "neutral" if name in ("rest", "neutral") else "pain" if name in PAIN_UNITS else "other",
                "expression_name": name, "PSPI": float(pspi(units)),
                **{unit: float(units.get(unit, 0.0)) for unit in PAIN_UNITS},
            })  # fmt: skip
    features = datasets.Dataset.from_list(rows[:1]).features | {"image": datasets.Image()}
    return datasets.Dataset.from_list(rows, features=datasets.Features(features))


def figures(told: dict[str, pd.DataFrame], rounds: int) -> dict[str, list[float]]:
    """Every figure of a model on a set: name -> [value, low, high]."""
    found: dict[str, list[float]] = {}

    def add(name: str, table: pd.DataFrame, figure: Callable[[pd.DataFrame], float]) -> None:
        if len(table):
            interval = metrics.bootstrap(lambda at: figure(table.iloc[at]), table["identity"], rounds)
            found[name] = [figure(table), *interval]

    for reference in ("realistic", "none"):
        table = told[f"set, {reference}"]
        mix = table[in_mix(table)]
        add(f"MAE, {reference}", mix, lambda t: metrics.mae(t["PSPI"], t["pspi_hat"]))
        add(f"bias, {reference}", mix, lambda t: float((t["pspi_hat"] - t["PSPI"]).mean()))
        add(f"Pearson, {reference}", mix, lambda t: metrics.pearson(t["PSPI"], t["pspi_hat"]))
        add(f"AUROC(3), {reference}", mix, lambda t: metrics.auroc(t["PSPI"] >= 3, t["pspi_hat"]))
        if "low" in mix:
            add(f"coverage, {reference}", mix, lambda t: float(t["PSPI"].between(t["low"], t["high"]).mean()))
    everything = told["set, realistic"]
    if "pspi_from_au" in everything:
        add("PSPI apart from its units", everything, lambda t: float((t["pspi_hat"] - t["pspi_from_au"]).abs().mean()))
    if "AU4_hat" in everything:
        for unit in PAIN_UNITS:
            add(f"{unit} Spearman", everything, lambda t, u=unit: float(stats.spearmanr(t[u], t[f"{u}_hat"]).statistic))
    probes = told["probes, realistic"]
    if "AU4_hat" in probes:
        for unit in PAIN_UNITS:
            alone = probes[probes["expression_name"] == unit]
            add(f"{unit} alone at {PROBES[unit][unit]:g}", alone, lambda t, u=unit: float(t[f"{u}_hat"].mean()))
    laughter = probes[probes["expression_name"] == "laughter"]
    add("laughter above its truth", laughter, lambda t: float((t["pspi_hat"] - t["PSPI"]).mean()))
    add("laughter, false alarms", laughter, lambda t: float((t["pspi_hat"] - t["PSPI"] >= FALSE_ALARM).mean()))
    add("laughter under 7", laughter, lambda t: float((t["pspi_hat"] < 7).mean()))
    alone = told["probes, none"]
    neutral = alone[alone["expression_name"] == "neutral"]
    add("neutral without reference", neutral, lambda t: float(t["pspi_hat"].mean()))
    add("neutral without reference, 95th percentile", neutral, lambda t: float(t["pspi_hat"].quantile(0.95)))
    return found


def as_table(columns: dict[str, dict[str, list[float]]]) -> str:
    """Markdown: a row a figure, a column a model on a set."""
    names = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    cell = lambda found: "{:.2f} ({:.2f} to {:.2f})".format(*found) if found else ""  # noqa: E731
    lines = [["figure", *columns], ["---"] * (1 + len(columns))]
    lines += [[name, *(cell(figures.get(name)) for figures in columns.values())] for name in names]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--set", action="append", required=True, metavar="NAME=PATH", help="a generated set; repeatable"
    )
    parser.add_argument("--arm", choices=ARMS, action="append", help="repeatable; default: all but the teacher")
    parser.add_argument("--model", action="append", help="judge this model on every set, train nothing; repeatable")
    parser.add_argument("--learned-from", help="with --model: the set it knows, asked about its test people alone")
    parser.add_argument("--out", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--steps", type=int, default=800, help="updates of 48 pictures an arm")
    parser.add_argument("--people", type=int, default=50, help="people rendered as probes")
    parser.add_argument("--rounds", type=int, default=500, help="of the bootstrap")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(given.threads)
    bench = Bench(dict(pair.split("=", 1) for pair in given.set), given.out, given.steps, given.people)
    columns: dict[str, dict[str, list[float]]] = {}
    if given.model:
        asked = [(Path(model).name, model, given.learned_from, on) for model in given.model for on in bench.sets]
    else:
        arms = given.arm or [name for name in ARMS if name != "teacher"]
        asked = [(name, None, learned, on) for name in arms for learned in bench.sets for on in bench.sets]
    for name, model, learned, on in asked:
        folder = model or bench.trained(name, learned)
        label = f"{name}{f' from {learned}' if learned else ''}"
        columns[f"{label}, on {on}"] = figures(bench.answers(label, folder, on, learned), given.rounds)
        (given.out / "transfer.json").write_text(json.dumps(columns, indent=1) + "\n")
        (given.out / "transfer.md").write_text(as_table(columns) + "\n")
    logger.info("%s", as_table(columns))


if __name__ == "__main__":
    main()
