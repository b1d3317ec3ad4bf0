"""How much of each part of a face a picture shows: the rest is turned away, out of the picture or covered."""

from __future__ import annotations

import numpy as np

from threedpain.regions import PARTS

from .annotate import OFF
from .view import View


def visible(view: View) -> np.ndarray:
    """Share of each of `regions.PARTS` that can be seen, float32 [6]: of its surface as seen from the front at rest.
    A point is seen as far as the nine samples around it show the bare head about as deep as it lies."""
    head = view.posed.surfaces.head
    rows, part, weight = head.parts
    places, samples = view.vertices[rows], len(view.winners)
    column = np.floor((1 - places[:, 0]) * (samples / 2)).astype(int)
    row = np.floor((1 - places[:, 1]) * (samples / 2)).astype(int)
    within = (column >= 0) & (row >= 0) & (column < samples) & (row < samples) & (places[:, 2] > 0)
    column, row = np.clip(column, 1, samples - 2), np.clip(row, 1, samples - 2)
    depth = 1 / np.maximum(places[:, 2], 1e-9)
    seen = np.zeros(len(rows))
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            near, face = view.nearness[row + dy, column + dx], view.winners[row + dy, column + dx]
            bare = (face >= 0) & (face < len(head.faces))
            seen += bare & (np.abs(1 / np.maximum(near, 1e-9) - depth) < OFF)
    seen *= within / 9
    total = np.bincount(part, weight, minlength=len(PARTS))
    return (np.bincount(part, weight * seen, minlength=len(PARTS)) / np.maximum(total, 1e-12)).astype(np.float32)
