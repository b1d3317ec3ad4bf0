"""The dataset's columns: one `datasets.Features` per config. Writer, readers, cards and tests all use these objects.

Units and frames are those of docs/frames.md: pixels with centres at +0.5, metres in the OpenCV camera frame, degrees,
the subject's own left and right. Pictures and shapes are columns of the Parquet files, never paths.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection

from datasets import ClassLabel, Features, Image, List, Mesh, Value, Video

from .demographics import AGE_GROUPS, ETHNICITIES, GENDERS
from .errors import InvalidInput
from .facs import ACTION_UNITS
from .masks import MASK_CLASSES
from .regions import PARTS

GENERATOR_VERSION = "1.11.0"  # a change of the bytes the same seed gives is a new version

CONFIGS = ("images", "pairs", "expressions", "identities", "videos")
# Optional image columns: 16-bit PNG in millimetres; index PNG, 1 + index into REGIONS; the same person at rest in the
# very same scene (null where the picture is neutral itself).
# The heatmap as if no accessory were worn: `heatmap` is 0 under one.
TRUTHS = ("depth", "regions", "aligned_neutral", "covered")
EXPRESSIONS = ("neutral", "pain", "other")

KEY_LIGHTS = 3  # the most lights a scene has beside its environment
AU_COLUMNS = tuple(ACTION_UNITS)  # a one-sided unit is written with its stronger side

_TEXT, _REAL = Value("string"), Value("float32")


def _vector(length: int, kind: str = "float32") -> List:
    return List(Value(kind), length=length)


def _matrix(rows: int, columns: int, kind: str = "float32") -> List:
    return List(_vector(columns, kind), length=rows)


_PERSON = {
    "age": _REAL,
    "age_group": ClassLabel(names=list(AGE_GROUPS)),
    "gender": ClassLabel(names=list(GENDERS)),
    "ethnicity": ClassLabel(names=list(ETHNICITIES)),
    "skin_tone": _REAL,  # individual typology angle asked for, degrees
}
_EXPRESSION = {"expression": ClassLabel(names=list(EXPRESSIONS)), "expression_name": _TEXT}
_SCORES = {**dict.fromkeys(AU_COLUMNS, _REAL), "PSPI": _REAL}
_HAIR = {
    "style": _TEXT,
    "beard": _TEXT,
    "melanin": _REAL,
    "red": _REAL,
    "grey": _REAL,
    "curl": _REAL,
    "length": _REAL,
    "density": _REAL,
    "brow_density": _REAL,
    "brow_thickness": _REAL,
    "headwear": _vector(3),
    "seed": Value("int64"),
}
_SKIN = {
    "seed": Value("int64"),
    "freckles": _REAL,
    "moles": _REAL,
    "age_spots": _REAL,
    "redness": _REAL,
    "wrinkles": _REAL,
    "stubble": _REAL,
    "makeup": _REAL,
}
_LIGHT = {
    "kind": _TEXT,
    "environment": _matrix(9, 3),
    "exposure": _REAL,
    # Always KEY_LIGHTS of them, so that rows stand in one batch: one that is not there has the colour 0, which lights
    # nothing, the direction (0, 0, 1) and the softness 1.
    "key_directions": _matrix(KEY_LIGHTS, 3),  # towards the light, head frame
    "key_colours": _matrix(KEY_LIGHTS, 3),  # linear RGB irradiance
    "key_softness": _vector(KEY_LIGHTS),  # 0 hard .. 1 very soft
}
# How the person moves, enough to replay it: units in the order of AU_COLUMNS, the rest as in `generation.records`.
_MOVEMENT = {
    "gain": _vector(len(AU_COLUMNS)),  # amplitude, around 1
    "asymmetry": _vector(len(AU_COLUMNS)),  # -1 .. 1, above 0 stronger on the subject's left
    "resting": _vector(len(AU_COLUMNS)),  # intensities of the face at rest
    "manner": _matrix(13, 4),  # MANNERED: stretch, turn (degrees), out, up
    "furrows": _matrix(10, 4),  # FURROWS: depth, out, up (texels), size
}
_SENSOR = {
    "noise": _REAL,  # standard deviation at mid grey, 0 .. 1
    "blur": _REAL,  # pixels at 512
    "white_balance": _vector(3),
    "jpeg": Value("int32"),  # quality, 100 none
    "seed": Value("int64"),
    "kind": _TEXT,  # of limits.CAMERAS
    "zoom": _REAL,  # 1 as sharp as the pixels
    "motion": _vector(2),  # pixels at 512, right and down
    "grey": Value("bool"),  # night vision
    "film": Value("int32"),  # JPEG quality of a video's coarsest blocks, 100 none
}
_ORIGIN = {"seed": Value("int64"), "generator_version": _TEXT}

_IMAGES = {
    "id": _TEXT,
    "identity_id": _TEXT,
    "expression_id": _TEXT,
    "view_id": _TEXT,
    "image": Image(),
    "heatmap": Image(),  # 8-bit gray, 0.05 mm a level, 255 = 12.75 mm and more
    "mask": Image(),  # 8-bit index into MASK_CLASSES
    **_EXPRESSION,
    **_SCORES,
    **_PERSON,
    "yaw": _REAL,
    "pitch": _REAL,
    "roll": _REAL,
    "camera": {"K": _matrix(3, 3, "float64"), "R": _matrix(3, 3, "float64"), "t": _vector(3, "float64")},
    "bbox": _vector(4),
    "landmarks": _matrix(68, 2),
    "landmarks_3d": _matrix(68, 3),
    "landmarks_visible": _vector(68, "bool"),
    "hair": _HAIR,
    "light": _LIGHT,
    "background": {"kind": _TEXT, "seed": Value("int64")},
    "shape": List(_REAL),
    "movement": _MOVEMENT,
    "identity_number": Value("int32"),  # that of identity_id
    "occurrence": _vector(len(AU_COLUMNS), "bool"),  # facs.occurs, in the order of AU_COLUMNS
    "gaze": _vector(3),  # unit vector along which both eyes look, camera frame: towards the camera is (0, 0, -1)
    "mask_share": dict.fromkeys(MASK_CLASSES, _REAL),  # of the picture's pixels; the mask's legend, in its order
    "accessories": _TEXT,  # what is worn or covers, of limits.ACCESSORIES, separated by commas; "" for nothing
    "visible": dict.fromkeys(PARTS, _REAL),  # share of each part of the face that can be seen, 0 .. 1
    "sensor": _SENSOR,
    **_ORIGIN,
}
_COLUMNS = {
    "images": _IMAGES,
    "pairs": {
        **dict(itertools.takewhile(lambda item: item[0] != "heatmap", _IMAGES.items())),
        "neutral_image": Image(),
        **_IMAGES,
    },  # the neutral beside the image, all else the same
    "expressions": {
        "id": _TEXT,
        "identity_id": _TEXT,
        "expression_id": _TEXT,
        **_EXPRESSION,
        **_SCORES,
        "heatmap": Image(),
        **_PERSON,
        **_ORIGIN,
    },
    "identities": {
        "identity_id": _TEXT,
        **_PERSON,
        "shape": List(_REAL),
        "movement": _MOVEMENT,
        "hair": _HAIR,
        "skin": _SKIN,
        "albedo": Image(),
        "neutral_mesh": Mesh(),
        "posed_mesh": Mesh(),  # glb
        **dict.fromkeys(AU_COLUMNS, _REAL),
        "PSPI": _REAL,  # of the posed mesh
        **_ORIGIN,
    },
    "videos": {
        "id": _TEXT,
        "identity_id": _TEXT,
        "expression_id": _TEXT,
        "video": Video(),
        "fps": _REAL,
        **_EXPRESSION,
        **{name: List(_REAL) for name in AU_COLUMNS},
        "PSPI": List(_REAL),  # one value a frame
        **_PERSON,
        "accessories": _TEXT,  # worn in all frames
        "sensor": _SENSOR,  # of all frames; the noise is new in each
        **_ORIGIN,
    },
}


def features(config: str = "images", truth: Collection[str] = ()) -> Features:
    """The columns of a config, with the optional image columns in `truth`, any of TRUTHS, after `mask`."""
    if config not in _COLUMNS:
        raise InvalidInput(f"unknown config {config!r}; known are {', '.join(CONFIGS)}")
    for name in truth:
        if name not in TRUTHS:
            raise InvalidInput(f"unknown truth {name!r}; known are {', '.join(TRUTHS)}")
    columns = {}
    for name, kind in _COLUMNS[config].items():
        columns[name] = kind
        if name == "mask":
            columns |= {extra: Image() for extra in TRUTHS if extra in truth}
    return Features(columns)


FEATURES: dict[str, Features] = {config: features(config) for config in CONFIGS}
