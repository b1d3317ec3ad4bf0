"""Batches of faces and their references: the same for one process or many, and for a run that was interrupted.

The pictures of a batch and every random draw in it depend on (seed, step) alone. A batch is made of small groups of one
person's pictures that share a reference photograph, so that the reference is read once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional as F

from threedpain.limits import HEAT_STEP

from .augment import Geometry, Look, warp
from .covers import Covers
from .diet import Diet
from .faces import UNKNOWN, FaceSet
from .visible import left_to_see

Batch = dict[str, torch.Tensor]


class Batches:
    """`batches(step)` is the share of process `rank` of `world` in the global batch number `step`.

    Args:
        faces: the training set.
        size: pixels of the model's input; heatmaps and masks come at `map_size`.
        batch_size: pictures in a global batch, divisible by `group` x `world`.
        group: pictures of one person that share a reference.
        conditions: share of groups whose reference is "realistic", "aligned" or "none".
        pain_weight: how much more often a picture with PSPI > 0 is drawn than one with 0.
        diet: what the pictures hold beyond what the set shows.
        heat_input: the teacher's batches: pixel_values are the heatmaps.
    """

    def __init__(
        self,
        faces: FaceSet,
        *,
        size: int,
        map_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        batch_size: int,
        group: int = 4,
        conditions: Mapping[str, float] | None = None,
        pain_weight: float = 1.0,
        diet: Diet | None = None,
        augment: bool = True,
        heat_input: bool = False,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ):
        self.faces, self.size, self.map_size = faces, size, map_size
        self.mean, self.std = np.asarray(mean, np.float32), np.asarray(std, np.float32)
        self.group, self.groups = group, batch_size // group
        self.conditions = dict(conditions or {"none": 1.0})
        self.augment, self.heat_input, self.seed, self.rank, self.world = augment, heat_input, seed, rank, world
        self.diet = diet or Diet()
        self.weight = self.diet.weights(
            faces.table["expression"].to_numpy(), pain_weight, faces.table["PSPI"].to_numpy()
        )
        self.people = [np.asarray(rows) for rows in faces.table.groupby("identity", sort=False).indices.values()]
        self.owner = faces.table["identity"].to_numpy()
        self.referable = np.array([len(faces.references[row]) > 0 for row in faces.rows])
        self.per_epoch = max(1, int(self.weight.sum()) // batch_size)
        self._epoch: tuple[int, np.ndarray] | None = None

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, 1, step])
        positions = self._order(step // self.per_epoch)[step % self.per_epoch].ravel()  # [groups * group]
        pool, index, aligned = self._references(positions, rng)
        diet = self.diet
        geometry, look = Geometry.draw(len(positions), rng, diet.tilted), Look.draw(len(positions), rng, diet.small)
        pool_geometry, pool_look = Geometry.draw(len(pool), rng, diet.tilted), Look.draw(len(pool), rng, diet.small)
        covers = Covers.draw(len(positions), diet.covered, rng)
        owner = np.zeros(len(pool), int)
        owner[index[index >= 0]] = np.flatnonzero(index >= 0)
        pool_geometry = pool_geometry.following(geometry, aligned, owner).nudged(aligned, rng)
        pool_look = pool_look.following(look, aligned, owner)
        if not self.augment:
            geometry, pool_geometry = Geometry.still(len(positions)), Geometry.still(len(pool))
            look = pool_look = covers = None
        share = len(positions) // self.world
        mine = np.arange(self.rank * share, (self.rank + 1) * share)
        used, local = np.unique(index[mine], return_inverse=True)
        if used[0] == -1:  # pictures without a reference
            used, local = used[1:], local - 1
        taken = (look.take(mine), covers.take(mine)) if look else (None, None)
        batch = self._pictures(positions[mine], geometry.take(mine), *taken)
        if not self.heat_input and len(used):
            taken = pool_look.take(used) if pool_look else None
            batch["neutral_pixel_values"] = self._colour(pool[used], pool_geometry.take(used), taken)[0]
            batch["neutral_index"] = torch.from_numpy(local.reshape(-1, 1))
        return batch

    def _order(self, epoch: int) -> np.ndarray:
        """Positions [steps, groups, group] of an epoch: every picture as often as its weight says, people mixed."""
        if self._epoch is None or self._epoch[0] != epoch:
            rng = np.random.default_rng([self.seed, 0, epoch])
            groups = []
            for rows in self.people:
                times = self.weight[rows]
                chosen = np.repeat(rows, (times + rng.random(len(rows))).astype(int))
                chosen = rng.permutation(chosen)
                spare = -len(chosen) % self.group
                chosen = np.concatenate([chosen, rng.choice(rows, spare)]) if len(chosen) else chosen
                groups.append(chosen.reshape(-1, self.group))
            order = rng.permutation(np.concatenate(groups))
            wanted = self.per_epoch * self.groups
            order = np.resize(order, (wanted, self.group))  # cut, or begun again in a very small set
            self._epoch = epoch, order.reshape(self.per_epoch, self.groups, self.group)
        return self._epoch[1]

    def _references(self, positions: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows of a pool of references, each picture's place in it (-1: none), which of the pool are aligned."""
        names, shares = list(self.conditions), np.array(list(self.conditions.values()), float)
        drawn = rng.choice(len(names), self.groups, p=shares / shares.sum())
        strange = rng.random(self.groups) < self.diet.strangers
        pool, aligned, index = [], [], np.full(len(positions), -1)
        own = self.faces.table["aligned"].to_numpy()
        for at in range(self.groups):
            members = slice(at * self.group, (at + 1) * self.group)
            condition = names[drawn[at]]
            if condition == "aligned" and (own[positions[members]] < 0).all():
                condition = "realistic"  # a person of a set that has no aligned pictures
            if condition == "realistic":
                candidates = [self.faces.references[self.faces.rows[position]] for position in positions[members]]
                # one photograph for the group; a member may be that photograph's own view, which happens in life too
                found = next((rows for rows in candidates if len(rows)), ())
                if len(found):
                    index[members] = len(pool)
                    pool.append(self._stranger(positions[members.start], rng) if strange[at] else rng.choice(found))
                    aligned.append(False)
            elif condition == "aligned":
                for member in range(members.start, members.stop):
                    if own[positions[member]] >= 0:
                        index[member] = len(pool)
                        pool.append(own[positions[member]])
                        aligned.append(True)
        return np.array(pool, int), index, np.array(aligned, bool)

    def _stranger(self, position: int, rng: np.random.Generator) -> int:
        """A reference that belongs to somebody else; in a set of one person the own one."""
        others = np.flatnonzero((self.owner != self.owner[position]) & self.referable)
        donor = rng.choice(others) if len(others) else position
        return rng.choice(self.faces.references[self.faces.rows[donor]])

    def _pictures(self, positions: np.ndarray, geometry: Geometry, look: Look | None, covers: Covers | None) -> Batch:
        rows = self.faces.rows[positions]
        heat = torch.from_numpy(self.faces.heatmaps[rows]).float()[:, None] * HEAT_STEP
        known = self.faces.masks[rows] != UNKNOWN
        mask = torch.from_numpy(np.where(known, self.faces.masks[rows] + 1, 0)).float()[:, None]  # 0: unknown
        mask = warp(mask, geometry, self.map_size, mode="nearest")[:, 0].long() - 1
        target = warp(heat, geometry, self.map_size)[:, 0]
        target[torch.from_numpy(~known.any(axis=(1, 2)))] = torch.nan
        batch = {"heatmap_targets": target, "mask_targets": torch.where(mask < 0, -100, mask)}
        batch |= {name: torch.from_numpy(values) for name, values in self.faces.labels(positions).items()}
        if self.heat_input:
            levels = warp(heat, geometry, self.size) / (255 * HEAT_STEP)
            batch["pixel_values"] = (levels - float(self.mean[0])) / float(self.std[0])
        else:
            batch["pixel_values"], hidden = self._colour(rows, geometry, look, covers)
            if hidden is not None:  # a hand is no part of the face
                left = left_to_see(self.faces.landmarks[rows], geometry, hidden)
                batch["visible_targets"] = batch["visible_targets"] * left
                side = (self.map_size, self.map_size)
                hidden = F.interpolate(hidden[:, None], side, mode="bilinear", antialias=True)[:, 0]
                batch["mask_targets"] = batch["mask_targets"].masked_fill(hidden > 0.5, -100)
        return batch

    def _colour(
        self, rows: np.ndarray, geometry: Geometry, look: Look | None, covers: Covers | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Pictures [n, 3, S, S] for the model, and how much of each pixel is covered [n, S, S]."""
        packed = torch.from_numpy(self.faces.images[rows]).permute(0, 3, 1, 2).float() / 255
        pictures = warp(packed, geometry, self.size)
        hidden = covers.apply(pictures, geometry) if covers is not None else None
        if look is not None:
            pictures, hole = look.apply(pictures), look.hides(self.size)
            hidden = hole if hidden is None else torch.maximum(hidden, hole)
        mean, std = (torch.from_numpy(value)[:, None, None] for value in (self.mean, self.std))
        return (pictures - mean) / std, hidden
