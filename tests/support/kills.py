"""Processes killed at every step: what a kill leaves behind, and what the same command makes of it.

    python -m kills WORK PLACE STRIDE [MORE ...]

For every STRIDE-th step the work is begun anew in PLACE/0, PLACE/STRIDE ..., in a process that kills itself there; the
last one comes to its end. A step is a file below the place opened, renamed, removed, a folder made or removed; or, of
`publish`, a request to the Hub. What was killed while publishing is published once more.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

USES = {"unpack": "dataset_script.archives", "pack": "modeling.faces.faces", "publish": "dataset_script.publish"}
STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate")


def every_step(work: str, place: Path, stride: int = 1, *more: str, **environment: str) -> list[Path]:
    """The folders of the killed runs and, as the last one, of the run that came to its end."""
    support = str(Path(__file__).parent)
    python_path = os.pathsep.join([support, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "kills", work, str(place), str(stride), *more],
        env={**os.environ, "PYTHONPATH": python_path, **environment}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return sorted(place.iterdir(), key=lambda path: int(path.name))


def unpack(place: Path, archive: str) -> None:
    """A packed set opened for the first time; the cache is in the place."""
    from threedpain.dataset_script import archives

    os.environ["THREEDPAIN_CACHE"] = str(place)
    archives.unpack(Path(archive), archives.Problems())


def pack(place: Path) -> None:
    """Faces packed for training."""
    from drawn_faces import drawn_faces

    from threedpain.modeling.faces.faces import FaceSet

    FaceSet.pack(drawn_faces(3, 2, 1), size=40, cache=place / "faces", workers=1)


def publish(place: Path, folder: str) -> None:
    """A set sent to the Hub, to a repository named after the place."""
    from threedpain.dataset_script.publish import publish

    publish(folder, f"someone/set-{place.name}")


def _kill_after(left: int) -> Callable[[], None]:
    def step() -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    return step


def _run(work: str, place: Path, steps: int, more: list[str]) -> None:
    step = _kill_after(steps)
    if work == "publish":
        import httpx2

        send = httpx2.Client.send

        def counted(self, *given, **options):
            step()
            return send(self, *given, **options)

        httpx2.Client.send = counted
    else:

        def hear(event: str, given: tuple) -> None:
            if event in STEPS and str(place) in str(given[0]):
                step()

        sys.addaudithook(hear)
    globals()[work](place, *more)


def main() -> None:
    work, root, stride, *more = sys.argv[1:]
    importlib.import_module(f"threedpain.{USES[work]}")  # once, not once a process
    steps, killed = int(stride) - 1, True
    while killed:
        place = Path(root) / str(steps)
        place.mkdir(parents=True)
        killed = _in_a_process(work, place, steps, more)
        if killed and work == "publish":
            _in_a_process(work, place, -1, more)
        steps += int(stride)


def _in_a_process(work: str, place: Path, steps: int, more: list[str]) -> bool:
    """Whether it was killed."""
    child = os.fork()
    if not child:
        try:
            _run(work, place, steps, more)
        except BaseException as problem:
            print(repr(problem), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status and not os.WIFSIGNALED(status):
        sys.exit(1)
    return bool(status)


if __name__ == "__main__":
    main()
