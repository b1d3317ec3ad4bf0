"""ViTPain as one ONNX file, for runtimes without Python or torch."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel

from threedpain.extras import need_extra

OUTPUTS = ("pspi", "pspi_interval", "au", "pain_logits", "heatmap")


class _Plain(nn.Module):
    """The model with tensors in and a tuple of those outputs that it has out."""

    def __init__(self, model: PreTrainedModel, names: tuple[str, ...]):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, pixel_values, neutral_pixel_values=None, has_neutral=None):
        output = self.model(pixel_values, neutral_pixel_values, neutral_mask=has_neutral)
        return tuple(output[name] for name in self.names)


def export_onnx(model: PreTrainedModel, processor, file: str | Path, batch: int = 1) -> dict[str, list[str]]:
    """Write the model for a fixed number B = `batch` of pictures; its input and output names.

    Inputs: pixel_values float32 [B, 3, S, S]; where the model reads references also
    neutral_pixel_values [B, 3, S, S] and has_neutral bool [B] (False: that row of the former is ignored). Outputs as
    in `ViTPainOutput`, where the model has them. How pictures become pixels stands in the file's metadata, `processor`.
    """
    need_extra("onnx", "onnx")
    need_extra("onnxscript", "onnx")
    model = model.float().eval()
    size, channels = model.config.image_size, model.config.num_channels
    pictures = torch.rand(batch, channels, size, size) * 2 - 1
    inputs, names = (pictures,), ["pixel_values"]
    if getattr(model.config, "reference", "none") != "none":
        inputs = (pictures, pictures.flip(-1).contiguous(), torch.ones(batch, dtype=torch.bool))
        names += ["neutral_pixel_values", "has_neutral"]
    with torch.no_grad():
        told = model(pictures)
        outputs = tuple(name for name in OUTPUTS if told.get(name) is not None)
        loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
        before = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of torch's own parts
                program = torch.onnx.export(
                    _Plain(model, outputs).eval(), inputs, dynamo=True, verbose=False, optimize=True,
                    input_names=names, output_names=list(outputs),
                )  # fmt: skip
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)
    program.model.metadata_props["processor"] = json.dumps(processor.to_dict(), default=str)
    program.save(str(file))
    return {"inputs": names, "outputs": list(outputs)}
