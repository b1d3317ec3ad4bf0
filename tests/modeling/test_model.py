"""The model, its processor and the Auto classes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoConfig, AutoImageProcessor, AutoModel, pipeline

import threedpain
from threedpain.modeling.vitpain import configuration_vitpain
from threedpain.modeling.vitpain.configuration_vitpain import ViTPainConfig
from threedpain.modeling.vitpain.image_processing_vitpain import ViTPainImageProcessor, as_picture, face_crop
from threedpain.modeling.vitpain.modeling_vitpain import ViTPainModel, pspi_of

VIT = {
    "model_type": "vit", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
}  # fmt: skip
BACKBONES = {
    "vit": VIT | {"patch_size": 8},
    "dinov2": VIT | {"model_type": "dinov2", "patch_size": 8, "mlp_ratio": 2},
    "dinov3_vit": VIT | {"model_type": "dinov3_vit", "patch_size": 8, "num_register_tokens": 2},
}


def tiny(backbone="vit", **overrides) -> ViTPainConfig:
    values = {"image_size": 32, "num_attention_heads": 2, "heatmap_upsample": 2, "mask_classes": 11}
    return ViTPainConfig(**{**values, "backbone_config": BACKBONES[backbone], **overrides})


def build(seed=0, **overrides) -> ViTPainModel:
    torch.manual_seed(seed)
    return ViTPainModel(tiny(**overrides)).eval()


def pixels(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "vitpain"
    build_comparing(True).save_pretrained(path)
    ViTPainImageProcessor(size=32).save_pretrained(path)
    return path


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("stem", [False, True])
def test_every_backbone_answers_within_the_scales(backbone, stem):
    overrides = {}
    if stem:
        overrides = {"stem_widths": [8, 16], "stem_depths": [0, 1]}
        overrides["backbone_config"] = BACKBONES[backbone] | {"patch_size": 2}
    model = build(backbone=backbone, **overrides)
    out = model(pixels(2, 3, 32, 32), pixels(2, 3, 32, 32, seed=2), output_attentions=True)
    assert out.pspi.shape == (2,) and out.au.shape == (2, 6) and out.pain_logits.shape == (2, 3)
    side = 2 * model.config.grid_size
    assert out.heatmap.shape == (2, side, side) and out.mask_logits.shape == (2, 11, side, side)
    assert ((out.pspi >= 0) & (out.pspi <= 16)).all() and (out.au >= 0).all() and (out.au[:, 5] <= 1).all()
    torch.testing.assert_close(out.pspi_from_au, pspi_of(out.au))
    for attention in out.attentions:
        torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:-1]), atol=1e-5, rtol=0)


def test_the_formula_is_prkachins():
    assert pspi_of(torch.tensor([5.0, 3, 4, 2, 1, 1])) == 5 + 4 + 2 + 1


def test_published_arrangement():
    model = build(
        backbone="dinov3_vit", backbone_rope=False, reference="attention", separate_neutral_backbone=True,
        decoder_layers=0, au_activation="relu", pspi_hidden=[16, 8], heatmap_upsample=0,
    )  # fmt: skip
    out = model(pixels(2, 3, 32, 32), pixels(2, 3, 32, 32, seed=2))
    assert out.heatmap is None and out.mask_logits is None and out.au.shape == (2, 6)
    # without positions of any kind in the backbone, shuffled patches give the same answer
    x = pixels(1, 3, 32, 32)
    patches = x.unfold(2, 8, 8).unfold(3, 8, 8).flatten(2, 3)[:, :, torch.randperm(16)]
    shuffled = patches.unflatten(2, (4, 4)).permute(0, 1, 2, 4, 3, 5).reshape(1, 3, 32, 32)
    torch.testing.assert_close(model(shuffled).pspi, model(x).pspi)


def test_switched_off_heads_leave_their_fields_empty():
    out = build(au_head=False, heatmap_upsample=0, reference="none")(pixels(2, 3, 32, 32))
    assert out.au is None and out.pspi_from_au is None and out.heatmap is None and out.pspi.shape == (2,)


def test_one_picture_does_not_depend_on_its_batch():
    model, x, n = (
        build(stem_widths=[8, 16], stem_depths=[1, 1], backbone_config=VIT | {"patch_size": 2}),
        *(pixels(3, 3, 32, 32, seed=s) for s in (1, 2)),
    )
    together = model(x, n)
    for i in range(3):
        alone = model(x[i : i + 1], n[i : i + 1])
        torch.testing.assert_close(alone.pspi, together.pspi[i : i + 1], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(alone.heatmap, together.heatmap[i : i + 1], atol=1e-5, rtol=1e-5)


def test_focus_looks_at_the_centre_and_answers_over_the_whole():
    model = build(image_size=64, focus=0.5)
    assert model.config.grid_size == 4 and model.config.map_size == 16
    x, n = pixels(2, 3, 64, 64), pixels(2, 3, 64, 64, seed=2)
    out = model(x, n)
    edge = x.clone()
    edge[..., :16, :] = 0
    torch.testing.assert_close(model(edge, n).pspi, out.pspi)
    centre = x.clone()
    centre[..., 30:34, 30:34] += 3
    assert not torch.allclose(model(centre, n).pspi, out.pspi)
    assert out.heatmap.shape == (2, 16, 16) and out.mask_logits.shape == (2, 11, 16, 16)
    assert (out.heatmap[:, 4:12, 4:12] > 0).all() and (out.heatmap > 0).sum() == 2 * 8 * 8
    # labels beyond the centre teach nothing
    heat = torch.rand(2, 16, 16)
    further = heat.clone()
    further[:, :4] = 9
    losses = [model(x, n, heatmap_targets=labels).losses["heatmap"] for labels in (heat, further)]
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(losses[0], ((out.heatmap - heat)[:, 4:12, 4:12] ** 2).mean())


STEM = {"stem_widths": [8, 16], "stem_depths": [1, 0], "backbone_config": VIT | {"patch_size": 2}}


def build_comparing(within_stem: bool) -> ViTPainModel:
    """Compares tokens alone, or within the stem too, with weights as if it had learned."""
    if not within_stem:
        return build()
    model = build(**STEM, stem_differences=True)
    for step in model.differences:
        torch.nn.init.normal_(step.strength)
    return model


def test_differences_in_the_stem_begin_as_nothing_and_then_count():
    plain, x, n = build(**STEM), pixels(3, 3, 32, 32), pixels(3, 3, 32, 32, seed=2)
    model = build(seed=1, **STEM, stem_differences=True)
    model.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(model(x, n).au, plain(x, n).au)
    learned = build_comparing(True)
    learned.load_state_dict(plain.state_dict(), strict=False)
    assert (learned(x, n).au - plain(x, n).au).abs().max() > 1e-4
    torch.testing.assert_close(learned(x).au, plain(x).au)
    torch.testing.assert_close(learned(x, x).au, plain(x, x).au)  # no difference, nothing added


@pytest.mark.parametrize("within_stem", [False, True])
def test_references_missing_repeated_and_averaged(within_stem):
    model, x, n = build_comparing(within_stem), pixels(3, 3, 32, 32), pixels(3, 3, 32, 32, seed=2)
    one, none = model(x, n), model(x)
    assert not torch.allclose(one.pspi, none.pspi)
    same = model(x, torch.stack((n, n, n), dim=1))
    torch.testing.assert_close(same.pspi, one.pspi)
    other = pixels(3, 3, 32, 32, seed=3)
    both = model(x, torch.stack((n, other), dim=1))
    torch.testing.assert_close(both.au, (one.au + model(x, other).au) / 2)
    masked = model(x, n, neutral_mask=torch.tensor([True, False, True]))
    torch.testing.assert_close(masked.pspi, torch.stack((one.pspi[0], none.pspi[1], one.pspi[2])))
    padded = model(x, torch.stack((n, other), dim=1), neutral_mask=torch.tensor([[1, 0], [0, 0], [1, 1]]).bool())
    torch.testing.assert_close(padded.pspi, torch.stack((one.pspi[0], none.pspi[1], both.pspi[2])))


@pytest.mark.parametrize("within_stem", [False, True])
def test_a_pool_of_references_equals_one_each(within_stem):
    model, x, pool = build_comparing(within_stem), pixels(4, 3, 32, 32), pixels(2, 3, 32, 32, seed=2)
    index = torch.tensor([1, 0, 1, -1])
    pooled = model(x, pool, neutral_index=index)
    each = model(x, pool[index.clamp(min=0)], neutral_mask=index >= 0)
    torch.testing.assert_close(pooled.pspi, each.pspi)
    torch.testing.assert_close(pooled.heatmap, each.heatmap)


def test_save_load_twice_gives_the_same_answers(folder, tmp_path):
    first = AutoModel.from_pretrained(folder)
    first.save_pretrained(tmp_path / "again")
    second = AutoModel.from_pretrained(tmp_path / "again")
    assert type(first) is type(second) is ViTPainModel
    x, n = pixels(2, 3, 32, 32), pixels(2, 3, 32, 32, seed=2)
    torch.testing.assert_close(first(x, n).pspi, second(x, n).pspi, atol=0, rtol=0)
    before, after = (ViTPainConfig.from_pretrained(path).to_dict() for path in (folder, tmp_path / "again"))
    assert before.pop("backbone_config") | {"dtype": None} == after.pop("backbone_config") | {"dtype": None}
    assert before == after
    processor = AutoImageProcessor.from_pretrained(folder)
    assert isinstance(processor, ViTPainImageProcessor) and processor.size == {"height": 32, "width": 32}
    assert (folder / "model.safetensors").exists() and (folder / "modeling_vitpain.py").exists()


def test_meta_device_device_map_and_half_precision(folder):
    config = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        empty = ViTPainModel(config)
    assert all(parameter.is_meta for parameter in empty.parameters())
    assert empty(torch.empty(2, 3, 32, 32, device="meta")).pspi.shape == (2,)
    x, n = pixels(2, 3, 32, 32), pixels(2, 3, 32, 32, seed=2)
    whole = AutoModel.from_pretrained(folder)
    mapped = AutoModel.from_pretrained(folder, device_map={"": "cpu"})
    torch.testing.assert_close(mapped(x, n).pspi, whole(x, n).pspi)
    half = AutoModel.from_pretrained(folder, dtype=torch.bfloat16)
    assert next(half.parameters()).dtype == torch.bfloat16
    torch.testing.assert_close(half(x.bfloat16(), n.bfloat16()).pspi, whole(x, n).pspi, atol=0.3, rtol=0)


@pytest.mark.slow
def test_compiled_equals_eager():
    model, x, n = build(), pixels(2, 3, 32, 32), pixels(2, 3, 32, 32, seed=2)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, n).pspi, model(x, n).pspi)


def test_remote_code_in_a_process_without_this_package(folder, tmp_path):
    code = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "threedpain":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Block())
import numpy as np, torch
from transformers import AutoImageProcessor, AutoModel
model = AutoModel.from_pretrained({str(folder)!r}, trust_remote_code=True)
processor = AutoImageProcessor.from_pretrained({str(folder)!r}, trust_remote_code=True)
picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
out = model(**processor(images=picture, neutral_images=picture, return_tensors="pt"))
model.save_pretrained({str(tmp_path / "resaved")!r})
print(out.pspi[0].item())
"""
    env = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    processor, model = AutoImageProcessor.from_pretrained(folder), AutoModel.from_pretrained(folder)
    here = model(**processor(images=picture, neutral_images=picture, return_tensors="pt"))
    assert float(done.stdout) == pytest.approx(here.pspi[0].item(), abs=1e-4)
    assert (tmp_path / "resaved" / "modeling_vitpain.py").exists()


