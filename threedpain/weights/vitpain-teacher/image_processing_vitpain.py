"""Pictures into ViTPain's tensors, and the one face crop. Self-contained: travels with the weights as remote code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageOps
from transformers.image_processing_utils import BaseImageProcessor, BatchFeature

CROP_SCALE = 1.5
MIN_SIDE, MAX_SIDE = 16, 16_384  # pixels


def face_crop(box: Sequence[float], scale: float = CROP_SCALE) -> tuple[int, int, int, int]:
    """The square (x0, y0, x1, y1) around a face box, side `scale` times its longer edge; may leave the picture."""
    x0, y0, x1, y1 = (float(value) for value in box)
    if not (np.isfinite([x0, y0, x1, y1]).all() and x1 > x0 and y1 > y0):
        raise ValueError(f"a face box must be x0 < x1, y0 < y1 in pixels, got {[x0, y0, x1, y1]}.")
    side = max(1, round(scale * max(x1 - x0, y1 - y0)))
    left, top = round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2)
    return left, top, left + side, top + side


def whole_picture(width: int, height: int) -> tuple[int, int, int, int]:
    """The smallest centred square that holds a whole picture."""
    side = max(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def as_picture(image, mode: str = "RGB") -> Image.Image:
    """Whatever people call a picture, upright and 8 bit: PIL (any mode), arrays and tensors [H, W], [H, W, C] or
    [C, H, W] of uint8, uint16 or floats in 0..1."""
    if isinstance(image, (torch.Tensor, np.ndarray)):
        image = _from_array(image.detach().cpu().numpy() if isinstance(image, torch.Tensor) else image)
    if not isinstance(image, Image.Image):
        raise ValueError(f"an image must be a PIL image, an array or a tensor, got {type(image).__name__}.")
    if min(image.size) < MIN_SIDE or max(image.size) > MAX_SIDE:
        raise ValueError(
            f"an image must have sides of {MIN_SIDE} to {MAX_SIDE} pixels, got {image.width} x {image.height}."
        )
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        scale = 257.0 if values.max() > 255 else 1.0
        image = Image.fromarray((values / scale).round().clip(0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)


def _from_array(array: np.ndarray) -> Image.Image:
    shape = array.shape
    if array.ndim == 3 and shape[0] in (1, 3, 4) and shape[-1] not in (1, 3, 4):
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (3, 4))):
        raise ValueError(f"an image array must be [H, W], [H, W, 3 or 4] or [3 or 4, H, W], got {list(shape)}.")
    if array.dtype == np.uint16:
        array = (array / 257.0).round().astype(np.uint8)
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise ValueError("an image array must be finite, got NaN or infinity.")
        if array.size and (array.min() < 0 or array.max() > 1):
            raise ValueError(f"a float image must lie in 0..1, got {array.min():.3g} to {array.max():.3g}.")
        array = (array * 255.0).round().astype(np.uint8)
    if array.dtype != np.uint8:
        raise ValueError(f"an image array must be uint8, uint16 or float, got {array.dtype}.")
    return Image.fromarray(np.ascontiguousarray(array))


class ViTPainImageProcessor(BaseImageProcessor):
    r"""
    Args:
        size: {"height": side, "width": side} of the model's input.
        crop_scale: side of the face crop over the longer edge of the face box.
        image_mode: "RGB", or "L" for the teacher, which reads heatmaps.
        image_mean, image_std: per channel, on the 0..1 scale.
    """

    model_input_names = ["pixel_values", "neutral_pixel_values", "neutral_mask"]

    def __init__(self, size=None, crop_scale=CROP_SCALE, image_mode="RGB", image_mean=None, image_std=None, **kwargs):
        super().__init__(**kwargs)
        channels = 1 if image_mode == "L" else 3
        if isinstance(size, int):
            size = {"height": size, "width": size}
        self.size = dict(size) if size else {"height": 128, "width": 128}
        self.crop_scale = crop_scale
        self.image_mode = image_mode
        self.image_mean = list(image_mean or [0.5] * channels)
        self.image_std = list(image_std or [0.5] * channels)

    def crop(self, image, box=None) -> Image.Image:
        """One picture, cut out and resized as the model sees it."""
        image = as_picture(image, self.image_mode)
        square = whole_picture(*image.size) if box is None else face_crop(box, self.crop_scale)
        if square != (0, 0, *image.size):
            image = image.crop(square)  # beyond the border: black
        return image.resize((self.size["width"], self.size["height"]), Image.Resampling.BILINEAR)

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 [..., C, H, W] -> float32, zero mean."""
        mean = torch.tensor(self.image_mean, device=pixels.device).view(-1, 1, 1)
        std = torch.tensor(self.image_std, device=pixels.device).view(-1, 1, 1)
        return (pixels.float() / 255.0 - mean) / std

    def preprocess(
        self, images, neutral_images=None, boxes=None, neutral_boxes=None, return_tensors=None, **kwargs
    ) -> BatchFeature:
        """
        images: one picture or a list of B.
        neutral_images: the person at rest: one picture; for one picture a list of several references; for B pictures a
            list of B, each a picture, a list of pictures, or None where there is none.
        boxes, neutral_boxes: face boxes (x0, y0, x1, y1) in pixels, arranged alike; None takes the whole picture.
        """
        single = not isinstance(images, (list, tuple)) and not _is_batch(images)
        pictures = [images] if single else list(images)
        if not pictures:
            raise ValueError("images is empty; give at least one picture.")
        boxes = [boxes] if single and boxes is not None else boxes
        boxes = [None] * len(pictures) if boxes is None else list(boxes)
        if len(boxes) != len(pictures):
            raise ValueError(f"boxes holds {len(boxes)} boxes for {len(pictures)} pictures; give one each, or None.")
        data = {"pixel_values": torch.stack([self._tensor(*pair) for pair in zip(pictures, boxes, strict=True)])}
        if neutral_images is not None:
            data |= self._neutrals(neutral_images, neutral_boxes, len(pictures), single)
        return BatchFeature(data={name: value.numpy() for name, value in data.items()}, tensor_type=return_tensors)

    def _neutrals(self, images, boxes, count: int, single: bool) -> dict[str, torch.Tensor]:
        if single:
            images, boxes = [images], [boxes]
        elif not isinstance(images, (list, tuple)) and not _is_batch(images):
            images, boxes = [images] * count, [boxes] * count
        boxes = [None] * count if boxes is None else list(boxes)
        if len(images) != count or len(boxes) != count:
            raise ValueError(
                f"neutral_images holds references for {len(images)} pictures ({len(boxes)} boxes), "
                f"but images holds {count}."
            )
        rows = []
        for given, box in zip(images, boxes, strict=True):
            several = given if isinstance(given, (list, tuple)) else [] if given is None else [given]
            around = box if isinstance(given, (list, tuple)) and box is not None else [box] * len(several)
            rows.append([self._tensor(*pair) for pair in zip(several, around, strict=True)])
        most = max(1, max(map(len, rows)))
        blank = torch.zeros(len(self.image_mean), self.size["height"], self.size["width"])
        values = torch.stack([torch.stack(row + [blank] * (most - len(row))) for row in rows])
        mask = torch.tensor([[at < len(row) for at in range(most)] for row in rows])
        return {"neutral_pixel_values": values, "neutral_mask": mask}

    def _tensor(self, image, box) -> torch.Tensor:
        pixels = np.array(self.crop(image, box))
        pixels = torch.from_numpy(pixels if pixels.ndim == 3 else pixels[..., None]).permute(2, 0, 1)
        return self.normalise(pixels)


def _is_batch(images) -> bool:
    return isinstance(images, (torch.Tensor, np.ndarray)) and images.ndim == 4


__all__ = ["ViTPainImageProcessor"]
