"""Head hair, beard and headwear of a bust, by its identity's style."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .hair_mesh import HairMesh, empty
from .records import Bust

STYLES = ("bald", "buzz", "short", "medium", "long", "coily", "receding", "tied_back", "headscarf", "cap")
BEARDS = ("none", "stubble", "moustache", "goatee", "full")


def build_hair(bust: Bust) -> HairMesh:
    """Everything that grows on or is worn on this head."""
    nothing = empty(len(bust.vertices))
    if bust.identity.hair.style == "bald":
        return nothing
    return replace(nothing, scalp=bust.topology.scalp, scalp_colour=np.array([0.05, 0.03, 0.02], np.float32))
