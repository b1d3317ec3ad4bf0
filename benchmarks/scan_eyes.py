"""Eyes that nobody closed: of how many people a camera in front still sees the eyeballs while AU43 is 0.

However hard AU6 and AU7 squeeze, the lids' margins leave a slit; the skin below may still rise before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from threedpain.generation.frames import look_at, to_ndc
from threedpain.generation.head.bust import Bust, Face
from threedpain.generation.head.rig import rig
from threedpain.generation.records import PARTS
from threedpain.generation.render.raster.exact import CpuRasterizer
from threedpain.generation.render.raster.settings import RasterizationSettings

SIZE, SPAN = 224, 0.11  # pixels; metres across the picture at the eyes
SQUEEZED = {
    "AU7": {"AU7": 5},
    "AU6 + AU7": {"AU6": 5, "AU7": 5},
    "pain": {"AU4": 4, "AU6": 3, "AU7": 3, "AU9": 3},
}
LEFT, FEW = 0.05, 0.01  # share of the eyeballs' area at rest that counts as seen; share of people who may show less


def seen(face: Face) -> int:
    """Pixels of a frontal picture, lashes left out, in which an eyeball lies nearest."""
    topology = face.bust.topology
    kept = topology.face_part != PARTS.index("lashes")
    balls = np.isin(topology.face_part[kept], [PARTS.index(name) for name in ("eye_left", "eye_right")])
    camera = look_at(size=SIZE, span=SPAN, target=tuple(face.bust.eye_centres.mean(axis=0)))
    raster = CpuRasterizer(RasterizationSettings(image_size=SIZE, cull_backfaces=True))
    nearest = raster([to_ndc(camera, face.vertices)], [topology.faces[kept]]).pix_to_face.numpy().reshape(-1)
    return int(balls[nearest[nearest >= 0]].sum())


def eyes_report(busts: Sequence[Bust]) -> dict[str, float]:
    """Share of people by what they show whose eyes are hidden though AU43 is 0; printed beside the target."""
    print(f"\nEyes of {len(busts)} people without AU43: share whose eyeballs are hidden (at most {FEW})")
    rest = [seen(rig(bust, {})) for bust in busts]
    out = {}
    for name, units in SQUEEZED.items():
        hidden = [seen(rig(bust, units)) < LEFT * own for bust, own in zip(busts, rest, strict=True)]
        out[name] = float(np.mean(hidden))
        print(f"  {name:10} {out[name]:.2f}  {'ok' if out[name] <= FEW else 'misses'}")
    return out
