"""Brows drawn hair by hair, each person's own: shape, width, length, fullness and gaps.

Skin models give brows as smears without hairs. Lengths are in texels of the skin map, about .44 mm. Hairs stand up at
the inner end, lie outwards along the body, where the upper ones bend down towards the lower, and point down in the
tail. Women's are thinner and higher than men's (Price et al., Ophthalmic Plast. Reconstr. Surg. 25, 2009), cleared
underneath, and with age tails grow thin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter

from threedpain.generation.colour import brow_grey
from threedpain.generation.geometry import smoothstep
from threedpain.generation.records import SKIN_HEIGHT, SKIN_WIDTH, Identity
from threedpain.generation.seeds import child

from . import layout
from .strokes import drawn

WINDOW = np.s_[356:456, 545:867]  # of the maps, rows and columns, where hairs may lie
INNER, LONG = 20.0, 114.0  # a brow begins so far from the axis and runs so far outwards
START = 406.8, 411.0  # rows of the upper edge at the inner end, women's and men's
ARCH = 11.0, 10.5  # and how far the upper edge rises from there
DROP = 17.0, 19.0  # from its highest place to the tail's end, women's and men's
STRAIGHTER = 3.5  # the less for East Asian brows
WIDE = (3.0, 7.2), (4.6, 11.0)  # height of the body: of the thinnest, and how much more of the fullest
PLUCKED = 0.16, 0.66  # share of women who pluck theirs thin, and to what share of the height
HAIRS = 0.68, 0.7  # hairs a square texel of brow, before gaps
ROUND = (-0.09, -0.03, 0.03, 0.09)  # of a brow's run over which its edge is averaged: a frown bends a knee to a chevron
EYE = 69.0, 46.0  # where the lid lies, outwards from the axis, and half its width
LID = 417.0, 425.0  # rows over the eye from which on hairs fade: the skin there is stretched over the closed eye
STEPS = 14  # points a hair is drawn with
COVER = 0.4, 0.38  # opacity of one hair at its root
WHITE_COVER = 0.9  # and of a white one, times that
WIRY = 0.7, 0.5  # share of white hairs that is thick enough to be seen
SHADE = 0.28  # of the hairs' opacity is smoothed: fine hairs and the skin's shade between those that are seen


@dataclass(frozen=True)
class Shape:
    """One person's brow, both sides' mean. t runs from 0 at the inner end to 1 at the tail's."""

    start: float  # row of the upper edge at t = 0
    arch: float  # rows by which it rises
    peak: float  # t where it is highest
    sharp: float  # 0 round .. 1 angled there
    drop: float  # rows from there to t = 1
    wide: float  # height of the body
    taper: float  # share of the height that is lost towards the tail
    end: float  # t where the last hairs grow
    full: float  # share of the hairs
    long: float  # of a hair of the body
    tail: float  # share of the tail's hairs
    unruly: float  # radians by which hairs leave their direction
    white: float  # share of white hairs: they hide less of the skin, the dark ones between them stand out


def brows(who: Identity) -> np.ndarray:
    """Opacity of `who`'s brows: uint8 [SKIN_HEIGHT, SKIN_WIDTH]."""
    rng = child(who.skin.seed, "brows")
    shape = _shape(who, rng)
    female = who.gender == "female"
    rows, columns = (s.stop - s.start for s in WINDOW)
    window = np.zeros((rows, columns))
    for side in (-1, 1):
        lean = rng.normal(0, (0.9, 1.2, 0.4), 3)  # no face has two brows alike
        hairs = _hairs(shape, lean, female, rng)
        x, y = layout.AXIS + side * hairs[0] - WINDOW[1].start, hairs[1] - WINDOW[0].start
        window += drawn(x, y, hairs[2], (rows, columns))
    soft = gaussian_filter(window, (1.5, 2.0))
    pencil = SHADE * (1 - 0.7 * shape.white) + 0.25 * who.skin.makeup  # white hairs throw no shade
    cover = 1 - np.exp(-((1 - 0.5 * pencil) * window + pencil * soft))
    out = np.zeros((SKIN_HEIGHT, SKIN_WIDTH), np.uint8)
    out[WINDOW] = (255 * cover.clip(0, 1) + 0.5).astype(np.uint8)
    return out


