"""3DPain: faces in pain with exact labels, and ViTPain, which learns to read them.

Importing this package is light: attributes are loaded when first used, and the transformers Auto classes and the
dataset builder are entered when (and only when) transformers and datasets are there.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import registration
from .errors import InvalidInput, MissingExtra, MissingFile, ThreeDPainError

if TYPE_CHECKING:  # what editors and type checkers see; at run time the names below are loaded when first used
    from threedpain import assets as assets
    from threedpain import demographics as demographics
    from threedpain import expressions as expressions
    from threedpain import facs as facs
    from threedpain import limits as limits
    from threedpain import masks as masks
    from threedpain import regions as regions
    from threedpain import schema as schema
    from threedpain import unit_regions as unit_regions
    from threedpain.assets import weights
    from threedpain.dataset_script.load import load
    from threedpain.facs import ACTION_UNITS, PAIN_UNITS, pspi
    from threedpain.generation.dataset.replay import dense_landmarks, replay
    from threedpain.generation.pipeline import PainFacePipeline
    from threedpain.masks import MASK_CLASSES
    from threedpain.modeling.vitpain.configuration_vitpain import ViTPainConfig
    from threedpain.modeling.vitpain.image_processing_vitpain import ViTPainImageProcessor
    from threedpain.modeling.vitpain.modeling_vitpain import ViTPainModel
    from threedpain.schema import features

__version__ = "0.1.0"

# Public name -> (module, attribute) that holds it.
_LAZY = {
    "ACTION_UNITS": ("threedpain.facs", "ACTION_UNITS"),
    "MASK_CLASSES": ("threedpain.masks", "MASK_CLASSES"),
    "PAIN_UNITS": ("threedpain.facs", "PAIN_UNITS"),
    "pspi": ("threedpain.facs", "pspi"),
    "weights": ("threedpain.assets", "weights"),
    "features": ("threedpain.schema", "features"),
    "PainFacePipeline": ("threedpain.generation.pipeline", "PainFacePipeline"),
    "replay": ("threedpain.generation.dataset.replay", "replay"),
    "dense_landmarks": ("threedpain.generation.dataset.replay", "dense_landmarks"),
    "load": ("threedpain.dataset_script.load", "load"),
    "ViTPainConfig": ("threedpain.modeling.vitpain.configuration_vitpain", "ViTPainConfig"),
    "ViTPainModel": ("threedpain.modeling.vitpain.modeling_vitpain", "ViTPainModel"),
    "ViTPainImageProcessor": ("threedpain.modeling.vitpain.image_processing_vitpain", "ViTPainImageProcessor"),
}

# So that `threedpain.facs` needs no second import.
_MODULES = ("assets", "demographics", "expressions", "facs", "limits", "masks", "regions", "schema", "unit_regions")

__all__ = [  # written out for editors, which read no dictionaries
    "ACTION_UNITS",
    "MASK_CLASSES",
    "PAIN_UNITS",
    "InvalidInput",
    "MissingExtra",
    "MissingFile",
    "PainFacePipeline",
    "ThreeDPainError",
    "ViTPainConfig",
    "ViTPainImageProcessor",
    "ViTPainModel",
    "__version__",
    "dense_landmarks",
    "features",
    "load",
    "pspi",
    "replay",
    "weights",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"threedpain.{name}")
    if name not in _LAZY:
        raise AttributeError(f"module 'threedpain' has no attribute {name!r}")
    module, attribute = _LAZY[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_MODULES})


registration.install()
