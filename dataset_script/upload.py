"""What of a folder may be published: an allow-list, checked file by file; nothing secret, linked, broken or foreign."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path

from threedpain import strict_json
from threedpain.errors import InvalidInput, MissingFile
from threedpain.generation.dataset.manifest import Manifest, read_plan, sound
from threedpain.generation.dataset.plan import Plan
from threedpain.generation.dataset.swap import JOURNAL, PAGES
from threedpain.schema import GENERATOR_VERSION

from . import limited

# Names in a saved model or a Space; a name with a dot in front, or of another kind, stays at home.
_NAME = re.compile(r"[A-Za-z0-9_][\w.+-]*\.(json|jsonl|md|py|txt|yaml|css|html|svg|png|jpe?g|webp|mp4|safetensors|whl)")
_FOLDER = re.compile(r"[A-Za-z0-9_][\w-]*")
_TEXTS = (".json", ".jsonl", ".md", ".py", ".txt", ".yaml", ".css", ".html", ".svg")
_SECRET = re.compile(rb"hf_[A-Za-z0-9]{30,}|-----BEGIN [A-Z ]*PRIVATE KEY-----|AKIA[0-9A-Z]{16}")
_DEEPEST = 3


def dataset_files(folder: Path) -> list[str]:
    """Names of a finished set's files, each as its manifest says. Under the folder's lock."""
    if (folder / JOURNAL).is_file():
        raise InvalidInput(
            f"{folder}: a run was broken off while it put new files in; `3dpain generate` ends it first."
        )
    version, config = read_plan(folder / "plan.json")
    written = sound(_load(folder, "manifest.json"))
    plan, shards = Plan(config), {entry["shard"]: entry for entry in written["shards"]}
    names = ["plan.json", "manifest.json"]
    for shard in plan.shards:
        entry = shards.pop(shard.name, None)
        same = entry is not None and (version != GENERATOR_VERSION or entry["fingerprint"] == plan.fingerprint(shard))
        if not same:
            raise InvalidInput(f"{folder} holds no {shard.name} as it was planned; `3dpain generate` makes it.")
        names += [file["path"] for file in entry["files"]]
        _refuse_links(folder, [file["path"] for file in entry["files"]])
        wrong = Manifest(folder).damage({"files": entry["files"]})
        if wrong:
            raise InvalidInput(f"{folder}: {wrong} `3dpain generate` makes it again; nothing was published.")
    if shards:
        raise InvalidInput(f"{folder} holds {min(shards)}, which its plan does not know.")
    names += [name for name in PAGES if (folder / name).exists()]  # the card is its owner's to write
    _refuse_links(folder, names)
    _refuse_secrets(folder, names)
    return names


def model_files(folder: Path) -> list[str]:
    """Names of a saved model's files; without safetensors there is no model."""
    names = list(_allowed(folder))
    if not any(name.endswith(".safetensors") for name in names):
        raise InvalidInput(f"{folder} holds no .safetensors file; weights in any other form are not published.")
    if not isinstance(_load(folder, "config.json"), dict):
        raise InvalidInput(f"{folder / 'config.json'} is no config of a model.")
    return names


def space_files(folder: Path) -> list[str]:
    return list(_allowed(folder))


def figures_files(folder: Path) -> list[str]:
    """The Parquet of all figures, its card, and the models of small runs beside it."""
    _refuse_links(folder, ["figures.parquet"])
    limited.parquet(folder / "figures.parquet")
    return ["figures.parquet", *_allowed(folder)]


FILES: dict[str, Callable[[Path], list[str]]] = {
    "dataset": dataset_files,
    "model": model_files,
    "space": space_files,
    "figures": figures_files,
}


def ours_there(kind: str, there: set[str], read: Callable[[str], bytes], here: Path, repo: str) -> set[str]:
    """Names in the repository that an earlier publishing put there; InvalidInput when it is somebody else's."""
    foreign = sorted(there - {".gitattributes"})
    if not foreign:
        return set()
    if kind == "dataset":
        try:
            data = strict_json.parse(read("plan.json"), "plan.json") if "plan.json" in there else None
            if not isinstance(data, dict) or not isinstance(data["generator_version"], str):
                raise InvalidInput("it has no plan of ours")
            written = sound(strict_json.parse(read("manifest.json"), "manifest.json"))
        except (InvalidInput, KeyError, TypeError):
            raise InvalidInput(f"{repo} already holds something else ({foreign[0]}); choose another name.") from None
        return {file["path"] for entry in written["shards"] for file in entry["files"]}
    mark = {"model": "config.json", "space": "app.py", "figures": "figures.parquet"}[kind]
    known = {"README.md"} if mark not in there else there
    if set(foreign) - known or (mark in there and not _alike(kind, read(mark), (here / mark).read_bytes())):
        strange = min(set(foreign) - known, default=mark)
        raise InvalidInput(f"{repo} already holds something else ({strange}); choose another name.")
    return set()


def _alike(kind: str, there: bytes, here: bytes) -> bool:
    """Whether two models are of one type, two apps both of this project, or two tables both of its columns."""
    if kind == "figures":
        try:
            names = [limited.parquet(BytesIO(data)).schema_arrow.names for data in (there, here)]
        except InvalidInput:
            return False
        return names[0] == names[1]
    if kind == "space":
        return b"threedpain" in there or there == here
    try:
        one, other = (strict_json.parse(text, "config.json") for text in (there, here))
    except InvalidInput:
        return False
    return all(isinstance(config, dict) for config in (one, other)) and one.get("model_type") == other.get("model_type")


def _allowed(folder: Path) -> Iterator[str]:
    names = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        fit = all(_FOLDER.fullmatch(part) for part in relative.parts[:-1]) and _NAME.fullmatch(relative.name)
        if path.is_dir() or not fit or len(relative.parts) > _DEEPEST or "__pycache__" in relative.parts:
            continue
        names.append(relative.as_posix())
    _refuse_links(folder, names)
    _refuse_secrets(folder, names)
    yield from names


def _refuse_links(folder: Path, names: list[str]) -> None:
    for name in names:
        path = folder / name
        parents = [folder.joinpath(*Path(name).parts[:depth]) for depth in range(1, len(Path(name).parts) + 1)]
        if any(parent.is_symlink() for parent in parents):
            raise InvalidInput(f"{path} is a link, and what a link leads to is not published.")
        if not path.is_file():
            raise MissingFile(f"{path} is missing or no file.")


def _refuse_secrets(folder: Path, names: list[str]) -> None:
    for name in names:
        if name.endswith(_TEXTS) and _SECRET.search((folder / name).read_bytes()):
            raise InvalidInput(f"{folder / name} holds what looks like a secret key or token; nothing was published.")


def _load(folder: Path, name: str) -> Mapping:
    try:
        return strict_json.load(folder / name)
    except FileNotFoundError:
        raise MissingFile(f"{folder} has no {name}.") from None
