"""The embedded backend: identities in, maps out, by the diffusion model that ships with the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import torch

from threedpain.errors import InvalidInput, MissingFile
from threedpain.generation.records import Identity, SkinMaps
from threedpain.generation.texture.pipeline import AMOUNTS, SkinPipeline, features
from threedpain.generation.texture.skin_codec import SkinCodec
from threedpain.generation.texture.skin_scheduler import SkinScheduler
from threedpain.generation.texture.skin_unet import SkinUNet


class EmbeddedTexture:
    """Loads the pipeline folder once; every identity is sampled by itself, so a batch never changes its bytes.

    `folder` holds a SkinPipeline (default: the one that ships), `steps` are denoising steps, `guidance` is the scale of
    classifier-free guidance in the first of them (1 = none).
    """

    def __init__(self, folder: str | Path | None = None, device: str = "cpu", steps: int = 4, guidance: float = 1.0):
        if folder is None:
            from threedpain.assets import weights

            folder = weights("texture")
        folder = Path(folder)
        if not (folder / "model_index.json").is_file():
            raise MissingFile(
                f"no texture model in {folder}: train one with threedpain.generation.texture.train, "
                "or ask for the backend 'flat'."
            )
        if not 2 <= steps <= 100:
            raise InvalidInput(f"steps is {steps}: allowed are 2 to 100.")
        if not 0 <= guidance <= 10:
            raise InvalidInput(f"guidance is {guidance}: allowed are 0 to 10.")
        self.steps, self.guidance = steps, guidance
        self.pipe = SkinPipeline(
            SkinUNet.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32).eval(),
            SkinCodec.from_pretrained(folder, subfolder="codec", torch_dtype=torch.float32).eval(),
            SkinScheduler.from_pretrained(folder, subfolder="scheduler"),
        ).to(device)
        self.pipe.set_progress_bar_config(disable=True)

    def __call__(self, identities: Sequence[Identity]) -> list[SkinMaps]:
        return [self._one(identity) for identity in identities]

    def _one(self, identity: Identity) -> SkinMaps:
        generator = torch.Generator().manual_seed(int(identity.skin.seed))
        out = self.pipe(
            features(condition(identity))[None],
            [generator],
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
        )
        return SkinMaps(albedo=out.albedo[0], brows=out.brows[0])


def condition(identity: Identity) -> SimpleNamespace:
    """What the model is asked for: the identity's skin and brows, within the range it was trained on."""
    skin, hair = identity.skin, identity.hair
    amounts = {name: getattr(skin if hasattr(skin, name) else hair, name) for name in AMOUNTS}
    return SimpleNamespace(
        age=min(max(identity.age, 18.0), 90.0),
        gender=identity.gender,
        ethnicity=identity.ethnicity,
        tone=min(max(skin.tone, -62.0), 62.0),
        **{name: min(max(float(value), 0.0), 1.0) for name, value in amounts.items()},
    )
