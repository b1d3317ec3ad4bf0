"""The shading model: what is common to its two forms, the torch `reference` and the fused `kernel`.

A picture is shaded once per pixel and surface. Where the samples of a pixel see the same material at about the same
depth they are one surface; its colour is computed at the centre of the samples that see its nearest triangle and
weighs by their number.

All light is linear. Radiance leaving a surface towards the eye is
    diffuse   albedo x (environment x occlusion + sum over keys of wrapped cosine x visibility x colour)
    specular  two GGX lobes per key, and the environment in the mirror direction, both with Schlick's Fresnel term
              (of the environment, less at grazing angles the rougher the wide lobe)
with skin's wrap wider in red than in blue: a cheap image of light that wanders under the skin (redder terminator and
shadow edges). Hair uses the two shifted highlights of Marschner et al. (2003) in the form of Kajiya and Kay (1989).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from threedpain.generation.colour import to_srgb

# Materials of a face (`Surfaces.material`).
MATERIALS = ("skin", "eye_left", "eye_right", "teeth", "mouth", "lashes", "hair", "cloth", "plastic", "flesh")
SKIN, EYE_LEFT, EYE_RIGHT, TEETH, MOUTH, LASHES, HAIR, CLOTH, PLASTIC, FLESH = range(len(MATERIALS))

# Per material: wrap r, g, b; reflectance at normal incidence; alpha of the wide and the narrow lobe; share of the
# narrow lobe; strength of the mirrored environment; tint r, g, b that half-shadows and occlusion take on. Where hard
# light ends, skin has a blood-red band if its wraps are further apart.
OPTICS = np.array(
    [
        [0.16, 0.13, 0.115, 0.040, 0.28, 0.14, 0.30, 0.55, 0.22, 0.08, 0.04],  # skin
        [0.20, 0.12, 0.10, 0.030, 0.07, 0.03, 0.60, 0.80, 0.15, 0.05, 0.04],  # eyes, wet
        [0.20, 0.12, 0.10, 0.030, 0.07, 0.03, 0.60, 0.80, 0.15, 0.05, 0.04],
        [0.25, 0.20, 0.16, 0.040, 0.18, 0.08, 0.40, 0.60, 0.20, 0.10, 0.05],  # teeth
        [0.30, 0.12, 0.10, 0.035, 0.20, 0.10, 0.40, 0.60, 0.50, 0.10, 0.08],  # mouth, wet
        [0.20, 0.20, 0.20, 0.020, 0.50, 0.40, 0.00, 0.20, 0.00, 0.00, 0.00],  # lashes
        [0.25, 0.25, 0.25, 0.045, 0.30, 0.13, 0.50, 0.25, 0.00, 0.00, 0.00],  # hair
        [0.15, 0.15, 0.15, 0.030, 0.70, 0.60, 0.00, 0.50, 0.00, 0.00, 0.00],  # cloth
        [0.20, 0.20, 0.20, 0.045, 0.22, 0.10, 0.45, 0.90, 0.00, 0.00, 0.00],  # plastic, and metal
        [0.16, 0.13, 0.115, 0.040, 0.32, 0.20, 0.20, 0.50, 0.22, 0.08, 0.04],  # flesh, skin of one colour: hands
    ],
    np.float32,
)

EVEN, EVENEST = 1.1, 0.45  # how much less strands differ, by the green of their colour, and at the most
LINING = 0.6  # of its light that the inner side of cloth lacks: it lies against the body
TURNED = 0.2  # cosine by which smooth normals of cloth may look away at an outline and it is still the outer side

# Columns of the vertex table float32 [V, 16] that both shaders read. The first ten are common to all materials.
POSITION, NORMAL, OCCLUSION, VISIBILITY = slice(0, 3), slice(3, 6), 6, slice(7, 10)
HEAT, PAINT, BODY, GLOSS = 10, 11, 12, 13  # head: mm, hair colour on the skin, beyond the texture, oil
COLOUR, TANGENT = slice(10, 13), slice(13, 16)  # hair, cloth, plastic and flesh
KEYS = 3  # key lights at most


class Geometry(NamedTuple):
    """What is drawn: V vertices, F faces, as both shaders read them."""

    vertices: Any  # float32 [V, 3], NDC and nearness
    faces: Any  # int32 [F, 3]
    uvs: Any  # float32 [F, 3, 2]
    material: Any  # uint8 [F], index into MATERIALS
    table: Any  # float32 [V, 16], columns as above
    strands: Any  # uint8 [A, A, P]: ranks and tones of strands, then tones of weaves


class Skin(NamedTuple):
    """Maps of the skin."""

    texels: Any  # uint16 [T, 4], mip levels of linear RGB and brow opacity
    levels: Any  # int32 [L, 3]: offset, height, width
    slopes: Any  # int16 [X, 3], wrinkle maps
    bumps: Any  # float32 [B, 9], see relief.active


class Lights(NamedTuple):
    environment: Any  # float32 [9, 3]
    keys: Any  # float32 [K, 7]: direction, colour, softness


class Colours(NamedTuple):
    """One person's colours, linear RGB float32 [3], and eyes."""

    neck: Any
    scalp: Any
    brows: Any
    lashes: Any
    iris: Any
    iris_angle: Any  # float32, radians
    pupil: Any  # float32, share of the iris
    cornea: Any  # float32, eyeball radius / cornea radius
    teeth: Any
    sclera: Any
    vessels: Any  # what they leave of the sclera's white
    axes: Any  # float32 [2, 3], the eyes' optical axes; filled in by `pose`
    noise: Any  # float32 [64], 0..1


IRIS_RADIUS, CORNEA_RADIUS = 0.0059, 0.0078  # metres (Duke-Elder, System of Ophthalmology, 1961)
NEAR = 0.006  # metres: samples of one material closer than this in depth are one surface

# Teeth in their UV square: the arch's middle is u = 0.5, upper front teeth lie above v = 0.5 and lower ones below.
# Right edge of each tooth from the middle (in u), and the gum line: its height (in v) in the middle and how it sinks
# or rises with the square of the distance from it.
UPPER_TEETH = (0.0, 0.057, 0.105, 0.160, 0.220, 0.280, 0.350, 0.420, 0.5)
LOWER_TEETH = (0.0, 0.037, 0.079, 0.128, 0.180, 0.235, 0.310, 0.400, 0.5)
UPPER_GUM, LOWER_GUM = (0.875, -2.4), (0.185, 1.6)
GUM_COLOUR = (0.42, 0.16, 0.14)
GAP = 0.0018  # half the width (in u) of the dark line where two teeth meet: a quarter of a millimetre
THROUGH = (0.86, 1.0, 1.12)  # the share of that shade which red, green and blue take: it has been through enamel

# The tone curve: an S in the logarithm of exposure as film has it, 0.18 -> 0.18, shoulder to 1 near 8.
TONE_STEPS, TONE_LIMIT = 8192, 9.0


def tone(x: np.ndarray) -> np.ndarray:
    """Exposed linear light >= 0 to display-linear 0..1."""
    x = np.asarray(x, np.float64)
    return np.clip(x * (3.147 * x + 0.8129) / (x * (3.0516 * x + 1.483) + 1.0), 0, 1)


@lru_cache(maxsize=1)
def tone_table() -> np.ndarray:
    """uint8 [TONE_STEPS]: sRGB code of exposed light (i / (TONE_STEPS - 1))^2 x TONE_LIMIT, tone curve included."""
    light = np.linspace(0, 1, TONE_STEPS) ** 2 * TONE_LIMIT
    return np.round(255 * to_srgb(tone(light))).astype(np.uint8)
