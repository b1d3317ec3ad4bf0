"""What a run is told, and the model it begins with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PreTrainedModel

from threedpain.errors import InvalidInput
from threedpain.modeling.faces.diet import Diet
from threedpain.modeling.vitpain.configuration_vitpain import ViTPainConfig
from threedpain.modeling.vitpain.loading import load_model, model_folder
from threedpain.modeling.vitpain.modeling_vitpain import ViTPainModel
from threedpain.modeling.vitpain.recipes import RECIPES

from .lora import add_lora
from .pretrained import STEM_WEIGHTS, begin_stem

ROLES = ("teacher", "student", "vanilla", "pairwise", "au-linear")


@dataclass
class TrainConfig:
    """All of a run's settings; saved as train.json beside its weights."""

    role: str = "student"
    out: str = "runs/student"
    recipe: str = ""  # a name in RECIPES; default: the role's
    teacher: str | None = None  # folder of a trained teacher; None: no distillation
    init: str | None = None  # folder to continue from, or "vitpain"
    model: dict[str, Any] = field(default_factory=dict)  # changes to the recipe's model configuration
    loss_weights: dict[str, float] = field(default_factory=dict)  # changes to the configuration's
    epochs: float = 10.0
    batch_size: int = 48  # pictures of a step over all processes and accumulated parts
    accumulate: int = 1
    group: int = 4  # pictures of one person that share a reference
    references: dict[str, float] = field(default_factory=lambda: {"realistic": 0.6, "aligned": 0.25, "none": 0.15})
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.05  # share of the steps
    clip: float = 1.0
    average: float = 0.995  # decay of the averaged weights, which are the ones kept
    precision: str = "no"  # no, bf16, fp16
    augment: bool = True
    diet: dict[str, float] = field(default_factory=dict)  # shares of faces.diet.Diet, for a model that sees pictures
    pain_weight: float = 1.0  # how much more often pictures with pain are drawn
    freeze_backbone: bool = False
    lora_rank: int = 0  # 0: no LoRA
    lora_alpha: int = 16
    lora_dropout: float = 0.1
    stem_weights: str = "imagenet"  # where a named stem begins: imagenet, none
    backbone_weights: str | None = None  # Hub id or folder of a pretrained backbone of the configuration's kind
    mean: list[float] | None = None
    std: list[float] | None = None
    validations: int = 10  # over the run
    validation_pictures: int = 1000  # at most
    splits: list[str] = field(default_factory=lambda: ["train"])  # that are learned from, of every set
    seed: int = 0
    tracker: str | None = None  # tensorboard, wandb
    max_steps: int | None = None  # stop here, to be continued: for tests and for time limits

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise InvalidInput(f"role must be one of {', '.join(ROLES)}, got {self.role!r}")
        self.recipe = self.recipe or (self.role if self.role in RECIPES else "student")
        if self.recipe not in RECIPES:
            raise InvalidInput(f"recipe must be one of {', '.join(RECIPES)}, got {self.recipe!r}")
        if self.batch_size % (self.group * self.accumulate):
            raise InvalidInput(
                f"batch_size {self.batch_size} must be divisible by group x accumulate = {self.group * self.accumulate}"
            )
        if self.stem_weights not in STEM_WEIGHTS:
            raise InvalidInput(f"stem_weights must be one of {', '.join(STEM_WEIGHTS)}, got {self.stem_weights!r}")
        Diet.of(self.diet)
        if self.epochs <= 0:
            raise InvalidInput(f"epochs must be above 0, got {self.epochs}")

    @classmethod
    def of(cls, role: str, recipe: str = "", **given) -> TrainConfig:
        """The recipe's settings with those given on top."""
        settings = RECIPES.get(recipe or role, {"settings": {}})["settings"]
        return cls(role=role, recipe=recipe, **{**settings, **given})


def build_model(config: TrainConfig) -> PreTrainedModel:
    """The model a run begins with; its weights depend on the seed alone."""
    torch.manual_seed(config.seed)
    if config.init:
        model = load_model(config.init)
        model.config.loss_weights = {**model.config.loss_weights, **config.loss_weights}
    elif config.role in ("teacher", "student"):
        values = {**RECIPES[config.recipe]["model"], **config.model}
        model = ViTPainModel(ViTPainConfig(**values, loss_weights=config.loss_weights))
        if config.backbone_weights:
            _begin_backbones(model, config.backbone_weights)
    else:
        from threedpain.modeling.vitpain.baselines import BASELINES

        size = RECIPES["student"]["model"]["image_size"]
        model = BASELINES[config.role](**{"image_size": size, **config.model})
    name = getattr(model.config, "stem", "plain")
    if name != "plain" and not config.init and config.stem_weights == "imagenet":
        for encoder in filter(None, (model.encoder, model.neutral_encoder)):
            begin_stem(encoder.stem, name)
    if config.freeze_backbone or config.lora_rank:
        for encoder in filter(None, (model.encoder, model.neutral_encoder)):
            encoder.backbone.requires_grad_(False)
    if config.lora_rank:
        add_lora(model, config.lora_rank, config.lora_alpha, config.lora_dropout)
    return model


def _begin_backbones(model: ViTPainModel, name: str) -> None:
    """Give the backbones the weights of a pretrained one, in place; what it has beyond them stays out."""
    weights = AutoModel.from_pretrained(name).state_dict()
    for encoder in filter(None, (model.encoder, model.neutral_encoder)):
        wanted = encoder.backbone.state_dict()
        same = weights.keys() & wanted.keys()
        if not same or any(weights[key].shape != wanted[key].shape for key in same):
            raise InvalidInput(
                f"the weights of {name} do not fit the model's backbone: they are of another kind or size"
            )
        encoder.backbone.load_state_dict(weights, strict=False)


def planned_image_size(config: TrainConfig) -> int:
    """Pixels of the model's input, before the model is built."""
    if config.init:
        return AutoConfig.from_pretrained(model_folder(config.init)).image_size
    return config.model.get("image_size", RECIPES[config.recipe]["model"]["image_size"])
