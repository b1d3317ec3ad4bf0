"""The built wheel, the editable install and the source are one and the same package; metadata hold together."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from installed import config, extras, requirements
from wheels import ROOMS, ROOT

import threedpain


def test_the_wheel_holds_every_file_of_the_rooms_and_nothing_else(wheel):
    path, files = wheel
    expected = set()
    for file in files:
        room, *rest = file.parts
        if room in ROOMS and rest and (ROOT / file).is_file():
            expected.add("/".join([ROOMS[room], *rest]))
    with zipfile.ZipFile(path) as archive:
        held = {name for name in archive.namelist() if not name.endswith("/") and ".dist-info/" not in name}
        assert held == expected
        for name in held:  # byte for byte
            room = next(
                room
                for room in ROOMS
                if name.startswith(ROOMS[room] + "/") and (room != "threedpain" or name.split("/")[1] not in ROOMS)
            )
            assert archive.read(name) == (ROOT / room / name.removeprefix(ROOMS[room] + "/")).read_bytes(), name


def test_every_package_is_declared(wheel):
    """A new sub-package that setup.cfg does not name would be missing from installations."""
    declared = set(requirements(config()["options"]["packages"].strip()))
    there = {
        "/".join([ROOMS[f.parts[0]], *f.parts[1:-1]]).replace("/", ".")
        for f in wheel[1]
        if f.parts[0] in ROOMS and f.name == "__init__.py" and (ROOT / f).is_file()
    }
    assert {name.strip() for name in declared} == there


def test_wheel_and_editable_install_import_alike(wheel, tmp_path):
    """The same modules, weights and command, from site-packages instead of the repository."""
    path, _ = wheel
    with zipfile.ZipFile(path) as archive:
        names = [
            name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            for name in archive.namelist()
            if name.endswith(".py") and "/weights/" not in name
        ]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", tmp_path, path]
    subprocess.run(pip, check=True, capture_output=True)
    code = f"""
import hashlib, pathlib
from importlib.util import find_spec
import threedpain
from threedpain import assets
print(threedpain.__file__)
for name in {names}:
    print(name, hashlib.sha256(pathlib.Path(find_spec(name).origin).read_bytes()).hexdigest())
print(threedpain.__version__, list(assets.shipped()), dir(threedpain))
"""

    def look(**environment):
        done = subprocess.run(
            [sys.executable, "-P", "-c", code],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"PATH": "/usr/bin", "HOME": str(tmp_path), **environment},
        )
        assert done.returncode == 0, done.stderr
        where, *rest = done.stdout.splitlines()
        return Path(where), rest

    installed, from_wheel = look(PYTHONPATH=str(tmp_path))
    editable, from_source = look()
    assert installed.is_relative_to(tmp_path) and editable == Path(threedpain.__file__)
    assert from_wheel == from_source
    assert (tmp_path / "bin" / "3dpain").is_file()


def test_no_room_is_importable_by_its_bare_name():
    code = "import importlib.util as u; print([n for n in ('generation', 'modeling', 'spaces') if u.find_spec(n)])"
    out = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd="/", check=True).stdout
    assert out.strip() == "[]"


def test_metadata():
    metadata = config()["metadata"]
    assert metadata["license_expression"] == "Apache-2.0" and "Apache License" in (ROOT / "LICENSE").read_text()
    expected = "texture train pytorch3d data report space video judges cluster onnx anny all docs dev"
    assert list(extras()) == expected.split()
    assert metadata["author"] and {"pain", "FACS", "PSPI"} <= set(re.split(r",\s*", metadata["keywords"]))
    assert "Typing :: Typed" in metadata["classifiers"] and (ROOT / "threedpain" / "py.typed").is_file()
    assert metadata["project_urls"].strip() and metadata["long_description"] == "file: README.md"
    assert f"version: {threedpain.__version__}" in (ROOT / "CITATION.cff").read_text()
    assert f"## {threedpain.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["line-length"] == 120


def test_constraints_pin_every_requirement_within_its_range():
    from packaging.requirements import Requirement
    from packaging.version import Version

    pinned = {}
    for line in requirements((ROOT / "constraints.txt").read_text()):
        name, version = line.split("==")
        pinned[re.sub(r"[-_.]+", "-", name).lower()] = Version(version)
    asked = requirements(config()["options"]["install_requires"])
    asked += [line for lines in extras().values() for line in lines]
    for line in asked:
        requirement = Requirement(line)
        if requirement.name != "threedpain" and requirement.name != "setuptools":
            version = pinned[re.sub(r"[-_.]+", "-", requirement.name).lower()]
            assert version in requirement.specifier, f"{line}: {version}"
    assert pinned["torch"].release[:2] == (2, 12)  # the line easypytorch3d is linked against


def test_the_space_installs_the_core_and_its_own_extra_with_a_torch_for_cpus():
    index, *wheel = (ROOT / "spaces" / "requirements.txt").read_text().splitlines()
    assert index == "--extra-index-url https://download.pytorch.org/whl/cpu"
    assert wheel == [f"./threedpain-{threedpain.__version__}-py3-none-any.whl[space]"]


def test_make_says_in_one_sentence_that_it_needs_another_python(tmp_path):
    """On a machine without Python 3.11 and 3.12 (an empty PATH but for make's own tools)."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "make"):
        found = subprocess.run(["which", tool], capture_output=True, text=True, check=True).stdout.strip()
        (tools / tool).symlink_to(Path(found).resolve())
    for name in ("python3", "python3.11"):  # there, but too old, or a shim that fails
        (tools / name).write_text("#!/bin/sh\nexit 1\n")
        (tools / name).chmod(0o755)
    for target in ("demo", "test", "lint"):
        done = subprocess.run(
            [tools / "make", "-C", str(ROOT), target], capture_output=True, text=True, env={"PATH": str(tools)}
        )
        assert done.returncode == 2
        assert done.stderr.splitlines()[0] == "3DPain needs Python 3.11 or 3.12, and neither is on the PATH."


def test_nothing_that_runs_code_when_loaded_is_shipped():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert not [name for name in tracked if name.endswith((".pkl", ".pt", ".pth", ".ckpt", ".bin", ".npy", ".npz"))]
