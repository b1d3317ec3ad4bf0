"""What a reader meets outside of a studio: covered brows, a tilted head, a stranger's neutral face."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from threedpain.modeling.faces.faces import FaceSet
from threedpain.modeling.reading.doubt import HIDDEN

from . import metrics
from .evaluate import predict
from .report import in_mix

TILT = 45.0  # degrees in the picture's plane
BROWS = (0.1, 0.3, 0.9, 0.5)  # where the plain face crop shows them, as shares of its side: x0, y0, x1, y1


def hardships(model: PreTrainedModel, processor, faces: FaceSet) -> dict[str, float]:
    """Figures of the same pictures made harder, with a realistic reference where there is one."""
    main = "realistic" if faces.can("realistic") and getattr(model.config, "reference", "compare") != "none" else "none"
    known = in_mix(faces.table)
    if not known.any():
        return {}
    mixed = faces.subset(known)
    calm = mixed.subset((mixed.table["PSPI"] == 0).to_numpy())
    asked = {"processor": processor, "reference": main}
    tilted = predict(model, mixed, turn=TILT, **asked)
    found = {"tilted_mae": metrics.mae(tilted["PSPI"], tilted["pspi_hat"])}
    if len(calm) and faces.has_boxes:
        plain, covered = predict(model, calm, **asked), predict(model, calm, change=_without_brows, **asked)
        found["brows_covered_neutral"] = float(covered["pspi_hat"].mean())
        if "visible_brows_hat" in covered:
            found["brows_covered_noticed"] = float((covered["visible_brows_hat"] < HIDDEN).mean())
            bare = plain[plain["visible_brows"] >= 0.6]
            found["brows_doubted_wrongly"] = float((bare["visible_brows_hat"] < HIDDEN).mean())
        if main == "realistic" and calm.table["identity"].nunique() > 1:
            strange = predict(model, calm, strangers=True, **asked)
            found["stranger_shift"] = float((strange["pspi_hat"] - plain["pspi_hat"]).mean())
    return found


def _without_brows(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    x0, y0, x1, y1 = (round(edge * pictures.shape[-1]) for edge in BROWS)
    covered = pictures.clone()
    covered[..., y0:y1, x0:x1] = 0.5
    return covered
