"""Many files read one after the other in bounded memory: which they are, whose face, and its neutral picture.

The neutral picture of a person is the same for all (a path), found by a pattern (`rest/{person}*.jpg`; also `{folder}`
and `{stem}` of the picture), or the first readable picture of that person or clip ("first"). A person is the folder a
picture lies in, or what the first group of a regular expression finds in its path.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image

from threedpain.errors import InvalidInput, MissingFile, ThreeDPainError

from .photos import open_photo
from .reader import CLIPS, PainReader, Reading, read_clip

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
_KEPT = 256  # people whose references are kept small in memory
_MOST = 5  # pictures of one pattern that are averaged


@dataclass(frozen=True)
class FileReading:
    """What was read of a photograph, or of one frame of a clip; `reading` is None where nothing was, `trouble` why."""

    path: Path
    frame: int
    seconds: float
    reading: Reading | None
    trouble: str = ""
    picture: Image.Image | None = None


def gather(given: Iterable[str | Path]) -> list[Path]:
    """The files meant by files, folders (with all below them) and patterns, each once, in the order given."""
    found: dict[Path, None] = {}
    for one in map(str, given):
        path = Path(one)
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in (*PICTURES, *CLIPS)]
            if not inside:
                raise InvalidInput(f"{path} holds no picture and no clip")
        elif path.is_file() or not glob.has_magic(one):
            inside = [path]
        else:
            inside = sorted(file for file in map(Path, glob.glob(one, recursive=True)) if file.is_file())
            if not inside:
                raise MissingFile(f"no file fits the pattern {one}")
        found |= dict.fromkeys(inside)
    return list(found)


class Neutrals:
    """`neutrals(path)`: the references of a picture, as the reader takes them; [] where it has none.

    Args:
        rule: paths of neutral pictures for everyone, one pattern with {person}, {folder} or {stem}, ["first"], or [].
        person: regular expression whose first group names the person in a path; without it, the folder does.
        box: face box in pixels of every neutral picture; otherwise faces are found.
    """

    def __init__(
        self,
        reader: PainReader,
        rule: Sequence[str] = (),
        person: str | None = None,
        box: Sequence[float] | None = None,
    ):
        self.reader, self.rule, self.box = reader, [str(one) for one in rule], box
        self.first = self.rule == ["first"] and not Path("first").exists()
        self.pattern = len(self.rule) == 1 and re.search(r"\{(person|folder|stem)\}", self.rule[0]) is not None
        try:
            self.name = None if person is None else re.compile(person)
        except re.error as error:
            raise InvalidInput(f"{person!r} is no regular expression: {error}") from None
        if self.name is not None and not self.name.groups:
            raise InvalidInput(f"{person!r} must hold a group in brackets, such as (S\\d+), that names the person")
        self._firsts: dict[str, Path] = {}
        self._small = lru_cache(_KEPT)(self._open)
        if not (self.first or self.pattern):
            self._everyone = [self._small(path) for path in self.rule]

    def __call__(self, path: Path) -> list[Image.Image]:
        if self.first:
            first = self._firsts.get(self.person(path))
            return [] if first is None else [self._small(str(first))]
        if not self.pattern:
            return self._everyone
        words = {"person": self.person(path), "folder": str(path.parent), "stem": path.stem}
        asked = re.sub(r"\{(person|folder|stem)\}", lambda word: glob.escape(words[word[1]]), self.rule[0])
        found = sorted(glob.glob(asked, recursive=True))
        if not found:
            raise MissingFile(f"no neutral picture of {words['person'] or path.name} fits {asked}")
        return [self._small(one) for one in found[:_MOST]]

    def person(self, path: Path) -> str:
        """Who is seen, by the path."""
        if self.name is None:
            return str(path.parent)
        if (found := self.name.search(path.as_posix())) is None:
            raise InvalidInput(f"{path.name}: no person is named as {self.name.pattern} says")
        return found[1]

    def readable(self, path: Path) -> None:
        """This picture shows a face: under "first" it may be its person's neutral one from now on."""
        if self.first:
            self._firsts.setdefault(self.person(path), path)

    def _open(self, path: str) -> Image.Image:
        photo = open_photo(path)
        return self.reader.reference(photo, self.reader.face(photo, f"the neutral picture {Path(path).name}", self.box))


def read_files(
    reader: PainReader,
    paths: Iterable[Path],
    neutrals: Neutrals,
    *,
    box: Sequence[float] | None = None,
    every: int = 1,
) -> Iterator[FileReading]:
    """Read photographs and clips one by one; a file that cannot be read gives its reason, not an end.

    box: face box in pixels of every photograph; otherwise faces are found. every: of a clip, every n-th frame.
    """
    for path in paths:
        try:
            if path.suffix.lower() in CLIPS:
                yield from _clip(reader, path, neutrals, every)
                continue
            photo = open_photo(path)
            face = reader.face(photo, path.name, box)
            neutrals.readable(path)
            yield FileReading(path, 0, 0.0, reader.read_face(photo, face, neutrals(path)), picture=photo)
        except ThreeDPainError as trouble:
            yield FileReading(path, 0, 0.0, None, str(trouble))


def _clip(reader: PainReader, path: Path, neutrals: Neutrals, every: int) -> Iterator[FileReading]:
    """Without a rule, and under "first", a clip's own first face is its reference."""
    references = None if neutrals.first or not neutrals.rule else neutrals(path)
    for at, picture in read_clip(reader, path, every=every, references=references):
        yield FileReading(path, at.frame, at.seconds, at.reading, at.trouble, picture)
