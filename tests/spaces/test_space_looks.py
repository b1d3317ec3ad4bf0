"""The Space as it is seen: on a phone and on a desk, by day and by night."""

import os
import re
import shutil

import axe
import pytest
from legible import stumbles

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        shutil.which("chromium") is None and not os.environ.get("CI"), reason="Debian's chromium is not installed"
    ),
]
GRADIOS = ("scrollable-region-focusable",)  # its tables and blocks of code are drawn by the library, not by us
VIEWS = [(width, theme) for width in (390, 1440) for theme in ("light", "dark")]
UNNAMED = """() => [...document.querySelectorAll('input:not([type=hidden]), button')].filter(e => e.offsetParent &&
  !(e.labels?.length || e.ariaLabel || e.innerText?.trim() || e.title || e.querySelector('img[alt]') ||
  e.getAttribute('aria-labelledby'))).map(e => e.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module", params=VIEWS, ids=lambda view: f"{view[1]}-{view[0]}")
def page(request, browser, address):
    width, theme = request.param
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    tab.set_default_timeout(120_000)
    tab.goto(f"{address}?__theme={theme}")
    tab.wait_for_selector("#face img")
    tab.wait_for_selector("#summary strong")
    yield tab
    tab.close()


def open_tab(page, name: str) -> None:
    page.evaluate("window.scrollTo(0, 0)")
    page.get_by_role("tab", name=name, exact=True).click()


def box(page, where: str) -> dict:
    return page.locator(where).bounding_box()


def test_it_opens_on_moderate_pain_with_its_reading(page):
    assert page.locator("#presets").get_by_role("radio", name="Moderate pain", exact=True).is_checked()
    assert "PSPI 8 of 16" in page.inner_html("#pspi") and "PSPI 8 of 16" in page.inner_text("#summary")
    page.wait_for_function("() => document.querySelector('#summary').innerText.includes('ViTPain reads')")
    assert re.search(r"PSPI [\d.]+ of 16: read by ViTPain, 90 % interval", page.inner_html("#made-reading"))
    assert float(page.input_value("#heat input[type=number]")) > 0, "the heat is on"
    assert "0 means" in page.inner_text("#pspi-is") and "16" in page.inner_text("#pspi-is")
    rest, face = box(page, "#neutral"), box(page, "#face")
    assert rest["y"] == face["y"] and rest["x"] + rest["width"] <= face["x"], "side by side"
    summary = box(page, "#summary")
    assert summary["y"] >= 0 and summary["y"] + summary["height"] <= 900, "faces and reading on the first screen"


def test_the_faces_stay_in_sight_while_controls_move(page):
    page.locator("#au43").scroll_into_view_if_needed()
    page.evaluate("window.scrollBy(0, document.querySelector('#au43').getBoundingClientRect().top - 650)")
    slider = box(page, "#au43")
    assert page.evaluate("scrollY") > 0 and 0 < slider["y"] < 900
    for name in ("#neutral", "#face", "#summary"):
        seen = box(page, name)
        assert seen["y"] >= -1 and seen["y"] + seen["height"] <= 900, f"{name} left the screen"
    at = page.evaluate(
        "() => { const r = document.querySelector('#au43 input[type=range]').getBoundingClientRect(); "
        "return !!document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2).closest('#au43') }"
    )
    assert at, "the faces lie over the control"


@pytest.mark.parametrize("height", [660, 800])
def test_the_faces_stay_in_sight_on_a_laptop(browser, address, height):
    """A laptop's window is too low for all that stands beside the controls: the faces alone stay."""
    tab = browser.new_page(viewport={"width": 1280, "height": height})
    tab.set_default_timeout(120_000)
    tab.goto(address)
    tab.wait_for_selector("#summary strong")
    for control in ("#au43", "#age", "#light"):
        tab.evaluate(f"window.scrollBy(0, document.querySelector('{control}').getBoundingClientRect().top - 600)")
        for name in ("#neutral", "#face", "#summary"):
            seen = box(tab, name)
            assert seen["y"] >= -1 and seen["y"] + seen["height"] <= height, f"{name} left the screen at {control}"
    tab.close()


def test_nothing_to_stumble_over(page):
    """Every tab as a visitor fills it: contrast, targets, headings, width, names for a screen reader, and axe."""
    found = {}
    for name, filled in (
        ("Make", "#face img"), ("Compare", "#compare-second img"), ("Read", "#reading img"),
        ("Browse", "#row-heat img"), ("About", "#fairness"),
    ):  # fmt: skip
        open_tab(page, name)
        if name == "Read":
            found["Read, empty"] = stumbles(page) + axe.serious(page, GRADIOS)
            page.click("#example-pair")
        page.wait_for_selector(filled)
        page.wait_for_timeout(500)
        found[name] = stumbles(page) + axe.serious(page, GRADIOS)
        found[name] += [f"no name, {control}" for control in page.evaluate(UNNAMED)]
    assert not any(found.values()), found


