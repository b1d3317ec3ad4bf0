"""What of a dataset's folder is finished: one small entry a shard while it grows, one manifest.json when it is whole.

3dpain/
    README.md, plan.json, manifest.json
    images/train-00000.parquet ...      expressions/ identities/ videos/ alike
    .generate/                           lock, log and entries of shards not yet merged; no part of the dataset
"""

from __future__ import annotations

import fcntl
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path

from threedpain.errors import InvalidInput
from threedpain.schema import GENERATOR_VERSION

from .plan import Config, Plan, Shard
from .writer import sha256, write_text

WORK = ".generate"
PACKAGES = ("torch", "numpy", "numba", "pillow", "pyarrow", "datasets", "av")
# What may differ when a folder is continued: the set may grow.
GROWING = ("identities", "videos")


@cache
def environment(device: str) -> dict:
    """What equal bytes depend on beside the plan: versions, the device and the CPU's instruction sets."""
    import llvmlite.binding
    import torch

    return {
        "generator": GENERATOR_VERSION,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "cpu": {"name": llvmlite.binding.get_host_cpu_name(), "torch": torch.backends.cpu.get_cpu_capability()},
    }


class Manifest:
    """The entries of a folder's finished shards, by shard name."""

    def __init__(self, out: Path):
        self.out = out
        self.file = out / "manifest.json"
        self.entries_folder = out / WORK / "shards"

    def entries(self) -> dict[str, dict]:
        merged = json.loads(self.file.read_text())["shards"] if self.file.is_file() else []
        fresh = [json.loads(path.read_text()) for path in sorted(self.entries_folder.glob("*.json"))]
        return {entry["shard"]: entry for entry in [*merged, *fresh]}

    def record(self, entry: dict) -> None:
        write_text(self.entries_folder / f"{entry['shard']}.json", json.dumps(entry))

    def finished(self, plan: Plan) -> tuple[dict[str, dict], list[str]]:
        """Entries of the plan's shards whose files are as they were written, and a sentence for each that is not."""
        entries, damaged = self.entries(), []
        good = {}
        for shard in plan.shards:
            entry = entries.get(shard.name)
            if entry is None or entry["fingerprint"] != plan.fingerprint(shard):
                continue
            wrong = self.damage(entry)
            if wrong:
                damaged.append(wrong)
            else:
                good[shard.name] = entry
        return good, damaged

    def damage(self, entry: dict) -> str | None:
        """A sentence about the first file of the entry that is missing or not as it was written."""
        for file in entry["files"]:
            path = self.out / file["path"]
            if not path.is_file():
                return f"{file['path']} is missing."
            if path.stat().st_size != file["bytes"] or sha256(path) != file["sha256"]:
                return f"{file['path']} is not as it was written."
        return None

    def merge(self, plan: Plan) -> None:
        """Write plan.json and manifest.json of the whole set; drop the entries they replace and files of no shard."""
        entries = self.entries()
        ordered = [entries[shard.name] for shard in plan.shards]
        keep = {self.out / file["path"] for entry in ordered for file in entry["files"]}
        for config in ("images", "expressions", "identities", "videos"):
            for path in self.out.glob(f"{config}/*.parquet"):
                if path not in keep:
                    path.unlink()
        write_text(self.out / "plan.json", json.dumps(plan.to_json(), indent=1))
        write_text(self.file, json.dumps({"shards": ordered}, indent=1))
        for path in self.entries_folder.glob("*.json"):
            path.unlink()

    def sweep(self) -> None:
        """Remove what killed workers left half-written. Only while no worker runs."""
        for path in [*self.out.glob(".*.tmp"), *self.out.glob("*/.*.tmp"), *self.entries_folder.glob(".*.tmp")]:
            path.unlink(missing_ok=True)


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Only one run at a time works on a folder; the lock goes with the process, however it ends."""
    (out / WORK).mkdir(parents=True, exist_ok=True)
    with open(out / WORK / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput(f"another run is working on {out}; wait for it, or give another folder.") from None
        yield


def check_same(out: Path, config: Config) -> None:
    """Refuse to mix two datasets in one folder; a set may grow."""
    saved = out / WORK / "config.json"
    source = saved if saved.is_file() else out / "plan.json"
    if not source.is_file():
        others = [path.name for path in out.iterdir() if path.name != WORK] if out.is_dir() else []
        if others:
            raise InvalidInput(
                f"{out} is not empty and holds no 3dpain dataset ({others[0]} ...); give another folder."
            )
        return
    if not Manifest(out).entries():
        return  # nothing was finished: the folder is free to become another dataset
    data = json.loads(source.read_text())
    if data["generator_version"] != GENERATOR_VERSION:
        raise InvalidInput(
            f"{out} was made by version {data['generator_version']} of the generator and this is {GENERATOR_VERSION}; "
            "give another folder."
        )
    old = Config.from_json(data["config"])
    for name, value in vars(config).items():
        same = value >= getattr(old, name) if name in GROWING else value == getattr(old, name)
        if name != "device" and not same:
            raise InvalidInput(
                f"{out} was begun with {name} {getattr(old, name)!r}, not {value!r}; "
                "continue with the same options (more identities are welcome), or give another folder."
            )


def save_config(out: Path, plan: Plan) -> None:
    write_text(out / WORK / "config.json", json.dumps(plan.to_json(), indent=1))


def load_plan(out: Path) -> Plan:
    """The plan a run has saved in the folder it works on."""
    return Plan(Config.from_json(json.loads((out / WORK / "config.json").read_text())["config"]))


def shard_named(plan: Plan, name: str) -> Shard:
    return next(shard for shard in plan.shards if shard.name == name)
