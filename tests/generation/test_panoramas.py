"""Light and place from photographs: energy, turning, names, and the same bytes again."""

import base64

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors

from threedpain import assets
from threedpain.errors import InvalidInput, MissingFile
from threedpain.generation.records import Background
from threedpain.generation.scene import background, build_panoramas, panorama
from threedpain.generation.scene.light import irradiance, sample_light, sh_basis, sphere
from threedpain.generation.scene.scene import PHOTOGRAPHED, ROOFED, dress_code, sample_scene
from threedpain.generation.seeds import child
from threedpain.limits import LIGHTS, PANORAMAS, PLACES

SIZE = 256, 512  # as the package has them


def room(sun: float = 0.0) -> np.ndarray:
    """A made-up panorama: floor and sky, a window of 30 degrees and a sun of 2 degrees of that radiance."""
    toward = build_panoramas.sky(*SIZE)
    picture = np.where(toward[..., 1:2] > 0, [0.5, 0.6, 0.8], [0.3, 0.2, 0.1])
    picture = picture + 8.0 * (toward @ panorama.directions(140.0, 10.0) > np.cos(np.radians(15)))[..., None]
    return picture + sun * (toward @ panorama.directions(250.0, 40.0) > np.cos(np.radians(1)))[..., None]


def light_of(environment: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """What harmonics and lamps send back on average over all normals, [3]."""
    return 0.282095 * environment[0] + (keys[:, 3:6] * (1 + 0.5 * keys[:, 6:]) / 4).sum(0)


@pytest.mark.parametrize("sun", [0.0, 2000.0])
def test_harmonics_and_lamps_keep_the_energy_of_a_panorama(sun):
    picture = room(sun)
    asset = load_tensors(build_panoramas.build({"room": picture}))
    whole = (picture * build_panoramas.solid_angle(*SIZE)[..., None]).sum((0, 1)) / (4 * np.pi)
    whole = whole / (panorama.LUMINANCE @ whole)
    kept = light_of(asset["environment"][0], asset["keys"][0])
    assert kept == pytest.approx(whole, rel=0.05)
    assert build_panoramas.mean(asset["picture"][0].astype(float)) == pytest.approx(whole, rel=0.05)
    assert asset["mean"][0] == pytest.approx(whole, rel=1e-5)
    sunny = asset["keys"][0][:, 6] < 0.3
    assert sunny.any() == bool(sun), "a sun is a hard key, and a window is none"
    if sun:
        (key,) = asset["keys"][0][sunny]
        assert key[:3] @ panorama.directions(250.0, 40.0) > np.cos(np.radians(1.5))


@pytest.mark.parametrize("name", PANORAMAS)
def test_what_ships_keeps_the_energy_measured_when_it_was_built(name):
    picture, environment, keys, mean = panorama.stored(name).values()
    assert panorama.LUMINANCE @ mean == pytest.approx(1, abs=1e-4)
    assert light_of(environment, keys) == pytest.approx(mean, rel=0.05)
    assert build_panoramas.mean(picture) == pytest.approx(mean, rel=0.05)
    assert np.isfinite(picture).all() and picture.min() >= 0
    lamps = keys[keys[:, 3:6].any(1)]
    assert np.allclose(np.linalg.norm(lamps[:, :3], axis=1), 1, atol=1e-5)
    assert len(lamps) == 0 or (lamps[:, 6].min() > 0 and lamps[:, 6].max() <= 1)


@pytest.mark.parametrize("name", PANORAMAS)
def test_a_white_card_is_lit_as_by_the_photograph(name):
    """The nine harmonics and three lamps against the integral over every pixel, in the head frame."""
    place, normals = panorama.load(name), sphere(48)
    angle = build_panoramas.solid_angle(*place.picture.shape[:2]).reshape(-1, 1)
    toward = build_panoramas.sky(*place.picture.shape[:2]).reshape(-1, 3)
    exact = np.maximum(normals @ toward.T, 0) @ (place.picture.reshape(-1, 3) * angle) / np.pi
    light = sample_light(child(0), "plain").__class__(name, place.environment, place.keys, 1.0)
    lit = irradiance(light, normals)
    assert np.abs(lit - exact).mean() < 0.18 * exact.mean()  # wide lamps: a key is a cosine, wrapped


def test_what_ships_is_small_and_complete():
    path = assets.weights("panoramas")
    assert path.stat().st_size <= 4_000_000
    assert set(load_tensors(path.read_bytes())) == set(panorama.PARTS)


def test_the_build_gives_the_same_bytes_every_time():
    assert len({build_panoramas.build({"room": room(300.0), "other": room()}) for _ in range(3)}) == 1


def test_overshoot_beside_a_lamp_is_taken_back_and_a_sun_of_one_channel_is_white():
    picture = np.full((16, 32, 3), 1.0)
    picture[4, 4], picture[4, 5] = 50.0, -9.0
    mended = build_panoramas.mended(picture)
    assert mended.min() >= 0 and mended.sum() == pytest.approx(picture.sum())
    assert (mended[8:] == 1).all()
    picture[12, 20] = [0, 0, 9000.0]
    assert (build_panoramas.mended(picture)[12, 20] > 8000).all()


def test_turning_harmonics_turns_the_light():
    coefficients, normals = np.random.default_rng(0).normal(size=(9, 3)), sphere(50)
    for angle in (0.0, 0.7, 4.0):
        turned = panorama.turned_harmonics(coefficients, angle)
        assert sh_basis(panorama.turned(normals, angle)) @ turned == pytest.approx(sh_basis(normals) @ coefficients)
    assert panorama.turned(panorama.directions(20.0, 5.0), np.radians(30)) == pytest.approx(
        panorama.directions(50.0, 5.0)
    )


def test_the_lamp_that_lights_the_face_is_seen_where_it_lights_from():
    for seed in range(4):
        light = panorama.panorama_light(child(0), "sky", seed)
        x, y, z = light.keys[0].direction
        azimuth, elevation = np.degrees(np.arctan2(x, -z)), np.degrees(np.arcsin(y))
        there = panorama.look_into("sky", seed, np.array([azimuth, azimuth + 40]), np.array([elevation, elevation]))
        assert there[0].min() == panorama.WHITE > 3 * there[1].max()


@pytest.mark.parametrize("name", PANORAMAS)
def test_a_camera_exposes_for_the_face_and_the_room(name):
    level = []
    for seed in range(24):
        light = sample_scene(seed, size=32, light=name).light
        assert light.kind == name and panorama.level(light) == pytest.approx(1, abs=0.01)
        level.append(float(irradiance(light, np.array([[0.0, 0.17, 0.985]])).mean()) * light.exposure)
    assert min(level) > 0.3 and max(level) < 2.6 and 0.7 < np.median(level) < 1.5


@pytest.mark.parametrize("name", ["studio", "forest", "venice"])
def test_the_same_seed_gives_the_same_bytes_and_another_turns_the_place(name):
    def picture(seed, view="front"):
        scene = sample_scene(seed, view, 64, light=name)
        return background.paint(scene.background, 64, scene.light, scene.camera), scene

    (first, scene), (again, same) = picture(3), picture(3)
    assert first.tobytes() == again.tobytes() and repr(scene) == repr(same)
    assert first.dtype == np.float32 and first.shape == (64, 64, 3) and first.min() >= 0
    other, elsewhere = picture(4)
    assert np.abs(first - other).mean() > 0.05 * first.mean()
    assert not np.allclose(scene.light.environment, elsewhere.light.environment)
    assert repr(picture(3, "left")[1].light) == repr(scene.light), "views of one seed share their light"


def test_light_and_background_may_be_named_apart_and_both_are_recorded():
    both = sample_scene(5, size=32, light="hall", background="park")
    assert (both.light.kind, both.background.kind) == ("hall", "park")
    drawn = sample_scene(5, size=32)
    behind = sample_scene(5, size=32, background="park")
    assert repr(behind.light) == repr(drawn.light) and behind.background.kind == "park"
    lit = sample_scene(5, size=32, light="hall", background="clinical")
    assert lit.background.seed == drawn.background.seed and lit.background.kind == "clinical"
    dim = background.paint(behind.background, 32, behind.light, behind.camera)
    half = behind.light.__class__("indoor", behind.light.environment / 2, (), 1.0)
    assert background.paint(behind.background, 32, half, behind.camera).mean() < 0.6 * dim.mean()


def test_the_stated_share_of_scenes_is_photographed_and_the_rest_is_as_without():
    kinds = [sample_scene(seed, size=32).light.kind for seed in range(1500)]
    shares = {name: kinds.count(name) / len(kinds) for name in PLACES}
    assert sum(shares[name] for name in PANORAMAS) == pytest.approx(PHOTOGRAPHED, abs=0.04)
    assert sum(shares[name] for name in ROOFED) == pytest.approx(0.7 * PHOTOGRAPHED, abs=0.04)
    assert all(shares[name] > 0 for name in LIGHTS + PANORAMAS)
    assert {dress_code(name) for name in PLACES} == set(LIGHTS)
    for seed in range(8):
        drawn = sample_scene(seed, size=32)
        assert drawn.background.kind == drawn.light.kind, "who is lit by a place is seen in it"
        assert repr(sample_scene(seed, size=32, light=drawn.light.kind)) == repr(drawn), "named is as drawn"


@pytest.mark.parametrize("name", ["light", "background"])
def test_a_bad_name_gets_one_sentence_with_the_allowed_ones(name):
    from threedpain.generation.pipeline import PainFacePipeline

    with pytest.raises(InvalidInput) as said:
        sample_scene(5, **{name: "moon"})
    assert str(said.value) == f"{name} must be one of {', '.join(PLACES)}; got 'moon'"
    with pytest.raises(InvalidInput) as said:
        PainFacePipeline.check_inputs({}, **{name: "moon"})
    assert str(said.value) == f"unknown {name} 'moon'; known are {', '.join(PLACES)}"


def test_a_folder_without_the_package_and_a_broken_script_are_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"has no hdri/apartment.exr.js: give the unpacked npm package"):
        build_panoramas.read(tmp_path, "apartment")
    held = base64.b64encode(b"\x76\x2f\x31\x01").decode()
    script = f"export default 'data:application/exr;base64,{held}'"
    assert build_panoramas.embedded(script) == b"\x76\x2f\x31\x01"
    with pytest.raises(InvalidInput, match="no base64 file"):
        build_panoramas.embedded("export default 'data:application/exr;base64,abc'")


