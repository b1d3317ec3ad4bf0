"""A model's folder made whole: the pipeline for strangers, and a card with its own results."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

TASK = "pain-assessment"
PIPELINE_TAG = "image-classification"  # of those the Hub knows, the one that takes a picture and gives numbers
# What the Hub calls our figures.
METRICS = {
    "mae": ("mae", "PSPI MAE"),
    "pearson": ("pearsonr", "PSPI Pearson"),
    "auroc3": ("roc_auc", "AUROC, PSPI >= 3"),
}
_PIPELINE = {"impl": "pipeline_vitpain.PainAssessmentPipeline", "pt": ["AutoModel"], "type": "image"}


def add_pipeline(folder: str | Path) -> None:
    """`pipeline("pain-assessment", model=folder, trust_remote_code=True)` where this package is not installed."""
    folder = Path(folder)
    config = json.loads((folder / "config.json").read_text())
    config["custom_pipelines"] = {TASK: _PIPELINE}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    shutil.copyfile(Path(__file__).with_name("pipeline_vitpain.py"), folder / "pipeline_vitpain.py")


def describe_run(folder: str | Path, role: str, data: str) -> None:
    """The pipeline and the card of a finished training run, with the figures of the state that was kept."""
    folder = Path(folder)
    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] == "vitpain" and config["num_channels"] == 3:
        add_pipeline(folder)
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    best = min(records, key=lambda record: record["mae"])
    conditions: dict[str, dict[str, float]] = {}
    for name, value in best.items():
        figure, _, condition = name.partition("_")
        if figure in ("mae", "pearson", "auroc") and condition:
            conditions.setdefault(condition, {})[figure] = value
    write_card(
        folder,
        made=f"A {role} trained by `3dpain train` on {data}; train.json has the settings, log.jsonl the way there.",
        data=f"validation people of {data}, of which the best of several states was chosen",
        conditions=conditions,
    )


def evaluation(figure: str, value: float, *, data: str, condition: str) -> EvalResult:
    """One figure of a card, under the name the Hub knows."""
    kind, name = METRICS[figure]
    return EvalResult(
        task_type=PIPELINE_TAG,
        dataset_type="custom",  # not on the Hub: made by `3dpain generate`, or a user's own
        dataset_name=data,
        dataset_config=f"reference: {condition}",
        metric_type=kind,
        metric_name=name,
        metric_value=round(value, 4),
    )


def write_card(folder: str | Path, *, made: str, data: str, conditions: Mapping[str, Mapping[str, float]]) -> None:
    """README.md of a folder a user made; one that is there and not written by this stays.

    made: one sentence on how. data: what the figures were found on. conditions: figures by condition of the reference.
    """
    path = Path(folder) / "README.md"
    if path.exists() and _MARK not in path.read_text():
        return
    rows = [(c, f, value) for c, figures in conditions.items() for f, value in figures.items() if value == value]
    content = ModelCardData(
        library_name="transformers",
        pipeline_tag=PIPELINE_TAG,
        tags=["pain", "facial-action-units"],
        model_name=Path(folder).name,
        eval_results=[evaluation(f, value, data=data, condition=c) for c, f, value in rows if f in METRICS] or None,
    )
    table = "".join(f"| {condition} | {figure} | {value:.3f} |\n" for condition, figure, value in rows)
    ModelCard(
        f"---\n{content.to_yaml()}\n---\n\n# {Path(folder).name}\n\n{_MARK}\n\n{made}\n\n"
        "**Not a medical device.** It must not inform a diagnosis or a treatment, and must not be used to doubt what a "
        "person says about their pain.\n\n"
        f"## Figures\nOn {data}.\n\n| reference | figure | value |\n|---|---|---|\n{table}"
    ).save(path)


_MARK = "<!-- written with the model by 3dpain; remove this line to keep your own text -->"
