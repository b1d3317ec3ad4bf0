"""How far the action units of the scan head agree with the scans they come from, on the mean person.

For each unit at its strongest the rig's displacement is set against the scans' own expression, read afresh at the
nearest places of the scans' surface (not through the build's transfer). What is printed: the cosine of the two fields;
the overlap (intersection over union) of the area that moves more than a tenth of the field's most; the strain against
the scans' at equal amplitude; how far both sides differ in millimetres; and the largest step back anywhere while the
intensity grows. All are weighted by area and taken over the face, eyes and inside of the mouth left out.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from threedpain import facs
from threedpain.generation.geometry import vertex_normals
from threedpain.generation.head.build.ict import FACE, Scans
from threedpain.generation.head.build.register import Registration, closest
from threedpain.generation.head.bust import Bust
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import average_identity
from threedpain.generation.records import MASK_CLASSES, PARTS

# What each unit is on the scans: sums of their expressions at weight 1, whatever the build mixes into the unit.
EXPRESSIONS = {
    "AU1": ("browInnerUp",),
    "AU2": ("browOuterUp",),
    "AU4": ("browDown",),
    "AU6": ("cheekSquint", "cheekRaiser"),
    "AU7": ("eyeSquint",),
    "AU9": ("noseSneer",),
    "AU10": ("mouthUpperUp",),
    "AU12": ("mouthSmile",),
    "AU15": ("mouthFrown",),
    "AU17": ("mouthShrugLower",),
    "AU20": ("mouthStretch",),
    "AU26": ("jawOpen",),
    "AU43": ("eyeBlink",),
}
COSINE, OVERLAP, STRAIN, SIDES, BACK = 0.9, 0.7, 1.3, 0.1, 0.02  # the last two in mm
MOVED = 0.1  # of the field's most (its 99.9th percentile by area)
NEAR = 0.0015  # metres from the scans' surface: what lies further has no counterpart


def mean_person(head: ScanHeadModel) -> Bust:
    """The scans' mean at rest: symmetric, with nobody's own amplitude or manner."""
    nobody = np.concatenate([head.scan_tensors["reference"], np.zeros(len(head.shape_names) - len(head.base_names))])
    return head(dataclasses.replace(average_identity(), shape=nobody.astype(np.float32), resting={}))


class FieldAgreement:
    """The mean person's skin and where it lies on the scans."""

    def __init__(self, head: ScanHeadModel, scans: Scans, fit: Registration) -> None:
        self.bust, self.scans, self.fit = mean_person(head), scans, fit
        topology, at = self.bust.topology, self.bust.vertices.astype(np.float64)
        drawn = [MASK_CLASSES.index(name) for name in ("skin", "lips")]
        skin = np.isin(topology.face_class, drawn) & (topology.face_part == PARTS.index("skin"))
        faces = topology.faces[skin].astype(np.int64)
        rows = np.unique(faces)
        normals = vertex_normals(self.bust.vertices, faces.astype(np.int32))[rows].astype(np.float64)
        triangle, weights, _, distance = closest(at[rows], normals, fit.places(scans.vertices), scans.faces)
        corners = scans.faces[triangle]
        kept = (distance < NEAR) & (corners < FACE.stop).all(axis=1)
        self.rows, self.corners, self.weights = rows[kept], corners[kept], weights[kept]
        place = np.full(len(at), -1)
        place[self.rows] = np.arange(len(self.rows))
        inner = place[faces]
        inner = inner[(inner >= 0).all(axis=1)]
        a, b, c = np.moveaxis(at[self.rows][inner], 1, 0)
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
        self.area = np.zeros(len(self.rows))
        np.add.at(self.area, inner.ravel(), np.repeat(area / 3, 3))
        ends = np.sort(np.concatenate([inner[:, [0, 1]], inner[:, [1, 2]], inner[:, [2, 0]]]), axis=1)
        self.ends = np.unique(ends, axis=0)
        self.lengths = np.linalg.norm(at[self.rows][self.ends[:, 0]] - at[self.rows][self.ends[:, 1]], axis=1)
        self.mirror = topology.mirror

    def scanned(self, unit: str) -> np.ndarray:
        """The scans' field [R, 3] of a unit on both sides, metres."""
        table = self.scans.expressions
        names = [
            name if name in table else f"{name}_{side}"
            for name in EXPRESSIONS[unit]
            for side in (("",) if name in table else "LR")
        ]
        whole = sum(table[name].astype(np.float64) for name in names)
        return self.fit.scale * np.einsum("pk,pkd->pd", self.weights, whole[self.corners]) @ self.fit.turn.T

    def moved(self, units: dict[str, float]) -> np.ndarray:
        """The rig's displacement [V, 3], metres."""
        return rig(self.bust, units).vertices.astype(np.float64) - self.bust.vertices

    def strain(self, field: np.ndarray) -> float:
        """The 99th percentile over all edges of how much a field changes along an edge, per length."""
        change = np.linalg.norm(field[self.ends[:, 0]] - field[self.ends[:, 1]], axis=1) / self.lengths
        return float(np.percentile(change, 99))

    def measured(self, unit: str) -> dict[str, float]:
        maximum = facs.ACTION_UNITS[unit].maximum
        whole = self.moved({unit: maximum})
        ours, theirs, area = whole[self.rows], self.scanned(unit), self.area
        product = float((area[:, None] * ours * theirs).sum())
        theirs_squared = float((area[:, None] * theirs**2).sum())
        both = [_moving(field, area) for field in (ours, theirs)]
        steps = np.array([np.linalg.norm(self.moved({unit: maximum * k / 10})[self.rows], axis=1) for k in range(11)])
        swapped = whole[self.mirror] * [-1, 1, 1]
        scale = product / theirs_squared
        return {
            "amplitude": scale,
            "cosine": product / np.sqrt(theirs_squared * float((area[:, None] * ours**2).sum())),
            "overlap": float(area[both[0] & both[1]].sum() / area[both[0] | both[1]].sum()),
            "strain": self.strain(ours) / self.strain(scale * theirs),
            "sides": 1000 * float(np.abs(swapped - whole)[self.rows].max()),
            "back": max(0.0, -1000 * float(np.diff(steps, axis=0).min())),
            "peak": 1000 * float(np.linalg.norm(ours, axis=1).max()),
        }


