"""Colours of brows and lashes, linear RGB, from the hair of the head and the skin they grow on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from threedpain.generation.colour import brow_grey, mass_colour, pigment
from threedpain.generation.records import Hair, Identity

LASHES_LATER = 0.6  # of the head's grey is seen there
SPARSE = 0.5  # of the light that a mass of hair throws back comes from sparse brows
THROUGH = 0.22  # of the skin's colour is seen through bare lashes
UNSEEN = 0.4, 1.5  # times the skin's light: pigmented brows are darker than the first unless lighter than the second
WHITE_BROW = 0.30  # of white hairs in each other's shadow


def brow_colour(hair: Hair, skin: np.ndarray, makeup: float = 0.0) -> np.ndarray:
    """Of the sparse hairs of the brows on a skin [3]. The skin shines through the pigmented ones and tints them: they
    are dark enough to be seen on it unless clearly lighter. White ones are grey on any skin, and take less of it."""
    skin = np.maximum(skin, 1e-4)  # a skin map may be black
    tint = skin / skin.mean()
    dark = SPARSE * pigment(hair) * np.sqrt(tint)
    ratio, (most, lighter) = dark.mean() / skin.mean(), UNSEEN
    if ratio < lighter:
        dark = dark * min(1.0, most / ratio)
    white = brow_grey(hair, makeup)
    return dark * (1 - white) + WHITE_BROW * tint**0.25 * white


def lash_colour(hair: Hair, skin: np.ndarray, makeup: float = 0.0) -> np.ndarray:
    """Darker than the head's hair, and never light; hairs of a tenth of a millimetre let the skin [3] shine through
    unless mascara covers them."""
    mass = mass_colour(replace(hair, grey=LASHES_LATER * hair.grey))
    dark = mass * min(0.45, 0.04 / mass.mean())
    return dark + THROUGH * (1 - makeup) * (skin - dark)


def lash_cover(who: Identity) -> float:
    """Share of the upper lid's edge that lashes cover: mascara thickens them, age thins them."""
    female = who.gender == "female"
    full = (0.50 if female else 0.36) + 0.34 * who.skin.makeup
    return full * (1 - 0.3 * float(np.clip((who.age - 45) / 45, 0, 1)))


def sclera_colour(who: Identity) -> np.ndarray:
    """Of the eyes' white: off-white, and browner with more pigment in the skin, beside which pure white would glare."""
    dark = float(np.clip((40 - who.skin.tone) / 80, 0, 1))
    return np.array(who.eyes.sclera) * (0.92 - np.array([0.20, 0.23, 0.28]) * dark)
