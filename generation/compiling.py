"""A word to those who wait: the kernels are compiled for a machine's first face, and kept for all later ones."""

from __future__ import annotations

import logging
import time

from numba.core import event

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
            self.said = True
            logger.warning(SENTENCE)

    def on_end(self, event: event.Event) -> None:
        """Every end is followed by another beginning while there is something to wait for."""


event.register("numba:compile", Notice())
