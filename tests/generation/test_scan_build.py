"""Building the scan head: readers of the scans, wrong folders, and the same bytes again. No scans are needed: what is
read here is a stand-in with their layout, made of our own mesh."""

import numpy as np
import pytest

from threedpain.errors import InvalidInput, MissingFile
from threedpain.generation.head.build import ict
from threedpain.generation.head.build import scan as build_scan
from threedpain.generation.head.build.ict import EYEBALLS, GLOBE, OUTER, TEETH, VERTICES, Scans, read_scans
from threedpain.generation.head.build.scan_units import GAZE, PAIRS, RECIPES, scan_fields, scanned_fields
from threedpain.generation.head.model import HeadModel
from threedpain.generation.head.motion import landmarks
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.records import MASK_CLASSES, PARTS

NEUTRAL = "generic_neutral_mesh"


@pytest.fixture
def tiny(monkeypatch):
    """Five vertices instead of 26,719."""
    monkeypatch.setattr(ict, "VERTICES", 5)
    rng = np.random.default_rng(0)
    return {
        name: rng.standard_normal((5, 3)).round(4) for name in (NEUTRAL, "browDown_L", "identity000", "identity001")
    }


def write_obj(path, points, corner="{0}/{0}/{0}"):
    lines = ["# a comment", "mtllib none.mtl", *("v {} {} {}".format(*point) for point in points)]
    lines += ["vt 0 0", "vn 0 0 1", "g face"]
    lines += ["f " + " ".join(corner.format(k) for k in corners) for corners in ((1, 2, 3, 4), (3, 4, 5))]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("corner", ["{0}/{0}/{0}", "{0}//{0}", "{0}"])
def test_a_clone_s_objects_are_read(tiny, tmp_path, corner):
    for name, points in tiny.items():
        write_obj(tmp_path / f"{name}.obj", points, corner)
    scans = read_scans(tmp_path)
    assert np.array_equal(scans.vertices, tiny[NEUTRAL])
    assert scans.faces.tolist() == [[0, 1, 2], [2, 3, 4], [0, 2, 3]]
    assert list(scans.expressions) == ["browDown_L"]
    assert np.allclose(scans.expressions["browDown_L"], tiny["browDown_L"] - tiny[NEUTRAL], atol=1e-6)
    assert np.allclose(scans.identities[1], tiny["identity001"] - tiny[NEUTRAL], atol=1e-6)
    assert scans.landmarks.shape == (68,)


