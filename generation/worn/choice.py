"""Who wears what on the face, and what comes before it for a moment: names, and draws by person and by picture.

`SHARES` is the table. About a quarter of the people of a set wear glasses or something of medicine, the old more than
twice as often as the young: a choice for a set of patients, between the clinic and faces that shall be seen. Sets for
training have more of both, and of covers: a reader must learn what hidden skin is. What the choice lies between:

- Glasses: 64 % of the adults of the United States own prescription glasses (The Vision Council, 2023), more with age
  (refractive error: Vitale et al., Arch. Ophthalmol. 126, 2008). Fewer are on a patient's nose: by judgement.
- Oxygen: 24 % of the patients of a hospital's wards, 74 % of them by prongs, the older more often (Eastwood et al.,
  Intern. Med. J. 41, 2011); 6 % of all observations in another (O'Driscoll and Bakerly, BMJ Open Respir. Res. 10,
  2023).
- Feeding tubes: 0.7 % of discharges (Guenter and Read, ASPEN, 2017). Here more, by judgement: who needs one is ill.
- Hearing aids: 18.5 % of people from 70 (Reed et al., JAMA Intern. Med. 181, 2021), more with age.
- Surgical masks, plasters, bandages, earrings, covers: no source was found; set by judgement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from threedpain.errors import InvalidInput
from threedpain.generation.records import Worn
from threedpain.generation.seeds import child
from threedpain.limits import ACCESSORIES, COVERS


@dataclass(frozen=True)
class Shares:
    eyewear: tuple[float, float]  # of people of 18 and of 90, evenly between
    medical: tuple[float, float]  # the same, of one thing of medicine
    cover: float  # of the pictures; a set's plan says when neutral ones are left free


SHARES = {
    "release": Shares(eyewear=(0.08, 0.22), medical=(0.06, 0.18), cover=0.04),
    "training": Shares(eyewear=(0.12, 0.28), medical=(0.10, 0.24), cover=0.16),
}
HEARING_AID = (18, 50, 70, 90), (0.003, 0.02, 0.10, 0.26)  # ages, and the share of people at each
EARRINGS = {"female": 0.30, "male": 0.04}
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
COVERING = {"mouth_hand": 0.26, "cheek_hand": 0.24, "brow_hand": 0.24, "tissue": 0.16, "blanket": 0.10}
_MASKS = {"oxygen_mask", "surgical_mask"}
# What keeps a cover from lying on the skin: it is not drawn for who wears one of these.
IN_THE_WAY = {
    "mouth_hand": _MASKS,
    "cheek_hand": {*_MASKS, *EYEWEAR},
    "brow_hand": {*EYEWEAR, "brow_plaster", "brow_bandage"},
    "tissue": {*_MASKS, "cannula", "feeding_tube"},
    "blanket": _MASKS,
}


def check_accessories(names: Iterable[str] | str) -> tuple[str, ...]:
    """The names, each once and in the order of `limits.ACCESSORIES`, or one sentence about a name that is none; as a
    text, as the column `accessories` has them, they are separated by commas."""
    names = names.split(",") if isinstance(names, str) else names
    names = [name for name in (name.strip() for name in names) if name]
    for name in names:
        if name not in ACCESSORIES:
            raise InvalidInput(f"unknown accessory {name!r}; known are {', '.join(ACCESSORIES)}")
    return tuple(name for name in ACCESSORIES if name in names)


def draw_accessories(seed: int, age: float, gender: str, purpose: str = "release") -> tuple[str, ...]:
    """What the person of `seed` wears by chance: glasses, one thing of medicine, things at the ears, or, mostly,
    nothing."""
    shares, older = SHARES[purpose], (age - 18) / 72
    u = child(seed, "accessories").random(4)
    names = []
    for ends, things, whether, which in ((shares.eyewear, EYEWEAR, *u[:2]), (shares.medical, MEDICAL, *u[2:])):
        if whether < ends[0] + older * (ends[1] - ends[0]):
            names.append(_one_of(things, which))
    if child(seed, "hearing_aid").random() < np.interp(age, *HEARING_AID):
        names.append("hearing_aid")
    if child(seed, "earrings").random() < EARRINGS[gender]:
        names.append("earrings")
    return check_accessories(names)


def draw_cover(seed: int, picture: str, worn: Iterable[str], purpose: str = "release") -> tuple[str, ...]:
    """What comes before the face of the person of `seed`, who wears `worn`, in the picture of that id: mostly
    nothing."""
    whether, which = child(seed, "cover", picture).random(2)
    free = {name: share for name, share in COVERING.items() if not IN_THE_WAY[name] & set(worn)}
    return (_one_of(free, which),) if free and whether < SHARES[purpose].cover else ()


def _one_of(things: Mapping[str, float], u: float) -> str:
    reached = np.cumsum(list(things.values()))
    return list(things)[int(np.searchsorted(reached, u * reached[-1]))]


def worn_by(seed: int, names: Iterable[str] | str, picture: str = "") -> Worn:
    """These accessories as the person of `seed` has them: their own frames, colours and places; a cover as it comes
    before the face in that `picture`."""
    names = check_accessories(names)
    if not names:
        return Worn()
    covered = any(name in COVERS for name in names)
    return Worn(
        names,
        int(child(seed, "worn").integers(2**31)),
        int(child(seed, "covering", picture).integers(2**31)) if covered else 0,
    )
