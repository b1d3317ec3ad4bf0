"""DISFA and CK+ on stand-ins in their published layouts: units as coded, PSPI only where every unit of it is known."""

import zipfile

import datasets
import numpy as np
import PIL.Image
import pytest

from threedpain.dataset_script.load import load, problems
from threedpain.errors import InvalidInput

DISFA_UNITS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "arrow")
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def grey(row, name="image"):
    return float(np.asarray(row[name].convert("L")).mean())


@pytest.fixture
def disfa(tmp_path):
    """Four people, eight frames each that grow brighter; AU4 and AU12 in frames 4 to 6."""
    import av

    root = tmp_path / "DISFA"
    for person in ("SN001", "SN002", "SN003", "SN004"):
        folder = root / "ActionUnit_Labels" / person
        folder.mkdir(parents=True)
        for unit in DISFA_UNITS:
            shown = {4: (4, 5, 6), 12: (5,)}.get(unit, ())
            lines = [f"{frame},{3 if frame in shown else 0}" for frame in range(1, 9)]
            (folder / f"{person}_au{unit}.txt").write_text("\n".join(lines) + "\n")
        for side in ("Left", "Right"):
            (root / f"Video_{side}Camera").mkdir(exist_ok=True)
            with av.open(str(root / f"Video_{side}Camera" / f"{side}Video{person}_comp.avi"), "w") as container:
                stream = container.add_stream("mpeg4", rate=20)
                stream.width, stream.height = 64, 48
                for frame in range(1, 9):
                    level = 20 * frame + (10 if side == "Right" else 0)
                    picture = av.VideoFrame.from_image(PIL.Image.new("RGB", (64, 48), (level,) * 3))
                    container.mux(stream.encode(picture))
                container.mux(stream.encode())
    return root


def test_disfa_frames_meet_their_codes(disfa):
    rows = load("disfa", disfa, "all")
    assert len(rows) == 4 * 8 and problems(rows) == {}
    by_id = {row["id"]: row for row in rows}
    peak, rest = by_id["SN002_00005"], by_id["SN002_00002"]
    assert (peak["AU4"], peak["AU12"], peak["AU1"]) == (3, 3, 0) and peak["present_units"] == ["AU12", "AU4"]
    for unit in ("AU7", "AU10", "AU43", "PSPI"):  # not coded: null, never 0
        assert peak[unit] is None and rest[unit] is None
    assert peak["expression"] is None and rest["expression"] == 0
    for frame in range(1, 9):
        assert grey(by_id[f"SN003_{frame:05d}"]) == pytest.approx(20 * frame, abs=6)
    assert peak["references"] == [f"SN002_{frame:05d}" for frame in (3, 2, 7, 1, 8)]
    assert {row["subject"]: row["fold"] for row in rows} == {"SN001": 0, "SN002": 1, "SN003": 2, "SN004": 0}
    people = [set(part["subject"]) for part in load("disfa", disfa).values()]
    assert sum(map(len, people)) == len(set.union(*people))  # nobody in two splits


def test_disfa_pairs_show_the_reference_and_options_choose(disfa):
    pairs = load("disfa", disfa, "all", config="pairs")
    assert len(pairs) == 4 * 7 and all(grey(row, "neutral_image") == pytest.approx(60, abs=6) for row in pairs)
    some = load("disfa", disfa, "all", every="3", camera="right")
    assert [name for name in some["id"] if name.startswith("SN001")] == ["SN001_00001", "SN001_00004", "SN001_00007"]
    assert grey(some[1]) == pytest.approx(90, abs=6)


def test_disfa_says_what_is_missing(disfa, tmp_path):
    (disfa / "Video_LeftCamera/LeftVideoSN004_comp.avi").unlink()
    (disfa / "ActionUnit_Labels/SN001/SN001_au4.txt").write_text("pain")
    long = disfa / "ActionUnit_Labels/SN003/SN003_au1.txt"
    long.write_text(long.read_text() + "9,0\n")
    rows = load("disfa", disfa, "all")
    found = problems(rows)
    assert found["labels without a clip"] == ["SN004"]
    assert found["label file that cannot be read"][0].startswith("SN001_au4.txt")
    assert "the clip ends before picture 9" in found["picture that cannot be read"][0]
    assert all(row["AU4"] is None for row in rows if row["subject"] == "SN001")
    assert all(row["expression"] is None for row in rows if row["subject"] == "SN001"), "AU4 may be there"
    assert found["person without a frame in which all units are 0"] == ["SN001"]
    with pytest.raises(InvalidInput, match="camera must be left or right, got 'top'"):
        load("disfa", disfa, "all", camera="top")
    with pytest.raises(InvalidInput, match="every must be a whole number from 1, got '0'"):
        load("disfa", disfa, "all", every="0")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="disfa: .*empty has no label files"):
        load("disfa", tmp_path / "empty", "all")


