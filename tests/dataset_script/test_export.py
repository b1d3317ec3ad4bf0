"""A set exported and read back by what knows nothing of the exporter: json, tarfile, csv, and loops over pixels."""

import csv
import io
import json
import math
import tarfile

import datasets
import numpy as np
import pytest
import standin
from PIL import Image
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from threedpain import MASK_CLASSES, InvalidInput
from threedpain.cli import app
from threedpain.dataset_script import export_webdataset
from threedpain.dataset_script.export import export
from threedpain.facs import ACTION_UNITS

COUNTS = {"train": 56, "validation": 16, "test": 8}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return standin.dataset(tmp_path_factory.getbasetemp() / "standin-set")


@pytest.fixture(scope="module")
def truth(folder):
    """id -> row of the test split, as `load_dataset` gives it."""
    return {row["id"]: row for row in datasets.load_dataset(str(folder), split="test")}


@pytest.fixture(scope="module")
def exported(folder, tmp_path_factory):
    """Form -> exported folder."""
    out = tmp_path_factory.mktemp("exported")
    for form in ("coco", "webdataset", "openface"):
        assert export(str(folder), form, out / form) == COUNTS
    assert sorted(path.name for path in out.iterdir()) == ["coco", "openface", "webdataset"]
    return {path.name: path for path in out.iterdir()}


def listed(path) -> list[str]:
    with tarfile.open(path) as tar:
        return tar.getnames()


