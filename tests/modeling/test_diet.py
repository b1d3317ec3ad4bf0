"""What training pictures hold beyond their set: shares, covers, strangers, and that all of it repeats."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from drawn_faces import drawn_faces

from threedpain.errors import InvalidInput
from threedpain.modeling.faces.augment import Geometry, Look, warp
from threedpain.modeling.faces.batches import Batches
from threedpain.modeling.faces.covers import KINDS, Covers
from threedpain.modeling.faces.diet import Diet
from threedpain.modeling.faces.faces import VISIBLE, FaceSet
from threedpain.modeling.faces.visible import left_to_see
from threedpain.modeling.training.run import TrainConfig


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Six people; every third expression is not pain."""
    packed = FaceSet.pack(drawn_faces(6, 7, 2), size=40, cache=tmp_path_factory.mktemp("faces"))
    table = packed.table.copy()
    turn = table["expression_id"].str.split("-").str[1].astype(int)
    table.loc[turn.isin([3, 6]), "expression"] = "other"
    return replace(packed, table=table)


def batches(faces, **given) -> Batches:
    values = {"size": 32, "map_size": 16, "mean": [0.5] * 3, "std": [0.5] * 3, "batch_size": 16, "seed": 4}
    return Batches(faces, **{**values, "conditions": {"realistic": 1.0}, **given})


def drawn(made: Batches, epochs=40) -> np.ndarray:
    return np.concatenate([made._order(epoch).ravel() for epoch in range(epochs)])


@pytest.mark.parametrize("share", [0.15, 0.25, 0.5])
def test_other_expressions_take_their_share_and_nobody_is_left_out(faces, share):
    made = batches(faces, diet=Diet(others=share))
    order = drawn(made)
    assert (faces.table["expression"].to_numpy()[order] == "other").mean() == pytest.approx(share, abs=0.03)
    assert set(order) == set(range(len(faces)))
    assert made.per_epoch == batches(faces).per_epoch


def test_a_set_of_one_kind_of_expression_keeps_its_shares(faces):
    pain = faces.subset((faces.table["expression"] != "other").to_numpy())
    assert np.array_equal(drawn(batches(pain, diet=Diet(others=0.25)), 3), drawn(batches(pain), 3))


def test_strangers_stand_in_for_that_share_of_the_references(faces):
    made = batches(faces, diet=Diet(strangers=0.3), group=2)
    other, known = 0, 0
    for step in range(100):
        positions = drawn(made, 1)[:16]
        pool, index, _ = made._references(positions, np.random.default_rng(step))
        shown = faces.table["identity"].to_numpy()[pool[index[index >= 0]]]
        other += (shown != faces.table["identity"].to_numpy()[positions[index >= 0]]).sum()
        known += (index >= 0).sum()
        assert (faces.table["expression"].to_numpy()[pool] == "neutral").all()
    assert other / known == pytest.approx(0.3, abs=0.05)


def test_a_rich_diet_repeats_and_processes_share_it(faces):
    diet = Diet(others=0.25, strangers=0.2, covered=0.6, tilted=0.3, small=0.3)
    whole, again = batches(faces, diet=diet)(3), batches(faces, diet=diet)(3)
    halves = [batches(faces, diet=diet, rank=rank, world=2)(3) for rank in range(2)]
    for name in ("pixel_values", "labels", "heatmap_targets", "mask_targets"):
        assert torch.equal(whole[name].nan_to_num(-9), again[name].nan_to_num(-9))
        joined = torch.cat([half[name] for half in halves])
        torch.testing.assert_close(joined, whole[name], atol=1e-5, rtol=0, equal_nan=True)
    assert not torch.equal(whole["pixel_values"], batches(faces)(3)["pixel_values"])


def test_covers_lie_on_the_face_and_leave_the_rest():
    count = 200
    pictures, still = torch.full((count, 3, 64, 64), 0.5), Geometry.still(count)
    covers = Covers.draw(count, 0.5, np.random.default_rng(0))
    hidden = covers.apply(pictures, still)
    changed = (pictures != 0.5).any(1)
    shown = torch.from_numpy(covers.kind >= 0)
    assert shown.float().mean() == pytest.approx(0.5, abs=0.1) and set(covers.kind) == {-1, *range(len(KINDS))}
    assert not changed[~shown].any() and hidden[~shown].max() == 0
    assert (changed[shown].flatten(1).float().mean(1) > 0.005).all()
    assert not (changed & (hidden == 0)).any() and pictures.min() >= 0 and pictures.max() <= 1
    face = hidden[shown][:, 11:53, 11:53]
    assert (face.flatten(1).amax(1) > 0.2).all() and (hidden[shown].flatten(1).mean(1) < 0.6).all()
    mask = hidden[torch.from_numpy(covers.kind == KINDS.index("mask"))]
    assert (mask[:, 44].amax(-1) > 0.9).all() and mask[:, :28].max() < 0.9  # the mouth, never the brows


