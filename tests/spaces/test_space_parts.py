"""What stands behind the page, without a browser."""

import dataclasses
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import av
import gradio as gr
import numpy as np
import pytest
from PIL import Image

from threedpain import limits
from threedpain.dataset_script.report import PALETTE
from threedpain.errors import InvalidInput
from threedpain.masks import MASK_CLASSES
from threedpain.modeling.reading.detectors import Turn
from threedpain.spaces import api, app, browse, bust, compare, drawing, engine, make, read, thumbnails


def request(units, **more):
    return make.request_of(units, **{"age": 60, "seed": 11, **more})


@pytest.fixture(scope="module")
def pain():
    return engine.make(request({"AU4": 5, "AU7": 4, "AU9": 3, "AU43": 1}))


def test_the_page_shows_what_the_pipeline_makes(pain):
    asked = request({"AU4": 3, "AU10": 2}, yaw=15)
    for known in (False, True):  # the first face of a setting, and one more of it
        engine.make.cache_clear()
        assert engine.is_known(asked) is known
        made, out = engine.make(asked), engine.pipeline()(asked.active, **asked.keywords())
        assert np.array_equal(made.image, out.image) and np.array_equal(made.neutral, out.neutral)
        assert np.array_equal(made.heatmap, out.heatmap) and np.array_equal(made.landmarks, out.landmarks)


def test_the_code_shown_makes_the_face_shown(pain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = request({"AU4": 5, "AU7": 4, "AU9": 3, "AU43": 1})
    exec(asked.as_python(), {})  # it asserts PSPI itself
    assert np.array_equal(Image.open("face.png"), pain.image)


def test_somebody_new_is_shown_and_then_read(pain):
    values = [0.0] * len(make.UNITS) + [30, "male", "white", 0, 0, "", "", 5]
    first, last = list(make.show(0.0, *values))
    assert first[8] == last[8] == make.request_of({}, age=30, gender="male", ethnicity="white", seed=5)
    (again,) = list(make.show(0.0, *values))
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1]), "the face itself"
    assert last[:2] == (gr.skip(), gr.skip()), "which a browser may still be fetching"
    assert "is reading it" in first[5] and "ViTPain reads <strong>" in last[5]
    assert "read by ViTPain, 90 % interval" in last[3] and last[6] == "At rest"


def test_no_more_people_are_kept_than_said(pain, monkeypatch):
    monkeypatch.setattr(engine, "SITTINGS_KEPT", 2)
    for yaw in (1, 2, 3):
        engine.make(request({}, yaw=yaw))
    assert len(engine._sittings) == 2 and engine.is_known(request({"AU4": 1}, yaw=3))
    first = None
    for _ in range(engine.FILES_KEPT + 1):
        last = engine.new_file("x")
        first = first or last
    assert last.parent.is_dir() and not first.parent.exists()


def test_zero_gpu_is_used_where_the_platform_offers_it(monkeypatch):
    platform = SimpleNamespace(GPU=lambda duration: lambda function: ("on the GPU", duration, function))
    assert engine.on_zero_gpu(len) is len
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setitem(sys.modules, "spaces", platform)
    assert engine.on_zero_gpu(len) == ("on the GPU", 15, len)


def test_files_to_take_along(pain):
    asked = request({"AU4": 5, "AU7": 4, "AU9": 3, "AU43": 1})
    assert np.array_equal(Image.open(make.save_png(asked)), pain.image)
    import trimesh

    head = trimesh.load(make.save_glb(asked)).geometry["head"]
    assert len(head.vertices) > 5000 and head.bounds[0][1] == pytest.approx(bust.NECK), "a head, not a bare chest"
    filled = head.extents[1] / (2 * make.CAMERA_RADIUS * np.tan(0.4))
    assert 0.75 < filled < 1, "the head fills its frame"
    calm = trimesh.load(make.save_glb(asked.at_rest)).geometry["head"]
    skin, still = (np.asarray(part.visual.material.baseColorTexture, int) for part in (head, calm))
    painted = np.abs(skin - still).max(axis=2) > 40
    assert 0.005 < painted.mean() < 0.2, "heat where the skin moved, skin elsewhere"
    ramp = Image.open(make.ramp(asked))
    assert ramp.n_frames == 2 * make.RAMP_STEPS - 2


