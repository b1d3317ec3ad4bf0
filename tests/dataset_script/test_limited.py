"""HDF5, Parquet and JSON of unknown origin: no other file is read, nothing grows without limit, no label lies."""

import json

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from threedpain import strict_json
from threedpain.dataset_script import limited
from threedpain.dataset_script.archives import Problems
from threedpain.dataset_script.load import load
from threedpain.dataset_script.unbc import Unbc
from threedpain.errors import InvalidInput, ThreeDPainError, printable

COUNT = 4


@pytest.fixture
def sets(tmp_path):
    """Frames and annotations of four pictures, open for spoiling."""
    with h5py.File(tmp_path / "frames.hdf5", "w") as frames, h5py.File(tmp_path / "labels.hdf5", "w") as labels:
        frames["image"] = np.zeros((COUNT, 8, 8, 3), np.uint8)
        frames["index"] = np.arange(COUNT)
        labels["subject_name"] = [f"{i:03d}-aa{i:03d}".encode() for i in range(COUNT)]
        labels["index"] = np.arange(COUNT)
        labels["label_AU_4"] = np.zeros(COUNT)
        labels["label_pspi"] = np.zeros(COUNT)
        yield tmp_path, frames, labels


def read(folder, *files):
    for file in files:
        file.close()
    problems = Problems()
    entries = [e for rows in Unbc.index(folder, problems).values() for e in rows]
    return [(e.id, e.image.read()) for e in entries], problems


def test_a_sound_set_is_read(sets):
    rows, problems = read(*sets)
    assert len(rows) == COUNT and not problems


@pytest.mark.parametrize("key", ["image", "label_pspi", "subject_name", "index"])
@pytest.mark.parametrize("way", ["soft", "external", "storage", "virtual"])
def test_only_hard_links_and_own_storage(sets, way, key):
    folder, frames, labels = sets
    (folder / "secret").write_bytes(b"root:x:0:0:" * 999)
    file = frames if key == "image" else labels
    shape, kind = file[key].shape, file[key].dtype
    file.move(key, "real")
    if way == "soft":
        file[key] = h5py.SoftLink("/real")
    elif way == "external":
        file[key] = h5py.ExternalLink(str(folder / "frames.hdf5"), "/image")
    elif way == "storage":
        kind = kind if kind.kind != "O" else np.dtype("S11")
        file.create_dataset(key, shape, kind, external=[(str(folder / "secret"), 0, h5py.h5f.UNLIMITED)])
    else:
        layout = h5py.VirtualLayout(shape, kind if kind.kind != "O" else np.dtype("S11"))
        layout[:] = h5py.VirtualSource(".", "real", shape)
        file.create_virtual_dataset(key, layout)
    with pytest.raises(InvalidInput, match="link to elsewhere|values in another file"):
        read(folder, frames, labels)


@pytest.mark.parametrize("key", ["label_pspi", "index", "subject_name"])
def test_a_small_file_that_claims_much_is_not_read(sets, key):
    folder, frames, labels = sets
    del labels[key]
    kind = "S9" if key == "subject_name" else "i8"
    labels.create_dataset(key, (1 << 31,), kind, chunks=(1 << 20,), compression="gzip")
    with pytest.raises(InvalidInput, match="rows are read"):
        read(folder, frames, labels)


@pytest.mark.parametrize(
    ("shape", "kind", "chunks"),
    [
        ((COUNT, 8, 8, 3), "f4", None),
        ((COUNT, 8, 8, 3), "u2", None),
        ((COUNT, 8, 8, 4), "u1", None),
        ((COUNT, 100_000, 100_000, 3), "u1", (1, 100, 100, 3)),
        ((1 << 40, 8, 8, 3), "u1", (1, 8, 8, 3)),
        ((COUNT * 400, 4096, 4096, 3), "u1", (40, 4096, 4096, 3)),
    ],
)
def test_frames_of_another_kind_or_size(sets, shape, kind, chunks):
    folder, frames, labels = sets
    del frames["image"]
    frames.create_dataset("image", shape, kind, chunks=chunks)
    with pytest.raises(InvalidInput):
        read(folder, frames, labels)


@pytest.mark.parametrize(("key", "value"), [("label_pspi", 99), ("label_pspi", np.inf), ("label_AU_4", -2)])
def test_labels_outside_the_scales_are_no_rows(sets, key, value):
    folder, frames, labels = sets
    labels[key][2] = value
    rows, problems = read(folder, frames, labels)
    assert len(rows) == COUNT - 1
    assert problems.entries == {"label outside the scales": ["002-aa002 index 2"]}


def test_rows_without_labels_are_said(sets):
    folder, frames, labels = sets
    del labels["label_pspi"]
    labels["label_pspi"] = np.zeros(COUNT - 1)
    with pytest.raises(InvalidInput, match="label_pspi has 3 rows, not 4"):
        read(folder, frames, labels)


def test_parquet_that_claims_much_is_not_read(tmp_path):
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"x": ["a" * 50_000_000]}), path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 100_000
    with pytest.raises(InvalidInput, match="claims 500"):
        limited.parquet(path)
    pq.write_table(pa.table({"x": range(9)}), path)
    assert limited.parquet(path).metadata.num_rows == 9


