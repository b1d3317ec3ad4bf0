"""Reading pain from one's own photographs and clips with a trained ViTPain.

torch and transformers, three seconds of a processor, are imported when a reader is made: a mistake is told before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from threedpain import clips
from threedpain.errors import InvalidInput
from threedpain.facs import PAIN_UNITS

from . import detectors
from .detectors import Detector, Found, Turn, upright
from .doubt import hidden_regions, sentences, widened
from .photos import Box, checked_box, open_photo

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
    turn: Turn | None = None
    """How the photograph was turned to set the face upright; crop and box are in the turned picture."""
    familiarity: float | None = None
    """0 (unlike anything learned) .. 1; None where the model does not know."""
    hidden: tuple[str, ...] = ()
    """Decisive regions of which hardly anything is seen: brows, eyes, cheeks, nose, mouth."""
    faint: bool = False
    """Whether the detector was in doubt that this is a face: a mask or a hand hides most of it."""

    @property
    def doubts(self) -> list[str]:
        """Sentences on why this reading may be wrong; none where nothing speaks against it."""
        return sentences(self.familiarity, self.hidden, self.faint)

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
        if self.turn is not None:
            whole = whole.rotate(-self.turn.degrees, Image.Resampling.BICUBIC, center=self.turn.centre)
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
            "turned": 0.0 if self.turn is None else round(self.turn.degrees, 1),
            "familiarity": None if self.familiarity is None else round(self.familiarity, 4),
            "doubts": self.doubts,
        }


class PainReader:
    """`PainReader().read(photo, neutral=rest)`; the model is loaded once.

    Args:
        folder: a model folder, a Hub id, or the name of shipped weights.
        detector: a name in `detectors`, or any callable that finds faces.
    """

    def __init__(self, folder: str | Path | None = None, detector: str | Detector = "dlib"):
        self.find = detectors.detector(detector) if isinstance(detector, str) else detector
        from threedpain.modeling.vitpain.loading import load_model, load_processor

        self.model = load_model(folder or "vitpain")
        self.processor = load_processor(folder or "vitpain")
        asked, made = self.model.config.image_size, self.processor.size["height"]
        if asked != made:
            raise InvalidInput(f"the image processor of {folder} makes {made} pixels, but its model reads {asked}")

    def read(
        self, photo, neutral=None, box: Sequence[float] | None = None, neutral_box: Sequence[float] | None = None
    ) -> Reading:
        """Read one photograph.

        photo: PIL image or array. neutral: the same person at rest, one picture or several, whose answers are averaged.
        box, neutral_box: face boxes in pixels; otherwise the face is looked for, and set upright.
        """
        photo = _picture(photo)
        face = self.face(photo, box=box)
        references = [] if neutral is None else neutral if isinstance(neutral, (list, tuple)) else [neutral]
        if neutral_box is not None and len(references) != 1:
            raise InvalidInput(f"neutral_box is the face box of one neutral picture; {len(references)} are given")
        return self.read_face(photo, face, [self.reference(one, box=neutral_box) for one in references])

    def face(
        self, photo: Image.Image, name: str = "the picture", box: Sequence[float] | None = None, sure: bool = False
    ) -> Found:
        """The face in a box, or the only face that is found in a picture (`sure`: beyond doubt), or InvalidInput."""
        if box is not None:
            return Found(checked_box(box, photo, name))
        return detectors.one_face(photo, self.find, name, sure)

    def reference(self, photo, face: Found | None = None, box: Sequence[float] | None = None) -> Image.Image:
        """A neutral picture as the model sees it: small, to be kept and given to `read_face` again and again."""
        photo = _picture(photo)
        turned, around, _ = upright(photo, face or self.face(photo, "the neutral picture", box))
        return self.processor.crop(turned, around)

    def read_face(self, photo: Image.Image, face: Found, references: list[Image.Image]) -> Reading:
        """Read a face that was found, beside references from `reference`."""
        turned, box, turn = upright(photo, face)
        reading = self.answer(turned, box, references, [None] * len(references))
        return replace(reading, turn=turn, faint=face.faint)

    def answer(
        self, photo: Image.Image, box: Box, references: list[Image.Image], reference_boxes: Sequence[Box | None]
    ) -> Reading:
        """Read one photograph whose face boxes are known."""
        import torch

        from threedpain.modeling.vitpain.image_processing_vitpain import face_crop

        given = {"neutral_images": references, "neutral_boxes": list(reference_boxes)} if references else {}
        inputs = self.processor(images=photo, boxes=box, **given, return_tensors="pt")
        with torch.no_grad():
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
        visible, familiarity = output.get("visible"), output.get("familiarity")
        hidden = () if visible is None else hidden_regions(visible[0].numpy())
        pspi, around = float(output.pspi[0]), None if interval is None else tuple(interval[0].tolist())
        return Reading(
            pspi=pspi,
            interval=widened(self.model.config, pspi, around, hidden),
            au={} if au is None else dict(zip(PAIN_UNITS, au[0].tolist(), strict=True)),
            probabilities=tuple(output.pain_logits[0].sigmoid().tolist()),
            heatmap=None if heatmap is None else heatmap[0].numpy(),
            crop=face_crop(box, self.processor.crop_scale),
            box=tuple(float(edge) for edge in box),
            attention=attention,
            familiarity=None if familiarity is None else float(familiarity[0]),
            hidden=hidden,
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
    references: list[Image.Image] | None = None,
) -> Iterator[tuple[FrameReading, Image.Image]]:
    """Read every `every`-th frame of a clip, with the frame itself. The reference is `neutral` (or `references`, made
    by `reader.reference`), or the first frame with a face. `max_pixels` of a frame and `seconds` for the whole clip are
    limits for clips of strangers."""
    references = list(references or [])
    if neutral is not None:
        references = [reader.reference(one) for one in (neutral if isinstance(neutral, (list, tuple)) else [neutral])]
    for number, moment, frame in clips.frames(path, every, max_pixels=max_pixels, seconds=seconds):
        try:
            face = reader.face(frame, f"frame {number}", sure=True)  # among many frames some show nobody
        except InvalidInput as trouble:
            yield FrameReading(number, moment, None, str(trouble)), frame
            continue
        references = references or [reader.reference(frame, face)]
        yield FrameReading(number, moment, reader.read_face(frame, face, references)), frame


def _picture(photo) -> Image.Image:
    from threedpain.modeling.vitpain.image_processing_vitpain import as_picture

    try:
        return as_picture(photo)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
