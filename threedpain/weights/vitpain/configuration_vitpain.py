"""The configuration of ViTPain. Self-contained: travels with the weights as remote code."""

from __future__ import annotations

from transformers import AutoConfig, PretrainedConfig

PAIN_UNITS = ("AU4", "AU6", "AU7", "AU9", "AU10", "AU43")
AU_MAXIMA = (5.0, 5.0, 5.0, 5.0, 5.0, 1.0)
PSPI_MAX = 16.0
PAIN_THRESHOLDS = (1, 2, 3)
REGIONS = ("brows", "eyes", "cheeks", "nose", "mouth", "chin")

# The dense losses weigh most: they say where to look long before PSPI can be guessed.
LOSS_WEIGHTS = {
    "pspi": 0.3,  # Huber, PSPI points
    "au": 1.0,  # Huber, AU intensities, mean over the six
    "pain": 0.3,  # binary cross-entropy at PSPI >= 1, 2, 3
    "heatmap": 3.0,  # squared error of the pain map, mm
    "mask": 1.0,  # cross-entropy of the parts of the face
    "visible": 0.3,  # cross-entropy of the share of each region that can be seen
    "consistency": 0.05,  # Huber between PSPI read directly and PSPI by the formula from the action units
    "distill_features": 1.0,  # student's patch tokens against the teacher's
    "distill_outputs": 0.1,  # student's PSPI and action units against the teacher's
}

# The trunks of EfficientNet-Lite up to stride 16: channels and blocks of its first five stages. Strides 2, 4, 8 and 16
# are the steps at which a picture may meet its reference.
LITE_STEMS = {
    "efficientnet-lite0": ((16, 24, 40, 80, 112), (1, 2, 2, 3, 3)),
    "efficientnet-lite1": ((16, 24, 40, 80, 112), (1, 3, 3, 4, 4)),
    "efficientnet-lite2": ((16, 24, 48, 88, 120), (1, 3, 3, 4, 4)),
}
STEMS = ("plain", *LITE_STEMS)
REFERENCES = ("compare", "attention", "none")
AU_ACTIVATIONS = ("sigmoid", "relu")


