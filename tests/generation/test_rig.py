"""Laws of the rig: every line of what a face must do."""

from types import SimpleNamespace

import gradients
import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from threedpain import expressions, facs
from threedpain.errors import InvalidInput
from threedpain.generation.head.lids import clear, hemmed
from threedpain.generation.head.model import HeadModel
from threedpain.generation.head.motion import curve, landmarks
from threedpain.generation.head.regions_report import face_vertices, region_report
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.head.wrinkles import wrinkle_maps
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.records import FURROWS, MASK_CLASSES, PARTS, WRINKLES
from threedpain.generation.seeds import child
from threedpain.regions import inside
from threedpain.unit_regions import regions_of


@pytest.fixture(scope="module")
def head():
    return HeadModel.load()


@pytest.fixture(scope="module")
def bust(head):
    return head(sample_identity(4, head=head))


def test_zero_units_are_the_neutral_face(bust):
    face = rig(bust, {})
    assert face.vertices.tobytes() == bust.vertices.tobytes()
    assert rig(bust, dict.fromkeys(facs.ACTION_UNITS, 0.0)).vertices.tobytes() == bust.vertices.tobytes()
    assert not face.heat.any()


def test_the_intensity_curve_rises_strictly_through_its_knots():
    x = np.linspace(0, 5, 501)
    y = curve(np, x)
    assert y[0] == 0 and y[-1] == 1 and (np.diff(y) > 0).all()


LEAST = {"AU4": 2.0, "AU7": 2.0, "AU6": 3.0, "AU9": 3.0, "AU10": 3.0}  # mm, 95th percentile inside at maximum


@pytest.mark.parametrize("unit", facs.ACTION_UNITS)
def test_each_unit_moves_its_own_region(head, unit):
    maximum = facs.ACTION_UNITS[unit].maximum
    for seed in (0, 5, 10):
        bust = head(sample_identity(seed, head=head))
        rows, points = face_vertices(bust), landmarks(bust.topology, bust.vertices)
        within = inside(regions_of(unit), bust.vertices[rows, :2], points[:, :2])
        moved = [
            1000 * np.linalg.norm(rig(bust, {unit: maximum * k / 5}).vertices - bust.vertices, axis=1)[rows]
            for k in range(1, 6)
        ]
        largest = moved[-1][within].max()
        assert moved[-1][~within].max() < 0.1 * largest, f"{unit} of identity {seed} leaves its regions"
        strong = within & (moved[-1] > 0.25 * largest)
        assert (np.diff([m[strong] for m in moved], axis=0) > 0).all(), f"{unit} grows everywhere it acts"
        assert (np.diff([m[within].mean() for m in moved]) > 0).all()
        assert np.percentile(moved[-1][within], 95) >= LEAST.get(unit, 1.0)


def test_the_nose_wrinkler_lifts_both_wings(head):
    for seed in range(6):
        bust = head(sample_identity(seed, head=head))
        rest, sneer = (landmarks(bust.topology, v) for v in (bust.vertices, rig(bust, {"AU9": 5}).vertices))
        assert (np.linalg.norm(sneer[[31, 35]] - rest[[31, 35]], axis=1) >= 1.5e-3).all()
        assert (sneer[[31, 35], 1] > rest[[31, 35], 1]).all()


def test_the_upper_lip_raiser_lifts_the_whole_lip(head):
    """Border and edge together, so that the mouth opens; the nose's base and the lower lip stay."""
    for seed in range(6):
        bust = head(sample_identity(seed, head=head))
        rest, raised = (1000 * landmarks(bust.topology, v) for v in (bust.vertices, rig(bust, {"AU10": 5}).vertices))
        lift = (raised - rest)[:, 1]
        assert (lift[61:64] > 2).all() and (lift[61:64] > 0.7 * lift[50:53]).all()
        assert lift[33] < 0.4 * lift[51] and np.abs(lift[65:68]).max() < 1


