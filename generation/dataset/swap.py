"""How a set takes its place: it grows under .generate/new beside the one that is there, and is put in at the end.

First the whole new set stands in .generate/new, links where a file stays as it is. Then one journal names every file to
put and to drop, and from there on any run that was broken off is finished by the next one: until the journal is there
the old set is whole, and afterwards only renames are left. What is replaced or dropped is only what a manifest of ours
lists; anything else in the folder is the user's and stays.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from threedpain import strict_json
from threedpain.errors import InvalidInput

from .manifest import NEW, PAGE, SHARD, WORK, Manifest, locked, read_plan, sound
from .plan import Plan, Shard, identity_id
from .writer import sha256, write_json, write_text

PAGES = ("README.md", "grid.jpg", "croissant.json")
JOURNAL = f"{WORK}/swap.json"
KEPT = f"{WORK}/kept"


def check_free(manifest: Manifest, plan: Plan) -> None:
    """Refuse to replace a file that no manifest of ours lists, unless it holds the very people planned for it."""
    entries = [*manifest.written()["shards"], *manifest.fresh()]
    listed = {file["path"] for entry in entries for file in entry["files"]}
    for shard in plan.shards:
        for kind in ("videos",) if shard.kind == "videos" else ("images", "expressions", "identities"):
            name = f"{kind}/{shard.split}-{shard.number:05d}.parquet"
            path = manifest.out / name
            if name not in listed and (path.exists() or path.is_symlink()) and not _holds(path, shard):
                raise InvalidInput(
                    f"{path} was not written by `3dpain generate`, and a file of that name is planned; "
                    "move it away, or give another folder."
                )


def _holds(path: Path, shard: Shard) -> bool:
    """Whether a Parquet file holds people of the shard and nobody else: written by us, its manifest lost."""
    try:
        if path.is_symlink():
            return False
        people = set(pq.read_table(path, columns=["identity_id"])["identity_id"].to_pylist())
    except (OSError, pa.ArrowException, KeyError):
        return False
    return bool(people) and people <= {identity_id(index) for index in shard.identities}


def seal(manifest: Manifest, plan: Plan, finish: Callable[[Path], None] | None) -> list[str]:
    """Put the finished set into its place; a sentence for each file of the user's that was in the way and kept."""
    out, new = manifest.out, manifest.out / NEW
    finished, damaged = manifest.finished(plan)
    if len(finished) < len(plan.shards):
        lost = next(shard.name for shard in plan.shards if shard.name not in finished)
        raise InvalidInput(f"{lost} is not there ({' '.join(damaged) or 'never made'}); run the same command again.")
    before = manifest.written()
    shards = [finished[shard.name] for shard in plan.shards]
    staying = []
    for name in (file["path"] for entry in shards for file in entry["files"]):
        if manifest.places[name] == out / name:
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).unlink(missing_ok=True)
            (new / name).symlink_to(Path("../../..") / name)
            staying.append(name)
    write_json(new / "plan.json", plan.to_json())
    write_json(new / "manifest.json", {"shards": shards})
    if finish:
        finish(new)
    sentences, pages = [], []
    known = {(page["path"], page["sha256"]) for page in before["pages"]}
    for name in PAGES:
        if (new / name).is_file():
            target = _target(out, new, name, known)
            if target != name:
                os.replace(new / name, new / target)
                sentences.append(f"{out / name} was changed and is kept; the new one is {target}.")
            path = new / target
            pages.append({"path": target, "bytes": path.stat().st_size, "sha256": sha256(path)})
    for file in (new / "manifest.json", manifest.copy):
        write_json(file, {"shards": shards, "pages": pages})
    for name in staying:
        (new / name).unlink()
    moving = [file["path"] for entry in shards for file in entry["files"] if file["path"] not in staying]
    now = {*moving, *staying, *(page["path"] for page in pages)}
    gone = [file for entry in before["shards"] for file in entry["files"]] + before["pages"]
    drop = [f["path"] for f in gone if f["path"] not in now and _is(out / f["path"], f["sha256"])]
    put = [*moving, *(page["path"] for page in pages), "plan.json", "manifest.json"]
    sentences += _set_aside(out)
    write_text(out / JOURNAL, json.dumps({"put": put, "drop": drop}))
    settle(out)
    return sentences


def settle(out: Path) -> None:
    """Finish what a journal says, where a run was broken off in the middle of it. Under the folder's lock."""
    journal = out / JOURNAL
    if not journal.is_file():
        return
    try:
        steps = strict_json.load(journal)
        names = [*steps["put"], *steps["drop"]]
        if not all(SHARD.fullmatch(n) or PAGE.fullmatch(n) or n in ("plan.json", "manifest.json") for n in names):
            raise InvalidInput("it names files that are not of a dataset")
    except (InvalidInput, KeyError, TypeError) as problem:
        raise InvalidInput(f"{journal} is no journal of `3dpain generate` ({problem}); move it away.") from None
    for name in steps["put"]:
        if (out / NEW / name).is_file():
            (out / name).parent.mkdir(exist_ok=True)
            os.replace(out / NEW / name, out / name)
    for name in steps["drop"]:
        (out / name).unlink(missing_ok=True)
    for path in (out / WORK / "shards").glob("*.json"):
        path.unlink()
    journal.unlink()
    shutil.rmtree(out / NEW, ignore_errors=True)


def recover(out: Path) -> None:
    """For readers: a set that a killed run left between old and new is first made whole."""
    if (out / JOURNAL).is_file():
        with locked(out):
            settle(out)


def _target(out: Path, new: Path, name: str, known: set[tuple[str, str]]) -> str:
    """Where a page goes: its own name, or one beside it where a file lies that is not the last one we wrote."""
    stem, suffix = name.split(".")
    for number in range(1, 1000):
        target = name if number == 1 else f"{stem}.new{f'-{number - 1}' if number > 2 else ''}.{suffix}"
        place = out / target
        if not place.exists() and not place.is_symlink():
            return target
        if not place.is_file() or place.is_symlink():
            continue
        digest = sha256(place)
        if (target, digest) in known or digest == sha256(new / name):
            return target
    raise InvalidInput(f"{out} holds a thousand files in the way of {name}; give another folder.")


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and not path.is_symlink() and sha256(path) == digest


def _set_aside(out: Path) -> list[str]:
    """A plan or manifest that is not, or no more, ours goes to .generate/kept instead of being replaced."""
    sentences = []
    readers = {"plan.json": read_plan, "manifest.json": lambda path: sound(strict_json.load(path))}
    for name, read in readers.items():
        path = out / name
        if not path.exists() and not path.is_symlink():
            continue
        try:
            read(path)
        except (OSError, InvalidInput):
            (out / KEPT).mkdir(parents=True, exist_ok=True)
            number = sum(1 for _ in (out / KEPT).iterdir())
            os.replace(path, out / KEPT / f"{number:03d}-{name}")
            sentences.append(f"{path} could not be read; it is kept in {out / KEPT} and made anew.")
    return sentences
