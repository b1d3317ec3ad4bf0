"""Intervals refitted on one's own faces, folders that are whole, and reports that do not say more than they know."""

import json
import logging
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from drawn_faces import draw, drawn_faces
from transformers import AutoConfig

from threedpain.errors import InvalidInput
from threedpain.modeling.evaluation import calibrate as calibration
from threedpain.modeling.evaluation import evaluate as evaluation
from threedpain.modeling.evaluation import report
from threedpain.modeling.faces.faces import UNKNOWN, FaceSet
from threedpain.modeling.reading.doubt import widened
from threedpain.modeling.vitpain.configuration_vitpain import ViTPainConfig
from threedpain.modeling.vitpain.folder import add_pipeline, write_card
from threedpain.modeling.vitpain.image_processing_vitpain import ViTPainImageProcessor
from threedpain.modeling.vitpain.loading import load_model, load_processor
from threedpain.modeling.vitpain.modeling_vitpain import ViTPainModel


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny"
    torch.manual_seed(0)
    backbone = {"model_type": "vit", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
                "intermediate_size": 32, "patch_size": 8}  # fmt: skip
    ViTPainModel(ViTPainConfig(
        backbone_config=backbone, image_size=32, num_attention_heads=2, heatmap_upsample=4,
        interval_edges=[8.0], interval_quantiles=[0.1, 0.1], interval_quantiles_alone=[0.1, 0.1], pain_threshold=1.0,
    )).save_pretrained(path)  # fmt: skip
    ViTPainImageProcessor(size=32).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return FaceSet.pack(drawn_faces(16, 5, 2), size=40, cache=tmp_path_factory.mktemp("faces"))


def run(*arguments):
    from typer.testing import CliRunner

    from threedpain.cli import app

    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_intervals_keep_their_promise_on_the_faces_they_are_fitted_to(folder, faces):
    model, processor = load_model(folder), load_processor(folder)
    before = evaluation.predict(model, faces, processor=processor)
    told = calibration.calibrate(model, processor, faces)
    after = evaluation.predict(model, faces, processor=processor)
    inside = lambda table: ((table["PSPI"] >= table["low"]) & (table["PSPI"] <= table["high"])).mean()  # noqa: E731
    assert inside(before) < 0.3 and 0.88 <= inside(after) <= 1
    assert all(0.75 <= share <= 1 for share in told["coverage"].values())
    config = model.config
    for name in ("interval_quantiles_alone", "interval_quantiles_covered"):
        assert (np.array(getattr(config, name)) >= np.array(config.interval_quantiles)).all(), name
    assert config.pain_threshold != 1.0 and told["people"] == 16


def test_coverage_is_told_of_people_left_out():
    """A model that is right about everyone but one person: her errors must not teach her own intervals."""
    people = np.repeat([f"{at:02d}" for at in range(10)], 20)
    truth = np.tile(np.linspace(0, 10, 20), 10)
    off = np.where(people == "03", 5.0, 0.0)
    table = pd.DataFrame({"identity": people, "PSPI": truth, "pspi_hat": truth + off})
    told = calibration._held_out(dict.fromkeys(("reference", "alone", "covered"), table), seed=0)
    assert told["reference"] == pytest.approx(0.9)


def test_half_of_the_faces_are_covered_at_the_brows_half_at_the_mouth():
    changed = calibration.cover(torch.zeros(4, 3, 100, 100), None)[:, 0] == 0.5
    assert changed[0, 40, 50] and not changed[0, 70, 50] and changed[1, 70, 50] and not changed[1, 40, 50]
    assert torch.equal(changed[0], changed[2]) and torch.equal(changed[1], changed[3])


def test_too_few_people_are_refused(folder, tmp_path):
    few = FaceSet.pack(drawn_faces(5, 5, 2), size=40, cache=tmp_path)
    with pytest.raises(InvalidInput, match="needs 40 pictures with PSPI of 8 people, the set has 50 of 5"):
        calibration.calibrate(load_model(folder), load_processor(folder), few)


