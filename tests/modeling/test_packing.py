"""Faces packed for training by several processes, and by some that were killed."""

import hashlib
import subprocess
import sys
import time

import kills
import numpy as np
import pytest
from drawn_faces import drawn_faces

from threedpain.modeling.faces.faces import FaceSet


def packed(place) -> dict[str, str]:
    """Digests of what lies in the cache."""
    FaceSet.pack(drawn_faces(3, 2, 1), size=40, cache=place / "faces", workers=1)
    assert not list(place.rglob("*.part*"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in place.rglob("*/*.*") if path.suffix in
            (".npy", ".parquet")}  # fmt: skip


@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_every_step_of_packing(tmp_path, stride):
    whole = packed(tmp_path / "whole")
    assert set(whole) == {"images.npy", "heatmaps.npy", "landmarks.npy", "masks.npy", "table.parquet"}
    killed = kills.every_step("pack", tmp_path / "killed", stride)
    assert len(killed) > 2
    assert all(packed(place) == whole for place in killed)


def test_what_an_older_version_left_half_packed_is_swept(tmp_path):
    faces = FaceSet.pack(drawn_faces(3, 2, 1), size=40, cache=tmp_path / "faces", workers=1)
    (left := tmp_path / "faces" / "0123abcd.part4711").mkdir()
    FaceSet.pack(drawn_faces(2, 2, 1), size=40, cache=tmp_path / "faces", workers=1)
    assert not left.exists() and np.asarray(faces.images).any()


PACK = """
import sys, time
from pathlib import Path
import kills, threedpain.modeling.faces.faces
time.sleep(max(0, float(sys.argv[2]) - time.time()))
kills.pack(Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_processes_that_pack_one_set_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(kills.Path(kills.__file__).parent))
    command = [sys.executable, "-W", "ignore", "-c", PACK, str(tmp_path), str(time.time() + 20)]
    others = [subprocess.Popen(command) for _ in range(3)]
    assert [other.wait() for other in others] == [0] * 3
    assert len(list((tmp_path / "faces").iterdir())) == 1
