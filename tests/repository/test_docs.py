"""The documentation: all of it is in the site, its links hold, what it says to type works, its notebooks run."""

import ast
import html.parser
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import typer
import yaml

from threedpain import MASK_CLASSES, cli

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BUILDER = DOCS / "builder"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
SLOW_NOTEBOOKS = {"audit"}


@pytest.fixture(scope="module")
def builder():
    """The modules of docs/builder, as its command imports them."""
    sys.path.insert(0, str(BUILDER))
    try:
        import pages
        import reference

        yield pages, reference
    finally:
        sys.path.remove(str(BUILDER))


@pytest.fixture(scope="module")
def figures():
    spec = importlib.util.spec_from_file_location("figures", ROOT / "model_cards" / "figures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def nav(part):
    for entry in part:
        for value in entry.values():
            yield from nav(value) if isinstance(value, list) else [value]


def test_every_page_is_in_the_site_and_named_once(builder, tmp_path):
    made = builder[0].assemble(tmp_path)
    listed = list(nav(yaml.safe_load((BUILDER / "mkdocs.yml").read_text())["nav"]))
    assert sorted(listed) == sorted(made)


def test_links_of_the_sites_pages_lead_to_pages_and_files(builder, tmp_path):
    """Also those that leave docs/ in the repository: to the cards, to CONTRIBUTING.md, to a licence."""
    for name, text in builder[0].assemble(tmp_path).items():
        for code in builder[0]._CODE.findall(text):
            text = text.replace(code, "") if code else text
        for _, target in builder[0]._LINK.findall(text):
            assert (tmp_path / name).parent.joinpath(target).is_file(), f"{name}: {target}"


def test_a_link_is_turned_to_where_its_page_stands(builder):
    relinked = builder[0].relinked
    text = "[card](../model_cards/vitpain.md#figures) `[code](../model_cards/vitpain.md)` [web](https://a.b/c.md)"
    assert relinked(text, "docs/heads.md", "heads.md") == text.replace("](../model_cards/", "](cards/", 1)
    assert relinked("![x](docs/hero.png)", "README.md", "index.md") == "![x](hero.png)"
    assert relinked("[n](notebooks/audit.ipynb)", "docs/audit.md", "audit.md") == "[n](notebooks/audit.md)"
    assert relinked("[gone](nowhere.md)", "docs/audit.md", "audit.md") == "[gone](nowhere.md)"  # strict mode refuses it


class References(html.parser.HTMLParser):
    """What a page links to and loads, and the names it can be linked to by."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.names = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.names.add(found.get("id"))
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in ("img", "script") and found.get("src"):
            self.loads.append(found["src"])
        if tag == "link" and found.get("href") and found.get("rel") != "canonical":
            self.loads.append(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if not importlib.util.find_spec("material"):
        pytest.skip("mkdocs-material is missing: it comes with the extra docs")
    out = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, str(BUILDER / "build.py"), "--out", str(out)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "" and done.stdout.split() == [str(out / "index.html")]
    return out


def test_the_site_builds_without_a_warning_and_its_links_hold(site):
    pages = {path: References(path.read_text()) for path in site.rglob("*.html")}
    assert len(pages) > 30
    for path, page in pages.items():
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme or path.name == "404.html":  # that page is shown anywhere and has absolute links
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.relative_to(site)}: {link}"
            if parts.fragment and not parts.fragment.startswith("__"):
                assert unquote(parts.fragment) in pages[target].names, f"{path.relative_to(site)}: {link}"


def test_the_site_asks_nothing_of_the_network(site):
    for path in site.rglob("*.html"):
        away = [load for load in References(path.read_text()).loads if urlsplit(load).netloc]
        assert not away, f"{path.relative_to(site)}: {away}"
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", path.read_text()), path


def test_a_folder_that_is_no_site_is_not_emptied(tmp_path):
    pytest.importorskip("material", reason="mkdocs-material is missing: it comes with the extra docs")
    (tmp_path / "mine.txt").write_text("mine")
    done = subprocess.run(
        [sys.executable, str(BUILDER / "build.py"), "--out", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 1 and "holds something that is no site" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_reference_has_every_command_and_option(builder):
    text = builder[1].commands()
    for name, command in typer.main.get_command(cli.app).commands.items():
        part = text.split(f"## 3dpain {name}\n")[1].split("\n## ")[0]
        for one in command.params:
            spelt = one.opts[0] if one.opts[0].startswith("-") else one.name.upper()
            assert f"`{spelt}`" in part, (name, one.name)


def test_the_reference_has_what_the_package_offers(builder):
    import threedpain

    text = builder[1].python()
    offered = {name for name in threedpain._LAZY if not name.isupper()}  # tables are shown where they are used
    assert {name for name in offered if f"from threedpain import {name}\n" not in text} == set()
    for names in builder[1].PUBLIC.values():
        for dotted in names:
            part = text.split(f"\n### `{dotted.rsplit('.', 1)[1]}`\n")[1].split("\n### ")[0]
            assert re.sub(r"```.*?```", "", part, flags=re.DOTALL).strip(), f"{dotted} has no words"


SOURCE = '''
def read(photo, neutral: str | None = None, *, box=(0, 0, 1, 1), **more) -> dict[str, float]:
    """One sentence.

    Args:
        photo: a picture,
            of any size.
        neutral, box: what else there is, < 1.

    photo: told again. Not an item: x
    """
'''


def test_docstrings_become_lists(builder):
    node = ast.parse(SOURCE).body[0]
    assert builder[1]._signature(node) == (
        "(photo, neutral: str | None=None, *, box=(0, 0, 1, 1), **more) -> dict[str, float]"
    )
    assert builder[1]._prose(node) == (
        "One sentence.\n\n**Args:**\n\n- `photo`: a picture,\n  of any size.\n"
        "- `neutral`, `box`: what else there is, &lt; 1.\n\n- `photo`: told again. Not an item: x"
    )


def test_figures_of_pages_are_those_of_the_results(figures):
    blocks = 0
    for path in figures.pages():
        text = path.read_text()
        blocks += text.count("<!-- figures: ")
        assert figures.filled(text) == text, f"{path} is stale: run python model_cards/render.py"
    assert blocks >= 5


def test_another_result_makes_another_page(figures):
    found = json.loads(figures.STUDENT.read_text())
    condition = next(iter(found["conditions"]))
    found["conditions"][condition]["overall"]["mae"][0] = 77.123
    assert "77.12" in figures.vitpain(found)
    found["targets"][-1] |= {"reached": 66.5, "met": False}
    rows = figures.targets(found).splitlines()[2:]
    missed = ["**missed**" in row for row in rows]
    assert any("66.500 | **missed**" in row for row in rows) and missed == sorted(missed, reverse=True)


def test_what_an_audit_found_is_on_its_page(figures):
    effect = {"words": "darker", "expression": "at rest", "value_share": 0.31, "low_share": 0.2, "high_share": 0.4,
              "sure": True, "people": 12}  # fmt: skip
    plan = {"identities": 50, "counterfactuals": 12, "size": 256, "seed": 0}
    report = {"model": "vitpain", "plan": plan, "headline": "Reads pain", "effects": [effect], "cells": [],
              "generator_version": "9.9.9"}  # fmt: skip
    text = figures.audit(figures.take_audit(report))
    assert "Reads pain. (50 people, 12 of them changed, 256 pixels, seed 0, generator 9.9.9.)" in text
    assert "| darker, at rest | +31 % (+20 to +40 %) | yes |" in text
    none = figures.audit(figures.take_audit(report | {"effects": []}))
    assert "Reads pain." in none and "share of its spread" not in none  # no table of nothing


def test_the_page_of_units_names_every_class_of_the_mask():
    (row,) = re.findall(r"^\| `mask` \| .*$", (DOCS / "frames.md").read_text(), re.MULTILINE)
    said = re.findall(r"(\d+) ([a-z ]+)", row.partition("index: ")[2])
    names = [name.replace("_", " ") for name in MASK_CLASSES]
    assert [int(number) for number, _ in said] == list(range(len(names)))
    assert all(name in words for name, (_, words) in zip(names, said, strict=True)), row


def fenced(page, language):
    """(line, block) of a page's blocks in a language, but those that say that they cannot be run here."""
    text = page.read_text()
    for found in re.finditer(
        rf"^((?:<!-- not run: .*? -->\n)?)```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
    ):
        if not found[1]:
            yield text[: found.start()].count("\n") + 1, found[2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_local_links_lead_somewhere(page):
    for target in re.findall(r"(?:\]\(|\b(?:src|href)=\")(?!https?:|#|mailto:)([^)#\"]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_line_parses(page):
    group = typer.main.get_command(cli.app)
    for line, block in fenced(page, "bash"):
        for text in block.replace("\\\n", " ").splitlines():
            words = shlex.split(text, comments=True)
            if not words or words[0] in ("pip", "python", "export", "git"):
                continue
            if words[0] == "make":
                known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
                assert {word for word in words[1:] if "=" not in word} <= set(known), f"line {line}: {text}"
                continue
            assert words[0] == "3dpain", f"line {line}: {text}"
    for text in re.findall(r"^ {0,4}3dpain [a-z].*", page.read_text().replace("\\\n", " "), re.MULTILINE):
        words = shlex.split(text, comments=True)
        command = group.commands[words[1]]
        assert command.make_context(words[1], words[2:]).params, text  # parses and validates, runs nothing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_python_is_python(page):
    for line, block in fenced(page, "python"):
        try:
            ast.parse(block)
        except SyntaxError as mistake:
            pytest.fail(f"{page.name}, block at line {line}: {mistake}")


RUN = ["tutorial.md", "dataset.md", "howto/student.md", "howto/hub.md", "howto/auditor.md", "howto/builder.md"]


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN)
def test_the_python_of_a_page_runs(name, tmp_path, small_set):
    """In the order of the page, in one fresh process, in a folder that holds a small ./3dpain."""
    (tmp_path / "3dpain").symlink_to(small_set)
    (tmp_path / "page.py").write_text("\n".join(block for _, block in fenced(DOCS / name, "python")))
    done = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    """Ten people: seven to learn from, two to choose by, one to test on."""
    out = tmp_path_factory.mktemp("set") / "3dpain"
    options = "--identities 10 --expressions 2 --others 0 --views 1 --size 96 --videos 0 --workers 1"
    command = [sys.executable, "-m", "threedpain.cli", "generate", "--out", str(out), *options.split()]
    subprocess.run(command, check=True, capture_output=True, timeout=900)
    return out


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_small_and_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    assert path.stat().st_size < 20_000 and cells[0]["source"][0].startswith("# ")
    for cell in cells:
        assert cell["cell_type"] == "markdown" or (cell["outputs"] == [] and cell["execution_count"] is None)
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert not [line for block in code for line in block.splitlines() if line.startswith(("%", "!"))]


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.slow] if path.stem in SLOW_NOTEBOOKS else []) for path in NOTEBOOKS],
    ids=lambda path: path.stem,
)
def test_a_notebook_runs(path, tmp_path):
    """All cells in order, in a fresh process and an empty folder; nothing it shows would flood a screen."""
    runner = ROOT / "tests" / "support" / "notebooks.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-W", "ignore::ResourceWarning",
         str(runner), str(path)],
        cwd=tmp_path, capture_output=True, text=True, timeout=900, env=os.environ | {"MPLBACKEND": "Agg"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(done.stdout) < 20_000
    expected = {
        "faces": ["PSPI 10.0", "PSPI of laughter"],
        "fine-tune": ["vitpain: mean error", "runs/mine: mean error"],
        "audit": ["Does not read pain", "report.html", "chance is 0.50"],
    }
    assert [words for words in expected[path.stem] if words not in done.stdout] == []


def test_every_picture_of_the_documentation_opens():
    from PIL import Image

    pictures = [path for path in (ROOT / "docs").rglob("*") if path.suffix in (".webp", ".png", ".jpg")]
    assert len(pictures) > 30
    for path in pictures:
        with Image.open(path) as picture:
            picture.load()
