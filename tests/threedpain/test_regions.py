"""The regions of the face: a partition that follows the landmarks, mirrors, and bounds what each unit may move."""

import numpy as np
import pytest

from threedpain import InvalidInput
from threedpain.facs import ACTION_UNITS
from threedpain.regions import MIRROR, REGIONS, inside, polygon
from threedpain.unit_regions import regions_of

# A face seen from the front, right half of the iBUG 68 (x to the right of the picture, y down, face about 2 wide). Read
# off a mean face; the left half is its mirror image.
_RIGHT_HALF = {
    0: (-1.0, 0.0), 1: (-0.98, 0.25), 2: (-0.94, 0.5), 3: (-0.86, 0.74), 4: (-0.74, 0.96), 5: (-0.57, 1.14),
    6: (-0.37, 1.27), 7: (-0.18, 1.35), 8: (0.0, 1.37), 17: (-0.83, -0.2), 18: (-0.69, -0.31), 19: (-0.51, -0.34),
    20: (-0.33, -0.3), 21: (-0.17, -0.23), 27: (0.0, -0.04), 28: (0.0, 0.12), 29: (0.0, 0.28), 30: (0.0, 0.44),
    31: (-0.18, 0.54), 32: (-0.09, 0.57), 33: (0.0, 0.6), 36: (-0.63, -0.02), 37: (-0.52, -0.1), 38: (-0.39, -0.09),
    39: (-0.28, 0.0), 40: (-0.39, 0.03), 41: (-0.52, 0.04), 48: (-0.38, 0.86), 49: (-0.24, 0.79), 50: (-0.1, 0.76),
    51: (0.0, 0.78), 57: (0.0, 1.0), 58: (-0.12, 0.99), 59: (-0.26, 0.94), 60: (-0.32, 0.86), 61: (-0.1, 0.84),
    62: (0.0, 0.85), 66: (0.0, 0.88), 67: (-0.1, 0.87),
}  # fmt: skip


@pytest.fixture
def landmarks():
    points = np.full((68, 2), np.nan)
    for index, (x, y) in _RIGHT_HALF.items():
        points[index] = x, y
        points[MIRROR[index]] = -x, y
    assert not np.isnan(points).any()
    return points


def area(corners):
    x, y = corners.T
    return 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def test_mirror_is_an_involution():
    assert [MIRROR[MIRROR[i]] for i in range(68)] == list(range(68))


def test_corners_are_affine(landmarks):
    for corners in REGIONS.values():
        assert all(sum(corner.values()) == pytest.approx(1) for corner in corners)
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    moved = 3 * landmarks @ turn.T + [5, -7]
    for name in REGIONS:
        np.testing.assert_allclose(polygon(name, moved), 3 * polygon(name, landmarks) @ turn.T + [5, -7], atol=1e-12)


def test_left_is_the_mirror_of_right(landmarks):
    for name in REGIONS:
        if name.endswith("_right"):
            left = polygon(name.replace("_right", "_left"), landmarks)
            np.testing.assert_allclose(left, polygon(name, landmarks) * [-1, 1], atol=1e-12)
    assert polygon("cheek_right", landmarks)[:, 0].mean() < 0  # the subject's right is the picture's left


def test_the_regions_are_a_partition(landmarks):
    grid = np.stack(np.meshgrid(np.linspace(-1.2, 1.2, 241), np.linspace(-1.5, 1.5, 301)), -1).reshape(-1, 2) + 1e-4
    hits = sum(inside([name], grid, landmarks).astype(int) for name in REGIONS)
    assert (hits > 1).sum() <= 0.002 * (hits > 0).sum()  # no overlaps
    x, y = grid.T
    assert (hits > 0)[(abs(x) < 0.4) & (y > -0.7) & (y < 1.2)].mean() > 0.998  # and no holes


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_each_unit_has_at_most_its_share_of_the_face(unit, landmarks):
    areas = {name: area(polygon(name, landmarks)) for name in REGIONS}
    share = sum(areas[name] for name in regions_of(unit)) / sum(areas.values())
    assert share <= (0.5 if unit in ("AU25", "AU26", "AU27") else 0.36)


def test_one_sided_units_have_one_sided_regions():
    assert set(regions_of("AU12L")) == {name for name in regions_of("AU12") if name.endswith("_left")}
    assert regions_of(["AU4", "AU4"]) == regions_of("AU4")


@pytest.mark.parametrize(
    ("unit", "moved", "still"),
    [
        ("AU1", 21, 30),
        ("AU4", 21, 8),
        ("AU6", 41, 8),
        ("AU9", 28, 57),
        ("AU10", 51, 19),
        ("AU12", 48, 19),
        ("AU17", 57, 27),
        ("AU26", 57, 37),
        ("AU43", 38, 57),
    ],
)
def test_units_hold_the_landmarks_they_move(unit, moved, still, landmarks):
    near_middle = landmarks + (landmarks.mean(0) - landmarks) * 0.02  # off the borders
    hit = inside(regions_of(unit), near_middle, landmarks)
    assert hit[moved] and not hit[still]


def test_an_unknown_region_lists_the_known_ones(landmarks):
    with pytest.raises(InvalidInput, match="unknown region 'ear'; known are hairline_right"):
        polygon("ear", landmarks)
