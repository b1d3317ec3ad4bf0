"""What an installation of the package with some of its extras would hold, and a Python that has nothing else.

The names come from setup.cfg and from the metadata of what is installed here, so nothing has to be listed twice.

    python tests/support/installed.py       # what the core and each extra weigh, of what is installed here
"""

import configparser
import json
import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
HIDE = """
import json, os
from importlib.machinery import PathFinder
hidden = set(json.loads(os.environ["HIDDEN"]))
find = PathFinder.find_spec
PathFinder.find_spec = staticmethod(
    lambda name, path=None, target=None: None if name.split(".")[0] in hidden else find(name, path)
)
"""


def config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def requirements(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def extras() -> dict[str, list[str]]:
    """Extra -> its lines in setup.cfg."""
    return {name: requirements(text) for name, text in config()["options.extras_require"].items()}


def distributions(*wanted: str) -> set[str]:
    """Everything that pip would install for the core and the extras `wanted`, of what is installed here."""
    lines = [*requirements(config()["options"]["install_requires"])]
    for extra in wanted:
        lines += extras()[extra]
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [Requirement(line) for line in lines]
    while todo:
        requirement = todo.pop()
        key = (_plain(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            needs = distribution(requirement.name).requires or []
        except PackageNotFoundError:
            continue
        for need in map(Requirement, needs):
            marker = need.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in (*requirement.extras, "")):
                todo.append(need)
    return {name for name, _ in seen}


def megabytes(names: set[str], part: str = "") -> float:
    """Of the files of these distributions that have `part` in their names."""
    files = ((distribution(name), file) for name in names for file in distribution(name).files or ())
    places = [owner.locate_file(file) for owner, file in files if part in file.name]
    return sum(os.stat(place).st_size for place in places if os.path.isfile(place)) / 1e6


def weigh() -> None:
    core = {name for name in distributions() if _is_here(name)}
    cuda = {name for name in core if name.startswith(("nvidia-", "cuda-")) or name == "triton"}
    kernels = megabytes({"torch"}, "torch_cuda")
    weights = sum(path.stat().st_size for path in (ROOT / "threedpain" / "weights").rglob("*.*")) / 1e6
    print(
        f"core      {megabytes(core - cuda - {'torch'}) + weights:5.0f} MB without torch, {weights:.0f} of them weights"
    )
    print(
        f"torch     {megabytes({'torch'}) - kernels:5.0f} MB without CUDA, {kernels + megabytes(cuda):.0f} MB for CUDA"
    )
    for extra in extras():
        more = {name for name in distributions(extra) - core if _is_here(name)}
        if extra != "dev":
            print(f"{extra:9} {megabytes(more):5.0f} MB more")


def _is_here(name: str) -> bool:
    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False


def hidden(*wanted: str) -> list[str]:
    """Every module that can be imported here, and could not where only the core and the extras `wanted` are."""
    there = distributions(*wanted) | {"threedpain", "pip", "setuptools"}
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if module.isidentifier() and not {_plain(owner) for owner in owners} & there
    )


def run(code: str, *wanted: str, folder: Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `code` in a Python, and in those it starts, that imports the core and the extras `wanted` and no more."""
    hook = folder / "hide"
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(HIDE)
    environment = {**os.environ, "PYTHONPATH": str(hook), "HIDDEN": json.dumps(hidden(*wanted))}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=cwd or folder, timeout=900
    )


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    weigh()
