"""Model folders from others: no wrong number without a word, nothing large allocated on a file's word."""

import json
import shutil

import numpy as np
import pytest
import torch
from drawn_faces import draw
from safetensors.torch import load_file, save_file

from threedpain.errors import InvalidInput
from threedpain.modeling.evaluation.evaluate import check_choices
from threedpain.modeling.reading.photos import checked_box
from threedpain.modeling.reading.reader import PainReader
from threedpain.modeling.vitpain.configuration_vitpain import ViTPainConfig
from threedpain.modeling.vitpain.image_processing_vitpain import ViTPainImageProcessor
from threedpain.modeling.vitpain.loading import load_model, load_processor
from threedpain.modeling.vitpain.modeling_vitpain import ViTPainModel


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "vitpain"
    torch.manual_seed(0)
    backbone = {"model_type": "vit", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
                "intermediate_size": 32, "patch_size": 8}  # fmt: skip
    ViTPainModel(ViTPainConfig(backbone_config=backbone, image_size=32, num_attention_heads=2)).save_pretrained(path)
    ViTPainImageProcessor(size=32).save_pretrained(path)
    return path


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "model")


def change(path, **values):
    known = json.loads(path.read_text())
    for name, value in values.items():
        inner = known
        *parents, last = name.split("__")
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
    path.write_text(json.dumps(known))


def refused(folder) -> str:
    with pytest.raises(InvalidInput) as told:
        PainReader(folder)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_a_whole_model_is_read(folder):
    photo, _, _, box = draw(96, (200, 160, 140), (40, 80, 90), 0, (4, 3, 0, 2, 0, 1))
    assert 0 <= PainReader(folder).read(photo, box=box).pspi <= 16


def test_a_configuration_of_fewer_layers_does_not_drop_weights(folder):
    """It would answer, and wrongly."""
    change(folder / "config.json", backbone_config__num_hidden_layers=1)
    assert "holds more than" in refused(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_are_finite(folder, value):
    weights = load_file(folder / "model.safetensors")
    name = sorted(weights)[3]
    weights[name].view(-1)[0] = value
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert f"{name} in {folder} holds NaN or infinity" in refused(folder)


def test_weights_have_fractions(folder):
    weights = load_file(folder / "model.safetensors")
    name = sorted(weights)[3]
    weights[name] = weights[name].to(torch.int32)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert f"{name} in {folder / 'model.safetensors'} is of type I32, not a float" in refused(folder)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"backbone_config__num_hidden_layers": 10**9}, "num_hidden_layers in the configuration"),
        ({"backbone_config__hidden_size": 10**12}, "hidden_size in the configuration"),
        ({"backbone_config__hidden_size": 100_000}, "belongs to another configuration"),
        ({"decoder_layers": 100_000}, "decoder_layers in the configuration"),
        ({"image_size": 2**20}, "image_size in the configuration"),
        ({"pspi_hidden": [10**6] * 50}, "belongs to another configuration"),
        ({"image_size": "large"}, "cannot be read as a model"),
        ({"heatmap_range": float("nan")}, "heatmap_range in the configuration"),
        ({"model_type": "bert"}, "is a model of the kind bert"),
        ({"model_type": "x\x1b[2J"}, "cannot be read as a model"),
    ],
)
def test_a_configuration_is_no_larger_than_its_weights(folder, values, sentence):
    change(folder / "config.json", **values)
    told = refused(folder)
    assert sentence in told and "\x1b" not in told


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "null", '{"a": ' + "[" * 100_000, '{"image_size": 1' + "0" * 400 + "}"]
)
def test_a_configuration_that_is_none(folder, text):
    (folder / "config.json").write_text(text)
    refused(folder)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"crop_scale": -1.5}, "crop_scale must be from 0.5 to 5"),
        ({"crop_scale": float("nan")}, "crop_scale must be from 0.5 to 5"),
        ({"image_std": [1e-30] * 3}, "image_std from 0.001 to 10"),
        ({"image_mean": [0.5]}, "one number for each channel"),
        ({"image_mode": "CMYK"}, "image_mode must be RGB or L"),
        ({"size": {"height": 10**9, "width": 10**9}}, "size must be a square of 16 to 2048 pixels"),
        ({"size": {"height": 64, "width": 64}}, "makes 64 pixels, but its model reads 32"),
        ({"size": "x"}, "cannot be read as an image processor"),
    ],
)
def test_an_image_processor_is_sane(folder, values, sentence):
    change(folder / "preprocessor_config.json", **values)
    assert sentence in refused(folder)


def test_damaged_files_are_told_in_one_sentence(folder):
    data = (folder / "model.safetensors").read_bytes()
    for broken in (b"", data[:100], data[:-100], b"\xff" * 16 + data[16:], data[:8] + b"{" * 200 + data[208:]):
        (folder / "model.safetensors").write_bytes(broken)
        assert "cannot be read as weights" in refused(folder)


def test_answers_are_finite(folder):
    reader = PainReader(folder)
    with torch.no_grad():
        reader.model.get_parameter(next(name for name, _ in reader.model.named_parameters())).fill_(float("nan"))
    photo, _, _, box = draw(96, (200, 160, 140), (40, 80, 90), 0, (4, 3, 0, 2, 0, 1))
    with pytest.raises(InvalidInput, match="answer is not finite"):
        reader.read(photo, box=box)


@pytest.mark.parametrize("box", [(0, 0, np.inf, np.inf), (np.nan, 0, 50, 50), (-1e30, -1e30, 1e30, 1e30)])
def test_a_face_box_is_finite_and_near_the_picture(box):
    photo = draw(96, (200, 160, 140), (40, 80, 90), 0, (0,) * 6)[0]
    with pytest.raises(InvalidInput, match="must be finite and within"):
        checked_box(box, photo)


@pytest.mark.parametrize(
    ("conditions", "by", "sentence"),
    [
        ([], ["gender"], "conditions is empty"),
        (["nope"], [], "unknown condition 'nope'; known are realistic, aligned, none"),
        (["none"], ["nope"], "unknown column to compare by 'nope'; known are .*age_group, gender"),
    ],
)
def test_unknown_groups_and_conditions_are_refused_before_the_work(conditions, by, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        check_choices(conditions, by)
    check_choices(["none"], ["age_group", "view_id"])


def test_a_model_and_its_processor_are_checked_alone_too(folder):
    assert load_model(folder).config.image_size == load_processor(folder).size["height"]


def test_a_folder_that_is_not_there_is_called_by_its_name():
    with pytest.raises(InvalidInput, match="there is no folder runs/nothing, and no such model was fetched"):
        load_model("runs/nothing")
