"""A clinic: which way is up, what is seen, what falls, and that none of it touches a label."""

import io

import numpy as np
import pytest
from PIL import Image

from threedpain.errors import InvalidInput
from threedpain.generation.dataset.plan import Config, Plan
from threedpain.generation.dataset.replay import dense_landmarks, replay_row
from threedpain.generation.dataset.rows import image_row, take
from threedpain.generation.dataset.shards import cast_one
from threedpain.generation.dataset.workers import load_pipeline
from threedpain.generation.frames import FRONTAL, pose_of
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.process import one_thread
from threedpain.generation.records import Background
from threedpain.generation.scene import background, clinic
from threedpain.generation.scene.light import irradiance
from threedpain.generation.scene.posture import POSTURES, falls, held, room_of, turned_light
from threedpain.generation.scene.scene import dress_code, sample_scene
from threedpain.generation.scene.solids import FAR, Solid, look
from threedpain.generation.seeds import child
from threedpain.generation.worn.fall import fallen
from threedpain.generation.worn.hair import build_hair
from threedpain.generation.worn.surface import Surface
from threedpain.limits import CLINIC, PLACES

BEDS = ("bed_back", "bed_left", "bed_right")
CONFIG = Config(identities=1, expressions=1, views=1, size=64, texture="flat")


def up(kind: str, seed: int = 3) -> np.ndarray:
    """The room's up in the head frame."""
    return room_of(kind, seed).T @ [0.0, 1.0, 0.0]


def test_up_is_where_the_posture_says():
    assert up("bed_back") @ [0, 0, 1] > 0.98, "who lies on the back faces the ceiling"
    assert up("bed_left") @ [-1, 0, 0] > 0.98, "the left cheek is down"
    assert up("bed_right") @ [1, 0, 0] > 0.98
    assert up("bed_propped")[1] > 0.5 and up("bed_propped")[2] > 0.4
    assert up("bed_leaning")[2] < -0.3 and up("ward")[1] > 0.99
    assert (room_of("indoor", 3) == np.eye(3)).all() and set(POSTURES) == set(CLINIC)
    for kind in CLINIC:
        turn = room_of(kind, 5)
        assert turn @ turn.T == pytest.approx(np.eye(3)) and np.linalg.det(turn) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["bed_left", "bed_right"])
def test_a_camera_beside_the_bed_sees_the_room_upright_and_the_face_lying(kind):
    rolls, ups = [], []
    for seed in range(60):
        camera = sample_scene(seed, (0.0, 0.0), 64, light=kind).camera
        rolls.append(pose_of(camera)[2])
        ups.append((camera.R @ up(kind, seed))[1])  # y of the picture points down
    lying = np.abs(np.abs(rolls) - 90) < 30
    assert 0.6 < lying.mean() < 0.95 and len({np.sign(r) for r in np.array(rolls)[lying]}) == 1
    assert (np.array(ups)[lying] < -0.8).all()


