"""The records that travel through the generator: who, what shape, which face, seen how, with what truth.

Frames. The *head frame* is right-handed and in metres: +x to the subject's left (the image's right when seen from the
front), +y up, +z out of the face. The *camera frame* is OpenCV's: x right, y down, z forward. A camera maps head to
camera frame by X_cam = R X + t and to pixels by p = K X_cam / z, pixel centres at +0.5.

Colours are sRGB 0..255 where the dtype is uint8, linear otherwise. Every record is frozen; arrays are never written to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from threedpain.masks import MASK_CLASSES as MASK_CLASSES  # the pixel classes of `Sample.mask`

# Mesh parts (`Topology.face_part`). Hair, clothes and headwear are added by the renderer and are no parts of the head.
PARTS = ("skin", "eye_left", "eye_right", "teeth_upper", "teeth_lower", "tongue", "lashes")

# Wrinkle maps (`Face.wrinkles`, and the channels of the wrinkle normal maps in skin UV).
WRINKLES = (
    "glabella-two",
    "glabella-one",
    "glabella-fan",
    "glabella-bar",
    "brow_left",
    "brow_right",
    "forehead",
    "crow_left",
    "crow_right",
    "bunny",
    "nasolabial_left",
    "nasolabial_right",
    "chin",
)

# Kinds of folds -> how far apart people have them: standard deviations across and up, texels (3.5 are a millimetre).
FURROWS = {
    "glabella-two": (2.0, 7.0),
    "glabella-one": (8.0, 7.0),
    "glabella-fan": (2.5, 7.0),
    "glabella-bar": (2.0, 4.0),
    "brow": (5.0, 5.0),
    "forehead": (6.0, 9.0),
    "crow": (3.0, 4.0),
    "bunny": (1.5, 3.0),
    "nasolabial": (3.0, 4.0),
    "chin": (2.0, 4.0),
}
# Units whose direction and place are a person's own: those with sides that move skin by a field.
MANNERED = ("AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU10", "AU12", "AU14", "AU15", "AU16", "AU20")

# Names of `Hair.style` and `Hair.beard`.
STYLES = ("bald", "buzz", "short", "medium", "long", "coily", "receding", "tied_back", "headscarf", "cap")
BEARDS = ("none", "stubble", "moustache", "goatee", "full")

SKIN_HEIGHT, SKIN_WIDTH = 768, 1384  # texels of the head's island in hm08 UV, upright


@dataclass(frozen=True)
class Skin:
    """What the skin is asked to look like; amounts are 0 (none) to 1 (a great deal)."""

    tone: float  # individual typology angle, degrees: about -60 (very dark) to 60 (very light)
    seed: int  # of the texture's own noise
    freckles: float = 0.0
    moles: float = 0.0
    age_spots: float = 0.0
    redness: float = 0.0
    wrinkles: float = 0.0
    stubble: float = 0.0
    makeup: float = 0.0


@dataclass(frozen=True)
class Hair:
    """Head hair, brows and beard. Colours come from `melanin`, `red` and `grey`, so that brows and beard match."""

    style: str  # one of STYLES
    beard: str  # one of BEARDS
    melanin: float  # 0 blond .. 1 black
    red: float  # 0 .. 1 pheomelanin share
    grey: float  # 0 .. 1
    curl: float  # 0 straight .. 1 coily
    length: float  # 0 .. 1 within the style
    density: float  # 0 .. 1
    brow_density: float
    brow_thickness: float
    headwear: tuple[float, float, float]  # linear RGB of scarf or cap
    seed: int


@dataclass(frozen=True)
class Eyes:
    iris: tuple[float, float, float]  # linear RGB of the iris' middle ring
    iris_scale: float  # radius relative to the mean iris
    pupil: float  # pupil radius / iris radius, 0.2 .. 0.6
    sclera: tuple[float, float, float]  # linear RGB
    seed: int


@dataclass(frozen=True, eq=False)
class Identity:
    """One person: everything about them that does not change with expression, view or light. Equal to itself alone, so
    that what is made of it can be remembered."""

    seed: int
    age: float  # years, 18..90
    gender: str
    ethnicity: str
    phenotypes: Mapping[str, float]  # Anny's phenotype sliders
    shape: np.ndarray  # float32 [S]: coefficients in the order of the drawing head's shape_names
    skin: Skin
    hair: Hair
    eyes: Eyes
    resting: Mapping[str, float]  # small action units of the resting face: nobody's neutral is a mask
    gain: Mapping[str, float]  # personal dynamic range per action unit, around 1
    asymmetry: Mapping[str, float]  # -1..1 per action unit: > 0 acts stronger on the subject's left
    manner: Mapping[str, tuple[float, float, float, float]]  # unit -> stretch, turn (degrees), out, up: `head.manner`
    furrows: Mapping[str, tuple[float, float, float, float]]  # FURROWS -> depth, out, up (texels), size


BROW_LIFT = 7  # texels, 2 mm


@dataclass(frozen=True)
class SkinMaps:
    """What a texture backend returns for one identity."""

    albedo: np.ndarray  # uint8 [768, 1384, 3], sRGB, without brows
    brows: np.ndarray  # uint8 [768, 1384], opacity of the brow hairs; the renderer paints them in the hair's colour

    @property
    def worn_brows(self) -> np.ndarray:
        """`brows` where heads wear them: on the orbit's edge, a little above where skins are painted with them."""
        return np.roll(self.brows, -BROW_LIFT, axis=0)


