"""Skin colour: sRGB, CIELAB, the individual typology angle, and the two chromophores of skin.

The individual typology angle (ITA; Chardon, Cretois and Hourseau 1991) is atan2(L* - 50, b*) in degrees: about 60 for
very light and -60 for very dark skin. Everything here works on arrays whose last axis is a colour.
"""

from __future__ import annotations

import numpy as np

from threedpain.generation.texture.model.sampling import ITA, LOCUS_A, LOCUS_B

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)  # linear sRGB -> XYZ, D65 (IEC 61966-2-1)
_WHITE = np.array([0.95047, 1.0, 1.08883])

# Absorbance of the chromophores in log linear sRGB (more of it is darker), directions after Tsumura et al. 1999,
# "Independent-component analysis of skin color image": melanin absorbs blue most, haemoglobin green.
MELANIN = np.array([0.36, 0.55, 0.76], np.float32)
HAEMOGLOBIN = np.array([0.17, 0.77, 0.61], np.float32)


def to_linear(srgb: np.ndarray) -> np.ndarray:
    """sRGB 0..1 -> linear 0..1."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.maximum(srgb, 0.04045) + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """Linear 0..1 -> sRGB 0..1, clipped."""
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)


def lab_of_linear(linear: np.ndarray) -> np.ndarray:
    """Linear sRGB -> CIELAB, D65."""
    ratio = linear @ _TO_XYZ.T / _WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def linear_of_lab(lab: np.ndarray) -> np.ndarray:
    """CIELAB, D65 -> linear sRGB."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], -1)
    ratio = np.where(f**3 > 216 / 24389, f**3, (116 * f - 16) * 27 / 24389)
    return ratio * _WHITE @ np.linalg.inv(_TO_XYZ).T


def lab(albedo: np.ndarray) -> np.ndarray:
    """uint8 sRGB [..., 3] -> CIELAB."""
    return lab_of_linear(to_linear(np.asarray(albedo, np.float64) / 255))


def typology_angle(colour: np.ndarray) -> np.ndarray:
    """CIELAB [..., 3] -> ITA in degrees."""
    return np.degrees(np.arctan2(colour[..., 0] - 50, colour[..., 2]))


def measured_tone(albedo: np.ndarray, region: np.ndarray) -> float:
    """ITA of the mean CIELAB colour of uint8 `albedo` [H, W, 3] where `region` [H, W] is true."""
    return float(typology_angle(lab(albedo[region]).mean(0)))


def locus(tone: float) -> np.ndarray:
    """CIELAB colour of ordinary skin with the typology angle `tone`."""
    b = np.interp(tone, ITA, LOCUS_B)
    return np.array([50 + b * np.tan(np.radians(tone)), np.interp(tone, ITA, LOCUS_A), b])
