"""A quick photographer for tests of plan, shards, files and labels: real people and cameras, an oval for a face."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from threedpain.generation.dataset.generate import generate
from threedpain.generation.dataset.plan import Config
from threedpain.generation.frames import project
from threedpain.generation.head.bust import Bust
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.records import Identity, Sample, SkinMaps
from threedpain.generation.texture import load_texture
from threedpain.regions import PARTS


@dataclass(frozen=True)
class Person:
    identity: Identity
    bust: Bust
    maps: SkinMaps


class Photographer:
    """Labels as the renderer gives them, from the same geometry; the picture only has to differ from every other."""

    renderer = SimpleNamespace(device="cpu")

    def __init__(self, delay: float = 0.0):
        self.head, self.texture, self.delay = ScanHeadModel.load(), load_texture("flat"), delay

    def people(self, identities):
        skins = self.texture(identities)
        return [Person(who, self.head(who), maps) for who, maps in zip(identities, skins, strict=True)]

    def photograph(self, person, action_units, scene, truth=(), head_angles=(0.0, 0.0, 0.0)):
        time.sleep(self.delay)
        face, size = rig(person.bust, action_units, head_angles=head_angles), scene.camera.size
        topology = person.bust.topology
        corners = face.vertices[topology.faces[topology.landmark_faces]]
        points, solid = project(scene.camera, (corners * topology.landmark_barycentric[:, :, None]).sum(1))
        x0, y0 = points.min(0)
        x1, y1 = points.max(0)
        y0 = max(0.0, y0 - 0.3 * (y1 - y0))
        y, x = np.mgrid[:size, :size] + 0.5
        oval = ((x - (x0 + x1) / 2) / (x1 - x0) * 2) ** 2 + ((y - (y0 + y1) / 2) / (y1 - y0) * 2) ** 2 < 1
        noise = np.random.default_rng(scene.sensor.seed + int(1000 * sum(action_units.values())))
        image = noise.integers(0, 60, (size, size, 3)) + np.where(oval[..., None], [150, 110, 90], [40, 60, 90])
        heat = min(255, int(20 * sum(value for unit, value in action_units.items() if unit in HOT)))
        return Sample(
            image=image.astype(np.uint8),
            heatmap=np.where(oval, heat, 0).astype(np.uint8),
            mask=oval.astype(np.uint8),
            depth=np.where(oval, 1.0, 0.0).astype(np.float32),
            landmarks=points.astype(np.float32),
            landmarks_3d=solid.astype(np.float32),
            landmarks_visible=np.ones(68, bool),
            bbox=(x0, y0, x1, y1),
            camera=scene.camera,
            visible=np.ones(len(PARTS), np.float32),
            covered=np.where(oval, heat, 0).astype(np.uint8),
            regions=oval.astype(np.uint8),
        )


SMALL = Config(
    identities=10, expressions=2, others=1, views=2, size=64, videos=1, texture="flat",
    truth=("depth", "aligned_neutral"),
)  # fmt: skip


def dataset(folder: Path) -> Path:
    """A finished small dataset in `folder`, made once."""
    from threedpain.dataset_script.card import write_card  # brings `datasets`, which no worker needs

    if not (folder / "manifest.json").is_file():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
            generate(folder, SMALL, pipeline="standin:photographer", finish=write_card, progress=False)
    return folder


HOT = ("AU4", "AU6", "AU7", "AU9", "AU10", "AU43")


def photographer(config):
    return Photographer()


def slow_photographer(config):
    return Photographer(delay=0.02)


def dying_photographer(config):
    """Loses its process on the third picture it ever takes; $STANDIN_MARK counts the deaths left."""

    class Dying(Photographer):
        taken = 0

        def photograph(self, *args, **kwargs):
            self.taken += 1
            mark = os.environ["STANDIN_MARK"]
            with open(mark) as file:
                left = int(file.read())
            if left and self.taken == 3:
                with open(mark, "w") as file:
                    file.write(str(left - 1))
                os.kill(os.getpid(), 9)
            return super().photograph(*args, **kwargs)

    return Dying()


def hanging_photographer(config):
    """Waits for ever over the third picture, once: $STANDIN_MARK is there as long as it has not."""

    class Hanging(Photographer):
        taken = 0

        def photograph(self, *args, **kwargs):
            self.taken += 1
            mark = Path(os.environ["STANDIN_MARK"])
            if self.taken == 3 and mark.exists():
                mark.unlink()
                time.sleep(10_000)
            return super().photograph(*args, **kwargs)

    return Hanging()


def broken_photographer(config):
    class Broken(Photographer):
        def photograph(self, *args, **kwargs):
            raise ZeroDivisionError("the lens fell off")

    return Broken()


def hairy_photographer(config):
    """Everybody's first draw has a fringe over both brows."""
    from dataclasses import replace

    from threedpain.generation.dataset.plan import Plan

    fringed = {Plan(config).identity_seed(index) for index in range(config.identities)}

    class Hairy(Photographer):
        def photograph(self, person, *args, **kwargs):
            sample = super().photograph(person, *args, **kwargs)
            return replace(sample, mask=sample.mask * 8) if person.identity.seed in fringed else sample

    return Hairy()
