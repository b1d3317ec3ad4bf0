"""ViTPain: PSPI, six action units and a pain map from a face, helped by the same person's neutral face.

Self-contained: imports torch, transformers and its own configuration only, so that it travels as remote code.
Shapes: B pictures, N references each, P patches (grid G x G), D hidden width, T = prefix tokens + P.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, pairwise

import torch
from torch import nn
from torch.nn import functional as F
from transformers import AutoModel, PreTrainedModel
from transformers import initialization as init
from transformers.utils import ModelOutput, logging

from .configuration_vitpain import AU_MAXIMA, LITE_STEMS, PAIN_THRESHOLDS, PAIN_UNITS, PSPI_MAX, REGIONS, ViTPainConfig


@dataclass
class ViTPainOutput(ModelOutput):
    """
    loss: [], weighted sum of `losses`, when labels were given.
    pspi: [B], 0..16, read directly.
    pspi_from_au: [B], 0..16, AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43 of `au`.
    pspi_interval: [B, 2], 90 % split-conformal interval around `pspi`; None before calibration.
    au: [B, 6], intensities 0..5 (AU43 0..1) in the order AU4 AU6 AU7 AU9 AU10 AU43.
    pain_logits: [B, 3], of PSPI >= 1, 2, 3.
    heatmap: [B, S, S], mm of skin movement by the pain units, S = config.map_size; 0 outside of what is looked at.
    mask_logits: [B, classes, S, S], parts of the face, likewise.
    visible: [B, 6], 0..1, how much can be seen of brows, eyes, cheeks, nose, mouth and chin.
    familiarity: [B], the share of held-out training faces whose features lie at least as far from those of training:
        0 is unlike anything learned; None where the weights remember none.
    last_hidden_state: [B, P, D], patch tokens after comparison with the reference.
    hidden_states: if asked for, tokens [B, T, D] as they enter the backbone, after each of its layers, and after the
        comparison with the reference.
    attentions: reference [B, heads, T, T] and queries [B, heads, 7, P] (without a decoder [B, 1, 6, P]), if asked for.
    losses: the unweighted losses by name.
    """

    loss: torch.Tensor | None = None
    pspi: torch.Tensor | None = None
    pspi_from_au: torch.Tensor | None = None
    pspi_interval: torch.Tensor | None = None
    au: torch.Tensor | None = None
    pain_logits: torch.Tensor | None = None
    heatmap: torch.Tensor | None = None
    mask_logits: torch.Tensor | None = None
    visible: torch.Tensor | None = None
    familiarity: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None
    losses: dict[str, torch.Tensor] | None = None


def pspi_of(au: torch.Tensor) -> torch.Tensor:
    """PSPI [...] of action units [..., 6] (Prkachin and Solomon, 2008)."""
    au4, au6, au7, au9, au10, au43 = au.unbind(-1)
    return au4 + torch.maximum(au6, au7) + torch.maximum(au9, au10) + au43


def positions(grid: int, width: int, like: torch.Tensor) -> torch.Tensor:
    """Sine and cosine positions [grid * grid, width] of patch centres."""
    steps = torch.arange(grid, device=like.device, dtype=torch.float32) + 0.5
    frequencies = 2.0 ** torch.arange(width // 4, device=like.device, dtype=torch.float32).mul(-6.0 / (width // 4))
    angles = torch.outer(steps, frequencies) * (torch.pi / 2)
    waves = torch.cat((angles.sin(), angles.cos()), dim=-1)  # [grid, width / 2]
    rows, columns = waves[:, None].expand(-1, grid, -1), waves[None].expand(grid, -1, -1)
    table = torch.cat((rows, columns), dim=-1).flatten(0, 1)
    return F.pad(table, (0, width - table.shape[-1])).to(like.dtype)


class ResidualBlock(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(8, width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(8, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))


class ConvStem(nn.Sequential):
    """[B, channels, H, W] -> [B, widths[-1], H / 2^k, W / 2^k]; group norms: no picture depends on its batch."""

    def __init__(self, channels: int, widths: list[int], depths: list[int]):
        layers: list[nn.Module] = []
        for step, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            kernel = 3 if step else 5
            layers += [
                nn.Conv2d(channels, width, kernel, stride=2, padding=kernel // 2, bias=False),
                nn.GroupNorm(8, width),
                nn.ReLU(),
                *(ResidualBlock(width) for _ in range(depth)),
            ]
            channels = width
        super().__init__(*layers)
        self.lengths = [3 + depth for depth in depths]

    def forward(self, x: torch.Tensor, between: Callable[[int, torch.Tensor], torch.Tensor] | None = None):
        """`between(step, maps)` may look at, or change, what leaves each step."""
        layers = iter(self)
        for step, length in enumerate(self.lengths):
            for layer in islice(layers, length):
                x = layer(x)
            x = between(step, x) if between else x
        return x


class FrozenNorm(nn.Module):
    """Batch norm that keeps the statistics it came with, in training too: no picture depends on its batch."""

    def __init__(self, width: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(width)), nn.Parameter(torch.empty(width))
        self.register_buffer("running_mean", torch.empty(width))
        self.register_buffer("running_var", torch.empty(width))

    def into(self, kernel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Kernel and bias of the convolution that is `kernel`'s and this norm in one."""
        scale = self.weight * torch.rsqrt(self.running_var + 1e-3)
        return kernel * scale[:, None, None, None], self.bias - self.running_mean * scale


