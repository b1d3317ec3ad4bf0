"""The methods ViTPain is compared with. Each takes and gives what ViTPain does, so that one trainer serves all.

All look at the same central part of the face crop as ViTPain does: methods are compared, not crops.

- `vanilla`: a plain ViT that regresses PSPI from its class token, as in the 3DPain paper's table. No reference, no
  action units, no maps.
- `pairwise`: a siamese detector that compares a face with the same person's neutral face (Rezaei et al., Unobtrusive
  pain monitoring in older adults with dementia using pairwise and contrastive training, IEEE JBHI 25(5), 2021; the
  detector of SynPAIN): one convolution sees both faces in gray, the difference of its maps goes on, and the features
  of two faces are pulled together when their pain is alike and pushed apart when it is not.
- `au-linear`: action units are read from the face by ViTPain's own trunk, which learns where things are in a face from
  ViTPain's maps, and PSPI is a linear function of them and of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel
from transformers import initialization as init

from .configuration_vitpain import PAIN_THRESHOLDS, PAIN_UNITS, PSPI_MAX, ViTPainConfig
from .modeling_vitpain import PainHeads, ViTPainModel, ViTPainOutput, _average, _known
from .recipes import PLAIN_TRUNK, STUDENT

LUMA = (0.299, 0.587, 0.114)


class PairwisePainConfig(PretrainedConfig):
    """
    Args:
        image_size, num_channels: of the square input.
        focus: share of its side that is looked at, around the centre.
        widths: channels of the three convolutions.
        features: width of the features the contrastive loss compares.
        margin: distance beyond which two faces of unlike pain are far enough apart.
        dropout: of whole maps, after each stage.
        loss_weights: weight of each loss: pspi, pain, contrastive.
    """

    model_type = "pairwise-pain"

    def __init__(
        self,
        image_size=128,
        num_channels=3,
        focus=1.0,
        widths=(64, 128, 128),
        features=200,
        margin=1.0,
        dropout=0.1,
        loss_weights=None,
        initializer_range=0.02,
        **kwargs,
    ):
        self.image_size, self.num_channels, self.focus = image_size, num_channels, focus
        self.widths, self.features = list(widths), features
        self.margin, self.dropout = margin, dropout
        self.loss_weights = {"pspi": 1.0, "pain": 0.5, "contrastive": 0.5, **(loss_weights or {})}
        self.initializer_range = initializer_range
        super().__init__(**kwargs)

    reference = "pairwise"  # what ViTPain's configuration calls the use of a neutral face


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 5, stride=stride, padding=2, bias=False), nn.GroupNorm(8, outputs), nn.ReLU()
    )


class PairwisePainModel(PreTrainedModel):
    config_class = PairwisePainConfig
    base_model_prefix = "pairwise"
    main_input_name = "pixel_values"
    input_modalities = ("image",)

    def __init__(self, config: PairwisePainConfig):
        super().__init__(config)
        first, second, third = config.widths
        self.shared = _stage(1, first, 2)
        self.blank = nn.Parameter(torch.empty(first, 1, 1))  # stands for the maps of a missing neutral face
        self.compare = nn.Sequential(
            nn.MaxPool2d(2),
            nn.Dropout2d(config.dropout),
            _stage(first, second, 1),
            nn.MaxPool2d(2),
            nn.Dropout2d(config.dropout),
            _stage(second, third, 1),
            nn.MaxPool2d(2),
            nn.Dropout2d(config.dropout),
            nn.AdaptiveAvgPool2d(6),
            nn.Flatten(),
            nn.Linear(third * 36, config.features),
            nn.ReLU(),
        )
        self.pspi = nn.Linear(config.features, 1)
        self.pain = nn.Linear(config.features, len(PAIN_THRESHOLDS))
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.GroupNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, PairwisePainModel):
            init.zeros_(module.blank)

    def forward(
        self,
        pixel_values,
        neutral_pixel_values=None,
        neutral_mask=None,
        neutral_index=None,
        labels=None,
        au_targets=None,
        pain_targets=None,
        heatmap_targets=None,
        mask_targets=None,
        visible_targets=None,
        output_attentions=False,
        return_dict=True,
    ) -> ViTPainOutput | tuple:
        """As ViTPain's. Where a reference is missing a learned blank takes its place. Of the labels only PSPI and pain
        are read."""
        maps = self._maps(pixel_values)
        neutral, share = self._references(maps, neutral_pixel_values, neutral_mask, neutral_index)
        count = share.shape[1]
        found = self.compare(maps.repeat_interleave(count, 0) - neutral)  # [B * N, features]
        pspi = self.pspi(found).squeeze(-1).float()
        if not self.training:
            pspi = pspi.clamp(0, PSPI_MAX)
        output = ViTPainOutput(pspi=_average(pspi, share), pain_logits=_average(self.pain(found).float(), share))
        if labels is not None:
            losses = self._losses(output, _average(found, share), labels, pain_targets)
            output["losses"] = losses
            output["loss"] = sum(self.config.loss_weights[name] * value for name, value in losses.items())
        return output if return_dict else output.to_tuple()

    def _maps(self, pixels: torch.Tensor) -> torch.Tensor:
        """[B, C, H, W] -> [B, widths[0], h / 2, w / 2] of the gray picture's centre h x w."""
        border = round(pixels.shape[-1] * (1 - self.config.focus) / 2)
        pixels = pixels[..., border : pixels.shape[-2] - border, border : pixels.shape[-1] - border]
        if pixels.shape[1] == 3:
            pixels = (pixels * pixels.new_tensor(LUMA).view(-1, 1, 1)).sum(1, keepdim=True)
        return self.shared(pixels)

    def _references(self, maps, neutral, mask, index) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps [B * N, ...] of the references and the share [B, N] of each in its picture's answer."""
        batch = len(maps)
        if neutral is None:
            return self.blank.to(maps.dtype).expand_as(maps), maps.new_ones(batch, 1)
        if index is not None:
            index = index.view(batch, -1)
            mask = index >= 0
            found = self._maps(neutral)[index.clamp(min=0).flatten()]
        else:
            count = 1 if neutral.dim() == 4 else neutral.shape[1]
            found = self._maps(neutral if neutral.dim() == 4 else neutral.flatten(0, 1))
            mask = maps.new_ones(batch, count) if mask is None else mask.view(batch, count)
        mask = mask.bool()
        found = torch.where(mask.flatten()[:, None, None, None], found, self.blank.to(found.dtype))
        share = torch.where(mask.any(1, keepdim=True), mask, torch.ones_like(mask)).to(maps.dtype)
        return found, share / share.sum(1, keepdim=True)

    def _losses(
        self, output: ViTPainOutput, features: torch.Tensor, labels: torch.Tensor, pain: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        if pain is None:
            reached = (labels[:, None] >= labels.new_tensor(PAIN_THRESHOLDS)).to(labels.dtype)
            pain = torch.where(labels[:, None].isnan(), torch.nan, reached)
        # Where PSPI is not told, pain or none is what makes two faces alike: far apart on PSPI's scale.
        strength = torch.where(labels.isnan(), PSPI_MAX * pain[:, 0], labels)
        told = ~strength.isnan()
        return {
            "pspi": _known(F.smooth_l1_loss, output.pspi, labels),
            "pain": _known(F.binary_cross_entropy_with_logits, output.pain_logits, pain),
            "contrastive": contrastive(features[told], strength[told], self.config.margin),
        }


def contrastive(features: torch.Tensor, pspi: torch.Tensor, margin: float) -> torch.Tensor:
    """Hadsell, Chopra and LeCun's loss over all pairs of a batch [B, D]; alike: PSPI less than 1 apart."""
    if len(features) < 2:
        return features.sum() * 0.0
    features = F.normalize(features.float(), dim=-1)
    first, second = torch.triu_indices(len(features), len(features), 1, device=features.device)
    # the root's slope is infinite where two faces have the same features
    distance = ((features[first] - features[second]).square().sum(-1) + 1e-8).sqrt()
    alike = (pspi[first] - pspi[second]).abs() < 1
    return torch.where(alike, distance.square(), F.relu(margin - distance).square()).mean()


class AuLinearConfig(ViTPainConfig):
    model_type = "au-linear-pain"

    def __init__(self, reference="none", **kwargs):
        super().__init__(reference=reference, **kwargs)


class AuHeads(PainHeads):
    """The action units as ViTPain reads them; PSPI and its thresholds are linear in them. The linear part teaches the
    action units nothing: they are learned from their own labels alone."""

    def __init__(self, config: AuLinearConfig):
        super().__init__(config)
        self.pspi = nn.Linear(len(PAIN_UNITS), 1)
        self.pain = nn.Linear(len(PAIN_UNITS), len(PAIN_THRESHOLDS))

    def forward(self, tokens: torch.Tensor, where: torch.Tensor, weights: bool) -> dict[str, torch.Tensor | None]:
        patches = tokens[:, -(self.config.grid_size**2) :]
        if self.decoder:
            values = self.norm(patches)
            keys, read, attention = values + where[-patches.shape[1] :], self.queries.expand(len(tokens), -1, -1), None
            for layer in self.decoder:
                read, attention = layer(read, keys, values, weights)
            units = read[:, 1:]
        else:
            attention = (self.queries @ patches.mT / patches.shape[-1] ** 0.5).softmax(-1)
            units, attention = attention @ patches, attention[:, None]
        au = self._units(units)
        pspi = self.pspi(au.detach()).squeeze(-1)
        heat, mask = self._maps(patches)
        return {
            "pspi": pspi if self.training else pspi.clamp(0, PSPI_MAX),
            "pain_logits": self.pain(au.detach()),
            "au": au,
            "heatmap": heat,
            "mask_logits": mask,
            "attention": attention,
        }


class AuLinearModel(ViTPainModel):
    config_class = AuLinearConfig

    def __init__(self, config: AuLinearConfig):
        super().__init__(config)
        self.heads = AuHeads(config)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, AuHeads):  # where the best linear reading lies near: PSPI with means for its maxima
            init.copy_(module.pspi.weight, torch.tensor([[1.0, 0.5, 0.5, 0.5, 0.5, 1.0]]))


