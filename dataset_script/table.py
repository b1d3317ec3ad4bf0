"""Reading a user's csv: cells become columns of a row, and a mistake is one sentence with the file and the line."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threedpain.demographics import AGE_GROUPS, ETHNICITIES, GENDERS, age_group_of
from threedpain.errors import InvalidInput, MissingFile
from threedpain.facs import ACTION_UNITS
from threedpain.pictures import nameable, shown

_GENDERS = {"f": "female", "w": "female", "woman": "female", "m": "male", "man": "male"}
NULLS = ("", "na", "n/a", "nan", "null", "none", "?")


@dataclass(frozen=True)
class Row:
    """One line of a csv: cells by column name in lower case, and where it stands."""

    cells: dict[str, str]
    where: str

    def text(self, column: str) -> str | None:
        value = (self.cells.get(column.lower()) or "").strip()
        return None if value.lower() in NULLS else value

    def number(self, column: str, least: float, most: float) -> float | None:
        value = self.text(column)
        if value is None:
            return None
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise InvalidInput(f"{self.where}: {column} must be from {least:g} to {most:g}, got {shown(value)!r}")
        return number

    def required(self, column: str) -> str:
        value = self.text(column)
        if value is None:
            raise InvalidInput(f"{self.where}: {column} is empty")
        return value


def rows(table: Path, needed: tuple[str, ...]) -> Iterator[Row]:
    if not table.is_file():
        raise MissingFile(f"the csv {table} does not exist")
    with open(table, newline="", encoding="utf-8-sig") as lines:
        reader = csv.reader(lines)
        try:
            header = [name.strip().lower() for name in next(reader, [])]
            missing = [name for name in needed if name.lower() not in header]
            if missing:
                raise InvalidInput(
                    f"{table.name} has no column {', '.join(missing)}; it has {', '.join(header) or 'none'}"
                )
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    where = f"{table.name} line {reader.line_num}"
                    if len(cells) > len(header):
                        raise InvalidInput(f"{where}: {len(cells)} cells, but {len(header)} columns")
                    yield Row(dict(zip(header, cells, strict=False)), where)
        except UnicodeDecodeError:
            raise InvalidInput(f"{table.name} is not UTF-8 text") from None
        except csv.Error as problem:
            raise InvalidInput(f"{table.name} line {reader.line_num} cannot be read: {problem}") from None


def demographics(get: Callable[[str], str | None], where: str) -> dict[str, Any]:
    """age, age_group, gender, ethnicity and source_age_group from a set's own words; what is not said stays out."""
    said: dict[str, Any] = {}
    age = get("age")
    if age is not None:
        try:
            said["age"] = float(age)
        except ValueError:
            raise InvalidInput(f"{where}: age must be years, got {age!r}") from None
        if not 0 <= said["age"] <= 120:
            raise InvalidInput(f"{where}: age must be from 0 to 120, got {age!r}")
        if 18 <= said["age"] <= 90:
            said["age_group"] = age_group_of(said["age"])
    band = get("age_group")
    if band is not None:
        band = band.replace("\N{EN DASH}", "-").replace(" ", "")
        said["age_group" if band in AGE_GROUPS else "source_age_group"] = band
    if (source := get("source_age_group")) is not None:
        said["source_age_group"] = source
    for column, allowed, short in (("gender", GENDERS, _GENDERS), ("ethnicity", ETHNICITIES, {})):
        value = get(column)
        if value is not None:
            word = re.sub(r"[\s\-]+", "_", value.lower())
            word = short.get(word, word)
            if word not in allowed:
                raise InvalidInput(
                    f"{where}: unknown {column} {shown(value)!r}; known are {', '.join(allowed)}, or leave it empty"
                )
            said[column] = word
    return said


def scores(row: Row) -> dict[str, float | None]:
    """The action units and PSPI a line gives."""
    said = {name: row.number(name, 0, unit.maximum) for name, unit in ACTION_UNITS.items()}
    said["PSPI"] = row.number("PSPI", 0, 16)
    return {name: value for name, value in said.items() if value is not None}


def inside(folder: Path, name: str, where: str) -> Path:
    """The file a cell names, which must lie in the folder."""
    if not nameable(name):
        raise InvalidInput(f"{where}: {shown(name)!r} can be no file's name")
    path = (folder / name.replace("\\", "/")).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InvalidInput(f"{where}: {shown(name)!r} points outside {folder}")
    return path
