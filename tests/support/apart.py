"""What wants no running event loop in its thread: a browser of another test may hold one in this."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def apart(call: Callable[..., Any], *given: Any) -> Any:
    """`call(*given)` in a thread of its own, and what it returns or raises."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *given).result()
