"""UNBC-McMaster Shoulder Pain Expression Archive, in its original layout or as three HDF5 files.

Original layout (unpacked, or as the archives it comes in):

    Images/042-ll042/ll042t1aaaff/ll042t1aaaff001.png
    Frame_Labels/PSPI/042-ll042/ll042t1aaaff/ll042t1aaaff001_facs.txt     one number
    Frame_Labels/FACS/042-ll042/ll042t1aaaff/ll042t1aaaff001_facs.txt     a line an action unit: code, intensity, ...
    AAM_landmarks/042-ll042/ll042t1aaaff/ll042t1aaaff001_aam.txt          66 lines: x y

FACS/ may also lie beside Images/. A unit the coders did not list is 0. The 66 points are iBUG's 68 without the inner
mouth corners (61 and 65), which stay NaN and not visible.

HDF5 layout, three files found by their keys: frames (`image` [N, H, W, 3], `index`), annotations (`index`,
`subject_name`, `label_AU_4` ... `label_AU_43`, `label_pspi`, NaN = 0) and folds (`fold-0` ... with `train_subjects`,
`validation_subjects`). `fold` of a row is the fold in which its person is validated; without published folds people are
dealt to five folds in the order of their names.

The neutral references of a picture are its person's frames with PSPI 0: five, evenly spread over all of them in the
order of sequence and frame, the middle one first.
"""

from __future__ import annotations

import io
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from threedpain.errors import InvalidInput
from threedpain.extras import need_extra
from threedpain.facs import ACTION_UNITS, PAIN_UNITS, pspi

from . import limited
from .adapter import Adapter, Blob, Entry, deal, spread
from .archives import Problems, files
from .text_labels import landmark_columns, numbers

FOLDS = 5
_KINDS = ("Images", "PSPI", "FACS", "AAM_landmarks")
# What h5py makes of a broken file; every one of these was seen.
_BROKEN = (OSError, RuntimeError, KeyError, TypeError, ValueError, OverflowError, MemoryError, zlib.error)
_IBUG_OF_AAM = [i for i in range(68) if i not in (60, 64)]


class Unbc(Adapter):
    """load("unbc", folder)."""

    name = "unbc"

    @classmethod
    def index(cls, path: Path, problems: Problems) -> dict[str, list[Entry]]:
        hdf5 = (
            [file for name, file in files(path, problems) if name.endswith((".hdf5", ".h5"))] if path.is_dir() else []
        )
        entries = list(_hdf5(hdf5, problems) if hdf5 else _original(path, problems))
        if not entries:
            raise InvalidInput(f"unbc: {path} holds no labelled frame" + (f" ({problems})" if problems else ""))
        resting = defaultdict(list)
        for entry in entries:
            if entry.columns["PSPI"] == 0:
                resting[entry.subject].append(entry.id)
        people = sorted({entry.subject for entry in entries})
        for person in people:
            if not resting[person]:
                problems.add("person without a frame of PSPI 0", person)
        references = {person: spread(resting[person]) for person in people}
        dealt = {person: i % FOLDS for i, person in enumerate(people)}
        for entry in entries:
            entry.references = references[entry.subject]
            entry.columns.setdefault("fold", dealt[entry.subject])
        return deal(entries)


def _columns(subject: str, sequence: str | None, units: dict[str, float], score: float) -> dict[str, Any]:
    return {
        "identity_id": subject,
        "expression_id": sequence,
        **units,
        "PSPI": score,
        "expression": "pain" if score > 0 else "neutral" if not any(units.values()) else "other",
    }


# ---- original layout


