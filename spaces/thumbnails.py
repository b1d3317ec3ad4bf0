"""Thumbnails of the expressions to choose from: drawn when the page starts, and sent inside its style sheet.

A file of their own would be swept away with the other files of the page.
"""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from . import engine, make

SIDE = 96  # pixels
MARGIN = 0.35  # around the landmarks, as a share of their extent


def strip() -> Image.Image:
    """All presets side by side on the first person of the page, SIDE pixels each."""
    first = make.first_request()
    faces = [engine.make(make.request_of(units)) for units in make.PRESETS.values()]
    points = engine.make(first).landmarks
    low, high = points.min(0), points.max(0)
    half = (1 + MARGIN) / 2 * float((high - low).max())
    middle = (low + high) / 2 - (0, 0.12 * half)  # landmarks end at the brows
    box = np.concatenate([middle - half, middle + half]).tolist()
    whole = Image.new("RGB", (SIDE * len(faces), SIDE))
    for number, face in enumerate(faces):
        small = face.image.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=_inside(box, face.image.size))
        whole.paste(small, (number * SIDE, 0))
    return whole


def _inside(box: list[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    return max(left, 0.0), max(top, 0.0), min(right, float(size[0])), min(bottom, float(size[1]))


def css() -> str:
    """Rules that give each option of `make.presets` its face."""
    buffer = io.BytesIO()
    strip().save(buffer, "WEBP", quality=80)
    data = base64.b64encode(buffer.getvalue()).decode()
    count = len(make.PRESETS)
    drawn = f"background-image: url(data:image/webp;base64,{data}); background-size: {count}00% 100%"
    places = (
        f".thumbnails label:nth-of-type({n + 1})::before {{ background-position: {100 * n / (count - 1):.2f}% 0; }}"
        for n in range(count)
    )
    return "\n".join((f".thumbnails label::before {{ {drawn}; }}", *places)) + "\n"
