"""The door for pictures: what it lets in, and that nothing else is started, read or allocated."""

import io
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from threedpain import pictures
from threedpain.errors import InvalidInput, MissingFile
from threedpain.modeling.vitpain import image_processing_vitpain

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n0 0 moveto 64 64 lineto stroke\n%%EOF\n"


def encoded(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def photo() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO"])
def test_what_cameras_and_screens_write_is_let_in(kind, tmp_path):
    (tmp_path / "photo.bin").write_bytes(data := encoded(photo(), kind))
    for source in (data, tmp_path / "photo.bin"):
        assert pictures.open_picture(source).convert("RGB").size == (64, 48)


@pytest.mark.parametrize("kind", ["PPM", "TGA", "PCX", "ICO", "ICNS", "SGI", "DDS", "JPEG2000"])
def test_no_other_format_is(kind):
    with pytest.raises(InvalidInput, match="the picture cannot be read as a picture"):
        pictures.open_picture(encoded(photo(), kind))


def test_a_picture_starts_no_other_program(tmp_path, monkeypatch):
    """An EPS that calls itself .png makes Pillow start ghostscript."""
    (tmp_path / "photo.png").write_bytes(EPS)
    started = []
    monkeypatch.setattr(subprocess, "check_call", lambda *given, **_: started.append(given))
    monkeypatch.setattr(subprocess, "Popen", lambda *given, **_: started.append(given))
    with pytest.raises(InvalidInput, match="photo.png cannot be read"):
        pictures.open_picture(tmp_path / "photo.png")
    assert not started


def webp(width: int, height: int) -> bytes:
    """An extended WebP that claims this size, around a small picture."""
    small = encoded(Image.new("RGB", (16, 16)), "WEBP")[12:]
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size + small
    return b"RIFF" + struct.pack("<I", len(body)) + body


def png(width: int, height: int) -> bytes:
    data = bytearray(encoded(Image.new("L", (16, 16)), "PNG"))
    data[16:24] = struct.pack(">II", width, height)
    return bytes(data[:29] + struct.pack(">I", zlib.crc32(data[12:29])) + data[33:])


@pytest.mark.parametrize("build", [webp, png])
def test_the_size_is_asked_before_pixels(build):
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match="at most 89 million"):
            pictures.open_picture(build(16_000, 16_000))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert pictures.open_picture(build(16, 16)).size == (16, 16)


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_a_large_claim_takes_no_memory(tmp_path):
    """Also not outside Python's own memory: the WebP decoder takes it when it is opened."""
    (tmp_path / "large.webp").write_bytes(webp(16_000, 16_000))
    code = (
        "import resource, sys\nfrom threedpain.pictures import open_picture\n"
        "import PIL.WebPImagePlugin\n"
        "resource.setrlimit(resource.RLIMIT_AS, (600_000_000,) * 2)\n"
        "try: open_picture(sys.argv[1])\nexcept ValueError as told: print(told)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "large.webp"], capture_output=True, text=True)
    assert "has 16000 x 16000 pixels" in done.stdout, done


def test_what_is_no_file_is_said(tmp_path):
    with pytest.raises(MissingFile, match="is no file"):
        pictures.open_picture(tmp_path)
    with pytest.raises(MissingFile, match="does not exist"):
        pictures.open_picture(tmp_path / "none\x1b[31m.png")
    with pytest.raises(MissingFile, match=r"a\\x00b does not exist"):
        pictures.open_picture("a\0b")


def test_a_cell_of_a_set_holds_bytes_not_the_path_of_another_file(tmp_path):
    photo().save(tmp_path / "mine.png")
    with pytest.raises(InvalidInput, match="must hold its pictures' bytes"):
        pictures.stored_picture({"bytes": None, "path": str(tmp_path / "mine.png")})
    assert pictures.stored_picture(None) is None
    assert pictures.stored_picture({"bytes": encoded(photo(), "PNG"), "path": "x"}).size == (64, 48)


def test_names_are_printed_without_control_characters():
    assert pictures.shown("a\x1b[2Jb\nc.png") == "a\\x1b[2Jb\\nc.png"
    assert len(pictures.shown("x" * 5000)) == 200


def test_the_door_and_the_processor_agree_about_sides():
    assert (pictures.MIN_SIDE, pictures.MAX_SIDE) == (
        image_processing_vitpain.MIN_SIDE,
        image_processing_vitpain.MAX_SIDE,
    )


def test_pictures_of_unknown_origin_have_one_door():
    """Modules that read sets, photographs or uploads call no decoder themselves; the card shows what was just made."""
    rooms = (
        Path(__file__).parents[2] / room for room in ("dataset_script", "modeling/reading", "modeling/faces", "spaces")
    )
    files = [path for room in rooms for path in room.glob("*.py") if path.name not in ("card.py", "augment.py")]
    assert len(files) > 40
    assert [path.name for path in files if "Image.open(" in path.read_text()] == []
