"""Damaged csv files, archives and sets: only our sentences come out, nothing is written outside."""

import io
import random
import sys
import tarfile

import numpy as np
import pytest
from fuzzing import DEEPER, damaged, ours, watched
from PIL import Image

from threedpain.dataset_script.archives import Problems, unpack
from threedpain.dataset_script.folder import Folder
from threedpain.dataset_script.load import parse_set
from threedpain.modeling.faces.faces import stored_picture

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
    pytest.mark.filterwarnings("ignore"),
]
FEW, MANY = 60, 800 * DEEPER

CSV = b"""path,subject,PSPI,AU4,neutral_path,age,gender,ethnicity,expression,split,fold,x0,y0,x1,y1
a.png,ann,0,0,,30,female,black,neutral,train,1,2,3,40,50
b.png,ann,7,4,a.png,30,female,black,pain,train,1,2,3,40,50
"c.png",bob,16,5,,71,male,white,pain,test,2,,,,
"""
CELLS = ("nan", "inf", "-1", "1e400", "", "\x1b[2J", "../../etc/passwd", "/etc/passwd", "\x00", "a" * 140_000, "男",
         '"', "0x10", "1_0", "١", "train", "\n")  # fmt: skip


def folder(tmp_path):
    for name in ("a", "b", "c"):
        Image.new("RGB", (32, 32), "grey").save(tmp_path / f"{name}.png")
    return tmp_path / "labels.csv"


def fuzz_csv(tmp_path, count: int) -> None:
    table = folder(tmp_path)
    with watched(tmp_path):
        for number in range(count):
            draw = random.Random(number)
            if number % 2:
                data = damaged(CSV, np.random.default_rng([22, number]))
            else:
                lines = [line.split(",") for line in CSV.decode().splitlines()]
                for _ in range(draw.randint(1, 4)):
                    line = draw.choice(lines)
                    line[draw.randrange(len(line))] = draw.choice(CELLS)
                data = "\n".join(",".join(line) for line in lines).encode(errors="surrogateescape")
            table.write_bytes(data)
            with ours(f"csv {number}"):
                splits = Folder.index(table, Problems())
                for entry in (entry for entries in splits.values() for entry in entries):
                    score = entry.columns.get("PSPI")
                    assert score is None or 0 <= score <= 16
                    stored_picture({"bytes": entry.image.read()})


def test_damaged_csv_files(tmp_path):
    fuzz_csv(tmp_path, FEW)


@pytest.mark.slow
def test_many_damaged_csv_files(tmp_path):
    fuzz_csv(tmp_path, MANY)


def archive() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("a/b.txt", "c.txt", "d/e/f.png"):
            entry = tarfile.TarInfo(name)
            entry.size = 700
            tar.addfile(entry, io.BytesIO(b"x" * 700))
    return out.getvalue()


def fuzz_archives(tmp_path, monkeypatch, count: int) -> None:
    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    whole = archive()
    with watched(tmp_path):
        for number in range(count):
            rng, path = np.random.default_rng([23, number]), tmp_path / f"{number}.tar"
            data = bytearray(whole)
            if number % 3 == 0:  # a name or a kind that leads elsewhere, with its checksum mended
                head = 512 * int(rng.choice([0, 3]))
                names = (b"../out", b"/tmp/out", b"a/../../out", b"c:\\out", b"\xff\xfe", b"a\x1b[2J", b"")
                name = names[int(rng.integers(len(names)))]
                data[head : head + 100] = name.ljust(100, b"\0")
                data[head + 156] = b"0123567gxLK"[int(rng.integers(11))]
                data[head + 157 : head + 257] = b"/etc/passwd".ljust(100, b"\0")
                data[head + 148 : head + 156] = b" " * 8
                data[head + 148 : head + 156] = b"%06o\0 " % sum(data[head : head + 512])
            else:
                data = damaged(whole, rng)
            path.write_bytes(data)
            with ours(f"tar {number}"):
                place = unpack(path, Problems())
                for file in place.rglob("*"):
                    assert not file.is_symlink() and file.resolve().is_relative_to(tmp_path)
            path.unlink()
    assert not (tmp_path.parent / "out").exists()


def test_damaged_archives(tmp_path, monkeypatch):
    fuzz_archives(tmp_path, monkeypatch, FEW)


@pytest.mark.slow
def test_many_damaged_archives(tmp_path, monkeypatch):
    fuzz_archives(tmp_path, monkeypatch, MANY)


@pytest.mark.parametrize("seed", range(2))
def test_odd_names_of_sets(seed):
    draw = random.Random(seed)
    for _ in range(500):
        text = "".join(draw.choice("folderunbc:/?=&%#.\\\x00 ~é-") for _ in range(draw.randint(0, 30)))
        with ours(repr(text)):
            parse_set(text)
