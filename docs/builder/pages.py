"""The site's pages as one folder of Markdown: those of docs/, those that lie elsewhere, those made from the source.

Links are written as they hold in the repository, so that every page can be read there too; here they are turned to
where the page stands in the site. A link that leads nowhere stays as it is, and the builder's strict mode refuses it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import reference

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

ELSEWHERE = {  # of the repository -> of the site
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
    "CHANGELOG.md": "changelog.md",
    "spaces/README.md": "space-deploy.md",
    "spaces/API.md": "space-api.md",
    "model_cards/3dpain.md": "cards/3dpain.md",
    "model_cards/vitpain.md": "cards/vitpain.md",
    "model_cards/vitpain-teacher.md": "cards/vitpain-teacher.md",
    "model_cards/texture.md": "cards/texture.md",
    "threedpain/weights/vitpain/training.md": "cards/vitpain-training.md",
    "threedpain/weights/vitpain-teacher/training.md": "cards/vitpain-teacher-training.md",
}
FILES = {  # that pages link to and that are no pages
    "CITATION.cff": "files/CITATION.cff.txt",
    "LICENSE": "files/LICENSE.txt",
    "LICENSES/ICT-FaceKit.txt": "files/ICT-FaceKit.txt",
    "threedpain/weights/texture/skin.jpg": "cards/skin.jpg",
}
MADE = {
    "reference/python.md": reference.python,
    "reference/commands.md": reference.commands,
    "reference/columns.md": reference.columns,
    "reference/action-units.md": reference.action_units,
}
_LINK = re.compile(r"(\]\(|\bsrc=\")(?!https?:|mailto:|#)([^)\s#\"]+)")
_CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def assemble(out: Path) -> dict[str, str]:
    """Write all pages and files below `out`; returns the pages by their names in the site."""
    pages: dict[str, str] = {}
    for path in sorted(DOCS.rglob("*")):
        name = path.relative_to(DOCS).as_posix()
        if path.is_dir() or name.startswith("builder/") or "__pycache__" in name:
            continue
        if path.suffix == ".md":
            pages[name] = relinked(path.read_text(), f"docs/{name}", name)
        elif path.suffix == ".ipynb":
            pages[name.replace(".ipynb", ".md")] = notebook(path)
            _copy(path, out / name)
        else:
            _copy(path, out / name)
    for source, name in ELSEWHERE.items():
        if (ROOT / source).is_file():
            pages[name] = relinked((ROOT / source).read_text(), source, name)
    for source, name in FILES.items():
        _copy(ROOT / source, out / name)
    pages |= {name: make() for name, make in MADE.items()}
    _copy(DOCS / "builder" / "style.css", out / "style.css")
    for name, text in pages.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text)
    return pages


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def relinked(text: str, source: str, name: str) -> str:
    """The text of the repository's file `source` with its links as they hold in the page `name` of the site."""
    here, there = os.path.dirname(source), os.path.dirname(name)

    def turned(match: re.Match[str]) -> str:
        target = os.path.normpath(os.path.join(here, match[2]))
        place = place_of(target)
        return match[0] if place is None else match[1] + os.path.relpath(place, there or ".")

    parts, end = [], 0
    for code in _CODE.finditer(text):  # what stands in code is no link
        parts += [_LINK.sub(turned, text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, _LINK.sub(turned, text[end:])])


def place_of(target: str) -> str | None:
    """Where a file of the repository stands in the site; None where it does not."""
    for known in (ELSEWHERE, FILES):
        if target in known:
            return known[target]
    if not target.startswith("docs/"):
        return None
    name = target.removeprefix("docs/")
    if name in MADE:
        return name
    if not (ROOT / target).is_file() or name.startswith("builder/"):
        return None
    return name.replace(".ipynb", ".md")


def notebook(path: Path) -> str:
    """A notebook as a page: its words, its code, and where to get it."""
    parts = []
    for cell in json.loads(path.read_text())["cells"]:
        source = "".join(cell["source"]).strip()
        if cell["cell_type"] == "markdown":
            parts.append(source)
            if len(parts) == 1:
                parts.append(f'<a href="{path.name}" download>Download this notebook</a>')
        else:
            parts.append(f"```python\n{source}\n```")
    return "\n\n".join(parts) + "\n"
