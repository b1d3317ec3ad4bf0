"""Compiling: the kernels are compiled for a machine's first face and kept for all later ones, as long as they hold; a
word to those who wait.

    from threedpain.generation.compiling import njit    # numba's own, with the rule of what holds
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit as njit
from numba.core import event
from numba.core.caching import CacheImpl, _CacheLocator
from numba.core.dispatcher import Dispatcher

logger = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds that compiling may take in silence
SENTENCE = "Compiling the renderer for this machine, once: about half a minute where nothing else runs."


class Notice(event.Listener):
    """Hears of every kernel that numba compiles; one that is kept from before is loaded without a word. What still
    compiles `PATIENCE` seconds after the first of ours began is said once."""

    def __init__(self) -> None:
        self.began: float | None = None
        self.said = False

    def on_start(self, event: event.Event) -> None:
        if self.said or not event.data["dispatcher"].py_func.__module__.startswith("threedpain."):
            return
        if self.began is None:
            self.began = time.monotonic()
        elif time.monotonic() - self.began > PATIENCE:
            self.say()

    def say(self) -> None:
        if not self.said:
            self.said = True
            logger.warning(SENTENCE)

    def on_end(self, event: event.Event) -> None:
        """Every end is followed by another beginning while there is something to wait for."""


NOTICE = Notice()
event.register("numba:compile", NOTICE)


class Kept(_CacheLocator):
    """Where numba keeps a kernel of ours. What is kept holds for the kernel's own file, as numba has it, and for what
    the kernel takes from others: the files of its helpers and the values of its constants, which are compiled in."""

    def __init__(self, place: _CacheLocator, function: Callable) -> None:
        self.place, self.function = place, function

    @classmethod
    def from_function(cls, py_func: Callable, py_file: str) -> Kept | None:
        locators: list[Any] = CacheImpl._locator_classes
        if py_func.__module__.startswith("threedpain."):
            for locator in locators:
                if locator is not cls and (place := locator.from_function(py_func, py_file)):
                    return cls(place, py_func)
        return None

    def get_cache_path(self) -> str:
        return self.place.get_cache_path()

    def get_disambiguator(self) -> str:
        return self.place.get_disambiguator()

    def get_source_stamp(self) -> tuple[Any, str]:
        content = hashlib.sha256()
        for part in _taken(self.function, set()):
            content.update(part)
        return self.place.get_source_stamp(), content.hexdigest()


def _taken(function: Callable, known: set[str]) -> Iterator[bytes]:
    """Of a kernel and of its helpers: the files they stand in, and the kernels and constants these files took from
    others. All of a file's, not the function's own alone: a helper may stand further down in it, and numba asks while
    that is not there yet."""
    file = function.__code__.co_filename
    if file in known:
        return
    known.add(file)
    yield _content(file)
    for name, value in sorted(function.__globals__.items()):
        if isinstance(value, Dispatcher):
            yield from _taken(value.py_func, known)
        elif not name.startswith("__") and _plain(value):
            yield pickle.dumps((name, value), 5)


def _plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_plain, value))
    return isinstance(value, (bool, int, float, str, np.generic, np.ndarray))


@lru_cache
def _content(file: str) -> bytes:
    return hashlib.sha256(Path(file).read_bytes()).digest()


CacheImpl._locator_classes.insert(0, Kept)