def test_compare_shows_two_readings_of_one_expression(page):
    open_tab(page, "Compare")
    page.wait_for_selector("#compare-second img")
    for choice, words in (("Skin tone", "very dark skin"), ("Gender", "woman")):
        page.locator("#contrast").get_by_role("radio", name=choice, exact=True).click()
        page.wait_for_function("words => document.querySelector('#compare-said').innerText.includes(words)", arg=words)
        said = page.inner_text("#compare-said")
        assert "PSPI is 8 in both" in said and len(re.findall(r"\d+\.\d", said)) >= 2
    one, other = box(page, "#compare-first"), box(page, "#compare-second")
    assert one["y"] == other["y"] and one["x"] + one["width"] <= other["x"]
    for side in ("first", "second"):
        assert "the truth is 8" in page.inner_html(f"#compare-dial-{side}")


def test_read_has_no_blank_panels_and_two_examples(page):
    page.reload()
    page.wait_for_selector("#summary strong")
    open_tab(page, "Read")
    assert not page.locator("#reading").is_visible() and not page.locator("#reading-pspi").is_visible()
    assert not page.locator("#reading-units").is_visible(), "a line of an empty block"
    page.click("#example-pair")
    page.wait_for_selector("#reading img")
    page.evaluate("window.scrollTo(0, 0)")
    assert box(page, "#reading-pspi")["y"] + box(page, "#reading-pspi")["height"] <= 900, "the value is not in sight"
    assert page.locator("#reading-units li").count() == 6 and not page.locator("div.block.until").is_visible()
    assert "90 % interval" in page.inner_html("#reading-pspi")
    page.get_by_role("tab", name="Clip", exact=True).click()
    page.click("#example-clip")
    page.wait_for_selector("#reading-curve svg")
    assert "PSPI over 1." in page.inner_html("#reading-curve")


def test_what_came_of_an_upload_is_in_sight(page):
    page.reload()
    page.wait_for_selector("#summary strong")
    open_tab(page, "Read")
    page.locator("#read").scroll_into_view_if_needed()
    page.click("#read")
    page.wait_for_selector("#read-problem .problem")
    page.wait_for_function(
        "() => { const seen = document.querySelector('#read-problem .problem').getBoundingClientRect(); "
        "return seen.top >= 0 && seen.bottom <= innerHeight }"
    )


def test_browse_opens_on_pain_mixes_people_and_pages(page):
    open_tab(page, "Browse")
    page.wait_for_selector("#row-heat img")
    page.locator("#set textarea, #set input").fill("sample")
    page.locator("#set textarea, #set input").press("Enter")
    said = "document.querySelector('#browse-said')?.innerText"
    page.wait_for_function(f"() => {said}.includes('of 120 pictures')")
    page.wait_for_selector("#row-heat img")
    first = page.inner_text("#gallery")
    assert float(re.search(r"PSPI ([\d.]+)", page.inner_text("#row-facts")).group(1)) >= 4
    page.click("#page-next")
    page.wait_for_function(f"() => {said}.includes('25 to 48')")
    assert page.inner_text("#gallery") != first
    width = page.viewport_size["width"]
    assert all(seen.bounding_box()["x"] + seen.bounding_box()["width"] <= width
               for seen in page.locator("#gallery .thumbnail-item").all()), "pictures beyond the edge"  # fmt: skip
    page.click("#page-before")
    page.wait_for_function(f"() => {said}.includes('1 to 24')")
    framed = "() => document.querySelector('#gallery .thumbnail-item').classList.contains('selected')"
    page.wait_for_function(framed)
    assert chosen(page) == [0], "the frame is around the picture that is open"
    page.locator("#gallery .thumbnail-item").nth(3).click()
    page.wait_for_function("n => document.querySelector('#row-facts').innerText.includes(n)", arg=caption(page, 3))
    page.click("#page-next")
    page.wait_for_function(f"() => {said}.includes('25 to 48')")
    page.wait_for_function("n => document.querySelector('#row-facts').innerText.includes(n)", arg=caption(page, 0))
    page.wait_for_function(framed)
    assert chosen(page) == [0]


def caption(page, number: int) -> str:
    return re.search(r"PSPI [\d.]+", page.locator("#gallery .thumbnail-item").nth(number).inner_text()).group()


def chosen(page) -> list[int]:
    """The pictures of the gallery that have a frame."""
    items = "[...document.querySelectorAll('#gallery .thumbnail-item')]"
    return page.evaluate(f"{items}.flatMap((item, n) => item.classList.contains('selected') ? [n] : [])")
