"""Everything around the face in one draw: camera, light, background, clothes and sensor, each from its own child seed.

The same seed seen from another view keeps its room, light and clothes; only the camera is another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from threedpain import limits
from threedpain.errors import InvalidInput
from threedpain.generation.frames import look_at
from threedpain.generation.records import Background, Camera, Clothes, Light, Scene, Sensor
from threedpain.generation.seeds import child
from threedpain.generation.worn.clothes import sample_clothes
from threedpain.limits import CAMERAS, CLINIC, LIGHTS, PANORAMAS, PLACES

from .light import sample_light
from .panorama import panorama_light
from .posture import held, room_of, turned_light
from .sensor import sample_sensor
from .ward import by_ward_camera

_LIGHT_SHARE = (0.45, 0.35, 0.2)
# Share of scenes in photographed places, more of them indoors than a fair draw would give. Set by eye.
PHOTOGRAPHED = 0.4
IN_A_ROOM = 0.15  # of the painted clinical places: a clinic's room, where people sit upright as views want them
UPRIGHT = ("ward", "waiting_room")
ROOFED = ("apartment", "esplanade", "hall", "lab", "lobby", "studio", "warehouse", "workshop")
_ROOFED_SHARE = 0.7  # of the photographed

# Head pose relative to the camera of the three standard views: yaw > 0 is the subject turned to their own left.
VIEWS = {"front": (0.0, 0.0), "left": (35.0, 0.0), "right": (-35.0, 0.0)}
MAX_YAW, MAX_PITCH = 60.0, 30.0
_JITTER = {"yaw": 3.5, "pitch": 4.0, "roll": 3.0}  # degrees around the standard views, uniform

_FOCAL = (35.0, 135.0)  # mm, full-frame equivalent
_SENSOR_HEIGHT = 24.0  # mm
_SPAN = (0.315, 0.36)  # metres across the picture at the head: it fills two thirds of the height
_TARGET = (0.0, 0.0, 0.0)  # what the camera points at, head frame


def sample_scene(
    seed: int,
    view: str | Sequence[float] = "front",
    size: int = 512,
    light: str | None = None,
    fov: float | None = None,
    plain: bool = False,
    background: str | None = None,
    cameras: str = "standard",
    roofed: bool = False,
) -> Scene:
    """A random scene; `plain` switches every accident off: grey wall, studio light, bare shoulders, perfect camera.

    view: "front", "left", "right" (jittered), or the exact (yaw, pitch) of the head relative to the camera in degrees.
    light: one of PLACES, or None to draw one: PHOTOGRAPHED of them are panoramas, few a clinic's rooms.
    background: one of PLACES, or None for where the light is.
    fov: vertical field of view in degrees instead of a drawn focal length.
    cameras: one of CAMERAS; "ward" takes the same scene by a ward's camera (`ward`).
    roofed: a place that is drawn lies indoors.
    """
    if cameras not in CAMERAS:
        raise InvalidInput(f"cameras must be one of {', '.join(CAMERAS)}; got {cameras!r}")
    for name, place in (("light", light), ("background", background)):
        if place is not None and place not in PLACES:
            raise InvalidInput(f"{name} must be one of {', '.join(PLACES)}; got {place!r}")
    camera = _camera(seed, view, size, fov, plain)
    if plain:
        return Scene(
            camera,
            sample_light(child(seed, "light"), "plain"),
            Background("plain", 0),
            Sensor(),
            Clothes("none", (0.5, 0.5, 0.5), 0),
        )
    kind = light or _place(seed, roofed)
    behind = Background(background or kind, int(child(seed, "background").integers(2**31)))
    rng = child(seed, "light", kind)
    scene = Scene(
        camera=held(camera, behind.kind, child(seed, "posture", _view_name(view))),
        light=_light(rng, kind, behind),
        background=behind,
        sensor=sample_sensor(child(seed, "sensor", _view_name(view))),
        clothes=sample_clothes(child(seed, "clothes"), dress_code(kind)),
    )
    return by_ward_camera(scene, child(seed, "ward", _view_name(view))) if cameras == "ward" else scene


def _light(rng: np.random.Generator, kind: str, behind: Background) -> Light:
    """The light of a place, in the head frame of who sits or lies before that background."""
    if kind in PANORAMAS:
        light = panorama_light(rng, kind, behind.seed)
    else:
        light = replace(sample_light(rng, dress_code(kind)), kind=kind)
    return turned_light(light, room_of(behind.kind, behind.seed)) if behind.kind in CLINIC else light


def dress_code(place: str) -> str:
    """The one of LIGHTS whose clothes are worn in a place."""
    if place in PANORAMAS:
        return "indoor" if place in ROOFED else "outdoor"
    return "clinical" if place in CLINIC else place


def _place(seed: int, roofed: bool) -> str:
    """Where the seed's scene is, one of PLACES; `roofed`: where that is outdoors, another place indoors."""
    rng = child(seed, "photographed")
    if rng.random() >= PHOTOGRAPHED:
        place = str(child(seed, "place").choice(LIGHTS, p=_LIGHT_SHARE))
        clinic = child(seed, "clinic")
        if place == "clinical" and clinic.random() < IN_A_ROOM:
            place = str(clinic.choice(UPRIGHT))
    else:
        inside = rng.random() < _ROOFED_SHARE
        place = str(rng.choice([name for name in PANORAMAS if (name in ROOFED) == inside]))
    if roofed and dress_code(place) == "outdoor":
        return str(child(seed, "roofed").choice(["indoor", "clinical", *ROOFED]))
    return place


def _camera(seed: int, view: str | Sequence[float], size: int, fov: float | None, plain: bool) -> Camera:
    rng = child(seed, "camera", _view_name(view))
    jitter = {name: float(rng.uniform(-most, most)) for name, most in _JITTER.items()}
    if isinstance(view, str):
        if view not in VIEWS:
            raise InvalidInput(f"view must be one of {', '.join(VIEWS)} or a pair (yaw, pitch); got {view!r}")
        yaw, pitch = VIEWS[view]
    else:
        yaw, pitch = (float(v) for v in view)
        if not (abs(yaw) <= MAX_YAW and abs(pitch) <= MAX_PITCH):
            raise InvalidInput(
                f"view ({yaw:g}, {pitch:g}) is out of range: yaw -{MAX_YAW:g} to {MAX_YAW:g}, "
                f"pitch -{MAX_PITCH:g} to {MAX_PITCH:g} degrees"
            )
        jitter |= {"yaw": 0.0, "pitch": 0.0}
    focal = float(np.exp(rng.uniform(*np.log(_FOCAL))))
    span = float(rng.uniform(*_SPAN))
    offset = tuple(float(v) for v in rng.uniform(-0.03, 0.03, 2))
    if plain:
        jitter, focal, span, offset = dict.fromkeys(jitter, 0.0), 85.0, 0.34, (0.0, 0.0)
    if fov is not None:
        focal = 0.5 * _SENSOR_HEIGHT / float(np.tan(np.radians(limits.FOV.check(fov)) / 2))
    return look_at(
        yaw + jitter["yaw"],
        pitch + jitter["pitch"],
        jitter["roll"],
        focal_mm=focal,
        size=size,
        span=span,
        target=_TARGET,
        offset=offset,
    )


def _view_name(view: str | Sequence[float]) -> str:
    return view if isinstance(view, str) else "free"
