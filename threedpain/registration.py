"""Makes ViTPain known to transformers and the dataset builder to datasets, without importing either.

A library that is already imported is served at once. For the others one finder stands first in `sys.meta_path`; it lets
the library be found and executed as always, registers afterwards, and is gone when all have come. The rooms' `register`
functions run inside someone else's `import transformers` or `import datasets`, possibly while a module of ours is half
imported: they may import nothing of ours that imports these libraries at its top, unless it is already whole.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

# Library -> (room, its function). Pipelines are apart: importing them costs seconds that AutoModel does not need.
_DOORS = {
    "transformers": ("threedpain.modeling", "register"),
    "transformers.pipelines": ("threedpain.modeling", "register_pipeline"),
    "datasets": ("threedpain.dataset_script", "register"),
}


class _Hook(MetaPathFinder):
    def __init__(self, awaited: set[str]) -> None:
        self.awaited = awaited
        self.asking = False

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in self.awaited or self.asking:
            return None
        self.asking = True  # the question below comes through here again
        try:
            spec = find_spec(name)
        finally:
            self.asking = False
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            return None
        execute = spec.loader.exec_module

        def execute_and_register(module: ModuleType) -> None:
            del spec.loader.exec_module  # the loader is as it was
            execute(module)
            self.awaited.discard(name)
            if not self.awaited and self in sys.meta_path:
                sys.meta_path.remove(self)
            _register(name)

        spec.loader.exec_module = execute_and_register
        return spec


def _register(library: str) -> None:
    room, function = _DOORS[library]
    try:
        getattr(import_module(room), function)()
    except Exception as trouble:  # a broken registration must not break the import of someone else's library
        warnings.warn(f"threedpain could not register with {library}: {trouble}", RuntimeWarning, stacklevel=2)


def install() -> None:
    """Register with what is imported, await the rest. Called once, at the end of `import threedpain`."""
    awaited = {library for library in _DOORS if library not in sys.modules}
    if awaited:
        hook: Any = _Hook(awaited)
        sys.meta_path.insert(0, hook)
    for library in _DOORS:
        if library not in awaited:
            _register(library)
