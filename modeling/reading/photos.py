"""Photographs from outside: opened with care, and the one face in them found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from threedpain.dataset_script.judges import upright_faces
from threedpain.errors import InvalidInput
from threedpain.pictures import MAX_PIXELS, open_picture, shown

if TYPE_CHECKING:
    import dlib

FARTHEST = 4 * 16_384  # pixels of the picture's corner that an edge of a face box may be away
MIN_FACE = 40  # pixels: below, action units cannot be seen
MAX_FACE = 6_300  # pixels: the square around a larger one is more than Pillow cuts out without a warning
_DETECT_AT = 720  # longer side in which faces are sought
FAINT = -0.7  # dlib is so sure of nearly every face in a surgical mask, and of nothing in 86 pictures without any

# dlib's square goes from the brows to the chin; ours, from the hairline: measured on rendered faces.
_WIDTH, _HEIGHT = 1.0, 1.3

Box = tuple[float, float, float, float]


def open_photo(path: str | Path, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """A photograph, RGB and upright, whatever its file holds: EXIF rotation, CMYK, 16 bit, alpha, several frames."""
    from threedpain.modeling.vitpain.image_processing_vitpain import as_picture

    picture = open_picture(path, max_pixels=max_pixels)
    try:
        return as_picture(picture)
    except Exception as problem:  # any: a damaged palette or profile shows itself only here
        raise InvalidInput(f"{shown(Path(path).name)} cannot be read as a picture ({type(problem).__name__})") from None


def find_faces(photo: Image.Image) -> list[Box]:
    """Face boxes (x0, y0, x1, y1) in pixels from hairline to chin, the largest first."""
    pixels, shrink = _sought(photo)
    squares, _ = upright_faces(pixels)
    if len(squares) != 1:  # smaller faces than 80 pixels of these, at four times the cost
        squares, _ = upright_faces(pixels, 1)
    return sorted((_box(found, shrink) for found in squares), key=lambda box: box[0] - box[2])


def faint_face(photo: Image.Image) -> Box | None:
    """The box of what looks most like a face where `find_faces` finds none: somebody behind a mask or a hand."""
    pixels, shrink = _sought(photo)
    squares, scores = upright_faces(pixels, least=FAINT)
    return _box(squares[int(np.argmax(scores))], shrink) if squares else None


def _sought(photo: Image.Image) -> tuple[np.ndarray, float]:
    """The picture in which faces are sought, uint8 [h, w], and its size over the photograph's."""
    shrink = min(1.0, _DETECT_AT / max(photo.size))
    size = (max(1, round(photo.width * shrink)), max(1, round(photo.height * shrink)))
    return np.asarray(photo.convert("L").resize(size, Image.Resampling.BILINEAR)), shrink


def _box(found: dlib.rectangle, shrink: float) -> Box:
    """Our box in the photograph from dlib's square in the picture it was sought in."""
    side, bottom = found.width() / shrink, found.bottom() / shrink
    middle = (found.left() + found.right()) / 2 / shrink
    return middle - _WIDTH * side / 2, bottom - _HEIGHT * side, middle + _WIDTH * side / 2, bottom


def checked_box(box: Sequence[float], photo: Image.Image, name: str = "the picture") -> Box:
    """A face box that lies in the picture and is large enough."""
    x0, y0, x1, y1 = (float(edge) for edge in box)
    if not np.isfinite([x0, y0, x1, y1]).all() or max(abs(x0), abs(y0), abs(x1), abs(y1)) > FARTHEST:
        raise InvalidInput(f"the edges of a face box must be finite and within {FARTHEST:,} pixels, got {list(box)}")
    if not (x0 < x1 and y0 < y1) or x1 <= 0 or y1 <= 0 or x0 >= photo.width or y0 >= photo.height:
        raise InvalidInput(f"the face box {[x0, y0, x1, y1]} does not lie in {name} of {photo.width} x {photo.height}")
    if max(x1 - x0, y1 - y0) < MIN_FACE:
        raise InvalidInput(
            f"the face in {name} is {max(x1 - x0, y1 - y0):.0f} pixels high; at least {MIN_FACE} are needed"
        )
    if max(x1 - x0, y1 - y0) > MAX_FACE:
        raise InvalidInput(
            f"the face in {name} is {max(x1 - x0, y1 - y0):,.0f} pixels large; at most {MAX_FACE:,} are read: make the "
            "picture smaller"
        )
    return x0, y0, x1, y1
