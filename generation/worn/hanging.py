"""Hair that parts and hangs: away from a parting over the side of the head, beside the face, onto the shoulders."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from threedpain.generation.geometry import smoothstep
from threedpain.generation.seeds import child

from .combs import along
from .scalp import Scalp
from .strands import Roots, grow, sample_roots, unit
from .surface import waves

STEPS = 26  # of a path, before it is cut to its length
BESIDE = 0.010  # metres by which hair may cover the edges of the face
TUCKED = {"female": 0.12, "male": 0.45}  # of people wear it behind the temples
CLUMP = 0.017  # metres between the tips in which locks gather
SWAY = 0.004  # metres by which locks leave a straight line: no hair is a plank
LONE, FEW = 0.010, 6  # a lock on the forehead with fewer knots than these so near, in metres, is alone
THINNING = 0.035  # metres over which the ends of long hair grow fewer, at the least
NECK = 0.006  # metres that hanging hair keeps from neck and shoulders


class Parting:
    """How one person's hair parts, frames the face and falls; all of it from the hair's seed."""

    def __init__(self, scalp: Scalp, volume: float) -> None:
        self.scalp, hair = scalp, scalp.hair
        rng = child(hair.seed, "parting")
        female = scalp.surface.bust.identity.gender == "female"
        self.part = float(rng.choice([-0.42, -0.3, 0.0, 0.05, 0.3, 0.42])) + 0.03 * rng.normal()  # of the half width
        tucked = rng.random() < TUCKED["female" if female else "male"]
        self.frame = 0.0 if tucked else rng.uniform(0.6, 1.0)  # 0 behind the temples .. 1 over the edge of the face
        self.arch = rng.uniform(1.7, 3.4) if not tucked else 8.0  # how early it leaves the middle of the forehead
        self.volume = volume * rng.uniform(0.85, 1.25) * (0.65 + 0.4 * hair.density) * (1 + 0.7 * hair.curl)
        before = rng.random(2) < 0.6
        self.forward = bool(before[0])  # before the shoulders or behind them: alike, or one side looks cut off
        self.bend = rng.uniform(0.0, 1.0)  # how much the ends turn in
        self.layers = rng.uniform(0.002, 0.03)  # metres from the shortest to the longest of neighbours
        self.shorter = rng.uniform(0.0, 0.06) * (rng.random() < 0.5)  # of what hangs beside the face
        if hair.style == "short":
            self.shorter *= 0.2
        chin = scalp.jaw[8, 1]
        if hair.style == "long":
            self.layers = THINNING + 1.5 * self.layers  # long hair thins out where it ends
            self.end = chin - 0.13 - 0.16 * hair.length - 0.5 * self.layers
        elif hair.style == "short":  # to the lobes of the ears
            self.end = chin + 0.062 - 0.03 * hair.length
        else:
            older = np.clip((scalp.surface.bust.identity.age - 50) / 25, 0, 1)  # bobs are cut shorter
            self.end = chin + 0.028 - 0.088 * hair.length * (1 - 0.6 * older)

    def side(self, points: np.ndarray) -> np.ndarray:
        """-1 or 1 [N]: to which side of the parting these points [N, 3] lie."""
        q = self.scalp.q(points)
        line = self.part * smoothstep(q[:, 2], -0.9, 0.1) + 0.025 * np.sin(9 * q[:, 2])
        return np.where(q[:, 0] >= line, 1.0, -1.0)

    def thickness(self, points: np.ndarray) -> np.ndarray:
        """Metres of hair over the skin at points [N, 3] of the head: least along the parting."""
        q = self.scalp.q(points)
        line = self.part * smoothstep(q[:, 2], -0.9, 0.1)
        groove = np.exp(-(((q[:, 0] - line) / 0.16) ** 2)) * smoothstep(q[:, 2], -0.5, 0.2)
        return self.volume * (1 - 0.5 * groove) * (0.72 + 0.28 * smoothstep(q[:, 1], 0.15, 0.6))

    def comb(self, points: np.ndarray, normals: np.ndarray, side: np.ndarray | None = None) -> np.ndarray:
        """Where hair of `side` [N] wants to go from points [N, 3] whose skin faces `normals`: unit [N, 3]."""
        q = self.scalp.q(points)
        side = self.side(points) if side is None else side
        top, behind = smoothstep(q[:, 1], 0.25, 0.9), smoothstep(-q[:, 2], 0.1, 0.7)
        across = side * top * (1 - 0.7 * behind)
        down = -0.15 - (1 - top) - 0.4 * behind
        front = smoothstep(q[:, 2], -0.1, 0.6)
        forth = self.frame * front * (0.15 + 0.35 * front) - (1 - self.frame) * 0.6 * top - (0.2 + 0.5 * behind) * top
        return along(
            np.stack([across, down, forth], axis=1), normals, 0.03, falling=1 - smoothstep(q[:, 1], -0.15, 0.3)
        )

    def hang(self, roots: Roots, depth: np.ndarray, segments: int) -> np.ndarray:
        """Curves [N, segments + 1, 3] from these roots, outer ones where `depth` [N] is 1."""
        surface, scalp = self.scalp.surface, self.scalp
        q0 = scalp.q(roots.points)
        side = self.side(
            roots.points + 0.02 * scalp.half * child(scalp.hair.seed, "strays").normal(size=(len(depth), 3))
        )
        ahead = smoothstep(q0[:, 2], -0.25, 0.35)  # 0 grows behind the ears, 1 before them
        before = ahead * self.forward
        long = scalp.hair.style == "long"
        aim_x = side * (0.050 + 0.035 * depth)
        aim_z = np.where(before > 0.4, 0.055, -0.085)
        reach = scalp.centre[1] + scalp.half[1] - self.end + 0.14
        step = reach / STEPS
        points, normals = roots.points, roots.normals
        heading = unit(self.comb(points, normals, side) + 0.25 * normals)
        within = 0.4 + 0.6 * child(scalp.hair.seed, "within").random(len(depth))  # no lone lock crosses the forehead
        path = [points]
        for k in range(1, STEPS + 1):
            moved = points + step * heading
            above = smoothstep(scalp.q(moved)[:, 1], -0.35, 0.15)
            body = self.thickness(moved) * (0.76 + 0.22 * depth) * min(1.0, k * step / 0.03)
            floor = above * body + (1 - above) * (NECK + 0.008 * depth)
            height, normals = surface.height(moved)
            held = np.maximum(floor - height, 0) - 0.85 * above * np.maximum(height - floor, 0)
            moved = moved + held[:, None] * (normals + self._off_the_ridge(moved, normals, before))
            moved = self.keep_off(moved, side, within)
            want = self.comb(moved, normals, side)
            low = smoothstep(-moved[:, 1], 0.0, 0.10)[:, None]
            if long:  # it passes before or behind the shoulder
                aim = np.stack([aim_x - moved[:, 0], np.zeros(len(depth)), aim_z - moved[:, 2]], axis=1)
                want = want + low * np.array([9.0, 0.0, 18.0]) * aim
            else:  # a bob turns in below the jaw
                aim = -moved * [1, 0, 1] + np.array([0, 0, -0.02])
                want = want + self.bend * 4.5 * low * aim
            heading = unit(0.45 * unit(moved - points) + 0.55 * unit(want))
            points = moved
            path.append(points)
        return self._cut(_rounded(np.stack(path, axis=1)), ahead, segments)

    def _off_the_ridge(self, points: np.ndarray, normals: np.ndarray, before: np.ndarray) -> np.ndarray:
        """What leads hair [N, 3] that meets a shoulder to its front or back, instead of to lie on top."""
        on = smoothstep(-points[:, 1], 0.07, 0.10) * normals[:, 1].clip(0, 1)
        return np.stack([0 * on, -0.8 * on, np.where(before > 0.4, 2.2, -2.2) * on], axis=1)

    def keep_off(self, points: np.ndarray, side: np.ndarray, within: np.ndarray) -> np.ndarray:
        """Points [N, 3] outside an arch from the parting over the forehead to the edges of the cheeks; `within` [N]: 0
        on the arch itself .. 1 at the edge of the face, so that no skin shows between a lock and the hairline."""
        if not self.frame:
            return self.scalp.clear_face(points)
        scalp, points = self.scalp, points.copy()
        edge_x, edge_y, edge_z = scalp.jaw[::-1].T
        y = points[:, 1]
        bound = np.interp(y, edge_y, edge_x) - BESIDE * self.frame
        high = np.clip((y - scalp.brow - 0.004) / (scalp.hairline - scalp.brow), 0, 1)
        part = self.part * scalp.half[0]
        arch = part + (side * bound - part) * (1 - (1 - within) * high**self.arch)
        # Above the hairline there is nothing to keep off, and the crown is narrower than the face.
        on_face = (points[:, 2] > scalp.centre[2] + 0.03) * (high > 0)
        on_face = on_face * (1 - smoothstep(points[:, 1], scalp.hairline - 0.008, scalp.hairline + 0.022))
        points[:, 0] += on_face * side * np.maximum(side * (arch - points[:, 0]), 0)
        beyond = np.maximum(np.abs(points[:, 0]) - bound, 0)
        limit = np.where(y < edge_y[0], 0.08, np.interp(y, edge_y, edge_z)) + 0.022 * self.frame + 0.3 * beyond
        points[:, 2] = np.where(high > 0, points[:, 2], np.minimum(points[:, 2], limit))
        return points

    def _cut(self, path: np.ndarray, ahead: np.ndarray, segments: int) -> np.ndarray:
        """Paths [N, K, 3] cut at the height where this hair ends, [N, segments + 1, 3]."""
        rng = child(self.scalp.hair.seed, "ends")
        soft = 0.5 * self.layers * waves(path[:, 0], rng, 0.05)
        end = self.end + soft + self.layers * rng.random(len(path)) + self.shorter * ahead
        return cut_at(path, end, segments)


def company(scalp: Scalp, curves: np.ndarray) -> np.ndarray:
    """Which curves [N, K, 3] are not alone on the bare forehead: a single lock across it would look stuck on, bool
    [N]."""
    flat = curves.reshape(-1, 3)
    over = (flat[:, 1] > scalp.brow + 0.012) & (flat[:, 2] > scalp.centre[2] + 0.03)
    over &= scalp.mask[scalp.surface.nearest(flat)] < 0.05
    near = cKDTree(flat).query_ball_point(flat[over], LONE, return_length=True)
    alone = np.zeros(len(flat), bool)
    alone[over] = near < FEW
    return np.logical_not(alone.reshape(curves.shape[:2]).any(axis=1))


def _rounded(path: np.ndarray) -> np.ndarray:
    """Paths [N, K, 3] without corners, their roots and ends where they were."""
    for _ in range(3):
        path = path.copy()
        path[:, 1:-1] = 0.5 * path[:, 1:-1] + 0.25 * (path[:, :-2] + path[:, 2:])
    return path


def cut_at(path: np.ndarray, end: np.ndarray, segments: int) -> np.ndarray:
    """Paths [N, K, 3] as far as to the height `end` [N], [N, segments + 1, 3]: more knots where they leave the head."""
    below = path[:, :, 1] < end[:, None]
    high = np.where(below.any(axis=1), np.argmax(below, axis=1), path.shape[1] - 1).clip(1)
    rows = np.arange(len(path))
    over, under = path[rows, high - 1, 1] - end, path[rows, high, 1] - end
    last = high - np.clip(under / np.minimum(under - over, -1e-6), 0, 1)
    t = np.linspace(0, 1, segments + 1)
    at = (t * (0.5 + 0.5 * t))[None] * np.maximum(last, 2)[:, None]
    first = np.minimum(at.astype(int), path.shape[1] - 2)
    part, row = (at - first)[..., None], rows[:, None]
    return path[row, first] * (1 - part) + path[row, first + 1] * part


def gathered(curves: np.ndarray, share: float, rng: np.random.Generator, size: float = CLUMP) -> np.ndarray:
    """Curves [N, K, 3] whose lower halves draw together by this share of the way in locks of `size` metres, so that
    ends taper."""
    tips = curves[:, -1]
    cell = np.floor(tips / size + 0.35 * rng.normal(size=tips.shape)).astype(int)
    _, lock = np.unique(cell, axis=0, return_inverse=True)
    lock = lock.ravel()
    count = np.bincount(lock)
    middle = np.stack([np.bincount(lock, tips[:, k]) for k in range(3)], axis=1) / count[:, None]
    pull = (middle[lock] - tips) * [1, 0.0, 1]
    t = np.linspace(0, 1, curves.shape[1])[None, :, None]
    sway = np.stack([waves(curves.reshape(-1, 3), rng, 0.11, 4) for _ in range(2)], axis=1).reshape(
        *curves.shape[:2], 2
    )
    sway = SWAY * np.stack([sway[..., 0], 0 * sway[..., 0], sway[..., 1]], axis=-1)
    return curves + t * sway + share * t**2.5 * pull[:, None]


def fringe(scalp: Scalp, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hair over the forehead that ends above the brows: curves [N, 7, 3], weights [N] of their roots and depths [N]."""
    surface, v = scalp.surface, scalp.surface.vertices
    ahead = smoothstep(0.72 - np.abs(scalp.q(v)[:, 0]), 0.0, 0.15) * (v[:, 2] > scalp.centre[2])
    front = ahead * smoothstep(scalp.hairline + 0.040 - v[:, 1], 0.0, 0.03)
    roots = sample_roots(surface, smoothstep(scalp.mask, 0.25, 0.9) * front, 620, rng)
    depth = rng.random(len(roots.points))
    taste = child(scalp.hair.seed, "fringe kind")
    side = float(taste.choice([0.0, 0.12, 0.75])) * float(taste.choice([-1.0, 1.0]))
    thin = taste.uniform(0.003, 0.007)  # metres over which its hairs end

    def comb(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        lower = np.clip((scalp.hairline - points[:, 1]) / 0.05, 0, 1)
        apart = 1.2 * points[:, 0] / scalp.half[0] * (1 - abs(side))  # it spreads over the round of the forehead
        sweep = side * (0.5 + lower) + 0.25 * apart + 0.05 * waves(points, child(0, "fringe waves"), 0.04)
        return along(np.stack([sweep, np.full(len(points), -1.0), np.full(len(points), 0.4)], axis=1), normals, 0.0)

    clearance = 0.003 + 0.004 * depth
    length = np.maximum(1.9 * (roots.points[:, 1] - scalp.brow), 0.015)
    path = grow(surface, roots, length, comb, clearance, lift=0.5, segments=10, hug=lambda p: np.full(len(p), 0.5))
    # cut along one soft line that sinks beside the brows; single hairs end above it, so that it has no teeth
    line = scalp.brow + 0.003 - 0.008 * np.clip(path[:, -1, 0] / 0.055, -1, 1) ** 2
    line = line + 0.0025 * waves(roots.points, child(scalp.hair.seed, "fringe ends"), 0.035)
    curves = cut_at(path, line + thin * np.abs(rng.normal(0, 1, len(depth))), 6)
    curves = gathered(curves, 0.25, child(scalp.hair.seed, "fringe locks"), size=0.009)
    return curves, roots.weight, depth