def test_light_turns_with_the_room_and_stays_exposed_for_the_face():
    room, light = room_of("bed_left", 1), sample_scene(2, size=32, light="clinical").light
    turned = turned_light(light, room)
    normals = np.random.default_rng(0).normal(size=(40, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    assert irradiance(turned, normals) == pytest.approx(irradiance(light, normals @ room.T), abs=1e-4)
    same = turned_light(light, np.eye(3))
    assert same.exposure == pytest.approx(light.exposure) and same.kind == light.kind
    high = [sample_scene(seed, size=32, light="bed_back").light for seed in range(12)]
    card = np.array([[0, 0, 1.0], [0, 0, -1.0]])
    lit = np.array([irradiance(one, card).mean(axis=1) for one in high])
    assert (lit[:, 0] > lit[:, 1]).all(), "the ceiling lights the face"
    level = [float(irradiance(one, card[:1]).mean()) * one.exposure for one in high]
    assert 0.6 < np.mean(level) < 1.6


@pytest.mark.parametrize("kind", CLINIC)
def test_every_place_is_painted_lit_and_the_same_again(kind):
    pictures = []
    for seed in (1, 1, 2):
        scene = sample_scene(seed, size=96, light=kind)
        assert (scene.light.kind, scene.background.kind) == (kind, kind)
        pictures.append(background.paint(scene.background, 96, scene.light, scene.camera))
    first, again, other = pictures
    assert first.tobytes() == again.tobytes() and first.dtype == np.float32 and first.shape == (96, 96, 3)
    assert first.min() >= 0 and np.isfinite(first).all() and 0.05 < first.mean() < 2.5
    assert np.abs(first - other).mean() > 0.01 * first.mean()
    dark = scene.light.__class__(kind, 0 * scene.light.environment, (), 1.0)
    assert background.paint(scene.background, 96, dark, scene.camera).mean() < 0.7 * other.mean()


@pytest.mark.parametrize("kind", ["bed_back", "bed_propped", "treatment_chair"])
def test_what_the_head_lies_on_is_behind_it_and_darker_beside_it(kind):
    scene = sample_scene(4, (0.0, 0.0), 128, light=kind)
    _, _, cover = clinic.paint(scene.background, scene.light, scene.camera)
    origin = -scene.camera.R.T @ scene.camera.t
    rays = clinic._rays(scene.camera, 40)
    held_by = look(clinic._touching(kind, child(4, "x")), origin, rays, 0)
    met = held_by.points[held_by.which >= 0]
    assert cover.mean() > 0.15 and len(met)
    over = met[np.hypot(met[:, 0], met[:, 1]) < 0.07]
    assert over[:, 2].max() < -0.06, "a cushion before the face"
    height = np.linalg.norm(met - [0, 0.03, 0], axis=1)
    dark = clinic._shadow(held_by, scene.light)[held_by.which >= 0, 0]
    assert dark[height < 0.13].mean() < 0.85 * dark[height > 0.2].mean()
    assert dark.min() > 0.6 * clinic.DEEPEST and dark.max() <= 1


def test_lines_meet_boxes_and_cushions_where_these_are():
    solids = [
        Solid("box", (0, 0, -1), (0.5, 0.5, 0.1), (1, 1, 1)),
        Solid("cushion", (0.2, 0, -0.5), (0.1, 0.1, 0.05), (1, 1, 1), cloth="creased"),
        Solid("cushion", (0, 0, 3), (0.1, 0.1, 0.05), (1, 1, 1)),
    ]
    rays = np.array([[0, 0, -1.0], [0.2 / 1.45, 0, -1.0], [0, 1, -0.1]])
    seen = look(solids, np.array([0, 0, 1.0]), rays, 0)
    assert seen.which.tolist() == [0, 1, -1] and seen.distance[2] == FAR
    assert seen.points[0] == pytest.approx([0, 0, -0.9])
    assert seen.points[1] == pytest.approx([0.2, 0, -0.45], abs=1e-3)
    assert seen.normals[0] == pytest.approx([0, 0, 1]) and seen.normals[1, 2] > 0.7
    assert np.linalg.norm(seen.normals[:2], axis=1) == pytest.approx(1)


@pytest.mark.parametrize("kind", BEDS)
def test_long_hair_falls_to_the_pillow_and_not_into_the_head(kind):
    bust = ScanHeadModel.load()(sample_identity(5, hair="long"))
    hair, down = build_hair(bust), falls(kind)
    assert down == pytest.approx(tuple(np.round(-up(kind, 1))), abs=1e-9)
    lying = fallen(hair, bust, down)
    loose = hair.vertices[:, 1] < -0.06
    moved = (lying.vertices - hair.vertices) @ np.asarray(down)
    assert moved[loose].mean() > 0.02 and np.abs(moved[hair.vertices[:, 1] > 0.03]).max() == 0
    surface = Surface(bust)
    swung = np.abs(moved) > 1e-6
    assert (surface.height(lying.vertices[swung], through_ears=True)[0] > 0).mean() > 0.97
    for name in ("normals", "tangents"):
        assert np.linalg.norm(getattr(lying, name), axis=1) == pytest.approx(
            np.linalg.norm(getattr(hair, name), axis=1), abs=1e-4
        )
    assert (lying.faces == hair.faces).all() and falls("ward") is None is falls("indoor")


@pytest.fixture(scope="module")
def shown():
    pipe, plan = load_pipeline(CONFIG), Plan(CONFIG)
    who = plan.person(0)
    with one_thread():
        return pipe, pipe.people([cast_one(pipe, plan, who, 0)])[0], who.expressions[1]


@pytest.mark.parametrize("kind", ["bed_left", "bed_back", "waiting_room"])
def test_a_row_in_a_clinic_keeps_its_labels_and_comes_again(shown, kind):
    pipe, person, expression = shown
    with one_thread():
        photo = take(pipe, person, expression.id, expression.action_units, "front", 64, light=kind)
        row = image_row(CONFIG, person, expression, "front", photo)
        home = take(pipe, person, expression.id, expression.action_units, "front", 64)
        plain = image_row(CONFIG, person, expression, "front", home)
        assert replay_row(row, pipe) == row
        assert len(dense_landmarks(row, pipe).points) > 4000
    assert (row["light"]["kind"], row["background"]["kind"]) == (kind, kind) and dress_code(kind) == "clinical"
    assert all(plain[name] == row[name] for name in ("AU4", "AU43", "PSPI", "shape", "hair", "expression"))
    assert Image.open(io.BytesIO(row["mask"]["bytes"])).size == (64, 64)
    heat = [int(np.asarray(Image.open(io.BytesIO(one["heatmap"]["bytes"]))).max()) for one in (row, plain)]
    assert heat[0] == pytest.approx(heat[1], rel=0.3)


def test_light_and_place_of_a_clinic_may_be_named_apart():
    lit = sample_scene(5, size=32, light="park", background="bed_right")
    assert (lit.light.kind, lit.background.kind) == ("park", "bed_right")
    assert not np.allclose(lit.light.environment, sample_scene(5, size=32, light="park").light.environment)
    away = sample_scene(5, size=32, light="ward", background="hall")
    assert (away.camera.R == sample_scene(5, size=32).camera.R).all() and away.light.kind == "ward"
    camera = sample_scene(1, size=32).camera
    assert held(camera, "hall", child(0)) is camera and np.allclose(FRONTAL @ FRONTAL, np.eye(3))
    with pytest.raises(InvalidInput, match="background must be one of indoor, .*bed_leaning; got 'sofa'"):
        sample_scene(5, background="sofa")
    assert set(CLINIC) < set(PLACES) and Background("ward", 1).kind == "ward"
