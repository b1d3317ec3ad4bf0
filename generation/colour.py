"""Colour: sRGB and CIELAB, the individual typology angle, and the colour of hair.

The individual typology angle (ITA; Chardon, Cretois and Hourseau 1991) is atan2(L* - 50, b*) in degrees: about 60 for
very light and -60 for very dark skin. Arrays hold a colour along their last axis.
"""

from __future__ import annotations

import numpy as np

from .records import Hair
from .seeds import child

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)  # linear sRGB -> XYZ, D65 (IEC 61966-2-1)

_WHITE = np.array([0.95047, 1.0, 1.08883])


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


# Albedo of a mass of hair by melanin, linear RGB, from black to light blond; between them the logarithm is linear.
_PIGMENT = np.array(
    [[0.42, 0.30, 0.165], [0.20, 0.118, 0.058], [0.085, 0.046, 0.024], [0.034, 0.020, 0.0125], [0.0155, 0.0118, 0.0100]]
)

_BROWS_LATER = 0.68, 1.0  # of the head's grey is seen in the brows: of whose is least, and most
_PENCIL = 0.8  # of the brows' grey goes under the fullest make-up

_RED = np.array([0.30, 0.085, 0.026])


def pigment(hair: Hair) -> np.ndarray:
    """Linear RGB of this person's hair without its grey."""
    stops = np.linspace(0, 1, len(_PIGMENT))
    base = np.exp([np.interp(hair.melanin, stops, np.log(_PIGMENT[:, k])) for k in range(3)])
    strength = hair.red * (1 - hair.melanin) ** 0.5
    return base ** (1 - strength) * _RED**strength


def mass_colour(hair: Hair) -> np.ndarray:
    """Linear RGB [3] of roots and short hair seen from afar, over skin."""
    white = visible_grey(hair.grey)
    return pigment(hair) * (1 - white) + 0.3 * white


def visible_grey(grey: float | np.ndarray) -> float | np.ndarray:
    """Share of light that white hairs add: the first ones hide under the others."""
    return np.asarray(grey) ** 1.7


def brow_grey(hair: Hair, makeup: float) -> float:
    """Share of light that white hairs add in brows: they come later there, how much is everyone's
    own, and most go under make-up."""
    later = child(hair.seed, "brows' grey").uniform(*_BROWS_LATER)
    return float(visible_grey(later * hair.grey * (1 - _PENCIL * makeup)))