def lite_convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution, norm, bounded ReLU. A stride of 2 pads the far side more, as the published weights expect."""
    near, far = (kernel - stride) // 2, (kernel - 1) // 2
    padding = [nn.ZeroPad2d((near, far, near, far))] if far else []
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return [*padding, convolution, FrozenNorm(outputs), nn.ReLU6(inplace=True)]


class LiteLayers(nn.Sequential):
    """Layers of `lite_convolution`, a padding and a norm calculated within their convolution: the same numbers in two
    thirds of the time, in training as well."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        layers, near, far = iter(self), 0, 0
        for layer in layers:
            if isinstance(layer, nn.ZeroPad2d):
                near, far = layer.padding[:2]
            elif isinstance(layer, nn.Conv2d):
                kernel, bias = next(layers).into(layer.weight)
                # a kernel that begins with zeros looks as far to the near side as to the other
                kernel = F.pad(kernel, (far - near, 0, far - near, 0)) if far > near else kernel
                x = self._convolved(x, kernel, bias, layer.stride, far, layer.groups)
                near, far = 0, 0
            else:
                x = layer(x)
        return x

    @staticmethod
    def _convolved(x, kernel, bias, stride, padding, groups) -> torch.Tensor:
        """In mixed precision a processor takes depthwise kernels whole: their halved form is five times slower."""
        if groups == 1 or x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return F.conv2d(x, kernel, bias, stride, padding, groups=groups)
        with torch.autocast("cpu", enabled=False):
            return F.conv2d(x.float(), kernel.float(), bias.float(), stride, padding, groups=groups)


