"""CK+, the extended Cohn-Kanade set (Lucey et al., 2010): posed expressions from neutral to a FACS-coded peak.

    cohn-kanade-images/S005/001/S005_001_00000011.png
    FACS/S005/001/S005_001_00000011_facs.txt               a line a unit of the peak: code, intensity; 0: not graded
    Landmarks/S005/001/S005_001_00000011_landmarks.txt     68 lines: x y (optional; gives the face box)

The folders may be packed, as they are handed out. Rows are the first picture of each sequence (neutral by the set's
design: every unit and PSPI 0) and its last one, the coded peak; those between are coded by nobody. A unit the coders
did not list is 0, one they listed without a grade is null, and so is a PSPI that hangs on it; `present_units` names
both kinds. Code 45 (a blink) is read as AU43. The neutral references of a picture are the first pictures of its own
and of the person's other sequences, five at most. `fold` deals the people to ten folds in the order of their names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from threedpain.errors import InvalidInput
from threedpain.facs import ACTION_UNITS, PAIN_UNITS, pspi

from .adapter import Adapter, Blob, Entry, deal
from .archives import Problems, files
from .text_labels import landmark_columns, numbers

FOLDS = 10
_FILE = re.compile(r"(S\d+)_(\d+)_(\d+)(_facs|_landmarks)?\.(png|txt|jpe?g|tiff?)", re.IGNORECASE)


class CkPlus(Adapter):
    """load("ckplus", folder)."""

    name = "ckplus"

    @classmethod
    def index(cls, path: Path, problems: Problems) -> dict[str, list[Entry]]:
        pictures: dict[tuple[str, str], dict[str, Path]] = defaultdict(dict)
        coded: dict[tuple[str, str, str], Path] = {}
        points: dict[tuple[str, str, str], Path] = {}
        for name, file in files(path, problems):
            if found := _FILE.fullmatch(Path(name).name):
                person, sequence, frame = found[1].upper(), found[2], found[3]
                if found[4] is None and found[5].lower() != "txt":
                    pictures[person, sequence][frame] = file
                elif found[4] is not None:
                    kind = coded if found[4].lower() == "_facs" else points
                    kind[person, sequence, frame] = file
        if not pictures or not coded:
            raise InvalidInput(
                f"ckplus: {path} has no {'pictures' if not pictures else 'FACS files'} "
                "(cohn-kanade-images/S005/001/S005_001_00000011.png, FACS/S005/001/S005_001_00000011_facs.txt)"
            )
        fold = {person: number % FOLDS for number, person in enumerate(sorted({who for who, _ in pictures}))}
        entries, first = [], defaultdict(list)
        for (person, sequence), frames in sorted(pictures.items()):
            start, peak = min(frames), max(frames)
            key = f"{person}_{sequence}"
            if (codes := coded.pop((person, sequence, peak), None)) is None or start == peak:
                problems.add("sequence without FACS codes of its last picture, or of one picture", key)
                continue
            try:
                units, present = _codes(codes)
            except ValueError as error:
                problems.add("label file that cannot be read", f"{codes.name} ({error})")
                continue
            first[person].append(f"{key}_{start}")
            rest = {**dict.fromkeys(ACTION_UNITS, 0.0), "expression": "neutral", "expression_name": "neutral"}
            for frame, columns in ((start, {**rest, "present_units": []}), (peak, {**units, "present_units": present})):
                score = None if any(columns[unit] is None for unit in PAIN_UNITS) else pspi(
                    {unit: columns[unit] for unit in PAIN_UNITS}
                )  # fmt: skip
                columns |= {"identity_id": person, "expression_id": key, "fold": fold[person], "PSPI": score}
                columns |= _landmarks(points.get((person, sequence, frame)), problems)
                entries.append(Entry(f"{key}_{frame}", person, columns, Blob.file(frames[frame])))
        for person, sequence, frame in coded:
            problems.add("FACS file without its picture", f"{person}_{sequence}_{frame}")
        if not entries:
            raise InvalidInput(f"ckplus: {path} holds no coded sequence" + (f" ({problems})" if problems else ""))
        for entry in entries:
            own = f"{entry.columns['expression_id']}_"
            entry.references = sorted(first[entry.subject], key=lambda name, own=own: not name.startswith(own))[:5]
        return deal(entries)


def _codes(file: Path) -> tuple[dict[str, float | None], list[str]]:
    """Every unit this project knows by its intensity, None where it is not graded; and the units that are there."""
    units: dict[str, float | None] = dict.fromkeys(ACTION_UNITS, 0.0)
    present = []
    text = file.read_text(errors="replace").strip()
    for code, intensity, *_ in numbers(file, 2) if text else ():
        name = "AU43" if int(code) == 45 else f"AU{int(code)}"
        if name not in units:
            continue
        if not 0 <= intensity <= 5:
            raise ValueError(f"{name} is {intensity:g}")
        present.append(name)
        units[name] = 1.0 if name == "AU43" else float(intensity) or None
    return units, present


def _landmarks(file: Path | None, problems: Problems) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        points = numbers(file, 2)[:, :2].astype(np.float32)
        if len(points) != 68:
            raise ValueError(f"expected 68 points, got {len(points)}")
        return landmark_columns(points)
    except ValueError as error:
        problems.add("landmark file that cannot be read", f"{file.name} ({error})")
        return {}