def _original(path: Path, problems: Problems) -> Iterator[Entry]:
    images: dict[str, Path] = {}
    labels: dict[str, dict[str, Path]] = {"PSPI": {}, "FACS": {}, "AAM": {}}
    for name, file in files(path, problems):
        parts = name.split("/")
        if len(parts) < 4:
            continue
        frame = re.sub(r"_(facs|aam)$", "", Path(name).stem)
        key, suffix = "/".join([*parts[-3:-1], frame]), file.suffix.lower()
        kind = next((word for word in reversed(parts[:-3]) if word in _KINDS), None)
        if kind == "Images" and suffix in (".png", ".jpg", ".jpeg", ".bmp"):
            images[key] = file
        elif kind in ("PSPI", "FACS", "AAM_landmarks") and suffix == ".txt":
            labels["AAM" if kind == "AAM_landmarks" else kind][key] = file
    if not images or not labels["PSPI"]:
        raise InvalidInput(
            f"unbc: {path} has neither three HDF5 files nor Images/ and Frame_Labels/PSPI/ with a "
            "folder a person, a folder a sequence and a file a frame "
            "(Images/042-ll042/ll042t1aaaff/ll042t1aaaff001.png)"
        )
    for key in sorted(images):
        if key not in labels["PSPI"]:
            problems.add("frame without a PSPI file", key)
            continue
        subject, sequence, frame = key.split("/")
        try:
            score = numbers(labels["PSPI"].pop(key), 1)[0, 0]
            units = _facs(labels["FACS"].get(key))
        except ValueError as error:
            problems.add("label file that cannot be read", f"{key} ({error})")
            continue
        if key not in labels["FACS"]:
            problems.add("frame without a FACS file, its action units are null", key)
        columns = _columns(subject, sequence, units, 0.0 if np.isnan(score) else float(score))
        if not 0 <= columns["PSPI"] <= 16:
            problems.add("PSPI outside 0 to 16", key)
            continue
        _check(columns, key, problems)
        if key in labels["AAM"]:
            try:
                columns |= _landmarks(numbers(labels["AAM"][key], 2))
            except ValueError as error:
                problems.add("landmark file that cannot be read", f"{key} ({error})")
        yield Entry(frame, subject, columns, Blob.file(images[key], key))
    for key in labels["PSPI"].keys() - images.keys():
        problems.add("label without a frame", key)


def _facs(file: Path | None) -> dict[str, float]:
    """The coded units; every other one the coders know is 0. Codes this project has no unit for are left out."""
    if file is None:
        return {}
    text = file.read_text(errors="replace").strip()
    units = dict.fromkeys(ACTION_UNITS, 0.0)
    for code, intensity, *_ in numbers(file, 2) if text else ():
        name = f"AU{int(code)}"
        if name in units:
            # FACS grades an eye closure by its duration elsewhere; here it is present or not.
            units[name] = float(intensity > 0) if name == "AU43" else 0.0 if np.isnan(intensity) else float(intensity)
            if not 0 <= units[name] <= ACTION_UNITS[name].maximum:
                raise ValueError(f"{name} is {intensity:g}")
    return units


def _check(columns: dict[str, Any], key: str, problems: Problems) -> None:
    if all(name in columns for name in PAIN_UNITS) and pspi({n: columns[n] for n in PAIN_UNITS}) != columns["PSPI"]:
        problems.add("PSPI that is not that of the action units, kept as coded", key)


def _landmarks(points: np.ndarray) -> dict[str, Any]:
    if points.shape[0] != 66:
        raise ValueError(f"expected 66 points, got {points.shape[0]}")
    landmarks = np.full((68, 2), np.nan, np.float32)
    landmarks[_IBUG_OF_AAM] = points[:, :2]
    return landmark_columns(landmarks)


# ---- three HDF5 files


