"""The pictures that come with the package: written from a finished set, opened at once, made where they are missing."""

import json

import pytest
import standin
from datasets import load_dataset, load_dataset_builder

from threedpain.dataset_script import sample
from threedpain.errors import InvalidInput
from threedpain.generation.dataset.plan import Config
from threedpain.schema import GENERATOR_VERSION


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return standin.dataset(tmp_path_factory.getbasetemp() / "standin-set")


@pytest.fixture
def there(made, tmp_path, monkeypatch):
    """A folder that holds a small sample, taken for the one of the package."""
    folder = tmp_path / "sample"
    sample.write(made, folder)
    monkeypatch.setattr(sample, "SAMPLE", folder)
    return folder


def test_a_sample_is_opened_at_once_whatever_lies_in_the_folder(there, made, tmp_path, monkeypatch):
    (tmp_path / "3dpain").mkdir()  # somebody's set is none of its business
    monkeypatch.chdir(tmp_path)
    rows = load_dataset("3dpain", "sample")
    assert {split: len(part) for split, part in rows.items()} == {"train": 56, "validation": 16, "test": 8}
    first = rows["train"][0]
    assert first["image"].size == first["neutral_image"].size == first["heatmap"].size == (64, 64)
    assert rows["train"].info.version.version_str == GENERATOR_VERSION and "10" in rows["train"].info.description
    listed = [file["path"] for s in json.loads((there / "manifest.json").read_text())["shards"] for file in s["files"]]
    assert sorted(listed) == sorted(f"images/{path.name}" for path in (there / "images").iterdir())
    assert len(load_dataset("3dpain", "sample", split="test", streaming=True).take(9).to_list()) == 8


def test_browse_opens_the_sample(there, monkeypatch):
    from threedpain.spaces import browse

    monkeypatch.setattr(browse, "open_set", browse.open_set.__wrapped__)  # nothing is remembered
    assert len(browse.open_set(browse.SAMPLE)) == 80


def test_a_new_sample_takes_the_place_of_the_old_one_and_stays_small(there, made):
    older = there / "images" / "train-00007.parquet"
    older.write_bytes(b"of an older set")
    size = sum(path.stat().st_size for path in made.glob("images/*.parquet"))
    with pytest.raises(InvalidInput, match=rf"have {size:,} bytes; allowed are 1 to {size - 1:,}"):
        sample.write(made, there, most=size - 1)
    assert older.exists()
    assert sample.write(made, there) == size
    assert not older.exists()


def test_without_a_sample_the_same_pictures_are_planned(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "SAMPLE", tmp_path)
    assert load_dataset_builder("3dpain", "sample").to_make() == Config(**sample.PLAN)
    with pytest.raises(InvalidInput, match="the sample is as it came"):
        load_dataset_builder("3dpain", "sample", identities=3)


@pytest.mark.skipif(not sample.shipped(), reason="make sample has drawn none yet")
def test_the_sample_that_ships_is_of_this_generator_and_small():
    rows = load_dataset("3dpain", "sample")
    assert sum(map(len, rows.values())) == 120
    assert {version for part in rows.values() for version in part["generator_version"]} == {GENERATOR_VERSION}
    assert sum(path.stat().st_size for path in sample.SAMPLE.glob("images/*")) <= sample.BYTES
    assert len({person for part in rows.values() for person in part["identity_id"]}) == 10