def test_pipeline(folder):
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8))
    read = pipeline("pain-assessment", model=str(folder))
    answer = read(photo, neutral=photo, box=(10, 10, 40, 40))
    assert set(answer) == {"pspi", "interval", "au", "probabilities", "heatmap"}
    assert list(answer["au"]) == ["AU4", "AU6", "AU7", "AU9", "AU10", "AU43"]
    assert read(photo)["pspi"] != answer["pspi"]


def test_intervals_come_from_the_bin_of_the_prediction():
    model = build(interval_edges=[4.0, 8.0], interval_quantiles=[1.0, 2.0, 3.0], interval_quantiles_alone=[4.0] * 3)
    interval = model._interval(torch.tensor([0.5, 5.0, 15.0, 9.0]), torch.tensor([True, True, True, False]))
    torch.testing.assert_close(interval, torch.tensor([[0.0, 1.5], [3.0, 7.0], [12.0, 16.0], [5.0, 13.0]]))
    assert build()(pixels(1, 3, 32, 32)).pspi_interval is None


def test_losses_ignore_what_is_unknown_and_weights_switch_off():
    model, x = build(), pixels(2, 3, 32, 32)
    labels = {
        "labels": torch.tensor([4.0, torch.nan]), "au_targets": torch.full((2, 6), torch.nan),
        "heatmap_targets": torch.zeros(2, 8, 8), "mask_targets": torch.full((2, 8, 8), -100),
    }  # fmt: skip
    out = model(x, **labels)
    assert out.losses["au"] == 0 and out.losses["mask"] == 0 and out.losses["pspi"] > 0
    known = torch.nn.functional.smooth_l1_loss(out.pspi[0], torch.tensor(4.0)) / 2
    torch.testing.assert_close(out.losses["pspi"], known)
    total = sum(model.config.loss_weights[name] * value for name, value in out.losses.items())
    torch.testing.assert_close(out.loss, total)
    quiet = build(loss_weights={"heatmap": 0.0})
    assert "heatmap" not in quiet(x, **labels).losses


