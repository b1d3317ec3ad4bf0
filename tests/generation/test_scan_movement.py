"""Movement of the scan head: one side alone, both sides together, and gradients as finite differences have them."""

import gradients
import numpy as np
import pytest

from threedpain import facs
from threedpain.generation.head.differentiable import DifferentiableFace
from threedpain.generation.head.motion import UNITS, intensities
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
