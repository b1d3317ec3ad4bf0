"""Fresh environments of the core, and of the core with the Space's extra, made by pip: what a user gets works."""

import os
import shutil
import signal
import socket
import subprocess
import time
from urllib.request import urlopen

import fresh
import pytest

pytestmark = pytest.mark.slow

CORE = """
import threedpain
if __name__ == "__main__":
    face = threedpain.PainFacePipeline.from_pretrained()({"AU4": 4, "AU43": 1}, seed=7, size=256)
    face.image.save("face.png")
    from datasets import load_dataset
    row = load_dataset("3dpain", "pairs", identities=1, expressions=1, views=1, size=128, workers=1)["train"][0]
    assert row["neutral_image"].size == row["heatmap"].size == (128, 128)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder for an environment, removed with its gigabytes."""
    if why := fresh.index_is_missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("fresh")
    yield folder
    shutil.rmtree(folder)


def outside(folder):
    """The environment variables of someone who has only this installation."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV")
    return {k: v for k, v in os.environ.items() if k not in hidden} | {"THREEDPAIN_CACHE": str(folder / "cache")}


@pytest.fixture(scope="module")
def core(place, wheel):
    return fresh.install(place / "env", wheel[0])


def test_the_core_alone_makes_faces_and_sets_and_reads_pictures(place, core):
    (place / "core.py").write_text(CORE)
    for command in ([core, "core.py"], [core.with_name("3dpain"), "predict", "face.png"]):
        done = subprocess.run(command, cwd=place, env=outside(place), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith("PSPI ")
    done = subprocess.run([core.with_name("3dpain"), "demo"], cwd=place, env=outside(place), capture_output=True)
    assert done.returncode == 2
    assert done.stderr.decode().strip().endswith("pip install 'threedpain[space]'")
    for name in ("gradio", "diffusers", "pytorch3d", "matplotlib", "h5py", "av", "accelerate", "torchvision"):
        assert subprocess.run([core, "-c", f"import {name}"], capture_output=True).returncode, f"{name} is there"


def test_the_core_and_the_extra_space_open_the_page(place, core, wheel):
    fresh.install(place / "env", wheel[0], "[space]")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    demo = subprocess.Popen(
        [core.with_name("3dpain"), "demo", "--port", str(port)], cwd=place, env=outside(place),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        while True:  # until it answers, or ends: the page is served when the first face has been made
            assert demo.poll() is None, demo.stdout.read()[-3000:]
            try:
                page = urlopen(f"http://127.0.0.1:{port}/").read()
                break
            except OSError:
                time.sleep(1)
        assert b"3DPain" in page
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(timeout=60)
