"""WebDataset's form: SPLIT-000000.tar ..., a thousand rows each; a row's files share a name and follow each other.

ID.jpg is the picture (or .webp, as it is stored), ID.mask.png and the like are the other pictures, byte by byte those
of the set, and ID.json holds all other columns, labels by name. The same set gives the same bytes.
"""

from __future__ import annotations

import io
import json
import math
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from .export import file_name, pictures, suffix

ROWS = 1000  # of a tar


def write_split(rows: Iterable[dict[str, Any]], split: str, out: Path) -> int:
    """The tars of one split; how many rows it had."""
    numbered = enumerate(rows, 1)
    count = 0
    for first in numbered:  # of a tar
        path = out / f"{split}-{count // ROWS:06d}.tar"
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for count, row in chain([first], islice(numbered, ROWS - 1)):
                for name, data in members(row, count):
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
    return count


def members(row: Mapping[str, Any], number: int) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file of a row."""
    key, found = file_name(row, number), pictures(row)
    for name, picture in found.items():
        if picture["bytes"] is not None:
            yield f"{key}.{suffix(picture) if name == 'image' else f'{name}.{suffix(picture)}'}", picture["bytes"]
    other = {k: _plain(v) for k, v in row.items() if k not in found}
    yield f"{key}.json", json.dumps(other, ensure_ascii=False, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    """JSON knows no NaN, such as a landmark that a set does not have: null."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
