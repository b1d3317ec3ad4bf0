"""A fresh environment, made as a user makes it; as a command, what such installations weigh.

python tests/support/fresh.py [FOLDER]      # needs a package index; about 8 GB below FOLDER, removed afterwards
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from wheels import ROOT, build_wheel

TORCH = ("torch", "torchgen", "functorch", "nvidia", "triton", "cuda", "cusparselt")  # with what its CUDA build brings


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
    done = subprocess.run([*pip, f"threedpain{extras} @ {wheel.as_uri()}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return python


def sizes(folder: Path) -> dict[str, float]:
    """Megabytes in an environment: everything but torch, torch, and the libraries that its CUDA build brings."""
    total = {"core": 0.0, "torch": 0.0, "CUDA": 0.0}
    (packages,) = folder.glob("lib/python*/site-packages")
    for path in packages.rglob("*"):
        if path.is_file() and not path.is_symlink():
            top = path.relative_to(packages).parts[0].split("-")[0].split("_")[0]
            cuda = top in TORCH[3:] or "cuda" in path.name
            part = "CUDA" if top in TORCH and cuda else "torch" if top in TORCH else "core"
            total[part] += path.stat().st_size / 1e6
    return total


def main(folder: Path) -> None:
    held: dict[str, float] = {}
    (folder / "wheel").mkdir()
    made, _ = build_wheel(folder / "wheel")
    for extras in ("", "[space]", "[all]"):
        install(folder / "env", made, extras)
        held = sizes(folder / "env")
        torch = f"torch {held['torch']:.0f} MB, its CUDA libraries {held['CUDA']:.0f} MB"
        print(f"threedpain{extras:8} {held['core']:5.0f} MB beside torch ({torch})", flush=True)


if __name__ == "__main__":
    place = Path(tempfile.mkdtemp(prefix="fresh-", dir=sys.argv[1] if len(sys.argv) > 1 else None))
    try:
        main(place)
    finally:
        shutil.rmtree(place)