def test_the_lip_pressor_does_not_smile(head):
    """Lips are pressed together, and the corners of the mouth stay where they are."""
    for seed in range(6):
        bust = head(sample_identity(seed, head=head))
        rest, pressed = (1000 * landmarks(bust.topology, v) for v in (bust.vertices, rig(bust, {"AU24": 5}).vertices))
        lift = (pressed - rest)[:, 1]
        assert lift[51] < -0.3 and lift[57] > 1 and lift[[48, 54]].max() < 1


def test_sides_mirror_each_other(head):
    twin = head(sample_identity(7, asymmetry=0, head=head))
    mirror = twin.topology.mirror
    assert np.allclose(twin.vertices[mirror] * [-1, 1, 1], twin.vertices, atol=5e-6)
    for units in ({"AU12L": 4}, {"AU4L": 3, "AU9L": 5, "AU6L": 2, "AU43L": 1}):
        left = rig(twin, units).vertices
        right = rig(twin, {key[:-1] + "R": x for key, x in units.items()}).vertices
        assert np.allclose(right[mirror] * [-1, 1, 1], left, atol=1e-4)


def uncovered(face) -> int:
    """Eyeball vertices that a ray from straight ahead reaches."""
    at, topology = face.vertices.astype(float), face.bust.topology
    classes = [MASK_CLASSES.index("eyes"), MASK_CLASSES.index("mouth")]
    skin = topology.faces[(topology.face_part == PARTS.index("skin")) & ~np.isin(topology.face_class, classes)]
    count = 0
    for part in ("eye_left", "eye_right"):
        points = at[np.unique(topology.faces[topology.face_part == PARTS.index(part)])]
        points = points[points[:, 2] > np.median(points[:, 2])]
        corners = at[skin]
        low, high = points.min(axis=0)[:2], points.max(axis=0)[:2]
        near = (corners[:, :, :2].max(axis=1) >= low).all(axis=1) & (corners[:, :, :2].min(axis=1) <= high).all(axis=1)
        a, b, c = corners[near].transpose(1, 0, 2)

        def cross(u, v):
            return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]

        area = cross(b - a, c - a)
        for point in points:
            w = np.stack([cross(b - point, c - point), cross(c - point, a - point), cross(a - point, b - point)]) / area
            hit = (w >= -1e-9).all(axis=0)
            depth = (w[0] * a[:, 2] + w[1] * b[:, 2] + w[2] * c[:, 2])[hit]
            count += not (depth > point[2]).any()
    return count


def closed_eyes(head, seeds):
    for seed in seeds:
        bust = head(sample_identity(seed, head=head))
        for squeezed in ({}, {"AU4": 5, "AU6": 5, "AU7": 5, "AU9": 5}):
            face = rig(bust, {"AU43": 1} | squeezed)
            first = head.skin_count
            assert face.vertices[first:].tobytes() == bust.vertices[first:].tobytes(), "eyeballs stay where they are"
            assert uncovered(face) == 0, f"identity {seed} {squeezed}"


def test_closed_lids_hide_the_eyeballs(head):
    closed_eyes(head, (0, 6, 15))


@pytest.mark.slow
def test_closed_lids_hide_the_eyeballs_of_a_hundred_people(head):
    closed_eyes(head, range(100))


def test_lashes_grow_from_the_margins_and_hang_over_closed_eyes(head, bust):
    eye = bust.lids[0]
    upper = head.lashes[eye.lashes] > 0
    length = np.linalg.norm(eye.stand, axis=1)
    tips = upper & (length > 0.8 * length.max())
    falls = []
    for units in ({}, {"AU43": 1}, {"AU4": 5, "AU6": 5, "AU7": 5, "AU43": 1}):
        points = rig(bust, units).vertices
        margin = (points[eye.roots] * np.stack([1 - eye.split, eye.split], 1)[..., None]).sum(axis=1)
        away = np.linalg.norm(points[eye.lashes] - margin, axis=1)
        assert away[length < 0.0005].max() < 0.001, "roots stay at the lid"
        assert np.abs(away - length).max() < 0.001, "their length stays"
        falls.append((margin - points[eye.lashes])[tips, 1].mean())
    assert tips.sum() > 10 and falls[0] < 0 < 0.001 < falls[1]


