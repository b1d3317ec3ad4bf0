"""Skin that is drawn together, but not over itself: a frown without a ledge over the eyes or brows that cross.

A field is scaled and turned to a person and grows with that person's amplitude; where a brow has little room above the
lid, its straight way would end beneath the skin that lies below. Here heights are kept apart along the mesh's edges, a
little at a time, as skin pushes skin; lids, which hold on to the eye, do not give way.
"""

from __future__ import annotations

import numpy as np

from threedpain.generation.compiling import njit
from threedpain.generation.geometry import quad_sides

SHORTEST = 0.2  # of the height of an edge is left at the most that the person moves
NEAREST = 0.45  # of its distance from the midline is the most that a place goes towards it, softly
LEVEL = 0.25  # edges that rise by less than this share of their length lie across
STILL = 2e-4  # metres: what moves less is not part of a movement
ROUNDS = 14  # over all edges, from the lowest up and back by turns


def rising_edges(quads: np.ndarray, places: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Edges (upper end, lower end) int64 [E, 2] of quads [Q, 4] over places [C, 3] that `field` [C, 3] moves, from the
    lowest to the highest."""
    ends = quad_sides(quads)
    ends = np.unique(np.sort(ends, axis=1), axis=0)
    ends = ends[(np.linalg.norm(field, axis=1) > STILL)[ends].any(axis=1)]
    up = places[ends[:, 0], 1] > places[ends[:, 1], 1]
    ends = np.where(up[:, None], ends, ends[:, ::-1])
    apart = places[ends[:, 0]] - places[ends[:, 1]]
    ends = ends[apart[:, 1] > LEVEL * np.linalg.norm(apart, axis=1)]
    return ends[np.argsort(places[ends].sum(axis=1)[:, 1], kind="stable")].astype(np.int64)


@njit(cache=True, nogil=True)
def eased(field, beside, cage, edges, free, amount):
    """`field` float32 [C, 3] over `cage` [C, 3] so that `amount` of it, with the field `beside` it [C, 3], folds
    nothing along `edges` [E, 2]; `free` [C] is 0 where nothing gives way .. 1."""
    out = field.copy()
    height = np.empty(len(field))
    for c in range(len(field)):
        height[c] = amount * field[c, 1] + beside[c, 1]
        inwards = -field[c, 0] if cage[c, 0] > 0 else field[c, 0]
        if inwards > 0:
            room = NEAREST * abs(cage[c, 0]) + 1e-9
            out[c, 0] = np.sign(-cage[c, 0]) * room * np.tanh(amount * inwards / room) / amount
    for turn in range(ROUNDS):
        for k in range(len(edges)):
            e = k if turn % 2 == 0 else len(edges) - 1 - k
            upper, lower = edges[e, 0], edges[e, 1]
            gap, give = cage[upper, 1] - cage[lower, 1], free[upper] + free[lower]
            closer = height[lower] - height[upper] - (1 - SHORTEST) * gap
            if gap > 0 and closer > 0 and give > 0:
                height[upper] += closer * free[upper] / give
                height[lower] -= closer * free[lower] / give
    for c in range(len(field)):
        out[c, 1] = (height[c] - beside[c, 1]) / amount
    return out
