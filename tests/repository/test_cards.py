"""A figure on a card is the figure in the results file, and the cards are what the Hub accepts."""

import copy
import importlib.util
import json
import re
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard, ModelCard, SpaceCard
from PIL import Image

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("cards_render", ROOT / "model_cards" / "render.py")
render = importlib.util.module_from_spec(spec)
spec.loader.exec_module(render)
spec = importlib.util.spec_from_file_location("figures", ROOT / "model_cards" / "figures.py")
figures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(figures)


def results(name: str) -> dict:
    folder = render.WEIGHTS / name
    return json.loads((folder if folder.is_dir() else render.RESULTS).joinpath(
        "results.json" if folder.is_dir() else f"{name}.json").read_text())  # fmt: skip


def render_of(name: str):
    if name.startswith("vitpain"):
        return lambda found: render.render_vitpain(name, found)
    return {"texture": render.render_texture, "3dpain": render.render_dataset, "space": render.render_space}[name]


NAMES = ["vitpain", "vitpain-teacher", "texture", "3dpain", "space"]


def test_every_card_is_what_the_results_say():
    cards = render.cards()
    expected = {render.HERE / f"{name}.md" for name in NAMES if name != "space"}
    expected |= {render.WEIGHTS / name / "README.md" for name in ("vitpain", "vitpain-teacher", "texture")}
    assert set(cards) == expected | {ROOT / "spaces" / "README.md"}
    for path, card in cards.items():
        assert path.read_text() == str(card), f"{path} is stale: run python model_cards/render.py"


def numbers(found, way=()):
    """Every measured number of a results file with its place in it."""
    items = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, value in items:
        if isinstance(value, float):
            yield (*way, key), value
        else:
            yield from numbers(value, (*way, key))


def changed(found: dict, way: tuple, value: float) -> dict:
    found = copy.deepcopy(found)
    place = found
    for key in way[:-1]:
        place = place[key]
    place[way[-1]] = value
    return found


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("vitpain", ("conditions", "realistic", "overall", "mae", 0)),
        ("vitpain", ("conditions", "realistic", "groups", "gender", "groups", "female", "mae")),
        ("vitpain-teacher", ("conditions", "none", "overall", "mae", 0)),
        ("texture", ("cells", "copying", "nearest_5th_percentile")),
        ("texture", ("variety", "ratio", "detail")),
    ],
)
def test_another_result_makes_another_card(name, way):
    found = results(name)
    assert way in dict(numbers(found))
    before, after = str(render_of(name)(found)), str(render_of(name)(changed(found, way, 77.123)))
    assert "77.12" in after and "77.12" not in before


REPORT = {  # of `3dpain check --judges`, as short as can be
    "folder": "/home/somebody/3dpain", "generator_version": "0.9.7", "ok": False, "rows": {"images": 60},
    "cells": {"18-29 female black": 1}, "pspi": {"1": 3},
    "replays": [{"row": "images/a row 1", "same_bytes": True, "psnr": 99.0, "expected": "bytes"}],
    "findings": [{"law": "judges", "where": "AU4", "what": "Spearman 0.41, less than 0.6"}],
    "config": {"identities": 10, "expressions": 4, "others": 1, "views": 1, "size": 256, "seed": 0, "videos": 0},
    "judges": {"summary": {"faces detected": "59 of 60"},
               "tables": {"Detected, by ethnicity": [{"ethnicity": "black", "expression": "pain", "pictures": 8,
                                                      "detected": 0.875}]}},
}  # fmt: skip


def test_what_the_judges_found_is_on_the_dataset_card():
    found = render.take_report(REPORT)
    text = str(render.render_dataset(found))
    assert "made by generator 0.9.7" in text and "Spearman 0.41" in text
    assert "--identities 10 --expressions 4" in text and "1 of 1 rows" in text
    for name, value in found["judges"]["summary"].items():
        assert f"| {name} | {value} |" in text
    for row in found["judges"]["tables"]["Detected, by ethnicity"]:
        assert f"| {row['ethnicity']} | {row['expression']} | {row['pictures']} | {row['detected']:.2f} |" in text
    assert f"{found['rows']['images']} pictures of {found['config']['identities']} people" in " ".join(text.split())
    assert "generator 0.9.7" in figures.judges(found)
    assert not re.search(r"/(tmp|home|root|work)/", json.dumps(found)), "a path of somebody's machine"


def test_front_matter_carries_the_figures():
    card = ModelCard.load(ROOT / "model_cards" / "vitpain.md")
    found = {(e.dataset_config, e.metric_type): e.metric_value for e in card.data.eval_results}
    for condition, figures in results("vitpain")["conditions"].items():
        assert found[f"reference: {condition}", "mae"] == pytest.approx(figures["overall"]["mae"][0], abs=1e-4)


# Of the metrics and tasks that the Hub has pages for, those our figures and models could have.
METRICS = {"mae", "mse", "pearsonr", "spearmanr", "roc_auc", "f1", "accuracy"}
TASKS = {"image-classification", "unconditional-image-generation", "text-to-image"}


@pytest.mark.parametrize("name", ["vitpain", "vitpain-teacher", "texture"])
def test_front_matter_names_what_the_hub_knows_and_nothing_that_is_not_there(name):
    data = render_of(name)(results(name)).data
    assert data.pipeline_tag in TASKS and not data.get("datasets"), "there is no such repository on the Hub"
    for found in data.eval_results or []:
        assert found.metric_type in METRICS and found.task_type in TASKS and found.dataset_type == "custom"
    for example in data.get("widget") or []:
        picture = Image.open(render.WEIGHTS / name / example["src"])
        assert picture.format == "JPEG" and min(picture.size) >= 256


def test_a_model_that_reads_photographs_has_one_to_be_tried_on():
    assert render_of("vitpain")(results("vitpain")).data["widget"][0]["src"] == "example.jpg"
    assert not render_of("vitpain-teacher")(results("vitpain-teacher")).data.get("widget"), "it reads heatmaps"


def test_front_matter_is_what_the_hub_reads():
    data = DatasetCard.load(ROOT / "model_cards" / "3dpain.md").data
    assert data.license == "cc0-1.0" and data.pretty_name == "3DPain"
    space = SpaceCard.load(ROOT / "spaces" / "README.md").data
    assert (space.sdk, space.app_file) == ("gradio", "app.py") and (ROOT / "spaces" / space.app_file).is_file()
    assert f"gradio=={space.sdk_version}" in (ROOT / "constraints.txt").read_text()
    assert len(space.short_description) <= 60  # the Hub's limit


def test_the_readme_shows_the_same_figures():
    readme = (ROOT / "README.md").read_text()
    for figures in results("vitpain")["conditions"].values():
        mae, low, high = figures["overall"]["mae"]
        assert f"| {mae:.2f} ({low:.2f} to {high:.2f}) | {figures['overall']['pearson'][0]:.3f} |" in readme
