"""What a newcomer sees first: no long silence, no bars of what takes no time, objects that fit a screen."""

import base64
import importlib.util
import io
import logging
import os
import re
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import datasets
import numba
import pytest
from PIL import Image
from transformers import AutoModel
from transformers.utils import logging as theirs

import threedpain
from threedpain.dataset_script.builder import ThreeDPain
from threedpain.errors import ThreeDPainError
from threedpain.generation import compiling, elsewhere
from threedpain.generation.pipeline import PainFacePipeline
from threedpain.modeling.vitpain.loading import load_model, load_processor, save_model

WIDTH, LINES = 120, 3  # of a narrow screen


def compiled(module):
    """numba's event for a function of this module."""
    function = SimpleNamespace(__module__=module, __name__="kernel")
    return SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=function)})


def test_compiling_that_takes_long_is_said_once(monkeypatch, caplog):
    now = iter([0.0, 0.5, 1.9, 2.1, 9.0])
    monkeypatch.setattr(compiling.time, "monotonic", partial(next, now))
    notice, ours = compiling.Notice(), compiled("threedpain.generation.geometry")
    for _ in range(3):
        notice.on_start(ours)
    assert not caplog.records
    notice.on_start(compiled("numba.np.arrayobj"))  # theirs and other people's are no news of ours
    notice.on_start(ours)
    notice.on_start(ours)
    assert [record.message for record in caplog.records] == [compiling.SENTENCE]


