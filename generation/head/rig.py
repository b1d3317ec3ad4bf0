"""From a bust and action units to a face: geometry, wrinkle depths, heat, head pose. `motion` has the movement."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from threedpain import facs
from threedpain.generation.compiling import njit
from threedpain.generation.frames import axis_angle, rotation

from .bust import Bust, Face
from .motion import UNITS, completed, intensities, shares, skins
from .wrinkles import wrinkle_depths


def rig(
    bust: Bust,
    action_units: Mapping[str, float],
    head_angles: tuple[float, float, float] = (0.0, 0.0, 0.0),
    gaze: tuple[float, float] = (0.0, 0.0),
) -> Face:
    """The bust with an expression.

    `action_units`: FACS intensities, 0 to 5 (AU43 0 to 1), also one-sided ("AU12L"). `head_angles`: (yaw, pitch, roll),
    `gaze`: (left, up), all in degrees.
    """
    units = facs.validate(action_units)
    acting = intensities(units)
    pain = acting * PAIN_COLUMNS
    ahead = (0.0, 0.0)
    apart = gaze != ahead or (pain != acting).any()  # what is not pain moves as well: pain alone is a second face
    moving = shares(np.stack([acting, pain] if apart else [acting])) * bust.range
    surfaces = skins(bust, moving, [gaze, ahead] if apart else [gaze])
    heat = _moved(surfaces[-1], bust.vertices, bust.model.skin_vertices)
    vertices, pose = bend(bust, completed(bust, surfaces[0], gaze), head_angles)
    return Face(
        bust,
        units,
        vertices,
        heat,
        wrinkle_depths(bust.identity, moving[0]),
        pose,
        tuple(map(float, head_angles)),
        tuple(map(float, gaze)),
    )


PAIN_COLUMNS = np.isin(UNITS, facs.PAIN_UNITS).astype(float)


@njit(cache=True)
def _moved(vertices, rest, skin):
    """How far vertices lie from those at rest [V, 3], in millimetres, where `skin` [V] is 1: float32 [V]. Those behind
    the last of the skin may be missing."""
    out = np.zeros(len(skin), np.float32)
    for row in range(len(skin)):
        if skin[row] > 0:
            x, y, z = (
                1000 * (vertices[row, 0] - rest[row, 0]),
                1000 * (vertices[row, 1] - rest[row, 1]),
                1000 * (vertices[row, 2] - rest[row, 2]),
            )
            out[row] = np.sqrt(x * x + y * y + z * z)
    return out


def bend(bust: Bust, vertices: np.ndarray, angles: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Turn the head about the neck's pivot; the neck follows by its weight. Also the skull's motion [3, 4]."""
    turned = rotation(*angles)
    pivot = bust.neck_pivot.astype(np.float64)
    pose = np.concatenate([turned, (pivot - turned @ pivot)[:, None]], axis=1).astype(np.float32)
    if not any(angles):
        return vertices, pose
    return _turned(vertices, bust.neck_weight, pose.astype(np.float64), pivot, *axis_angle(turned)), pose


@njit(cache=True)
def _turned(vertices, share, pose, pivot, axis, angle):
    """Vertices [V, 3] turned about an axis through the pivot, each by its own share [V] of the angle: by `pose` [3, 4]
    where it is 1, otherwise by Rodrigues' formula."""
    out = vertices.copy()
    for row in range(len(out)):
        if share[row] >= 1:
            x, y, z = vertices[row, 0], vertices[row, 1], vertices[row, 2]
            for k in range(3):
                out[row, k] = pose[k, 0] * x + pose[k, 1] * y + pose[k, 2] * z + pose[k, 3]
        elif share[row] > 0:
            cosine, sine = np.cos(angle * share[row]), np.sin(angle * share[row])
            x, y, z = vertices[row, 0] - pivot[0], vertices[row, 1] - pivot[1], vertices[row, 2] - pivot[2]
            along = (axis[0] * x + axis[1] * y + axis[2] * z) * (1 - cosine)
            out[row, 0] = pivot[0] + x * cosine + (axis[1] * z - axis[2] * y) * sine + axis[0] * along
            out[row, 1] = pivot[1] + y * cosine + (axis[2] * x - axis[0] * z) * sine + axis[1] * along
            out[row, 2] = pivot[2] + z * cosine + (axis[0] * y - axis[1] * x) * sine + axis[2] * along
    return out
