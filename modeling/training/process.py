"""What a run asks of its process: interrupts between steps and not within them, and a folder of its own."""

from __future__ import annotations

import fcntl
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threedpain.errors import InvalidInput


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Only one run at a time works on a folder; the lock goes with the process, however it ends."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput(f"another run is working on {out}; wait for it, or name another folder") from None
        yield


class Interrupts:
    """SIGINT and SIGTERM as KeyboardInterrupt, which waits for the end of what is `held`; a second one does not."""

    def __init__(self) -> None:
        self.before: dict = {}
        self.holding = self.waiting = False

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self._come) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        self.holding = True
        try:
            yield
        finally:
            self.holding = False
        if self.waiting:
            raise KeyboardInterrupt

    def _come(self, number: int, frame: object) -> None:
        if not self.holding or self.waiting:
            raise KeyboardInterrupt
        self.waiting = True
