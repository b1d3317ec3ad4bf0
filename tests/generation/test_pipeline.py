"""The pipeline as a whole: it is saved and loaded, and remembers the people it has made."""

import gc
import weakref
from functools import cache

import pytest

from threedpain.assets import weights
from threedpain.errors import InvalidInput
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.pipeline import PEOPLE_KEPT, PainFacePipeline
from threedpain.generation.scene.scene import sample_scene


@cache
def plain() -> PainFacePipeline:
    return PainFacePipeline.from_pretrained(texture="flat", device="cpu")


def test_a_saved_pipeline_is_loaded_again(tmp_path):
    pipe = PainFacePipeline.from_pretrained(device="cpu")
    pipe.save_pretrained(tmp_path / "deep" / "own")
    folder = tmp_path / "deep" / "own"
    assert (folder / "head.safetensors").read_bytes() == weights("head").read_bytes()
    again = PainFacePipeline.from_pretrained(folder, device="cpu")
    asked = {"age": 40, "gender": "female", "ethnicity": "black", "seed": 3, "size": 64}
    assert again({"AU4": 4}, **asked).image.tobytes() == pipe({"AU4": 4}, **asked).image.tobytes()
    with pytest.raises(InvalidInput, match="head.safetensors exists: name another folder"):
        pipe.save_pretrained(folder)


def test_what_cannot_be_saved_is_said_before_anything_is_written(tmp_path):
    with pytest.raises(InvalidInput, match="FlatTexture cannot be saved"):
        plain().save_pretrained(tmp_path / "own")
    assert not (tmp_path / "own").exists()


def test_the_last_people_are_remembered_and_no_more():
    pipe = plain()
    people = [sample_identity(seed) for seed in range(PEOPLE_KEPT + 1)]
    first = pipe.person(people[0])
    assert pipe.person(people[0]).bust is first.bust and pipe.person(people[0]).maps is first.maps
    for who in people:
        pipe.person(who)
    assert pipe.person(people[0]).bust is not first.bust


def test_people_for_a_set_take_the_place_of_those_before():
    """A worker of a thousand people holds one of them, in every form that a picture needs."""
    pipe = plain()

    def drawn(seed):
        person = pipe.people([sample_identity(seed)])[0]
        pipe.photograph(person, {"AU4": 2.0}, sample_scene(seed, view="front", size=32))
        return [weakref.ref(person.bust), weakref.ref(person.maps)]

    before = drawn(1)
    gc.collect()
    assert all(held() is not None for held in before)  # for the next picture of the same person
    drawn(2)
    gc.collect()
    assert all(held() is None for held in before)