def test_what_can_be_seen_is_learned_and_may_be_left_out():
    model, x = build(visible_head=True), pixels(2, 3, 32, 32)
    told = torch.tensor([[1.0] * 6, [0.2, torch.nan, 1, 1, 1, 0.0]])
    out = model(x, visible_targets=told)
    assert out.visible.shape == (2, 6) and (out.visible > 0).all() and (out.visible < 1).all()
    known = torch.nn.functional.binary_cross_entropy(out.visible[~told.isnan()], told[~told.isnan()], reduction="sum")
    torch.testing.assert_close(out.losses["visible"], known / 12)
    assert build()(x, visible_targets=told).visible is None


def test_units_follow_what_is_read_directly_and_not_the_other_way_round():
    model, x = build(), pixels(2, 3, 32, 32)
    model(x, labels=torch.tensor([4.0, 9.0])).losses["consistency"].backward()
    assert all(value.grad is None for value in model.heads.pspi.parameters())
    assert all(value.grad.abs().sum() > 0 for value in model.heads.au[-1].parameters())


@pytest.mark.parametrize(
    "inputs, sentence",
    [
        ({"pixel_values": torch.zeros(2, 3, 30, 32)}, r"must be \[batch, 3, 32, 32\], got \[2, 3, 30, 32\]"),
        ({"pixel_values": torch.full((1, 3, 32, 32), torch.nan)}, "pixel_values must be finite"),
        (
            {"pixel_values": torch.zeros(2, 3, 32, 32), "neutral_pixel_values": torch.zeros(3, 3, 32, 32)},
            "references for 3 pictures, but pixel_values holds 2",
        ),
        (
            {"pixel_values": torch.zeros(2, 3, 32, 32), "neutral_pixel_values": torch.zeros(2, 1, 32, 32)},
            "neutral_pixel_values must be",
        ),
    ],
)  # fmt: skip
def test_wrong_tensors_are_refused_in_one_sentence(inputs, sentence):
    with pytest.raises(ValueError, match=sentence):
        build()(**inputs)


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"stem_differences": True}, "stem_differences needs stem_widths and a reference"),
        ({"reference": "sometimes"}, "reference must be one of compare, attention, none, got 'sometimes'"),
        ({"loss_weights": {"pspy": 1}}, "unknown loss weights"),
        ({"stem_widths": [8], "stem_depths": []}, "equally long"),
        ({"image_size": 30}, "image_size 30 must be divisible by"),
        ({"focus": 1.5}, "focus must be above 0"),
        ({"interval_edges": [1.0], "interval_quantiles": [1.0]}, "one more number"),
    ],
)
def test_impossible_configurations_are_refused(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        tiny(**values)


def test_face_crop_is_a_square_around_the_box():
    assert face_crop((10, 20, 50, 100)) == (-30, 0, 90, 120)
    with pytest.raises(ValueError, match="x0 < x1"):
        face_crop((10, 20, 5, 100))


def test_processor_crops_pads_and_arranges():
    processor = ViTPainImageProcessor(size=16, crop_scale=1.0)
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 255
    right = processor(images=picture, boxes=(32, 0, 64, 32), return_tensors="pt").pixel_values
    assert (right == 1).all()
    beyond = processor(images=picture, boxes=(48, 0, 80, 32), return_tensors="pt").pixel_values[0, 0]
    assert (beyond[:, :7] == 1).all() and (beyond[:, 9:] == -1).all()
    batch = processor(images=[picture] * 3, neutral_images=[picture, None, [picture, picture]], return_tensors="pt")
    assert batch.neutral_pixel_values.shape == (3, 2, 3, 16, 16)
    assert batch.neutral_mask.tolist() == [[True, False], [False, False], [True, True]]
    several = processor(images=picture, neutral_images=[picture, picture], return_tensors="pt")
    assert several.neutral_pixel_values.shape == (1, 2, 3, 16, 16)
    teacher = ViTPainImageProcessor(size=16, image_mode="L")
    assert teacher(images=picture, return_tensors="pt").pixel_values.shape == (1, 1, 16, 16)


def test_every_kind_of_picture_means_the_same():
    ramp = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (32, 1))
    rgb = np.stack([ramp] * 3, -1)
    upright = Image.fromarray(rgb)
    kinds = {
        "grey": Image.fromarray(ramp),
        "16 bit": Image.fromarray(ramp.astype(np.uint16) * 257),
        "alpha": Image.fromarray(np.dstack([rgb, np.full_like(ramp, 255)])),
        "float": rgb / 255.0,
        "first": torch.from_numpy(rgb).permute(2, 0, 1),
        "uint16": rgb.astype(np.uint16) * 257,
    }
    for name, kind in kinds.items():
        assert np.abs(np.asarray(as_picture(kind), int) - rgb).max() <= 1, name
    assert np.abs(np.asarray(as_picture(upright.convert("CMYK")), int) - rgb).max() <= 3
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    turned.getexif()[0x0112] = 6
    assert np.array_equal(np.asarray(as_picture(turned)), rgb)
    clear = Image.fromarray(np.dstack([rgb, np.zeros_like(ramp)]))
    assert (np.asarray(as_picture(clear)) == 255).all()


