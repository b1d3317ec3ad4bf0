"""From a bust and action units to a face: geometry, wrinkle depths, heat.

Intensity. FACS scores A to E (1 to 5: trace, slight, marked, severe, maximum) are not evenly spaced: Ekman, Friesen and
Hager (2002) give trace and slight narrow bands, marked and severe the widest. `CURVE` maps an intensity to the share of the
maximal displacement; between whole numbers it is a monotone cubic.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from threedpain import facs

from .records import WRINKLES, Bust, Face, Identity

CURVE = (0.0, 0.12, 0.28, 0.52, 0.78, 1.0)  # displacement share at intensities 0..5

# Action unit -> facial actions and their weights at maximum. {side} becomes Left and Right.
ACTIONS: dict[str, dict[str, float]] = {
    "AU1": {"browInnerUp": 1.0},
    "AU2": {"browOuterUp{side}": 1.0},
    "AU4": {"browDown{side}": 1.0},
    "AU5": {"eyeWide{side}": 1.0},
    "AU6": {"cheekSquint{side}": 0.9},
    "AU7": {"eyeSquint{side}": 1.0},
    "AU9": {"noseSneer{side}": 1.0, "browDown{side}": 0.15},
    "AU10": {"mouthUpperUp{side}": 1.0},
    "AU12": {"mouthSmile{side}": 0.8},
    "AU14": {"mouthDimple{side}": 0.9},
    "AU15": {"mouthFrown{side}": 1.0},
    "AU16": {"mouthLowerDown{side}": 1.0},
    "AU17": {"mouthShrugLower": 0.9, "mouthShrugUpper": 0.4},
    "AU18": {"mouthPucker": 0.9},
    "AU20": {"mouthStretch{side}": 1.0},
    "AU22": {"mouthFunnel": 1.0},
    "AU23": {"mouthPress{side}": 0.5, "mouthRollLower": 0.3, "mouthRollUpper": 0.3},
    "AU24": {"mouthPress{side}": 0.9},
    "AU25": {"mouthLowerDown{side}": 0.25, "mouthUpperUp{side}": 0.12, "jawOpen": 0.06},
    "AU26": {"jawOpen": 0.4},
    "AU27": {"jawOpen": 0.9},
    "AU43": {"eyeBlink{side}": 1.0},
}
SIDES = ("Left", "Right")


def rig(bust: Bust, action_units: Mapping[str, float], head_angles: tuple[float, float, float] = (0.0, 0.0, 0.0),
        gaze: tuple[float, float] = (0.0, 0.0)) -> Face:
    """The bust with an expression. Angles are (yaw, pitch, roll) and gaze is (left, up), all in degrees."""
    units = facs.sided(action_units)
    moved = expression(bust, units, gaze)
    pain = {name: sides for name, sides in units.items() if name in facs.PAIN_UNITS}
    if pain:
        alone = moved if pain == units and gaze == (0.0, 0.0) else expression(bust, pain, (0.0, 0.0))
        heat = (1000 * np.linalg.norm(alone - bust.vertices, axis=1)).astype(np.float32)
        heat[bust.model.skin_count:] = 0
    else:
        heat = np.zeros(len(bust.vertices), np.float32)
    vertices, pose = bend(bust, moved, head_angles)
    return Face(bust, dict(facs.validate(action_units)), vertices, heat, np.zeros(len(WRINKLES), np.float32), pose,
                tuple(map(float, head_angles)), tuple(map(float, gaze)))


def expression(bust: Bust, units: Mapping[str, tuple[float, float]], gaze: tuple[float, float]) -> np.ndarray:
    """Vertices [V, 3] of the bust with an expression, head upright."""
    weights = action_weights(bust.model.action_names, units, bust.identity)
    weights += action_weights(bust.model.action_names, facs.sided(bust.identity.resting), None)
    active = np.flatnonzero(weights)
    cage = bust.cage + np.tensordot(weights[active], bust.basis[active], 1)
    eyes = bust.model.eyeballs(bust.eye_centres, bust.eye_radius, gaze_rotation(gaze))
    return np.concatenate([bust.model.surface(cage), eyes])


def action_weights(names: tuple[str, ...], units: Mapping[str, tuple[float, float]], identity: Identity | None
                   ) -> np.ndarray:
    """Facial action weights [A] of sided intensities; an identity adds its gains and asymmetry."""
    weights = dict.fromkeys(names, 0.0)
    for unit, intensities in units.items():
        gain = identity.gain.get(unit, 1.0) if identity else 1.0
        lean = identity.asymmetry.get(unit, 0.0) if identity else 0.0
        amounts = [curve(x / facs.ACTION_UNITS[unit].maximum * 5) * gain * (1 + sign * 0.15 * lean)
                   for x, sign in zip(intensities, (1, -1), strict=True)]
        for action, weight in ACTIONS[unit].items():
            if "{side}" in action:
                for side, amount in zip(SIDES, amounts, strict=True):
                    weights[action.format(side=side)] += weight * amount
            else:
                weights[action] += weight * sum(amounts) / 2
    return np.array([weights[name] for name in names], np.float32)


def curve(intensity: float) -> float:
    return float(np.interp(intensity, range(6), CURVE))


def gaze_rotation(gaze: tuple[float, float]) -> np.ndarray:
    """Eyeball rotation [3, 3] for a gaze (left, up) in degrees."""
    left, up = np.radians(gaze)
    return (np.array([[np.cos(left), 0, np.sin(left)], [0, 1, 0], [-np.sin(left), 0, np.cos(left)]])
            @ np.array([[1, 0, 0], [0, np.cos(up), np.sin(up)], [0, -np.sin(up), np.cos(up)]]))


def head_rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation [3, 3] of the head in its own frame: yaw to the subject's left, pitch up, roll clockwise in the image."""
    y, p, r = np.radians([yaw, pitch, -roll])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    tilt = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return tilt @ nod @ turn


