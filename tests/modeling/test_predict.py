"""Photographs and clips read from outside: faces found, mistakes told in one sentence."""

import csv
import io
import json

import numpy as np
import pytest
import torch
from drawn_faces import draw
from PIL import Image
from typer.testing import CliRunner

from threedpain.errors import InvalidInput, MissingFile
from threedpain.modeling.reading import detectors, photos
from threedpain.modeling.reading.reader import PainReader, read_clip
from threedpain.modeling.vitpain.configuration_vitpain import ViTPainConfig
from threedpain.modeling.vitpain.image_processing_vitpain import ViTPainImageProcessor, face_crop
from threedpain.modeling.vitpain.modeling_vitpain import ViTPainModel


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny model, untrained but calibrated."""
    path = tmp_path_factory.mktemp("model") / "vitpain"
    torch.manual_seed(0)
    backbone = {"model_type": "vit", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
                "intermediate_size": 32, "patch_size": 8}  # fmt: skip
    config = ViTPainConfig(
        backbone_config=backbone, image_size=32, num_attention_heads=2, heatmap_upsample=4,
        interval_edges=[8.0], interval_quantiles=[1.0, 2.0], interval_quantiles_alone=[2.0, 3.0],
    )  # fmt: skip
    ViTPainModel(config).save_pretrained(path)
    ViTPainImageProcessor(size=32).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def reader(folder):
    return PainReader(folder)


@pytest.fixture
def faces(monkeypatch):
    """The faces that the detector is to find: a list the test fills, by picture size."""
    found: dict[tuple[int, int], list] = {}
    monkeypatch.setattr("threedpain.modeling.reading.photos.find_faces", lambda photo: found.get(photo.size, []))
    monkeypatch.setattr("threedpain.modeling.reading.photos.faint_face", lambda photo: None)
    monkeypatch.setattr("threedpain.modeling.reading.detectors._landmarks", lambda photo, box: None)
    return found


def face(size=96, units=(4, 3, 0, 2, 0, 1)):
    image, _, _, box = draw(size, (200, 160, 140), (40, 80, 90), 0, units)
    return image, box


def overlap(one, other):
    """The area two boxes share over the area of both."""
    area = lambda box: max(0, box[2] - box[0]) * max(0, box[3] - box[1])  # noqa: E731
    shared = area((*np.maximum(one[:2], other[:2]), *np.minimum(one[2:], other[2:])))
    return shared / (area(one) + area(other) - shared)


def run(*arguments):
    from threedpain.cli import app

    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


def test_a_reading_is_whole_and_uses_the_reference(reader):
    photo, box = face()
    alone = reader.read(photo, box=box)
    assert 0 <= alone.pspi <= 16 and alone.interval[0] <= alone.pspi <= alone.interval[1]
    assert list(alone.au) == ["AU4", "AU6", "AU7", "AU9", "AU10", "AU43"] and len(alone.probabilities) == 3
    assert alone.crop == face_crop(box) and alone.heatmap.shape == (16, 16)
    # seven queries: PSPI and six action units
    assert alone.attention.shape == (7, 4, 4) and np.allclose(alone.attention.sum((1, 2)), 1, atol=1e-5)
    json.dumps(alone.as_dict())
    array = reader.read(np.asarray(photo), box=box)
    assert array.pspi == alone.pspi


def test_several_references_are_averaged(reader, faces):
    photo, box = face()
    rests = [face(size, (0,) * 6) for size in (100, 110)]
    for rest, around in rests:
        faces[rest.size] = [tuple(around)]
    one, other = (reader.read(photo, neutral=rest, box=box).pspi for rest, _ in rests)
    both = reader.read(photo, neutral=[rest for rest, _ in rests], box=box).pspi
    assert both == pytest.approx((one + other) / 2, abs=1e-4) and one != other


def test_the_overlay_colours_the_face_and_nothing_else(reader):
    photo, _box = face()
    reading = reader.read(photo, box=(40, 40, 60, 60 + 25))
    x0, y0, x1, y1 = reading.crop
    reading.heatmap[:] = 6.0
    changed = np.abs(np.asarray(reading.overlay(photo), int) - np.asarray(photo, int)).sum(-1) > 0
    assert changed[y0 + 3 : y1 - 3, x0 + 3 : x1 - 3].mean() > 0.95
    changed[y0:y1, x0:x1] = False
    assert not changed.any()
    assert np.array_equal(np.asarray(reading.overlay(photo, strength=0)), np.asarray(photo))


def test_no_face_several_faces_and_small_faces(reader, faces):
    photo, box = face()
    with pytest.raises(InvalidInput, match="no face was found in the picture"):
        reader.read(photo)
    faces[photo.size] = [(0, 0, 50, 60), (50, 0, 90, 60)]
    with pytest.raises(InvalidInput, match="2 faces were found"):
        reader.read(photo)
    faces[photo.size] = [(0, 0, 20, 26)]
    with pytest.raises(InvalidInput, match="is 26 pixels high; at least 40"):
        reader.read(photo)
    with pytest.raises(InvalidInput, match="does not lie in"):
        reader.read(photo, box=(200, 200, 300, 300))
    faces[photo.size] = [tuple(box)]
    assert reader.read(photo).box == tuple(box)


def test_an_empty_picture_has_no_face_for_the_real_detector():
    empty = Image.new("RGB", (200, 200), "grey")
    assert photos.find_faces(empty) == [] and photos.faint_face(empty) is None
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    assert photos.faint_face(Image.fromarray(noise)) is None


def test_a_face_behind_a_mask_is_found_with_doubt_and_never_in_a_clip(tmp_path, folder, faces, monkeypatch):
    """The box of what looks most like a face is read and said to be in doubt; of a clip other frames are there."""
    av = pytest.importorskip("av")
    photo, box = face()
    monkeypatch.setattr("threedpain.modeling.reading.photos.faint_face", lambda photo: tuple(box))
    reader = PainReader(folder)
    reading = reader.read(photo, neutral=photo)
    assert reading.box == tuple(box) and reading.faint
    assert "the face could hardly be found: look whether its box is right" in reading.doubts
    faces[photo.size] = [tuple(box)]
    assert not reader.read(photo).faint
    del faces[photo.size]
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 96
        container.mux(stream.encode(av.VideoFrame.from_image(photo)))
        container.mux(stream.encode())
    ((at, _),) = read_clip(reader, tmp_path / "clip.mp4")
    assert at.reading is None and "no face was found in frame 0" in at.trouble


@pytest.mark.slow
def test_people_in_surgical_masks_are_found_where_they_are():
    from threedpain import PainFacePipeline

    pipe, overlaps = PainFacePipeline.from_pretrained(texture="flat"), []
    for seed in range(8):
        out = pipe(seed=seed, size=256, accessories=("surgical_mask",))
        overlaps += [overlap(found.box, out.sample.bbox) for found in detectors.find_upright(out.image)]
    assert len(overlaps) >= 7 and min(overlaps) > 0.5 and np.mean(overlaps) > 0.7


def test_the_neutral_picture_may_have_a_box(reader, faces):
    """Where no detector finds the face at rest, its box is given; without it a sentence says so."""
    photo, box = face()
    rest, around = face(100, (0,) * 6)
    faces[photo.size] = [tuple(box)]
    with pytest.raises(InvalidInput, match="found in the neutral picture; .* hides it, give its box"):
        reader.read(photo, neutral=rest)
    given = reader.read(photo, neutral=rest, neutral_box=around)
    faces[rest.size] = [tuple(around)]
    assert given.pspi == reader.read(photo, neutral=rest).pspi
    with pytest.raises(InvalidInput, match="the face box .* does not lie in the neutral picture"):
        reader.read(photo, neutral=rest, neutral_box=(200, 200, 300, 300))
    for several in (None, [rest, rest]):
        with pytest.raises(InvalidInput, match="neutral_box is the face box of one neutral picture"):
            reader.read(photo, neutral=several, neutral_box=around)


@pytest.mark.slow
def test_the_real_detector_finds_rendered_faces_where_they_are():
    from threedpain import PainFacePipeline

    pipe, overlaps = PainFacePipeline.from_pretrained(texture="flat"), []
    for seed in range(8):
        out = pipe({"AU4": 3}, seed=seed, size=320)
        found = photos.find_faces(out.image)
        assert len(found) == 1
        overlaps.append(overlap(found[0], out.sample.bbox))
    assert np.mean(overlaps) > 0.7


def test_photographs_of_every_kind_open_and_others_say_why(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    kinds = {
        "rgb.png": Image.fromarray(np.stack([ramp] * 3, -1)), "grey.png": Image.fromarray(ramp),
        "deep.png": Image.fromarray(ramp.astype(np.uint16) * 257), "cmyk.jpg": Image.fromarray(ramp).convert("CMYK"),
        "alpha.webp": Image.fromarray(np.stack([ramp] * 3 + [np.full_like(ramp, 255)], -1)),
    }  # fmt: skip
    for name, image in kinds.items():
        image.save(tmp_path / name)
        opened = photos.open_photo(tmp_path / name)
        assert opened.mode == "RGB" and opened.size == (64, 48)
        assert np.abs(np.asarray(opened)[..., 0].astype(int) - ramp).mean() < 4, name
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds["rgb.png"].save(tmp_path / "turned.jpg", exif=exif)
    assert photos.open_photo(tmp_path / "turned.jpg").size == (48, 64)
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(InvalidInput, match="text.jpg cannot be read as a picture"):
        photos.open_photo(tmp_path / "text.jpg")
    Image.effect_noise((64, 64), 50).save(tmp_path / "noise.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "noise.png").read_bytes()[:900])
    with pytest.raises(InvalidInput, match="cut.png cannot be read"):
        photos.open_photo(tmp_path / "cut.png")
    Image.new("L", (20_000, 20)).save(tmp_path / "wide.png")
    with pytest.raises(InvalidInput, match="wide.png has 20000 x 20 pixels"):
        photos.open_photo(tmp_path / "wide.png")
    Image.new("L", (1, 1)).save(tmp_path / "dot.png")
    with pytest.raises(InvalidInput, match="dot.png has 1 x 1 pixels"):
        photos.open_photo(tmp_path / "dot.png")
    with pytest.raises(MissingFile, match="does not exist"):
        photos.open_photo(tmp_path / "none.png")


def test_the_command_reads_a_photograph(tmp_path, folder, faces):
    photo, box = face()
    rest, around = face(100, (0,) * 6)
    faces[photo.size], faces[rest.size] = [tuple(box)], [tuple(around)]
    photo.save(tmp_path / "photo.png")
    rest.save(tmp_path / "rest.png")
    given = [tmp_path / "photo.png", "--model", folder, "--neutral", tmp_path / "rest.png"]
    told = run(*given, "--heatmap", tmp_path / "over.png")
    assert told.exit_code == 0 and told.stdout.startswith("PSPI ") and "90 % interval" in told.stdout
    with Image.open(tmp_path / "over.png") as over:
        assert over.size == photo.size
    answer = json.loads(run(*given, "--json").stdout)
    assert {"file", "pspi", "interval", "au", "probabilities", "box", "crop", "turned", "doubts"} <= set(answer)
    (row,) = csv.DictReader(io.StringIO(run(*given, "--csv", "-").stdout))
    assert float(row["PSPI"]) == pytest.approx(answer["pspi"], abs=1e-3)
    boxed = run(tmp_path / "photo.png", "--model", folder, "--box", ",".join(map(str, box)), "--json")
    assert json.loads(boxed.stdout)["box"] == pytest.approx(list(box), abs=0.1)
    del faces[rest.size]
    blind = run(*given)
    assert "found in the neutral picture rest.png; " in str(blind.exception) and not blind.stdout
    told = run(*given, "--neutral-box", ",".join(map(str, around)), "--json")
    assert json.loads(told.stdout)["pspi"] == answer["pspi"]


def test_a_clip_is_read_frame_by_frame(tmp_path, folder, faces):
    av = pytest.importorskip("av")
    frames = [face(96, (level, 0, 0, 0, 0, 0)) for level in (0, 2, 4)]
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 96
        for image, _ in frames:
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())
    read = list(read_clip(PainReader(folder), tmp_path / "clip.mp4"))
    assert len(read) == 3 and all("no face" in at.trouble for at, _ in read)
    nothing = run(tmp_path / "clip.mp4", "--model", folder)
    assert nothing.exit_code != 0 and "no frame of clip.mp4" in str(nothing.exception)
    faces[96, 96] = [tuple(frames[0][1])]
    told = run(tmp_path / "clip.mp4", "--model", folder, "--heatmap", tmp_path / "worst.png")
    rows = list(csv.DictReader(io.StringIO(told.stdout)))
    assert [row["frame"] for row in rows] == ["0", "1", "2"] and rows[1]["seconds"] == "0.100"
    assert (tmp_path / "worst.png").exists()
    assert len(run(tmp_path / "clip.mp4", "--model", folder, "--every", 2, "--json").stdout.splitlines()) == 2


def test_wrong_commands_are_told_in_one_sentence(tmp_path, folder):
    photo, _ = face()
    photo.save(tmp_path / "photo.png")
    for arguments, sentence in (
        (["--json", "--csv", "-"], "--json excludes --csv"),
        (["--box", "1,2,3"], "a box is written as x0,y0,x1,y1"),
        (["--neutral-box", "1,2,30,40"], "--neutral-box says where the face of --neutral is; name that picture too"),
        (["--model", tmp_path / "nothing"], "no model folder"),
    ):
        done = run(tmp_path / "photo.png", "--model", folder, *arguments)
        assert done.exit_code != 0 and sentence in str(done.exception)
