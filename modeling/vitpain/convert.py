"""The published ViTPain checkpoint (a Lightning .ckpt with timm's names) as a folder `AutoModel.from_pretrained` loads.

The published model is timm's DINOv3 wrapped by peft (LoRA on every `qkv` and `proj`, the patch embedding's among them),
a second such encoder for the neutral face, one cross-attention and the heads. Its forward pass runs the blocks without
rotary positions and without register tokens, so the converted model has neither; LoRA is merged into the weights.

The correspondence of names is declared in `BACKBONE` and `HEADS`. A key that is in neither is reported, never guessed;
a key that is missing stops the conversion.
"""

from __future__ import annotations

import logging
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import DINOv3ViTConfig

from threedpain.errors import InvalidInput, MissingFile

from .configuration_vitpain import ViTPainConfig
from .image_processing_vitpain import ViTPainImageProcessor
from .loading import save_model
from .modeling_vitpain import ViTPainModel

logger = logging.getLogger(__name__)

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# timm -> transformers, below an encoder. {i} is a layer; {p} is weight or bias; three targets share one fused tensor.
_LAYER = "model.layer.{i}."
BACKBONE: dict[str, str | tuple[str, ...]] = {
    "cls_token": "embeddings.cls_token",
    "patch_embed.proj.{p}": "embeddings.patch_embeddings.{p}",
    "blocks.{i}.norm1.{p}": _LAYER + "norm1.{p}",
    "blocks.{i}.attn.qkv.{p}": tuple(_LAYER + f"attention.{name}_proj.{{p}}" for name in "qkv"),
    "blocks.{i}.attn.q_bias": _LAYER + "attention.q_proj.bias",  # the variants called qkvb
    "blocks.{i}.attn.v_bias": _LAYER + "attention.v_proj.bias",
    "blocks.{i}.attn.proj.{p}": _LAYER + "attention.o_proj.{p}",
    "blocks.{i}.gamma_1": _LAYER + "layer_scale1.lambda1",
    "blocks.{i}.norm2.{p}": _LAYER + "norm2.{p}",
    "blocks.{i}.mlp.fc1.{p}": _LAYER + "mlp.up_proj.{p}",
    "blocks.{i}.mlp.fc2.{p}": _LAYER + "mlp.down_proj.{p}",
    "blocks.{i}.gamma_2": _LAYER + "layer_scale2.lambda1",
    "norm.{p}": "norm.{p}",
}
UNUSED = ("reg_token",)  # in the checkpoint, never read by the published forward pass

# Everything else. {i} counts from 0; the published pain heads are named by their thresholds 1, 2, 3.
_CROSS = "comparison.0.attention."
HEADS: dict[str, str | tuple[str, ...]] = {
    "neutral_cross_attn.in_proj_{p}": tuple(_CROSS + f"{name}.{{p}}" for name in ("query", "key", "value")),
    "neutral_cross_attn.out_proj.{p}": _CROSS + "out.{p}",
    "neutral_norm.{p}": "comparison.0.norm.{p}",
    "pspi_head.{i}.{p}": "heads.pspi.{i}.{p}",
    "pspi_binary_heads.1.{i}.{p}": "heads.pain.0.{i}.{p}",
    "pspi_binary_heads.2.{i}.{p}": "heads.pain.1.{i}.{p}",
    "pspi_binary_heads.3.{i}.{p}": "heads.pain.2.{i}.{p}",
    "au_queries": "heads.queries",
    "au_shared_features.{i}.{p}": "heads.au.{i}.{p}",
    "au_head.{p}": "heads.au.5.{p}",
}
ENCODERS = {"vit_model.": "encoder.backbone.", "neutral_encoder.": "neutral_encoder.backbone."}


@dataclass(frozen=True)
class Conversion:
    """The converted model, the keys its forward pass never used, and the keys nobody knows."""

    model: ViTPainModel
    processor: ViTPainImageProcessor
    unused: tuple[str, ...]
    unknown: tuple[str, ...]

    def save(self, folder: str | Path) -> Path:
        folder = Path(folder)
        save_model(self.model, self.processor, folder)
        return folder


def convert(
    checkpoint: str | Path,
    *,
    image_size: int = 224,
    attention_heads: int | None = None,
    lora_alpha: float | None = None,
) -> Conversion:
    """Read a .ckpt, .pt or .safetensors of the published structure.

    `attention_heads` of the backbone are no part of a checkpoint: a head of every DINOv3 is 64 wide, unless told
    otherwise. `lora_alpha` comes from the checkpoint's hyper-parameters, or is the published 16.
    """
    state, hyper = read(checkpoint)
    alpha = float(lora_alpha if lora_alpha is not None else hyper.get("lora_alpha", 16))
    state = merge_lora(state, alpha)
    config = config_of(state, image_size, attention_heads)
    model = ViTPainModel(config).eval()
    converted, unused, unknown = rename(state)
    wanted = model.state_dict()
    for key, value in wanted.items():
        if key == "missing" or not value.numel():  # a token the published model does not have; no register tokens
            converted[key] = torch.zeros_like(value)
    missing = sorted(wanted.keys() - converted.keys())
    misshapen = [
        f"{key} {list(converted[key].shape)} instead of {list(wanted[key].shape)}"
        for key in sorted(wanted.keys() & converted.keys())
        if converted[key].shape != wanted[key].shape
    ]
    unknown += [f"{key} (converted)" for key in sorted(converted.keys() - wanted.keys())]
    if missing or misshapen:
        raise InvalidInput(
            f"{checkpoint} is no complete ViTPain checkpoint: missing {_listed(missing)}; of another "
            f"shape {_listed(misshapen)}; unknown {_listed(unknown)}"
        )
    if unknown:
        logger.warning("%s: %d unknown keys were left out: %s", checkpoint, len(unknown), _listed(unknown))
    model.load_state_dict({key: converted[key] for key in wanted})
    processor = ViTPainImageProcessor(size=image_size, image_mean=IMAGENET_MEAN, image_std=IMAGENET_STD)
    return Conversion(model, processor, tuple(unused), tuple(unknown))


