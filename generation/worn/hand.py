"""A hand as one smooth surface: bones as capsules, melted into each other.

The hand's frame: origin at the wrist, +y along the fingers, +z out of its back, metres; a right hand has its thumb at
-x. Lengths of the bones after Buryanov and Kotiuk, International Orthopaedics 34, 2010, rounded.
"""

from __future__ import annotations

import numpy as np

from threedpain.generation.geometry import smoothstep

STEP = 0.0038  # metres of the grid in which the surface is found
MELT = 0.0065  # metres over which neighbouring bones melt together
KNUCKLES = np.array([[-0.026, 0.088, 0.003], [-0.006, 0.092, 0.006], [0.013, 0.088, 0.005], [0.030, 0.078, 0.001]])
BONES = np.array([[0.044, 0.026, 0.019], [0.049, 0.030, 0.020], [0.045, 0.029, 0.020], [0.035, 0.021, 0.018]])
SPREAD = np.radians([9.0, 2.0, -4.0, -12.0])
Capsule = tuple[np.ndarray, np.ndarray, float, float]  # ends and their radii


def hand(curl: np.ndarray, elbow: np.ndarray, right: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points [N, 3], triangles [M, 3] facing outwards, and redness [N] (0 .. 1) of a hand.

    Its fingers bend towards the palm by `curl` radians at each joint ([4], index to little finger); its forearm goes
    towards `elbow`, a direction.
    """
    capsules = _bones(curl, elbow)
    points, faces = _surface(capsules)
    joints = [ends[0] for ends in capsules if ends[2] < 0.0095] + [ends[1] for ends in capsules if ends[3] < 0.0075]
    away = np.linalg.norm(points[:, None] - np.array(joints)[None], axis=2).min(axis=1)
    red = 1 - smoothstep(away, 0.006, 0.016)
    if not right:
        points, faces = points * [-1, 1, 1], faces[:, ::-1].copy()
    return points, faces, red


def _bones(curl: np.ndarray, elbow: np.ndarray) -> list[Capsule]:
    capsules = []
    for knuckle, lengths, spread, bend in zip(KNUCKLES, BONES, SPREAD, curl, strict=True):
        base = np.array([0.55 * knuckle[0], 0.012, 0.0])
        capsules.append((base, knuckle, 0.0125, 0.0105))
        at, angle, thick = knuckle, 0.4 * bend, 0.0093
        for length in lengths:
            way = np.array([-np.sin(spread) * np.cos(angle), np.cos(spread) * np.cos(angle), -np.sin(angle)])
            capsules.append((at, at + length * way, thick, thick - 0.0009))
            at, angle, thick = at + length * way, angle + bend, thick - 0.0009
    thumb = np.array(
        [[-0.016, 0.016, -0.004], [-0.040, 0.046, -0.013], [-0.050, 0.074, -0.018], [-0.053, 0.098, -0.020]]
    )
    for k, thick in enumerate((0.0135, 0.0112, 0.0098)):
        capsules.append((thumb[k], thumb[k + 1], thick, thick - 0.0012))
    elbow = elbow / np.linalg.norm(elbow)
    for shift in (-0.010, 0.010):
        across = np.array([shift, 0.004, 0.0])
        capsules.append((across, across + 0.24 * elbow + [1.2 * shift, 0, 0], 0.0175, 0.028))
    return capsules


def _surface(capsules: list[Capsule]) -> tuple[np.ndarray, np.ndarray]:
    """The surface where the melted distance to all capsules is 0, by naive surface nets (Gibson, MICCAI 1998)."""
    ends = np.array([end for capsule in capsules for end in capsule[:2]])
    low, high = ends.min(axis=0) - 0.035, ends.max(axis=0) + 0.035
    axes = [np.arange(low[k], high[k] + STEP, STEP) for k in range(3)]
    total = np.zeros([len(axis) for axis in axes])
    for a, b, thick, thin in capsules:
        near, far = np.minimum(a, b) - 0.055, np.maximum(a, b) + 0.055  # beyond, a bone adds nothing
        box = tuple(slice(*np.searchsorted(axis, (near[k], far[k]))) for k, axis in enumerate(axes))
        x, y, z = np.ix_(*(axis[part] - start for axis, part, start in zip(axes, box, a, strict=True)))
        bone = b - a
        share = np.clip(np.stack(np.broadcast_arrays(x, y, z), axis=-1) @ bone / (bone @ bone), 0, 1)
        x, y, z = x - share * bone[0], y - share * bone[1], z - share * bone[2]
        distance = np.sqrt(x * x + y * y + z * z) - (thick + share * (thin - thick))
        total[box] += np.exp(-distance / (0.4 * MELT))
    field = -0.4 * MELT * np.log(np.maximum(total, 1e-26))
    return _nets(field, low)


def _nets(field: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and triangles of the zero level of a field on a grid."""
    inside = field < 0
    corners = np.stack(
        [inside[i : i - 1 or None, j : j - 1 or None, k : k - 1 or None] for i, j, k in np.ndindex(2, 2, 2)]
    )
    cells = corners.any(axis=0) & ~corners.all(axis=0)
    index = np.full(cells.shape, -1)
    index[cells] = np.arange(int(cells.sum()))
    where = np.argwhere(cells)
    total, count = np.zeros((len(where), 3)), np.zeros(len(where))
    steps = np.eye(3, dtype=int)
    for axis in range(3):
        others = [k for k in range(3) if k != axis]
        for i, j in np.ndindex(2, 2):
            start = where + i * steps[others[0]] + j * steps[others[1]]
            a, b = field[tuple(start.T)], field[tuple((start + steps[axis]).T)]
            crosses = (a < 0) != (b < 0)
            share = np.where(crosses, a / np.where(crosses, a - b, 1), 0)
            total += np.where(crosses[:, None], start + share[:, None] * steps[axis], 0)
            count += crosses
    points = low + STEP * total / np.maximum(count, 1)[:, None]
    faces = []
    for axis in range(3):
        u, v = steps[(axis + 1) % 3], steps[(axis + 2) % 3]
        shape = np.array(field.shape) - steps[axis]
        start = np.argwhere((inside != np.roll(inside, -1, axis=axis))[tuple(slice(0, n) for n in shape)])
        start = start[(start[:, [(axis + 1) % 3, (axis + 2) % 3]] > 0).all(axis=1)]
        start = start[(start < np.array(cells.shape)).all(axis=1)]
        quad = np.stack([index[tuple((start - d).T)] for d in (u + v, v, 0 * u, u)], axis=1)
        flip = ~inside[tuple(start.T)]
        quad[flip] = quad[flip][:, ::-1]
        faces += [quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]]
    return points, np.concatenate(faces).astype(np.int32)
