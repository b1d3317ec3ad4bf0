"""Accessories: what is worn changes the picture and says so; the face beneath it, its labels and its geometry stay."""

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from threedpain import limits
from threedpain.errors import InvalidInput
from threedpain.generation.dataset.plan import Config, Plan, picture_id
from threedpain.generation.dataset.replay import replay_row
from threedpain.generation.dataset.rows import image_row, take
from threedpain.generation.dataset.workers import load_pipeline
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.pipeline import PainFacePipeline
from threedpain.generation.process import one_thread
from threedpain.generation.records import MASK_CLASSES
from threedpain.generation.render.renderer import Renderer
from threedpain.generation.scene.scene import dress_code, sample_scene
from threedpain.generation.texture import load_texture
from threedpain.generation.worn.accessories import fit
from threedpain.generation.worn.choice import (
    IN_THE_WAY,
    MEDICAL,
    SHARES,
    check_accessories,
    draw_accessories,
    draw_cover,
    worn_by,
)
from threedpain.limits import ACCESSORIES, COVERS

WORN = [MASK_CLASSES.index(name) for name in ("eyewear", "medical")]
PAIN = {"AU4": 4, "AU6": 4, "AU7": 3, "AU9": 4, "AU10": 4}
SIZE = 192
RENDERER = Renderer()


