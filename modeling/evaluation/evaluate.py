"""Judging a model: its answers on a set, and the honest report of them by condition, group, view and expression."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import torch
from scipy import stats
from transformers import PreTrainedModel

from threedpain.errors import InvalidInput
from threedpain.facs import PAIN_UNITS, pspi
from threedpain.modeling.faces.augment import Geometry, warp
from threedpain.modeling.faces.faces import CONDITIONS, TEXTS, UNKNOWN, VISIBLE, FaceSet, packed_size
from threedpain.modeling.faces.retake import Ramp, retake

from . import metrics, report
from .plots import save_plots

THRESHOLDS = (1, 2, 3)
GROUPS = tuple(name for name in TEXTS if name != "id")  # columns whose groups can be compared


def check_choices(conditions: Sequence[str], by: Sequence[str]) -> None:
    """InvalidInput unless all conditions and columns are known; asked before the work, not after it."""
    if not conditions:
        raise InvalidInput(f"conditions is empty; give some of {', '.join(CONDITIONS)}")
    for names, known, what in ((conditions, CONDITIONS, "condition"), (by, GROUPS, "column to compare by")):
        if unknown := [name for name in names if name not in known]:
            raise InvalidInput(f"unknown {what} {unknown[0]!r}; known are {', '.join(known)}")


@torch.no_grad()
def predict(
    model: PreTrainedModel,
    faces: FaceSet,
    *,
    processor,
    reference: str = "realistic",
    shots: int = 1,
    seed: int = 0,
    batch_size: int = 64,
    change=None,
    turn: float = 0.0,
    strangers: bool = False,
    heatmaps: list | None = None,
) -> pd.DataFrame:
    """The set's table with the answers: pspi_hat, AU4_hat ..., pain1_hat .. pain3_hat (probabilities), low, high.

    reference: "realistic" (another photograph), "aligned" (same scene) or "none"; shots: references per picture.
    change: float pictures [n, 3, S, S] in 0..1 and their masks [n, S, S] -> changed pictures, before normalisation.
    turn: degrees by which pictures are turned, the first to one side, the next to the other.
    strangers: every picture gets somebody else's references.
    heatmaps: a list that receives the predicted pain maps, [n, S, S] in mm, batch by batch.
    """
    device = next(model.parameters()).device
    heat_input = model.config.num_channels == 1
    reads_reference = getattr(model.config, "reference", "compare") != "none"
    size = model.config.image_size
    rng = np.random.default_rng(seed)
    chosen = faces.choose_references(np.arange(len(faces)), reference if reads_reference else "none", rng, shots)
    if strangers:
        chosen = _strangers_instead(chosen, faces.table["identity"].to_numpy())
    mean = torch.tensor(processor.image_mean).view(-1, 1, 1)
    std = torch.tensor(processor.image_std).view(-1, 1, 1)
    columns: dict[str, list] = {}
    training = model.training
    model.eval()
    for start in range(0, len(faces), batch_size):
        at = slice(start, start + batch_size)
        rows = faces.rows[at]
        inputs = {}
        if heat_input:
            levels = torch.from_numpy(faces.heatmaps[rows]).float()[:, None] / 255
            pictures = warp(levels, Geometry.still(len(rows)), size)
        else:
            pictures = plain_crops(faces.images[rows], size, turn)
            if change is not None:
                masks = torch.from_numpy(faces.masks[rows]).float()[:, None]
                pictures = change(pictures, warp(masks, Geometry.still(len(rows)), size, mode="nearest")[:, 0])
            pool, index = np.unique(chosen[at], return_inverse=True)
            if pool[0] == -1:
                pool, index = pool[1:], index - 1
            if len(pool):
                inputs["neutral_pixel_values"] = ((plain_crops(faces.images[pool], size) - mean) / std).to(device)
                inputs["neutral_index"] = torch.from_numpy(index.reshape(len(rows), shots)).to(device)
        output = model(pixel_values=((pictures - mean) / std).to(device), **inputs)
        answers = {"pspi_hat": output.pspi}
        if output.get("pspi_from_au") is not None:
            answers["pspi_from_au"] = output.pspi_from_au
        if output.get("au") is not None:
            answers |= {f"{name}_hat": output.au[:, column] for column, name in enumerate(PAIN_UNITS)}
        if output.get("pain_logits") is not None:
            answers |= {f"pain{t}_hat": output.pain_logits[:, column].sigmoid() for column, t in enumerate(THRESHOLDS)}
        if output.get("visible") is not None:
            answers |= {f"{name}_hat": output.visible[:, column] for column, name in enumerate(VISIBLE)}
        if output.get("pspi_interval") is not None:
            answers |= {"low": output.pspi_interval[:, 0], "high": output.pspi_interval[:, 1]}
        for name, value in answers.items():
            if not torch.isfinite(value).all():
                raise InvalidInput(f"the model's answer is not finite ({name}); its weights or the set are damaged")
            columns.setdefault(name, []).append(value.float().cpu().numpy())
        if heatmaps is not None and output.get("heatmap") is not None:
            heatmaps.append(output.heatmap.float().cpu().numpy())
    model.train(training)
    return faces.table.assign(**{name: np.concatenate(values) for name, values in columns.items()})


def plain_crops(packed: np.ndarray, size: int, turn: float = 0.0) -> torch.Tensor:
    """Packed crops uint8 [n, S, S, 3] -> the plain face crop, float [n, 3, size, size] in 0..1; turned by `turn`
    degrees, to one side and the other in turns."""
    pictures = torch.from_numpy(np.ascontiguousarray(packed)).permute(0, 3, 1, 2).float() / 255
    geometry = Geometry.still(len(packed))
    angle = np.radians(turn) * np.where(np.arange(len(packed)) % 2, -1.0, 1.0)
    return warp(pictures, replace(geometry, angle=angle), size)


def _strangers_instead(chosen: np.ndarray, people: np.ndarray) -> np.ndarray:
    """References [n, shots] with each row's replaced by those of the next row that shows somebody else."""
    swapped = chosen.copy()
    for at in range(len(chosen)):
        others = np.flatnonzero(people != people[at])
        if len(others):
            swapped[at] = chosen[others[np.searchsorted(others, at) % len(others)]]
    return swapped


