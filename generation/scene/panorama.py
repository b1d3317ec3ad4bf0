"""Light and place from photographs: one panorama lights the face and stands, defocused, behind it.

A panorama is turned about the vertical by an angle that the background's seed draws, so that whoever names the same
place for both is lit by what is seen. Radiance is scaled to a mean luminance of 1 over the sphere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from safetensors import safe_open

from threedpain.assets import weights
from threedpain.errors import MissingFile
from threedpain.generation.compiling import njit
from threedpain.generation.records import KeyLight, Light
from threedpain.generation.seeds import child

from .light import exposed, sh_basis, sphere

FORMAT = "threedpain-panoramas-1"
PARTS = ("picture", "environment", "keys", "mean")  # tensors, a panorama a row
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of linear sRGB (ITU-R BT.709)
BALANCE = 0.75  # of a place's own colour is what a camera's white balance takes away; set by eye
METERED = 0.75  # of the exposure is the face's, the rest the whole room's: who stands against the light comes dark
WHITE = 12.0  # radiance at which a sensor has long been saturated
_APERTURE = (0.5, 2.2)  # degrees: radius of a point out of focus, as the drawn rooms have it
_TAPS = 24  # samples of the aperture


@dataclass(frozen=True)
class Panorama:
    """One place after the camera's white balance, mean luminance 1 over the sphere, as the photograph was turned."""

    picture: (
        np.ndarray
    )  # float32 [H, W, 3], radiance; rows from up to down, columns to the right, straight behind first
    environment: np.ndarray  # float64 [9, 3], real spherical harmonics of irradiance / pi without the keys
    keys: tuple[KeyLight, ...]  # the strongest directions


def stored(name: str) -> dict[str, np.ndarray]:
    """What ships of one panorama, as float64: picture [H, W, 3], environment [9, 3], keys [K, 7], mean [3], the last
    measured on the whole photograph."""
    path = weights("panoramas")
    with safe_open(path, framework="np") as file:
        facts = json.loads((file.metadata() or {}).get("panoramas", "{}"))
        if facts.get("format") != FORMAT or name not in facts["names"]:
            raise MissingFile(f"{path} holds no {name!r} of format {FORMAT}: install threedpain again")
        at = facts["names"].index(name)
        return {part: file.get_slice(part)[at : at + 1][0].astype(np.float64) for part in PARTS}


@lru_cache(maxsize=18)
def load(name: str) -> Panorama:
    """The panorama of that name, one of limits.PANORAMAS."""
    picture, environment, keys, mean = stored(name).values()
    gains = white_balance(mean)
    return Panorama(
        picture=(picture * gains).astype(np.float32),
        environment=environment * gains,
        keys=tuple(
            KeyLight(_numbers(key[:3]), _numbers(key[3:6] * gains), float(key[6])) for key in keys if key[3:6].any()
        ),
    )


def white_balance(mean: np.ndarray) -> np.ndarray:
    """Gains [3] that take most of the colour from a place of this mean radiance [3] and leave a mean luminance of 1."""
    gains = (mean.max() / mean) ** BALANCE
    return gains / (LUMINANCE @ (gains * mean))


def turn_of(seed: int) -> float:
    """Radians by which the background of this seed turns its panorama to the subject's left."""
    return float(child(seed, "panorama").uniform(0, 2 * np.pi))


def panorama_light(rng: np.random.Generator, name: str, seed: int) -> Light:
    """The light of a panorama turned as the background of this seed turns it, exposed as a camera would."""
    place, turn = load(name), turn_of(seed)
    keys = [replace(key, direction=_numbers(turned(np.array(key.direction), turn))) for key in place.keys]
    light = exposed(name, turned_harmonics(place.environment, turn).astype(np.float32), keys, stops=0.0)
    stops = float(np.clip(rng.normal(0.0, 0.22), -0.5, 0.45))
    return replace(light, exposure=light.exposure**METERED * 2.0**stops)  # the room's own level is 1


def look_into(name: str, seed: int, azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Radiance [..., 3] of a panorama out of focus in directions of this azimuth (degrees, 0 straight behind, positive
    to the subject's left) and elevation [...]."""
    picture, rng = load(name).picture, child(seed, "aperture")
    radius = rng.uniform(*_APERTURE)
    i = np.arange(_TAPS) + 0.5  # sunflower: equal areas of the lens
    away, around = radius * np.sqrt(i / _TAPS), i * np.pi * (1 + 5**0.5)
    taps = np.stack([away * np.sin(around), away * np.cos(around)], axis=1)
    seen = np.empty((azimuth.size, 3))
    _gather(picture, (azimuth - np.degrees(turn_of(seed))).ravel(), elevation.ravel(), taps, seen)
    return np.minimum(seen, WHITE).reshape(*azimuth.shape, 3)


def level(light: Light) -> float:
    """Luminance that a light sends back from a white card, averaged over all normals: 1 for a panorama's own."""
    total = 0.282095 * np.asarray(light.environment[0], np.float64)
    for key in light.keys:
        total = total + np.asarray(key.colour) * (1 + 0.5 * key.softness) / 4
    return float(LUMINANCE @ total)


def directions(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Unit vectors [..., 3] in the head frame of angles in degrees as `look_into` takes them."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.stack([np.sin(a) * np.cos(e), np.sin(e) + 0 * a, -np.cos(a) * np.cos(e)], axis=-1)


def turned(vectors: np.ndarray, angle: float) -> np.ndarray:
    """Vectors [..., 3] turned about the vertical so that what was straight behind has this azimuth (radians)."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * x - s * z, y, s * x + c * z], axis=-1)


def turned_harmonics(coefficients: np.ndarray, angle: float) -> np.ndarray:
    """Spherical harmonics [9, 3] of the same function turned about the vertical; exact, as bands turn within
    themselves."""
    points = sphere(64)
    return np.linalg.lstsq(sh_basis(points), sh_basis(turned(points, -angle)) @ coefficients, rcond=None)[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _gather(picture, azimuth, elevation, taps, seen):
    """The mean [N, 3] over the taps [T, 2] (degrees across and up) around each direction, bilinear in the picture,
    which goes round and ends at the poles."""
    height, width = picture.shape[:2]
    for i in range(len(azimuth)):
        red = green = blue = 0.0
        for k in range(len(taps)):
            up = min(max(elevation[i] + taps[k, 1], -90.0), 90.0)
            y = min(max((90 - up) / 180 * height - 0.5, 0.0), height - 1.0)
            x = (azimuth[i] + taps[k, 0] / max(np.cos(np.radians(up)), 0.05)) / 360 * width - 0.5
            left, top = int(np.floor(x)), min(int(y), height - 2)
            u, v = x - left, y - top
            while left < 0:  # a remainder takes as long as all the rest
                left += width
            while left >= width:
                left -= width
            right = left + 1 if left + 1 < width else 0
            a, b, c, d = (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v
            over, under = picture[top], picture[top + 1]
            red += a * over[left, 0] + b * over[right, 0] + c * under[left, 0] + d * under[right, 0]
            green += a * over[left, 1] + b * over[right, 1] + c * under[left, 1] + d * under[right, 1]
            blue += a * over[left, 2] + b * over[right, 2] + c * under[left, 2] + d * under[right, 2]
        seen[i, 0], seen[i, 1], seen[i, 2] = red / len(taps), green / len(taps), blue / len(taps)


def _numbers(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
