"""Each adapter on small sets in the published layouts: clean, damaged, with a missing file, and in the wrong layout."""

import csv
import io
import json
import math
import os
import tarfile

import datasets
import h5py
import numpy as np
import PIL.Image
import pytest

from threedpain.dataset_script.load import load, parse_set, problems
from threedpain.errors import InvalidInput, MissingFile
from threedpain.facs import PAIN_UNITS, pspi

AUS = {"AU4": 4, "AU6": 2, "AU7": 4, "AU9": 3, "AU10": 1, "AU43": 1}


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "arrow")
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def picture(grey=100, size=16):
    out = io.BytesIO()
    PIL.Image.new("RGB", (size, size), (grey, grey, grey)).save(out, "PNG")
    return out.getvalue()


def shard(path, entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as out:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))


def grey(image):
    return np.asarray(image.convert("L"))[0, 0]


# ---- official


@pytest.fixture
def official(tmp_path):
    """Ten people, a neutral and two pains in two views, in two shards a kind, as the release is laid out."""
    root = tmp_path / "3D-Pain"
    images, labels, heat, meshes = [], [], [], []
    for person in range(10):
        for number, expression in enumerate(["neutral", "pain_1", "pain_2"]):
            base = f"flame_sample_{person:04d}_{expression}"
            for view in range(2):
                shade = 10 * person + 3 * view + number
                images.append((f"{base}_textured_view_{view:03d}_inpainted.png", picture(shade)))
            if expression != "neutral":
                labels.append((f"{base}_annotations.json", json.dumps({**AUS, "PSPI": 12}).encode()))
                heat.append((f"{base}_heatmap.png", picture(200)))
        meshes.append((f"flame_sample_{person:04d}_neutral_textured.obj", b"v 0 0 0\n"))
    for kind, folder, entries in (
        ("images", "images", images),
        ("annotations", "annotations", labels),
        ("heatmaps", "heatmaps", heat),
        ("meshes", "textured_meshes", meshes),
    ):
        half = len(entries) // 2
        shard(root / folder / f"{kind}_00000.tar.gz", entries[:half])
        shard(root / folder / f"{kind}_00001.tar.gz", entries[half:])
        (root / folder / "README.txt").write_text("about")
    with open(root / "split.csv", "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["annotation_base_name", "split"])
        for person in range(10):
            for pain in (1, 2):
                writer.writerow([f"flame_sample_{person:04d}_pain_{pain}", 0 if person < 7 else 1 if person < 9 else 2])
    return root


def test_official_joins_by_key_and_honours_the_split_with_its_neutrals(official):
    sets = load("official", official)
    assert {name: len(rows) for name, rows in sets.items()} == {"train": 42, "validation": 12, "test": 6}
    assert problems(sets["train"]) == {}
    rows = {row["id"]: row for row in sets["train"]}
    pain, neutral = rows["flame_sample_0003_pain_2_view_001"], rows["flame_sample_0003_neutral_view_001"]
    assert {name: pain[name] for name in (*AUS, "PSPI")} == {**AUS, "PSPI": 12}
    assert neutral["PSPI"] == 0 and neutral["AU4"] == 0
    assert pain["AU12"] is None and pain["age"] is None and pain["gender"] is None and pain["heatmap"] is None
    assert pain["source"] == "official" and pain["subject"] == pain["identity_id"] == "flame_sample_0003"
    assert grey(pain["image"]) == 35 and grey(pain["source_heatmap"]) == 200 and neutral["source_heatmap"] is None
    assert pain["references"] == ["flame_sample_0003_neutral_view_001", "flame_sample_0003_neutral_view_000"]
    assert {row["subject"] for row in sets["test"]} == {"flame_sample_0009"}


def test_official_pairs_take_the_neutral_of_the_same_view(official):
    pairs = load("official", official, "train", config="pairs")
    assert len(pairs) == 7 * 2 * 2 and set(pairs["expression"]) == {1}
    for row in pairs:
        assert grey(row["neutral_image"]) == 10 * int(row["subject"][-4:]) + 3 * int(row["view_id"])


def test_official_meshes_are_a_config_of_their_own(official):
    people = load("official", official, "test", config="identities")
    assert people[0]["mesh"] == [{"name": "flame_sample_0009_neutral_textured.obj", "bytes": b"v 0 0 0\n"}]


def test_official_without_csv_never_divides_a_person(official):
    (official / "split.csv").unlink()
    sets = load("official", official)
    people = [set(rows["subject"]) for rows in sets.values()]
    assert [len(group) for group in people] == [7, 2, 1] and len(set.union(*people)) == 10


def test_official_neutral_of_another_view_stands_in(official):
    folder = official / "images"
    for file in folder.glob("*.tar.gz"):
        with tarfile.open(file) as tar:
            for member in tar.getmembers():
                (folder / member.name).write_bytes(tar.extractfile(member).read())
        file.unlink()
    (folder / "flame_sample_0000_neutral_textured_view_001_inpainted.png").unlink()
    pairs = {row["id"]: row for row in load("official", official, "train", config="pairs")}
    assert grey(pairs["flame_sample_0000_pain_1_view_001"]["neutral_image"]) == 0  # view 000 of person 0


def test_official_counts_and_names_what_does_not_fit(official):
    shard(
        official / "images" / "images_00002.tar.gz",
        [
            ("flame_sample_0000_pain_9_textured_view_000_inpainted.png", picture()),
            ("flame_sample_0001_pain_1_textured_view_000_inpainted.png", picture()),
            ("holiday.png", picture()),
            ("flame_sample_0000_pain_1_textured_view_005_inpainted.png", b"no picture"),
        ],
    )
    shard(
        official / "annotations" / "annotations_00002.tar.gz",
        [
            ("flame_sample_0000_pain_7_annotations.json", json.dumps({**AUS, "PSPI": 12}).encode()),
            ("flame_sample_0000_pain_8_annotations.json", b"{broken"),
            ("flame_sample_0002_pain_3_annotations.json", json.dumps({**AUS, "AU4": 9, "PSPI": 12}).encode()),
            ("flame_sample_0002_pain_4_annotations.json", json.dumps({**AUS, "PSPI": 3}).encode()),
        ],
    )
    cut = official / "heatmaps" / "heatmaps_00001.tar.gz"
    cut.write_bytes(cut.read_bytes()[:60])
    found = problems(load("official", official, "all"))
    assert found["image without annotation"] == ["flame_sample_0000_pain_9_textured_view_000_inpainted.png"]
    assert found["image key twice, the first one kept"] == ["flame_sample_0001_pain_1_textured_view_000_inpainted.png"]
    assert found["name in images that is no key of the release"] == ["holiday.png"]
    assert [name.split(" ")[0] for name in found["picture that cannot be read"]] == [
        "flame_sample_0000_pain_1_textured_view_005_inpainted.png"
    ]
    assert set(found["annotation without image"]) == {"flame_sample_0000_pain_7", "flame_sample_0002_pain_4"}
    assert found["annotation that cannot be read"][0].startswith("flame_sample_0000_pain_8_annotations.json")
    assert "AU4 must be from 0 to 5, got 9" in found["annotation outside the scales"][0]
    assert found["annotation whose PSPI is not that of its action units, kept as published"] == [
        "flame_sample_0002_pain_4"
    ]
    assert found["damaged archive, read up to the damage"][0].startswith("heatmaps_00001.tar.gz")


def test_official_wrong_layout_and_hostile_shard_say_so(official, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="has no folder images or meshes_inpainted; the published release has"):
        load("official", tmp_path / "empty")
    with pytest.raises(MissingFile, match="neither a folder nor a Hub id"):
        load("official", tmp_path / "nowhere" / "at all")
    with pytest.raises(MissingFile, match="the split csv other.csv does not exist"):
        load(f"official:{official}?split_csv=other.csv")
    shard(official / "images" / "images_00003.tar.gz", [("../../evil.png", picture())])
    with pytest.raises(InvalidInput, match="images_00003.tar.gz holds '../../evil.png', which points outside"):
        load("official", official)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("name,split\nflame_sample_0000_pain_1,0\n", "mine.csv has no column annotation_base_name; it has name, split"),
        ("annotation_base_name,split\nflame_sample_0000_pain_1,3\n", "flame_sample_0000_pain_1 must be 0, 1 or 2"),
        ("annotation_base_name,split\n,0\n", "mine.csv line 2: annotation_base_name is empty"),
    ],
)
def test_official_split_mistakes_are_one_sentence(official, tmp_path, text, sentence):
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(InvalidInput, match=sentence):
        load("official", official, split_csv=str(tmp_path / "mine.csv"))


