"""The embedded backend: identities in, maps out, by the diffusion model that ships with the package.

It reads the model's folder by itself, since importing diffusers takes longer than making a face; SkinPipeline makes the
same bytes of the same folder.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load_file

from threedpain.errors import InvalidInput, MissingFile
from threedpain.generation.records import Identity, SkinMaps
from threedpain.generation.texture.model.sampling import AMOUNTS, features, opacity, sample, srgb
from threedpain.generation.texture.model.skin_codec import Codec
from threedpain.generation.texture.model.skin_scheduler import Scheduler
from threedpain.generation.texture.model.skin_unet import UNet

from .finish import finished


class EmbeddedTexture:
    """Loads the model once; every identity is sampled by itself, so a batch never changes its bytes.

    `folder` holds a SkinPipeline (default: the one that ships), `steps` are denoising steps, `guidance` is the scale of
    classifier-free guidance in the first of them (1 = none).
    """

    def __init__(self, folder: str | Path | None = None, device: str = "cpu", steps: int = 2, guidance: float = 1.0):
        if folder is None:
            from threedpain.assets import weights

            folder = weights("texture")
        self.folder = folder = Path(folder)
        if not (folder / "model_index.json").is_file():
            raise MissingFile(
                f"no texture model in {folder}: train one with threedpain.generation.texture.training.train, "
                "or ask for the backend 'flat'."
            )
        if not 2 <= steps <= 100:
            raise InvalidInput(f"steps is {steps}: allowed are 2 to 100.")
        if not 0 <= guidance <= 10:
            raise InvalidInput(f"guidance is {guidance}: allowed are 0 to 10.")
        self.device, self.steps, self.guidance = device, steps, guidance
        self.unet = _network(UNet, folder / "unet", device)
        self.codec = _network(Codec, folder / "codec", device)
        self.scheduler = Scheduler(**_config(folder / "scheduler" / "scheduler_config.json"))

    def __call__(self, identities: Sequence[Identity]) -> list[SkinMaps]:
        return [finished(self.skin(features(condition(who))[None], int(who.skin.seed)), who) for who in identities]

    def save_pretrained(self, folder: Path) -> None:
        """Write `texture/`, a folder that this class and diffusers read."""
        shutil.copytree(self.folder, folder / "texture")

    @torch.no_grad()
    def skin(self, features: torch.Tensor, seed: int, guidance: float | None = None) -> SkinMaps:
        """The skin of a seed under condition features [1, F], at another guidance than the backend's if given."""
        generator, features = torch.Generator().manual_seed(seed), features.to(self.device)
        guidance = self.guidance if guidance is None else guidance
        scheduler = copy(self.scheduler)  # it counts its steps: another thread's skin must not take part in them
        latent = sample(self.unet, self.codec, scheduler, features, [generator], self.steps, guidance)
        lab = self.codec.decode(latent, features)
        return SkinMaps(albedo=srgb(lab[:, :3])[0], brows=opacity(lab[:, 3])[0])


def _network(kind: type[torch.nn.Module], folder: Path, device: str) -> torch.nn.Module:
    """A network of a diffusers folder: shipped in half precision, run in single."""
    with torch.device(device):
        network = kind(**_config(folder / "config.json"))
    network.load_state_dict(load_file(folder / "diffusion_pytorch_model.safetensors", device=device))
    return network.eval()


def _config(file: Path) -> dict[str, Any]:
    """The arguments of a class among what diffusers saved of it."""
    return {name: value for name, value in json.loads(file.read_text()).items() if not name.startswith("_")}


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
