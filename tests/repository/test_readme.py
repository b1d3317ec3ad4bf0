"""README.md keeps to one screen above its first heading, and its Python runs. Its commands and links: test_docs.py."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from apart import apart

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()
FOLD = TEXT.split("\n## ")[0]


def blocks(language, text=TEXT):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_there_are_blocks_for_the_commands_and_the_three_uses():
    code = "\n".join(blocks("python") + blocks("bash"))
    for must in (
        "make demo",
        "make test",
        "make docs",
        "load_dataset(",
        "PainFacePipeline",
        "PainReader",
        "3dpain demo",
    ):
        assert must in code
    assert "AutoModel.from_pretrained(" in (ROOT / "docs" / "howto" / "hub.md").read_text()


def test_one_screen_says_what_this_is():
    """Picture, two sentences, how to install, three blocks, where to go on."""
    assert "docs/hero.png" in FOLD and len(blocks("python", FOLD)) == 3
    assert blocks("bash", FOLD)[0].startswith("pip install threedpain")
    assert len(FOLD.splitlines()) <= 40
    for page in ("tutorial", "howto/student", "howto/hub", "howto/clinic", "howto/auditor", "howto/builder", "limits"):
        assert f"(docs/{page}.md)" in FOLD


# How a repository's page is commonly drawn: a column of 830 pixels, text of 16.
STYLE = """body { margin: 24px auto; width: 830px; font: 16px/1.5 sans-serif } h1 { font-size: 32px; margin: 0 0 16px }
p, pre { margin: 0 0 16px } pre { padding: 16px; font: 13.6px/1.45 monospace; overflow: auto }"""


@pytest.mark.browser
@pytest.mark.skipif(
    shutil.which("chromium") is None and not os.environ.get("CI"), reason="Debian's chromium is not installed"
)
def test_it_is_one_screen_in_a_browser(tmp_path):
    """Up to the first heading at most 1,000 pixels high, and no line of code runs out of its box."""
    markdown = pytest.importorskip("markdown", reason="Markdown is missing: it comes with the extra docs")
    play = pytest.importorskip("playwright.sync_api", reason="playwright is missing: it comes with the extra dev")
    text = markdown.markdown(FOLD, extensions=["fenced_code"])
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    (tmp_path / "fold.html").write_text(f"<meta charset='utf-8'><style>{STYLE}</style>{text}")
    apart(_looked_at, play, (tmp_path / "fold.html").as_uri())


def _looked_at(play, page):
    with play.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 1000})
        tab.goto(page)
        assert tab.evaluate("document.querySelector('img').naturalWidth") > 600
        assert tab.evaluate("document.body.getBoundingClientRect().bottom") <= 1000
        assert tab.evaluate("[...document.querySelectorAll('pre')].every(one => one.scrollWidth <= one.clientWidth)")
        browser.close()


def test_the_python_of_the_readme_runs(tmp_path):
    """In the order of the page, in one fresh process, in a folder that holds a small ./3dpain."""
    options = "--identities 1 --expressions 2 --views 1 --size 128 --videos 0 --workers 1"
    done = subprocess.run(
        [sys.executable, "-m", "threedpain.cli", "generate", "--out", "3dpain", *options.split()],
        cwd=tmp_path, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (tmp_path / "readme.py").write_text("\n".join(blocks("python")))
    done = subprocess.run([sys.executable, "readme.py"], cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "face.png").stat().st_size > 1000
    read, row = done.stdout.splitlines()
    truth, reading = map(float, read.split()[:2])
    assert truth == 8 and 0 <= reading <= 16
    assert 1 <= float(row.split()[0]) <= 16


def test_every_shipped_weight_has_a_licence_row():
    from threedpain.assets import shipped

    table = (ROOT / "docs" / "licences.md").read_text().split("\n## ")[0]
    for name in shipped():
        assert f"`{name}" in table or f"({name}" in table or (name.startswith("vitpain") and "`vitpain`" in table), name
