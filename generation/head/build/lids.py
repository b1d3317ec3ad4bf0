"""Where the lids are: margins, how far each point follows the closing upper lid, how near the eyeball it may come.

The base mesh runs in rings of 28 points around each eye opening, from the seam inside the socket outwards: ring 0 is
tucked behind the eyeball's surface, rings 1 to 3 form the lid's edge, the following ones the lid and the orbit.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra

from threedpain.generation.geometry import Refined, quad_sides
from threedpain.generation.head.lids import CLEAR, between
from threedpain.generation.records import MASK_CLASSES, PARTS

MARGIN = 5  # ring of the smooth surface (two a cage ring) where the lids' edges meet
PLATE = 10  # up to this ring the lid moves as a whole
REACH = 44  # rings considered


def lid_tables(smooth: Refined, classes, parts, island, position, blink, eyes) -> dict[str, np.ndarray]:
    """Arrays over the smooth surface; `position` and `blink` (both sides) [N, 3] of the mean head, `eyes` [2, 4].

    lid_upper, lid_lower [2, M]: the margins from the inner to the outer corner; lid_row [R], lid_side [R]: the points
    concerned and their eye; lid_weight [R]: share of the closing turn; lid_floor [R]: least distance over the radius;
    lid_column, lid_share [R]: correspondence by azimuth, see `lids.Lids`.
    """
    quads, count = smooth.quads, len(position)
    island, classes, parts = (np.repeat(x, 4) for x in (island.astype(bool), classes, parts))
    ends = quad_sides(quads[island])
    graph = sp.coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count)).tocsr()
    graph = ((graph + graph.T) > 0).astype(float)
    socket = np.unique(quads[(classes == MASK_CLASSES.index("eyes")) & (parts == 0)])
    seam = np.intersect1d(np.unique(quads[island]), socket)
    upper, lower, rows, sides, weights, floors, columns, shares = ([] for _ in range(8))
    for side, sign in ((0, 1.0), (1, -1.0)):
        centre, radius = eyes[side, :3], eyes[side, 3]
        ring = dijkstra(graph, indices=seam[sign * position[seam, 0] > 0], unweighted=True, min_only=True)
        r, el, az = spherical(position - centre, sign)
        margin = np.flatnonzero(ring == MARGIN)
        inner, outer = margin[np.argmin(az[margin])], margin[np.argmax(az[margin])]
        chord = np.interp(az[margin], [az[inner], az[outer]], [el[inner], el[outer]])
        above = el[margin] >= chord
        corners = np.isin(margin, [inner, outer])
        top, bottom = (margin[keep | corners] for keep in (above, ~above))
        top, bottom = top[np.argsort(az[top])], bottom[np.argsort(az[bottom])]
        after = spherical(position + blink - centre, sign)[1]
        turn = np.maximum(el - after, 0)
        at_margin = np.interp(az, az[top], turn[top])
        weight = np.clip(turn / np.maximum(at_margin, np.radians(6)), 0, 1)
        beside = np.interp(az, [az[inner], az[outer]], [el[inner], el[outer]])
        weight[(ring <= PLATE) & (el > beside)] = 1.0
        weight[(ring <= MARGIN + 2) & (el <= beside)] = 0.0
        smoothed = weight
        for _ in range(6):
            smoothed = (graph @ smoothed) / np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1)
        middle = np.clip(np.minimum(az - az[inner], az[outer] - az) / np.radians(18), 0, 1)
        keep = np.where(ring <= PLATE, middle, 0.25 * middle)  # the corners and what lies beyond the lid move softly
        weight = keep * weight + (1 - keep) * smoothed
        lashes = np.unique(quads[parts == PARTS.index("lashes")])
        lashes = lashes[sign * position[lashes, 0] > 0]
        halfway = (el[top] + np.interp(az[top], az[bottom], el[bottom])) / 2
        weight[lashes] = el[lashes] > np.interp(az[lashes], az[top], halfway)
        near = (ring < REACH) & (r < 2.2 * radius)
        near[lashes] = True
        chosen = np.flatnonzero(near & ((weight > 1e-3) | (ring < 16)))
        upper.append(top)
        lower.append(bottom)
        rows.append(chosen)
        sides.append(np.full(len(chosen), side))
        weights.append(weight[chosen])
        profile = np.where(np.isinf(ring), 0, r / radius)[chosen]
        floors.append(np.where(profile > 1.0, np.minimum(0.99 * profile, CLEAR), 0))
        column, share = between(np, az[top], az[chosen])
        columns.append(column)
        shares.append(share)
    return {
        "lid_upper": np.stack(upper).astype(np.int32),
        "lid_lower": np.stack(lower).astype(np.int32),
        "lid_row": np.concatenate(rows).astype(np.int32),
        "lid_side": np.concatenate(sides).astype(np.int8),
        "lid_weight": np.concatenate(weights).astype(np.float32),
        "lid_floor": np.concatenate(floors).astype(np.float32),
        "lid_column": np.concatenate(columns).astype(np.int32),
        "lid_share": np.concatenate(shares).astype(np.float32),
    }


def spherical(arm: np.ndarray, sign: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance, elevation and azimuth (towards the temple) about an eye's centre, radians."""
    r = np.linalg.norm(arm, axis=1)
    return r, np.arcsin(arm[:, 1] / np.maximum(r, 1e-9)), np.arctan2(sign * arm[:, 0], arm[:, 2])
