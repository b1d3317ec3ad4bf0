"""What an open mouth shows: teeth and gums that a camera sees from the front, and how lips and corners move.

Counted in pixels of an eighth of a square millimetre and said in square millimetres. A front tooth's crown has about
75 mm2; a few of them must be seen in laughter, none at rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from threedpain.generation.frames import look_at, to_ndc
from threedpain.generation.head.bust import Bust, Face
from threedpain.generation.head.motion import landmarks
from threedpain.generation.head.rig import rig
from threedpain.generation.records import PARTS
from threedpain.generation.render.raster.exact import CpuRasterizer
from threedpain.generation.render.raster.settings import RasterizationSettings
from threedpain.generation.render.shading.model import LOWER_GUM, UPPER_GUM

SIZE, SPAN = 256, 0.09  # pixels; metres across the picture at the mouth
SHOWN = {
    "rest": {},
    "laughter": {"AU6": 5, "AU7": 3, "AU12": 5, "AU25": 5, "AU26": 2},
    "AU10 + AU25": {"AU10": 5, "AU25": 5},
    "extreme": {"AU9": 5, "AU10": 5, "AU25": 5, "AU26": 3},
}
TEETH, GUMS, NONE = 75.0, 5.0, 5.0  # mm2: of upper teeth or gums that count as shown; what may be seen at rest
MOST, SOME = 0.9, 0.25  # shares of people: who show teeth, or none at rest; who show gums at the extreme
BROAD = 1.2  # the width of a broad smile against the mouth's at rest


def seen(face: Face) -> dict[str, float]:
    """Square millimetres of teeth and gums in a frontal picture."""
    topology = face.bust.topology
    mouth = landmarks(topology, face.vertices)[48:68].mean(axis=0)
    camera = look_at(size=SIZE, span=SPAN, target=tuple(mouth))
    drawn = CpuRasterizer(RasterizationSettings(image_size=SIZE))([to_ndc(camera, face.vertices)], [topology.faces])
    winner, weights = drawn.pix_to_face.numpy().reshape(-1), drawn.bary_coords.numpy().reshape(-1, 3)
    pixel = (1000 * SPAN / SIZE) ** 2
    out = {}
    for name, (line, bow), sign in (("upper", UPPER_GUM, 1), ("lower", LOWER_GUM, -1)):
        here = np.flatnonzero((winner >= 0) & (topology.face_part[winner] == PARTS.index(f"teeth_{name}")))
        corners = topology.uvs[topology.face_uvs[winner[here]]]
        uv = np.einsum("pk,pkd->pd", weights[here], corners)
        gum = sign * (uv[:, 1] - line - bow * (uv[:, 0] - 0.5) ** 2) > 0
        out[f"{name} teeth"], out[f"{name} gum"] = pixel * float((~gum).sum()), pixel * float(gum.sum())
    return out


def mouth_report(busts: Sequence[Bust]) -> dict[str, dict[str, float]]:
    """Means over people and the shares who show something; printed beside targets."""
    print(f"\nItem 5: the mouths of {len(busts)} people. mm2 seen from the front, means; share of people who show them")
    out: dict[str, dict[str, float]] = {}
    for name, units in SHOWN.items():
        areas = [seen(rig(bust, units)) for bust in busts]
        row = {part: float(np.mean([area[part] for area in areas])) for part in areas[0]}
        row["share with teeth"] = float(np.mean([area["upper teeth"] >= TEETH for area in areas]))
        row["share with gums"] = float(np.mean([area["upper gum"] >= GUMS for area in areas]))
        out[name] = row
        if name == "rest":
            closed = float(np.mean([area["upper teeth"] + area["lower teeth"] <= NONE for area in areas]))
            judged = f"nothing (at most {NONE:.0f} mm2) on {closed:.2f} (at least {MOST}): {_said(closed >= MOST)}"
        elif name == "extreme":
            judged = f"gums on {row['share with gums']:.2f} (at least {SOME}): {_said(row['share with gums'] >= SOME)}"
        else:
            share = row["share with teeth"]
            judged = f"{TEETH:.0f} mm2 of upper teeth on {share:.2f} (at least {MOST}): {_said(share >= MOST)}"
        print(f"  {name:12} " + ", ".join(f"{part} {row[part]:.0f}" for part in areas[0]) + f"; {judged}")
    wide = {unit: np.mean([_width(bust, {unit: 5}) / _width(bust, {}) for bust in busts]) for unit in ("AU12", "AU20")}
    thin = float(np.mean([_red(bust, {"AU24": 5}) / _red(bust, {}) for bust in busts]))
    print(
        f"  width of the mouth at 5, of its own at rest: AU12 {wide['AU12']:.2f} (at least {BROAD}): "
        f"{_said(wide['AU12'] >= BROAD)}; AU20 {wide['AU20']:.2f}. Height of the lips' red, AU24 at 5: {thin:.2f}"
    )
    out["lips"] = {"AU12 width": float(wide["AU12"]), "AU20 width": float(wide["AU20"]), "AU24 height": thin}
    return out


def _width(bust: Bust, units: dict[str, float]) -> float:
    points = landmarks(bust.topology, rig(bust, units).vertices)
    return float(np.linalg.norm(points[48] - points[54]))


def _red(bust: Bust, units: dict[str, float]) -> float:
    """Height of the two lips' red without what is between them."""
    points = landmarks(bust.topology, rig(bust, units).vertices)
    return float(np.linalg.norm(points[51] - points[62]) + np.linalg.norm(points[66] - points[57]))


def _said(reached: bool) -> str:
    return "ok" if reached else "misses"
