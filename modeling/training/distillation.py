"""One training step's arithmetic: the model's own losses, the teacher's, and the average of the weights over time."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel


class Lesson(nn.Module):
    """A model, and what only its training needs: a map from its patch tokens to the teacher's."""

    def __init__(self, model: PreTrainedModel, teacher: PreTrainedModel | None = None):
        super().__init__()
        self.model = model
        weights = getattr(model.config, "loss_weights", {})
        self.feature_weight = weights.get("distill_features", 0.0) if teacher is not None else 0.0
        self.output_weight = weights.get("distill_outputs", 0.0) if teacher is not None else 0.0
        self.projection = None
        if self.feature_weight:
            self.projection = nn.Linear(model.config.hidden_size, teacher.config.hidden_size)

    def forward(self, batch: dict, taught=None) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The loss and its unweighted parts; `taught`: the teacher's output on the same pictures."""
        output = self.model(**batch)
        loss, parts = output.loss, dict(output.losses or {})
        if taught is not None:
            known = ~batch["heatmap_targets"].flatten(1).isnan().any(1)
            if self.projection is not None:
                parts["distill_features"] = self._features(output.last_hidden_state, taught.last_hidden_state, known)
                loss = loss + self.feature_weight * parts["distill_features"]
            if self.output_weight:
                parts["distill_outputs"] = self._outputs(output, taught, known)
                loss = loss + self.output_weight * parts["distill_outputs"]
        return loss, parts

    def _features(self, student: torch.Tensor, teacher: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """Squared distance of normalised patch tokens [B, P, D], the teacher's grid resized to the student's."""
        if teacher.shape[1] != student.shape[1]:
            side, wanted = int(teacher.shape[1] ** 0.5), int(student.shape[1] ** 0.5)
            grid = teacher.transpose(1, 2).unflatten(-1, (side, side))
            teacher = F.interpolate(grid, (wanted, wanted), mode="bilinear").flatten(2).transpose(1, 2)
        mine = F.layer_norm(self.projection(student), teacher.shape[-1:])
        return ((mine - F.layer_norm(teacher, teacher.shape[-1:])) ** 2 * known[:, None, None]).mean()

    def _outputs(self, student, teacher, known: torch.Tensor) -> torch.Tensor:
        loss = F.smooth_l1_loss(student.pspi, teacher.pspi, reduction="none")
        if student.au is not None and teacher.au is not None:
            loss = loss + F.smooth_l1_loss(student.au, teacher.au, reduction="none").mean(-1)
        return (loss * known).mean()


@torch.no_grad()
def ask_teacher(teacher: PreTrainedModel, heatmaps: torch.Tensor, mean: float, std: float):
    """The teacher's output on heatmaps [B, S, S] in mm; rows without one are read as zero and ignored by the losses."""
    side = teacher.config.image_size
    levels = heatmaps.nan_to_num()[:, None] / teacher.config.heatmap_range
    if levels.shape[-1] != side:
        levels = F.interpolate(levels, (side, side), mode="bilinear")
    return teacher(pixel_values=(levels - mean) / std)


class Average:
    """Exponential moving average of a model's parameters, young averages forgetting faster."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay, self.steps = decay, 0
        self.shadow = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.shadow[name].lerp_(value.detach(), 1 - decay)
            else:
                self.shadow[name].copy_(value)

    def state_dict(self) -> dict:
        return {"steps": self.steps, "shadow": self.shadow}

    def load_state_dict(self, state: dict) -> None:
        self.steps = state["steps"]
        for name, value in state["shadow"].items():
            self.shadow[name].copy_(value)
