"""Lids: they slide over eyeballs that stay where they are, meet exactly when closed and never cross.

Whatever the other units do, the opening left between the two lid margins is measured, column by column where they now
are, and the upper lid turns about the eye's centre through the wanted share of it. Eyes close by AU43 alone: however
hard the others squeeze, a slit stays open, or nobody could tell the two. Written once for numpy and torch (`xp`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

SEAL = 0.005  # radians by which the closed upper lid overlaps the lower one: 0.08 mm
AROUND = 1.4  # eyeball radii from its centre: skin so near is kept off the eyeball whatever squeezes it
CLEAR = 1.07  # eyeball radii: skin that rests further out may come so near
SLIT = 0.35  # of the opening at rest is left by all units but AU43
ROOTS = 12  # places along a strip of lashes where its root is looked for
LEVEL, STEADY = -0.08, 0.044  # radians: the opening's middle on young people, and how far it lies from there unheeded
SEATED = 0.0025  # metres: an eyeball is moved by less
TUFT, STUB = 0.2, 0.35  # the temple's share of a margin where lashes grow shorter, and to what share of their length
HEM, SOFT = 0.08, 0.07  # radians over the upper margin below which brow and fold do not sink, and over which they slow
BROW = (0.5, 1.0)  # radians over the margin at rest between which skin becomes free to sink
EDGE = 1.01  # of a margin's distance from the eye's centre: lashes grow from its front edge


@dataclass(frozen=True)
class Lids:
    """One eye's lid points on the smooth surface; made by `build.lids.lid_tables`."""

    rows: Any  # int [R]: the points concerned
    weight: Any  # [R]: their share of the upper lid's turn
    floor: Any  # [R]: their least distance from the eye's centre over its radius
    upper: Any  # int [M]: the upper margin from the inner to the outer corner
    lower: Any  # int [M]
    temple: Any  # +1 if the temple lies towards +x (the left eye), -1 for the right eye
    column: Any  # int [R]: the upper margin point before each lid point
    share: Any  # [R]: of the next one
    opening: Any  # [M]: radians between the margins at rest, per upper margin point; 0 until a person is fitted
    crest: Any  # [R]: elevation of the upper margin at rest, radians; 0 until a person is fitted
    hem: Any  # [R]: radians over the upper margin below which a point does not sink; 0 until a person is fitted
    soft: Any  # [R]: radians over which it slows before that
    held: Any  # [R]: how much of this holds for it, 0 to 1; 0 until a person is fitted
    lashes: Any  # int [L]: points of the lashes, both strips; none until a person is fitted, like what follows
    roots: Any  # int [L, 2]: the two margin points between which each grows
    split: Any  # [L]: share of the second
    stand: Any  # [L, 3]: from the margin to the point at rest, metres
    level: Any  # [L]: the margin's elevation at rest, radians

    @staticmethod
    def both(tensors: Mapping[str, np.ndarray], convert: Callable[[np.ndarray], Any] = np.asarray) -> tuple[Lids, Lids]:
        """The left and the right eye's."""
        eyes = []
        for side in (0, 1):
            own = tensors["lid_side"] == side
            arrays = [tensors[f"lid_{name}"][own] for name in ("row", "weight", "floor")]
            arrays += [tensors["lid_upper"][side], tensors["lid_lower"][side], np.float32(1 - 2 * side)]
            arrays += [tensors[f"lid_{name}"][own] for name in ("column", "share")]
            arrays += [np.zeros(len(tensors["lid_upper"][side]), np.float32)]
            arrays += [np.zeros(own.sum(), np.float32)] * 4
            arrays += _no_lashes()
            eyes.append(Lids(*(convert(a.astype(np.int64) if a.dtype.kind == "i" else a) for a in arrays)))
        return tuple(eyes)

    @staticmethod
    def none() -> Lids:
        """Of a head whose lids move by its fields alone."""
        numbers, rows = np.zeros(0, np.float32), np.zeros(0, np.int64)
        return Lids(rows, numbers, numbers, rows, rows, numbers, rows, *([numbers] * 6), *_no_lashes())

    def fitted(self, surface: np.ndarray, centre: np.ndarray, radius: float, lashes: np.ndarray, long: float) -> Lids:
        """With the columns of one person's resting surface [N, 3], and with the skin around the lids; `lashes` int8 [N]
        is 1 on the upper lashes of either eye, -1 on the lower ones; they become `long` times as long."""
        if not len(self.upper):
            return self
        arm = surface - centre
        near = np.sqrt((arm * arm).sum(axis=1)) / radius
        around = np.setdiff1d(np.flatnonzero((near > 1) & (near < AROUND) & (arm[:, 2] > 0)), self.rows)
        upper, rows = (_azimuth(np, *arm[rows].T, self.temple) for rows in (self.upper, self.rows))
        column, share = between(np, np.maximum.accumulate(upper), rows)
        top, level = (_elevation(np, *arm[part].T) for part in (self.upper, self.rows))
        crest = top[column] * (1 - share) + top[column + 1] * share
        hem, soft, kept = hemmed(level - crest)
        still = np.zeros(len(around), np.float32)
        near = near[around]
        held = np.minimum(0.99 * near, CLEAR) * (0.5 + (near - 1) / 0.06).clip(0.5, 1)  # rises gently from the ball
        return replace(
            self,
            rows=np.concatenate([self.rows, around]),
            weight=np.concatenate([self.weight, still]).astype(np.float32),
            floor=np.concatenate([self.floor, held]).astype(np.float32),
            column=np.concatenate([column, still.astype(np.int64)]),
            share=np.concatenate([share.astype(np.float32), still]),
            opening=_gap(np, surface[None], self, centre)[0][0].clip(0, None).astype(np.float32),
            crest=np.concatenate([crest, still]).astype(np.float32),
            hem=np.concatenate([hem, still]).astype(np.float32),
            soft=np.concatenate([soft, still + 1]).astype(np.float32),
            held=np.concatenate([kept * (self.weight > 0), still]).astype(np.float32),
            **self._rooted(surface, centre, lashes, long),
        )

    def _rooted(
        self, surface: np.ndarray, centre: np.ndarray, lashes: np.ndarray, long: float
    ) -> dict[str, np.ndarray]:
        """The lashes' own fields. Their strips come from a head whose lids lay elsewhere, so their roots, the points
        of a strip that are nearest to the eye, are brought to the margin they grow from."""
        strips = []
        for margin, kind in ((self.upper, 1), (self.lower, -1)):
            rows = np.flatnonzero((lashes == kind) & ((surface[:, 0] > 0) == (centre[0] > 0)))
            arm, edge = surface[rows] - centre, surface[margin] - centre
            angle, at = (_azimuth(np, *points.T, self.temple) for points in (arm, edge))
            at = np.maximum.accumulate(at)
            away = np.sqrt((arm * arm).sum(axis=1))
            first = np.array(
                [part[away[part].argmin()] for part in np.array_split(np.argsort(angle, kind="stable"), ROOTS)]
            )
            column, share = between(np, at, angle)
            root = np.stack([np.interp(angle, angle[first], arm[first, k]) for k in range(3)], 1)
            own = edge[column] * (1 - share[:, None]) + edge[column + 1] * share[:, None]
            level = _elevation(np, *own.T)
            t = ((angle - at[-1]) / (TUFT * (at[0] - at[-1]))).clip(0, 1)  # 0 at the temple's corner
            length = long * (STUB + (1 - STUB) * t * t * (3 - 2 * t))
            stand = length[:, None] * (arm - root)  # at the corner both strips would end in a block
            strips.append((rows, np.stack([margin[column], margin[column + 1]], 1), share, stand, level))
        names, numbers = ("lashes", "roots", "split", "stand", "level"), (int, int, np.float32, np.float32, np.float32)
        return {
            name: np.concatenate(parts).astype(kind)
            for name, kind, parts in zip(names, numbers, zip(*strips, strict=True), strict=True)
        }


