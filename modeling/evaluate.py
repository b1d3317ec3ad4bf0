"""Judging a model: its answers on a set, and the honest report of them by condition, group, view and expression."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel

from threedpain.facs import PAIN_UNITS

from .augment import Geometry, warp
from .data import FaceSet

THRESHOLDS = (1, 2, 3)


@torch.no_grad()
def predict(
    model: PreTrainedModel,
    faces: FaceSet,
    *,
    processor,
    reference: str = "realistic",
    shots: int = 1,
    seed: int = 0,
    batch_size: int = 64,
    change=None,
    heatmaps: list | None = None,
) -> pd.DataFrame:
    """The set's table with the answers: pspi_hat, AU4_hat ..., pain1_hat .. pain3_hat (probabilities), low, high.

    reference: "realistic" (another photograph), "aligned" (same scene) or "none"; shots: references per picture.
    change: float pictures [n, 3, S, S] in 0..1 and their masks [n, S, S] -> changed pictures, before normalisation.
    heatmaps: a list that receives the predicted pain maps, [n, S, S] in mm, batch by batch.
    """
    device = next(model.parameters()).device
    heat_input = model.config.num_channels == 1
    reads_reference = getattr(model.config, "reference", "compare") != "none"
    size = model.config.image_size
    rng = np.random.default_rng(seed)
    chosen = faces.choose_references(np.arange(len(faces)), reference if reads_reference else "none", rng, shots)
    mean = torch.tensor(processor.image_mean).view(-1, 1, 1)
    std = torch.tensor(processor.image_std).view(-1, 1, 1)
    columns: dict[str, list] = {}
    training = model.training
    model.eval()
    for start in range(0, len(faces), batch_size):
        at = slice(start, start + batch_size)
        rows = faces.rows[at]
        inputs = {}
        if heat_input:
            levels = torch.from_numpy(faces.heatmaps[rows]).float()[:, None] / 255
            pictures = warp(levels, Geometry.still(len(rows)), size)
        else:
            pictures = plain_crops(faces.images[rows], size)
            if change is not None:
                masks = torch.from_numpy(faces.masks[rows]).float()[:, None]
                pictures = change(pictures, warp(masks, Geometry.still(len(rows)), size, mode="nearest")[:, 0])
            pool, index = np.unique(chosen[at], return_inverse=True)
            if pool[0] == -1:
                pool, index = pool[1:], index - 1
            if len(pool):
                inputs["neutral_pixel_values"] = ((plain_crops(faces.images[pool], size) - mean) / std).to(device)
                inputs["neutral_index"] = torch.from_numpy(index.reshape(len(rows), shots)).to(device)
        output = model(pixel_values=((pictures - mean) / std).to(device), **inputs)
        answers = {"pspi_hat": output.pspi}
        if output.get("pspi_from_au") is not None:
            answers["pspi_from_au"] = output.pspi_from_au
        if output.get("au") is not None:
            answers |= {f"{name}_hat": output.au[:, column] for column, name in enumerate(PAIN_UNITS)}
        if output.get("pain_logits") is not None:
            answers |= {f"pain{t}_hat": output.pain_logits[:, column].sigmoid() for column, t in enumerate(THRESHOLDS)}
        if output.get("pspi_interval") is not None:
            answers |= {"low": output.pspi_interval[:, 0], "high": output.pspi_interval[:, 1]}
        for name, value in answers.items():
            columns.setdefault(name, []).append(value.float().cpu().numpy())
        if heatmaps is not None and output.get("heatmap") is not None:
            heatmaps.append(output.heatmap.float().cpu().numpy())
    model.train(training)
    return faces.table.assign(**{name: np.concatenate(values) for name, values in columns.items()})


def plain_crops(packed: np.ndarray, size: int) -> torch.Tensor:
    """Packed crops uint8 [n, S, S, 3] -> the plain face crop, float [n, 3, size, size] in 0..1."""
    pictures = torch.from_numpy(np.ascontiguousarray(packed)).permute(0, 3, 1, 2).float() / 255
    return warp(pictures, Geometry.still(len(packed)), size)
