"""Packing, augmentation and training: what a step computes, how a run is interrupted, and that it learns."""

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from drawn_faces import drawn_faces

from threedpain.errors import InvalidInput, MissingFile
from threedpain.generation.process import threads
from threedpain.modeling.evaluation.conformal import fit_edges, half_widths
from threedpain.modeling.evaluation.evaluate import predict
from threedpain.modeling.faces.augment import Geometry, Look, warp
from threedpain.modeling.faces.batches import Batches
from threedpain.modeling.faces.faces import FaceSet, join
from threedpain.modeling.faces.retake import ramps
from threedpain.modeling.faces.sets import by_people, training_sets
from threedpain.modeling.training.process import alone_in
from threedpain.modeling.training.run import Run, TrainConfig, build_model, calibrate, train
from threedpain.modeling.vitpain.image_processing_vitpain import ViTPainImageProcessor
from threedpain.modeling.vitpain.loading import load_model, load_processor

SMALL = {
    "image_size": 32, "stem": "plain", "stem_widths": [8, 16], "stem_depths": [0, 1], "num_attention_heads": 2,
    "heatmap_upsample": 4,
    "backbone_config": {
        "model_type": "vit", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 32, "patch_size": 2,
    },
    "pspi_hidden": [32], "au_hidden": 32,
}  # fmt: skip
SMALL_TEACHER = SMALL | {"num_channels": 1, "reference": "none", "heatmap_upsample": 0, "mask_classes": 0}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return FaceSet.pack(drawn_faces(), size=40, cache=tmp_path_factory.mktemp("faces"))


def settings(out, **given) -> TrainConfig:
    values = {
        "epochs": 1, "batch_size": 8, "model": SMALL, "validations": 1, "validation_pictures": 8, "average": 0.9,
    }  # fmt: skip
    return TrainConfig(**{"out": str(out), **values, **given})


def batches(faces, **given):
    values = {"size": 32, "map_size": 16, "mean": [0.5] * 3, "std": [0.5] * 3, "batch_size": 8}
    return Batches(faces, **{**values, "conditions": {"realistic": 0.5, "aligned": 0.3, "none": 0.2}, **given})


# Packing


def test_packed_crops_are_the_processors_crops(faces):
    row = drawn_faces()[5]
    processor = ViTPainImageProcessor(size=32)
    expected = processor(images=row["image"], boxes=row["bbox"], return_tensors="pt").pixel_values[0]
    packed = torch.from_numpy(np.array(faces.images[5:6])).permute(0, 3, 1, 2).float() / 255
    got = (warp(packed, Geometry.still(1), 32)[0] - 0.5) / 0.5
    assert (got - expected).abs().mean() < 0.03
    assert faces.table["id"][5] == row["id"] and faces.table["PSPI"][5] == row["PSPI"]


def test_references_show_the_same_person_at_rest(faces):
    rng = np.random.default_rng(0)
    everyone = np.arange(len(faces))
    realistic = faces.choose_references(everyone, "realistic", rng)[:, 0]
    shown = faces.table.iloc[realistic].reset_index()
    assert (shown["identity"] == faces.table["identity"]).all() and (shown["expression"] == "neutral").all()
    assert (shown["view_id"] != faces.table["view_id"]).all()
    aligned = faces.choose_references(everyone, "aligned", rng)[:, 0]
    neutral = (faces.table["expression"] == "neutral").to_numpy()
    assert (aligned[neutral] == everyone[neutral]).all() and (aligned[~neutral] >= len(faces)).all()
    assert (faces.choose_references(everyone, "none", rng) == -1).all()
    # the corner is background, which only a shared scene has in common
    corner = faces.images[:, 0, 0].astype(int)
    assert np.abs(corner[aligned] - corner[everyone]).max() <= 2


