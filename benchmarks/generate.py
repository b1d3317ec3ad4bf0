"""Speed by stage, size and memory of `3dpain generate`, and what the full set would take.

    python benchmarks/generate.py --identities 100 --size 512 --workers 2 --out runs/benchmark

The clock tells the truth on an idle machine only. CPU time, which is what the table and the projection use, is the same
on a busy one: with a free core for each worker it is the time the work takes.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer

from threedpain.dataset_script.card import write_card
from threedpain.generation.dataset.generate import generate
from threedpain.generation.dataset.manifest import WORK
from threedpain.generation.dataset.plan import Config

FULL = Config()
CONFIGS = ("images", "expressions", "identities")
STAGES = ("people", "gate", "render", "encode", "meshes", "write")


def main(
    out: Annotated[Path, typer.Option(help="Folder for the set; a former benchmark's is emptied first.")] = Path(
        "runs/benchmark"
    ),
    identities: Annotated[int, typer.Option(help="People.")] = 100,
    size: Annotated[int, typer.Option(help="Pixels.")] = 512,
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    texture: Annotated[str, typer.Option(help="embedded or flat.")] = "embedded",
) -> None:
    emptied(out)
    config = Config(identities=identities, size=size, texture=texture, videos=0)
    pictures = identities * config.rows_per_identity
    start = time.perf_counter()
    generate(out, config, workers, finish=write_card)
    wall = time.perf_counter() - start
    entries = [json.loads(line) for line in (out / WORK / "log.jsonl").read_text().splitlines()]
    print(f"{pictures:,} pictures of {size} px, {identities} people, {workers} workers, {os.cpu_count()} cores")
    speed(entries, pictures, identities, wall, workers)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"Largest worker: {memory:.2f} GB resident.")
    sizes(out, pictures, identities)
    opening(out)


def emptied(out: Path) -> None:
    """The folder without what a former benchmark left there; one that holds anything else is nobody's to empty."""
    ours = out / WORK / "benchmark"
    if out.exists() and any(out.iterdir()) and not ours.is_file():
        sys.exit(f"{out} holds something that is no former benchmark: name another folder")
    shutil.rmtree(out, ignore_errors=True)
    ours.parent.mkdir(parents=True)
    ours.touch()


def speed(entries: list[dict], pictures: int, identities: int, wall: float, workers: int) -> None:
    """The stage table, and the speed with and without what is done once a person."""
    stages: Counter = Counter()
    for entry in entries:
        stages.update({name: entry.get(name, 0.0) for name in STAGES})
        stages["write"] += entry["all"] - sum(entry[name] for name in STAGES[:-1])
    print("| stage | CPU ms a picture | CPU s a person |\n|---|---|---|")
    for name in (*STAGES, "all"):
        seconds = stages[name] if name != "all" else sum(stages.values())
        print(f"| {name} | {1000 * seconds / pictures:.1f} | {seconds / identities:.2f} |")
    work = sum(stages.values())
    print(f"By the clock {pictures / wall:.1f} images/s, start of the workers included.")
    print(f"By CPU time {workers * pictures / work:.1f} images/s on {workers} free cores; ", end="")
    print(f"{workers * pictures / (work - stages['people']):.1f} with the skins already sampled.")
    full = FULL.identities * FULL.rows_per_identity
    print(f"The full {full:,} pictures at this size: {work * full / pictures / workers / 60:.0f} minutes.")


def sizes(out: Path, pictures: int, identities: int) -> None:
    """Bytes of each config, of the neutral pictures that only `pairs` needs, and of the meshes."""
    of = {name: sum(f.stat().st_size for f in out.glob(f"{name}/*.parquet")) for name in CONFIGS}
    neutral = 0
    for path in out.glob("images/*.parquet"):
        metadata = pq.ParquetFile(path).metadata
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            for column in map(group.column, range(group.num_columns)):
                if column.path_in_schema.startswith("neutral_image"):
                    neutral += column.total_compressed_size
    meshes = [
        len(row[name]["bytes"])
        for path in out.glob("identities/*.parquet")
        for row in pq.read_table(path, columns=["neutral_mesh", "posed_mesh"]).to_pylist()
        for name in row
    ]
    total = sum(of.values()) / identities * FULL.identities
    print(f"{of['images'] / pictures / 1e3:.0f} kB a row of images; images and pairs together ", end="")
    print(f"{of['images'] / (of['images'] - neutral):.3f} times images alone.")
    print(f"Meshes: {max(meshes) / 1e3:.0f} kB at most. The full set: {total / 1e9:.1f} GB.")


def opening(out: Path) -> None:
    """Seconds until the first row is there: streaming, the first time of a process (when the library imports torch) and
    again, and from the library's cache."""
    from datasets import disable_progress_bars, load_dataset

    disable_progress_bars()
    cache = str(out / WORK / "cache")
    load_dataset(str(out), split="train", cache_dir=cache)
    for name, streaming in (("streaming", True), ("streaming again", True), ("cached", False)):
        start, busy = time.perf_counter(), time.process_time()
        next(iter(load_dataset(str(out), split="train", streaming=streaming, cache_dir=cache)))
        print(f"Opened, {name}, first row read: {time.perf_counter() - start:.2f} s, ", end="")
        print(f"of which {time.process_time() - busy:.2f} s CPU.")


if __name__ == "__main__":
    typer.run(main)
