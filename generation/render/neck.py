"""What years do to necks, which no texture reaches: level lines, cords from chin to collar bones, uneven skin.

Light that is kept from the head's vertices, since shade is what these are seen by. Lines of the neck come from the
twenties on, cords of the platysma from the fifties (Brandt and Boker, Dermatol. Clin. 22, 2004).
"""

from __future__ import annotations

import numpy as np

from threedpain.generation.geometry import smoothstep
from threedpain.generation.head.bust import Bust
from threedpain.generation.head.motion import landmarks
from threedpain.generation.seeds import child

LINES = ((-0.027, 0.004, 1.0), (-0.043, 0.004, 0.8))  # metres below the chin, width, depth
LINE, CORD, MOTTLE = 0.22, 0.26, 0.013  # shade at 85 years; of mottling at 25, a standard deviation
APART, WIDE = 0.016, 0.0055  # metres: cords from the middle, half their width
WAVES = 24  # of which mottling is made, 12 to 50 mm long


def neck_light(bust: Bust, sky: np.ndarray) -> np.ndarray:
    """Of the share `sky` [H] of light that each vertex sees, what the neck's lines, cords and unevenness leave, float32
    [H]: all of it on the head, most where it is dark already."""
    who, v = bust.identity, bust.vertices
    rng = child(who.skin.seed, "neck")
    z, waves = rng.standard_normal(8).clip(-1.6, 1.6), rng.standard_normal((WAVES, 4))
    x, y = v[:, 0], v[:, 1] - landmarks(bust.topology, v)[8, 1]
    below = bust.topology.body * smoothstep(v[:, 2], -0.02, 0.0)
    older = float(np.clip((who.age - 20) / 65, 0, 1))
    shade, front = np.zeros(len(v)), 1 - smoothstep(np.abs(x), 0.035, 0.065)
    for k, (height, width, depth) in enumerate(LINES):
        course = height + 0.004 * z[k] - 4.0 * x**2 + 0.0015 * np.sin(90 * x + 3 * z[k + 3])
        away = (y - course) / width
        shade += (
            LINE
            * depth
            * (0.25 + 0.75 * older)
            * front
            * (np.exp(-0.5 * away**2) - 0.4 * np.exp(-0.5 * (away - 2) ** 2))
        )
    tall = smoothstep(-y, 0.015, 0.04) * (1 - smoothstep(-y, 0.055, 0.085))
    for side in (-1, 1):
        away = (side * x - APART * (1 + 0.15 * z[6 + (side > 0)]) - 0.12 * (-y - 0.05)) / WIDE
        bank = np.exp(-0.5 * (away - 1.6) ** 2) + np.exp(-0.5 * (away + 1.6) ** 2) - 0.6 * np.exp(-0.5 * away**2)
        shade += CORD * float(np.clip((who.age - 48) / 37, 0, 1)) * (1 + 0.3 * z[6]) * tall * bank
    size = np.exp(np.linspace(np.log(0.012), np.log(0.050), WAVES))
    turn = waves[:, :3] / np.linalg.norm(waves[:, :3], axis=1, keepdims=True)
    uneven = np.sin(v @ (2 * np.pi * turn / size[:, None]).T + 6 * waves[:, 3]).sum(1) * np.sqrt(2 / WAVES)
    lost = sky**2 * below * shade + bust.topology.body * MOTTLE * (1 + older) * uneven
    return (sky * (1 - lost).clip(0.4, 1.15)).astype(np.float32)
