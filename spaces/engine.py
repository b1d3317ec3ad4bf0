"""What stands behind the page: the generator and the model, loaded once, and results cached by what was asked."""

from __future__ import annotations

import functools
import os
import tempfile
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from threedpain import PainFacePipeline, facs, limits
from threedpain.errors import InvalidInput
from threedpain.generation.dressed import DressedHead, dressed
from threedpain.generation.scene.posture import falls
from threedpain.landmarks import face_box
from threedpain.limits import HEAT_STEP
from threedpain.modeling.reading import detectors
from threedpain.modeling.reading.reader import PainReader

if TYPE_CHECKING:
    from threedpain.generation.pipeline import Person
    from threedpain.generation.records import Scene
    from threedpain.modeling.reading.photos import Box
    from threedpain.modeling.reading.reader import Reading

PICTURE_SIZE = 384
SITTINGS_KEPT = 6
FILES_KEPT = 32
UPLOAD_MEGABYTES = 12
UPLOAD_PIXELS = 25_000_000


@dataclass(frozen=True)
class FaceRequest:
    """Everything the Make tab can ask for; hashable, so that it is the key of the cache."""

    action_units: tuple[tuple[str, float], ...]
    age: int
    gender: str
    ethnicity: str
    yaw: float
    pitch: float
    light: str
    hair: str
    seed: int
    accessory: str = ""
    size: int = PICTURE_SIZE
    skin_tone: float | None = None
    """Typology angle in degrees; None: the seed's."""

    @property
    def active(self) -> dict[str, float]:
        return {name: value for name, value in self.action_units if value > 0}

    @property
    def pspi(self) -> float:
        return facs.pspi(self.active)

    @property
    def at_rest(self) -> FaceRequest:
        return replace(self, action_units=())

    def keywords(self) -> dict:
        """The keyword arguments of `PainFacePipeline.__call__`; "as the seed has it" choices are left out."""
        chosen = {
            "age": self.age,
            "gender": self.gender,
            "ethnicity": self.ethnicity,
            "seed": self.seed,
            "size": self.size,
        }
        optional = {"yaw": self.yaw, "pitch": self.pitch, "light": self.light, "hair": self.hair,
                    "accessories": self.accessory, "skin_tone": self.skin_tone}  # fmt: skip
        return chosen | {name: value for name, value in optional.items() if value not in (0, "", None)}

    def as_python(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.keywords().items())
        return (
            "from threedpain import PainFacePipeline\n\n"
            "pipe = PainFacePipeline.from_pretrained()\n"
            f"out = pipe({self.active!r},\n           {arguments})\n"
            'out.image.save("face.png")   # also out.neutral, out.heatmap, out.mask, out.landmarks, out.mesh\n'
            f"assert out.pspi == {self.pspi:g}\n"
        )

    def labels(self, made: MadeFace) -> dict:
        return {
            "PSPI": self.pspi, "action_units": self.active, **self.keywords(),
            "landmarks": made.landmarks.round(2).tolist(),
        }  # fmt: skip


@dataclass(frozen=True)
class MadeFace:
    """What is kept of a face: about a megabyte, not the person behind it."""

    image: Image.Image
    neutral: Image.Image
    heatmap: Image.Image
    """8-bit gray, 0.05 mm a level."""
    landmarks: np.ndarray
    """float32 [68, 2], pixels."""

    @property
    def heat_mm(self) -> np.ndarray:
        """float32 [size, size]: how far the skin moved by the pain units."""
        return np.asarray(self.heatmap, np.float32) * HEAT_STEP


@dataclass(frozen=True)
class _Sitting:
    """A person in their scene: what all expressions of one setting share (some 10 MB)."""

    person: Person
    scene: Scene
    neutral: Image.Image


_sittings: OrderedDict[FaceRequest, _Sitting] = OrderedDict()


def has_zero_gpu() -> bool:
    """Whether the platform lends GPUs by the call."""
    return bool(os.environ.get("SPACES_ZERO_GPU"))


def on_zero_gpu(function: Callable) -> Callable:
    """Hugging Face's ZeroGPU decorator where a Space offers one, the function itself everywhere else."""
    if not has_zero_gpu():
        return function
    import spaces  # the platform's package, not this folder

    return spaces.GPU(duration=15)(function)


@functools.cache
def pipeline() -> PainFacePipeline:
    return PainFacePipeline.from_pretrained()


@functools.cache
def reader() -> PainReader:
    return PainReader()


def is_known(request: FaceRequest) -> bool:
    """Whether only the expression is new: then `make` takes a fraction of a second."""
    return request.at_rest in _sittings


@functools.lru_cache(maxsize=32)
@on_zero_gpu
def make(request: FaceRequest) -> MadeFace:
    """The face a request asks for, to the byte the one of `PainFacePipeline`; a repeated request costs nothing."""
    sitting = _sittings.get(request.at_rest)
    if sitting is None:
        out = pipeline()(request.active, **request.keywords())
        _sittings[request.at_rest] = _Sitting(out.person, out.scene, out.neutral)
        while len(_sittings) > SITTINGS_KEPT:
            _sittings.popitem(last=False)
        return MadeFace(out.image, out.neutral, out.heatmap, out.landmarks)
    sample = pipeline().photograph(
        sitting.person, request.active, sitting.scene, head_angles=(request.yaw, request.pitch, 0.0)
    )
    return MadeFace(Image.fromarray(sample.image), sitting.neutral, Image.fromarray(sample.heatmap), sample.landmarks)


def head(request: FaceRequest) -> DressedHead:
    """The head of a request with its heat, and all that is on it but clothes; its picture is made small."""
    out = pipeline()(request.active, **replace(request, size=limits.SIZE.low).keywords())
    renderer, scene, maps = pipeline().renderer, out.scene, out.person.maps
    bare = replace(scene.clothes, kind="none")
    surfaces = renderer.surfaces(out.face, maps, bare, worn=scene.worn, down=falls(scene.background.kind))
    return dressed(renderer.posed(surfaces, out.face, scene.light), maps)


@on_zero_gpu
def read(photo: Image.Image, neutral: Image.Image | None = None, box: Box | None = None) -> Reading:
    """ViTPain's reading of a photograph, with an optional photograph of the same person at rest; the faces are found,
    or known to be in the same box of both. What a refusal says of boxes is left out: nobody can give one here."""
    try:
        return reader().read(photo, neutral, box, None if neutral is None else box)
    except InvalidInput as problem:
        said = str(problem).removesuffix(detectors.BOX_OF_HIDDEN).removesuffix(detectors.BOX_OF_ONE)
        raise InvalidInput(said) from None


@functools.lru_cache(maxsize=32)
def reading_of(request: FaceRequest) -> Reading:
    """ViTPain's reading of a made face, with the same person at rest as the reference."""
    made = make(request)
    try:
        return read(made.image, made.neutral)
    except InvalidInput:  # a mask hides it from the detector; where it is, is known
        return read(made.image, made.neutral, face_box(made.landmarks))


_parcels: deque[tempfile.TemporaryDirectory] = deque()


def new_file(name: str) -> Path:
    """Where a file for one visitor may be written; the server copies it, so only the last few are kept."""
    while len(_parcels) >= FILES_KEPT:
        _parcels.popleft().cleanup()
    _parcels.append(tempfile.TemporaryDirectory(prefix="3dpain-"))
    return Path(_parcels[-1].name) / name