@dataclass(frozen=True)
class Camera:
    K: np.ndarray  # float64 [3, 3]
    R: np.ndarray  # float64 [3, 3], head frame -> camera frame
    t: np.ndarray  # float64 [3]
    size: int  # the picture is size x size


@dataclass(frozen=True)
class KeyLight:
    direction: tuple[float, float, float]  # towards the light, head frame
    colour: tuple[float, float, float]  # linear RGB irradiance
    softness: float  # 0 hard .. 1 very soft


@dataclass(frozen=True)
class Light:
    kind: str
    environment: np.ndarray  # float32 [9, 3], real spherical harmonics of irradiance / pi in the head frame
    keys: tuple[KeyLight, ...]
    exposure: float


@dataclass(frozen=True)
class Background:
    kind: str  # of limits.PLACES, or plain
    seed: int


@dataclass(frozen=True)
class Sensor:
    """Camera imperfections; `Sensor()` is a perfect camera."""

    noise: float = 0.0  # standard deviation at mid grey, 0..1 scale
    blur: float = 0.0  # pixels at 512
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    jpeg: int = 100
    seed: int = 0
    kind: str = "standard"  # of limits.CAMERAS: what drew all this
    zoom: float = 1.0  # how much coarser the picture is than its pixels: a far face cut out and enlarged
    motion: tuple[float, float] = (0.0, 0.0)  # pixels at 512, right and down, over which each point is smeared
    grey: bool = False  # night vision
    film: int = 100  # JPEG quality of the coarsest blocks of a video


@dataclass(frozen=True)
class Clothes:
    kind: str  # gown, crew, collar, vneck
    colour: tuple[float, float, float]
    seed: int


@dataclass(frozen=True)
class Worn:
    """Glasses, tubes, masks, plasters; and what covers the face for a moment."""

    names: tuple[str, ...] = ()  # of limits.ACCESSORIES
    seed: int = 0  # of their make: frames, colours, places
    moment: int = 0  # a seed too: of what covers


@dataclass(frozen=True)
class Scene:
    camera: Camera
    light: Light
    background: Background
    sensor: Sensor
    clothes: Clothes
    worn: Worn = Worn()


@dataclass(frozen=True)
class Sample:
    """One picture with its truth, all from the same fragments."""

    image: np.ndarray  # uint8 [S, S, 3], sRGB
    heatmap: np.ndarray  # uint8 [S, S], 0.05 mm a level
    mask: np.ndarray  # uint8 [S, S], index into MASK_CLASSES
    depth: np.ndarray  # float32 [S, S], metres along the optical axis, 0 on the background
    landmarks: np.ndarray  # float32 [68, 2], pixels
    landmarks_3d: np.ndarray  # float32 [68, 3], metres, camera frame
    landmarks_visible: np.ndarray  # bool [68]
    bbox: tuple[float, float, float, float]  # x0, y0, x1, y1
    camera: Camera
    visible: np.ndarray  # float32 [6], share of each of regions.PARTS that can be seen
    regions: np.ndarray | None = field(default=None)  # uint8 [S, S], index into facs.REGIONS + 1, 0 elsewhere
    covered: np.ndarray | None = field(default=None)  # uint8 [S, S], the heatmap as if no accessory were worn
