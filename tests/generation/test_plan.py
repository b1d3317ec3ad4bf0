"""The plan: counts, balance, splits, growth; nothing is rendered here."""

from collections import Counter

import pytest

from threedpain import demographics, expressions, facs, limits
from threedpain.errors import InvalidInput
from threedpain.generation.dataset.manifest import SHARD
from threedpain.generation.dataset.plan import IDENTITIES_PER_SHARD, Config, Plan, Shard, in_order


@pytest.fixture(scope="module")
def full():
    return Plan(Config())


@pytest.fixture(scope="module")
def people():
    plan = Plan(Config(identities=160, others=2))
    return [plan.person(index) for index in range(160)]


def test_full_plan_has_the_counts_of_the_published_set(full):
    assert sum(full.rows("images").values()) == 2_500 * (1 + 10 + 0) * 3 == 82_500
    assert sum(full.rows("pairs").values()) == 75_000
    assert sum(full.rows("expressions").values()) == 25_000
    assert full.rows("identities") == {"train": 1_750, "validation": 500, "test": 250}
    assert sum(full.rows("videos").values()) == 40
    assert set(full.cells().values()) == {50}


def test_shards_partition_the_identities_and_never_mix_splits(full):
    made = [i for shard in full.shards if shard.kind == "images" for i in shard.identities]
    assert sorted(made) == list(range(2_500))
    assert all(len(shard.identities) <= IDENTITIES_PER_SHARD for shard in full.shards)
    for shard in full.shards:
        assert {demographics.split_of(i, 0) for i in shard.identities} == {shard.split}
    filmed = [i for shard in full.shards if shard.kind == "videos" for i in shard.identities]
    assert sorted(filmed) == list(range(40))