def test_another_file_under_the_name_is_refused(monkeypatch, tmp_path):
    asset = build_panoramas.build({"room": room()})
    (tmp_path / "panoramas.safetensors").write_bytes(asset)
    monkeypatch.setattr(assets, "WEIGHTS", tmp_path)
    assert panorama.stored("room")["picture"].shape == (128, 256, 3)
    with pytest.raises(MissingFile, match="holds no 'hall'"):
        panorama.stored("hall")


def test_a_room_photographed_stays_put_when_the_camera_turns():
    """Azimuths are the room's: what one view shows at its edge another shows in its middle."""
    place = Background("lobby", 9)
    light = panorama.panorama_light(child(0), "lobby", 9)
    pictures = [
        background.paint(place, 240, light, sample_scene(0, (yaw, 0), 240, plain=True).camera) for yaw in (0.0, 4.0)
    ]
    shift = round(np.tan(np.radians(4.0)) * 85 / 24 * 240)
    moved = [
        np.abs(pictures[0][:, max(s, 0) : 240 + min(s, 0)] - pictures[1][:, max(-s, 0) : 240 + min(-s, 0)]).mean()
        for s in (shift, -shift)
    ]
    assert min(moved) < 0.35 * np.abs(pictures[0] - pictures[1]).mean()
