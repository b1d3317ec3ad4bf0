"""How deep what is worn goes under skin, by accessory: `python benchmarks/under_skin.py --people 40 --expressions 200`.

Expressions are painful ones of every PSPI and others by turns, each on the next of the people. Measured is every vertex
that is drawn, as the crow flies to the skin it lies under; ears are left out, and around the nostrils the tubes that go
in there. Earrings go through the lobe and are not asked.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from scipy.spatial import cKDTree

from threedpain.expressions import sample_for_pspi, sample_other
from threedpain.generation.geometry import vertex_normals
from threedpain.generation.head.bust import Bust, Face
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.process import one_thread
from threedpain.generation.records import PARTS
from threedpain.generation.seeds import child
from threedpain.generation.worn.accessories import Fitted, fit
from threedpain.generation.worn.choice import worn_by
from threedpain.generation.worn.outside import SKIN, Ground
from threedpain.limits import ACCESSORIES

ALLOWED = 0.001  # metres
FAR = 0.03  # metres from the skin beyond which only a rough look is taken first
SPARSE = 20  # at one triangle of so many
HOLE = 0.011  # metres around a nostril: tubes go in there
PIERCING = ("earrings",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--expressions", type=int, default=200)
    parser.add_argument("--names", nargs="*", default=[name for name in ACCESSORIES if name not in PIERCING])
    options = parser.parse_args()
    with one_thread():
        found = depths(busts(options.people), options.names, options.expressions)
    print(f"| accessory | expressions | over {1000 * ALLOWED:g} mm | deepest, mm | which |\n|---|---:|---:|---:|---|")
    for name, deep in found.items():
        over = np.flatnonzero(deep >= ALLOWED)  # of the expressions; the person is that number modulo --people
        which = ", ".join(map(str, over))
        print(f"| {name} | {len(deep)} | {len(over)} | {1000 * deep.max():.2f} | {which} |")


def busts(people: int) -> list[Bust]:
    head = ScanHeadModel.load()
    return [head(sample_identity(seed)) for seed in range(people)]


def depths(everybody: Sequence[Bust], names: Iterable[str], count: int) -> dict[str, np.ndarray]:
    """How deep each accessory goes at each of `count` expressions, metres [count], each of the next of the people."""
    shown = list(expressions(count))
    found = {name: np.zeros(count) for name in names}
    for number, bust in enumerate(everybody):
        things = {name: fit(bust, worn_by(bust.identity.seed, (name,))) for name in found}
        for at in range(number, count, len(everybody)):
            face = rig(bust, shown[at])
            skin = FaceSkin(face)
            for name, thing in things.items():
                if thing is not None:
                    found[name][at] = deepest(face, skin, name, thing)
    return found


def expressions(count: int) -> Iterator[dict[str, float]]:
    rng = child(5, "expressions")
    for number in range(count):
        yield sample_for_pspi(1 + number % 16, rng) if number % 3 else sample_other(rng)[1]


def deepest(face: Face, skin: FaceSkin, name: str, worn: Fitted) -> float:
    points, _ = worn.posed(face)
    drawn = np.unique(np.concatenate([worn.mesh.faces, worn.panes]))
    drawn = drawn[worn.mesh.opacity[drawn] > 0.5]
    marks = worn.ground.of_face(face).marks
    if name in ("cannula", "feeding_tube"):
        holes = [0.3 * marks[a] + 0.35 * marks[33] + 0.35 * marks[b] for a, b in ((31, 32), (35, 34))]
        drawn = drawn[(np.linalg.norm(points[drawn, None] - np.array(holes), axis=2) > HOLE).all(axis=1)]
    points = points[drawn].astype(float)
    deep = skin.over(points)
    for place in np.flatnonzero(deep > ALLOWED):  # under the skin is only what skin lies over
        out = points[place] * [1, 0, 1] / np.linalg.norm(points[place, [0, 2]])
        if not meets(points[place], points[place] + 0.3 * out, skin.whole):
            deep[place] = 0
    return float(deep.max())


class FaceSkin:
    """The skin of a face, to ask what lies under it; metres, head frame."""

    def __init__(self, face: Face) -> None:
        topology = face.bust.topology
        outside = np.isin(topology.face_class, SKIN) & (topology.face_part == PARTS.index("skin"))
        faces = topology.faces[outside]
        self.whole = face.vertices[faces]
        self.faces = faces[~np.isin(faces, Ground.of(face.bust).ears).any(axis=1)]
        self.corners = face.vertices[self.faces].astype(float)
        self.normals = vertex_normals(face.vertices, self.faces).astype(float)
        sides = np.sort(self.faces[:, [0, 1, 1, 2, 2, 0]].astype(np.int64).reshape(-1, 2), axis=1)
        count = len(face.vertices)
        edges, times = np.unique(sides[:, 0] * count + sides[:, 1], return_counts=True)
        self.rim = np.zeros(count, bool)
        self.rim[np.concatenate(np.divmod(edges[times == 1], count))] = True
        self.middles = self.corners.mean(axis=1)
        a, b, c = self.corners.transpose(1, 0, 2)
        self.facing = np.cross(b - a, c - a)
        self.tree, self.sparse = cKDTree(self.middles), cKDTree(self.middles[::SPARSE])

    def over(self, points: np.ndarray) -> np.ndarray:
        """How deep points [N, 3] lie under it, ears left out: 0 outside, and where the skin ends (between the lips,
        under an ear) it has no inside."""
        depth = np.zeros(len(points))
        away, near = self.tree.query(points, k=12, distance_upper_bound=FAR)
        far = np.flatnonzero(~np.isfinite(away[:, -1]))
        behind = self._behind(points[far], SPARSE * self.sparse.query(points[far])[1])
        far, here = far[behind], np.flatnonzero(np.isfinite(away[:, -1]))
        near[far] = self.tree.query(points[far], k=12)[1]
        asked = np.concatenate([here, far])
        behind = [self._behind(points[asked], near[asked, k]) for k in range(12)]
        asked = asked[np.any(behind, axis=0)]  # in front of all triangles around it a point is outside
        depth[asked] = self._under(points[asked], near[asked])
        return depth

    def _behind(self, points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
        return np.einsum("nd,nd->n", points - self.middles[triangles], self.facing[triangles]) < 0

    def _under(self, points: np.ndarray, near: np.ndarray) -> np.ndarray:
        """How deep points [N, 3] lie under the nearest of the triangles `near` [N, K] to each."""
        best, height = np.full(len(points), np.inf), np.zeros(len(points))
        for k in range(near.shape[1]):
            foot, weights = closest(points, self.corners[near[:, k]])
            rows = self.faces[near[:, k]]
            normal = np.einsum("nk,nkd->nd", weights, self.normals[rows])
            away = np.linalg.norm(points - foot, axis=1)
            nearer = away < best - 1e-9
            best[nearer] = away[nearer]
            on_rim = (weights * self.rim[rows]).sum(axis=1) > 0.999
            sign = np.where(on_rim, 1.0, np.sign(((points - foot) * normal).sum(axis=1)))
            height[nearer] = (away * sign)[nearer]
        return np.maximum(-height, 0)


def meets(start: np.ndarray, end: np.ndarray, triangles: np.ndarray) -> bool:
    """Whether the segment meets a triangle [N, 3, 3] (Moeller and Trumbore, 1997)."""
    a, b, c = triangles.astype(float).transpose(1, 0, 2)
    ray = end - start
    across = np.cross(ray, c - a)
    scale = ((b - a) * across).sum(axis=1)
    scale = np.where(np.abs(scale) < 1e-18, np.inf, scale)
    u = ((start - a) * across).sum(axis=1) / scale
    turned = np.cross(start - a, b - a)
    v, t = turned @ ray / scale, ((c - a) * turned).sum(axis=1) / scale
    return bool(((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 1e-4) & (t < 1)).any())


def closest(points: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest point of triangles [N, 3, 3] to points [N, 3], one each, and its barycentric weights [N, 3]."""
    a, b, c = corners.transpose(1, 0, 2)

    def dot(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return (p * q).sum(axis=1)

    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11, d20, d21 = dot(ab, ab), dot(ab, ac), dot(ac, ac), dot(ap, ab), dot(ap, ac)
    scale = np.maximum(d00 * d11 - d01 * d01, 1e-24)
    v, w = (d11 * d20 - d01 * d21) / scale, (d00 * d21 - d01 * d20) / scale
    best = np.stack([1 - v - w, v, w], axis=1)
    inside = (best >= 0).all(axis=1)
    away = np.full(len(points), np.inf)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        p, q = corners[:, i], corners[:, j]
        t = np.clip(dot(points - p, q - p) / np.maximum(dot(q - p, q - p), 1e-24), 0, 1)
        distance = np.linalg.norm(points - p - t[:, None] * (q - p), axis=1)
        take_it = ~inside & (distance < away)
        away[take_it] = distance[take_it]
        best[take_it] = 0
        best[take_it, i], best[take_it, j] = 1 - t[take_it], t[take_it]
    return np.einsum("nk,nkd->nd", best, corners), best


if __name__ == "__main__":
    main()
