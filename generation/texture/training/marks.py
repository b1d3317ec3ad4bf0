"""What life leaves on a skin, painted as CIELAB deviations in melanin and haemoglobin: `paint(look, rng)`."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F

from threedpain.generation.records import SKIN_HEIGHT, SKIN_WIDTH
from threedpain.generation.texture import layout
from threedpain.generation.texture.tone import locus

from .look import Look
from .sources import blur

HAEMOGLOBIN = np.array([-0.45, 1.0, 0.25], np.float32)  # CIELAB per unit of blood: redder, a little darker


def melanin(tone: float) -> np.ndarray:
    """CIELAB direction of more melanin at `tone`: ten degrees along the locus, scaled to L* -1."""
    step = locus(tone - 10) - locus(tone)
    return (step / abs(step[0])).astype(np.float32)


def field(rng: np.random.Generator, size: float) -> np.ndarray:
    """float32 [H, W] smooth noise of unit variance and a grain of about `size` texels."""
    h, w = max(2, round(SKIN_HEIGHT / size) + 3), max(2, round(SKIN_WIDTH / size) + 3)
    coarse = torch.from_numpy(rng.standard_normal((1, 1, h, w), np.float32))
    fine = F.interpolate(coarse, size=(SKIN_HEIGHT, SKIN_WIDTH), mode="bicubic", align_corners=False)[0, 0].numpy()
    return fine / 0.75


@cache
def _regions() -> dict[str, np.ndarray]:
    x = layout.AXIS
    face = layout.ellipse(x, 480, 165, 215, 0.35)
    bare = (1 - layout.eyes()) * (1 - layout.lips())
    cheeks = layout.both(605, 510, 66, 56, 1.5)
    nose = layout.ellipse(x, 490, 30, 45, 1.2)
    beard = np.maximum(layout.ellipse(x, 620, 125, 95, 0.7), layout.both(560, 580, 60, 70, 1.0))
    beard = np.maximum(beard * np.clip((layout.grid()[1] - 535) / 20, 0, 1), layout.ellipse(x, 552, 58, 18, 0.9))
    return {
        "face": face * bare,
        "cheeks": cheeks,
        "nose": nose,
        "freckles": np.clip(cheeks + nose + 0.35 * layout.ellipse(x, 350, 110, 60, 1.0) + 0.08 * face, 0, 1) * bare,
        "age_spots": np.clip(
            layout.both(540, 420, 50, 80, 1.0)
            + 0.8 * layout.ellipse(x, 330, 130, 60, 1.0)
            + 0.6 * cheeks
            + 0.2 * layout.scalp(),
            0,
            1,
        )
        * bare,
        "red": np.clip(
            0.9 * cheeks
            + nose
            + 0.5 * layout.ellipse(x, 640, 40, 25, 1.2)
            + 0.4 * layout.both(*layout.EARS[0], 34, 60, 1.0)
            + 0.25 * layout.ellipse(x, 340, 80, 40, 1.2),
            0,
            1.1,
        ),
        "beard": beard * (1 - layout.lips()) * (1 - 0.8 * nose),
        "lids": layout.both(637, 427, 40, 16, 0.9),
        "under": layout.both(640, 462, 36, 14, 1.2),
    }


def paint(look: Look, rng: np.random.Generator) -> np.ndarray:
    """float32 [3, H, W] CIELAB deviations for the amounts of `look` (see look.Look)."""
    regions, pigment = _regions(), melanin(look.tone)
    light = float(np.clip((look.tone + 50) / 90, 0.15, 1))  # contrast of brown marks against the skin
    brown = 0.7 * field(rng, 110) + 0.45 * field(rng, 40) + 0.2 * field(rng, 14)
    blood = 0.7 * field(rng, 90) + 0.5 * field(rng, 34) + 0.35 * field(rng, 12)
    flush = regions["red"] * (1 + 0.25 * field(rng, 24) + 0.2 * field(rng, 8))
    blood += 6.5 * look.redness * flush * rng.uniform(0.8, 1.2)
    brown += rng.uniform(-0.5, 2.5) * regions["under"] * (0.5 + look.age / 90)
    blood += rng.uniform(0, 1.5) * regions["under"]
    gentle = 1 - 0.6 * look.makeup
    brown += gentle * _dots(rng, regions["freckles"], 700 * look.freckles, (0.8, 2.3), 7 * light)
    brown += gentle * _dots(rng, regions["face"], 9 * look.moles, (1.2, 3.4), 17 * (0.35 + 0.65 * light))
    brown += gentle * _dots(rng, regions["age_spots"], 75 * look.age_spots, (2.5, 9.0), 7 * (0.4 + 0.6 * light))
    blood += _dots(rng, regions["face"], 25 * look.redness * rng.uniform(), (1.5, 4), 5)
    grooves = _wrinkles(rng, look.wrinkles)
    if rng.uniform() < 0.06:
        scar = _line(
            _stroke(rng, rng.uniform(560, 850), rng.uniform(330, 660), rng.uniform(15, 50), rng.uniform(0, 3)), 1.6
        )
        brown -= 6 * scar
        blood += 4 * scar
    lab = pigment[:, None, None] * brown + HAEMOGLOBIN[:, None, None] * blood
    lab[0] -= 7.5 * grooves
    lab[1] += 1.6 * grooves
    _stubble(lab, look, rng, regions["beard"], light)
    _makeup(lab, look, rng, regions)
    return lab


def _dots(
    rng: np.random.Generator, where: np.ndarray, mean: float, radii: tuple[float, float], depth: float
) -> np.ndarray:
    """Soft round-ish spots, about `mean` of them, with probability following `where`."""
    out = np.zeros((SKIN_HEIGHT, SKIN_WIDTH), np.float32)
    for _ in range(rng.poisson(mean)):
        for _ in range(12):  # rejection, given up where `where` is nearly empty
            x, y = rng.uniform(480, 930), rng.uniform(230, 720)
            if rng.uniform() < where[int(y), int(x)]:
                break
        else:
            continue
        r = radii[0] * (radii[1] / radii[0]) ** rng.beta(1, 1.8)
        n = int(3 * r) + 2
        x0, y0 = int(x), int(y)
        gy, gx = np.mgrid[y0 - n : y0 + n + 1, x0 - n : x0 + n + 1] + 0.5
        angle, squash = rng.uniform(0, np.pi), rng.uniform(0.7, 1)
        u = (gx - x) * np.cos(angle) + (gy - y) * np.sin(angle)
        v = ((gy - y) * np.cos(angle) - (gx - x) * np.sin(angle)) / squash
        wobble = 1 + 0.12 * np.sin(3 * np.arctan2(v, u) + angle * 5)
        spot = 1 / (1 + np.exp((np.sqrt(u * u + v * v) / (r * wobble) - 1) * 4))
        out[y0 - n : y0 + n + 1, x0 - n : x0 + n + 1] += (depth * rng.uniform(0.45, 1.2)) * spot
    return out


def _stroke(
    rng: np.random.Generator, x: float, y: float, length: float, angle: float, curve: float = 0.0
) -> np.ndarray:
    """Points [N, 3] of a slightly wandering stroke: x, y and a strength that tapers to both ends."""
    n = max(int(length / 2), 4)
    t = np.linspace(0, 1, n)
    wander = np.cumsum(rng.normal(0, 0.35, n)) * 0.5
    along, across = (t - 0.5) * length, curve * length * (t - 0.5) ** 2 * 4 + wander
    return np.stack(
        [
            x + along * np.cos(angle) - across * np.sin(angle),
            y + along * np.sin(angle) + across * np.cos(angle),
            np.sin(np.pi * t) ** 0.7,
        ],
        1,
    )


def _line(points: np.ndarray, width: float) -> np.ndarray:
    """A stroke painted: float32 [H, W], about its strength along the line, Gaussian across."""
    out = np.zeros((SKIN_HEIGHT, SKIN_WIDTH), np.float32)
    _add_line(out, points, width)
    return out


def _add_line(out: np.ndarray, points: np.ndarray, width: float) -> None:
    n = int(3 * width) + 2
    for x, y, strength in points:
        x0, y0 = int(x), int(y)
        if not (n < x0 < SKIN_WIDTH - n - 1 and n < y0 < SKIN_HEIGHT - n - 1):
            continue
        gy, gx = np.mgrid[y0 - n : y0 + n + 1, x0 - n : x0 + n + 1] + 0.5
        spot = strength * np.exp(-((gx - x) ** 2 + (gy - y) ** 2) / (2 * width * width))
        patch = out[y0 - n : y0 + n + 1, x0 - n : x0 + n + 1]
        np.maximum(patch, spot, out=patch)


def _wrinkles(rng: np.random.Generator, amount: float) -> np.ndarray:
    """Dark grooves with light flanks, float32 [H, W]: the albedo trace of lines that stay at rest."""
    groove = np.zeros((SKIN_HEIGHT, SKIN_WIDTH), np.float32)
    if amount < 0.02:
        return groove
    x = layout.AXIS

    def lines(count: float, cx, cy, spread, length, angle, curve, width, mirrored=True):
        for side in (-1, 1) if mirrored else (1,):
            for _ in range(rng.poisson(count * amount)):
                px = x + side * abs(cx - x) + rng.normal(0, spread[0])
                py = cy + rng.normal(0, spread[1])
                points = _stroke(rng, px, py, rng.uniform(*length), side * angle + rng.normal(0, 0.12), side * curve)
                points[:, 2] *= rng.uniform(0.35, 1) * (0.4 + 0.6 * amount)
                _add_line(groove, points, width * rng.uniform(0.7, 1.3))

    lines(6, x, 345, (30, 22), (60, 190), 0.0, 0.06, 1.4, mirrored=False)  # forehead
    lines(4, 588, 440, (8, 12), (16, 48), 0.25, 0.0, 1.1)  # crow's feet, fanning
    lines(4, 588, 455, (8, 10), (16, 44), -0.3, 0.0, 1.1)
    lines(4, 640, 464, (14, 7), (18, 46), -0.15, -0.12, 1.1)  # under the eyes
    lines(2, 696, 405, (3, 6), (14, 34), 1.45, 0.0, 1.5)  # glabella
    lines(2.5, 655, 555, (5, 6), (50, 90), -1.05, 0.10, 1.9)  # nasolabial fold
    lines(2, 655, 620, (5, 6), (24, 48), -1.35, 0.05, 1.5)  # marionette
    lines(5, 690, 552, (14, 3), (8, 20), 1.5, 0.0, 0.9)  # upper lip
    lines(5, 600, 545, (25, 30), (20, 60), -0.9, 0.05, 1.1)  # cheeks
    lines(4, x, 700, (40, 14), (60, 160), 0.0, 0.05, 1.6, mirrored=False)  # neck
    return groove - 0.45 * (blur(groove, 4.0) * 1.6)


def _stubble(lab: np.ndarray, look: Look, rng: np.random.Generator, beard: np.ndarray, light: float) -> None:
    """A bluish shadow and short dark dots where a shaven beard grows."""
    if look.stubble < 0.01:
        return
    grow = beard * np.clip(0.9 + 0.12 * field(rng, 40), 0, 1.2) * look.stubble
    dots = field(rng, 1.7) + 0.4 * field(rng, 2.6)
    dark = 5.0 * grow + 3.5 * grow * np.clip(dots - 0.25, -0.5, 2.5)
    lab[0] -= dark * (0.35 + 0.65 * light)
    lab[1] -= 1.6 * grow * light
    lab[2] -= 3.5 * grow * light


def _makeup(lab: np.ndarray, look: Look, rng: np.random.Generator, regions: dict[str, np.ndarray]) -> None:
    """Lipstick, eye shadow and blush of random hues."""
    amount = look.makeup
    # Lips differ in tone without any make-up, by sex and person.
    lips = layout.lips()
    own = rng.normal(0.8 if look.gender == "female" else 0.0, 0.8)
    lab[0] -= lips * (own + (rng.uniform(0, 9) * amount if amount else 0))
    lab[1] += lips * (1.5 * own + rng.uniform(4, 15) * amount)
    lab[2] += lips * rng.uniform(-5, 4) * amount
    if amount:
        lids = regions["lids"] * amount
        lab[0] -= lids * rng.uniform(2, 12)
        lab[1] += lids * rng.uniform(-2, 5)
        lab[2] += lids * rng.uniform(-8, 3)
        lab[1] += regions["cheeks"] * amount * rng.uniform(0, 5)
