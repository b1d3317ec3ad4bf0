"""Skin colour: sRGB, CIELAB, the individual typology angle, and the two chromophores of skin.

The individual typology angle (ITA; Chardon, Cretois and Hourseau 1991) is atan2(L* - 50, b*) in degrees: about 60 for
very light and -60 for very dark skin. Everything here works on arrays whose last axis is a colour.
"""

from __future__ import annotations

import numpy as np

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)  # linear sRGB -> XYZ, D65 (IEC 61966-2-1)
_WHITE = np.array([0.95047, 1.0, 1.08883])

# Absorbance of the chromophores in log linear sRGB (more of it is darker), directions after Tsumura et al. 1999,
# "Independent-component analysis of skin color image": melanin absorbs blue most, haemoglobin green.
MELANIN = np.array([0.36, 0.55, 0.76], np.float32)
HAEMOGLOBIN = np.array([0.17, 0.77, 0.61], np.float32)

# The skin locus: a* and b* of human skin at an ITA, L* follows from the angle (smoothed from the CC0 photographs and
# from the published ranges per Fitzpatrick type).
_ITA = np.array([-75.0, -60.0, -50.0, -30.0, -10.0, 10.0, 30.0, 45.0, 60.0, 75.0])
_LOCUS_A = np.array([7.0, 11.0, 13.0, 14.5, 15.0, 14.5, 13.5, 12.5, 10.5, 8.0])
_LOCUS_B = np.array([9.0, 14.5, 17.5, 20.0, 21.5, 22.5, 22.0, 20.5, 15.5, 8.5])


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
    b = np.interp(tone, _ITA, _LOCUS_B)
    return np.array([50 + b * np.tan(np.radians(tone)), np.interp(tone, _ITA, _LOCUS_A), b])


# a* and b* of the face relative to the locus: east Asian skin is yellower and less red, and so on (Xiao et al. 2017,
# "Characterising the variations in ethnic skin colours", colour differences between groups at equal lightness).
_UNDERTONE = {
    "black": (0.3, -0.5),
    "white": (0.9, -0.9),
    "middle_eastern": (0.0, 0.3),
    "south_asian": (-0.4, 0.9),
    "east_asian": (-0.9, 1.0),
}


def face_colour(tone: float, ethnicity: str) -> np.ndarray:
    """CIELAB mean colour of the face for a typology angle and an ethnicity; its own angle is `tone` exactly."""
    colour = locus(tone)
    a, b = _UNDERTONE[ethnicity]
    b = max(colour[2] + b, 4.0)
    return np.array([50 + b * np.tan(np.radians(tone)), colour[1] + a, b])
