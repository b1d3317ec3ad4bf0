"""`ScanHeadModel`: a head that is shaped and moves as scans of people are, on the topology of the head that ships.

`head-scan.safetensors` (made by `build.scan` from ICT-FaceKit) holds the mean of the scans, their shape modes and their
action-unit fields. Age, gender, ethnicity, weight and what scans lack (ears, skull, neck, folds of the lids) are
directions of `HeadModel` put on top, counted from the mix of people that the scans' mean stands for. A field is carried
to a person by that person's deformation: a longer nose moves longer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from safetensors.numpy import save_file

from threedpain.generation.compiling import njit
from threedpain.generation.geometry import quad_sides
from threedpain.generation.records import Identity
from threedpain.generation.seeds import child

from .asset import read_asset
from .cage import field_units
from .folds import eased, rising_edges
from .lips import closing
from .model import HeadModel, sparse_offsets
from .motion import landmarks
from .seen import seen
from .shape import sample_shape

LACKING = ("ear", "head-back", "neck-", "measure-neck", "measure-shoulder", "torso", "eye-bag", "eye-epicanthus")
WITHIN = 0.82  # the modes' share within a cell: scans hold the differences of age, sex and origin as well
CROOKED = 0.6  # share of the differences of left and right: the mesh of the lids and brows shows them more
FARTHEST = 2.2  # standard deviations of a mode
BASE_BROW = 1.3  # AU1 that `people.identity` gives to every face at rest, for the base mesh, whose inner brows hang
DAMPED = ("nose", "eye-", "l-eye-", "r-eye-")  # features in which cells differ more on the base head than scans do
DAMPING = 0.35
ORIGINS, NEARER = ("african", "asian", "caucasian"), 0.42  # the base head's origins differ more than scans of them do
# Directions of the base head put back: its lids hang lower than the scans', and its East Asian faces far more so.
OPENED = {"l-eye-height2-incr": 0.03, "r-eye-height2-incr": 0.03}
OPENED_EAST_ASIAN = {"l-eye-height2-incr": 0.15, "r-eye-height2-incr": 0.15, "eyebrows-trans-up": 0.3}
STIFF = 2e-6  # square metres: how little a neighbourhood says of directions in which it is flat
LEAST_SQUEEZE = 0.6  # of AU7: narrower eyes than the mean's narrow by less, or they would shut
FROWN, STEEP = (0.9, 1.2), 1.5  # of AU4, by the brows' room above the lids: they would lie on eyes that have little
ROUNDS = 8  # of smoothing a person's deformation


class ScanHeadModel(HeadModel):
    """Anny's topology and directions, with the mean, the modes and the movements of scans."""

    @staticmethod
    def load(path: str | Path | None = None) -> ScanHeadModel:
        """Read a scan asset; without a path, the one that ships. Loaded once a process."""
        if path is None:
            from threedpain.assets import weights

            path = weights("head-scan")
        return _load(str(path))

    def __init__(self, base: HeadModel, tensors: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
        """The head that ships, a scan asset's tensors and its metadata."""
        super().__init__(base.tensors, base.facts)
        self.scan_facts, self.scan_tensors, action_names = facts, tensors, tuple(facts["actions"])
        modes = sparse_offsets(tensors, "mode", len(self.cage))
        self.bones, count = len(base.shape_names), modes.shape[1]  # directions of the base head come first
        reference = tensors["reference"]
        self._reference = reference
        self._origins = np.array(
            [
                [base.shape_names.index(f"{origin}-{kind}") for origin in ORIGINS]
                for kind in ("male-young", "male-old", "female-young", "female-old")
            ]
        )
        self._damping = np.array([DAMPING if name.startswith(DAMPED) else 1.0 for name in base.shape_names])
        meet = closing(self.lips, self.smoothing, self.surface(tensors["mean"]))
        self.mean = tensors["mean"].copy()
        self.mean[:, 1] = meet @ self.mean[:, 1]
        self.base_reaches = base.reaches
        self.shapes = _met(sp.hstack([base.shapes, modes]).tocsr(), meet)
        self.cage = self.mean - (self.shapes[:, : self.bones] @ reference).reshape(-1, 3)
        self.shape_eyes = np.concatenate([base.shape_eyes, tensors["modes_eyes"]])
        self.eyes = tensors["eyes"] - np.tensordot(reference, base.shape_eyes, 1)
        self.base_names = base.shape_names
        self.shape_names = (*base.shape_names, *(f"scan-{k}" for k in range(count)))
        self.action_names, self.field_unit = action_names, field_units(action_names)
        self.actions = (
            sparse_offsets(tensors, "action", len(self.cage)).toarray().T.reshape(len(action_names), -1, 3).copy()
        )
        self._moving = np.flatnonzero(np.abs(self.actions).max(axis=(0, 2)) > 0)
        rows = (3 * self._moving[:, None] + np.arange(3)).ravel()
        self._gradient = _gradient(base.tensors["quads"].astype(np.int64), self.mean)[rows]
        self._crooked = tensors["mode_crooked"].astype(bool)
        self._opening = self._lids_apart()
        self._mean_opening = self._opening @ self.mean[:, 1]
        # what a corrective takes back of AU7 as well
        self._squeezing, self._lowering = (
            np.array([name.rstrip("LR").endswith(unit) for name in action_names]) for unit in ("AU7", "AU4")
        )
        own = base.tensors["lid_row"] < len(self.cage)
        self._free = np.ones(len(self.cage))
        np.minimum.at(self._free, base.tensors["lid_row"][own], 1 - base.tensors["lid_weight"][own].clip(0, 1))
        lowering = self.actions[self._lowering].sum(axis=0)
        self._edges = rising_edges(base.tensors["quads"].astype(np.int64), self.mean, lowering)
        self._mean_room = self._brow_room(self.surface(self.mean))

    def save_pretrained(self, folder: Path) -> None:
        """Write `head.safetensors` and `head-scan.safetensors`: the bytes they were loaded from."""
        super().save_pretrained(folder)
        save_file(dict(self.scan_tensors), folder / "head-scan.safetensors", {"head": json.dumps(self.scan_facts)})

    def draw(
        self, seed: int, age: float, gender: str, ethnicity: str, phenotypes: Mapping[str, float], lean: float
    ) -> np.ndarray:
        """Coefficients float32 [S] of the person of `seed`, as in `bust.Head.draw`."""
        cell = sample_shape(
            seed, age, gender, ethnicity, phenotypes, lean, self.base_names, self.base_reaches, self._own_chance
        )
        cell = self._reference + self._damping * (cell - self._reference)
        origins = cell[self._origins]
        alike = origins.mean(axis=1, keepdims=True)
        cell[self._origins] = alike + NEARER * (origins - alike)
        for opened in (OPENED, OPENED_EAST_ASIAN if ethnicity == "east_asian" else {}):
            for name, more in opened.items():
                cell[self.base_names.index(name)] += more
        cell = cell + seen(seed, age, gender, self.base_names, self.base_reaches)
        own = child(seed, "scan").standard_normal(len(self._crooked)).clip(-FARTHEST, FARTHEST)
        own = WITHIN * own * np.where(self._crooked, CROOKED * lean, 1.0)
        return np.concatenate([cell, own]).astype(np.float32)

    @staticmethod
    def _own_chance(name: str) -> float:
        return 1.0 if name.startswith(LACKING) else 0.0

    def resting(self, identity: Identity) -> dict[str, float]:
        """The person's resting face without what only the base mesh needs."""
        rest = dict(identity.resting)
        if "AU1" in rest:
            rest["AU1"] = max(rest["AU1"] - BASE_BROW, 0.0)
        if "AU7" in rest:
            rest["AU7"] *= 0.4  # its field is twice the base head's
        return rest

    def fields(self, identity: Identity, cage: np.ndarray, surface: np.ndarray) -> np.ndarray:
        """The fields float32 [A, C, 3] of a person with this `cage` [C, 3]: each turned and stretched as the person's
        head is against the mean."""
        local = (self._gradient @ (cage - self.mean)).reshape(-1, 3, 3)  # [moving, along, of]
        opening = self._opening @ cage[:, 1] / self._mean_opening
        share = np.ones(len(self.actions), np.float32)
        share[self._squeezing] = np.clip(opening, LEAST_SQUEEZE, 1)
        share[self._lowering] = np.clip((self._brow_room(surface) / self._mean_room) ** STEEP, *FROWN)
        return _carried(self.actions, self._moving, local.clip(-0.45, 0.45).astype(np.float32), share)

    def eased(self, identity: Identity, cage: np.ndarray, fields: np.ndarray) -> np.ndarray:
        """Frowns at E that lay no brow over the eye, beside a wrinkled nose too: `folds.eased`."""
        out, amount = fields.copy(), identity.gain.get("AU4", 1.0)
        if not amount:  # who cannot frown folds nothing
            return out
        for side in "LR":
            frown, wrinkled = (self.action_names.index(unit + side) for unit in ("AU4", "AU9"))
            out[frown] = eased(fields[frown], fields[wrinkled], cage, self._edges, self._free, amount)
        return out

    def _brow_room(self, surface: np.ndarray) -> float:
        """How high the brows' middles lie above the upper lids' on a smooth surface [N, 3], both sides' mean."""
        marks = landmarks(self.topology, surface)[:, 1]
        return float(marks[[18, 19, 20, 23, 24, 25]].mean() - marks[[37, 38, 43, 44]].mean())

    def _lids_apart(self) -> np.ndarray:
        """[C]: heights (y) of a cage -> how far the lids are apart in their middle third, both eyes' mean."""
        upper, lower = (
            self.smoothing[np.concatenate([rows[len(rows) // 3 : -len(rows) // 3] for rows in margins])].mean(axis=0)
            for margins in zip(*((eye.upper, eye.lower) for eye in self.lids), strict=True)
        )
        return np.asarray(upper - lower).ravel()


@njit(cache=True, nogil=True)
def _carried(actions, moving, local, share):
    """`actions` [A, C, 3], each times its `share` [A], turned and stretched at the points `moving` [M] by `local`
    [M, along, of]; the others stay 0."""
    out = np.zeros_like(actions)
    for a in range(len(actions)):
        for m in range(len(moving)):
            row = moving[m]
            x, y, z = actions[a, row, 0], actions[a, row, 1], actions[a, row, 2]
            for k in range(3):
                turned = x * local[m, 0, k] + y * local[m, 1, k] + z * local[m, 2, k]
                out[a, row, k] = share[a] * (actions[a, row, k] + turned)
    return out


def _met(shapes: sp.csr_matrix, meet: sp.csr_matrix) -> sp.csr_matrix:
    """Shapes [3 C, S] that do not part the lips, by `lips.closing`."""
    count = meet.shape[0]
    change = (meet - sp.identity(count)).tocoo()
    rows = sp.coo_matrix((change.data, (3 * change.row + 1, 3 * change.col + 1)), (3 * count, 3 * count)).tocsr()
    return (shapes + rows @ shapes).tocsr().astype(np.float32)


def _gradient(quads: np.ndarray, cage: np.ndarray) -> sp.csr_matrix:
    """[3 C, C]: displacements [C, 3] of a cage -> their gradient, three rows a vertex, least squares over its edges
    and smoothed over neighbours."""
    count = len(cage)
    ends = np.unique(np.sort(quad_sides(quads), axis=1), axis=0)
    ends = np.concatenate([ends, ends[:, ::-1]])
    edge = cage[ends[:, 1]] - cage[ends[:, 0]]
    normal = np.zeros((count, 3, 3))
    np.add.at(normal, ends[:, 0], edge[:, :, None] * edge[:, None])
    degree = np.bincount(ends[:, 0], minlength=count)
    near = sp.coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (count, count)).tocsr()
    near = sp.diags(1 / (degree + 1)) @ (near + sp.identity(count))
    blur = sp.identity(count, format="csr")
    for _ in range(ROUNDS):
        blur = near @ blur
    blur.data[blur.data < 1e-3] = 0
    blur.eliminate_zeros()
    wide = (blur @ normal.reshape(count, 9)).reshape(count, 3, 3)
    solved = np.linalg.inv(wide + STIFF * np.eye(3))
    # gradient = inverse(blurred sum of edge edge^T) . blurred sum of edge (difference along the edge)
    rows = np.repeat(3 * ends[:, 0], 3) + np.tile(np.arange(3), len(ends))
    sums = sp.coo_matrix((edge.ravel(), (rows, np.repeat(ends[:, 1], 3))), (3 * count, count))
    sums = (sums - sp.coo_matrix((edge.ravel(), (rows, np.repeat(ends[:, 0], 3))), (3 * count, count))).tocsr()
    wide_blur = sp.kron(blur, sp.identity(3), format="csr")
    blocks = sp.bsr_matrix((solved, np.arange(count), np.arange(count + 1)), (3 * count, 3 * count))
    return (blocks @ (wide_blur @ sums)).tocsr().astype(np.float32)


@lru_cache(maxsize=4)
def _load(path: str) -> ScanHeadModel:
    return ScanHeadModel(HeadModel.load(), *read_asset(path, "scan head", "threedpain.generation.head.build.scan"))
