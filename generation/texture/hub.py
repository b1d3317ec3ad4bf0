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
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, ConnectionError) as error:
        raise MissingFile(_unreachable(name)) from error
    except errors.HfHubHTTPError as error:
        raise MissingFile(
            f"the Hub has no model {name!r}, or it needs a login: check the id, or run `hf auth login`."
        ) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        text = str(error)
        if any(
            word in text
            for word in (
                "couldn't connect",
                "cannot be reached",
                "offline",
                "LocalEntryNotFound",
                "Cannot load model",
                "cached files",
            )
        ):
            raise MissingFile(_unreachable(name)) from error
        raise InvalidInput(
            f"{name!r} cannot be loaded as a {kind.__name__}: it is a model of another kind, or its "
            f"folder is incomplete ({type(error).__name__})."
        ) from error
    return model.to(device)


def _unreachable(name: str) -> str:
    return (
        f"{name!r} is not in the local cache and the Hub cannot be reached: connect to the network once, or give "
        "the path of a local folder."
    )


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