@pytest.mark.parametrize("number", ["nan", "inf", "0", "2.5"])
def test_disfa_frames_have_whole_numbers_from_1(disfa, number):
    (disfa / "ActionUnit_Labels/SN001/SN001_au1.txt").write_text(f"{number},0\n")
    assert problems(load("disfa", disfa, "all"))["label file that cannot be read"][0].startswith("SN001_au1.txt")


CODES = {
    ("S005", "001"): "   4.0000000e+00   3.0000000e+00\n   7.0000000e+00   2.0000000e+00\n",
    ("S005", "002"): "   1.2000000e+01   0.0000000e+00\n   4.5000000e+01   0.0000000e+00\n",
    ("S010", "001"): "   9.0000000e+00   0.0000000e+00\n   1.7000000e+01   4.0000000e+00\n",
    ("S011", "001"): "",
}


@pytest.fixture
def ckplus(tmp_path):
    """Four sequences of four pictures of three people."""
    root = tmp_path / "CK+"
    for at, ((person, sequence), codes) in enumerate(CODES.items()):
        for kind in ("cohn-kanade-images", "FACS", "Landmarks"):
            (root / kind / person / sequence).mkdir(parents=True, exist_ok=True)
        for frame in range(1, 5):
            name = f"{person}_{sequence}_{frame:08d}"
            image = PIL.Image.new("L", (64, 49), 40 * at + 5 * frame)
            image.save(root / "cohn-kanade-images" / person / sequence / f"{name}.png")
            points = np.stack([np.arange(68) / 2 + 10, np.arange(68) / 4 + 20], 1)
            text = "".join(f"   {x:.7e}   {y:.7e}\n" for x, y in points)
            (root / "Landmarks" / person / sequence / f"{name}_landmarks.txt").write_text(text)
        (root / "FACS" / person / sequence / f"{person}_{sequence}_00000004_facs.txt").write_text(codes)
    return root


def test_ckplus_takes_neutral_and_peak(ckplus):
    rows = load("ckplus", ckplus, "all")
    assert len(rows) == 8 and problems(rows) == {}
    by_id = {row["id"]: row for row in rows}
    frown, blink = by_id["S005_001_00000004"], by_id["S005_002_00000004"]
    nose, rest = by_id["S010_001_00000004"], by_id["S005_001_00000001"]
    assert (frown["AU4"], frown["AU7"], frown["AU6"], frown["PSPI"]) == (3, 2, 0, 5) and frown["expression"] is None
    # a smile without a grade hangs on no PSPI; closed eyes are there or not
    assert blink["AU12"] is None and blink["AU43"] == 1 and blink["PSPI"] == 1
    assert blink["present_units"] == ["AU12", "AU43"]
    # AU9 is there, but how strongly is not known: nor is PSPI
    assert nose["AU9"] is None and nose["PSPI"] is None and nose["present_units"] == ["AU9", "AU17"]
    assert (rest["PSPI"], rest["expression"], rest["present_units"]) == (0, 0, [])
    assert blink["references"] == ["S005_002_00000001", "S005_001_00000001"]
    assert grey(by_id["S010_001_00000004"]) == pytest.approx(100)
    assert rest["bbox"][0] == 10 and rest["bbox"][3] == pytest.approx(36.75)
    assert rest["bbox"][1] == 20
    assert {row["subject"]: row["fold"] for row in rows} == {"S005": 0, "S010": 1, "S011": 2}


def test_ckplus_reads_the_archives_it_comes_in_and_names_trouble(ckplus, tmp_path):
    packed = tmp_path / "packed"
    packed.mkdir()
    for kind, name in (("cohn-kanade-images", "extended-cohn-kanade-images"), ("FACS", "FACS_labels")):
        with zipfile.ZipFile(packed / f"{name}.zip", "w") as out:
            for file in sorted((ckplus / kind).rglob("*.*")):
                out.write(file, file.relative_to(ckplus))
    assert load("ckplus", packed, "all")["id"] == load("ckplus", ckplus, "all")["id"]
    (ckplus / "FACS/S010/001/S010_001_00000004_facs.txt").write_text("9 7\n")
    (ckplus / "FACS/S005/002/S005_002_00000004_facs.txt").write_text("inf 1\n")
    (ckplus / "FACS/S011/001/S011_001_00000004_facs.txt").unlink()
    for number, points in enumerate(("nan nan", "1e9 1e9", "7 7"), 1):
        (ckplus / f"Landmarks/S005/001/S005_001_0000000{number}_landmarks.txt").write_text(f"{points}\n" * 68)
    found = problems(load("ckplus", ckplus, "all"))
    assert "S005_002" in found["label file that cannot be read"][0]
    assert "AU9 is 7" in found["label file that cannot be read"][1]
    assert found["landmark file that cannot be read"][0].startswith("S005_001_00000001")
    assert found["sequence without FACS codes of its last picture, or of one picture"] == ["S011_001"]
    with pytest.raises(InvalidInput, match="ckplus: .* has no FACS files"):
        load("ckplus", ckplus / "cohn-kanade-images", "all")
