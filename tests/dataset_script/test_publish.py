"""Publishing through the real HfApi to a Hub on this machine, and reading back what came there."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import hub_server
import kills
import pandas as pd
import pytest
import standin
from datasets import load_dataset

from threedpain.dataset_script.upload import dataset_files, model_files, ours_there
from threedpain.errors import InvalidInput, ThreeDPainError
from threedpain.generation.dataset.manifest import locked
from threedpain.schema import GENERATOR_VERSION

pytestmark = pytest.mark.hub


@pytest.fixture
def hub():
    with hub_server.Hub() as server:
        yield server


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return standin.dataset(tmp_path_factory.getbasetemp() / "standin-set")


# The uploader waits longer after each broken connection, 50 seconds in all; here a tenth of a second each time.
HASTY = "import time; wait = time.sleep; time.sleep = lambda seconds: wait(min(seconds, 0.1))"


def publish(hub, folder, repo="someone/3dpain", *more, **environment):
    """`3dpain publish` in a process that takes our server for the Hub."""
    code = f"{HASTY}; from threedpain.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "publish", str(folder), "--repo", repo, *more],
        env={**os.environ, **hub_server.environment(hub), **environment}, capture_output=True, text=True,
    )  # fmt: skip


def test_a_dataset_comes_back_as_it_was(hub, dataset, tmp_path):
    done = publish(hub, dataset)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(f"{hub.url}/datasets/someone/3dpain")
    there = hub.files("dataset", "someone/3dpain")
    here = {path.relative_to(dataset).as_posix(): path.read_bytes() for path in dataset.rglob("*") if path.is_file()}
    assert there == {name: data for name, data in here.items() if not name.startswith(".generate")}
    assert list(hub.repositories["dataset", "someone/3dpain"].tags) == [f"v{GENERATOR_VERSION}"]
    assert hub.token not in done.stdout + done.stderr

    code = (
        "from datasets import load_dataset; import json\n"
        "import sys; names = (sys.argv[1], 'someone/3dpain')\n"
        "local, remote = (load_dataset(name, 'pairs', split='test') for name in names)\n"
        "assert len(local) == len(remote) > 0 and local.features == remote.features\n"
        "assert [r['id'] for r in local] == [r['id'] for r in remote]\n"
        "assert local[0]['neutral_image'].tobytes() == remote[0]['neutral_image'].tobytes()\n"
        "stream = load_dataset('someone/3dpain', split='train', streaming=True, revision='v"
        + GENERATOR_VERSION
        + "')\n"
        "row = next(iter(stream)); assert row['expression'] == 0 and 'neutral_image' not in row\n"
        "print(sorted(load_dataset('someone/3dpain', 'expressions')))"
    )
    read = subprocess.run(
        [sys.executable, "-c", code, str(dataset)], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, **hub_server.environment(hub), "HF_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    assert read.returncode == 0, read.stderr
    assert read.stdout.strip().endswith("['test', 'train', 'validation']")


def test_the_demo_browses_a_set_on_the_hub(hub, dataset, tmp_path):
    assert publish(hub, dataset).returncode == 0
    code = (
        "from threedpain.spaces import browse; import json\n"
        "everyone, nothing = ('', '', '', '', '', 0, 16), ('', '', '', '', 'smile', 16, 16)\n"
        "rows = browse.open_set('someone/3dpain')\n"
        "asked = (('someone/3dpain', nothing), ('someone/else', everyone))\n"
        "said = [browse.find(name, *how)[2] for name, how in asked]\n"
        "print(json.dumps([browse.matching('someone/3dpain', *everyone).tolist(), rows['id'][:], *said]))"
    )
    read = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, **hub_server.environment(hub), "HF_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    assert read.returncode == 0, read.stderr
    rows, ids, nothing, unknown = json.loads(read.stdout.splitlines()[-1])
    test = load_dataset(str(dataset), "images", split="test")
    assert ids == test["id"] and rows == list(range(len(test)))
    assert f"0 of {len(test)} pictures fit" in nothing
    assert "could not be opened as a 3dpain set" in unknown and "someone/else" in unknown


def test_files_of_a_former_version_go(hub, dataset):
    """A set that has become smaller leaves no shard behind that readers would take for a part of it; all else stays."""
    former = json.loads((dataset / "manifest.json").read_text())
    former["shards"][0]["files"][0]["path"] = "images/train-00099.parquet"
    remember(hub, "someone/3dpain", {
        "plan.json": (dataset / "plan.json").read_bytes(), "manifest.json": json.dumps(former).encode(),
        "images/train-00099.parquet": b"former", "images/train-00098.parquet": b"not ours", "notes/mine.txt": b"mine",
    })  # fmt: skip
    assert publish(hub, dataset).returncode == 0
    there = hub.files("dataset", "someone/3dpain")
    assert "images/train-00000.parquet" in there and "images/train-00099.parquet" not in there
    assert "notes/mine.txt" in there and "images/train-00098.parquet" in there


def remember(hub, repo, files, kind="dataset"):
    """A repository that holds these files already."""
    hub.repositories[kind, repo] = hub_server.Repository()
    edit(hub, repo, files, "initial commit", kind)


def edit(hub, repo, files, title="Update README.md", kind="dataset"):
    """What somebody does on the Hub's own page."""
    repository = hub.repositories[kind, repo]
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    hub.store.update({digests[name]: data for name, data in files.items()})
    repository.commit(repository.commits.get(repository.head, {}) | digests, title)


