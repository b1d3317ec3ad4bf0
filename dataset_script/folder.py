"""Any folder of images plus a csv: `path, subject, PSPI[, AU4 ..., neutral_path, age, gender, ethnicity, ...]`.

Paths are relative to the csv. Empty cells are nulls. Optional columns: expression (neutral, pain, non-pain), age_group,
source_age_group, split (train, validation, test), fold, view, x0 y0 x1 y1 (the face box in pixels). Without a split
column people are dealt 7:2:1.

The neutral reference of a picture is its neutral_path; without one, the same person's pictures whose expression is
neutral, or, where no expression is given, those with PSPI 0: at most five of them, evenly spread in the order of the
csv, the middle one first.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from threedpain.errors import InvalidInput

from . import table
from .adapter import SPLITS, Adapter, Blob, Entry, deal, expression, spread
from .archives import Problems, Shelf

_KNOWN = {
    "path",
    "subject",
    "pspi",
    "neutral_path",
    "age",
    "gender",
    "ethnicity",
    "age_group",
    "source_age_group",
    "expression",
    "split",
    "fold",
    "view",
    "x0",
    "y0",
    "x1",
    "y1",
}


class Folder(Adapter):
    """load("folder", folder or csv, csv=...)."""

    name = "folder"
    option_names = ("csv",)

    @classmethod
    def index(cls, path: Path, problems: Problems, csv: str | None = None) -> dict[str, list[Entry]]:
        labels = find_csv(path, csv, cls.name)
        folder = labels.parent
        entries: dict[str, Entry] = {}
        wanted: dict[str, str] = {}
        shelf = Shelf(folder, problems)
        for row in table.rows(labels, ("path", "subject", "PSPI")):
            name = row.required("path")
            table.inside(folder, name, row.where)
            for column in row.cells.keys() - _KNOWN - {unit.lower() for unit in table.ACTION_UNITS}:
                problems.add("column that is not read", column)
            if (file := shelf(name)) is None:
                problems.add("picture that does not exist", name)
                continue
            if name in entries:
                problems.add("picture listed twice, the first line kept", name)
                continue
            entries[name] = _entry(name, file, row)
            if (neutral := row.text("neutral_path")) is not None:
                table.inside(folder, neutral, row.where)
                if shelf(neutral) is not None:
                    wanted[name] = neutral
                else:
                    problems.add("neutral picture that does not exist", neutral)
        for name, neutral in wanted.items():
            if neutral not in entries:
                # A neutral that is no line of its own becomes a row: its expression is known, its score is not.
                owner = entries[name]
                entries[neutral] = Entry(
                    neutral,
                    owner.subject,
                    {
                        **{
                            key: owner.columns.get(key)
                            for key in (
                                "identity_id",
                                "age",
                                "age_group",
                                "gender",
                                "ethnicity",
                                "source_age_group",
                                "split",
                                "fold",
                            )
                        },
                        "expression": "neutral",
                        "expression_name": "neutral",
                    },
                    Blob.file(shelf(neutral), neutral),
                )
        _refer(entries, wanted)
        return _splits(list(entries.values()), labels.name)


def find_csv(path: Path, given: str | None, name: str) -> Path:
    """The csv itself, the one named, or the only one in the folder."""
    if path.is_file():
        return path
    if given is not None:
        return path / given
    found = sorted(path.glob("*.csv"))
    if len(found) != 1:
        what = f"{len(found)} csv files ({', '.join(file.name for file in found)})" if found else "no csv file"
        raise InvalidInput(f"{name}: {path} holds {what}; name the one to read: {name}:{path}?csv=labels.csv")
    return found[0]


def _entry(name: str, file: Path, row: table.Row) -> Entry:
    subject = row.required("subject")
    columns = {
        "identity_id": subject,
        "view_id": row.text("view"),
        **table.scores(row),
        **table.demographics(row.text, row.where),
    }
    if (word := row.text("expression")) is not None:
        columns["expression"] = columns["expression_name"] = expression(word, row.where)
    box = [row.number(corner, -100_000, 100_000) for corner in ("x0", "y0", "x1", "y1")]
    if None not in box:
        if not (box[0] < box[2] and box[1] < box[3]):
            raise InvalidInput(f"{row.where}: a face box must be x0 < x1, y0 < y1, got {box}")
        columns["bbox"] = box
    if (fold := row.number("fold", 0, 1000)) is not None:
        columns["fold"] = int(fold)
    split = row.text("split")
    if split is not None:
        split = {"val": "validation", "valid": "validation", "dev": "validation"}.get(split.lower(), split.lower())
        if split not in SPLITS:
            raise InvalidInput(f"{row.where}: unknown split {split!r}; known are {', '.join(SPLITS)}")
    return Entry(name, subject, {**columns, "split": split}, Blob.file(file, name))


def _refer(entries: dict[str, Entry], wanted: dict[str, str]) -> None:
    neutral, resting = defaultdict(list), defaultdict(list)
    for name, entry in entries.items():
        if entry.columns.get("expression") == "neutral":
            neutral[entry.subject].append(name)
        elif entry.columns.get("expression") is None and entry.columns.get("PSPI") == 0:
            resting[entry.subject].append(name)
    for name, entry in entries.items():
        own = wanted.get(name)
        rest = spread(neutral[entry.subject] or resting[entry.subject])
        entry.references = list(dict.fromkeys([*([own] if own in entries else []), *rest]))


def _splits(entries: list[Entry], csv_name: str) -> dict[str, list[Entry]]:
    given = [entry.columns.pop("split", None) for entry in entries]
    if not any(given):
        return deal(entries)
    by_person: dict[str, set[str]] = defaultdict(set)
    for entry, split in zip(entries, given, strict=True):
        if split is None:
            raise InvalidInput(f"{csv_name}: {entry.id} has no split, but others have")
        by_person[entry.subject].add(split)
    torn = sorted(subject for subject, splits in by_person.items() if len(splits) > 1)
    if torn:
        raise InvalidInput(
            f"{csv_name}: {len(torn)} people are in more than one split, first {torn[0]}: a model would "
            "be tested on people it has seen"
        )
    splits: dict[str, list[Entry]] = {split: [] for split in SPLITS}
    for entry, split in zip(entries, given, strict=True):
        splits[split].append(entry)
    return splits
