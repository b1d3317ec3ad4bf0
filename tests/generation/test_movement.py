"""Nobody moves alike: amplitudes, shapes of units and folds are a person's own, and no fold gives a unit away."""

from dataclasses import replace

import numpy as np
import pytest

from threedpain import demographics, facs, schema
from threedpain.generation.head.manner import with_manner
from threedpain.generation.head.model import HeadModel
from threedpain.generation.head.motion import landmarks, personal
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.head.wrinkles import wrinkle_places
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.people.movement import sample_manner
from threedpain.generation.records import FURROWS, MANNERED, WRINKLES
from threedpain.generation.render.relief import active, slopes

FROWNS = [WRINKLES.index(name) for name in WRINKLES if name.startswith(("glabella", "brow"))]


@pytest.fixture(scope="module", params=[HeadModel, ScanHeadModel], ids=["anny", "scan"])
def head(request):
    return request.param.load()


@pytest.fixture(scope="module")
def people():
    """Two hundred people, four of every cell."""
    found = []
    for index in range(200):
        group, gender, ethnicity = demographics.cell_of(index)
        found.append(sample_identity(index, sum(demographics.AGE_GROUPS[group]) / 2, gender, ethnicity))
    return found


def test_amplitudes_are_a_persons_own(people):
    gains = np.array([[who.gain[unit] for unit in facs.ACTION_UNITS] for who in people])
    assert gains.min() >= 0.6 and gains.max() <= 1.3 and (gains.std(axis=0) > 0.12).all()
    assert np.abs(np.median(gains, axis=0) - 0.97).max() < 0.06
    both = np.array([personal(who) for who in people])
    assert both.max() <= 1.4 and 0.05 < np.abs(both[:, 0] / both[:, 1] - 1).mean() < 0.3


def test_amplitude_and_manner_come_from_the_seed_and_are_recorded():
    one, same, other = (sample_identity(seed, age=40, gender="male", ethnicity="white") for seed in (3, 3, 4))
    assert (one.gain, one.manner, one.furrows) == (same.gain, same.manner, same.furrows)
    assert one.manner != other.manner and one.furrows != other.furrows
    assert set(one.manner) == set(MANNERED) and set(one.furrows) == set(FURROWS)
    movement = schema.features("images")["movement"]
    assert movement["manner"].length == len(MANNERED) and movement["furrows"].length == len(FURROWS)
    assert {name.partition("_")[0] for name in WRINKLES} == set(FURROWS)


def test_mens_frowns_lower_brows_more_than_they_draw_them_together_but_not_on_everybody(people):
    stretch, _, out, _ = np.array([who.manner["AU4"] for who in people if who.gender == "male"]).T
    assert -0.45 < stretch.mean() < -0.25 and -0.5 < out.mean() < -0.3
    one, other = (sample_manner(5, gender) for gender in ("female", "male"))
    assert one["AU4"][0] > other["AU4"][0] and one["AU6"] == other["AU6"], "women's are lowered a little less"
    assert (stretch > 0).mean() > 0.05 and (stretch < -0.5).mean() > 0.1, "drawn together, lowered whole"
    assert (out < -0.5).mean() > 0.1 and (out > -0.3).mean() > 0.1, "the inner ends alone, more of the brow"
    assert out.max() < 0, "inner ends that stay up are a worried face, not a frown"


def test_manner_shapes_a_field_and_keeps_its_place_and_size(head):
    who = sample_identity(8, head=head, asymmetry=0)
    cage = head.shaped(who.shape)
    fields = head.fields(who, cage, head.surface(cage))
    plain = with_manner(replace(who, manner={}), head.action_names, cage, fields)
    assert np.array_equal(plain, fields)
    own = with_manner(who, head.action_names, cage, fields)
    assert not own[(fields == 0).all(axis=2)].any(), "what stayed still stays still"
    assert np.array_equal(own[:, :, 2], fields[:, :, 2]), "lips keep clear of teeth"
    size = [np.linalg.norm(f[:, :, :2], axis=(1, 2)) for f in (own, fields)]
    assert np.allclose(*size, rtol=1e-4)
    named = [k for k, name in enumerate(head.action_names) if name[:-1] in MANNERED and name[-1] in "LR"]
    changed = np.abs(own - fields).max(axis=(1, 2)) > 1e-5
    assert changed[named].all() and not np.delete(changed, named).any(), "gaze, pairs and unsided units are left alone"


