"""Parquet and HDF5 files of unknown origin: what they claim is checked before anything of that size is read."""

from __future__ import annotations

import mmap
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from threedpain.errors import InvalidInput

GROUP_ROWS = 100_000
GROUP_BYTES = 1 << 30  # unpacked
COLUMN_RATIO = 2000  # of a column's unpacked to its packed bytes; a dictionary of one value packs a great deal
UNSHARED = 16  # times GROUP_BYTES: rows times bytes of a column without a dictionary that are taken on trust
HEADER_BYTES = 64 << 20
NUMBER_BYTES = 256 << 20  # of the numbers in a row group, those of lists included
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8, "BYTE_ARRAY": 16}  # bytes

ROWS = 2_000_000  # of an HDF5 data set
TABLE_BYTES = 256 << 20  # of one that is read whole
CHUNK_BYTES = 256 << 20  # unpacked to read one row
PIXELS = 64 << 20
TEXT_BYTES = 4096  # of one text of an HDF5 data set


def parquet(source: Path | BinaryIO, name: str = "") -> pq.ParquetFile:
    """The file opened, page checksums on; InvalidInput when a row group claims more than the limits.

    source: a path, or a file open for reading; name: what to call it in a sentence, by default the path's name.
    """
    name = name or (source.name if isinstance(source, Path) else "the Parquet file")
    file = _opened(source)
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        if not 0 <= group.num_rows <= GROUP_ROWS or not 0 <= group.total_byte_size <= GROUP_BYTES:
            raise InvalidInput(
                f"{name} claims {group.num_rows} rows and {group.total_byte_size} bytes in row group {number}; "
                f"at most {GROUP_ROWS} and {GROUP_BYTES} are read."
            )
        values = 0
        for place in range(group.num_columns):
            column = group.column(place)
            packed, unpacked = column.total_compressed_size, column.total_uncompressed_size
            if packed < 0 or unpacked < 0 or unpacked > max(1 << 20, COLUMN_RATIO * packed):
                raise InvalidInput(
                    f"{name}: {column.path_in_schema} of row group {number} claims {unpacked} bytes from {packed}."
                )
            width = _WIDTHS.get(column.physical_type) or file.schema.column(place).length
            values += column.num_values * width
            if values > NUMBER_BYTES:  # a long list of one number is a few bytes
                raise InvalidInput(
                    f"{name}: {column.path_in_schema} of row group {number} claims {column.num_values} values; "
                    f"at most {NUMBER_BYTES} bytes of values are read at once."
                )
            # Every row may name the same value of a dictionary; where that could be too much, it is added up. A column
            # that says it has none may still be believed for less than any of ours could hold.
            enough = GROUP_BYTES if column.has_dictionary_page else UNSHARED * GROUP_BYTES
            if column.physical_type == "BYTE_ARRAY" and max(group.num_rows, column.num_values) * unpacked > enough:
                spelled = _spelled_out(source, number, column.path_in_schema)
                if spelled > GROUP_BYTES:
                    raise InvalidInput(
                        f"{name}: {column.path_in_schema} of row group {number} holds {spelled} bytes of {unpacked} "
                        f"that rows share; at most {GROUP_BYTES} are read."
                    )
    return file


def _opened(source: Path | BinaryIO, **options: Any) -> pq.ParquetFile:
    return pq.ParquetFile(
        source,
        page_checksum_verification=True,
        thrift_string_size_limit=HEADER_BYTES,
        thrift_container_size_limit=1_000_000,
        **options,
    )


def _spelled_out(source: Path | BinaryIO, group: int, path: str) -> int:
    """Bytes of a column's texts when every row has its own, found without giving it to them."""
    total = 0
    for batch in _opened(source, read_dictionary=[path]).iter_batches(1000, row_groups=[group], columns=[path]):
        for column in batch.columns:
            values = column
            while not pa.types.is_dictionary(values.type):
                if pa.types.is_struct(values.type):
                    values = values.field(0)
                elif pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
                    values = values.values
                else:
                    break
            if pa.types.is_dictionary(values.type):
                lengths = pc.binary_length(values.dictionary.cast(pa.large_binary()))
                total += pc.sum(lengths.take(values.indices)).as_py() or 0
    return total


