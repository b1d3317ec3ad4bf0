"""How people sit and lie in the places of a clinic: which way is up for their head, and how a camera there sees them.

A place's room is turned against the head frame; light and surroundings are the room's and turn with it. The camera
keeps what is asked of the head's yaw and pitch and is turned about its axis to where someone in the room would hold it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from threedpain.generation.frames import rolled, rotation
from threedpain.generation.records import Camera, Light
from threedpain.generation.seeds import child
from threedpain.limits import CLINIC

from .light import exposed, sh_basis, sphere

LYING = 60.0  # degrees of recline


@dataclass(frozen=True)
class Posture:
    recline: tuple[float, float]  # degrees the head and body tip backward from upright, drawn between
    down: int = 0  # +1 the left cheek lies down, -1 the right
    pitch: tuple[float, float] = (0.0, 0.0)  # degrees the camera adds to the head's pitch
    rolls: tuple[float, ...] = (0.0,)  # degrees the camera is turned, one of them
    wobble: float = 4.0  # degrees around that, standard deviation

    @property
    def lies(self) -> bool:
        return bool(self.down) or min(self.recline) > LYING


POSTURES = dict(
    zip(
        CLINIC,
        (
            Posture((-3, 6), wobble=0.0),  # ward: the standard views stay as they are
            Posture((-6, 4), wobble=0.0),  # waiting_room
            Posture((18, 38), pitch=(-4, 14)),  # treatment_chair
            Posture((28, 55), pitch=(-4, 16)),  # bed_propped
            Posture((84, 92), pitch=(-6, 10), rolls=(0.0, 0.0, 90.0, -90.0), wobble=9.0),  # bed_back
            Posture((-4, 4), down=1, rolls=(90.0, 90.0, 90.0, 0.0), wobble=7.0),  # bed_left
            Posture((-4, 4), down=-1, rolls=(-90.0, -90.0, -90.0, 0.0), wobble=7.0),  # bed_right
            Posture((-40, -20), pitch=(-26, -10)),  # bed_leaning
        ),
        strict=True,
    )
)


def room_of(kind: str, seed: int) -> np.ndarray:
    """Rotation [3, 3] from the head frame to the room's (x to the side, y up, z to where an upright person looks)."""
    if kind not in POSTURES:
        return np.eye(3)
    posture = POSTURES[kind]
    tipped = rotation(0.0, float(child(seed, "recline").uniform(*posture.recline)), 0.0)
    return rotation(0.0, 0.0, 90.0 * posture.down) @ tipped if posture.down else tipped


def falls(kind: str) -> tuple[float, float, float] | None:
    """Where down is, head frame, for the hair of a head that lies in a place; None where it hangs as upright."""
    if kind not in POSTURES:
        return None
    posture = POSTURES[kind]
    if not posture.lies:
        return None
    return (float(posture.down), 0.0, 0.0) if posture.down else (0.0, 0.0, -1.0)


def held(camera: Camera, kind: str, rng: np.random.Generator) -> Camera:
    """The camera as someone in the room holds it."""
    if kind not in POSTURES:
        return camera
    posture = POSTURES[kind]
    pitch, roll = float(rng.uniform(*posture.pitch)), float(rng.choice(posture.rolls) + posture.wobble * rng.normal())
    return rolled(replace(camera, R=camera.R @ rotation(0.0, pitch, 0.0)), roll)


def turned_light(light: Light, room: np.ndarray) -> Light:
    """A light given in a room's frame in that of a head turned in it, exposed for the face as before."""
    points = sphere(64)
    harmonics = np.linalg.lstsq(sh_basis(points), sh_basis(points @ room.T) @ light.environment, rcond=None)[0]
    keys = [replace(key, direction=tuple(np.asarray(key.direction) @ room)) for key in light.keys]
    before = exposed(light.kind, light.environment, list(light.keys), 0.0)
    after = exposed(light.kind, harmonics.astype(np.float32), keys, 0.0)
    return replace(after, exposure=light.exposure * after.exposure / before.exposure)
