"""What a set of ten million pictures asks of the plan and the manifest: time, memory, numbers of files.

    python benchmarks/scale.py --identities 303030

Nothing is drawn: every shard of the plan gets a made-up entry as workers leave it, and the entries become one manifest.
Each stage runs in a process of its own, whose peak is said less what importing takes.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from threedpain import strict_json
from threedpain.generation.dataset.manifest import WORK, Manifest, environment, save_config, sound
from threedpain.generation.dataset.plan import Config, Plan, Shard
from threedpain.generation.dataset.writer import write_json

KINDS = ("images", "expressions", "identities")
HUB_FILES, HUB_FOLDER = 100_000, 10_000  # of a repository, of a folder: what the Hub's documentation advises at most


def plan_of(identities: int) -> Plan:
    return Plan(Config(identities=identities, videos=0))


def plan(out: Path, identities: int) -> str:
    """All shards, and their fingerprints, as a run asks for them when it begins or goes on."""
    planned = plan_of(identities)
    for shard in planned.shards:
        planned.fingerprint(shard)
    save_config(out, planned)
    files = Counter({kind: len(planned.shards) for kind in KINDS})
    return (
        f"{sum(planned.rows('images').values()):,} pictures, {len(planned.shards):,} shards, {files.total():,} files, "
        f"{max(files.values()):,} in a folder (the Hub advises {HUB_FILES:,} and {HUB_FOLDER:,})"
    )


def find(out: Path, identities: int) -> str:
    """The last shard by its name, as each worker looks its own up."""
    planned = plan_of(identities)
    name = planned.shards[-1].name
    start = time.process_time()
    for _ in range(1000):
        assert planned.by_name[name].name == name
    return f"{1e3 * (time.process_time() - start):.2f} µs each"


def entries(out: Path, identities: int) -> str:
    """Made-up entries, one file each; not timed against the disk's syncs, which a run spreads over its days."""
    planned, folder = plan_of(identities), Manifest(out).entries_folder
    folder.mkdir(parents=True)
    for shard in planned.shards:
        (folder / f"{shard.name}.json").write_text(json.dumps(entry(planned, shard)))
    return f"{len(planned.shards):,} entries"


def entry(planned: Plan, shard: Shard) -> dict:
    name, rows = f"{shard.split}-{shard.number:05d}.parquet", len(shard.identities)
    digest = f"{shard.number:064x}"
    files = [
        {"path": f"{kind}/{name}", "rows": rows, "row_groups": 1, "bytes": 10**7, "sha256": digest} for kind in KINDS
    ]
    return {
        "shard": shard.name, "split": shard.split, "fingerprint": planned.fingerprint(shard),
        "identities": list(shard.identities), "files": files, "rejects": {}, "environment": environment("cpu"),
    }  # fmt: skip


def merge(out: Path, identities: int) -> str:
    """The entries that wait become manifest.json, as a run does at its end."""
    fresh = Manifest(out).fresh()
    write_json(out / "manifest.json", {"shards": fresh, "pages": []})
    return f"manifest.json has {(out / 'manifest.json').stat().st_size / 1e6:.0f} MB"


def read(out: Path, identities: int) -> str:
    """manifest.json read and checked, as every later command does."""
    return f"{len(sound(strict_json.load(out / 'manifest.json'))['shards']):,} entries"


STAGES = {stage.__name__: stage for stage in (plan, find, entries, merge, read)}


def main(
    identities: Annotated[int, typer.Option(help="People of 33 pictures each.")] = 303_030,
    stage: Annotated[str, typer.Option(hidden=True)] = "",
    out: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    if stage and out:
        environment("cpu")  # torch is imported before the memory is counted
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        told = STAGES[stage](out, identities)
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
        print(f"| {stage} | {time.process_time() - start:.1f} | {more:.0f} | {told} |", flush=True)
        return
    print("| stage | CPU s | MB | |\n|---|---:|---:|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / WORK).mkdir()
        for name in STAGES:
            asked = ["--identities", str(identities), "--stage", name, "--out", folder]
            subprocess.run([sys.executable, __file__, *asked], check=True)


if __name__ == "__main__":
    typer.run(main)
