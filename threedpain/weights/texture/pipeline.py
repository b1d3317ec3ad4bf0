"""SkinPipeline: condition features in, skins out. The folder it is saved in works by itself:

    DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)

This file ships in the model's folder, beside sampling.py: it imports only numpy, torch and diffusers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import BaseOutput

from .sampling import opacity, sample, srgb


@dataclass
class SkinOutput(BaseOutput):
    albedo: np.ndarray  # uint8 [B, H, W, 3], sRGB, without brows
    brows: np.ndarray  # uint8 [B, H, W], opacity of the brow hairs


class SkinPipeline(DiffusionPipeline):
    """Samples skin maps by denoising the wavelet latents of `codec` with `unet` under `scheduler`."""

    model_cpu_offload_seq = "unet->codec"

    def __init__(self, unet, codec, scheduler):
        super().__init__()
        self.register_modules(unet=unet, codec=codec, scheduler=scheduler)

    @torch.no_grad()
    def __call__(
        self,
        features: torch.Tensor,
        generator: list[torch.Generator],
        num_inference_steps: int = 2,
        guidance_scale: float = 1.0,
        guidance_steps: int = 2,
        brow_variation: float = 0.45,
        output_type: str = "np",
    ) -> SkinOutput:
        """Condition `features` [B, F] and one CPU generator for each. The first `guidance_steps` steps are guided by
        `guidance_scale`, and brows keep the share `brow_variation` of their variation: see `sampling.sample`.
        `output_type` "latent" returns latents [B, size], "lab" CIELAB and opacity [B, 4, H, W], "np" a SkinOutput."""
        # 1. Check.
        if len(features) != len(generator):
            raise ValueError(f"expected one generator for each of {len(features)} features, got {len(generator)}")
        # 2. Sample.
        features = features.to(self.device)
        latent = sample(
            self.unet,
            self.codec,
            self.scheduler,
            features,
            generator,
            steps=num_inference_steps,
            guidance=guidance_scale,
            guided=guidance_steps,
            brow_variation=brow_variation,
        )
        if output_type == "latent":
            return latent
        # 3. Decode.
        lab = self.codec.decode(latent, features)
        return lab if output_type == "lab" else SkinOutput(albedo=srgb(lab[:, :3]), brows=opacity(lab[:, 3]))
