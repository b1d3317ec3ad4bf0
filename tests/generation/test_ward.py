"""Cameras of a ward: a roll turns points about the principal point, nothing a sensor does moves one, and rows come
again."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from threedpain.errors import InvalidInput
from threedpain.generation.dataset import rows
from threedpain.generation.dataset.film import film
from threedpain.generation.dataset.plan import WARD, Config, Plan
from threedpain.generation.dataset.replay import dense_landmarks, replay_row
from threedpain.generation.dataset.rows import image_row, setting, take
from threedpain.generation.dataset.shards import cast_one
from threedpain.generation.dataset.workers import load_pipeline
from threedpain.generation.frames import look_at, pose_of, project, rolled
from threedpain.generation.process import one_thread
from threedpain.generation.records import Sensor
from threedpain.generation.scene import sensor
from threedpain.generation.scene.scene import sample_scene
from threedpain.generation.scene.ward import FACE, FAR, ROLL, SHARES
from threedpain.masks import MASK_CLASSES
from threedpain.schema import features

SIZE = 96
CONFIG = Config(identities=1, expressions=1, views=3, size=SIZE, texture="flat", cameras="ward")


@pytest.fixture(scope="module")
def shown():
    """A pipeline, one person and a painful expression of theirs."""
    pipe, plan = load_pipeline(CONFIG), Plan(CONFIG)
    who = plan.person(0)
    with one_thread():
        return pipe, pipe.people([cast_one(pipe, plan, who, 0)])[0], who.expressions[1]


@pytest.mark.parametrize("degrees", [-45.0, 12.0, 90.0])
def test_a_roll_turns_every_point_about_the_principal_point(degrees):
    camera = look_at(20, -10, 5, focal_mm=28, size=256, offset=(0.03, -0.02))
    points = np.random.default_rng(0).uniform(-0.1, 0.1, (50, 3))
    before, after = (project(one, points)[0] - 128 for one in (camera, rolled(camera, degrees)))
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    np.testing.assert_allclose(after, before @ np.array([[c, s], [-s, c]]), atol=1e-9)
    assert pose_of(rolled(camera, degrees)) == pytest.approx((20, -10, 5 + degrees))
    np.testing.assert_allclose(project(rolled(camera, degrees), points)[1][:, 2], project(camera, points)[1][:, 2])


def test_a_rolled_picture_has_the_rolled_landmarks_and_the_same_labels(shown):
    pipe, person, expression = shown
    scene = sample_scene(3, size=SIZE, plain=True)
    turned = replace(scene, camera=rolled(scene.camera, 30.0))
    straight, tilted = (pipe.photograph(person, expression.action_units, one) for one in (scene, turned))
    c, s = np.cos(np.radians(30.0)), np.sin(np.radians(30.0))
    expected = (straight.landmarks - SIZE / 2) @ np.array([[c, s], [-s, c]]) + SIZE / 2
    np.testing.assert_allclose(tilted.landmarks, expected, atol=1e-3)
    seen = [(one.mask == MASK_CLASSES.index("skin")).sum() for one in (straight, tilted)]
    assert seen[1] == pytest.approx(seen[0], rel=0.05)
    assert int(tilted.heatmap.max()) == pytest.approx(int(straight.heatmap.max()), rel=0.1)


def test_nothing_a_sensor_does_touches_the_truth(shown):
    pipe, person, expression = shown
    scene = sample_scene(4, size=SIZE)
    bad = Sensor(noise=0.04, zoom=2.0, motion=(5.0, -4.0), grey=True, film=20, seed=3)
    clean, worse = (
        pipe.photograph(person, expression.action_units, replace(scene, sensor=one)) for one in (Sensor(), bad)
    )
    assert np.abs(clean.image.astype(float) - worse.image).mean() > 4
    for name in ("heatmap", "mask", "depth", "landmarks", "landmarks_3d", "landmarks_visible", "visible"):
        assert (getattr(clean, name) == getattr(worse, name)).all(), name


def test_effects_leave_what_they_show_where_it_is():
    dot = np.zeros((65, 65, 3), np.uint8)
    dot[31:34, 31:34] = 240
    rows, columns = np.mgrid[:65, :65]
    for effect in (Sensor(motion=(60.0, 40.0)), Sensor(zoom=4.0), Sensor(film=60), Sensor(grey=True)):
        seen = sensor.apply(dot, effect)
        again = sensor.apply(dot, effect)
        weight = seen.astype(float).mean(axis=2)
        assert seen.dtype == np.uint8 and seen.shape == dot.shape and (seen == again).all()
        place = np.array([(weight * rows).sum(), (weight * columns).sum()]) / weight.sum()
        assert place == pytest.approx([32, 32], abs=0.7), effect
    smeared = sensor.apply(dot, Sensor(motion=(60.0, 0.0))).astype(float)
    assert smeared.sum() == pytest.approx(dot.astype(float).sum(), rel=0.02)
    assert (smeared[32, :, 0] > 0).sum() > 8 and (smeared[:, 32, 0] > 0).sum() == 3


def test_night_vision_has_no_colour_and_a_video_is_coarser_where_it_was_refreshed_long_ago():
    picture = np.random.default_rng(0).integers(0, 255, (128, 320, 1)).astype(np.uint8).repeat(3, axis=2)
    grey = sensor.apply(picture, Sensor(grey=True, noise=0.02, film=30))
    assert (grey[..., 0] == grey[..., 1]).all() and (grey[..., 1] == grey[..., 2]).all() and grey.std() > 20
    wrong = np.abs(sensor.apply(picture, Sensor(film=15)).astype(float) - picture).mean(axis=(0, 2))
    columns = wrong.reshape(-1, sensor.BLOCK).mean(axis=1)
    assert columns.max() > 1.2 * columns.min()
    moved = np.abs(sensor.apply(picture, Sensor(film=15, seed=1)).astype(float) - picture).mean(axis=(0, 2))
    later = moved.reshape(-1, sensor.BLOCK).mean(axis=1)
    assert later[1:] == pytest.approx(columns[:-1], rel=0.1), "the next frame refreshes the next column"


def test_a_ward_keeps_its_ranges_and_shares():
    rolls, grey, moved, far, looked_down = [], 0, 0, 0, 0
    for seed in range(300):
        plain, scene = (sample_scene(seed, size=512, cameras=kind) for kind in ("standard", "ward"))
        (yaw, pitch, roll), camera = pose_of(scene.camera), scene.camera
        assert scene.background == plain.background and scene.clothes == plain.clothes
        assert (plain.sensor.kind, scene.sensor.kind) == ("standard", "ward")
        assert (plain.sensor.zoom, plain.sensor.grey, plain.sensor.film) == (1.0, False, 100)
        assert abs(yaw) <= 60 and -40 < pitch < 36 and abs(roll) < ROLL + 4
        assert FACE * camera.K[0, 0] / camera.t[2] / scene.sensor.zoom > FAR - 1e-6
        rolls.append(abs(roll) > 5)
        grey, moved = grey + scene.sensor.grey, moved + any(scene.sensor.motion)
        far, looked_down = far + (scene.sensor.zoom > 1), looked_down + (pitch < -15)
    assert np.mean(rolls) == pytest.approx(SHARES["roll"] * 40 / 45, abs=0.08)
    for count, name in ((grey, "night"), (moved, "moved"), (far, "far")):
        assert count / 300 == pytest.approx(SHARES[name], abs=0.07), name
    assert looked_down / 300 > SHARES["corner"]


def test_the_lamp_of_a_night_camera_is_beside_its_lens():
    scene = next(s for s in (sample_scene(n, "left", 64, cameras="ward") for n in range(60)) if s.sensor.grey)
    lens = -scene.camera.R.T @ scene.camera.t
    (lamp,) = scene.light.keys
    assert np.dot(lamp.direction, lens / np.linalg.norm(lens)) == pytest.approx(1)
    assert len(set(lamp.colour)) == 1 and np.ptp(scene.light.environment, axis=1).max() == 0


def test_a_set_to_train_on_has_ward_cameras_on_a_quarter_and_a_release_has_none():
    release, training = Plan(Config(identities=500)), Plan(Config(identities=500, purpose="training"))
    assert release.config.cameras == "standard" and training.config.cameras == "mixed"
    kinds = [[plan.camera(i, view) for i in range(500) for view in plan.views] for plan in (release, training)]
    assert set(kinds[0]) == {"standard"}
    assert np.mean([kind == "ward" for kind in kinds[1]]) == pytest.approx(WARD, abs=0.05)
    assert Plan(Config(identities=3, purpose="training", cameras="standard")).camera(0, "front") == "standard"
    assert Plan(Config(identities=3, cameras="ward")).camera(2, "left") == "ward"
    with pytest.raises(InvalidInput, match="cameras is one of standard, ward, mixed, not 'phone'"):
        Config(cameras="phone")
    with pytest.raises(InvalidInput, match="cameras must be one of standard, ward; got 'phone'"):
        sample_scene(0, cameras="phone")


def test_a_row_taken_in_a_ward_comes_again_and_says_so(shown):
    pipe, person, expression = shown
    with one_thread():
        for view in Plan(CONFIG).views:
            photo = take(pipe, person, expression.id, expression.action_units, view, SIZE, cameras="ward")
            row = image_row(CONFIG, person, expression, view, photo)
            assert row["sensor"]["kind"] == "ward" and len(row["sensor"]["motion"]) == 2
            assert replay_row(row, pipe) == row
            assert dense_landmarks(row, pipe).points.shape[1] == 2
            standard = take(pipe, person, expression.id, expression.action_units, view, SIZE)
            plain = image_row(CONFIG, person, expression, view, standard)
            assert all(plain[name] == row[name] for name in ("AU4", "PSPI", "expression", "shape", "hair"))


def test_the_same_seed_gives_the_same_scene_and_another_view_another_camera():
    one, again, side = (
        setting(5, "id_00000_pain_00", view, 64, 0, cameras="ward") for view in ("front", "front", "left")
    )
    assert repr(one) == repr(again) and repr(one) != repr(side)


def test_one_face_may_be_taken_by_a_wards_camera(shown):
    pipe = shown[0]
    faces = [pipe({"AU4": 3}, seed=5, size=64, cameras=kind, yaw=10) for kind in ("standard", "ward")]
    plain, ward = (face.scene for face in faces)
    assert (plain.sensor.kind, ward.sensor.kind) == ("standard", "ward") and ward.background == plain.background
    assert (faces[0].face.vertices == faces[1].face.vertices).all() and faces[0].image != faces[1].image
    with pytest.raises(InvalidInput, match="cameras must be one of standard, ward; got 'phone'"):
        pipe({}, seed=5, size=64, cameras="phone")


def test_a_clip_says_what_filmed_it_and_what_is_worn(shown, monkeypatch):
    pipe, person, expression = shown
    short = functools.partial(rows.film, seconds=0.1)
    monkeypatch.setattr(rows, "film", short)
    found = [
        rows.video_row(replace(CONFIG, size=32, cameras=kind), pipe, person, expression, accessories=worn)
        for kind, worn in (("ward", ("glasses", "cannula")), ("mixed", ()))
    ]
    assert [row["sensor"]["kind"] for row in found] == ["ward", "standard"]
    assert [row["accessories"] for row in found] == ["glasses,cannula", ""]
    assert all(row["sensor"]["motion"] == [0.0, 0.0] for row in found)
    table = features("videos").encode_example(found[0])
    assert set(table) == set(found[0]) == set(features("videos"))


def test_a_film_of_a_ward_is_refreshed_in_turn_and_never_smeared(shown):
    pipe, person, expression = shown
    seed = next(n for n in range(99) if any(sample_scene(n, size=32, cameras="ward").sensor.motion))
    clips = [
        film(pipe, person, expression.action_units, seed, size=32, seconds=0.1, cameras=kind)
        for kind in ("ward", "ward", "standard")
    ]
    assert [clip.scene.sensor.kind for clip in clips] == ["ward", "ward", "standard"]
    assert (clips[0].frames == clips[1].frames).all() and (clips[0].frames != clips[2].frames).any()
    assert clips[0].scene.sensor.motion == (0.0, 0.0) and clips[0].action_units == clips[2].action_units
