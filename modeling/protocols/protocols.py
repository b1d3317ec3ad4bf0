"""The papers' protocols: who is trained on, who is held out, and how the folds become one table.

- `unbc-5fold`, `unbc-loso`: UNBC by subject, with the published folds where the set has them; fine-tuning per fold.
- `cv5`: 60/20/20 by identity, five turns: SynPAIN's protocol within a data set.
- `cross`: train on one set, test on another.
- `disfa-3fold`, `ckplus-10fold`: action units by subject, the folds the adapters deal (units.py says what is measured).
- `augmentation`: cv5 on the real set with three training sets: real, real + synthetic, real + age-matched synthetic.

In every fold the decision thresholds for PSPI >= 1, 2, 3 are found on the training people (best F1 on a grid of 200
from 0 to 6) and used on the held-out people. Figures are the mean over folds with a 95 % interval (Student's t over
folds). A fold is finished when its fold.json is there: a run that was killed goes on with the next one.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from threedpain.errors import InvalidInput
from threedpain.modeling.evaluation import metrics
from threedpain.modeling.evaluation.evaluate import predict
from threedpain.modeling.faces.faces import FaceSet, join
from threedpain.modeling.faces.sets import face_set, training_sets
from threedpain.modeling.training.run import TrainConfig, finished, packed_size, train
from threedpain.modeling.vitpain.baselines import BASELINES
from threedpain.modeling.vitpain.loading import load_model, load_processor, model_folder

from . import units
from .folds import ARMS, PROTOCOLS, UNIT_PROTOCOLS, Fold, plan

logger = logging.getLogger(__name__)

LEVELS = (1, 2, 3)
COLUMNS = ("MAE", "Pearson", *(f"AUROC@{level}" for level in LEVELS), *(f"F1@{level}" for level in LEVELS), "AP@1")
SCRATCH = ("student", *BASELINES)  # models that need no folder to begin from
_MONITORED = 400  # training pictures watched where a protocol has no validation people


@dataclass(frozen=True)
class Settings:
    """What the folds are trained with; the defaults are the published fine-tuning on UNBC. Saved with every run.

    model: a folder or shipped weights to begin from, or the name of a model to begin from scratch.
    data: the set the folds are made of. extra: the other set: what `cross` tests on, what `augmentation` adds.
    pretrain: a set to train on once before all folds.
    age_groups: of the added pictures in the third arm of `augmentation`; without it, those of the real people.
    shots: neutral references whose answers are averaged.
    """

    model: str
    data: str
    extra: str | None = None
    pretrain: str | None = None
    age_groups: tuple[str, ...] = ()
    epochs: int = 50
    pretrain_epochs: int = 10
    batch_size: int = 100
    learning_rate: float = 1e-4
    au_weight: float = 0.1
    pain_weight: float = 2.0
    shots: int = 5
    image_size: int = 128
    seed: int = 0


# ---- what a fold is worth


def truth(table: pd.DataFrame, level: int) -> np.ndarray:
    """1 where there is pain of at least this PSPI, 0 where not, NaN where unknown [n]. A set without PSPI (SynPAIN)
    says pain or not by its expressions, which answers for level 1 alone."""
    pspi = table["PSPI"].to_numpy(float)
    known = np.where(np.isnan(pspi), np.nan, pspi >= level)
    if level == 1:
        kind = table["expression"].map({"pain": 1.0, "other": 0.0, "neutral": 0.0}).to_numpy(float)
        known = np.where(np.isnan(pspi), kind, known)
    return known


def score(predictions: pd.DataFrame, by_pspi: bool) -> np.ndarray:
    """The answer that decides: PSPI, or, for a model that never saw a PSPI, 6 times the probability of pain, so that
    one grid of thresholds serves both."""
    return predictions["pspi_hat"].to_numpy(float) if by_pspi else 6 * predictions["pain1_hat"].to_numpy(float)


def calibrate(predictions: pd.DataFrame, by_pspi: bool = True) -> dict[int, float]:
    """Level -> the threshold of the grid with the best F1 on these (training) predictions; the lowest of equals."""
    thresholds = {}
    for level in LEVELS:
        known = truth(predictions, level)
        seen = ~np.isnan(known)
        thresholds[level] = float("nan")
        if known[seen].any():
            answers = score(predictions, by_pspi)[seen]
            thresholds[level] = metrics.best_threshold(known[seen] > 0, answers)
    return thresholds


def statistic(
    predictions: pd.DataFrame, name: str, thresholds: dict[int, float], by_pspi: bool = True
) -> Callable[[np.ndarray], float]:
    """A figure of the table as a function of row numbers; NaN where these rows cannot tell (no pain, or only pain)."""
    what, _, level = name.partition("@")
    answers = score(predictions, by_pspi)
    if not level:
        pspi = predictions["PSPI"].to_numpy(float) if by_pspi else np.full(len(answers), np.nan)
        figure = {"MAE": metrics.mae, "Pearson": metrics.pearson}[what]
        return lambda rows: figure(pspi[rows], answers[rows])
    known, threshold = truth(predictions, int(level)), thresholds[int(level)]

    def of(rows: np.ndarray) -> float:
        rows = rows[~np.isnan(known[rows])]
        positive = known[rows] > 0
        if not positive.any() or positive.all():
            return float("nan")
        if what == "F1":
            return metrics.f1(positive, answers[rows] >= threshold) if np.isfinite(threshold) else float("nan")
        return {"AUROC": metrics.auroc, "AP": metrics.average_precision}[what](positive, answers[rows])

    return of


def measure(predictions: pd.DataFrame, thresholds: dict[int, float], by_pspi: bool = True) -> dict[str, float]:
    """The table's figures of held-out predictions."""
    rows = np.arange(len(predictions))
    return {name: float(statistic(predictions, name, thresholds, by_pspi)(rows)) for name in COLUMNS}