@pytest.mark.parametrize(
    ("style", "there", "absent"),
    [("long", "hair", "clothes"), ("bald", "head", "hair"), ("headscarf", "clothes", "hair")],
)
def test_the_head_to_turn_wears_what_the_picture_shows(style, there, absent):
    import trimesh

    path = make.save_glb(request({"AU4": 3}, hair=style))
    parts = trimesh.load(path).geometry
    assert there in parts and absent not in parts
    assert all(part.bounds[0][1] > bust.NECK - 1e-5 for part in parts.values()), "all ends where the neck does"
    assert sum(len(part.faces) for part in parts.values()) < 70_000 and Path(path).stat().st_size < 4_000_000
    if style != "bald":
        crown = parts["head"].bounds[1][1]
        assert 0 < parts[there].bounds[1][1] - crown < 0.12, "it lies on the head"


def test_truth_and_reading_stand_side_by_side(pain):
    asked = request({"AU4": 5, "AU7": 4, "AU9": 3, "AU43": 1})
    photo, _rest, truth, _, true_picture, dial, units, chances, curve, problem = read.read_made(asked, 0.5)
    assert truth == asked and np.array_equal(photo, pain.image) and not problem and not curve
    assert "the truth is 13" in dial and "90 % interval" in dial and chances.count("<li>") == 3
    assert units.count("<li>") == 6 and " / 5</span>" in units
    assert true_picture.visible is True and true_picture.value


def test_a_head_turned_far_away_is_said_to_be():
    *_, problem = read.read_made(request({"AU4": 5}, yaw=80), 0.5)
    assert "the head is turned away by 80 degrees" in problem


def test_a_visitor_sees_why_a_reading_may_be_wrong(pain, tmp_path, monkeypatch):
    pain.image.save(tmp_path / "face.png")
    sound = engine.reader().read(pain.image)
    for hidden, faint, said in (((), False, ""), (("mouth",), True, "the mouth can hardly be seen: AU10 and PSPI")):
        doubted = dataclasses.replace(sound, hidden=hidden, faint=faint, familiarity=0.5)
        monkeypatch.setattr(engine, "read", lambda *_, answer=doubted: answer)
        *_, problem = read.read_files(str(tmp_path / "face.png"), None, 0.5)
        assert (said in problem and "could hardly be found" in problem) if said else problem == ""


def test_a_made_face_that_no_detector_finds_is_read_where_it_is(pain, monkeypatch):
    asked = request({"AU4": 5, "AU7": 4, "AU9": 3, "AU43": 1})
    monkeypatch.setattr(engine.reader(), "find", lambda photo: [])
    reading = engine.reading_of.__wrapped__(asked)
    x, y = pain.landmarks.mean(axis=0)
    assert reading.box[0] < x < reading.box[2] and reading.box[1] < y < reading.box[3] and abs(reading.pspi - 13) < 5
    with pytest.raises(InvalidInput, match="no face was found"):
        engine.read(pain.image, pain.neutral)  # a visitor's picture: nobody knows


def test_the_heat_of_a_tilted_face_lies_where_its_skin_is():
    """The model sees the face set upright; the visitor sees the photograph as it is."""
    photo = Image.new("RGB", (1800, 1200))  # shown at half its size
    heat = np.zeros((40, 40), np.float32)
    heat[:20] = 8.0  # the upper half of the upright face
    asked = SimpleNamespace(heatmap=heat, crop=(700, 400, 1100, 800), turn=Turn(90.0, (900.0, 600.0)))
    small, whole = drawing.heat_of_reading(asked, photo)
    assert small.size == (900, 600) and whole.shape == (600, 900)
    # set upright by a quarter turn against the clock: its upper half was the right one
    assert whole[300, 520] == pytest.approx(8.0) and whole[300, 380] == pytest.approx(0.0)
    _, plain = drawing.heat_of_reading(SimpleNamespace(**{**vars(asked), "turn": None}), photo)
    assert plain[230, 450] == pytest.approx(8.0) and plain[370, 450] == pytest.approx(0.0)


def test_the_page_opens_on_moderate_pain():
    first = make.first_request()
    assert make.preset_of(first) == "Moderate pain" and first.pspi == 8
    assert [make.preset_of(make.request_of(units)) for units in make.PRESETS.values()] == list(make.PRESETS)
    assert make.preset_of(make.request_of({"AU4": 2})) is None
    assert make.units_of("Smile")[make.UNITS.index("AU12")] == 4


@pytest.mark.parametrize("contrast", compare.CONTRASTS)
def test_two_people_differ_in_one_thing(contrast):
    one, other = (dataclasses.asdict(request) for request in compare.pair_of(contrast, "Severe pain", 5))
    assert [name for name in one if one[name] != other[name]] == [compare.CONTRASTS[contrast].field]


