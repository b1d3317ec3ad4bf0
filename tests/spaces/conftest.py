"""A served Space and a browser, shared by all that visit it."""

import shutil
import subprocess
import sys

import pytest
import space_server

CHROMIUM = shutil.which("chromium")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="package")
def address(tmp_path_factory):
    """A served Space in its own process; in its working folder lies a small set with plain skins."""
    folder = tmp_path_factory.mktemp("space")
    options = "--identities 4 --expressions 3 --others 1 --views 1 --size 128 --texture flat --videos 0 --workers 1"
    generate = [sys.executable, "-m", "threedpain.cli", "generate", "--out", "3dpain", *options.split()]
    subprocess.run(generate, cwd=folder, check=True, capture_output=True)
    with space_server.served(folder) as (url, _):
        yield url


@pytest.fixture(scope="package")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()
