"""People: distinct, balanced, repeatable, and changeable one attribute at a time."""

from collections import Counter
from dataclasses import asdict

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from threedpain import demographics
from threedpain.errors import InvalidInput
from threedpain.generation.head.model import HeadModel
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.head.shape import SHIFTS, SIDEWAYS, SPREADS, features, macro_weights
from threedpain.generation.people.colouring import sample_hair
from threedpain.generation.people.identity import sample_identity


def changed(a, b) -> set[str]:
    """Names of the fields in which two identities differ."""
    one, other = asdict(a), asdict(b)
    return {key for key in one if not np.array_equal(np.asarray(one[key], object), np.asarray(other[key], object))}


def test_the_same_seed_is_the_same_person():
    assert not changed(sample_identity(12), sample_identity(12))
    assert len(changed(sample_identity(12), sample_identity(13))) > 8


@pytest.mark.parametrize(
    ("override", "fields"),
    [
        ({"skin_tone": -30.0}, {"skin"}),
        ({"hair": "bald"}, {"hair"}),
        ({"hair": {"grey": 1.0}}, {"hair"}),
        ({"beard": "full"}, {"hair"}),
        ({"asymmetry": 0.0}, {"shape", "asymmetry"}),
        ({"resting": {"AU15": 2.0}}, {"resting"}),
        ({"eyes": {"pupil": 0.5}}, {"eyes"}),
        ({"gain": {"AU4": 1.1}}, {"gain"}),
        ({"manner": {"AU4": (0.3, 0, -0.5, 0)}}, {"manner"}),
        ({"furrows": {"crow": (0, 0, 0, 1)}}, {"furrows"}),
    ],
)
def test_one_thing_changes_and_all_else_stays(override, fields):
    before = sample_identity(21, age=40, gender="male", ethnicity="white")
    assert changed(before, sample_identity(21, age=40, gender="male", ethnicity="white", **override)) == fields


def test_age_gender_and_ethnicity_leave_the_rest_of_the_person():
    """What an attribute does not govern stays: seeds, asymmetry, and the noise of the form (another cell shifts it)."""
    cell = {"age": 40, "gender": "female", "ethnicity": "white"}
    base = sample_identity(5, **cell)
    for change in ({"age": 70}, {"gender": "male"}, {"ethnicity": "black"}):
        other = sample_identity(5, **(cell | change))
        assert other.skin.seed == base.skin.seed and other.hair.seed == base.hair.seed
        assert other.furrows == base.furrows
        assert all(other.manner[unit] == base.manner[unit] for unit in base.manner if unit != "AU4")  # shifted by sex
        assert other.asymmetry == base.asymmetry and other.eyes.iris_scale == base.eyes.iris_scale
        names = ScanHeadModel.load().shape_names
        free = [i for i, name in enumerate(names) if name.startswith("asym-") or name == "size"]
        assert np.array_equal(other.shape[free], base.shape[free])
        stranger = sample_identity(6, **cell)
        macro = ("universal", "african", "asian", "caucasian")
        local = [i for i, name in enumerate(names) if not name.startswith(macro)]
        assert np.linalg.norm((other.shape - base.shape)[local]) < np.linalg.norm((stranger.shape - base.shape)[local])
    assert sample_identity(5, **cell | {"age": 80}).hair.grey > base.hair.grey
    assert sample_identity(5, **cell | {"age": 80}).skin.wrinkles > base.skin.wrinkles


def test_what_is_not_given_is_drawn_from_the_seed():
    drawn = [sample_identity(seed) for seed in range(200)]
    assert min(Counter(p.ethnicity for p in drawn).values()) > 20 and 60 < sum(p.gender == "male" for p in drawn) < 140
    assert np.ptp([p.age for p in drawn]) > 60


def test_everyone_is_somebody_else():
    """2,500 people of the plan's cells: balanced, pairwise distinct in form, none near another."""
    people = []
    for index in range(2500):
        (low, high), gender, ethnicity = _cell(index)
        people.append(sample_identity(index, age=(low + high) / 2, gender=gender, ethnicity=ethnicity).shape)
    distances = pdist(np.array(people, np.float32))
    assert distances.min() > 0.25 * np.median(distances)
    assert set(Counter(demographics.cell_of(index) for index in range(2500)).values()) == {50}


def _cell(index):
    group, gender, ethnicity = demographics.cell_of(index)
    return demographics.AGE_GROUPS[group], gender, ethnicity


