"""A person as a glb that other programs animate: morph targets for every action unit and for the 52 shapes of ARKit.

A target holds how far vertices move at weight 1: the unit's maximum, on this person. Unit targets are named AU4L, AU4R,
AU17 ..., the others as Apple's ARFaceAnchor.BlendShapeLocation names them, so that recordings of either kind drive the
face. Weights add; what the rig corrects when units meet (lids that would cross, AU9 with AU10), wrinkles and the
subject's skin folds stay behind. Most of ARKit's shapes are action units; the few that no unit of ours moves (the jaw
forward and sideways, the mouth sideways, rolled lips, puffed cheeks, the tongue) are drawn here by rule.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from threedpain import facs
from threedpain.errors import InvalidInput

from .export import corners, textured, to_glb
from .head.bust import Bust
from .head.motion import expression, intensities, landmarks
from .head.rig import rig
from .records import PARTS, SkinMaps

STILL = 2e-5  # metres: what moves less stays out of a target
SEAM = 4e-3  # metres on either side of the midline over which a half of a movement begins
GAZE = {"Up": (0.0, 12.0), "Down": (0.0, -18.0), "Left": (22.0, 0.0), "Right": (-22.0, 0.0)}  # degrees (left, up)

UNIT_TARGETS: tuple[str, ...] = tuple(
    f"{unit.name}{side}" for unit in facs.ACTION_UNITS.values() for side in (("L", "R") if unit.sided else ("",))
)
# ARKit's shapes that come in pairs -> the unit that acts on one side, or on both and is halved at the midline.
_PAIRS = {
    "browDown": "AU4",
    "browOuterUp": "AU2",
    "cheekSquint": "AU6",
    "eyeBlink": "AU43",
    "eyeSquint": "AU7",
    "eyeWide": "AU5",
    "mouthDimple": "AU14",
    "mouthFrown": "AU15",
    "mouthLowerDown": "AU16",
    "mouthPress": "AU24",
    "mouthSmile": "AU12",
    "mouthStretch": "AU20",
    "mouthUpperUp": "AU10",
    "noseSneer": "AU9",
}
_WHOLE: dict[str, dict[str, float]] = {
    "browInnerUp": {"AU1": 5},
    "jawOpen": {"AU27": 5, "AU25": 2},
    "mouthFunnel": {"AU22": 5, "AU25": 3},
    "mouthPucker": {"AU18": 5},
    "mouthShrugLower": {"AU17": 5},
}
_LOOKS = {  # the left eye's inward is the subject's right
    f"eyeLook{way}{side}": (side, towards)
    for side, inner, outer in (("Left", "Right", "Left"), ("Right", "Left", "Right"))
    for way, towards in (("Up", "Up"), ("Down", "Down"), ("In", inner), ("Out", outer))
}
_RULES = (
    "jawForward",
    "jawLeft",
    "jawRight",
    "mouthClose",
    "mouthLeft",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugUpper",
    "cheekPuff",
    "tongueOut",
)
ARKIT_TARGETS: tuple[str, ...] = tuple(
    sorted([*_WHOLE, *_LOOKS, *_RULES, *(f"{name}{side}" for name in _PAIRS for side in ("Left", "Right"))])
)


def targets(bust: Bust) -> dict[str, np.ndarray]:
    """Displacements float32 [V, 3] in metres at weight 1 of `UNIT_TARGETS` and `ARKIT_TARGETS`."""

    def acting(units: Mapping[str, float], gaze: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        return expression(bust, intensities(units), gaze) - bust.vertices

    x = bust.vertices[:, 0]
    halves = {
        "Left": np.clip(0.5 + 0.5 * x / SEAM, 0, 1)[:, None],
        "Right": np.clip(0.5 - 0.5 * x / SEAM, 0, 1)[:, None],
    }
    moved = {name: acting({name: facs.ACTION_UNITS[name.rstrip("LR")].maximum}) for name in UNIT_TARGETS}
    for name, unit in _PAIRS.items():
        for side, half in halves.items():
            own = f"{unit}{side[0]}"
            moved[f"{name}{side}"] = moved[own] if own in moved else moved[unit] * half
    moved |= {name: acting(units) for name, units in _WHOLE.items()}
    looks = {towards: acting({}, gaze) for towards, gaze in GAZE.items()}
    moved |= {name: looks[towards] * halves[side] for name, (side, towards) in _LOOKS.items()}
    moved |= _by_rule(bust, moved["AU27"], moved["jawOpen"])
    return {name: moved[name].astype(np.float32) for name in (*UNIT_TARGETS, *ARKIT_TARGETS)}


def _by_rule(bust: Bust, jaw_drop: np.ndarray, jaw_open: np.ndarray) -> dict[str, np.ndarray]:
    """The shapes that no action unit moves. Lengths in metres, of an adult's face."""
    points, at = landmarks(bust.topology, bust.vertices), bust.vertices
    mouth = points[[48, 54]].mean(axis=0)
    wide = points[54, 0] - points[48, 0]
    part = np.zeros(len(at), np.int8)
    part[bust.topology.faces] = bust.topology.face_part[:, None]
    skin = (part == PARTS.index("skin"))[:, None]
    tongue = (part == PARTS.index("tongue"))[:, None]

    def hill(centre: np.ndarray, *radii: float) -> np.ndarray:
        """[V, 1]: 1 at a centre, falling off as a bell of these radii along x, y, z."""
        return np.exp(-0.5 * (((at - centre) / np.array(radii)) ** 2).sum(axis=1))[:, None]

    def move(share: np.ndarray, across: float, up: float, out: float) -> np.ndarray:
        return share * np.array([across, up, out])

    drop = np.linalg.norm(jaw_drop, axis=1, keepdims=True)
    teeth = drop[part == PARTS.index("teeth_lower")]
    jaw = np.clip(drop / (np.median(teeth) if len(teeth) else drop.max()), 0, 1)
    lips = skin * hill(mouth, 0.55 * wide, 0.016, 0.03)
    inner = {"upper": points[[61, 62, 63]].mean(axis=0), "lower": points[[65, 66, 67]].mean(axis=0)}
    outer = {"upper": points[[50, 51, 52]].mean(axis=0), "lower": points[[56, 57, 58]].mean(axis=0)}
    middle = {name: 0.5 * (inner[name] + outer[name]) for name in inner}
    upper = skin * hill(middle["upper"], 0.38 * wide, 0.004, 0.012)
    lower = skin * hill(middle["lower"], 0.38 * wide, 0.0045, 0.012)
    below = np.clip(outer["lower"][1] - at[:, 1:2], 0, None)  # under the lips, where the dropped jaw stretches the skin
    together = skin * np.exp(-0.5 * (below / 0.007) ** 2)
    cheeks = sum(
        hill(0.55 * points[corner] + 0.45 * points[side], 0.016, 0.018, 0.03) * skin
        for corner, side in ((48, 4), (54, 12))
    )
    outward = np.stack([0.75 * np.sign(at[:, 0]), np.zeros(len(at)), np.full(len(at), 0.6)], axis=1)
    root = np.quantile(at[tongue[:, 0], 2], 0.2) if tongue.any() else np.inf
    tip = np.clip((at[:, 2:] - root) / 0.02, 0, 1)
    return {
        "jawForward": move(jaw, 0, 0, 0.006),
        "jawLeft": move(jaw, 0.008, 0, 0),
        "jawRight": move(jaw, -0.008, 0, 0),
        "mouthClose": -jaw_open * together,
        "mouthLeft": move(lips, 0.008, 0, -0.001),
        "mouthRight": move(lips, -0.008, 0, -0.001),
        "mouthRollLower": move(lower, 0, 0.003, -0.005),
        "mouthRollUpper": move(upper, 0, -0.002, -0.005),
        "mouthShrugUpper": move(upper, 0, 0.003, 0.0015),
        "cheekPuff": 0.009 * cheeks * outward,
        "tongueOut": move(tongue * tip, 0, -0.002, 0.028),
    }


