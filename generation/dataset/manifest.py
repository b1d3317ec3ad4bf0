"""What of a dataset's folder is finished: one small entry a shard while it grows, one manifest.json when it is whole.

3dpain/
    README.md, grid.jpg, croissant.json, plan.json, manifest.json
    images/train-00000.parquet ...      expressions/ identities/ videos/ alike
    .generate/                           lock, log, and in new/ and shards/ what is not yet put in (swap.py); no part of
                                         the dataset
"""

from __future__ import annotations

import fcntl
import json
import platform
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from threedpain import strict_json
from threedpain.demographics import SPLITS
from threedpain.errors import InvalidInput
from threedpain.extras import has
from threedpain.schema import CONFIGS, GENERATOR_VERSION

from .plan import Config, Plan
from .writer import sha256, write_text

WORK = ".generate"
NEW = f"{WORK}/new"  # a whole set grows here beside the one that is there
SHARD = re.compile(r"(images|expressions|identities|videos)/(train|validation|test)-\d{5,6}\.parquet")
PAGE = re.compile(r"(README|grid|croissant)(\.new(-\d+)?)?\.(md|jpg|json)")
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
        "packages": {name: version(name) for name in PACKAGES if name != "av" or has("av")},
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "cpu": {"name": llvmlite.binding.get_host_cpu_name(), "torch": torch.backends.cpu.get_cpu_capability()},
    }


class Manifest:
    """The entries of a folder's finished shards, by shard name."""

    def __init__(self, out: Path):
        self.out = out
        self.file = out / "manifest.json"
        self.copy = out / WORK / "manifest.json"  # for the day when the other is broken
        self.entries_folder = out / WORK / "shards"
        self.places: dict[str, Path] = {}  # path of a file that is as it was written -> where it lies

    def written(self) -> dict:
        """{"shards": entries, "pages": files} of the finished set; empty where there is none of ours."""
        for file in (self.file, self.copy):
            try:
                return sound(strict_json.load(file))
            except (OSError, InvalidInput):
                continue
        return {"shards": [], "pages": []}

    def fresh(self) -> list[dict]:
        """Entries of shards that wait to be put in; one that cannot be read is as good as none."""
        found = []
        for path in sorted(self.entries_folder.glob("*.json")):
            with suppress(OSError, InvalidInput):
                found += sound({"shards": [strict_json.load(path)]})["shards"]
        _share(found)
        return found

    def entries(self) -> dict[str, dict]:
        return {entry["shard"]: entry for entry in [*self.written()["shards"], *self.fresh()]}

    def record(self, entry: dict) -> None:
        write_text(self.entries_folder / f"{entry['shard']}.json", json.dumps(entry))

    def finished(self, plan: Plan) -> tuple[dict[str, dict], list[str]]:
        """Entries of the plan's shards whose files are as they were written, and a sentence for each that is not."""
        known = defaultdict(list)
        for entry in [*self.written()["shards"], *self.fresh()]:
            known[entry["shard"], entry["fingerprint"]].append(entry)
        good, damaged = {}, []
        for shard in plan.shards:
            wrong = None
            for entry in known[shard.name, plan.fingerprint(shard)]:
                wrong = self.damage(entry)
                if not wrong:
                    good[shard.name] = entry
                    break
            else:
                damaged += [wrong] if wrong else []
        return good, damaged

    def damage(self, entry: dict) -> str | None:
        """A sentence about the first file of the entry that is missing or not as it was written."""
        for file in entry["files"]:
            waiting, placed = self.out / NEW / file["path"], self.out / file["path"]
            # A link in `new` stands for the file in its place, left by a run that was killed.
            places = [p for p in (waiting, placed) if p.is_file() and (p == placed or not p.is_symlink())]
            if not places:
                return f"{file['path']} is missing."
            whole = (p for p in places if p.stat().st_size == file["bytes"] and sha256(p) == file["sha256"])
            place = next(whole, None)
            if place is None:
                return f"{file['path']} is not as it was written."
            self.places[file["path"]] = place
        return None

    def sweep(self, keep: Mapping[str, dict] | None = None) -> None:
        """Remove what killed workers left half-written, and what waits for no shard of `keep`. Only while none runs."""
        for path in (self.out / WORK).rglob(".*.tmp"):
            path.unlink(missing_ok=True)
        if keep is None:
            return
        for path in (self.out / NEW).rglob("*"):
            if not path.is_dir() and path not in self.places.values():
                path.unlink()
        for path in self.entries_folder.glob("*.json"):
            if path.stem not in keep:
                path.unlink()


