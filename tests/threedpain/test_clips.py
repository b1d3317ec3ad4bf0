"""The door for clips: a clip reads no file but its own, and none for ever."""

import time

import av
import numpy as np
import pytest

from threedpain import clips
from threedpain.errors import InvalidInput, MissingFile


def film(path, frames=6, side=96, codec="mpeg4", container=None):
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=10)
        stream.width = stream.height = side
        for number in range(frames):
            picture = np.full((side, side, 3), 40 * number, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        out.mux(stream.encode())
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mov", "avi", "mkv"])
def test_films_are_read_frame_by_frame(tmp_path, suffix):
    path = film(tmp_path / f"film.{suffix}")
    found = list(clips.frames(path, every=2))
    assert [number for number, _, _ in found] == [0, 2, 4]
    assert found[1][1] == pytest.approx(0.2) and found[1][2].size == (96, 96)


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
