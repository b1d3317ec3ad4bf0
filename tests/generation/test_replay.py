"""A row rendered again from its own columns: the same bytes."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from threedpain.errors import InvalidInput
from threedpain.generation.dataset.plan import Config, Expression, Plan
from threedpain.generation.dataset.replay import dense_landmarks, replay, replay_row
from threedpain.generation.dataset.rows import image_row, take
from threedpain.generation.dataset.shards import cast_one
from threedpain.generation.dataset.workers import load_pipeline
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.process import one_thread, threads
from threedpain.schema import GENERATOR_VERSION

CONFIG = Config(identities=2, expressions=2, others=1, views=2, size=64, texture="flat")


@pytest.fixture(scope="module")
def made():
    """The pipeline, and rows of two people photographed in the order of a shard."""
    plan, pipe = Plan(CONFIG), load_pipeline(CONFIG)
    with one_thread():
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


def test_dense_landmarks_are_the_surface_of_the_picture(made):
    """The row's 68 points lie on the mesh that is rendered nowhere, at each person's, view's and expression's place."""
    pipe, rows = made
    topology = pipe.head(sample_identity(0, head=pipe.head)).topology
    corners = topology.faces[topology.landmark_faces]
    for row in rows:
        dense = dense_landmarks(row, pipe)
        assert len(dense.points) == len(dense.points_3d) > 4000 and len(dense.faces) == len(dense.face_class)
        for points, column, least in ((dense.points_3d, "landmarks_3d", 1e-4), (dense.points, "landmarks", 0.1)):
            again = (points[corners] * topology.landmark_barycentric[:, :, None]).sum(axis=1)
            np.testing.assert_allclose(again, row[column], atol=least)


def test_dense_landmarks_of_a_row_with_another_camera_are_refused(made):
    pipe, rows = made
    camera = rows[0]["camera"] | {"t": [0.0, 0.0, 9.0]}
    with pytest.raises(InvalidInput, match="id_00000_neutral from front is none that its seed draws"):
        dense_landmarks(rows[0] | {"camera": camera}, pipe)


def test_a_row_says_the_photographed_place_it_was_taken_in_and_comes_again_there(made):
    pipe, _ = made
    plan = Plan(CONFIG)
    with one_thread():
        who = plan.person(0)
        person, shown = pipe.people([cast_one(pipe, plan, who, 0)])[0], who.expressions[1]
        places = {"light": "lobby", "background": "park"}
        photo = take(pipe, person, shown.id, shown.action_units, "front", CONFIG.size, **places)
        row = image_row(CONFIG, person, shown, "front", photo)
    assert {name: row[name]["kind"] for name in places} == places
    assert replay_row(row, pipe) == row


def test_replay_leaves_the_number_of_threads_as_it_was(made):
    pipe, rows = made
    with threads(3):
        replay(rows[0], pipe)
        assert torch.get_num_threads() == 3
        with pytest.raises(ZeroDivisionError), one_thread():
            assert torch.get_num_threads() == 1
            raise ZeroDivisionError
        assert torch.get_num_threads() == 3


def test_replay_gives_the_picture(made):
    pipe, rows = made
    decoded = rows[3] | {"image": Image.open(io.BytesIO(rows[3]["image"]["bytes"])), "ethnicity": rows[3]["ethnicity"]}
    assert replay(decoded, pipe).tobytes() == decoded["image"].tobytes()


def test_a_row_that_cannot_be_rendered_again_says_why(made):
    _pipe, rows = made
    with pytest.raises(InvalidInput, match="this one lacks seed"):
        replay({key: value for key, value in rows[0].items() if key != "seed"})
    with pytest.raises(InvalidInput, match=re.escape(f"made by generator {GENERATOR_VERSION}+flat and here is")):
        replay(rows[0])


def test_neutral_is_no_expression(made):
    _pipe, rows = made
    neutral = [row for row in rows if row["expression"] == 0]
    assert len(neutral) == 4 and all(row["PSPI"] == 0 for row in neutral)
    assert Expression("id_00000_neutral", "neutral", "neutral", {}).action_units == {}


def test_the_same_scene_at_rest_on_request(made):
    pipe, rows = made
    config = Config(identities=2, expressions=2, others=1, views=2, size=64, texture="flat", truth=("aligned_neutral",))
    painful = next(row for row in rows if row["PSPI"] >= 8)
    again = replay_row(painful | {"aligned_neutral": b"asked for"}, pipe)
    assert again["image"] == painful["image"] and again["landmarks"] == painful["landmarks"]
    opened = [Image.open(io.BytesIO(again[name]["bytes"])) for name in ("image", "aligned_neutral")]
    there, rest = (np.asarray(picture, float) for picture in opened)
    moved = np.abs(there - rest).max(axis=2)
    mask = np.asarray(Image.open(io.BytesIO(again["mask"]["bytes"])))
    assert moved[mask > 0].max() > 40 and np.median(moved[mask == 0]) <= 2  # the face moves, the room stays
    neutral = next(row for row in rows if row["expression"] == 0)
    person = pipe.people([cast_one(pipe, Plan(config), Plan(config).person(0), 0)])[0]
    expression = Plan(config).person(0).expressions[0]
    photo = take(pipe, person, expression.id, {}, neutral["view_id"], 64, config.truth)
    assert image_row(config, person, expression, neutral["view_id"], photo)["aligned_neutral"] is None
