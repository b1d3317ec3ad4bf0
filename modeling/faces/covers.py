"""Things laid over a face in training: hands, masks, hair, tubes, bars, drawn roughly where they would lie.

Places are given on the plain face crop, both axes -1..1, where the face box reaches from -0.67 to 0.67 along its longer
edge; they move with the picture. What is covered keeps its label: the face still does it, and how sure one can be is
what the model learns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter

from .augment import Geometry

KINDS = ("hand", "mask", "hair", "tube", "bar")
FINE = 2  # pixels drawn per pixel of the picture
# Roughly: brows, eyes, cheeks, nose, mouth
PLACES = np.array([(0.0, -0.25), (-0.22, -0.08), (0.22, -0.08), (-0.3, 0.2), (0.3, 0.2), (0.0, 0.15), (0.0, 0.4)])
SKIN = np.array([(0.96, 0.8, 0.7), (0.8, 0.6, 0.47), (0.55, 0.38, 0.28), (0.3, 0.2, 0.15)])


@dataclass(frozen=True)
class Covers:
    """Per picture: which kind (-1: none) and the seed of its shape."""

    kind: np.ndarray
    seed: np.ndarray

    @classmethod
    def draw(cls, count: int, share: float, rng: np.random.Generator) -> Covers:
        kind = rng.integers(0, len(KINDS), count)
        return cls(np.where(rng.random(count) < share, kind, -1), rng.integers(0, 2**31, count))

    def take(self, index: np.ndarray) -> Covers:
        return Covers(self.kind[index], self.seed[index])

    def apply(self, pictures: torch.Tensor, geometry: Geometry) -> torch.Tensor:
        """Pictures float [n, 3, S, S] in 0..1, already moved by `geometry` -> what hides them [n, S, S], 0..1."""
        hidden = torch.zeros(len(pictures), *pictures.shape[-2:])
        for at in np.flatnonzero(self.kind >= 0):
            layer = _layer(KINDS[self.kind[at]], int(self.seed[at]), geometry.take(np.array([at])), pictures.shape[-1])
            colour, hidden[at] = layer[:3].to(pictures), layer[3]
            pictures[at] = torch.lerp(pictures[at], colour, layer[3].to(pictures))
        return hidden


def _layer(kind: str, seed: int, geometry: Geometry, size: int) -> torch.Tensor:
    """One thing as colour and opacity, [4, size, size] in 0..1."""
    rng, side = np.random.default_rng(seed), size * FINE
    canvas = Image.new("RGBA", (side, side))
    pen = _Pen(ImageDraw.Draw(canvas), geometry, side)
    {"hand": _hand, "mask": _mask, "hair": _hair, "tube": _tube, "bar": _bar}[kind](pen, rng)
    canvas = canvas.reduce(FINE).filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    return torch.from_numpy(np.asarray(canvas, np.float32) / 255).permute(2, 0, 1)


class _Pen:
    """Draws in the crop's own places, onto the picture the geometry made of it."""

    def __init__(self, draw: ImageDraw.ImageDraw, geometry: Geometry, side: int):
        self.draw, self.geometry, self.side = draw, geometry, side
        self.unit = side / 2 * float(geometry.scale[0])  # pixels of a length of 1

    def _at(self, points) -> list[tuple[float, float]]:
        places = self.geometry.place(np.asarray(points, float)[None])[0]
        return [tuple(place) for place in (places + 1) * self.side / 2]

    def area(self, points, colour) -> None:
        self.draw.polygon(self._at(points), fill=_levels(colour))

    def stroke(self, points, width: float, colour) -> None:
        thick, places = max(1, round(width * self.unit)), self._at(points)
        self.draw.line(places, fill=_levels(colour), width=thick, joint="curve")
        for x, y in (places[0], places[-1]):  # round ends
            self.draw.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=_levels(colour))


def _levels(colour) -> tuple[int, ...]:
    """A colour in 0..1, with opacity as its fourth number, if it has one."""
    return tuple(int(255 * min(1.0, max(0.0, value))) for value in colour)


def _hand(pen: _Pen, rng: np.random.Generator) -> None:
    """Four fingers and a palm that come from outside and rest on one part of the face."""
    tip = PLACES[rng.integers(len(PLACES))] + rng.normal(0, 0.06, 2)
    side = np.sign(tip[0]) or rng.choice((-1, 1))
    towards = np.array([side * rng.uniform(0.3, 1.0), rng.uniform(0.2, 1.0)])
    towards /= np.hypot(*towards)
    across, skin = np.array([-towards[1], towards[0]]), _between(SKIN, rng) * rng.uniform(0.7, 1.1)
    for finger in range(4):
        end = tip + across * 0.105 * (finger - 1.5) + towards * rng.uniform(0, 0.08)
        shade = skin * rng.uniform(0.85, 1.0)
        pen.stroke([end, end + towards * 0.45], 0.1, shade * 0.75)  # the gap's shadow
        pen.stroke([end, end + towards * 0.45], 0.088, shade)
    pen.stroke([tip + towards * 0.5, tip + towards * 1.1], 0.42, skin)


