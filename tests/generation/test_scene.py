"""Scenes: own seeds, stated ranges, signs of the views, one switch for all accidents."""

import numpy as np
import pytest

from threedpain.errors import InvalidInput
from threedpain.generation.frames import pose_of, project
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.records import Background, Clothes, Sensor
from threedpain.generation.scene import background, sensor
from threedpain.generation.scene.light import direction, irradiance, sample_light, sh_basis
from threedpain.generation.scene.scene import MAX_YAW, sample_scene
from threedpain.generation.seeds import child
from threedpain.generation.worn.clothes import CLOTHES_KINDS, build_clothes
from threedpain.limits import LIGHTS

SEEDS = range(40)


def same(a, b) -> bool:
    return repr(a) == repr(b)


def test_a_scene_depends_on_its_own_seed_alone():
    alone = sample_scene(11, "left", 128)
    for seed in range(11):
        sample_scene(seed, "front", 128)
    assert same(sample_scene(11, "left", 128), alone)
    assert not same(sample_scene(12, "left", 128), alone)


def test_views_of_one_seed_share_room_light_and_clothes_but_not_the_camera():
    front, left = sample_scene(3, "front", 128), sample_scene(3, "left", 128)
    assert same(front.light, left.light) and front.background == left.background and front.clothes == left.clothes
    assert not np.allclose(front.camera.R, left.camera.R)


@pytest.mark.parametrize(("view", "yaw"), [("front", 0), ("left", 35), ("right", -35)])
def test_standard_views_have_their_yaw_and_a_little_jitter(view, yaw):
    poses = np.array([pose_of(sample_scene(seed, view, 128).camera) for seed in SEEDS])
    assert np.abs(poses[:, 0] - yaw).max() < 7 and poses[:, 0].std() > 1
    assert np.abs(poses[:, 1:]).max() < 7


def test_turning_to_the_subjects_left_moves_the_nose_to_the_right_of_the_picture_and_up_moves_it_up():
    nose, ears = np.array([[0.0, 0.0, 0.11]]), np.array([[0.0, 0.0, 0.0]])

    def shift(view):
        camera = sample_scene(0, view, 512, plain=True).camera
        return (project(camera, nose)[0] - project(camera, ears)[0])[0]

    assert shift((30.0, 0.0))[0] > 40 and shift((-30.0, 0.0))[0] < -40
    assert shift((0.0, 20.0))[1] < -30 < 30 < shift((0.0, -20.0))[1]


def test_free_views_are_exact_and_bounded():
    for yaw, pitch in ((-60, 10), (12.5, -20), (60, 0)):
        assert np.allclose(pose_of(sample_scene(5, (yaw, pitch), 128).camera)[:2], (yaw, pitch), atol=1e-6)
    with pytest.raises(InvalidInput, match=r"view \(61, 0\) is out of range: yaw -60 to 60"):
        sample_scene(5, (MAX_YAW + 1, 0), 128)
    with pytest.raises(InvalidInput, match="front, left, right or a pair"):
        sample_scene(5, "back", 128)
    with pytest.raises(InvalidInput, match="indoor, clinical, outdoor"):
        sample_scene(5, light="moon")
    with pytest.raises(InvalidInput, match="fov must be"):
        sample_scene(5, fov=150)


def test_focal_lengths_span_35_to_135_mm_and_the_head_fills_two_thirds_of_the_picture():
    head = np.array([[0.0, 0.127, 0.0], [0.0, -0.095, 0.08]])
    focal, share, centre = [], [], []
    for seed in range(120):
        camera = sample_scene(seed, "front", 256).camera
        focal.append(camera.K[0, 0] / camera.size * 24)
        crown, chin = project(camera, head)[0]
        share.append(np.linalg.norm(crown - chin) / 256)
        centre.append((crown + chin) / 512)
    assert 35 <= min(focal) < 45 and 110 < max(focal) <= 135
    assert min(share) > 0.55 and max(share) < 0.78
    assert np.abs(np.array(centre) - 0.5).max() < 0.12


def test_field_of_view_sets_the_focal_length():
    camera = sample_scene(1, fov=30.0, size=256).camera
    assert np.isclose(2 * np.degrees(np.arctan(128 / camera.K[1, 1])), 30.0)


def test_the_switch_turns_every_accident_off():
    a, b = (sample_scene(seed, "front", 128, plain=True) for seed in (1, 2))
    assert same(a, b)
    assert a.sensor == Sensor() and a.clothes.kind == "none"
    wall = background.paint(a.background, 64, a.light, a.camera)
    assert wall.std(axis=(0, 1)).max() < 0.03
    assert np.allclose(pose_of(a.camera), 0, atol=1e-9)


def test_spherical_harmonics_are_orthonormal():
    i = np.arange(4000) + 0.5
    y, turn = 1 - 2 * i / 4000, np.pi * (1 + 5**0.5) * i
    d = np.stack([np.sqrt(1 - y * y) * np.cos(turn), y, np.sqrt(1 - y * y) * np.sin(turn)], axis=1)
    basis = sh_basis(d)
    assert np.allclose(basis.T @ basis * 4 * np.pi / 4000, np.eye(9), atol=2e-3)


