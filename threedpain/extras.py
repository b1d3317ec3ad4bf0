"""Optional dependencies: a missing one fails when it is used, with the exact line that installs it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from .errors import MissingExtra


def has(module: str) -> bool:
    """Whether `module` is installed; it is not imported."""
    return find_spec(module) is not None


def need_extra(module: str, extra: str, what: str = "this") -> None:
    """MissingExtra unless `module` is installed; `extra` is the one of setup.cfg that brings it, `what` needs it."""
    if not has(module):
        raise MissingExtra(f"{what} needs {module}, which is not installed: pip install 'threedpain[{extra}]'")


def extra_folder(module: str, extra: str, what: str = "this") -> Path:
    """The folder of an installed package whose files alone are wanted; it is not imported."""
    need_extra(module, extra, what)
    spec = find_spec(module)
    assert spec is not None and spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])