def to_animated_glb(bust: Bust, maps: SkinMaps) -> bytes:
    """A binary glTF of the person at rest with `targets` as sparse morph targets; the same person, the same bytes."""
    face = rig(bust, {})
    rows = bust.model.coarse["rows"][corners(textured(face, maps))[0][:, 0]]
    document, binary = _chunks(to_glb(face, maps))
    mesh = document["meshes"][0]
    primitive = mesh["primitives"][0]
    names, primitive["targets"] = [], []
    for name, moved in targets(bust).items():
        names.append(name)
        primitive["targets"].append({"POSITION": _sparse(document, binary, moved[rows])})
    mesh["weights"], mesh["extras"] = [0.0] * len(names), {**mesh.get("extras", {}), "targetNames": names}
    return _glb(document, binary)


def save_animated(bust: Bust, maps: SkinMaps, path: str | Path) -> Path:
    """Write `to_animated_glb` to `path`, which ends in .glb."""
    path = Path(path)
    if path.suffix != ".glb":
        raise InvalidInput(f"a face that moves is saved as .glb, got {path.name!r}")
    path.write_bytes(to_animated_glb(bust, maps))
    return path


def _sparse(document: dict, binary: bytearray, moved: np.ndarray) -> int:
    """Append displacements [N, 3] as a sparse accessor; its number."""
    far = np.flatnonzero((np.abs(moved) > STILL).any(axis=1))
    far = far if len(far) else np.zeros(1, int)  # glTF wants one at least
    wide = len(moved) > 65535
    views = [_view(document, binary, data) for data in (far.astype("<u4" if wide else "<u2"), moved[far].astype("<f4"))]
    ends = np.concatenate([moved[far], np.zeros((1, 3), np.float32)])
    document["accessors"].append(
        {
            "componentType": 5126,
            "count": len(moved),
            "type": "VEC3",
            "min": ends.min(axis=0).astype(float).tolist(),
            "max": ends.max(axis=0).astype(float).tolist(),
            "sparse": {
                "count": len(far),
                "indices": {"bufferView": views[0], "componentType": 5125 if wide else 5123},
                "values": {"bufferView": views[1]},
            },
        }
    )
    return len(document["accessors"]) - 1


def _view(document: dict, binary: bytearray, data: np.ndarray) -> int:
    """Append an array as a buffer view; its number."""
    binary.extend(b"\0" * (-len(binary) % 4))
    document["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": data.nbytes})
    binary.extend(data.tobytes())
    return len(document["bufferViews"]) - 1


def _chunks(glb: bytes) -> tuple[dict, bytearray]:
    """The JSON and the binary chunk of a glb."""
    length = struct.unpack("<I", glb[12:16])[0]
    start = 20 + length
    size = struct.unpack("<I", glb[start : start + 4])[0]
    return json.loads(glb[20:start]), bytearray(glb[start + 8 : start + 8 + size])


def _glb(document: dict, binary: bytearray) -> bytes:
    binary.extend(b"\0" * (-len(binary) % 4))
    document["buffers"][0]["byteLength"] = len(binary)
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(binary))
    return b"".join(
        [head, struct.pack("<I4s", len(text), b"JSON"), text, struct.pack("<I4s", len(binary), b"BIN\0"), binary]
    )
