"""Damaged model folders: only our sentences come out, or an answer that is finite."""

import json
import random
import shutil
import sys

import numpy as np
import pytest
import torch
from drawn_faces import draw
from fuzzing import DEEPER, damaged, ours, watched

from threedpain.modeling.reading.reader import PainReader
from threedpain.modeling.vitpain.configuration_vitpain import ViTPainConfig
from threedpain.modeling.vitpain.image_processing_vitpain import ViTPainImageProcessor
from threedpain.modeling.vitpain.modeling_vitpain import ViTPainModel

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
    pytest.mark.filterwarnings("ignore"),
]
FEW, MANY = 60, 500 * DEEPER
VALUES = (None, True, -1, 0, 0.5, 3, 17, 10**6, 10**12, 10**400, 1e308, float("nan"), float("inf"), "", "x", [], [1],
          {}, [[]], {"a": 1}, [10**9] * 3)  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "vitpain"
    torch.manual_seed(0)
    backbone = {"model_type": "vit", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
                "intermediate_size": 32, "patch_size": 8}  # fmt: skip
    ViTPainModel(ViTPainConfig(backbone_config=backbone, image_size=32, num_attention_heads=2)).save_pretrained(path)
    ViTPainImageProcessor(size=32).save_pretrained(path)
    return path


def places(value, trail=()):
    """The trail to every value of a JSON document."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield (*trail, key)
        yield from places(inner, (*trail, key))


def fuzz(whole, tmp_path, count: int) -> None:
    photo, _, _, box = draw(96, (200, 160, 140), (40, 80, 90), 0, (4, 3, 0, 2, 0, 1))
    folder = shutil.copytree(whole, tmp_path / "model")
    names = ("config.json", "preprocessor_config.json", "model.safetensors")
    with watched(tmp_path):
        for number in range(count):
            draw_, name = random.Random(number), names[number % 3]
            data = (whole / name).read_bytes()
            if name.endswith("json") and number % 6 < 3:
                known = json.loads(data)
                *parents, last = draw_.choice(list(places(known)))
                inner = known
                for parent in parents:
                    inner = inner[parent]
                inner[last] = draw_.choice(VALUES)
                (folder / name).write_text(json.dumps(known))
            else:
                (folder / name).write_bytes(damaged(data, np.random.default_rng([24, number])))
            with ours(f"{name} {number}"):
                reading = PainReader(folder).read(photo, box=box)
                assert np.isfinite(reading.pspi) and all(map(np.isfinite, reading.au.values()))
                json.dumps(reading.as_dict(), allow_nan=False)
            (folder / name).write_bytes(data)


def test_damaged_models(whole, tmp_path):
    fuzz(whole, tmp_path, FEW)


@pytest.mark.slow
def test_many_damaged_models(whole, tmp_path):
    fuzz(whole, tmp_path, MANY)
