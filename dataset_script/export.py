"""A set in the form that other tools read: COCO, WebDataset, or a table with OpenFace's columns.

One row is in memory at a time. The new folder appears under its name when all of it is written, and not before; what is
there already is never touched.
"""

from __future__ import annotations

import importlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threedpain.errors import InvalidInput

from .load import load

if TYPE_CHECKING:
    from datasets import Dataset

FORMS = {
    "coco": "pictures in folders by split, and boxes, landmarks and masks in COCO's json",
    "webdataset": "tar files of a thousand rows: pictures as they are, all else as json",
    "openface": "a csv a split, its columns named and scaled as OpenFace's",
}

LONGEST = 64  # letters of a row's id in a file's name: a tar's names have 100, the column's and the number's included


def export(source: str, form: str, out: str | Path) -> dict[str, int]:
    """Write the set that a SET string names into the new folder `out`; rows by split."""
    if form not in FORMS:
        raise InvalidInput(f"a set is exported to {', '.join(FORMS)}, not to {form!r}")
    with new_folder(Path(out)) as folder:
        write_split = importlib.import_module(f".export_{form}", __package__).write_split
        return {name: write_split(rows(split), name, folder) for name, split in load(source).items()}


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to fill that appears as `out` when the block ends well, and vanishes when it does not."""
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise InvalidInput(f"{out} exists already: name a new folder, or remove it")
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    try:
        folder = scratch / "new"
        folder.mkdir()
        yield folder
        folder.rename(out)  # onto nothing, or onto an empty folder
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def rows(split: Dataset) -> Iterator[dict[str, Any]]:
    """The rows of a split, labels by name and pictures as they are stored: {"bytes", "path"}."""
    from datasets import ClassLabel, Image

    labels = {name: kind for name, kind in split.features.items() if isinstance(kind, ClassLabel)}
    for name, kind in split.features.items():
        if isinstance(kind, Image):
            split = split.cast_column(name, Image(decode=False))
    for row in split:
        yield row | {n: kind.int2str(row[n]) for n, kind in labels.items() if row[n] is not None}


def file_name(row: Mapping[str, Any], number: int) -> str:
    """The row's id as the name of a file, without what some system or reader would take for something else: a row of
    another set than ours, whose id is not plain, or long, has its number as well."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", row["id"])[:LONGEST]
    return plain if plain == row["id"] else f"{plain}-{number:06d}"


def suffix(picture: Mapping[str, Any]) -> str:
    """The suffix of a stored picture, by what its bytes begin with; "bin" if that is none of the usual kinds."""
    data = picture["bytes"] or b""
    known = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"RIFF": "webp", b"GIF8": "gif", b"BM": "bmp"}
    return next((name for start, name in known.items() if data.startswith(start)), "bin")


def pictures(row: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Column -> stored picture, of the columns that hold one in this row."""
    return {
        name: value for name, value in row.items() if isinstance(value, Mapping) and set(value) == {"bytes", "path"}
    }