def test_a_readme_that_was_edited_on_the_hub_is_kept(hub, dataset, tmp_path):
    folder, repo = Path(shutil.copytree(dataset, tmp_path / "3dpain")), "someone/3dpain"
    assert publish(hub, folder).returncode == 0
    (folder / "README.md").write_text("the owner's words here")
    assert publish(hub, folder).returncode == 0
    assert hub.files("dataset", repo)["README.md"] == b"the owner's words here"  # nobody touched it there

    edit(hub, repo, {"README.md": b"the owner's words there"})
    for words in (b"once more", b"and again"):
        (folder / "README.md").write_bytes(words)
        done = publish(hub, folder)
        assert done.returncode == 0, done.stderr
        assert "was edited there and is kept; the new one is README.new.md." in done.stderr
        there = hub.files("dataset", repo)
        assert (there["README.md"], there["README.new.md"]) == (b"the owner's words there", words)

    edit(hub, repo, {"README.new.md": b"this too"})
    before = hub.files("dataset", repo)
    done = publish(hub, folder)
    assert done.returncode == 2 and "README.md and README.new.md of someone/3dpain were both edited" in done.stderr
    assert hub.files("dataset", repo) == before


def test_what_is_changed_on_the_hub_meanwhile_is_not_replaced(hub, dataset):
    """Between the look at what is there and the commit."""
    assert publish(hub, dataset).returncode == 0
    folder, repo = dataset, "someone/3dpain"
    edit(hub, repo, {"README.md": b"older"}, "3DPain v0")
    hub.before_commit = lambda: edit(hub, repo, {"README.md": b"just now"})
    done = publish(hub, folder)
    assert done.returncode == 2 and "was changed meanwhile. What was uploaded stays" in done.stderr
    assert hub.files("dataset", repo)["README.md"] == b"just now"


@pytest.mark.parametrize(
    "files",
    [
        {"README.md": b"my cats"},
        {"README.md": b"my cats", "images/train-00000.parquet": b"cats"},
        {"plan.json": b'{"dinner": 7}', "images/train-00000.parquet": b"cats"},
    ],
)
def test_somebody_elses_data_set_is_left_alone(hub, dataset, files):
    remember(hub, "someone/cats", files)
    done = publish(hub, dataset, "someone/cats")
    assert done.returncode == 2 and "already holds something else" in done.stderr
    assert hub.files("dataset", "someone/cats") == files and hub.uploads == 0


