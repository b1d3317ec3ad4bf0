"""Photographs from outside: opened with care, and the one face in them found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from threedpain.dataset_script.judges import upright_faces
from threedpain.errors import InvalidInput
from threedpain.pictures import MAX_PIXELS, open_picture, shown

FARTHEST = 4 * 16_384  # pixels of the picture's corner that an edge of a face box may be away
MIN_FACE = 40  # pixels: below, action units cannot be seen
_DETECT_AT = 720  # longer side in which faces are sought

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
    shrink = min(1.0, _DETECT_AT / max(photo.size))
    size = (max(1, round(photo.width * shrink)), max(1, round(photo.height * shrink)))
    pixels = np.asarray(photo.convert("L").resize(size, Image.Resampling.BILINEAR))
    boxes = []
    squares, _ = upright_faces(pixels)
    if len(squares) != 1:  # smaller faces than 80 pixels of these, at four times the cost
        squares, _ = upright_faces(pixels, 1)
    for found in squares:
        side, bottom = found.width() / shrink, found.bottom() / shrink
        middle = (found.left() + found.right()) / 2 / shrink
        boxes.append((middle - _WIDTH * side / 2, bottom - _HEIGHT * side, middle + _WIDTH * side / 2, bottom))
    return sorted(boxes, key=lambda box: box[0] - box[2])


def one_face(photo: Image.Image, name: str = "the picture") -> Box:
    """The box of the only face; InvalidInput when there is none, there are several, or it is too small."""
    boxes = find_faces(photo)
    if not boxes:
        raise InvalidInput(f"no face was found in {name}; it must look roughly at the camera and be well lit")
    if len(boxes) > 1:
        raise InvalidInput(f"{len(boxes)} faces were found in {name}; cut out the one to read, or give its box")
    return checked_box(boxes[0], photo, name)


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
    return x0, y0, x1, y1
