"""Damaged HDF5, Parquet and JSON of sets: only our sentences come out, nothing is written outside, nothing grows.

Every input follows from the seed and its number, so that a finding can be made again.
"""

import json
import random
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import standin
from fuzzing import DEEPER, damaged, ours, watched

from threedpain.dataset_script import plain
from threedpain.dataset_script.archives import Problems
from threedpain.dataset_script.check import check
from threedpain.dataset_script.limited import parquet
from threedpain.dataset_script.unbc import Unbc
from threedpain.dataset_script.upload import dataset_files, ours_there
from threedpain.generation.dataset.manifest import Manifest, check_same, load_plan
from threedpain.generation.dataset.plan import Config
from threedpain.generation.dataset.swap import recover

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
    pytest.mark.filterwarnings("ignore"),
]
FEW_HDF5, MANY_HDF5 = 90, 2000 * DEEPER
FEW_PARQUET, MANY_PARQUET = 60, 1000 * DEEPER
FEW_JSON, MANY_JSON = 90, 700 * DEEPER
FEW_SETS, MANY_SETS = 6, 130 * DEEPER
VALUES = (None, True, -1, 0, 0.5, 10**6, 10**12, 10**400, 1e308, float("nan"), "", "x", "../x", "/etc/passwd",
          "\x1b[2J", "id_00001", [], [1], {}, [[]], {"a": 1}, "images-train-00000", "9" * 5000)  # fmt: skip


def hdf5(folder: Path) -> dict[str, bytes]:
    """The three files of a small UNBC, their names of a variable length as h5py writes them."""
    with h5py.File(folder / "frames.hdf5", "w") as file:
        pixels = np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3)
        file.create_dataset("image", data=pixels, chunks=(1, 8, 8, 3), compression="gzip")
        file["index"] = np.arange(4)
    with h5py.File(folder / "labels.hdf5", "w") as file:
        file["subject_name"] = [f"{number:03d}-aa{number:03d}".encode() for number in range(4)]
        file["index"] = np.arange(4)
        file["label_AU_4"], file["label_pspi"] = np.zeros(4), np.zeros(4)
    with h5py.File(folder / "folds.hdf5", "w") as file:
        for fold in range(2):
            file[f"fold-{fold}/validation_subjects"] = np.array([2 * fold, 2 * fold + 1])
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.hdf5"))}


def fuzz_hdf5(tmp_path, count: int) -> None:
    whole = hdf5(tmp_path)
    names = list(whole)
    with watched(tmp_path):
        for number in range(count):
            name = names[number % len(names)]
            (tmp_path / name).write_bytes(damaged(whole[name], np.random.default_rng([25, number])))
            with ours(f"{name} {number}"):
                for rows in Unbc.index(tmp_path, Problems()).values():
                    for entry in rows:
                        assert 0 <= entry.columns["PSPI"] <= 16
                        entry.image.read()
            (tmp_path / name).write_bytes(whole[name])


def test_damaged_hdf5(tmp_path):
    fuzz_hdf5(tmp_path, FEW_HDF5)


@pytest.mark.slow
def test_many_damaged_hdf5(tmp_path):
    fuzz_hdf5(tmp_path, MANY_HDF5)


def tables() -> pa.Table:
    bytes_ = [bytes([number]) * 300 for number in range(30)]
    cells = pa.array([{"bytes": data, "path": None} for data in bytes_])
    return pa.table(
        {"id": [f"id_{n}" for n in range(30)], "PSPI": np.arange(30) / 2, "image": cells,
         "points": [[[1.0, 2.0]] * 3] * 30, "expression": [n % 3 for n in range(30)]}
    )  # fmt: skip


def fuzz_parquet(tmp_path, count: int) -> None:
    """Opened within the limits, then read to the end: what the library makes of damage is an exception, no crash."""
    path = tmp_path / "train-00000.parquet"
    with watched(tmp_path):
        for number in range(count):
            packing = ("none", "zstd", "snappy")[number % 3]
            pq.write_table(tables(), path, compression=packing, row_group_size=10, write_page_checksum=number % 2 == 0)
            path.write_bytes(damaged(path.read_bytes(), np.random.default_rng([26, number])))
            try:
                file = parquet(path)
                for group in range(file.num_row_groups):
                    file.read_row_group(group).to_pylist()
            except (OSError, pa.ArrowException, ValueError):
                continue


def test_damaged_parquet(tmp_path):
    fuzz_parquet(tmp_path, FEW_PARQUET)


@pytest.mark.slow
def test_many_damaged_parquet(tmp_path):
    fuzz_parquet(tmp_path, MANY_PARQUET)


