"""Results that are kept are good for what they were made of alone."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any


def check_same(note: Path, told: dict[str, Any]) -> None:
    """Note what the results of a folder are made of; end where those that are there were made of something else."""
    if note.exists() and json.loads(note.read_text()) != told:
        sys.exit(f"{note.parent} holds results of other settings or data ({note.name} says which): name another folder")
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(told))


def plan_of(data: str) -> Any:
    """What a generated set was made of, its generator's version included."""
    return json.loads((Path(data) / "plan.json").read_text())


def mark(told: Any, model: Any = None) -> str:
    """Letters for a file's name that are others for other facts and for another model's weights or configuration."""
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    if model is not None:
        import torch

        digest.update(model.config.to_json_string().encode())
        for name, values in sorted(model.state_dict().items()):
            digest.update(name.encode() + values.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]


def mark_of(folder: Path) -> str:
    """The same of the weights in a folder."""
    files = {str(file.relative_to(folder)): file for file in folder.rglob("*.safetensors")}
    return mark({name: hashlib.sha256(files[name].read_bytes()).hexdigest() for name in files})
