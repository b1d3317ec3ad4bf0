"""The head fitted to scans: laws of its shape and movement that need no scans."""

import dataclasses

import numpy as np
import pytest

from threedpain import facs
from threedpain.errors import InvalidInput, MissingFile
from threedpain.generation.frames import look_at, to_ndc
from threedpain.generation.head.build.ict import read_scans
from threedpain.generation.head.lids import SEAL, SEATED, seated
from threedpain.generation.head.motion import landmarks
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import average_identity, sample_identity
from threedpain.generation.records import PARTS
from threedpain.generation.render.raster.exact import CpuRasterizer
from threedpain.generation.render.raster.settings import RasterizationSettings


@pytest.fixture(scope="module")
def head():
    return ScanHeadModel.load()


def person(head, seed, **traits):
    return head(sample_identity(seed, head=head, **traits))


def opening(vertices, eye, centre):
    """Angle between the lids' margins, column by column of the upper one without the corners."""
    upper, lower = (vertices[rows] - centre for rows in (eye.upper, eye.lower))
    high, low = (np.arctan2(arm[:, 1], np.hypot(arm[:, 0], arm[:, 2])) for arm in (upper, lower))
    side = [np.arctan2(float(eye.temple) * arm[:, 0], arm[:, 2]) for arm in (upper, lower)]
    return (high - np.interp(side[0], np.maximum.accumulate(side[1]), low))[3:-3]


def test_no_units_are_neutral_and_the_same_seed_is_the_same_head(head):
    first, second = person(head, 5), person(head, 5)
    assert np.array_equal(first.vertices, second.vertices)
    assert np.array_equal(rig(first, {}).vertices, first.vertices)
    assert not np.allclose(first.vertices, person(head, 6).vertices, atol=1e-4)


def test_eyeballs_follow_lids_that_sink_and_never_rise(head):
    bust = person(head, 3, age=30)
    for eye, centre in zip(bust.lids, bust.eye_centres, strict=True):
        falls = []
        for drop in (-0.003, -0.001, 0.0, 0.001, 0.002, 0.004, 0.02):  # metres
            surface = bust.vertices.copy()
            surface[np.concatenate([eye.upper, eye.lower]), 1] -= drop
            moved = seated(surface, eye, centre, bust.eye_radius)
            assert np.array_equal(moved[[0, 2]], centre[[0, 2]])
            falls.append(centre[1] - moved[1])
        assert falls[0] == falls[1] == 0 and falls == sorted(falls)
        assert 0.001 < falls[-2] < falls[-1] <= SEATED


def test_the_mean_and_its_fields_are_mirrored(head):
    flip = head.tensors["mirror"].astype(int)
    turned = np.array([-1, 1, 1])
    assert np.abs(head.mean[flip] * turned - head.mean).max() < 2e-4
    for row, name in enumerate(head.action_names):
        other = {"L": name[:-1] + "R", "R": name[:-1] + "L"}.get(name[-1], name)
        mirrored = head.actions[head.action_names.index(other)][flip] * turned
        assert np.abs(mirrored - head.actions[row]).max() < 2e-4, name


def test_a_one_sided_unit_leaves_the_other_side(head):
    bust = person(head, 3, asymmetry=0)
    moved = np.linalg.norm(rig(bust, {"AU12L": 5}).vertices - bust.vertices, axis=1)
    assert moved[bust.vertices[:, 0] > 0.02].max() > 0.008
    assert moved[bust.vertices[:, 0] < -0.02].max() < 0.001


@pytest.mark.parametrize("unit", ["AU1", "AU4", "AU6", "AU7", "AU9", "AU10", "AU12", "AU15", "AU17", "AU20", "AU26"])
def test_movement_grows_with_intensity_everywhere(head, unit):
    bust = person(head, 11)
    moved = [np.linalg.norm(rig(bust, {unit: i}).vertices - bust.vertices, axis=1) for i in range(1, 6)]
    lively = (moved[-1] > 5e-4) & (head.skin_vertices > 0)
    for eye in bust.lids:  # lids and lips give way to each other
        lively[eye.rows] = False
    lively[head.lips.rows] = False
    steps = np.diff([m[lively] for m in moved], axis=0)
    assert steps.min() > -2e-5


def test_lids_that_give_way_to_each_other_take_no_skin_back(head):
    mean = np.zeros(len(head.shape_names), np.float32)
    mean[: len(head.base_names)] = head.scan_tensors["reference"]
    bust = head(dataclasses.replace(average_identity(), shape=mean, resting={}))
    margin = np.zeros(len(bust.vertices), bool)
    for eye in bust.lids:  # the upper lid itself, which leaves a slit open
        margin[eye.rows[eye.weight > 0.5]] = True
    skin = head.skin_vertices > 0
    moved = [np.linalg.norm(rig(bust, {"AU7": i / 2}).vertices - bust.vertices, axis=1)[skin] for i in range(11)]
    back = np.diff(moved, axis=0).min(axis=0)
    assert back[~margin[skin]].min() > -4e-5 and back.min() > -2e-4


def test_scans_move_the_cheek_and_not_an_island(head):
    bust = person(head, 1, asymmetry=0)
    skin = head.skin_vertices > 0
    for unit, least in (("AU6", 0.02), ("AU9", 0.02), ("AU12", 0.03)):
        moved = np.linalg.norm(rig(bust, {unit: 5}).vertices - bust.vertices, axis=1)[skin]
        assert (moved > 0.1 * moved.max()).mean() > least, unit