def seated(surface: np.ndarray, lids: Lids, centre: np.ndarray, radius: float) -> np.ndarray:
    """The eye's centre moved down to where the iris looks out of the opening of a person's resting `surface`
    [N, 3] as it does on the young: lids sink with age and would leave white alone beneath half-closed ones."""
    if not len(lids.upper):
        return centre
    middle = np.float64(0)
    for margin in (lids.upper, lids.lower):
        arm = (surface[margin] - centre).T
        knots = np.maximum.accumulate(_azimuth(np, *arm, lids.temple))
        middle += np.interp(0, knots, _elevation(np, *arm)) / 2
    off = min(middle - LEVEL, 0.0)  # a ball that rises would show through the seam of closed lids
    off *= off**2 / (off**2 + STEADY**2)
    moved = centre.copy()
    moved[1] += SEATED * np.tanh(radius * off / SEATED)
    return moved


def _no_lashes() -> tuple[np.ndarray, ...]:
    numbers, rows = np.zeros(0, np.float32), np.zeros(0, np.int64)
    return rows, rows.reshape(0, 2), numbers, numbers.reshape(0, 3), numbers


def between(xp, knots, values):
    """The knot before each value and the share of the next; values outside go to the ends."""
    index = (xp.searchsorted(knots, values) - 1).clip(0, len(knots) - 2)
    before = knots[index]
    return index, ((values - before) / (knots[index + 1] - before).clip(1e-6, None)).clip(0, 1)


