"""Who wears what on the face: names, and a draw by age.

Shares. About a quarter of the people wear something, the old more than twice as often as the young. That is a choice
for a set of patients, between the clinic, where most adults own glasses and one inpatient in six is given oxygen
(O'Driscoll et al., British Thoracic Society emergency oxygen audits, Thorax 66, 2011), and faces that shall be seen.
That refractive errors and their glasses become more common with age: Vitale et al., Prevalence of refractive error in
the United States, 1999-2004, Arch. Ophthalmol. 126, 2008.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from threedpain.errors import InvalidInput
from threedpain.generation.records import Worn
from threedpain.generation.seeds import child
from threedpain.limits import ACCESSORIES

EYEWEAR_SHARE = (0.08, 0.22)  # of people of 18 and of 90 who wear glasses
MEDICAL_SHARE = (0.06, 0.18)  # who wear one thing of medicine
EYEWEAR = {"glasses": 0.86, "tinted_glasses": 0.11, "sunglasses": 0.03}
MEDICAL = {
    "cannula": 0.36,
    "feeding_tube": 0.08,
    "oxygen_mask": 0.10,
    "surgical_mask": 0.18,
    "brow_plaster": 0.08,
    "cheek_plaster": 0.08,
    "brow_bandage": 0.06,
    "cheek_bandage": 0.06,
}


def check_accessories(names: Iterable[str] | str) -> tuple[str, ...]:
    """The names, each once and in the order of `limits.ACCESSORIES`, or one sentence about a name that is none."""
    names = (names,) if isinstance(names, str) else tuple(names)
    for name in names:
        if name not in ACCESSORIES:
            raise InvalidInput(f"unknown accessory {name!r}; known are {', '.join(ACCESSORIES)}")
    return tuple(name for name in ACCESSORIES if name in names)


def draw_accessories(seed: int, age: float) -> tuple[str, ...]:
    """What the person of `seed` wears by chance: glasses, one thing of medicine, both, or, mostly, nothing."""
    older = (age - 18) / 72
    u = child(seed, "accessories").random(4)
    names = []
    for share, things, whether, which in ((EYEWEAR_SHARE, EYEWEAR, u[0], u[1]), (MEDICAL_SHARE, MEDICAL, u[2], u[3])):
        if whether < share[0] + older * (share[1] - share[0]):
            reached = np.cumsum(list(things.values()))
            names.append(list(things)[int(np.searchsorted(reached, which * reached[-1]))])
    return check_accessories(names)


def worn_by(seed: int, names: Iterable[str]) -> Worn:
    """These accessories as the person of `seed` has them: their own frames, colours and places."""
    names = check_accessories(names)
    return Worn(names, int(child(seed, "worn").integers(2**31))) if names else Worn()
