"""Every number a user may choose: name, least, most, unit and the words that explain it. Checks, the command line's
help and the Space's sliders all read these.

A limit is checked once, at the public door; what lies behind the door trusts it.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

from .errors import InvalidInput

HEAT_STEP = 0.05  # millimetres a level of an 8-bit heatmap
HEADS = ("scan", "anny", "flame")  # the first is drawn where none is named; flame needs a file of the user's
LIGHTS = ("indoor", "clinical", "outdoor")  # painted places, each with its light and background
# Photographed ones (generation.scene.panorama).
PANORAMAS = (
    "apartment", "bridge", "city", "dawn", "esplanade", "forest", "hall", "lab", "lobby", "night", "park", "sky",
    "studio", "sunrise", "sunset", "venice", "warehouse", "workshop",
)  # fmt: skip
# A clinic's, for who names them (generation.scene.clinic): what holds the head says how a person sits or lies.
CLINIC = (
    "ward", "waiting_room", "treatment_chair", "bed_propped", "bed_back", "bed_left", "bed_right", "bed_leaning",
)  # fmt: skip
PLACES = LIGHTS + PANORAMAS + CLINIC
CAMERAS = ("standard", "ward")  # of a picture: the views as they are, or as a ward's camera shows them (scene.ward)
# What people wear on the face, and what comes before it for a moment (generation.worn.choice).
COVERS = ("mouth_hand", "cheek_hand", "brow_hand", "blanket", "tissue")
ACCESSORIES = (
    "glasses", "tinted_glasses", "sunglasses", "cannula", "feeding_tube", "oxygen_mask", "surgical_mask",
    "brow_plaster", "cheek_plaster", "brow_bandage", "cheek_bandage", "hearing_aid", "earrings", *COVERS,
)  # fmt: skip


@dataclass(frozen=True)
class Limit:
    """A number from `low` to `high`, both allowed, in `unit`; `whole` numbers only if so."""

    name: str
    low: float
    high: float
    unit: str
    words: str
    whole: bool = False

    @property
    def range(self) -> str:
        """ "-90 to 90 degrees", or "0 up" where there is no end to speak of."""
        if self.high >= ENDLESS:
            return f"{self.low:g} up"
        return f"{self.low:.12g} to {self.high:.12g}{f' {self.unit}' if self.unit else ''}"

    def help(self, default: str = "") -> str:
        """One line for a command's help: what it is, its range and unit, and its default where that is no number."""
        said = f"{self.words}, {'a whole number ' if self.high >= ENDLESS else ''}from {self.range}."
        return f"{said} Default: {default}." if default else said

    def check(self, value: Any) -> Any:
        """The value as a plain int or float, or InvalidInput with the value and what is allowed."""
        kind = "a whole number " if self.whole else ""
        try:
            number = operator.index(value) if self.whole else float(value)
        except (TypeError, ValueError, OverflowError):
            number = None
        if number is None or isinstance(value, bool) or not self.low <= number <= self.high:
            raise InvalidInput(f"{self.name} must be {kind}from {self.range}, got {value!r}")
        return number


ENDLESS = 2**63 - 1  # what an int64 column holds

AGE = Limit("age", 18, 90, "years", "Age")
YAW = Limit("yaw", -90, 90, "degrees", "How far the head turns to the subject's own left")
PITCH = Limit("pitch", -60, 60, "degrees", "How far the head tips up")
ROLL = Limit("roll", -60, 60, "degrees", "How far the head tilts clockwise in the image")
FOV = Limit("fov", 7, 60, "degrees", "Vertical field of view of the camera")
SKIN_TONE = Limit("skin_tone", -60, 60, "degrees", "Skin tone as individual typology angle, from dark to light")
ASYMMETRY = Limit("asymmetry", 0, 3, "", "How much the two sides of the face differ, 1 as drawn")
SIZE = Limit("size", 16, 2048, "pixels", "Width and height of the picture", whole=True)
SEED = Limit("seed", 0, ENDLESS, "", "Who and where", whole=True)

SECONDS = Limit("seconds", 1, 60, "seconds", "Length of a film")
FPS = Limit("fps", 1, 60, "frames a second", "Pace of a film", whole=True)

# A dataset's.
IDENTITIES = Limit("identities", 1, 1_000_000, "people", "How many; 50 make one round of all cells", whole=True)
EXPRESSIONS = Limit("expressions", 0, 100, "a person", "Pain expressions", whole=True)
OTHERS = Limit(
    "others",
    0,
    100,
    "a person",
    "Expressions that are not pain: smiles, laughter, fear, speech ... (to train on, a quarter or more of all)",
    whole=True,
)
SINGLE_UNITS = Limit("single_units", 0, 100, "a person", "Expressions in which one action unit moves alone", whole=True)
VIEWS = Limit("views", 1, 7, "", "Views of every expression", whole=True)
PICTURE_SIZE = Limit("size", 32, 2048, "pixels", "Width and height of a picture", whole=True)

FACE = (AGE, YAW, PITCH, ROLL, FOV, SKIN_TONE, ASYMMETRY, SIZE, SEED)  # what `PainFacePipeline` takes
FILM = (SECONDS, FPS, PICTURE_SIZE)
DATASET_SEED = Limit("seed", 0, 2**31 - 1, "", "The dataset's seed", whole=True)
DATASET = (IDENTITIES, EXPRESSIONS, OTHERS, SINGLE_UNITS, VIEWS, PICTURE_SIZE, DATASET_SEED)
