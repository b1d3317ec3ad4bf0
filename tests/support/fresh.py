"""A fresh environment, made as a user makes it."""

import subprocess
import sys
import tempfile
from importlib.metadata import distributions, version
from pathlib import Path

from wheels import ROOT


def index_is_missing(python: str | Path = sys.executable) -> str:
    """Why no package can be fetched, in a sentence; empty where one can."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--retries", "0"]
        done = subprocess.run([*pip, "--dest", folder, "xxhash"], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"no package index: {done.stderr.strip().splitlines()[-1]}"


def _bring_torch(site: Path) -> None:
    """Links to the torch of this environment and to what it needs of CUDA, so that pip finds the 5 GB there already, as
    it does for somebody who chose a build of torch first. All else is fetched."""
    pinned = (ROOT / "constraints.txt").read_text().split()
    if f"torch=={version('torch').partition('+')[0]}" not in pinned:
        return  # pip would put another in its place, through the links
    for found in distributions():
        name = found.metadata["Name"].lower()
        if name in ("torch", "triton") or name.startswith(("nvidia-", "cuda-")):
            for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
                if not (site / top).exists():
                    (site / top).symlink_to(found.locate_file(top))


def install(folder: Path, wheel: Path, extras: str = "") -> Path:
    """The Python of the environment in `folder`, made if there is none, with the wheel and `extras` ("[space]")."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        _bring_torch(next(folder.glob("lib/python*/site-packages")))
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", ROOT / "constraints.txt"]
    pip.append("--no-compile")  # of thousands of modules few are imported here
    done = subprocess.run([*pip, f"threedpain{extras} @ {wheel.as_uri()}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return python
