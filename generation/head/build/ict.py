"""Read ICT-FaceKit: its arrays packed as model.npz, or a clone of the public repository (FaceXModel/*.obj)."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from threedpain.errors import InvalidInput, MissingFile

FACE = slice(0, 9409)  # vertices: the face
OUTER = 11248  # face, head and neck; then the mouth's inside and the sockets
TEETH = {"upper": slice(17039, 19247), "lower": slice(19247, 21451)}
EYEBALLS = (slice(21451, 23021), slice(23021, 24591))  # left, right; the first 770 of each are the globe
GLOBE = 770
VERTICES = 26719
LANDMARKS = (  # iBUG order, as ICT-FaceKit publishes them (MIT)
    "1225 1888 1052 367 1719 1722 2199 1447 966 3661 4390 3927 3924 2608 3272 4088 3443 268 493 1914 2044 1401 3615 "
    "4240 4114 2734 2509 978 4527 4942 4857 1140 2075 1147 4269 3360 1507 1542 1537 1528 1518 1511 3742 3751 3756 3721 "
    "3725 3732 5708 5695 2081 0 4275 6200 6213 6346 6461 5518 5957 5841 5702 5711 5533 6216 6207 6470 5517 5966"
)


@dataclass(frozen=True)
class Scans:
    """The mean of the scans and how they differ and move. Centimetres, +y up, +z forward, +x to the subject's left."""

    vertices: np.ndarray  # float64 [V, 3]
    faces: np.ndarray  # int64 [F, 3]: the outer surface alone
    expressions: dict[str, np.ndarray]  # name -> float32 [V, 3], offsets at weight 1
    identities: np.ndarray  # float32 [M, V, 3], offsets of one standard deviation
    landmarks: np.ndarray  # int [68]


def read_scans(path: str | Path) -> Scans:
    """The model in `path`: model.npz, the folder that holds it, or a clone of the repository."""
    path = Path(path)
    if not path.exists():
        raise MissingFile(f"no ICT-FaceKit at {path}: give a clone of its repository, or a folder with model.npz")
    archive = path / "model.npz" if path.is_dir() else path
    if archive.is_file():
        return _packed(archive)
    objects = [folder for folder in (path, path / "FaceXModel") if (folder / "generic_neutral_mesh.obj").is_file()]
    if not objects:
        raise MissingFile(f"{path} holds neither model.npz nor FaceXModel/generic_neutral_mesh.obj of ICT-FaceKit")
    return _objects(objects[0])


def _packed(archive: Path) -> Scans:
    try:
        with np.load(archive, allow_pickle=False) as data:
            arrays = {
                name: data[name] for name in ("vertices", "faces", "expressions", "expression_names", "identities")
            }
            names = [str(name) for name in arrays["expression_names"]]
            expressions = dict(zip(names, arrays["expressions"].astype(np.float32), strict=True))
    except (KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise InvalidInput(f"{archive} is not ICT-FaceKit's model.npz: {error}") from error
    identities = arrays["identities"].astype(np.float32)
    return _scans(arrays["vertices"], arrays["faces"], expressions, identities, archive)


def _objects(folder: Path) -> Scans:
    vertices = _points(folder / "generic_neutral_mesh.obj")
    faces = []
    for line in (folder / "generic_neutral_mesh.obj").read_text().splitlines():
        if line.startswith("f "):
            corners = [int(corner.split("/")[0]) - 1 for corner in line.split()[1:]]
            faces.append([*corners, -1][:4])
    moved = {path.stem: path for path in sorted(folder.glob("*.obj")) if path.stem != "generic_neutral_mesh"}
    offsets = {name: (_points(path, len(vertices)) - vertices).astype(np.float32) for name, path in moved.items()}
    identities = [offset for name, offset in offsets.items() if name.startswith("identity")]
    expressions = {name: offset for name, offset in offsets.items() if not name.startswith("identity")}
    if not identities:
        raise InvalidInput(f"{folder} holds no identity*.obj: it is no whole clone of ICT-FaceKit")
    return _scans(vertices, np.array(faces), expressions, np.array(identities), folder)


def _points(path: Path, count: int | None = None) -> np.ndarray:
    """The vertices [V, 3] of an OBJ file, which must be `count`."""
    try:
        rows = [
            [float(x) for x in line.split()[1:4]] for line in path.read_text().splitlines() if line.startswith("v ")
        ]
        points = np.array(rows, np.float64).reshape(-1, 3)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} is not an OBJ file of ICT-FaceKit: {error}") from error
    if count is not None and len(points) != count:
        raise InvalidInput(f"{path} has {len(points)} vertices, the neutral mesh beside it has {count}")
    return points


def _scans(vertices, faces, expressions, identities, source) -> Scans:
    wanted = (VERTICES, 3)
    if vertices.shape != wanted:
        wrong = f"the vertices are {list(vertices.shape)}, expected {list(wanted)}"
    elif identities.shape[1:] != wanted:
        wrong = f"the identities are {list(identities.shape)}, expected [M, {VERTICES}, 3]"
    elif "browDown_L" not in expressions:
        wrong = "it has no expression browDown_L"
    else:
        wrong = ""
    if wrong:
        raise InvalidInput(f"{source} is not ICT-FaceKit's light model: {wrong}")
    faces = faces.astype(np.int64)
    triangles = np.concatenate([faces[:, :3], faces[faces[:, 3] >= 0][:, [0, 2, 3]]])
    return Scans(
        vertices.astype(np.float64),
        triangles[(triangles < OUTER).all(axis=1)],
        expressions,
        identities,
        np.array(LANDMARKS.split(), int),
    )
