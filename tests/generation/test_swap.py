"""What is the user's stays, an interrupted growth leaves the old set whole, and every kill ends in the same bytes."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import standin

from threedpain.dataset_script.card import write_card
from threedpain.errors import InvalidInput
from threedpain.generation.dataset import generate as generating
from threedpain.generation.dataset import swap, workers
from threedpain.generation.dataset.manifest import load_plan
from threedpain.generation.dataset.plan import Config

SMALL = Config(identities=6, expressions=1, views=1, size=32, texture="flat", videos=0)
LARGER = Config(**(vars(SMALL) | {"identities": 10}))


class Stopped(BaseException):
    """Stands for a kill between two steps of one process."""


@pytest.fixture(scope="module")
def photographer():
    return standin.Photographer()


def in_process(photographer, monkeypatch):
    """`generate` with its workers in this process."""

    def run(out, shards, count, pipeline, heard, warn):
        plan = load_plan(out)
        for name in shards:
            heard(name, workers.make(out, plan, photographer, name, lambda done: None))

    monkeypatch.setattr(workers, "run", run)
    return lambda out, config=SMALL: generating.generate(out, config, finish=write_card, progress=False)


@pytest.fixture
def make(photographer, monkeypatch):
    return in_process(photographer, monkeypatch)


@pytest.fixture(scope="module")
def made(tmp_path_factory, photographer):
    """small: a finished set; large: a larger one; grown: the small one with all shards of the larger waiting."""
    root = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        run = in_process(photographer, patch)
        run(root / "small")
        run(root / "large", LARGER)
        shutil.copytree(root / "small", root / "grown")
        patch.setattr(generating, "seal", _stop)
        with pytest.raises(Stopped):
            run(root / "grown", LARGER)
    return root


def _stop(*arguments):
    raise Stopped


@pytest.fixture
def small(made, tmp_path):
    return Path(shutil.copytree(made / "small", tmp_path / "3dpain"))


def contents(out: Path) -> dict[str, str]:
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and ".generate" not in path.parts
    }


def test_a_foreign_plan_and_readme_stay(make, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "plan.json").write_text('{"summer": "walks"}')
    (out / "README.md").write_text("my notes")
    before = contents(out)
    with pytest.raises(InvalidInput, match=r"plan\.json is no plan of 3dpain; give another folder\."):
        make(out)
    assert contents(out) == before and not (out / ".generate").exists()


def test_foreign_shards_and_hidden_files_stay(make, small, made):
    (small / "images" / "holiday.parquet").write_bytes(b"mine")
    (small / ".notes.tmp").write_bytes(b"mine")
    make(small)
    assert (small / "images" / "holiday.parquet").read_bytes() == b"mine"
    assert (small / ".notes.tmp").read_bytes() == b"mine"
    (small / "images" / "test-00000.parquet").write_bytes(b"mine")  # not there in six people, but in ten
    (small / "identities" / "train-00001.parquet").write_bytes(b"mine")
    with pytest.raises(InvalidInput, match=r"was not written by `3dpain generate`, and a file of that name is planned"):
        make(small, LARGER)


def test_an_edited_readme_is_kept_and_the_new_one_lies_beside(make, small, made, caplog):
    (small / "README.md").write_text("my own words")
    make(small)
    assert (small / "README.md").read_text() == "my own words"
    assert (small / "README.new.md").read_bytes() == (made / "small" / "README.md").read_bytes()
    assert "README.md was changed and is kept; the new one is README.new.md." in caplog.text
    make(small, LARGER)
    assert (small / "README.md").read_text() == "my own words"
    assert (small / "README.new.md").read_bytes() == (made / "large" / "README.md").read_bytes()
    (small / "README.md").unlink()
    make(small, LARGER)
    assert contents(small) == contents(made / "large")


@pytest.mark.parametrize("name", ["manifest.json", "plan.json", ".generate/config.json", "README.md", "grid.jpg"])
@pytest.mark.parametrize("damage", ["gone", "cut", "garbage"])
def test_what_is_broken_beside_good_shards_is_mended(make, small, made, name, damage):
    path = small / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:40] if damage == "cut" else b'{"shards": [{"shard": 7}]}')
    shards = {p: p.stat().st_mtime_ns for p in small.glob("*/*.parquet")}
    make(small)
    assert {p: p.stat().st_mtime_ns for p in small.glob("*/*.parquet")} == shards
    if name in swap.PAGES and damage != "gone":  # perhaps the user's own: the right one lies beside
        beside = path.with_name(path.name.replace(".", ".new."))
        assert beside.read_bytes() == (made / "small" / name).read_bytes()
    else:
        assert contents(small) == contents(made / "small")


def test_a_manifest_that_points_outside_moves_nothing(make, small, tmp_path):
    (tmp_path / "victim.parquet").write_bytes(b"mine")
    manifest = json.loads((small / "manifest.json").read_text())
    manifest["shards"][0]["files"][0]["path"] = "../victim.parquet"
    (small / "manifest.json").write_text(json.dumps(manifest))
    make(small)
    assert (tmp_path / "victim.parquet").read_bytes() == b"mine"
    (small / ".generate" / "swap.json").write_text('{"put": [], "drop": ["../victim.parquet"]}')
    with pytest.raises(InvalidInput, match="is no journal of"):
        make(small)
    assert (tmp_path / "victim.parquet").read_bytes() == b"mine"


def test_an_interrupted_growth_leaves_the_old_set_and_a_way_back(make, made, tmp_path):
    out = Path(shutil.copytree(made / "grown", tmp_path / "3dpain", symlinks=True))
    assert contents(out) == contents(made / "small")
    make(out)  # the old command: all as before, nothing left of the growth
    assert contents(out) == contents(made / "small")
    assert not (out / ".generate" / "new").exists() and not list(out.glob(".generate/shards/*"))


KILLS = """
import os, shutil, signal, sys
from pathlib import Path
from threedpain.dataset_script.card import write_card
from threedpain.generation.dataset.generate import generate
from threedpain.generation.dataset.plan import Config
source, target, step = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
config = eval(sys.argv[4])

def run(out, last):
    left = last
    def counted(function):
        def call(*arguments, **options):
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return function(*arguments, **options)
        return call
    for name in ("replace", "unlink", "rename", "symlink"):
        setattr(os, name, counted(getattr(os, name)))
    generate(out, config, finish=write_card, progress=False)
    os._exit(0)

point, done = step, False
while not done:
    out = target / str(point)
    shutil.copytree(source, out, symlinks=True)
    child = os.fork()
    if not child:
        run(out, point)
    done = os.waitpid(child, 0)[1] == 0
    point += step
"""


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_every_rename_of_a_growth(make, made, tmp_path, step):
    """The folder is the old set, or the new one, or says that a run was broken off; the same command ends the same."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLS, str(made / "grown"), str(tmp_path), str(step), repr(LARGER)],
        capture_output=True, text=True, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    places = sorted(tmp_path.iterdir(), key=lambda path: int(path.name))
    assert len(places) > 2
    old, new = contents(made / "small"), contents(made / "large")
    for out in places:
        if not (out / swap.JOURNAL).exists():
            assert contents(out) in (old, new), out
        swap.recover(out)
        assert contents(out) in (old, new), out
        make(out, LARGER)
        assert contents(out) == new, out
