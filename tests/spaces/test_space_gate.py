"""What a stranger may send to the Space, and what they are told."""

import asyncio
import os
import threading
import time
from types import SimpleNamespace

import av
import gradio as gr
import numpy as np
import pytest
from apart import apart
from PIL import Image

from threedpain.errors import InvalidInput
from threedpain.spaces import api, app, browse, gate, patience, read


def ask(guard, method="POST", path="/gradio_api/upload", host="127.0.0.1:7860", body=(), length=None):
    """(status, text) of one request; `body` are its chunks."""
    headers = [(b"host", host.encode())] + ([(b"content-length", str(length).encode())] if length is not None else [])
    chunks = [{"type": "http.request", "body": part, "more_body": True} for part in body]
    chunks.append({"type": "http.request", "body": b"", "more_body": False})
    sent = []

    async def receive():
        return chunks.pop(0)

    async def send(message):
        sent.append(message)

    apart(asyncio.run, guard({"type": "http", "method": method, "path": path, "headers": headers}, receive, send))
    return sent[0]["status"], b"".join(part.get("body", b"") for part in sent).decode()


async def page(scope, receive, send):
    """Reads all it is sent, as Gradio's parser does."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"taken"})


@pytest.fixture
def guard(tmp_path):
    return gate.Gate(page, tmp_path, gate.LOOPBACK)


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "[::1]:7860", "LOCALHOST:1"])
def test_the_loopback_page_answers_to_its_own_names(guard, host):
    assert ask(guard, "GET", "/", host) == (200, "taken")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "[::2]"])
def test_and_to_no_other(guard, host):
    assert ask(guard, "GET", "/", host) == (403, "this server answers to its own name only")


def test_a_public_page_answers_to_any_name(tmp_path):
    assert ask(gate.Gate(page, tmp_path), "GET", "/", "someone-3dpain.hf.space")[0] == 200


def test_one_request_is_capped_whether_it_says_its_length_or_not(guard):
    megabyte = b"x" * 1_000_000
    assert ask(guard, body=[megabyte] * 20) == (200, "taken")
    assert ask(guard, length=10**12) == (413, "a request may hold 26 MB at most")
    assert ask(guard, length="1e9")[0] == 413
    assert ask(guard, body=[megabyte] * 30) == (413, "a request may hold 26 MB at most")
    assert ask(guard, path="/gradio_api/queue/join", body=[megabyte] * 2) == (413, "a request may hold 1 MB at most")


def test_all_uploads_together_are_capped(guard, tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "UPLOADS_BYTES", 1000)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x" * 1001)
    status, told = ask(guard)
    assert status == 503 and "try again" in told
    assert ask(guard, path="/gradio_api/queue/join")[0] == 200


def test_slow_uploads_do_not_keep_others_out(guard, monkeypatch):
    """All places were taken by clients that sent a byte now and then, and nobody could read a photograph."""
    monkeypatch.setattr(gate, "UPLOAD_GRACE", 0.01)
    scope = {"type": "http", "method": "POST", "path": "/gradio_api/upload", "headers": [(b"host", b"localhost")]}
    told = []

    async def send(message):
        told.append(message)

    async def never():
        await asyncio.sleep(1000)

    async def whole():
        return {"type": "http.request", "body": b"photo", "more_body": False}

    async def scene():
        slow = [asyncio.create_task(guard(scope, never, send)) for _ in range(gate.UPLOADS_AT_ONCE)]
        while len(guard.arriving) < gate.UPLOADS_AT_ONCE:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        for honest in range(3):
            await guard(scope, whole, send)
            assert told[-2]["status"] == 200 and told[-1]["body"] == b"taken", honest
        await asyncio.sleep(0.001)
        ended = [task for task in slow if task.done()]
        assert len(ended) == 1 and len(guard.arriving) == gate.UPLOADS_AT_ONCE - 1  # one place was enough for all
        assert ended[0].exception() is None
        for task in slow:
            task.cancel()

    apart(asyncio.run, scene())


def test_broken_off_uploads_are_swept_and_new_ones_stay(tmp_path):
    for name, age in (("old", 1000), ("new", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(b"x")
        (tmp_path / f"tmp{name}").write_bytes(b"x")
        for path in (tmp_path / name / "file", tmp_path / name, tmp_path / f"tmp{name}"):
            os.utime(path, (time.time() - age,) * 2)
    outside = tmp_path.parent / "outside"
    outside.write_text("mine")
    (tmp_path / "link").symlink_to(outside)
    gate.sweep(tmp_path, 600)
    gate.sweep(tmp_path, 600)
    assert {path.name for path in tmp_path.iterdir()} >= {"new", "tmpnew"}
    assert not (tmp_path / "tmpold").exists() and not (tmp_path / "old" / "file").exists()
    assert outside.read_text() == "mine"
    stop = gate.keep_swept(tmp_path, -1, every=0.01)
    for _ in range(500):
        if not any(path.is_file() for path in tmp_path.rglob("*")):
            break
        time.sleep(0.01)
    stop.set()
    assert not any(path.is_file() for path in tmp_path.rglob("*")) and outside.exists()


def test_one_client_does_not_fill_the_queue():
    page = app.build()
    render = next(fn for fn in page.fns.values() if fn.api_name == "make_face")._id

    def join(session, headers=()):
        body = gr.data_classes.PredictBodyInternal(fn_index=render, session_hash=session, data=[])
        return apart(asyncio.run, page._queue.push(body, SimpleNamespace(headers=dict(headers)), None))

    told = [join("greedy") for _ in range(gate.WAITING_OF_ONE + 2)]
    assert [success for success, *_ in told] == [True] * gate.WAITING_OF_ONE + [False] * 2
    assert told[-1][1].startswith("Queue is full for one visitor") and told[-1][2] == "queue_full"
    assert join("honest")[0]
    behind = {"x-forwarded-for": "203.0.113.7"}
    told = [join(f"session {number}", behind)[0] for number in range(gate.WAITING_OF_ADDRESS + 2)]
    assert told == [True] * gate.WAITING_OF_ADDRESS + [False] * 2
    assert join("somebody else", {"x-forwarded-for": "203.0.113.8"})[0]


def test_an_event_has_a_time_limit():
    go = threading.Event()
    slow = patience.within(0.05)(lambda: go.wait(30))
    for _ in range(patience.ABANDONED):
        with pytest.raises(InvalidInput, match="took longer than 0.05 seconds"):
            slow()
    with pytest.raises(InvalidInput, match="take too long at the moment"):
        slow()
    go.set()
    for _ in range(500):
        try:
            assert slow() is True
            break
        except InvalidInput:
            time.sleep(0.01)
    else:
        raise AssertionError("it is never taken up again")
    with pytest.raises(ZeroDivisionError):
        patience.within(5)(lambda: 1 / 0)()


FACE = [{}, 45, "female", "black", 0, 0, "", "", 7, ""]


@pytest.mark.parametrize(
    ("at", "value", "sentence"),
    [
        (0, [1], "action_units must be a table"),
        (0, {"AU4": "x"}, "AU4"),
        (0, {"AU4": float("nan")}, "AU4"),
        (0, {"AU4": {}}, "AU4"),
        (0, {"AU4": 10**400}, "AU4"),
        (1, "old", "age must be from 18 to 90 years"),
        (1, None, "age must be from 18 to 90 years"),
        (1, [40], "age must be"),
        (2, 7, "gender must be a text"),
        (3, "x" * 10**6, "ethnicity must be a text of at most 200 letters"),
        (4, 1e308, "yaw must be from"),
        (5, True, "pitch must be from"),
        (6, "disco", "unknown light 'disco'; known are indoor"),
        (7, {}, "hair must be a text"),
        (7, "antlers", "unknown hair 'antlers'"),
        (9, "monocle", "unknown accessory 'monocle'; known are glasses"),
        (8, 10**30, "seed must be a whole number"),
        (8, 1.5, "seed must be a whole number"),
        (8, "7", "seed must be a whole number"),
    ],
)
def test_every_argument_of_make_face_is_typed_and_bounded(at, value, sentence):
    given = list(FACE)
    given[at] = value
    with pytest.raises(gr.Error) as told:
        api.make_face(*given)
    assert sentence in told.value.message


@pytest.mark.parametrize(
    ("at", "value", "sentence"),
    [
        (0, 5, "source must be a text"),
        (0, "/etc/passwd", browse.UNKNOWN_SET),
        (0, "/nowhere/at/all", browse.UNKNOWN_SET),
        (0, "../x", browse.UNKNOWN_SET),
        (0, "here/there/../../..", browse.UNKNOWN_SET),
        (0, "user/3dpain@main", browse.UNKNOWN_SET),
        (0, "a\0b", browse.UNKNOWN_SET),
        (1, [], "age_group must be a text"),
        (6, float("nan"), "low must be from 0 to 16"),
        (7, "all", "high must be from 0 to 16"),
    ],
)
def test_every_argument_of_browse_is_typed_and_bounded(at, value, sentence):
    given = [browse.SAMPLE, "", "", "", "", "", 0, 16]
    given[at] = value
    with pytest.raises(gr.Error) as told:
        api.browse_set(*given)
    assert sentence in told.value.message


def test_an_answer_does_not_tell_whether_a_path_exists(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    told = set()
    for source in ("there", "nowhere", "/etc", "/no", str(tmp_path)):
        with pytest.raises(InvalidInput) as mistake:
            browse.open_set(source)
        told.add(str(mistake.value))
    assert told == {browse.UNKNOWN_SET}


def test_a_request_that_makes_no_sense_gets_a_sentence():
    page = app.build()
    for fn in page.fns.values():
        if fn.api_name not in ("make_face", "read_face", "browse"):
            continue
        for data in ([], [object()] * 9, ["x"] * len(fn.inputs), [{"path": "/etc/passwd"}] * len(fn.inputs)):
            with pytest.raises(gr.Error) as told:
                apart(asyncio.run, page.process_api(fn, list(data)))
            assert told.value.message and "/" not in told.value.message.replace("user/3dpain", "")


def test_a_playlist_shows_no_other_film(tmp_path):
    """It returned a frame of any film on the server."""
    with av.open(str(tmp_path / "secret.ts"), "w", format="mpegts") as out:
        stream = out.add_stream("mpeg2video", rate=25)
        stream.width = stream.height = 96
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((96, 96, 3), 90, np.uint8))))
        out.mux(stream.encode())
    for name in ("list.m3u8", "list.mp4"):
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path}/secret.ts\n#EXT-X-ENDLIST\n"
        (tmp_path / name).write_text(text)
        assert "cannot be read as a clip: it must be" in read.read_frames(str(tmp_path / name), 0.5)[-1]


def test_clips_do_not_stand_in_the_way_of_photographs():
    line = {fn.name: fn.concurrency_id for fn in app.build().fns.values()}
    assert line["read_frames"] == line["heat_clip"] == "clip"
    assert line["read_face"] == line["read_files"] == line["heat_photo"] == "read"


def test_a_set_of_strangers_shows_no_picture_of_this_machine(tmp_path, monkeypatch):
    Image.new("RGB", (64, 64)).save(tmp_path / "mine.png")
    with pytest.raises(InvalidInput, match="must hold its pictures' bytes"):
        browse._decoded([{"bytes": None, "path": str(tmp_path / "mine.png")}])
