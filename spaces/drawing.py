"""Pictures and small graphics of the page: heat overlays, the PSPI gauge, bars, curves, drawn truth.

Colour maps are perceptually even and safe for colour-blind readers (inferno for heat, Okabe and Ito's set for classes).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageDraw

from threedpain import facs
from threedpain.generation.records import MASK_CLASSES

if TYPE_CHECKING:
    from threedpain.modeling.reading.reader import Reading

HEAT_FULL_MM = 8.0  # millimetres shown at the colour map's end
SHOWN = 900  # longer side at which an uploaded picture is drawn on
PLAIN = {
    "AU4": "Brows drawn down",
    "AU6": "Cheeks raised",
    "AU7": "Eyelids tightened",
    "AU9": "Nose wrinkled",
    "AU10": "Upper lip raised",
    "AU43": "Eyes closed",
}
CLASS_COLOURS = np.array(
    [
        (0, 0, 0), (230, 159, 0), (213, 94, 0), (146, 100, 60), (60, 30, 10), (255, 255, 255), (204, 121, 167),
        (120, 0, 60), (0, 114, 178), (86, 180, 233), (0, 158, 115), (240, 228, 66), (150, 150, 150),
    ],
    np.uint8,
)  # fmt: skip


def plain_name(unit: str) -> str:
    """'AU4' -> 'Brows drawn down (AU4)'."""
    return f"{PLAIN.get(unit, facs.ACTION_UNITS[unit].facs_name.capitalize())} ({unit})"


PSPI_IS = (
    "PSPI (Prkachin and Solomon pain intensity) adds up how strongly the brows, the eyes, and the cheeks, nose and "
    "upper lip show pain: 0 means that none of this is seen, 16 that all of it is at its strongest. It rates what a "
    "face shows, not what a person feels."
)


def summary(pspi: float, reading: Reading | None, trouble: str = "") -> str:
    """One line that stays with the faces: the true PSPI and what ViTPain reads; `trouble`: why it reads nothing."""
    if reading is None:
        read = trouble or "ViTPain is reading it"
    else:
        within = "" if reading.interval is None else " (90 % interval {:.1f} to {:.1f})".format(*reading.interval)
        read = f"ViTPain reads <strong>{reading.pspi:.1f}</strong>{within}"
    return f'<p class="summary" role="status">PSPI <strong>{pspi:g}</strong> of 16. {read}.</p>'


def heat_overlay(picture: Image.Image, heat_mm: np.ndarray, strength: float) -> Image.Image:
    """`picture` with heat [H, W] in millimetres painted over it; where nothing moved the picture stays as it is."""
    share = np.clip(heat_mm / HEAT_FULL_MM, 0, 1)
    colour = colormaps["inferno"](0.25 + 0.75 * share)[..., :3] * 255
    weight = (strength * np.clip(share * 4, 0, 1))[..., None]
    blended = np.asarray(picture.convert("RGB"), np.float32) * (1 - weight) + colour * weight
    return Image.fromarray(np.rint(blended).astype(np.uint8))


def heat_of_reading(reading, photo: Image.Image) -> tuple[Image.Image, np.ndarray]:
    """The photograph, at most SHOWN pixels long, and the model's heat over all of it in millimetres [H, W]."""
    scale = min(1.0, SHOWN / max(photo.size))
    small = photo.convert("RGB").resize([max(1, round(side * scale)) for side in photo.size], Image.Resampling.LANCZOS)
    whole = Image.new("F", small.size)
    if reading.heatmap is not None:
        x0, y0, x1, y1 = (round(edge * scale) for edge in reading.crop)
        heat = Image.fromarray(np.asarray(reading.heatmap, np.float32))
        whole.paste(heat.resize((max(1, x1 - x0), max(1, y1 - y0)), Image.Resampling.BILINEAR), (x0, y0))
        if reading.turn is not None:  # the model saw the face set upright
            x, y = reading.turn.centre
            whole = whole.rotate(-reading.turn.degrees, Image.Resampling.BILINEAR, center=(scale * x, scale * y))
    return small, np.asarray(whole)


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


