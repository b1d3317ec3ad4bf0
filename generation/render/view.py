"""A view: what the samples of a picture see of a posed person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from threedpain.generation.records import Camera

from .surfaces import Posed


@dataclass(frozen=True)
class View:
    """What the samples of a picture see; n x n samples a pixel."""

    posed: Posed
    camera: Camera
    vertices: np.ndarray  # float32 [V, 3], NDC and nearness, 1 / metres
    winners: np.ndarray  # int32 [S n, S n], nearest face or -1
    nearness: np.ndarray  # float32 [S n, S n], 0 where there is nothing