def summary(folds: Sequence[dict[str, float]], columns: Sequence[str] = COLUMNS) -> dict[str, dict[str, float]]:
    """Figure -> mean, half width of its 95 % interval (Student's t over the folds that could tell), their number."""
    told = {}
    for name in columns:
        values = np.array([fold[name] for fold in folds], float)
        values = values[~np.isnan(values)]
        mean = float(values.mean()) if len(values) else float("nan")
        half = (
            float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
            if len(values) > 1
            else float("nan")
        )
        told[name] = {"mean": mean, "half": half, "folds": len(values)}
    return told


def markdown(rows: dict[str, dict[str, dict[str, float]]]) -> str:
    """The table as the papers print it: a row a model or arm, mean and 95 % interval."""
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|---|" + "---:|" * len(COLUMNS)]
    for label, figures in rows.items():
        cells = []
        for name in COLUMNS:
            mean, half = figures[name]["mean"], figures[name]["half"]
            cells.append("-" if np.isnan(mean) else f"{mean:.2f}" + ("" if np.isnan(half) else f" ± {half:.2f}"))
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


# ---- running


def run(protocol: str, settings: Settings, out: str | Path) -> dict[str, Any]:
    """Run what is not yet done of a protocol below `out`; the report, also in out/report.json and out/table.md."""
    if protocol not in PROTOCOLS:
        raise InvalidInput(f"unknown protocol {protocol!r}; known are {', '.join(PROTOCOLS)}")
    if protocol in ("cross", "augmentation") and settings.extra is None:
        raise InvalidInput(f"{protocol} needs a second data set to {'test on' if protocol == 'cross' else 'add'}")
    out = Path(out)
    wanted = _same_run(out, protocol, settings)
    _train_config(settings.model, settings, out, settings.epochs)  # a mistake in them is told before the work
    faces = _faces(settings.data, settings)
    extra = _faces(settings.extra, settings) if settings.extra else None
    folds = _cross_fold(faces, extra) if protocol == "cross" else plan(protocol, faces.table, settings.seed)
    _write(out / "settings.json", wanted)  # now that they are known to make a run
    begin = _pretrained(settings, out)
    results = {}
    seen = units.present(settings.data) if protocol in UNIT_PROTOCOLS else None
    for number, fold in enumerate(folds, 1):
        done = out / fold.name / "fold.json"
        if not done.is_file():
            logger.info("%s: %s (%d of %d)", protocol, fold.name, number, len(folds))
            sets = _sets(fold, faces, extra, protocol, settings)
            _write(done, _run_fold(fold, *sets, begin, settings, out / fold.name, seen))
        results[fold.name] = _read(done)
    return _report(protocol, settings, folds, results, out)


