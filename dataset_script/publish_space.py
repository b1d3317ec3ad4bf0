"""What is special about publishing a Space: its requirements name the package's wheel, which lies beside them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from threedpain.errors import MissingFile

REQUIREMENTS = "requirements.txt"


def check_wheels(folder: Path) -> None:
    """Refuse a Space whose requirements name a wheel, as `./name.whl[extra]`, that is not in its folder."""
    for wheel in _wheels(folder).values():
        if not (folder / wheel).is_file():
            raise MissingFile(
                f"{folder} has no {wheel}, which its requirements name: `python -m build --wheel --outdir {folder}`."
            )


def with_addresses(folder: Path, copy: Path, address: str) -> Path:
    """A copy of the folder whose requirements name its own wheels by their address on the Hub: there, requirements are
    installed before the Space's other files are in place."""
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
    requirements = copy / REQUIREMENTS
    for line, wheel in _wheels(folder).items():
        extra = line.strip().removeprefix(f"./{wheel}")
        named = f"{wheel.split('-')[0]}{extra} @ {address}/resolve/main/{wheel}"
        requirements.write_text(requirements.read_text().replace(line, named))
    return copy


def _wheels(folder: Path) -> dict[str, str]:
    """Line of requirements.txt -> wheel it names in the folder itself."""
    listed = folder / REQUIREMENTS
    lines = listed.read_text().splitlines() if listed.is_file() else []
    return {line: match[1] for line in lines if (match := re.match(r"\./([^/\[]+\.whl)", line.strip()))}
