"""The paper's path: a depth-conditioned text-to-image model paints the head, the pictures become its skin.

The front is painted from its depth; then each side is turned towards the camera, what is known already is carried over,
and only the rest is painted, so that the views agree. Needs a depth ControlNet and the text-to-image model it belongs
to: with Stable Diffusion 1.5, 3 GB of weights in half precision (plan 6 GB of GPU memory), 6 GB in single precision on
a CPU (plan 12 GB, and minutes for each of the three pictures).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from threedpain.errors import InvalidInput
from threedpain.extras import need_extra
from threedpain.generation.colour import lab_of_linear, linear_of_lab, to_linear, to_srgb
from threedpain.generation.frames import look_at
from threedpain.generation.records import Identity, SkinMaps
from threedpain.generation.seeds import child
from threedpain.generation.texture import layout
from threedpain.generation.texture.flat import plain_brows
from threedpain.generation.texture.model.sampling import face_colour
from threedpain.generation.texture.training.augment import sample
from threedpain.generation.texture.training.sources import blur, fill

from .bake import Look, bake, blend, complete, look_at_head, make_atlas, unlight
from .loading import enough_memory, load

MODEL = "stable-diffusion-v1-5/stable-diffusion-v1-5"
CONTROLNET = "lllyasviel/control_v11f1p_sd15_depth"
VIEWS = (0.0, 55.0, -55.0)  # yaws painted in this order
NEGATIVE = "hair, hat, glasses, beard, jewellery, shadow, highlight, open mouth, smile, text, drawing, blurry"
KIN = {
    "black": "Black",
    "white": "White",
    "middle_eastern": "Middle Eastern",
    "south_asian": "South Asian",
    "east_asian": "East Asian",
}


def prompt(identity: Identity, yaw: float = 0.0) -> str:
    """What to paint, in words: demographics and the character of the skin."""
    skin = identity.skin
    words = [
        name.replace("_", " ")
        for name in ("freckles", "moles", "age_spots", "wrinkles", "stubble", "makeup")
        if getattr(skin, name) > 0.35
    ] + (["reddish cheeks"] if skin.redness > 0.5 else [])
    view = "front view" if yaw == 0 else "three-quarter side view"
    who = "woman" if identity.gender == "female" else "man"
    parts = [
        f"photograph of a bald {round(identity.age)} year old {KIN[identity.ethnicity]} {who}",
        view,
        "neutral expression, closed lips",
        *words,
        "skin pores, flat even studio light, plain grey background",
    ]
    return ", ".join(parts)


def depth_image(look: Look) -> Image.Image:
    """Inverse depth as the depth ControlNets were trained on: near is white, the background black."""
    seen = look.depth > 0
    near, far = look.depth[seen].min(), np.percentile(look.depth[seen], 98)
    value = np.where(
        seen, 0.2 + 0.8 * np.clip((1 / np.maximum(look.depth, 1e-6) - 1 / far) / (1 / near - 1 / far), 0, 1), 0
    )
    return Image.fromarray((value * 255).astype(np.uint8)).convert("RGB")


class DepthToImageTexture:
    """`model` and `controlnet` are Hub ids or folders; `pipe` instead is a loaded StableDiffusionControlNetPipeline (or
    its XL sister). `size` is that of the painted pictures, a multiple of 64; `steps` and `guidance` are the model's."""

    def __init__(
        self,
        model: str = MODEL,
        controlnet: str = CONTROLNET,
        device: str = "cpu",
        size: int = 768,
        steps: int = 30,
        guidance: float = 6.0,
        pipe: Any = None,
        head: Any = None,
    ):
        if size % 64 or not 64 <= size <= 2048:
            raise InvalidInput(f"size is {size}: allowed are multiples of 64 from 64 to 2048.")
        need_extra("diffusers", "texture")
        from diffusers import (
            ControlNetModel,
            StableDiffusionControlNetInpaintPipeline,
            StableDiffusionControlNetPipeline,
        )

        self.name, self.size, self.steps, self.guidance, self.device = model, size, steps, guidance, device
        with enough_memory(model, size, 6 if "cuda" in device else 12):
            if pipe is None:
                pipe = load(
                    StableDiffusionControlNetPipeline,
                    model,
                    device=device,
                    safety_checker=None,
                    requires_safety_checker=False,
                    controlnet=load(ControlNetModel, controlnet, device=device),
                )
        if "controlnet" not in getattr(pipe, "components", {}):
            raise InvalidInput(
                f"{model!r} is a {type(pipe).__name__}, which takes no depth image: "
                "give a model with a depth ControlNet."
            )
        self.paint = pipe
        self.repaint = StableDiffusionControlNetInpaintPipeline(**pipe.components, requires_safety_checker=False)
        for each in (self.paint, self.repaint):
            each.set_progress_bar_config(disable=True)
        if head is None:
            from threedpain.generation.head.scan import ScanHeadModel

            head = ScanHeadModel.load()
        self.head = head

    def __call__(self, identities: Sequence[Identity]) -> list[SkinMaps]:
        with enough_memory(self.name, self.size, 6 if "cuda" in self.device else 12):
            return [self._one(identity) for identity in identities]

    def _one(self, identity: Identity) -> SkinMaps:
        # 1. The neutral head from three sides.
        bust = self.head(identity)
        atlas = make_atlas(bust.topology, bust.vertices)
        looks = [
            look_at_head(
                bust.topology,
                bust.vertices,
                look_at(yaw=yaw, focal_mm=85, size=self.size, span=0.34, target=(0.0, 0.0, 0.03)),
            )
            for yaw in VIEWS
        ]
        # 2. Paint the front, then what each side adds; bake after each.
        bakes = []
        for number, (yaw, look) in enumerate(zip(VIEWS, looks, strict=True)):
            generator = torch.Generator().manual_seed(int(child(identity.skin.seed, "view", number).integers(2**62)))
            options = {
                "prompt": prompt(identity, yaw),
                "negative_prompt": NEGATIVE,
                "num_inference_steps": self.steps,
                "guidance_scale": self.guidance,
                "generator": generator,
                "height": self.size,
                "width": self.size,
            }
            if not bakes:
                picture = self.paint(image=depth_image(look), **options).images[0]
            else:
                carried, known = carry(look, *blend(bakes))
                picture = self.repaint(
                    image=_picture(carried),
                    control_image=depth_image(look),
                    strength=1.0,
                    mask_image=Image.fromarray(((1 - known) * 255).astype(np.uint8)),
                    **options,
                ).images[0]
            colours = to_linear(np.asarray(picture.convert("RGB"), np.float64) / 255).transpose(2, 0, 1)
            if bakes:
                colours = known * carried + (1 - known) * colours
            bakes.append(bake(atlas, look, colours.astype(np.float32)))
        # 3. One texture, its shading removed, the unseen filled, in the tone that was asked for.
        colour, known = blend(bakes)
        colour = unlight(np.maximum(colour, 1e-4), atlas.normals, known)
        colour = complete(colour, known)
        albedo, brows = lift_brows(to_tone(colour, identity), identity)
        return SkinMaps(albedo=(to_srgb(albedo.transpose(1, 2, 0)) * 255 + 0.5).astype(np.uint8), brows=brows)


