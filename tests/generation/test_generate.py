"""Making a folder: the same bytes however often it is interrupted, and one sentence for everything that goes wrong."""

import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import standin

from threedpain.dataset_script.card import write_card
from threedpain.errors import InvalidInput, ThreeDPainError
from threedpain.generation.dataset import workers
from threedpain.generation.dataset.generate import generate
from threedpain.generation.dataset.manifest import Manifest, locked
from threedpain.generation.dataset.plan import Config, Plan
from threedpain.generation.dataset.writer import replacing

SUPPORT = Path(standin.__file__).parent
SMALL = Config(identities=14, expressions=2, others=1, views=2, size=64, videos=1, texture="flat")


@pytest.fixture(autouse=True)
def _workers_find_the_stand_in(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT), prepend=os.pathsep)


def make(out, config=SMALL, workers=1, pipeline="standin:photographer"):
    """By one worker where the law is not about workers: starting one costs as much as drawing this set."""
    return generate(out, config, workers, pipeline=pipeline, finish=write_card, progress=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run."""
    out = tmp_path_factory.mktemp("whole") / "3dpain"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(SUPPORT), prepend=os.pathsep)
        make(out, workers=2)
    return out


def contents(out: Path) -> dict[str, str]:
    """Digest of every file of the dataset; .generate holds locks and logs and is no part of it."""
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and ".generate" not in path.parts
    }


def start(out: Path, workers: int, config: Config, pipeline: str) -> subprocess.Popen:
    code = (
        "import json, sys; from pathlib import Path\n"
        "from threedpain.dataset_script.card import write_card\n"
        "from threedpain.generation.dataset.generate import generate\n"
        "from threedpain.generation.dataset.plan import Config\n"
        "generate(sys.argv[1], Config.from_json(json.loads(sys.argv[2])), int(sys.argv[3]), pipeline=sys.argv[4],\n"
        "         finish=write_card, progress=False)"
    )
    arguments = [str(out), json.dumps(vars(config)), str(workers), pipeline]
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True)


def interrupt(out: Path, process: subprocess.Popen, entries: int, signum: int, later: float = 0.0) -> None:
    """Send the signal as soon as the manifest counts so many shards, or some seconds later."""
    while process.poll() is None and len(Manifest(out).entries()) < entries:
        time.sleep(0.01)
    time.sleep(later)
    process.send_signal(signum)
    process.wait()


def test_folder_holds_what_was_planned(whole):
    plan = Plan(SMALL)
    for config in ("images", "expressions", "identities", "videos"):
        rows = Counter()
        for path in whole.glob(f"{config}/*.parquet"):
            rows[path.name.split("-")[0]] += pq.ParquetFile(path).metadata.num_rows
        assert rows == plan.rows(config)
    assert json.loads((whole / "plan.json").read_text())["config"]["identities"] == 14
    shards = json.loads((whole / "manifest.json").read_text())["shards"]
    assert [entry["shard"] for entry in shards] == [shard.name for shard in plan.shards]
    for entry in shards:
        for file in entry["files"]:
            assert hashlib.sha256((whole / file["path"]).read_bytes()).hexdigest() == file["sha256"]
        assert set(entry["environment"]) == {"generator", "python", "packages", "device", "cpu"}
    assert not list(whole.rglob("*.tmp"))


def test_row_groups_are_small_and_neutrals_are_stored_once(tmp_path):
    config = Config(identities=6, size=96, texture="flat")  # 33 rows a person, as in the full set
    make(tmp_path / "set", config)
    for path in (tmp_path / "set").glob("images/*.parquet"):
        metadata = pq.ParquetFile(path).metadata
        columns = {metadata.row_group(0).column(i).path_in_schema: i for i in range(metadata.num_columns)}
        image = neutral = 0
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            assert group.num_rows <= 99 and group.total_byte_size < 100_000_000
            image += group.column(columns["image.bytes"]).total_compressed_size
            neutral += group.column(columns["neutral_image.bytes"]).total_compressed_size
        assert neutral <= 0.12 * (image + 1)


@pytest.mark.parametrize("workers", [1, 3])
def test_bytes_do_not_depend_on_the_workers(whole, tmp_path, workers):
    make(tmp_path / "set", workers=workers)
    assert contents(tmp_path / "set") == contents(whole)


def test_killed_three_times_ends_with_the_same_bytes(whole, tmp_path):
    out = tmp_path / "set"
    for entries in (1, 3, 4):
        interrupt(out, start(out, 2, SMALL, "standin:slow_photographer"), entries, signal.SIGKILL)
        assert not (out / "manifest.json").exists()
    outcome = make(out)
    assert 0 < outcome.made < outcome.shards
    assert contents(out) == contents(whole)
    assert make(out).made == 0


# Six shards with few rows each: what is killed and made again are shards. One of them is a video.
REAL = Config(identities=20, expressions=1, others=1, views=1, size=64, videos=1, texture="flat")


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """People made in one go by the real pipeline."""
    out = tmp_path_factory.mktemp("real") / "whole"
    make(out, REAL, 2, "threedpain.generation.dataset.workers:load_pipeline")
    return out


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_real_pipeline_killed_three_times(real, tmp_path, workers):
    shards, chance = len(Plan(REAL).shards), random.Random(workers)
    for entries in sorted(chance.sample(range(shards - workers), 3)):  # at least one shard is not even begun
        process = start(tmp_path / "set", workers, REAL, "threedpain.generation.dataset.workers:load_pipeline")
        interrupt(tmp_path / "set", process, entries, signal.SIGKILL, later=0.5 * chance.random())
        assert not (tmp_path / "set" / "manifest.json").exists()
    make(tmp_path / "set", REAL, workers, "threedpain.generation.dataset.workers:load_pipeline")
    assert contents(tmp_path / "set") == contents(real)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_a_folder_that_goes_on(whole, tmp_path, signum):
    out = tmp_path / "set"
    process = start(out, 2, SMALL, "standin:slow_photographer")
    interrupt(out, process, 2, signum)
    assert "KeyboardInterrupt" in process.stderr.read()
    assert 2 <= len(Manifest(out).entries()) < len(Plan(SMALL).shards)
    assert not list(out.rglob("*.tmp"))
    make(out)
    assert contents(out) == contents(whole)


def test_workers_go_when_the_run_is_killed(tmp_path):
    out = tmp_path / "set"
    process = start(out, 2, SMALL, "standin:slow_photographer")
    interrupt(out, process, 1, signal.SIGKILL)
    deadline = time.time() + 20
    while time.time() < deadline and any(str(out) in command for command in _commands()):
        time.sleep(0.1)
    assert not [command for command in _commands() if str(out) in command]


def _commands() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_damaged_and_missing_files_are_made_again(whole, tmp_path, caplog):
    out = tmp_path / "set"
    shutil.copytree(whole, out)
    damaged = sorted(out.glob("images/train-*.parquet"))[1]
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    (out / "identities" / "test-00000.parquet").unlink()
    outcome = make(out)
    assert outcome.made == 2
    assert f"images/{damaged.name} is not as it was written. It is made again." in caplog.text
    assert "identities/test-00000.parquet is missing. It is made again." in caplog.text
    assert contents(out) == contents(whole)


def test_two_runs_on_one_folder(tmp_path):
    with locked(tmp_path / "set"), pytest.raises(InvalidInput) as caught:
        make(tmp_path / "set")
    assert str(caught.value) == f"another run is working on {tmp_path / 'set'}; wait for it, or give another folder."


def test_another_dataset_is_not_mixed_in(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "set")
    for change, sentence in (
        ({"size": 96}, r"with size 64, not 96; continue with the same options \(more identities are welcome\)"),
        ({"identities": 13}, "was begun with identities 14, not 13"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            make(tmp_path / "set", Config(**(vars(SMALL) | change)))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_bytes(b"")
    with pytest.raises(InvalidInput, match="photos is not empty and holds no 3dpain dataset"):
        make(tmp_path / "photos")
    assert contents(tmp_path / "set") == contents(whole)


def test_a_set_grows_and_keeps_what_it_has(whole, tmp_path):
    out, larger = tmp_path / "set", Config(**(vars(SMALL) | {"identities": 20}))
    shutil.copytree(whole, out)
    before = {path: path.stat().st_mtime_ns for path in out.glob("images/*.parquet")}
    assert make(out, larger).made < len(Plan(larger).shards)
    full = out / "images" / "train-00000.parquet"
    assert full.stat().st_mtime_ns == before[full]
    make(tmp_path / "fresh", larger)
    assert contents(out) == contents(tmp_path / "fresh")


def test_a_dead_worker_is_replaced(whole, tmp_path, monkeypatch, caplog):
    mark = tmp_path / "deaths"
    mark.write_text("2")
    monkeypatch.setenv("STANDIN_MARK", str(mark))
    make(tmp_path / "set", workers=2, pipeline="standin:dying_photographer")
    assert caplog.text.count("A worker died while making ") == 2
    assert "(killed: perhaps the memory was full); it is made again." in caplog.text
    assert contents(tmp_path / "set") == contents(whole)


def test_life_is_work_and_not_a_beat_alone(monkeypatch):
    """Pictures and CPU time are life; a process that only beats is in a deadlock, one that says nothing is stopped."""
    clock = [0.0]
    monkeypatch.setattr(workers.time, "monotonic", lambda: clock[0])
    worker = workers._Worker.__new__(workers._Worker)
    worker.shard, worker.seen, worker.worked, worker.loaded = "images-train-00000", 0.0, 0.0, True
    for second in range(5, 2000, 5):
        clock[0] = second
        worker._notice(json.dumps({"alive": second / 10}).encode())
        assert not worker.hung()
    for second in range(2000, 2400, 5):
        clock[0] = second
        worker._notice(json.dumps({"alive": 199.5 + 0.001 * (second - 2000)}).encode())
    assert worker.hung()
    worker._notice(b'{"done": 3}')
    assert not worker.hung()
    clock[0] += workers.SILENCE + 1
    assert worker.hung()
    worker.shard = None
    assert not worker.hung()


def test_a_worker_that_waits_for_a_model_is_not_hung(monkeypatch):
    """Of several workers one fetches it, over a line as slow as it may be, and the others sleep meanwhile."""
    clock = [0.0]
    monkeypatch.setattr(workers.time, "monotonic", lambda: clock[0])
    worker = workers._Worker.__new__(workers._Worker)
    worker.shard, worker.seen, worker.worked, worker.loaded = "images-train-00000", 0.0, 9.0, False
    clock[0] = 3000.0
    worker._notice(b'{"alive": 9.01}')
    assert not worker.hung()
    worker._notice(b'{"loaded": true}')
    clock[0] += workers.SILENCE + 1
    assert worker.hung() and worker.patience == workers.SILENCE


@pytest.mark.slow
def test_a_hung_worker_is_ended_and_its_shard_made_again(tmp_path, monkeypatch, caplog):
    mark, config = tmp_path / "mark", Config(identities=2, expressions=2, views=1, size=32, texture="flat", videos=0)
    mark.write_text("")
    monkeypatch.setenv("STANDIN_MARK", str(mark))
    monkeypatch.setattr(workers, "SILENCE", 30.0)
    make(tmp_path / "set", config, pipeline="standin:hanging_photographer")
    assert "A worker has shown no life over images-" in caplog.text
    assert caplog.text.count("it is made again.") == 1 and not mark.exists()
    assert (tmp_path / "set" / "manifest.json").is_file()


def test_a_shard_that_kills_every_worker_ends_the_run(tmp_path, monkeypatch):
    mark = tmp_path / "deaths"
    mark.write_text("99")
    monkeypatch.setenv("STANDIN_MARK", str(mark))
    with pytest.raises(ThreeDPainError, match="for the third time; what was finished is safe"):
        make(tmp_path / "set", pipeline="standin:dying_photographer")


def test_a_failing_renderer_is_told_in_one_sentence(tmp_path):
    with pytest.raises(ThreeDPainError) as caught:
        make(tmp_path / "set", pipeline="standin:broken_photographer")
    assert "A worker failed (ZeroDivisionError: the lens fell off). What was finished is safe." in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_full_disk_loses_nothing(whole, tmp_path):
    """A limit on the size of files stands in for the end of the disk: the larger shards do not fit, the smaller do."""
    out = tmp_path / "set"
    sizes = sorted(path.stat().st_size for path in whole.glob("*/*.parquet"))

    def no_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (sizes[-1] - 1, sizes[-1] - 1))

    code = (
        "import sys, standin; from threedpain.generation.dataset.generate import generate\n"
        "from threedpain.generation.dataset.plan import Config\n"
        f"generate(sys.argv[1], {SMALL!r}, 1, pipeline='standin:photographer', progress=False)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(out)],
        preexec_fn=no_room,
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert f"The disk of {out} is full. What was finished is safe. Make room and run the same command" in done.stderr
    assert not list(out.rglob("*.tmp"))
    make(out)
    assert contents(out) == contents(whole)


def test_files_are_whole_or_absent(tmp_path):
    with pytest.raises(RuntimeError), replacing(tmp_path / "file") as file:
        file.write(b"half")
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_quality_gate_draws_again_and_counts(tmp_path):
    """Somebody whose brows are under hair is another draw of the same cell, and the manifest says why."""
    config = Config(identities=3, expressions=1, views=1, size=64, texture="flat")
    make(tmp_path / "set", config, pipeline="standin:hairy_photographer")
    (entry,) = [e for e in Manifest(tmp_path / "set").entries().values() if 0 in e["identities"]]
    assert entry["rejects"] == {"hair over the brows": len(entry["identities"])}
    plan = Plan(config)
    for row in pq.read_table(tmp_path / "set" / entry["files"][0]["path"], columns=["identity_id", "seed"]).to_pylist():
        assert row["seed"] == plan.identity_seed(int(row["identity_id"][3:]), attempt=1)


def test_nonsense_options_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="executor is one of local, ray, slurm, jobs, not 'cloud'."):
        generate(tmp_path, SMALL, executor="cloud")
    with pytest.raises(InvalidInput, match="workers is a whole number from 1 up, not 0."):
        generate(tmp_path, SMALL, workers=0)
