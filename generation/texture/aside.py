"""A texture in a process of its own: it imports torch and samples skins while the caller's own process, on another
core, imports the rest and makes the geometry. Two threads could not: they would take turns at importing.

    texture = Aside("embedded")             # comes back at once
    maps = texture([identity, ...])         # waits for the model, and for the skins
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

from threedpain.generation.device import available
from threedpain.generation.process import ask, serve, start

from . import load_texture

if TYPE_CHECKING:
    from threedpain.generation.records import Identity, SkinMaps

# Layers follow each other through the same memory: given back to the system, each would wait for pages of zeros.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}


class Aside:
    """A `Texture` whose backend, one that takes a device, works elsewhere with one thread; it goes when this object or
    its process goes."""

    def __init__(self, backend: str = "embedded", device: str = "auto"):
        self._process = start(__name__, backend, device, **MEMORY)
        weakref.finalize(self, self._process.kill)

    def __call__(self, identities: Sequence[Identity]) -> list[SkinMaps]:
        return ask(self._process, identities, "samples skins")


def _serve(backend: str, device: str) -> None:
    gc.set_threshold(100_000)  # imports make many objects that stay
    serve(lambda: load_texture(backend, device=available(device)))


if __name__ == "__main__":
    _serve(*sys.argv[1:])
