"""Independent analysers of a face picture that know nothing of ours: a detector, 68 landmarks, an identity embedding.

The detector (dlib's HOG, weights inside its package) also finds faces in users' photographs. Landmarks and embedding
need the extra `judges`, whose package only carries dlib's published models as files.
"""

from __future__ import annotations

import itertools
import threading
from functools import lru_cache

import dlib
import numpy as np

from threedpain.errors import InvalidInput
from threedpain.extras import extra_folder

Box = tuple[float, float, float, float]

_MODELS = "face_recognition_models"
_one_thread = threading.Lock()  # dlib's detector and embedder work in memory of their own: two threads in one crash


def detect_faces(image: np.ndarray, upsample: int = 0) -> list[Box]:
    """Boxes (x0, y0, x1, y1) of the faces in an RGB picture uint8 [H, W, 3], surest first.

    Faces need about 80 pixels; each `upsample` doubles the picture first.
    """
    boxes, scores = upright_faces(_checked(image), upsample)
    order = sorted(range(len(boxes)), key=lambda k: -scores[k])
    return [
        (float(b.left()), float(b.top()), float(b.right() + 1), float(b.bottom() + 1))
        for b in (boxes[k] for k in order)
    ]


def landmarks68(image: np.ndarray, box: Box) -> np.ndarray:
    """Landmarks in iBUG order, float64 [68, 2] pixels, of the face in `box`.

    The median over 27 boxes, a little moved and scaled: where exactly the box lies is chance, and one answer hangs on
    it by as much as an expression moves a lip.
    """
    picture = _checked(image)
    x0, y0, x1, y1 = box
    x, y, edge = (x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0)
    answers = []
    for scale, across, down in itertools.product((0.92, 1.0, 1.08), (-0.05, 0.0, 0.05), (-0.05, 0.0, 0.05)):
        left, top, half = x + across * edge, y + down * edge, scale * edge / 2
        shape = _predictor()(picture, _rectangle((left - half, top - half, left + half, top + half)))
        answers.append([(p.x + 0.5, p.y + 0.5) for p in shape.parts()])
    return np.median(answers, axis=0)


def embed(image: np.ndarray, box: Box) -> np.ndarray:
    """Identity embedding float64 [128]: one person's pictures lie closer (below about 0.6) than two people's."""
    picture = _checked(image)
    with _one_thread:
        return np.array(_embedder().compute_face_descriptor(picture, _predictor()(picture, _rectangle(box))))


def _checked(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InvalidInput(f"image must be uint8 [height, width, 3]; got {image.dtype} {list(image.shape)}")
    return np.ascontiguousarray(image)


def _rectangle(box: Box) -> dlib.rectangle:
    x0, y0, x1, y1 = (round(v) for v in box)
    return dlib.rectangle(x0, y0, x1 - 1, y1 - 1)


def upright_faces(
    pixels: np.ndarray, upsample: int = 0, least: float = 0.0
) -> tuple[list[dlib.rectangle], list[float]]:
    """dlib's squares in a picture uint8 [H, W] or [H, W, 3], and how sure they are, at `least` so much; threads wait
    for each other."""
    with _one_thread:
        squares, scores, _ = _face_detector().run(pixels, upsample, least)
    return list(squares), list(scores)


@lru_cache(maxsize=1)
def _face_detector() -> dlib.fhog_object_detector:
    return dlib.get_frontal_face_detector()


@lru_cache(maxsize=1)
def _predictor():
    return dlib.shape_predictor(_model("shape_predictor_68_face_landmarks.dat"))


@lru_cache(maxsize=1)
def _embedder():
    return dlib.face_recognition_model_v1(_model("dlib_face_recognition_resnet_model_v1.dat"))


def _model(name: str) -> str:
    """Path of a model file; the package itself is not imported (it needs pkg_resources, which is gone)."""
    return str(extra_folder(_MODELS, "judges", "independent judgement of landmarks and identity") / "models" / name)
