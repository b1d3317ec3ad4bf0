"""A stranger to be tested on: trained on one head's faces, asked about the other's, and what each part is worth there.

    python benchmarks/transfer.py --set anny=runs/anny --set scan=runs/scan --out runs/transfer   # both ways
    python benchmarks/transfer.py --set anny=runs/anny --set scan=runs/scan --arm base --arm distilled
    python benchmarks/transfer.py --set anny=runs/anny --model vitpain --out runs/transfer       # a model that is there

Sets are generated ones (`3dpain generate --head ...`). An arm learns from a set's split train and is asked about the
set's split test and about everybody of the other sets. `--scans FOLDER` (ICT-FaceKit, as for `make weights-head-scan`)
adds people who move as the scans did: the scans' own expressions, no manner of their own, one amplitude for all units,
folds by another rule. Beside the sets' pictures stand probes of new people, rendered with each set's own head: every
pain unit alone at its strongest, broad laughter, a neutral face. Finished arms and answers are kept: the same command
continues. Intervals are 95 %, people drawn with replacement.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import torch
from PIL import Image
from scipy import stats

from threedpain.errors import ThreeDPainError
from threedpain.expressions import SINGLE, sample_for_pspi
from threedpain.facs import PAIN_UNITS, pspi
from threedpain.generation.dataset.rows import take
from threedpain.generation.head.build.ict import Scans, read_scans
from threedpain.generation.head.build.scan import build
from threedpain.generation.head.build.scan_units import scanned_fields
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.pipeline import PainFacePipeline
from threedpain.generation.records import FURROWS, Identity
from threedpain.generation.seeds import child
from threedpain.modeling.evaluation import metrics
from threedpain.modeling.evaluation.evaluate import predict
from threedpain.modeling.evaluation.report import FALSE_ALARM, in_mix
from threedpain.modeling.faces.faces import FaceSet, packed_size
from threedpain.modeling.faces.sets import face_set, training_sets
from threedpain.modeling.training.run import TrainConfig, train
from threedpain.modeling.vitpain.loading import load_model, load_processor
from threedpain.modeling.vitpain.recipes import DIET, PLAIN_TRUNK, STUDENT
from threedpain.schema import GENERATOR_VERSION

logger = logging.getLogger(__name__)

PROBE_SIZE = 192  # pixels
SCANS = "scans"  # name of the set of people who move as the scans did
DRAWN = 4  # painful expressions of each of them
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
    without: str = ""  # a kind or a name of expressions that it does not learn from


ARMS: dict[str, Arm] = {
    "base": Arm(),
    "distilled": Arm(taught=True),
    "stem from nothing": Arm({"stem_weights": "none"}),
    "plain stem": Arm({"model": PLAIN_TRUNK}),
    "no covers": Arm({"diet": DIET | {"covered": 0.0}}),
    "no strangers": Arm({"diet": DIET | {"strangers": 0.0}}),
    "no single units": Arm(without=SINGLE),
    "pain only": Arm({"diet": DIET | {"others": 0.0}}, without="other"),
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
    scans: Scans | None = None

    @cached_property
    def packed(self) -> int:
        return packed_size(STUDENT["image_size"])

    def trained(self, name: str, on: str) -> Path:
        """The folder of an arm trained on one set; trained now, or continued, if it is not there."""
        from kept import check_same, plan_of  # stands beside this file, which tests load by its path

        arm, folder = ARMS[name], self.out / "arms" / on / name.replace(" ", "-").replace(",", "")
        check_same(folder.parent / "made_of.json", {"steps": self.steps, "set": plan_of(self.sets[on])})
        if (folder / "config.json").exists():
            return folder
        learned, watched = training_sets([self.sets[on]], self.packed)
        if arm.without:
            shown = learned.table[["expression", "expression_name"]]
            learned = learned.subset((shown != arm.without).all(axis=1).to_numpy())
        settings = {"epochs": self.steps * 48 / len(learned), "validations": 4, "validation_pictures": 300}
        config = TrainConfig.of(
            arm.role, out=str(folder), teacher=str(self.trained("teacher", on)) if arm.taught else None,
            **settings | arm.settings,
        )  # fmt: skip
        logger.info("%s, learning from %s: %d pictures", name, on, len(learned))
        return train(config, learned, watched)

    def pictures(self, on: str, learned_from: str | None) -> FaceSet:
        """A set's people who were not learned from."""
        if on == SCANS:
            return self._rendered(SCANS, "set", lambda number: {"rest": {}, "neutral": {}, **_painful(number)})
        return face_set(self.sets[on], "test" if on == learned_from else "all", self.packed)

    def answers(self, label: str, folder: Path, on: str, learned_from: str | None) -> dict[str, pd.DataFrame]:
        """The set's pictures and probes with the model's answers, by kind and reference; kept in parquet, one for these
        weights."""
        from kept import mark

        model, processor, found = load_model(folder), load_processor(folder), {}
        asked_of = mark(self._made_of(on), model)
        for kind in ("set", "probes"):
            for reference in ("realistic", "none"):
                asked = f"{kind}-{self.people}" if kind == "probes" or on == SCANS else kind  # how many were rendered
                file = self.out / "answers" / f"{label}-on-{on}-{asked}-{reference}-{asked_of}.parquet"
                if not file.exists():
                    faces = self.pictures(on, learned_from) if kind == "set" else self.probes(on)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    predict(model, faces, processor=processor, reference=reference).to_parquet(file)
                found[f"{kind}, {reference}"] = pd.read_parquet(file)
        return found

    def probes(self, on: str) -> FaceSet:
        """New people of a set's head, each showing every one of PROBES, and at rest once more for a reference."""
        return self._rendered(on, "probes", lambda number: {"rest": {}, **PROBES})

    def _rendered(self, on: str, kind: str, shown: Callable[[int], dict[str, dict[str, float]]]) -> FaceSet:
        from kept import mark

        file = self.out / "drawn" / f"{on}-{kind}-{self.people}-{mark(self._made_of(on))}.parquet"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            rendered(self.pipe(on), self.people, shown, _as_scanned if on == SCANS else lambda who: who).to_parquet(
                file
            )
        return FaceSet.pack(datasets.Dataset.from_parquet(str(file)), size=self.packed)

    def _made_of(self, on: str) -> dict[str, Any]:
        """What a set's pictures and probes follow from."""
        from kept import plan_of

        return {"generator": GENERATOR_VERSION, "plan": None if on == SCANS else plan_of(self.sets[on])}

    def pipe(self, on: str) -> PainFacePipeline:
        """Of a set's head."""
        if on != SCANS:
            plan = self._made_of(on)["plan"]["config"]
            return PainFacePipeline.from_pretrained(device="cpu", head=plan["head"])
        file = self.out / "drawn" / f"head-scans-{GENERATOR_VERSION}.safetensors"
        if not file.exists():
            part = file.with_suffix(".part")
            part.write_bytes(build(self.scans, scanned_fields))
            part.rename(file)
        shipped = PainFacePipeline.from_pretrained(device="cpu")
        return PainFacePipeline(ScanHeadModel.load(file), shipped.texture, shipped.renderer)