def test_a_covered_neutral_is_a_reference_only_where_there_is_no_other(tmp_path):
    plain = drawn_faces(2, 2, 3)  # a neutral and a pain, each from three views
    worn = ["mouth_hand", "glasses", "", "", "", "", *["blanket"] * 3, "", "", ""]
    faces = FaceSet.pack(plain.add_column("accessories", worn), 40, cache=tmp_path)
    shown = [[(faces.table["identity"][row], faces.table["view_id"][row]) for row in rows] for rows in faces.references]
    first, second = faces.table["identity"][0], faces.table["identity"][6]
    assert shown[0] == [(first, "left"), (first, "right")]
    assert shown[1] == [(first, "right")], "not the covered front, though it is another view"
    assert shown[3] == [(first, "left"), (first, "right")] and shown[4] == [(first, "right")]
    assert shown[9] == [(second, "left"), (second, "right")], "all are covered: as if none were"


@pytest.mark.parametrize("unknown", [None, float("nan")])
def test_a_set_that_does_not_say_what_is_worn_has_all_its_neutrals(tmp_path, unknown):
    plain = drawn_faces(2, 2, 3)
    faces = FaceSet.pack(plain.add_column("accessories", [unknown] * len(plain)), 40, cache=tmp_path)
    assert list(map(list, faces.references)) == list(map(list, FaceSet.pack(plain, 40, cache=tmp_path).references))


def test_a_selection_is_packed_with_its_own_aligned_pictures(tmp_path):
    dataset = drawn_faces()
    rows = np.flatnonzero(np.asarray(dataset["PSPI"]) > 0)[::2]
    faces, whole = (FaceSet.pack(some, 40, cache=tmp_path) for some in (dataset.select(rows), dataset))
    aligned = faces.choose_references(np.arange(len(faces)), "aligned", np.random.default_rng(0))[:, 0]
    same = whole.choose_references(rows, "aligned", np.random.default_rng(0))[:, 0]
    assert (faces.images[aligned] == whole.images[same]).all()


def test_a_set_without_aligned_pictures_says_so(tmp_path):
    plain = FaceSet.pack(drawn_faces(2, 2, 2, aligned=False).remove_columns("aligned_neutral"), 40, cache=tmp_path)
    with pytest.raises(InvalidInput, match="no aligned neutral pictures"):
        plain.choose_references(np.arange(4), "aligned", np.random.default_rng(0))
    with pytest.raises(InvalidInput, match="one of realistic, aligned, none, got 'now'"):
        plain.choose_references(np.arange(4), "now", np.random.default_rng(0))