def _mask(pen: _Pen, rng: np.random.Generator) -> None:
    """A face mask from the bridge of the nose to the chin, with folds and its straps."""
    top, wide, chin = rng.uniform(0.02, 0.2), rng.uniform(0.38, 0.48), rng.uniform(0.6, 0.72)
    cloth = np.array(((0.75, 0.87, 0.95), (0.95, 0.95, 0.95), (0.15, 0.15, 0.17), (0.7, 0.9, 0.8)))
    colour = cloth[rng.integers(len(cloth))] * rng.uniform(0.75, 1.0)
    outline = [(-wide, top + 0.1), (-0.15, top), (0.15, top), (wide, top + 0.1), (wide * 0.85, chin - 0.14)]
    pen.area([*outline, (0.15, chin), (-0.15, chin), (-wide * 0.85, chin - 0.14)], colour)
    for edge in (-1, 1):
        pen.stroke([(edge * wide, top + 0.12), (edge * (wide + 0.25), top - 0.05)], 0.012, colour * 0.9)
    for level in np.linspace(top + 0.16, chin - 0.18, rng.integers(2, 5)):
        pen.stroke([(-wide * 0.9, level), (0, level + 0.03), (wide * 0.9, level)], 0.008, colour * 0.85)


def _hair(pen: _Pen, rng: np.random.Generator) -> None:
    """Strands that fall over the forehead, the brows, or one eye."""
    colour = _between(np.array([(0.05, 0.04, 0.03), (0.3, 0.18, 0.1), (0.75, 0.6, 0.4), (0.6, 0.6, 0.6)]), rng)
    middle, spread, low = rng.uniform(-0.35, 0.35), rng.uniform(0.06, 0.4), rng.uniform(-0.25, 0.1)
    for _ in range(rng.integers(25, 90)):
        root = middle + rng.normal(0, spread) * 0.6
        end = root + rng.normal(0, 0.12)
        down = low + rng.normal(0, 0.06)
        bend = (root + end) / 2 + rng.normal(0, 0.05)
        shade = colour * rng.uniform(0.6, 1.3)
        pen.stroke([(root, -0.72), (bend, (down - 0.72) / 2), (end, down)], rng.uniform(0.006, 0.02), shade)


def _tube(pen: _Pen, rng: np.random.Generator) -> None:
    """A clear tube from under the nose, or the corner of the mouth, over one or both cheeks, with its tape."""
    start = np.array([0.0, 0.24]) if rng.random() < 0.6 else np.array([0.12 * rng.choice((-1, 1)), 0.4])
    colour, width = np.append(rng.uniform(0.7, 1.0, 3), rng.uniform(0.5, 0.95)), rng.uniform(0.02, 0.045)
    edges = (-1, 1) if rng.random() < 0.6 else (rng.choice((-1, 1)),)
    for edge in edges:
        path = [start, (edge * 0.25, start[1] + rng.uniform(-0.08, 0.06)), (edge * 0.52, rng.uniform(-0.05, 0.2))]
        pen.stroke(path, width, colour * (0.75, 0.75, 0.75, 1))
        pen.stroke(path, width * 0.6, colour)
        if rng.random() < 0.5:
            x, y = path[1]
            pen.area([(x - 0.07, y - 0.05), (x + 0.07, y - 0.04), (x + 0.07, y + 0.05), (x - 0.07, y + 0.04)],
                     (0.95, 0.9, 0.82, 0.9))  # fmt: skip


def _bar(pen: _Pen, rng: np.random.Generator) -> None:
    """What makes a picture anonymous, or a bandage's edge: a band of one colour over brows, eyes, nose or mouth."""
    middle, half = rng.uniform(-0.35, 0.5), rng.uniform(0.06, 0.22)
    left, right = -rng.uniform(0.3, 1.0), rng.uniform(0.3, 1.0)
    slope = rng.normal(0, 0.03)
    colour = np.full(3, rng.choice((0.0, 0.5, 1.0))) if rng.random() < 0.5 else rng.random(3)
    pen.area([(left, middle - half - slope), (right, middle - half + slope),
              (right, middle + half + slope), (left, middle + half - slope)], colour)  # fmt: skip


def _between(colours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A mixture of two neighbouring colours."""
    at, share = rng.integers(len(colours) - 1), rng.random()
    return colours[at] * (1 - share) + colours[at + 1] * share