def carry(look: Look, colour: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The texture so far seen from `look`: linear picture [3, S, S] and where it may stay, [S, S] 0..1."""
    u, v = look.uv[..., 0], look.uv[..., 1]
    seen = sample(np.concatenate([colour, known[None]]).astype(np.float32), u, v)
    keep = ((seen[3] > 0.5) & (u >= 0)).astype(np.float32)
    keep = np.clip(blur(keep, 2.0) * 2 - 1, 0, 1)
    return np.where(u >= 0, seen[:3], 0.2), keep


def _picture(linear: np.ndarray) -> Image.Image:
    return Image.fromarray((to_srgb(linear.transpose(1, 2, 0)) * 255 + 0.5).astype(np.uint8))


def to_tone(colour: np.ndarray, identity: Identity) -> np.ndarray:
    """Linear colour whose face has the typology angle of the identity on the mean: scaled in log colour."""
    asked = face_colour(identity.skin.tone, identity.ethnicity)
    for _ in range(3):
        mean = lab_of_linear(colour[:, layout.face()].T).mean(0)
        ratio = np.maximum(linear_of_lab(asked), 1e-3) / np.maximum(linear_of_lab(mean), 1e-3)
        colour = np.clip(colour * ratio[:, None, None], 1e-4, 1)
    return colour


def lift_brows(colour: np.ndarray, identity: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Brows the model painted become opacity [H, W] uint8, and skin grows where they were; without any, plain ones."""
    zone = blur(plain_brows(1.0, 1.0).astype(np.float32) / 255, 4) > 0.15
    zone = np.clip(blur(zone.astype(np.float32), 3), 0, 1)
    skin = fill(colour, 1 - zone)
    darker = 1 - colour.mean(0) / np.maximum(skin.mean(0), 1e-4)
    opacity = zone * np.clip((darker - 0.12) / 0.5, 0, 1)
    if opacity.sum() < 400:
        return skin * zone + colour * (1 - zone), plain_brows(identity.hair.brow_density, identity.hair.brow_thickness)
    return skin * zone + colour * (1 - zone), (opacity * 255 + 0.5).astype(np.uint8)
