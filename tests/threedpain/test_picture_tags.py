"""What a small picture may claim in its tags or its scans, and that it takes neither memory nor hours."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from threedpain import pictures
from threedpain.errors import InvalidInput

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))


def tags(count: int, size: int, order: str = "<", big: bool = False) -> bytes:
    """A TIFF structure of `count` values that are all the same `size` bytes."""
    sign = {"<": b"II", ">": b"MM"}[order]
    begin, entry = (16, 20) if big else (8, 12)
    if big:
        head = sign + struct.pack(f"{order}HHHQ", 43, 8, 0, begin) + struct.pack(f"{order}Q", count)
    else:
        head = sign + struct.pack(f"{order}HI", 42, begin) + struct.pack(f"{order}H", count)
    after = len(head) + count * entry + (8 if big else 4)
    form = f"{order}HHQQ" if big else f"{order}HHII"
    entries = b"".join(struct.pack(form, 1000 + number, 7, size, after) for number in range(count))
    return head + entries + bytes(8 if big else 4) + bytes(size)


def saved(kind: str, **options) -> bytes:
    out = io.BytesIO()
    PHOTO.save(out, kind, **options)
    return out.getvalue()


def jpeg(exif: bytes) -> bytes:
    """A JPEG whose EXIF lies in as many segments as it needs; its decoder joins them."""
    whole = saved("JPEG")
    parts = [exif[start : start + 60_000] for start in range(0, len(exif), 60_000)]
    segments = (b"\xff\xe1" + struct.pack(">H", 8 + len(part)) + b"Exif\0\0" + part for part in parts)
    return whole[:2] + b"".join(segments) + whole[2:]


MUCH = tags(1000, 300_000)


@pytest.mark.parametrize(
    "data",
    [
        MUCH, tags(1000, 300_000, ">"), tags(1000, 300_000, "<", big=True), tags(1000, 300_000, ">", big=True),
        jpeg(MUCH), saved("PNG", exif=MUCH), saved("WEBP", exif=MUCH),
    ],
    ids=["tiff", "tiff big-endian", "bigtiff", "bigtiff big-endian", "jpeg", "png", "webp"],
)  # fmt: skip
def test_tags_that_claim_the_same_bytes_again_and_again(data):
    """One megabyte took three gigabytes."""
    assert len(data) < 400_000
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match="claims more metadata than it holds"):
            pictures.open_picture(data)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "MPO"])
def test_honest_tags_are_read(kind):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a face" * 2000
    assert pictures.open_picture(saved(kind, exif=exif)).size == (48, 64)  # turned upright
    assert pictures.open_picture(jpeg(exif.tobytes()[6:] + bytes(200_000))).size == (48, 64)


def test_a_picture_of_countless_scans_is_given_up(monkeypatch):
    """Each scan of a progressive JPEG may be a few bytes, and its decoder goes over every pixel for it."""
    monkeypatch.setattr(pictures, "PATIENCE", 0.3)
    out = io.BytesIO()
    Image.new("L", (1600, 1600), 128).save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    starts = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    assert pictures.open_picture(whole).size == (1600, 1600)
    with pytest.raises(InvalidInput, match="takes too long to decode"):
        pictures.open_picture(whole[:-2] + whole[starts[2] : starts[3]] * 20_000 + whole[-2:])


def test_a_picture_of_countless_segments_is_given_up(monkeypatch):
    monkeypatch.setattr(pictures, "PATIENCE", 0.2)
    whole = saved("JPEG")
    with pytest.raises(InvalidInput, match="takes too long to decode"):
        pictures.open_picture(whole[:2] + (b"\xff\xe1" + struct.pack(">H", 9) + b"Exif\0\0x") * 400_000 + whole[2:])
