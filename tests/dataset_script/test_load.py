"""Reading a set: with `datasets` alone, with this package, streaming, and by the builder's own parameters."""

import os
import shutil
import subprocess
import sys

import pytest
import standin

READ = """
import sys
assert {first}
from datasets import load_dataset, Mesh, Video
images = load_dataset("3dpain")
assert {{k: len(v) for k, v in images.items()}} == {{"train": 56, "validation": 16, "test": 8}}, images
assert "neutral_image" not in images["train"].features
row = images["train"][1]
assert row["image"].size == (64, 64) and row["mask"].mode == "L" and row["depth"].mode == "I;16"
assert row["aligned_neutral"].size == (64, 64) and images["train"][0]["aligned_neutral"] is None
assert images["train"].features["expression"].names == ["neutral", "pain", "other"]
pairs = load_dataset("3dpain", "pairs", split="train", num_proc=2)
assert len(pairs) == 42 and 0 not in pairs["expression"]
assert pairs[0]["neutral_image"].size == (64, 64)
stream = load_dataset("3dpain", "pairs", split="validation", streaming=True)
assert len([r for r in stream]) == 12
assert len(load_dataset("3dpain", "expressions", split="train")) == 14
person = load_dataset("3dpain", "identities", split="test", streaming=True)
mesh = next(iter(person))["posed_mesh"]
assert 0.1 < max(mesh.extents) < 1.5
videos = load_dataset("3dpain", "videos")
split = next(iter(videos.values())).cast_column("video", Video(decode=False))
assert len(split) == 1 and len(split[0]["PSPI"]) == 120 and split[0]["video"]["bytes"][4:8] == b"ftyp"
assert {last}
"""


FILM = """
from datasets import load_dataset
(video,) = next(iter(load_dataset("3dpain", "videos").values()))
film = video["video"]
assert len(film) == len(video["PSPI"]) == len(video["AU4"]) == 120
assert film.metadata.average_fps == video["fps"] == 24
rest, apex = film[0], film[max(range(120), key=video["PSPI"].__getitem__)]
assert tuple(rest.shape) == (3, 64, 64) and (rest != apex).any()
import sys; assert not any(name.startswith("threedpain") for name in sys.modules)
"""


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    """A folder that holds ./3dpain."""
    sound = standin.dataset(tmp_path_factory.getbasetemp() / "standin-set")
    there = tmp_path_factory.mktemp("where")
    shutil.copytree(sound, there / "3dpain")
    return there


def run(code, where, tmp_path):
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_DATASETS_CACHE": str(tmp_path / "datasets")}
    return subprocess.run([sys.executable, "-c", code], cwd=where, env=environment, capture_output=True, text=True)


def test_without_this_package(where, tmp_path):
    alone = "not any(name.startswith('threedpain') for name in sys.modules)"
    done = run(READ.format(first="True", last=alone), where, tmp_path)
    assert done.returncode == 0, done.stderr


def test_videos_by_torchcodec(where, tmp_path):
    if run("import torchcodec.decoders", where, tmp_path).returncode:
        pytest.skip("torchcodec finds no FFmpeg libraries here")
    done = run(FILM, where, tmp_path)
    assert done.returncode == 0, done.stderr


def test_with_this_package_the_folder_comes_first(where, tmp_path):
    done = run(READ.format(first="__import__('threedpain')", last="True"), where, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "making" not in done.stderr


def test_an_unfinished_folder_is_told(where, tmp_path):
    (tmp_path / "3dpain" / "images").mkdir(parents=True)
    code = "import threedpain; from datasets import load_dataset; load_dataset('3dpain')"
    done = run(code, tmp_path, tmp_path)
    assert "is not a finished dataset: `3dpain generate --out" in done.stderr


@pytest.mark.slow
def test_a_set_is_made_where_there_is_none(tmp_path):
    code = (
        "import threedpain; from datasets import load_dataset\n"
        "asked = dict(identities=3, expressions=1, views=1, size=64, texture='flat')\n"
        "ds = load_dataset('3dpain', num_proc=2, **asked)\n"
        "assert sum(map(len, ds.values())) == 6, ds\n"
        "pairs = load_dataset('3dpain', 'pairs', split='train', streaming=True, **asked)\n"
        "assert {row['expression'] for row in pairs} == {1}"
    )
    done = run(code, tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("making 3 identities at 64 px in ") == 1
