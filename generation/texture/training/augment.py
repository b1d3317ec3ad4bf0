"""The augmentation programme: from fourteen photographs to a population, each example with exact labels.

Example `index` of `seed` is drawn by itself, so a training set is a seed and a count. The stages, in order:

1. who: a `Look` (age, gender, ethnicity, tone, amounts, brows), broad enough to cover every cell;
2. form: a blend of skins near the age and the ethnicity, mildly extrapolated, mirrored, bent by a few texels;
3. detail: pores, hairs and fine lines, taken region by region from one skin each (blending would smooth them away);
4. marks in melanin and haemoglobin: mottling, redness, freckles, moles, age spots, scars, wrinkles, stubble, make-up;
5. tone: shifted so that the mean CIELAB colour of the face has exactly the labelled typology angle;
6. brows: one or two of the opacity maps, bent, thinned or thickened, by themselves in a fourth channel.

Colours are CIELAB; melanin moves along the skin locus towards darker tones, haemoglobin towards a*.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from threedpain.generation.colour import lab_of_linear, linear_of_lab
from threedpain.generation.records import SKIN_HEIGHT, SKIN_WIDTH
from threedpain.generation.seeds import child
from threedpain.generation.texture import layout
from threedpain.generation.texture.model.sampling import face_colour

from . import marks
from .look import DARK_SHARE, Look, sample_look
from .sources import SkinSource


class Programme:
    """`programme(seed, index)` -> (Look, CIELAB float32 [3, H, W], brow opacity float32 [H, W])."""

    def __init__(self, skins: list[SkinSource], brows: np.ndarray):
        self.skins, self.brows = skins, brows

    def __call__(self, seed: int, index: int, look: Look | None = None) -> tuple[Look, np.ndarray, np.ndarray]:
        rng = child(seed, "augment", index)
        drawn = sample_look(rng)
        look = drawn if look is None else look
        return look, self.skin(look, rng), self.brow(look, rng)

    def choose(self, look: Look, rng: np.random.Generator, count: int) -> tuple[list[SkinSource], np.ndarray]:
        """`count` sources and their shares, near the age, of the ethnicity's share of dark skins."""
        closeness = np.array([np.exp(-abs(look.age - s.age) / 14) + 1e-3 for s in self.skins])
        dark = np.array([s.dark for s in self.skins])
        share = DARK_SHARE[look.ethnicity]
        kin = np.where(dark, share / max(dark.sum(), 1), (1 - share) / max((~dark).sum(), 1))
        same = np.array([1.6 if s.female == (look.gender == "female") else 1.0 for s in self.skins])
        chance = closeness * kin * same
        picks = rng.choice(len(self.skins), size=count, p=chance / chance.sum())
        return [self.skins[i] for i in picks], rng.dirichlet(np.full(count, 1.2))

    def skin(self, look: Look, rng: np.random.Generator) -> np.ndarray:
        target = face_colour(look.tone, look.ethnicity)
        target = target + np.array([0, rng.normal(0, 1.0), 0])  # rosiness leaves the typology angle alone
        sources, shares = self.choose(look, rng, 3)
        form = 0
        for source, share in zip(sources, shares, strict=True):
            # The same difference of lightness is a larger ratio on a darker skin.
            form = form + share * (source.colour[0] + 16) / (target[0] + 16) * bend(source.form, rng, 5.0)
        form = form * rng.uniform(0.85, 1.2)
        form = np.exp(form + np.log(linear_of_lab(target))[:, None, None])
        form = lab_of_linear(form.transpose(1, 2, 0)).transpose(2, 0, 1)
        sources, _ = self.choose(look, rng, 2)
        split = 1 / (1 + np.exp(-marks.field(rng, 90) * 6))
        detail = sum(
            weight * bend(source.detail, rng, 6.0) for source, weight in zip(sources, (split, 1 - split), strict=True)
        ) / np.sqrt(split**2 + (1 - split) ** 2)
        detail = detail * rng.uniform(0.85, 1.25)
        if look.makeup:
            detail = detail * (1 - 0.35 * look.makeup * layout.ellipse(layout.AXIS, 490, 150, 190, 0.5))
        skin = form + detail + marks.paint(look, rng)
        mean = skin[:, layout.face()].mean(1)
        return (skin + (target - mean)[:, None, None]).astype(np.float32)

    def brow(self, look: Look, rng: np.random.Generator) -> np.ndarray:
        first, second = rng.integers(len(self.brows), size=2)
        t = rng.uniform() if rng.uniform() < 0.5 else 0.0
        opacity = (1 - t) * self.brows[first] + t * self.brows[second]
        if rng.uniform() < 0.5:
            opacity = mirror(opacity)
        gx, gy = layout.grid()
        side = np.abs(gx - layout.AXIS)
        # Natural maps differ in thickness: first to a common one, then to what is asked.
        body = opacity[370:450]
        thickness = body.sum(0).max() + 1e-6
        ridge = np.interp(np.arange(SKIN_WIDTH), *_ridge(opacity)).astype(np.float32)[None]
        scale = np.clip((6 + 13 * look.brow_thickness) / thickness, 0.55, 2.6)
        lift = (
            rng.normal(0, 1.5)
            + rng.normal(0, 0.025) * (side - 75)
            + rng.normal(0, 1.5) * np.sin(np.clip((side - 20) / 110, 0, 1) * np.pi)
        )
        source_y = ridge + (gy - ridge - lift) / scale
        source_x = gx + rng.normal(0, 3) * np.sign(gx - layout.AXIS) + marks.field(rng, 30) * 1.2
        moved = sample(opacity[None], source_x, source_y + marks.field(rng, 14) * 0.8)[0]
        density = 0.3 + 0.8 * look.brow_density
        thin = np.clip(0.75 + marks.field(rng, 1.5) * 0.25 + 0.5 * look.brow_density, 0.3, 1)
        return np.clip(moved * density * thin, 0, 1).astype(np.float32)


def _ridge(opacity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns that carry hair and the mean height of the hair there."""
    weight = opacity.sum(0)
    x = np.flatnonzero(weight > 0.5)
    return x, (opacity * np.arange(SKIN_HEIGHT)[:, None]).sum(0)[x] / weight[x] + 0.5


def mirror(image: np.ndarray) -> np.ndarray:
    """[..., H, W] seen in a mirror; texels whose partner lies beyond the crop take the nearest one."""
    columns = np.clip(int(2 * layout.AXIS) - 1 - np.arange(SKIN_WIDTH), 0, SKIN_WIDTH - 1)
    return image[..., columns]


def sample(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear values of [C, H, W] at texel coordinates x, y [H, W]."""
    at = np.stack(np.broadcast_arrays(x / SKIN_WIDTH * 2 - 1, y / SKIN_HEIGHT * 2 - 1), -1).astype(np.float32)
    return F.grid_sample(
        torch.from_numpy(np.ascontiguousarray(image)[None]),
        torch.from_numpy(at[None]),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )[0].numpy()


def bend(image: np.ndarray, rng: np.random.Generator, reach: float) -> np.ndarray:
    """[C, H, W] mirrored or not and moved by a smooth field of up to about `reach` texels, less at eyes, lips, nose
    and ears, which must stay on the mesh."""
    if rng.uniform() < 0.5:
        image = mirror(image)
    gx, gy = layout.grid()
    free = reach * (1 - 0.85 * layout.firm())
    return sample(image, gx + free * marks.field(rng, 70), gy + free * marks.field(rng, 70))
