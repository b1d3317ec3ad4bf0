"""Every kind of set as people hold it: packed. Clean, cut off in the middle, with a file missing, and hostile."""

import io
import json
import tarfile
import zipfile

import datasets
import PIL.Image
import pytest

from threedpain.dataset_script.load import load, problems
from threedpain.errors import InvalidInput

AUS = {"AU4": 4, "AU6": 2, "AU7": 4, "AU9": 3, "AU10": 1, "AU43": 1}


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    monkeypatch.setenv("THREEDPAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "arrow")
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def picture(grey):
    out = io.BytesIO()
    PIL.Image.new("RGB", (16, 16), (grey, grey, grey)).save(out, "PNG")
    return out.getvalue()


def tar(path, entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as out:
        for name, data in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))


def official(root):
    images, labels = {}, {}
    for person in range(4):
        base = f"flame_sample_{person:04d}"
        for expression in ("neutral", "pain_1"):
            images[f"{base}_{expression}_textured_view_000_inpainted.png"] = picture(person)
        labels[f"{base}_pain_1_annotations.json"] = json.dumps({**AUS, "PSPI": 12}).encode()
    tar(root / "annotations" / "annotations_00000.tar", labels)
    return root / "images" / "images_00000.tar", images, {}


def synpain(root):
    return (
        root / "pictures.tar",
        {f"p{person}_{kind}.png": picture(person) for person in range(4) for kind in ("neutral", "pain")},
        {"pattern": "{subject}_{expression}.png"},
    )


def synpain_csv(root):
    archive, pictures, _ = synpain(root)
    lines = [f"{name},{name[:2]},{name[3:-4]}" for name in pictures]
    (root / "labels.csv").write_text("\n".join(["path,subject,expression", *lines]))
    return archive, pictures, {"csv": "labels.csv"}


def unbc(root):
    images = {}
    for number in range(4):
        person, sequence = f"04{number}-ll04{number}", f"ll04{number}t1aaaff"
        for frame in range(2):
            key = f"{person}/{sequence}/{sequence}{frame:03d}"
            for kind in ("PSPI", "FACS"):
                label = root / "Frame_Labels" / kind / f"{key}_facs.txt"
                label.parent.mkdir(parents=True, exist_ok=True)
                label.write_text("0\n" if kind == "PSPI" else "")
            images[f"Images/{key}.png"] = picture(number)
    return root / "Images.tar", images, {}


def folder(root):
    pictures = {f"{person}/{number}.png": picture(person) for person in range(4) for number in range(2)}
    lines = [f"{name},p{name[0]},{4 * int(name[2])}" for name in pictures]
    (root / "labels.csv").write_text("\n".join(["path,subject,PSPI", *lines]))
    return root / "pictures.tar", pictures, {}


KINDS = {"official": official, "synpain": synpain, "synpain csv": synpain_csv, "unbc": unbc, "folder": folder}


@pytest.fixture(params=KINDS)
def packed(request, tmp_path):
    """(adapter, folder, its archive of eight pictures, those pictures, options)"""
    root = tmp_path / "set"
    root.mkdir()
    archive, pictures, options = KINDS[request.param](root)
    assert len(pictures) == 8
    tar(archive, pictures)
    return request.param.split()[0], root, archive, pictures, options


def test_clean(packed):
    adapter, root, _, _, options = packed
    rows = load(adapter, root, "all", **options)
    assert len(rows) == 8 and problems(rows) == {} and len(set(rows["subject"])) == 4
    assert len(load(adapter, root, "all", config="pairs", **options)) == 4


def test_cut_off_in_the_middle(packed):
    """What stands before the damage is read; the damage, and what it cost, is named."""
    adapter, root, archive, _, options = packed
    archive.write_bytes(archive.read_bytes()[: 5 * 1024 + 520])  # a header and a block a picture: inside the sixth
    rows = load(adapter, root, "all", **options)
    found = problems(rows)
    assert len(rows) == 5
    assert [name.split(" (")[0] for name in found.pop("damaged archive, read up to the damage")] == [archive.name]
    if adapter in ("official", "unbc") or "csv" in options or adapter == "folder":  # something names the lost ones
        assert found


def test_a_picture_is_missing(packed):
    adapter, root, archive, pictures, options = packed
    lost = list(pictures)[3]
    tar(archive, {name: data for name, data in pictures.items() if name != lost})
    rows = load(adapter, root, "all", **options)
    assert len(rows) == 7
    if "pattern" not in options:  # a pattern knows of no picture but those that are there
        stem = lost.rsplit("/", 1)[-1].split("_textured")[0].removesuffix(".png")
        assert any(stem in name for names in problems(rows).values() for name in names)


def test_a_picture_is_damaged(packed):
    adapter, root, archive, pictures, options = packed
    broken = list(pictures)[3]
    tar(archive, {**pictures, broken: pictures[broken][:30]})
    rows = load(adapter, root, "all", **options)
    assert len(rows) == 7 and len(problems(rows)["picture that cannot be read"]) == 1


@pytest.mark.parametrize("evil", ["../evil.png", "/tmp/evil.png", "link"])
def test_hostile_tar_is_refused_and_leaves_nothing(packed, evil, tmp_path):
    adapter, root, archive, _pictures, options = packed
    with tarfile.open(archive, "a") as out:
        info = tarfile.TarInfo(evil)
        if evil == "link":
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            out.addfile(info)
        else:
            info.size = 1
            out.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(InvalidInput, match=rf"{archive.name} holds '.*{evil}', which (points outside|is a link)"):
        load(adapter, root, "all", **options)
    assert not list(tmp_path.rglob("evil.png")) and not list((tmp_path / "cache").rglob("*.png"))


@pytest.mark.parametrize("inside", ["", "UNBC-McMaster/"])
def test_a_whole_set_in_one_archive(tmp_path, inside):
    root = tmp_path / "set"
    root.mkdir()
    _, pictures, _ = unbc(root)
    with zipfile.ZipFile(tmp_path / "unbc.zip", "w") as out:
        for name, data in pictures.items():
            out.writestr(inside + name, data)
        for label in root.rglob("*.txt"):
            out.write(label, inside + label.relative_to(root).as_posix())
    assert len(load(f"unbc:{tmp_path}/unbc.zip", split="all")) == 8


def test_a_whole_release_in_one_archive_meshes_included(tmp_path):
    root = tmp_path / "3D-Pain"
    archive, images, _ = official(root)
    tar(archive, images)
    tar(root / "textured_meshes" / "meshes_00000.tar", {"flame_sample_0001_neutral_textured.obj": b"v 0 0 0\n"})
    with tarfile.open(tmp_path / "release.tar", "w") as out:
        out.add(root, "3D-Pain")
    people = load(f"official:{tmp_path}/release.tar", split="all", config="identities")
    assert {row["identity_id"]: len(row["mesh"]) for row in people}["flame_sample_0001"] == 1