def _flip(folder):
    path = folder / "images" / "train-00000.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _link(folder):
    path = folder / "images" / "train-00000.parquet"
    path.rename(folder / "elsewhere")
    path.symlink_to(folder / "elsewhere")


def _larger(folder):
    plan = json.loads((folder / "plan.json").read_text())
    plan["config"]["identities"] = 40
    (folder / "plan.json").write_text(json.dumps(plan))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_flip, "images/train-00000.parquet is not as it was written."),
        (lambda folder: (folder / "identities" / "test-00000.parquet").unlink(), "is missing or no file"),
        (_link, "is a link, and what a link leads to is not published"),
        (lambda folder: (folder / "manifest.json").write_text('{"shards": [7]}'), "no manifest of 3dpain"),
        (lambda folder: (folder / "manifest.json").write_text("[" * 9999), "nested too deeply"),
        (_larger, "as it was planned; `3dpain generate` makes it"),
        (lambda folder: (folder / ".generate" / "swap.json").write_text("{}"), "a run was broken off while it put new"),
        (lambda folder: (folder / "README.md").write_text(f"token hf_{'a' * 34}"), "looks like a secret key or token"),
    ],
)
def test_a_broken_or_secret_set_is_not_published(hub, dataset, tmp_path, spoil, sentence):
    folder = Path(shutil.copytree(dataset, tmp_path / "3dpain"))
    spoil(folder)
    with pytest.raises(ThreeDPainError, match=sentence):
        dataset_files(folder)


def test_only_what_is_of_the_set_goes(hub, dataset, tmp_path):
    folder = Path(shutil.copytree(dataset, tmp_path / "3dpain"))
    names = dataset_files(folder)
    for name in (".env", "id_rsa", "notes.txt", "images/holiday.parquet", "report.json"):
        (folder / name).write_text("secret")
    assert dataset_files(folder) == names
    with locked(folder):
        done = publish(hub, folder)
    assert done.returncode == 2 and "another run is working on" in done.stderr


def test_what_of_a_model_goes(tmp_path):
    for name in ("config.json", "model.safetensors", ".env", "id_rsa", "weights.bin", "modeling_vitpain.py"):
        (tmp_path / name).write_text("{}")
    assert model_files(tmp_path) == ["config.json", "model.safetensors", "modeling_vitpain.py"]
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(InvalidInput, match=r"holds no \.safetensors file"):
        model_files(tmp_path)
    (tmp_path / "model.safetensors").symlink_to("/etc/passwd")
    with pytest.raises(InvalidInput, match="is a link"):
        model_files(tmp_path)


def test_a_model_of_another_type_is_not_replaced():
    mine = {"config.json": b'{"model_type": "bert"}'}
    here = Path(__file__).parents[2] / "threedpain" / "weights" / "vitpain"
    with pytest.raises(InvalidInput, match="already holds something else"):
        ours_there("model", set(mine), mine.__getitem__, here, "someone/model")