def evaluate(
    model: PreTrainedModel,
    processor,
    faces: FaceSet,
    *,
    name: str,
    by: Sequence[str] = ("age_group", "gender", "ethnicity"),
    conditions: Sequence[str] = CONDITIONS,
    shots: int = 1,
    rounds: int = 1000,
    whole: FaceSet | None = None,
    about: dict | None = None,
    ours: bool = True,
) -> tuple[dict, dict[str, pd.DataFrame]]:
    """All figures of a model on a set, and the tables of answers they come from, by condition.

    whole: the same pictures in the same order, packed as whole frames; its cost in MAE is reported.
    ours: a set this project made, to be held against the project's own targets; other people's sets are not.
    """
    check_choices(conditions, by)
    if not report.in_mix(faces.table).any():
        raise InvalidInput(
            "the set has no neutral or pain picture whose PSPI is known, and all figures are of those; "
            "`3dpain compare` judges by the kind of expression alone"
        )
    threshold = getattr(model.config, "pain_threshold", None)
    people = int(faces.table["identity"].nunique())
    results = {"model": name, "about": dict(about or {}), "people": people, "conditions": {}, "checks": {}}
    tables = {}
    for condition in conditions:
        heatmaps: list[np.ndarray] = []
        table = predict(model, faces, processor=processor, reference=condition, shots=shots, heatmaps=heatmaps)
        mix = report.in_mix(table)
        tables[condition] = table
        found = results["conditions"][condition] = {
            "overall": report.overall(table[mix], threshold, rounds),
            "units": report.by_unit(table[mix]),
            "groups": report.by_group(table[mix].reset_index(drop=True), by, rounds),
            "views": report.by_group(table[mix].reset_index(drop=True), ["view_id"], rounds),
            "intensity": report.by_intensity(table[mix]),
            "false_alarms": report.false_alarms(table),
            "worn": report.by_worn(table[mix]),
        }
        if heatmaps and (faces.masks[faces.rows[0]] != UNKNOWN).any():
            found["heatmap"] = _heat(table, faces, np.concatenate(heatmaps), mix)
    main = "realistic" if "realistic" in tables else next(iter(tables))
    mix = report.in_mix(tables[main])
    error = results["conditions"][main]["overall"]["mae"][0]
    if model.config.num_channels == 3 and (faces.masks[faces.rows] != UNKNOWN).any(axis=(1, 2))[mix].all():
        blanked = predict(model, faces.subset(mix), processor=processor, reference=main, change=_without_face)
        results["checks"]["blanked_face_pearson"] = metrics.pearson(blanked["PSPI"], blanked["pspi_hat"])
    if whole is not None:
        table = predict(model, whole.subset(mix), processor=processor, reference=main)
        results["checks"]["whole_frame_mae"] = metrics.mae(table["PSPI"], table["pspi_hat"])
        results["checks"]["whole_frame_cost"] = results["checks"]["whole_frame_mae"] - error
    results["targets"] = report.against_targets(results) if ours else []
    return results, tables


