"""The shading model: the kernel against the torch reference, energy, light, and the curve from light to picture."""

import dataclasses

import numpy as np
import pytest
import torch

from threedpain.generation.colour import to_linear, to_srgb
from threedpain.generation.frames import look_at
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.records import PARTS, KeyLight, Light, SkinMaps
from threedpain.generation.render.backends import TorchBackend
from threedpain.generation.render.mouth import mouth_light
from threedpain.generation.render.raster import pytorch3d as raster_pytorch3d
from threedpain.generation.render.renderer import Renderer
from threedpain.generation.render.shading import kernel as shade_numba
from threedpain.generation.render.shading import reference as shade_torch
from threedpain.generation.render.shading.kernel import develop
from threedpain.generation.render.shading.model import LINING, MATERIALS, OPTICS, tone, tone_table
from threedpain.generation.render.surfaces import iris_angle, resting_landmarks
from threedpain.generation.scene.scene import sample_scene
from threedpain.generation.texture import load_texture

SIZE = 96
RENDERER = Renderer()


def person(seed=0, **changes):
    identity = sample_identity(seed, **changes)
    return ScanHeadModel.load()(identity), load_texture("flat")([identity])[0]


def viewed(seed, units, view="front", size=SIZE, renderer=RENDERER, scene=None, **changes):
    bust, maps = person(seed, **changes)
    scene = scene or sample_scene(seed, view, size)
    face = rig(bust, units)
    surfaces = renderer.surfaces(face, maps, scene.clothes)
    return scene, renderer.look(renderer.posed(surfaces, face, scene.light), scene.camera)


def constant(value=1.0, keys=()):
    environment = np.zeros((9, 3), np.float32)
    environment[0] = value / 0.282095
    return Light("plain", environment, keys, 1.0)


NO_CARD = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
CARD = [pytest.mark.gpu, NO_CARD]


@pytest.mark.parametrize(
    ("seed", "units", "view", "changes"),
    [
        (0, {}, "front", {"hair": "long"}),
        (1, {"AU4": 4, "AU6": 4, "AU9": 5, "AU10": 4, "AU25": 3}, "left", {"age": 80}),
        (2, {"AU26": 5, "AU43": 0.5}, "right", {"hair": "coily"}),
    ],
)
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=CARD)])
def test_the_kernel_equals_the_torch_reference(seed, units, view, changes, device):
    scene, seen = viewed(seed, units, view, **changes)
    behind = np.random.default_rng(0).random((SIZE, SIZE, 3)).astype(np.float32)
    fast = RENDERER.radiance(seen, scene.light, behind)
    torch_renderer = Renderer(backend=TorchBackend(device))
    reference = torch_renderer.radiance(seen, scene.light, behind)
    assert np.array_equal(reference, torch_renderer.radiance(seen, scene.light, behind)), "also of what stayed there"
    gain = np.full(3, scene.light.exposure, np.float32)
    a, b = (develop(x, gain, tone_table()).astype(int) for x in (fast, reference))
    assert (np.abs(a - b).max(2) <= 1).mean() >= 0.999
    assert a.std() > 20, "a picture of something"


