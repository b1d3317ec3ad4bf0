"""Beyond one process: the Ray run equals the local run, also when a worker is killed on the way."""

import hashlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import standin

from threedpain.dataset_script.card import write_card
from threedpain.errors import InvalidInput
from threedpain.generation.dataset.generate import generate
from threedpain.generation.dataset.workers import WorkFailed


def contents(out: Path) -> dict[str, str]:
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and ".generate" not in path.parts
    }


def kill_a_worker(out: Path) -> None:
    """SIGKILL the first worker process that makes a shard of this folder."""
    while True:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if b"threedpain.generation.dataset.workers" in words and str(out).encode() in words:
                os.kill(int(path.parent.name), signal.SIGKILL)
                return
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_ray_equals_local(tmp_path, tmp_path_factory, monkeypatch):
    ray = pytest.importorskip("ray")
    pytest.importorskip("datatrove")
    local = standin.dataset(tmp_path_factory.getbasetemp() / "standin-set")
    monkeypatch.setenv("PYTHONPATH", str(Path(standin.__file__).parent), prepend=os.pathsep)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    out = tmp_path / "3dpain"
    threading.Thread(target=kill_a_worker, args=(out,), daemon=True).start()
    try:
        generate(out, standin.SMALL, 2, "ray", "standin:photographer", finish=write_card, progress=False)
    finally:
        ray.shutdown()
    assert contents(out) == contents(local)


def test_what_a_slurm_task_is_writing_stays(tmp_path, monkeypatch):
    """Tasks work on when the command that sent them has gone."""
    cluster = pytest.importorskip("threedpain.generation.dataset.cluster")
    half = tmp_path / "set" / ".generate" / "new" / "images" / ".train-00000.parquet.7.tmp"

    def sent(*arguments):
        half.parent.mkdir(parents=True)
        half.write_bytes(b"PAR1")
        raise WorkFailed("tasks are with Slurm")

    monkeypatch.setattr(cluster, "run", sent)
    with pytest.raises(WorkFailed):
        generate(tmp_path / "set", standin.SMALL, 2, "slurm", "standin:photographer", progress=False)
    assert half.exists()


@pytest.mark.parametrize(
    ("executor", "name"), [("slurm", "THREEDPAIN_SLURM_PARTITION"), ("jobs", "THREEDPAIN_JOBS_REPO")]
)
def test_a_setting_that_is_missing_is_named(tmp_path, monkeypatch, executor, name):
    pytest.importorskip("datatrove")
    monkeypatch.delenv(name, raising=False)
    with pytest.raises(InvalidInput, match=f"set {name} in the environment for this executor"):
        generate(tmp_path / "set", standin.SMALL, 2, executor, "standin:photographer", progress=False)
