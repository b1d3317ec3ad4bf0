"""Read a head's asset: safetensors whose metadata has facts about it and the checksum of its arrays."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from threedpain.errors import MissingFile


def read_asset(path: str, name: str, builder: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and facts of the asset at `path`, whole and unharmed; `name` and `builder`, the module that makes it, are
    for the sentence if it is not."""
    if not Path(path).is_file():
        raise MissingFile(f"no {name} at {path}: build it with python -m {builder}")
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (a safetensors handle)
            facts = json.loads((file.metadata() or {}).get("head", "{}"))
    except (SafetensorError, ValueError) as error:
        raise MissingFile(
            f"the {name} {path} is damaged (it is no whole safetensors file): install threedpain again"
        ) from error
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(tensors[key]).tobytes() for key in sorted(tensors)))
    if digest.hexdigest() != facts.get("sha256"):
        raise MissingFile(f"the {name} {path} is damaged (its checksum does not match): install threedpain again")
    return tensors, facts
