"""Movement of the scan head: one side alone, both sides together, and gradients as finite differences have them."""

import gradients
import numpy as np
import pytest

from threedpain import facs
from threedpain.generation.head.differentiable import DifferentiableFace
from threedpain.generation.head.folds import SHORTEST, eased
from threedpain.generation.head.motion import UNITS, intensities, landmarks
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.seeds import child

SIDED = [name for name, unit in facs.ACTION_UNITS.items() if unit.sided]
ACTING = {"AU4": 3.3, "AU6": 2.2, "AU9": 1.7, "AU43": 0.4, "AU25": 2.5, "AU12L": 1.5}


@pytest.fixture(scope="module")
def head():
    return ScanHeadModel.load()


@pytest.fixture(scope="module")
def twin(head):
    """Somebody whose sides are alike."""
    return head(sample_identity(7, head=head, asymmetry=0))


def moved(bust, units):
    return rig(bust, units).vertices.astype(np.float64) - bust.vertices


@pytest.mark.parametrize("unit", SIDED)
def test_one_side_acts_alone(head, twin, unit):
    left = np.linalg.norm(moved(twin, {f"{unit}L": facs.ACTION_UNITS[unit].maximum}), axis=1)
    left[head.teeth.rows] = 0  # what is inside the mouth gives way as one
    here, there = twin.vertices[:, 0] > 0.02, twin.vertices[:, 0] < -0.02
    assert left[here].max() > 0.002
    assert left[there].max() < 0.05 * left[here].max()


@pytest.mark.parametrize("unit", SIDED)
def test_sides_mirror_each_other(twin, unit):
    most = facs.ACTION_UNITS[unit].maximum
    left, right = (rig(twin, {f"{unit}{side}": most}).vertices for side in "LR")
    assert np.abs(right[twin.topology.mirror] * [-1, 1, 1] - left).max() < 3e-4


@pytest.mark.parametrize("unit", ["AU4", "AU6", "AU9", "AU12", "AU20"])
def test_both_sides_are_the_sum_of_each(head, twin, unit):
    both, left, right = (moved(twin, {key: 5}) for key in (unit, f"{unit}L", f"{unit}R"))
    apart = np.linalg.norm(both - left - right, axis=1)
    apart[np.concatenate([head.lips.rows, head.teeth.rows, *(eye.rows for eye in twin.lids)])] = (
        0  # what gives way to its counterpart
    )
    assert apart.max() < 1e-5


def test_gradients_are_the_rig_s_finite_differences(head):
    """The torch form against the numpy one that draws pictures: by units, and by shape."""
    torch = pytest.importorskip("torch")
    bust = head(sample_identity(3, head=head))
    face = DifferentiableFace(bust, torch.float64)
    acting = torch.tensor(intensities(ACTING)).requires_grad_()
    vertices = face(face.shape(), acting)
    assert np.abs(vertices.detach().numpy() - rig(bust, ACTING).vertices).max() < 1e-6
    rows = child(0, "rows").choice(head.skin_count, 200, replace=False)
    along = child(0, "along").standard_normal((len(rows), 3))
    (1000 * vertices[rows] * torch.tensor(along)).sum().backward()
    for unit in ("AU4", "AU6", "AU9"):
        higher, lower = (rig(bust, ACTING | {unit: ACTING[unit] + step}).vertices[rows] for step in (0.05, -0.05))
        slope = 1000 * float(((higher.astype(np.float64) - lower) * along).sum()) / 0.1
        assert float(acting.grad[:, UNITS.index(unit)].sum()) == pytest.approx(slope, rel=0.02, abs=0.02), unit


def test_gradients_pass_the_check_of_torch(head):
    first = len(head.base_names)
    gradients.check(head, ACTING, [0, 60, 200, first, first + 1, first + 9])  # of the base head, and of the scans


def test_a_frown_folds_no_skin_over_the_eye_and_brows_do_not_meet(head):
    edges = head._edges
    assert len(edges) > 300
    for seed, (age, gender, ethnicity) in enumerate(
        ((24, "female", "white"), (66, "male", "black"), (80, "male", "white"), (37, "female", "east_asian"))
    ):
        who = sample_identity(5000 + seed, age=age, gender=gender, ethnicity=ethnicity, head=head)
        bust = head(who)
        gain = who.gain["AU4"]
        moved = bust.cage + sum(
            share * bust.basis[head.action_names.index(unit + side)]
            for unit, share in (("AU4", gain), ("AU9", 1.0))
            for side in "LR"
        )
        rest, now = (cage[edges[:, 0], 1] - cage[edges[:, 1], 1] for cage in (bust.cage, moved))
        assert (now > 0)[rest > 2e-4].mean() > 0.97 and now.min() > -0.0025
        inner = 1000 * landmarks(bust.topology, rig(bust, {"AU4": 5}).vertices)[[21, 22], 0]
        apart = 1000 * landmarks(bust.topology, bust.vertices)[[21, 22], 0]
        assert inner[1] - inner[0] > 0.4 * (apart[1] - apart[0])


def test_who_cannot_frown_does_not(head):
    bust = head(sample_identity(3, head=head, gain={"AU4": 0}))
    assert np.array_equal(rig(bust, {"AU4": 5}).vertices, bust.vertices)


def test_what_folds_nothing_is_left_as_it_is():
    cage = np.array([[0.02, 0.03, 0], [0.02, 0.02, 0], [0.02, 0.01, 0]])
    edges, free = np.array([[1, 2], [0, 1]]), np.array([1.0, 1.0, 0.0])
    still = np.zeros((3, 3), np.float32)
    small = np.array([[0, -0.003, 0.001], [0, -0.001, 0], [0, 0, 0]], np.float32)
    assert np.allclose(eased(small, still, cage, edges, free, 1.0), small, atol=1e-7)
    much = np.array([[0, -0.025, 0.001], [0, 0, 0], [0, 0, 0]], np.float32)
    held = eased(much, still, cage, edges, free, 1.0)
    height = cage[:, 1] + held[:, 1]
    assert height[2] == cage[2, 1] and (np.diff(height[::-1]) >= SHORTEST * 0.01 - 2e-4).all()
    assert np.allclose(held[:, 2], much[:, 2])
    across = eased(np.array([[-0.05, 0, 0], [0, 0, 0], [0, 0, 0]], np.float32), still, cage, edges, free, 1.0)
    assert -0.5 * 0.02 < across[0, 0] < -0.4 * 0.02, "the midline is not crossed"