@pytest.mark.parametrize("seed", range(12))
def test_closed_lids_leave_nothing_open(head, seed):
    bust = person(head, seed)
    for units in ({}, {"AU6": 5}, {"AU7": 5}, {"AU6": 5, "AU7": 5}):
        face = rig(bust, units | {"AU43": 1})
        for eye, centre in zip(bust.lids, bust.eye_centres, strict=True):
            rest, closed = (opening(v, eye, centre).mean() for v in (bust.vertices, face.vertices))
            assert -2 * SEAL < closed < 0.05 * rest


@pytest.mark.parametrize("seed", range(8))
def test_eyes_close_by_au43_alone(head, seed):
    bust = person(head, seed)
    for units in ({"AU7": 5}, {"AU6": 5, "AU7": 5}, {"AU4": 5, "AU6": 5, "AU7": 5, "AU9": 5, "AU12": 5}):
        for eye, centre in zip(bust.lids, bust.eye_centres, strict=True):
            rest, squeezed = (opening(v, eye, centre).mean() for v in (bust.vertices, rig(bust, units).vertices))
            half = opening(rig(bust, units | {"AU43": 0.5}).vertices, eye, centre).mean()
            assert 0.3 * rest < squeezed < 0.9 * rest and 0 < half < 0.85 * squeezed


def seen_of_the_eyeballs(face, size=384):
    """Pixels of a frontal picture in which an eyeball is what lies nearest, lashes left out."""
    topology, camera = face.bust.topology, look_at(size=size, span=0.3)
    parts = [PARTS.index(name) for name in ("eye_left", "eye_right")]
    kept = topology.faces[topology.face_part != PARTS.index("lashes")]
    part = topology.face_part[topology.face_part != PARTS.index("lashes")]
    drawn = CpuRasterizer(RasterizationSettings(image_size=size))([to_ndc(camera, face.vertices)], [kept])
    nearest = drawn.pix_to_face.numpy().ravel()
    return int(np.isin(part[nearest[nearest >= 0]], parts).sum())


@pytest.mark.parametrize("seed", range(8))
def test_closed_eyes_are_hidden_in_the_picture(head, seed):
    """As a camera sees it, and not as the lids are made to meet: under 5 % of the open eyes' pixels are left."""
    bust = person(head, seed)
    rest, closed = (seen_of_the_eyeballs(rig(bust, units)) for units in ({}, {"AU43": 1}))
    assert rest > 100 and closed < 0.05 * rest
    assert seen_of_the_eyeballs(rig(bust, {"AU6": 5, "AU7": 5, "AU43": 1})) < 0.05 * rest


@pytest.mark.slow
def test_lids_and_lips_never_cross(head):
    rng = np.random.default_rng(0)
    busts = [person(head, seed) for seed in range(10)]
    for n in range(500):
        bust = busts[n % 10]
        units = {
            u: float(rng.uniform(0, facs.ACTION_UNITS[u].maximum)) for u in facs.ACTION_UNITS if rng.random() < 0.3
        }
        face = rig(bust, units)
        for eye, centre in zip(bust.lids, bust.eye_centres, strict=True):
            assert opening(face.vertices, eye, centre).min() * bust.eye_radius > -3e-4, units
        assert lip_gaps(face.vertices, head.lips).min() > -3e-4, units


def lip_gaps(surface, lips):
    """Least distance up from the lower to the upper lip in each column, metres."""
    height = surface[lips.rows, 1]
    line = height[lips.before] * (1 - lips.between) + height[lips.after] * lips.between
    return (line[:, 0] - line[:, 1]).min(axis=0)


def test_lips_meet_at_rest(head):
    gaps = [lip_gaps(person(head, seed).vertices, head.lips) for seed in range(12)]
    assert lip_gaps(head.surface(head.mean), head.lips).max() < 1.5e-4
    assert np.median(gaps) < 2e-4 and np.max(gaps) < 1.5e-3
    assert np.min(gaps) > -3e-4


def test_a_longer_nose_moves_longer(head):
    average = dataclasses.replace(sample_identity(2, head=head, asymmetry=0), resting={})
    bust = head(average)
    stretched = head.fields(average, head.mean * [1, 1.3, 1], bust.vertices)
    same = head.fields(average, head.mean, bust.vertices)
    own = [name.rstrip("LR").endswith(("AU4", "AU7")) for name in head.action_names]  # by the room of brows and lids
    assert np.abs(same - head.actions)[~np.array(own)].max() < 1e-6
    row = head.action_names.index("AU9L")
    assert np.abs(stretched[row, :, 1]).max() > 1.1 * np.abs(same[row, :, 1]).max()


def test_landmarks_lie_on_the_face(head):
    bust = person(head, 4, asymmetry=0)
    points = landmarks(bust.topology, bust.vertices)
    assert np.abs(points[[27, 30, 51, 57, 8], 0]).max() < 0.004
    assert points[8, 1] < points[57, 1] < points[51, 1] < points[30, 1] < points[27, 1]


def test_a_wrong_folder_is_one_sentence(tmp_path):
    with pytest.raises(MissingFile, match="no ICT-FaceKit"):
        read_scans(tmp_path / "nowhere")
    with pytest.raises(MissingFile, match="neither model.npz nor FaceXModel"):
        read_scans(tmp_path)
    np.savez(tmp_path / "model.npz", vertices=np.zeros((3, 3)))
    with pytest.raises(InvalidInput, match="not ICT-FaceKit's"):
        read_scans(tmp_path)
