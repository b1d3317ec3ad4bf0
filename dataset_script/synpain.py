"""SynPAIN: pairs of a neutral and an expressive picture with demographics and pain / non-pain, no PSPI.

How the files are named is for the user to say, in one of two ways:

- a csv: path, subject, expression (neutral, pain, non-pain)[, age_group, age, gender, ethnicity, neutral_path];
- a pattern of relative paths, `?pattern={ethnicity}/{age_group}_{gender}/{subject}_{expression}.png`: {subject} and
  {expression} are needed; {age_group}, {age}, {gender}, {ethnicity} and {any} (ignored) are allowed.

Its age bands (20-35, 75+) are none of this project's and stand in source_age_group; PSPI and action units are null. The
neutral reference of a picture is its neutral_path, or the same subject's first neutral in name order.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from threedpain.errors import InvalidInput

from . import table
from .adapter import Adapter, Blob, Entry, deal, expression
from .archives import Problems, Shelf, files
from .folder import find_csv

_FIELDS = ("subject", "expression", "age_group", "age", "gender", "ethnicity", "any")
_PICTURES = (".png", ".jpg", ".jpeg", ".webp")


class SynPain(Adapter):
    """load("synpain", folder, csv=... or pattern=...)."""

    name = "synpain"
    option_names = ("csv", "pattern")

    @classmethod
    def index(
        cls, path: Path, problems: Problems, csv: str | None = None, pattern: str | None = None
    ) -> dict[str, list[Entry]]:
        if csv is not None and pattern is not None:
            raise InvalidInput("synpain: give a csv or a pattern, not both")
        entries, own = _by_pattern(path, pattern, problems) if pattern else _by_csv(path, csv, problems)
        if not entries:
            raise InvalidInput(f"synpain: no picture of {path} fits" + (f" the pattern {pattern}" if pattern else ""))
        neutrals = defaultdict(list)
        for name in sorted(entries):
            if entries[name].columns["expression"] == "neutral":
                neutrals[entries[name].subject].append(name)
        for name, entry in entries.items():
            first = [own[name]] if own.get(name) in entries else []
            entry.references = list(dict.fromkeys([*first, *neutrals[entry.subject]]))
        return deal(entries.values())


def _entry(name: str, file: Path, subject: str, word: str, said: dict, where: str) -> Entry:
    kind = expression(word, where)
    return Entry(
        name,
        subject,
        {"identity_id": subject, "expression": kind, "expression_name": kind, **said},
        Blob.file(file, name),
    )


def _by_csv(path: Path, given: str | None, problems: Problems) -> tuple[dict[str, Entry], dict[str, str]]:
    if path.is_dir() and given is None and not list(path.glob("*.csv")):
        raise InvalidInput(
            f"synpain: how the files of {path} are named is not known; give a csv (?csv=labels.csv) or "
            "a pattern (?pattern={subject}_{expression}.png)"
        )
    labels = find_csv(path, given, "synpain")
    entries: dict[str, Entry] = {}
    own: dict[str, str] = {}
    shelf = Shelf(labels.parent, problems)
    for row in table.rows(labels, ("path", "subject", "expression")):
        name = row.required("path")
        table.inside(labels.parent, name, row.where)
        if (file := shelf(name)) is None:
            problems.add("picture that does not exist", name)
            continue
        if name in entries:
            problems.add("picture listed twice, the first line kept", name)
            continue
        said = table.demographics(row.text, row.where)
        entries[name] = _entry(name, file, row.required("subject"), row.required("expression"), said, row.where)
        if (neutral := row.text("neutral_path")) is not None:
            own[name] = neutral
            table.inside(labels.parent, neutral, row.where)
            if shelf(neutral) is None:
                problems.add("neutral picture that does not exist", neutral)
    for name, neutral in own.items():
        if neutral not in entries and (file := shelf(neutral)) is not None:  # no line of its own: it becomes a row
            kind, owner = {"expression": "neutral", "expression_name": "neutral"}, entries[name]
            entries[neutral] = Entry(neutral, owner.subject, {**owner.columns, **kind}, Blob.file(file, neutral))
    return entries, own


def _by_pattern(path: Path, pattern: str, problems: Problems) -> tuple[dict[str, Entry], dict[str, str]]:
    expected = _regex(pattern)
    entries = {}
    for name, file in files(path, problems):
        if Path(name).suffix.lower() not in _PICTURES:
            continue
        match = expected.fullmatch(name)
        if match is None:
            problems.add("picture whose name does not fit the pattern", name)
            continue
        said = table.demographics(match.groupdict().get, name)
        entries[name] = _entry(name, file, match["subject"], match["expression"], said, name)
    return entries, {}


def _regex(pattern: str) -> re.Pattern:
    parts = re.split(r"\{(\w+)\}", pattern)
    fields = parts[1::2]
    unknown = [name for name in fields if name not in _FIELDS]
    if unknown or not {"subject", "expression"} <= set(fields):
        raise InvalidInput(
            f"synpain: the pattern {pattern!r} must name {{subject}} and {{expression}}, and may name "
            f"{', '.join('{' + name + '}' for name in _FIELDS[2:])}"
            + (f"; unknown is {{{unknown[0]}}}" if unknown else "")
        )
    text, seen = "", set()
    for i, part in enumerate(parts):
        if i % 2 == 0:
            text += re.escape(part)
        elif part == "any":
            text += "[^/]*?"
        elif part in seen:
            text += f"(?P={part})"  # a field named twice must say the same twice
        else:
            seen.add(part)
            text += f"(?P<{part}>[^/]+?)"
    return re.compile(text)