def test_brows_are_drawn_together_or_lowered_and_the_inner_ends_may_act_alone(head):
    def moved(manner):
        bust = head(sample_identity(8, head=head, asymmetry=0, resting={}, manner={"AU4": manner}))
        return 1000 * (
            landmarks(bust.topology, rig(bust, {"AU4": 5}).vertices) - landmarks(bust.topology, bust.vertices)
        )

    together, lowered, inner, plain = (
        moved(m) for m in ((0.6, 0, 0, 0), (-0.6, 0, 0, 0), (0, 0, -0.7, 0), (0, 0, 0, 0))
    )
    assert together[22, 0] < 1.05 * plain[22, 0] < 0, "the left brow's inner end comes to the middle"
    assert abs(together[[21, 22], 1].mean()) < abs(plain[[21, 22], 1].mean()) < abs(lowered[[21, 22], 1].mean())

    def share(field):
        return np.linalg.norm(field[[24, 25]], axis=1).mean() / np.linalg.norm(field[22])

    assert share(inner) < 0.8 * share(plain)


def test_people_move_differently_in_direction_and_place(head):
    """Directions of the same landmark spread over people, more than by their shapes alone."""

    def spread(**fixed):
        found = []
        for seed in range(12):
            who = replace(
                sample_identity(seed, age=40, gender="male", ethnicity="white", head=head, resting={}), **fixed
            )
            bust = head(who)
            step = landmarks(bust.topology, rig(bust, {"AU12": 5}).vertices) - landmarks(bust.topology, bust.vertices)
            found.append(np.degrees(np.arctan2(step[54, 1], step[54, 0])))
        return np.std(found)

    assert spread() > 1.5 * spread(manner={}) and spread() > 5


def test_a_frown_leaves_two_lines_one_a_fan_or_none(people):
    lines = [name for name in FURROWS if name in ("glabella-two", "glabella-one", "glabella-fan")]
    kinds = [tuple(name for name in lines if who.furrows[name][0] > 0) for who in people]
    counts = {kind: kinds.count(kind) / len(kinds) for kind in set(kinds)}
    assert set(counts) == {(), *((name,) for name in lines)} and min(counts.values()) > 0.1


def test_no_fold_tells_a_frown(people):
    """A frown's folds are those of other faces at rest: no single one separates AU4 = 5 from neutral over people, a
    good part of the frowns has no fold at all, and some old faces have folds at rest."""
    acting = np.zeros((2, len(facs.ACTION_UNITS)))
    acting[:, list(facs.ACTION_UNITS).index("AU4")] = 1
    from threedpain.generation.head.wrinkles import wrinkle_depths

    frowns = np.array([wrinkle_depths(who, acting * personal(who)) for who in people])[:, FROWNS]
    rests = np.array([wrinkle_depths(who, 0 * acting) for who in people])[:, FROWNS]
    for k in range(len(FROWNS)):
        wins = (frowns[:, None, k] > rests[None, :, k]).mean() + 0.5 * (frowns[:, None, k] == rests[None, :, k]).mean()
        assert wins < 0.8, WRINKLES[FROWNS[k]]
    assert (frowns >= rests).all()
    assert 0.1 < (frowns.max(axis=1) < 0.1).mean() < 0.4
    old, young = (np.array([who.age > 70 for who in people]), np.array([who.age < 50 for who in people]))
    assert (rests[old].max(axis=1) > 0.25).mean() > 0.15 and (rests[young].max(axis=1) > 0.25).mean() < 0.1


def test_folds_lie_where_the_person_has_them():
    who = sample_identity(1, furrows={"crow": (1, 10, -4, 1.2), "chin": (1, 0, 0, 1)})
    depths, places = np.ones(len(WRINKLES)), wrinkle_places(who)
    moved, still = (active(depths, p)[1] for p in (places, np.tile([0, 0, 1], (len(WRINKLES), 1))))
    assert np.array_equal(still[:, :7], slopes()[1][:, :7])
    left, right, chin = (WRINKLES.index(name) for name in ("crow_left", "crow_right", "chin"))
    shift = (moved - still)[:, [3, 5]].mean(axis=1) * 1384
    assert shift[left] == pytest.approx(10, abs=0.01) and shift[right] == pytest.approx(-10, abs=0.01)
    assert (moved - still)[left, [4, 6]].mean() * 768 == pytest.approx(-4, abs=0.01)
    width = (moved[:, 5] - moved[:, 3]) / (still[:, 5] - still[:, 3])
    assert width[left] == pytest.approx(1.2, rel=1e-4) and moved[left, 7] == pytest.approx(still[left, 7] / 1.2)
    assert np.array_equal(moved[[chin, -1]], still[[chin, -1]]), "others, and pores, are as they were"
