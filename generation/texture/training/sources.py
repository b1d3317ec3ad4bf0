"""The photographs the skin model learns from, cleaned: CC0 albedo maps and brow opacity maps on the upright hm08 crop.

Cleaning removes what is no skin: letters and other islands outside the head, painted eyeballs between the lids, and
most of the shaven hair, because the renderer grows hair of any colour there. Every skin ends as a deviation from the
mean colour of its own face, so that it can be given any tone: its form in log colour, where shade keeps its hue on any
skin, its detail in CIELAB, where pores are equally strong on all skins (measured: 0.2 to 0.5 L* at 2 to 16 texels on
dark and on light ones).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from threedpain.errors import InvalidInput, MissingFile
from threedpain.generation.colour import lab, linear_of_lab
from threedpain.generation.head.bust import Topology
from threedpain.generation.records import SKIN_HEIGHT, SKIN_WIDTH
from threedpain.generation.texture import layout

# Held out of training: the skins that judge detail and train the age probe. Near-duplicates (the same photograph in
# another colour) were found by correlating detail and stay on one side.
HELD_OUT = (
    "old_darkskinned_female_diffuse",
    "middleage_darkskinned_female_diffuse",
    "young_lightskinned_male_diffuse2",
    "young_lightskinned_male_diffuse3",
)
AGES = {"young": 24.0, "middleage": 45.0, "old": 72.0}
SPLIT = 5.0  # texels: standard deviation of the blur that parts form from detail


@dataclass(frozen=True)
class SkinSource:
    name: str
    age: float  # years, of the photograph's group
    dark: bool
    female: bool
    colour: np.ndarray  # float32 [3], mean CIELAB of the face
    form: np.ndarray  # float32 [3, H, W], smooth part of the deviation from `colour`, log linear RGB
    detail: np.ndarray  # float32 [3, H, W], the rest, CIELAB


def island(topology: Topology) -> np.ndarray:
    """bool [H, W]: texels under the head's skin."""
    uv = topology.uvs * (SKIN_WIDTH, -SKIN_HEIGHT) + (0, SKIN_HEIGHT)
    image = Image.new("1", (SKIN_WIDTH, SKIN_HEIGHT))
    draw = ImageDraw.Draw(image)
    for corners in topology.face_uvs[topology.face_part == 0]:
        draw.polygon([tuple(point) for point in uv[corners]], fill=1, outline=1)
    return np.asarray(image, bool)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of [..., H, W] with replicated borders; wide ones are computed on a reduced picture."""
    shape = image.shape
    x = torch.from_numpy(np.ascontiguousarray(image, np.float32)).reshape(-1, 1, *shape[-2:])
    shrink = max(1, int(sigma // 3))
    if shrink > 1:
        x = F.interpolate(x, scale_factor=1 / shrink, mode="area", recompute_scale_factor=False)
    s = sigma / shrink
    taps = torch.exp(-0.5 * (torch.arange(-int(3 * s + 1), int(3 * s + 1) + 1) / s) ** 2)
    taps = taps / taps.sum()
    r = len(taps) // 2
    for k, pad in ((taps.view(1, 1, 1, -1), (r, r, 0, 0)), (taps.view(1, 1, -1, 1), (0, 0, r, r))):
        x = F.conv2d(F.pad(x, pad, mode="replicate"), k)
    if shrink > 1:
        x = F.interpolate(x, size=shape[-2:], mode="bicubic", align_corners=False)
    return x.reshape(shape).numpy()


def fill(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[C, H, W] continued smoothly from where `known` (0..1, [H, W]) into where it is not, nearest scale first."""
    weight, result = np.zeros_like(known), np.zeros_like(image)
    for sigma in (2, 4, 8, 16, 32, 64, 128, 256):
        near = blur(known, sigma)
        value = blur(image * known, sigma) / np.maximum(near, 1e-4)
        share = (1 - weight) * np.clip(near * 4, 0, 1) ** 2
        result += share * value
        weight += share
    result /= np.maximum(weight, 1e-4)
    return known * image + (1 - known) * result


def load_skin(path: Path, on_head: np.ndarray) -> SkinSource:
    """One cleaned source. `on_head` is the island [H, W]."""
    name = path.stem
    age = next((age for key, age in AGES.items() if name.startswith(key)), None)
    if age is None:
        raise InvalidInput(f"{path.name} names no age: allowed are names that begin with {', '.join(AGES)}.")
    with Image.open(path) as file:
        picture = np.asarray(file.convert("RGB"))
    if picture.shape[:2] != (SKIN_HEIGHT, SKIN_WIDTH):
        raise InvalidInput(
            f"{path.name} is {picture.shape[1]} x {picture.shape[0]}, expected {SKIN_WIDTH} x {SKIN_HEIGHT}."
        )
    colour = lab(picture[layout.face()]).mean(0).astype(np.float32)
    skin = lab(picture).astype(np.float32).transpose(2, 0, 1) - colour[:, None, None]
    inside = blur(on_head.astype(np.float32), 3) > 0.995
    openings = np.clip(layout.both(*layout.EYES[0], 24, 8, 0.5), 0, 1)
    skin = fill(skin, inside * (1 - openings))
    form = blur(skin, SPLIT)
    detail = skin - form
    # The scalp: skin carried over from around it, a trace of its own shading, detail hardly stronger than the face's.
    scalp = layout.shaven()
    bald = fill(form, inside * (1 - scalp) ** 3)
    own = form - blur(form, 40)
    form = (1 - scalp) * form + scalp * (bald + 0.25 * own)
    face_strength = detail[0][layout.face()].std()
    local = np.sqrt(np.maximum(blur(detail[0] ** 2, 24), 1e-6))
    calm = np.minimum(1, 1.6 * face_strength / local)
    detail = detail * ((1 - scalp) + scalp * calm)
    base = np.log(np.maximum(linear_of_lab(colour), 1e-3))[:, None, None]
    tinted = linear_of_lab((form + colour[:, None, None]).transpose(1, 2, 0)).transpose(2, 0, 1)
    form = np.log(np.maximum(tinted, 1e-3)) - base
    if "dark" in name:  # compression coloured their shadows
        form = 0.6 * form + 0.4 * form.mean(0)
        detail[1:] *= 0.7
    return SkinSource(
        name,
        age,
        "dark" in name,
        "female" in name,
        colour,
        form.astype(np.float32),
        detail.astype(np.float32),
    )


def load_skins(folder: str | Path, on_head: np.ndarray, held_out: bool = False) -> list[SkinSource]:
    """The training skins in `folder`/skins, or with `held_out` the others."""
    paths = sorted(Path(folder, "skins").glob("*_diffuse*.png"))
    if not paths:
        raise MissingFile(f"no skins (*_diffuse*.png) in {Path(folder, 'skins')}.")
    return [load_skin(path, on_head) for path in paths if (path.stem in HELD_OUT) == held_out]


def load_brows(folder: str | Path) -> np.ndarray:
    """float32 [N, H, W] opacities 0..1 from `folder`/brows."""
    paths = sorted(Path(folder, "brows").glob("brow*.png"))
    if not paths:
        raise MissingFile(f"no brows (brow*.png) in {Path(folder, 'brows')}.")
    return np.stack([_grey(path) for path in paths])


def _grey(path: Path) -> np.ndarray:
    """float32 [H, W], 0..1."""
    with Image.open(path) as file:
        return np.asarray(file.convert("L"), np.float32) / 255
