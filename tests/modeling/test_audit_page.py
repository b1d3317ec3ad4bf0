"""The pages of an audit and of a set's check: one template, on a phone, on a desk and on paper."""

import os
import re
import shutil

import axe
import pytest
import standin
from apart import apart
from flat_pipe import FlatPipe
from legible import stumbles

from threedpain.dataset_script.check import check
from threedpain.dataset_script.report import write_report
from threedpain.modeling.audit.audit import audit
from threedpain.modeling.audit.pictures import Plan

PAGES = ("reads", "too few people", "a set")


def brightness(photo):
    return photo.resize((1, 1)).convert("L").getpixel((0, 0))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Name -> file, of an audit, of one of too few people, and of the check of a set."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THREEDPAIN_CACHE", str(folder / "cache"))
        audit(brightness, folder / "reads", Plan(10, 8, 16), "score", FlatPipe())
        audit(brightness, folder / "few", Plan(3, 1, 16), "score", FlatPipe())
    made = standin.dataset(tmp_path_factory.getbasetemp() / "standin-set")
    checked = write_report(check(made, replays=0), folder / "set")
    return dict(zip(PAGES, (folder / "reads" / "report.html", folder / "few" / "report.html", checked), strict=True))


def test_they_are_of_one_template(pages):
    styles = {re.search(r"<style>.*</style>", path.read_text(), re.DOTALL)[0] for path in pages.values()}
    assert len(styles) == 1
    for path in pages.values():
        text = path.read_text()
        assert text.count("<h1>") == 1 and 'name="viewport"' in text and "@media print" in text
    assert "Reads pain" in pages["reads"].read_text() and "Too few people (3)" in pages["too few people"].read_text()
    assert "Step by step" in pages["reads"].read_text()
    assert "Step by step" not in pages["too few people"].read_text(), "a heading over nothing"


@pytest.mark.browser
@pytest.mark.skipif(
    shutil.which("chromium") is None and not os.environ.get("CI"), reason="Debian's chromium is not installed"
)
def test_they_fit_a_phone_and_a_sheet_of_paper(pages):
    play = pytest.importorskip("playwright.sync_api", reason="playwright is missing: it comes with the extra dev")
    assert apart(_looked_at, play, pages) == {name: [] for name in PAGES}


def _looked_at(play, pages) -> dict[str, list[str]]:
    """What of each page sticks out of a phone or of paper, is pale, or is too small to touch."""
    found = {}
    with play.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, path in pages.items():
            tab = browser.new_page(viewport={"width": 390, "height": 844})
            tab.goto(path.as_uri())
            tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
            found[name] = [f"on a phone: {one}" for one in stumbles(tab) + axe.serious(tab)]
            if not tab.evaluate("[...document.querySelectorAll('.wide')].every(one => one.clientWidth >= 760)"):
                found[name].append("on a phone: a wide plot shrunk until nobody can read it")
            tab.emulate_media(media="print")
            tab.set_viewport_size({"width": 718, "height": 1000})  # what margins leave of A4
            found[name] += [f"on paper: {one}" for one in tab.evaluate(CUT)]
            if _sheets(tab.pdf(format="A4")) < 1:
                found[name].append("no sheet was printed")
            tab.close()
        browser.close()
    return found


# What no sheet shows whole: it is wider than the page, or hidden behind a bar that paper cannot scroll.
CUT = """() => [...document.querySelectorAll('main *')].filter(one =>
  one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 ||
  ['auto', 'scroll', 'hidden'].includes(getComputedStyle(one).overflowX) && one.scrollWidth > one.clientWidth + 1
).map(one => one.tagName + ' ' + one.textContent.slice(0, 40))"""


def _sheets(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))
