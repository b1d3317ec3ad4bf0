"""Many files in one process: which they are, whose neutral picture, what becomes of those that cannot be read."""

import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_faces import draw
from PIL import Image
from typer.testing import CliRunner

from threedpain.errors import InvalidInput, MissingFile
from threedpain.landmarks import face_box, roll
from threedpain.modeling.reading import detectors
from threedpain.modeling.reading.detectors import Found, upright
from threedpain.modeling.reading.doubt import hidden_regions, sentences, turned
from threedpain.modeling.reading.files import FileReading, Neutrals, gather, read_files
from threedpain.modeling.reading.reader import PainReader
from threedpain.modeling.reading.table import Lines, Table
from threedpain.modeling.vitpain.configuration_vitpain import ViTPainConfig
from threedpain.modeling.vitpain.image_processing_vitpain import ViTPainImageProcessor
from threedpain.modeling.vitpain.modeling_vitpain import ViTPainModel


@pytest.mark.parametrize("form", [Lines(), Table(), Table(openface=True)])
def test_a_name_that_is_no_text_can_be_written(form):
    line = form.line(FileReading(Path(os.fsdecode(b"caf\xe9\x1b.jpg")), 0, 0.0, None, "no face"))
    assert line.encode() and line.isprintable()


def test_a_face_larger_than_can_be_cut_out_is_told(folder):
    photo, reader = Image.new("RGB", (100, 100)), PainReader(folder)
    with pytest.raises(InvalidInput, match="60,000 pixels large; at most 6,300 are read: make the picture smaller"):
        reader.read(photo, box=(-30_000, -30_000, 30_000, 30_000))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "vitpain"
    torch.manual_seed(0)
    backbone = {"model_type": "vit", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
                "intermediate_size": 32, "patch_size": 8}  # fmt: skip
    config = ViTPainConfig(backbone_config=backbone, image_size=32, num_attention_heads=2, heatmap_upsample=4)
    ViTPainModel(config).save_pretrained(path)
    ViTPainImageProcessor(size=32).save_pretrained(path)
    return path


def in_the_middle(photo):
    """Finds one face in every picture but the square ones of 64 pixels."""
    if photo.size == (64, 64):
        return []
    return [Found((photo.width * 0.25, photo.height * 0.2, photo.width * 0.75, photo.height * 0.8))]


@pytest.fixture(scope="module")
def reader(folder):
    return PainReader(folder, in_the_middle)


@pytest.fixture
def ward(tmp_path):
    """Two people, each a resting picture and two others; one file that is no picture."""
    for at, person in enumerate(("ann", "bob")):
        (tmp_path / "faces" / person).mkdir(parents=True)
        for number, units in enumerate(((0,) * 6, (4, 3, 0, 2, 0, 1), (2, 0, 5, 0, 3, 0))):
            image = draw(96, (200 - 60 * at, 160, 140), (40, 80, 90), 0, units)[0]
            image.save(tmp_path / "faces" / person / f"{number}.png")
    (tmp_path / "faces" / "bob" / "3.jpg").write_text("no picture")
    (tmp_path / "faces" / "notes.txt").write_text("not asked for")
    return tmp_path / "faces"


def run(*arguments):
    from threedpain.cli import app

    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


def test_files_folders_and_patterns_are_gathered_once_in_order(ward):
    names = [
        path.relative_to(ward).as_posix() for path in gather([ward / "bob" / "2.png", ward, str(ward / "*/0.png")])
    ]
    assert names == ["bob/2.png", "ann/0.png", "ann/1.png", "ann/2.png", "bob/0.png", "bob/1.png", "bob/3.jpg"]
    (ward / "empty").mkdir()
    with pytest.raises(InvalidInput, match="empty holds no picture and no clip"):
        gather([ward / "empty"])
    with pytest.raises(MissingFile, match="no file fits the pattern"):
        gather([str(ward / "*.bmp")])


