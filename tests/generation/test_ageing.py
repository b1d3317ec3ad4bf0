"""Years that show at any size: `generation.texture.ageing` in the skin, women's hair, women's ageing in the form."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from threedpain.generation.head.motion import landmarks
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.head.seen import seen
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.records import MASK_CLASSES
from threedpain.generation.render.renderer import Renderer
from threedpain.generation.scene.scene import sample_scene
from threedpain.generation.texture import layout
from threedpain.generation.texture.ageing import aged
from threedpain.generation.texture.finish import finished
from threedpain.generation.texture.flat import FlatTexture

SIZE = 256


def unevenness(grey: np.ndarray, where: np.ndarray, fine: float, coarse: float) -> float:
    """Standard deviation, over `where`, of log light between two scales (sigmas in pixels)."""
    log = np.log(grey.astype(float) + 1)
    return float((gaussian_filter(log, fine) - gaussian_filter(log, coarse))[where].std())


@pytest.mark.parametrize("gender", ["female", "male"])
@pytest.mark.parametrize("ethnicity", ["black", "white", "east_asian"])
def test_old_skin_is_twice_as_uneven_as_young_skin(gender: str, ethnicity: str) -> None:
    for seed in (1, 2):
        seen = []
        for age in (25, 82):
            who = sample_identity(seed, age=age, gender=gender, ethnicity=ethnicity)
            albedo = finished(FlatTexture()([who])[0], who).albedo
            seen.append(unevenness(albedo.mean(-1), layout.face(), 1.5, 10.0))
        assert seen[1] > 2 * seen[0], (seed, seen)


@pytest.mark.parametrize("gender", ["female", "male"])
def test_old_people_show_more_contrast_in_neutral_pictures(gender: str) -> None:
    head, skin = ScanHeadModel.load(), MASK_CLASSES.index("skin")
    seen: dict[int, list[float]] = {25: [], 82: []}
    for seed in (1, 2, 3):
        for age, found in seen.items():
            who = sample_identity(seed, age=age, gender=gender, ethnicity="white", head=head)
            who = dataclasses.replace(who, hair=dataclasses.replace(who.hair, style="bald", beard="none"))
            maps = finished(FlatTexture()([who])[0], who)
            made = Renderer().render(rig(head(who), {}), maps, sample_scene(seed, "front", SIZE, plain=True))
            near = np.zeros((SIZE, SIZE), bool)
            rows, columns = np.mgrid[0:SIZE, 0:SIZE]
            for eye, corner in ((36, 48), (45, 54)):  # the cheek between eye and mouth
                x, y = (made.landmarks[eye] + made.landmarks[corner]) / 2
                near |= np.hypot(columns - x, rows - y) < 0.06 * SIZE
            found.append(unevenness(made.image.mean(-1), near & (made.mask == skin), 1.0, 5.0))
    assert np.mean(seen[82]) > 1.25 * np.mean(seen[25]), seen


def test_the_young_keep_their_skin_and_each_old_person_has_their_own() -> None:
    plain = FlatTexture()([sample_identity(0, age=80, gender="male", ethnicity="white")])[0].albedo
    young = sample_identity(0, age=24, gender="male", ethnicity="white")
    assert aged(plain, young) is plain
    one, other = (aged(plain, sample_identity(seed, age=80, gender="male", ethnicity="white")) for seed in (3, 4))
    assert np.abs(one.astype(int) - other)[layout.face()].mean() > 1


def test_make_up_hides_some_of_it() -> None:
    who = sample_identity(6, age=78, gender="female", ethnicity="white")
    plain = FlatTexture()([who])[0].albedo
    bare, made_up = (
        unevenness(
            aged(plain, dataclasses.replace(who, skin=dataclasses.replace(who.skin, makeup=share))).mean(-1),
            layout.face(),
            1.5,
            4.0,
        )
        for share in (0.0, 1.0)
    )
    assert made_up < 0.9 * bare


def test_most_old_women_wear_hair_that_is_seen_from_the_front() -> None:
    styles = [
        sample_identity(seed, age=80, gender="female", ethnicity=ethnicity).hair.style
        for seed in range(60)
        for ethnicity in ("black", "white", "south_asian")
    ]
    cropped = np.mean([style in ("bald", "buzz", "tied_back") for style in styles])
    assert 0.03 < cropped < 0.25
    assert np.mean([style in ("short", "medium", "long") for style in styles]) > 0.5  # short too frames the face
    assert np.mean([style == "long" for style in styles]) < 0.1


def test_age_moves_a_womans_bones_less_than_a_mans_but_lids_lips_and_folds_nearly_as_much() -> None:
    head = ScanHeadModel.load()
    woman, man = (
        seen(5, 85, gender, head.base_names, head.base_reaches)
        - seen(5, 25, gender, head.base_names, head.base_reaches)
        for gender in ("female", "male")
    )

    def share(*stems: str) -> float:
        rows = [
            row for row, name in enumerate(head.base_names) if man[row] and name.removeprefix("l-").startswith(stems)
        ]
        return float(np.abs(woman[rows]).sum() / np.abs(man[rows]).sum())

    assert share("chin-", "nose-", "eyebrows-") < 0.35
    assert 0.6 < share("eye-", "neck-", "mouth-laugh", "forehead-") < 1.0


def test_women_of_one_age_and_origin_are_of_different_forms() -> None:
    head = ScanHeadModel.load()
    rows = np.array([seen(seed, 30, "female", head.base_names, head.base_reaches) for seed in range(20)])
    for name in ("chin-width-decr", "l-cheek-bones-incr"):
        assert rows[:, head.base_names.index(name)].std() > 0.02, name


def test_temples_and_cheeks_lose_fat_faster_past_fifty() -> None:
    head = ScanHeadModel.load()
    for name in ("l-cheek-volume-decr", "forehead-temple-decr"):
        place = head.shape_names.index(name)
        young, middle, old = (
            np.mean([sample_identity(s, age=age, gender="male", head=head).shape[place] for s in range(12)])
            for age in (25, 50, 75)
        )
        assert old - middle > 1.3 * (middle - young) > 0, name


def test_womens_faces_are_smaller_than_mens_in_breadth_as_in_height() -> None:
    """Farkas 2005: both are about .93 of a man's; broader than high they look like children's."""
    head = ScanHeadModel.load()

    def sizes(gender: str) -> np.ndarray:
        rows = []
        for seed in range(8):
            who = sample_identity(seed, age=35, gender=gender, ethnicity="white", head=head)
            marks = landmarks(head.topology, head.surface(head.cage + (head.shapes @ who.shape).reshape(-1, 3)))
            rows.append([np.linalg.norm(marks[a] - marks[b]) for a, b in ((1, 15), (27, 8))])
        return np.mean(rows, axis=0)

    assert (sizes("female") / sizes("male") < 0.99).all()
