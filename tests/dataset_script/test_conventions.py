"""A generated set keeps the conventions of the tools people bring: batches, class legends, what `ds.info` says."""

import datasets
import numpy as np
import pytest
import standin
import torch
from huggingface_hub import DatasetCard
from torch.utils.data import DataLoader

import threedpain
from threedpain import facs
from threedpain.generation.dataset.plan import Config
from threedpain.generation.frames import FRONTAL, rotation
from threedpain.schema import AU_COLUMNS, FEATURES, GENERATOR_VERSION, KEY_LIGHTS, features


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return standin.dataset(tmp_path_factory.getbasetemp() / "standin-set")


def ragged(kind) -> bool:
    """Whether some list in a column may have another length in another row."""
    if isinstance(kind, dict):
        return any(ragged(inner) for inner in kind.values())
    if isinstance(kind, datasets.List):
        return kind.length == -1 or ragged(kind.feature)
    return False


@pytest.mark.parametrize("config", ["images", "pairs", "expressions"])
def test_no_column_is_ragged(config):
    """`shape` has as many coefficients as the head has, the same number in all rows of a set."""
    assert {name for name, kind in features(config).items() if ragged(kind)} <= {"shape"}


@pytest.mark.parametrize("config", ["images", "pairs"])
def test_a_torch_loader_batches_every_row(folder, config):
    rows = datasets.load_dataset(str(folder), config, split="train").with_format("torch")
    if config == "images":  # empty where the face is at rest; the rows of `pairs` all have it
        rows = rows.remove_columns("aligned_neutral")
    seen, lights = 0, set()
    for batch in DataLoader(rows, batch_size=5):
        count = len(batch["id"])
        assert batch["image"].shape == (count, 3, 64, 64) and batch["image"].dtype == torch.uint8
        assert batch["mask"].shape == (count, 1, 64, 64) and batch["depth"].shape == (count, 1, 64, 64)
        assert batch["landmarks"].shape == (count, 68, 2) and batch["camera"]["K"].shape == (count, 3, 3)
        assert batch["light"]["key_colours"].shape == batch["light"]["key_directions"].shape == (count, KEY_LIGHTS, 3)
        assert batch["occurrence"].shape == (count, len(AU_COLUMNS))
        lights |= set((batch["light"]["key_colours"] > 0).any(-1).sum(-1).tolist())
        seen += count
    assert seen == len(rows) and len(lights) > 1  # scenes with one light and with more stood in one batch


def test_a_light_that_is_not_there_lights_nothing(folder):
    for light in datasets.load_dataset(str(folder), split="train")["light"]:
        colours, directions = np.array(light["key_colours"]), np.array(light["key_directions"])
        there = colours.any(axis=1)
        assert there[: there.sum()].all(), "those that are there come first"
        assert (directions[~there] == [0, 0, 1]).all() and (np.array(light["key_softness"])[~there] == 1).all()
        np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-6)


def test_what_follows_from_other_columns(folder):
    for row in datasets.load_dataset(str(folder), split="train"):
        assert row["identity_id"] == f"id_{row['identity_number']:05d}"
        assert row["occurrence"] == [facs.occurs(unit, row[unit]) for unit in AU_COLUMNS]
        shares = np.bincount(np.asarray(row["mask"]).ravel(), minlength=len(threedpain.MASK_CLASSES)) / 64**2
        np.testing.assert_allclose(list(row["mask_share"].values()), shares, atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(row["gaze"]), 1, atol=1e-6)
        ahead = FRONTAL @ rotation(row["yaw"], row["pitch"], row["roll"]) @ [0, 0, 1]
        np.testing.assert_allclose(row["gaze"], ahead, atol=1e-5)
        assert row["gaze"][2] < 0 and (abs(row["yaw"]) < 12 or row["gaze"][0] * row["yaw"] > 0)


def test_units_occur_from_a_trace_up():
    assert facs.occurs("AU4", 1.0) and not facs.occurs("AU4", 0.9)
    assert facs.occurs("AU43", 0.5) and not facs.occurs("AU43", 0.4)


def test_the_legend_of_the_mask_is_public(folder):
    assert threedpain.MASK_CLASSES[:2] == ("background", "skin") and len(set(threedpain.MASK_CLASSES)) >= 11
    assert tuple(FEATURES["images"]["mask_share"]) == threedpain.MASK_CLASSES
    card = (folder / "README.md").read_text()
    assert all(f"{number} {name.replace('_', ' ')}" in card for number, name in enumerate(threedpain.MASK_CLASSES))


@pytest.mark.parametrize("config", ["images", "expressions"])
def test_info_says_what_it_is_whose_and_which_version(folder, config, tmp_path, monkeypatch):
    monkeypatch.chdir(folder.parent)  # by its path, and by name from the folder ./3dpain
    (tmp_path / "3dpain").symlink_to(folder)
    by_path = datasets.load_dataset(str(folder), config, split="train").info
    monkeypatch.chdir(tmp_path)
    by_name = datasets.load_dataset("3dpain", config, split="train").info
    for info in (by_path, by_name):
        assert "10 people who do not exist" in info.description and "9 facial hair" in info.description
        assert "3dpain generate" in info.description and f"Config {config}" in info.description
        assert info.license == "cc0-1.0" and "arXiv:2509.16727" in info.citation
        assert str(info.version) == GENERATOR_VERSION and GENERATOR_VERSION in info.citation


def test_the_parameters_of_a_set_are_read_from_its_card(folder):
    made = DatasetCard.load(folder / "README.md").data.to_dict()["generated_by"]
    assert Config.from_json(made["parameters"]) == standin.SMALL
    assert made["generator_version"] == GENERATOR_VERSION and made["people"] == 10 and made["pictures"] == 80
    assert made["people_in_each_split"] == {"train": 7, "validation": 2, "test": 1}
    assert made["command"].startswith("3dpain generate --out 3dpain --identities 10 --expressions 2")
