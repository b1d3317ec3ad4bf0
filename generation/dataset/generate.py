"""From a plan to a folder: resumable, interruptible, the same bytes whatever the workers."""

from __future__ import annotations

import json
import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from threedpain.errors import InvalidInput
from threedpain.extras import need_extra

from . import workers as team
from .manifest import WORK, Manifest, check_same, locked, save_config
from .plan import VIDEO_FPS, VIDEO_SECONDS, Config, Plan
from .swap import check_free, seal, settle

EXECUTORS = ("local", "ray", "slurm", "jobs")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    folder: Path
    shards: int
    made: int  # shards made by this run; 0: nothing was left to do
    rejects: dict[str, int]  # reason -> how often a draw was refused, over the whole set


def generate(
    out: str | Path,
    config: Config,
    workers: int = 1,
    executor: str = "local",
    pipeline: str = team.PIPELINE,
    finish: Callable[[Path], None] | None = None,
    progress: bool = True,
) -> Outcome:
    """Make, continue or grow the dataset in the folder `out`.

    workers: processes of one thread each. pipeline: "module:callable", which makes a pipeline of a `Config`.
    finish: what remains to be done with the whole folder, such as its card; it must depend on the folder alone. It is
    given the new set while that still lies in .generate, and links to the files that stay.
    """
    out, plan = Path(out), Plan(config)
    if executor not in EXECUTORS:
        raise InvalidInput(f"executor is one of {', '.join(EXECUTORS)}, not {executor!r}.")
    if not 1 <= workers <= 10_000:
        raise InvalidInput(f"workers is a whole number from 1 up, not {workers}.")
    if config.videos:
        need_extra("av", "video", "a set with videos (--videos 0 makes none)")
    check_same(out, config)
    with locked(out), _terminable():
        manifest = Manifest(out)
        settle(out)
        finished, damaged = manifest.finished(plan)
        check_free(manifest, plan)
        manifest.sweep(keep=finished)
        save_config(out, plan)
        for sentence in damaged:
            logger.warning("%s It is made again.", sentence)
        # Videos take longest: they go first, so that no worker is left alone with them at the end.
        left = [s.name for s in sorted(plan.shards, key=lambda s: s.kind != "videos") if s.name not in finished]
        if finished and left:
            logger.info("%d of %d shards are there already.", len(finished), len(plan.shards))
        try:
            if left and executor != "local":
                from .cluster import run

                run(out, left, workers, executor, pipeline)
            elif left:
                _run_here(manifest, plan, left, workers, pipeline, progress)
        except KeyboardInterrupt:
            done = len(manifest.entries().keys() & {shard.name for shard in plan.shards})
            logger.info(
                "Stopped: %d of %d shards are done. The same command goes on from here.", done, len(plan.shards)
            )
            raise
        finally:
            if executor != "slurm":  # whose tasks work on when this process has gone
                manifest.sweep()
        for sentence in seal(manifest, plan, finish):
            logger.warning(sentence)
    rejects: Counter = Counter()
    for entry in manifest.entries().values():
        rejects.update(entry["rejects"])
    return Outcome(out, len(plan.shards), len(left), dict(rejects))


def _run_here(manifest: Manifest, plan: Plan, left: list[str], workers: int, pipeline: str, progress: bool) -> None:
    """Local worker processes behind one progress bar of pictures."""
    shards = {shard.name: shard for shard in plan.shards}
    rows = {"images": plan.config.rows_per_identity, "videos": VIDEO_SECONDS * VIDEO_FPS}
    weight = {name: len(shards[name].identities) * rows[shards[name].kind] for name in left}
    done: Counter = Counter()
    with (
        tqdm(total=sum(weight.values()), unit="image", smoothing=0.05, disable=not progress) as bar,
        open(manifest.out / WORK / "log.jsonl", "a") as log,
    ):

        def heard(shard: str, message: dict) -> None:
            now = weight[shard] if "entry" in message else message["done"]
            bar.update(now - done[shard])
            done[shard] = now
            if "entry" in message:
                line = {
                    "shard": shard,
                    "at": time.time(),
                    "images": now,
                    "seconds": message["seconds"],
                    **message["stages"],
                }
                log.write(json.dumps(line) + "\n")
                log.flush()

        def warn(sentence: str) -> None:
            with tqdm.external_write_mode():
                logger.warning(sentence)

        team.run(manifest.out, left, workers, pipeline, heard, warn)


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does; only the main thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
