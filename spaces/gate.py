"""What stands between the network and the page: who may ask, how much may be sent, and what is swept away.

Gradio limits the size of a file, but not how many files come in one request, how much lies in all, or how long a
request may take to arrive; broken-off uploads stay. All of that is counted here.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from threedpain.errors import ThreeDPainError

logger = logging.getLogger(__name__)

UPLOAD_BYTES = 26_000_000  # of one request: two files of the largest size, and their headers
BODY_BYTES = 1_000_000  # of any other request
UPLOADS_BYTES = 600_000_000  # of all files that lie here
UPLOADS_AT_ONCE = 16
UPLOAD_SECONDS = 120  # in which an upload must have arrived
UPLOAD_GRACE = 1.0  # seconds after which an upload may have to give way to another, if it is the slowest
WAITING_OF_ONE = 8  # requests of one session that may wait
WAITING_OF_ADDRESS = 12  # and of one address, where the proxy names it: half of the queue
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(eq=False)
class _Upload:
    """One that is arriving: how long it may, when it began, and the bytes that came."""

    limit: asyncio.Timeout
    began: float
    size: int = 0


class Gate:
    """ASGI middleware: refuses what is too much before anything reads it.

    uploads: the folder that uploaded files go to. hosts: names this server goes by, without port; None: any. On the
    loopback interface a foreign name means that a web page elsewhere has been pointed here (DNS rebinding).
    """

    def __init__(self, app: Callable, uploads: Path, hosts: tuple[str, ...] | None = None):
        self.app, self.uploads, self.hosts = app, uploads, hosts
        self.arriving: list[_Upload] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        if self.hosts is not None and _host(headers.get(b"host", b"")) not in self.hosts:
            await _refuse(send, 403, "this server answers to its own name only")
            return
        if scope["method"] not in ("POST", "PUT", "PATCH"):
            await self.app(scope, receive, send)
            return
        upload = scope["path"].rstrip("/").endswith("/upload")
        most = UPLOAD_BYTES if upload else BODY_BYTES
        said = headers.get(b"content-length", b"0")
        if not said.isdigit() or int(said) > most:
            await _refuse(send, 413, f"a request may hold {most // 1_000_000} MB at most")
        elif not upload:
            await self._counted(scope, receive, send, most)
        elif held(self.uploads) > UPLOADS_BYTES or not self._room():
            await _refuse(send, 503, "too many files are being uploaded: try again in a few minutes")
        else:
            await self._upload(scope, receive, send, most)

    async def _upload(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        """An upload, as long as its time lasts and no faster one needs its place."""
        coming = None
        try:
            async with asyncio.timeout(UPLOAD_SECONDS) as limit:
                coming = _Upload(limit, asyncio.get_running_loop().time())
                self.arriving.append(coming)
                await self._counted(scope, receive, send, most, coming)
        except TimeoutError:
            logger.warning("an upload was given up: too slow")
        finally:
            if coming in self.arriving:
                self.arriving.remove(coming)

    def _room(self) -> bool:
        """Whether there is a place for one more upload; where all are taken, the slowest gives its own up."""
        if len(self.arriving) < UPLOADS_AT_ONCE:
            return True
        now = asyncio.get_running_loop().time()
        settled = [one for one in self.arriving if now - one.began > UPLOAD_GRACE and not one.limit.expired()]
        if not settled:
            return False
        slowest = min(settled, key=lambda one: one.size / (now - one.began))
        self.arriving.remove(slowest)
        slowest.limit.reschedule(now)
        return True

    async def _counted(
        self, scope: Scope, receive: Receive, send: Send, most: int, coming: _Upload | None = None
    ) -> None:
        """The request, whose body ends as if the client had gone once it is longer than `most`."""
        seen, begun = 0, False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if coming is not None:
                coming.size = seen
            if seen > most:
                raise _TooMuch
            return message

        async def noted(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, counted, noted)
        except _TooMuch:
            if not begun:
                await _refuse(send, 413, f"a request may hold {most // 1_000_000} MB at most")


class _TooMuch(Exception):
    pass


class Page(gr.Blocks):
    """Gradio's page; what goes wrong on the way to a function or from it is a sentence, and tells nothing of paths."""

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            return await super().process_api(*args, **kwargs)
        except gr.Error:
            raise
        except ThreeDPainError as problem:
            raise gr.Error(str(problem), print_exception=False) from None
        except Exception as problem:
            logger.warning("a request could not be answered: %s", type(problem).__name__, exc_info=problem)
            raise gr.Error(
                "the request could not be answered: its arguments are not what this function takes; "
                "the tab About says what it takes",
                print_exception=False,
            ) from None

    def share_the_queue(self) -> Page:
        """Let no one client fill the queue; called when there is one."""
        queue, push = self._queue, self._queue.push

        async def fair(body: Any, request: Any, username: str | None) -> Any:
            waiting = [event for line in queue.event_queue_per_concurrency_id.values() for event in line.queue]
            mine = sum(event.session_hash == body.session_hash for event in waiting)
            address = request.headers.get("x-forwarded-for")
            near = sum(event.request.headers.get("x-forwarded-for") == address for event in waiting) if address else 0
            if mine >= WAITING_OF_ONE or near >= WAITING_OF_ADDRESS:
                return False, f"Queue is full for one visitor: {max(mine, near)} of yours are waiting.", "queue_full"
            return await push(body=body, request=request, username=username)

        queue.push = fair
        return self


def _host(header: bytes) -> str:
    """A Host header without its port."""
    name = header.decode("latin-1").strip().lower()
    return name[: name.rindex("]") + 1] if name.startswith("[") and "]" in name else name.partition(":")[0]


async def _refuse(send: Send, status: int, sentence: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})


def held(folder: Path) -> int:
    """Bytes of the files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # swept meanwhile
            continue
    return total


def sweep(folder: Path, older: float) -> None:
    """Delete files below a folder that were written more than `older` seconds ago, and folders left empty."""
    last = time.time() - older
    for path in sorted(folder.rglob("*"), reverse=True):
        try:
            if path.is_dir() and not path.is_symlink():
                if path.stat().st_mtime < last:
                    path.rmdir()
            elif path.lstat().st_mtime < last:
                path.unlink()
        except OSError:  # not empty, or swept by another
            continue


def keep_swept(folder: Path, older: float, every: float = 60.0) -> threading.Event:
    """Sweep in the background until the event that is returned is set."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(every):
            sweep(folder, older)

    threading.Thread(target=run, daemon=True, name="sweeper").start()
    return stop
