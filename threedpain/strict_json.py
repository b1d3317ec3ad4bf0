"""JSON of unknown origin: no NaN, no numbers beyond a float, no nesting without end, no file without end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import InvalidInput

LARGEST_FILE = 256 << 20  # bytes; the manifest of the largest plan has a tenth of it
DEEPEST = 64
LONGEST_NUMBER = 40  # digits


def parse(text: str | bytes, name: str) -> Any:
    """The value of a JSON text; InvalidInput, which names `name`, for whatever is not plain JSON."""
    try:
        value = json.loads(text, parse_constant=_constant, parse_int=_whole, parse_float=_real)
        _shallow(value)
    except (ValueError, RecursionError) as problem:
        why = "nested too deeply" if isinstance(problem, RecursionError) else " ".join(str(problem).split())[:120]
        raise InvalidInput(f"{name} is no JSON that can be read ({why}).") from None
    return value


def load(path: Path, name: str | None = None, largest: int = LARGEST_FILE) -> Any:
    """The value in a JSON file of at most `largest` bytes."""
    name = name or str(path)
    if path.stat().st_size > largest:
        raise InvalidInput(f"{name} has {path.stat().st_size} bytes, more than the {largest} allowed.")
    return parse(path.read_bytes(), name)


def _constant(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number beyond every float")
    return value


def _shallow(value: Any) -> None:
    layer = [value]
    for _ in range(DEEPEST):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not layer:
            return
    raise RecursionError