def rendered(
    pipe: PainFacePipeline,
    people: int,
    shown: Callable[[int], dict[str, dict[str, float]]],
    changed: Callable[[Identity], Identity],
) -> datasets.Dataset:
    """Pictures of `people` new people, frontal ("rest" from the left), each in scenes of its own: everyone of them
    `changed` shows what `shown` names for that number."""
    rows = []
    for number in range(people):
        seed = int(child(0, "transfer", number).integers(2**62))
        person = pipe.people([changed(sample_identity(seed, head=pipe.head))])[0]
        for name, units in shown(number).items():
            view = "left" if name == "rest" else "front"
            sample = take(pipe, person, f"probe_{name}", units, view, PROBE_SIZE).sample
            rest, painful = name in ("rest", "neutral"), name in PAIN_UNITS or name.startswith("pain")
            rows.append({
                "id": f"{number}-{name}", "identity_id": f"{number:04d}", "view_id": view,
                "image": Image.fromarray(sample.image), "bbox": [float(edge) for edge in sample.bbox],
                "expression": "neutral" if rest else "pain" if painful else "other",
                "expression_name": name, "PSPI": float(pspi(units)),
                **{unit: float(units.get(unit, 0.0)) for unit in PAIN_UNITS},
            })  # fmt: skip
    features = datasets.Dataset.from_list(rows[:1]).features | {"image": datasets.Image()}
    return datasets.Dataset.from_list(rows, features=datasets.Features(features))


