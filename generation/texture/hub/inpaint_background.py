"""The last stage of the paper: hair, clothes and background repainted around the face, which stays as it is."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image

from threedpain.errors import InvalidInput, ThreeDPainError
from threedpain.extras import need_extra
from threedpain.generation.records import MASK_CLASSES, Identity, Sample, Scene
from threedpain.generation.seeds import child

from .depth_to_image import KIN
from .loading import enough_memory, load

REPAINTED = ("background", "hair", "clothes")
PLACES = {
    "indoor": "in a living room",
    "clinical": "in a hospital room",
    "outdoor": "outdoors in a park",
    "plain": "in front of a plain wall",
    "apartment": "in an apartment",
    "bridge": "on a bridge",
    "city": "in a street of a city",
    "dawn": "outdoors at dawn",
    "esplanade": "under the roof of an esplanade",
    "forest": "in a forest",
    "hall": "in a hall",
    "lab": "in a laboratory",
    "lobby": "in a lobby",
    "night": "outdoors at night",
    "park": "in a park",
    "sky": "under an open sky",
    "studio": "in a photographer's studio",
    "sunrise": "outdoors at sunrise",
    "sunset": "outdoors at sunset",
    "venice": "on a square in Venice",
    "warehouse": "in a warehouse",
    "workshop": "in a workshop",
    "ward": "in a hospital ward",
    "waiting_room": "in the waiting room of a clinic",
    "treatment_chair": "in a treatment chair of a clinic",
    "bed_propped": "sitting up in a hospital bed",
    "bed_back": "lying on the back in a hospital bed",
    "bed_left": "lying on the side in a hospital bed",
    "bed_right": "lying on the side in a hospital bed",
    "bed_leaning": "leaning back in a hospital bed",
}


def repaint_mask(sample: Sample) -> np.ndarray:
    """bool [S, S]: what may be repainted; the rest is protected."""
    return np.isin(sample.mask, [MASK_CLASSES.index(name) for name in REPAINTED])


class BackgroundInpainter:
    """`inpainter(sample, identity, scene)` is the sample with another picture around the same face; labels untouched.

    Takes any inpainting pipeline of diffusers; Stable Diffusion's needs about 4 GB on a GPU, 8 GB on a CPU.
    """

    def __init__(self, pipe: Any, name: str = "inpainting model", steps: int = 30, guidance: float = 6.0):
        if "mask_image" not in inspect.signature(pipe.__call__).parameters:
            raise InvalidInput(f"{name!r} is a {type(pipe).__name__}, which takes no mask: give an inpainting model.")
        pipe.set_progress_bar_config(disable=True)
        self.pipe, self.name, self.steps, self.guidance = pipe, name, steps, guidance

    @classmethod
    def from_pretrained(cls, name: str, device: str = "cpu", **options) -> BackgroundInpainter:
        need_extra("diffusers", "texture")
        from diffusers import AutoPipelineForInpainting

        with enough_memory(name, 512, 8):
            return cls(load(AutoPipelineForInpainting, name, device=device), name, **options)

    def __call__(self, sample: Sample, identity: Identity, scene: Scene) -> Sample:
        size = sample.image.shape[0]
        around = repaint_mask(sample)
        work = -(-size // 64) * 64
        picture = Image.fromarray(sample.image).resize((work, work), Image.LANCZOS)
        mask = Image.fromarray((around * 255).astype(np.uint8)).resize((work, work), Image.NEAREST)
        seed = int(child(identity.seed, "inpaint", scene.background.seed).integers(2**62))
        with enough_memory(self.name, work, 8):
            painted = self.pipe(
                prompt=self.prompt(identity, scene),
                negative_prompt="drawing, text, extra person, deformed",
                image=picture,
                mask_image=mask,
                height=work,
                width=work,
                num_inference_steps=self.steps,
                guidance_scale=self.guidance,
                generator=torch.Generator().manual_seed(seed),
            ).images[0]
        painted = np.asarray(painted.convert("RGB").resize((size, size), Image.LANCZOS))
        image = np.where(around[..., None], painted, sample.image)
        check_protected(sample.image, image, around)
        return replace(sample, image=image)

    def prompt(self, identity: Identity, scene: Scene) -> str:
        who = "woman" if identity.gender == "female" else "man"
        hair = identity.hair.style.replace("_", " ")
        return (
            f"photograph of a {round(identity.age)} year old {KIN[identity.ethnicity]} {who}, {hair} hair, "
            f"{scene.clothes.kind}, {PLACES[scene.background.kind]}, natural light"
        )


def check_protected(before: np.ndarray, after: np.ndarray, around: np.ndarray) -> None:
    """Refuse a picture in which a protected pixel has changed."""
    changed = int((before[~around] != after[~around]).any(-1).sum())
    if before.shape != after.shape or changed:
        raise ThreeDPainError(f"repainting changed {changed} pixels of the face: the picture is refused.")
