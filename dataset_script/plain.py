"""A plain path or Hub id through `datasets`: Parquet files of that very place, within the limits, and nothing else.

`datasets` reads whatever a set's README names, any file of this machine included, by whatever reader its suffix asks
for. So what it means to read is looked at before it reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from threedpain.errors import InvalidInput, MissingFile, ThreeDPainError
from threedpain.pictures import shown

from . import limited
from .archives import hub_blob

HUB = "hf://datasets/"


def read(path: str, config: str) -> Any:
    """The splits of a config: a folder of Parquet files as the generator writes it, or a Hub id. A DatasetDict."""
    import datasets

    if not Path(path).exists() and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", path):
        raise MissingFile(f"{path} does not exist, and is no Hub id")
    try:
        builder = datasets.load_dataset_builder(path, config)
        check(_meant(builder), path)
        builder.download_and_prepare()
        return builder.as_dataset()
    except ThreeDPainError:
        raise
    except (FileNotFoundError, ConnectionError) as error:
        raise MissingFile(f"{path}: {_short(error)}") from None
    except Exception as error:  # any: what a damaged or foreign set makes its reader throw is not ours to know
        raise InvalidInput(f"{path} cannot be read as config {config!r}: {_short(error)}") from error


def check(files: Iterable[str], place: str) -> None:
    """InvalidInput unless these are Parquet files below `place`, a folder or Hub id, that claim nothing too large."""
    for name in files:
        if name.startswith(HUB):
            inside = name.startswith((f"{HUB}{place}@", f"{HUB}{place}/")) and ".." not in name.split("/")
        else:
            inside = Path(name).resolve().is_relative_to(Path(place).resolve()) or hub_blob(Path(name))
        if not inside:
            raise InvalidInput(f"{place} names a file elsewhere, {shown(name)}, which is not read")
        if not name.endswith(".parquet"):
            raise InvalidInput(f"{place} holds {shown(Path(name).name)}; a set of this project is Parquet files")
        if name.startswith(HUB):
            from huggingface_hub import HfFileSystem

            with HfFileSystem().open(name, "rb") as file:
                limited.parquet(file, Path(name).name)
        else:
            limited.parquet(Path(name))


def _meant(builder: Any) -> list[str]:
    """The files a builder of `datasets` will read."""
    return [str(file) for files in (builder.config.data_files or {}).values() for file in files]


def _short(error: BaseException) -> str:
    inner = error
    while inner.__cause__ is not None:  # `datasets` wraps what its readers say
        inner = inner.__cause__
    return shown(" ".join(str(inner).split()) or type(inner).__name__)