def load(folder, name):
    """A module of a package that might be ours, afresh from its file."""
    spec = importlib.util.spec_from_file_location(f"threedpain.{name}", folder / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Of a rate and a helper's body: what a kernel that takes both from elsewhere, by way of a helper further down in
    its own file, makes of 5, and whether its code was kept from before."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    head = "from threedpain.generation.compiling import njit\n"
    (tmp_path / "kernel.py").write_text(
        f"{head}from threedpain.helper import RATE, helped\n"
        "@njit(cache=True)\ndef kernel(x):\n    return between(x)\n"
        "@njit(cache=True)\ndef between(x):\n    return helped(x) * RATE\n"
    )

    def run(rate, body):
        (tmp_path / "helper.py").write_text(
            f"{head}RATE = {rate}\n@njit(cache=True)\ndef helped(x):\n    return {body}\n"
        )
        compiling._content.cache_clear()
        load(tmp_path, "helper")
        kernel = load(tmp_path, "kernel").kernel
        return kernel(5), sum(kernel.stats.cache_hits.values()) == 1

    run.folder = tmp_path
    yield run
    for name in ("helper", "kernel"):
        sys.modules.pop(f"threedpain.{name}", None)


def test_a_kept_kernel_holds_no_longer_than_what_it_is_made_of(kernel):
    assert kernel(2, "x + 1") == (12, False)
    assert kernel(2, "x + 1") == (12, True)
    assert kernel(2, "x - 1") == (8, False)  # its helper changed, in a file of its own
    assert kernel(3, "x - 1") == (12, False)  # a constant changed there
    assert kernel(3, "x - 1") == (12, True)


def test_a_kernel_is_compiled_by_another_process_unless_it_is_kept(kernel, monkeypatch):
    asked = []

    def fails(*question):
        asked.append(question[1])
        raise ThreeDPainError("The process that compiles a kernel died.")

    monkeypatch.setattr(elsewhere, "start", lambda *command, **options: command)
    monkeypatch.setattr(elsewhere, "end", lambda process: None)
    monkeypatch.setattr(elsewhere, "ask", fails)
    monkeypatch.setattr(elsewhere, "NOTICE", compiling.Notice())
    kernel(2, "x + 1")
    again = load(kernel.folder, "kernel").kernel
    elsewhere.compile_elsewhere(again, 5)  # kept from before
    assert not asked and again(5) == 12
    elsewhere.compile_elsewhere(again, 5.5)
    assert asked == [(numba.float64,)]
    assert again(5.5) == 13  # whatever became of the other process


@pytest.mark.slow
def test_the_first_process_of_a_machine_says_that_it_compiles_and_sees_the_light_of_all_later_ones(tmp_path):
    """To the last bit: what is compiled and what is loaded are the same code."""
    code = """
import hashlib
from threedpain import PainFacePipeline
from threedpain.generation.render.renderer import Renderer
radiance = Renderer.radiance
def said(*given):
    light = radiance(*given)
    print(hashlib.sha256(light.tobytes()).hexdigest())
    return light
Renderer.radiance = said
PainFacePipeline.from_pretrained(texture="flat")({"AU4": 3}, seed=1, size=128)
"""
    first, later = (
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    )
    assert first.stdout and first.stdout == later.stdout
    assert [first.stderr, later.stderr] == [compiling.SENTENCE + "\n", ""]


def test_other_peoples_kernels_are_kept_where_numba_keeps_them():
    assert compiling.Kept.from_function(re.sub, re.__file__) is None


def test_loading_a_model_shows_no_bar_and_leaves_the_setting(capfd):
    theirs.enable_progress_bar()
    AutoModel.from_pretrained(threedpain.weights("vitpain"))
    assert "Loading" not in capfd.readouterr().err
    assert theirs.is_progress_bar_enabled()
    theirs.disable_progress_bar()
    AutoModel.from_pretrained(threedpain.weights("vitpain"))
    assert not theirs.is_progress_bar_enabled()


def test_saving_a_model_shows_no_bar_and_leaves_the_setting(capfd, tmp_path):
    theirs.enable_progress_bar()
    save_model(load_model("vitpain"), load_processor("vitpain"), tmp_path)
    assert capfd.readouterr().err == "" and theirs.is_progress_bar_enabled()
    assert load_model(tmp_path).config.image_size == load_processor(tmp_path).size["height"]


def test_a_face_fits_a_screen_and_shows_itself_in_a_notebook():
    pipe = PainFacePipeline.from_pretrained(texture="flat", device="cpu")
    face = pipe({"AU4": 4, "AU43": 1}, age=72, gender="female", ethnicity="middle_eastern", seed=7, size=64)
    text = "PSPI 5: AU4 4, AU43 1; 64 x 64; Person(female, middle eastern, 72 years, seed 7)"
    assert str(face) == repr(face) == f"PainFaceOutput({text})"
    assert Image.open(io.BytesIO(face._repr_png_())).tobytes() == face.image.tobytes()
    page = face._repr_html_()
    (png,) = re.findall(r"src='data:image/png;base64,([^']+)'", page)
    assert base64.b64decode(png) == face._repr_png_() and text in page
    assert "at rest" in repr(pipe({}, seed=7, size=64))
    assert (
        len(repr(pipe(dict.fromkeys(threedpain.ACTION_UNITS, 0.125) | {"AU27": 0, "AU26": 0}, size=64))) < WIDTH * LINES
    )


def test_a_bare_set_says_how_long_it_takes_and_how_to_ask_for_fewer(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    made = []
    monkeypatch.setattr("threedpain.generation.dataset.generate.generate", lambda *asked, **more: made.append(asked))
    caplog.set_level(logging.WARNING)
    bare = datasets.load_dataset_builder("3dpain")
    assert isinstance(bare, ThreeDPain)
    bare._make()
    datasets.load_dataset_builder("3dpain", identities=3, workers=1)._make()
    first, second = (record.message for record in caplog.records)
    assert re.fullmatch(
        r"There is no folder ./3dpain: making 50 identities at 256 px in \S+, once; about \d+ \w+ with \d+ "
        r"workers? on a CPU. Fewer are made sooner: load_dataset\('3dpain', identities=10\)."
        r"( Some came with the package: load_dataset\('3dpain', 'sample'\).)?",
        first,
    )
    assert re.fullmatch(
        r"making 3 identities at 256 px in \S+, once; about \d+ seconds with 1 worker on a CPU.", second
    )
    assert len(made) == 2
