"""What README.md tells people to type works: its Python runs, its commands are commands, its links lead somewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from threedpain import cli

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_there_are_blocks_for_the_two_commands_and_the_three_uses():
    code = "\n".join(blocks("python") + blocks("bash"))
    for must in ("make demo", "make test", "load_dataset(", "AutoModel.from_pretrained(", "3dpain demo"):
        assert must in code


@pytest.mark.parametrize("line", [line for block in blocks("bash") for line in block.splitlines() if line.strip()])
def test_every_command_line_parses(line):
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert {word for word in words[1:] if "=" not in word} <= set(known)
        return
    assert words[0] == "3dpain"
    group = typer.main.get_command(cli.app)
    command = group.commands[words[1]]
    context = command.make_context(words[1], words[2:])  # parses and validates, runs nothing
    assert context.params


def test_the_python_of_the_readme_runs(tmp_path):
    """In the order of the page, in one fresh process, in a folder that holds a small ./3dpain."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "threedpain.cli",
            "generate",
            "--out",
            "3dpain",
            "--identities",
            "1",
            "--expressions",
            "2",
            "--views",
            "1",
            "--size",
            "128",
            "--videos",
            "0",
            "--workers",
            "1",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (tmp_path / "readme.py").write_text("\n".join(blocks("python")))
    done = subprocess.run([sys.executable, "readme.py"], cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "face.png").stat().st_size > 1000
    au4, score, again = done.stdout.splitlines()[0].split()
    assert float(score) == float(again) >= float(au4) >= 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_local_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_shipped_weight_has_a_licence_row():
    from threedpain.assets import shipped

    table = TEXT.split("## Licences")[1].split("## ")[0]
    for name in shipped():
        assert f"`{name}" in table or f"({name}" in table or (name.startswith("vitpain") and "`vitpain`" in table), name
