"""The head asset and the busts made from it."""

import hashlib

import numpy as np
import pytest

from threedpain.assets import weights
from threedpain.errors import MissingFile
from threedpain.generation.geometry import refine
from threedpain.generation.head.model import HeadModel
from threedpain.generation.head.motion import landmarks
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.records import MASK_CLASSES, PARTS
from threedpain.generation.seeds import child
from threedpain.regions import MIRROR


@pytest.fixture(scope="module")
def head():
    return HeadModel.load()


def test_the_asset_is_small_and_checked(tmp_path):
    path = weights("head")
    assert path.stat().st_size < 10e6
    broken = bytearray(path.read_bytes())
    broken[-5] ^= 1
    (tmp_path / "head.safetensors").write_bytes(broken)
    with pytest.raises(MissingFile, match="is damaged .its checksum does not match."):
        HeadModel.load(tmp_path / "head.safetensors")
    (tmp_path / "half.safetensors").write_bytes(broken[: len(broken) // 2])
    with pytest.raises(MissingFile, match="is damaged .it is no whole safetensors file."):
        HeadModel.load(tmp_path / "half.safetensors")
    with pytest.raises(MissingFile, match="no head asset at .*absent.*build it with"):
        HeadModel.load(tmp_path / "absent")


def test_the_topology_is_sound(head):
    topology = head.topology
    faces, vertices = topology.faces, head(sample_identity(1, head=head)).vertices
    assert faces.min() == 0 and faces.max() == len(vertices) - 1 == len(topology.body) - 1
    assert topology.face_uvs.max() == len(topology.uvs) - 1
    assert topology.uvs.min() >= 0 and topology.uvs.max() <= 1
    assert set(np.unique(topology.face_part)) == set(range(len(PARTS)))
    drawn = {MASK_CLASSES[k] for k in np.unique(topology.face_class)}
    assert drawn == {"skin", "ears", "neck", "lips", "mouth", "eyes"}
    assert np.array_equal(topology.mirror[topology.mirror], np.arange(len(vertices)))
    for name in ("body", "scalp", "beard"):
        weight = getattr(topology, name)
        assert weight.min() >= 0 and weight.max() <= 1 and weight.max() > 0.9


def test_landmarks_are_in_ibug_order_and_mirror(head):
    bust = head(sample_identity(2, asymmetry=0, head=head))
    points = landmarks(bust.topology, bust.vertices)
    assert np.allclose(points[list(MIRROR)] * [-1, 1, 1], points, atol=1.5e-3)
    assert points[0, 0] < 0 < points[16, 0], "point 0 is at the subject's right ear"
    assert points[8, 1] < points[57, 1] < points[51, 1] < points[33, 1] < points[27, 1] < points[19, 1]
    assert points[30, 2] == points[27:36, 2].max(), "the nose tip stands out"
    for corners, centre in (([36, 39], bust.eye_centres[1]), ([42, 45], bust.eye_centres[0])):
        low, high = sorted(points[corners, 0])
        assert low < centre[0] < high


def test_the_frame_lies_between_the_ears(head):
    for seed in range(5):
        bust = head(sample_identity(seed, head=head))
        ears = bust.vertices[np.unique(bust.topology.faces[bust.topology.face_class == MASK_CLASSES.index("ears")])]
        assert np.abs(ears.mean(axis=0)).max() < 0.02
        assert bust.vertices[:, 1].min() < -0.25 and 0.10 < bust.vertices[:, 1].max() < 0.2


def test_the_same_identity_gives_the_same_bytes(head):
    first, again = head(sample_identity(11, head=head)), head(sample_identity(11, head=head))
    assert hashlib.sha256(first.vertices).digest() == hashlib.sha256(again.vertices).digest()


def test_subdivision_keeps_planes_and_sums():
    quads = np.array([[0, 1, 4, 3], [1, 2, 5, 4], [3, 4, 7, 6], [4, 5, 8, 7]])
    points = np.array([[x, y, 0.0] for y in range(3) for x in range(3)])
    fine = refine(quads, 9)
    assert np.allclose(np.asarray(fine.matrix.sum(axis=1)), 1)
    new = fine.matrix @ points
    assert fine.quads.shape == (16, 4) and np.allclose(new[:, 2], 0)
    assert np.allclose(new[4], [1, 1, 0]), "the middle of a regular patch stays"
    a, b, c, d = new[fine.quads].transpose(1, 0, 2)
    assert (np.cross(c - a, d - b)[:, 2] > 0.1).all(), "every child is turned like its parent"


def test_named_generators_are_independent_and_pinned():
    assert child(7, "hair").integers(2**32) == child(7, "hair").integers(2**32)
    names = ((), ("a",), ("b",), ("a", "b"), ("b", "a"), ("a", 1), ("1",), (1,))
    draws = {child(7, *path).integers(2**62) for path in names}
    assert len(draws) == 8
    assert child(7, "a", 3).random() == pytest.approx(0.9605691057076974, abs=0), "the same on every machine"
