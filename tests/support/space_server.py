"""A served Space in a process of its own, for the tests that visit it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

DEMO = [sys.executable, "-m", "threedpain.cli", "demo", "--port", "PORT"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(folder: Path, command=DEMO, patience=600, **environment):
    """Start `command` in `folder` and wait for its page; the context is (address, process)."""
    port = free_port()
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [str(port) if word == "PORT" else word for word in command], cwd=folder, stdout=log,
            stderr=subprocess.STDOUT, env={**os.environ, "GRADIO_SERVER_PORT": str(port), **environment},
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(2 * patience):
            try:
                urllib.request.urlopen(url, timeout=30).read()
                break
            except OSError:
                assert process.poll() is None, (folder / "server.log").read_text()
                time.sleep(0.5)
        else:
            raise AssertionError(f"no page after {patience} seconds: {(folder / 'server.log').read_text()}")
        yield url, process
    finally:
        process.terminate()
        process.wait(300)


def client(url: str, **options):
    """A program that visits the Space."""
    from gradio_client import Client

    return Client(url, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": 600}, **options)
