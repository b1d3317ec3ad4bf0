"""The published checkpoint's layout in miniature, built from timm and peft themselves: converted, it answers alike."""

import itertools
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers import AutoImageProcessor, AutoModel

from threedpain.errors import InvalidInput, MissingFile
from threedpain.modeling.vitpain.convert import BACKBONE, HEADS, convert

SIDE, WIDTH, DEPTH, HEADS_COUNT, ALPHA = 48, 64, 2, 4, 16


class Published(nn.Module):
    """The structure of the published model written from its description: its names, its forward pass."""

    def __init__(self, neutral=True, fused_bias=False):
        import peft
        import timm

        super().__init__()
        name = "vit_small_patch16_dinov3_qkvb" if fused_bias else "vit_small_patch16_dinov3"

        def encoder():
            made = timm.create_model(
                name, num_classes=0, depth=DEPTH, embed_dim=WIDTH, num_heads=HEADS_COUNT, img_size=SIDE
            )
            lora = peft.LoraConfig(
                r=3,
                lora_alpha=ALPHA,
                target_modules=["qkv", "proj"],
                lora_dropout=0.1,
                task_type=peft.TaskType.FEATURE_EXTRACTION,
            )
            return peft.get_peft_model(made, lora)

        self.vit_model = encoder()
        if neutral:
            self.neutral_encoder = encoder()
            self.neutral_cross_attn = nn.MultiheadAttention(WIDTH, 8, batch_first=True)
            self.neutral_norm = nn.LayerNorm(WIDTH)
        sizes = (WIDTH, 32, 24, 16, 1)
        layers = [nn.LayerNorm(WIDTH), nn.Dropout()]
        for before, after in itertools.pairwise(sizes[:-1]):
            layers += [nn.Linear(before, after), nn.GELU(), nn.Dropout()]
        self.pspi_head = nn.Sequential(*layers, nn.Linear(sizes[-2], 1))
        self.pspi_binary_heads = nn.ModuleDict(
            {key: nn.Sequential(nn.LayerNorm(WIDTH), nn.Dropout(), nn.Linear(WIDTH, 1)) for key in "123"}
        )
        self.au_shared_features = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Dropout(), nn.Linear(WIDTH, 40), nn.GELU(), nn.Dropout()
        )
        self.au_queries = nn.Parameter(torch.randn(6, WIDTH))
        self.au_head = nn.Linear(40, 1)

    @staticmethod
    def tokens(encoder, pixels):
        model = encoder.base_model.model
        x = model.patch_embed(pixels).reshape(len(pixels), -1, WIDTH)
        x = torch.cat((model.cls_token.expand(len(x), -1, -1), x), 1)
        for block in model.blocks:
            x = block(x)
        return model.norm(x)

    def forward(self, pixels, neutral=None):
        x = self.tokens(self.vit_model, pixels)
        if neutral is not None:
            found = self.tokens(self.neutral_encoder, neutral)
            x = self.neutral_norm(x + self.neutral_cross_attn(x, found, found)[0])
        face, patches = x[:, 0], x[:, 1:]
        pooled = F.softmax(self.au_queries @ patches.mT / WIDTH**0.5, -1) @ patches
        return {
            "pspi": 16 * torch.sigmoid(self.pspi_head(face).squeeze(-1)),
            "pain_logits": torch.cat([self.pspi_binary_heads[key](face) for key in "123"], 1),
            "au": F.relu(self.au_head(self.au_shared_features(pooled)).squeeze(-1)),
        }


@pytest.fixture
def published():
    def make(**kwargs):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = Published(**kwargs).eval()
            for name, value in model.named_parameters():  # nothing stays at its initial value: LoRA's B is zero there
                value.data.normal_(1.0 if "norm" in name and "weight" in name else 0.0, 0.2)
            model.au_head.bias.data.fill_(0.5)
        return model

    return make


def lightning(model, path, **extra):
    torch.save(
        {
            "epoch": 149,
            "global_step": 1,
            "pytorch-lightning_version": "2.5.0",
            "state_dict": model.state_dict(),
            "optimizer_states": [{"state": {}, "param_groups": []}],
            "lr_schedulers": [],
            "hyper_parameters": {
                "model_name": "timm/vit_large_patch16_dinov3.sat493m",
                "lora_rank": 3,
                "lora_alpha": ALPHA,
            },
            **extra,
        },
        path,
    )
    return path


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, 3, SIDE, SIDE, generator=generator), torch.randn(3, 3, SIDE, SIDE, generator=generator)