def test_cells_differ_less_than_people():
    """But for a cell's own traits, people of one cell differ more among themselves than cells do on average."""
    model = ScanHeadModel.load()
    local = [
        i
        for i, name in enumerate(model.shape_names)
        if not name.startswith(("universal", "african", "asian", "caucasian"))
    ]
    cells = [
        (age, gender, ethnicity)
        for age in (25, 75)
        for gender in demographics.GENDERS
        for ethnicity in demographics.ETHNICITIES
    ]
    forms = np.array(
        [[sample_identity(1000 + k, age=a, gender=g, ethnicity=e).shape[local] for k in range(20)] for a, g, e in cells]
    )
    within, between = forms.var(axis=1).mean(axis=0).sum(), forms.mean(axis=1).var(axis=0).sum()
    assert within > between > 0


def test_gender_shows_in_the_form():
    model = ScanHeadModel.load()

    def lower_lip(person):
        return dict(zip(model.shape_names, person.shape, strict=True))["mouth-lowerlip-volume-incr"]

    pairs = [
        [sample_identity(seed, age=35, gender=gender, ethnicity="white") for gender in ("female", "male")]
        for seed in range(12)
    ]
    assert all(lower_lip(f) >= lower_lip(m) for f, m in pairs)
    jaw = model.topology.faces[model.topology.landmark_faces[[4, 12]], 0]
    jaws = [[np.ptp(model(person).vertices[jaw, 0]) for person in pair] for pair in pairs]
    assert sum(man > woman for woman, man in jaws) >= 11 and np.mean([man - woman for woman, man in jaws]) > 5e-4


def test_skin_tones_overlap_between_populations():
    tones = {
        e: np.array([sample_identity(s, age=40, gender="female", ethnicity=e).skin.tone for s in range(60)])
        for e in demographics.ETHNICITIES
    }
    assert tones["black"].mean() < tones["south_asian"].mean() < tones["middle_eastern"].mean() < tones["white"].mean()
    assert tones["south_asian"].max() > tones["white"].min() and tones["black"].max() > tones["south_asian"].min()
    assert all(np.abs(t).max() <= 60 for t in tones.values())


def test_phenotype_weights_sum_to_one_of_each_kind():
    person = sample_identity(3)
    weights = macro_weights(person.phenotypes)
    assert np.isclose(sum(v for k, v in weights.items() if k.startswith("universal")), 1)
    assert np.isclose(sum(v for k, v in weights.items() if not k.startswith("universal")), 1)
    assert min(weights.values()) >= 0


def test_every_shift_names_a_feature():
    model = HeadModel.load()
    known = {name for name, *_ in features(model.shape_names, model.reaches)}
    assert set(SHIFTS) | set(SPREADS) | set(SIDEWAYS) <= known


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"age": 12}, "age must be from 18 to 90 years, got 12"),
        ({"gender": "x"}, "unknown gender 'x'; known are female"),
        ({"ethnicity": "martian"}, "unknown ethnicity 'martian'"),
        ({"nose": 1}, "unknown attribute 'nose'; known are age"),
        ({"skin_tone": 99}, "skin_tone must be from -60 to 60 degrees, got 99"),
        ({"hair": {"wave": 1}}, "unknown hair entry 'wave'"),
        ({"asymmetry": -1}, "asymmetry must be from 0 to 3"),
        ({"manner": {"AU4": (1, 2)}}, r"manner of AU4 must be four numbers, got \(1, 2\)"),
        ({"manner": {"AU17": (0, 0, 0, 0)}}, "unknown manner entry 'AU17'; known are AU1, "),
        ({"furrows": {"crow": "deep"}}, "furrows of crow must be four numbers, got 'deep'"),
        ({"gain": {"AU4": "much"}}, "gain of AU4 must be a number of at least 0, got 'much'"),
        ({"gain": {"AU4": -1}}, "gain of AU4 must be a number of at least 0, got -1"),
        ({"gain": {"AU4": float("nan")}}, "gain of AU4 must be a number of at least 0, got nan"),
    ],
)
def test_mistakes_are_said_clearly(arguments, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        sample_identity(0, **arguments)


def test_seeds_are_natural_numbers():
    for seed in (-1, 1.5, "a", True):
        with pytest.raises(InvalidInput, match="seed must be a whole number from 0 up"):
            sample_identity(seed)


@pytest.mark.parametrize("gender", ["female", "male"])
@pytest.mark.parametrize("ethnicity", ["black", "south_asian", "east_asian"])
def test_few_of_seventy_and_more_have_black_hair(gender, ethnicity):
    hairs = [sample_hair(np.random.default_rng(seed), age, gender, ethnicity) for seed in range(40) for age in (72, 84)]
    assert np.mean([hair.grey < 0.5 and hair.melanin > 0.8 for hair in hairs]) < 0.05
    assert np.mean([hair.grey > 0.5 for hair in hairs]) > 0.6
