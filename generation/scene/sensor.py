"""What a camera does to a picture: smear, coarseness, blur, noise, loss of colour, JPEG. White balance is applied
earlier, in linear light. No point of the picture moves."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from threedpain.generation.compiling import njit
from threedpain.generation.records import Sensor
from threedpain.generation.seeds import child

INFRARED = np.array([0.8, 0.2, 0.0])  # what a night camera sees of red, green and blue; set by eye
BLOCK, ROUND = 16, 9  # pixels of a video's block, columns of blocks from one refreshed to the next


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
    size = image.shape[1], image.shape[0]
    if any(sensor.motion):
        image = _smear(image, *_way(np.asarray(sensor.motion) * size[1] / 512))
    if sensor.zoom > 1:
        image = _resized(image, tuple(max(8, round(edge / sensor.zoom)) for edge in size))
    if sensor.blur > 0 or sensor.noise > 0:
        seed = np.uint64(child(sensor.seed, "noise").integers(2**63))
        image = _expose(image, _kernel(sensor.blur * image.shape[0] / 512), np.float32(255 * sensor.noise), seed)
    if sensor.grey:
        image = np.repeat((image @ INFRARED).astype(np.uint8)[..., None], 3, axis=2)
    if sensor.film < 100:
        image = _filmed(image, sensor.film, sensor.seed)
    if sensor.zoom > 1:
        image = _resized(image, size)
    return _jpeg(image, sensor.jpeg) if sensor.jpeg < 100 else image


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def _resized(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize(list(size), Image.Resampling.BICUBIC))  # wider where it shrinks


def _filmed(image: np.ndarray, quality: int, moment: int) -> np.ndarray:
    """A frame of a video in which columns of blocks are made anew in turn: three qualities, coarser the longer ago."""
    block = np.arange(image.shape[1]) // BLOCK
    age = (block - moment) % ROUND * 3 // ROUND
    frames = [_jpeg(image, min(quality + more, 95)) for more in (36, 12, 0)]
    return np.choose(age[None, :, None], frames)


def _way(motion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets int64 [P, 2] (right, down) and weights float32 [P] of a straight way of this length, its middle at 0."""
    steps = np.linspace(-0.5, 0.5, 2 * int(np.ceil(np.hypot(*motion))) + 1)[:, None] * motion
    corner, part = np.floor(steps).astype(int), steps - np.floor(steps)
    places, weights = [], []
    for across in (0, 1):
        for down in (0, 1):
            places.append(corner + [across, down])
            weights.append(np.abs(1 - across - part[:, 0]) * np.abs(1 - down - part[:, 1]))
    offsets, where = np.unique(np.concatenate(places), axis=0, return_inverse=True)
    total = np.bincount(where.ravel(), np.concatenate(weights))
    return offsets[total > 1e-6], (total[total > 1e-6] / total.sum()).astype(np.float32)


@njit(cache=True, nogil=True)
def _smear(image, offsets, weights):
    height, width, channels = image.shape
    row = np.empty((width, channels), np.float32)
    result = np.empty_like(image)
    for y in range(height):
        row[:] = np.float32(0.5)
        for n in range(len(offsets)):
            source, weight = image[min(max(y + offsets[n, 1], 0), height - 1)], weights[n]
            for x in range(width):
                at = min(max(x + offsets[n, 0], 0), width - 1)
                for k in range(channels):
                    row[x, k] += weight * np.float32(source[at, k])
        for x in range(width):
            for k in range(channels):
                result[y, x, k] = np.uint8(min(row[x, k], np.float32(255)))
    return result


def _kernel(radius: float) -> np.ndarray:
    """Weights float32 [2 r + 1] of a Gaussian of this standard deviation in pixels; [1] for none."""
    reach = np.arange(-int(np.ceil(2.5 * radius)), int(np.ceil(2.5 * radius)) + 1)
    weights = np.exp(-0.5 * (reach / max(radius, 1e-6)) ** 2)
    return (weights / weights.sum()).astype(np.float32)


@njit(cache=True, inline="always")
def _words(seed, index):
    """64 random bits of a counter (SplitMix64: Steele, Lea and Flood, OOPSLA 2014)."""
    x = seed + (np.uint64(index) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(cache=True, inline="always")
def _grain(word, shift):
    """Unit variance and nearly Gaussian: the sum of four of a word's bytes, from bit `shift` on."""
    total = np.uint64(0)
    for k in range(4):
        total += (word >> np.uint64(shift + 8 * k)) & np.uint64(255)
    return (np.float32(total) - np.float32(510)) / np.float32(147.8)  # four uniform bytes: variance 4 (256^2 - 1) / 12


@njit(cache=True, nogil=True)
def _expose(image, kernel, sigma, seed):
    """Blur, then brightness noise in every pixel and weaker colour noise in blocks of 2 x 2, strongest in the darker
    half, as the square-root law leaves it after the sRGB curve."""
    height, width, channels = image.shape
    reach, row_length = len(kernel) // 2, width * channels
    flat = image.reshape(height, row_length)
    line = np.empty(row_length + 2 * reach * channels, np.float32)  # a row blurred downwards, its ends repeated
    smooth = np.empty(row_length, np.float32)
    colour = np.zeros((3, (width + 1) // 2), np.float32)  # noise of a row of blocks
    luma = np.zeros(width, np.float32)  # of a row: apart, so that the compiler takes many at once
    result = np.empty((height, width, channels), np.uint8)
    flat_result = result.reshape(height, row_length)
    for y in range(height):
        inside = line[reach * channels : reach * channels + row_length]
        inside[:] = np.float32(0.5)
        for k in range(len(kernel)):
            source, weight = flat[min(max(y + k - reach, 0), height - 1)], kernel[k]
            for i in range(row_length):
                inside[i] += weight * np.float32(source[i])
        for i in range(reach * channels):
            line[i] = inside[i % channels]
            line[len(line) - 1 - i] = inside[row_length - 1 - i % channels]
        smooth[:] = 0
        for k in range(len(kernel)):
            shifted, weight = line[k * channels : k * channels + row_length], kernel[k]
            for i in range(row_length):
                smooth[i] += weight * shifted[i]
        if sigma > 0 and y % 2 == 0:
            for x in range(colour.shape[1]):
                word, more = _words(seed, y * width + 2 * x), _words(seed, y * width + 2 * x + 1)
                colour[0, x], colour[1, x] = _grain(word, 0), _grain(word, 32)
                colour[2, x] = _grain(more, 0)
        if sigma > 0:
            first = np.uint64((height + y) * width)
            for x in range(width):
                luma[x] = np.float32(0.85) * _grain(_words(seed, first + np.uint64(x)), 0)
            for x in range(width):
                level = sigma * (np.float32(1.3) - np.float32(0.6 / 255) * smooth[x * channels + 1])
                for k in range(channels):
                    smooth[x * channels + k] += level * (luma[x] + np.float32(0.5) * colour[k, x // 2])
        row = flat_result[y]
        for i in range(row_length):
            row[i] = np.uint8(np.int32(min(max(smooth[i], np.float32(0)), np.float32(255))))
    return result