def same(ours, theirs):
    for name, value in theirs.items():
        torch.testing.assert_close(
            ours[name], value, atol=2e-5, rtol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


@torch.no_grad()
@pytest.mark.parametrize("fused_bias", [False, True])
def test_both_layouts_answer_alike(published, pictures, tmp_path, fused_bias):
    model = published(fused_bias=fused_bias)
    converted = convert(lightning(model, tmp_path / "vitpain.ckpt"), image_size=SIDE, attention_heads=HEADS_COUNT)
    assert converted.unknown == ()
    folder = converted.save(tmp_path / "vitpain")
    loaded = AutoModel.from_pretrained(folder).eval()
    photo, rest = pictures
    expected = model(photo, rest)
    assert expected["pspi"].std() > 1e-3 and (expected["au"] > 0).any()  # not trivially equal
    same(loaded(pixel_values=photo, neutral_pixel_values=rest), expected)
    same(loaded(pixel_values=photo), model(photo))
    processor = AutoImageProcessor.from_pretrained(folder)
    assert processor.size == {"height": SIDE, "width": SIDE} and list(processor.image_mean) == [0.485, 0.456, 0.406]


@torch.no_grad()
def test_without_neutral_encoder(published, pictures, tmp_path):
    model = published(neutral=False)
    converted = convert(lightning(model, tmp_path / "v.ckpt"), image_size=SIDE, attention_heads=HEADS_COUNT).model
    assert converted.config.reference == "none"
    same(converted(pixel_values=pictures[0]), model(pictures[0]))


@torch.no_grad()
def test_multi_shot_is_the_mean_of_the_single_shots(published, pictures, tmp_path):
    model = published()
    converted = convert(lightning(model, tmp_path / "v.ckpt"), image_size=SIDE, attention_heads=HEADS_COUNT).model
    photo, rest = pictures
    shots = torch.stack((rest, rest.flip(0)), 1)
    mean = (model(photo, rest)["pspi"] + model(photo, rest.flip(0))["pspi"]) / 2
    got = converted(pixel_values=photo, neutral_pixel_values=shots).pspi
    torch.testing.assert_close(got, mean, atol=2e-5, rtol=1e-5)


def test_every_declared_name_occurs_and_register_tokens_are_the_only_unused(published, tmp_path):
    converted = convert(
        lightning(published(fused_bias=True), tmp_path / "v.ckpt"), image_size=SIDE, attention_heads=HEADS_COUNT
    )
    assert set(converted.unused) == {"vit_model.reg_token", "neutral_encoder.reg_token"}
    assert len(BACKBONE) == 13 and len(HEADS) == 10


def test_unknown_keys_are_listed_and_missing_ones_stop(published, tmp_path, caplog):
    model = published()
    state = {**model.state_dict(), "train_metric.total": torch.zeros(1)}
    torch.save({"state_dict": state}, tmp_path / "more.ckpt")
    converted = convert(tmp_path / "more.ckpt", image_size=SIDE, attention_heads=HEADS_COUNT)
    assert converted.unknown == ("train_metric.total",)
    assert "1 unknown keys were left out: train_metric.total" in caplog.text
    for key in ("neutral_norm.weight", "au_queries"):
        del state[key]
    torch.save({"state_dict": state}, tmp_path / "less.ckpt")
    with pytest.raises(
        InvalidInput,
        match="missing comparison.0.norm.weight, heads.queries; of another shape none; unknown train_metric.total",
    ):
        convert(tmp_path / "less.ckpt", image_size=SIDE, attention_heads=HEADS_COUNT)


class Evil:
    def __reduce__(self):
        import os

        return os.mkdir, (str(Evil.target),)


def test_pickled_code_is_never_run(published, tmp_path):
    Evil.target = tmp_path / "pwned"
    lightning(published(), tmp_path / "evil.ckpt", callbacks={"x": Evil()})
    with pytest.raises(InvalidInput, match="opening it could run foreign code: it was not opened"):
        convert(tmp_path / "evil.ckpt")
    (tmp_path / "raw.ckpt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(InvalidInput):
        convert(tmp_path / "raw.ckpt")
    assert not Evil.target.exists()


@pytest.mark.parametrize(
    "content, sentence", [(b"text", "is no PyTorch checkpoint|could run foreign code"), (None, "does not exist")]
)
def test_what_is_no_checkpoint(tmp_path, content, sentence):
    path = tmp_path / "x.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((InvalidInput, MissingFile), match=sentence):
        convert(path)


def test_command_writes_a_folder_or_one_sentence(published, tmp_path, capsys):
    from threedpain.cli import main

    checkpoint = lightning(published(), tmp_path / "v.ckpt")
    with pytest.raises(SystemExit) as exit_:
        main(["convert", str(checkpoint), "--out", str(tmp_path / "out"), "--image-size", str(SIDE)])
    assert exit_.value.code == 0 and (tmp_path / "out" / "model.safetensors").is_file()
    assert "2 keys the published model never uses; 0 unknown keys" in capsys.readouterr().out
    with pytest.raises(SystemExit) as exit_:
        main(["convert", str(tmp_path / "none.ckpt"), "--out", str(tmp_path / "new")])
    assert exit_.value.code == 2 and "does not exist" in capsys.readouterr().err
    held = (tmp_path / "out" / "model.safetensors").read_bytes()
    with pytest.raises(SystemExit) as exit_:
        main(["convert", str(checkpoint), "--out", str(tmp_path / "out"), "--image-size", str(SIDE)])
    assert exit_.value.code == 2 and "out exists already: choose another --out" in capsys.readouterr().err
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == held


def test_another_models_checkpoint_says_so(tmp_path):
    torch.save({"state_dict": {"conv1.weight": torch.zeros(1)}}, tmp_path / "resnet.ckpt")
    with pytest.raises(
        InvalidInput, match="it has no 'vit_model.patch_embed.proj.weight'; its first keys are conv1.weight"
    ):
        convert(tmp_path / "resnet.ckpt")
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(InvalidInput, match="holds no state_dict"):
        convert(tmp_path / "list.ckpt")
