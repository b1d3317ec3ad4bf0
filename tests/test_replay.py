"""A row rendered again from its own columns: the same bytes."""

import pytest

from threedpain.errors import InvalidInput
from threedpain.generation.plan import Config, Expression, Plan
from threedpain.generation.replay import replay, replay_row
from threedpain.generation.rows import image_row, take
from threedpain.generation.shards import cast_one
from threedpain.generation.workers import load_pipeline, one_thread

CONFIG = Config(identities=2, expressions=2, others=1, views=2, size=64, texture="flat")


@pytest.fixture(scope="module")
def made():
    """The pipeline, and rows of two people photographed in the order of a shard."""
    one_thread()
    plan, pipe = Plan(CONFIG), load_pipeline(CONFIG)
    planned = [plan.person(index) for index in range(2)]
    people = pipe.people([cast_one(pipe, plan, who, 0) for who in planned])
    rows = []
    for who, person in zip(planned, people, strict=True):
        for view in plan.views:
            for expression in who.expressions:
                photo = take(pipe, person, expression.id, expression.action_units, view, CONFIG.size)
                rows.append(image_row(CONFIG, person, expression, view, photo))
    return pipe, rows


def test_rows_come_again_with_equal_bytes(made):
    pipe, rows = made
    for row in reversed(rows):  # another order than they were made in
        again = replay_row(row, pipe)
        assert again["image"]["bytes"] == row["image"]["bytes"]
        assert again == row


def test_replay_gives_the_picture(made):
    import io

    from PIL import Image

    pipe, rows = made
    decoded = rows[3] | {"image": Image.open(io.BytesIO(rows[3]["image"]["bytes"])), "ethnicity": rows[3]["ethnicity"]}
    assert replay(decoded, pipe).tobytes() == decoded["image"].tobytes()


def test_a_row_that_cannot_be_rendered_again_says_why(made):
    _pipe, rows = made
    with pytest.raises(InvalidInput, match="this one lacks seed"):
        replay({key: value for key, value in rows[0].items() if key != "seed"})
    with pytest.raises(InvalidInput, match="made by generator 1.0.0\\+flat and here is"):
        replay(rows[0])


def test_neutral_is_no_expression(made):
    _pipe, rows = made
    neutral = [row for row in rows if row["expression"] == 0]
    assert len(neutral) == 4 and all(row["PSPI"] == 0 for row in neutral)
    assert Expression("id_00000_neutral", "neutral", "neutral", {}).action_units == {}
