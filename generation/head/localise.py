"""Keep every action unit inside its anatomical regions on every face: its field fades towards the regions' border.

The regions of `threedpain.regions` are polygons on a face's own landmarks, seen from the front; so the fades are a
person's, computed once with the bust.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from threedpain.generation.compiling import njit
from threedpain.generation.geometry import smoothstep
from threedpain.regions import REGIONS, polygon
from threedpain.unit_regions import regions_of

CLEAR = 1.4  # mm from the border that stay still, plus half the mesh's spacing there,
RAMP = 5.5  # and over which a field then rises to its full size
CORNER = 0.2  # of the mouth's width: towards its corners the lips hold each other


def fades(
    points: np.ndarray, landmarks: np.ndarray, units: tuple[str, ...], spacing: np.ndarray, lip: np.ndarray
) -> np.ndarray:
    """[U, N]: 1 well inside each unit's regions, 0 near and beyond their border with any other region.

    `points` [N, 2] and `landmarks` [68, 2] are frontal coordinates, `spacing` [N] the mesh's edge lengths; metres.
    `lip` [N] is 1 on the upper lip, -1 on the lower: they touch but do not hold each other, so no fade crosses the
    slit.
    """
    outlines = [polygon(name, landmarks) for name in REGIONS]
    starts = np.cumsum([0] + [len(corners) for corners in outlines])
    distance = _distances(np.ascontiguousarray(points, np.float64), np.concatenate(outlines), starts)
    left, right = landmarks[64, 0], landmarks[60, 0]  # the inner corners of the mouth, where the lips part
    inwards = np.minimum(left - points[:, 0], points[:, 0] - right) / (left - right)
    apart = 1e-3 * (CLEAR + RAMP) * np.clip(inwards / CORNER, 0, 1) + 0.5 * spacing * (inwards > 0)
    for row, name in enumerate(REGIONS):
        other = lip == {"upper_lip": -1, "lower_lip": 1}.get(name.rpartition("_")[0], np.nan)
        distance[row, other] += apart[other]
    foreign = _foreign(units)
    clear = CLEAR + 500 * spacing
    out = np.empty((len(units), len(points)), np.float32)
    for row in range(len(units)):
        out[row] = smoothstep((1000 * distance[foreign[row]].min(axis=0) - clear) / RAMP)
    return out


@lru_cache(maxsize=4)
def _foreign(units: tuple[str, ...]) -> np.ndarray:
    """bool [U, R]: the regions a unit must not move."""
    return np.array([[name not in regions_of(unit) for name in REGIONS] for unit in units])


@njit(cache=True)
def _distances(points, corners, starts):
    """[R, N]: distance to each polygon, 0 inside."""
    regions = len(starts) - 1
    out = np.empty((regions, len(points)))
    for r in range(regions):
        first, last = starts[r], starts[r + 1]
        for n in range(len(points)):
            x, y = points[n, 0], points[n, 1]
            odd, best = False, np.inf
            for k in range(first, last):
                j = k + 1 if k + 1 < last else first
                ax, ay, bx, by = corners[k, 0], corners[k, 1], corners[j, 0], corners[j, 1]
                if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
                    odd = not odd
                dx, dy = bx - ax, by - ay
                t = ((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-18)
                t = min(max(t, 0.0), 1.0)
                ex, ey = ax + t * dx - x, ay + t * dy - y
                best = min(best, ex * ex + ey * ey)
            out[r, n] = 0.0 if odd else np.sqrt(best)
    return out