def heat_legend() -> str:
    """What the heat's colours mean."""
    stops = ", ".join("rgb({:.0f} {:.0f} {:.0f})".format(*(255 * c for c in colormaps["inferno"](0.25 + 0.15 * i)[:3]))
                      for i in range(6))  # fmt: skip
    return (
        f'<p class="legend"><span>skin moves 0</span><span class="ramp" style="background: linear-gradient(90deg, '
        f'{stops})"></span><span>{HEAT_FULL_MM:g} mm</span></p>'
    )


def class_legend() -> str:
    """Swatches of the mask's classes."""
    swatches = "".join(
        f'<span><i style="background: rgb({r} {g} {b})"></i>{escape(name.replace("_", " "))}</span>'
        for name, (r, g, b) in zip(MASK_CLASSES[1:], CLASS_COLOURS[1:].tolist(), strict=True)
    )
    return f'<p class="legend">{swatches}</p>'


def _arc(fraction: float, radius: float = 80.0) -> str:
    angle = math.pi * (1 - fraction)
    x, y = 100 + radius * math.cos(angle), 100 - radius * math.sin(angle)
    return f"M {100 - radius} 100 A {radius} {radius} 0 0 1 {x:.2f} {y:.2f}"


def _tick(value: float) -> str:
    """A stroke across the dial at `value`."""
    angle = math.pi * (1 - value / 16)
    (x0, y0), (x1, y1) = ((100 + r * math.cos(angle), 100 - r * math.sin(angle)) for r in (68, 98))
    return f'<path d="M {x0:.1f} {y0:.1f} L {x1:.1f} {y1:.1f}" class="truth"/>'


