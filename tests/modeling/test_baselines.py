"""The compared methods: what each can and cannot see, what it learns from, and that one trainer's batch serves all."""

import math

import pytest
import torch
from drawn_faces import drawn_faces
from transformers import AutoModel

from threedpain.modeling.faces.batches import Batches
from threedpain.modeling.faces.faces import FaceSet
from threedpain.modeling.vitpain import baselines
from threedpain.modeling.vitpain.baselines import BASELINES, contrastive

SIDE = 64


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    photo, rest = torch.randn(2, 4, 3, SIDE, SIDE, generator=generator)
    return {"pixel_values": photo, "neutral_pixel_values": rest}


def build(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BASELINES[name](SIDE)


def ask(model, **inputs):
    with torch.no_grad():
        return model.eval()(**inputs)


@pytest.mark.parametrize("name", BASELINES)
def test_answers_have_vitpains_shapes_and_ranges(name, batch):
    inputs = batch if name == "pairwise" else {"pixel_values": batch["pixel_values"]}
    out = ask(build(name), **inputs)
    assert out.pspi.shape == (4,) and out.pain_logits.shape == (4, 3)
    assert ((out.pspi >= 0) & (out.pspi <= 16)).all()
    assert (out.au is not None) == (name == "au-linear")


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_learns_from_the_trainers_batch(name, tmp_path):
    faces, model = FaceSet.pack(drawn_faces(4, 3, 1), size=80, cache=tmp_path), build(name).train()
    made = Batches(
        faces, size=SIDE, map_size=getattr(model.config, "map_size", 0) or 64, mean=[0.5] * 3, std=[0.5] * 3,
        batch_size=4, conditions={"none" if name != "pairwise" else "realistic": 1.0},
    )  # fmt: skip
    out = model(**made(0))
    out.loss.backward()
    assert torch.isfinite(out.loss) and any(one.grad is not None for one in model.parameters())


@pytest.mark.parametrize("name", BASELINES)
def test_saved_folder_loads_by_auto_model(name, batch, tmp_path):
    baselines.register()
    model = build(name)
    model.save_pretrained(tmp_path)
    inputs = batch if name == "pairwise" else {"pixel_values": batch["pixel_values"]}
    loaded = AutoModel.from_pretrained(tmp_path)
    assert type(loaded) is type(model)
    torch.testing.assert_close(ask(loaded, **inputs).pspi, ask(model, **inputs).pspi)


@pytest.mark.parametrize("name", BASELINES)
def test_the_trainer_builds_and_goes_on_with_each(name, tmp_path):
    """From scratch by its name, and from its folder, with the weights of the losses a protocol asks for."""
    from threedpain.modeling.training.run import TrainConfig, build_model

    scratch = build_model(TrainConfig(role=name, model={"image_size": SIDE}))
    assert type(scratch) is type(build(name)) and scratch.config.image_size == SIDE
    scratch.save_pretrained(tmp_path)
    again = build_model(TrainConfig(role="student", init=str(tmp_path), loss_weights={"au": 0.1}))
    assert type(again) is type(scratch) and again.config.loss_weights["au"] == 0.1
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in scratch.state_dict().items())


@pytest.mark.parametrize("name", BASELINES)
def test_unknown_labels_teach_nothing(name, batch):
    inputs = batch if name == "pairwise" else {"pixel_values": batch["pixel_values"]}
    model = build(name).train()
    nothing = torch.full((4,), math.nan)
    loss = model(**inputs, labels=nothing, au_targets=torch.full((4, 6), math.nan)).loss
    loss.backward()
    assert loss == 0 and all(p.grad is None or not p.grad.any() for p in model.parameters())


@pytest.mark.parametrize("name", BASELINES)
def test_each_learns_a_handful_of_faces(name, batch):
    """A few steps of Adam on four faces bring the loss well below its start."""
    torch.manual_seed(0)
    inputs = batch if name == "pairwise" else {"pixel_values": batch["pixel_values"]}
    labels = torch.tensor([0.0, 4.0, 8.0, 15.0])
    au = torch.tensor([[0.0] * 6, [1, 1, 0, 2, 0, 0], [3, 2, 2, 1, 3, 0], [5, 4, 5, 5, 1, 1]], dtype=torch.float)
    model = build(name).train()
    optimizer = torch.optim.Adam(model.parameters(), 3e-4)
    losses = []
    for _ in range(40):
        loss = model(**inputs, labels=labels, au_targets=au).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[-5:]) < 0.7 * losses[0]


