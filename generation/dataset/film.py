"""Clips: a neutral face, the onset, apex and offset of an expression, neutral again; labels for every frame."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from threedpain.extras import need_extra
from threedpain.generation.records import Scene
from threedpain.generation.scene.scene import sample_scene
from threedpain.generation.seeds import child
from threedpain.generation.worn.choice import worn_by

from .plan import VIDEO_FPS, VIDEO_SECONDS

# One thread, and no macroblock tree: x264's assembly for it reads memory that nobody has written (other bytes under
# another MALLOC_PERTURB_), which made equal frames into unequal files.
ENCODER = {"crf": "17", "preset": "medium", "threads": "1", "x264-params": "mbtree=0"}


@dataclass(frozen=True)
class Clip:
    frames: np.ndarray  # uint8 [N, S, S, 3], sRGB
    action_units: list[dict[str, float]]  # one a frame
    scene: Scene
    fps: int = VIDEO_FPS

    def mp4(self) -> bytes:
        """H.264 as every player reads it; one thread and no time stamps of the day, so equal frames are equal bytes."""
        need_extra("av", "video")
        import av

        height, width = (edge - edge % 2 for edge in self.frames.shape[1:3])  # 4:2:0 wants even edges
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
            stream = container.add_stream("libx264", rate=self.fps, options=ENCODER)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.time_base = Fraction(1, self.fps)
            for number, picture in enumerate(self.frames):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return buffer.getvalue()


def course(action_units: Mapping[str, float], frames: int, seed: int) -> list[dict[str, float]]:
    """The action units of every frame: rest, a quick onset, an apex that wavers a little, a slower offset, rest.

    Pain faces rise within about half a second to a second and fade more slowly (Prkachin and Mercer, Pain 39, 1989);
    units do not move together to the frame, so each has its own small delay. The first and last frames are neutral.
    """
    rng = child(seed, "course")
    moments = np.linspace(0.0, 1.0, frames)
    onset, apex, offset, rest = np.cumsum(rng.uniform([0.10, 0.14, 0.28, 0.22], [0.16, 0.22, 0.36, 0.26]))
    curves = {}
    for name, strength in action_units.items():
        delay = child(seed, "delay", name).uniform(-0.025, 0.025)
        rise = _smooth((moments - delay - onset) / (apex - onset))
        fall = 1.0 - _smooth((moments - delay - offset) / (rest - offset))
        phase, beats = child(seed, "waver", name).uniform([0.0, 2.0], [1.0, 4.0])
        waver = 1.0 - 0.06 * (0.5 + 0.5 * np.sin(2 * np.pi * (phase + beats * moments)))
        curves[name] = np.round(strength * np.minimum(rise, fall) * waver, 3)
    return [{name: float(curve[i]) for name, curve in curves.items()} for i in range(frames)]


def sway(frames: int, fps: int, seed: int) -> np.ndarray:
    """Slow small movements of a head that nobody holds: float [frames, 3] yaw, pitch, roll in degrees."""
    rng = child(seed, "sway")
    seconds = np.arange(frames)[:, None, None] / fps
    rates, phases = rng.uniform(0.08, 0.35, (3, 3)), rng.uniform(0, 2 * np.pi, (3, 3))
    amounts = rng.uniform(0.2, 0.9, (3, 3)) * np.array([1.5, 1.0, 0.8])[:, None]
    return (amounts * np.sin(2 * np.pi * rates * seconds + phases)).sum(axis=2)


def film(
    pipe,
    person,
    action_units: Mapping[str, float],
    seed: int,
    size: int = 512,
    seconds: float = VIDEO_SECONDS,
    fps: int = VIDEO_FPS,
    progress: Callable[[int], None] | None = None,
    accessories: Iterable[str] = (),
    cameras: str = "standard",
) -> Clip:
    """Film one person with `pipe`, a `PainFacePipeline`: one scene and light, the sensor's noise new in each frame.
    `cameras`: of limits.CAMERAS; nothing is smeared for a whole film."""
    count = max(2, round(seconds * fps))
    scene = sample_scene(seed, view="front", size=size, cameras=cameras)
    sensor = replace(scene.sensor, motion=(0.0, 0.0))
    scene = replace(scene, sensor=sensor, worn=worn_by(person.identity.seed, accessories))
    units = course(action_units, count, seed)
    pictures = np.empty((count, size, size, 3), np.uint8)
    for number, (now, angles) in enumerate(zip(units, sway(count, fps, seed), strict=True)):
        moment = replace(scene, sensor=replace(sensor, seed=sensor.seed + number))
        head_angles = tuple(float(angle) for angle in angles)
        pictures[number] = pipe.photograph(person, now, moment, head_angles=head_angles).image
        if progress:
            progress(number + 1)
    return Clip(pictures, units, scene, fps)


def _smooth(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0.0, 1.0)
    return x * x * x * (x * (6 * x - 15) + 10)
