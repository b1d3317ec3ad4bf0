"""The Space as it is deployed: published with its wheel, downloaded, and started from that alone."""

import os
import subprocess
import sys
import time
import urllib.request
import venv
from pathlib import Path

import hub_server
import pytest
import space_server
from PIL import Image

import threedpain

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.hub
def test_the_published_space_runs_from_its_wheel_alone(wheel, tmp_path):
    built, files = wheel
    folder, copy, platform = (tmp_path / name for name in ("space", "copy", "platform"))
    for name in files:
        if name.parts[0] == "spaces" and (ROOT / name).is_file():
            folder.mkdir(exist_ok=True)
            (folder / name.name).write_bytes((ROOT / name).read_bytes())
    publish = [sys.executable, "-m", "threedpain.cli", "publish", str(folder), "--repo", "someone/3dpain", "--type",
               "space"]  # fmt: skip
    with hub_server.Hub() as hub:
        online = {**os.environ, **hub_server.environment(hub), "HF_HOME": str(tmp_path / "home")}
        early = subprocess.run(publish, env=online, capture_output=True, text=True)
        assert early.returncode == 2 and "python -m build --wheel --outdir" in early.stderr
        (folder / built.name).write_bytes(built.read_bytes())
        done = subprocess.run(publish, env=online, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

        code = "import sys; from huggingface_hub import snapshot_download as get; " \
               "get('someone/3dpain', repo_type='space', local_dir=sys.argv[1])"  # fmt: skip
        subprocess.run([sys.executable, "-c", code, str(copy)], env=online, check=True, capture_output=True)
        assert (copy / built.name).read_bytes() == built.read_bytes()

        # As the platform does: the requirements alone, in an empty folder. What the wheel depends on is lent by this
        # environment through a path file, which executes no other path file: no other threedpain can be imported.
        venv.create(platform, with_pip=False)
        site = next((platform / "lib").glob("python3*/site-packages"))
        lent = {path for path in map(Path, sys.path) if path.name in ("site-packages", "dist-packages")}
        (site / "lent.pth").write_text("".join(f"{path}\n" for path in sorted(lent)))
        python = platform / "bin" / "python"
        where = [python, "-P", "-c", "import threedpain; print(threedpain.__file__)"]
        assert subprocess.run(where, cwd=tmp_path, capture_output=True).returncode != 0
        (tmp_path / "empty").mkdir()
        (tmp_path / "empty" / "requirements.txt").write_bytes((copy / "requirements.txt").read_bytes())
        install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps",
                   "--ignore-installed", "--disable-pip-version-check", "-r", "requirements.txt"]  # fmt: skip
        done = subprocess.run(install, cwd=tmp_path / "empty", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    found = subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(found).is_relative_to(site) and found != threedpain.__file__

    began = time.monotonic()
    with space_server.served(copy, [str(python), "app.py"]) as (url, _):
        print(f"\nfirst start, kernels compiled, {time.monotonic() - began:.0f} s")
        assert "3DPain" in urllib.request.urlopen(url, timeout=60).read().decode()
        face, _, _, labels = space_server.client(url).predict({"AU4": 4, "AU43": 1}, seed=3, api_name="/make_face")
        assert Image.open(face).size == (384, 384) and labels["PSPI"] == 5