def sound(manifest: Any) -> dict:
    """The manifest if it is one of ours; InvalidInput otherwise. No path in it leads outside its folder."""
    try:
        for entry in manifest["shards"]:
            kind, split, number = entry["shard"].split("-")
            if kind not in ("images", "videos") or split not in SPLITS or entry["split"] != split:
                raise ValueError(entry["shard"])
            if not number.isdecimal() or not isinstance(entry["fingerprint"], str):
                raise ValueError(entry["shard"])
            if not all(type(who) is int for who in entry["identities"]):
                raise ValueError(entry["shard"])
            if not all(type(times) is int for times in entry["rejects"].values()):
                raise ValueError(entry["shard"])
            if not isinstance(entry.get("environment", {}), dict):
                raise ValueError(entry["shard"])
            for file in entry["files"]:
                _check_file(file, SHARD)
        for file in manifest.get("pages", []):
            _check_file(file, PAGE)
    except (TypeError, KeyError, AttributeError, ValueError) as problem:
        raise InvalidInput(f"it is no manifest of 3dpain ({type(problem).__name__}: {problem}).") from None
    _share(manifest["shards"])
    return {"shards": manifest["shards"], "pages": manifest.get("pages", [])}


def _share(entries: list[dict]) -> None:
    """Equal environments become one object: they are two fifths of what a manifest takes in memory."""
    known: dict[str, dict] = {}
    for entry in entries:
        if "environment" in entry:
            where = json.dumps(entry["environment"], sort_keys=True)
            entry["environment"] = known.setdefault(where, entry["environment"])


def _check_file(file: dict, pattern: re.Pattern) -> None:
    whole = type(file["bytes"]) is int and re.fullmatch(r"[0-9a-f]{64}", file["sha256"])
    if not whole or not pattern.fullmatch(file["path"]):
        raise ValueError(str(file["path"])[:80])


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
    """Refuse a folder that is not ours, and to mix two datasets in one; a set may grow."""
    if not out.exists():
        return
    if not out.is_dir():
        raise InvalidInput(f"{out} is a file; give a folder.")
    for name in (WORK, *CONFIGS):
        if (out / name).is_symlink():
            raise InvalidInput(f"{out / name} is a link; a dataset's files lie in its own folder.")
    manifest = Manifest(out)
    made, begun = _plan_in(out / "plan.json"), _plan_in(out / WORK / "config.json")
    if made is None and not (manifest.written()["shards"] and begun):
        names = sorted(path.name for path in out.iterdir() if path.name != WORK)
        if "plan.json" in names:
            raise InvalidInput(f"{out / 'plan.json'} is no plan of 3dpain; give another folder.")
        if names and begun is None:
            raise InvalidInput(f"{out} is not empty and holds no 3dpain dataset ({names[0]} ...); give another folder.")
    if made is None and not manifest.entries():
        return  # nothing was finished: the folder is free to become another dataset
    # What was begun and never finished may be given up again; what is finished may only grow.
    version, old = made or begun or (GENERATOR_VERSION, config)
    if version != GENERATOR_VERSION:
        raise InvalidInput(
            f"{out} was made by version {version} of the generator and this is {GENERATOR_VERSION}; "
            "give another folder."
        )
    for name, value in vars(config).items():
        same = value >= getattr(old, name) if name in GROWING else value == getattr(old, name)
        if name != "device" and not same:
            raise InvalidInput(
                f"{out} was begun with {name} {getattr(old, name)!r}, not {value!r}; "
                "continue with the same options (more identities are welcome), or give another folder."
            )


def read_plan(path: Path) -> tuple[str, Config]:
    """Generator version and config of a plan.json; InvalidInput when it is not one of ours."""
    data = strict_json.load(path)
    try:
        version, config = data["generator_version"], Config.from_json(data["config"])
        if not isinstance(version, str):
            raise ValueError("generator_version")
    except (TypeError, KeyError, AttributeError, ValueError) as problem:
        raise InvalidInput(f"{path} is no plan of 3dpain ({type(problem).__name__}: {problem}).") from None
    return version, config


def _plan_in(path: Path) -> tuple[str, Config] | None:
    try:
        return read_plan(path)
    except (OSError, InvalidInput):
        return None


def save_config(out: Path, plan: Plan) -> None:
    write_text(out / WORK / "config.json", json.dumps(plan.to_json(), indent=1))


def load_plan(out: Path) -> Plan:
    """The plan a run has saved in the folder it works on."""
    return Plan(read_plan(out / WORK / "config.json")[1])
