"""What a camera does to a picture: slight blur, noise, JPEG. White balance is applied earlier, in linear light."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from threedpain.generation.records import Sensor
from threedpain.generation.seeds import child


def sample_sensor(rng: np.random.Generator) -> Sensor:
    """A plausible phone, webcam or ward camera."""
    warmth, tint = np.clip(rng.normal(0.0, [0.035, 0.012]), -0.08, 0.08)
    return Sensor(
        noise=float(rng.uniform(0.002, 0.009)) if rng.random() < 0.8 else 0.0,
        blur=float(rng.uniform(0.2, 0.8)) if rng.random() < 0.4 else 0.0,
        white_balance=(float(1 + warmth), float(1 + tint), float(1 - warmth)),
        jpeg=int(rng.integers(70, 97)) if rng.random() < 0.35 else 100,
        seed=int(rng.integers(2**31)),
    )


def apply(image: np.ndarray, sensor: Sensor) -> np.ndarray:
    """A clean sRGB picture uint8 [H, W, 3] to the one this camera would hand out; `Sensor()` returns it unchanged."""
    if sensor.blur > 0:
        radius = sensor.blur * image.shape[0] / 512
        image = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
    if sensor.noise > 0:
        image = _noisy(image, sensor)
    if sensor.jpeg < 100:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=sensor.jpeg)
        image = np.asarray(Image.open(buffer))
    return image


def _noisy(image: np.ndarray, sensor: Sensor) -> np.ndarray:
    """Brightness noise in every pixel and weaker colour noise in 2 x 2 blocks, strongest in the darker half, as the
    square-root law leaves it after the sRGB curve."""
    rng = child(sensor.seed, "noise")
    height, width = image.shape[:2]
    sigma = 255 * sensor.noise
    luma = _grain(rng, height, width, 1)
    chroma = _grain(rng, (height + 1) // 2, (width + 1) // 2, 3).repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    level = np.linspace(1.3, 0.7, 256, dtype=np.float32)[image[..., 1]][..., None]
    noisy = image + (0.85 * luma + 0.5 * chroma) * (sigma * level) + 0.5
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _grain(rng: np.random.Generator, height: int, width: int, channels: int) -> np.ndarray:
    """Unit-variance, nearly Gaussian float32 [height, width, channels]: the sum of the four bytes of a random word."""
    words = rng.integers(0, 2**32, size=(height, width, channels), dtype=np.uint32)
    total = words.view(np.uint8).reshape(height, width, channels, 4).sum(axis=-1, dtype=np.uint16)
    return (total.astype(np.float32) - 510.0) / 147.8  # four uniform bytes: variance 4 (256^2 - 1) / 12
