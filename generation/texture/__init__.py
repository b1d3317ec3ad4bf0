"""Skin: one interface, three ways to make it.

    texture = load_texture("embedded")      # the small diffusion model that ships
    maps = texture([identity, ...])         # list of SkinMaps: albedo and brow opacity in skin UV

A texture is a function of the identity alone: neither the batch nor the order of a call changes its bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from threedpain.errors import InvalidInput

if TYPE_CHECKING:
    from threedpain.generation.records import Identity, SkinMaps

BACKENDS = ("embedded", "depth-to-image", "flat")


class Texture(Protocol):
    def __call__(self, identities: Sequence[Identity]) -> list[SkinMaps]: ...


def load_texture(backend: str = "embedded", **options) -> Texture:
    """A texture backend by name. `embedded` takes `folder`, `device`, `steps`, `guidance`; `depth-to-image` takes
    `model`, `controlnet`, `device` and more, see its class; `flat` takes nothing."""
    if backend == "embedded":
        from .embedded import EmbeddedTexture

        return EmbeddedTexture(**options)
    if backend == "depth-to-image":
        from threedpain.generation.texture.hub.depth_to_image import DepthToImageTexture

        return DepthToImageTexture(**options)
    if backend == "flat":
        from .flat import FlatTexture

        return FlatTexture(**options)
    raise InvalidInput(f"texture backend {backend!r} is unknown: choose one of {', '.join(BACKENDS)}.")
