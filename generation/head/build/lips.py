"""Where the lips touch, on the smooth surface of the mean head.

The base mesh runs in rings about the mouth's opening, from the seam between lips and cavity outwards. On the smooth
surface the rings 2 to 4 outside the seam face their counterparts across the closed mouth.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra

from threedpain.generation.geometry import Refined, quad_sides, smoothstep
from threedpain.generation.head.lids import between
from threedpain.generation.records import MASK_CLASSES, PARTS

CONTACT = (2, 3, 4)  # rings that touch
COLUMNS = 41
PLATE, REACH = 7, 20  # rings that give way wholly, and up to which the giving way fades


def lip_tables(smooth: Refined, classes, parts, island, position) -> dict[str, np.ndarray]:
    """See `lips.Lips`; `position` [N, 3] is the mean head's smooth surface."""
    quads, count = smooth.quads, len(position)
    island, classes, parts = (np.repeat(x, 4) for x in (island.astype(bool), classes, parts))
    skin = parts == PARTS.index("skin")
    ends = quad_sides(quads[skin])
    graph = sp.coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count)).tocsr()
    graph = ((graph + graph.T) > 0).astype(float)
    outside = np.zeros(count, bool)
    outside[quads[island]] = True
    seam = np.intersect1d(np.flatnonzero(outside), quads[(classes == MASK_CLASSES.index("mouth")) & skin])
    ring = dijkstra(graph, indices=seam, unweighted=True, min_only=True)

    lines = [_split(graph, np.flatnonzero((ring == k) & outside), position) for k in CONTACT]
    half = min(np.abs(position[line, 0]).max() for pair in lines for line in pair)
    columns = np.linspace(-half, half, COLUMNS)
    before, after, share = (np.zeros((3, 2, COLUMNS), t) for t in (int, int, float))
    for k, pair in enumerate(lines):
        for lip, line in enumerate(pair):
            index, share[k, lip] = between(np, position[line, 0], columns)
            before[k, lip], after[k, lip] = line[index], line[index + 1]
    heights = position[before, 1] * (1 - share) + position[after, 1] * share
    middle = np.interp(position[:, 0], columns, heights[1].mean(axis=0))
    rows = np.flatnonzero((ring <= REACH) & (np.abs(position[:, 0]) < half * 1.3))
    fade = smoothstep((REACH - ring[rows]) / (REACH - PLATE))
    side = np.where(position[rows, 1] >= middle[rows], 0.5, -0.5)
    column, fraction = between(np, columns, position[rows, 0])
    return {
        "lip_before": before.astype(np.int32),
        "lip_after": after.astype(np.int32),
        "lip_between": share.astype(np.float32),
        "lip_row": rows.astype(np.int32),
        "lip_lift": (side * fade).astype(np.float32),
        "lip_column": column.astype(np.int32),
        "lip_share": fraction.astype(np.float32),
    }


def _split(graph, ring: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A ring cut at the corners of the mouth into its upper and lower line, each from right to left."""
    links = graph[ring][:, ring]
    order = [int(np.argmax(position[ring, 0]))]
    while len(order) < len(ring):
        onward = [j for j in links[order[-1]].indices if j not in order]
        if not onward:
            break
        order.append(onward[0])
    path = ring[order]
    turn = int(np.argmin(position[path, 0]))
    one, other = path[: turn + 1], np.r_[path[turn:], path[0]]
    lines = sorted((one, other), key=lambda line: -position[line, 1].mean())
    return tuple(line[np.argsort(position[line, 0], kind="stable")] for line in lines)
