"""Shapes and dtypes as the records' own comments state them, checked on real values.

A field `faces: np.ndarray  # int32 [F, 3]` promises a dtype and a shape whose letters stand for the same number in all
fields of one check.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

FIELD = re.compile(r"^    (\w+): [^#=\n]*np\.ndarray[^#\n]*# *([a-z]+\d*)? *\[([^\]\n]*)\]", re.MULTILINE)
SAMPLE = re.compile(r"^(\w+): \[([^\]]*)\]", re.MULTILINE)
KINDS = {"int": "i", "float": "f"}


def stated(record: type) -> dict[str, tuple[str | None, tuple[str, ...]]]:
    """Field -> (dtype or None, dimensions as written) of a dataclass, from its source."""
    return {name: (dtype or None, parts(dims)) for name, dtype, dims in FIELD.findall(inspect.getsource(record))}


def documented(output: type) -> dict[str, tuple[str, ...]]:
    """Field -> dimensions of a model output, from the lines `name: [B, 6], ...` of its docstring."""
    return {name: parts(dims) for name, dims in SAMPLE.findall(inspect.getdoc(output) or "")}


def parts(dims: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in dims.split(",") if part.strip())


def breaches(promises: Mapping[str, tuple], values: Any, known: dict[str, int]) -> Iterator[str]:
    """Sentences about fields that are not as promised; `known` collects what the letters stand for."""
    for name, (dtype, dims) in promises.items():
        value = getattr(values, name)
        if value is None:
            continue
        exact = dtype == "bool" or (dtype and dtype[-1].isdigit())
        if dtype and (value.dtype != dtype if exact else value.dtype.kind != KINDS[dtype]):
            yield f"{name} is {value.dtype}, not {dtype}"
        if len(value.shape) != len(dims):
            yield f"{name} has shape {tuple(value.shape)}, not [{', '.join(dims)}]"
            continue
        for dim, length in zip(dims, value.shape, strict=True):
            wanted = int(dim) if dim.isdigit() else known.setdefault(dim, length) if dim.isidentifier() else length
            if wanted != length:
                yield f"{name} has {length} where {dim} is {wanted}"


def check(record: type, values: Any, known: dict[str, int] | None = None) -> dict[str, int]:
    """All array fields of a record as stated, or an AssertionError that names them; what the letters stood for."""
    known = {} if known is None else known
    promises = stated(record)
    assert promises, f"{record.__name__} states no shape"
    wrong = list(breaches(promises, values, known))
    assert not wrong, f"{record.__name__}: " + "; ".join(wrong)
    return known


def check_output(output: Any, known: dict[str, int]) -> None:
    """A model output as its docstring says."""
    promises = {
        name: (None, dims) for name, dims in documented(type(output)).items() if hasattr(getattr(output, name), "shape")
    }
    assert promises
    wrong = list(breaches(promises, output, known))
    assert not wrong, "; ".join(wrong)
