"""Pictures and small graphics of the page: heat overlays, the PSPI gauge, action unit bars, drawn truth.

Colour maps are perceptually even and safe for colour-blind readers (inferno for heat, Okabe and Ito's set for classes).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageDraw

from threedpain import facs

HEAT_FULL_MM = 8.0  # millimetres shown at the colour map's end
HEAT_MM_PER_LEVEL = 0.05
CLASS_COLOURS = np.array(
    [
        (0, 0, 0), (230, 159, 0), (213, 94, 0), (146, 100, 60), (60, 30, 10), (255, 255, 255), (204, 121, 167),
        (120, 0, 60),
        (0, 114, 178), (86, 180, 233), (0, 158, 115),
    ],
    np.uint8,
)  # fmt: skip


def heat_overlay(picture: Image.Image, heat_mm: np.ndarray, strength: float) -> Image.Image:
    """`picture` with heat [H, W] in millimetres painted over it; where nothing moved the picture stays as it is."""
    share = np.clip(heat_mm / HEAT_FULL_MM, 0, 1)
    colour = colormaps["inferno"](0.25 + 0.75 * share)[..., :3] * 255
    weight = (strength * np.clip(share * 4, 0, 1))[..., None]
    blended = np.asarray(picture.convert("RGB"), np.float32) * (1 - weight) + colour * weight
    return Image.fromarray(np.rint(blended).astype(np.uint8))


def draw_truth(
    picture: Image.Image, mask: Image.Image, landmarks: np.ndarray, visible: np.ndarray, bbox
) -> Image.Image:
    """Class mask, box and 68 landmarks (hidden ones hollow) over a dataset picture, enlarged to some 512 pixels."""
    scale = max(1, round(512 / picture.width))
    size = (picture.width * scale, picture.height * scale)
    classes = CLASS_COLOURS[np.asarray(mask.resize(size, Image.Resampling.NEAREST))]
    canvas = Image.blend(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS), Image.fromarray(classes), 0.35)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle([value * scale for value in bbox], outline=(240, 228, 66), width=2)
    for (x, y), seen in zip(np.asarray(landmarks) * scale, visible, strict=True):
        dot = [x - 2.5, y - 2.5, x + 2.5, y + 2.5]
        draw.ellipse(dot, fill=(240, 228, 66) if seen else None, outline=(20, 20, 20) if seen else (240, 228, 66))
    return canvas


def _arc(fraction: float, radius: float = 80.0) -> str:
    angle = math.pi * (1 - fraction)
    x, y = 100 + radius * math.cos(angle), 100 - radius * math.sin(angle)
    return f"M {100 - radius} 100 A {radius} {radius} 0 0 1 {x:.2f} {y:.2f}"


def gauge(value: float, caption: str, interval: tuple[float, float] | None = None) -> str:
    """PSPI on a half circle from 0 to 16; the interval, when given, is the pale band."""
    band = ""
    if interval:
        low, high = (min(max(bound, 0.0), 16.0) / 16 for bound in interval)
        length = math.pi * 80
        band = (
            f'<path d="{_arc(1)}" class="band" stroke-dasharray="0 {low * length:.1f} {(high - low) * length:.1f} '
            f'{length:.1f}"/>'
        )
        caption += f", 90 % interval {interval[0]:.1f} to {interval[1]:.1f}"
    filled = f'<path d="{_arc(min(value / 16, 1))}" class="fill"/>' if value > 0.02 else ""
    text = f"{value:.1f}".removesuffix(".0")
    return (
        f'<figure class="gauge" role="img" aria-label="PSPI {text} of 16: {escape(caption)}">'
        f'<svg viewBox="0 0 200 118" aria-hidden="true"><path d="{_arc(1)}" class="track"/>{band}{filled}'
        f'<text x="100" y="92" class="value">{text}</text><text x="100" y="112" class="unit">PSPI of 16</text></svg>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _bar(name: str, value: float, full: float, note: str = "") -> str:
    return (
        f'<li title="{escape(note)}"><span class="name">{escape(name)}</span>'
        f'<span class="track"><span class="fill" style="width:{100 * min(max(value / full, 0), 1):.1f}%"></span></span>'
        f'<span class="number">{value:.1f}</span></li>'
    )


def pspi_terms(action_units: Mapping[str, float]) -> str:
    """The four terms of the PSPI formula as bars."""
    value = {name: max(action_units.get(name, 0.0), 0.0) for name in facs.PAIN_UNITS}
    terms = (
        ("AU4 brow lowered", value["AU4"], 5, "corrugator draws the brows down and together"),
        ("max(AU6, AU7) cheeks, lids", max(value["AU6"], value["AU7"]), 5, "cheek raiser or lid tightener"),
        ("max(AU9, AU10) nose, lip", max(value["AU9"], value["AU10"]), 5, "nose wrinkler or upper lip raiser"),
        ("AU43 eyes closed", value["AU43"], 1, "lids closed"),
    )
    return f'<ul class="bars" aria-label="Terms of PSPI">{"".join(_bar(*term) for term in terms)}</ul>'


def unit_bars(action_units: Mapping[str, float], truth: Mapping[str, float] | None = None) -> str:
    """The model's six action units; with `truth`, the true value beside each."""
    rows = []
    for name, value in action_units.items():
        label = f"{name} {facs.ACTION_UNITS[name].facs_name}"
        if truth is not None:
            label += f" (true {truth.get(name, 0.0):g})"
        rows.append(_bar(label, value, 1 if name == "AU43" else 5))
    return f'<ul class="bars" aria-label="Action units read by the model">{"".join(rows)}</ul>'


def chances(probabilities) -> str:
    """Probability of PSPI at least 1, 2 and 3."""
    rows = "".join(
        _bar(f"PSPI at least {threshold}", 100 * probability, 100)
        for threshold, probability in zip((1, 2, 3), probabilities, strict=True)
    )
    return f'<ul class="bars" aria-label="Probability of pain, percent">{rows}</ul>'


def sentence(text: str) -> str:
    """A problem said in place."""
    return f'<p class="problem" role="alert">{escape(text)}</p>' if text else ""
