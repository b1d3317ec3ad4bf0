"""The truth of a picture: consistent with itself, with the geometry, and with the picture."""

import dataclasses

import numpy as np
import pytest

from threedpain.errors import InvalidInput
from threedpain.generation.frames import angles, look_at, pose_of, project, rotation, to_ndc
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.records import MASK_CLASSES
from threedpain.generation.render.renderer import Renderer
from threedpain.generation.scene.scene import sample_scene
from threedpain.generation.texture import load_texture
from threedpain.limits import HEAT_STEP

SIZE = 128
RENDERER = Renderer()
PAIN = {"AU4": 4, "AU6": 4, "AU7": 3, "AU9": 4, "AU10": 4, "AU43": 0.5}
CLASS = {name: index for index, name in enumerate(MASK_CLASSES)}


def person(seed, **changes):
    identity = sample_identity(seed, **changes)
    return ScanHeadModel.load()(identity), load_texture("flat")([identity])[0]


def photograph(seed=0, units=None, view="front", size=SIZE, truth=(), renderer=RENDERER, **changes):
    bust, maps = person(seed, **changes)
    face = rig(bust, units or {})
    return face, renderer.render(face, maps, sample_scene(seed, view, size), truth=truth)


@pytest.fixture(scope="module")
def pain():
    return photograph(0, PAIN, hair="short")


def test_shapes_and_types(pain):
    _, sample = pain
    assert sample.image.shape == (SIZE, SIZE, 3) and sample.image.dtype == np.uint8
    for name, dtype in (("heatmap", np.uint8), ("mask", np.uint8), ("depth", np.float32)):
        layer = getattr(sample, name)
        assert layer.shape == (SIZE, SIZE) and layer.dtype == dtype, name
    assert sample.landmarks.shape == (68, 2) and sample.landmarks_3d.shape == (68, 3)
    assert sample.landmarks_visible.dtype == bool and sample.regions is None
    assert sample.mask.max() < len(MASK_CLASSES)


@pytest.mark.parametrize("view", ["front", "left", "right"])
def test_mask_depth_and_heat_agree_at_every_pixel(view):
    face, sample = photograph(1, PAIN, view)
    background = sample.mask == 0
    assert ((sample.depth == 0) == background).all()
    assert sample.depth[~background].min() > 0.1
    cold = np.isin(sample.mask, [CLASS[name] for name in ("background", "eyes", "hair", "facial_hair", "clothes")])
    assert (sample.heatmap[cold] == 0).all()
    assert sample.heatmap[sample.mask == CLASS["skin"]].max() > 20
    most = face.heat.max() / HEAT_STEP
    assert sample.heatmap.max() <= min(most + 1, 255)


def test_the_neutral_heatmap_is_exactly_zero_and_other_units_leave_none():
    assert (photograph(2)[1].heatmap == 0).all()
    assert (photograph(2, {"AU12": 5, "AU26": 4, "AU1": 3})[1].heatmap == 0).all()


def test_heat_is_the_faces_own_movement():
    """Where a face vertex lands in the picture, the heatmap shows how far the pain units moved it."""
    size = 320
    face, sample = photograph(3, PAIN, size=size, hair="bald", gender="female")
    pixels, seen = project(sample.camera, face.vertices)
    column, row = np.floor(pixels).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < size) & (row < size)
    inside[face.bust.model.skin_count :] = False
    rows = np.flatnonzero(inside)
    column, row = column[rows], row[rows]
    shown = (np.abs(sample.depth[row, column] - seen[rows, 2]) < 0.002) & (sample.mask[row, column] == CLASS["skin"])
    told, is_ = sample.heatmap[row, column][shown] * HEAT_STEP, np.minimum(face.heat[rows][shown], 12.75)
    assert shown.sum() > 1000
    off = np.abs(told - is_)  # a pixel is about a millimetre wide, and heat is steep around the lids
    assert np.median(off) < 0.2 and np.mean(off < 0.6) > 0.8


def test_all_parts_are_seen(pain):
    seen = np.bincount(pain[1].mask.ravel(), minlength=len(MASK_CLASSES)) / SIZE**2
    for name, least in (("background", 0.1), ("skin", 0.1), ("brows", 0.001), ("lips", 0.001), ("hair", 0.005)):
        assert seen[CLASS[name]] > least, name


