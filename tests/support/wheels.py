"""A wheel built from the files of the repository, and where their folders are installed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {  # folder of the repository -> where it is installed
    "threedpain": "threedpain",
    **{room: f"threedpain/{room}" for room in ("generation", "dataset_script", "modeling", "spaces")},
}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Built from the files of the repository alone, without touching the network or the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    files = (
        listed.stdout.split("\0")[:-1]
        if listed.returncode == 0
        else [
            str(path.relative_to(ROOT))
            for room in (*ROOMS, "model_cards")
            for path in (ROOT / room).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        ]
        + ["setup.cfg", "pyproject.toml", "README.md", "LICENSE"]
    )
    for name in files:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).symlink_to(ROOT / name)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return next(folder.glob("*.whl")), [Path(name) for name in files]