def test_broken_off_and_resumed(hub, dataset):
    hub.fail_after(3)
    broken = publish(hub, dataset)
    assert broken.returncode == 2, broken.stderr
    assert "What was uploaded stays; the same command goes on from there." in broken.stderr
    assert "Traceback" not in broken.stderr
    assert hub.files("dataset", "someone/3dpain") == {}  # half a dataset is never to be seen
    before, _ = hub.uploads, hub.fail_after(None)
    assert before == 3
    assert publish(hub, dataset).returncode == 0
    stored = {p.read_bytes() for p in dataset.rglob("*.parquet")} | {(dataset / "grid.jpg").read_bytes()}
    assert hub.uploads == len(stored)  # nothing was sent twice
    again = hub.uploads
    assert publish(hub, dataset).returncode == 0
    assert hub.uploads == again


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["someone/3dpain", "--type", "table"], "type is one of dataset, model, space, figures, not 'table'."),
        (["3dpain"], "repo is written as user/name, not '3dpain'."),
        (["someone/3d pain"], "is no name the Hub allows"),
        (["another/3dpain"], "someone may not write to another/3dpain on"),
        (["someone/new", "--no-create"], "There is no repository someone/new on"),
        (["someone/3dpain", "--type", "model"], "holds no config.json and so is no model to publish."),
    ],
)
def test_mistakes_are_one_sentence(hub, dataset, arguments, sentence):
    done = publish(hub, dataset, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert hub.uploads == 0


def test_without_a_token_and_with_a_wrong_one(hub, dataset, tmp_path):
    missing = publish(hub, dataset, HF_TOKEN="", HF_HOME=str(tmp_path))
    assert missing.returncode == 2 and "hf auth login" in missing.stderr
    wrong = publish(hub, dataset, HF_TOKEN="hf_secret_and_wrong")
    assert wrong.returncode == 2 and "The Hub does not accept the token" in wrong.stderr
    assert "hf_secret_and_wrong" not in wrong.stdout + wrong.stderr


def test_an_unfinished_dataset_and_a_foreign_name_are_refused(hub, dataset, tmp_path):
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "README.md").write_text("x")
    half = publish(hub, tmp_path / "half")
    assert "holds no manifest.json and so is no dataset to publish; `3dpain generate` has not" in half.stderr
    repository = hub.repositories["dataset", "someone/cats"] = hub_server.Repository()
    hub.store["d" * 64] = b"meow"
    repository.commit({"cat.jpg": "d" * 64})
    clash = publish(hub, dataset, "someone/cats")
    assert clash.returncode == 2
    assert "someone/cats already holds something else (cat.jpg); choose another name." in clash.stderr


def test_models_and_spaces_go_the_same_way(hub, tmp_path):
    for kind, files in (("model", ["config.json", "model.safetensors"]), ("space", ["README.md", "app.py"])):
        folder = tmp_path / kind
        folder.mkdir()
        for name in files:
            (folder / name).write_text("{}")
        done = publish(hub, folder, f"someone/{kind}", "--type", kind)
        assert done.returncode == 0, done.stderr
        assert sorted(hub.files(kind, f"someone/{kind}")) == files


def test_figures_become_a_dataset_with_their_models_beside_them(hub, tmp_path):
    figures, model = tmp_path / "figures", tmp_path / "figures" / "models" / "young"
    model.mkdir(parents=True)
    pd.DataFrame({"figure": ["mae"] * 2000, "value": [1.25] * 2000}).to_parquet(figures / "figures.parquet")
    (figures / "README.md").write_text("---\nconfigs:\n- {config_name: default, data_files: figures.parquet}\n---\n")
    (model / "config.json").write_text("{}")
    (figures / "mine.parquet").write_bytes(b"not of it")
    for _ in range(2):  # the second time in place of the first
        done = publish(hub, figures, "someone/figures", "--type", "figures")
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().endswith(f"{hub.url}/datasets/someone/figures")
    held = hub.files("dataset", "someone/figures")
    assert sorted(held) == ["README.md", "figures.parquet", "models/young/config.json"]
    other = tmp_path / "other"
    shutil.copytree(figures, other)
    pd.DataFrame({"cat": [1]}).to_parquet(other / "figures.parquet")
    done = publish(hub, other, "someone/figures", "--type", "figures")
    assert done.returncode == 2 and "already holds something else (figures.parquet)" in done.stderr
    assert hub.files("dataset", "someone/figures") == held


@pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_every_request(hub, dataset, tmp_path, stride):
    """Whoever looks sees no set or all of it; the same command again, and it is all there, with its tag."""
    killed = kills.every_step("publish", tmp_path / "killed", stride, str(dataset), **hub_server.environment(hub))
    assert len(killed) > 2
    whole = {name: (dataset / name).read_bytes() for name in dataset_files(dataset)}
    for place in killed:
        repository = hub.repositories["dataset", f"someone/set-{place.name}"]
        assert all(set(files) in (set(), set(whole)) for files in repository.commits.values())
        assert hub.files("dataset", f"someone/set-{place.name}") == whole
        assert list(repository.tags) == [f"v{GENERATOR_VERSION}"]
