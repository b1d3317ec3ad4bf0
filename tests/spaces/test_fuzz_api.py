"""Odd arguments for the Space's endpoints: an answer or a sentence, and no word of a path."""

import asyncio
import random
import sys

import gradio as gr
import pytest
from apart import apart
from fuzzing import DEEPER, watched

from threedpain.spaces import app, browse, engine

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
    pytest.mark.filterwarnings("ignore"),
]
FEW, MANY = 80, 350 * DEEPER
VALUES = (
    None, True, -1, 0, 0.5, 7, 10**6, 10**400, float("nan"), float("inf"), "", "x", "x" * 10_000, "\x1b[2J", "\0",
    "/etc/passwd", "../..", "sample/../..", "a/b/c", [], [1], {}, {"AU4": 1}, {"AU4": {}}, {"AU4": 10**400}, {"x": 1},
    {"path": 5}, {"path": "/etc/passwd"}, [{"path": "x"}], "female", 45,
)  # fmt: skip


def fuzz(tmp_path, monkeypatch, count: int) -> None:
    class Begun(Exception):
        pass

    def begin(*_, **__):
        raise Begun("in /tmp/a/place")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine, "make", begin)
    monkeypatch.setattr(engine, "read", begin)
    monkeypatch.setattr(browse, "load_dataset", begin)
    page = app.build()
    named = [fn for fn in page.fns.values() if fn.api_name in ("make_face", "read_face", "browse")]
    assert len(named) == 3

    async def ask(fn, data):
        return await page.process_api(fn, data)

    with watched(tmp_path), asyncio.Runner() as runner:
        for number in range(count):
            draw = random.Random(number)
            fn = draw.choice(named)
            data = [draw.choice(VALUES) for _ in range(max(0, len(fn.inputs) + draw.choice((0, 0, 0, 0, -1, 1))))]
            with pytest.raises(gr.Error) as told:  # nothing is made here: the best is to reach the work
                runner.run(ask(fn, data))
            said = told.value.message
            assert said and "\n" not in said and "\x1b" not in said, (number, said)
            assert "/etc" not in said or "/etc/passwd" in str(data), (number, said)
            assert "/tmp" not in said and str(tmp_path) not in said, (number, said)


def test_odd_arguments(tmp_path, monkeypatch):
    apart(fuzz, tmp_path, monkeypatch, FEW)


@pytest.mark.slow
def test_many_odd_arguments(tmp_path, monkeypatch):
    apart(fuzz, tmp_path, monkeypatch, MANY)