def dataset(file: Any, key: str, kinds: str = "iuf", whole: bool = True) -> Any:
    """The HDF5 data set `key` (h5py) if it lies in this very file, uncoupled, and within the limits.

    kinds: numpy kinds its numbers may have; "O" or "S" for text. whole: it will be read at once, not row by row.
    """
    import h5py

    name = f"{Path(file.file.filename).name}: {key}"
    place = file
    for part in key.split("/"):
        link = place.get(part, getlink=True) if isinstance(place, h5py.Group) else None
        if link is None:
            raise InvalidInput(f"{name} is missing.")
        if not isinstance(link, h5py.HardLink):
            raise InvalidInput(f"{name} is a link to elsewhere, which is not followed.")
        place = place[part]
    if not isinstance(place, h5py.Dataset):
        raise InvalidInput(f"{name} is no data set.")
    if place.external or place.is_virtual:
        raise InvalidInput(f"{name} keeps its values in another file, which is not read.")
    if place.dtype.kind not in kinds or (place.dtype.kind == "O" and h5py.check_string_dtype(place.dtype) is None):
        raise InvalidInput(f"{name} has values of the type {place.dtype}, which it cannot have.")
    if not place.shape or place.shape[0] > ROWS:
        raise InvalidInput(f"{name} has the shape {place.shape}; from one to {ROWS} rows are read.")
    size = int(np.prod(place.shape, dtype=object)) * place.dtype.itemsize
    if whole and size > TABLE_BYTES:
        raise InvalidInput(f"{name} claims {size} bytes, more than the {TABLE_BYTES} allowed.")
    if place.chunks and int(np.prod(place.chunks, dtype=object)) * place.dtype.itemsize > CHUNK_BYTES:
        raise InvalidInput(f"{name} is packed in pieces of more than {CHUNK_BYTES} bytes.")
    if place.dtype.kind == "O" and (longest := _longest_text(place, name)) > TEXT_BYTES:
        raise InvalidInput(f"{name} claims a text of {longest} bytes, more than the {TEXT_BYTES} allowed.")
    if place.dtype.kind == "O" and not _heaps_end(Path(file.file.filename)):
        raise InvalidInput(f"{name} has damaged texts: free space of no size.")
    return place


def _heaps_end(path: Path) -> bool:
    """Whether the heaps in which an HDF5 file keeps its texts can be walked to their ends: at free space of no size the
    library stays for ever. A heap: 16 bytes, its size the last 8 of them, then objects; an object: its number (0 is
    free space, whose size counts this head as well), 6 bytes, its size, and its bytes padded to 8."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        heap = data.find(b"GCOL\x01")
        while heap >= 0:
            end = min(heap + int.from_bytes(data[heap + 8 : heap + 16], "little"), len(data))
            at = heap + 16
            while at + 16 <= end:
                number, size = struct.unpack_from("<H6xQ", data, at)
                if number == 0 and size == 0:
                    return False
                at += size if number == 0 else 16 + (size + 7) // 8 * 8
            heap = data.find(b"GCOL\x01", heap + 4)
    return True


def _longest_text(place: Any, name: str) -> int:
    """The most bytes that a text of an HDF5 data set claims: the library takes them before it looks whether they are
    there. Every text is stored as its length, then where it lies."""
    low = place.id
    address, _ = place.file.id.get_create_plist().get_sizes()
    if (start := low.get_offset()) is not None:
        with open(place.file.filename, "rb") as file:
            file.seek(start)
            pieces = [file.read(low.get_storage_size())]
    elif place.chunks and place.compression in (None, "gzip") and not (place.shuffle or place.scaleoffset):
        pieces = []
        for number in range(low.get_num_chunks()):
            _, piece = low.read_direct_chunk(low.get_chunk_info(number).chunk_offset)
            pieces.append(zlib.decompressobj().decompress(piece, CHUNK_BYTES) if place.compression else piece)
    elif not low.get_storage_size():
        return 0
    else:
        raise InvalidInput(f"{name} stores its texts in a way that is not read; save them with a fixed length.")
    width = 4 + address + 4  # its length, the address of a heap, and its number there
    found = 0
    for piece in pieces:
        rows = np.frombuffer(piece[: len(piece) // width * width], np.uint8).reshape(-1, width)
        found = max(found, int(np.ascontiguousarray(rows[:, :4]).view("<u4").max(initial=0)))
    return found


def frames(file: Any, key: str = "image") -> Any:
    """The HDF5 data set of 8-bit pictures [N, H, W, 3] or [N, H, W]."""
    found = dataset(file, key, "u", whole=False)
    shape = found.shape
    if found.dtype != np.uint8 or len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] != 3):
        raise InvalidInput(
            f"{Path(file.file.filename).name}: {key} is {found.dtype} of the shape {shape}; "
            "pictures are uint8 of [N, H, W, 3] or [N, H, W]."
        )
    if not 0 < shape[1] * shape[2] <= PIXELS:
        raise InvalidInput(f"{Path(file.file.filename).name}: {key} has pictures of {shape[2]} x {shape[1]} pixels.")
    return found
