"""Cameras of a ward: a standard picture taken by a tilted, cornered, wide, far, dark or cheap camera instead.

Each change has a chance of its own, rolls mostly; ranges set by eye. Light and landmarks stay exact: a roll is a turn
of the camera about its axis, and what the sensor does moves no point.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from threedpain.generation.frames import FILM, look_at, pose_of, rolled
from threedpain.generation.records import Camera, KeyLight, Light, Scene

from .light import exposed

# Change -> how many of a ward's pictures have it.
SHARES = {
    "roll": 0.75,
    "pitch": 0.25,
    "corner": 0.2,
    "wide": 0.2,
    "far": 0.25,
    "night": 0.12,
    "dark": 0.2,
    "moved": 0.15,
    "filmed": 0.25,
}
ROLL, PITCH, CORNER = 45.0, 30.0, (-38.0, -20.0)  # degrees; a corner looks down: the head seems bent down
YAW = 50.0  # degrees: with the head's own turn more is a profile
WIDE = (20.0, 32.0)  # mm, full-frame equivalent
FACE, FAR = 0.19, 24.0  # metres from brow to chin and hair; pixels of the smallest face
DARK = (0.3, 1.2)  # stops below what the face needs
FILM_NEAR, FILM_FAR = (12, 41), (40, 75)  # JPEG quality of a video's coarsest blocks; a far face has few blocks
INFRARED = 0.15  # of a night camera's light comes from all around, the rest from beside its lens


def by_ward_camera(scene: Scene, rng: np.random.Generator) -> Scene:
    """The same people in the same room, as a ward's camera sees them."""
    has = {name: bool(rng.random() < share) for name, share in SHARES.items()}
    amount = {name: rng.random(4) for name in SHARES}  # every change has its numbers, whichever others there are
    camera = _camera(scene.camera, has, amount)
    sensor, light = replace(scene.sensor, kind="ward"), scene.light
    if has["far"]:
        now = FACE * camera.K[1, 1] / camera.t[2]
        sensor = replace(sensor, zoom=max(1.0, now / _between(FAR, max(0.5 * now, FAR), amount["far"][0], log=True)))
    if has["night"]:
        light = _infrared(light, camera)
        sensor = replace(sensor, grey=True, noise=max(sensor.noise, _between(0.01, 0.03, amount["night"][0])))
    elif has["dark"]:
        light = replace(light, exposure=light.exposure * 2 ** -_between(*DARK, amount["dark"][0]))
        sensor = replace(sensor, noise=_between(0.018, 0.05, amount["dark"][1]))
    if has["moved"]:
        length, angle = _between(2, 11, amount["moved"][0]), 2 * np.pi * amount["moved"][1]
        sensor = replace(sensor, motion=(float(length * np.cos(angle)), float(length * np.sin(angle))))
    if has["filmed"]:
        sensor = replace(sensor, film=int(_between(*(FILM_FAR if sensor.zoom > 1 else FILM_NEAR), amount["filmed"][0])))
    return replace(scene, camera=camera, light=light, sensor=sensor)


def _camera(camera: Camera, has: dict[str, bool], amount: dict[str, np.ndarray]) -> Camera:
    yaw, pitch, roll = pose_of(camera)
    focal = camera.K[0, 0] * FILM / camera.size
    span = camera.t[2] * FILM / focal
    offset = (camera.t[0] / span, camera.t[1] / span)
    if has["corner"]:
        pitch = _between(*CORNER, amount["corner"][0])
        yaw = float(np.clip(yaw + _between(-25, 25, amount["corner"][1]), -YAW, YAW))
    elif has["pitch"]:
        pitch = _between(-PITCH, PITCH, amount["pitch"][0])
    if has["wide"]:
        focal = _between(*WIDE, amount["wide"][0])
    camera = look_at(yaw, pitch, roll, focal_mm=focal, size=camera.size, span=span, offset=offset)
    return rolled(camera, _between(-ROLL, ROLL, amount["roll"][0])) if has["roll"] else camera


def _infrared(light: Light, camera: Camera) -> Light:
    """Lamps beside the lens that the eye does not see; colourless."""
    place = -camera.R.T @ camera.t
    x, y, z = (float(v) for v in place / np.linalg.norm(place))
    environment = np.zeros((9, 3), np.float32)
    environment[0] = INFRARED / 0.282095
    lamp = KeyLight((x, y, z), (1.0 - INFRARED,) * 3, 0.4)
    return exposed(light.kind, environment, [lamp], stops=0.0)


def _between(low: float, high: float, share: float, log: bool = False) -> float:
    return float(low * (high / low) ** share if log else low + (high - low) * share)
