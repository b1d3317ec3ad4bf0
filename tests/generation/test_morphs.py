"""A glb with morph targets: names that others know, displacements that the rig makes, a file that readers accept."""

import io
import json
import struct

import numpy as np
import pytest

from threedpain import facs
from threedpain.errors import InvalidInput
from threedpain.generation import morphs
from threedpain.generation.export import corners, textured
from threedpain.generation.head.motion import landmarks
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.records import PARTS, SKIN_HEIGHT, SKIN_WIDTH, SkinMaps

trimesh = pytest.importorskip("trimesh")


@pytest.fixture(scope="module")
def bust():
    return ScanHeadModel.load()(sample_identity(5))


@pytest.fixture(scope="module")
def maps():
    shape = (SKIN_HEIGHT, SKIN_WIDTH)
    return SkinMaps(np.full((*shape, 3), 170, np.uint8), np.zeros(shape, np.uint8))


@pytest.fixture(scope="module")
def glb(bust, maps):
    return morphs.to_animated_glb(bust, maps)


@pytest.fixture(scope="module")
def moved(bust):
    return morphs.targets(bust)


def decoded(glb: bytes) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Positions [N, 3] and every target's displacements, read as the glTF 2.0 specification says."""
    length = struct.unpack("<I", glb[12:16])[0]
    document, data = json.loads(glb[20 : 20 + length]), glb[28 + length :]
    mesh = document["meshes"][0]
    primitive = mesh["primitives"][0]

    def view(number, kind, start=0):
        view = document["bufferViews"][number]
        return np.frombuffer(data[view.get("byteOffset", 0) + start :][: view["byteLength"]], kind)

    position = document["accessors"][primitive["attributes"]["POSITION"]]
    base = view(position["bufferView"], "<f4", position.get("byteOffset", 0))[: 3 * position["count"]].reshape(-1, 3)
    found = {}
    for name, target in zip(mesh["extras"]["targetNames"], primitive["targets"], strict=True):
        accessor = document["accessors"][target["POSITION"]]
        sparse = accessor["sparse"]
        rows = view(sparse["indices"]["bufferView"], "<u2")
        assert accessor["count"] == len(base) and len(rows) == sparse["count"] and (np.diff(rows.astype(int)) > 0).all()
        dense = np.zeros((len(base), 3), np.float32)
        dense[rows] = view(sparse["values"]["bufferView"], "<f4").reshape(-1, 3)
        ends = np.concatenate([dense[rows], np.zeros((1, 3))])
        assert np.allclose(accessor["min"], ends.min(axis=0)) and np.allclose(accessor["max"], ends.max(axis=0))
        found[name] = dense
    assert len(data) == document["buffers"][0]["byteLength"] and mesh["weights"] == [0.0] * len(found)
    return base, found


def test_every_unit_and_the_52_shapes_of_arkit_have_a_target(glb):
    names = list(decoded(glb)[1])
    assert len(morphs.ARKIT_TARGETS) == 52 and names == [*morphs.UNIT_TARGETS, *morphs.ARKIT_TARGETS]
    assert {name.rstrip("LR") for name in morphs.UNIT_TARGETS} == set(facs.ACTION_UNITS)
    assert {"eyeBlinkLeft", "jawOpen", "mouthSmileRight", "browInnerUp", "tongueOut", "cheekPuff"} <= set(names)


def test_a_target_is_what_the_rig_moves(bust, maps, glb):
    base, found = decoded(glb)
    rows = bust.model.coarse["rows"][corners(textured(rig(bust, {}), maps))[0][:, 0]]
    assert np.allclose(base, bust.vertices[rows], atol=1e-6)
    for target, units in (("AU4L", {"AU4L": 5}), ("AU43R", {"AU43R": 1}), ("mouthSmileLeft", {"AU12L": 5})):
        wanted = rig(bust, units).vertices[rows]
        assert np.abs(base + found[target] - wanted).max() < 3e-5, target


def test_every_target_moves_its_side_and_halves_make_a_whole(bust, moved):
    x = bust.vertices[:, 0]
    for name, field in moved.items():
        assert np.linalg.norm(field, axis=1).max() > 1e-3, name
        if name.endswith(("Left", "Right")) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            other = (x < -0.012) if name.endswith("Left") else (x > 0.012)
            reach = 2.5e-3 if name.startswith("mouth") else 1.5e-3  # lips give way to each other beyond the midline
            assert np.linalg.norm(field[other], axis=1).max() < reach, name
    assert np.allclose(moved["mouthPressLeft"] + moved["mouthPressRight"], moved["AU24"], atol=1e-6)


def test_a_closed_mouth_on_an_open_jaw(bust, moved):
    def gap(field):
        points = landmarks(bust.topology, bust.vertices + field)
        return points[62, 1] - points[66, 1]

    opened = gap(moved["jawOpen"]) - gap(0)
    assert opened > 0.008 and gap(moved["jawOpen"] + moved["mouthClose"]) - gap(0) < 0.15 * opened
    chin = landmarks(bust.topology, moved["jawOpen"] + moved["mouthClose"])[8]
    assert chin[1] < -0.01, "the jaw stays down"


def test_the_tongue_comes_out(bust, moved):
    faces = bust.topology.faces[bust.topology.face_part == PARTS.index("tongue")]
    assert moved["tongueOut"][np.unique(faces), 2].max() > 0.02


def test_files_are_repeatable_light_and_open_elsewhere(bust, maps, glb, tmp_path):
    assert glb == morphs.to_animated_glb(bust, maps) and len(glb) < 3_000_000
    path = morphs.save_animated(bust, maps, tmp_path / "face.glb")
    assert path.read_bytes() == glb
    assert len(trimesh.load(io.BytesIO(glb), file_type="glb").to_mesh().faces) > 5000
    with pytest.raises(InvalidInput, match="a face that moves is saved as .glb, got 'face.obj'"):
        morphs.save_animated(bust, maps, tmp_path / "face.obj")
