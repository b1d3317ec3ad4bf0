"""What stands behind the page: the generator and the model, loaded once, and results cached by what was asked."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass

from threedpain import PainFacePipeline, facs
from threedpain.modeling.predict import PainReader

PICTURE_SIZE = 384
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
    size: int = PICTURE_SIZE

    @property
    def active(self) -> dict[str, float]:
        return {name: value for name, value in self.action_units if value > 0}

    @property
    def pspi(self) -> float:
        return facs.pspi(self.active)

    def keywords(self) -> dict:
        """The keyword arguments of `PainFacePipeline.__call__`; "as the seed has it" choices are left out."""
        chosen = {
            "age": self.age,
            "gender": self.gender,
            "ethnicity": self.ethnicity,
            "seed": self.seed,
            "size": self.size,
        }
        optional = {"yaw": self.yaw, "pitch": self.pitch, "light": self.light, "hair": self.hair}
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


def on_zero_gpu(function: Callable) -> Callable:
    """Hugging Face's ZeroGPU decorator where a Space offers one, the function itself everywhere else."""
    if not os.environ.get("SPACES_ZERO_GPU"):
        return function
    import spaces  # the platform's package, not this folder

    return spaces.GPU(duration=15)(function)


@functools.cache
def pipeline() -> PainFacePipeline:
    return PainFacePipeline.from_pretrained()


@functools.cache
def reader() -> PainReader:
    return PainReader()


@functools.lru_cache(maxsize=48)
@on_zero_gpu
def make(request: FaceRequest):
    """The pipeline's output for a request; a repeated request costs nothing."""
    return pipeline()(request.active, **request.keywords())


@on_zero_gpu
def read(photo, neutral=None):
    """ViTPain's reading of a photograph (PIL), with an optional neutral photograph of the same person."""
    return reader().read(photo, neutral=neutral)
