"""One skin for the whole head: what a sampled map darkens or tints at large is taken back to the face's own colour.

The model paints ears, scalp, jaw and throat from few photographs, darker and more orange than the face they belong to;
the neck, which has no texture, takes its colour from there. On the face itself it leaves shade that belongs to light,
not to skin: brown orbits and jaws. Only what is wider than a thumb is moved; marks and texture stay.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter

from threedpain.generation.colour import to_linear
from threedpain.generation.compiling import njit
from threedpain.generation.records import SKIN_HEIGHT, SKIN_WIDTH

from . import layout
from .tone import HAEMOGLOBIN, MELANIN

STEP = 8  # texels of a cell of the coarse map
WIDE = 1.6  # cells: what is narrower is left as it is
GAMMA = 2.2  # encoded light is about the power 1 / GAMMA of light
# Share of the difference from the face's mean that is taken back.
BEYOND, EARS, FACE, ORBITS, JAW = 0.85, 0.5, 0.2, 0.8, {"female": 0.6, "male": 0.35}
HAIRLINE, NOSE = 0.8, 0.4
OLD = 0.45  # of what that leaves on the face, at 85 years: the model paints the old as if sunburnt
KEPT = 0.67  # of the light so gained is taken back, or no face had its tone; marks and years take the rest
# A scalp is paler and greyer than the face: hair keeps the sun away, roots lie beneath. Density of melanin that it
# lacks, of grey that it has, of haemoglobin that bare skin has taken on at 85; texels over which it becomes the face.
PALER, ROOTS, SUNNED, GRADUAL = 0.27, 0.07, 0.04, 36
LIT = 50  # percent of the face, the darkest, that are left out of its mean: shade of eyes, nose and mouth


def evened(albedo: np.ndarray, gender: str, age: float) -> np.ndarray:
    """`albedo` uint8 [H, W, 3] with its wide differences from the face's mean colour lessened."""
    cells = albedo[1::2, 1::2].reshape(SKIN_HEIGHT // STEP, STEP // 2, SKIN_WIDTH // STEP, STEP // 2, 3)
    coarse = np.log(np.maximum(to_linear(cells.mean((1, 3), dtype=np.float32) / 255), 1e-3))
    known, face, share, inside, scalp = _places(gender)
    share = share + OLD * float(np.clip((age - 35) / 50, 0, 1)) * inside * (1 - share)
    skin = coarse[face]
    bright = skin.sum(1)
    mean = skin[bright >= np.percentile(bright, LIT)].mean(0)
    wide = gaussian_filter(known[..., None] * (coarse - mean), (WIDE, WIDE, 0))
    wide /= np.maximum(gaussian_filter(known, WIDE), 0.05)[..., None]
    less = share[..., None] * wide
    less -= KEPT * less[face].mean(0)
    red = SUNNED * float(np.clip((age - 25) / 60, 0, 1))
    less += scalp[..., None] * (red * HAEMOGLOBIN - PALER * MELANIN + ROOTS)
    return _multiplied(albedo, np.exp(-less / GAMMA))


@njit(cache=True, nogil=True)
def _multiplied(albedo, gain):
    """`albedo` uint8 [H, W, 3] times a coarse `gain` float32 [H / 8, W / 8, 3], straight between its cells' middles."""
    out, half = np.empty_like(albedo), np.float32(0.5)
    for i in range(albedo.shape[0]):
        y = min(max((i + 0.5) / STEP - 0.5, 0.0), gain.shape[0] - 1.001)
        top = int(y)
        line = gain[top] + np.float32(y - top) * (gain[top + 1] - gain[top])
        for j in range(albedo.shape[1]):
            x = min(max((j + half) / np.float32(STEP) - half, np.float32(0)), np.float32(gain.shape[1] - 1.001))
            left = int(x)
            right = np.float32(x - left)
            for k in range(3):
                times = line[left, k] + right * (line[left + 1, k] - line[left, k])
                out[i, j, k] = min(albedo[i, j, k] * times + half, np.float32(255))
    return out


@cache
def _places(gender: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of the coarse map [H / 8, W / 8]: where skin is known, where the face's mean is taken, the share taken back, the
    face, and the scalp."""
    ex, ey = layout.EYES[0]
    holes = np.maximum.reduce([layout.both(ex, ey, 38, 16), layout.ellipse(*layout.MOUTH, 52, 32)])
    holes = np.maximum(holes, layout.both(*layout.NOSTRILS[0], 12, 9))
    inside = layout.ellipse(layout.AXIS, 470, 150, 205, 0.5)
    share = BEYOND + inside * (FACE - BEYOND)
    for mask, amount in (
        (layout.both(*layout.EARS[0], 50, 75, 0.8), EARS),
        (layout.both(ex + 4, ey - 14, 70, 44, 0.8), ORBITS),
        (layout.ellipse(layout.AXIS, 615, 130, 75, 0.8), JAW[gender]),
        (layout.ellipse(layout.AXIS, 290, 170, 70, 0.8), HAIRLINE),
        (layout.ellipse(layout.AXIS, 490, 40, 50, 0.8), NOSE),
    ):
        share = share + mask * (amount - share)
    cells = (slice(STEP // 2, None, STEP),) * 2
    ears = layout.both(*layout.EARS[0], 70, 95, 0.8)[cells]
    scalp = gaussian_filter(layout.scalp()[cells], GRADUAL / STEP) * (1 - ears)
    return (1 - holes)[cells], layout.face()[cells], share[cells].astype(np.float32), inside[cells], scalp