def test_a_hidden_region_widens_the_interval(folder):
    config = AutoConfig.from_pretrained(folder)
    assert widened(config, 7.0, (6.0, 8.0), ("brows",)) == (6.0, 8.0)  # never calibrated for it
    config.interval_quantiles_covered = [3.0, 5.0]
    assert widened(config, 7.0, (6.0, 8.0), ("brows",)) == (4.0, 10.0)
    assert widened(config, 14.0, (13.0, 15.0), ("mouth",)) == (9.0, 16.0)
    assert widened(config, 7.0, (6.0, 8.0), ()) == (6.0, 8.0) and widened(config, 7.0, None, ("brows",)) is None


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory):
    """Fifty pictures of ten people and a csv, as people have them: no masks, no heatmaps."""
    path = tmp_path_factory.mktemp("own")
    lines = ["path,subject,PSPI,neutral_path"]
    for row in drawn_faces(10, 5, 1):
        row["image"].save(path / f"{row['id']}.png")
        lines.append(f"{row['id']}.png,{row['identity_id']},{row['PSPI']:g},{row['id'].split('-')[0]}-0-0.png")
    (path / "labels.csv").write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def calibrated(folder, own_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "mine"
    done = run("calibrate", "--model", folder, "--data", f"folder:{own_folder}", "--out", out)
    assert done.exit_code == 0, done.exception
    return out, done.stdout


def test_the_command_writes_a_whole_folder(calibrated, folder, own_folder):
    out, said = calibrated
    assert "coverage" in said and "a region covered" in said
    before, after = load_model(folder), load_model(out)
    assert all(torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True))
    assert after.config.interval_quantiles != before.config.interval_quantiles
    assert len(after.config.interval_quantiles_covered) == len(after.config.interval_edges) + 1
    told = json.loads((out / "calibration.json").read_text())
    assert told["pictures"] == 50 and set(told["coverage"]) == {"reference", "alone", "covered"}
    card = (out / "README.md").read_text()
    assert "pipeline_tag: image-classification" in card and f"{told['coverage']['covered']:.3f}" in card
    again = run("calibrate", "--model", folder, "--data", f"folder:{own_folder}", "--out", out)
    assert "exists already" in str(again.exception)


def test_a_card_of_the_users_own_stays(tmp_path):
    write_card(tmp_path, made="Made.", data="nothing", conditions={"none": {"mae": 1.0, "pearson": float("nan")}})
    first = (tmp_path / "README.md").read_text()
    assert "type: mae" in first and "pearson" not in first
    write_card(tmp_path, made="Made again.", data="nothing", conditions={"none": {"mae": 2.0}})
    assert "Made again." in (tmp_path / "README.md").read_text()
    (tmp_path / "README.md").write_text("my own words")
    write_card(tmp_path, made="Made.", data="nothing", conditions={})
    assert (tmp_path / "README.md").read_text() == "my own words"


_STRANGER = """
import sys
assert "threedpain" not in sys.modules
sys.modules["threedpain"] = None  # as if it were not installed
from transformers import pipeline
read = pipeline("pain-assessment", model=sys.argv[1], trust_remote_code=True)
print(sorted(read(sys.argv[2])), read(sys.argv[2], neutral=sys.argv[2])["pspi"])
"""