def test_covers_move_with_the_picture():
    geometry = Geometry(np.array([True]), np.array([0.6]), np.array([1.1]), np.array([[0.05, -0.04]]))
    spot = torch.zeros(1, 1, 50, 50)
    spot[..., 19:21, 29:31] = 1  # packed crops are 1.25 times the plain crop
    place = np.array([[[(30 / 25 - 1) * 1.25, (20 / 25 - 1) * 1.25]]])
    moved = warp(spot, geometry, 200)[0, 0]
    y, x = torch.meshgrid(torch.arange(200) + 0.5, torch.arange(200) + 0.5, indexing="ij")
    centre = [float((moved * axis).sum() / moved.sum()) for axis in (x, y)]
    np.testing.assert_allclose((geometry.place(place)[0, 0] + 1) * 100, centre, atol=1.0)


def test_what_is_covered_teaches_the_mask_nothing(faces):
    bare, covered = (batches(faces, diet=Diet(covered=share))(0)["mask_targets"] for share in (0.0, 0.99))
    unknown = [(targets == -100).float().mean() for targets in (bare, covered)]
    assert unknown[1] > unknown[0] + 0.02
    both = (bare != -100) & (covered != -100)
    assert torch.equal(bare[both], covered[both])


def test_tilted_and_small_take_their_shares():
    rng = np.random.default_rng(0)
    angles = np.degrees(np.abs(Geometry.draw(4000, rng, tilted=0.3).angle))
    assert (angles > 6).mean() == pytest.approx(0.3 * 39 / 45, abs=0.03) and 40 < angles.max() <= 45
    assert np.degrees(np.abs(Geometry.draw(4000, rng).angle)).max() <= 6
    shrink = Look.draw(4000, rng, small=0.3).shrink
    assert (shrink > 1.3).mean() == pytest.approx(0.3 + 0.7 * 0.08, abs=0.03) and 4.2 < shrink.max() <= 4.5


@pytest.mark.parametrize(
    "diet, sentence",
    [
        ({"others": 1.5}, "diet: others is a share from 0 to below 1, got 1.5"),
        ({"chocolate": 0.5}, "diet knows others, strangers, covered, tilted, small, not chocolate"),
    ],
)
def test_impossible_diets_are_refused(diet, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        TrainConfig(diet=diet)


def test_what_is_covered_can_be_seen_no_more():
    """A rectangle over the brows of a turned, moved and mirrored face hides them and nothing else."""
    face = np.full((1, 68, 2), np.nan)
    face[0] = np.array([0.0, 0.5])  # everything at the chin,
    face[0, 17:27] = np.stack((np.linspace(-0.4, 0.4, 10), np.full(10, -0.3)), axis=1)  # but the brows
    geometry = Geometry(np.array([True]), np.array([0.5]), np.array([1.1]), np.array([[0.05, -0.02]]))
    spot = torch.zeros(1, 1, 100, 100)
    spot[..., 34:42, 28:73] = 1  # y -0.3, x -0.55 .. 0.55 of the plain crop, which packed crops exceed by a quarter
    seen = left_to_see(face, geometry, warp(spot, geometry, 160)[:, 0])
    torch.testing.assert_close(seen[0], torch.tensor([0.0, 1, 1, 1, 1, 1]), atol=0.05, rtol=0)
    half = left_to_see(face, Geometry.still(1), torch.cat((torch.zeros(1, 80, 40), torch.ones(1, 80, 40)), dim=2))
    assert half[0, 0] == pytest.approx(0.5, abs=0.05)
    face[0, 40] = np.nan
    assert left_to_see(face, geometry, torch.zeros(1, 32, 32)).isnan()[0].tolist() == [False, True, True, *[False] * 3]


def test_labels_of_what_can_be_seen_follow_covers_and_holes(faces):
    table = faces.table.copy()
    table[list(VISIBLE)] = 0.8
    spread = np.random.default_rng(0).uniform(-0.5, 0.5, (len(faces.images), 68, 2)).astype(np.float32)
    known = replace(faces, table=table, landmarks=spread)
    bare, covered = (batches(known, diet=Diet(covered=share))(0)["visible_targets"] for share in (0.0, 0.99))
    assert (bare == 0.8).float().mean() > 0.5 and (covered <= bare + 1e-6).all() and covered.mean() < bare.mean() - 0.03
    assert batches(faces)(0)["visible_targets"].isnan().all()  # a set that does not know
    assert (batches(known, augment=False)(0)["visible_targets"] == 0.8).all()


def test_where_a_look_hides_something_it_is_painted():
    look = Look.draw(60, np.random.default_rng(1))
    pictures = torch.full((60, 3, 64, 64), 0.5)
    same = replace(look, hole=np.zeros((60, 4)))
    changed = (look.apply(pictures.clone()) != same.apply(pictures.clone())).any(1)
    hidden = look.hides(64) > 0
    assert hidden.any() and not (changed & ~hidden).any() and changed[hidden].float().mean() > 0.95