class LiteBlock(nn.Module):
    """EfficientNet's block: widen, look at each channel's surroundings, narrow again."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        wide = inputs * expansion
        layers = lite_convolution(inputs, wide, 1) if expansion > 1 else []
        layers += lite_convolution(wide, wide, kernel, stride, groups=wide)
        layers += lite_convolution(wide, outputs, 1)[:-1]  # linear
        self.layers = LiteLayers(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


class LiteStem(nn.Module):
    """The trunk of an EfficientNet-Lite (Tan and Le, 2019): [B, 3, H, W] -> [B, widths[-1], H / 16, W / 16].

    Its tensors come in the order of the published weights. H and W are divisible by 16.
    """

    def __init__(self, name: str):
        super().__init__()
        stages: list[nn.Module] = []
        inputs = 32
        shapes = zip(*LITE_STEMS[name], (3, 3, 5, 3, 5), (1, 2, 2, 2, 1), strict=True)
        for outputs, depth, kernel, stride in shapes:
            blocks = []
            for number in range(depth):
                expansion = 6 if stages else 1
                blocks.append(LiteBlock(inputs, outputs, kernel, 1 if number else stride, expansion))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
        self.begin = LiteLayers(*lite_convolution(3, 32, 3, stride=2))
        # one step a halving of the side: 2, 4, 8, 16
        self.steps = nn.ModuleList([*stages[:3], nn.Sequential(*stages[3:])])

    def forward(self, x: torch.Tensor, between: Callable[[int, torch.Tensor], torch.Tensor] | None = None):
        """`between`: see ConvStem."""
        # channels last: depthwise convolutions of the same numbers, up to rounding, in two thirds of the time
        x = self.begin(x.contiguous(memory_format=torch.channels_last))
        for number, step in enumerate(self.steps):
            x = step(x)
            x = between(number, x) if between else x
        return x


class Difference(nn.Module):
    """Adds to a picture's feature maps how they differ from its reference's at the same place, as far as the two look
    aligned. Begins as nothing."""

    def __init__(self, width: int):
        super().__init__()
        self.mix = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.aligned = nn.Linear(width, 1)
        self.strength = nn.Parameter(torch.empty(width, 1, 1))

    def forward(self, maps: torch.Tensor, neutral: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        difference = maps - neutral
        trust = self.aligned(difference.abs().mean(dim=(2, 3))).sigmoid() * known[:, None]
        return maps + trust[..., None, None] * self.strength * self.mix(difference)


class NoRotation(nn.Module):
    """Stands in for DINOv3's rotary positions where they are switched off."""

    def __init__(self, config):
        super().__init__()
        self.patches = (config.image_size // config.patch_size) ** 2
        self.width = config.hidden_size // config.num_attention_heads

    def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        one = pixel_values.new_ones(self.patches, self.width)
        return one, torch.zeros_like(one)


class Encoder(nn.Module):
    """A stem, if any, and a ViT-like backbone: [B, channels, H, W] -> tokens [B, T, D], the prefix tokens first."""

    def __init__(self, config: ViTPainConfig):
        super().__init__()
        self.stem = None
        if config.stem in LITE_STEMS:
            self.stem = LiteStem(config.stem)
        elif config.stem_widths:
            self.stem = ConvStem(config.num_channels, config.stem_widths, config.stem_depths)
        self.backbone = AutoModel.from_config(config.backbone_config)
        if getattr(self.backbone, "pooler", None) is not None:
            self.backbone.pooler = None  # only tokens are read
        if hasattr(getattr(self.backbone, "embeddings", None), "mask_token"):
            self.backbone.embeddings.mask_token = None
        if not config.backbone_rope:
            self.backbone.rope_embeddings = NoRotation(config.backbone_config)

    def forward(self, pixels: torch.Tensor, between=None, states: list[torch.Tensor] | None = None) -> torch.Tensor:
        """`between`: see ConvStem. `states` receives the tokens before and after each layer."""
        if self.stem is not None:
            pixels = self.stem(pixels.to(next(self.stem.parameters()).dtype), between)
        output = self.backbone(pixels, output_hidden_states=states is not None)
        if states is not None:
            states += output.hidden_states
        return output.last_hidden_state


class Attention(nn.Module):
    """Multi-head attention of queries [B, Q, D] over keys and values [B, K, D]."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0):
        super().__init__()
        if width % heads:
            raise ValueError(f"num_attention_heads {heads} must divide the hidden size {width}.")
        self.heads, self.dropout = heads, dropout
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, query, key, value, weights: bool = False) -> tuple[torch.Tensor, torch.Tensor | None]:
        split = lambda x: x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # noqa: E731
        q, k, v = split(self.query(query)), split(self.key(key)), split(self.value(value))
        dropout = self.dropout if self.training else 0.0
        attention = None
        if weights:
            attention = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
            mixed = F.dropout(attention, dropout) @ v
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        return self.out(mixed.transpose(1, 2).flatten(2)), attention


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs))


class CompareBlock(nn.Module):
    """Each token looks up its counterpart in the neutral face; what it was and what it found are weighed together."""

    def __init__(self, config: ViTPainConfig):
        super().__init__()
        width = config.hidden_size
        self.norm_token, self.norm_neutral = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, config.num_attention_heads, config.dropout)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = mlp(2 * width, 2 * width, width)

    def forward(self, tokens, neutral, known, where, weights):
        found = self.norm_neutral(neutral)
        looked_up, attention = self.attention(self.norm_token(tokens) + where, found + where, found, weights)
        return tokens + self.mlp(torch.cat((self.norm_mlp(tokens), looked_up), dim=-1)), attention


class AttentionBlock(nn.Module):
    """One post-norm cross-attention, skipped where there is no reference, as in the published model."""

    def __init__(self, config: ViTPainConfig):
        super().__init__()
        self.attention = Attention(config.hidden_size, config.num_attention_heads, config.dropout)
        self.norm = nn.LayerNorm(config.hidden_size)

    def forward(self, tokens, neutral, known, where, weights):
        looked_up, attention = self.attention(tokens, neutral, neutral, weights)
        return torch.where(known[:, None, None], self.norm(tokens + looked_up), tokens), attention


class DecoderLayer(nn.Module):
    """Queries [B, Q, D] talk to each other, read the patch tokens, and think."""

    def __init__(self, config: ViTPainConfig):
        super().__init__()
        width = config.hidden_size
        self.norm_self, self.norm_query, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.self_attention = Attention(width, config.num_attention_heads, config.dropout)
        self.cross_attention = Attention(width, config.num_attention_heads, config.dropout)
        self.mlp = mlp(width, 2 * width, width)

    def forward(self, queries, keys, values, weights):
        normed = self.norm_self(queries)
        queries = queries + self.self_attention(normed, normed, normed)[0]
        read, attention = self.cross_attention(self.norm_query(queries), keys, values, weights)
        queries = queries + read
        return queries + self.mlp(self.norm_mlp(queries)), attention


class PainHeads(nn.Module):
    """Tokens [B, T, D] -> PSPI, pain logits, action units, pain map, mask and what can be seen."""

    def __init__(self, config: ViTPainConfig):
        super().__init__()
        width, self.config = config.hidden_size, config
        units = len(PAIN_UNITS) if config.au_head else 0
        queries = units if config.decoder_layers == 0 else 1 + units
        self.queries = nn.Parameter(torch.empty(queries, width)) if queries else None
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(width) if config.decoder_layers else None
        drop = nn.Dropout(config.dropout)
        layers = [nn.LayerNorm(width), drop]
        sizes = [width, *config.pspi_hidden]
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.GELU(), drop]
        self.pspi = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))
        self.pain = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), drop, nn.Linear(width, 1)) for _ in PAIN_THRESHOLDS
        )
        self.au = None
        if config.au_head:
            self.au = nn.Sequential(
                nn.LayerNorm(width), drop, nn.Linear(width, config.au_hidden), nn.GELU(), drop,
                nn.Linear(config.au_hidden, 1),
            )  # fmt: skip
            # one shared scale would make the rare eye closure as strong as a frown: each unit has its own offset
            self.au_offset = nn.Parameter(torch.empty(units)) if config.au_activation == "sigmoid" else None
        maps = (1 + config.mask_classes) if config.heatmap_upsample else 0
        self.maps = None
        if maps:
            self.maps = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, maps * config.heatmap_upsample**2))
        # every patch says what it shows of each region, and how much its word counts there
        self.visible = nn.Linear(width, 2 * len(REGIONS)) if config.visible_head else None

    def forward(self, tokens: torch.Tensor, where: torch.Tensor, weights: bool) -> dict[str, torch.Tensor | None]:
        patches = tokens[:, -(self.config.grid_size**2) :]
        attention = None
        if self.decoder:
            values = self.norm(patches)
            keys = values + where[-patches.shape[1] :]
            read = self.queries.expand(len(tokens), -1, -1)
            for layer in self.decoder:
                read, attention = layer(read, keys, values, weights)
            face, units = read[:, 0], read[:, 1:]
        else:
            face, units = tokens[:, 0], None
            if self.au is not None:
                attention = (self.queries @ patches.mT / patches.shape[-1] ** 0.5).softmax(-1)
                units = attention @ patches
                attention = attention[:, None]
        heat, mask = self._maps(patches)
        return {
            "pspi": PSPI_MAX * self.pspi(face).squeeze(-1).float().sigmoid(),
            "pain_logits": torch.cat([head(face) for head in self.pain], dim=-1).float(),
            "au": None if self.au is None else self._units(units),
            "heatmap": heat,
            "mask_logits": mask,
            "visible": None if self.visible is None else self._visible(patches),
            "attention": attention,
        }

    def _units(self, read: torch.Tensor) -> torch.Tensor:
        raw = self.au(read).squeeze(-1).float()
        if self.au_offset is None:
            return raw.relu()
        return torch.sigmoid(raw + self.au_offset) * raw.new_tensor(AU_MAXIMA)

    def _visible(self, patches: torch.Tensor) -> torch.Tensor:
        said, weight = self.visible(patches).float().chunk(2, dim=-1)  # [B, P, 6] each
        return (said * weight.softmax(1)).sum(1).sigmoid()

    def _maps(self, patches: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        if self.maps is None:
            return None, None
        grid = self.config.grid_size
        planes = self.maps(patches).transpose(1, 2).unflatten(-1, (grid, grid)).float()
        planes = F.pixel_shuffle(planes, self.config.heatmap_upsample)
        # softplus, shifted so that an untrained head starts near zero millimetres
        heat = F.softplus(planes[:, 0] - 2.0)
        return heat, planes[:, 1:] if self.config.mask_classes else None


class Familiarity(nn.Module):
    """How common a face's features are among those of training: its distance, in a space where these spread evenly,
    beside the distances of faces that were held out."""

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.empty(width))
        self.register_buffer("whitening", torch.empty(width, width))
        self.register_buffer("distances", torch.empty(100))  # of held-out faces, ascending

    def distance(self, features: torch.Tensor) -> torch.Tensor:
        """[B, D] -> [B], 1 on average in training."""
        return ((features.to(self.mean.dtype) - self.mean) @ self.whitening).square().mean(-1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """[B, D] -> [B], 0..1."""
        return (self.distances >= self.distance(features)[:, None]).float().mean(-1)


class ViTPainModel(PreTrainedModel):
    config_class = ViTPainConfig
    base_model_prefix = "vitpain"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ["Encoder", "CompareBlock", "AttentionBlock", "PainHeads"]

    def __init__(self, config: ViTPainConfig):
        super().__init__(config)
        self.encoder = Encoder(config)
        self.neutral_encoder = None
        self.comparison, self.differences = None, None
        if config.reference != "none":
            if config.separate_neutral_backbone:
                self.neutral_encoder = Encoder(config)
            self.missing = nn.Parameter(torch.empty(config.hidden_size))
            block = CompareBlock if config.reference == "compare" else AttentionBlock
            self.comparison = nn.ModuleList(block(config) for _ in range(config.reference_layers))
            if config.stem_differences:
                self.differences = nn.ModuleList(Difference(width) for width in config.stem_widths)
        self.heads = PainHeads(config)
        self.familiarity = Familiarity(config.hidden_size) if config.familiarity else None
        self.post_init()

    @classmethod
    def from_pretrained(cls, *args, **kwargs):
        """As in every model, without a progress bar: it takes no second."""
        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            return super().from_pretrained(*args, **kwargs)
        finally:
            if shown:
                logging.enable_progress_bar()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            # grouped: `fan_out` would count the outputs of every group, though a channel is seen by its own alone
            fan = "fan_out" if module.groups == 1 else "fan_in"
            init.kaiming_normal_(module.weight, mode=fan, nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, (nn.LayerNorm, nn.GroupNorm, FrozenNorm)):
            init.ones_(module.weight)
            init.zeros_(module.bias)
            if isinstance(module, FrozenNorm):
                init.zeros_(module.running_mean)
                init.ones_(module.running_var)
        elif isinstance(module, Familiarity):
            for buffer in module.buffers():
                init.zeros_(buffer)
        elif isinstance(module, Difference):
            init.zeros_(module.strength)
        elif isinstance(module, PainHeads):
            if module.queries is not None:
                init.normal_(module.queries, std=1.0 if module.decoder else self.config.initializer_range)
            if getattr(module, "au_offset", None) is not None:
                init.zeros_(module.au_offset)
        elif isinstance(module, ViTPainModel) and module.comparison is not None:
            init.normal_(module.missing, std=self.config.initializer_range)

    def forward(
        self,
        pixel_values: torch.Tensor,
        neutral_pixel_values: torch.Tensor | None = None,
        neutral_mask: torch.Tensor | None = None,
        neutral_index: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        au_targets: torch.Tensor | None = None,
        pain_targets: torch.Tensor | None = None,
        heatmap_targets: torch.Tensor | None = None,
        mask_targets: torch.Tensor | None = None,
        visible_targets: torch.Tensor | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool | None = None,
        return_dict: bool = True,
    ) -> ViTPainOutput | tuple:
        """
        pixel_values: [B, C, H, W], as the image processor makes them.
        neutral_pixel_values: the same person at rest, [B, C, H, W] or, several references each, [B, N, C, H, W]; the
            answers over a picture's references are averaged. Without it a learned token stands in.
        neutral_mask: bool [B] or [B, N], False where a reference is missing.
        neutral_index: int [B] or [B, N]: instead of one reference per picture, `neutral_pixel_values` is a pool
            [R, C, H, W] read once each, and these are the rows that belong to each picture; -1 where missing.
        output_hidden_states: by default as the configuration says.
        labels: PSPI [B]. au_targets: [B, 6]. pain_targets: PSPI >= 1, 2, 3 [B, 3], by default from labels.
        heatmap_targets: mm [B, S, S]. mask_targets: int [B, S, S]. visible_targets: [B, 6], 0..1.
        NaN (mask: -100) where unknown: losses ignore them.
        """
        self._check(pixel_values, neutral_pixel_values, neutral_mask, neutral_index)
        pixels, attentions, share = self._focused(pixel_values), (), None
        wanted = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        states: list[torch.Tensor] | None = [] if wanted else None
        seen = pixel_values.new_zeros(len(pixels), dtype=torch.bool)
        if self.comparison is None:
            tokens = self.encoder(pixels, states=states)  # [B, T, D]
        else:
            rows, known = self._references(len(pixels), neutral_pixel_values, neutral_mask, neutral_index)
            tokens, neutral = self._read(pixels, neutral_pixel_values, rows, known.flatten(), states)  # [B * N, T, D]
            seen = known.any(1)
            # a picture with some references averages over those; one with none answers once, with the learned token
            share = torch.where(seen[:, None], known, torch.ones_like(known)).to(tokens.dtype)
            share = share / share.sum(1, keepdim=True)
        where = positions(self.config.grid_size, tokens.shape[-1], tokens)
        where = F.pad(where, (0, 0, tokens.shape[1] - len(where), 0))  # [T, D], zero for prefix tokens
        if self.comparison is not None:
            for block in self.comparison:
                tokens, attention = block(tokens, neutral, known.flatten(), where, output_attentions)
            attentions += (attention,)
            if states is not None:
                states.append(tokens)
        answers = self.heads(tokens, where, output_attentions)
        attentions += (answers.pop("attention"),)
        answers["last_hidden_state"] = tokens[:, -(self.config.grid_size**2) :]
        if share is not None and share.shape[1] > 1:
            answers = {name: _average(value, share) for name, value in answers.items()}
            attentions = tuple(_average(value, share) for value in attentions)
            states = states and [_average(value, share) for value in states]
        output = ViTPainOutput(
            **answers,
            pspi_from_au=None if answers["au"] is None else pspi_of(answers["au"]),
            pspi_interval=self._interval(answers["pspi"], seen),
            hidden_states=None if states is None else tuple(states),
            attentions=attentions if output_attentions else None,
        )
        if self.familiarity is not None:
            output["familiarity"] = self.familiarity(output.last_hidden_state.mean(1))
        losses = self._losses(output, labels, au_targets, pain_targets, heatmap_targets, mask_targets, visible_targets)
        if output.heatmap is not None:
            border = (self.config.map_size - output.heatmap.shape[-1]) // 2
            output["heatmap"] = F.pad(output.heatmap, (border,) * 4)
            if output.mask_logits is not None:
                output["mask_logits"] = F.pad(output.mask_logits, (border,) * 4)
        if losses:
            weights = self.config.loss_weights
            output["losses"] = losses
            output["loss"] = sum(weights[name] * value for name, value in losses.items())
        return output if return_dict else output.to_tuple()

    def _focused(self, pixels: torch.Tensor) -> torch.Tensor:
        """The centre that is looked at."""
        border = (self.config.image_size - self.config.inner_size) // 2
        return pixels[..., border : pixels.shape[-2] - border, border : pixels.shape[-1] - border]

    def _references(self, batch: int, neutral, mask, index) -> tuple[torch.Tensor, torch.Tensor]:
        """Each picture's rows [B, N] in the pool of references, and which of them are known [B, N]."""
        if neutral is None:
            rows = torch.zeros(batch, 1, dtype=torch.long, device=self.device)
            return rows, torch.zeros_like(rows, dtype=torch.bool)
        if index is not None:
            index = index.view(batch, -1)
            return index.clamp(min=0), index >= 0
        count = 1 if neutral.dim() == 4 else neutral.shape[1]
        rows = torch.arange(batch * count, device=neutral.device).view(batch, count)
        return rows, torch.ones_like(rows, dtype=torch.bool) if mask is None else mask.view(batch, count).bool()

    def _read(self, pixels, neutral, rows, known, states) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens [B * N, T, D] of the pictures and of their references; the pool's pictures are read once each."""
        count, rows = rows.shape[1], rows.flatten()
        if neutral is None:
            tokens = self.encoder(pixels, states=states)
            return tokens, self.missing.to(tokens.dtype).expand_as(tokens)
        maps: list[torch.Tensor] = []

        def keep(step: int, seen: torch.Tensor) -> torch.Tensor:
            maps.append(seen)
            return seen

        def compare(step: int, seen: torch.Tensor) -> torch.Tensor:
            return self.differences[step](seen, maps[step][rows], known)

        pool = self._focused(neutral if neutral.dim() == 4 else neutral.flatten(0, 1))
        found = (self.neutral_encoder or self.encoder)(pool, keep if self.differences else None)[rows]
        found = torch.where(known[:, None, None], found, self.missing.to(found.dtype))
        if self.differences:
            return self.encoder(pixels.repeat_interleave(count, dim=0), compare, states), found
        tokens = self.encoder(pixels, states=states)
        if states is not None:
            states[:] = [state.repeat_interleave(count, dim=0) for state in states]
        return tokens.repeat_interleave(count, dim=0), found

    def _interval(self, pspi: torch.Tensor, seen: torch.Tensor) -> torch.Tensor | None:
        """[B, 2] around pspi [B]; `seen`: whether a picture had a reference [B]."""
        config = self.config
        if config.interval_quantiles is None:
            return None
        number = lambda values: torch.tensor(values, device=pspi.device, dtype=pspi.dtype)  # noqa: E731
        bins = torch.bucketize(pspi.detach(), number(config.interval_edges))
        half = number(config.interval_quantiles)[bins]
        if config.interval_quantiles_alone is not None:
            half = torch.where(seen, half, number(config.interval_quantiles_alone)[bins])
        return torch.stack((pspi - half, pspi + half), dim=-1).clamp(0.0, PSPI_MAX)

    def _losses(
        self, output, labels, au_targets, pain_targets, heatmap_targets, mask_targets, visible_targets
    ) -> dict[str, torch.Tensor]:
        """Means over every element, unknown ones counting zero: equal shares of a batch average to the whole."""
        weights, losses = self.config.loss_weights, {}
        if labels is not None:
            losses["pspi"] = _known(F.smooth_l1_loss, output.pspi, labels)
        if pain_targets is None and labels is not None:
            thresholds = torch.tensor(PAIN_THRESHOLDS, device=labels.device, dtype=labels.dtype)
            over = (labels[:, None] >= thresholds).to(labels.dtype)
            pain_targets = torch.where(labels[:, None].isnan(), torch.nan, over)
        if pain_targets is not None:
            losses["pain"] = _known(F.binary_cross_entropy_with_logits, output.pain_logits, pain_targets)
        if labels is not None and output.au is not None:
            # the larger of two doubtful units is read too low: units follow what is read directly, not the other way
            losses["consistency"] = F.smooth_l1_loss(output.pspi_from_au, output.pspi.detach())
        if au_targets is not None and output.au is not None:
            even = max(AU_MAXIMA) / output.au.new_tensor(AU_MAXIMA)  # closed eyes count as much as any unit at its most
            losses["au"] = _known(F.smooth_l1_loss, output.au * even, au_targets * even)
        if heatmap_targets is not None and output.heatmap is not None:
            losses["heatmap"] = _known(F.mse_loss, output.heatmap, self._inner(heatmap_targets, output.heatmap))
        if mask_targets is not None and output.mask_logits is not None:
            target = self._inner(mask_targets, output.mask_logits).long()
            target = target.masked_fill(target >= self.config.mask_classes, -100)  # parts it was not built to tell
            loss = F.cross_entropy(output.mask_logits, target, ignore_index=-100, reduction="sum")
            losses["mask"] = loss / target.numel()
        if visible_targets is not None and output.visible is not None:
            losses["visible"] = _known(
                F.binary_cross_entropy_with_logits, output.visible.logit(eps=1e-4), visible_targets
            )
        return {name: value for name, value in losses.items() if weights[name]}

    def _inner(self, target: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """Labels [B, S, S] over the whole input -> those over what is looked at, on the grid of `like`."""
        side = self.config.map_size
        if target.shape[-1] != side:
            mode = {"mode": "nearest"} if not target.is_floating_point() else {"mode": "bilinear", "antialias": True}
            target = F.interpolate(target[:, None].float(), (side, side), **mode)[:, 0].to(target.dtype)
        border = (side - like.shape[-1]) // 2
        return target[..., border : side - border, border : side - border]

    def _check(self, pixels, neutral, mask, index) -> None:
        config = self.config
        expected = (config.num_channels, config.image_size, config.image_size)
        _require(
            pixels.dim() == 4 and pixels.shape[1:] == expected,
            f"pixel_values must be [batch, {', '.join(map(str, expected))}], got {list(pixels.shape)}.",
        )
        _require(_finite(pixels), "pixel_values must be finite, got NaN or infinity.")
        if neutral is None:
            return
        _require(
            config.reference != "none", "this ViTPain was trained without a reference: leave neutral_pixel_values out."
        )
        shape = neutral.shape
        _require(
            neutral.dim() in (4, 5) and shape[-3:] == expected and (index is None or neutral.dim() == 4),
            f"neutral_pixel_values must be [batch, (references,) {', '.join(map(str, expected))}], got {list(shape)}.",
        )
        _require(_finite(neutral), "neutral_pixel_values must be finite, got NaN or infinity.")
        if index is not None:
            _require(
                len(index) == len(pixels),
                f"neutral_index has {len(index)} rows for {len(pixels)} pictures; give one each.",
            )
            return
        _require(
            len(neutral) == len(pixels),
            f"neutral_pixel_values holds references for {len(neutral)} pictures, but pixel_values holds {len(pixels)}.",
        )
        count = 1 if neutral.dim() == 4 else shape[1]
        _require(
            mask is None or mask.numel() == len(pixels) * count,
            f"neutral_mask must be [{len(pixels)}, {count}], got {None if mask is None else list(mask.shape)}.",
        )


def _average(value: torch.Tensor | None, share: torch.Tensor) -> torch.Tensor | None:
    """[B * N, ...] -> [B, ...], weighted by share [B, N]."""
    if value is None:
        return None
    value = value.unflatten(0, share.shape)
    return (value * share.to(value.dtype).view(*share.shape, *[1] * (value.dim() - 2))).sum(1)


def _known(loss, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    known = ~target.isnan()
    return (loss(prediction, torch.where(known, target, 0.0), reduction="none") * known).mean()


def _finite(x: torch.Tensor) -> bool:
    if torch.compiler.is_compiling() or x.is_meta:
        return True
    return bool(torch.isfinite(x).all())


def _require(true: bool, sentence: str) -> None:
    if not true:
        raise ValueError(sentence)


__all__ = ["ViTPainModel", "ViTPainOutput"]
