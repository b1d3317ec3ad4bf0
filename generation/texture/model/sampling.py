"""From the condition of a skin to its maps: what SkinPipeline and the embedded backend do, whatever loaded the model.

This file ships in the model's folder: it imports only numpy and torch.
"""

from __future__ import annotations

import numpy as np
import torch

ETHNICITIES = ("black", "white", "middle_eastern", "south_asian", "east_asian")
AMOUNTS = (
    "freckles",
    "moles",
    "age_spots",
    "redness",
    "wrinkles",
    "stubble",
    "makeup",
    "brow_density",
    "brow_thickness",
)
FEATURES = 23

# The skin locus: a* and b* of human skin at a typology angle, L* follows from the angle (smoothed from the CC0
# photographs and from the published ranges per Fitzpatrick type).
ITA = (-75.0, -60.0, -50.0, -30.0, -10.0, 10.0, 30.0, 45.0, 60.0, 75.0)
LOCUS_A = (7.0, 11.0, 13.0, 14.5, 15.0, 14.5, 13.5, 12.5, 10.5, 8.0)
LOCUS_B = (9.0, 14.5, 17.5, 20.0, 21.5, 22.5, 22.0, 20.5, 15.5, 8.5)
# a* and b* of the face relative to the locus: east Asian skin is yellower and less red, and so on (Xiao et al. 2017,
# "Characterising the variations in ethnic skin colours", colour differences between groups at equal lightness).
_UNDERTONE = {
    "black": (0.3, -0.5),
    "white": (0.9, -0.9),
    "middle_eastern": (0.0, 0.3),
    "south_asian": (-0.4, 0.9),
    "east_asian": (-0.9, 1.0),
}


def face_colour(tone: float, ethnicity: str) -> np.ndarray:
    """CIELAB mean colour of the face for a typology angle and an ethnicity; its own angle is `tone` exactly."""
    a, b = _UNDERTONE[ethnicity]
    b = max(float(np.interp(tone, ITA, LOCUS_B)) + b, 4.0)
    return np.array([50 + b * np.tan(np.radians(tone)), np.interp(tone, ITA, LOCUS_A) + a, b])


def features(look) -> torch.Tensor:
    """Condition features [FEATURES] of an object with age, gender, ethnicity, tone and AMOUNTS as attributes. The first
    four are 1 and the colour of the face, on which the mean skin depends linearly."""
    colour = face_colour(look.tone, look.ethnicity)
    age = (look.age - 54) / 36
    amounts = [getattr(look, name) for name in AMOUNTS]
    values = [
        1.0,
        (colour[0] - 50) / 15,
        (colour[1] - 13) / 3,
        (colour[2] - 20) / 4,
        age,
        age * age - 0.33,
        max(look.age - 55, 0) / 35,
        1.0 if look.gender == "male" else -1.0,
        *[float(look.ethnicity == name) for name in ETHNICITIES[:4]],
        *amounts,
        amounts[-2] * amounts[-1],
        age * (colour[0] - 50) / 15,
    ]
    return torch.tensor(values, dtype=torch.float32)


@torch.no_grad()
def sample(
    unet,
    codec,
    scheduler,
    features: torch.Tensor,
    generator: list[torch.Generator],
    steps: int = 2,
    guidance: float = 1.0,
    guided: int = 2,
    brow_variation: float = 0.45,
) -> torch.Tensor:
    """Latents [B, size] under condition `features` [B, F], each of its own CPU generator. The first `guided` of the
    `steps`, where form is decided, are guided by the scale `guidance`; 1 is no guidance. `brow_variation` is the share
    of the sampled variation that brows keep: at 1 they are ragged, at 0 all of a condition are alike."""
    # 1. Noise, from the CPU, so that every device starts alike.
    noise = [torch.randn(codec.size, generator=g) for g in generator]
    latent = torch.stack(noise).to(features.device, torch.float32)
    # 2. Denoise.
    scheduler.set_timesteps(steps)
    known = torch.ones(len(latent), device=latent.device)
    for step, t in enumerate(scheduler.timesteps):
        velocity = unet(latent, t.expand(len(latent)).to(latent.device), features, known)
        if guidance != 1 and step < guided:
            free = unet(latent, t.expand(len(latent)).to(latent.device), features, 0 * known)
            velocity = free + guidance * (velocity - free)
        latent = scheduler.step(velocity, t, latent, return_dict=False)[0]
    return codec.scale_brows(latent, brow_variation)


def opacity(brow: torch.Tensor) -> np.ndarray:
    """[B, H, W] opacity as decoded -> uint8. Hairs overlap: what is half dense covers most of the skin, and what is
    faint is noise."""
    dense = ((brow - 0.03) / 0.47).clamp(0, 1)
    return (dense * dense * (3 - 2 * dense) * 0.8 * 255).round().to(torch.uint8).cpu().numpy()


def srgb(lab: torch.Tensor) -> np.ndarray:
    """CIELAB [B, 3, H, W] -> sRGB uint8 [B, H, W, 3]."""
    rows = ((3.2404542, -1.5371385, -0.4985314), (-0.9692660, 1.8760108, 0.0415560), (0.0556434, -0.2040259, 1.0572252))
    # The sRGB curve from a table over the square root, where an 8-bit level is at least four entries wide.
    linear = torch.linspace(0, 1, 8192, device=lab.device) ** 2
    curve = torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    table = (curve * 255).round().to(torch.uint8)
    rgb = torch.empty(len(lab), *lab.shape[2:], 3, dtype=torch.uint8, device=lab.device)
    for part, out in zip(lab.split(32, 2), rgb.split(32, 1), strict=True):  # what a processor keeps at hand
        fy = (part[:, 0] + 16) / 116
        x, y, z = (
            torch.where(f > 6 / 29, f * f * f, (f - 16 / 116) * (108 / 841)) * white
            for f, white in ((fy + part[:, 1] / 500, 0.95047), (fy, 1.0), (fy - part[:, 2] / 200, 1.08883))
        )
        for channel, (r, g, b) in enumerate(rows):
            out[..., channel] = table[((r * x + g * y + b * z).clamp(0, 1).sqrt() * 8191).round().int()]
    return rgb.cpu().numpy()
