"""What the tables of an MP4 or MOV claim, added up before a decoder makes room for them.

A table can say in a few bytes that a clip has a thousand million samples, or keep itself compressed: a kilobyte of file
then takes gigabytes of memory. A picture has at least one byte, so honest tables claim no more samples than the file
has bytes; sound may be packed more closely, and a few million samples are always let in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

TABLES = 64_000_000  # bytes of everything but the pictures and the sound themselves
SAMPLES = 4_000_000  # some 140 MB of memory
EDITED = 4_000_000  # samples times cuts that are followed; the decoder copies the samples' table for every cut

_COUNTS = {b"stsz": 12, b"stz2": 12, b"trun": 8}  # tables of samples: where their number stands, from their name on
_NO_ROOM = 1 << 29  # for so many entries the decoder finds no room; such a number is a text that holds a table's name
_UNCUT = 1024  # samples of plain sound that share one entry of the decoder's table


def excessive(file: BinaryIO) -> bool:
    """Whether the tables claim more than the file can hold. The file is left at its beginning."""
    samples, _ = _claims(file)
    return samples > max(SAMPLES, os.fstat(file.fileno()).st_size)


def many_cuts(file: BinaryIO) -> bool:
    """Whether following the clip's list of cuts would cost more than it is worth. The file is left at its beginning."""
    samples, cuts = _claims(file)
    return samples * cuts > EDITED


def _claims(file: BinaryIO) -> tuple[float, int]:
    """Samples and cuts that all tables name together; infinitely many where the tables are compressed or too long."""
    samples, cuts, chunks, in_chunk, read = 0.0, 0, 0, 0, 0
    for start, length in _boxes(file):
        read += length
        if read > TABLES:
            samples = float("inf")
            break
        file.seek(start)
        table = file.read(length)
        for name, place in _COUNTS.items():
            samples += sum(number for number, _ in _numbers(table, name, place))
        cuts += sum(min(number, length) for number, _ in _numbers(table, b"elst", 8))
        for name in (b"stco", b"co64"):
            chunks += sum(min(number, length // 4) for number, _ in _numbers(table, name, 8))
        for number, at in _numbers(table, b"stsc", 8):
            rows = np.frombuffer(table, ">u4", min(3 * number, (length - at) // 4), at)
            in_chunk = max(in_chunk, int(rows[1::3].max(initial=0)))
        if b"cmvd" in table:
            samples = float("inf")
    file.seek(0)
    return max(samples, chunks * in_chunk / _UNCUT), cuts


def _numbers(table: bytes, name: bytes, place: int) -> Iterator[tuple[int, int]]:
    """The number that stands `place` bytes after every occurrence of a name, wherever a decoder might look for it, and
    where it ends."""
    at = table.find(name)
    while at >= 0:
        long = 8 if table[max(0, at - 4) : at] == b"\0\0\0\1" else 0  # the box's length follows its name
        end = at + place + long + 4
        number = int.from_bytes(table[end - 4 : end], "big")
        if end <= len(table) and number < _NO_ROOM:
            yield number, end
        at = table.find(name, at + 4)


def _boxes(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Where each outermost box begins, and its length, but for those that hold the pictures and the sound."""
    whole, start = os.fstat(file.fileno()).st_size, 0
    while start + 8 <= whole:
        file.seek(start)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0 or start + length > whole:
            length = whole - start
        if length < 8:
            break
        if head[4:8] != b"mdat":
            yield start, length
        start += length
