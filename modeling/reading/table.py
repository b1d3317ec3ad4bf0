"""Readings of files as lines: JSON, comma-separated values, or the columns people know from OpenFace."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator

from tqdm import tqdm

from threedpain.errors import InvalidInput, printable
from threedpain.facs import PAIN_UNITS

from .files import FileReading
from .reader import CLIPS


class Told:
    """The readings as they come; the worst one is remembered, and having read nothing at all is an error."""

    def __init__(self, readings: Iterable[FileReading], files: int, bar: bool = False):
        self.readings, self.files, self.bar = readings, files, bar
        self.worst: FileReading | None = None

    def __iter__(self) -> Iterator[FileReading]:
        last, seen = None, set()
        with tqdm(total=self.files, unit="file", delay=2, disable=not self.bar or self.files < 2) as bar:
            for last in self.readings:
                if last.path not in seen:
                    seen = {last.path}
                    bar.update()
                if last.reading is not None and (self.worst is None or last.reading.pspi > self.worst.reading.pspi):
                    self.worst = last
                yield last
        if self.worst is None and last is not None:
            if self.files > 1:
                raise InvalidInput(f"none of {self.files} files could be read; of the last one: {last.trouble}")
            if last.path.suffix.lower() in CLIPS:
                raise InvalidInput(f"no frame of {last.path.name} shows a single, large enough face: {last.trouble}")
            raise InvalidInput(last.trouble)


class Lines:
    """One JSON object a picture or frame."""

    def head(self) -> Iterator[str]:
        return iter(())

    def line(self, read: FileReading) -> str:
        answer = {"note": read.trouble} if read.reading is None else read.reading.as_dict()
        return json.dumps(
            {"file": str(read.path), "frame": read.frame, "seconds": round(read.seconds, 3), **answer}, allow_nan=False
        )


class Table:
    """Comma-separated values.

    openface: columns named and ordered as OpenFace's: frame, face_id, timestamp, confidence, success, AU04_r ...;
    confidence is the model's familiarity with the picture, or 1 where it knows of none.
    """

    def __init__(self, openface: bool = False):
        self.openface = openface

    def head(self) -> Iterator[str]:
        if self.openface:
            units = [f"AU{int(unit[2:]):02d}_r" for unit in PAIN_UNITS]
            names = ["file", "frame", "face_id", "timestamp", "confidence", "success", *units, "PSPI", "low", "high"]
        else:
            names = ["file", "frame", "seconds", "PSPI", "low", "high", *PAIN_UNITS, "p1", "p2", "p3"]
            names += ["familiarity", "x0", "y0", "x1", "y1", "note"]
        yield _joined(names)

    def line(self, read: FileReading) -> str:
        reading = read.reading
        if reading is None:
            pspi = low = high = familiarity = None
            units, chances, box = [None] * len(PAIN_UNITS), [None] * 3, [None] * 4
        else:
            pspi, (low, high), familiarity = reading.pspi, reading.interval or (None, None), reading.familiarity
            units, chances = [reading.au.get(unit) for unit in PAIN_UNITS], list(reading.probabilities)
            box = [None] * 4 if reading.turn else [round(edge) for edge in reading.box]  # not of the file's pixels
        start = [printable(str(read.path)), read.frame]  # a name that is no text could not be written
        if self.openface:
            sure = 0.0 if reading is None else 1.0 if familiarity is None else familiarity
            cells = [*start, 0, read.seconds, sure, int(reading is not None), *units, pspi, low, high]
        else:
            note = read.trouble or "; ".join(reading.doubts)
            cells = [*start, read.seconds, pspi, low, high, *units, *chances, familiarity, *box, note]
        return _joined(cells)


def as_lines(told: Iterable[FileReading], form: Lines | Table, write: Callable[[str], object]) -> None:
    """Write every reading as it comes."""
    for number, read in enumerate(told):
        if not number:
            for line in form.head():
                write(line)
        write(form.line(read))


def _joined(cells: list) -> str:
    out = io.StringIO()
    texts = ["" if cell is None else f"{cell:.3f}" if isinstance(cell, float) else cell for cell in cells]
    csv.writer(out, lineterminator="").writerow(texts)
    return out.getvalue()