def test_a_changed_split_csv_that_lies_elsewhere_is_read_again(official, tmp_path):
    given, text = tmp_path / "mine.csv", (official / "split.csv").read_text()
    given.write_text(text)
    before = load("official", official, split_csv=str(given))
    given.write_text(text.replace("pain_1,0", "pain_1,2"))
    after = load("official", official, split_csv=str(given))
    assert len(after["test"]) > len(before["test"])


# ---- SynPAIN


@pytest.fixture
def synpain(tmp_path):
    root = tmp_path / "synpain"
    for person in range(10):
        folder = root / ("75+" if person % 2 else "20-35") / "Middle Eastern_F"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"p{person}_neutral.png").write_bytes(picture(person))
        (folder / f"p{person}_{'pain' if person % 3 else 'non-pain'}.png").write_bytes(picture(100 + person))
    return root


def test_synpain_by_pattern(synpain):
    rows = load(
        "synpain", synpain, "all", config="pairs", pattern="{age_group}/{ethnicity}_{gender}/{subject}_{expression}.png"
    )
    assert len(rows) == 10 and problems(rows) == {}
    labels = datasets.ClassLabel(names=["neutral", "pain", "other"])
    for row in rows:
        person = int(row["subject"][1:])
        assert labels.int2str(row["expression"]) == ("pain" if person % 3 else "other")
        assert row["source_age_group"] == ("75+" if person % 2 else "20-35")
        assert row["age_group"] is None and row["age"] is None and row["PSPI"] is None and row["AU4"] is None
        assert rows.features["ethnicity"].int2str(row["ethnicity"]) == "middle_eastern"
        assert rows.features["gender"].int2str(row["gender"]) == "female"
        assert grey(row["neutral_image"]) == person and grey(row["image"]) == 100 + person


