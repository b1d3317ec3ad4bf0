"""Colours of brows and lashes, linear RGB, from the hair of the head and the skin they grow on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from threedpain.generation.colour import mass_colour, pigment, visible_grey
from threedpain.generation.records import Hair

BROWS_LATER, LASHES_LATER = 0.78, 0.6  # of the head's grey is seen there
SPARSE = 0.5  # of the light that a mass of hair throws back comes from sparse brows
PENCIL = 0.8  # of the brows' grey goes under the fullest make-up
UNSEEN = 0.4, 1.5  # times the skin's light: pigmented brows are darker than the first unless lighter than the second
WHITE_BROW = 0.22  # of white hairs in each other's shadow


def brow_colour(hair: Hair, skin: np.ndarray, makeup: float = 0.0) -> np.ndarray:
    """Of the sparse hairs of the brows on a skin [3]. The skin shines through the pigmented ones and tints them: they
    are dark enough to be seen on it unless clearly lighter. White ones are grey on any skin, and take less of it."""
    skin = np.maximum(skin, 1e-4)  # a skin map may be black
    tint = skin / skin.mean()
    dark = SPARSE * pigment(hair) * np.sqrt(tint)
    ratio, (most, lighter) = dark.mean() / skin.mean(), UNSEEN
    if ratio < lighter:
        dark = dark * min(1.0, most / ratio)
    white = visible_grey(BROWS_LATER * hair.grey * (1 - PENCIL * makeup))
    return dark * (1 - white) + WHITE_BROW * tint**0.25 * white


def lash_colour(hair: Hair) -> np.ndarray:
    """Much darker than the head's hair, and never light."""
    mass = mass_colour(replace(hair, grey=LASHES_LATER * hair.grey))
    return mass * min(0.3, 0.03 / mass.mean())