def fuzz_plain_sets(tmp_path, monkeypatch, count: int) -> None:
    """A stranger's folder through `datasets`, its shard or its README damaged."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    card = b"---\nconfigs:\n- config_name: images\n  data_files:\n  - split: train\n    path: images/*.parquet\n---\n"
    (tmp_path / "set" / "images").mkdir(parents=True)
    path, readme = tmp_path / "set" / "images" / "train-00000.parquet", tmp_path / "set" / "README.md"
    pq.write_table(tables(), path, compression="zstd", row_group_size=10)
    whole = {path: path.read_bytes(), readme: card}
    with watched(tmp_path):
        for number in range(count):
            rng, spoiled = np.random.default_rng([27, number]), list(whole)[number % 2]
            for file, data in whole.items():
                file.write_bytes(damaged(data, rng) if number and file == spoiled else data)  # the first one is sound
            with ours(f"{spoiled.name} {number}"):
                splits = plain.read(str(tmp_path / "set"), "images")
                assert number or len(splits["train"]) == 30
            shutil.rmtree(tmp_path / "cache", ignore_errors=True)


def test_damaged_sets_through_datasets(tmp_path, monkeypatch):
    fuzz_plain_sets(tmp_path, monkeypatch, FEW_SETS)


@pytest.mark.slow
def test_many_damaged_sets_through_datasets(tmp_path, monkeypatch):
    fuzz_plain_sets(tmp_path, monkeypatch, MANY_SETS)


def places(value, trail=()):
    """The trail to every value of a JSON document."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*trail, key)
        yield from places(inner, (*trail, key))


def spoiled(data: bytes, number: int) -> bytes:
    """A JSON text damaged, or with one of its values replaced."""
    if number % 2:
        return damaged(data, np.random.default_rng([28, number]))
    draw, known = random.Random(number), json.loads(data)
    *parents, last = draw.choice(list(places(known)))
    inner = known
    for parent in parents:
        inner = inner[parent]
    inner[last] = draw.choice(VALUES)
    return json.dumps(known).encode()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return standin.dataset(tmp_path_factory.getbasetemp() / "standin-set")


def fuzz_json(dataset, tmp_path, count: int) -> None:
    """plan.json, manifest.json and what lies in .generate, as every command reads them."""
    out = shutil.copytree(dataset, tmp_path / "3dpain")
    work = out / ".generate"
    entries = json.loads((out / "manifest.json").read_text())["shards"]
    (work / "shards").mkdir(exist_ok=True)
    (work / "shards" / f"{entries[0]['shard']}.json").write_text(json.dumps(entries[0]))
    (work / "config.json").write_bytes((out / "plan.json").read_bytes())
    (work / "swap.json").write_text(json.dumps({"put": ["images/train-00000.parquet"], "drop": []}))
    names = ["plan.json", "manifest.json", ".generate/config.json", ".generate/swap.json",
             f".generate/shards/{entries[0]['shard']}.json"]  # fmt: skip
    whole = {name: (out / name).read_bytes() for name in names}
    shards = {path: path.read_bytes() for path in out.rglob("*.parquet")}
    config = Config(**vars(standin.SMALL))
    with watched(tmp_path):
        for number in range(count):
            name = names[number % len(names)]
            (out / name).write_bytes(spoiled(whole[name], number // len(names)))
            (work / "swap.json").unlink() if name != ".generate/swap.json" else None
            for what in (
                lambda: check_same(out, config),
                lambda: (Manifest(out).entries(), Manifest(out).written()),
                lambda: load_plan(out),
                lambda: dataset_files(out),
                lambda: ours_there("dataset", set(names[:2]), lambda n: (out / n).read_bytes(), out, "a/b"),
                lambda: recover(out),
            ):
                with ours(f"{name} {number}"):
                    what()
            for file, data in whole.items():
                (out / file).parent.mkdir(parents=True, exist_ok=True)
                (out / file).write_bytes(data)
    assert {path: path.read_bytes() for path in out.rglob("*.parquet")} == shards


def test_damaged_json(dataset, tmp_path):
    fuzz_json(dataset, tmp_path, FEW_JSON)


@pytest.mark.slow
def test_many_damaged_json(dataset, tmp_path):
    fuzz_json(dataset, tmp_path, MANY_JSON)


def _says_the_same(one: bytes, other: bytes) -> bool:
    """Whether two files hold the same bytes, or JSON with the same content: spaces are nobody's loss."""
    try:
        return one == other or json.loads(one) == json.loads(other)
    except ValueError:
        return False


@pytest.mark.slow
def test_check_of_damaged_sets(dataset, tmp_path):
    """`check` says of each that it is bad, or examines it; it never breaks."""
    out = shutil.copytree(dataset, tmp_path / "3dpain")
    names = ["plan.json", "manifest.json", "images/test-00000.parquet", "identities/test-00000.parquet"]
    with watched(tmp_path):
        for number in range(40):
            path = out / names[number % len(names)]
            whole = path.read_bytes()
            path.write_bytes(
                spoiled(whole, number)
                if path.suffix == ".json"
                else damaged(whole, np.random.default_rng([29, number]))
            )
            with ours(f"{path.name} {number}"):
                assert check(out, replays=0).findings or _says_the_same(path.read_bytes(), whole)
            path.write_bytes(whole)
