"""What a model remembers of its training faces, so that it can say how familiar a new one looks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from threedpain.modeling.faces.faces import FaceSet
from threedpain.modeling.vitpain.modeling_vitpain import Familiarity, ViTPainModel

from .evaluate import predict

SHRINKAGE = 0.01  # share of an even spread in the covariance: a few hundred faces do not fill every direction


def remember(
    model: ViTPainModel, processor, train_set: FaceSet, held_out: FaceSet, conditions: Iterable[str] = ("none",)
) -> None:
    """Fit the model's familiarity, in place: mean and spread of the features of `train_set`, distances of `held_out`,
    people not learned from, both seen under each of the conditions a reference may meet."""
    if not isinstance(model, ViTPainModel):
        return
    known, new = (_features(model, processor, faces, tuple(conditions)) for faces in (train_set, held_out))
    memory = Familiarity(known.shape[1])
    spread = torch.from_numpy(np.cov(known.numpy(), rowvar=False)).float()
    spread = (1 - SHRINKAGE) * spread + SHRINKAGE * spread.diagonal().mean() * torch.eye(len(spread))
    values, vectors = torch.linalg.eigh(spread)
    memory.mean = known.mean(0)
    memory.whitening = vectors * values.clamp(min=1e-12).rsqrt()
    shares = (torch.arange(len(memory.distances)) + 0.5) / len(memory.distances)
    memory.distances = memory.distance(new).quantile(shares)
    model.familiarity, model.config.familiarity = memory, True


def _features(model: ViTPainModel, processor, faces: FaceSet, conditions: tuple[str, ...]) -> torch.Tensor:
    """[pictures x conditions, D], as the model averages them."""
    found: list[torch.Tensor] = []
    hook = model.register_forward_hook(lambda _, __, output: found.append(output.last_hidden_state.mean(1)))
    try:
        for condition in conditions:
            predict(model, faces, reference=condition, processor=processor)
    finally:
        hook.remove()
    return torch.cat(found).float().cpu()
