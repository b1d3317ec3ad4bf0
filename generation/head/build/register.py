"""Lay the scans' mean head over our average head: landmarks first, then closest points with compatible normals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from threedpain.generation.geometry import similarity, vertex_normals

from .ict import FACE, OUTER, Scans

FIRM = np.r_[8, 17:68]  # landmarks that both heads mean alike; the rest of the jaw's line follows the surface
# Of them the brows: the scans' points run higher above the hair than detectors see them on photographs.
BROWS = slice(1, 11)
HIGHER = 0.6  # the share of the way from ours to theirs that is that habit, and not higher brows
ROUNDS = ((500, 1e-4), (900, 2e-5), (1500, 5e-6), (1800, 1e-6))  # points, smoothing
FAR = 0.012  # metres: no counterpart beyond it


@dataclass(frozen=True)
class Registration:
    """Where points of our head lie on the scans' surface."""

    scale: float  # centimetres of the scans -> metres of the head frame
    turn: np.ndarray  # [3, 3]
    shift: np.ndarray  # [3]
    corners: np.ndarray  # int [P, 3]: vertices of the scans
    weights: np.ndarray  # [P, 3]: barycentric
    distance: np.ndarray  # metres [P], after the fit

    def places(self, points: np.ndarray) -> np.ndarray:
        """The scans' points [.., 3], centimetres, in the head frame, metres."""
        return self.scale * points @ self.turn.T + self.shift

    def offsets(self, field: np.ndarray) -> np.ndarray:
        """A field [V, 3] of the scans at our points [P, 3], metres."""
        return self.scale * np.einsum("pk,pkd->pd", self.weights, field[self.corners]) @ self.turn.T


def register(
    scans: Scans, surface: np.ndarray, faces: np.ndarray, points: np.ndarray, landmarks: np.ndarray
) -> Registration:
    """`surface` [N, 3] with outer `faces` [F, 3] and `landmarks` [68, 3] of our average head; its rows `points` [P] are
    looked for on the scans."""
    ours = landmarks[FIRM]
    theirs = scans.vertices[scans.landmarks][FIRM]
    still = np.delete(np.arange(len(FIRM)), np.arange(len(FIRM))[BROWS])
    scale, turn, shift = similarity(theirs[still], ours[still])
    warped = (scale * scans.vertices @ turn.T + shift)[:OUTER]
    marks = scans.landmarks[FIRM]
    raised = ours[BROWS] + HIGHER * (warped[marks][BROWS] - ours[BROWS])
    ours[BROWS] = closest(raised, np.tile([0.0, 0.0, 1.0], (len(raised), 1)), surface, faces)[2]
    warped = warped + _spline(warped[marks], ours, 1e-8)(warped)
    rng = np.random.default_rng(0)
    for count, smoothing in ROUNDS:
        chosen = np.r_[
            rng.choice(FACE.stop, count, replace=False),
            FACE.stop + rng.choice(OUTER - FACE.stop, count // 2, replace=False),
        ]
        normals = _normals(warped, scans.faces)[chosen]
        _, _, found, distance = closest(warped[chosen], normals, surface, faces)
        near = distance < FAR
        source = np.concatenate([warped[chosen[near]], warped[marks]])
        target = np.concatenate([found[near], ours])
        once = np.unique(source.round(7), axis=0, return_index=True)[1]
        warped = warped + _spline(source[once], target[once], smoothing)(warped)
    normals = _normals(surface, faces)[points]
    triangle, weights, _, distance = closest(surface[points], normals, warped, scans.faces)
    return Registration(scale, turn, shift, scans.faces[triangle], weights, distance)


def closest(
    points: np.ndarray, normals: np.ndarray, surface: np.ndarray, faces: np.ndarray, around: int = 24
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each point the nearest triangle that faces the same way, barycentric weights, place and distance there."""
    corners = surface[faces]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing /= np.linalg.norm(facing, axis=1, keepdims=True) + 1e-12
    near = cKDTree(corners.mean(axis=1)).query(points, k=around)[1]
    a, b, c = np.moveaxis(corners[near], 2, 0)
    ab, ac, ap = b - a, c - a, points[:, None] - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    area = d00 * d11 - d01**2 + 1e-30
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    weights = np.clip(np.stack([1 - v - w, v, w], axis=-1), 0, None)
    weights /= weights.sum(axis=-1, keepdims=True)
    places = (weights[..., None] * corners[near]).sum(axis=2)
    distance = np.linalg.norm(places - points[:, None], axis=-1)
    against = np.einsum("pkd,pd->pk", facing[near], normals) < 0.4
    best = (distance + FAR * 2 * against).argmin(axis=1)
    row = np.arange(len(points))
    return (
        near[row, best],
        weights[row, best],
        places[row, best],
        distance[row, best] + FAR * 2 * against[row, best],
    )


def _spline(source: np.ndarray, target: np.ndarray, smoothing: float) -> RBFInterpolator:
    return RBFInterpolator(source, target - source, kernel="thin_plate_spline", smoothing=smoothing, degree=1)


def _normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    return vertex_normals(vertices.astype(np.float32), faces.astype(np.int32)).astype(np.float64)
