"""Skin colour: what is ordinary for a typology angle, and the two chromophores of skin."""

from __future__ import annotations

import numpy as np

from threedpain.generation.colour import lab, to_linear, to_srgb, typology_angle
from threedpain.generation.compiling import njit
from threedpain.generation.texture.model.sampling import ITA, LOCUS_A, LOCUS_B

# Absorbance of the chromophores in log linear sRGB (more of it is darker), directions after Tsumura et al. 1999,
# "Independent-component analysis of skin color image": melanin absorbs blue most, haemoglobin green.
MELANIN = np.array([0.36, 0.55, 0.76], np.float32)
HAEMOGLOBIN = np.array([0.17, 0.77, 0.61], np.float32)
SHADE = np.array([0.46, 0.62, 0.60], np.float32)  # a groove's, set by eye: not pigment but less and redder light
DARKEST, STEPS = np.float32(np.log(1e-3)), 16384
_ENCODED = (255 * to_srgb(np.exp(np.linspace(DARKEST, 0, STEPS + 1))) + 0.5).astype(np.uint8)
_DENSITY = np.log(np.maximum(to_linear(np.arange(256, dtype=np.float32) / np.float32(255)), 1e-3)).astype(np.float32)


def density(albedo: np.ndarray) -> np.ndarray:
    """Natural logarithm, float32, of uint8 `albedo` in linear light: what chromophores are taken from."""
    return _DENSITY[albedo]


def paint(albedo: np.ndarray, skin: np.ndarray, dark: np.ndarray, red: np.ndarray, shade: np.ndarray) -> None:
    """Write over uint8 `albedo` [H, W, 3] what density `skin` [H, W, 3] becomes by float32 [H, W] of melanin, of
    haemoglobin and of shade."""
    _paint(albedo, skin, dark, red, shade, _ENCODED)


@njit(cache=True, nogil=True)
def _paint(albedo, skin, dark, red, shade, encoded):
    scale = np.float32(-STEPS / DARKEST)
    for i in range(skin.shape[0]):
        for j in range(skin.shape[1]):
            for k in range(3):
                lost = dark[i, j] * MELANIN[k] + red[i, j] * HAEMOGLOBIN[k] + shade[i, j] * SHADE[k]
                step = (skin[i, j, k] - lost - DARKEST) * scale + np.float32(0.5)
                albedo[i, j, k] = encoded[int(min(max(step, np.float32(0)), np.float32(STEPS)))]


def measured_tone(albedo: np.ndarray, region: np.ndarray) -> float:
    """ITA of the mean CIELAB colour of uint8 `albedo` [H, W, 3] where `region` [H, W] is true."""
    return float(typology_angle(lab(albedo[region]).mean(0)))


def locus(tone: float) -> np.ndarray:
    """CIELAB colour of ordinary skin with the typology angle `tone`."""
    b = np.interp(tone, ITA, LOCUS_B)
    return np.array([50 + b * np.tan(np.radians(tone)), np.interp(tone, ITA, LOCUS_A), b])