def table(path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def decoded(segmentation) -> np.ndarray:
    """COCO's run lengths as bool [H, W], read letter by letter."""
    height, width = segmentation["size"]
    runs, letters = [], iter(segmentation["counts"])
    for letter in letters:
        value, shift = 0, 0
        while True:
            code = ord(letter) - 48
            value |= (code & 0x1F) << shift
            shift += 5
            if not code & 0x20:
                break
            letter = next(letters)
        if code & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    flat = np.zeros(height * width, bool)
    place, on = 0, False
    for run in runs:
        flat[place : place + run] = on
        place, on = place + run, not on
    assert place == height * width
    return flat.reshape(width, height).T


def test_coco(exported, truth):
    told = json.loads((exported["coco"] / "annotations" / "test.json").read_text())
    face = next(category for category in told["categories"] if category["name"] == "face")
    assert len(face["keypoints"]) == 68 and max(map(max, face["skeleton"])) == 68
    assert [(c["id"], c["name"]) for c in told["categories"] if c is not face] == list(enumerate(MASK_CLASSES))[1:]
    assert [image["id"] for image in told["images"]] == list(range(1, 9))
    by_image = {image["id"]: image for image in told["images"]}
    faces = 0
    for annotation in told["annotations"]:
        image = by_image[annotation["image_id"]]
        row = truth[image["file_name"].removesuffix(".jpg")]
        picture = Image.open(exported["coco"] / "test" / image["file_name"])
        assert picture.size == (image["width"], image["height"])
        assert np.array_equal(np.asarray(picture), np.asarray(row["image"]))
        mask, area = np.asarray(row["mask"]), decoded(annotation["segmentation"])
        assert area.sum() == annotation["area"]
        if annotation["category_id"] == face["id"]:
            faces += 1
            points = np.array(annotation["keypoints"]).reshape(68, 3)
            np.testing.assert_allclose(points[:, :2], row["landmarks"], atol=1e-4)
            assert annotation["num_keypoints"] == 68 and set(points[:, 2]) <= {1, 2}
            x, y, width, height = annotation["bbox"]
            np.testing.assert_allclose([x, y, x + width, y + height], row["bbox"], atol=1e-3)
            assert annotation["attributes"]["AU4"] == pytest.approx(row["AU4"])
            assert annotation["attributes"]["gender"] in ("female", "male")
        else:
            assert np.array_equal(area, mask == annotation["category_id"])
            lines, columns = np.nonzero(area)
            box = [columns.min(), lines.min(), np.ptp(columns) + 1, np.ptp(lines) + 1]
            assert annotation["bbox"] == box
    assert faces == len(truth) == 8


def test_coco_by_its_own_reader(exported):
    tools = pytest.importorskip("pycocotools.coco")
    coco = tools.COCO(exported["coco"] / "annotations" / "train.json")
    assert len(coco.getImgIds()) == 56 and len(coco.getAnnIds(catIds=[100])) == 56
    for annotation in coco.loadAnns(coco.getAnnIds()):
        assert coco.annToMask(annotation).sum() == annotation["area"]


@pytest.mark.parametrize("seed", range(20))
def test_run_lengths_of_any_mask(seed):
    from threedpain.dataset_script.export_coco import run_lengths

    rng = np.random.default_rng(seed)
    mask = rng.random((int(rng.integers(1, 90)), int(rng.integers(1, 90)))) < rng.choice([0, 0.02, 0.5, 0.98, 1])
    assert np.array_equal(decoded({"size": mask.shape, "counts": run_lengths(mask)}), mask)


def test_webdataset(exported, truth):
    samples: dict[str, dict[str, bytes]] = {}
    with tarfile.open(exported["webdataset"] / "test-000000.tar") as tar:
        names = tar.getnames()
        for member in tar:
            key, _, kind = member.name.partition(".")
            samples.setdefault(key, {})[kind] = tar.extractfile(member).read()
    assert [name.partition(".")[0] for name in names] == sorted(
        (name.partition(".")[0] for name in names), key=list(samples).index
    ), "the files of a row follow each other"
    assert set(samples) == set(truth)
    for key, files in samples.items():
        row = truth[key]
        for kind, column in (("jpg", "image"), ("mask.png", "mask"), ("depth.png", "depth")):
            assert np.array_equal(np.asarray(Image.open(io.BytesIO(files[kind]))), np.asarray(row[column]))
        told = json.loads(files["json"])
        assert told["id"] == key and told["PSPI"] == pytest.approx(row["PSPI"])
        assert told["expression"] in ("neutral", "pain", "other") and told["landmarks"] == row["landmarks"]
        assert ("aligned_neutral.jpg" in files) == (told["expression"] != "neutral")


def test_webdataset_goes_on_in_the_next_tar(folder, tmp_path, monkeypatch, exported):
    monkeypatch.setattr(export_webdataset, "ROWS", 10)
    export(str(folder), "webdataset", tmp_path / "small")
    tars = sorted((tmp_path / "small").glob("train-*.tar"))
    assert [path.name for path in tars] == [f"train-{number:06d}.tar" for number in range(6)]
    names = [name for path in tars for name in listed(path)]
    assert names == listed(exported["webdataset"] / "train-000000.tar")


def test_webdataset_of_other_peoples_rows(tmp_path):
    """Ids that are long paths, and landmarks that a set does not have."""
    long, picture = "folder/" * 30, {"bytes": b"\x89PNG", "path": None}
    rows = [
        {"id": f"{long}{number}", "image": picture, "aligned_neutral": picture, "landmarks": [[math.nan, 1.0]]}
        for number in range(2)
    ]
    assert export_webdataset.write_split(rows, "train", tmp_path) == 2
    with tarfile.open(tmp_path / "train-000000.tar") as tar:
        names = tar.getnames()
        told = json.loads(tar.extractfile(names[2]).read(), parse_constant=pytest.fail)
    assert len(set(names)) == 6 and names[1].endswith("-000001.aligned_neutral.png")
    assert told["id"] == f"{long}0" and told["landmarks"] == [[None, 1.0]]


def test_openface(exported, truth):
    lines = table(exported["openface"] / "test.csv")
    assert len(lines) == 8
    for line in lines:
        row = truth[line["id"]]
        for unit in ACTION_UNITS:
            name = f"AU{int(unit[2:]):02d}"
            assert float(line[f"{name}_r"]) == pytest.approx(row[unit], abs=1e-5)
            assert (line[f"{name}_c"] == "1") == row["occurrence"][list(ACTION_UNITS).index(unit)]
        solid = np.array([[float(line[f"{axis}_{k}"]) for axis in "XYZ"] for k in range(68)])
        points = np.array([[float(line[f"{axis}_{k}"]) for axis in "xy"] for k in range(68)])
        K = np.array(row["camera"]["K"])
        flat = solid @ K.T
        np.testing.assert_allclose(flat[:, :2] / flat[:, 2:] - 0.5, points, atol=1e-2)
        assert 200 < float(line["pose_Tz"]) < 5000, "millimetres"
        # A face towards the camera looks along -z; turned by OpenFace's angles it looks where the set says.
        turn = Rotation.from_euler("XYZ", [float(line[f"pose_R{axis}"]) for axis in "xyz"])
        gaze = [float(line[f"gaze_0_{axis}"]) for axis in "xyz"]
        np.testing.assert_allclose(turn.apply([0, 0, -1]), gaze, atol=1e-5)
        np.testing.assert_allclose(gaze, row["gaze"], atol=1e-6)
        assert float(line["gaze_angle_x"]) == pytest.approx(np.radians(row["yaw"]), abs=0.1)


def test_a_table_of_ones_own_exports_what_it_says(tmp_path):
    """Ids with dots and slashes, no masks, no landmarks."""
    (tmp_path / "faces" / "a.b").mkdir(parents=True)
    for name in ("one", "two"):
        Image.new("RGB", (32, 24), (200, 150, 120)).save(tmp_path / "faces" / "a.b" / f"{name}.jpg")
    (tmp_path / "faces" / "labels.csv").write_text("path,subject,PSPI\na.b/one.jpg,s1,3\na.b/two.jpg,s2,0\n")
    for form in ("coco", "webdataset", "openface"):
        counts = export(f"folder:{tmp_path / 'faces' / 'labels.csv'}", form, tmp_path / form)
        assert sum(counts.values()) == 2
    for path in (tmp_path / "coco" / "annotations").glob("*.json"):
        assert json.loads(path.read_text())["annotations"] == []
    keys = [n for path in (tmp_path / "webdataset").glob("*.tar") for n in listed(path)]
    assert keys and all(name.count(".") == 1 and "/" not in name for name in keys)
    lines = [line for path in (tmp_path / "openface").glob("*.csv") for line in table(path)]
    assert sorted(line["PSPI"] for line in lines) == ["0", "3"] and all(line["x_0"] == "" for line in lines)


def test_nothing_is_overwritten_and_nothing_half_done_stays(folder, tmp_path, monkeypatch):
    there = tmp_path / "there"
    there.mkdir()
    (there / "mine.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="exists already: name a new folder"):
        export(str(folder), "coco", there)
    assert [path.name for path in there.iterdir()] == ["mine.txt"]

    def broken(row, number):
        if number > 3:
            raise KeyboardInterrupt
        return iter([("a.txt", b"")])

    monkeypatch.setattr(export_webdataset, "members", broken)
    with pytest.raises(KeyboardInterrupt):
        export(str(folder), "webdataset", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    with pytest.raises(InvalidInput, match="coco, webdataset, openface, not to 'voc'"):
        export(str(folder), "voc", tmp_path / "new")


def test_the_command(folder, tmp_path):
    done = CliRunner().invoke(app, ["export", str(folder), "--to", "openface", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0 and "train 56, validation 16, test 8 rows" in done.stdout
    for wrong in ([], ["--to", "coco", "--onnx", "a.onnx"]):
        done = CliRunner().invoke(app, ["export", str(folder), *wrong])
        assert isinstance(done.exception, InvalidInput) and "give one of them" in str(done.exception)
