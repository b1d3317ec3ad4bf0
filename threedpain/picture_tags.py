"""What the tags of a picture claim, added up before a decoder makes room for them.

EXIF and TIFF say of every value where it lies and how long it is, and thousands may claim the same bytes: a megabyte
of file then takes gigabytes of memory. Values that do not overlap are never longer together than what holds them.
"""

from __future__ import annotations

import io
import struct
from typing import Any, BinaryIO

EXIF = b"Exif\0\0"
SLACK = 65_536  # bytes that honest writers let values share

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NO_LENGTH = (0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE))  # markers of a JPEG that its decoder takes to stand alone


def overlap(file: BinaryIO) -> bool:
    """Whether the tags that a picture's decoder reads when it opens the file claim more bytes than there are. The file
    is left at its beginning."""
    head = file.read(4)
    file.seek(0)
    if head[:2] in (b"II", b"MM"):
        return _overlap(file)
    if head[:2] == b"\xff\xd8":
        exif = _exif_of_jpeg(file)
        file.seek(0)
        return exif_overlaps(exif)
    return False


def exif_overlaps(exif: bytes) -> bool:
    """Whether the values of an EXIF block claim more bytes than it has."""
    while exif.startswith(EXIF):
        exif = exif[len(EXIF) :]
    return _overlap(io.BytesIO(exif))


def exif_in(info: dict[str | tuple[int, int], Any]) -> bytes:
    """The EXIF block among what a decoder noted of a picture; empty where there is none."""
    if isinstance(exif := info.get("exif"), bytes):
        return exif
    if isinstance(text := info.get("Raw profile type exif"), str):
        return bytes.fromhex("".join(text.split("\n")[3:]))
    return b""


def _overlap(file: BinaryIO) -> bool:
    """The same of a TIFF structure from the file's beginning, its first directory; one that is cut claims nothing."""
    whole = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        order = "<" if file.read(2) == b"II" else ">"
        big = struct.unpack(f"{order}H", file.read(2))[0] == 43
        if big:
            file.seek(8)
        (place,) = struct.unpack(f"{order}{'Q' if big else 'I'}", file.read(8 if big else 4))
        file.seek(place)
        (count,) = struct.unpack(f"{order}{'Q' if big else 'H'}", file.read(8 if big else 2))
        form = struct.Struct(f"{order}HH{'Q8x' if big else 'I4x'}")
        claimed = 0
        entries = file.read(min(count * form.size, whole))
        for _, kind, number in form.iter_unpack(entries[: len(entries) // form.size * form.size]):
            size = number * _SIZES.get(kind, 0)
            claimed += size if size > (8 if big else 4) else 0
        return claimed > whole + SLACK
    except (struct.error, OSError, OverflowError, ValueError):
        return False
    finally:
        file.seek(0)


def _exif_of_jpeg(file: BinaryIO) -> bytes:
    """The EXIF segments of a JPEG, one after the other, as its decoder joins them."""
    exif = bytearray()
    file.seek(2)
    while True:
        byte = file.read(1)
        if byte != b"\xff":
            if not byte:
                return bytes(exif)
            continue  # decoders look for the next marker
        while (marker := file.read(1)) == b"\xff":
            pass
        if not marker or marker == b"\xda":
            return bytes(exif)
        if marker == b"\0" or marker[0] in _NO_LENGTH:
            continue
        segment = file.read(max(0, int.from_bytes(file.read(2), "big") - 2))
        if marker == b"\xe1" and segment.startswith(EXIF):
            exif += segment[len(EXIF) if exif else 0 :]