def _same_run(out: Path, protocol: str, settings: Settings) -> dict[str, Any]:
    """What is kept of a run's settings beside its folds; InvalidInput where those in `out` are of another run."""
    wanted = json.loads(json.dumps({"protocol": protocol, **asdict(settings)}))
    kept = out / "settings.json"
    if kept.is_file():
        before = json.loads(kept.read_text())
        if changed := [name for name in wanted if wanted[name] != before.get(name)]:
            raise InvalidInput(
                f"{out} holds a run with {changed[0]} = {before.get(changed[0])!r}, not "
                f"{wanted[changed[0]]!r}: go on with the same settings or choose another folder"
            )
    return wanted


def _faces(name: str, settings: Settings) -> FaceSet:
    return face_set(name, "all", packed_size(_side(settings)))


def _side(settings: Settings) -> int:
    """Pixels of the model's input: its own, or for a model from scratch what the settings ask for."""
    if settings.model in SCRATCH:
        return settings.image_size
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(model_folder(settings.model)).image_size


def _cross_fold(faces: FaceSet, extra: FaceSet) -> list[Fold]:
    own, other = (tuple(sorted(side.table["identity"].astype(str).unique())) for side in (faces, extra))
    return [Fold("cross", own, (), other)]


def _sets(
    fold: Fold, faces: FaceSet, extra: FaceSet | None, protocol: str, settings: Settings
) -> tuple[FaceSet, FaceSet, FaceSet]:
    who = faces.table["identity"].astype(str)
    learn = faces.subset(who.isin(fold.train).to_numpy())
    if fold.validation:
        watch = faces.subset(who.isin(fold.validation).to_numpy())
    else:  # as published: every training person is trained on
        watch = learn.subset(np.linspace(0, len(learn) - 1, min(len(learn), _MONITORED)).astype(int))
    test = extra if protocol == "cross" else faces.subset(who.isin(fold.test).to_numpy())
    if fold.arm == ARMS[1]:
        learn = join([learn, extra])
    elif fold.arm == ARMS[2]:
        learn = join([learn, age_matched(extra, learn.table, settings.age_groups)])
    return learn, watch, test


def age_matched(extra: FaceSet, real: pd.DataFrame, groups: Sequence[str] = ()) -> FaceSet:
    """The pictures of `extra` of the given age groups; without any, those within the ages of the real people."""
    if groups:
        keep = extra.table["age_group"].isin(groups) | extra.table["source_age_group"].isin(groups)
    elif real["age"].notna().any():
        keep = extra.table["age"].between(real["age"].min(), real["age"].max())
    else:
        raise InvalidInput("the real set says no ages: name the age groups to add, such as 60-74 and 75-90")
    if not keep.any():
        raise InvalidInput("no picture of the added set has a matching age")
    return extra.subset(keep.to_numpy())


def _pretrained(settings: Settings, out: Path) -> str:
    """Where every fold begins: the model asked for, or what became of it on the set to pre-train on."""
    if settings.pretrain is None:
        return settings.model
    folder, done = out / "pretrained", out / "pretrained.json"
    if not done.is_file():
        learn, watch = training_sets([settings.pretrain], packed_size(_side(settings)), settings.seed)
        folder = _fit(settings.model, learn, watch, settings, folder, settings.pretrain_epochs)
        _write(done, {"folder": str(folder.relative_to(out))})
    return str(out / json.loads(done.read_text())["folder"])


def _fit(begin: str, train_set: FaceSet, watch: FaceSet, settings: Settings, out: Path, epochs: int) -> Path:
    if finished(out):  # and killed before it was judged
        return out
    # people who show no pain tell no state from another: then the last one is taken
    blind = watch.table["PSPI"].isna().all() and not (watch.table["expression"] == "pain").any()
    config = _train_config(begin, settings, out, epochs, validations=1 if blind else min(4, epochs))
    return Path(train(config, train_set, watch))