def test_both_are_read_and_the_sentence_says_how_far_apart(monkeypatch):
    *_, last = compare.show("Gender", "Mild pain", 5)
    first, second, one, other, said, problem = last
    assert np.abs(np.asarray(first, float) - np.asarray(second, float)).mean() > 1 and not problem
    assert "woman, 90 % interval" in one and "man, 90 % interval" in other and "PSPI is 2 in both" in said
    values = [float(value) for value in re.findall(r"<strong>([\d.]+)</strong>", said)]
    apart = abs(round(values[0] - values[1], 1))
    assert ("the same" if apart < 0.05 else f"{apart:.1f} ") in said

    def refuse(request):
        raise InvalidInput("no face")

    monkeypatch.setattr(engine, "reading_of", refuse)
    *_, last = compare.show("Gender", "Mild pain", 5)
    assert last[:2] == (None, None) and "no face" in last[-1]


def test_thumbnails_are_small_and_differ():
    strip = thumbnails.strip()
    assert strip.size == (thumbnails.SIDE * len(make.PRESETS), thumbnails.SIDE)
    tiles = np.split(np.asarray(strip, float), len(make.PRESETS), axis=1)
    assert all(np.abs(tile - tiles[0]).max() > 15 for tile in tiles[1:])
    style = thumbnails.css()
    assert len(style) < 60_000 and style.count("background-position") == len(make.PRESETS)


def test_examples_are_read():
    photo, rest, truth, picture, _, dial, units, *_, problem = read.example_pair(0.5)
    assert Image.open(photo).size == Image.open(rest).size and truth is None and picture is not None and not problem
    assert "90 % interval" in dial and units.count("<li>") == 6
    *_, curve, problem = read.example_clip(0.5)
    assert "the peak" in curve and not problem


def test_browse_opens_on_pain_and_mixes_people():
    gallery, shown, said, page, _, _, facts, _ = browse.find(browse.SAMPLE, "", "", "", "", "", 0, 16)
    table = browse._labels(browse.SAMPLE)
    assert len(gallery) == len(shown) == browse.PAGE and page == 0 and "Here are 1 to 24" in said
    assert table["PSPI"][shown[0]] >= 4 and f"PSPI {table['PSPI'][shown[0]]:.3g}" in facts
    people = table["identity_id"][shown]
    assert people.nunique() == min(browse.PAGE, table["identity_id"].nunique())
    seen = list(shown)
    for number in range(1, 5):
        _, shown, _, page, *_ = browse.turn(1, number - 1, browse.SAMPLE, "", "", "", "", "", 0, 16)
        assert page == number
        seen += shown
    assert sorted(seen) == list(range(len(table))), "every picture is on one page"
    assert browse.turn(1, 4, browse.SAMPLE, "", "", "", "", "", 0, 16)[3] == 4
    assert browse.turn(-1, 0, browse.SAMPLE, "", "", "", "", "", 0, 16)[3] == 0


def clip(path, frames):
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=24)
        stream.width = stream.height = frames[0].width
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_image(frame)))
        out.mux(stream.encode())
    return str(path)


def test_a_clip_is_read_against_its_first_frame(pain, tmp_path):
    path = clip(tmp_path / "wince.mp4", [pain.neutral] * 12 + [pain.image] * 13)
    *_, _dial, units, _, curve, problem = read.read_frames(path, 0.5)
    assert not problem and "the peak" in curve and units.count("<li>") == 6
    seconds = float(curve.split(" seconds, the peak")[0].rsplit(" ", 1)[1])
    peak = float(curve.rsplit(" at ", 1)[1].split(" ")[0])
    assert seconds == 1.0 and peak >= 0.5, "the strongest moment is after the face moved"
    (tmp_path / "letter.mp4").write_text("no clip")
    assert "cannot be read as a clip" in read.read_frames(str(tmp_path / "letter.mp4"), 0.5)[-1]
    empty = clip(tmp_path / "wall.mp4", [Image.new("RGB", (128, 128), "gray")] * 7)
    assert "no single face" in read.read_frames(empty, 0.5)[-1]