def _moving(field: np.ndarray, area: np.ndarray) -> np.ndarray:
    size = np.linalg.norm(field, axis=1)
    order = np.argsort(size)
    share = np.cumsum(area[order]) / area.sum()
    most = size[order][min(int(np.searchsorted(share, 0.999)), len(order) - 1)]
    return size > MOVED * most


def field_report(head: ScanHeadModel, scans: Scans, fit: Registration) -> dict[str, dict[str, float]]:
    """Measures of every unit; printed beside their targets."""
    agreement = FieldAgreement(head, scans, fit)
    print(
        f"\nItem 3: fields of the mean person against the scans' at {len(agreement.rows)} places. Cosine at least "
        f"{COSINE}, overlap at least {OVERLAP}, strain at most {STRAIN} times theirs,\n"
        f"sides alike within {SIDES} mm, no step back over {BACK} mm while the intensity grows"
    )
    print("unit   peak mm  of weight 1  cosine overlap strain  sides mm  back mm")
    out = {}
    for unit in EXPRESSIONS:
        row = out[unit] = agreement.measured(unit)
        bad = [
            name
            for name, good in (
                ("cosine", row["cosine"] >= COSINE),
                ("overlap", row["overlap"] >= OVERLAP),
                ("strain", row["strain"] <= STRAIN),
                ("sides", row["sides"] <= SIDES),
                ("back", row["back"] <= BACK),
            )
            if not good
        ]
        print(
            f"{unit:6} {row['peak']:7.1f}  {row['amplitude']:11.2f}  {row['cosine']:6.3f} {row['overlap']:7.2f} "
            f"{row['strain']:6.2f}  {row['sides']:8.3f}  {row['back']:7.3f}  "
            + (f"misses: {', '.join(bad)}" if bad else "ok")
        )
    return out
