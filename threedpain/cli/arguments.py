"""What several commands make of their arguments: action units, and paths they may write to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from threedpain.errors import InvalidInput


def action_units(pairs: Sequence[str]) -> dict[str, float]:
    """["AU4=3", "AU12L=1"] as a validated vector."""
    from threedpain.facs import validate

    units: dict[str, float] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip().upper()
        if not equals:
            raise InvalidInput(f"an action unit is written as AU4=3, got {pair!r}")
        if name in units:
            raise InvalidInput(f"{name} is given twice")
        try:
            units[name] = float(value)
        except ValueError:
            raise InvalidInput(f"{name} must be a number, got {value!r}") from None
    return validate(units)


def writable(path: Path, folder: bool = False) -> Path:
    """The path, if a file (or a folder) can be written there; checked before the work, not after it."""
    path = Path(path)
    if not folder and path.is_dir():
        raise InvalidInput(f"{path} is a folder; name a file")
    if folder and path.exists() and not path.is_dir():
        raise InvalidInput(f"{path} is a file; name a folder")
    place = path if path.exists() else path.parent
    if not folder and not place.exists():
        raise InvalidInput(f"the folder {path.parent} does not exist")
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK) or (place.is_file() and place != path):
        raise InvalidInput(f"cannot write to {path}: no permission for {place}")
    return path


def new_folder(path: Path) -> Path:
    """The path, if a folder can be made there, or an empty one filled."""
    if writable(path, folder=True).exists() and any(Path(path).iterdir()):
        raise InvalidInput(f"{path} exists already: choose another --out, or remove it")
    return path


def apart(paths: Sequence[Path], what: str) -> None:
    """InvalidInput where two of the paths are one file, so that nothing is written over something else."""
    seen: set[str] = set()
    for path in paths:
        place = os.path.realpath(path)  # of links in a circle Path.resolve makes an error
        if place in seen:
            raise InvalidInput(f"{path} is named twice: {what}")
        seen.add(place)


def picture_file(path: Path) -> Path:
    """The path, if a picture can be written there."""
    if Path(path).suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise InvalidInput(f"{path} must end in .png, .jpg or .webp")
    return writable(path)