def test_the_inner_side_of_cloth_is_darker_by_as_much_in_both_shaders():
    _, seen = viewed(0, {})
    posed, surfaces = seen.posed, seen.posed.surfaces
    cloth = surfaces.material == MATERIALS.index("cloth")
    turned = posed.table.copy()
    turned[np.unique(surfaces.faces[cloth]), 3:6] *= -1  # every piece shows its inner side
    inside = dataclasses.replace(seen, posed=dataclasses.replace(posed, table=turned))
    shown = (
        seen.winners.reshape(SIZE, -1, SIZE, seen.winners.shape[1] // SIZE)
        .transpose(0, 2, 1, 3)
        .reshape(SIZE, SIZE, -1)
    )
    whole = ((shown >= 0) & cloth[shown]).all(axis=2)
    assert whole.sum() > 200
    black = np.zeros((SIZE, SIZE, 3), np.float32)
    outer, inner = (RENDERER.radiance(view, constant(), black)[whole].sum() for view in (seen, inside))
    reference = Renderer(backend=TorchBackend("cpu")).radiance(inside, constant(), black)[whole].sum()
    assert 1 - 1.1 * LINING < inner / outer < 1 - 0.7 * LINING  # less where it is seen from the side
    assert reference == pytest.approx(inner, rel=1e-3)


def test_what_stays_on_the_device_goes_with_its_array():
    backend = TorchBackend("cpu")
    array = np.arange(3, dtype=np.float32)
    assert backend._stays(array) is backend._stays(array) and len(backend._kept) == 1
    del array
    assert not backend._kept


@pytest.mark.gpu
@NO_CARD
def test_a_picture_on_the_card_is_the_processors():
    bust, maps = person(3)
    face, scene = rig(bust, {"AU4": 4, "AU43": 0.5}), sample_scene(3, "front", SIZE)
    there, here = (renderer.render(face, maps, scene) for renderer in (Renderer("cuda"), RENDERER))
    assert (there.mask == here.mask).mean() > 0.998
    assert (np.abs(there.image.astype(int) - here.image).max(2) <= 2).mean() > 0.99


def test_teeth_stand_apart_in_their_gums():
    across, up = np.meshgrid(np.linspace(0.001, 0.999, 1025), np.linspace(0.001, 0.999, 257))
    uv = np.stack([across, up], axis=-1).reshape(-1, 2).astype(np.float32)
    shade, gum = (value.numpy().reshape(257, 1025) for value in shade_torch._tooth(torch.from_numpy(uv)))
    kernel = np.array([shade_numba._tooth(u, v) for u, v in uv]).reshape(257, 1025, 2)
    assert np.abs(kernel - np.stack([shade, gum], axis=-1)).max() < 1e-3
    assert np.abs(shade - shade[:, ::-1]).max() < 1e-3  # left and right
    upper = shade[180]  # v = 0.7: the crowns of the upper front teeth
    assert (upper < 0.7).mean() < 0.15  # they nearly touch
    gaps = np.flatnonzero((upper[1:-1] < 0.6) & (upper[1:-1] <= upper[:-2]) & (upper[1:-1] < upper[2:]))
    assert 10 <= len(gaps) <= 16  # a jaw of teeth, the hindmost beyond what a mouth shows
    assert not gum[180, 400:625].any() and gum[250].all() and gum[5].all()  # crowns, and the gums of either jaw


@pytest.mark.parametrize("seed", [3, 6, 8])
def test_a_mouth_is_lit_by_the_gap_of_its_lips(seed):
    bust = person(seed)[0]
    part, faces = bust.topology.face_part, bust.topology.faces
    teeth, tongue = (np.unique(faces[part == PARTS.index(name)]) for name in ("teeth_upper", "tongue"))
    every = np.ones(len(bust.vertices), bool)
    shut, narrow, wide = (mouth_light(rig(bust, units), every) for units in ({}, {"AU10": 4, "AU25": 3}, {"AU27": 5}))
    for parted in (narrow, wide):
        assert shut[tongue].max() < parted[tongue].max() < 0.6  # deep in
    assert narrow[teeth].max() > max(0.5, shut[teeth].max())  # right behind the lips
    assert shut.min() >= 0 and narrow.max() <= 1


@pytest.mark.parametrize("seed", range(4))
def test_irises_leave_white_beside_them(seed):
    bust = person(seed)[0]
    marks = resting_landmarks(bust)
    across = 2 * bust.eye_radius * np.sin(iris_angle(bust))
    assert 0.009 < across < 0.0131 and across < 0.5 * np.linalg.norm(marks[36] - marks[39])


def test_all_light_is_linear():
    scene, seen = viewed(0, {"AU4": 3})
    black = np.zeros((SIZE, SIZE, 3), np.float32)
    keys = scene.light.keys
    whole = RENDERER.radiance(seen, scene.light, black)
    twice = dataclasses.replace(
        scene.light,
        environment=2 * scene.light.environment,
        keys=tuple(KeyLight(k.direction, tuple(2 * c for c in k.colour), k.softness) for k in keys),
    )
    np.testing.assert_allclose(RENDERER.radiance(seen, twice, black), 2 * whole, rtol=1e-3, atol=1e-5)
    dark = dataclasses.replace(scene.light, environment=np.zeros((9, 3), np.float32), keys=())
    assert RENDERER.radiance(seen, dark, black).max() == 0


def test_nothing_under_a_white_sky_outshines_it():
    _scene, seen = viewed(3, {})
    light = RENDERER.radiance(seen, constant(1.0), np.ones((SIZE, SIZE, 3), np.float32))
    assert light.max() <= 1.02, "no surface gives back more than it gets"
    hit = seen.winners.reshape(SIZE, 2, SIZE, 2).max((1, 3)) >= 0
    assert light[hit].min() < 0.3


def test_the_terminator_is_softly_red():
    """Where a lamp's light fades over skin, red fades last: the share of red grows from the lit to the half-lit
    side, but leaves no band of blood."""
    _scene, seen = viewed(4, {}, hair="bald", gender="female")
    key = KeyLight((1.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0.2)
    light = RENDERER.radiance(seen, constant(0.0, (key,)), np.zeros((SIZE, SIZE, 3), np.float32))
    skin = (seen.winners[::2, ::2] >= 0) & (light[..., 1] > 1e-4)
    ratio, level = light[skin, 0] / light[skin, 1], light[skin, 1]
    dim, bright = level < np.quantile(level, 0.2), level > np.quantile(level, 0.7)
    assert 1.15 < np.median(ratio[dim]) / np.median(ratio[bright]) < 1.6


def test_darker_skin_is_darker_and_white_balance_is_seen():
    bust, maps = person(5)
    scene = sample_scene(5, "front", SIZE, plain=True)
    face = rig(bust, {})
    dark = SkinMaps((maps.albedo * 0.5).astype(np.uint8), maps.brows)
    one, two = (RENDERER.render(face, m, scene) for m in (maps, dark))
    skin = (one.mask == 1) & (two.mask == 1)
    assert two.image[skin].mean() < 0.8 * one.image[skin].mean()
    warm = dataclasses.replace(scene, sensor=dataclasses.replace(scene.sensor, white_balance=(1.3, 1.0, 0.8)))
    warmer = RENDERER.render(face, maps, warm).image[skin].mean(0) - one.image[skin].mean(0)
    assert warmer[0] > 5 and warmer[2] < -5


def test_wrinkles_are_seen():
    bust, maps = person(6, age=85)
    face = rig(bust, {"AU4": 5, "AU9": 5})
    smooth = dataclasses.replace(face, wrinkles=np.zeros_like(face.wrinkles))
    scene = sample_scene(6, "front", 192, plain=True)
    scene = dataclasses.replace(scene, camera=look_at(size=192, span=0.2, target=(0, 0.02, 0.08)))
    one, two = RENDERER.render(face, maps, scene), RENDERER.render(smooth, maps, scene)
    changed = np.abs(one.image.astype(int) - two.image).max(2) > 8
    assert 0.005 < changed.mean() < 0.4
    np.testing.assert_array_equal(one.mask, two.mask)


def test_the_tone_curve_and_srgb():
    x = np.linspace(0, 9, 2000)
    assert (np.diff(tone(x)) >= 0).all() and tone(0.0) == 0
    assert abs(float(tone(0.18)) - 0.18) < 0.01
    codes = np.arange(256) / 255
    np.testing.assert_allclose(to_srgb(to_linear(codes)), codes, atol=1e-9)
    light = np.random.default_rng(0).uniform(0, 9, (64, 64, 3)).astype(np.float32)
    exact = np.round(255 * to_srgb(tone(light)))
    assert np.abs(develop(light, np.ones(3, np.float32), tone_table()) - exact).max() <= 1
    assert OPTICS.dtype == np.float32


def test_pytorch3d_sees_what_our_rasterizer_sees():
    """The GPU path of the renderer, run with PyTorch3D's own CPU rasterizer: the same surfaces up to a few samples."""
    _scene, seen = viewed(7, {}, size=16, hair="short")
    surfaces = seen.posed.surfaces
    winners, nearness = raster_pytorch3d.nearest_pytorch3d(seen.vertices, surfaces.faces, surfaces.test, 2 * 16, "cpu")
    both = (winners >= 0) & (seen.winners >= 0)
    assert ((winners >= 0) == (seen.winners >= 0)).mean() > 0.99
    assert (surfaces.material[winners[both]] == surfaces.material[seen.winners[both]]).mean() > 0.97
    np.testing.assert_allclose(np.median(np.abs(1 / nearness[both] - 1 / seen.nearness[both])), 0, atol=1e-5)
