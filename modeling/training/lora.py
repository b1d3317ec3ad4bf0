"""Low-rank adapters (LoRA, through peft) for large frozen backbones, merged into the weights when a model is saved."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedModel

from threedpain.extras import need_extra


def add_lora(model: PreTrainedModel, rank: int, alpha: int, dropout: float) -> None:
    """Adapters on every linear layer of the backbones' attention; the backbones themselves stay frozen."""
    need_extra("peft", "train")
    from peft import LoraConfig, get_peft_model

    for encoder in _encoders(model):
        targets = [
            name for name, module in encoder.backbone.named_modules()
            if isinstance(module, nn.Linear) and "attention" in name
        ]  # fmt: skip
        config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=targets)
        encoder.backbone = get_peft_model(encoder.backbone, config)


def merge_lora(model: PreTrainedModel) -> PreTrainedModel:
    """The same model with plain layers, in place."""
    for encoder in _encoders(model):
        if hasattr(encoder.backbone, "merge_and_unload"):  # peft's, which is not imported to ask
            encoder.backbone = encoder.backbone.merge_and_unload()
    return model


def _encoders(model: PreTrainedModel) -> list[nn.Module]:
    return [encoder for name in ("encoder", "neutral_encoder") if (encoder := getattr(model, name, None)) is not None]
