"""The legend of a picture's `mask`: the class of a pixel is its index here. New classes are appended, none is moved."""

from __future__ import annotations

MASK_CLASSES = (
    "background",
    "skin",  # of the face
    "ears",
    "neck",  # and shoulders
    "brows",
    "eyes",
    "lips",
    "mouth",  # its interior: teeth, tongue
    "hair",  # of the head
    "facial_hair",
    "clothes",  # and headwear
    "eyewear",  # frames and dark lenses; what is seen through a clear lens keeps its own class
    "medical",  # masks, tubes, plasters, bandages; what is seen through a clear mask keeps its own class
)
