"""Upper teeth end below the lip as people's do, and teeth stay behind lips, cheeks and chin: where skin would be drawn
back past them, they give way as one, with gums and tongue, by the deepest overlap and a little more.

A smile draws lips and chin back by up to eight millimetres, on somebody whose lips lie five before the teeth. Written
once for numpy and torch (`xp`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from threedpain.generation.compiling import njit
from threedpain.generation.geometry import triangles, vertex_normals
from threedpain.generation.records import MASK_CLASSES, PARTS, Identity
from threedpain.generation.seeds import child

PROBES = ({"AU26": 3.0}, {"AU12": 4.0, "AU25": 3.0}, {"AU24": 5.0})  # lips parted, smiling, pressed, for `seated`
# Metres of the upper front teeth below parted lips at 30 and 60 years: Vig and Brundo (1978), The kinetics of anterior
# tooth display, Journal of Prosthetic Dentistry 39(5), 502-504.
BARED = {"female": (3.4e-3, 0.5e-3), "male": (1.9e-3, -0.3e-3)}
OWN = 0.6e-3  # standard deviation among people alike, metres
LEAST, MOST = -1e-3, 3.4e-3  # metres below parted lips
LONG = {"female": 10.0e-3, "male": 10.6e-3}  # metres of a front tooth's crown, to which shorter ones may be drawn out
CROWN = 0.615  # share of the crown in a front tooth's height with the gum above it, as `shading.model.UPPER_GUM` parts
HIDDEN = 1.5e-3  # metres of gum at the middle that stay behind a smiling lip: gums lie lower at the eye teeth
TIGHT, FREE = -1e-3, 8e-4  # metres from teeth forward to the pressed lower lip: teeth come down not at all, fully
FRONT = 0.008  # metres to either side of the lips' middle: the front teeth
SPARE = 1e-3  # metres left between the teeth and the outside of the skin over them, along z
AROUND = 0.012  # metres about the average head's teeth: skin so near in x and y may come to lie over them
RIM = 2  # edges of the cage from the lips' seam: the lips' underside, before which teeth do stand


@dataclass(frozen=True)
class Teeth:
    """Which points of the smooth surface may meet."""

    rows: Any  # int [R]: teeth with their gums, and the tongue: they give way together
    outward: Any  # int [T]: the outward side of teeth and gums
    cover: Any  # int [F, 3]: triangles of skin and lips that may lie over them, in the cage's steps
    lip: Any  # int [F]: 1 on lips, 0 on skin
    upper: Any  # int [U]: upper teeth with their gums, in the cage

    @staticmethod
    def none() -> Teeth:
        """Of a head without teeth."""
        rows = np.zeros(0, np.int64)
        return Teeth(rows, rows, np.zeros((0, 3), np.int64), rows, rows)

    @staticmethod
    def of(tensors: Mapping[str, np.ndarray], quads: np.ndarray, surface: np.ndarray) -> Teeth:
        """From the head's asset, the smooth surface's `quads` and an average head's `surface` [N, 3]. The skin is
        looked at in the cage's large steps, on the smooth surface: its first points are the cage's."""
        part, kind = tensors["quad_part"], tensors["quad_class"]
        faces = triangles(quads.astype(np.int64))
        normals = vertex_normals(surface, faces)
        upper, lower, tongue = (
            np.unique(faces[np.repeat(part == PARTS.index(name), 8)])
            for name in ("teeth_upper", "teeth_lower", "tongue")
        )
        outward = []
        for rows in (upper, lower):
            arm = (surface[rows] - surface[rows].mean(axis=0)) * [1, 0, 1]  # from the middle of the arch
            outward.append(rows[(normals[rows] * arm).sum(axis=1) > 0])
        teeth = np.concatenate(outward)
        low, high = surface[teeth].min(axis=0) - AROUND, surface[teeth].max(axis=0) + AROUND
        near = ((surface > low) & (surface < high))[:, :2].all(axis=1) & (surface[:, 2] > low[2])
        outer = np.isin(kind, [MASK_CLASSES.index(name) for name in ("skin", "lips")]) & (part == PARTS.index("skin"))
        cage = tensors["quads"].astype(np.int64)
        inside = np.zeros(len(surface), bool)
        inside[cage[(kind == MASK_CLASSES.index("mouth")) & (part == PARTS.index("skin"))]] = True
        for _ in range(RIM):
            inside[cage[outer & inside[cage].any(axis=1)]] = True
        outer &= ~inside[cage].any(axis=1)
        cover = triangles(cage[outer])
        lip = np.repeat(kind[outer] == MASK_CLASSES.index("lips"), 2).astype(np.int64)
        chosen = near[cover].all(axis=1)
        above = np.unique(cage[part == PARTS.index("teeth_upper")])
        return Teeth(np.concatenate([upper, lower, tongue]), teeth, cover[chosen], lip[chosen], above)


def seated(identity: Identity, cage: np.ndarray, surface: np.ndarray, lips: np.ndarray, teeth: Teeth) -> np.ndarray:
    """New heights [U] (y) of a person's upper teeth in the `cage` [C, 3]: where they would end higher than people's do,
    crowns that are short grow, then all come down as far as a smile bares no gum; less where pressed lips would lie
    behind them. `surface` [N, 3] is the smooth one without expression, `lips` [3, 2, 3] the middles of the upper and
    lower lip's edges in each of `PROBES`."""
    (parted, _), (smiling, _), (_, pressed) = lips
    upper, heights = surface[teeth.upper], cage[teeth.upper, 1]
    front = upper[np.abs(upper[:, 0] - parted[0]) < FRONT]
    if not len(front):
        return heights
    (young, old), edge = BARED[identity.gender], front[:, 1].min()
    gum = edge + CROWN * (front[:, 1].max() - edge)
    own = OWN * child(identity.seed, "teeth").standard_normal()
    bared = np.clip(young + (old - young) * (identity.age - 30) / 30 + own, LEAST, MOST)
    room = np.clip((pressed[2] - front[:, 2].max() - TIGHT) / (FREE - TIGHT), 0, 1)
    lower = room * max(edge - (parted[1] - bared), 0.0)
    longer = min(lower, max(LONG[identity.gender] - (gum - edge), 0.0))
    down = min(lower - longer, max(gum - smiling[1] - HIDDEN, 0.0))
    return heights - down - longer / (gum - edge) * np.maximum(gum - heights, 0)


