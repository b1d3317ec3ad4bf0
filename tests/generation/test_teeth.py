"""What lies inside the mouth stays there: no tooth, gum or tongue comes through cheeks, chin or lips."""

import numpy as np
import pytest

from threedpain import expressions
from threedpain.generation.frames import look_at, to_ndc
from threedpain.generation.head import teeth
from threedpain.generation.head.model import HeadModel
from threedpain.generation.head.motion import landmarks
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.records import MASK_CLASSES, PARTS
from threedpain.generation.render.raster.exact import CpuRasterizer
from threedpain.generation.render.raster.settings import RasterizationSettings
from threedpain.generation.seeds import child

SIZE, SPAN = 192, 0.13  # pixels; metres across the picture at the mouth
PIXEL = (1000 * SPAN / SIZE) ** 2  # square millimetres
CLOSE = (9026, 9027)  # people whose lips lie close before their teeth and go far back in smiles
BROAD = (
    {"AU6": 3, "AU12": 4},
    {"AU12": 5, "AU26": 2},
    {"AU6": 4, "AU12": 5, "AU25": 4, "AU26": 2},
    {"AU10": 5, "AU25": 5},
    {"AU20": 5, "AU25": 3},
    {"AU12": 5, "AU15": 3, "AU17": 5},
    {"AU24": 5},
    {"AU27": 5},
)


@pytest.fixture(scope="module")
def head():
    return ScanHeadModel.load()


def through_skin(face):
    """Pixels of the mouth's inside, seen from the front, that have skin right behind them."""
    topology = face.bust.topology
    kind = topology.face_class
    skin = (topology.face_part == PARTS.index("skin")) & (kind == MASK_CLASSES.index("skin"))
    mouth = kind == MASK_CLASSES.index("mouth")
    middle = landmarks(topology, face.vertices)[48:68].mean(axis=0)
    placed = to_ndc(look_at(size=SIZE, span=SPAN, target=tuple(middle)), face.vertices)
    raster = CpuRasterizer(RasterizationSettings(image_size=SIZE, cull_backfaces=True))
    inside, outside = (raster([placed], [topology.faces[chosen]]).zbuf.numpy() for chosen in (mouth, skin))
    return int(((inside >= 0) & (outside >= 0) & (inside < outside)).sum())


def drawn(rng, k):
    """Units of pain and of anything else, by turns."""
    return expressions.sample_for_pspi(int(rng.integers(17)), rng) if k % 2 else expressions.sample_other(rng)[1]


@pytest.mark.parametrize("seed", CLOSE)
def test_teeth_stay_inside_where_lips_lie_close_before_them(head, seed):
    bust = head(sample_identity(seed, head=head))
    assert through_skin(rig(bust, {})) == 0
    for units in BROAD:
        assert through_skin(rig(bust, units)) == 0, units


def through_others(head, number):
    """Of two expressions each of other people, pixels by seed and units where there are any."""
    rng, found = child(0, "teeth"), {}
    for k in range(number):
        bust = head(sample_identity(1000 + k, head=head))
        for units in (BROAD[k % len(BROAD)], drawn(rng, k)):
            if pixels := through_skin(rig(bust, units)):
                found[1000 + k, str(units)] = pixels
    return found


def test_teeth_stay_inside_on_anybody(head):
    assert not through_others(head, 12)


@pytest.mark.slow
def test_teeth_stay_inside_on_five_hundred_people(head):
    """But for slivers at the corners of some mouths, where a unit is at its strongest: teeth give way by what the
    cage's large triangles tell, which the smooth skin does not follow to the millimetre. So it is where the jaw drops
    as far as it goes (AU27), and where AU12, AU15 and AU17 draw the corners three ways: on person 1477, 86 years old,
    the lower teeth stand up to a millimetre before the skin at both, on 5.5 square millimetres."""
    found = through_others(head, 500)
    assert len(found) <= 10 and max(found.values(), default=0) * PIXEL < 15, found
    assert all("AU27" in units or ": 5" in units for _, units in found), found


@pytest.mark.slow
def test_teeth_of_the_former_head_stay_inside():
    found = through_others(HeadModel.load(), 100)
    assert len(found) <= 2 and max(found.values(), default=0) * PIXEL < 15, found


def test_teeth_give_way_as_one_and_only_where_they_must(head):
    """Back alone, all by the same; on a face with room between lips and teeth not at all."""
    near, far = (head(sample_identity(seed, head=head)) for seed in (9027, 9))
    teeth = np.unique(near.topology.faces[near.topology.face_part == PARTS.index("teeth_upper")])
    moved = (rig(near, BROAD[0]).vertices - near.vertices)[teeth]
    assert moved[:, 2].max() < -1e-3 and np.ptp(moved, axis=0).max() < 1e-6 and np.abs(moved[:, :2]).max() < 1e-6
    assert np.array_equal(rig(far, BROAD[0]).vertices[teeth], far.vertices[teeth])


def test_teeth_go_back_without_a_jump(head):
    """A smile in small steps: from one to the next they move little."""
    bust = head(sample_identity(9027, head=head))
    steps = [
        rig(bust, {"AU6": 3 * share, "AU12": 4 * share}).vertices[head.teeth.rows[0], 2]
        for share in np.linspace(0, 1, 41)
    ]
    assert np.abs(np.diff(steps)).max() < 1e-3


def below_lip(head, units, **who):
    """Metres by which the upper front teeth end below the upper lip's edge."""
    vertices = rig(head(sample_identity(3, head=head, ethnicity="white", **who)), units).vertices
    lip = landmarks(head.topology, vertices)[62]
    upper = vertices[np.unique(head.topology.faces[head.topology.face_part == PARTS.index("teeth_upper")])]
    return lip[1] - upper[np.abs(upper[:, 0] - lip[0]) < 0.006, 1].min()


def test_upper_teeth_show_below_parted_lips_and_more_on_the_young(head):
    young, old = (below_lip(head, {"AU26": 4}, gender="female", age=age) for age in (25, 75))
    assert 1e-3 < young < 4e-3 and old < young - 1e-3


def test_lowered_teeth_leave_the_skin_where_it_was(head, monkeypatch):
    who = sample_identity(3, age=25, gender="female", ethnicity="white", head=head)
    own = rig(head(who), {"AU26": 4})
    monkeypatch.setattr(teeth, "seated", lambda identity, cage, surface, lips, parts: cage[parts.upper, 1])
    other = rig(head(who), {"AU26": 4})
    inside = head.teeth.rows
    assert not np.array_equal(own.vertices[inside], other.vertices[inside])
    assert np.array_equal(np.delete(own.vertices, inside, axis=0), np.delete(other.vertices, inside, axis=0))
    assert np.array_equal(own.heat, other.heat)
