"""The Space in a real browser: what a visitor does, and what they must be told when it goes wrong."""

import json
import os
import re
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Debian's chromium is not installed"),
]


@pytest.fixture
def page(browser, address):
    tab = browser.new_page(viewport={"width": 1440, "height": 1100})
    tab.set_default_timeout(120_000)
    tab.goto(address)
    tab.wait_for_selector("#face img")
    tab.wait_for_selector("#summary strong")
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


def choose(page, preset: str) -> None:
    page.locator("#presets").get_by_role("radio", name=preset, exact=True).click()


def test_brow_slider_changes_brow_and_pspi(page):
    before, pspi = picture(page, "#face"), shown_pspi(page)
    set_slider(page, "au4", 5)
    wait_for_pspi(page, pspi + 2)
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
    choose(page, "At rest")
    wait_for_pspi(page, 0)
    at_rest, place = picture(page, "#face"), page.locator("#terms").bounding_box()
    choose(page, preset)
    wait_for_pspi(page, pspi)
    assert np.abs(picture(page, "#face") - at_rest).max() > 15
    assert np.abs(picture(page, "#neutral") - at_rest).max() < 8, "the face at rest must not change with the expression"
    assert page.locator("#terms").bounding_box() == place, "the layout jumped"
    assert page.locator("#presets input:checked").count() == 1 and "read by ViTPain" in page.inner_html("#made-reading")


def test_a_preset_is_selected_until_a_muscle_moves(page):
    assert page.locator("#presets").get_by_role("radio", name="Moderate pain", exact=True).is_checked()
    set_slider(page, "au4", 5)
    wait_for_pspi(page, 10)
    page.wait_for_selector("#presets input:checked", state="detached")
    set_slider(page, "au4", 3)
    page.wait_for_selector("#presets input:checked", state="attached")
    assert page.locator("#presets").get_by_role("radio", name="Moderate pain", exact=True).is_checked()


def test_presets_show_faces(page):
    faces = page.eval_on_selector_all(
        "#presets label", "all => all.map(e => { const s = getComputedStyle(e, '::before'); "
        "return [s.backgroundImage.slice(0, 20), s.backgroundPositionX, s.width] })"
    )  # fmt: skip
    assert len(faces) == 7 and len({place for _, place, _ in faces}) == 7
    assert {(source, width) for source, _, width in faces} == {('url("data:image/webp', "64px")}


def test_surprise_is_no_pain(page):
    choose(page, "At rest")
    wait_for_pspi(page, 0)
    at_rest = picture(page, "#face")
    choose(page, "Surprise")
    page.wait_for_function("() => document.querySelector('#code').innerText.includes('AU26')")
    page.wait_for_timeout(400)
    assert shown_pspi(page) == 0 and np.abs(picture(page, "#face") - at_rest).max() > 15


def test_by_keyboard_alone(page):
    """From the presets, Tab reaches the first slider, and an arrow key moves the face."""
    page.locator("#presets").get_by_role("radio", name="Surprise", exact=True).focus()
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "range":
            break
    page.keyboard.press("ArrowRight")
    wait_for_pspi(page, 8.5)


def test_files_to_take_along(page):
    choose(page, "Mild pain")
    wait_for_pspi(page, 2)
    page.get_by_role("tab", name="Download").click()
    files = {}
    for kind in ("PNG", "GLB", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("button", name=kind, exact=True).click()
        files[download.value.suggested_filename] = Path(download.value.path()).read_bytes()
    assert set(files) == {"face.png", "face.glb", "face.json"} and files["face.glb"][:4] == b"glTF"
    assert Image.open(BytesIO(files["face.png"])).size == (384, 384)
    assert json.loads(files["face.json"])["PSPI"] == 2


def test_somebody_else(page):
    before, seed = picture(page, "#neutral"), page.input_value("#seed input")
    page.click("#random-person")
    page.wait_for_function("seed => !document.querySelector('#code').innerText.includes('seed=7,')", arg=seed)
    page.wait_for_timeout(400)
    assert np.abs(picture(page, "#neutral") - before).mean() > 5


def test_made_face_is_read(page):
    choose(page, "Severe pain")
    wait_for_pspi(page, 15)
    page.click("#send-to-read")
    page.wait_for_function("() => document.querySelector('#reading-pspi')?.innerHTML.includes('the truth is 15')")
    assert 0 <= shown_pspi(page, "#reading-pspi") <= 16
    assert page.locator("#reading-units li").count() == 6
    assert page.locator("#true-heat img").is_visible(), "the truth beside the reading"


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


def test_browse_filters(page):
    page.get_by_role("tab", name="Browse").click()
    said = "document.querySelector('#browse-said .notice')?.innerText"
    page.wait_for_function(f"() => {said}.includes(' fit')", timeout=600_000)
    count = int(page.inner_text("#browse-said .notice").split()[0])
    assert page.input_value("#set textarea, #set input") == "3dpain" and count == 4 * (1 + 3 + 1)
    set_slider(page, "pspi-low", 8)
    page.wait_for_function(f"n => {said}.startsWith(n + ' ') === false", arg=str(count))
    assert 0 < int(page.inner_text("#browse-said .notice").split()[0]) < count
    page.wait_for_function("() => document.querySelector('#gallery button img')")
    page.locator("#gallery button").nth(1).click()
    page.wait_for_function("() => document.querySelector('#drawn img')")
    assert "PSPI" in page.inner_text("#row-facts")
    assert '"identity_id"' in page.locator("#row-labels .cm-content").inner_text()
    page.wait_for_selector("#row-heat img")
    found = [float(value) for value in re.findall(r"PSPI ([\d.]+)", page.inner_text("#gallery"))]
    assert found and min(found) >= 8
    set_slider(page, "pspi-high", 0)  # nothing fits, and nothing of the row that was open stays
    page.wait_for_function(f"() => {said}.startsWith('0 of')")
    page.wait_for_selector("#drawn img", state="detached")
    assert page.inner_text("#row-facts").strip() == ""