@pytest.mark.parametrize(
    "image, sentence",
    [
        ("photo.jpg", "must be a PIL image, an array or a tensor, got str"),
        (Image.new("RGB", (1, 1)), "16 to 16384 pixels, got 1 x 1"),
        (Image.new("L", (20_000, 20)), "got 20000 x 20"),
        (np.full((32, 32, 3), np.nan), "must be finite"),
        (np.full((32, 32, 3), 255.0), "must lie in 0..1"),
        (np.zeros((32, 32, 5), np.uint8), r"got \[32, 32, 5\]"),
        (np.zeros((32, 32, 3), np.int64), "uint8, uint16 or float, got int64"),
    ],
)
def test_what_is_no_picture_is_refused(image, sentence):
    with pytest.raises(ValueError, match=sentence):
        ViTPainImageProcessor()(images=image)


def test_references_and_boxes_must_match_the_pictures():
    picture = np.zeros((32, 32, 3), np.uint8)
    processor = ViTPainImageProcessor()
    with pytest.raises(ValueError, match="references for 3 pictures"):
        processor(images=[picture] * 2, neutral_images=[picture] * 3)
    with pytest.raises(ValueError, match="boxes holds 1 boxes for 2 pictures"):
        processor(images=[picture] * 2, boxes=[(0, 0, 8, 8)])


