"""The one door for pictures from outside: photographs, uploads, files of a csv, bytes of a data set.

Decoders are foreign code. So only formats decoded inside this process are let in (an EPS or WMF would start another
program), the size is asked before pixels are made, the time is limited, and whatever a decoder throws becomes one
sentence.
"""

from __future__ import annotations

import io
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from PIL import Image, ImageOps

from . import picture_tags
from .errors import InvalidInput, MissingFile

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO")
MAX_PIXELS = 89_000_000
MIN_SIDE, MAX_SIDE = 16, 16_384  # pixels, as ViTPain's image processor takes them
PATIENCE = 20.0  # seconds of computing that a picture may take
BLOCK = 4096  # bytes given at once to a decoder that may come back to every pixel many times: a progressive JPEG's


def open_picture(source: str | Path | bytes, name: str = "", max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The first frame of a picture, decoded whole and upright, in its own mode.

    source: a file's path, or its bytes; name: what to call it in a sentence, by default the file's name.
    """
    if isinstance(source, bytes):
        return _decode(io.BytesIO(source), name or "the picture", max_pixels)
    path = Path(source)
    name = name or path.name
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError):
        raise MissingFile(f"{shown(str(path))} does not exist") from None
    if not stat.S_ISREG(kind):
        raise MissingFile(f"{shown(str(path))} is no file")
    try:
        file = path.open("rb")
    except OSError as problem:
        raise InvalidInput(f"{shown(name)} cannot be read: {problem.strerror}") from None
    with file:
        return _decode(file, name, max_pixels)


def stored_picture(cell: Mapping[str, Any] | None, name: str = "a picture of the set") -> Image.Image | None:
    """The picture in a cell of a data set; None of an empty cell.

    The cell must hold the bytes: a path in a set made by others would open any file of this machine.
    """
    if cell is None:
        return None
    if cell.get("bytes") is None:
        raise InvalidInput(f"{name} is a path, not a picture; a set must hold its pictures' bytes")
    return open_picture(cell["bytes"], name)


def shown(text: str) -> str:
    """A foreign name as it may be printed: control characters are written out, and what is long is cut."""
    plain = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return plain if len(plain) <= 200 else f"{plain[:199]}…"


def nameable(name: str) -> bool:
    """Whether a file could have this relative name on any common system: no NUL, no part beyond 255 bytes."""
    parts = name.replace("\\", "/").split("/")
    return "\0" not in name and len(name) < 4000 and all(len(os.fsencode(part)) <= 255 for part in parts)


def _decode(file: BinaryIO, name: str, max_pixels: int) -> Image.Image:
    name = shown(name)
    try:
        if (size := _webp_size(file)) is not None:  # its decoder takes all its memory when it is opened
            _check_size(size, name, max_pixels)
        overlapping = InvalidInput(f"{name} claims more metadata than it holds; save it anew")
        slow = cast(BinaryIO, _Patient(file, PATIENCE))
        if picture_tags.overlap(slow):
            raise overlapping
        with Image.open(slow, formats=FORMATS) as image:
            _check_size(image.size, name, max_pixels)
            if image.info.get("progressive"):
                image.decodermaxblock = BLOCK
            image.load()
            _check_size(image.size, name, max_pixels)  # a GIF's frame may be larger than it said
            if picture_tags.exif_overlaps(picture_tags.exif_in(image.info)):
                raise overlapping
            upright = ImageOps.exif_transpose(image)
            upright.info.pop("exif", None)
            return upright
    except InvalidInput:
        raise
    except _TooSlow:
        raise InvalidInput(f"{name} takes too long to decode; save it anew, as a plain JPEG or PNG") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidInput(f"{name} has too many pixels; at most {max_pixels // 1_000_000} million are read") from None
    except Exception:  # any: what a damaged picture makes a decoder throw is not ours to know
        raise InvalidInput(f"{name} cannot be read as a picture: it is damaged, or none at all") from None


class _TooSlow(Exception):
    pass


class _Patient:
    """A file that is read no further once its time is up: slow decoders come back for more again and again.

    What counts is what this thread computes, so that a busy machine makes no picture too slow.
    """

    def __init__(self, file: BinaryIO, seconds: float) -> None:
        self.file, self.end = file, time.thread_time() + seconds

    def read(self, size: int = -1) -> bytes:
        if time.thread_time() > self.end:
            raise _TooSlow
        return self.file.read(size)

    def readline(self, size: int = -1) -> bytes:
        return self.file.readline(size)

    def seek(self, place: int, whence: int = 0) -> int:
        return self.file.seek(place, whence)

    def tell(self) -> int:
        return self.file.tell()


def _check_size(size: tuple[int, int], name: str, max_pixels: int) -> None:
    width, height = size
    if min(size) < MIN_SIDE or max(size) > MAX_SIDE or width * height > max_pixels:
        raise InvalidInput(
            f"{name} has {width} x {height} pixels; sides must be {MIN_SIDE} to {MAX_SIDE}, "
            f"and at most {max_pixels // 1_000_000} million pixels together"
        )


def _webp_size(file: BinaryIO) -> tuple[int, int] | None:
    """Width and height that a WebP's header claims; None of any other file. The file is left at its beginning."""
    head = file.read(30)
    file.seek(0)
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return None
    number = lambda first, last: int.from_bytes(head[first:last], "little")  # noqa: E731
    if head[12:16] == b"VP8X":
        return number(24, 27) + 1, number(27, 30) + 1
    if head[12:16] == b"VP8L":
        return (number(21, 25) & 0x3FFF) + 1, (number(21, 25) >> 14 & 0x3FFF) + 1
    return number(26, 28) & 0x3FFF, number(28, 30) & 0x3FFF
