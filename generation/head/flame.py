"""The head of the 3DPain paper: a FLAME model the user holds, behind the `Head` protocol.

FLAME's licence forbids shipping it, and its file carries neither action units nor our UVs. So its template is laid over
our average head: UVs, classes, scalp and landmarks are taken from the nearest points there, and every action unit is
fitted to FLAME's expression space (ridge least squares on the movement our rig makes). Eyeballs are our spheres in the
place of FLAME's. An identity is our person seen through FLAME's shape space: the likeliest shape coefficients for the
difference of that person's head from the average, so that age, gender, ethnicity, head size and asymmetry show as far
as that space can say them. Lids close as far as the expression space lets them; teeth and tongue are absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from threedpain import facs
from threedpain.errors import InvalidInput
from threedpain.generation.geometry import similarity
from threedpain.generation.records import MASK_CLASSES, PARTS, Identity

from .bust import Bust, Topology
from .cage import EYE, EYEBALL_COUNT, CageHead, sphere
from .flame_file import read_flame
from .lids import Lids
from .lips import Lips
from .model import HeadModel
from .motion import landmarks, settle
from .rig import rig
from .teeth import Teeth

SHAPES = 300  # FLAME 2020 and 2023: shape coefficients come first in `shapedirs`, expressions after them
SPOT = 2e-3  # metres: how far a nearest point may be off, against coefficients of standard deviation 1
RIDGE = 1e-3  # of the expression fit, relative to its largest squared singular value
STILL = 0.05  # mm: fitted fields below are noise and set to zero


class FlameHeadModel(CageHead):
    """Draws people as the shipped head does and shows each as near as FLAME's shape space comes to them."""

    @staticmethod
    def load(path: str | Path | None, average: Identity) -> FlameHeadModel:
        """Read a FLAME file (.pkl, .npz or .safetensors); it is checked and never executed. `average`: as below."""
        return FlameHeadModel(read_flame(path), average)

    def __init__(self, flame: dict[str, np.ndarray], average: Identity) -> None:
        """`average`: the person whose head is the average adult's (`people.identity.average_identity`)."""
        ours = HeadModel.load()
        mean = ours(average)
        faces = flame["f"].astype(np.int64)
        total = flame["shapedirs"].shape[2]
        if total <= 10:
            raise InvalidInput(f"a FLAME model has shape and expression directions, this one has {total} in all")
        shapes = min(SHAPES, total * 3 // 4)
        head, balls = _components(faces, flame["v_template"])
        turn, scale, shift = _align(flame["v_template"][head].astype(np.float64), mean)
        skin = _fold(faces, head)
        template = scale * flame["v_template"][head] @ turn.T + shift
        directions = scale * np.einsum("vdk,ed->vek", flame["shapedirs"], turn)

        cage = template.astype(np.float32)
        action_names = tuple(
            f"{unit}{side}"
            for unit, facts in facs.ACTION_UNITS.items()
            for side in (("L", "R") if facts.sided else ("",))
        )
        partner = cKDTree(mean.vertices[: ours.skin_count]).query(cage)[1]
        topology = _topology(ours, mean, cage, skin, partner)
        front, spacing = _front(cage, skin, topology)
        super().__init__(
            shape_names=ours.shape_names,
            action_names=action_names,
            cage=cage,
            smoothing=sp.identity(len(head), dtype=np.float32, format="csr"),
            actions=_fit(action_names, mean, partner, directions[head, :, shapes:]),
            front=front,
            front_spacing=spacing,
            lids=(Lids.none(), Lids.none()),
            lips=Lips.none(),
            teeth=Teeth.none(),
            neck_pivot=ours.neck_pivot,
            neck_weight=1 - np.clip(flame["weights"][head][:, 0], 0, 1),
            topology=topology,
        )
        self._ours, self._mean, self._partner = ours, mean.vertices[: ours.skin_count], partner
        self._directions = directions[head, :, :shapes].astype(np.float32)
        self._balls = [
            (scale * flame["v_template"][ball] @ turn.T + shift, directions[ball, :, :shapes]) for ball in balls
        ]
        flat = self._directions.reshape(-1, shapes).astype(np.float64)
        gram = flat.T @ flat + SPOT**2 * np.eye(shapes)
        self._likeliest = np.linalg.solve(gram, flat.T).astype(np.float32)  # [shapes, 3 C]

    def __call__(self, identity: Identity) -> Bust:
        """The identity's bust, its shape as near to our person's as FLAME's shape space allows."""
        head = self._ours.surface(self._ours.shaped(identity.shape)) - self._mean
        coefficients = (self._likeliest @ head[self._partner].ravel()).astype(np.float32)
        cage = self.cage + self._directions @ coefficients
        eyes = [template + moves @ coefficients for template, moves in self._balls]
        centres = np.array([points.mean(axis=0) for points in eyes], np.float32)
        radius = np.mean([np.linalg.norm(p - c, axis=1).mean() for p, c in zip(eyes, centres, strict=True)])
        return settle(self, identity, cage.astype(np.float32), centres, float(radius))

    def draw(
        self, seed: int, age: float, gender: str, ethnicity: str, phenotypes: Mapping[str, float], lean: float
    ) -> np.ndarray:
        """The shipped head's coefficients: `__call__` sees a person through them."""
        return self._ours.draw(seed, age, gender, ethnicity, phenotypes, lean)

    @cached_property
    def coarse(self) -> dict[str, np.ndarray]:
        """The mesh itself: there is no coarser one."""
        names = ("faces", "uvs", "face_uvs", "face_part", "face_class")
        return {"rows": np.arange(len(self.neck_weight))} | {name: getattr(self.topology, name) for name in names}


def _topology(ours: HeadModel, mean: Bust, cage: np.ndarray, skin: np.ndarray, partner: np.ndarray) -> Topology:
    """UVs, classes and landmarks from the nearest points of our average head; `partner` [C]: the nearest vertex."""
    topology, count = ours.topology, len(cage)
    outer = topology.face_part == PARTS.index("skin")
    corners = topology.faces[outer]
    triangles = cage[skin]
    nearest = cKDTree(mean.vertices[corners].mean(axis=1)).query(triangles.mean(axis=1))[1]
    uv_at = np.zeros((len(mean.vertices), 2), np.float32)
    uv_at[corners.ravel()] = topology.uvs[topology.face_uvs[outer]].reshape(-1, 2)
    mirror = cKDTree(cage).query(cage * [-1, 1, 1])[1]
    _, ball_faces, ball_uv = sphere()
    eyes = [count + side * EYEBALL_COUNT + ball_faces for side in (0, 1)]
    zeros = np.zeros(2 * EYEBALL_COUNT, np.float32)
    points = landmarks(topology, mean.vertices)
    found = cKDTree(triangles.mean(axis=1)).query(points)[1]
    spokes = topology.mirror[ours.skin_count :] - ours.skin_count
    return Topology(
        faces=np.concatenate([skin, *eyes]).astype(np.int32),
        uvs=np.concatenate([uv_at[partner], ball_uv]),
        face_uvs=np.concatenate([skin, *(2 * [count + ball_faces])]).astype(np.int32),
        face_part=np.repeat([0, *EYE], [len(skin), len(eyes[0]), len(eyes[1])]).astype(np.int8),
        face_class=np.r_[
            topology.face_class[outer][nearest], np.full(2 * len(ball_faces), MASK_CLASSES.index("eyes"))
        ].astype(np.int8),
        mirror=np.concatenate([mirror, count + spokes]).astype(np.int32),
        landmark_faces=found.astype(np.int32),
        landmark_barycentric=_barycentric(points, triangles[found]),
        **{name: np.concatenate([getattr(topology, name)[partner], zeros]) for name in ("body", "scalp", "beard")},
    )


def _front(cage: np.ndarray, skin: np.ndarray, topology: Topology) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the outer face, and the mesh's edge lengths there in metres."""
    count = len(cage)
    edges = np.concatenate([skin[:, [k, (k + 1) % 3]] for k in range(3)])
    length = np.linalg.norm(cage[edges[:, 0]] - cage[edges[:, 1]], axis=1)
    spacing = np.bincount(edges.ravel(), np.repeat(length, 2), count) / np.maximum(
        np.bincount(edges.ravel(), minlength=count), 1
    )
    outer = [MASK_CLASSES.index(name) for name in ("skin", "lips")]
    front = np.intersect1d(np.flatnonzero(cage[:, 2] > 0.01), skin[np.isin(topology.face_class[: len(skin)], outer)])
    return front, spacing[front].astype(np.float32)


def _fit(action_names: tuple[str, ...], mean: Bust, partner: np.ndarray, expressions: np.ndarray) -> np.ndarray:
    """Fields float32 [A, C, 3]: each unit's movement on our average head, in FLAME's expression space."""
    flat = expressions.reshape(-1, expressions.shape[2])
    gram = flat.T @ flat
    gram += RIDGE * np.linalg.eigvalsh(gram)[-1] * np.eye(len(gram))
    fields = []
    for name in action_names:
        maximum = facs.ACTION_UNITS[name.rstrip("LR")].maximum
        wanted = (rig(mean, {name: maximum}).vertices - mean.vertices)[partner]
        field = (flat @ np.linalg.solve(gram, flat.T @ wanted.ravel())).reshape(-1, 3)
        field[1000 * np.linalg.norm(field, axis=1) < STILL] = 0
        fields.append(field)
    return np.array(fields, np.float32)


def _components(faces: np.ndarray, vertices: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Vertices of the head, and of the left and the right eyeball, which are separate pieces of FLAME's mesh."""
    count = len(vertices)
    links = sp.coo_matrix((np.ones(3 * len(faces)), (faces.ravel(), np.roll(faces, 1, axis=1).ravel())), (count, count))
    labels = connected_components(links, directed=False)[1]
    sizes = np.argsort(-np.bincount(labels))
    if len(sizes) < 3:
        raise InvalidInput(f"a FLAME model has three pieces, the head and two eyeballs; this mesh has {len(sizes)}")
    head, *eyes = (np.flatnonzero(labels == label) for label in sizes[:3])
    return head, sorted(eyes, key=lambda rows: -vertices[rows, 0].mean())


def _fold(faces: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The faces among `rows`, renumbered."""
    index = np.full(faces.max() + 1, -1)
    index[rows] = np.arange(len(rows))
    return index[faces[(index[faces] >= 0).all(axis=1)]]


def _align(points: np.ndarray, mean: Bust) -> tuple[np.ndarray, float, np.ndarray]:
    """Rotation, scale and shift that lay FLAME's template over our average head: nose tip and crown, then ICP."""
    target = mean.vertices[: mean.model.skin_count].astype(np.float64)
    nose, crown = points[points[:, 2].argmax()], points[points[:, 1].argmax()]
    our_nose, our_crown = target[target[:, 2].argmax()], target[target[:, 1].argmax()]
    scale = (our_crown - our_nose)[1] / (crown - nose)[1]
    turn, shift = np.eye(3), our_nose - scale * nose
    tree = cKDTree(target)
    for _ in range(30):
        placed = scale * points @ turn.T + shift
        distance, nearest = tree.query(placed)
        close = distance <= max(np.percentile(distance, 70), 1e-6)
        scale, turn, shift = similarity(points[close], target[nearest[close]])
    return turn, scale, shift


def _barycentric(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Barycentric coordinates [N, 3] of points projected on their triangles [N, 3, 3], clipped to these."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    normal = np.cross(b - a, c - a)
    square = np.maximum((normal**2).sum(axis=1), 1e-18)
    w1 = (np.cross(points - a, c - a) * normal).sum(axis=1) / square
    w2 = (np.cross(b - a, points - a) * normal).sum(axis=1) / square
    weights = np.clip(np.stack([1 - w1 - w2, w1, w2], axis=1), 0, 1)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