class ViTPainConfig(PretrainedConfig):
    r"""
    Args:
        backbone_config: configuration (or its dictionary) of any ViT-like transformers backbone: ViT, DINOv2, DINOv3.
            With a stem it reads the stem's feature map: its `image_size` and `num_channels` are set accordingly.
        image_size: side of the square input, pixels.
        focus: share of that side which is looked at, around the centre, rounded to whole patches: the face fills it,
            while crops stay generous.
        num_channels: 3 for pictures, 1 for the teacher, which reads heatmaps.
        stem: convolutions in front of the backbone: "plain", built by `stem_widths` and `stem_depths`, or the trunk of
            "efficientnet-lite0", "-lite1" or "-lite2", whose weights can begin as trained on photographs.
        stem_widths: channels after each step of the stem, each halving the side; empty: no stem. Set by a named stem.
        stem_depths: residual blocks after each step of a plain stem.
        stem_differences: a picture meets its reference inside the stem already, where small movements are still seen:
            each step adds what differs at the same place, as far as the two are aligned.
        backbone_rope: False switches the rotary positions of a DINOv3 backbone off (the published checkpoint never
            applies them).
        reference: how a neutral face of the same person is used: "compare" (pre-norm cross-attention, the attended
            neutral beside the token), "attention" (one post-norm cross-attention, as published) or "none".
        reference_layers: cross-attention blocks ("attention" has one).
        separate_neutral_backbone: a second backbone for the neutral face, as published; otherwise one is shared.
        num_attention_heads: heads of the cross-attention and of the decoder.
        decoder_layers: layers in which one PSPI query and six AU queries read the patch tokens; 0: PSPI from the CLS
            token and softmax pooling for the AU queries, as published.
        pspi_hidden: hidden widths of the PSPI head.
        au_head: whether action units are read at all.
        au_hidden: hidden width of the AU head.
        au_activation: "sigmoid" (bounded by each unit's maximum) or "relu" (as published).
        heatmap_upsample: sub-pixels per patch edge of the pain map; 0: no heatmap head.
        heatmap_range: millimetres at full scale (255 levels of 0.05 mm).
        mask_classes: parts of the face told apart on the heatmap's grid; 0: no mask head.
        visible_head: whether the share of each region of the face that can be seen is told.
        dropout: in the heads.
        loss_weights: weight of each loss, 0 switches it off; see LOSS_WEIGHTS.
        interval_edges: inner edges of the PSPI bins of the conformal intervals, ascending.
        interval_quantiles: half width of the 90 % interval in each bin (one more than edges); None: not calibrated.
        interval_quantiles_alone: the same where there is no reference.
        familiarity: whether the weights remember the features of training and tell how common a face's are among them.
        pain_threshold: PSPI from which a picture counts as pain, best F1 for PSPI >= 1 on training people.
    """

    model_type = "vitpain"
    sub_configs = {"backbone_config": AutoConfig}
    # what Trainer need not gather: predictions are (pspi, pspi_from_au, au, pain_logits)
    keys_to_ignore_at_inference = [
        "pspi_interval", "heatmap", "mask_logits", "visible", "familiarity", "last_hidden_state", "hidden_states",
        "attentions", "losses",
    ]  # fmt: skip

    def __init__(
        self,
        backbone_config=None,
        image_size=128,
        focus=1.0,
        num_channels=3,
        stem="plain",
        stem_widths=(),
        stem_depths=(),
        stem_differences=False,
        backbone_rope=True,
        reference="compare",
        reference_layers=1,
        separate_neutral_backbone=False,
        num_attention_heads=8,
        decoder_layers=1,
        pspi_hidden=(128,),
        au_head=True,
        au_hidden=128,
        au_activation="sigmoid",
        heatmap_upsample=8,
        heatmap_range=12.75,
        mask_classes=0,
        visible_head=False,
        dropout=0.0,
        loss_weights=None,
        interval_edges=None,
        interval_quantiles=None,
        interval_quantiles_alone=None,
        familiarity=False,
        pain_threshold=None,
        initializer_range=0.02,
        **kwargs,
    ):
        if backbone_config is None:
            backbone_config = {
                "model_type": "vit", "hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 4,
                "intermediate_size": 384, "patch_size": 16, "layer_norm_eps": 1e-6,
            }  # fmt: skip
        if isinstance(backbone_config, dict):
            values = dict(backbone_config)
            backbone_config = AutoConfig.for_model(values.pop("model_type", "vit"), **values)
        stem_widths, stem_depths = list(stem_widths), list(stem_depths)
        _check(reference in REFERENCES, f"reference must be one of {', '.join(REFERENCES)}, got {reference!r}.")
        _check(
            au_activation in AU_ACTIVATIONS,
            f"au_activation must be one of {', '.join(AU_ACTIVATIONS)}, got {au_activation!r}.",
        )
        _check(stem in STEMS, f"stem must be one of {', '.join(STEMS)}, got {stem!r}.")
        if stem in LITE_STEMS:
            channels = LITE_STEMS[stem][0]
            widths = [*channels[:3], channels[-1]]
            _check(
                stem_widths in ([], widths) and not stem_depths and num_channels == 3,
                f"{stem} has its own widths and depths and reads 3 channels: leave stem_widths, stem_depths and "
                "num_channels out.",
            )
            stem_widths = widths
        _check(
            stem in LITE_STEMS or len(stem_widths) == len(stem_depths),
            f"stem_widths and stem_depths must be equally long, got {len(stem_widths)} and {len(stem_depths)}.",
        )
        _check(
            not stem_differences or (stem_widths and reference != "none"),
            "stem_differences needs stem_widths and a reference.",
        )
        _check(0 < focus <= 1, f"focus must be above 0 and at most 1, got {focus}.")
        stride = 2 ** len(stem_widths)
        patch = stride * backbone_config.patch_size  # pixels of the input
        inner = image_size if focus == 1 else min(image_size, patch * max(1, round(image_size * focus / patch)))
        _check(
            inner % patch == 0 and (image_size - inner) % 2 == 0,
            f"image_size {image_size} must be divisible by the stem's stride x the patch size = {patch}.",
        )
        unknown = set(loss_weights or {}) - set(LOSS_WEIGHTS)
        _check(not unknown, f"unknown loss weights {sorted(unknown)}; allowed are {', '.join(LOSS_WEIGHTS)}.")
        for quantiles in (interval_quantiles, interval_quantiles_alone):
            _check(
                quantiles is None or (interval_edges is not None and len(quantiles) == len(interval_edges) + 1),
                "interval quantiles must hold one more number than interval_edges.",
            )
        backbone_config.image_size = inner // stride
        backbone_config.num_channels = stem_widths[-1] if stem_widths else num_channels
        self.backbone_config = backbone_config
        self.image_size = image_size
        self.focus = focus
        self.num_channels = num_channels
        self.stem = stem
        self.stem_widths = stem_widths
        self.stem_depths = stem_depths
        self.stem_differences = stem_differences
        self.backbone_rope = backbone_rope
        self.reference = reference
        self.reference_layers = reference_layers
        self.separate_neutral_backbone = separate_neutral_backbone
        self.num_attention_heads = num_attention_heads
        self.decoder_layers = decoder_layers
        self.pspi_hidden = list(pspi_hidden)
        self.au_head = au_head
        self.au_hidden = au_hidden
        self.au_activation = au_activation
        self.heatmap_upsample = heatmap_upsample
        self.heatmap_range = heatmap_range
        self.mask_classes = mask_classes
        self.visible_head = visible_head
        self.dropout = dropout
        self.loss_weights = {**LOSS_WEIGHTS, **(loss_weights or {})}
        self.interval_edges = interval_edges
        self.interval_quantiles = interval_quantiles
        self.interval_quantiles_alone = interval_quantiles_alone
        self.familiarity = familiarity
        self.pain_threshold = pain_threshold
        self.initializer_range = initializer_range
        super().__init__(**kwargs)

    @property
    def hidden_size(self) -> int:
        return self.backbone_config.hidden_size

    @property
    def map_size(self) -> int:
        """Sub-pixels along one edge of the maps, over the whole input; 0 without maps."""
        inner = self.grid_size * self.heatmap_upsample
        return inner + 2 * round(inner * (self.image_size / self.inner_size - 1) / 2)

    @property
    def inner_size(self) -> int:
        """Pixels along one edge of what is looked at."""
        return self.backbone_config.image_size * 2 ** len(self.stem_widths)

    @property
    def grid_size(self) -> int:
        """Patches along one edge of what is looked at."""
        return self.backbone_config.image_size // self.backbone_config.patch_size


def _check(true: bool, sentence: str) -> None:
    if not true:
        raise ValueError(sentence)


__all__ = ["ViTPainConfig"]