def test_a_stronger_heat_keeps_the_clip_on_show(monkeypatch):
    """It was replaced by the word that a photograph is missing."""
    asked = []
    monkeypatch.setattr(read, "read_files", lambda *given: asked.append(("photo", *given)))
    monkeypatch.setattr(read, "read_frames", lambda *given: asked.append(("clip", *given)))
    page = app.build()
    released = [fn for fn in page.fns.values() if fn.name in ("heat_photo", "heat_clip")]
    (slider,) = {target for fn in released for target in fn.targets}
    assert slider[1] == "release" and page.blocks[slider[0]].elem_id == "read-heat"
    for curve, clip in (("<svg>", "film.mp4"), ("", "film.mp4"), ("<svg>", None)):
        read.heat_photo("face.png", None, 0.3, None, curve)
        read.heat_clip(clip, 0.3, curve)
    assert asked == [("clip", "film.mp4", 0.3), ("photo", "face.png", None, 0.3, None)]


@pytest.mark.parametrize("source", ["/etc", "..", "/", "nonsense", ""])
def test_a_visitor_opens_no_other_folder(source):
    with pytest.raises(InvalidInput):
        browse.open_set(source)


def test_endpoints_and_their_description():
    named = app.build().get_api_info()["named_endpoints"]
    assert set(named) == {"/make_face", "/read_face", "/browse"}
    for name, endpoint in named.items():
        assert f"`{name}`" in api.USE
        for parameter in endpoint["parameters"]:
            assert f"`{parameter['parameter_name']}`" in api.USE, parameter["parameter_name"]


def test_the_form_offers_every_place_and_everything_worn():
    parts = {part["props"].get("elem_id"): part["props"] for part in app.build().get_config_file()["components"]}
    for name, allowed in (("light", limits.PLACES), ("accessory", limits.ACCESSORIES)):
        assert [value for _, value in parts[name]["choices"]][1:] == list(allowed)


def test_gauge_and_bars_say_their_numbers():
    dial = drawing.gauge(6.54, "read", (2.9, 10.2), truth=8)
    assert 'aria-label="PSPI 6.5 of 16: read, 90 % interval 2.9 to 10.2, the truth is 8"' in dial
    assert "–" in drawing.gauge(None, "waiting")
    terms = drawing.pspi_terms({"AU4": 3, "AU6": 2, "AU7": 3, "AU10": 2})
    assert [float(part.split("<")[0]) for part in terms.split('class="number">')[1:]] == [3, 3, 2, 0]


def test_every_class_of_the_mask_has_a_colour_of_its_own_and_a_name_in_the_legend():
    for colours in (drawing.CLASS_COLOURS, PALETTE):
        assert len(colours) == len(MASK_CLASSES) == len({tuple(colour) for colour in colours.tolist()})
    assert all(name.replace("_", " ") in drawing.class_legend() for name in MASK_CLASSES[1:])


def test_names_in_the_form_are_words():
    names = [name for names in (limits.PLACES, limits.ACCESSORIES) for name, _ in make._choices(names)]
    assert len(set(names)) == len(names) and not any("_" in name for name in names)
    assert set(make.WORDS) <= {*limits.PLACES, *limits.ACCESSORIES}


def test_a_visitor_is_told_nothing_of_boxes(monkeypatch):
    """Neither the page nor its API takes a face's box."""
    monkeypatch.setattr("threedpain.modeling.reading.photos.faint_face", lambda photo: None)
    with pytest.raises(InvalidInput, match="no face was found in the picture; .* well lit$"):
        engine.read(Image.new("RGB", (200, 200)))
    monkeypatch.setattr(
        "threedpain.modeling.reading.photos.find_faces", lambda photo: [(0, 0, 90, 90), (100, 0, 190, 90)]
    )
    with pytest.raises(InvalidInput, match="2 faces were found in the picture; cut out the one to read$"):
        engine.read(Image.new("RGB", (200, 200)))


def test_browse_says_how_the_head_is_turned_and_when_nothing_fits():
    assert browse._way(-32.4, "to their left", "to their right") == "32° to their right"
    assert browse._way(0.3, "up", "down") == "0°"
    *_, facts, _ = browse.find(browse.SAMPLE, "", "", "east_asian", "", "", 0, 16)
    assert "An East Asian person" in facts
    _, shown, said, *_ = browse.find(browse.SAMPLE, "", "", "", "", "smile", 16, 16)
    assert not shown and "0 of 120 pictures fit. Choose fewer" in said


def test_browse_says_what_is_worn():
    assert browse._worn({"accessories": "glasses,oxygen_mask"}) == ", wearing glasses, oxygen mask"
    assert browse._worn({"accessories": "glasses,blanket"}) == ", wearing glasses, behind blanket"
    assert browse._worn({"accessories": ""}) == browse._worn({}) == ""