def test_a_list_of_one_number_is_not_written_out(tmp_path):
    """589 bytes were read as hundreds of megabytes, and could have claimed thousands."""
    long = pa.array([0, 20_000_000], pa.int32())
    short = pa.ListArray.from_arrays(long, pa.array(np.zeros(20_000_000, np.float32)))
    pq.write_table(pa.table({"a": short, "b": short, "c": short, "d": short}), tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 10_000
    with pytest.raises(InvalidInput, match="d.list.element of row group 0 claims 20000000 values; at most"):
        limited.parquet(tmp_path / "bomb.parquet")
    pq.write_table(pa.table({"a": [[0.5] * 1000] * 50}), tmp_path / "sound.parquet")
    assert limited.parquet(tmp_path / "sound.parquet").metadata.num_rows == 50


def test_a_value_that_all_rows_share_is_not_spelled_out_for_each(tmp_path, monkeypatch):
    """Three megabytes that 90,000 rows share would be 270 gigabytes in memory; here it is smaller."""
    monkeypatch.setattr(limited, "GROUP_BYTES", 50_000_000)
    value = np.random.default_rng(0).bytes(100_000)
    for column in ([value] * 900, [{"bytes": value}] * 900):
        pq.write_table(pa.table({"image": column}), tmp_path / "bomb.parquet", compression="none")
        assert (tmp_path / "bomb.parquet").stat().st_size < 200_000
        with pytest.raises(InvalidInput, match=r"bomb.parquet: image.* holds 90000000 bytes of .* that rows share"):
            limited.parquet(tmp_path / "bomb.parquet")
        pq.write_table(pa.table({"image": column[:400]}), tmp_path / "sound.parquet", compression="none")
        assert limited.parquet(tmp_path / "sound.parquet").metadata.num_rows == 400


@pytest.mark.parametrize("storage", ["whole", "chunks", "packed"])
def test_a_text_that_claims_much_takes_no_memory(sets, storage):
    """Two gigabytes were taken for one name before it was looked for."""
    folder, frames, labels = sets
    names = [f"{number:03d}-aa{number:03d}".encode() for number in range(COUNT)]
    del labels["subject_name"]
    options = {"whole": {}, "chunks": {"chunks": (2,)}, "packed": {"chunks": (2,), "compression": "gzip"}}[storage]
    labels.create_dataset("subject_name", data=names, dtype=h5py.string_dtype(), **options)
    labels.flush()
    assert limited._longest_text(labels["subject_name"], "x") == 9
    labels["subject_name"][1] = "x" * 5000
    with pytest.raises(InvalidInput, match="subject_name claims a text of 5000 bytes, more than the 4096 allowed"):
        read(folder, frames, labels)


def stranger(folder, path: str, name: str = "train.parquet"):
    """A set whose README says what to read."""
    (folder / "set").mkdir()
    pq.write_table(pa.table({"id": ["a", "b"]}), folder / "set" / name)
    (folder / "set" / "README.md").write_text(
        f"---\nconfigs:\n- config_name: images\n  data_files:\n  - split: train\n    path: '{path}'\n---\n"
    )
    return str(folder / "set")


def test_a_heap_without_an_end_is_not_walked(sets):
    folder, frames, labels = sets
    labels.close()
    path = folder / "labels.hdf5"
    data = bytearray(path.read_bytes())
    at = data.index(b"GCOL") + 16
    while (number := int.from_bytes(data[at : at + 2], "little")) != 0:
        at += 16 + (int.from_bytes(data[at + 8 : at + 16], "little") + 7) // 8 * 8
    assert number == 0 and int.from_bytes(data[at + 8 : at + 16], "little") > 16
    data[at + 8 : at + 16] = bytes(8)
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match="has damaged texts: free space of no size"):
        read(folder, frames)


def test_a_plain_set_is_its_own_parquet_files(tmp_path):
    assert load(stranger(tmp_path, "train.parquet"), split="train")["id"][:] == ["a", "b"]


@pytest.mark.parametrize("way", ["absolute", "above", "link", "csv", "bomb"])
def test_a_plain_set_reads_nothing_else(tmp_path, way):
    pq.write_table(pa.table({"id": ["secret"]}), tmp_path / "mine.parquet")
    place = {"absolute": str(tmp_path / "mine.parquet"), "above": "../mine.parquet", "csv": "*.csv"}
    source = stranger(tmp_path, place.get(way, "*.parquet"))
    if way == "link":
        (tmp_path / "set" / "more.parquet").symlink_to(tmp_path / "mine.parquet")
    elif way == "csv":
        (tmp_path / "set" / "a.csv").write_text("id\nx\n")
    elif way == "bomb":
        bomb = pa.table({"id": ["a" * 50_000_000]})
        pq.write_table(bomb, tmp_path / "set" / "b.parquet", compression="zstd", use_dictionary=False)
    with pytest.raises(InvalidInput, match="a file elsewhere|is Parquet files|claims 500"):
        load(source)


@pytest.mark.parametrize(
    "text", ["NaN", "[-Infinity]", "1e999", "1" + "0" * 400, "[" * 100 + "]" * 100, "[" * 99_999, "{", "", b"\xff\xfe"]
)
def test_json_that_is_none(text):
    with pytest.raises(InvalidInput, match="labels.json is no JSON that can be read"):
        strict_json.parse(text, "labels.json")


def test_json_of_our_own_is_read():
    value = {"a": [1, 2.5, None, True, {"b": "c"}], "big": 2**62}
    assert strict_json.parse(json.dumps(value), "x") == value


def test_names_of_unknown_origin_steer_no_terminal():
    name = "face\x1b]0;owned\x07\u202egnp.png\n"
    problems = Problems()
    problems.add("picture that cannot be read", name)
    for text in (str(problems), str(ThreeDPainError(name)), str(InvalidInput(f"{name} is none."))):
        assert text.isprintable() and "\\x1b]0;owned\\x07\\u202egnp.png" in text
    assert printable("Zoë 漢字 ok") == "Zoë 漢字 ok"