def test_a_clone_and_its_packed_arrays_are_the_same_scans(tiny, tmp_path):
    clone = tmp_path / "ICT-FaceKit" / "FaceXModel"
    clone.mkdir(parents=True)
    for name, points in tiny.items():
        write_obj(clone / f"{name}.obj", points)
    np.savez(
        tmp_path / "model.npz",
        vertices=tiny[NEUTRAL],
        faces=np.array([[0, 1, 2, 3], [2, 3, 4, -1]]),
        expression_names=np.array(["browDown_L"]),
        expressions=(tiny["browDown_L"] - tiny[NEUTRAL])[None].astype(np.float32),
        identities=np.stack([tiny[f"identity00{k}"] - tiny[NEUTRAL] for k in range(2)]).astype(np.float32),
    )
    one, other = read_scans(clone.parent), read_scans(tmp_path / "model.npz")
    for name in ("vertices", "faces", "identities", "landmarks"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert np.array_equal(one.expressions["browDown_L"], other.expressions["browDown_L"])


def wrong_folders(tmp_path, tiny):
    """Name -> (folder, what the sentence says)."""

    def folder(name, **files):
        made = tmp_path / name
        made.mkdir()
        for stem, points in files.items():
            write_obj(made / f"{stem}.obj", points)
        return made

    yield folder("people", **{k: tiny[k] for k in (NEUTRAL, "browDown_L")}), "holds no identity"
    yield folder("moving", **{k: tiny[k] for k in (NEUTRAL, "identity000")}), "light model: .* no expression browDown_L"
    yield folder("fewer", **{k: points[:4] for k, points in tiny.items()}), r"vertices are \[4, 3\], expected \[5, 3\]"
    yield folder("short", **(tiny | {"browDown_L": tiny["browDown_L"][:4]})), "browDown_L.obj.*4 vertices.*5"
    torn = folder("torn", **tiny)
    (torn / "identity001.obj").write_text("v 1 2 three\n")
    yield torn, "identity001.obj"
    arrays = {"vertices": tiny[NEUTRAL], "faces": np.array([[0, 1, 2, 3]]), "identities": np.zeros((1, 5, 3))}
    packed = folder("names")
    np.savez(packed / "model.npz", expressions=np.zeros((2, 5, 3)), expression_names=np.array(["browDown_L"]), **arrays)
    yield packed, "model.npz"
    text = folder("text")
    (text / "model.npz").write_text("no archive")
    yield text, "model.npz"


def test_a_wrong_folder_is_one_sentence_whatever_is_wrong(tiny, tmp_path):
    for folder, said in wrong_folders(tmp_path, tiny):
        with pytest.raises(InvalidInput, match=said) as caught:
            read_scans(folder)
        assert "\n" not in str(caught.value) and str(folder) in str(caught.value), folder
    with pytest.raises(MissingFile, match="no ICT-FaceKit"):
        read_scans(tmp_path / "nowhere")


def test_the_command_says_what_is_wrong_and_writes_nothing(tmp_path, monkeypatch, capsys):
    out = tmp_path / "head-scan.safetensors"
    monkeypatch.setattr("sys.argv", ["scan", "--ict", str(tmp_path / "nowhere"), "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        build_scan.main()
    assert ended.value.code == 2 and not out.exists()
    assert capsys.readouterr().err.strip().splitlines()[-1].endswith("or a folder with model.npz")


def stand_in() -> Scans:
    """Scans as ours would be: the average head, longer in the nose, in centimetres; bumps as expressions and modes."""
    head = HeadModel.load()
    average = head.shaped(build_scan.average_shape(head)).astype(np.float64)
    surface = head.surface(average).astype(np.float64)
    quads, kinds = head.tensors["quads"].astype(np.int64), head.tensors["quad_class"]
    outer = np.isin(kinds, [MASK_CLASSES.index(name) for name in ("skin", "ears", "neck", "lips")])
    outer &= head.tensors["quad_part"] == PARTS.index("skin")
    rows, corners = np.unique(quads[outer], return_inverse=True)
    corners = corners.reshape(-1, 4)
    points = np.zeros((VERTICES, 3))
    points[:OUTER] = surface[rows][np.arange(OUTER) % len(rows)]  # scans have their seams' vertices twice
    copies = np.concatenate([corners + k * len(rows) for k in range(OUTER // len(rows) + 1)])
    triangles = np.concatenate([copies[:, [0, 1, 2]], copies[:, [0, 2, 3]]])
    faces = triangles[(triangles < OUTER).all(axis=1)]
    for name, places in TEETH.items():
        part = np.unique(quads[head.tensors["quad_part"] == PARTS.index(f"teeth_{name}")])
        points[places] = average[part][np.arange(places.stop - places.start) % len(part)]
    rng = np.random.default_rng(1)
    for places, ball in zip(EYEBALLS, head.eyes, strict=True):
        towards = rng.standard_normal((GLOBE, 3))
        points[places][:GLOBE] = ball[:3] + ball[3] * towards / np.linalg.norm(towards, axis=1, keepdims=True)
    marks = landmarks(head.topology, surface)
    near = np.linalg.norm(points[:OUTER, None] - marks[None], axis=2).argmin(axis=0)

    def bump(place, turn, reach=0.02):
        share = np.exp(-(((points - place) / reach) ** 2).sum(axis=1))
        return 100 * share[:, None] * np.asarray(turn)

    names = {name for recipe in RECIPES.values() for name in recipe}
    names |= {f"{look}_{{side}}" for look in GAZE.values()}
    expressions = {}
    for name in sorted(names):
        for side in "LR" if "{side}" in name else ("",):
            place = marks[rng.integers(17, 68)] * [{"L": 1, "R": -1}.get(side, 0), 1, 1]
            expressions[name.format(side=side)] = bump(place, 0.006 * rng.standard_normal(3)).astype(np.float32)
    identities = np.array(
        [bump(marks[k], 0.004 * rng.standard_normal(3), 0.04) for k in (8, 30, 36, 45, 57)], np.float32
    )
    vertices = 100 * points + bump(marks[30], (0, 0, 0.004), 0.03)
    return Scans(vertices, faces, expressions, identities, near)


@pytest.mark.slow
def test_two_builds_are_the_same_bytes_and_a_head(tmp_path):
    scans = stand_in()
    first = build_scan.build(scans)
    assert build_scan.build(stand_in()) == first
    path = tmp_path / "head-scan.safetensors"
    path.write_bytes(first)
    head = ScanHeadModel.load(path)
    average = HeadModel.load()
    apart = head.mean - average.shaped(build_scan.average_shape(average))
    face = head.tensors["quads"][head.tensors["quad_class"] == MASK_CLASSES.index("lips")].astype(int)
    assert np.abs(apart[np.unique(face)]).max() < 0.005, "the stand-in's lips are the average's"
    nose = landmarks(head.topology, head.surface(head.mean))[30]
    before = landmarks(average.topology, average.surface(average.shaped(build_scan.average_shape(average))))[30]
    assert 0.002 < nose[2] - before[2] < 0.006, "its nose is 4 mm longer"
    assert {name[:-1] if name[-1] in "LR" else name for name in head.action_names} >= set(RECIPES)


def test_the_scans_own_fields_mix_nothing_and_take_nothing_back():
    names = {name.format(side=side) for recipe in RECIPES.values() for name in recipe for side in "LR"}
    names |= {f"{look}_{side}" for look in GAZE.values() for side in "LR"}
    expressions = {name: np.full((2, 3), 0.001 * (1 + k)) for k, name in enumerate(sorted(names))}
    ours, scanned = scan_fields(expressions), scanned_fields(expressions)
    assert set(ours) - set(scanned) == {pair + side for pair in PAIRS for side in "LR"}
    squint = RECIPES["AU7"]["eyeSquint_{side}"] * expressions["eyeSquint_L"]
    assert np.allclose(scanned["AU7L"], squint)  # our AU4 and AU7 bend theirs towards their limits
    assert np.allclose(scanned["AU2R"], ours["AU2R"])