def gauge(
    value: float | None, caption: str, interval: tuple[float, float] | None = None, truth: float | None = None
) -> str:
    """PSPI on a half circle from 0 to 16: the interval is a pale band, the truth a stroke; None: no value yet."""
    band = mark = filled = ""
    if interval:
        low, high = (min(max(bound, 0.0), 16.0) for bound in interval)
        length = math.pi * 94 / 16
        dashes = f"0 {low * length:.1f} {(high - low) * length:.1f} 999"
        band = f'<path d="{_arc(1, 94)}" class="band" stroke-dasharray="{dashes}"/>'
        caption += f"<br>90 % interval {low:.1f} to {high:.1f}"
    if truth is not None:
        mark = _tick(truth)
        caption += f"<br>the truth is {truth:g}"
    if value is None:
        text = name = "–"
    else:
        text = f"{value:.1f}".removesuffix(".0")
        name = f"PSPI {text} of 16"
        if value > 0.02:
            filled = f'<path d="{_arc(min(value / 16, 1))}" class="fill"/>'
    said = caption.replace("<br>", ", ")
    return (
        f'<figure class="gauge" role="img" aria-label="{name}: {said}">'
        f'<svg viewBox="0 0 200 120" aria-hidden="true"><path d="{_arc(1)}" class="track"/>{band}{filled}{mark}'
        f'<text x="100" y="92" class="value">{text}</text><text x="20" y="118" class="unit">0</text>'
        f'<text x="100" y="114" class="unit">PSPI</text><text x="180" y="118" class="unit">16</text></svg>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _bar(name: str, value: float, full: float, text: str, truth: float | None = None) -> str:
    width, mark = (100 * min(max(part / full, 0), 1) for part in (value, truth or 0))
    stroke = "" if truth is None else f'<span class="truth" style="left:calc({mark:.1f}% - 1.5px)"></span>'
    return (
        f'<li><span class="name">{escape(name)}</span>'
        f'<span class="track"><span class="fill" style="width:{width:.1f}%"></span>{stroke}</span>'
        f'<span class="number">{escape(text)}</span></li>'
    )


def pspi_terms(action_units: Mapping[str, float]) -> str:
    """The four terms of the PSPI formula as bars, and their sum."""
    value = {name: max(action_units.get(name, 0.0), 0.0) for name in facs.PAIN_UNITS}
    terms = (
        ("Brows (AU4)", value["AU4"], 5),
        ("Cheeks or lids, the larger (AU6, AU7)", max(value["AU6"], value["AU7"]), 5),
        ("Nose or lip, the larger (AU9, AU10)", max(value["AU9"], value["AU10"]), 5),
        ("Eyes closed (AU43)", value["AU43"], 1),
    )
    rows = "".join(_bar(name, amount, full, f"{amount:g}") for name, amount, full in terms)
    return f'<h3>What adds up to it</h3><ul class="bars" aria-label="Terms of PSPI">{rows}</ul>'


def unit_bars(action_units: Mapping[str, float], truth: Mapping[str, float] | None = None) -> str:
    """The model's six action units; with `truth`, a stroke at the true value of each."""
    rows = []
    for name, value in action_units.items():
        true = None if truth is None else float(truth.get(name, 0.0))
        text = f"{value:.1f}" if true is None else f"{value:.1f} / {true:g}"
        rows.append(_bar(plain_name(name), value, facs.ACTION_UNITS[name].maximum, text, true))
    title = "Muscle actions read" if truth is None else "Muscle actions: read / true"
    return f'<h3>{title}</h3><ul class="bars" aria-label="Action units read by the model">{"".join(rows)}</ul>'


def chances(probabilities: Sequence[float]) -> str:
    """Probability of PSPI at least 1, 2 and 3."""
    rows = "".join(
        _bar(f"PSPI at least {threshold}", probability, 1, f"{100 * probability:.0f} %")
        for threshold, probability in zip((1, 2, 3), probabilities, strict=True)
    )
    return f'<h3>Chance of pain</h3><ul class="bars" aria-label="Probability of pain, percent">{rows}</ul>'


def curve(seconds: Sequence[float], values: Sequence[float], intervals: Sequence[tuple[float, float] | None]) -> str:
    """PSPI over the seconds of a clip, the interval as a band, the peak marked."""
    last = max(seconds[-1], 1e-3)

    def point(second: float, value: float) -> str:
        return f"{30 + 360 * second / last:.1f},{110 - 100 * min(max(value, 0.0), 16.0) / 16:.1f}"

    band = ""
    if all(intervals):
        upper = [point(t, high) for t, (_, high) in zip(seconds, intervals, strict=True)]
        lower = [point(t, low) for t, (low, _) in zip(seconds, intervals, strict=True)]
        band = f'<polygon class="band" points="{" ".join(upper + lower[::-1])}"/>'
    line = " ".join(point(t, value) for t, value in zip(seconds, values, strict=True))
    peak = int(np.argmax(values))
    x, y = point(seconds[peak], values[peak]).split(",")
    grid = "".join(
        f'<path class="grid" d="M 30 {110 - 100 * level / 16} H 390"/>'
        f'<text x="24" y="{114 - 100 * level / 16}" text-anchor="end">{level}</text>'
        for level in (0, 8, 16)
    )
    said = f"PSPI over {last:.1f} seconds, the peak {values[peak]:.1f} at {seconds[peak]:.1f} seconds"
    return (
        f'<h3>PSPI over time</h3><figure class="curve" role="img" aria-label="{said}"><svg viewBox="0 0 400 130" '
        f'aria-hidden="true">{grid}{band}<polyline points="{line}"/><circle cx="{x}" cy="{y}" r="4"/>'
        f'<text x="30" y="126">0 s</text><text x="390" y="126" text-anchor="end">{last:.1f} s</text></svg></figure>'
    )


def sentence(text: str) -> str:
    """A problem said in place."""
    return f'<p class="problem" role="alert">{escape(text)}</p>' if text else ""


def beware(doubts: Sequence[str]) -> str:
    """Why a reading may be wrong, where something speaks against it."""
    return f'<p class="problem" role="status">Beware: {escape("; ".join(doubts))}.</p>' if doubts else ""


def notice(text: str) -> str:
    """Something worth knowing, said in place."""
    return f'<p class="notice" role="status">{escape(text)}</p>'
