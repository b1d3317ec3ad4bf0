"""Skin colour: what is ordinary for a typology angle, and the two chromophores of skin."""

from __future__ import annotations

import numpy as np

from threedpain.generation.colour import lab, to_linear, typology_angle
from threedpain.generation.texture.model.sampling import ITA, LOCUS_A, LOCUS_B

# Absorbance of the chromophores in log linear sRGB (more of it is darker), directions after Tsumura et al. 1999,
# "Independent-component analysis of skin color image": melanin absorbs blue most, haemoglobin green.
MELANIN = np.array([0.36, 0.55, 0.76], np.float32)
HAEMOGLOBIN = np.array([0.17, 0.77, 0.61], np.float32)
_DENSITY = np.log(np.maximum(to_linear(np.arange(256, dtype=np.float32) / np.float32(255)), 1e-3)).astype(np.float32)


def density(albedo: np.ndarray) -> np.ndarray:
    """Natural logarithm, float32, of uint8 `albedo` in linear light: what chromophores are taken from."""
    return _DENSITY[albedo]


def measured_tone(albedo: np.ndarray, region: np.ndarray) -> float:
    """ITA of the mean CIELAB colour of uint8 `albedo` [H, W, 3] where `region` [H, W] is true."""
    return float(typology_angle(lab(albedo[region]).mean(0)))


def locus(tone: float) -> np.ndarray:
    """CIELAB colour of ordinary skin with the typology angle `tone`."""
    b = np.interp(tone, ITA, LOCUS_B)
    return np.array([50 + b * np.tan(np.radians(tone)), np.interp(tone, ITA, LOCUS_A), b])