def read(checkpoint: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """(weights by name, hyper-parameters), without ever running code that a pickle may hold."""
    path = Path(checkpoint)
    if not path.is_file():
        raise MissingFile(f"the checkpoint {path} does not exist")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path), {}
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = next((line.strip() for line in str(error).splitlines() if "GLOBAL" in line), "")
        raise InvalidInput(
            f"{path} holds more than weights, and opening it could run foreign code: it was not opened "
            f"({reason or type(error).__name__})"
        ) from None
    except Exception as error:  # the reader raises whatever strange bytes make it stumble over
        raise InvalidInput(f"{path} is no PyTorch checkpoint ({type(error).__name__})") from None
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()) or not state:
        raise InvalidInput(f"{path} holds no state_dict")
    return dict(state), dict(content.get("hyper_parameters") or {})


def merge_lora(state: dict[str, torch.Tensor], alpha: float) -> dict[str, torch.Tensor]:
    """Plain timm names: peft's prefixes gone, W + alpha / rank * B A in the place of W."""
    merged: dict[str, torch.Tensor] = {}
    for key, value in state.items():
        name = key.replace("base_model.model.", "", 1)
        if ".lora_" in name:
            continue
        if ".base_layer." not in name:
            merged[name] = value.float()
            continue
        prefix, parameter = key.split(".base_layer.")
        value = value.float()
        down, up = (state.get(f"{prefix}.lora_{side}.default.weight") for side in "AB")
        # With a bias of its own (q_bias) timm multiplies by the base weight alone: LoRA on that qkv never acted.
        acts = not (prefix.endswith(".qkv") and f"{prefix.removesuffix('qkv')}q_bias" in state)
        if parameter == "weight" and down is not None and up is not None and acts:
            # matrices [rank, in], [out, rank]; of a convolution [rank, in, k, k], [out, rank, 1, 1]
            change = up.float().flatten(1) @ down.float().flatten(1)
            value = value + alpha / down.shape[0] * change.view_as(value)
        merged[name.replace(".base_layer.", ".")] = value
    return merged


def config_of(state: dict[str, torch.Tensor], image_size: int, attention_heads: int | None = None) -> ViTPainConfig:
    """The configuration these weights belong to."""
    try:
        embedding = state["vit_model.patch_embed.proj.weight"]
        intermediate = state["vit_model.blocks.0.mlp.fc1.weight"].shape[0]
    except KeyError as error:
        raise InvalidInput(
            f"no ViTPain checkpoint: it has no {error}; its first keys are {_listed(sorted(state))}"
        ) from None
    width, _, patch, _ = embedding.shape
    layers = 1 + max(int(match[1]) for key in state if (match := re.match(r"vit_model\.blocks\.(\d+)\.", key)))
    fused = "vit_model.blocks.0.attn.qkv.bias" in state
    biased = fused or "vit_model.blocks.0.attn.q_bias" in state
    backbone = DINOv3ViTConfig(
        hidden_size=width,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        patch_size=patch,
        num_attention_heads=attention_heads or max(1, width // 64),
        num_register_tokens=0,
        image_size=image_size,
        query_bias=biased,
        key_bias=fused,
        value_bias=biased,
        layer_norm_eps=1e-5,
    )
    neutral = any(key.startswith("neutral_encoder.") for key in state)
    hidden = [state[f"pspi_head.{i}.weight"].shape[0] for i in (2, 5, 8) if f"pspi_head.{i}.weight" in state]
    au = state.get("au_shared_features.2.weight")
    return ViTPainConfig(
        backbone_config=backbone,
        image_size=image_size,
        backbone_rope=False,
        reference="attention" if neutral else "none",
        separate_neutral_backbone=neutral,
        num_attention_heads=8,
        decoder_layers=0,
        pspi_hidden=hidden,
        au_head=True,
        au_hidden=512 if au is None else au.shape[0],
        au_activation="relu",
        heatmap_upsample=0,
        mask_classes=0,
    )


def rename(state: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], list[str], list[str]]:
    """(weights by this package's names, keys never used, unknown keys) by the declared tables."""
    renamed: dict[str, torch.Tensor] = {}
    unused, unknown = [], []
    for key, value in sorted(state.items()):
        prefix = next((prefix for prefix in ENCODERS if key.startswith(prefix)), "")
        inner = key.removeprefix(prefix)
        if prefix and inner in UNUSED:
            unused.append(key)
            continue
        targets = _targets(inner, BACKBONE if prefix else HEADS)
        if not targets:
            unknown.append(key)
            continue
        for target, part in zip(targets, value.chunk(len(targets)), strict=True):
            renamed[ENCODERS.get(prefix, "") + target] = part.clone()
    return renamed, unused, unknown


def _targets(key: str, table: dict[str, str | tuple[str, ...]]) -> tuple[str, ...]:
    for pattern, target in table.items():
        regex = re.escape(pattern).replace(r"\{i\}", r"(?P<i>\d+)").replace(r"\{p\}", r"(?P<p>weight|bias)")
        if match := re.fullmatch(regex, key):
            names = (target,) if isinstance(target, str) else target
            return tuple(name.format(**match.groupdict()) for name in names)
    return ()


def _listed(keys: list[str], most: int = 6) -> str:
    return (", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")) or "none"
