"""Reading other people's archives safely: nothing leaves its folder, nothing grows without limit, nothing vanishes.

A tar or zip is unpacked once into a folder of the cache. Whatever points outside that folder, is a link or a device, or
is larger than the limits allow condemns the whole archive: no published set holds such a thing. What is merely damaged
is counted and named in a `Problems`, and everything before the damage is kept.
"""

from __future__ import annotations

import bz2
import fcntl
import gzip
import hashlib
import json
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO

from threedpain import strict_json
from threedpain.assets import cache_dir
from threedpain.errors import InvalidInput, printable
from threedpain.pictures import nameable, shown

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")

NOTE_BYTES = 1 << 20  # of what a tar says of one file beside its content

# A name that is no text, or a place before the file's beginning, is a ValueError of the readers.
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError)


@dataclass(frozen=True)
class Limits:
    """The most an archive may unpack to: bytes a file, files, and bytes in all: a floor plus a multiple of its size."""

    file_bytes: int = 512 << 20
    members: int = 2_000_000
    total_floor: int = 64 << 20
    total_ratio: int = 200


class Problems:
    """What could not be used, counted by reason and named; the same file under the same reason counts once."""

    def __init__(self, entries: Mapping[str, list[str]] | None = None) -> None:
        self.entries: dict[str, list[str]] = {reason: list(names) for reason, names in (entries or {}).items()}
        self._seen = {(reason, name) for reason, names in self.entries.items() for name in names}

    def add(self, reason: str, name: str) -> None:
        reason, name = printable(reason), printable(name)  # names of unknown origin reach terminals
        if (reason, name) not in self._seen:
            self._seen.add((reason, name))
            self.entries.setdefault(reason, []).append(name)

    def update(self, other: Mapping[str, list[str]]) -> None:
        for reason, names in other.items():
            for name in names:
                self.add(reason, name)

    def __bool__(self) -> bool:
        return bool(self.entries)

    def __str__(self) -> str:
        """One sentence a reason: the count and the first names."""
        return "; ".join(
            f"{reason}: {len(names)} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
            for reason, names in self.entries.items()
        )


