"""Kernels that are compiled elsewhere: by a process of its own, which keeps them for this one to load."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from numba import typeof

from threedpain.errors import ThreeDPainError

from .compiling import NOTICE
from .process import ask, end, serve, start

logger = logging.getLogger(__name__)


def compile_elsewhere(kernel: Any, *arguments: Any) -> None:
    """Have `kernel` compiled for such arguments, unless it is, by a process of its own that keeps it; this process then
    loads it. Code just compiled calls the helpers that were compiled before it, code that is loaded brings its own,
    optimised once more with it: in fast arithmetic the last bits of the two differ."""
    signature = tuple(typeof(argument) for argument in arguments)
    if signature in kernel.overloads or _is_kept(kernel, signature):
        return
    NOTICE.say()
    process = start(__name__, kernel.__module__, kernel.__name__, stderr=subprocess.DEVNULL)
    try:
        ask(process, signature, "compiles a kernel")
    except ThreeDPainError as problem:
        logger.debug("%s is compiled here: %s", kernel.__name__, problem)
    finally:
        end(process)


def _is_kept(kernel: Any, signature: tuple) -> bool:
    kept = kernel._cache
    return kept._index_key(signature, kernel.targetctx.codegen()) in kept._cache_file._load_index()


def _compiler(module: str, name: str) -> Callable[[tuple], None]:
    kernel = getattr(import_module(module), name)

    def compiled(signature: tuple) -> None:
        kernel.compile(signature)

    return compiled


if __name__ == "__main__":
    serve(lambda: _compiler(*sys.argv[1:]))
