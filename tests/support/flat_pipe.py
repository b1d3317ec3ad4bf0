"""A generator that draws grey pictures at once, for tests of what an audit makes of pictures."""

import dataclasses
from types import SimpleNamespace

import numpy as np

from threedpain.facs import pspi


@dataclasses.dataclass(frozen=True)
class FlatPerson:
    identity: object


class FlatPipe:
    """Instead of the generator: a grey picture, brighter by 4 for each point of PSPI and by 12 in outdoor light."""

    head = None  # the shipped one

    def __init__(self):
        self.asked = []

    def person(self, identity):
        return FlatPerson(identity)

    def photograph(self, person, units, scene, head_angles=(0, 0, 0)):
        self.asked.append((person.identity, dict(units), scene))
        grey = 40 + 4 * pspi(units) + 12 * (scene.light.kind == "outdoor")
        return SimpleNamespace(image=np.full((16, 16, 3), grey, np.uint8), bbox=(2.0, 2.0, 14.0, 14.0))
