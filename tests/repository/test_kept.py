"""Benchmarks that keep what they found answer no other question with it, and empty no folder but their own."""

import importlib
import json
import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    """A benchmark as a module, by its name."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    for setting in ("set_num_threads", "backends.cuda.enable_flash_sdp"):  # of the whole process
        monkeypatch.setattr(f"torch.{setting}", lambda value: None)
    yield importlib.import_module
    for name in ("kept", "generate", "texture", "experiments", "experiments_page", "transfer"):
        sys.modules.pop(name, None)


def planned(folder, seed):
    folder.mkdir()
    config = {"identities": 6, "size": 32, "seed": seed, "head": "scan"}
    (folder / "plan.json").write_text(json.dumps({"generator_version": "9.9.9", "config": config}))
    return str(folder)


def test_arms_of_another_set_or_length_are_not_taken_for_these(benchmark, tmp_path, monkeypatch):
    experiments, run = benchmark("experiments"), []
    monkeypatch.setattr(experiments.Bench, "run", lambda bench, name: run.append(name))
    monkeypatch.setattr(logging, "basicConfig", lambda **options: None)
    one, other = planned(tmp_path / "one", 1), planned(tmp_path / "other", 2)

    def ask(data, steps):
        words = ["--data", data, "--steps", str(steps), "--out", str(tmp_path / "out"), "--arms", "base"]
        monkeypatch.setattr(sys, "argv", ["experiments.py", *words])
        experiments.main()

    ask(one, 9)
    ask(one, 9)
    for data, steps in ((other, 9), (one, 8)):
        with pytest.raises(SystemExit, match="out holds results of other settings or data .*: name another folder"):
            ask(data, steps)
    assert run == ["base", "base"]


def test_a_model_that_was_trained_anew_is_asked_anew(benchmark, tmp_path, monkeypatch):
    """Shipped weights are called vitpain before and after."""
    transfer, asked = benchmark("transfer"), []
    model = torch.nn.Linear(2, 1)
    model.config = SimpleNamespace(to_json_string=lambda: "{}")
    monkeypatch.setattr(transfer, "load_model", lambda folder: model)
    monkeypatch.setattr(transfer, "load_processor", lambda folder: None)
    monkeypatch.setattr(transfer.Bench, "pictures", lambda *given: None)
    monkeypatch.setattr(transfer.Bench, "probes", lambda *given: None)
    monkeypatch.setattr(transfer, "predict", lambda *given, **more: asked.append(given) or pd.DataFrame({"id": [0]}))
    bench = transfer.Bench({"set": planned(tmp_path / "set", 1)}, tmp_path / "out", 9, 3)
    for _ in range(2):
        bench.answers("vitpain", "vitpain", "set", None)
    assert len(asked) == 4, "two kinds with two references, once"
    with torch.no_grad():
        model.bias += 1
    bench.answers("vitpain", "vitpain", "set", None)
    assert len(asked) == 8


def test_figures_of_one_skin_model_do_not_go_on_with_another(benchmark, tmp_path, monkeypatch, capsys):
    texture, kept = benchmark("texture"), benchmark("kept")
    folder, out = tmp_path / "model", tmp_path / "results.json"
    folder.mkdir()
    (folder / "unet.safetensors").write_bytes(b"old")
    out.write_text(json.dumps({"weights": kept.mark_of(folder)}))
    monkeypatch.setattr(texture, "Model", lambda folder: sys.exit("begun"))
    words = ["texture.py", "--data", str(tmp_path), "--model", str(folder), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(torch, "set_grad_enabled", lambda on: None)
    with pytest.raises(SystemExit, match="begun"):
        texture.main()
    (folder / "unet.safetensors").write_bytes(b"new")
    with pytest.raises(SystemExit, match="2"):
        texture.main()
    assert "results.json has figures of other weights than" in capsys.readouterr().err


def test_a_benchmark_empties_its_own_folder_alone(benchmark, tmp_path):
    generate = benchmark("generate")
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SystemExit, match="holds something that is no former benchmark: name another folder"):
        generate.emptied(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    generate.emptied(tmp_path / "new")
    (tmp_path / "new" / "images").mkdir()
    generate.emptied(tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == [".generate"]
