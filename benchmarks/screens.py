"""Photographs of the Space for docs/space/: every tab, light and dark, on a phone and on a desk; and of a report.

    python benchmarks/screens.py --out docs/space [--tabs make,compare,read,browse,about] [--widths 390,1440]
    python benchmarks/screens.py --out docs/audit --report runs/audit/report.html     # an audit's page, and on paper

Needs the browser extra of the tests: playwright, and Chromium on the PATH. A tab is photographed whole, however long.
"""

from __future__ import annotations

import argparse
import io
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
PATIENCE = 120_000  # ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/space"))
    parser.add_argument("--tabs", default="make,compare,read,browse,about")
    parser.add_argument("--themes", default="light,dark")
    parser.add_argument("--widths", default="390,1440", help="pixels")
    parser.add_argument("--report", type=Path, help="instead of the Space: the page of an audit or of a set's check")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.report:
        report(arguments.report, arguments.out, list(map(int, arguments.widths.split(","))))
        return
    with Served() as url, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        for width in map(int, arguments.widths.split(",")):
            for theme in arguments.themes.split(","):
                page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
                page.set_default_timeout(PATIENCE)
                page.goto(f"{url}?__theme={theme}")
                page.wait_for_selector("#face img")
                page.wait_for_selector("#summary strong")
                for tab in arguments.tabs.split(","):
                    TABS[tab](page)
                    page.wait_for_timeout(1500)
                    save(page, arguments.out / f"{tab}-{theme}-{width}.jpg")
                page.close()
        browser.close()


def report(path: Path, out: Path, widths: list[int]) -> None:
    """A report's page at these widths, and as it is printed on A4 with margins."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        page = browser.new_page()
        page.goto(path.resolve().as_uri())
        for name, width, media in (*((str(width), width, "screen") for width in widths), ("paper", 718, "print")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(media=media)
            save(page, out / f"{path.stem}-{name}.jpg")
        browser.close()


class Served:
    """`3dpain demo` in its own process, from an empty folder; the context is its address."""

    def __enter__(self) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.folder = tempfile.TemporaryDirectory()
        command = [sys.executable, "-m", "threedpain.cli", "demo", "--port", str(port)]
        self.process = subprocess.Popen(command, cwd=self.folder.name, stdout=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).read()
                return url
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit("the demo did not start") from None
                time.sleep(0.5)

    def __exit__(self, *problem) -> None:
        self.process.terminate()
        self.process.wait(300)
        self.folder.cleanup()


def make(page: Page) -> None:
    page.get_by_role("tab", name="Make", exact=True).click()
    page.wait_for_function("() => document.querySelector('#pspi').innerHTML.includes('PSPI 8 of 16')")


def compare(page: Page) -> None:
    page.get_by_role("tab", name="Compare", exact=True).click()
    page.wait_for_selector("#compare-second img")


def read(page: Page) -> None:
    make(page)
    page.click("#send-to-read")
    page.wait_for_function("() => document.querySelector('#reading-pspi')?.innerHTML.includes('the truth is 8')")
    page.wait_for_selector("#reading img")


def browse(page: Page) -> None:
    page.get_by_role("tab", name="Browse", exact=True).click()
    page.wait_for_selector("#row-heat img")


def about(page: Page) -> None:
    page.get_by_role("tab", name="About", exact=True).click()


TABS = {"make": make, "compare": compare, "read": read, "browse": browse, "about": about}


def save(page: Page, path: Path) -> None:
    """The whole page as a JPEG small enough for a repository."""
    page.evaluate("window.scrollTo(0, 0)")
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    picture.save(path, quality=82, optimize=True, progressive=True)
    print(f"{path} {picture.width} x {picture.height}, {path.stat().st_size // 1000} kB", flush=True)


if __name__ == "__main__":
    main()