def vanilla(image_size: int, **changes: Any) -> ViTPainModel:
    """Ten patches along the side of the input, as the recipes have at 160 pixels; `changes`: of the configuration."""
    backbone = ViTPainConfig().backbone_config.to_dict() | {"patch_size": 2 * max(1, image_size // 20)}
    backbone["initializer_range"] = backbone["hidden_size"] ** -0.5  # the usual 0.02 suits four times the width
    weights = {"au": 0.0, "pain": 0.0, "heatmap": 0.0, "mask": 0.0, "consistency": 0.0}
    given = {
        "backbone_config": backbone,
        "focus": STUDENT["focus"],
        "reference": "none",
        "decoder_layers": 0,
        "au_head": False,
        "heatmap_upsample": 0,
        "loss_weights": weights,
        **changes,
    }
    return ViTPainModel(ViTPainConfig(image_size=image_size, **given))


def pairwise(image_size: int, **changes: Any) -> PairwisePainModel:
    given = {"focus": STUDENT["focus"], **changes}
    return PairwisePainModel(PairwisePainConfig(image_size=image_size, **given))


def au_linear(image_size: int, **changes: Any) -> AuLinearModel:
    names = ("focus", "heatmap_upsample", "mask_classes")
    given = {**{name: STUDENT[name] for name in names}, **PLAIN_TRUNK, "loss_weights": {"consistency": 0.0}, **changes}
    return AuLinearModel(AuLinearConfig(image_size=image_size, **given))


BASELINES: dict[str, Callable[..., PreTrainedModel]] = {
    "vanilla": vanilla,
    "pairwise": pairwise,
    "au-linear": au_linear,
}


def register() -> None:
    """Enter the baselines' saved folders with AutoConfig, AutoModel and AutoImageProcessor."""
    from transformers import AutoConfig, AutoImageProcessor, AutoModel

    from .image_processing_vitpain import ViTPainImageProcessor

    backends = {"pil": ViTPainImageProcessor, "torchvision": ViTPainImageProcessor}
    for config, model in ((PairwisePainConfig, PairwisePainModel), (AuLinearConfig, AuLinearModel)):
        AutoConfig.register(config.model_type, config, exist_ok=True)
        AutoModel.register(config, model, exist_ok=True)
        AutoImageProcessor.register(config, image_processor_classes=backends, exist_ok=True)
