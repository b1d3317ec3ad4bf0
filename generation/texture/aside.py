"""A texture in a process of its own: it imports torch and samples skins while the caller's own process, on another
core, imports the rest and makes the geometry. Two threads could not: they would take turns at importing.

    texture = Aside("embedded")             # comes back at once
    maps = texture([identity, ...])         # waits for the model, and for the skins
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from threedpain.errors import ThreeDPainError
from threedpain.generation.device import available
from threedpain.generation.process import THREADS, cause

from . import load_texture

if TYPE_CHECKING:
    from threedpain.generation.records import Identity, SkinMaps

# Layers follow each other through the same memory: given back to the system, each would wait for pages of zeros.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}


class Aside:
    """A `Texture` whose backend, one that takes a device, works elsewhere with one thread; it goes when this object or
    its process goes."""

    def __init__(self, backend: str = "embedded", device: str = "auto"):
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, backend, device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | THREADS | MEMORY,
            start_new_session=True,
        )  # its own session: Ctrl-C is for the caller alone
        weakref.finalize(self, self._process.kill)

    def __call__(self, identities: Sequence[Identity]) -> list[SkinMaps]:
        with suppress(BrokenPipeError):  # it has said why, or has died
            pickle.dump(identities, self._process.stdin)
            self._process.stdin.flush()
        try:
            answer = pickle.load(self._process.stdout)
        except EOFError:
            raise ThreeDPainError(f"The process that samples skins died ({cause(self._process.wait())}).") from None
        if isinstance(answer, ThreeDPainError):
            raise answer
        return answer


def _serve(backend: str, device: str) -> None:
    gc.set_threshold(100_000)  # imports make many objects that stay
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer

    def say(answer: list[SkinMaps] | ThreeDPainError) -> None:
        pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()

    try:
        texture = load_texture(backend, device=available(device))
        while True:
            say(texture(pickle.load(questions)))
    except ThreeDPainError as problem:
        say(problem)
    except EOFError:
        pass  # nobody asks any more


if __name__ == "__main__":
    _serve(*sys.argv[1:])
