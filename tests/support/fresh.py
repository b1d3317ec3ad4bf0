"""A fresh environment, made as a user makes it."""

import subprocess
import sys
import tempfile
from pathlib import Path

from wheels import ROOT


def index_is_missing(python: str | Path = sys.executable) -> str:
    """Why no package can be fetched, in a sentence; empty where one can."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--retries", "0"]
        done = subprocess.run([*pip, "--dest", folder, "xxhash"], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"no package index: {done.stderr.strip().splitlines()[-1]}"


def install(folder: Path, wheel: Path, extras: str = "") -> Path:
    """The Python of the environment in `folder`, made if there is none, with the wheel and `extras` ("[space]")."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", ROOT / "constraints.txt"]
    pip.append("--no-compile")  # of thousands of modules few are imported here
    done = subprocess.run([*pip, f"threedpain{extras} @ {wheel.as_uri()}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return python
