"""The door for clips: a clip reads no file but its own, and none for ever."""

import struct
import time
import zlib
from types import SimpleNamespace

import av
import numpy as np
import pytest

from threedpain import clip_claims, clips
from threedpain.errors import InvalidInput, MissingFile


def film(path, frames=6, side=96, codec="mpeg4", container=None):
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=10)
        stream.width = stream.height = side
        for number in range(frames):
            picture = np.full((side, side, 3), 40 * number % 256, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        out.mux(stream.encode())
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mov", "avi", "mkv"])
def test_films_are_read_frame_by_frame(tmp_path, suffix):
    path = film(tmp_path / f"film.{suffix}")
    found = list(clips.frames(path, every=2))
    assert [number for number, _, _ in found] == [0, 2, 4]
    assert found[1][1] == pytest.approx(0.2) and found[1][2].size == (96, 96)


@pytest.mark.parametrize(
    ("matrix", "corner"),
    [
        ((1, 0, 0, 1), (0, 0)),
        ((0, 1, -1, 0), (1, 0)),  # a quarter to the right, as a phone held upright notes it
        ((0, -1, 1, 0), (0, 1)),
        ((-1, 0, 0, -1), (1, 1)),
        ((-1, 0, 0, 1), (1, 0)),  # a mirror
    ],
)
def test_a_clip_is_seen_as_players_show_it(tmp_path, matrix, corner):
    """Pictures are 96 x 64 with a white upper left corner; `corner` is where it is shown, (right, down)."""
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 96, 64
        picture = np.zeros((64, 96, 3), np.uint8)
        picture[:16, :24] = 255
        out.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        out.mux(stream.encode())
    (a, b, c, d), one = matrix, 1 << 16
    turned = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    data = path.read_bytes()
    path.write_bytes(rebuilt(data, [b"moov", b"trak", b"tkhd"], lambda head: head[:40] + turned + head[76:]))
    ((_, _, seen),) = clips.frames(path)
    assert seen.size == ((96, 64) if a else (64, 96))
    x, y = (4 + where * (edge - 9) for where, edge in zip(corner, seen.size, strict=True))
    assert seen.convert("L").getpixel((x, y)) > 200
    assert np.asarray(seen.convert("L"), float).mean() < 40


def test_frames_that_are_left_out_have_their_own_time(tmp_path, monkeypatch):
    """Patience is for each frame, not for all between two that are asked for."""
    seconds = iter(range(10_000))
    monkeypatch.setattr(clips, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    path = film(tmp_path / "film.mp4", frames=2 * int(clips.PATIENCE))
    assert len(list(clips.frames(path, every=1000))) == 1


@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.mkv"])
def test_a_playlist_reads_no_other_file(tmp_path, name):
    secret = film(tmp_path / "secret.ts", codec="mpeg2video", container="mpegts")
    playlist = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.6,\n{secret}\n"
    began = time.monotonic()
    for end in ("#EXT-X-ENDLIST\n", ""):  # without an end, FFmpeg waits for more
        (tmp_path / name).write_text(playlist + end)
        with pytest.raises(InvalidInput, match=f"{name} cannot be read as a clip: it must be an MP4"):
            list(clips.frames(tmp_path / name))
    assert time.monotonic() - began < clips.PATIENCE


@pytest.mark.parametrize("text", ["ffconcat version 1.0\nfile film.mp4\n", "<?xml version='1.0'?><MPD></MPD>", "", "x"])
def test_lists_and_rubbish_are_no_clips(tmp_path, text):
    film(tmp_path / "film.mp4")
    (tmp_path / "list.mp4").write_text(text)
    with pytest.raises(InvalidInput, match="list.mp4 cannot be read as a clip: it must"):
        list(clips.frames(tmp_path / "list.mp4"))


def test_a_clip_that_names_another_file_as_its_pictures_does_not_open_it(tmp_path, monkeypatch):
    """A QuickTime film may say that its pictures lie in another file (a data reference that is not its own)."""
    film(tmp_path / "secret.mov")
    data = (tmp_path / "secret.mov").read_bytes()
    alias = data.replace(b"url \x00\x00\x00\x01", b"url \x00\x00\x00\x00")
    assert alias != data
    (tmp_path / "alias.mov").write_bytes(alias)
    opened = []
    monkeypatch.setattr(clips, "_refuse", lambda url, *_: opened.append(url))
    list(clips.frames(tmp_path / "alias.mov"))
    assert not opened


def test_a_file_named_like_an_address_is_read_as_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "film.mp4").rename(tmp_path / "concat:film.mp4|other.mp4")
    assert len(list(clips.frames("concat:film.mp4|other.mp4"))) == 6


def test_large_frames_and_long_decoding_end_in_a_sentence(tmp_path):
    path = film(tmp_path / "film.mp4", side=256)
    with pytest.raises(InvalidInput, match="must have 1 to 9,000 pixels"):
        list(clips.frames(path, max_pixels=9_000))
    with pytest.raises(InvalidInput, match="takes too long to decode"):
        for _ in clips.frames(path, seconds=0.5):
            time.sleep(0.6)
    for missing in (tmp_path / "none.mp4", tmp_path):
        with pytest.raises(MissingFile):
            list(clips.frames(missing))


TABLE = [b"moov", b"trak", b"mdia", b"minf", b"stbl"]


def boxes(data):
    """(name, content) of the boxes of an MP4, one after the other."""
    while len(data) >= 8:
        length, name = struct.unpack(">I4s", data[:8])
        yield name, data[8:length]
        data = data[length:]


def rebuilt(data, path, change):
    """An MP4 whose box at the end of a path has the content that `change` makes of it."""
    out = b""
    for name, content in boxes(data):
        if name == path[0]:
            content = rebuilt(content, path[1:], change) if path[1:] else change(content)
        out += struct.pack(">I4s", 8 + len(content), name) + content
    return out


def numbers(*values):
    return struct.pack(f">{len(values)}I", *values)


def claiming(data, kind):
    """An MP4 of a kilobyte that makes FFmpeg take one to three gigabytes."""
    many = 80_000_000
    if kind == "samples":
        for name, content in ((b"stsz", (0, 1, many)), (b"stsc", (0, 1, 1, many, 1)), (b"stts", (0, 1, many, 1))):
            data = rebuilt(data, [*TABLE, name], lambda _, content=content: numbers(*content))
    elif kind == "chunks of sound":
        data = rebuilt(data, [*TABLE, b"stsc"], lambda _: numbers(0, 1, 1, 4_000_000_000, 1))
        data = rebuilt(data, [*TABLE, b"stco"], lambda _: numbers(0, 20, *[48] * 20))
    elif kind == "a compressed table":
        table = zlib.compress(dict(boxes(data))[b"moov"] + bytes(1000))
        packed = numbers(12) + b"dcomzlib" + numbers(12 + len(table)) + b"cmvd" + numbers(2_000_000_000) + table
        data = rebuilt(data, [b"moov"], lambda _: numbers(8 + len(packed)) + b"cmov" + packed)
    else:
        run = numbers(20) + b"trun" + numbers(1, many, 0)
        traf = numbers(16) + b"tfhd" + numbers(0, 1) + (run if kind == "fragments" else b"")
        if kind == "fragments, lengths behind their names":
            traf += numbers(1) + b"trun" + numbers(0, 28, 1, many, 0)
        moof = numbers(16) + b"mfhd" + numbers(0, 1) + numbers(8 + len(traf)) + b"traf" + traf
        extends = numbers(40) + b"mvex" + numbers(32) + b"trex" + numbers(0, 1, 1, 1, 1, 0)
        data = rebuilt(data, [b"moov"], lambda content: content + extends) + numbers(8 + len(moof)) + b"moof" + moof
    return data


@pytest.mark.parametrize(
    "kind",
    ["samples", "chunks of sound", "a compressed table", "fragments", "fragments, lengths behind their names"],
)
def test_a_clip_claims_no_more_than_it_holds(tmp_path, kind):
    """A kilobyte of MP4 took up to three gigabytes before a single picture was decoded."""
    data = film(tmp_path / "film.mp4", side=64).read_bytes()
    (tmp_path / "claim.mp4").write_bytes(claiming(data, kind))
    with pytest.raises(InvalidInput, match="claim.mp4 claims more pictures than it can hold"):
        list(clips.frames(tmp_path / "claim.mp4"))


def test_thousands_of_cuts_are_not_followed(tmp_path, monkeypatch):
    """For every cut FFmpeg copies the table of the samples."""
    path = film(tmp_path / "film.mp4", side=64)
    options = []
    opened = av.open
    monkeypatch.setattr(av, "open", lambda *given, **more: options.append(more["options"]) or opened(*given, **more))
    assert len(list(clips.frames(path))) == 6 and "advanced_editlist" not in options[-1]
    monkeypatch.setattr(clip_claims, "EDITED", 500)
    cuts = numbers(0, 100) + numbers(6, 0, 0x10000) * 100
    path.write_bytes(rebuilt(path.read_bytes(), [b"moov", b"trak", b"edts", b"elst"], lambda _: cuts))
    list(clips.frames(path))
    assert options[-1]["advanced_editlist"] == "0"


def test_words_in_a_clip_are_no_tables(tmp_path):
    with av.open(str(tmp_path / "film.mp4"), "w") as out:
        out.metadata["comment"] = "truncated from the elstree film; stsz, stco, stsc and cmov are words as well"
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 96
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((96, 96, 3), np.uint8))))
        out.mux(stream.encode())
    assert b"truncated" in (tmp_path / "film.mp4").read_bytes()
    assert len(list(clips.frames(tmp_path / "film.mp4"))) == 1
