"""Arrays have the shapes and dtypes that the records' comments state: head, rig, renderer and model."""

import dataclasses

import numpy as np
import pytest
import shapes

from threedpain.generation.head.bust import Anatomy, Bust, Face, Topology
from threedpain.generation.pipeline import PainFacePipeline
from threedpain.generation.records import Camera, Sample, SkinMaps


@pytest.fixture(scope="module")
def out():
    return PainFacePipeline.from_pretrained(texture="flat", device="cpu")({"AU4": 3, "AU43": 1}, seed=3, size=64)


def test_the_head_and_its_face(out):
    bust = out.face.bust
    known = shapes.check(Topology, bust.topology)
    assert known["V"] == len(bust.vertices)
    shapes.check(Anatomy, bust, known)
    shapes.check(Bust, bust, known)
    shapes.check(Face, out.face, known)
    assert known["C"] == len(bust.model.actions[0]) and known["A"] == len(bust.model.action_names)


def test_what_is_rendered(out):
    known = shapes.check(Sample, out.sample)
    assert known["S"] == 64
    shapes.check(Camera, out.scene.camera)
    shapes.check(SkinMaps, out.person.maps)


def test_a_wrong_shape_is_named(out):
    broken = dataclasses.replace(out.face, heat=out.face.heat[:-1].astype(np.float64))
    with pytest.raises(AssertionError, match="heat is float64, not float32; heat has .* where V is "):
        shapes.check(Face, broken, {"V": len(out.face.vertices)})
