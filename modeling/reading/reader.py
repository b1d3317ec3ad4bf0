"""Reading pain from one's own photographs and clips with a trained ViTPain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from threedpain import clips
from threedpain.errors import InvalidInput
from threedpain.facs import PAIN_UNITS
from threedpain.modeling.vitpain.image_processing_vitpain import as_picture, face_crop
from threedpain.modeling.vitpain.loading import load_model, load_processor

from .photos import Box, checked_box, one_face, open_photo

CLIPS = clips.SUFFIXES

__all__ = ["CLIPS", "FrameReading", "PainReader", "Reading", "open_photo", "read_clip"]


@dataclass(frozen=True)
class Reading:
    """What the model says of one photograph."""

    pspi: float
    """0..16."""
    interval: tuple[float, float] | None
    """90 % split-conformal interval around `pspi`; None where the model was not calibrated."""
    au: dict[str, float]
    """Intensities by name, 0..5 (AU43 0..1)."""
    probabilities: tuple[float, float, float]
    """Of PSPI >= 1, 2, 3."""
    heatmap: np.ndarray | None = field(repr=False)
    """float32 [h, w], mm of skin movement by the pain units, over the crop."""
    crop: tuple[int, int, int, int]
    """The square the model saw, in pixels of the photograph; may reach beyond it."""
    box: Box
    """The face box, in pixels of the photograph."""
    attention: np.ndarray | None = field(repr=False, default=None)
    """float32 [7, g, g]: where the PSPI query and each action unit's query looked, over the crop's centre."""

    def overlay(self, photo: Image.Image, strength: float = 0.6, full: float = 6.0) -> Image.Image:
        """The photograph with the pain map laid over the face; `full` mm are drawn at full strength."""
        photo = photo.convert("RGB")
        if self.heatmap is None:
            return photo
        x0, y0, x1, y1 = self.crop
        share = Image.fromarray((np.clip(self.heatmap / full, 0, 1) * 255).astype(np.uint8))
        share = share.resize((x1 - x0, y1 - y0), Image.Resampling.BICUBIC)
        whole = Image.new("L", photo.size)
        whole.paste(share, (x0, y0))
        heat = np.asarray(whole, dtype=np.float32)[..., None] / 255
        colour = np.concatenate([np.full_like(heat, 255), 210 * (1 - heat), 40 * (1 - heat)], axis=-1)
        cover = strength * np.clip(heat * 3, 0, 1)
        mixed = np.asarray(photo, dtype=np.float32) * (1 - cover) + colour * cover
        return Image.fromarray(mixed.round().astype(np.uint8))

    def as_dict(self) -> dict:
        """Plain numbers, for JSON."""
        return {
            "pspi": round(self.pspi, 3),
            "interval": None if self.interval is None else [round(edge, 3) for edge in self.interval],
            "au": {name: round(value, 3) for name, value in self.au.items()},
            "probabilities": {f"PSPI>={t}": round(p, 4) for t, p in zip((1, 2, 3), self.probabilities, strict=True)},
            "box": [round(edge, 1) for edge in self.box],
            "crop": list(self.crop),
        }


class PainReader:
    """`PainReader().read(photo, neutral=rest)`; the model is loaded once.

    Args:
        folder: a model folder, a Hub id, or the name of shipped weights.
    """

    def __init__(self, folder: str | Path | None = None):
        self.model = load_model(folder or "vitpain")
        self.processor = load_processor(folder or "vitpain")
        asked, made = self.model.config.image_size, self.processor.size["height"]
        if asked != made:
            raise InvalidInput(f"the image processor of {folder} makes {made} pixels, but its model reads {asked}")

    def read(self, photo, neutral=None, box: Sequence[float] | None = None) -> Reading:
        """Read one photograph.

        photo: PIL image or array. neutral: the same person at rest, one picture or several, whose answers are averaged.
        box: face box in pixels; otherwise the face is looked for.
        """
        photo = _picture(photo)
        box = checked_box(box, photo) if box is not None else one_face(photo)
        references = [] if neutral is None else neutral if isinstance(neutral, (list, tuple)) else [neutral]
        references = [_picture(one) for one in references]
        around = [one_face(one, "the neutral picture") for one in references]
        return self.answer(photo, box, references, around)

    @torch.no_grad()
    def answer(
        self, photo: Image.Image, box: Box, references: list[Image.Image], reference_boxes: Sequence[Box | None]
    ) -> Reading:
        """Read one photograph whose face boxes are known."""
        given = {"neutral_images": references, "neutral_boxes": list(reference_boxes)} if references else {}
        inputs = self.processor(images=photo, boxes=box, **given, return_tensors="pt")
        output = self.model(**inputs, output_attentions=True)
        for name in ("pspi", "au", "pain_logits", "pspi_interval", "heatmap"):
            if output.get(name) is not None and not torch.isfinite(output[name]).all():
                raise InvalidInput(f"the model's answer is not finite ({name}); its weights are damaged")
        interval, heatmap, au = output.get("pspi_interval"), output.get("heatmap"), output.get("au")
        attention = None
        if output.get("attentions"):
            looks = output.attentions[-1][0].mean(0)  # [queries, patches]
            side = int(looks.shape[-1] ** 0.5)
            attention = looks.view(-1, side, side).numpy()
        return Reading(
            pspi=float(output.pspi[0]),
            interval=None if interval is None else tuple(interval[0].tolist()),
            au={} if au is None else dict(zip(PAIN_UNITS, au[0].tolist(), strict=True)),
            probabilities=tuple(output.pain_logits[0].sigmoid().tolist()),
            heatmap=None if heatmap is None else heatmap[0].numpy(),
            crop=face_crop(box, self.processor.crop_scale),
            box=tuple(float(edge) for edge in box),
            attention=attention,
        )


@dataclass(frozen=True)
class FrameReading:
    """One frame of a clip: `reading` is None where no single face was found, and `trouble` says why."""

    frame: int
    seconds: float
    reading: Reading | None
    trouble: str = ""


def read_clip(
    reader: PainReader,
    path: str | Path,
    neutral=None,
    every: int = 1,
    max_pixels: int = clips.MAX_PIXELS,
    seconds: float | None = None,
) -> Iterator[tuple[FrameReading, Image.Image]]:
    """Read every `every`-th frame of a clip, with the frame itself. The reference is `neutral`, or the first frame with
    a face. `max_pixels` of a frame and `seconds` for the whole clip are limits for clips of strangers."""
    references, boxes = [], []
    if neutral is not None:
        references = [_picture(one) for one in (neutral if isinstance(neutral, (list, tuple)) else [neutral])]
        boxes = [one_face(one, "the neutral picture") for one in references]
    for number, moment, frame in clips.frames(path, every, max_pixels=max_pixels, seconds=seconds):
        try:
            box = one_face(frame, f"frame {number}")
        except InvalidInput as trouble:
            yield FrameReading(number, moment, None, str(trouble)), frame
            continue
        if not references:
            references, boxes = [frame], [box]
        yield FrameReading(number, moment, reader.answer(frame, box, references, boxes)), frame


def _picture(photo) -> Image.Image:
    try:
        return as_picture(photo)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