def close(xp, points, lids: Lids, centre, radius, closure):
    """New positions [B, R, 3] of one eye's lid points, from surfaces `points` [B, N, 3] before any closing; `closure`
    [B]."""
    closure = closure[:, None]
    gap, top = _gap(xp, points, lids, centre)
    gap = gap + SEAL * closure
    left = xp.maximum(gap, SLIT * lids.opening)
    shut, apart, top = (
        chosen(xp, turn, lids.column) * (1 - lids.share) + chosen(xp, turn, lids.column + 1) * lids.share
        for turn in (closure * left, gap - left, top)
    )
    # Lids that come too near are pushed apart; what lies farther up the lid gives way less and keeps where it went.
    theta = lids.weight * (shut + apart * lids.weight.clip(0, 1))
    x, y, z = _arm(chosen(xp, points, lids.rows), centre)
    level = _level(xp, x, z)
    theta = theta - (1 - closure) * clear(xp, xp.arctan2(y, level) - xp.minimum(top, lids.crest), lids)
    distance = xp.sqrt(level * level + y * y)
    farther = xp.maximum(distance, lids.floor * radius) / distance
    cosine, sine = xp.cos(theta) * farther, xp.sin(theta) * farther
    across = cosine + sine * y / level
    turned = (x * across, y * cosine - level * sine, z * across)
    return xp.stack([centre[k] + turned[k] for k in range(3)], -1)


def hemmed(rise: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`Lids.hem`, `soft` and `held` of points that rise so far over the upper margin at rest, radians."""
    hem = HEM * (1 - np.exp(-rise.clip(0, None) / (2 * HEM)))
    held = (rise / (0.5 * HEM)).clip(0, 1) * ((BROW[1] - rise) / (BROW[1] - BROW[0])).clip(0, 1)
    return hem, (rise - hem).clip(1e-4, SOFT), held


def clear(xp, rise, lids: Lids):
    """Radians [B, R] by which skin that now rises `rise` [B, R] over the upper margin, or over where that rested if it
    has risen, is held up: brow and fold stop above the eye, or a frown would seem to close it. What rests stays, and
    nothing overtakes."""
    above = rise - lids.hem
    slowed = (above + lids.soft).clip(0, None)
    kept = xp.where(above < lids.soft, slowed * slowed / (4 * lids.soft), above)
    return lids.held * (kept - above)


def hang(xp, points, lids: Lids, centre):
    """New positions [L, 3] of one eye's lashes, from the surface `points` [N, 3] whose lids have found their place:
    they grow from the margins and turn with them."""
    ends = chosen(xp, points[None], lids.roots)[0]
    root = [ends[:, 0, k] * (1 - lids.split) + ends[:, 1, k] * lids.split - centre[k] for k in range(3)]
    ahead = _level(xp, root[0], root[2])
    turn = lids.level - xp.arctan2(root[1], ahead)
    east, north = root[2] / ahead, root[0] / ahead  # the way out, in the upright plane of eye and root
    x, y, z = lids.stand[:, 0], lids.stand[:, 1], lids.stand[:, 2]
    out, beside = x * north + z * east, x * east - z * north
    cosine, sine = xp.cos(turn), xp.sin(turn)
    out, y = out * cosine + y * sine, y * cosine - out * sine
    stand = (out * north + beside * east, y, out * east - beside * north)
    return xp.stack([centre[k] + EDGE * root[k] + stand[k] for k in range(3)], 1)


def _gap(xp, points, lids: Lids, centre):
    """Radians [B, M] between the margins of surfaces `points` [B, N, 3] at each point of the upper one, and its
    elevation."""
    upper, lower = (_arm(chosen(xp, points, rows), centre) for rows in (lids.upper, lids.lower))
    top, bottom = (_elevation(xp, *arm) for arm in (upper, lower))
    at, knots = (_azimuth(xp, *arm, lids.temple) for arm in (upper, lower))
    knots = np.maximum.accumulate(knots, axis=1) if xp is np else xp.cummax(knots, 1).values
    under = []
    for row in range(len(points)):
        index, share = between(xp, knots[row], at[row])
        under.append(bottom[row][index] * (1 - share) + bottom[row][index + 1] * share)
    return top - xp.stack(under), top


def chosen(xp, table, index):
    """The entries `index` [...] of every row of `table` [B, N, ...]; numpy's `take` is many times as fast as
    `table[:, index]`."""
    return table.take(index, 1) if xp is np else table[:, index]


def _arm(points, centre):
    """x, y and z of points [..., 3] from an eye's centre, apart."""
    return tuple(points[..., k] - centre[k] for k in range(3))


def _level(xp, x, z):
    """Distance from the upright axis through an eye's centre."""
    return xp.sqrt(x * x + z * z + 1e-14)


def _elevation(xp, x, y, z):
    """About an eye's centre, radians."""
    return xp.arctan2(y, _level(xp, x, z))


def _azimuth(xp, x, y, z, temple):
    """About an eye's centre, towards the temple, radians."""
    return xp.arctan2(temple * x, z)
