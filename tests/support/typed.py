"""Types, checked: `make lint` runs this; `--new` writes mypy.ini with the exceptions that are still needed.

The rooms lie in folders of their own and are installed under one name, so mypy is shown a tree of links in which they
stand as they are imported.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
TREE = ROOT / "build" / "types" / "threedpain"
ROOMS = ("generation", "dataset_script", "modeling", "spaces")
STRICT = ("disallow_untyped_defs", "disallow_any_generics", "check_untyped_defs", "strict_equality")
ERROR = re.compile(r"^build/types/(\S+?)\.py:\d+: error:", re.MULTILINE)
HEAD = """\
; Types are checked everywhere, strictly in threedpain, generation.dataset and dataset_script, where data are read
; and written. The two lists below are what is left to do, and may only shrink (tests/repository/test_types.py):
; `python tests/support/typed.py --new` writes this file without those that are done.
[mypy]
mypy_path = build/types
packages = threedpain
ignore_missing_imports = True
"""


def plant() -> None:
    """The tree of links, anew."""
    TREE.mkdir(parents=True, exist_ok=True)
    for link in TREE.iterdir():
        link.unlink()
    for path in (ROOT / "threedpain").iterdir():
        if path.name not in ("weights", "__pycache__"):
            (TREE / path.name).symlink_to(path)
    for room in ROOMS:
        (TREE / room).symlink_to(ROOT / room)


def names() -> list[str]:
    """Dotted names of all modules."""
    files = [path for top in TREE.iterdir() for path in ([top] if top.is_file() else top.resolve().rglob("*.py"))]
    parts = [path.resolve().relative_to(ROOT).with_suffix("").parts for path in files if path.suffix == ".py"]
    dotted = [".".join(p if p[0] == "threedpain" else ("threedpain", *p)).removesuffix(".__init__") for p in parts]
    return sorted(dotted)


def strict(name: str) -> bool:
    """Whether a module belongs to where data are read and written."""
    return not name.startswith(tuple(f"threedpain.{room}" for room in ROOMS)) or name.startswith(
        ("threedpain.generation.dataset", "threedpain.dataset_script")
    )


def mypy(*more: str) -> subprocess.CompletedProcess[str]:
    plant()
    return subprocess.run([sys.executable, "-m", "mypy", *more], cwd=ROOT, capture_output=True, text=True)


def wrong(text: str) -> set[str]:
    """Modules with errors."""
    return {name.replace("/", ".").removesuffix(".__init__") for name in ERROR.findall(text)}


def section(modules: Iterable[str], options: Iterable[str]) -> str:
    return f"\n[mypy-{','.join(sorted(modules))}]\n" + "".join(f"{option}\n" for option in options)


def anew() -> str:
    """mypy.ini with the exceptions that today's errors need."""
    plant()
    (ROOT / "mypy.ini").write_text(HEAD)
    loose = wrong(mypy().stdout)
    careful = {name for name in names() if strict(name)} - loose
    (ROOT / "mypy.ini").write_text(HEAD + section(careful, (f"{option} = True" for option in STRICT)))
    relaxed = wrong(mypy().stdout) & careful
    text = HEAD + section(careful - relaxed, (f"{option} = True" for option in STRICT))
    if relaxed:
        text += "\n; not strict yet" + section(relaxed, ("strict_equality = True",))
    return text + "\n; not checked yet" + section(loose, ("ignore_errors = True",))


if __name__ == "__main__":
    if "--new" in sys.argv:
        (ROOT / "mypy.ini").write_text(anew())
    done = mypy()
    print(done.stdout, end="")
    sys.exit(done.returncode)
