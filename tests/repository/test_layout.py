"""The rooms: who may import whom. Read from the source, lazy and TYPE_CHECKING imports included."""

import ast
import re
from pathlib import Path

import order
import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("threedpain", "generation", "dataset_script", "modeling", "spaces")

# Each row may import only rows below it; modules named together stand on one step and may import each other downwards
# only (a circle is a circle on any step). A name ending in "." is a folder, the others are modules.
STEPS = (
    ("spaces.",),
    ("modeling",),
    ("modeling.metric_modules.",),
    ("modeling.protocols.", "modeling.training.", "modeling.audit."),
    ("modeling.evaluation.",),
    ("modeling.faces.",),
    ("modeling.reading.",),
    ("modeling.vitpain.",),
    ("dataset_script.",),
    ("generation.dataset.",),
    ("generation.pipeline",),
    ("generation.texture.aside",),
    ("generation.texture",),
    ("generation.texture.hub.",),
    ("generation.texture.training.",),
    ("generation.texture.",),
    ("generation.texture.model.",),
    ("generation.morphs", "generation.dressed", "generation.export"),
    ("generation.render.",),
    ("generation.render.shading.",),
    ("generation.render.raster.",),
    ("generation.scene.",),
    ("generation.people.",),
    ("generation.worn.",),
    ("generation.head.build.",),
    ("generation.head.",),
    ("generation.frames", "generation.colour", "generation.geometry"),
    ("generation.elsewhere",),
    ("generation.records", "generation.seeds", "generation.device", "generation.process", "generation.compiling"),
    ("threedpain.",),
)


def sources() -> dict[str, Path]:
    """Dotted name without the distribution's own -> file, of every module that is installed."""
    found = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "weights" in path.parts:
                continue
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: set[str]) -> set[str]:
    """The modules of ours that a module imports anywhere in its text."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    targets = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            targets |= {plain(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = plain(node.module or "") if not node.level else climb(package, node.level, node.module)
            targets |= {f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names}
    return {target for target in targets if target in known and target != name}


def plain(module: str) -> str:
    """`threedpain.generation.x` -> `generation.x`; the vocabulary's own modules keep their name."""
    _, _, rest = module.partition("threedpain.")
    return rest if rest.partition(".")[0] in ROOMS else module


def climb(package: str, level: int, module: str | None) -> str:
    parts = package.split(".")
    return ".".join(parts[: len(parts) - level + 1] + ([module] if module else []))


def step(name: str) -> int:
    """How high a module stands: the row that names it, or else the row with its longest folder."""
    matches = [
        (name == entry, len(entry), height)
        for height, row in enumerate(reversed(STEPS))
        for entry in row
        if name == entry or (entry.endswith(".") and f"{name}.".startswith(entry))
    ]
    return max(matches)[2] if matches else -1


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Some circle of a directed graph, or nothing."""
    done: set[str] = set()

    def walk(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        for target in sorted(graph[name]):
            if found := walk(target, [*trail, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := walk(name, []))), [])


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    found = sources()
    # The command line and the lazy names of `import threedpain` open every room; they are doors, not rooms.
    doors = {name for name in found if name == "threedpain" or name.startswith("threedpain.cli")}
    return {name: imports(name, path, set(found)) - doors for name, path in found.items() if name not in doors}


def test_no_circle(graph):
    assert not circle(graph), "these modules import each other in a circle: " + " -> ".join(circle(graph))


def test_no_upward_arrow(graph):
    upward = [
        f"{name} imports {target}, which stands above it"
        for name, targets in graph.items()
        for target in targets
        if step(target) > step(name)
    ]
    assert not upward, "\n".join(upward)


def test_every_module_has_its_row(graph):
    packages = {name.rpartition(".")[0] for name in graph}  # an `__init__` belongs to its folder
    lost = [name for name in graph if step(name) < 0 and name not in packages]
    assert not lost, f"no row of STEPS names {', '.join(lost)}"


def test_the_test_can_fail():
    """A circle is found through any number of modules, and an arrow's height is the longest name's."""
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()}) == ["a", "b", "c", "a"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    assert step("generation.render.raster.exact") < step("generation.render.renderer") < step("generation.pipeline")


def test_modules_keep_to_one_subject():
    """At most 400 lines; ViTPain's model is one file because remote code is."""
    long = {name: lines for name, path in sources().items() if (lines := len(path.read_text().splitlines())) > 400}
    assert set(long) <= {"modeling.vitpain.modeling_vitpain"}, long


NAMED = re.compile(
    r"(?<![\w/.-])((?:threedpain|generation|dataset_script|modeling|spaces|tests|benchmarks|model_cards)/[\w/]+\.\w+)"
)


def test_files_that_the_pages_name_exist():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "model_cards").rglob("*.md")]
    lost = [
        f"{page.name}: {name}"
        for page in pages
        for name in NAMED.findall(page.read_text())
        if not (ROOT / name).exists()
    ]
    assert pages and not lost, lost


def test_the_files_of_tests_that_are_begun_first_exist():
    lost = [name for name in order.LONGEST if not (ROOT / "tests" / name).is_file()]
    assert not lost, lost
