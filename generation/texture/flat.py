"""The plain skin: no model, no noise, for tests, previews and machines without weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from threedpain.generation.colour import linear_of_lab, to_srgb
from threedpain.generation.records import SKIN_HEIGHT, SKIN_WIDTH, Identity, SkinMaps

from . import layout
from .tone import HAEMOGLOBIN, MELANIN, locus


class FlatTexture:
    """One colour of the asked tone with lips, lids, cheeks, nostrils and plain brows."""

    def __call__(self, identities: Sequence[Identity]) -> list[SkinMaps]:
        return [
            SkinMaps(albedo=_albedo(who), brows=plain_brows(who.hair.brow_density, who.hair.brow_thickness))
            for who in identities
        ]


@cache
def _places() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Where the skin is not plain [H, W], and the soft masks of what is there, at these texels [N] alone."""
    masks = {
        "lips": layout.lips(),
        "eyes": layout.eyes(),
        "seam": layout.ellipse(*layout.MOUTH, 36, 2.2, 0.9),
        "cheeks": layout.both(600, 520, 60, 50, 1.6),
        "nose": layout.ellipse(layout.AXIS, 495, 26, 36, 1.4),
        "ears": layout.both(*layout.EARS[0], 28, 60, 1.0),
        "nostrils": layout.both(*layout.NOSTRILS[0], 8, 6, 0.8),
        "shadow": layout.both(637, 428, 36, 15, 0.8),
    }
    where = np.any(list(masks.values()), axis=0)
    return where, {name: mask[where] for name, mask in masks.items()}


def _albedo(who: Identity) -> np.ndarray:
    where, masks = _places()
    lips, eyes, cheeks = masks["lips"], masks["eyes"], masks["cheeks"]
    feminine = 1.25 if who.gender == "female" else 1.0
    red = (
        0.62 * feminine * lips
        + 0.10 * cheeks
        + 0.12 * masks["nose"]
        + 0.12 * masks["ears"]
        + 0.15 * eyes
        + who.skin.redness * cheeks * 0.3
    )
    dark = (
        0.25 * lips
        + 0.9 * masks["seam"]
        + 0.28 * eyes
        + 1.6 * masks["nostrils"]
        + 0.25 * who.skin.makeup * masks["shadow"]
    )
    tone = np.log(np.maximum(linear_of_lab(locus(who.skin.tone)), 1e-3))
    log = tone - red[:, None] * HAEMOGLOBIN - dark[:, None] * MELANIN
    albedo = np.empty((*where.shape, 3), np.uint8)
    albedo[:] = _byte(tone)
    albedo[where] = _byte(log)
    return albedo


def _byte(log: np.ndarray) -> np.ndarray:
    """uint8 sRGB of logarithms of linear colours."""
    return (to_srgb(np.exp(log)) * 255 + 0.5).astype(np.uint8)


def plain_brows(density: float, thickness: float) -> np.ndarray:
    """uint8 [H, W] opacity: two tapered arcs of short strokes."""
    gx, gy = layout.grid()
    side = np.abs(gx - layout.AXIS)
    along = np.clip((side - 20) / 114, 0, 1)  # 0 at the nose, 1 at the temple
    ridge = np.interp(along, [0, 0.15, 0.55, 1], [414, 410, 401, 422])
    half = (4.5 + 6.5 * thickness) * np.interp(along, [0, 0.12, 0.6, 1], [0.55, 1, 0.8, 0.12])
    body = np.clip(1.4 - np.abs(gy - ridge) / half, 0, 1) * ((side > 19) & (side < 135))
    strokes = 0.75 + 0.25 * np.sin(side * 1.9 + (gy - ridge) * np.interp(along, [0, 1], [0.4, 1.5]))
    opacity = np.clip(body, 0, 1) * strokes * (0.35 + 0.65 * density)
    return np.broadcast_to(opacity * 255 + 0.5, (SKIN_HEIGHT, SKIN_WIDTH)).astype(np.uint8)
