"""Fine lines that years write: crow's feet, lines under the eyes, on the lips' skin, forehead and cheeks.

Each is a stroke of half a millimetre with a lighter bank, too fine for folds that are shape (`head.wrinkles`). Where
they run follows the relaxed-skin-tension lines (Borges, Plast. Reconstr. Surg. 73, 1984). Women's lips are the more
lined, men's foreheads (Paes et al., Aesthet. Surg. J. 29, 2009; Tsukahara et al., Int. J. Cosmet. Sci. 35, 2013).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from threedpain.generation.records import Identity
from threedpain.generation.seeds import child

from . import layout
from .blemishes import AREA
from .strokes import drawn

# Kind -> how many on a side at 90 years, where they begin (x, y in texels of the right half), how that is spread, the
# direction in degrees (0 towards the ear, 90 down) and its spread, length from and to, bend.
STROKES = {
    "crow": (9, (600, 444), (3, 12), 8, 26, (18, 46), 0.10),
    "under": (7, (655, 463), (10, 5), 14, 8, (18, 44), -0.14),
    "upper lip": (12, (684, 566), (15, 1.5), -82, 9, (9, 24), 0.05),
    "lower lip": (6, (686, 607), (14, 2), 84, 10, (7, 14), 0.05),
    "corner": (4, (659, 588), (2, 5), 62, 14, (14, 34), -0.10),
    "cheek": (7, (612, 540), (17, 26), 70, 16, (16, 46), 0.16),
    "forehead": (9, (690, 335), (34, 24), 2, 3, (40, 100), 0.03),
    "nose": (3, (694, 441), (4, 4), 20, 14, (6, 14), 0.05),
}
SEXED = {"female": {"upper lip": 1.3, "lower lip": 1.2, "forehead": 0.6}, "male": {"upper lip": 0.5, "lower lip": 0.5}}
FAINT = {"cheek": 0.5, "forehead": 0.7}
DEPTH = 0.75  # of a full line, in density
FINE, BANK = 0.75, 2.2  # standard deviation of a line and of what it takes its lighter banks from, texels
STEPS = 48  # points of a stroke


def creases(who: Identity, older: float) -> np.ndarray:
    """Darkening in density, float32 [rows, columns] of `AREA`, at `older` 0..1."""
    rng, shape = child(who.skin.seed, "creases"), (AREA[0].stop - AREA[0].start, AREA[1].stop - AREA[1].start)
    at = np.linspace(0, 1, STEPS)
    points, weights = [], []
    for kind, (count, start, spread, direction, sway, length, bend) in STROKES.items():
        own = rng.uniform(0.5, 1.5)
        for side in (-1, 1):
            most = int(1.6 * count)
            n = min(round(count * SEXED[who.gender].get(kind, 1.0) * own * min(1.8 * older, 1.0)), most)
            z, u = rng.standard_normal((most, 4)), rng.uniform(size=(most, 3))
            begin = np.array(start) + np.array(spread) * z[:, :2].clip(-1.7, 1.7)
            if kind == "crow":  # they fan out from the corner of the eye
                z[:, 2] = 0.7 * (begin[:, 1] - start[1]) / spread[1] + 0.3 * z[:, 2]
            turn = np.radians(direction + sway * z[:, 2].clip(-1.7, 1.7))
            reach = length[0] + (length[1] - length[0]) * u[:, 0]
            along = reach[:, None] * at
            across = (bend + 0.05 * z[:, 3])[:, None] * along * (1 - at)
            across += 0.5 * np.sin(9 * at + 6 * u[:, 1:2]) * u[:, 2:]
            x = begin[:, :1] - along * np.cos(turn)[:, None] + across * np.sin(turn)[:, None]
            y = begin[:, 1:] + along * np.sin(turn)[:, None] + across * np.cos(turn)[:, None]
            strength = (
                FAINT.get(kind, 1.0)
                * (0.4 + 0.6 * u[:, 1:2])
                * np.sin(np.pi * (0.06 + 0.94 * at)) ** 0.7
                * (reach[:, None] / STEPS)
            )
            points.append(np.stack([layout.AXIS + side * (layout.AXIS - x), y], -1)[:n].reshape(-1, 2))
            weights.append(strength[:n].ravel())
    x, y = np.concatenate(points).T
    ink = drawn(x - AREA[1].start, y - AREA[0].start, np.concatenate(weights), shape).astype(np.float32)
    line, bank = (gaussian_filter(ink, sigma, truncate=3.0) * (FINE * np.sqrt(2 * np.pi)) for sigma in (FINE, BANK))
    return older**0.8 * DEPTH * (np.minimum(line, 1.2) - 0.8 * bank)
