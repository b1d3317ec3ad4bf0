"""Sustained speed of `3dpain generate`, by stage, and what the full set would take.

    python benchmarks/generate.py --identities 100 --size 512 --workers 2 --out runs/benchmark
"""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from threedpain.dataset_script.card import write_card
from threedpain.generation.generate import generate
from threedpain.generation.manifest import WORK, Manifest
from threedpain.generation.plan import Config

FULL = Config()


def main(
    out: Annotated[Path, typer.Option(help="Folder for the set; emptied first.")] = Path("runs/benchmark"),
    identities: Annotated[int, typer.Option(help="People.")] = 100,
    size: Annotated[int, typer.Option(help="Pixels.")] = 512,
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    texture: Annotated[str, typer.Option(help="embedded or flat.")] = "embedded",
) -> None:
    shutil.rmtree(out, ignore_errors=True)
    config = Config(identities=identities, size=size, texture=texture, videos=0)
    start = time.perf_counter()
    generate(out, config, workers, finish=write_card)
    wall = time.perf_counter() - start
    pictures = identities * config.rows_per_identity
    stages: Counter = Counter()
    for line in (out / WORK / "log.jsonl").read_text().splitlines():
        entry = json.loads(line)
        stages.update({name: entry[name] for name in ("people", "gate", "render", "encode", "meshes") if name in entry})
        stages["write"] += entry["all"] - sum(entry.get(name, 0) for name in ("render", "encode", "meshes"))
    print(f"{pictures} pictures of {size} px in {wall:.0f} s with {workers} workers: {pictures / wall:.1f} images/s")
    print("| stage | ms a picture |\n|---|---|")
    for name, seconds in stages.most_common():
        print(f"| {name} | {1000 * seconds / pictures:.1f} |")
    size_of = sum(f["bytes"] for e in Manifest(out).entries().values() for f in e["files"])
    share = FULL.identities / identities
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"The full set at this size: {wall * share / 60:.0f} minutes, {size_of * share / 1e9:.1f} GB.")
    print(f"Largest worker: {memory:.2f} GB.")


if __name__ == "__main__":
    typer.run(main)
