"""The Space in a real browser: what a visitor does, and what they must be told when it goes wrong."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

CHROMIUM = shutil.which("chromium")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Debian's chromium is not installed"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A served Space in its own process and an empty working folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("space")
    log = (folder / "log").open("wb")
    command = [sys.executable, "-m", "threedpain.cli", "demo", "--port", str(port)]
    server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(url, timeout=2).read()
                break
            except OSError:
                assert server.poll() is None, (folder / "log").read_text()
                time.sleep(0.5)
        yield url
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, address):
    tab = browser.new_page(viewport={"width": 1440, "height": 1100})
    tab.set_default_timeout(60_000)
    tab.goto(address)
    tab.wait_for_selector("#face img")
    yield tab
    tab.close()


def picture(page, where: str) -> np.ndarray:
    """The picture shown in the component `where`, as float [H, W, 3]."""
    source = page.eval_on_selector(f"{where} img", "image => image.src")
    data = page.request.get(source).body()
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"), np.float32)


def shown_pspi(page, where: str = "#pspi") -> float:
    return float(re.search(r"PSPI ([\d.]+) of 16", page.inner_html(where)).group(1))


def set_slider(page, name: str, value: float) -> None:
    number = page.locator(f"#{name} input[type=number]")
    number.fill(str(value))
    number.press("Enter")
    number.blur()


def wait_for_pspi(page, value: float, where: str = "#pspi") -> None:
    page.wait_for_function(
        "([where, text]) => document.querySelector(where).innerHTML.includes(`PSPI ${text} of 16`)",
        arg=[where, f"{value:g}"],
    )
    page.wait_for_timeout(400)  # the picture arrives with the gauge; its <img> is swapped a moment later


def test_brow_slider_changes_brow_and_pspi(page):
    before, pspi = picture(page, "#face"), shown_pspi(page)
    set_slider(page, "au4", 5)
    wait_for_pspi(page, pspi + 5)
    change = np.abs(picture(page, "#face") - before).mean(2)
    rows = np.linspace(0, 1, len(change), endpoint=False)
    columns = np.linspace(0, 1, change.shape[1], endpoint=False)
    height, width = np.unravel_index(np.argmax(_smooth(change)), change.shape)
    assert change.max() > 20
    assert 0.25 < rows[height] < 0.60 and 0.3 < columns[width] < 0.7, "the strongest change is not at the brow"


def _smooth(values: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(values, 6)


@pytest.mark.parametrize(
    ("preset", "pspi"), [("Mild pain", 2), ("Moderate pain", 8), ("Severe pain", 15), ("Eyes closed", 1), ("Smile", 3)]
)
def test_preset(page, preset, pspi):
    at_rest = picture(page, "#face")
    page.get_by_role("button", name=preset, exact=True).click()
    wait_for_pspi(page, pspi)
    assert np.abs(picture(page, "#face") - at_rest).max() > 15
    assert np.abs(picture(page, "#neutral") - at_rest).max() < 8, "the face at rest must not change with the expression"


def test_made_face_is_read(page):
    page.get_by_role("button", name="Severe pain", exact=True).click()
    wait_for_pspi(page, 15)
    page.click("#send-to-read")
    page.wait_for_function("() => document.querySelector('#reading-pspi')?.innerHTML.includes('the truth is 15')")
    assert 0 <= shown_pspi(page, "#reading-pspi") <= 16
    assert page.locator("#reading-units li").count() == 6


def noise(side: int) -> bytes:
    buffer = BytesIO()
    Image.fromarray(np.full((side, side, 3), 128, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("letter.png", b"Dear reader, this is no picture.", "picture"),
        ("huge.png", None, "pixels"),
        ("wall.png", noise(400), "face"),
    ],
)
def test_bad_upload_gets_a_sentence(page, name, data, said):
    data = data or noise(5500)  # 30 megapixels
    page.get_by_role("tab", name="Read").click()
    page.locator("#photo input[type=file]").first.set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": data}
    )
    page.wait_for_selector("#read-problem .problem")
    sentence = page.inner_text("#read-problem .problem")
    assert said in sentence.lower() and "Traceback" not in sentence


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_sticks_out(browser, address, width):
    tab = browser.new_page(viewport={"width": width, "height": 900})
    tab.goto(address)
    tab.wait_for_selector("#face img", timeout=60_000)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    unnamed = tab.evaluate(
        "[...document.querySelectorAll('input:not([type=hidden]), button')].filter(e => e.offsetParent && "
        "!(e.labels?.length || e.ariaLabel || e.innerText?.trim() || e.title || e.querySelector('img[alt]') ||"
        " e.getAttribute('aria-labelledby')))"
        ".length"
    )
    assert unnamed == 0, "controls without a name for a screen reader"
    tab.close()


def test_browse_filters(page):
    page.get_by_role("tab", name="Browse").click()
    said = "document.querySelector('#browse-said .notice')?.innerText"
    page.wait_for_function(f"() => {said}.includes(' fit')", timeout=180_000)
    count = int(page.inner_text("#browse-said .notice").split()[0])
    set_slider(page, "pspi-low", 8)
    page.wait_for_function(f"n => {said}.startsWith(n + ' ') === false", arg=str(count))
    assert 0 < int(page.inner_text("#browse-said .notice").split()[0]) < count
    page.locator("#gallery button").first.click()
    page.wait_for_selector("#drawn img")
    assert '"identity_id"' in page.locator("#row-labels .cm-content").inner_text()
    found = [float(value) for value in re.findall(r"PSPI ([\d.]+)", page.inner_text("#gallery"))]
    assert found and min(found) >= 8
