"""A time limit for what a visitor asks for."""

from __future__ import annotations

import contextvars
import functools
import threading
from collections.abc import Callable
from typing import Any

from threedpain.errors import InvalidInput

ABANDONED = 2  # calls of one function that may still run after their visitor was told so


def within(seconds: float) -> Callable[[Callable], Callable]:
    """Decorate a function: its caller waits no longer than this, then gets a sentence.

    A thread cannot be stopped, so the work runs on unseen; while `ABANDONED` of one function do, it takes no more.
    """

    def decorate(function: Callable) -> Callable:
        late: set[threading.Thread] = set()

        @functools.wraps(function)
        def limited(*args: Any, **kwargs: Any) -> Any:
            late.difference_update([thread for thread in late if not thread.is_alive()])
            if len(late) >= ABANDONED:
                raise InvalidInput("requests like this one take too long at the moment: ask again later")
            found: dict[str, Any] = {}
            context = contextvars.copy_context()

            def run() -> None:
                try:
                    found["answer"] = context.run(function, *args, **kwargs)
                except BaseException as problem:
                    found["problem"] = problem

            thread = threading.Thread(target=run, daemon=True, name=f"limited {function.__name__}")
            thread.start()
            thread.join(seconds)
            if thread.is_alive():
                late.add(thread)
                raise InvalidInput(f"this took longer than {seconds:g} seconds and was given up")
            if "problem" in found:
                raise found["problem"]
            return found["answer"]

        return limited

    return decorate
