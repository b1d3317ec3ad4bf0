"""The device that computes."""

from __future__ import annotations

import ctypes

from threedpain.errors import InvalidInput


def available(device: str) -> str:
    """The device asked for, "cpu" or "cuda"; for "auto" the GPU where there is one."""
    if device not in ("auto", "cpu", "cuda"):
        raise InvalidInput(f"device is {device!r}; allowed are auto, cpu and cuda.")
    if device != "cpu" and _cuda():
        return "cuda"
    if device == "cuda":
        raise InvalidInput("device is 'cuda', but torch sees no CUDA device here; use auto or cpu.")
    return "cpu"


def _cuda() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:  # no driver: known without the second that importing torch takes
        return False
    import torch

    return torch.cuda.is_available()