def _shape(who: Identity, rng: np.random.Generator) -> Shape:
    z, u = rng.standard_normal(10).clip(-2, 2), rng.random(4)
    man = int(who.gender == "male")
    old = float(np.clip((who.age - 40) / 45, 0, 1))
    straight = STRAIGHTER * (who.ethnicity == "east_asian")
    wide = (WIDE[man][0] + WIDE[man][1] * who.hair.brow_thickness) * np.exp(0.16 * z[0])
    plucked = not man and u[0] < PLUCKED[0] + 0.1 * old
    return Shape(
        start=START[man] + 1.1 * z[1],
        arch=float(np.clip(ARCH[man] - straight + 2.8 * z[2], 3.0, 19.0)),
        peak=0.58 - 0.05 * man + 0.08 * float(2 * u[1] - 1),
        sharp=float(u[2]) * (0.5 + 0.5 * man),
        drop=float(np.clip(DROP[man] - 0.6 * straight + 3.0 * z[3], 11.0, 27.0)),
        wide=float(wide * (PLUCKED[1] if plucked else 1.0)),
        taper=float(np.clip(0.66 + 0.10 * z[4] + 0.05 * man, 0.4, 0.88)),
        end=float(np.clip(0.97 + 0.05 * z[5] - 0.1 * old * (not man), 0.78, 1.06)),
        full=float(np.clip(0.42 + 0.72 * who.hair.brow_density + 0.08 * z[6] + 0.06 * old * (not man), 0.5, 1.1)),
        long=(14.0 + 1.6 * z[7]) * (1.0 + 0.12 * man + 0.25 * man * old * u[3]) * (0.8 if plucked else 1.0),
        tail=float(np.clip(0.8 + 0.15 * z[8] - 0.4 * old * (1 - 0.5 * man), 0.3, 1.0)),
        unruly=(0.13, 0.19)[man] * float(np.exp(0.25 * z[9])) * (1 + 0.6 * old * man),
        white=brow_grey(who.hair, who.skin.makeup),
    )


def _edge(shape: Shape, lean: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Rows of the upper edge at t; `lean` moves this side's start, arch and drop."""
    top = shape.start + 0.5 * lean[0] - shape.arch + 0.5 * lean[1]
    low = shape.start + 0.5 * lean[0]
    knee = 0.25 + 0.06 * shape.sharp  # angled brows rise straight, round ones early
    knots = [-0.25, 0.0, knee, shape.peak, 0.5 + 0.5 * shape.peak, 1.15]
    share = 0.62 - 0.04 * shape.sharp
    fall = shape.drop + lean[2]
    rows = [low + 2.5, low, low + share * (top - low), top, top + (0.40 + 0.12 * shape.sharp) * fall, top + 1.25 * fall]
    edge = PchipInterpolator(knots, rows)
    return np.mean([edge(t + step) for step in ROUND], axis=0)


def _hairs(
    shape: Shape, lean: np.ndarray, female: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One side's hairs as points: texels outwards from the axis, rows and opacity, each [N, STEPS]."""
    count = int(HAIRS[not female] * LONG * shape.wide)
    t, across = rng.uniform(-0.03, 1.08, count), rng.uniform(-1, 1, count)  # across: -1 upper edge .. 1 lower edge
    across = np.sign(across) * np.abs(across) ** 1.3  # densest in the middle
    front = smoothstep(t, 0.0, 0.3)
    first = 0.15 if female else 0.2
    ramp = first * smoothstep(t, -0.04, 0.05) + (1 - first) * front
    thin = 1 - (1 - shape.tail) * smoothstep(t, 0.5, 0.85)
    wave = rng.uniform(0, 2 * np.pi, 5)
    patchy = sum(np.sin((7 + 6 * k) * t + (1 + k % 3) * across + p) / (1 + 0.4 * k) for k, p in enumerate(wave))
    keep = ramp * thin * smoothstep(shape.end - t, 0.0, 0.26) * (0.82 + 0.16 * patchy) * shape.full
    kept = rng.random(count) < keep
    t, across = t[kept], across[kept]
    height = shape.wide * (0.62 + 0.38 * smoothstep(t, -0.02, 0.18)) * (1 - shape.taper * smoothstep(t, 0.3, 1.0))
    row = _edge(shape, lean, t) + 0.5 * height * (1 + across)
    slope = (_edge(shape, lean, t + 0.02) - _edge(shape, lean, t - 0.02)) / (0.04 * LONG)
    body = smoothstep(t, 0.0, 0.32)
    lie = (np.deg2rad(14) + np.deg2rad(20) * across) * (1 - 0.6 * smoothstep(t, 0.5, 0.9))
    up = np.deg2rad(74) * (1 - body) + body * lie
    angle = up - body * np.arctan(slope) + rng.normal(0, shape.unruly, len(t))
    length = shape.long * (0.62 + 0.38 * body) * (1 - 0.35 * smoothstep(t, 0.6, 1.0)) * rng.uniform(0.6, 1.15, len(t))
    length = np.minimum(length, 3.2 * height + 3)
    s = np.linspace(-0.5, 0.5, STEPS)[None]
    bend = angle[:, None] - (0.25 + 0.25 * (1 - body[:, None])) * s  # tips lie down
    x = INNER + LONG * t[:, None] + length[:, None] * s * np.cos(bend)
    y = row[:, None] - length[:, None] * s * np.sin(bend)
    taper = np.interp(s[0], [-0.5, -0.35, 0.1, 0.5], [0.5, 1.0, 0.85, 0.1])[None]
    strength = rng.uniform(0.5, 1.3, len(t))
    white = rng.random(len(t)) < shape.white
    strength = np.where(white, WHITE_COVER * (rng.random(len(t)) < WIRY[not female]) * strength, strength)
    free = 1 - smoothstep(y, *LID) * (np.abs(x - EYE[0]) < EYE[1])
    return x, y, COVER[not female] * strength[:, None] * taper * free * (length[:, None] / STEPS)
