"""The anatomical regions of the face, as polygons on the 68 iBUG landmarks: a partition, one half a side.

Every corner is an affine combination of landmarks, so a region follows any face in any projection. Corners outside the
landmarks (the hairline) are extrapolated along the nose: `_UP` is the way from the subnasale to the nasion, about 5 cm,
and by the rule of facial thirds the hairline stands about 1.5 of it above the nasion (Farkas, Anthropometry of the
Head and Face, 1994). Borders follow the aesthetic units of Gonzalez-Ulloa, Plast. Reconstr. Surg. 79, 1987: forehead,
brow, orbit, nose, cheek, nasolabial, upper lip, lower lip, chin. `facs` names the regions each unit's muscle moves.

Only the subject's right half (the image's left) is written down; the left half is its mirror.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import InvalidInput

Corner = dict[int, float]  # landmark index -> weight; weights sum to 1

# The landmark on the other side.
MIRROR: tuple[int, ...] = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    27,
    28,
    29,
    30,
    35,
    34,
    33,
    32,
    31,
    45,
    44,
    43,
    42,
    47,
    46,
    39,
    38,
    37,
    36,
    41,
    40,
    54,
    53,
    52,
    51,
    50,
    49,
    48,
    59,
    58,
    57,
    56,
    55,
    64,
    63,
    62,
    61,
    60,
    67,
    66,
    65,
)

_UP: Corner = {27: 1.0, 33: -1.0}


def _between(a: int | Corner, b: int | Corner, share: float) -> Corner:
    """From a (share 0) to b (share 1), and beyond."""
    return _sum((a, 1 - share), (b, share))


def _above(a: int | Corner, amount: float) -> Corner:
    """`amount` nose lengths above a; below it if negative."""
    return _sum((a, 1.0), (_UP, amount))


def _sum(*terms: tuple[int | Corner, float]) -> Corner:
    total: Corner = {}
    for corner, weight in terms:
        for index, share in corner.items() if isinstance(corner, dict) else ((corner, 1.0),):
            total[index] = total.get(index, 0.0) + weight * share
    return total


# Annotators put the brow's landmarks on the upper edge of its hair; regions hang on the rim of the orbit under it.
_RIM_OUTER, _RIM, _RIM_INNER = _between(17, 36, 0.38), _between(19, 37, 0.27), _between(21, 39, 0.23)
_EAR, _SIDE, _SIDE_LOW = _above(0, -0.07), _above(1, -0.035), _above(2, -0.02)  # before the ear, down the cheek's side

# Named corners of the right half, from the midline outwards and from the top down. Neighbours share them: no gaps.
_TEMPLE = _above(_between(_RIM_OUTER, _EAR, 0.55), 0.1)
_BROW_TAIL = _between(_RIM_OUTER, 36, 0.3)
_BROW_LINE = (27, _between(_RIM_INNER, 39, 0.4), _between(_RIM, 37, 0.35), _BROW_TAIL)  # under the brow
_OVER_BROW = (_above(27, 0.6), _above(_RIM, 0.3), _above(_RIM_OUTER, 0.25))
_MID_FOREHEAD = (_above(27, 1.05), _above(_RIM, 0.7), _above(_RIM_OUTER, 0.55))
_HAIRLINE = (_above(27, 1.5), _above(_RIM, 1.1), _above(_RIM_OUTER, 0.8))
_CROW = _between(36, _EAR, 0.55)  # where crow's feet end
_ORBIT = (_above(_CROW, -0.25), _above(41, -0.3), _above(40, -0.3))  # the lower rim of the eye socket
_NOSE_SIDE = _between(28, 40, 0.45)
_ALA = _between(31, 33, -0.45)  # outside the nose wing
_FURROW = (_between(_ALA, _SIDE_LOW, 0.18), _between(48, 3, 0.22))  # the nasolabial furrow's far side
_CORNER_LOW = _above(_between(48, 4, 0.2), -0.25)
_CHIN_SIDE = _between(57, 5, 0.55)
_LIP_CORNER = _between(48, 60, -0.35)
_UNDER_LIP = _above(57, -0.12)
_SLIT = (_above(60, -0.01), _above(61, -0.01), _above(62, -0.01))  # the upper lip's edge may hang half a millimetre

_RIGHT: dict[str, tuple[int | Corner, ...]] = {
    "hairline": (*_HAIRLINE, *reversed(_MID_FOREHEAD)),
    "forehead": (*_MID_FOREHEAD, *reversed(_OVER_BROW)),
    "brow": (*_OVER_BROW, _TEMPLE, *reversed(_BROW_LINE)),
    "upper_lid": (*_BROW_LINE, _TEMPLE, _CROW, 36, 39, _NOSE_SIDE),
    "lower_lid": (36, _CROW, *_ORBIT, _NOSE_SIDE, 39),
    "nose": (27, _NOSE_SIDE, _ALA, 33),
    "nasolabial": (_NOSE_SIDE, _ORBIT[2], *_FURROW, _LIP_CORNER, _ALA),
    "cheek": (_CROW, _SIDE, _SIDE_LOW, 3, _FURROW[1], _FURROW[0], _ORBIT[2], _ORBIT[1], _ORBIT[0]),
    "upper_lip": (33, _ALA, _LIP_CORNER, *_SLIT),
    "lower_lip": (*reversed(_SLIT), _LIP_CORNER, _CORNER_LOW, _UNDER_LIP),
    "corner": (_LIP_CORNER, _FURROW[1], _between(48, 4, 0.45), _CORNER_LOW),
    "chin": (_UNDER_LIP, _CORNER_LOW, 6, 7, 8),
    "jaw": (_FURROW[1], 3, 4, 5, 6, _CORNER_LOW, _between(48, 4, 0.45)),
}


def _corner(corner: int | Corner, left: bool) -> Corner:
    weights = corner if isinstance(corner, dict) else {corner: 1.0}
    return {MIRROR[i] if left else i: weight for i, weight in weights.items()}


# Region -> corners, the subject's right half first, then the left: "forehead_right", ..., "jaw_left".
REGIONS: dict[str, tuple[Corner, ...]] = {
    f"{name}_{side}": tuple(_corner(corner, side == "left") for corner in corners)
    for side in ("right", "left")
    for name, corners in _RIGHT.items()
}

# Parts of the face -> the regions they are made of: of these a dataset says how much can be seen (column `visible`).
PARTS: dict[str, tuple[str, ...]] = {
    part: tuple(f"{name}_{side}" for name in names for side in ("right", "left"))
    for part, names in {
        "brows": ("brow",),
        "eyes": ("upper_lid", "lower_lid"),
        "cheeks": ("cheek", "nasolabial"),
        "nose": ("nose",),
        "mouth": ("upper_lip", "lower_lip", "corner"),
        "chin": ("chin",),
    }.items()
}


def polygon(region: str, landmarks: Any) -> Any:
    """The region's corners [P, D] on a face's landmarks [68, D] (D = 2 or 3), in the landmarks' own frame."""
    import numpy as np

    if region not in REGIONS:
        raise InvalidInput(f"unknown region {region!r}; known are {', '.join(REGIONS)}")
    landmarks = np.asarray(landmarks, dtype=np.float64)
    return np.stack([sum(weight * landmarks[i] for i, weight in corner.items()) for corner in REGIONS[region]])


def inside(regions: Sequence[str], points: Any, landmarks: Any) -> Any:
    """Which points [N, 2] lie in any of the regions on landmarks [68, 2] of the same plane: bool [N], even-odd rule."""
    import numpy as np

    x, y = np.asarray(points, dtype=np.float64).T
    hit = np.zeros(len(x), dtype=bool)
    for region in regions:
        corners = polygon(region, landmarks)
        odd = np.zeros(len(x), dtype=bool)
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            crosses = (y0 > y) != (y1 > y)
            odd ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / np.where(y1 == y0, 1.0, y1 - y0))
        hit |= odd
    return hit