def test_the_largest_set_that_may_be_asked_for_has_names_that_its_manifest_knows():
    train = round(0.7 * limits.IDENTITIES.high)
    for number in (0, 99_999, -(-train // IDENTITIES_PER_SHARD) - 1):
        shard = Shard("images", "train", number, ())
        assert SHARD.fullmatch(f"images/{shard.name.removeprefix('images-')}.parquet"), shard.name


def test_splits_are_seven_two_one_in_every_cell(full):
    cells = Counter((demographics.cell_of(i, 0), demographics.split_of(i, 0)) for i in range(2_500))
    assert {cells[cell, "train"] for cell in demographics.CELLS} == {35}
    assert {cells[cell, "validation"] for cell in demographics.CELLS} == {10}
    assert {cells[cell, "test"] for cell in demographics.CELLS} == {5}


def test_splits_without_rows_are_left_out():
    assert set(Plan(Config(identities=1)).rows("images")) == {demographics.split_of(0, 0)}
    assert Plan(Config(identities=8, expressions=0)).rows("expressions") == {}


def test_a_set_grows_without_moving_anybody():
    small, large = Plan(Config(identities=50)), Plan(Config(identities=400))
    assert [small.person(i) for i in range(50)] == [large.person(i) for i in range(50)]
    full = [shard for shard in small.shards if len(shard.identities) == IDENTITIES_PER_SHARD]
    kept = {shard.name: small.fingerprint(shard) for shard in full}
    again = {shard.name: large.fingerprint(shard) for shard in large.shards}
    assert kept and all(again[name] == fingerprint for name, fingerprint in kept.items() if name.startswith("images"))


def test_fingerprint_moves_with_everything_that_moves_bytes():
    plan = Plan(Config(identities=8))
    shard = plan.shards[0]
    others = [
        Config(identities=8, **change)
        for change in (
            {"seed": 1},
            {"size": 256},
            {"others": 1},
            {"single_units": 1},
            {"views": 2},
            {"truth": ("depth",)},
            {"picture": "webp"},
            {"texture": "flat"},
        )
    ]
    assert plan.fingerprint(shard) == Plan(Config(identities=8, device="cuda")).fingerprint(shard)
    assert plan.fingerprint(shard) not in {Plan(config).fingerprint(shard) for config in others}


def test_pspi_targets_are_even_in_a_cell(people):
    plan = Plan(Config(identities=800))
    cell = demographics.cell_of(0, 0)
    levels = Counter(
        facs.pspi(e.action_units)
        for i in range(800)
        if demographics.cell_of(i, 0) == cell
        for e in plan.person(i).expressions
        if e.kind == "pain"
    )
    assert set(levels) == set(range(1, 17)) and levels.total() == 160
    assert set(levels.values()) == {10}


def test_pspi_targets_are_even_over_a_small_set():
    plan = Plan(Config(identities=50))
    pain = [e for i in range(50) for e in plan.person(i).expressions if e.kind == "pain"]
    levels = Counter(facs.pspi(expression.action_units) for expression in pain)
    assert levels.total() == 500
    assert max(levels.values()) - min(levels.values()) <= 8  # 31.25 on average, within a third for chance alone


def test_combinations_differ_within_a_target(people):
    by_target = {}
    for person in people:
        for expression in person.expressions:
            if expression.kind == "pain":
                pain = tuple(expression.action_units.get(name, 0) for name in facs.PAIN_UNITS)
                by_target.setdefault(facs.pspi(expression.action_units), []).append(pain)
    for target in range(4, 14):  # between them there are hundreds of combinations
        assert len(set(by_target[target])) >= 0.6 * len(by_target[target])


def test_other_expressions_come_by_turns(people):
    names = Counter(e.name for p in people for e in p.expressions if e.kind == "other")
    assert set(names) <= set(expressions.OTHER_EXPRESSIONS)
    turns = Counter("speech" if name.startswith("speech_") else name for name in names.elements())
    assert set(turns) == set(expressions.TURNS)
    each = len(people) * 2 / len(expressions.TURNS)
    assert all(0.4 * each < turns[name] / expressions.TURNS.count(name) < 1.7 * each for name in turns)


def test_single_units_come_alone_and_those_of_pain_the_oftenest():
    plan = Plan(Config(identities=300, expressions=1, single_units=2))
    shown = [e for i in range(300) for e in plan.person(i).expressions if e.name == expressions.SINGLE]
    assert len(shown) == 600 and len({each.id for each in shown}) == 600
    assert all(each.kind == "other" and len(each.action_units) == 1 for each in shown)
    units = Counter(unit for each in shown for unit in each.action_units)
    assert set(units) == set(facs.ACTION_UNITS)
    assert 0.6 < sum(units[unit] for unit in facs.PAIN_UNITS) / 600 < 0.82
    strengths = [each.action_units["AU9"] for each in shown if "AU9" in each.action_units]
    assert min(strengths) < 2 and max(strengths) > 4 and all(1 <= strength <= 5 for strength in strengths)
    assert all(each.action_units == {"AU43": 1.0} for each in shown if "AU43" in each.action_units)
    # who does not ask for them gets what there was before
    before = Plan(Config(identities=300, expressions=1)).person(7).expressions
    assert tuple(each for each in plan.person(7).expressions if each.name != expressions.SINGLE) == before
    assert plan.config.rows_per_identity == 4 * plan.config.views and plan.rows("pairs")["train"] == 210 * 3 * 3


def test_contempt_is_of_one_side_and_a_row_says_which(people):
    shown = [e for p in people for e in p.expressions if e.name == "contempt"]
    sides = [{unit[-1] for unit in e.action_units if not unit.startswith("AU43")} for e in shown]
    assert all(side in ({"L"}, {"R"}) for side in sides) and {"L"} in sides and {"R"} in sides
    for each in shown:
        assert in_order(facs.strongest(each.action_units), each.name, each.id) == each.action_units


def test_every_identity_has_its_own_name_age_and_seed(people):
    plan = Plan(Config(identities=160))
    assert len({plan.identity_seed(p.index) for p in people}) == 160
    assert len({plan.identity_seed(0, attempt) for attempt in range(5)}) == 5
    for person in people:
        assert demographics.age_group_of(person.age) == person.age_group
        assert person.age == round(person.age, 1)
        ids = [expression.id for expression in person.expressions]
        assert len(set(ids)) == len(ids) == 13 and ids[0] == f"{person.id}_neutral"


def test_one_sided_units_count_with_their_stronger_side():
    assert facs.strongest({"AU12L": 2.0, "AU12R": 3.5, "AU4": 1.0}) == {"AU12": 3.5, "AU4": 1.0}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"identities": 0}, "identities must be a whole number from 1 to 1000000 people, got 0"),
        ({"views": 8}, "views must be a whole number from 1 to 7, got 8"),
        ({"size": 20}, "size must be a whole number from 32 to 2048 pixels, got 20"),
        ({"size": 256.0}, "size must be a whole number from 32 to 2048 pixels, got 256.0"),
        ({"truth": ("normals",)}, "truth is any of depth, regions, aligned_neutral, covered, not 'normals'."),
        ({"picture": "png"}, "picture is one of jpeg, webp, not 'png'."),
        ({"texture": "photo"}, "texture is one of embedded, depth-to-image, flat, not 'photo'."),
        ({"head": "flame"}, "the FLAME head needs its model file: give head 'flame' and flame_file together."),
        ({"identities": 5, "videos": 6}, "videos is a whole number from 0 to the 5 identities, not 6."),
        (
            {"expressions": 0, "videos": 2},
            "videos show pain expressions: ask for at least one expression, or for no videos.",
        ),
        ({"texture_model": "a/b"}, "texture_model and inpaint_model belong to the texture backend 'depth-to-image'."),
    ],
)
def test_impossible_configs_are_refused_in_one_sentence(change, sentence):
    with pytest.raises(InvalidInput) as caught:
        Config(**change)
    assert str(caught.value) == sentence