def test_pairwise_sees_only_what_differs_from_the_neutral(batch):
    model = build("pairwise")
    photo = batch["pixel_values"]
    alone = ask(model, pixel_values=photo, neutral_pixel_values=photo).pain_logits
    torch.testing.assert_close(alone, alone[:1].expand(4, 3))  # compared with itself every face is the same
    assert (ask(model, **batch).pain_logits.std(0) > 0.01).all()


def test_pairwise_pool_shots_and_missing_references(batch):
    model = build("pairwise")
    photo, rest = batch["pixel_values"], batch["neutral_pixel_values"]
    direct = ask(model, pixel_values=photo, neutral_pixel_values=rest[[2, 0, 0, 3]]).pspi
    pooled = ask(model, pixel_values=photo, neutral_pixel_values=rest, neutral_index=torch.tensor([2, 0, 0, 3])).pspi
    torch.testing.assert_close(pooled, direct)
    shots = torch.stack((rest, rest.flip(0)), 1)
    both = ask(model, pixel_values=photo, neutral_pixel_values=shots).pspi
    single = [ask(model, pixel_values=photo, neutral_pixel_values=shots[:, i]).pspi for i in (0, 1)]
    torch.testing.assert_close(both, (single[0] + single[1]) / 2)
    first = torch.tensor([[True, False]] * 4)
    masked = ask(model, pixel_values=photo, neutral_pixel_values=shots, neutral_mask=first).pspi
    torch.testing.assert_close(masked, single[0])


def test_pairwise_learns_from_pain_or_none_where_pspi_is_not_told(batch):
    """SynPAIN tells pain from non-pain and nothing else: the contrastive and the pain loss act, the regression not."""
    model = build("pairwise").train()
    pain = torch.tensor([[1, math.nan, math.nan]] * 2 + [[0.0, 0.0, 0.0]] * 2)
    out = model(**batch, labels=torch.full((4,), math.nan), pain_targets=pain)
    assert out.losses["pspi"] == 0 and out.losses["pain"] > 0 and out.losses["contrastive"] > 0


def test_contrastive_loss_by_hand():
    """Unit vectors: two alike at a right angle, one unlike at the same place as the first."""
    features = torch.tensor([[1.0, 0.0], [0.0, 3.0], [2.0, 0.0]])
    pspi = torch.tensor([5.0, 5.5, 9.0])
    # pairs: alike, distance sqrt 2 -> 2; unlike, distance 0 -> margin 1 -> 1; unlike, distance sqrt 2 > margin -> 0
    assert contrastive(features, pspi, 1.0).item() == pytest.approx((2 + 1 + 0) / 3, abs=1e-3)
    assert contrastive(features[:1], pspi[:1], 1.0) == 0


def test_au_linear_pspi_is_linear_in_the_action_units_and_teaches_them_nothing(batch):
    model = build("au-linear")
    out = model.train()(pixel_values=batch["pixel_values"], labels=torch.tensor([1.0, 2.0, 3.0, 4.0]))
    torch.testing.assert_close(out.pspi, model.heads.pspi(out.au).squeeze(-1))
    out.loss.backward()
    assert model.heads.pspi.weight.grad.any()
    assert all(p.grad is None or not p.grad.any() for p in model.encoder.parameters())
    model.zero_grad()
    model(pixel_values=batch["pixel_values"], au_targets=torch.ones(4, 6)).loss.backward()
    assert any(p.grad is not None and p.grad.any() for p in model.encoder.parameters())


def test_vanilla_is_a_vitpain_without_reference():
    config = build("vanilla").config
    assert config.model_type == "vitpain" and config.reference == "none" and not config.au_head


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("side", [32, 64, 80, 160])
def test_all_look_at_the_face_and_not_around_it(name, side):
    """Methods are compared, not crops: what lies outside of the central 70 % (whole patches) changes no answer."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BASELINES[name](side)
    photo = torch.randn(1, 3, side, side)
    framed, touched, border = photo.clone(), photo.clone(), side // 10
    framed[..., :border, :] = framed[..., :, -border:] = 3.0
    touched[..., side // 2, side // 2] += 3.0
    seen = ask(model, pixel_values=photo).pain_logits
    torch.testing.assert_close(ask(model, pixel_values=framed).pain_logits, seen)
    assert (ask(model, pixel_values=touched).pain_logits != seen).any()


def test_configuration_of_a_baseline_can_be_changed():
    from threedpain.modeling.training.run import TrainConfig, build_model

    model = build_model(TrainConfig(role="pairwise", model={"image_size": SIDE, "widths": [16, 16, 16], "focus": 1.0}))
    assert model.config.widths == [16, 16, 16] and model.config.focus == 1.0