@pytest.mark.parametrize("kind", LIGHTS)
def test_lights_are_exposed_for_the_face(kind):
    level, keys = [], []
    for seed in SEEDS:
        light = sample_light(child(seed, "light"), kind)
        level.append(float(irradiance(light, np.array([direction(0, 10)])).mean()) * light.exposure)
        keys.append(len(light.keys))
        assert all(np.isclose(np.linalg.norm(key.direction), 1) for key in light.keys)
        assert (irradiance(light, sh_directions()) >= 0).all()
    assert min(keys) >= 1 and max(keys) <= 3
    assert min(level) > 0.5 and max(level) < 2.2 and 0.85 < np.mean(level) < 1.35


def sh_directions() -> np.ndarray:
    return np.array([direction(a, e) for a in range(0, 360, 45) for e in (-60, 0, 60)])


def test_a_uniform_environment_lights_all_normals_alike():
    light = sample_light(child(0), "plain")
    plain = sh_basis(sh_directions()) @ light.environment
    assert np.allclose(plain, 0.62, atol=5e-3)


@pytest.mark.parametrize("kind", LIGHTS)
def test_backgrounds_are_smooth_varied_and_lit(kind):
    means, unlit = [], []
    for seed in range(8):
        scene = sample_scene(seed, "front", 192, light=kind)
        wall = background.paint(scene.background, 192, scene.light, scene.camera)
        assert wall.shape == (192, 192, 3) and wall.dtype == np.float32 and wall.min() >= 0
        steps = np.abs(np.diff(wall, axis=0)).max()
        assert steps < 0.35 * max(wall.max(), 0.2), "an edge is too sharp to be out of focus"
        means.append(wall.mean(axis=(0, 1)))
        dark = scene.light.__class__(kind, scene.light.environment * 0, (), 1.0)
        unlit.append(background.paint(scene.background, 64, dark, scene.camera).mean())
    assert np.mean(unlit) < 0.95 * np.mean(means), "surfaces do not take the scene's light"
    assert np.std(means, axis=0).max() > 0.02


def test_a_room_stays_put_when_the_camera_turns():
    """What is seen left of the person in one view appears shifted, not redrawn, in a view turned by five degrees."""
    light = sample_light(child(4, "light"), "indoor")
    room = Background("indoor", 9)
    pictures = [
        background.paint(room, 240, light, sample_scene(0, (yaw, 0), 240, plain=True).camera) for yaw in (0.0, 4.0)
    ]
    shift = round(np.tan(np.radians(4.0)) * 85 / 24 * 240)
    moved = [
        np.abs(pictures[0][:, max(s, 0) : 240 + min(s, 0)] - pictures[1][:, max(-s, 0) : 240 + min(-s, 0)]).mean()
        for s in (shift, -shift)
    ]
    assert min(moved) < 0.35 * np.abs(pictures[0] - pictures[1]).mean()


def test_sensors_keep_the_picture_and_their_seed():
    picture = np.random.default_rng(0).integers(40, 200, (8, 8, 3)).astype(np.uint8).repeat(16, 0).repeat(16, 1)
    assert (sensor.apply(picture, Sensor()) == picture).all()
    noisy = Sensor(noise=0.01, blur=0.4, jpeg=85, seed=5)
    once, again = sensor.apply(picture, noisy), sensor.apply(picture, noisy)
    assert once.dtype == np.uint8 and (once == again).all()
    assert (
        sensor.apply(picture, Sensor(noise=0.01, seed=6)) != sensor.apply(picture, Sensor(noise=0.01, seed=7))
    ).any()
    grey = np.full((256, 256, 3), 128, np.uint8)
    measured = sensor.apply(grey, Sensor(noise=0.02, seed=1)).astype(float)
    assert abs(measured.mean() - 128) < 0.2 and measured.std() / 255 == pytest.approx(0.02, rel=0.1)


@pytest.fixture(scope="module")
def bust():
    return ScanHeadModel.load()(sample_identity(1))


@pytest.mark.parametrize("kind", CLOTHES_KINDS)
def test_clothes_lie_outside_the_skin_below_the_face(bust, kind):
    from threedpain.generation.worn.surface import Surface

    mesh = build_clothes(bust, Clothes(kind, (0.3, 0.3, 0.5), 2))
    if kind == "none":
        assert len(mesh.faces) == 0 and (mesh.shadow == 1).all()
        return
    surface = Surface(bust)
    worn = mesh.vertices[mesh.opacity > 0.5]
    assert surface.height(worn)[0].min() > 0
    assert worn[:, 1].max() < surface.landmarks[8, 1] + 0.02, "cloth reaches above the chin"
    front = worn[(np.abs(worn[:, 0]) < 0.02) & (worn[:, 2] > 0)]
    assert len(front) == 0 or front[:, 1].max() < surface.landmarks[8, 1] - 0.03
    shoulders = np.abs(surface.vertices[surface.rows, 0]) > 0.12
    assert (np.abs(worn[:, 0]) > 0.12).sum() >= 0.9 * shoulders.sum(), "a shoulder is bare"


def test_the_v_neck_is_open_lower_than_the_crew_neck(bust):
    def lowest(kind):
        mesh = build_clothes(bust, Clothes(kind, (0.3, 0.3, 0.5), 2))
        worn = mesh.vertices[mesh.opacity > 0.5]
        return worn[(np.abs(worn[:, 0]) < 0.01) & (worn[:, 2] > 0), 1].max()

    assert lowest("vneck") < lowest("crew") - 0.02