def check_changes(
    model: PreTrainedModel, processor, dataset, *, pictures: int, workers: int, texture: str, seed: int = 0
) -> dict[str, float]:
    """How far the MAE moves when the same faces are photographed under another light, or with other hair."""
    table = pd.DataFrame({"identity": dataset["identity_id"], "pspi": dataset["PSPI"]})
    people = np.random.default_rng(seed).permutation(table["identity"].unique())[: max(1, pictures // 5)]
    dataset = dataset.select(np.flatnonzero(table["identity"].isin(people)))
    painful = np.flatnonzero(np.asarray(dataset["PSPI"]) > 0)
    rows = np.sort(np.random.default_rng(seed).permutation(painful)[:pictures])
    size = packed_size(model.config.image_size)
    before = predict(model, FaceSet.pack(dataset, size=size), processor=processor).iloc[rows]
    found = {}
    for change, name in (("light", "relit"), ("hair", "other_hair")):
        made = retake(dataset, rows, change, workers, texture)
        stored = [
            {"bytes": made[at], "path": None} if at in made else value
            for at, value in enumerate(dataset.cast_column("image", datasets.Image(decode=False))["image"])
        ]
        changed = dataset.remove_columns("image").add_column("image", stored, feature=datasets.Image())
        after = predict(model, FaceSet.pack(changed, size=size), processor=processor).iloc[rows]
        found[f"{name}_mae"] = metrics.mae(after["PSPI"], after["pspi_hat"])
        found[f"{name}_change"] = abs(found[f"{name}_mae"] - metrics.mae(before["PSPI"], before["pspi_hat"]))
        found[f"{name}_shift"] = float((after["pspi_hat"] - before["pspi_hat"]).abs().mean())
    return found


@torch.no_grad()
def check_ramps(model: PreTrainedModel, processor, made: Iterable[Ramp]) -> dict[str, float]:
    """Whether the answer grows with the expression: Spearman and the share of steps that do not fall, and MAE."""
    spearman, rising, errors = [], [], []
    for ramp in made:
        inputs = processor(
            images=ramp.pictures, boxes=ramp.boxes, return_tensors="pt",
            neutral_images=[ramp.rest] * len(ramp.pictures), neutral_boxes=[ramp.rest_box] * len(ramp.pictures),
        )  # fmt: skip
        answers = model(**inputs).pspi.numpy()
        truth = np.array([pspi(units) for units in ramp.action_units])
        spearman.append(stats.spearmanr(truth, answers).statistic)
        rising += (np.diff(answers) >= 0).tolist()
        errors += np.abs(truth - answers).tolist()
    return {
        "ramp_spearman": float(np.mean(spearman)), "ramp_rising_steps": float(np.mean(rising)),
        "ramp_mae": float(np.mean(errors)),
    }  # fmt: skip


def save(out: Path, results: dict, tables: dict[str, pd.DataFrame]) -> None:
    """results.json, report.md, the answers as csv, and plots."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(_plain(results), indent=1, allow_nan=False) + "\n")
    (out / "report.md").write_text(report.as_markdown(results))
    for condition, table in tables.items():
        table.drop(columns="aligned").to_csv(out / f"answers_{condition}.csv", index=False, float_format="%.4f")
    save_plots(out, results, tables)


def _without_face(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Everything that shows an expression, painted grey."""
    face = torch.isin(masks.round().long(), torch.tensor([1, 4, 5, 6, 7, 9]))
    return torch.where(face[:, None], 0.5, pictures)


def _heat(table: pd.DataFrame, faces: FaceSet, predicted: np.ndarray, mix: np.ndarray) -> dict[str, float]:
    still = Geometry.still(int(mix.sum()))
    rows = faces.rows[mix]
    levels = warp(torch.from_numpy(faces.heatmaps[rows]).float()[:, None], still, 64)[:, 0].numpy()
    classes = warp(torch.from_numpy(faces.masks[rows]).float()[:, None], still, 64, mode="nearest")[:, 0].numpy()
    answers = torch.from_numpy(predicted[mix])[:, None]
    answers = torch.nn.functional.interpolate(answers, (64, 64), mode="bilinear")[:, 0].numpy()
    return report.heat_agreement(table[mix], levels, classes.round().astype(int), answers)


def _plain(value):
    """JSON without NaN."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return round(value, 5) if np.isfinite(value) else None
    return value