def _train_config(begin: str, settings: Settings, out: Path, epochs: int, validations: int = 1) -> TrainConfig:
    scratch = begin in SCRATCH
    return TrainConfig(
        role=begin if scratch else "student",
        init=None if scratch else begin,
        out=str(out),
        epochs=epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        pain_weight=settings.pain_weight,
        model={"image_size": settings.image_size} if scratch else {},
        loss_weights={"au": settings.au_weight},
        validations=validations,
        validation_pictures=_MONITORED,
        seed=settings.seed,
    )


def _ask(folder: Path, faces: FaceSet, settings: Settings) -> pd.DataFrame:
    return predict(
        load_model(folder),
        faces,
        processor=load_processor(folder),
        reference="realistic",
        shots=settings.shots,
        seed=settings.seed,
    )


def _run_fold(
    fold: Fold,
    learn: FaceSet,
    watch: FaceSet,
    test: FaceSet,
    begin: str,
    settings: Settings,
    out: Path,
    seen: dict[str, frozenset[str]] | None = None,
) -> dict[str, Any]:
    """Train and judge one turn; with `seen` (of `units.present`) by action units."""
    folder = _fit(begin, learn, watch, settings, out / "model", settings.epochs)
    by_pspi = bool(learn.table["PSPI"].notna().any())
    told = {name: _ask(folder, faces, settings) for name, faces in (("train", learn), ("test", test))}
    thresholds = calibrate(told["train"], by_pspi)
    told["test"].to_csv(out / "predictions.csv", index=False)
    return {
        "fold": asdict(fold),
        "pictures": {"train": len(learn), "test": len(test)},
        "by_pspi": by_pspi,
        "thresholds": thresholds,
        "figures": measure(told["test"], thresholds, by_pspi) if seen is None else units.measure(told["test"], seen),
    }


def _report(
    protocol: str, settings: Settings, folds: list[Fold], results: dict[str, dict], out: Path
) -> dict[str, Any]:
    arms = list(dict.fromkeys(fold.arm for fold in folds))
    columns, table = (units.COLUMNS, units.markdown) if protocol in UNIT_PROTOCOLS else (COLUMNS, markdown)
    rows = {
        arm or Path(settings.model).name: summary([results[f.name]["figures"] for f in folds if f.arm == arm], columns)
        for arm in arms
    }
    report = {
        "protocol": protocol,
        "settings": asdict(settings),
        "rows": rows,
        "folds": results,
        "table": table(rows),
    }
    if protocol == "augmentation":
        report["gains"] = {arm: _gain(folds, results, arm) for arm in ARMS[1:]}
        report["table"] += "".join(
            f"\n\nAP@1 of {arm} over {ARMS[0]}, paired by fold: {gain['mean']:+.3f} ± {gain['half']:.3f}"
            for arm, gain in report["gains"].items()
        )
    _write(out / "report.json", report)
    (out / "table.md").write_text(report["table"] + "\n")
    return report


def _gain(folds: list[Fold], results: dict[str, dict], arm: str) -> dict[str, float]:
    """Mean and 95 % half width of the paired differences in average precision between an arm and real alone."""
    figures = {(fold.arm, re.sub(r"-\d$", "", fold.name)): results[fold.name]["figures"]["AP@1"] for fold in folds}
    turns = sorted({turn for _, turn in figures})
    differences = np.array([figures[arm, turn] - figures[ARMS[0], turn] for turn in turns])
    differences = differences[~np.isnan(differences)]
    if len(differences) < 2:
        return {"mean": float(differences.mean()) if len(differences) else float("nan"), "half": float("nan")}
    half = stats.t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / len(differences) ** 0.5
    return {"mean": float(differences.mean()), "half": float(half)}


def _write(path: Path, content: Any) -> None:
    """JSON, whole or not at all; what could not be told (NaN) is null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(_plain(content), indent=1, allow_nan=False))
    part.replace(path)


def _plain(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(name): _plain(value) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    return None if isinstance(content, float) and np.isnan(content) else content


def _read(path: Path) -> dict[str, Any]:
    """A fold's record, its figures as numbers again."""
    record = json.loads(path.read_text())
    record["figures"] = {name: float("nan") if value is None else value for name, value in record["figures"].items()}
    return record
