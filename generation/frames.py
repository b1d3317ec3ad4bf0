"""Cameras: where the picture is taken from, and how points of the head land in it.

Frames. Head frame: +x the subject's left, +y up, +z out of the face, metres. Camera frame (OpenCV): x right, y down, z
forward. X_camera = R X_head + t, pixel = K X_camera / z, pixel centres at +0.5. Normalised device coordinates are
PyTorch3D's: +x left, +y up, -1..1 over a square picture; they live only inside generation/.

Head pose relative to the camera, degrees: yaw > 0 the subject turns to their own left, pitch > 0 up, roll > 0
clockwise in the picture. A view (yaw, pitch, roll) moves the camera so that the head is seen turned by as much.
"""

from __future__ import annotations

import numpy as np

from threedpain.errors import InvalidInput

from .records import Camera

FRONTAL = np.diag([1.0, -1.0, -1.0])  # head frame -> frame of a camera straight in front
FILM = 24.0  # mm: focal lengths are 35 mm-equivalent over the shorter side of the film


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation [3, 3] in the head frame that turns a frontal head by these angles in degrees: yaw, then pitch, then
    roll."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(np.radians([yaw, pitch, roll])), np.sin(np.radians([yaw, pitch, roll]))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_z = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def angles(turned: np.ndarray) -> tuple[float, float, float]:
    """The inverse of `rotation`: yaw, pitch, roll in degrees of a rotation [3, 3]."""
    # R = Rz Rx Ry: its last row is (-sin yaw cos pitch, -sin pitch, cos yaw cos pitch), its middle column (sin roll
    # cos pitch, cos roll cos pitch, ..)
    yaw = np.arctan2(-turned[2, 0], turned[2, 2])
    pitch = np.arcsin(np.clip(-turned[2, 1], -1, 1))
    roll = np.arctan2(turned[0, 1], turned[1, 1])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def look_at(
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    *,
    focal_mm: float = 85.0,
    size: int = 512,
    span: float = 0.42,
    target: tuple[float, float, float] = (0.0, 0.0, 0.0),
    offset: tuple[float, float] = (0.0, 0.0),
) -> Camera:
    """The camera that sees the head turned by yaw, pitch, roll.

    `target` (head frame) lands in the middle of the picture, moved by `offset` in fractions of the picture (right,
    down); `span` metres fit across the picture at its depth.
    """
    if size < 8:
        raise InvalidInput(f"size must be at least 8 pixels, got {size}")
    if not (focal_mm > 0 and span > 0):
        raise InvalidInput(f"focal_mm and span must be positive, got {focal_mm} and {span}")
    focal = size * focal_mm / FILM
    K = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]])
    R = FRONTAL @ rotation(yaw, pitch, roll)
    centre = np.array([offset[0] * span, offset[1] * span, span * focal_mm / FILM])
    return Camera(K, R, centre - R @ np.asarray(target, np.float64), size)


def rolled(camera: Camera, degrees: float) -> Camera:
    """The camera turned about its optical axis: the picture turns clockwise about its principal point."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return Camera(camera.K, turn @ camera.R, turn @ camera.t, camera.size)


def pose_of(camera: Camera, head_pose: np.ndarray | None = None) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees of the head in this picture; `head_pose` [3, 4] is the head's own turn
    (Face.head_pose)."""
    turned = FRONTAL @ camera.R
    if head_pose is not None:
        turned = turned @ np.asarray(head_pose, np.float64)[:, :3]
    return angles(turned)


def project(camera: Camera, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points [N, 3] of the head frame -> pixels float64 [N, 2], camera-frame points float64 [N, 3]."""
    seen = np.asarray(points, np.float64) @ camera.R.T + camera.t
    flat = seen @ camera.K.T
    return flat[:, :2] / flat[:, 2:], seen


def to_ndc(camera: Camera, points: np.ndarray) -> np.ndarray:
    """Points [N, 3] of the head frame -> float32 [N, 3]: NDC x, NDC y, depth, as the rasterizer takes them."""
    pixels, seen = project(camera, points)
    return np.concatenate([1 - 2 * pixels / camera.size, seen[:, 2:]], 1).astype(np.float32)


def axis_angle(rotation: np.ndarray) -> tuple[np.ndarray, float]:
    """Unit axis and angle in radians of a rotation below 180 degrees."""
    skew = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    sine = np.linalg.norm(skew) / 2
    angle = float(np.arctan2(sine, (np.trace(rotation) - 1) / 2))
    return (skew / (2 * sine) if sine > 1e-12 else np.array([0.0, 1.0, 0.0])), angle
