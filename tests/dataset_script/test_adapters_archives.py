"""Archives of strangers: what is inside comes out, and nothing else happens."""

import gzip
import io
import json
import subprocess
import sys
import tarfile
import time
import zipfile

import kills
import pytest

from threedpain.dataset_script.archives import Limits, Problems, files, unpack
from threedpain.errors import InvalidInput


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "cache"))


def tar(path, entries, mode="w:gz"):
    """`entries`: name -> bytes, or a ready TarInfo -> bytes or None."""
    with tarfile.open(path, mode) as out:
        for name, data in entries:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if data is not None:
                info.size = len(data)
            out.addfile(info, io.BytesIO(data) if data is not None else None)
    return path


@pytest.mark.parametrize(
    "suffix, mode", [(".tar", "w"), (".tar.gz", "w:gz"), (".tar.bz2", "w:bz2"), (".tar.xz", "w:xz")]
)
def test_tar_comes_out_as_it_went_in(tmp_path, suffix, mode):
    content = {"a/one.txt": b"1" * 5000, "a/b/two.txt": b"", "three.txt": b"3"}
    problems = Problems()
    folder = unpack(tar(tmp_path / f"x{suffix}", content.items(), mode), problems)
    assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == content
    assert not problems


def test_unpacked_once_and_problems_remembered(tmp_path):
    archive = tar(tmp_path / "x.tar.gz", [(f"{i}.txt", bytes([i]) * 4000) for i in range(50)])
    archive.write_bytes(archive.read_bytes()[:-200])
    first, second = Problems(), Problems()
    folder = unpack(archive, first)
    stamp = folder.stat().st_mtime_ns
    assert unpack(archive, second) == folder and folder.stat().st_mtime_ns == stamp
    assert first.entries == second.entries and "damaged archive" in str(first)


def test_everything_before_the_damage_is_kept(tmp_path):
    archive = tar(tmp_path / "x.tar", [(f"{i}.txt", bytes([i]) * 600) for i in range(10)], "w")
    archive.write_bytes(archive.read_bytes()[: 5 * 1536 + 700])  # inside the sixth file
    problems = Problems()
    folder = unpack(archive, problems)
    assert sorted(p.name for p in folder.iterdir()) == [f"{i}.txt" for i in range(5)]
    assert "x.tar (5 files kept" in str(problems)


def link(name, target, kind):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "entry, data, sentence",
    [
        ("/etc/evil", b"x", "'/etc/evil', which points outside"),
        ("../evil", b"x", "'../evil', which points outside"),
        ("a/../../evil", b"x", "points outside"),
        ("c:evil", b"x", "points outside"),
        ("a\\..\\evil", b"x", "points outside"),
        (link("soft", "/etc/passwd", tarfile.SYMTYPE), None, "'soft', which is a link"),
        (link("hard", "ok.txt", tarfile.LNKTYPE), None, "'hard', which is a link"),
        (link("pipe", "", tarfile.FIFOTYPE), None, "'pipe', which is a device"),
        (link("null", "", tarfile.CHRTYPE), None, "'null', which is a device"),
    ],
)
def test_hostile_tar_is_refused_and_leaves_nothing(tmp_path, entry, data, sentence):
    archive = tar(tmp_path / "evil.tar.gz", [("ok.txt", b"fine"), (entry, data)])
    with pytest.raises(InvalidInput, match=sentence):
        unpack(archive, Problems())
    assert sorted(p.name for p in tmp_path.iterdir()) in (["evil.tar.gz"], ["cache", "evil.tar.gz"])
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file() and p.parent.name != "locks"]


def test_bombs_are_refused(tmp_path):
    archive = tar(tmp_path / "bomb.tar.gz", [("zeros", bytes(8 << 20))])
    small = Limits(total_floor=1 << 20, total_ratio=10)
    with pytest.raises(InvalidInput, match="10 times its size"):
        unpack(archive, Problems(), small)
    with pytest.raises(InvalidInput, match="more than the 1000 allowed"):
        unpack(archive, Problems(), Limits(file_bytes=1000))
    with pytest.raises(InvalidInput, match="more than 1 entries"):
        unpack(tar(tmp_path / "many.tar", [("a", b""), ("b", b"")], "w"), Problems(), Limits(members=1))


