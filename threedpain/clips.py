"""The one door for clips from outside.

A playlist that calls itself a clip makes FFmpeg open other files, and one without an end makes it wait for more. So the
container is chosen by the file's first bytes from a few that hold their own pictures, nothing but the opened file may
be read, and decoding has a time limit.
"""

from __future__ import annotations

import contextlib
import stat
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from . import clip_claims
from .errors import InvalidInput, MissingFile
from .extras import need_extra
from .pictures import shown

if TYPE_CHECKING:
    import av

SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")
MAX_PIXELS = 33_200_000  # of a frame: 8K
PATIENCE = 20.0  # seconds that opening a clip, or coming from one frame to the next, may take

_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")

# What a clip says of how it is shown, as where a step to the right and a step down of its pictures go (x, y each).
_SHOWN = {
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}


def frames(
    path: str | Path, every: int = 1, *, max_pixels: int = MAX_PIXELS, seconds: float | None = None
) -> Iterator[tuple[int, float, Image.Image]]:
    """(number, time in seconds, picture) of every `every`-th frame of a clip, upright as players show it.

    seconds: time limit for the whole clip, what is done with its frames included; None: only PATIENCE for each frame.
    """
    need_extra("av", "video")
    import av

    path = Path(path)
    name = shown(path.name)
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError):
        raise MissingFile(f"{shown(str(path))} does not exist") from None
    if not stat.S_ISREG(kind):
        raise MissingFile(f"{shown(str(path))} is no file")
    end = None if seconds is None else time.monotonic() + seconds
    late = InvalidInput(f"{name} takes too long to decode; cut it shorter, or save it as .mp4")
    # Opened as a stream, so that the name is never read as an address; any other file the container names is refused.
    options = {"protocol_whitelist": "file", "max_pixels": str(max_pixels), "enable_drefs": "0"}
    waiting = PATIENCE if seconds is None else min(PATIENCE, seconds)
    try:
        with path.open("rb") as file, contextlib.ExitStack() as opened:
            kind_of_clip = _container(file, name)
            options |= _cautions(file, name, kind_of_clip)
            container = opened.enter_context(
                av.open(file, format=kind_of_clip, options=options, timeout=waiting, io_open=_refuse)
            )
            if not container.streams.video:
                raise InvalidInput(f"{name} holds no pictures")
            stream = container.streams.video[0]
            _check_size(stream.codec_context.width, stream.codec_context.height, name, max_pixels)
            stream.codec_context.options = {"max_pixels": str(max_pixels)}
            number, asked = 0, time.monotonic()
            for packet in container.demux(stream):
                for frame in packet.decode():
                    _check_size(frame.width, frame.height, name, max_pixels)
                    if number % every == 0:
                        yield number, float(frame.time or 0.0), _upright(frame)
                    asked = time.monotonic()
                    number += 1
                now = time.monotonic()
                if now - asked > PATIENCE or (end is not None and now > end):
                    raise late
            if not number:
                raise InvalidInput(f"{name} holds no pictures that can be decoded")
    except InvalidInput:
        raise
    except Exception as problem:  # any: what a damaged clip makes a decoder throw is not ours to know
        raise InvalidInput(f"{name} cannot be read as a clip ({type(problem).__name__})") from None


def _upright(frame: av.VideoFrame) -> Image.Image:
    """A frame as it is shown: phones keep their pictures as the sensor lies, and note beside them how it was held."""
    picture = frame.to_image()
    if not frame.rotation:  # most frames: nothing is noted
        return picture
    with contextlib.suppress(KeyError, ValueError):  # a note of a kind that PyAV does not know stands beside it
        right_x, right_y, _, down_x, down_y = struct.unpack_from("=5i", bytes(frame.side_data["DISPLAYMATRIX"]))
        turn = _SHOWN.get(tuple(round(step / 65536) for step in (right_x, right_y, down_x, down_y)))
        return picture if turn is None else picture.transpose(turn)
    return picture


def _container(file: BinaryIO, name: str) -> str:
    """FFmpeg's name of the container that a file's first bytes begin; the file is left at its beginning."""
    head = file.read(12)
    file.seek(0)
    if head[4:8] in _ISO_BOXES:
        return "mov"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    raise InvalidInput(f"{name} cannot be read as a clip: it must be an MP4, MOV, AVI, Matroska or WebM file")


def _cautions(file: BinaryIO, name: str, container: str) -> dict[str, str]:
    """Options of FFmpeg for a clip whose tables could take more memory than they are worth; some are refused."""
    if container == "avi":
        return {"use_odml": "0"}  # an index of indices, which may all be the same; the pictures follow without it
    if container == "mov":
        if clip_claims.excessive(file):
            raise InvalidInput(f"{name} claims more pictures than it can hold, or a compressed table; save it anew")
        if clip_claims.many_cuts(file):
            return {"advanced_editlist": "0"}
    return {}


def _refuse(url: str, flags: int, options: dict) -> None:
    raise PermissionError("a clip may not open other files")


def _check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    if not 0 < width * height <= max_pixels:
        raise InvalidInput(f"the pictures of {name} must have 1 to {max_pixels:,} pixels, not {width} x {height}")