def _painful(number: int) -> dict[str, dict[str, float]]:
    rng = child(0, "transfer", "pain", number)
    return {f"pain {k}": sample_for_pspi(int(rng.integers(1, 17)), rng) for k in range(DRAWN)}


def _as_scanned(who: Identity) -> Identity:
    """The same person, moving by another rule than those of training."""
    rng = child(who.seed, "as scanned")
    furrows = {
        name: (float(depth), 0.0, 0.0, 1.0) for name, depth in zip(FURROWS, rng.random(len(FURROWS)), strict=True)
    }
    return replace(who, gain=dict.fromkeys(who.gain, float(rng.uniform(0.7, 1.3))), manner={}, furrows=furrows)


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
    parser.add_argument("--set", action="append", default=[], metavar="NAME=PATH", help="a generated set; repeatable")
    parser.add_argument("--arm", choices=ARMS, action="append", help="repeatable; default: all but the teacher")
    parser.add_argument("--model", action="append", help="judge this model on every set, train nothing; repeatable")
    parser.add_argument(
        "--learned-from",
        help="the one set to learn from; with --model: the set it knows, asked about its test people alone",
    )
    parser.add_argument("--scans", type=Path, help="a clone of ICT-FaceKit, or a folder with model.npz")
    parser.add_argument("--out", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--steps", type=int, default=800, help="updates of 48 pictures an arm")
    parser.add_argument("--people", type=int, default=50, help="people rendered as probes")
    parser.add_argument("--rounds", type=int, default=500, help="of the bootstrap")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    for pair in given.set:
        if not all(pair.partition("=")):
            parser.error(f"--set is {pair!r}: wanted is NAME=PATH")
    names = [Path(model).name for model in given.model or ()]
    if len(set(names)) < len(names):  # answers are kept by name
        parser.error(f"two of the models have the same name, {max(names, key=names.count)}: ask about them apart")
    sets = dict(pair.partition("=")[::2] for pair in given.set)
    if not (sets or (given.model and given.scans)):
        parser.error("nothing to ask about: give --set, or --model and --scans")
    if given.learned_from and given.learned_from not in sets:
        parser.error(f"--learned-from is {given.learned_from!r}; the sets are {', '.join(sets) or 'none'}")
    try:
        scans = read_scans(given.scans) if given.scans else None
    except ThreeDPainError as problem:
        parser.error(str(problem))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(given.threads)
    bench = Bench(sets, given.out, given.steps, given.people, scans)
    strangers = [*bench.sets, *([SCANS] if given.scans else [])]
    columns: dict[str, dict[str, list[float]]] = {}
    if given.model:
        asked = [(Path(model).name, model, given.learned_from, on) for model in given.model for on in strangers]
    else:
        learning = [given.learned_from] if given.learned_from else list(bench.sets)
        arms = given.arm or [name for name in ARMS if name != "teacher"]
        asked = [(name, None, learned, on) for name in arms for learned in learning for on in strangers]
    for name, model, learned, on in asked:
        folder = model or bench.trained(name, learned)
        label = f"{name}{f' from {learned}' if learned else ''}"
        columns[f"{label}, on {on}"] = figures(bench.answers(label, folder, on, learned), given.rounds)
        (given.out / "transfer.json").write_text(json.dumps(columns, indent=1) + "\n")
        (given.out / "transfer.md").write_text(as_table(columns) + "\n")
    logger.info("%s", as_table(columns))


if __name__ == "__main__":
    main()