def bend(bust: Bust, vertices: np.ndarray, angles: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Turn the head about the neck's pivot; the neck follows by `neck_weight`. Also the skull's motion [3, 4]."""
    rotation = head_rotation(*angles)
    pivot = bust.neck_pivot.astype(np.float64)
    pose = np.concatenate([rotation, (pivot - rotation @ pivot)[:, None]], axis=1).astype(np.float32)
    if not any(angles):
        return vertices, pose
    weight = bust.neck_weight
    out = vertices.copy()
    skull = weight == 1
    out[skull] = vertices[skull] @ pose[:, :3].T + pose[:, 3]
    between = np.flatnonzero((weight > 0) & (weight < 1))
    axis, angle = axis_angle(rotation)
    arm = vertices[between] - pivot
    theta = (angle * weight[between])[:, None]
    turned = (arm * np.cos(theta) + np.cross(axis, arm) * np.sin(theta)
              + axis * (arm @ axis)[:, None] * (1 - np.cos(theta)))
    out[between] = pivot + turned
    return out.astype(np.float32), pose


def axis_angle(rotation: np.ndarray) -> tuple[np.ndarray, float]:
    skew = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    sine = np.linalg.norm(skew) / 2
    angle = float(np.arctan2(sine, (np.trace(rotation) - 1) / 2))
    return (skew / (2 * sine) if sine > 1e-12 else np.array([0.0, 1.0, 0.0])), angle


def settle(model, identity: Identity, cage: np.ndarray, eye_centres: np.ndarray, eye_radius: float) -> Bust:
    """The bust at rest: its neutral vertices already hold the identity's resting face."""
    bust = Bust(identity, model, model.topology, np.zeros(0, np.float32), cage.astype(np.float32), model.actions,
                eye_centres, eye_radius, model.neck_pivot, model.neck_weight)
    object.__setattr__(bust, "vertices", expression(bust, {}, (0.0, 0.0)))
    return bust