def test_womens_lashes_are_longer(head):
    woman, man = (head(sample_identity(3, age=40, gender=gender, head=head)) for gender in ("female", "male"))
    assert np.linalg.norm(woman.lids[0].stand, axis=1).max() > 1.15 * np.linalg.norm(man.lids[0].stand, axis=1).max()


def test_open_eyes_are_seen(bust):
    assert uncovered(rig(bust, {})) > 50


def lip_faces(head):
    """Faces of the upper and of the lower lip near the mouth's opening, and the lower lip's vertices there."""
    topology = head.topology
    faces = topology.faces[topology.face_part == PARTS.index("skin")]
    classes = topology.face_class[topology.face_part == PARTS.index("skin")]
    mouth = np.unique(faces[classes == MASK_CLASSES.index("mouth")])
    lips = faces[classes == MASK_CLASSES.index("lips")]
    seam = np.intersect1d(mouth, np.unique(lips))
    ends = np.concatenate([lips[:, [k, (k + 1) % 3]] for k in range(3)])
    count = len(topology.body)
    steps = dijkstra(
        coo_matrix((np.ones(len(ends)), ends.T), (count, count)),
        directed=False,
        unweighted=True,
        indices=seam,
        min_only=True,
    )
    near = lips[(steps[lips] <= 6).all(axis=1)]
    above = np.zeros(count, bool)
    rows, lift = head.lips.rows, head.lips.lift
    above[rows[lift > 0]] = True
    lower = np.zeros(count, bool)
    lower[rows[lift < 0]] = True
    return near[above[near].all(axis=1)], np.flatnonzero(lower & (steps >= 1) & (steps <= 5))


def lip_crossing(vertices, upper, rows) -> float:
    """How far, in mm, a vertex of the lower lip lies above the upper lip's underside straight over or under it."""
    corners = vertices[upper].astype(float)
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    down = normal[:, 1] < 0  # the underside
    a, b, c = a[down][:, [0, 2]], b[down][:, [0, 2]], c[down][:, [0, 2]]
    height = corners[down][:, :, 1]

    def cross(u, v):
        return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]

    area = cross(b - a, c - a)
    worst = 0.0
    for x, y, z in vertices[rows].astype(float):
        point = np.array([x, z])
        w = np.stack([cross(b - point, c - point), cross(c - point, a - point), cross(a - point, b - point)]) / area
        over = (w * height.T).sum(axis=0)[(w >= 0).all(axis=0)]
        over = over[np.abs(over - y) < 6e-3]
        if len(over):
            worst = max(worst, 1000 * (y - over.max()))
    return worst


def lid_crossing(face) -> float:
    """How far, in mm, the upper lid's margin lies below the lower one's at the same azimuth."""
    worst = 0.0
    for side, lids in enumerate(face.bust.model.lids):
        centre = face.bust.eye_centres[side]
        angle, height = [], []
        for rows in (lids.upper, lids.lower):
            arm = face.vertices[rows] - centre
            angle.append(np.arctan2((1 - 2 * side) * arm[:, 0], arm[:, 2]))
            height.append(np.arcsin(arm[:, 1] / np.linalg.norm(arm, axis=1)))
        gap = height[0] - np.interp(angle[0], np.maximum.accumulate(angle[1]), height[1])
        worst = max(worst, -1000 * 1.1 * face.bust.eye_radius * gap[2:-2].min())
    return worst


def crossings(head, number):
    """How far lids and lips cross, in mm [number, 2], in drawn expressions of 50 people."""
    upper, rows = lip_faces(head)
    rng = child(0, "crossings")
    out = []
    for k in range(number):
        units = expressions.sample_for_pspi(int(rng.integers(17)), rng) if k % 2 else expressions.sample_other(rng)[1]
        face = rig(head(sample_identity(k % 50, head=head)), units)
        out.append((lid_crossing(face), lip_crossing(face.vertices, upper, rows)))
    return np.array(out)