def benchmark(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


under_skin = benchmark("under_skin")
ASKED = [name for name in ACCESSORIES if name not in under_skin.PIERCING]


@pytest.fixture(scope="module")
def people():
    """Three people of three skin tones, without beards, and their skins."""
    head, texture = ScanHeadModel.load(), load_texture("flat")
    asked = ((3, 72, "female", "black"), (11, 34, "male", "white"), (25, 51, "female", "south_asian"))
    who = [
        sample_identity(seed, age=age, gender=gender, ethnicity=ethnicity, hair="short", beard="none")
        for seed, age, gender, ethnicity in asked
    ]
    return [(head(identity), maps) for identity, maps in zip(who, texture(who), strict=True)]


def drawn(person, names, units, view="front", truth=("covered", "regions")):
    """The view with its fragments, and the sample."""
    bust, maps = person
    face = rig(bust, units, head_angles=(4.0, -3.0, 2.0))
    scene = sample_scene(7, view, SIZE)
    scene = dataclasses.replace(scene, worn=worn_by(bust.identity.seed, names))
    return face, RENDERER.render(face, maps, scene, truth=truth)


@pytest.mark.parametrize("name", ACCESSORIES)
def test_labels_and_geometry_stay_to_the_byte(people, name):
    person = people[ACCESSORIES.index(name) % 3]
    _, bare = drawn(person, (), PAIN)
    _, worn = drawn(person, (name,), PAIN)
    for label in ("landmarks", "landmarks_3d"):
        assert getattr(worn, label).tobytes() == getattr(bare, label).tobytes()
    assert worn.bbox == bare.bbox and worn.camera is not None
    assert worn.covered.tobytes() == bare.heatmap.tobytes() == bare.covered.tobytes()
    if name in COVERS or name == "earrings":  # of the body's skin, or cloth, in front of everything
        shown = np.isin(worn.mask, [MASK_CLASSES.index(kind) for kind in ("neck", "clothes")])
        shown &= (worn.depth < bare.depth - 0.002) | (bare.depth == 0)  # skin at its edge may differ by a millimetre
    else:
        shown = np.isin(worn.mask, WORN)
        assert set(np.unique(worn.mask[shown])) == {WORN[0] if "glasses" in name else WORN[1]}
    assert shown.sum() > (10 if name == "hearing_aid" else 20), "nothing of it is seen"  # hair falls over ears
    edge = 5 if name in COVERS else 0  # what lies nearer than before may be the neck's own skin at a cover's edge
    assert (worn.heatmap[shown] != 0).sum() <= edge
    away = ~binary_dilation(shown | (worn.mask != bare.mask), iterations=3)
    for truth in ("mask", "heatmap", "depth", "regions"):
        same = getattr(worn, truth)[away] == getattr(bare, truth)[away]
        assert (~same).sum() <= 5, truth  # single samples of hair
    assert (worn.mask != bare.mask)[~binary_dilation(shown, iterations=2)].mean() < 0.002
    assert (worn.visible <= bare.visible + 1e-6).all()
    assert not (worn.landmarks_visible & ~bare.landmarks_visible).any()
    assert np.abs(worn.image.astype(int) - bare.image).max() > 25


@pytest.mark.parametrize(
    ("name", "view"), [("surgical_mask", "front"), ("sunglasses", "left"), ("mouth_hand", "front")]
)
def test_landmarks_are_hidden_where_a_ray_to_the_camera_meets_what_is_worn(people, name, view):
    agree = []
    for person in people:
        _, bare = drawn(person, (), PAIN, view)
        face, worn = drawn(person, (name,), PAIN, view)
        fitted = fit(face.bust, worn_by(face.bust.identity.seed, (name,)))
        points, _ = fitted.posed(face)
        eye = -worn.camera.R.T @ worn.camera.t
        marks = (worn.landmarks_3d - worn.camera.t) @ worn.camera.R
        hit = np.array([under_skin.meets(mark, eye, points[fitted.mesh.faces]) for mark in marks])
        agree.append(worn.landmarks_visible == (bare.landmarks_visible & ~hit))
    # Beside an edge the nine samples around a landmark may see past what the one ray meets
    assert np.mean(agree) > 0.96


def test_nothing_worn_goes_through_skin(people):
    for name, deep in under_skin.depths([bust for bust, _ in people], ASKED, 6).items():
        assert deep.max() < under_skin.ALLOWED, (name, int(deep.argmax()))


@pytest.mark.slow
def test_nothing_worn_goes_through_skin_at_two_hundred_expressions():
    """A finger over squeezed lids may, by a little, where their crease has two sides: one fit of a cover in fifty."""
    names = [name for name in ACCESSORIES if name not in (*under_skin.PIERCING, *COVERS, "tinted_glasses")]
    everybody = under_skin.busts(20)  # tinted glasses have the frames of clear ones
    for name, deep in under_skin.depths(everybody, names, 200).items():
        assert deep.max() < under_skin.ALLOWED, (name, np.flatnonzero(deep >= under_skin.ALLOWED))
    for name, deep in under_skin.depths(everybody, COVERS, 100).items():  # a hand is slow
        assert (deep >= under_skin.ALLOWED).mean() <= 0.02 and deep.max() < 1.2 * under_skin.ALLOWED, (name, deep.max())


EARS = {"hearing_aid", "earrings"}


def on_the_face(seed, age, gender="female", purpose="release"):
    return set(draw_accessories(seed, age, gender, purpose)) - EARS


def test_who_wears_what_depends_on_the_person_alone_and_rises_with_age():
    assert draw_accessories(12, 70.0, "male") == draw_accessories(12, 70.0, "male")
    shares = [np.mean([bool(on_the_face(seed, age)) for seed in range(2000)]) for age in (20, 50, 85)]
    assert shares[0] < shares[1] < shares[2] and shares[2] > 2 * shares[0]
    assert 0.2 < np.mean(shares) < 0.3
    seen = {name for seed in range(4000) for name in draw_accessories(seed, 85, "female")}
    assert seen == set(ACCESSORIES) - set(COVERS)
    assert all(sum(name in MEDICAL for name in draw_accessories(seed, 85, "male")) <= 1 for seed in range(300))
    young = {seed for seed in range(500) if on_the_face(seed, 30)}
    assert young <= {seed for seed in range(500) if on_the_face(seed, 80)}  # who wears it young wears it old
    rings = [
        np.mean(["earrings" in draw_accessories(seed, 50, who) for seed in range(500)]) for who in ("female", "male")
    ]
    assert rings[0] > 3 * rings[1] > 0


def test_sets_for_training_have_more_of_it_and_the_same_people_wear_it():
    ages = np.linspace(18, 90, 1500)
    worn = {kind: {s for s, age in enumerate(ages) if on_the_face(s, age, purpose=kind)} for kind in SHARES}
    assert worn["release"] < worn["training"] and 0.30 < len(worn["training"]) / len(ages) < 0.37


def test_covers_come_before_some_pictures_and_not_over_what_is_in_the_way():
    names = [f"id_00001_pain_{number:02d}_front" for number in range(1500)]
    shares = {kind: np.mean([bool(draw_cover(3, name, (), kind)) for name in names]) for kind in SHARES}
    assert 0.02 < shares["release"] < 0.06 and 0.13 < shares["training"] < 0.19
    assert {cover for name in names for cover in draw_cover(3, name, (), "training")} == set(COVERS) == set(IN_THE_WAY)
    for worn in (("glasses",), ("surgical_mask",), ("cannula",)):
        for name in names:
            assert not any(IN_THE_WAY[cover] & set(worn) for cover in draw_cover(3, name, worn, "training"))
    assert draw_cover(3, names[0], ("glasses", "surgical_mask"), "training") == ()
    plan = Plan(Config(purpose="training"))
    assert len({plan.accessories(3, 50.0, "male", name, "pain") for name in names}) > 3
    first, second = (worn_by(3, "glasses,mouth_hand", picture) for picture in names[:2])
    assert first.seed == second.seed and first.moment != second.moment  # the same glasses, another moment
    assert worn_by(3, "glasses", names[0]) == worn_by(3, "glasses", names[1])


def test_neutral_pictures_are_covered_in_sets_to_train_on_alone_and_never_all_of_a_person():
    for views in (1, 2, 3):
        settings = {"identities": 900, "views": views}
        release, training = (Plan(Config(**settings, purpose=purpose)) for purpose in ("release", "training"))
        covered = []
        for seed in range(900):
            worn = draw_accessories(seed, 50.0, "male", "training")
            names = [picture_id(f"id_{seed:05d}_neutral", view) for view in training.views]
            seen = [training.accessories(seed, 50.0, "male", name, "neutral") for name in names]
            assert all(one[: len(worn)] == worn for one in seen) and worn in seen, "one is left free"
            covered.append([len(one) > len(worn) for one in seen])
            assert all(
                release.accessories(seed, 50.0, "male", name, "neutral") == draw_accessories(seed, 50.0, "male")
                for name in names
            )
        share = np.mean(covered)
        assert share == 0 if views == 1 else 0.12 < share < 0.19


def test_nobody_is_drawn_under_a_blanket_in_the_street():
    places = {}
    for roofed in (False, True):
        scenes = [sample_scene(seed, size=32, roofed=roofed) for seed in range(120)]
        places[roofed] = [(scene.light.kind, scene.background.kind) for scene in scenes]
        assert all(light == behind for light, behind in places[roofed])
    outdoors = [dress_code(place) == "outdoor" for place, _ in places[False]]
    assert any(outdoors) and not any(dress_code(place) == "outdoor" for place, _ in places[True])
    kept = [now == then for now, then in zip(*places.values(), strict=True)]
    assert kept == [not out for out in outdoors]
    street = next(seed for seed, out in enumerate(outdoors) if out)
    assert sample_scene(street, size=32, light="outdoor", roofed=True).light.kind == "outdoor"  # named is named


def test_names_are_checked_in_one_sentence_that_lists_the_allowed_ones():
    with pytest.raises(InvalidInput) as mistake:
        check_accessories(("glasses", "monocle"))
    assert str(mistake.value) == f"unknown accessory 'monocle'; known are {', '.join(ACCESSORIES)}"
    with pytest.raises(InvalidInput, match="monocle"):
        PainFacePipeline.check_inputs({}, accessories="monocle")
    with pytest.raises(InvalidInput, match="accessories is one of on, off, not 'some'"):
        Config(accessories="some")
    assert check_accessories("cannula") == ("cannula",)
    assert check_accessories(("cannula", "glasses", "cannula")) == ("glasses", "cannula")
    assert check_accessories("cannula, glasses") == ("glasses", "cannula") and check_accessories("") == ()
    assert limits.ACCESSORIES == ACCESSORIES


def test_a_set_dresses_each_person_once_and_rows_come_again():
    config = Config(identities=2, expressions=1, views=2, size=64, texture="flat", truth=("covered",))
    plan, pipe = Plan(config), load_pipeline(config)
    with one_thread():
        seed = next(seed for seed in range(500) if len(on_the_face(seed, 80.0)) == 2)
        who = sample_identity(seed, age=80.0, gender="female", ethnicity="white", head=pipe.head)
        person, expression = pipe.people([who])[0], plan.person(0).expressions[1]
        names = plan.accessories(seed, who.age, who.gender)
        assert names == draw_accessories(seed, 80.0, "female")
        rows = []
        for view, worn in (("front", names), ("left", (*names, "blanket"))):
            photo = take(pipe, person, expression.id, expression.action_units, view, 64, config.truth, accessories=worn)
            rows.append(image_row(config, person, expression, view, photo))
        bare = take(pipe, person, expression.id, expression.action_units, "front", 64)
    assert [row["accessories"] for row in rows] == [",".join(names), ",".join([*names, "blanket"])]
    assert [replay_row(row, pipe) == row for row in rows] == [True, True]
    assert rows[0]["landmarks"] == bare.sample.landmarks.tolist()
    assert Plan(dataclasses.replace(config, accessories="off")).accessories(seed, 80.0, "female") == ()


def test_parts_turned_away_covered_or_outside_are_not_visible(people):
    _, front = drawn(people[1], (), {})
    assert (front.visible > 0.9).all()
    _, side = drawn(people[1], (), {}, (60.0, 0.0))
    assert side.visible[2] < 0.75 * front.visible[2]
    _, masked = drawn(people[1], ("surgical_mask",), {})
    brows, eyes, cheeks, nose, mouth, chin = masked.visible
    assert brows > 0.9 and eyes > 0.9 and cheeks < 0.6 and nose < 0.6 and mouth < 0.05 and chin < 0.1
    _, dark = drawn(people[1], ("sunglasses",), {})
    assert dark.visible[1] < 0.3 and dark.visible[4] > 0.9
    _, clear = drawn(people[1], ("glasses",), {})
    assert clear.visible[1] > 0.8  # one sees through
