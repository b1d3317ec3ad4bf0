"""Where the shipped weights and the user's cache live."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InvalidInput, MissingFile

WEIGHTS = Path(__file__).parent / "weights"
SAMPLE = Path(__file__).parent / "sample"  # see dataset_script.sample
KNOWN = ("head", "head-scan", "texture", "vitpain", "vitpain-teacher", "panoramas")


def weights(name: str) -> Path:
    """The shipped file or folder of that name: "head" (head.safetensors), "texture", "vitpain", "vitpain-teacher", ...

    Folders are in the standard layout of diffusers and transformers: `AutoModel.from_pretrained(weights("vitpain"))`.
    """
    found = shipped()
    stem = str(name).removesuffix(".safetensors")
    if stem in found:
        return found[stem]
    if stem in KNOWN:
        raise MissingFile(
            f"the weights {stem!r} are not in {WEIGHTS}: install threedpain again, "
            "or make them with the command README.md names for them"
        )
    raise InvalidInput(f"unknown weights {name!r}; known are {', '.join(dict.fromkeys([*KNOWN, *found]))}")


def shipped() -> dict[str, Path]:
    """Name -> path of everything that came with this installation."""
    if not WEIGHTS.is_dir():
        return {}
    return {
        path.name.removesuffix(".safetensors"): path
        for path in sorted(WEIGHTS.iterdir())
        if path.suffix == ".safetensors" or (path.is_dir() and any(path.glob("**/*.safetensors")))
    }


def cache_dir() -> Path:
    """A folder of this user's that may be deleted at any time: $THREEDPAIN_CACHE, or threedpain under the XDG cache."""
    chosen = os.environ.get("THREEDPAIN_CACHE")
    base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "threedpain"
    base.mkdir(parents=True, exist_ok=True)
    return base