def test_lids_and_lips_do_not_cross(head):
    assert crossings(head, 20).max() < 0.3


@pytest.mark.slow
def test_lids_and_lips_do_not_cross_in_five_hundred_expressions(head):
    assert crossings(head, 500).max() < 0.3


@pytest.mark.slow
def test_lids_and_lips_of_the_scan_head_do_not_cross_in_five_hundred_expressions():
    assert crossings(ScanHeadModel.load(), 500).max() < 0.3


def test_the_jaw_carries_lower_teeth_and_tongue(bust):
    topology = bust.topology
    move = rig(bust, {"AU27": 5}).vertices - bust.vertices
    mean = {
        part: move[np.unique(topology.faces[topology.face_part == PARTS.index(part)])].mean(axis=0)
        for part in ("teeth_upper", "teeth_lower", "tongue")
    }
    assert np.abs(mean["teeth_upper"]).max() < 1e-6
    assert mean["teeth_lower"][1] < -8e-3 and mean["tongue"][1] < -6e-3


def test_eyes_look_and_lids_follow(bust):
    first = bust.model.skin_count
    pupil = first  # the pole of the left eyeball

    def lid_height(face):
        return face.vertices[bust.model.lids[0].upper, 1].mean()

    straight, down, up, left = (rig(bust, {}, gaze=g) for g in ((0, 0), (0, -20), (0, 12), (20, 0)))
    assert down.vertices[pupil, 1] < straight.vertices[pupil, 1] < up.vertices[pupil, 1]
    assert left.vertices[pupil, 0] > straight.vertices[pupil, 0]
    assert lid_height(down) < lid_height(straight) - 1e-3 and lid_height(up) > lid_height(straight)
    assert not down.heat.any(), "gaze is no pain"


def test_head_pose_turns_the_skull_and_bends_the_neck(bust):
    face = rig(bust, {"AU4": 3}, head_angles=(25.0, 10.0, 5.0))
    upright = rig(bust, {"AU4": 3})
    weight = bust.neck_weight
    rigid = upright.vertices[weight == 1] @ face.head_pose[:, :3].T + face.head_pose[:, 3]
    assert np.allclose(face.vertices[weight == 1], rigid, atol=1e-6)
    assert np.array_equal(face.vertices[weight == 0], upright.vertices[weight == 0])
    assert ((weight > 0) & (weight < 1)).sum() > 300
    assert np.array_equal(face.heat, upright.heat), "turning the head is no pain"
    nose = landmarks(bust.topology, face.vertices)[30]
    assert nose[0] > 0.02, "yaw > 0 turns to the subject's left"


def test_heat_counts_pain_units_alone(bust):
    pain = rig(bust, {"AU4": 4, "AU9": 2})
    mixed = rig(bust, {"AU4": 4, "AU9": 2, "AU27": 5, "AU1": 2, "AU12": 3})
    assert np.array_equal(pain.heat, mixed.heat)
    assert not rig(bust, {"AU12": 5, "AU25": 3}).heat.any()
    expected = 1000 * np.linalg.norm(pain.vertices - bust.vertices, axis=1)
    assert np.allclose(pain.heat[pain.heat > 0], expected[pain.heat > 0])
    eyes = bust.topology.faces[bust.topology.face_part > 0]
    assert not rig(bust, {"AU43": 1, "AU7": 5}).heat[np.unique(eyes)].any()


def test_the_region_report_names_the_place(bust):
    brow, lip = (region_report(rig(bust, {unit: 5})) for unit in ("AU4", "AU10"))
    assert set(brow) == {"brow", "lids", "cheeks", "nose", "upper_lip"}
    assert max(brow, key=lambda name: brow[name]["p95"]) == "brow"
    assert max(lip, key=lambda name: lip[name]["p95"]) == "upper_lip"


