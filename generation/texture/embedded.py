"""The embedded backend: identities in, maps out, by the diffusion model that ships with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from threedpain.errors import MissingFile
from threedpain.generation.records import Identity, SkinMaps


class EmbeddedTexture:
    """Loads the pipeline folder once; every identity is sampled by itself, so a batch never changes its bytes."""

    def __init__(self, folder: str | Path | None = None):
        if folder is None:
            from threedpain.assets import weights

            folder = weights("texture")
        folder = Path(folder)
        if not (folder / "model_index.json").is_file():
            raise MissingFile(f"no texture model in {folder}: train one with threedpain.generation.texture.train, "
                              "or ask for the backend 'flat'.")

    def __call__(self, identities: Sequence[Identity]) -> list[SkinMaps]:
        raise NotImplementedError
