"""The scalp: where a person's head hair grows, and what it keeps clear of.

Skull coordinates q: x -1..1 right to left ear, y 0 at the brows .. 1 at the crown, z -1..1 back to front.
"""

from __future__ import annotations

import numpy as np

from threedpain.generation.geometry import smoothstep
from threedpain.generation.records import Hair
from threedpain.generation.seeds import child

from .surface import Surface, waves

# Metres by which hair begins lower than on the base mesh, 81 mm above the root of the nose: mean of women and of men,
# and the spread of both. Foreheads measure 63 mm from there in women and 67 in men (Farkas, Anthropometry of the Head
# and Face, 1994), 4.5 mm less in women too in Kashiyama et al., Plast. Reconstr. Surg. Glob. Open 9, 2021.
LOWER = {"female": 0.014, "male": 0.0095}
LOWER_SPREAD = 0.003
TURN = 0.4  # radius of the bend of a receding hairline above the temple, skull coordinates


class Scalp:
    """Where this person's hair grows and what lies around it."""

    def __init__(self, surface: Surface, hair: Hair, rng: np.random.Generator) -> None:
        self.surface, self.hair = surface, hair
        self.centre, self.half = surface.skull
        self.mask = self._lowered(surface.bust.topology.scalp.astype(np.float64))
        if hair.style == "receding":
            self.mask = self.mask * self._receded(rng)
        self.tied = -0.15 + 0.75 * child(hair.seed, "knot").random()  # how high a knot sits, q
        contour = surface.landmarks[:17]
        self.jaw = 0.5 * (contour[:9] * [-1, 1, 1] + contour[16:7:-1][:9])  # ear to chin, one side, x > 0
        self.brow = surface.landmarks[17:27, 1].max()
        on_front = np.flatnonzero(
            (np.abs(surface.vertices[:, 0]) < 0.012) & (self.mask > 0.5) & (surface.vertices[:, 2] > self.centre[2])
        )
        self.hairline = float(surface.vertices[on_front, 1].min()) if len(on_front) else self.brow + 0.06

    @property
    def left(self) -> float:
        """How much of a whole head of hair grows here, 0..1."""
        return float(self.mask.sum() / self.surface.bust.topology.scalp.sum())

    def q(self, points: np.ndarray) -> np.ndarray:
        return (points - self.centre) / self.half

    def _lowered(self, mask: np.ndarray) -> np.ndarray:
        """`mask` [V] with the person's own hairline: on the forehead each point takes what lies higher up."""
        z = float(np.clip(child(self.hair.seed, "hairline").standard_normal(), -2, 2))
        lower = LOWER[self.surface.bust.identity.gender] + LOWER_SPREAD * z + self._contour()
        v, normals = self.surface.vertices, self.surface.normals
        brow = self.surface.landmarks[17:27, 1].max()
        ahead = smoothstep(v[:, 1], brow + 0.012, brow + 0.035) * smoothstep(self.q(v)[:, 2], 0.0, 0.3)
        rows = np.flatnonzero((ahead > 0) & (mask < 1) & np.isin(np.arange(len(v)), self.surface.rows))
        up = np.array([0.0, 1.0, 0.0]) - normals[rows, 1:2] * normals[rows]
        up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-6)
        higher = self.surface.blend(v[rows] + (lower * ahead)[rows][:, None] * up, mask)
        mask = mask.copy()
        mask[rows] = np.where(lower[rows] > 0, np.maximum(mask[rows], higher), np.minimum(mask[rows], higher))
        return mask

    def _contour(self) -> np.ndarray:
        """Metres [V] by which a person's own hairline lies lower than its mean: a peak in the middle, temples that
        stand higher, a side unlike the other, and an uneven edge."""
        rng = child(self.hair.seed, "hairline shape")
        who, v = self.surface.bust.identity, self.surface.vertices
        male = who.gender == "male"
        x = self.q(v)[:, 0]
        peak = rng.gamma(1.0, 0.0022) * np.exp(-((x - 0.06 * rng.normal()) ** 2) / 0.02)
        age = np.clip((who.age - 20) / 50, 0, 1)
        temples = (rng.uniform(0.002, 0.009) + 0.007 * age * rng.random()) if male else rng.uniform(-0.004, 0.003)
        corner = np.exp(-(((np.abs(x) - 0.5) / 0.2) ** 2)) * (1 + 0.25 * rng.normal() * np.sign(x))
        uneven = 0.0013 * waves(v, rng, 0.022) + 0.0012 * waves(v, rng, 0.009)
        return peak - temples * corner + uneven

    def _receded(self, rng: np.random.Generator) -> np.ndarray:
        """1 where hair is left: the temples go first, then the crown, until a wreath remains."""
        age = self.surface.bust.identity.age
        loss = np.clip(0.25 + 0.6 * (age - 30) / 45 + rng.normal(0, 0.15), 0.15, 1.0)
        q = self.q(self.surface.vertices)
        forelock = 0.35 * np.exp(-((q[:, 0] / 0.22) ** 2)) * (1 - loss)
        front = q[:, 2] - (0.875 - 1.3 * loss + forelock)
        forehead = smoothstep(q[:, 2], 0.40, 0.65) * (1 - smoothstep(np.abs(q[:, 0]), 0.60, 0.80))
        slant = 0.5 * smoothstep(q[:, 2], -0.1, 0.55)  # what is left at the sides sinks towards the temples
        high = q[:, 1] - 0.55 + np.maximum(0.6 * forehead, slant)  # a low hairline leaves no fringe behind
        turn = np.hypot(np.maximum(TURN - front, 0), np.maximum(TURN - high, 0))  # a round corner where the two meet
        gone = smoothstep(np.maximum(TURN, np.minimum(front, high)) - turn, -0.12, 0.12)
        crown = loss * np.exp(-(((q[:, 2] + 0.35) / 0.45) ** 2 + (q[:, 0] / 0.5) ** 2)) * smoothstep(q[:, 1], 0.6, 0.8)
        return np.clip(1 - gone - 1.2 * smoothstep(loss, 0.4, 0.8) * crown, 0, 1)

    def clear_face(self, points: np.ndarray) -> np.ndarray:
        """Points kept behind a curtain that runs from the hairline along the temples and the edge of the jaw."""
        points = points.copy()
        edge_y, edge_x, edge_z = self.jaw[::-1, 1], self.jaw[::-1, 0], self.jaw[::-1, 2]
        bound = np.interp(points[:, 1], edge_y, edge_x)
        limit = np.interp(points[:, 1], edge_y, edge_z)
        high = (points[:, 1] - self.brow) / (self.hairline - self.brow)
        limit = np.where(points[:, 1] < edge_y[0], 0.075, limit) + 0.10 * np.clip(high, 0, 1.2) ** 1.5
        limit = limit - 0.006 + 0.5 * np.maximum(np.abs(points[:, 0]) - bound - 0.004, 0) * (high < 0)
        points[:, 2] = np.minimum(points[:, 2], limit)
        return points
