"""How one person's units differ from the average's in more than amplitude: direction, width and place of the movement.

Nobody frowns alike: brows are drawn together or lowered whole, or the inner ends act alone; cheeks lead a smile or lids
do; corners go up or out. Each of a person's sided fields is stretched, turned and weighted by smooth rules on that
person's own field, so that it works for every head; nothing moves that did not move before, and the movement's size
stays: that is the amplitude's (`Identity.gain`). Towards the front and back it stays as well: lips keep clear of teeth,
lids of eyes.
"""

from __future__ import annotations

import numpy as np

from threedpain import facs
from threedpain.generation.compiling import njit
from threedpain.generation.records import Identity

FAINT = 0.15  # the least share of its movement that a place keeps


def with_manner(identity: Identity, names: tuple[str, ...], cage: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Fields float32 [A, C, 3] in the order of `names`, over a cage [C, 3], as the person moves them."""
    table = np.zeros((len(names), 5))
    for row, name in enumerate(names):
        if name[:-1] in facs.ACTION_UNITS and name[-1] in "LR" and name[:-1] in identity.manner:
            table[row] = 1 if name[-1] == "L" else -1, *identity.manner[name[:-1]]
    table[:, 2] = np.radians(table[:, 2])
    return _shaped(np.ascontiguousarray(fields, np.float32), np.ascontiguousarray(cage, np.float32), table)


@njit(cache=True)
def _shaped(fields, cage, table):
    """A row of `table` [A, 5]: side (0 leaves the field as it is), stretch, turn in radians, out, up."""
    out = fields.copy()
    moving = np.empty(len(cage), np.int64)
    for f in range(len(fields)):
        side, stretch, turn, outwards, upwards = table[f]
        if side == 0:
            continue
        # centre and spread of the movement, outwards and up
        count = 0
        weight = x = y = xx = yy = 0.0
        for c in range(len(cage)):
            a, b = fields[f, c, 0], fields[f, c, 1]
            if a == 0 and b == 0:
                continue
            moving[count] = c
            count += 1
            square, u, v = a * a + b * b, side * cage[c, 0], cage[c, 1]
            weight += square
            x += square * u
            y += square * v
            xx += square * u * u
            yy += square * v * v
        if weight == 0:
            continue
        x, y = x / weight, y / weight
        wide, tall = 1 / np.sqrt(max(xx / weight - x * x, 1e-10)), 1 / np.sqrt(max(yy / weight - y * y, 1e-10))
        along, against = np.exp(stretch), np.exp(-stretch)
        cosine, sine = np.cos(turn), side * np.sin(turn)
        after = 0.0
        for k in range(count):
            c = moving[k]
            u, v = (side * cage[c, 0] - x) * wide, (cage[c, 1] - y) * tall
            share = 1 + outwards * u / np.sqrt(1 + u * u) + upwards * v / np.sqrt(1 + v * v)
            share = max(share, FAINT)
            a, b = share * along * fields[f, c, 0], share * against * fields[f, c, 1]
            out[f, c, 0], out[f, c, 1] = cosine * a - sine * b, sine * a + cosine * b
            after += a * a + b * b
        size = np.sqrt(weight / after)
        for k in range(count):
            out[f, moving[k], 0] *= size
            out[f, moving[k], 1] *= size
    return out
