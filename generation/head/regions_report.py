"""How far pain moves each part of a face."""

from __future__ import annotations

import numpy as np

from threedpain.generation.geometry import vertex_normals
from threedpain.generation.records import MASK_CLASSES, PARTS
from threedpain.regions import REGIONS, inside

from .bust import Bust, Face
from .motion import landmarks

# Regions of the report: name -> regions of `threedpain.regions` without their side.
REPORT = {
    "brow": ("brow",),
    "lids": ("upper_lid", "lower_lid"),
    "cheeks": ("cheek",),
    "nose": ("nose",),
    "upper_lip": ("upper_lip",),
}


def region_report(face: Face) -> dict[str, dict[str, float]]:
    """Pain heat in millimetres, {"mean", "p95", "max"} for each of brow, lids, cheeks, nose and upper_lip."""
    bust = face.bust
    rows = face_vertices(bust)
    points = landmarks(bust.topology, bust.vertices)
    report = {}
    for name, regions in REPORT.items():
        both = [f"{region}_{side}" for region in regions for side in ("right", "left")]
        heat = face.heat[rows[inside(both, bust.vertices[rows, :2], points[:, :2])]]
        report[name] = {"mean": float(heat.mean()), "p95": float(np.percentile(heat, 95)), "max": float(heat.max())}
    return report


def face_vertices(bust: Bust) -> np.ndarray:
    """Vertices of the face's outer skin that look forward, are not hidden and lie within `threedpain.regions`."""
    topology, at = bust.topology, bust.vertices
    outer = np.isin(topology.face_class, [MASK_CLASSES.index(name) for name in ("skin", "lips")])
    rows = np.unique(topology.faces[outer & (topology.face_part == PARTS.index("skin"))])
    rows = rows[(vertex_normals(at, topology.faces)[rows, 2] > 0.3) & (at[rows, 2] > 0)]
    points = landmarks(topology, at)
    rows = rows[inside(tuple(REGIONS), at[rows, :2], points[:, :2])]
    cell = np.floor(at[rows, :2] / 0.002).astype(int) - np.floor(at[rows, :2].min(axis=0) / 0.002).astype(int)
    nearest = np.full(cell.max(axis=0) + 1, -np.inf)
    np.maximum.at(nearest, tuple(cell.T), at[rows, 2])
    return rows[at[rows, 2] > nearest[tuple(cell.T)] - 0.005]