@pytest.mark.parametrize("yaw", [0.0, -30.0, 50.0])
def test_landmarks_fall_on_their_pixels(yaw):
    bust, maps = person(4, hair="bald", gender="female")
    face = rig(bust, {"AU26": 4}, head_angles=(5.0, 5.0, 5.0))
    sample = RENDERER.render(face, maps, sample_scene(4, (yaw, 5.0), 192))
    x, y = sample.landmarks.T
    reference, points = project(sample.camera, sample_landmarks(face))
    np.testing.assert_allclose(sample.landmarks, reference, atol=1e-3)
    np.testing.assert_allclose(sample.landmarks_3d, points, atol=1e-5)
    visible = sample.landmarks_visible
    assert visible[30] and visible[27] and visible.sum() >= 34
    column, row = x[visible].astype(int), y[visible].astype(int)
    around = np.stack([sample.depth[row + i, column + j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    assert np.abs(around - points[visible, 2]).min(0).max() < 0.02, "a visible landmark lies on what the picture shows"
    if yaw:
        far = slice(0, 4) if yaw > 0 else slice(13, 17)  # turned to their left, the subject's right cheek faces us
        assert not visible[16 - np.arange(17)[far]].all()
    near_eye = visible & np.isin(np.arange(68), range(36, 48))
    column, row = x[near_eye].astype(int), y[near_eye].astype(int)  # on the outline the pixel beside may be the face's
    classes = np.stack([sample.mask[row + i, column + j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    assert np.isin(classes, [CLASS["skin"], CLASS["eyes"], CLASS["brows"]]).any(axis=0).all()


def sample_landmarks(face):
    topology = face.bust.topology
    corners = face.vertices[topology.faces[topology.landmark_faces]].astype(np.float64)
    return np.einsum("lij,li->lj", corners, topology.landmark_barycentric)


def test_the_box_holds_the_face(pain):
    _, sample = pain
    x0, y0, x1, y1 = sample.bbox
    x, y = sample.landmarks.T
    assert x0 <= x.min() and x1 >= x.max() and y1 >= y.max()
    brows = y[17:27].min()
    assert y0 < brows - 0.15 * (y.max() - brows), "up to the hairline"
    assert y0 > brows - 0.9 * (y.max() - brows)


def test_regions_lie_on_the_skin_and_in_order(pain):
    from threedpain.regions import REGIONS

    _face, sample = photograph(0, PAIN, truth=("regions",), hair="short")
    names = list(REGIONS)
    assert sample.regions.max() <= len(names)
    assert (sample.regions[~np.isin(sample.mask, [CLASS["skin"], CLASS["brows"], CLASS["lips"]])] == 0).all()
    rows = {name: np.nonzero(sample.regions == index + 1) for index, name in enumerate(names)}
    seen = [name for name, at in rows.items() if len(at[0]) > 5]
    assert len(seen) > 20
    assert rows["forehead_right"][0].mean() < rows["nose_right"][0].mean() < rows["chin_right"][0].mean()
    assert rows["cheek_right"][1].mean() < rows["cheek_left"][1].mean(), "the subject's right is the picture's left"


def test_closed_eyes_hide_the_eyeballs():
    opened, closed = (photograph(5, {"AU43": x})[1].mask for x in (0, 1))
    assert (opened == CLASS["eyes"]).sum() > 2 * (closed == CLASS["eyes"]).sum()


def test_closed_lids_meet_in_a_dark_line():
    _, sample = photograph(5, {"AU43": 1, "AU6": 4, "AU7": 4}, size=256, age=35)  # lashes not yet white
    for upper, lower in (((37, 38), (40, 41)), ((43, 44), (46, 47))):
        x, y = sample.landmarks[[*upper, *lower]].mean(0).round().astype(int)
        column = sample.image[y - 8 : y + 5, x - 3 : x + 4].mean(axis=(1, 2))
        assert column[5:].min() < 0.9 * column[:5].mean() and 6 <= column.argmin() <= 11


def test_a_picture_depends_on_its_own_seed_alone():
    bust, maps = person(6)
    scene, other = sample_scene(6, "front", SIZE), sample_scene(7, "left", SIZE)
    face = rig(bust, PAIN)
    fresh = Renderer().render(face, maps, scene)
    used = Renderer()
    used.render(rig(bust, {}), maps, other)
    used.render(*photograph_parts(8), scene)
    again = used.render(rig(bust, PAIN), maps, scene)
    for name in ("image", "heatmap", "mask", "depth", "landmarks"):
        np.testing.assert_array_equal(getattr(fresh, name), getattr(again, name))
    assert np.abs(fresh.image.astype(int) - used.render(face, maps, other).image).mean() > 5


def photograph_parts(seed):
    bust, maps = person(seed)
    return rig(bust, {}), maps


def test_supersampling_smooths_edges_and_keeps_the_truth():
    bust, maps = person(9, hair="bald", gender="female")
    face, scene = rig(bust, PAIN), sample_scene(9, "front", SIZE, plain=True)
    one, two = (Renderer(supersampling=n).render(face, maps, scene) for n in (1, 2))
    assert (one.mask == two.mask).mean() > 0.98
    edge = (two.mask == 0) ^ (np.roll(two.mask, 1, 1) == 0)
    assert edge.sum() > 50
    step = [np.abs(np.diff(s.image.astype(int).mean(2), axis=1))[edge[:, 1:]].mean() for s in (one, two)]
    assert step[1] < step[0]


def test_cameras_and_poses():
    rng = np.random.default_rng(0)
    for yaw, pitch, roll in rng.uniform(-70, 70, (50, 3)):
        np.testing.assert_allclose(angles(rotation(yaw, pitch, roll)), (yaw, pitch, roll), atol=1e-9)
        np.testing.assert_allclose(pose_of(look_at(yaw, pitch, roll)), (yaw, pitch, roll), atol=1e-9)
    nose = np.array([[0.0, 0.0, 1.0]])
    assert (rotation(30, 0, 0) @ nose[0])[0] > 0, "yaw > 0 turns to the subject's left"
    assert (rotation(0, 30, 0) @ nose[0])[1] > 0, "pitch > 0 looks up"
    assert (rotation(0, 0, 30) @ [0, 1, 0])[0] > 0, "roll > 0 is clockwise in the picture"
    camera = look_at(20, 10, 5, focal_mm=50, size=300, span=0.4, target=(0.01, 0.02, 0.03), offset=(0.1, -0.2))
    pixel, seen = project(camera, np.array([[0.01, 0.02, 0.03]]))
    np.testing.assert_allclose(pixel, [[150 + 30, 150 - 60]])
    np.testing.assert_allclose(np.linalg.det(camera.R), 1)
    turned = rig(person(10)[0], {}, head_angles=(15.0, 0.0, 0.0))
    np.testing.assert_allclose(pose_of(look_at(20), turned.head_pose), (35, 0, 0), atol=1e-3)
    ndc = to_ndc(camera, np.array([[0.01, 0.02, 0.03]]))
    np.testing.assert_allclose(ndc, [[1 - 2 * 180 / 300, 1 - 2 * 90 / 300, seen[0, 2]]], rtol=1e-6)


def test_what_cannot_be_drawn_is_refused():
    bust, maps = person(11)
    scene = sample_scene(0, "front", 32)
    with pytest.raises(InvalidInput, match="truth may hold depth, regions, covered; got normals"):
        RENDERER.render(rig(bust, {}), maps, scene, truth=("normals",))
    with pytest.raises(InvalidInput, match="supersampling must be 1 to 4, got 0"):
        Renderer(supersampling=0)
    with pytest.raises(InvalidInput, match="size must be at least 8 pixels, got 2"):
        look_at(size=2)
    with pytest.raises(InvalidInput, match="must be positive, got 0 and 0.4"):
        look_at(focal_mm=0, span=0.4)


def test_nothing_in_front_of_the_camera_is_background():
    bust, maps = person(12)
    scene = sample_scene(1, "front", 32)
    camera = scene.camera
    away = dataclasses.replace(scene, camera=dataclasses.replace(camera, t=camera.t + [0, 0, -10]))
    sample = RENDERER.render(rig(bust, PAIN), maps, away)
    assert (sample.mask == 0).all() and (sample.heatmap == 0).all() and not sample.landmarks_visible.any()


@pytest.mark.parametrize("change", [{"hair": "short"}, {"hair": "bald"}, {"skin_tone": 1}, {"skin_tone": 6}])
def test_a_face_keeps_its_geometry_under_other_hair_or_skin(change):
    """Hair and skin change what is seen of a face, never where it is."""
    (_, one), (_, two) = photograph(5, PAIN, hair="long"), photograph(5, PAIN, **{"hair": "long", **change})
    assert not np.array_equal(one.image, two.image)
    for name in ("landmarks", "landmarks_3d", "bbox"):
        assert np.asarray(getattr(one, name)).tobytes() == np.asarray(getattr(two, name)).tobytes(), name
    if "skin_tone" in change:
        assert np.array_equal(one.heatmap, two.heatmap) and np.array_equal(one.depth, two.depth)
