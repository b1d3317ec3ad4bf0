"""How much of each region of a face is left to see once something lies over its picture."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from threedpain.regions import PARTS

from .augment import Geometry

# Points of each region: landmarks of the 68 (iBUG's order), or the middle between two of them.
_POINTS: dict[str, list[tuple[int, int]]] = {
    "brows": [(at, at) for at in range(17, 27)],
    "eyes": [(at, at) for at in range(36, 48)],
    "cheeks": [
        (41, 48), (36, 48), (40, 31), (2, 31), (3, 48), (2, 41),
        (46, 54), (45, 54), (47, 35), (14, 35), (13, 54), (14, 46),
    ],
    "nose": [(at, at) for at in range(27, 36)],
    "mouth": [(at, at) for at in range(48, 60)],
    "chin": [(6, 6), (7, 7), (8, 8), (9, 9), (10, 10), (57, 8), (58, 7), (56, 9)],
}  # fmt: skip


def left_to_see(landmarks: np.ndarray, geometry: Geometry, hidden: torch.Tensor) -> torch.Tensor:
    """Share of each of `regions.PARTS` that `hidden` leaves, [n, 6] in 0..1; NaN where the landmarks are unknown.

    landmarks: [n, 68, 2] on the plain crop, -1..1; geometry: how `warp` moved the crops; hidden: [n, S, S], 0..1.
    """
    moved = torch.from_numpy(geometry.place(landmarks)).to(hidden)
    shares = []
    for part in PARTS:
        one, other = np.array(_POINTS[part]).T
        places = (moved[:, one] + moved[:, other]) / 2  # [n, points, 2]
        over = F.grid_sample(hidden[:, None], places.nan_to_num()[:, None], align_corners=False)[:, 0, 0]
        shares.append(1 - torch.where(places.isnan().any(-1), torch.nan, over).mean(1))
    return torch.stack(shares, dim=1)