# The weights that ship


@pytest.mark.parametrize("name", ["vitpain", "vitpain-teacher"])
def test_shipped_weights_load_with_their_own_code_and_name_no_machine(name):
    folder = threedpain.weights(name)
    source = Path(configuration_vitpain.__file__).parent
    for kind in ("configuration", "modeling", "image_processing"):
        assert (folder / f"{kind}_vitpain.py").read_text() == (source / f"{kind}_vitpain.py").read_text()
    for text in ("config.json", "train.json", "log.jsonl"):
        assert "/tmp" not in (folder / text).read_text() and "/home" not in (folder / text).read_text()
    model, found = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not found["missing_keys"] and not found["unexpected_keys"]
    processor = AutoImageProcessor.from_pretrained(folder)
    picture = np.full((200, 200, 3), 128, np.uint8)
    neutral = {} if model.config.reference == "none" else {"neutral_images": picture}
    out = model(**processor(images=picture, boxes=(50, 50, 150, 150), **neutral, return_tensors="pt"))
    assert 0 <= out.pspi.item() <= 16 and (out.pspi_interval[0, 0] <= out.pspi[0] <= out.pspi_interval[0, 1])


def test_shipped_weights_are_small():
    folders = [threedpain.weights(name) for name in ("vitpain", "vitpain-teacher")]
    assert sum(path.stat().st_size for folder in folders for path in folder.rglob("*.safetensors")) <= 35e6