def test_packing_happens_once_and_needs_a_picture_and_a_score(tmp_path):
    data = drawn_faces(2, 2, 1)
    first = FaceSet.pack(data, 40, cache=tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    second = FaceSet.pack(data, 40, cache=tmp_path)
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    assert np.array_equal(first.images, second.images)
    with pytest.raises(InvalidInput, match="needs the columns image and PSPI"):
        FaceSet.pack(data.remove_columns("PSPI"), 40, cache=tmp_path)
    with pytest.raises(InvalidInput, match="empty"):
        FaceSet.pack(data.select([]), 40, cache=tmp_path)


@pytest.mark.parametrize("box", [[20, 0, 10, 30], [0, 0, 1e5, 1e5], [0, 0, 1e5, math.nan]])
def test_a_face_box_that_is_none_is_told(tmp_path, box):
    rows = drawn_faces(1, 1, 1)
    wrong = rows.map(lambda row: {"bbox": [float(edge) for edge in box]}, load_from_cache_file=False)
    with pytest.raises(InvalidInput, match="the face box .* of picture 0-0-0 cannot be cut out"):
        FaceSet.pack(wrong, size=40, cache=tmp_path)


def test_subsets_filters_and_joins_keep_pictures_labels_and_references_together(faces):
    women = faces.where(["gender=female"])
    assert set(women.table["gender"]) == {"female"} and len(women) < len(faces)
    with pytest.raises(InvalidInput, match="no picture meets"):
        faces.where(["gender=robot"])
    with pytest.raises(InvalidInput, match="no column=value"):
        faces.where(["sex"])
    both = join([women, faces.first_identities(1)])
    assert both.table["identity"].nunique() == women.table["identity"].nunique() + 1
    for part, start in ((women, 0), (faces.first_identities(1), len(women))):
        for at in (0, len(part) - 1):
            assert np.array_equal(both.images[both.rows[start + at]], part.images[part.rows[at]])
            theirs = [part.images[row].tobytes() for row in part.references[part.rows[at]]]
            assert [both.images[row].tobytes() for row in both.references[both.rows[start + at]]] == theirs
    rest, held = by_people(faces, 0.3)
    assert not set(rest.table["identity"]) & set(held.table["identity"]) and len(rest) + len(held) == len(faces)


# Augmentation


def test_one_geometry_moves_picture_heatmap_and_mask_together():
    spot = torch.zeros(1, 1, 40, 40)
    spot[..., 12:16, 22:26] = 1
    geometry = Geometry(np.array([True]), np.array([0.2]), np.array([1.1]), np.array([[0.05, -0.03]]))
    centres = []
    for size in (32, 64):
        moved = warp(spot, geometry, size)[0, 0]
        y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
        centres.append(torch.stack(((moved * x).sum(), (moved * y).sum())) / moved.sum() / size)
    torch.testing.assert_close(centres[0], centres[1], atol=0.01, rtol=0)
    still = warp(spot, Geometry.still(1), 32)
    flipped = warp(spot, replace(Geometry.still(1), flip=np.array([True])), 32)
    torch.testing.assert_close(flipped, still.flip(-1))


def test_looks_keep_the_scale_and_repeat():
    pictures = torch.rand(40, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    look = Look.draw(40, np.random.default_rng(3))
    once, again = look.apply(pictures.clone()), look.apply(pictures.clone())
    assert torch.equal(once, again) and once.min() >= 0 and once.max() <= 1
    assert not torch.allclose(once, pictures)
    torch.testing.assert_close(once[5:9], look.take(np.arange(5, 9)).apply(pictures[5:9].clone()), atol=1e-5, rtol=0)


def test_batches_repeat_and_processes_share_them(faces):
    whole = batches(faces)(3)
    again = batches(faces)(3)
    halves = [batches(faces, rank=rank, world=2)(3) for rank in range(2)]
    for name in ("pixel_values", "labels", "heatmap_targets", "mask_targets"):
        assert torch.equal(whole[name].nan_to_num(-9), again[name].nan_to_num(-9))
        joined = torch.cat([half[name] for half in halves])
        torch.testing.assert_close(joined, whole[name], atol=1e-5, rtol=0, equal_nan=True)
    pictures = []
    for half in halves:
        for at in range(len(half["labels"])):
            index = int(half["neutral_index"][at]) if "neutral_index" in half else -1
            pictures.append(None if index < 0 else half["neutral_pixel_values"][index])
    for at, picture in enumerate(pictures):
        index = int(whole["neutral_index"][at])
        assert (picture is None) == (index < 0)
        if picture is not None:
            torch.testing.assert_close(picture, whole["neutral_pixel_values"][index], atol=1e-5, rtol=0)


def test_aligned_references_move_and_colour_with_their_picture(faces):
    batch = batches(faces, conditions={"aligned": 1.0}, batch_size=16)(0)
    matched = batch["neutral_pixel_values"][batch["neutral_index"][:, 0]]
    # noise, blur and holes are each photograph's own, so most pixels agree, not all
    near = ((matched - batch["pixel_values"]).abs() < 0.25).float().mean((1, 2, 3))
    assert near.median() > 0.8


def test_some_aligned_references_are_nudged_and_no_others():
    still, marked = Geometry.still(400), np.arange(400) < 200
    moved = still.nudged(marked, np.random.default_rng(0))
    shift = np.hypot(*moved.shift.T)
    assert (shift[~marked] == 0).all() and (moved.angle[~marked] == 0).all() and (moved.scale[~marked] == 1).all()
    assert 0.4 < (shift[marked] > 0).mean() < 0.6
    assert shift.max() <= 0.0142 and np.abs(np.log(moved.scale)).max() <= 0.02


def test_pain_is_drawn_as_often_as_asked(faces):
    drawn = batches(faces, pain_weight=2.0)
    shown = np.bincount(drawn._order(0).ravel(), minlength=len(faces))
    pain = (faces.table["PSPI"] > 0).to_numpy()
    assert shown[pain].mean() > 1.5 * shown[~pain].mean()


# Training


def test_training_leaves_threads_and_attention_as_they_were(tmp_path, faces):
    assert torch.backends.cuda.flash_sdp_enabled()
    with threads(3):
        train(settings(tmp_path / "run", max_steps=1), faces, faces)
        assert torch.get_num_threads() == 3
    assert torch.backends.cuda.flash_sdp_enabled()


def test_ramps_leave_the_number_of_threads_to_their_caller():
    with threads(3):
        for ramp in ramps(1, levels=2, size=48, texture="flat"):
            assert len(ramp.pictures) == 2 and torch.get_num_threads() == 3


def test_a_tiny_run_overfits_eight_pairs(tmp_path):
    eight = FaceSet.pack(drawn_faces(2, 4, 1), size=40, cache=tmp_path / "faces")
    assert len(eight) == 8
    model = SMALL | {"stem_widths": [16, 32], "backbone_config": SMALL["backbone_config"] | {"hidden_size": 64}}
    run = Run(settings(tmp_path / "run", epochs=150, model=model, augment=False, warmup=0.02), eight, eight)
    for _ in range(150):
        run.one_step()
        run.step += 1
    table = predict(run.averaged(), eight, processor=run.processor, reference="none")
    assert (table["pspi_hat"] - table["PSPI"]).abs().max() < 0.5


@pytest.mark.parametrize("diet", [{}, {"others": 0.3, "strangers": 0.3, "covered": 0.5, "tilted": 0.3, "small": 0.3}])
def test_interrupted_and_resumed_follows_the_uninterrupted(tmp_path, faces, diet):
    whole = Run(settings(tmp_path / "whole", epochs=2, diet=diet), faces, faces)
    whole.fit()
    part = settings(tmp_path / "part", epochs=2, diet=diet)
    Run(replace(part, max_steps=3), faces, faces).fit()
    assert (tmp_path / "part" / "checkpoint").is_dir() and not (tmp_path / "part" / "config.json").exists()
    resumed = Run(part, faces, faces)
    resumed.fit()
    assert resumed.step == whole.step == whole.total
    for name, value in whole.averaged().state_dict().items():
        torch.testing.assert_close(resumed.averaged().state_dict()[name], value, atol=1e-5, rtol=0)
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("whole", "part")]
    assert json.loads(logs[0][-1])["mae"] == pytest.approx(json.loads(logs[1][-1])["mae"], abs=1e-5)


@pytest.mark.parametrize("during", ["_validate", "one_step"])
def test_an_interrupt_breaks_off_no_step_and_a_judging_only_to_repeat_it(tmp_path, faces, monkeypatch, during):
    """The last judging decides what is kept; half a step is no state to continue from."""
    run, work = Run(settings(tmp_path), faces, faces), getattr(Run, during)
    before = signal.getsignal(signal.SIGTERM)

    def stopped(self, *given):
        if self.step >= run.total - 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return work(self, *given)

    monkeypatch.setattr(Run, during, stopped)
    with pytest.raises(KeyboardInterrupt):
        run.fit()
    assert signal.getsignal(signal.SIGTERM) is before and run.step == run.total
    assert run.schedule.last_epoch == run.total, "the step was made whole"
    monkeypatch.setattr(Run, during, work)
    assert Run(settings(tmp_path), faces, faces).fit() == tmp_path
    steps = [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert steps[-1] == run.total and len(set(steps)) == len(steps)


def test_a_run_killed_between_two_checkpoints_goes_on(tmp_path, faces):
    Run(settings(tmp_path, max_steps=1), faces, faces).fit()
    (tmp_path / "checkpoint").rename(tmp_path / "checkpoint.old")
    again = Run(settings(tmp_path, max_steps=1), faces, faces)
    again.fit()
    assert again.step == 1 and (tmp_path / "checkpoint").is_dir()


def test_a_run_is_not_continued_on_other_pictures(tmp_path, faces):
    Run(settings(tmp_path, max_steps=1), faces, faces).fit()
    with pytest.raises(InvalidInput, match="holds a run on other pictures; continue it with the same set"):
        Run(settings(tmp_path), faces.first_identities(4), faces).fit()


def test_two_runs_do_not_work_on_one_folder(tmp_path, faces):
    run = Run(settings(tmp_path, max_steps=1), faces, faces)
    with alone_in(tmp_path), pytest.raises(InvalidInput, match="another run is working on"):
        run.fit()
    run.fit()


def test_a_finished_model_is_not_trained_over(tmp_path, faces):
    (tmp_path / "config.json").write_text("mine")
    with pytest.raises(InvalidInput, match="holds a finished model: name another folder, or remove it"):
        Run(settings(tmp_path), faces, faces)
    assert (tmp_path / "config.json").read_text() == "mine"


def test_without_pain_nothing_says_where_it_begins(tmp_path, faces):
    calm = faces.subset((faces.table["PSPI"] == 0).to_numpy())
    run = Run(settings(tmp_path), faces, faces)
    run.model.config.pain_threshold = 1.5
    calibrate(run.model, run.processor, faces, calm, {"none": 1.0})
    assert run.model.config.pain_threshold == 1.5
    calibrate(run.model, run.processor, faces, faces, {"none": 1.0})
    assert run.model.config.pain_threshold != 1.5


def test_a_run_is_not_continued_with_other_settings(tmp_path, faces):
    Run(settings(tmp_path, max_steps=1), faces, faces).fit()
    with pytest.raises(InvalidInput, match="a run with another learning_rate"):
        Run(settings(tmp_path, learning_rate=0.5), faces, faces).fit()


def test_teacher_then_student_then_fine_tuning(tmp_path, faces):
    teacher = train(settings(tmp_path / "teacher", role="teacher", model=SMALL_TEACHER), faces, faces)
    assert load_processor(teacher).image_mode == "L" and load_model(teacher).config.num_channels == 1
    student = train(settings(tmp_path / "student", teacher=str(teacher)), faces, faces)
    log = json.loads((student / "log.jsonl").read_text().splitlines()[-1])
    assert {"distill_features", "distill_outputs", "mae_realistic", "mae_aligned", "mae_none"} <= set(log)
    model = load_model(student)
    assert len(model.config.interval_quantiles) == len(model.config.interval_edges) + 1
    for name in ("interval_quantiles_alone", "interval_quantiles_covered"):
        wider = getattr(model.config, name)
        assert len(wider) == len(model.config.interval_quantiles)
        assert all(value >= plain for value, plain in zip(wider, model.config.interval_quantiles, strict=True)), name
    assert 0 <= model.config.pain_threshold <= 6
    assert sorted(path.name for path in student.glob("*.json*")) == [
        "config.json", "log.jsonl", "preprocessor_config.json", "train.json",
    ]  # fmt: skip
    tuned = train(settings(tmp_path / "tuned", init=str(student), model={}, learning_rate=1e-5), faces, faces)
    moved = (load_model(tuned).heads.pspi[-1].weight - model.heads.pspi[-1].weight).abs().max()
    assert 0 < moved < 1e-2


@pytest.mark.parametrize(
    "found, said",
    [
        ({"architecture": "x86_64", "avx2": True, "avx512_bf16": False, "amx_bf16": False}, True),
        ({"architecture": "x86_64", "avx512_bf16": True}, False),
        ({"architecture": "aarch64"}, False),
    ],
)
def test_bfloat16_on_a_processor_without_it_is_said(tmp_path, faces, monkeypatch, caplog, found, said):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    AcceleratorState._reset_state()  # a process keeps its first precision
    Run(settings(tmp_path, precision="bf16"), faces, faces)
    AcceleratorState._reset_state()
    assert ("does not multiply bfloat16" in caplog.text) == said


@pytest.mark.parametrize("weights", [{"layer.weight": (3, 3)}, {"embeddings.cls_token": (1, 1, 7)}])
def test_a_backbone_of_another_kind_is_not_taken_for_the_one_asked_for(monkeypatch, weights):
    other = SimpleNamespace(state_dict=lambda: {name: torch.zeros(shape) for name, shape in weights.items()})
    monkeypatch.setattr("threedpain.modeling.training.settings.AutoModel.from_pretrained", lambda name: other)
    with pytest.raises(InvalidInput, match="the weights of other/kind do not fit the model's backbone"):
        build_model(TrainConfig(model=SMALL, stem_weights="none", backbone_weights="other/kind"))


def test_losses_can_be_switched_off(tmp_path, faces):
    off = dict.fromkeys(("au", "heatmap", "mask", "visible", "consistency", "pain"), 0.0)
    run = Run(settings(tmp_path, loss_weights=off), faces, faces)
    assert set(run.one_step()) == {"loss", "pspi"}


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft asks for it
def test_the_papers_recipe_in_miniature(tmp_path, faces):
    from threedpain.modeling.vitpain.recipes import PAPER

    small = {
        "image_size": 32, "num_attention_heads": 2, "pspi_hidden": [16], "au_hidden": 16,
        "backbone_config": {
            "model_type": "dinov3_vit", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 64, "patch_size": 8,
        },
    }  # fmt: skip
    config = TrainConfig.of(
        "student", "paper", out=str(tmp_path / "run"), model={**PAPER, **small}, epochs=1, batch_size=8,
        precision="no", backbone_weights=None, freeze_backbone=True, validations=1,
    )  # fmt: skip
    assert config.lora_rank == 8 and config.lora_alpha == 16
    before = build_model(config)
    trained = {name for name, value in before.named_parameters() if value.requires_grad}
    assert any("lora_A" in name for name in trained)
    assert all("lora" in name for name in trained if ".backbone." in name)
    run = Run(config, faces, faces)
    folder = run.fit()
    merged = load_model(folder)
    assert not any("lora" in name for name in merged.state_dict())
    log = json.loads((folder / "log.jsonl").read_text().splitlines()[-1])
    assert np.isfinite(log["mae"])


@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_compute_what_one_does(tmp_path, accumulate):
    script = tmp_path / "losses.py"
    script.write_text(f"""
import json, os, sys, warnings
warnings.simplefilter("ignore")
import torch
from pathlib import Path
from threedpain.modeling.faces.faces import FaceSet
from threedpain.modeling.faces.sets import training_sets
from threedpain.modeling.training.run import Run, TrainConfig
sys.path.insert(0, {str(Path(drawn_faces.__code__.co_filename).parent)!r})
from drawn_faces import drawn_faces as drawn
out = Path(sys.argv[1])
faces = FaceSet.pack(drawn(), size=40, cache=Path({str(tmp_path / "faces")!r}))
run = Run(TrainConfig(out=str(out), batch_size=16, accumulate={accumulate}, group=2, model={SMALL!r}), faces, faces)
losses = []
for _ in range(4):
    losses.append(run.one_step())
    run.step += 1
if run.accelerator.is_main_process:
    out.mkdir(exist_ok=True)
    (out / "losses.json").write_text(json.dumps(losses))
if torch.distributed.is_initialized():
    torch.distributed.barrier()
    os._exit(0)  # the losses are written; gloo's threads now and then abort while Python takes them down
""")
    FaceSet.pack(drawn_faces(), size=40, cache=tmp_path / "faces")
    env = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    two = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    for command, name in (([sys.executable], "one"), (two, "two")):
        done = subprocess.run([*command, str(script), str(tmp_path / name)], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
    one, two = (json.loads((tmp_path / name / "losses.json").read_text()) for name in ("one", "two"))
    for mine, theirs in zip(one, two, strict=True):
        for name, value in mine.items():
            assert theirs[name] == pytest.approx(value, abs=1e-5, rel=1e-5), name


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"role": "nurse"}, "role must be one of teacher, student, vanilla, pairwise, au-linear, got 'nurse'"),
        ({"recipe": "soup"}, "recipe must be one of student, teacher, paper, got 'soup'"),
        ({"batch_size": 10}, "divisible by group x accumulate = 4"),
        ({"epochs": 0}, "above 0"),
    ],
)
def test_impossible_settings_are_refused(values, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        TrainConfig(**values)


# Folders that are no models


def test_folders_that_are_no_models_say_why(tmp_path, faces):
    with pytest.raises(MissingFile, match="no model folder, no shipped weights"):
        load_model(tmp_path / "nothing")
    with pytest.raises(MissingFile, match="no config.json"):
        load_model(tmp_path)
    model = build_model(settings(tmp_path))
    model.save_pretrained(tmp_path / "whole")
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_text((tmp_path / "whole" / "config.json").read_text())
    torch.save(model.state_dict(), tmp_path / "pickled" / "pytorch_model.bin")
    with pytest.raises(MissingFile, match="pytorch_model.bin is a pickle"):
        load_model(tmp_path / "pickled")
    config = json.loads((tmp_path / "whole" / "config.json").read_text())
    (tmp_path / "whole" / "config.json").write_text(json.dumps(config | {"decoder_layers": 2}))
    with pytest.raises(InvalidInput, match="lacks .* of the model's weights, for instance heads.decoder.1"):
        load_model(tmp_path / "whole")


# Intervals


def test_conformal_intervals_cover_what_they_promise():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 16, 6000)
    prediction = truth + rng.normal(0, 0.3 + 0.1 * truth)
    edges = fit_edges(prediction[:3000])
    widths = np.array(half_widths(prediction[:3000], truth[:3000], edges))
    assert (np.diff(widths) > 0).all()
    new = prediction[3000:]
    covered = np.abs(new - truth[3000:]) <= widths[np.searchsorted(edges, new)]
    assert 0.88 <= covered.mean() <= 0.92
    assert half_widths(np.array([1.0]), np.array([2.0]), [5.0]) == [1.0, 1.0]
    # a bin of a few pictures could promise nothing: few pictures are fewer bins
    assert [len(fit_edges(prediction[:count])) for count in (10, 59, 60, 179, 3000)] == [0, 0, 1, 4, 5]


