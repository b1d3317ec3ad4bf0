"""What the fuzz tests share: seeded damage to bytes, and a watch that nothing outside is touched."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from threedpain.errors import ThreeDPainError

DEEPER = int(os.environ.get("FUZZ", "1"))  # `FUZZ=10 make test-slow` tries ten times as many damaged inputs
MEGABYTES = 700  # that a damaged input may make the process grow by

_NUMBERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x01\0\0\0")


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with one to eight things wrong: flipped, cut, inserted, doubled, overwritten by telling numbers."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        at = int(rng.integers(len(changed) + 1))
        if rng.random() < 0.5:
            at = min(at, int(rng.integers(128)))  # headers decide most
        length = int(rng.integers(1, 65))
        match int(rng.integers(7)):
            case 0 if at < len(changed):
                changed[at] ^= 1 << int(rng.integers(8))
            case 1:
                changed[at : at + 4] = _NUMBERS[int(rng.integers(len(_NUMBERS)))]
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = rng.bytes(length)
            case 4:
                changed[at:at] = changed[at : at + length]
            case 5 if len(changed) > 32:
                del changed[max(16, at) :]
            case _ if at < len(changed):
                changed[at] = int(rng.integers(256))
    return bytes(changed)


@contextmanager
def ours(what: str) -> Iterator[None]:
    """A sentence of ours may be raised inside, and nothing else."""
    try:
        yield
    except ThreeDPainError as told:
        assert str(told).strip() and "\n" not in str(told), f"{what}: {told!r} is no sentence"
    except Exception as other:
        raise AssertionError(f"{what}: {type(other).__name__}: {other}") from other


_watch: dict | None = None


def _hear(event: str, arguments: tuple) -> None:
    if _watch is None:
        return
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect"):
        _watch["seen"].append(f"{event} {arguments[:1]}")
    elif event == "open" and isinstance(arguments[0], (str, bytes)):
        path = Path(arguments[0] if isinstance(arguments[0], str) else arguments[0].decode(errors="replace"))
        inside = path.is_relative_to(_watch["folder"]) or not path.is_absolute()
        mode = arguments[1] or "r"
        if (any(letter in mode for letter in "wax+") and not inside) or path in _watch["secrets"]:
            _watch["seen"].append(f"open {path} {mode}")


sys.addaudithook(_hear)


@contextmanager
def watched(folder: Path, *secrets: Path, megabytes: int = MEGABYTES) -> Iterator[None]:
    """Inside, no other program is started, nothing connected to, nothing written outside of `folder`, none of `secrets`
    opened, and the process grows by no more than so many megabytes."""
    global _watch
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = _peak()
    _watch = {"folder": folder, "secrets": secrets, "seen": []}
    seen = _watch["seen"]
    try:
        yield
    finally:
        _watch = None
    assert not seen, seen
    grown = _peak() - before
    assert grown <= megabytes, f"{grown:.0f} MB more"


def _peak() -> float:
    """Megabytes of resident memory, the most since the peak was reset."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024
