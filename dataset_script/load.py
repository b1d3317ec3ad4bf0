"""`threedpain.load("unbc", path, split=...)` and the SET strings of the command line: one door for every data set."""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threedpain.errors import InvalidInput, MissingFile

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

    from .adapter import Adapter

logger = logging.getLogger(__name__)

ADAPTERS = {
    "official": ("official", "Official"),
    "synpain": ("synpain", "SynPain"),
    "unbc": ("unbc", "Unbc"),
    "disfa": ("disfa", "Disfa"),
    "ckplus": ("ckplus", "CkPlus"),
    "folder": ("folder", "Folder"),
}
_PROBLEMS = "problems.json"


@dataclass(frozen=True)
class SetSpec:
    """A SET string taken apart: the adapter's name ("" for a plain path or Hub id), where it is, and its options."""

    adapter: str
    path: str
    options: dict[str, str] = field(default_factory=dict)


def parse_set(text: str) -> SetSpec:
    """A plain path or Hub id, or an adapter's name, a path and options: `synpain:PATH?csv=labels.csv`."""
    match = re.match(r"([a-z0-9_-]{2,}):(?!//)(.*)", text, re.DOTALL)
    if match is None:
        if not text.strip():
            raise InvalidInput(
                "the data set is empty: give a path, a Hub id, or one of "
                + ", ".join(f"{name}:PATH" for name in ADAPTERS)
            )
        return SetSpec("", text)
    name, rest = match[1], match[2]
    if name not in ADAPTERS:
        raise InvalidInput(
            f"unknown kind of data set {name!r} in {text!r}; known are "
            + ", ".join(f"{known}:PATH" for known in ADAPTERS)
            + ", or a plain path or Hub id"
        )
    path, mark, query = rest.rpartition("?")
    path, query = (path, query) if mark else (rest, "")
    if not path:
        raise InvalidInput(f"{text!r} names no path: {name}:PATH")
    options = [part.partition("=") for part in query.split("&")] if query else []
    if not all(option and equals and value for option, equals, value in options):
        raise InvalidInput(f"{text!r}: options after ? are written as name=value, more than one with & between them")
    return SetSpec(name, path, {option: value for option, _, value in options})


def load(
    name: str, path: str | Path | None = None, split: str | None = None, *, config: str = "images", **options: str
) -> Dataset | DatasetDict:
    """A data set by its adapter's name and path, or by a SET string alone.

    `split` is "train", "validation", "test", "all" (everything together), or None for all splits in a DatasetDict.
    `config` is "images" or "pairs" (with `neutral_image`); "official" also has "identities". What the source holds but
    no row could be made of is logged, and `problems(dataset)` names it.
    """
    spec = parse_set(name) if path is None else SetSpec(name, str(path), dict(options))
    if not spec.adapter:
        from . import plain  # brings pyarrow

        return _choose(plain.read(spec.path, config), split, spec.path)
    if spec.adapter not in ADAPTERS:
        raise InvalidInput(f"unknown adapter {spec.adapter!r}; known are {', '.join(ADAPTERS)}")
    module, attribute = ADAPTERS[spec.adapter]
    adapter: type[Adapter] = getattr(importlib.import_module(f".{module}", __package__), attribute)
    return _choose(_built(adapter, spec, config), split, f"{spec.adapter}:{spec.path}")


def problems(dataset: Dataset) -> dict[str, list[str]]:
    """Reason -> names of what the adapter could not use when it read this data set; empty when all was well."""
    for file in dataset.cache_files:
        report = Path(file["filename"]).parent / _PROBLEMS
        if report.is_file():
            return json.loads(report.read_text())
    return {}


def _built(adapter: type[Adapter], spec: SetSpec, config: str) -> DatasetDict:
    unknown = [option for option in spec.options if option not in adapter.option_names]
    if unknown:
        raise InvalidInput(
            f"{spec.adapter} has no option {unknown[0]!r}; it has {', '.join(adapter.option_names) or 'none'}"
        )
    configs = [known.name for known in adapter.BUILDER_CONFIGS]
    if config not in configs:
        raise InvalidInput(f"{spec.adapter} has no config {config!r}; it has {', '.join(configs)}")
    path = adapter.resolve(spec.path)
    builder = adapter(
        dataset_name=f"threedpain_{spec.adapter}",
        config_name=config,
        path=str(path.resolve()),
        stamp=_stamp(path, [value for option, value in spec.options.items() if option.endswith("csv")]),
        options=tuple(sorted(spec.options.items())),
    )
    try:
        builder.download_and_prepare()
    except Exception as error:
        raise _own(error) from error
    report = Path(builder.cache_dir) / _PROBLEMS
    if builder.problems:
        partial = report.with_name(f".{report.name}.{os.getpid()}.part")
        partial.write_text(json.dumps(builder.problems.entries, indent=1, ensure_ascii=False))
        os.replace(partial, report)
        logger.warning("%s:%s: %s; all names are in %s", spec.adapter, spec.path, builder.problems, report)
    return builder.as_dataset()


def _own(error: Exception) -> Exception:
    """`datasets` wraps what a builder raises; the user's sentence is inside."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, (InvalidInput, MissingFile)):
            return inner
        inner = inner.__cause__ or inner.__context__
    return error


def _stamp(path: Path, tables: Iterable[str] = ()) -> str:
    """Changes when a file below the path, or a table that an option names, is added, removed, resized or rewritten."""
    digest = hashlib.sha256()
    named = [place for table in tables for place in (path / table, Path(table).expanduser()) if place.is_file()]
    for file in [*sorted([path] if path.is_file() else path.rglob("*")), *named]:
        state = file.stat() if file.exists() else file.lstat()  # of what a link leads to, unless it leads nowhere
        if not file.is_dir():
            digest.update(os.fsencode(f"{file}|{state.st_size}|{state.st_mtime_ns}\n"))
    if path.is_file():  # a csv speaks of files beside it
        digest.update(_stamp(path.parent).encode())
    return digest.hexdigest()[:16]


def _choose(splits: DatasetDict, split: str | None, where: str) -> Any:
    if split is None:
        return splits
    if split == "all":
        import datasets

        return datasets.concatenate_datasets(list(splits.values())) if len(splits) > 1 else next(iter(splits.values()))
    if split not in splits:
        raise InvalidInput(f"{where} has no split {split!r}; it has {', '.join(splits)}, and all")
    return splits[split]
