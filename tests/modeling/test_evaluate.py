"""`3dpain evaluate` and `3dpain train` as commands, on drawn faces and on a folder of one's own."""

import csv
import json

import numpy as np
import pytest
import torch
from drawn_faces import drawn_faces

from threedpain.errors import InvalidInput
from threedpain.modeling.evaluation import evaluate as evaluation
from threedpain.modeling.evaluation.report import against_targets
from threedpain.modeling.faces.faces import FaceSet
from threedpain.modeling.vitpain.configuration_vitpain import ViTPainConfig
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
        backbone_config=backbone, image_size=32, num_attention_heads=2, heatmap_upsample=4, mask_classes=11,
        interval_edges=[8.0], interval_quantiles=[4.0, 4.0], pain_threshold=1.0,
    )).save_pretrained(path)  # fmt: skip
    ViTPainImageProcessor(size=32).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def judged(folder, tmp_path_factory):
    faces = FaceSet.pack(drawn_faces(8, 5, 2), size=40, cache=tmp_path_factory.mktemp("faces"))
    model, processor = load_model(folder), load_processor(folder)
    results, tables = evaluation.evaluate(model, processor, faces, name="tiny", rounds=20)
    return faces, results, tables


def run(*arguments):
    from typer.testing import CliRunner

    from threedpain.cli import app

    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_every_condition_and_group_is_reported(judged, tmp_path):
    faces, results, tables = judged
    assert set(results["conditions"]) == {"realistic", "aligned", "none"}
    found = results["conditions"]["realistic"]
    assert {"mae", "rmse", "pearson", "icc31", "auroc3", "ap1", "f1", "au_mae", "coverage"} <= set(found["overall"])
    assert set(found["groups"]) == {"age_group", "gender", "ethnicity", "age_group x gender x ethnicity"}
    people = sum(group["people"] for group in found["groups"]["gender"]["groups"].values())
    assert people == faces.table["identity"].nunique()
    assert -1 <= found["heatmap"]["heat_pearson"] <= 1
    # each figure is what it says of the answers in the table
    table = tables["realistic"]
    value, low, high = found["overall"]["mae"]
    assert value == pytest.approx((table["PSPI"] - table["pspi_hat"]).abs().mean()) and low <= value <= high
    inside = (table["PSPI"] >= table["low"]) & (table["PSPI"] <= table["high"])
    assert found["overall"]["coverage"][0] == pytest.approx(inside.mean())
    evaluation.save(tmp_path, results, tables)
    assert json.loads((tmp_path / "results.json").read_text())["targets"]
    assert "| realistic | mae | <= 0.9 |" in (tmp_path / "report.md").read_text()
    assert {path.name for path in tmp_path.glob("*.png")} >= {"scatter.png", "groups.png"}


def test_targets_are_met_or_missed_by_their_figure():
    figures = {"mae": [0.8, 0.7, 0.9], "pearson": [0.9, 0.8, 0.95]}
    groups = {"gender": {"gap": 0.4}, "age_group": {"gap": 0.1}}
    results = {"conditions": {"realistic": {"overall": figures, "groups": groups}}, "checks": {"relit_change": 0.5}}
    met = {row["figure"] for row in against_targets(results) if row["met"]}
    missed = {row["figure"] for row in against_targets(results) if not row["met"]}
    assert met == {"mae", "gap by age_group"} and missed == {"pearson", "gap by gender", "relit_change"}


def test_the_reference_reaches_the_answer(judged):
    _, _, tables = judged
    assert not np.allclose(tables["realistic"]["pspi_hat"], tables["none"]["pspi_hat"])
    assert tables["realistic"]["PSPI"].equals(tables["none"]["PSPI"])


def test_a_blanked_face_is_grey_where_the_face_is():
    pictures, masks = torch.rand(1, 3, 4, 4), torch.zeros(1, 4, 4)
    masks[0, 1:3, 1:3], masks[0, 0, 0] = 1, 8
    blank = evaluation._without_face(pictures, masks)
    assert (blank[..., 1:3, 1:3] == 0.5).all() and torch.equal(blank[..., 0, 0], pictures[..., 0, 0])


def test_a_perfect_pain_map_agrees_perfectly(judged, monkeypatch):
    faces, _, tables = judged
    from threedpain.modeling.faces.augment import Geometry, warp

    levels = torch.from_numpy(faces.heatmaps[faces.rows]).float()[:, None] * 0.05
    perfect = warp(levels, Geometry.still(len(faces)), 64)[:, 0].numpy()
    found = evaluation._heat(tables["none"], faces, perfect, np.ones(len(faces), bool))
    assert found["heat_pearson"] == pytest.approx(1, abs=1e-4) and found["heat_gain"] > 0


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory):
    """Twenty pictures of five people and a csv."""
    path = tmp_path_factory.mktemp("own")
    rows = []
    for row in drawn_faces(5, 4, 1):
        name = f"{row['id']}.png"
        row["image"].save(path / name)
        rows.append({"path": name, "subject": row["identity_id"], "PSPI": row["PSPI"], "AU4": row["AU4"],
                     "neutral_path": f"{row['identity_id'].lstrip('0') or '0'}-0-0.png"})  # fmt: skip
    with open(path / "labels.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_fine_tuning_on_twenty_pictures_of_ones_own(own_folder, folder, tmp_path):
    out, spec = tmp_path / "run", f"folder:{own_folder}"
    done = run("train", "student", "--init", folder, "--data", spec, "--out", out, "--epochs", 2,
               "--learning-rate", 1e-4, "--batch-size", 4)  # fmt: skip
    assert done.exit_code == 0, done.exception
    tuned, before = load_model(out), load_model(folder)
    assert not torch.equal(tuned.heads.pspi[-1].weight, before.heads.pspi[-1].weight)
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert np.isfinite(log[-1]["mae"])
    judged = run("evaluate", "--model", out, "--data", spec, "--split", "all", "--out", tmp_path / "eval")
    assert judged.exit_code == 0, judged.exception
    results = json.loads((tmp_path / "eval" / "results.json").read_text())
    assert set(results["conditions"]) == {"realistic", "none"}  # such a folder has no aligned pictures
    assert results["conditions"]["realistic"]["overall"]["mae"][0] >= 0


def test_wrong_commands_are_told_in_one_sentence(own_folder, folder, tmp_path):
    spec = f"folder:{own_folder}"
    base = ["train", "student", "--data", spec, "--out", tmp_path / "x"]
    for arguments, sentence in (
        (["--loss", "pain"], "write name=value"),
        (["--reference", "none=often"], "none must be a number, got 'often'"),
        (["--recipe", "soup"], "recipe must be one of"),
        (["--identities", 99], "99 identities are asked for, but the set has"),
        (["--init", tmp_path / "nothing"], "no model folder"),
    ):
        done = run(*base, *arguments)
        assert done.exit_code != 0 and sentence in str(done.exception), done.exception
    magic = run("evaluate", "--model", folder, "--data", spec, "--protocol", "magic", "--out", tmp_path / "e")
    assert isinstance(magic.exception, InvalidInput) and "known are" in str(magic.exception)