def behind(xp, points, teeth: Teeth):
    """New depths [R] (z) of teeth and tongue, from the surface `points` [N, 3] after all else has moved."""
    depths = points[teeth.rows, 2]
    arrays = (points, teeth.outward, teeth.cover, teeth.lip)
    tooth, face = _deepest(*(array if xp is np else array.detach().cpu().numpy() for array in arrays))
    if tooth < 0:
        return depths
    (x, y, z), (a, b, c) = points[tooth], points[teeth.cover[face]]
    u = (b[0] - x) * (c[1] - y) - (c[0] - x) * (b[1] - y)
    v = (c[0] - x) * (a[1] - y) - (a[0] - x) * (c[1] - y)
    w = (a[0] - x) * (b[1] - y) - (b[0] - x) * (a[1] - y)
    return depths - (z + SPARE - (u * a[2] + v * b[2] + w * c[2]) / (u + v + w)).clip(0, None)


@njit(cache=True)
def _deepest(points, outward, cover, lip):
    """The tooth's point that lies farthest before what covers it, or least behind, along z, and that triangle of
    `cover` [F, 3]; -1, -1 if none is covered or all lie deep enough. Of several layers the innermost of skin counts
    (the fold below a hanging lip), of lips, which turn inwards, the outermost."""
    order = outward[np.argsort(points[outward, 0], kind="mergesort")]
    x, y = points[order, 0], points[order, 1]
    if not len(y):
        return -1, -1
    lowest, uppermost = y.min(), y.max()
    height, over = np.empty((2, len(order))), np.full((2, len(order)), -1)
    height[0], height[1] = np.inf, -np.inf
    for f in range(len(cover)):
        a, b, c = points[cover[f, 0]], points[cover[f, 1]], points[cover[f, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if area <= 0:  # turned away
            continue
        right = max(a[0], b[0], c[0])
        low, high = min(a[1], b[1], c[1]), max(a[1], b[1], c[1])
        if high < lowest or low > uppermost:  # above or below all teeth
            continue
        kind = lip[f]
        for i in range(np.searchsorted(x, min(a[0], b[0], c[0])), len(x)):
            if x[i] > right:
                break
            if y[i] < low or y[i] > high:
                continue
            u = (b[0] - x[i]) * (c[1] - y[i]) - (c[0] - x[i]) * (b[1] - y[i])
            v = (c[0] - x[i]) * (a[1] - y[i]) - (a[0] - x[i]) * (c[1] - y[i])
            w = area - u - v
            if u >= 0 and v >= 0 and w >= 0:
                here = (u * a[2] + v * b[2] + w * c[2]) / area
                if (here > height[1, i]) if kind else (here < height[0, i]):
                    height[kind, i], over[kind, i] = here, f
    tooth, face, most = -1, -1, -SPARE
    for i in range(len(order)):
        for kind in range(2):
            if over[kind, i] >= 0 and points[order[i], 2] - height[kind, i] > most:
                tooth, face, most = order[i], over[kind, i], points[order[i], 2] - height[kind, i]
    return tooth, face