def is_archive(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(SUFFIXES)


def stem(path: Path) -> str:
    """The file's name without its archive suffix."""
    name = path.name
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def unpack(archive: Path, problems: Problems, limits: Limits = Limits()) -> Path:
    """The folder in the cache that holds the archive's files, unpacked now or before; damage goes to `problems`."""
    state = archive.stat()
    what = f"{archive.resolve()}|{state.st_size}|{state.st_mtime_ns}|{limits}"
    key = hashlib.sha256(os.fsencode(what)).hexdigest()[:16]
    shelf = cache_dir() / "unpacked"
    shelf.mkdir(parents=True, exist_ok=True)
    folder = shelf / f"{stem(archive)}-{key}"
    marker = folder.with_name(f"{folder.name}.json")
    with alone(folder):  # whoever comes second finds what the first one unpacked
        known = _marked(marker) if folder.is_dir() else None
        if known is None:
            sweep(shelf, folder)
            shutil.rmtree(folder, ignore_errors=True)
            known = _unpacked(archive, folder, limits)
            partial = marker.with_name(f"{marker.name}.part")
            partial.write_text(json.dumps(known))
            os.replace(partial, marker)
    problems.update(known)
    return folder


def _unpacked(archive: Path, folder: Path, limits: Limits) -> dict[str, list[str]]:
    """Unpack into `folder`, which appears whole; what was wrong, by reason."""
    partial = folder.with_name(f"{folder.name}.part")
    partial.mkdir(parents=True)
    found = Problems()
    try:
        for name, stream, size in _members(archive, found, limits):
            target = partial / name
            if target.exists() or any(parent.is_file() for parent in target.parents):
                found.add("file twice in an archive, the first one kept", f"{archive.name}: {name}")
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with open(target, "wb") as out:
                    shutil.copyfileobj(stream, out, 1 << 20)
                if target.stat().st_size != size:
                    raise EOFError("it ends inside a file")
            except BaseException:
                target.unlink(missing_ok=True)
                raise
    except InvalidInput:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    except _DAMAGE as error:
        if getattr(error, "errno", None):  # a full disk is no damaged archive
            shutil.rmtree(partial, ignore_errors=True)
            raise
        held = sum(1 for path in partial.rglob("*") if path.is_file())
        found.add("damaged archive, read up to the damage", f"{archive.name} ({held} files kept: {error})")
    partial.rename(folder)
    return found.entries


@contextmanager
def alone(folder: Path, wait: bool = True) -> Iterator[bool]:
    """The lock of one folder of the cache, which goes with the process; whether it was got."""
    locks = folder.parent.with_name("locks")
    locks.mkdir(parents=True, exist_ok=True)
    with open(locks / f"{folder.name}.lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def _marked(marker: Path) -> dict[str, list[str]] | None:
    """What the marker says; None where it is missing or half written, as an older version could leave it."""
    try:
        entries = strict_json.load(marker, marker.name)
        return {str(reason): [str(name) for name in names] for reason, names in entries.items()}
    except (OSError, InvalidInput, AttributeError, TypeError):
        return None


def sweep(shelf: Path, own: Path) -> None:
    """Remove what killed processes left half done; what another one is doing now is locked and stays. The lock of `own`
    is held by the caller."""
    for partial in shelf.glob("*.part*"):
        owner = re.sub(r"(\.json)?(\.\d+)?\.part\d*$", "", partial.name)
        held = nullcontext(True) if owner == own.name else alone(partial.with_name(owner), wait=False)
        with held as got:
            if got and partial.is_dir():
                shutil.rmtree(partial, ignore_errors=True)
            elif got:
                partial.unlink(missing_ok=True)


def files(folder: Path, problems: Problems, limits: Limits = Limits()) -> Iterator[tuple[str, Path]]:
    """(name relative to `folder`, path) of every file below it, archives replaced by what they hold, in name order.

    A file in an archive has the archive's own folder as its base, as if it had been unpacked beside it. One whose name
    is no text cannot be named in a row, and is a problem.
    """
    for name, path in _files(folder, problems, limits):
        try:
            name.encode()
        except UnicodeEncodeError:
            problems.add("file whose name is no UTF-8 text, not read", name)
        else:
            yield name, path


def _files(folder: Path, problems: Problems, limits: Limits) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if any(part.startswith(".") for part in relative.parts):
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()) and not hub_blob(path):
            problems.add("link to a place outside the folder, not followed", relative.as_posix())
        elif is_archive(path):
            base = unpack(path, problems, limits)
            for inner in sorted(base.rglob("*")):
                if inner.is_file():
                    yield (relative.parent / inner.relative_to(base)).as_posix(), inner
        elif path.is_file():
            yield relative.as_posix(), path


class Shelf:
    """`shelf(name)`: the file of that name below a folder, or inside one of its archives, or None. The archives are
    unpacked when the first name is not found beside them."""

    def __init__(self, folder: Path, problems: Problems):
        self.folder, self.problems = folder, problems

    def __call__(self, name: str) -> Path | None:
        name = PurePosixPath(name.replace("\\", "/")).as_posix()
        return self.folder / name if (self.folder / name).is_file() else self._packed.get(name)

    @cached_property
    def _packed(self) -> dict[str, Path]:
        if not any(is_archive(path) for path in self.folder.rglob("*")):
            return {}
        return dict(files(self.folder, self.problems))


def hub_blob(path: Path) -> bool:
    """The Hub's cache keeps its files as links from snapshots/ to blobs/ of the same repository."""
    parents = [parent.name for parent in path.parents]
    if "snapshots" not in parents:
        return False
    blobs = path.parents[parents.index("snapshots")].parent / "blobs"
    return not blobs.is_symlink() and path.resolve().is_relative_to(blobs.resolve())


def _members(archive: Path, problems: Problems, limits: Limits) -> Iterator[tuple[str, IO[bytes], int]]:
    """(checked name, stream, declared size) of every regular file."""
    budget = limits.total_floor + limits.total_ratio * archive.stat().st_size
    opened = _zip_members if archive.name.lower().endswith(".zip") else _tar_members
    count = total = 0
    for name, size, kind, stream in opened(archive, budget):
        count += 1
        if count > limits.members:
            raise InvalidInput(f"{archive.name} holds more than {limits.members} entries: it was not read")
        safe = _checked(archive, name)
        if kind == "folder":
            continue
        if kind != "file":
            raise InvalidInput(f"{archive.name} holds {shown(name)!r}, which is a {kind}, not a file: it was not read")
        if PurePosixPath(safe).name.startswith("._") or "__MACOSX" in safe:
            continue  # what macOS adds to every archive; never data
        total += size
        if size > limits.file_bytes:
            raise InvalidInput(
                f"{archive.name} holds {shown(name)!r} of {size} bytes, more than the {limits.file_bytes} "
                "allowed: it was not read"
            )
        if total > budget:
            raise InvalidInput(
                f"{archive.name} unpacks to more than {budget} bytes, {limits.total_ratio} times its "
                "size: it was not read"
            )
        yield safe, stream, size
    if not count:
        problems.add("archive without files", archive.name)


def _checked(archive: Path, name: str) -> str:
    path = PurePosixPath(name)
    if not nameable(name):
        raise InvalidInput(f"{archive.name} holds {shown(name)!r}, which can be no file's name: it was not read")
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or name[1:2] == ":":
        raise InvalidInput(f"{archive.name} holds {shown(name)!r}, which points outside its folder: it was not read")
    return str(path)


class _Bounded:
    """A stream that ends in an error after `budget` bytes: also a header cannot swallow the memory."""

    def __init__(self, stream: IO[bytes], budget: int, name: str) -> None:
        self.stream, self.left, self.name = stream, budget, name

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise InvalidInput(f"{self.name} unpacks to far more than its size allows: it was not read")
        return data


class _Member(tarfile.TarInfo):
    """An entry of a tar whose long names and notes, which are read whole, are no longer than they need to be."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        notes = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME)
        if self.type in (*notes, tarfile.GNUTYPE_LONGLINK) and self.size > NOTE_BYTES:
            raise InvalidInput(
                f"{shown(self.name)!r} of a tar has notes of {self.size} bytes, more than the {NOTE_BYTES} allowed: "
                "it was not read"
            )
        found: tarfile.TarInfo = getattr(super(), "_proc_member")(archive)  # noqa: B009 (types know no such method)
        return found


def _tar_members(archive: Path, budget: int) -> Iterator[tuple[str, int, str, IO[bytes] | None]]:
    lower = archive.name.lower()
    opener = {".gz": gzip.open, ".tgz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(Path(lower).suffix, open)
    with opener(archive, "rb") as raw:
        # Headers and padding come on top of the files, at most a few blocks a file.
        with tarfile.open(fileobj=_Bounded(raw, 2 * budget, archive.name), mode="r|", tarinfo=_Member) as tar:
            for member in tar:
                kind = (
                    "file"
                    if member.isreg()
                    else "folder"
                    if member.isdir()
                    else "link"
                    if member.issym() or member.islnk()
                    else "device"
                )
                yield member.name, member.size, kind, tar.extractfile(member) if kind == "file" else None


def _zip_members(archive: Path, budget: int) -> Iterator[tuple[str, int, str, IO[bytes] | None]]:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            mode = member.external_attr >> 16
            kind = "folder" if member.is_dir() else "link" if stat.S_ISLNK(mode) else "file"
            if member.flag_bits & 1:
                raise InvalidInput(f"{archive.name} is encrypted: unpack it yourself and give the folder")
            if kind == "file":
                try:
                    opened = packed.open(member)
                except NotImplementedError:  # Deflate64, as Windows packs large files
                    method = zipfile.compressor_names.get(member.compress_type, member.compress_type)
                    raise InvalidInput(
                        f"{archive.name} is packed by a method that is not read ({method}): unpack it yourself and "
                        "give the folder"
                    ) from None
                with opened as stream:
                    yield member.filename, member.file_size, kind, _Bounded(stream, budget, archive.name)
            else:
                yield member.filename, 0, kind, None
