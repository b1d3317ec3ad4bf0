"""How light enters the mouth."""

from __future__ import annotations

import numpy as np

from threedpain.generation.geometry import smoothstep
from threedpain.generation.head.bust import Face
from threedpain.generation.head.motion import landmarks

WALLS = 0.08  # light where no sky is seen
LIT, FADE = 0.9, 0.022  # light at the lips, and metres behind them to a third of it


def mouth_light(face: Face, inner: np.ndarray) -> np.ndarray:
    """Light on vertices inside the mouth, `inner` bool [H] -> float32 [I]: the more, the wider lips gap before a place
    beside its depth behind them, and less close under the upper lip; wet red walls throw some back."""
    skull, shift = face.head_pose[:, :3], face.head_pose[:, 3]
    x, y, z = ((face.vertices[inner] - shift) @ skull).T
    lips = (landmarks(face.bust.topology, face.vertices) - shift) @ skull
    over, under = lips[60:65], lips[[60, 67, 66, 65, 64]]
    above = np.interp(x, over[:, 0], over[:, 1])
    here = np.maximum(above - np.interp(x, under[:, 0], under[:, 1]), 0)
    gap = 0.5 * (here + np.maximum(over - under, 0)[1:4, 1].mean())  # light comes from the sides as well
    deep = np.maximum(np.interp(x, over[:, 0], over[:, 2]) - z, 0.0015)
    seen = gap / np.hypot(gap, deep / 2) * np.exp(-deep / FADE) * (0.5 + 0.5 * smoothstep(above - y, -0.001, 0.003))
    return (WALLS * np.clip(gap / 0.004, 0, 1) + (LIT - WALLS) * seen).astype(np.float32)
