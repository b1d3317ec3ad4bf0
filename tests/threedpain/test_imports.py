"""`import threedpain` is light, and whatever the order of imports, transformers and datasets know us."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import threedpain

HEAVY = ("torch", "numba", "numpy", "datasets", "transformers", "scipy", "PIL", "gradio", "typer")


def run(code):
    """What a fresh interpreter prints; a warning from our registration is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def loaded(code):
    return run(f"{code}\nimport sys; print(*[name for name in {HEAVY} if name in sys.modules])")


@pytest.mark.parametrize(
    "module", ["threedpain", "threedpain.facs", "threedpain.demographics", "threedpain.regions", "threedpain.assets"]
)
def test_importing_the_vocabulary_loads_nothing_heavy(module):
    assert loaded(f"import {module}") == []


def test_pspi_of_numbers_loads_nothing_heavy():
    assert loaded("import threedpain; assert threedpain.pspi({'AU4': 3}) == 3") == []


def test_pspi_of_an_array_loads_no_torch():
    assert "torch" not in loaded("import numpy, threedpain; threedpain.pspi(numpy.zeros((2, 6)))")


def test_import_time_is_under_a_third_of_a_second():
    """Counted by the interpreter's own import timer: the sum of what `import threedpain` executes, in microseconds."""
    command = [sys.executable, "-X", "importtime", "-c", "import threedpain"]
    lines = subprocess.run(command, capture_output=True, text=True).stderr.splitlines()
    fields = [line.split("|") for line in lines]
    assert next(int(field[1]) for field in fields if field[-1].strip() == "threedpain") < 300_000


def test_the_command_lines_help_loads_nothing_heavy():
    code = (
        "from threedpain.cli import _run\n"
        "assert _run(['--help']) == 0\n"
        "import threedpain.cli, sys\n"
        "for name in threedpain.cli.COMMANDS: assert _run([name, '--help']) == 0, name"
    )
    names = ("torch", "numba", "numpy", "datasets", "transformers", "gradio")
    assert run(f"{code}\nprint('::', *[name for name in {names} if name in sys.modules])")[-1] == "::"


REGISTERED = """
from transformers import AutoConfig
assert type(AutoConfig.for_model("vitpain")).__name__ == "ViTPainConfig"
from transformers import AutoModel
assert threedpain.ViTPainConfig in AutoModel._model_mapping.keys()
from transformers.pipelines import PIPELINE_REGISTRY
assert "pain-assessment" in PIPELINE_REGISTRY.get_supported_tasks()
from datasets import load_dataset_builder, packaged_modules
assert "3dpain" in packaged_modules._PACKAGED_DATASETS_MODULES
assert not [finder for finder in sys.meta_path if type(finder).__module__ == "threedpain.registration"]
print("yes")
"""


@pytest.mark.parametrize("imports", ["threedpain", "transformers, datasets, threedpain"])
def test_both_orders_of_imports_register(imports):
    assert run(f"import sys\nimport {imports}\n{REGISTERED}") == ["yes"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "imports",
    [
        "threedpain, transformers, datasets",
        "threedpain, datasets, transformers",
        "transformers, threedpain, datasets",
        "datasets, threedpain, transformers",
        "transformers.pipelines, datasets, threedpain",
        "threedpain, threedpain.schema",
        "threedpain, threedpain.modeling.vitpain.modeling_vitpain",
        "threedpain, threedpain.modeling.vitpain.pipeline_vitpain",
        "threedpain, threedpain.dataset_script.builder",
    ],
)
def test_every_other_order_registers(imports):
    assert run(f"import sys\nimport {imports}\n{REGISTERED}") == ["yes"]


def test_the_hook_waits_until_the_last_library_has_come():
    code = """
import sys, threedpain
hooks = lambda: [f for f in sys.meta_path if type(f).__module__ == "threedpain.registration"]
assert len(hooks()) == 1
import datasets
assert len(hooks()) == 1 and "transformers" in hooks()[0].awaited
import transformers.pipelines
assert not hooks()
print("yes")
"""
    assert run(code) == ["yes"]


def test_a_missing_library_stays_missing():
    """The hook must not turn the absence of a library into anything else than its absence."""
    code = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("transformers", "datasets"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hide())
import threedpain
sys.meta_path.append(sys.meta_path.pop(0)); sys.meta_path.insert(0, sys.meta_path.pop())
for name in ("transformers", "datasets"):
    try:
        __import__(name)
    except ModuleNotFoundError as missing:
        assert missing.name == name
    else:
        raise AssertionError
print(threedpain.pspi({"AU4": 2}))
"""
    assert run(code) == ["2.0"]


def test_a_broken_registration_warns_and_breaks_no_import():
    code = """
import sys, types, warnings
import threedpain
room = types.ModuleType("threedpain.dataset_script")
def register(): raise RuntimeError("the registry has moved")
room.register = register
sys.modules["threedpain.dataset_script"] = room
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import datasets
assert datasets.load_dataset
print(*[str(w.message) for w in caught if w.category is RuntimeWarning])
"""
    assert " ".join(run(code)) == "threedpain could not register with datasets: the registry has moved"


def test_public_names():
    code = """
import threedpain
assert set(threedpain.__all__) <= set(dir(threedpain))
for name in ("pspi", "weights", "features", "ACTION_UNITS", "PAIN_UNITS"): getattr(threedpain, name)
assert threedpain.facs.pspi is threedpain.pspi
try: threedpain.nonsense
except AttributeError as error: print(error)
"""
    assert " ".join(run(code)) == "module 'threedpain' has no attribute 'nonsense'"


def test_editors_see_every_lazy_name():
    """An editor reads the source: what stands under TYPE_CHECKING and in __all__ is what is loaded when first used."""
    (shown,) = [
        node for node in ast.walk(ast.parse(Path(threedpain.__file__).read_text()))
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]  # fmt: skip
    names = {alias.name: line.module for line in shown.body for alias in line.names}
    modules = {name for name, module in names.items() if module == "threedpain"}
    assert modules == set(threedpain._MODULES)
    assert {name: names[name] for name in set(names) - modules} == {
        name: module for name, (module, attribute) in threedpain._LAZY.items() if attribute == name
    }
    eager = {"InvalidInput", "MissingExtra", "MissingFile", "ThreeDPainError", "__version__"}
    assert set(threedpain.__all__) == eager | set(threedpain._LAZY)
    assert Path(threedpain.__file__).with_name("py.typed").is_file()


@pytest.mark.slow
def test_every_public_name_loads():
    run("import threedpain\nfor name in threedpain.__all__: getattr(threedpain, name)")
