"""Loading large models of the Hub, and saying in one sentence what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threedpain.errors import InvalidInput, MissingFile, ThreeDPainError


def load(kind: Any, name: str, **options) -> Any:
    """`kind.from_pretrained(name)` of a diffusers class, in half precision on a GPU (`device` among the options)."""
    import torch
    from huggingface_hub import errors

    device = options.pop("device", "cpu")
    if str(device).startswith("cuda") and not torch.cuda.is_available():
        raise InvalidInput(f"device is {device!r}, but this machine has no CUDA device: use 'cpu'.")
    try:
        model = kind.from_pretrained(
            name, torch_dtype=torch.float16 if "cuda" in str(device) else torch.float32, **options
        )
    except (OSError, ValueError, TypeError, AttributeError) as error:
        reasons = list(_chain(error))
        offline = (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, ConnectionError)
        if any(isinstance(reason, offline) for reason in reasons):
            raise MissingFile(
                f"{name!r} is not in the local cache and the Hub cannot be reached: connect to the network once, or "
                "give the path of a local folder."
            ) from error
        if any(isinstance(reason, errors.HfHubHTTPError) for reason in reasons):
            raise MissingFile(
                f"the Hub has no model {name!r}, or it needs a login: check the id, or run `hf auth login`."
            ) from error
        raise InvalidInput(
            f"{name!r} cannot be loaded as a {kind.__name__}: it is a model of another kind, or its "
            f"folder is incomplete ({type(error).__name__})."
        ) from error
    return model.to(device)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextmanager
def enough_memory(name: str, size: int, gigabytes: int) -> Iterator[None]:
    """Turns running out of memory into a sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error).lower():
            raise
        raise ThreeDPainError(
            f"too little memory for {name!r} at {size} pixels: it needs about {gigabytes} GB; "
            "use a smaller size or a machine with more."
        ) from error
