"""Workers: processes of one thread each that make one shard at a time and say so in lines of JSON.

A worker is `python -m threedpain.generation.dataset.workers` and reads shard names from its standard input, so that it
needs nothing of the caller's main module, and goes when the caller goes, however that ends.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import sys
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from threedpain.errors import ThreeDPainError
from threedpain.generation.process import cause, end, give_back, one_thread, start

PIPELINE = "threedpain.generation.dataset.workers:load_pipeline"
DEATHS = 3  # of workers over the same shard before the run gives up
SILENCE = 300.0  # seconds without life before a worker counts as hung
LOADING = 7200.0  # the same while it loads: models of others are fetched, by one worker while all others wait
BEAT = 5.0  # seconds between two signs of life
BUSY = 0.02 * BEAT  # CPU seconds between two beats that count as work
SAFE = "What was finished is safe."
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class WorkFailed(ThreeDPainError):
    """The run cannot go on; what was finished stays."""


def run(
    out: Path,
    shards: Sequence[str],
    workers: int,
    pipeline: str = PIPELINE,
    heard: Callable[[str, dict], None] = lambda shard, message: None,
    warn: Callable[[str], None] = lambda sentence: None,
    log: str = "worker",
) -> None:
    """Have the named shards of the plan saved in `out` made; `heard` gets every message of the workers."""
    waiting, deaths = deque(shards), Counter()
    selector = selectors.DefaultSelector()
    team: list[_Worker] = []

    def hire() -> None:
        worker = _Worker(out, pipeline, f"{log}-{len(team)}")
        team.append(worker)
        selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
        worker.give(waiting.popleft())

    try:
        for _ in range(min(workers, len(waiting))):
            hire()
        while any(worker.shard for worker in team):
            for worker in team:
                if worker.hung():
                    warn(
                        f"A worker has shown no life over {worker.shard} for {worker.patience:g} seconds; it is ended."
                    )
                    worker.process.kill()  # its end of file tells the rest
            for key, _events in selector.select(timeout=1.0):
                worker = key.data
                lines = worker.lines()
                if lines is None:
                    selector.unregister(worker.process.stdout)
                    lost, worker.shard = worker.shard, None
                    if lost is None:
                        continue
                    deaths[lost] += 1
                    sentence = f"A worker died while making {lost} ({cause(worker.process.wait())})"
                    if deaths[lost] == DEATHS:
                        raise WorkFailed(f"{sentence} for the third time; what was finished is safe. See {worker.log}.")
                    warn(f"{sentence}; it is made again.")
                    waiting.appendleft(lost)
                    hire()
                    continue
                for message in map(json.loads, lines):
                    if "failed" in message:
                        raise WorkFailed(message["failed"])
                    if "alive" in message or "loaded" in message:
                        continue
                    heard(worker.shard, message)
                    if "entry" in message:
                        worker.shard = None
                        if waiting:
                            worker.give(waiting.popleft())
    finally:
        for worker in team:
            end(worker.process)
        selector.close()


class _Worker:
    """The caller's end of one worker."""

    def __init__(self, out: Path, pipeline: str, name: str):
        from .manifest import WORK

        self.shard: str | None = None
        self.loaded = False
        self.rest = b""  # of a line that has not come whole
        self.seen, self.worked = time.monotonic(), 0.0  # when it last showed life; CPU seconds at its last beat
        self.log = out / WORK / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = start(__name__, str(out), pipeline, stderr=log)

    def lines(self) -> list[bytes] | None:
        """Whole lines that have come; None at the end. Never waits: a worker may hang in the middle of a line."""
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        if not data:
            return None
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self._notice(line)
        return lines

    def _notice(self, line: bytes) -> None:
        """A beat counts as life only when the worker has worked since the last one: a deadlock beats, too."""
        message = json.loads(line)
        self.loaded |= "loaded" in message
        beat = message.get("alive")
        if beat is None or beat > self.worked + BUSY:
            self.seen = time.monotonic()
        if beat is not None:
            self.worked = beat

    @property
    def patience(self) -> float:
        return SILENCE if self.loaded else LOADING

    def hung(self) -> bool:
        return self.shard is not None and time.monotonic() - self.seen > self.patience

    def give(self, shard: str) -> None:
        self.shard, self.seen = shard, time.monotonic()
        with suppress(BrokenPipeError):  # it has just died: its end of file tells
            self.process.stdin.write(f"{shard}\n".encode())
            self.process.stdin.flush()


def load_pipeline(config):
    """The pipeline a plan's config asks for."""
    from threedpain.generation.pipeline import PainFacePipeline

    return PainFacePipeline.from_pretrained(
        device=config.device,
        head=config.head,
        flame_file=config.flame_file,
        texture=config.texture,
        texture_model=config.texture_model,
        inpaint_model=config.inpaint_model,
    )


def make(out: Path, plan, pipe, name: str, progress: Callable[[int], None]) -> dict:
    """Make one shard and record it; returns its entry. What every executor runs."""
    from .manifest import NEW, Manifest, environment
    from .shards import Stages, make_shard

    stages, start = Stages(), time.perf_counter()
    entry = make_shard(pipe, plan, plan.by_name[name], out / NEW, progress, stages)
    entry["environment"] = environment(getattr(getattr(pipe, "renderer", None), "device", "cpu"))
    Manifest(out).record(entry)
    seconds = {stage: round(value, 3) for stage, value in stages.seconds.items()}
    return {"entry": entry, "seconds": round(time.perf_counter() - start, 3), "stages": seconds}


def _work(out: Path, pipeline: str) -> None:
    lines = os.fdopen(os.dup(1), "w", buffering=1)  # what libraries print goes to the log instead
    os.dup2(2, 1)

    speaking = threading.Lock()

    def say(message: dict) -> None:
        with speaking:
            lines.write(json.dumps(message) + "\n")

    names: deque[str] = deque()
    arrived = threading.Semaphore(0)

    def listen() -> None:
        for line in sys.stdin:
            names.append(line.strip())
            arrived.release()
        os._exit(0)  # nobody is there any more

    def beat() -> None:
        while True:
            time.sleep(BEAT)
            say({"alive": round(time.process_time(), 3)})

    threading.Thread(target=listen, daemon=True).start()
    threading.Thread(target=beat, daemon=True).start()
    try:
        from .manifest import load_plan

        with one_thread():
            plan = load_plan(out)
            module, _, factory = pipeline.partition(":")
            pipe = getattr(import_module(module), factory)(plan.config)
            give_back()  # what reading the head needed for a moment
            say({"loaded": True})
            while True:
                arrived.acquire()
                say(make(out, plan, pipe, names.popleft(), lambda done: say({"done": done})))
    except ThreeDPainError as problem:
        say({"failed": str(problem)})
    except OSError as problem:
        if problem.errno not in FULL:
            traceback.print_exc()
            say({"failed": f"A worker could not write: {problem}. {SAFE}"})
        else:
            say({"failed": f"The disk of {out} is full. {SAFE} Make room and run the same command again."})
    except Exception as problem:
        traceback.print_exc()
        what = f"{type(problem).__name__}: {problem}"
        say({"failed": f"A worker failed ({what}). {SAFE} The trace is in the logs in {out}/.generate."})


if __name__ == "__main__":
    _work(Path(sys.argv[1]), sys.argv[2])
