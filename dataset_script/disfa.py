"""DISFA (Mavadati et al., 2013): clips of 27 people watching films, 12 action units graded 0 to 5 in every frame.

    ActionUnit_Labels/SN001/SN001_au1.txt        a line a frame: its number from 1, intensity
    Video_LeftCamera/LeftVideoSN001_comp.avi     and Video_RightCamera/RightVideoSN001_comp.avi

Files are found by their names, wherever they lie below the folder. AU7, AU10 and AU43 are not coded: they are null, and
so is PSPI. A frame in which every unit of a person's label files is 0 is neutral; of the others the kind of expression
is null. The neutral references of a picture are five of its person's neutral frames, evenly spread, the middle one
first. `fold` deals the people to three folds in the order of their names, as is customary with this set.

Options: camera=left|right; every=N takes each N-th frame (without it all 130,815 are decoded into the cache).
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from threedpain import clips
from threedpain.errors import InvalidInput
from threedpain.facs import ACTION_UNITS

from .adapter import Adapter, Blob, Entry, deal, spread
from .archives import Problems, files
from .text_labels import numbers

FOLDS = 3
_LABELS = re.compile(r"(SN\d+)_au(\d+)\.txt", re.IGNORECASE)
_VIDEO = re.compile(r"(left|right)video(SN\d+)_comp\.(avi|mp4)", re.IGNORECASE)


class Disfa(Adapter):
    """load("disfa", folder, camera="left", every="10")."""

    name = "disfa"
    option_names = ("camera", "every")

    @classmethod
    def index(cls, path: Path, problems: Problems, camera: str = "left", every: str = "1") -> dict[str, list[Entry]]:
        if camera not in ("left", "right"):
            raise InvalidInput(f"disfa: camera must be left or right, got {camera!r}")
        if not every.isdigit() or int(every) < 1:
            raise InvalidInput(f"disfa: every must be a whole number from 1, got {every!r}")
        labels: dict[str, dict[str, Path]] = defaultdict(dict)
        videos: dict[str, Path] = {}
        for name, file in files(path, problems):
            base = Path(name).name
            if found := _LABELS.fullmatch(base):
                labels[found[1].upper()][f"AU{int(found[2])}"] = file
            elif (found := _VIDEO.fullmatch(base)) and found[1].lower() == camera:
                videos[found[2].upper()] = file
        if not labels or not videos:
            raise InvalidInput(
                f"disfa: {path} has no {'label files' if not labels else f'clips of the {camera} camera'} "
                "(ActionUnit_Labels/SN001/SN001_au1.txt, Video_LeftCamera/LeftVideoSN001_comp.avi)"
            )
        people = sorted(labels.keys() & videos.keys())
        for person in labels.keys() ^ videos.keys():
            problems.add("labels without a clip" if person in labels else "clip without labels", person)
        entries = []
        for number, person in enumerate(people):
            entries += _frames(person, number % FOLDS, labels[person], videos[person], int(every), problems)
        if not entries:
            raise InvalidInput(f"disfa: {path} holds no labelled frame" + (f" ({problems})" if problems else ""))
        return deal(entries)


def _frames(
    person: str, fold: int, labels: dict[str, Path], video: Path, every: int, problems: Problems
) -> list[Entry]:
    graded: dict[int, dict[str, float]] = defaultdict(dict)
    for unit, file in sorted(labels.items()):
        try:
            lines = numbers(file, 2)
            if unit not in ACTION_UNITS or not ((lines[:, 1] >= 0) & (lines[:, 1] <= 5)).all():
                raise ValueError("a unit or an intensity that is none")
            if not ((lines[:, 0] >= 1) & (lines[:, 0] % 1 == 0)).all():
                raise ValueError("a frame's number that is none")
        except ValueError as error:
            problems.add("label file that cannot be read", f"{file.name} ({error})")
            continue
        for frame, intensity in lines[:, :2]:
            graded[int(frame)][unit] = float(intensity)
    film, entries, resting = Film(video), [], []
    for frame in sorted(graded)[::every]:
        units, name = graded[frame], f"{person}_{frame:05d}"
        at_rest = len(units) == len(labels) and not any(units.values())  # where a file is damaged nobody knows
        columns = {
            "identity_id": person, "expression_id": person, "fold": fold, **units,
            "present_units": [unit for unit, intensity in units.items() if intensity > 0],
            **({"expression": "neutral", "expression_name": "neutral"} if at_rest else {}),
        }  # fmt: skip
        if at_rest:
            resting.append(name)
        entries.append(Entry(name, person, columns, Blob(f"{name}.jpg", _Frame(film, frame - 1))))
    if entries and not resting:
        problems.add("person without a frame in which all units are 0", person)
    for entry in entries:
        entry.references = spread(resting)
    return entries


class Film:
    """The pictures of a clip by their number from 0, as JPEG bytes.

    They are decoded in order, each once; asking for an earlier one begins the clip again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._next, self._pictures = 0, None

    def __getstate__(self) -> dict:
        return {"path": self.path, "_next": 0, "_pictures": None}  # a decoder does not travel

    def __call__(self, number: int) -> bytes:
        if self._pictures is None or number < self._next:
            self._next, self._pictures = 0, self._decode()
        for picture in self._pictures:
            self._next += 1
            if self._next == number + 1:
                out = io.BytesIO()
                picture.save(out, "JPEG", quality=95, subsampling=0)
                return out.getvalue()
        raise ValueError(f"the clip ends before picture {number + 1}")

    def _decode(self) -> Iterator[Image.Image]:
        for _, _, frame in clips.frames(self.path, 1):
            yield frame


class _Frame:
    def __init__(self, film: Film, number: int) -> None:
        self.film, self.number = film, number

    def __call__(self) -> bytes:
        return self.film(self.number)
