"""`check` finds nothing in a sound set, and each of ten planted defects by its own law, not by the checksum alone."""

import json
import shutil

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import standin
import torch
from typer.testing import CliRunner

from threedpain import demographics
from threedpain.cli import app
from threedpain.dataset_script import check_judges, report
from threedpain.dataset_script.check import check
from threedpain.dataset_script.report import write_report
from threedpain.errors import MissingFile
from threedpain.generation.dataset.writer import sha256
from threedpain.generation.process import threads
from threedpain.schema import GENERATOR_VERSION

TRAIN = "images/train-00000.parquet"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return standin.dataset(tmp_path_factory.getbasetemp() / "standin-set")


@pytest.fixture
def folder(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "3dpain", ignore=shutil.ignore_patterns(".generate"))
    return tmp_path / "3dpain"


def edit(folder, change, path=TRAIN):
    """Rewrite rows of a file, then seal the manifest again, so that only a law can see it."""
    file = pq.ParquetFile(folder / path)
    groups = [file.read_row_group(i).to_pylist() for i in range(file.num_row_groups)]
    change([row for group in groups for row in group])
    seal(folder, path, file.schema_arrow, groups)


def seal(folder, path, schema, groups):
    import pyarrow as pa

    with pq.ParquetWriter(folder / path, schema) as writer:
        for rows in groups:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    manifest = json.loads((folder / "manifest.json").read_text())
    for entry in manifest["shards"]:
        for record in entry["files"]:
            if record["path"] == path:
                record |= {"bytes": (folder / path).stat().st_size, "sha256": sha256(folder / path)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def found(folder):
    checked = check(folder, replays=0)
    assert not checked.ok
    return {(finding.law, finding.where.split(" row ")[0]): finding for finding in checked.findings}


def test_a_sound_set_is_in_order(sound, tmp_path):
    checked = check(sound, replays=0)
    assert checked.ok, checked.findings[:5]
    assert checked.rows == {"images": 80, "expressions": 20, "identities": 10, "videos": 1}
    page = write_report(checked, tmp_path)
    assert "In order" in page.read_text() and "data:image/svg+xml;base64" in page.read_text()
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["ok"] is True and told["generator_version"] == GENERATOR_VERSION


def test_flipped_byte(folder):
    data = bytearray((folder / TRAIN).read_bytes())
    data[len(data) // 3] ^= 16
    (folder / TRAIN).write_bytes(data)
    assert found(folder)["checksum", TRAIN].what == f"{TRAIN} is not as it was written."


def test_swapped_labels(folder):
    def change(rows):
        a, b = rows[1], rows[2]
        for name in [key for key in a if key.startswith("AU")] + ["PSPI"]:
            a[name], b[name] = b[name], a[name]

    edit(folder, change)
    assert "planned was" in found(folder)["labels", TRAIN].what


def test_a_clip_that_wears_what_was_not_planned(folder):
    name = "videos/train-00000.parquet"
    edit(folder, lambda rows: rows[0].update(accessories="sunglasses"), name)
    assert "sunglasses is worn, planned was" in found(folder)["accessories", name].what


def test_moved_box(folder):
    def change(rows):
        rows[4]["bbox"] = [edge + 9 for edge in rows[4]["bbox"]]

    edit(folder, change)
    assert f"{TRAIN} row 4 " in found(folder)["box", TRAIN].where


def test_wrong_pspi(folder):
    def change(rows):
        rows[1]["PSPI"] += 1

    edit(folder, change)
    finding = found(folder)["PSPI", TRAIN]
    assert "row 1 " in finding.where and "its action units give" in finding.what


@pytest.mark.parametrize(
    ("column", "change", "law"),
    [
        ("occurrence", lambda value: [not there for there in value], "occurrence"),
        ("identity_number", lambda value: value + 1, "identifiers"),
        ("mask_share", lambda value: value | {"skin": value["skin"] + 0.01}, "mask"),
    ],
)
def test_columns_that_follow_from_others(folder, column, change, law):
    edit(folder, lambda rows: rows[1].update({column: change(rows[1][column])}))
    assert "row 1 " in found(folder)[law, TRAIN].where


def test_duplicate_image(folder):
    def change(rows):
        rows[6]["image"] = dict(rows[5]["image"])

    edit(folder, change)
    finding = found(folder)["duplicate", TRAIN]
    assert "row 6 " in finding.where and "has the same picture as" in finding.what


def test_missing_shard(folder):
    (folder / "images" / "test-00000.parquet").unlink()
    assert found(folder)["shard", "images/test-00000.parquet"].what == "images/test-00000.parquet is missing."


def test_leaked_identity(folder):
    test = "images/test-00000.parquet"
    stray = pq.read_table(folder / TRAIN).slice(0, 3).to_pylist()
    file = pq.ParquetFile(folder / test)
    seal(folder, test, file.schema_arrow, [file.read().to_pylist() + stray])
    leaks = [finding for (law, _), finding in found(folder).items() if law == "leak"]
    assert any("is in test and in train" in finding.what for finding in leaks)


def test_wrong_split(folder):
    validation = "images/validation-00000.parquet"
    file, other = pq.ParquetFile(folder / TRAIN), pq.ParquetFile(folder / validation)
    table = file.read()
    who = table["identity_id"][0]
    moved = table.filter(pc.equal(table["identity_id"], who))
    kept = table.filter(pc.not_equal(table["identity_id"], who))
    seal(folder, TRAIN, file.schema_arrow, [kept.to_pylist()])
    seal(folder, validation, other.schema_arrow, [other.read().to_pylist(), moved.to_pylist()])
    assert found(folder)["split", validation].what == f"{who} is in validation and belongs to train"


def test_unbalanced_cell(folder):
    def change(rows):
        for row in rows:
            row["gender"], row["ethnicity"], row["age_group"] = 0, 0, 0
            row["age"] = 20.0

    edit(folder, change)
    balance = [finding for finding in check(folder, replays=0).findings if finding.law == "balance"]
    assert any(f.where == "18-29 female black" and "identities, another cell only 0" in f.what for f in balance)


def test_undecodable_mask(folder):
    def change(rows):
        rows[3]["mask"]["bytes"] = rows[3]["mask"]["bytes"][:40]

    edit(folder, change)
    finding = found(folder)["decodable", TRAIN]
    assert "row 3 " in finding.where and finding.what.startswith("mask cannot be decoded")


def test_many_files_are_read_in_processes_that_find_the_same(folder, monkeypatch):
    def change(rows):
        rows[3]["mask"]["bytes"] = rows[3]["mask"]["bytes"][:40]

    edit(folder, change)
    few = check(folder, replays=0)
    monkeypatch.setattr("threedpain.dataset_script.check.MANY", 2)
    many = check(folder, replays=0)
    assert many.findings == few.findings and many.seen == few.seen and few.findings


def test_truth_that_is_not_as_it_should_be(folder):
    def change(rows):
        rows[3]["depth"]["bytes"] = rows[3]["depth"]["bytes"][:40]
        rows[5]["aligned_neutral"] = None

    edit(folder, change)
    wrong = found(folder)
    assert "row 3 " in wrong["decodable", TRAIN].where and "row 5 " in wrong["aligned neutral", TRAIN].where


@pytest.mark.parametrize("column", ["PSPI", "age", "AU4", "yaw"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_no_number_is_a_finding_and_no_crash(folder, tmp_path, column, value):
    def change(rows):
        rows[1][column] = value

    edit(folder, change)
    checked = check(folder, replays=0)
    assert any(f.law in ("numbers", "row", "laws") and "row 1 " in f.where for f in checked.findings)
    json.loads(write_report(checked, tmp_path / "out").with_name("report.json").read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize("column", ["image", "identity_id", "landmarks", "camera", "bbox", "expression_id"])
def test_an_empty_cell_is_a_finding_and_no_crash(folder, column):
    def change(rows):
        rows[2][column] = None

    edit(folder, change)
    assert not check(folder, replays=0).ok


@pytest.mark.parametrize("name", ["plan.json", "manifest.json"])
@pytest.mark.parametrize(
    "text", ["", "{}", "[" * 9999, '{"shards": [{"shard": NaN}]}', "7", '{"config": {"size": 1e400}}']
)
def test_a_broken_plan_or_manifest_is_a_finding(folder, tmp_path, name, text):
    (folder / name).write_text(text)
    checked = check(folder, replays=0)
    assert any(finding.where == name and "cannot be read" in finding.what for finding in checked.findings)
    assert write_report(checked, tmp_path / "out").is_file()


@pytest.mark.parametrize("name", ["README.md", "grid.jpg", "croissant.json"])
def test_a_changed_or_missing_page_is_found(folder, name):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert found(folder)["checksum", name].what == f"{name} is not as it was written."
    (folder / name).unlink()
    assert found(folder)["checksum", name].what == f"{name} is missing."


def test_a_plan_does_not_choose_which_model_file_is_opened(folder, tmp_path):
    plan = json.loads((folder / "plan.json").read_text())
    plan["config"] |= {"head": "flame", "flame_file": str(tmp_path / "trap.pkl")}
    (folder / "plan.json").write_text(json.dumps(plan))
    checked = check(folder, replays=2)
    assert checked.notes == ["made with models that its plan names (flame_file): no row was rendered again"]


def test_a_flipped_bit_is_seen_by_the_pages_own_checksum(folder):
    """Without any manifest."""
    path = folder / TRAIN
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 16
    path.write_bytes(data)
    (folder / "manifest.json").write_text("{}")
    assert "checksum" in found(folder)["readable", TRAIN].what.lower()


def test_a_result_is_not_thrown_away(folder, tmp_path):
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(app, ["check", str(folder), "--replays", "0", "--out", str(tmp_path / "file" / "x")])
    assert done.exit_code == 0, done.output
    assert "In order; see" in done.output and "reports" in done.output


def seen_by_judges(rng, kind, ethnicity, blind=()):
    """A person's row as the judges see it: landmarks that follow the action units, but for `blind` ethnicities."""
    units = {"AU4": rng.uniform(0, 5), "AU10": rng.uniform(0, 5), "AU43": float(rng.random() < 0.5)}
    share = {"neutral": 0.0, "other": 0.3, "pain": 1.0}[kind]
    units = {name: share * value for name, value in units.items()}
    seen = dict.fromkeys(units, 0.0) if ethnicity in blind else units
    measures = {
        "inner brow distance": 0.3 - 0.02 * seen["AU4"],
        "brow height": 0.35 - 0.02 * seen["AU4"],
        "eye aspect ratio": 0.3 - 0.2 * seen["AU43"],
        "upper lip to nose": 0.2 - 0.02 * seen["AU10"],
    }
    noisy = {name: value + rng.normal(0, 0.003) for name, value in measures.items()}
    return {"expression": kind, "ethnicity": ethnicity, "measures": noisy} | units


def test_measures_follow_the_lip_and_no_roll_or_size():
    angle = np.radians(12.0)
    rolled = 1.7 * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    rest = np.random.default_rng(0).uniform(0, 100, (68, 2))
    rest[36:42] = (30, 40) + np.array([(-8, 0), (-4, -3), (4, -3), (8, 0), (4, 3), (-4, 3)])
    rest[42:48], rest[33] = rest[36:42] + (40, 0), (50, 60)
    rest[50:53] = (50, 74)
    raised = rest.copy()
    raised[50:53, 1] -= 4  # up
    for points in (np.eye(2), rolled):
        before, after = check_judges.measures(rest @ points), check_judges.measures(raised @ points)
        fallen = {name: round(before[name] - after[name], 6) for name in before}
        assert fallen.pop("upper lip to nose") == round(4 / 56, 6)
        assert not any(fallen.values())


def test_evidence_of_expression_and_its_absence():
    rng = np.random.default_rng(0)
    people = [(f"id_{i:05d}", demographics.ETHNICITIES[i % 5]) for i in range(50)]

    def rows(blind=()):
        kinds = ("neutral", "other", "pain", "pain")
        return [seen_by_judges(rng, kind, who[1], blind) | {"identity_id": who[0]} for who in people for kind in kinds]

    def asked(rows):
        return check_judges._evidence([r for r in check_judges._relative(rows) if r["expression"] != "neutral"])

    table, findings = asked(rows())
    assert not findings and all(line["overall"] > 0.8 for line in table)
    assert [line["action unit"] for line in table].count("AU4") == 2  # a line for each measure, the judged one first
    _, findings = asked(rows(blind=("black",)))
    assert {finding.where for finding in findings} >= {"AU4 black", "AU43 black", "AU10 black"}

    def scores(rows):
        kinds = ("neutral", "other", "pain")
        return {k: [check_judges._score(r["measures"]) for r in rows if r["expression"] == k] for k in kinds}

    in_order = scores(rows())
    order, findings = check_judges._order(in_order)
    assert not findings and float(order[0]["p"]) < 1e-5
    cells = [{"cell": " ".join(cell), "detected": 1.0, "landmark error": 0.05} for cell in demographics.CELLS[1:]]
    tables = {"Action units": table, "Expressions": order}
    judged = {"summary": {"seen": "all"}, "tables": tables, "by_cell": cells, "scores": in_order}
    assert report._judges(judged).count("data:image/svg+xml;base64") == 4
    _, findings = check_judges._order(in_order | {"neutral": in_order["pain"], "pain": in_order["neutral"]})
    assert {finding.law for finding in findings} == {"judges"} and len(findings) == 3


def test_a_set_of_another_version_is_read_and_not_rendered_again(folder):
    """One sentence instead of faces that only look wrong; all other laws are checked."""
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"generator": "{GENERATOR_VERSION}"', '"generator": "0.9.0"'))
    report = check(folder, replays=2)
    assert report.notes == [f"made by generator 0.9.0, and this is {GENERATOR_VERSION}: no row was rendered again"]
    assert report.ok and not report.replays


def test_rendering_again_leaves_the_number_of_threads_as_it_was(sound):
    with threads(3):
        assert check(sound, replays=1).replays
        assert torch.get_num_threads() == 3


def test_judges_who_see_no_face_say_so(sound):
    judged, findings = check_judges.judge(sound)
    assert judged["summary"]["faces detected"].endswith(" of 40")
    assert [finding.what for finding in findings] == ["fewer than ten faces were detected"]


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(MissingFile, match="is no finished 3dpain dataset"):
        check(tmp_path)