def test_the_pipeline_answers_where_the_package_is_not_installed(calibrated, tmp_path):
    draw(96, (200, 160, 140), (40, 80, 90), 0, (4, 3, 0, 2, 0, 1))[0].save(tmp_path / "face.png")
    done = subprocess.run(
        [sys.executable, "-c", _STRANGER, str(calibrated[0]), str(tmp_path / "face.png")],
        capture_output=True, text=True, env={"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "'au', 'heatmap', 'interval', 'probabilities', 'pspi'" in done.stdout


_BESIDE = """
import sys, threedpain
from transformers import pipeline
from transformers.pipelines import PIPELINE_REGISTRY
own = PIPELINE_REGISTRY.check_task("pain-assessment")[1]["impl"]
folders = sys.argv[1:3]
first, second = (pipeline("pain-assessment", model=one, trust_remote_code=True) for one in folders)
assert own is PIPELINE_REGISTRY.check_task("pain-assessment")[1]["impl"] and own is not type(first)
second.save_pretrained(sys.argv[3])
"""


def test_a_folders_own_pipeline_beside_the_package_takes_nothings_place_and_warns_of_nothing(calibrated, tmp_path):
    shutil.copytree(calibrated[0], tmp_path / "other")
    done = subprocess.run(
        [sys.executable, "-c", _BESIDE, str(calibrated[0]), str(tmp_path / "other"), str(tmp_path / "saved")],
        capture_output=True, text=True, env={"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "already registered" not in done.stderr
    assert json.loads((tmp_path / "saved" / "config.json").read_text())["custom_pipelines"]["pain-assessment"]
    assert (tmp_path / "saved" / "pipeline_vitpain.py").exists()


def test_adding_the_pipeline_leaves_the_configuration_as_it_was(folder, tmp_path):
    load_model(folder).save_pretrained(tmp_path)
    before = AutoConfig.from_pretrained(tmp_path).to_dict()
    add_pipeline(tmp_path)
    after = AutoConfig.from_pretrained(tmp_path).to_dict()
    assert after.pop("custom_pipelines") and {k: before[k] for k in after if k in before} == after


@pytest.mark.parametrize("count", [1, 3])
def test_onnx_gives_the_same_numbers(folder, tmp_path, count, caplog):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    file = tmp_path / "model.onnx"
    done = run("export", folder, "--onnx", file, "--batch", count)
    assert done.exit_code == 0, done.exception
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    model, session = load_model(folder), runtime.InferenceSession(str(file))
    names = [output.name for output in session.get_outputs()]
    assert names == ["pspi", "pspi_interval", "au", "pain_logits", "heatmap"]
    pictures, rests = torch.rand(2, count, 3, 32, 32, generator=torch.Generator().manual_seed(count)) * 2 - 1
    for has in (torch.ones(count, dtype=torch.bool), torch.zeros(count, dtype=torch.bool)):
        with torch.no_grad():
            expected = model(pictures, rests, neutral_mask=has)
        given = {"pixel_values": pictures, "neutral_pixel_values": rests, "has_neutral": has}
        told = session.run(None, {name: value.numpy() for name, value in given.items()})
        for name, value in zip(names, told, strict=True):
            assert np.abs(expected[name].numpy() - value).max() < 1e-4, name
    assert "exists already" in str(run("export", folder, "--onnx", file).exception)


def test_onnx_says_what_it_needs(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("threedpain.extras.find_spec", lambda name: None)
    done = run("export", folder, "--onnx", tmp_path / "model.onnx")
    assert "pip install 'threedpain[onnx]'" in str(done.exception) and not list(tmp_path.iterdir())


# ---- reports


def test_a_check_that_needs_masks_is_not_told_without_them(folder, faces):
    """Before, "blanked face" was a copy of the plain figure where a set has no masks."""
    model, processor = load_model(folder), load_processor(folder)
    blind = FaceSet(**{**vars(faces), "masks": np.full_like(faces.masks, UNKNOWN)})
    told, _ = evaluation.evaluate(model, processor, blind, name="tiny", conditions=["none"], rounds=10)
    seen, _ = evaluation.evaluate(model, processor, faces, name="tiny", conditions=["none"], rounds=10)
    assert "blanked_face_pearson" in seen["checks"] and told["checks"] == {}
    assert "heatmap" not in told["conditions"]["none"]


def test_a_set_without_pspi_is_refused_before_the_work(folder, faces):
    blind = FaceSet(**{**vars(faces), "table": faces.table.assign(PSPI=np.nan)})
    with pytest.raises(InvalidInput, match="no neutral or pain picture whose PSPI is known"):
        evaluation.evaluate(load_model(folder), load_processor(folder), blind, name="tiny", conditions=["none"])


def test_few_people_have_no_interval_and_users_no_targets(folder, faces, tmp_path):
    model, processor = load_model(folder), load_processor(folder)
    few, many = faces.first_identities(report.FEWEST_PEOPLE - 1), faces.first_identities(report.FEWEST_PEOPLE)
    told, tables = evaluation.evaluate(
        model, processor, few, name="tiny", conditions=["none"], rounds=10, ours=False
    )  # fmt: skip
    value, low, high = told["conditions"]["none"]["overall"]["mae"]
    assert value > 0 and np.isnan([low, high]).all()
    evaluation.save(tmp_path, told, tables)
    text = (tmp_path / "report.md").read_text()
    assert "nan" not in text and "7 people are too few" in text and "target" not in text.lower()
    told, tables = evaluation.evaluate(model, processor, many, name="tiny", conditions=["none"], rounds=10)
    assert np.isfinite(told["conditions"]["none"]["overall"]["mae"]).all()
    text = report.as_markdown(told)
    assert text.index("## By condition") < text.index("## The project's own targets")