# Several sets


def test_sets_together_keep_their_people_apart_and_their_references(tmp_path):
    for name, aligned in (("a", True), ("b", False)):
        part = drawn_faces(4, 3, 2, seed=5, aligned=aligned)
        part = part if aligned else part.remove_columns("aligned_neutral")
        (tmp_path / name).mkdir()
        part.to_parquet(tmp_path / name / "train.parquet")
        card = "---\nconfigs:\n- config_name: images\n  data_files: train.parquet\n---\n"
        (tmp_path / name / "README.md").write_text(card)
    learn, watch = training_sets([f"{tmp_path}/a", f"{tmp_path}/b"], 40)
    people = [set(half.table["identity"]) for half in (learn, watch)]
    assert not people[0] & people[1] and len(people[0] | people[1]) == 8  # same numbers in both sets, other people
    assert not learn.can("aligned") and learn.can("aligned", everyone=False)
    batch = batches(learn, conditions={"aligned": 1.0}, batch_size=len(learn) // 4 * 4, augment=False)(0)
    assert (batch["neutral_index"] >= 0).all()  # who has no aligned picture gets another photograph


def test_splits_that_nobody_is_asked_about_are_learned_from_too(tmp_path):
    for split, people, seed in (("train", 4, 1), ("test", 2, 2), ("validation", 3, 3)):
        drawn = drawn_faces(people, 3, 2, seed=seed)
        who = [f"{split} {name}" for name in drawn["identity_id"]]
        drawn.remove_columns("identity_id").add_column("identity_id", who).to_parquet(tmp_path / f"{split}.parquet")
    files = "".join(f"  - {{split: {split}, path: {split}.parquet}}\n" for split in ("train", "test", "validation"))
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n- config_name: images\n  data_files:\n{files}---\n")

    def people(faces: FaceSet) -> set[str]:
        return {name.split()[0] for name in faces.table["identity"]}

    learn, watch = training_sets([str(tmp_path)], 40)
    assert people(learn) == {"train"} and people(watch) == {"validation"}
    more, same = training_sets([str(tmp_path)], 40, splits=["train", "test", "test"])
    assert people(more) == {"train", "test"} and people(same) == {"validation"}
    assert more.table["identity"].nunique() == 6 and len(more) == len(learn) * 6 // 4
    for at in range(len(more)):  # references are the person's own, in the split that comes second too
        found = more.references[more.rows[at]]
        assert len(found) and set(more.table["identity"].iloc[found]) == {more.table["identity"].iat[at]}
    with pytest.raises(InvalidInput, match="has no split dev; it has train, test, validation"):
        training_sets([str(tmp_path)], 40, splits=["train", "dev"])
    with pytest.raises(InvalidInput, match="others but validation, got 'train, validation'"):
        training_sets([str(tmp_path)], 40, splits=["train", "validation"])