def _hdf5(paths: list[Path], problems: Problems) -> Iterator[Entry]:
    need_extra("h5py", "data")
    import h5py

    found: dict[str, Path] = {}
    for path in paths:
        try:
            with h5py.File(path) as file:
                marks = {"image": "frames", "subject_name": "annotations", "fold-0": "folds"}
                kind = next((marks[key] for key in marks if file.get(key, getlink=True) is not None), None)
        except _BROKEN as error:
            problems.add("damaged HDF5 file", f"{path.name} ({' '.join(str(error).split())[:120]})")
            continue
        if kind is not None:
            found.setdefault(kind, path)
    for kind, key in (("frames", "image"), ("annotations", "subject_name")):
        if kind not in found:
            raise InvalidInput(
                f"unbc: {', '.join(path.name for path in paths)}: no HDF5 file of {kind} (with the key "
                f"'{key}')" + (f"; {problems}" if problems else "")
            )
    folds = _published_folds(found["folds"], h5py) if "folds" in found else {}

    with _opened(found["annotations"], h5py) as file:
        subjects = [_name(value) for value in limited.dataset(file, "subject_name", "OS")[:].reshape(-1)]
        count = len(subjects)
        indices = _column(file, "index", count, "iu").astype(int) if "index" in file else np.arange(count)
        keys = [name for name in ACTION_UNITS if f"label_AU_{name.removeprefix('AU')}" in file]
        units = {name: _peaks(_column(file, f"label_AU_{name.removeprefix('AU')}", count)) for name in keys}
        given = _peaks(_column(file, "label_pspi", count)) if "label_pspi" in file else None
    within = np.ones(count, bool)
    for name, values in units.items():
        within &= (values >= 0) & (values <= max(5, ACTION_UNITS[name].maximum))
    if "AU43" in units:
        units["AU43"] = (units["AU43"] > 0).astype(float)
    if given is None:
        given = pspi({name: np.where(within, units.get(name, np.zeros(count)), 0) for name in PAIN_UNITS})
    with _opened(found["frames"], h5py) as file:
        pictures = len(limited.frames(file))
        rows = _column(file, "index", pictures, "iu") if "index" in file else range(pictures)
        frames = {int(index): row for row, index in enumerate(rows)}

    for i, (subject, index) in enumerate(zip(subjects, indices, strict=True)):
        if index not in frames:
            problems.add("annotation without a frame", f"{subject} index {index}")
            continue
        if not within[i] or not 0 <= given[i] <= 16:
            problems.add("label outside the scales", f"{subject} index {index}")
            frames.pop(index)
            continue
        columns = _columns(subject, None, {name: float(values[i]) for name, values in units.items()}, float(given[i]))
        number = re.match(r"\d+", subject)
        if folds:
            if number is None or int(number[0]) not in folds:
                problems.add("person in no published fold", subject)
                columns["fold"] = None
            else:
                columns["fold"] = folds[int(number[0])]
        name = f"frame_{index:06d}"
        yield Entry(name, subject, columns, Blob(name + ".png", _FrameReader(found["frames"], frames.pop(index))))
    for index in frames:
        problems.add("frame without an annotation", f"index {index}")


@contextmanager
def _opened(path: Path, h5py: Any) -> Iterator[Any]:
    """An HDF5 file to read; whatever the library makes of a broken one is the user's sentence."""
    try:
        with h5py.File(path) as file:
            yield file
    except _BROKEN as problem:
        if isinstance(problem, InvalidInput):
            raise InvalidInput(f"unbc: {problem}") from None
        raise InvalidInput(f"unbc: {path.name} cannot be read ({' '.join(str(problem).split())[:120]})") from None


def _column(file: Any, key: str, count: int, kinds: str = "iuf") -> np.ndarray:
    values = limited.dataset(file, key, kinds)
    if len(values) != count:
        raise InvalidInput(f"{Path(file.filename).name}: {key} has {len(values)} rows, not {count}.")
    return values[:]


def _name(value: bytes | str) -> str:
    name = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    if not 0 < len(name) <= 200:
        raise InvalidInput(f"a subject's name has {len(name)} characters, from 1 to 200 are allowed.")
    return name


def _peaks(values: np.ndarray) -> np.ndarray:
    """One number a frame: NaN is 0, and of several codings of a frame the strongest counts."""
    values = np.asarray(values, float)
    return np.where(np.isnan(values), 0.0, values).reshape(len(values), -1).max(axis=1)


def _published_folds(path: Path, h5py: Any) -> dict[int, int]:
    folds: dict[int, int] = {}
    with _opened(path, h5py) as file:
        for key in sorted(file):
            number = re.fullmatch(r"fold-(\d{1,3})", key)
            if number:
                for subject in limited.dataset(file, f"{key}/validation_subjects", "iuOS")[:]:
                    folds[int(subject)] = int(number[1])
    return folds


class _FrameReader:
    """One frame of the HDF5 file as PNG bytes; the file is opened for each, so that readers may be in any process."""

    def __init__(self, path: Path, row: int) -> None:
        self.path, self.row = path, row

    def __call__(self) -> bytes:
        import h5py

        with _opened(self.path, h5py) as file:
            pixels = np.asarray(limited.frames(file)[self.row])
        out = io.BytesIO()
        PIL.Image.fromarray(pixels).save(out, "PNG", compress_level=1)
        return out.getvalue()
