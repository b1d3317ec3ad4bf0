"""Files that are whole or absent: encoded pictures, Parquet with small row groups, atomic replacement."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, Image, Mesh, Video
from PIL import Image as Pillow

MAX_ROWS = 99  # of a row group; the dataset viewer wants 100 at most
MAX_BYTES = 90_000_000  # of the embedded files in a row group; the viewer wants less than 100 MB
EXTENSION = {"jpeg": "jpg", "webp": "webp"}


def encode_picture(rgb: np.ndarray, kind: str = "jpeg") -> bytes:
    """uint8 [H, W, 3] sRGB as JPEG (quality 92, 4:4:4) or WebP (quality 90, the fast method)."""
    buffer = io.BytesIO()
    options = {"quality": 92, "subsampling": 0} if kind == "jpeg" else {"quality": 90, "method": 0}
    Pillow.fromarray(rgb).save(buffer, kind, **options)
    return buffer.getvalue()


def encode_png(levels: np.ndarray) -> bytes:
    """uint8 or uint16 [H, W] without loss."""
    buffer = io.BytesIO()
    Pillow.fromarray(levels).save(buffer, "png", compress_type=zlib.Z_RLE)  # smaller than the default and faster here
    return buffer.getvalue()


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that appears under `path` only when all of it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Indented, piece by piece: the text of a large manifest would take ten times its size in memory."""
    with replacing(path) as file:
        for piece in json.JSONEncoder(indent=1).iterencode(value):
            file.write(piece.encode())


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_parquet(path: Path, features: Features, blocks: Iterable[list[dict]]) -> dict:
    """Write rows that come in blocks; a row group holds whole blocks as long as they fit.

    `neutral_image` is dictionary-encoded: a picture that many rows of a row group share is stored once. Rows of one
    identity and view therefore form a block. Returns what the manifest says of the file.
    """
    schema = features.arrow_schema
    embedded = [name for name, kind in features.items() if isinstance(kind, (Image, Mesh, Video))]
    plain = [
        name
        for name in features
        if pa.types.is_primitive(schema.field(name).type) or pa.types.is_string(schema.field(name).type)
    ]
    rows_written = groups = 0
    with (
        replacing(path) as file,
        pq.ParquetWriter(
            file,
            schema,
            version="2.6",
            write_statistics=plain,
            write_page_index=True,
            write_page_checksum=True,
            compression={leaf: "none" if leaf.split(".")[0] in embedded else "zstd" for leaf in _leaves(schema)},
            use_dictionary=[
                *(p for p in plain if not pa.types.is_floating(schema.field(p).type)),
                "neutral_image.bytes",
            ],
            dictionary_pagesize_limit=2 * MAX_BYTES,
        ) as writer,
    ):
        for group in _row_groups(blocks, embedded):
            writer.write_table(pa.Table.from_pylist(group, schema=schema), row_group_size=len(group))
            rows_written, groups = rows_written + len(group), groups + 1
    return {"rows": rows_written, "row_groups": groups, "bytes": path.stat().st_size, "sha256": sha256(path)}


def _row_groups(blocks: Iterable[list[dict]], embedded: list[str]) -> Iterator[list[dict]]:
    group: list[dict] = []
    weight = 0
    for block in blocks:
        for piece in _pieces(block, embedded):
            size = sum(_weight(row, embedded) for row in piece)
            if group and (len(group) + len(piece) > MAX_ROWS or weight + size > MAX_BYTES):
                yield group
                group, weight = [], 0
            group, weight = group + piece, weight + size
    if group:
        yield group


def _pieces(block: list[dict], embedded: list[str]) -> Iterator[list[dict]]:
    """The block, or its halves and their halves as long as they would not fit a row group."""
    if len(block) > 1 and (len(block) > MAX_ROWS or sum(_weight(row, embedded) for row in block) > MAX_BYTES):
        middle = len(block) // 2
        yield from _pieces(block[:middle], embedded)
        yield from _pieces(block[middle:], embedded)
    else:
        yield block


def _weight(row: dict, embedded: list[str]) -> int:
    return sum(len(row[name]["bytes"]) for name in embedded if row[name] is not None)


def _leaves(schema: pa.Schema) -> list[str]:
    """Dotted Parquet paths of all leaf columns."""

    def walk(path: str, kind: pa.DataType) -> Iterator[str]:
        if pa.types.is_struct(kind):
            for i in range(kind.num_fields):
                yield from walk(f"{path}.{kind.field(i).name}", kind.field(i).type)
        elif pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind):
            yield from walk(f"{path}.list.element", kind.value_type)
        else:
            yield path

    return [leaf for field in schema for leaf in walk(field.name, field.type)]
