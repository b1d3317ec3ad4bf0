"""Optional dependencies: a missing one fails when it is used, with the exact line that installs it."""

from __future__ import annotations

from importlib.util import find_spec

from .errors import MissingExtra


def need_extra(module: str, extra: str) -> None:
    """MissingExtra unless `module` is installed; `extra` is the one of setup.cfg that brings it."""
    if find_spec(module) is None:
        raise MissingExtra(f"this needs {module}, which is not installed: pip install 'threedpain[{extra}]'")
