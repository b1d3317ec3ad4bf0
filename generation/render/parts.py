"""The parts of a face whose share in sight a picture's truth names, as vertices of a head."""

from __future__ import annotations

import numpy as np

from threedpain.generation.geometry import vertex_normals
from threedpain.generation.head.bust import Bust
from threedpain.generation.head.motion import landmarks
from threedpain.generation.records import MASK_CLASSES
from threedpain.regions import PARTS, inside

SHOWN = [MASK_CLASSES.index(name) for name in ("skin", "lips")]
FRONT = 0.0  # metres: parts lie in front of the ears


def part_vertices(bust: Bust) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices of the parts int64 [P], the part of each int64 [P], and the area it stands for, as seen from the front,
    float64 [P]."""
    topology, vertices = bust.topology, bust.vertices
    faces = topology.faces[np.isin(topology.face_class, SHOWN) & (topology.face_part == 0)]
    a, b, c = vertices[faces].astype(np.float64).transpose(1, 0, 2)
    area = np.repeat(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6, 3)
    area = np.bincount(faces.ravel(), area, minlength=len(vertices))
    area *= np.maximum(vertex_normals(vertices, topology.faces)[:, 2], 0)
    marks = landmarks(topology, vertices)[:, :2]
    rows = np.flatnonzero((area > 0) & (vertices[:, 2] > FRONT))
    part = np.full(len(rows), -1)
    for number, regions in enumerate(PARTS.values()):
        part[inside(regions, vertices[rows, :2], marks)] = number
    rows, part = rows[part >= 0], part[part >= 0]
    return rows, part, area[rows]
