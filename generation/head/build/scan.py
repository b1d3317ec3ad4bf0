"""Fit the head that moves like scans: `python -m threedpain.generation.head.build.scan --ict FOLDER --out FILE`.

FOLDER is a clone of the public repository of ICT-FaceKit (MIT), or holds its arrays as model.npz. Its mean head, shape
modes and expressions are transferred to the topology of the head that ships (`head.build`, built before): what is
written holds that mean, the modes and the action-unit fields alone.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from safetensors.numpy import save
from scipy.spatial import cKDTree

from threedpain.demographics import ETHNICITIES
from threedpain.errors import ThreeDPainError
from threedpain.generation.geometry import quad_sides, smoothstep
from threedpain.generation.head.model import HeadModel
from threedpain.generation.head.shape import macro_weights, sample_phenotypes, sample_shape
from threedpain.generation.records import MASK_CLASSES, PARTS
from threedpain.generation.seeds import child

from .ict import EYEBALLS, GLOBE, TEETH, Scans, read_scans
from .mesh import harmonic, packed
from .regions import LANDMARKS, SITES, landmarks
from .register import Registration, register
from .scan_units import SMOOTHED, scan_fields

TORN = 0.45  # where the offset changes by more than this share of an edge, the counterparts are mistaken (nostrils)
NEAR = 0.0025  # metres: what lies further from the scans has no counterpart there
MIDLINE = 0.008  # metres: half the width in which one side gives way to the other
KEPT = 0.98  # share of the variance that the shape modes carry
STILL = 3e-5  # metres: smaller offsets are dropped
Fields = dict[str, np.ndarray]  # by name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ict", type=Path, required=True, help="a clone of ICT-FaceKit, or a folder with model.npz")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    options = parser.parse_args()
    try:
        scans = read_scans(options.ict)
    except ThreeDPainError as problem:
        parser.error(str(problem))
    asset = build(scans)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(asset)
    print(f"{options.out}: {len(asset) / 1e6:.2f} MB, sha256 {hashlib.sha256(asset).hexdigest()}")


def build(scans: Scans, unit_fields: Callable[[Fields], Fields] = scan_fields) -> bytes:
    """The asset; `unit_fields` makes the units' fields [C, 3] of the scans' expressions at weight 1."""
    transfer = Transfer(HeadModel.load(), scans)
    mean = transfer.mean()
    modes, modes_eyes, crooked = transfer.modes()
    expressions = {name: transfer.field(offsets) for name, offsets in scans.expressions.items()}
    fields = transfer.mirrored(transfer.settled(unit_fields(expressions)))
    names = list(fields)
    tensors = {
        "mean": mean.astype(np.float32),
        "eyes": transfer.eyes(scans.vertices, transfer.fit.places).astype(np.float32),
        "modes_eyes": modes_eyes.astype(np.float32),
        "mode_crooked": crooked.astype(np.int8),
        "reference": reference_shape(transfer.head),
        **packed("mode", modes, _moved),
        **packed("action", fields.values(), _moved),
    }
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(tensors[key]).tobytes() for key in sorted(tensors)))
    facts = {
        "format": "threedpain-head-scan-1",
        "licence": "MIT (ICT-FaceKit, University of Southern California); CC0-1.0 topology",
        "modes": len(modes),
        "actions": names,
        "sha256": digest.hexdigest(),
    }
    distance = 1000 * transfer.fit.distance[np.isin(transfer.outer, transfer.head.front)]
    print(f"registration: median {np.median(distance):.3f} mm, 95 % under {np.percentile(distance, 95):.2f} mm")
    return save(tensors, metadata={"head": json.dumps(facts)})


class Transfer:
    """The scans seen at the vertices of our cage."""

    def __init__(self, head: HeadModel, scans: Scans) -> None:
        self.head, self.scans = head, scans
        topology, tensors = head.topology, head.tensors
        self.average = head.shaped(average_shape(head)).astype(np.float64)
        surface = head.surface(self.average).astype(np.float64)
        self.count = len(self.average)
        outer = np.isin(topology.face_class, [MASK_CLASSES.index(n) for n in ("skin", "ears", "neck", "lips")])
        faces = topology.faces[outer & (topology.face_part == PARTS.index("skin"))].astype(np.int64)
        rows = np.unique(faces)
        self.outer = rows[rows < self.count]  # the cage's vertices are the surface's first
        found = landmarks(tensors, SITES | {k: LANDMARKS[k] for k in range(17, 22)})
        corners = surface[topology.faces[found["landmark_faces"]]]
        self.landmarks = np.einsum("lkd,lk->ld", corners, found["landmark_barycentric"])
        self.fit: Registration = register(scans, surface, faces, self.outer, self.landmarks)

        quads, kinds = tensors["quads"].astype(np.int64), tensors["quad_class"]
        parts = tensors["quad_part"]
        loose = np.zeros(self.count, bool)
        loose[quads[kinds == MASK_CLASSES.index("ears")]] = True
        low = self.landmarks[8, 1]
        self.fade = smoothstep(self.average[:, 1], low - 0.07, low - 0.03)  # the neck comes to rest on our shoulders
        firm = (self.fit.distance < NEAR) & ~loose[self.outer] & (self.fade[self.outer] > 0)
        self.skin = quads[parts == PARTS.index("skin")]
        firm &= ~self._torn()[self.outer]
        self.firm = np.flatnonzero(firm)  # places in `outer`
        shoulders = np.setdiff1d(np.flatnonzero(self.fade == 0), self.outer[firm])
        self.fixed = np.concatenate([self.outer[firm], np.intersect1d(shoulders, np.unique(self.skin))])
        self.members = {
            name: np.unique(quads[parts == PARTS.index(name)])
            for name in ("teeth_upper", "teeth_lower", "tongue", "lashes")
        }
        visible = self.outer[firm]
        self.lid_of = visible[cKDTree(self.average[visible]).query(self.average[self.members["lashes"]])[1]]
        self.flip = tensors["mirror"].astype(np.int64)

    def _torn(self) -> np.ndarray:
        """bool [C]: vertices, and their neighbours, whose counterparts lie apart as the vertices do not."""
        ends = quad_sides(self.skin)
        place = np.full(self.count, -1)
        place[self.outer] = np.arange(len(self.outer))
        ends = ends[(place[ends] >= 0).all(axis=1)]
        found = np.einsum("pk,pkd->pd", self.fit.weights, self.fit.places(self.scans.vertices)[self.fit.corners])
        offset = found - self.head.surface(self.average)[self.outer]
        apart = np.linalg.norm(offset[place[ends[:, 0]]] - offset[place[ends[:, 1]]], axis=1)
        length = np.linalg.norm(self.average[ends[:, 0]] - self.average[ends[:, 1]], axis=1)
        torn = np.zeros(self.count, bool)
        torn[ends[apart > TORN * length + 3e-4]] = True
        wider = torn.copy()
        wider[ends[torn[ends].any(axis=1)]] = True
        return wider

    def spread(self, values: np.ndarray, teeth: dict[str, np.ndarray]) -> np.ndarray:
        """Offsets [C, 3] from those at `firm` [.., 3]: smooth where the scans have no counterpart."""
        out = np.zeros((self.count, 3))
        out[self.outer[self.firm]] = values * self.fade[self.outer[self.firm], None]
        out = harmonic(self.skin, self.fixed, out)
        out[self.members["lashes"]] = out[self.lid_of]
        for name, offsets in teeth.items():
            out[self.members[name]] = offsets
        firm = self.outer[self.firm]
        wanted = out[firm].copy()
        for _ in range(3):  # the smooth surface rounds off: the cage goes a little further
            out[firm] += wanted - self.head.surface(out)[firm]
        return out

    def mean(self) -> np.ndarray:
        """The scans' mean [C, 3] on our cage, symmetric."""
        placed = self.fit.places(self.scans.vertices)
        offset = self.fit.places(np.einsum("pk,pkd->pd", self.fit.weights, self.scans.vertices[self.fit.corners]))
        offset = (offset - self.head.surface(self.average)[self.outer])[self.firm]
        upper, lower = (
            _edge(placed[TEETH[name]], sign) - _edge(self.average[self.members[f"teeth_{name}"]], sign)
            for name, sign in (("upper", -1), ("lower", 1))
        )
        spread = self.spread(offset, {"teeth_upper": upper, "teeth_lower": lower, "tongue": lower})
        return self.average + self.even(spread)

    def field(self, offsets: np.ndarray) -> np.ndarray:
        """A field [V, 3] of the scans as offsets [C, 3], metres. Teeth move as rigid bodies."""
        teeth = {}
        placed = self.fit.places(self.scans.vertices)
        for name, own in (("upper", ("teeth_upper",)), ("lower", ("teeth_lower", "tongue"))):
            points = placed[TEETH[name]]
            moved = self.fit.scale * offsets[TEETH[name]] @ self.fit.turn.T
            motion = np.linalg.lstsq(np.c_[points, np.ones(len(points))], moved, rcond=None)[0]
            for part in own:
                rows = self.average[self.members[part]]
                teeth[part] = np.c_[rows, np.ones(len(rows))] @ motion
        return self.spread(self.fit.offsets(offsets)[self.firm], teeth)

    def modes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Shape modes [K, C, 3], what they do to the eyes [K, 2, 4], and bool [K]: a difference of left and right."""
        offsets = np.stack([self.field(mode) for mode in self.scans.identities])
        rest = self.eyes(self.scans.vertices, self.fit.places)
        eyes = np.stack([self.eyes(self.scans.vertices + m, self.fit.places) - rest for m in self.scans.identities])
        swapped = eyes[:, ::-1] * np.array([-1, 1, 1, 1])
        found = []
        for sign in (1, -1):
            half = (offsets + sign * self.swap(offsets)) / 2
            half_eyes = (eyes + sign * swapped) / 2
            mixing, size, _ = np.linalg.svd(half.reshape(len(half), -1), full_matrices=False)
            turned = np.tensordot(mixing.T, half, 1), np.tensordot(mixing.T, half_eyes, 1)
            found += [(s, mode, eye, sign < 0) for s, mode, eye in zip(size, *turned, strict=True)]
        found.sort(key=lambda item: -item[0])
        share = np.cumsum([item[0] ** 2 for item in found]) / sum(item[0] ** 2 for item in found)
        kept = found[: int(np.searchsorted(share, KEPT)) + 1]
        return tuple(np.stack([item[k] for item in kept]) for k in (1, 2, 3))

    def eyes(self, vertices: np.ndarray, places) -> np.ndarray:
        """Centre and radius [2, 4] of the eyeballs: spheres through their backs, which bear no cornea."""
        out = []
        for rows in EYEBALLS:
            points = places(vertices[rows][:GLOBE])
            back = points[points[:, 2] < np.median(points[:, 2])]
            solved = np.linalg.lstsq(np.c_[2 * back, np.ones(len(back))], (back**2).sum(axis=1), rcond=None)[0]
            out.append([*solved[:3], np.sqrt(solved[3] + solved[:3] @ solved[:3])])
        return np.array(out)

    def swap(self, offsets: np.ndarray) -> np.ndarray:
        """Offsets [.., C, 3] of the mirrored head."""
        return offsets[..., self.flip, :] * np.array([-1, 1, 1])

    def even(self, offsets: np.ndarray) -> np.ndarray:
        return (offsets + self.swap(offsets)) / 2

    def settled(self, fields: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Fields [C, 3] without torn corners of the mouth, and without the upper lid in AU43: `lids` closes that."""
        tensors = self.head.tensors
        upper = np.zeros(self.count)
        own = tensors["lid_row"] < self.count
        np.maximum.at(upper, tensors["lid_row"][own], tensors["lid_weight"][own].clip(0, 1))
        ends = quad_sides(self.skin)
        near = sp.coo_matrix((np.ones(len(ends)), ends.T), (self.count, self.count)).tocsr()
        near = (near + near.T > 0).astype(float)
        degree = np.asarray(near.sum(axis=1)).ravel()
        out = {}
        for name, field in fields.items():
            unit = name.rstrip("LR")
            out[name] = field * (1 - upper)[:, None] if unit == "AU43" else field
            for _ in range(SMOOTHED.get(unit, 0)):
                around = (near @ out[name]) / np.maximum(degree, 1)[:, None]
                out[name] = np.where(degree[:, None] > 0, (out[name] + around) / 2, out[name])
        return out

    def mirrored(self, fields: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Left fields as the mirror images of the right ones; both sides' sum is split softly at the midline."""
        half = 0.5 + 0.5 * np.tanh(self.average[:, :1] / MIDLINE)
        split = {"L": half, "R": half[self.flip]}
        out = {}
        for name, field in fields.items():
            other = {"L": name[:-1] + "R", "R": name[:-1] + "L"}.get(name[-1], name)
            out[name] = self.even(field) if other == name else self.even(field + fields[other]) * split[name[-1]]
        return out


def average_shape(head: HeadModel) -> np.ndarray:
    """Coefficients of the average adult, on whom the landmarks were placed."""
    thirds = dict.fromkeys(("african", "asian", "caucasian"), 1 / 3)
    weights = macro_weights({"gender": 0.5, "age": 2 / 3, "muscle": 0.5, "weight": 0.5} | thirds)
    return np.array([weights.get(name, 0.0) for name in head.shape_names], np.float32)


def reference_shape(head: HeadModel) -> np.ndarray:
    """Coefficients of the people for whom the scans' mean stands: adults of 20 to 45 years, three of five men."""
    people = []
    for ethnicity, gender, age in itertools.product(ETHNICITIES, ("male",) * 3 + ("female",) * 2, (21, 27, 33, 39, 45)):
        seed = len(people)
        traits = sample_phenotypes(child(seed, "phenotypes"), age, gender, ethnicity)
        people.append(
            sample_shape(seed, age, gender, ethnicity, traits, 0.0, head.shape_names, head.reaches, lambda feature: 0.0)
        )
    return np.mean(people, axis=0).astype(np.float32)


def _edge(teeth: np.ndarray, sign: int) -> np.ndarray:
    """The cutting edge of the middle incisors: lowest (-1) or highest (1) points of the front."""
    middle = teeth[np.abs(teeth[:, 0]) < 0.008]
    front = middle[middle[:, 2] > middle[:, 2].max() - 0.004]
    height = front[:, 1] * sign
    return front[height > height.max() - 0.001].mean(axis=0) * [0, 1, 1]


def _moved(field: np.ndarray) -> np.ndarray:
    """Which vertices [C] go farther than `STILL`."""
    return np.linalg.norm(field, axis=1) > STILL


if __name__ == "__main__":
    main()
