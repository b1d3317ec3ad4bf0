"""The memory of a server that runs for weeks."""

from __future__ import annotations

import ctypes
import sys

ARENAS = 2  # as many as faces and readings are computed at once
_M_ARENA_MAX = -8  # glibc's malloc.h


def few_arenas() -> None:
    """Let all threads share ARENAS heaps, where the C library is glibc; to be called before there are threads.

    glibc gives a new thread a heap of its own, up to eight a core, and each keeps what its largest face took. Faces are
    made in many threads, so a server would grow by hundreds of megabytes until all of its heaps had seen one.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_M_ARENA_MAX, ARENAS)