def test_wrinkles_deepen_with_the_unit_and_with_age(head):
    everywhere = dict.fromkeys(FURROWS, (0.8, 0.0, 0.0, 1.0))
    young, old = (head(sample_identity(9, age=age, furrows=everywhere, head=head)) for age in (20, 80))
    for unit, name in (
        ("AU4", "glabella-two"),
        ("AU4", "glabella-one"),
        ("AU4", "glabella-fan"),
        ("AU4", "brow_left"),
        ("AU9", "glabella-bar"),
        ("AU6", "crow_left"),
        ("AU9", "bunny"),
        ("AU10", "nasolabial_right"),
        ("AU1", "forehead"),
        ("AU7", "crow_right"),
        ("AU17", "chin"),
    ):
        place = WRINKLES.index(name)
        depths = [rig(young, {unit: x}).wrinkles[place] for x in range(6)]
        assert (np.diff(depths) > 0).all()
        assert rig(old, {unit: 3}).wrinkles[place] > depths[3]
    one_sided = rig(young, {"AU6L": 5}).wrinkles
    assert one_sided[WRINKLES.index("crow_left")] > one_sided[WRINKLES.index("crow_right")] + 0.15


def test_wrinkle_maps_are_small_and_in_place():
    maps = wrinkle_maps()
    assert maps.shape == (len(WRINKLES), 768, 1384) and np.abs(maps).max() < 2e-3
    left, right = (maps[WRINKLES.index(f"crow_{side}")] for side in ("left", "right"))
    assert not left[:, :705].any() and not right[:, 706:].any(), "the subject's left is the map's right"


def test_correctives_keep_combined_units_in_bounds(head):
    bust = head(sample_identity(2, gain={}, resting={}, head=head))
    rest = landmarks(bust.topology, bust.vertices)

    def lift(units, index):
        return 1000 * (landmarks(bust.topology, rig(bust, units).vertices) - rest)[index, 1].mean()

    both, nine, ten = (lift(units, [50, 52]) for units in ({"AU9": 5, "AU10": 5}, {"AU9": 5}, {"AU10": 5}))
    assert max(nine, ten) < both < 0.9 * (nine + ten)
    oblique = lift({"AU1": 5, "AU4": 5}, [21, 22])
    assert oblique > lift({"AU1": 5}, [21, 22]) + lift({"AU4": 5}, [21, 22])


def test_wrong_units_are_refused(bust):
    with pytest.raises(InvalidInput, match="AU4 must be from 0 to 5, got 6"):
        rig(bust, {"AU4": 6})


def test_gradients_reach_units_and_shape(head):
    torch = pytest.importorskip("torch")
    from threedpain.generation.head.differentiable import DifferentiableFace
    from threedpain.generation.head.motion import intensities

    bust = head(sample_identity(3, head=head))
    units = {"AU4": 3.3, "AU6": 2.2, "AU9": 1.7, "AU43": 0.4, "AU25": 2.5, "AU12L": 1.5}
    face = DifferentiableFace(bust, torch.float64)
    acting = torch.tensor(intensities(units))
    vertices = face(face.shape(), acting)
    assert np.abs(vertices.numpy() - rig(bust, units).vertices).max() < 1e-6
    gradients.check(head, units, [0, 13, 60, 100, 200, 330])


def test_brow_and_fold_stop_above_the_eye_without_a_step():
    rest = np.linspace(0.02, 0.4, 20)
    sunk = rest - np.linspace(0, 0.6, 200)[:, None]
    hem, soft, held = hemmed(rest)
    left = sunk + clear(np, sunk, SimpleNamespace(hem=hem, soft=soft, held=held))
    assert np.allclose(left[0], rest), "what rests stays"
    assert (np.diff(left, axis=0) < 1e-9).all() and np.abs(np.diff(left, 2, axis=0)).max() < 1e-3
    assert left[:, rest > 0.04].min() > 0