def test_config_survives_json():
    import json
    from dataclasses import asdict

    config = Config(identities=7, truth=("depth",), videos=2)
    assert Config.from_json(json.loads(json.dumps(asdict(config)))) == config


def test_estimate_counts_what_is_drawn(full):
    seconds, size = full.estimate(workers=1)
    more = Plan(Config(truth=("aligned_neutral",))).estimate(workers=1)
    assert 1.3 * seconds < more[0] < 2 * seconds and 1.3 * size < more[1] < 2 * size
    assert full.estimate(workers=4)[0] == seconds / 4


def test_table_names_everything_one_wants_to_know_before_a_long_run(full):
    table = full.table(workers=2)
    assert "82,500" in table and "25,000" in table and "50 in each of 50 cells" in table
    assert "front, left, right; 512 pixels" in table
    assert "minutes with 2 workers" in table and "GB" in table


@pytest.mark.parametrize(("pain", "others"), [(8, 3), (6, 3)])
def test_a_set_for_training_smiles_and_its_lids_droop(pain, others):
    settings = {"identities": 300, "expressions": pain, "others": others}
    plan, release = (Plan(Config(**settings, purpose=purpose)) for purpose in ("training", "release"))
    people = [plan.person(index) for index in range(300)]
    assert people[:60] == [Plan(plan.config).person(index) for index in range(60)]
    every = [shown for who in people for shown in who.expressions]
    other = [shown for shown in every if shown.kind == "other"]
    smiling = Counter(shown.name for shown in other if shown.name in expressions.SMILES)
    assert len(other) >= 0.25 * len(every) and 0.10 <= smiling.total() / len(every) <= 0.15
    assert set(smiling) == set(expressions.SMILES) and max(smiling.values()) < 1.1 * min(smiling.values())
    assert {shown.name for shown in other} == set(expressions.OTHER_EXPRESSIONS)
    cells = Counter(who.cell for who in people for e in who.expressions if e.name in expressions.SMILES)
    assert max(cells.values()) - min(cells.values()) <= 1
    shown = [shown for shown in every if shown.kind != "neutral"]
    drooping = [0 < each.action_units.get("AU43", 0) < 1 for each in shown]
    assert 0.35 < sum(drooping) / len(drooping) < 0.55
    assert all(expressions.plausible(each.action_units) for each in shown)
    assert all(who.expressions[0].action_units == {} for who in people)
    usual = [each for index in range(60) for each in release.person(index).expressions]
    drooping = {each.name for each in usual if 0 < each.action_units.get("AU43", 0) < 1}
    assert drooping <= {"sleepy", "sadness"}


def test_a_purpose_nobody_knows_is_refused():
    with pytest.raises(InvalidInput, match="purpose is one of release, training, not 'fun'"):
        Config(purpose="fun")
