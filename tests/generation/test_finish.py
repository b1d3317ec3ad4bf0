"""Skin maps finished by who wears them: `generation.texture.finish`."""

from dataclasses import replace

import numpy as np
import pytest

from threedpain.generation.colour import lab
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.texture import layout
from threedpain.generation.texture.finish import finished
from threedpain.generation.texture.flat import FlatTexture
from threedpain.generation.texture.tone import measured_tone

CHEEKS = layout.both(600, 515, 30, 30, 0) > 0.5


@pytest.mark.parametrize("gender", ["female", "male"])
@pytest.mark.parametrize("ethnicity", ["black", "white", "east_asian"])
def test_the_tone_of_a_face_stays(gender: str, ethnicity: str) -> None:
    who = sample_identity(5, age=60, gender=gender, ethnicity=ethnicity)
    plain = FlatTexture()([who])[0]
    before, after = (measured_tone(maps.albedo, layout.face()) for maps in (plain, finished(plain, who)))
    assert abs(after - before) < 4


@pytest.mark.parametrize("ethnicity", ["black", "white", "east_asian"])
def test_a_scalp_is_a_little_paler_than_the_face_and_no_more_saturated(ethnicity: str) -> None:
    who = sample_identity(5, age=60, gender="male", ethnicity=ethnicity)
    albedo = finished(FlatTexture()([who])[0], who).albedo
    scalp, face = (lab(albedo[rows]).mean(0) for rows in (layout.ellipse(layout.AXIS, 120, 150, 80, 0) > 0.5, CHEEKS))
    assert -1 < scalp[0] - face[0] < 8
    assert np.hypot(*scalp[1:]) < np.hypot(*face[1:])


def test_women_have_thinner_and_higher_brows_and_redder_lips_than_men() -> None:
    woman, man = (sample_identity(5, age=30, gender=gender, ethnicity="white") for gender in ("female", "male"))
    plain = FlatTexture()([woman])[0]
    hers, his = finished(plain, woman), finished(plain, man)
    rows = np.arange(hers.brows.shape[0])
    height = [(maps.brows.sum(1) * rows).sum() / maps.brows.sum() for maps in (hers, his)]
    assert hers.brows.sum() < 0.8 * his.brows.sum() and height[0] < height[1] - 2
    lips = layout.lips() > 0.9
    redness = [float(maps.albedo[lips, 0].mean()) - float(maps.albedo[lips, 1].mean()) for maps in (hers, his)]
    assert redness[0] > redness[1] + 4


@pytest.mark.parametrize("seed", range(4))
def test_old_women_keep_brows(seed: int) -> None:
    who = sample_identity(seed, age=82, gender="female", ethnicity="white")
    old = finished(FlatTexture()([who])[0], who).brows
    young = finished(FlatTexture()([who])[0], replace(who, age=30, hair=replace(who.hair, grey=0.0))).brows
    assert 0.3 < old.sum(dtype=float) / young.sum(dtype=float) < 1.3


def test_the_maps_handed_in_are_kept_and_the_same_person_gets_the_same_bytes() -> None:
    who = sample_identity(9, age=70, gender="female", ethnicity="south_asian")
    plain = FlatTexture()([who])[0]
    kept = plain.albedo.copy()
    first, second = finished(plain, who), finished(plain, who)
    assert np.array_equal(plain.albedo, kept)
    assert np.array_equal(first.albedo, second.albedo) and np.array_equal(first.brows, second.brows)


def test_brows_are_a_persons_own_whatever_the_skin_model_gives() -> None:
    who = sample_identity(5, age=30, gender="female", ethnicity="white")
    plain = FlatTexture()([who])[0]
    worn = finished(plain, who).brows
    assert np.array_equal(worn, finished(replace(plain, brows=np.zeros_like(plain.brows)), who).brows)
    darkest = worn[:, 600:667].max(axis=0)  # inwards of them her own first hairs are sparse
    assert darkest.min() > 0.35 * darkest.max()
    other = finished(plain, replace(who, skin=replace(who.skin, seed=who.skin.seed + 1))).brows
    shared = np.minimum(worn, other).sum() / np.maximum(worn, other).sum(dtype=float)
    assert shared < 0.8