def test_each_person_has_their_own_neutral(reader, ward):
    paths = gather([ward])
    first = list(read_files(reader, paths, Neutrals(reader, ["first"])))
    pattern = list(read_files(reader, paths, Neutrals(reader, ["{folder}/0.png"])))
    anns = list(read_files(reader, paths, Neutrals(reader, [str(ward / "ann/0.png")])))
    alone = list(read_files(reader, paths, Neutrals(reader)))
    assert [read.trouble == "" for read in first] == [True] * 6 + [False]
    assert "3.jpg cannot be read" in first[-1].trouble and first[-1].reading is None
    for at, read in enumerate(first[:-1]):
        open_ = Image.open(read.path)
        own = reader.read(open_, neutral=Image.open(read.path.parent / "0.png")).pspi
        assert read.reading.pspi == pattern[at].reading.pspi == pytest.approx(own, abs=1e-5)
        assert read.reading.pspi != alone[at].reading.pspi
    assert anns[1].reading.pspi == first[1].reading.pspi and anns[4].reading.pspi != first[4].reading.pspi


def test_a_person_is_named_by_a_folder_or_an_expression(reader, ward, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in gather([ward])[:6]:
        (flat / f"{path.parent.name}_{path.name}").write_bytes(path.read_bytes())
    rule = Neutrals(reader, [str(flat / "{person}_0.png")], r"(\w+)_\d")
    read = list(read_files(reader, gather([flat]), rule))
    expected = list(read_files(reader, gather([ward])[:6], Neutrals(reader, ["first"])))
    assert [one.reading.pspi for one in read] == [one.reading.pspi for one in expected]
    missing = next(read_files(reader, gather([flat]), Neutrals(reader, [str(flat / "{person}_9.png")], r"(\w+)_\d")))
    assert "no neutral picture of ann fits" in missing.trouble
    for wrong, sentence in ((r"\w+", "must hold a group"), ("(", "is no regular expression")):
        with pytest.raises(InvalidInput, match=sentence):
            Neutrals(reader, ["first"], wrong)


def test_readings_come_one_by_one(reader, ward):
    """Nothing is read ahead: the second file may be spoilt while the first one is looked at."""
    paths = gather([ward])[:2]
    readings = read_files(reader, paths, Neutrals(reader))
    assert next(readings).reading is not None
    paths[1].write_bytes(b"")
    assert next(readings).reading is None


def test_a_box_for_all_is_that_of_each_first_picture_too(folder, ward):
    """A fixed camera: no detector is asked for a face whose box is known."""
    blind = PainReader(folder, lambda photo: [])
    box = (24.0, 20.0, 72.0, 76.0)
    first = list(read_files(blind, gather([ward / "ann"]), Neutrals(blind, ["first"], box=box), box=box))
    rest = Image.open(ward / "ann/0.png")
    own = [blind.read(Image.open(read.path), rest, box, box).pspi for read in first]
    assert [read.reading.pspi for read in first] == own


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setattr(detectors, "_BUILDERS", dict(detectors._BUILDERS))
    monkeypatch.setattr(detectors, "_BUILT", dict(detectors._BUILT))
    detectors.register("middle", lambda: in_the_middle)


def test_the_command_writes_one_table_of_many_files(folder, ward, tmp_path, known):
    out = tmp_path / "told.csv"
    asked = [ward, "--model", folder, "--detector", "middle", "--neutral", "first"]
    done = run(*asked, "--csv", out)
    assert done.exit_code == 0, done.exception
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == 7 and rows[-1]["PSPI"] == rows[-1]["x0"] == "" and "cannot be read" in rows[-1]["note"]
    assert [rows[0][edge] for edge in ("x0", "y0", "x1", "y1")] == ["24", "19", "72", "77"]
    again = run(*asked, "--csv", out)
    assert "exists already" in str(again.exception)  # nothing of the user's is overwritten
    faced = list(csv.DictReader(io.StringIO(run(*asked, "--openface").stdout)))
    names = ["frame", "face_id", "timestamp", "confidence", "success", "AU04_r", "AU06_r", "AU07_r", "AU09_r", "AU10_r"]
    assert list(faced[0])[1:11] == names and [row["success"] for row in faced] == ["1"] * 6 + ["0"]
    assert [row["AU04_r"] for row in faced] == [row["AU4"] for row in rows]
    lines = run(*asked).stdout.splitlines()
    assert len(lines) == 7 and lines[0].startswith(str(ward / "ann" / "0.png") + ": PSPI ")
    assert "draws one picture" in str(run(*asked, "--heatmap", tmp_path / "h.png").exception)
    assert "unknown detector 'eye'; known are dlib, dlib-cnn, middle" in str(
        run(ward, "--model", folder, "--detector", "eye").exception
    )


def points(size=100):
    """68 points of an upright face in the middle of a picture."""
    found = np.tile([size / 2, size * 0.6], (68, 1)).astype(float)
    found[17:27, 1], found[17:27, 0] = size * 0.4, np.linspace(size * 0.35, size * 0.65, 10)
    found[36:42], found[42:48] = (size * 0.4, size * 0.45), (size * 0.6, size * 0.45)
    found[30], found[8] = (size / 2, size * 0.55), (size / 2, size * 0.75)
    return found


@pytest.mark.parametrize("tilt", [-45, -20, 20, 45])
def test_a_tilted_face_is_set_upright_by_its_landmarks(tilt):
    """The picture is turned so that what was at the eyes lies level, and the box follows."""
    straight = points()
    sine, cosine = np.sin(np.radians(tilt)), np.cos(np.radians(tilt))
    tilted = (straight - 50) @ np.array([[cosine, sine], [-sine, cosine]]) + 50
    assert roll(tilted) == pytest.approx(tilt)
    photo = Image.new("L", (100, 100))
    for spot in (tilted[36], tilted[42]):
        x, y = spot.round().astype(int)
        photo.paste(255, (x - 2, y - 2, x + 3, y + 3))
    box = (25.0, 25.0, 75.0, 75.0)
    turned, around, turn = upright(photo.convert("RGB"), Found(box, tilted))
    assert turn.degrees == pytest.approx(tilt) and around == pytest.approx(face_box(straight), abs=0.5)
    bright = np.argwhere(np.asarray(turned.convert("L")) > 100)
    left, right = bright[bright[:, 1] < 50].mean(0), bright[bright[:, 1] >= 50].mean(0)
    assert left == pytest.approx([45, 40], abs=1.5) and right == pytest.approx([45, 60], abs=1.5)
    nearly = Found(box, straight)
    assert upright(photo, nearly) == (photo, box, None)


def test_the_overlay_of_a_turned_face_lies_on_the_face(folder):
    tilted = (points(200) - 100) @ np.array([[0, 1], [-1, 0]]) + 100  # lies on its side
    reader = PainReader(folder, lambda photo: [Found((50.0, 50.0, 150.0, 150.0), tilted)])
    photo = Image.new("RGB", (200, 200), "grey")
    reading = reader.read(photo)
    assert reading.as_dict()["turned"] == pytest.approx(90)
    reading.heatmap[:] = 0
    reading.heatmap[: len(reading.heatmap) // 2] = 6.0  # the upper half of the upright face
    changed = np.abs(np.asarray(reading.overlay(photo), int) - 128).sum(-1) > 30
    rows, columns = np.argwhere(changed).mean(0)
    assert columns > 110 and rows == pytest.approx(100, abs=8)  # its forehead points to the right


def test_a_hidden_region_and_an_unfamiliar_picture_are_told():
    assert hidden_regions(np.full(6, 0.7)) == ()
    assert hidden_regions(np.array([0.1, 0.9, 0.9, 0.2, 0.9, 0.0])) == ("brows", "nose")  # no unit hangs on the chin
    assert sentences(0.5, ()) == [] and sentences(None, ()) == []
    (one,) = sentences(None, ("brows",))
    assert one == "the brows can hardly be seen: AU4 and PSPI are guesses"
    assert sentences(0.5, ("brows", "nose", "mouth")) == [
        "the brows, nose and mouth can hardly be seen: AU4, AU9, AU10 and PSPI are guesses"
    ]
    assert sentences(0.5, (), faint=True) == ["the face could hardly be found: look whether its box is right"]
    assert sentences(0.001, ()) == ["this picture is unlike anything the model learned from"]
    assert turned(35, 0) == turned(-35, 20) == []
    assert turned(-90, 5) == ["the head is turned away by 90 degrees: the model has hardly seen any beyond 50"]
