"""Every figure as one Parquet: what a line says is what its results file says, and what was trained on what."""

import importlib.util
import json
import math
import sys
from pathlib import Path

import pandas as pd
import pytest
from datasets import load_dataset
from huggingface_hub import DatasetCard

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def table():
    spec = importlib.util.spec_from_file_location("cards_table", ROOT / "model_cards" / "table.py")
    module = sys.modules["cards_table"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["cards_table"]


@pytest.fixture(scope="module")
def written(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    arm = folder / "arms" / "people-50"
    (arm / "checkpoint").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "log.jsonl", "checkpoint/state.json"):
        (arm / name).write_text("{}")
    table.write(folder / "out", folder / "arms")
    return folder / "out"


def leaves(found):
    """Numbers of a results file that are figures: floats, but those that stand in the line of another."""
    items = found.items() if isinstance(found, dict) else enumerate(found)
    for key, value in items:
        if isinstance(value, float) and key not in ("low", "high", 1, 2):
            yield value
        elif isinstance(value, (dict, list)) and key not in ("scores", "config", "plan"):
            yield from leaves(value)


@pytest.mark.parametrize("name", ["vitpain", "vitpain-teacher"])
def test_every_figure_of_a_model_is_a_line(table, name):
    found = json.loads((ROOT / "threedpain" / "weights" / name / "results.json").read_text())
    told = {line.value for line in table.lines() if line.source == name}
    assert set(leaves(found)) <= told
    assert len(told) > 100


def test_a_line_has_its_interval_its_people_and_what_was_trained_on(written):
    lines = pd.read_parquet(written / "figures.parquet")
    found = json.loads((ROOT / "threedpain" / "weights" / "vitpain" / "results.json").read_text())
    own = lines[lines["source"] == "vitpain"].set_index(["place", "figure"])
    whole = own.loc[("conditions / realistic / overall", "mae")]
    assert [whole["value"], whole["low"], whole["high"]] == found["conditions"]["realistic"]["overall"]["mae"]
    group = found["conditions"]["realistic"]["groups"]["gender"]["groups"]["female"]
    part = own.loc[("conditions / realistic / groups / gender / groups / female", "mae")]
    assert [part["value"], part["low"], part["people"]] == [group["mae"], group["low"], group["people"]]
    assert whole["generator"] == found["about"]["generator"] and "people" in whole["tested_on"]
    trained = lines[lines["model"].notna() & (lines["source"] != "audit")]
    assert trained["trained_on"].notna().all(), "what a model learned from is not said"
    assert "--identities" in whole["trained_on"] and whole["trained_people"] >= 100
    assert not lines["tested_on"].str.contains("runs/|/home|/tmp", na=False).any(), "a folder of somebody's machine"


def test_a_model_that_learned_from_two_splits_says_so(table, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "WEIGHTS", tmp_path)
    (tmp_path / "vitpain").mkdir()
    (tmp_path / "vitpain" / "training.md").write_text("- Pictures: `3dpain generate --identities 90 --seed 1`.")
    settings = {"epochs": 7.0, "seed": 1, "splits": ["train", "test"]}
    (tmp_path / "vitpain" / "train.json").write_text(json.dumps(settings))
    said = "3dpain generate --identities 90 --seed 1; split train and test, 7 epochs, seed 1"
    assert table.trained_on("vitpain") == (said, 90)


def test_the_small_runs_say_which_people_give_which_error(written):
    lines = pd.read_parquet(written / "figures.parquet")
    runs = lines[(lines["source"] == "experiments") & (lines["figure"] == "mae")]
    people = runs[runs["place"].str.startswith("identities / ")]
    assert {50, 150, 600} <= set(people["trained_people"]) and (people["low"] < people["high"]).all()
    young = runs[runs["model"] == "young"]
    assert young["trained_on"].str.contains("age_group=18-29,30-44", regex=False).all()


def test_numbers_in_texts_and_effects_of_an_audit(table):
    effect = {"words": "darker", "expression": "at rest", "value_share": 0.31, "low_share": 0.2, "high_share": None}
    found = {"judges": {"faces": "59 of 60", "error": "0.037", "version": "1.0.0"}, "effects": [effect], "ok": True}
    whose = table.Line("a", *[None] * 7, "", "", 0.0, math.nan, math.nan)
    faces, error, change = table._walk(found, whose)
    assert (faces.value, error.value, faces.place) == (59 / 60, 0.037, "judges")
    assert (change.place, change.value, change.low) == ("effects / darker, at rest", 0.31, 0.2)
    assert math.isnan(change.high)


def test_the_folder_is_a_dataset_with_a_card_and_the_models_of_the_runs(written):
    assert (written / "models" / "people-50" / "model.safetensors").is_file()
    assert not list(written.rglob("checkpoint*")) and not list(written.rglob("*.jsonl"))
    card = DatasetCard.load(written / "README.md")
    assert card.data.license == "cc0-1.0" and "people-50" in card.text and "| 50 people | 50 |" in card.text
    rows = load_dataset(str(written), split="train", cache_dir=str(written.parent / "cache"))
    assert len(rows) > 1000 and f"{len(rows):,} figures" in card.text