def test_synpain_by_csv_and_names_that_do_not_fit(synpain):
    with open(synpain / "labels.csv", "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["path", "subject", "expression", "age_group", "neutral_path"])
        for person in (1, 2):
            band, kind = ("75+" if person % 2 else "20-35"), "pain"
            base = f"{band}/Middle Eastern_F/p{person}"
            writer.writerow([f"{base}_{kind}.png", f"p{person}", kind, band, f"{base}_neutral.png"])
            writer.writerow([f"{base}_neutral.png", f"p{person}", "neutral", band, ""])
        writer.writerow(["gone.png", "p3", "pain", "", ""])
    rows = load(f"synpain:{synpain}?csv=labels.csv", split="all", config="pairs")
    assert sorted(rows["subject"]) == ["p1", "p2"]
    assert problems(rows) == {"picture that does not exist": ["gone.png"]}
    (synpain / "labels.csv").unlink()
    (synpain / "cover.png").write_bytes(picture())
    odd = load("synpain", synpain, "all", pattern="{any}/{any}/{subject}_{expression}.png")
    assert problems(odd) == {"picture whose name does not fit the pattern": ["cover.png"]}


def test_a_neutral_picture_that_is_no_line_of_the_csv_is_the_reference_too(synpain):
    base = "75+/Middle Eastern_F/p1"
    write_csv(synpain / "labels.csv", "path,subject,expression,age_group,neutral_path",
              f"{base}_pain.png,p1,pain,75+,{base}_neutral.png")  # fmt: skip
    rows = {row["id"]: row for row in load("synpain", synpain, "all")}
    assert set(rows) == {f"{base}_pain.png", f"{base}_neutral.png"}
    assert rows[f"{base}_pain.png"]["references"] == [f"{base}_neutral.png"]
    rest = rows[f"{base}_neutral.png"]
    assert (rest["subject"], rest["expression"], rest["source_age_group"]) == ("p1", 0, "75+")


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({}, "how the files of .* are named is not known; give a csv"),
        ({"pattern": "{subject}.png"}, "must name {subject} and {expression}"),
        ({"pattern": "{subject}_{expression}_{mood}.png"}, "unknown is {mood}"),
        ({"pattern": "{subject}-{expression}.jpg"}, "no picture of .* fits the pattern"),
        (
            {"pattern": "{any}/{any}/{expression}_{subject}.png"},
            "unknown expression 'p0'; known are neutral, pain, other",
        ),
        ({"pattern": "a", "csv": "b"}, "give a csv or a pattern, not both"),
        ({"folder": "x"}, "synpain has no option 'folder'; it has csv, pattern"),
    ],
)
def test_synpain_never_guesses(synpain, options, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        load("synpain", synpain, "all", **options)


# ---- UNBC


PEOPLE = ["042-ll042", "043-jh043", "047-jl047", "048-aa048", "049-bm049", "052-dr052"]


def unbc_frames():
    """(subject, sequence, frame, action units) with a little pain in the middle of each sequence."""
    for person in PEOPLE:
        sequence = f"{person[4:]}t1aaaff"
        for number in range(1, 11):
            units = {4: 2, 6: 1, 7: 3, 43: 1} if number in (5, 6) else {12: 2} if number == 9 else {}
            yield person, sequence, f"{sequence}{number:03d}", units


@pytest.fixture
def unbc(tmp_path):
    root = tmp_path / "unbc"
    for i, (person, sequence, frame, units) in enumerate(unbc_frames()):
        for kind in ("Images", "Frame_Labels/PSPI", "Frame_Labels/FACS", "AAM_landmarks"):
            (root / kind / person / sequence).mkdir(parents=True, exist_ok=True)
        (root / "Images" / person / sequence / f"{frame}.png").write_bytes(picture(i, 32))
        score = 6.0 if 4 in units else 0.0
        (root / "Frame_Labels/PSPI" / person / sequence / f"{frame}_facs.txt").write_text(f"   {score:.7e}\n")
        (root / "Frame_Labels/FACS" / person / sequence / f"{frame}_facs.txt").write_text(
            "".join(f"   {code:.7e}   {value:.7e}   0.0000000e+00   0.0000000e+00\n" for code, value in units.items())
        )
        points = np.stack([np.arange(66) + 0.5, np.arange(66) + 100.25], 1)
        (root / "AAM_landmarks" / person / sequence / f"{frame}_aam.txt").write_text(
            "".join(f"   {x:.7e}   {y:.7e}\n" for x, y in points)
        )
    return root


def test_unbc_original_layout(unbc):
    rows = load("unbc", unbc, "all")
    assert len(rows) == 60 and problems(rows) == {}
    by_id = {row["id"]: row for row in rows}
    pain, smile = by_id["ll042t1aaaff005"], by_id["ll042t1aaaff009"]
    assert pain["subject"] == "042-ll042" and pain["expression_id"] == "ll042t1aaaff"
    assert (pain["AU4"], pain["AU6"], pain["AU7"], pain["AU9"], pain["AU43"], pain["PSPI"]) == (2, 1, 3, 0, 1, 6)
    assert smile["AU12"] == 2 and smile["PSPI"] == 0 and smile["expression"] == 2
    marks = np.array(pain["landmarks"])
    assert np.isnan(marks[[60, 64]]).all()
    assert np.allclose(marks[61], [60.5, 160.25]) and np.allclose(marks[67], [65.5, 165.25])
    assert pain["landmarks_visible"] == [i not in (60, 64) for i in range(68)]
    assert pain["bbox"][0] == 0.5 and pain["bbox"][3] == 165.25
    resting = [f"ll042t1aaaff{i:03d}" for i in (1, 2, 3, 4, 7, 8, 9, 10)]
    assert pain["references"] == [resting[i] for i in (4, 2, 5, 0, 7)]  # five, spread, the middle one first
    folds = {row["subject"]: row["fold"] for row in rows}
    assert [folds[person] for person in PEOPLE] == [0, 1, 2, 3, 4, 0]


def test_unbc_pairs_leave_out_only_the_reference_itself(unbc):
    pairs = load("unbc", unbc, "all", config="pairs")
    assert len(pairs) == 6 * 9 and "ll042t1aaaff007" not in pairs["id"]
    frames = {frame: i for i, (_, _, frame, _) in enumerate(unbc_frames())}
    assert all(grey(row["neutral_image"]) == frames[row["references"][0]] for row in pairs)


def test_unbc_counts_and_names_what_is_missing_or_damaged(unbc):
    base = unbc / "Frame_Labels"
    (base / "PSPI/042-ll042/ll042t1aaaff/ll042t1aaaff001_facs.txt").unlink()
    (base / "PSPI/042-ll042/ll042t1aaaff/ll042t1aaaff002_facs.txt").write_text("pain")
    (base / "PSPI/042-ll042/ll042t1aaaff/ll042t1aaaff003_facs.txt").write_text("NaN")
    (base / "FACS/042-ll042/ll042t1aaaff/ll042t1aaaff004_facs.txt").unlink()
    (unbc / "Images/043-jh043/jh043t1aaaff/jh043t1aaaff001.png").unlink()
    (unbc / "Images/043-jh043/jh043t1aaaff/jh043t1aaaff002.png").write_bytes(picture()[:40])
    (unbc / "AAM_landmarks/043-jh043/jh043t1aaaff/jh043t1aaaff003_aam.txt").write_text("1 2\n3 4\n")
    rows = load("unbc", unbc, "all")
    key = "042-ll042/ll042t1aaaff/ll042t1aaaff"
    found = problems(rows)
    assert found["frame without a PSPI file"] == [f"{key}001"]
    assert found["label file that cannot be read"][0].startswith(f"{key}002")
    assert found["frame without a FACS file, its action units are null"] == [f"{key}004"]
    assert found["label without a frame"] == ["043-jh043/jh043t1aaaff/jh043t1aaaff001"]
    assert found["picture that cannot be read"][0].startswith("043-jh043/jh043t1aaaff/jh043t1aaaff002")
    assert "expected 66 points, got 2" in found["landmark file that cannot be read"][0]
    by_id = {row["id"]: row for row in rows}
    assert len(rows) == 56 and by_id["ll042t1aaaff003"]["PSPI"] == 0  # NaN is 0
    assert by_id["ll042t1aaaff004"]["AU4"] is None and by_id["jh043t1aaaff003"]["landmarks"] is None


def test_unbc_wrong_layout_says_what_is_expected(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(InvalidInput, match="neither three HDF5 files nor Images/ and Frame_Labels/PSPI/"):
        load("unbc", tmp_path / "x")
    with pytest.raises(MissingFile, match="unbc: .*nowhere does not exist"):
        load("unbc", tmp_path / "nowhere")


@pytest.fixture
def unbc_hdf5(tmp_path):
    root = tmp_path / "hdf5"
    root.mkdir()
    frames = list(unbc_frames())
    with h5py.File(root / "frames_unbc.hdf5", "w") as file:
        file["image"] = np.stack([np.full((16, 16, 3), i, np.uint8) for i in range(len(frames))])
        file["index"] = np.arange(len(frames))
    with h5py.File(root / "annotations_unbc.hdf5", "w") as file:
        order = np.arange(len(frames))[::-1]  # an annotation finds its frame by index, not by place
        file["index"] = np.append(order, 999)
        file["subject_name"] = np.array([frames[i][0].encode() for i in order] + [b"042-ll042"])
        for code in (4, 6, 7, 9, 10, 12, 43):
            values = [frames[i][3].get(code, math.nan) for i in order] + [0]
            file[f"label_AU_{code}"] = np.array(values, float)
        file["label_pspi"] = np.array([6.0 if 4 in frames[i][3] else math.nan for i in order] + [0])
    with h5py.File(root / "folds.hdf5", "w") as file:
        numbers = [int(person[:3]) for person in PEOPLE]
        for fold in range(5):
            held = numbers[fold::5]
            file[f"fold-{fold}/validation_subjects"] = held
            file[f"fold-{fold}/train_subjects"] = [n for n in numbers if n not in held]
    return root


def test_unbc_hdf5_layout_says_the_same_as_the_original(unbc, unbc_hdf5):
    left = {(row["subject"], grey(row["image"])): row for row in load("unbc", unbc, "all")}
    right = {(row["subject"], grey(row["image"])): row for row in load("unbc", unbc_hdf5, "all")}
    assert left.keys() == right.keys()
    for key, row in left.items():
        for name in (*PAIN_UNITS, "AU12", "PSPI", "expression", "fold"):
            assert right[key][name] == row[name], (key, name)
    assert problems(load("unbc", unbc_hdf5, "all")) == {"annotation without a frame": ["042-ll042 index 999"]}


def test_unbc_hdf5_missing_file_and_damage(unbc_hdf5):
    (unbc_hdf5 / "folds.hdf5").unlink()
    assert set(load("unbc", unbc_hdf5, "all")["fold"]) == {0, 1, 2, 3, 4}
    frames = unbc_hdf5 / "frames_unbc.hdf5"
    frames.write_bytes(frames.read_bytes()[:100])
    with pytest.raises(InvalidInput, match=r"no HDF5 file of frames \(with the key 'image'\); damaged HDF5 file: 1"):
        load("unbc", unbc_hdf5)


# ---- folder


def write_csv(path, header, *lines):
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "mine"
    root.mkdir()
    for i in range(6):
        (root / f"{i}.png").write_bytes(picture(i))
    write_csv(
        root / "labels.csv",
        "path,subject,PSPI,AU4,AU43,neutral_path,age,gender,ethnicity,split",
        "0.png,ann,0,0,0,,72,f,Black,train",
        "1.png,ann,5,4,1,0.png,72,f,Black,train",
        "2.png,bo,3,,,3.png,19,male,east asian,validation",
        "4.png,cy,,2,0,,,,,test",
        "5.png,cy,0,,,,,,,test",
    )
    return root


def test_folder_reads_what_is_said_and_leaves_the_rest_null(folder):
    rows = {row["id"]: row for row in load("folder", folder, "all")}
    features = load("folder", folder, "all").features
    assert set(rows) == {"0.png", "1.png", "2.png", "3.png", "4.png", "5.png"}  # 3.png is bo's neutral
    assert rows["1.png"]["PSPI"] == 5 and rows["1.png"]["AU4"] == 4 and rows["1.png"]["AU9"] is None
    assert rows["4.png"]["PSPI"] is None and rows["4.png"]["AU4"] == 2 and rows["4.png"]["age"] is None
    assert features["age_group"].int2str(rows["1.png"]["age_group"]) == "60-74"
    assert features["ethnicity"].int2str(rows["2.png"]["ethnicity"]) == "east_asian"
    assert rows["3.png"]["subject"] == "bo" and rows["3.png"]["PSPI"] is None
    pairs = {row["id"]: row for row in load("folder", folder, "all", config="pairs")}
    shades = {name: int(grey(row["neutral_image"])) for name, row in pairs.items()}
    assert shades == {"1.png": 0, "2.png": 3, "4.png": 5}
    counts = {name: len(split) for name, split in load("folder", folder).items()}
    assert counts == {"train": 2, "validation": 2, "test": 2}


@pytest.mark.parametrize(
    "header, line, sentence",
    [
        ("path,subject", "0.png,a", "labels.csv has no column PSPI; it has path, subject"),
        ("path,subject,PSPI", "0.png,a,17", "labels.csv line 2: PSPI must be from 0 to 16, got '17'"),
        ("path,subject,PSPI", "0.png,a,mild", "line 2: PSPI must be from 0 to 16, got 'mild'"),
        ("path,subject,PSPI,AU43", "0.png,a,1,2", "line 2: AU43 must be from 0 to 1, got '2'"),
        ("path,subject,PSPI", "0.png,,1", "line 2: subject is empty"),
        ("path,subject,PSPI", "../secret.png,a,1", "line 2: '../secret.png' points outside"),
        ("path,subject,PSPI,gender", "0.png,a,1,robot", "unknown gender 'robot'; known are female, male"),
        ("path,subject,PSPI,split", "0.png,a,1,exam", "unknown split 'exam'; known are train, validation, test"),
        ("path,subject,PSPI", "0.png,a,1,2,3", "line 2: 5 cells, but 3 columns"),
        ("path,subject,PSPI,age", "0.png,a,1,old", "age must be years, got 'old'"),
        ("path,subject,PSPI,x0,y0,x1,y1", "0.png,a,1,9,0,3,8", "line 2: a face box must be x0 < x1, y0 < y1, got"),
    ],
)
def test_folder_mistakes_are_one_sentence(folder, header, line, sentence):
    write_csv(folder / "labels.csv", header, line)
    with pytest.raises(InvalidInput, match=sentence):
        load("folder", folder)


def test_folder_refuses_a_person_in_two_splits(folder):
    write_csv(folder / "labels.csv", "path,subject,PSPI,split", "0.png,a,0,train", "1.png,a,1,test")
    with pytest.raises(InvalidInput, match="1 people are in more than one split, first a"):
        load("folder", folder)


def test_folder_names_missing_and_damaged_pictures_and_unread_columns(folder):
    (folder / "1.png").write_bytes(b"broken")
    write_csv(
        folder / "labels.csv", "path,subject,PSPI,mood", "0.png,a,0,x", "1.png,a,1,x", "gone.png,a,1,x", "0.png,a,3,x"
    )
    rows = load("folder", folder, "all")
    found = problems(rows)
    assert rows["id"][:] == ["0.png"]
    assert found["picture that does not exist"] == ["gone.png"] and found["column that is not read"] == ["mood"]
    assert found["picture listed twice, the first line kept"] == ["0.png"]
    assert found["picture that cannot be read"][0].startswith("1.png")


def test_a_changed_folder_is_read_again(folder):
    assert load("folder", folder, "all")["PSPI"][:2] == [0, 5]
    write_csv(folder / "labels.csv", "path,subject,PSPI", "0.png,a,7")
    assert load("folder", folder, "all")["PSPI"][:] == [7]


def test_a_file_that_is_far_too_large_is_not_read(folder):
    with open(folder / "1.png", "wb") as file:
        file.truncate(600 << 20)  # a hole
    (trouble,) = problems(load("folder", folder, "all"))["picture that cannot be read"]
    assert trouble == "1.png (629145600 bytes, more than the 536870912 that a picture may have)"


def test_names_that_are_no_text_are_problems(synpain):
    stray = os.fsencode(synpain) + b"/caf\xe9_neutral.png"
    with open(stray, "wb") as file:
        file.write(picture())
    rows = load("synpain", synpain, "all", pattern="{any}/{any}/{subject}_{expression}.png")
    assert len(rows) == 20
    assert problems(rows) == {"file whose name is no UTF-8 text, not read": ["caf\\udce9_neutral.png"]}


def test_a_csv_that_is_a_link_is_read_again_when_what_it_leads_to_changes(folder, tmp_path):
    (folder / "labels.csv").unlink()
    write_csv(tmp_path / "labels.csv", "path,subject,PSPI", "0.png,a,7")
    (folder / "labels.csv").symlink_to(tmp_path / "labels.csv")
    assert load("folder", folder, "all")["PSPI"][:] == [7]
    write_csv(tmp_path / "labels.csv", "path,subject,PSPI", "0.png,a,12")
    assert load("folder", folder, "all")["PSPI"][:] == [12]


# ---- SET strings


@pytest.mark.parametrize(
    "text, adapter, path, options",
    [
        ("unbc:/data/unbc", "unbc", "/data/unbc", {}),
        ("synpain:/d?pattern={subject}_{expression}.png", "synpain", "/d", {"pattern": "{subject}_{expression}.png"}),
        ("3dpain", "", "3dpain", {}),
        ("user/3dpain", "", "user/3dpain", {}),
        ("C:/faces", "", "C:/faces", {}),
    ],
)
def test_set_strings(text, adapter, path, options):
    spec = parse_set(text)
    assert (spec.adapter, spec.path, spec.options) == (adapter, path, options)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("biovid:/x", "unknown kind of data set 'biovid'.*official:PATH, .*unbc:PATH, disfa:PATH, .*folder:PATH"),
        ("unbc:", "names no path"),
        (" ", "the data set is empty"),
        ("folder:/x?csv", "name=value"),
    ],
)
def test_set_string_mistakes(text, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        load(text)


def test_unknown_split_lists_the_known(folder):
    with pytest.raises(InvalidInput, match="has no split 'dev'; it has train, validation, test, and all"):
        load("folder", folder, "dev")


def test_public_door_and_the_fixtures_score():
    import threedpain

    assert threedpain.load is load and pspi(AUS) == 12
