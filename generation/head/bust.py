"""A head and its busts: what any head model gives, one person's neutral head, and a face with an expression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import scipy.sparse as sp

from threedpain.generation.records import Identity

from .lids import Lids
from .lips import Lips
from .teeth import Teeth


@dataclass(frozen=True)
class Topology:
    """What all busts share. UVs (u right, v up): skin 0..1 over the upright 1384 x 768 skin crop; skin below the crop
    (neck, shoulders, chest) has `body` = 1 and takes the neck's tone. Eyeballs: polar, (0.5, 0.5) is the pupil and the
    angle from the optical axis is 360 degrees x the distance from it. Lashes: u 0..0.5 along the lower strips, 0.5..1
    along the upper, v 0 at the lid .. 1. Teeth and tongue have their own 0..1 squares. Skin of class mouth or eyes lies
    inside the mouth and behind the eyeballs."""

    faces: np.ndarray  # int32 [F, 3]
    uvs: np.ndarray  # float32 [T, 2]
    face_uvs: np.ndarray  # int32 [F, 3]
    face_part: np.ndarray  # int8 [F], index into PARTS
    face_class: np.ndarray  # int8 [F], index into MASK_CLASSES (brows and hair come from textures, not from here)
    mirror: np.ndarray  # int32 [V]: the vertex on the other side
    body: np.ndarray  # float32 [V], 0 on the head's UV island .. 1 beyond it
    scalp: np.ndarray  # float32 [V], 0..1 where head hair may grow
    beard: np.ndarray  # float32 [V], 0..1 where a beard may grow
    landmark_faces: np.ndarray  # int32 [68], iBUG order
    landmark_barycentric: np.ndarray  # float32 [68, 3]


class Head(Protocol):
    """A head model: it draws the shape of people, gives their busts, makes their surface and moves it.

    An identity's `shape` belongs to the head that drew it. Implementations: `model.HeadModel` (Anny's, which ships),
    `scan.ScanHeadModel` and `flame.FlameHeadModel`; `cage.CageHead` has what follows from a cage.

    C cage vertices, N vertices of the smooth surface (skin, teeth, tongue, lashes), V of the bust (the eyeballs
    follow), A fields, S shapes.
    """

    shape_names: tuple[str, ...]  # [S]: of the coefficients an identity brings, `Identity.shape`
    action_names: tuple[str, ...]  # [A], e.g. "AU12L", "AU9*AU10", "gazeUpR"
    actions: np.ndarray  # float32 [A, C, 3], metres at full movement
    field_unit: np.ndarray  # int [A]: the row of facs.ACTION_UNITS whose regions hold the field
    front: np.ndarray  # int64: cage vertices of the outer face
    front_spacing: np.ndarray  # metres, the mesh's edge lengths there
    lids: tuple[Lids, Lids]
    lips: Lips
    teeth: Teeth
    neck_pivot: np.ndarray  # [3]

    @property
    def front_lip(self) -> np.ndarray:
        """Where `front` belongs: 1 upper lip, -1 lower lip, 0 elsewhere."""

    @property
    def lashes(self) -> np.ndarray:
        """1 on the points of the smooth surface that are upper lashes, -1 on lower ones, else 0: int8 [N]."""

    @property
    def neck_weight(self) -> np.ndarray:
        """float32 [V]: 1 moves with the skull, 0 stays with the shoulders."""

    @property
    def skin_count(self) -> int:
        """N."""

    @property
    def skin_vertices(self) -> np.ndarray:
        """float32 [V]: 1 on the outer skin."""

    @property
    def topology(self) -> Topology:
        """What all its busts share."""

    @property
    def coarse(self) -> dict[str, np.ndarray]:
        """The unsubdivided mesh for light exports."""

    def __call__(self, identity: Identity) -> Bust:
        """The identity's bust, resting face included."""

    def draw(
        self, seed: int, age: float, gender: str, ethnicity: str, phenotypes: Mapping[str, float], lean: float
    ) -> np.ndarray:
        """Coefficients float32 [S] of the person of `seed`, in the order of `shape_names`. Chance comes from
        `seeds.child` alone; `lean` scales every difference of left and right (0 symmetric, 1 as people are);
        `phenotypes` are `people.identity`'s, for heads that follow them."""

    def fields(self, identity: Identity, cage: np.ndarray, surface: np.ndarray) -> np.ndarray:
        """The fields float32 [A, C, 3] as the person moves them whose cage [C, 3] and smooth surface these are."""

    def eased(self, identity: Identity, cage: np.ndarray, fields: np.ndarray) -> np.ndarray:
        """The person's fields float32 [A, C, 3], manner included, so that none folds the skin over itself."""

    def resting(self, identity: Identity) -> Mapping[str, float]:
        """The action units of the person's face at rest, on this head."""

    def surface(self, cage: np.ndarray) -> np.ndarray:
        """[..., C, 3] on cages -> float32 [..., N, 3] on smooth surfaces."""

    def eyeballs(self, centres: np.ndarray, radius: float, turn: np.ndarray | None = None) -> np.ndarray:
        """Both eyeballs' vertices float32 [2 E, 3]."""


@runtime_checkable
class LinearHead(Head, Protocol):
    """A head whose cage and eyes are linear in the shape: what gradients by shape need (`differentiable`)."""

    cage: np.ndarray  # float32 [C, 3]: of coefficients 0
    shapes: sp.csr_matrix  # float32 [3 C, S]
    smoothing: sp.csr_matrix  # float32 [N, C]: the cage's points -> the smooth surface's
    eyes: np.ndarray  # [2, 4]: centre and radius of the left and the right eyeball
    shape_eyes: np.ndarray  # [S, 2, 4]


@dataclass(frozen=True)
class Anatomy:
    """What moves a person's face: all of a bust but the neutral vertices that follow from it."""

    identity: Identity
    model: Head  # shared; turns the cage into the smooth surface
    topology: Topology
    cage: np.ndarray  # float32 [C, 3], the coarse mesh of skin and mouth, without expression
    basis: np.ndarray  # float32 [A, C, 3], offsets of the cage by facial action, Head.action_names order
    rest: np.ndarray  # float64 [2, U]: movement shares of the resting face, left and right, facs.ACTION_UNITS order
    range: np.ndarray  # float64 [2, U]: how far the person moves each unit on either side, around 1
    lids: tuple[Lids, Lids]  # left, right; fitted to this person's eyes
    eye_centres: np.ndarray  # float32 [2, 3], left, right
    eye_radius: float
    neck_pivot: np.ndarray  # float32 [3]
    neck_weight: np.ndarray  # float32 [V]: 1 moves with the head, 0 stays with the shoulders


@dataclass(frozen=True)
class Bust(Anatomy):
    """An identity's neutral head and the offsets its facial actions cause."""

    vertices: np.ndarray  # float32 [V, 3], head frame, resting face; skin and mouth first, then the two eyeballs


@dataclass(frozen=True)
class Face:
    """A bust with an expression: what the renderer draws."""

    bust: Bust
    action_units: Mapping[str, float]
    vertices: np.ndarray  # float32 [V, 3], head frame, head pose applied
    heat: np.ndarray  # float32 [V], mm moved by the PSPI action units alone
    wrinkles: np.ndarray  # float32 [len(WRINKLES)], 0..1 depth of each wrinkle map
    head_pose: np.ndarray  # float32 [3, 4]: rigid motion of the skull relative to the bust, [R | t]
    head_angles: tuple[float, float, float] = (0.0, 0.0, 0.0)  # yaw, pitch, roll in degrees
    gaze: tuple[float, float] = (0.0, 0.0)  # degrees left, up