def test_header_bomb_is_refused(tmp_path):
    """A PAX header is read into memory before any member is seen: it too counts against the limit."""
    info = tarfile.TarInfo("a")
    info.pax_headers = {"comment": "x" * (1 << 19)}
    with tarfile.open(tmp_path / "pax.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as out:
        out.addfile(info)
    with pytest.raises(InvalidInput, match="far more than its size"):
        unpack(tmp_path / "pax.tar.gz", Problems(), Limits(total_floor=1 << 17, total_ratio=1))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_notes_of_megabytes_are_not_read(tmp_path, kind):
    """Within the budget of a small archive they took hundreds of megabytes, and minutes."""
    info = tarfile.TarInfo("a")
    info.type, info.size = kind, 20_000_000
    with gzip.open(tmp_path / "notes.tar.gz", "wb") as out:
        out.write(info.tobuf(tarfile.USTAR_FORMAT) + bytes(info.size))
    with pytest.raises(InvalidInput, match="'a' of a tar has notes of 20000000 bytes"):
        unpack(tmp_path / "notes.tar.gz", Problems())


def test_zip_is_read_as_safely(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as out:
        out.writestr("a/one.txt", "1")
    assert [p.name for p in unpack(tmp_path / "x.zip", Problems()).rglob("*.txt")] == ["one.txt"]
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as out:
        out.writestr("../evil", "1")
    with pytest.raises(InvalidInput, match="points outside"):
        unpack(tmp_path / "evil.zip", Problems())
    soft = zipfile.ZipInfo("soft")
    soft.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as out:
        out.writestr(soft, "/etc/passwd")
    with pytest.raises(InvalidInput, match="is a link"):
        unpack(tmp_path / "link.zip", Problems())


def test_zips_that_cannot_be_read_say_so(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as out:
        out.writestr("one.txt", "1")
    whole = bytearray((tmp_path / "x.zip").read_bytes())
    listed = whole.find(b"PK\x01\x02")  # the directory's entry; the file's own begins at 0
    windows, nameless = whole.copy(), whole.copy()
    windows[8] = windows[listed + 10] = 9  # Deflate64
    nameless[listed + 9], nameless[listed + 46] = 8, 0xFF  # "in UTF-8", and is not
    (tmp_path / "windows.zip").write_bytes(windows)
    (tmp_path / "nameless.zip").write_bytes(nameless)
    with pytest.raises(InvalidInput, match="windows.zip is packed by a method that is not read .deflate64.: unpack it"):
        unpack(tmp_path / "windows.zip", Problems())
    found = Problems()
    unpack(tmp_path / "nameless.zip", found)
    assert found.entries["damaged archive, read up to the damage"][0].startswith("nameless.zip (0 files kept")


def test_files_treats_archives_as_folders_and_follows_no_link_out(tmp_path):
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    (data / "plain.txt").write_text("p")
    tar(data / "sub" / "shard_000.tar.gz", [("inner/one.txt", b"1"), ("._one.txt", b"mac")])
    (tmp_path / "secret.txt").write_text("s")
    (data / "leak.txt").symlink_to(tmp_path / "secret.txt")
    problems = Problems()
    assert [name for name, _ in files(data, problems)] == ["plain.txt", "sub/inner/one.txt"]
    assert problems.entries == {"link to a place outside the folder, not followed": ["leak.txt"]}


def test_what_calls_itself_the_hubs_cache_leads_nowhere_else(tmp_path):
    (tmp_path / "secret.txt").write_text("s")
    for name, place in (("true", None), ("false", tmp_path)):
        snapshot = tmp_path / name / "snapshots" / "main"
        snapshot.mkdir(parents=True)
        blobs = tmp_path / name / "blobs"
        if place is None:
            blobs.mkdir()
            (blobs / "secret.txt").write_text("ours")
        else:
            blobs.symlink_to(place)
        (snapshot / "a.txt").symlink_to("../../blobs/secret.txt")
        problems = Problems()
        assert [found for found, _ in files(snapshot, problems)] == (["a.txt"] if place is None else [])
        assert bool(problems) == (place is not None)


OPEN = """
import sys, time
from pathlib import Path
from threedpain.dataset_script.archives import Problems, unpack
start = float(sys.argv[2])
time.sleep(max(0, start - time.time()))
print(len(list(unpack(Path(sys.argv[1]), Problems()).iterdir())))
"""


@pytest.mark.parametrize("trials", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_processes_that_open_one_archive_at_once(tmp_path, monkeypatch, trials):
    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "cache"))
    for trial in range(trials):
        archive = tmp_path / f"many-{trial}.tar"
        with tarfile.open(archive, "w") as tar:
            for number in range(300):
                info = tarfile.TarInfo(f"{number}.txt")
                info.size = 1000
                tar.addfile(info, io.BytesIO(b"x" * 1000))
        command = [sys.executable, "-c", OPEN, str(archive), str(time.time() + 2)]
        others = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        assert [other.communicate()[0].strip() for other in others] == ["300"] * 3
    assert not list((tmp_path / "cache" / "unpacked").glob("*.part"))


def test_leavings_and_a_half_written_marker_are_mended(tmp_path, monkeypatch):
    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "cache"))
    archive = tmp_path / "one.tar"
    with tarfile.open(archive, "w") as tar:
        info = tarfile.TarInfo("a.txt")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    folder = unpack(archive, Problems())
    marker = folder.with_name(f"{folder.name}.json")
    for text in ("", '{"dama', "[7]", "NaN"):
        marker.write_text(text)
        (folder.parent / f"{folder.name}.4711.part").mkdir()
        assert unpack(archive, Problems()) == folder
        assert json.loads(marker.read_text()) == {} and (folder / "a.txt").read_text() == "x"
        assert not list(folder.parent.glob("*.part"))


@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_every_step_of_unpacking(tmp_path, monkeypatch, stride):
    """A packed set opened again after a kill holds the same bytes, and nothing half done stays."""
    content = {f"{name}/{name}.txt": name.encode() * 3000 for name in "abc"}
    archive = tar(tmp_path / "set.tar.gz", content.items())
    killed = kills.every_step("unpack", tmp_path / "killed", stride, str(archive))
    assert len(killed) > 2
    for place in killed:
        monkeypatch.setenv("THREEDPAIN_CACHE", str(place))
        folder = unpack(archive, Problems())
        assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == content
        assert not list(place.rglob("*.part"))
