"""From a bust and action units to a face: geometry, wrinkle depths, heat.

Intensity. FACS scores A to E (1 to 5: trace, slight, marked, severe, maximum) are not evenly spaced: Ekman, Friesen and
Hager (2002) give A and B narrow bands and C and D the widest. `CURVE` maps an intensity to the share of the maximal
movement, a monotone cubic through its knots. What each unit moves at its maximum is documented in `build_units`; the
lids close as in `lids`. Movements of units add, corrected where addition breaks (`build_units.PAIRS`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from threedpain import facs
from threedpain.regions import REGIONS, inside

from . import lids, lips
from .localise import fades
from .mesh import vertex_normals
from .records import MASK_CLASSES, PARTS, Bust, Face, Identity
from .wrinkles import wrinkle_depths

CURVE = (0.0, 0.12, 0.28, 0.52, 0.78, 1.0)  # share of the maximal movement at intensities 0..5
GAZE_REACH = {"gazeUp": 11.0, "gazeDown": 18.0, "gazeIn": 22.0, "gazeOut": 22.0}  # degrees of full fields
LEAN = 0.15  # a fully asymmetric person moves one side this much more and the other less
UNITS = tuple(facs.ACTION_UNITS)


def rig(bust: Bust, action_units: Mapping[str, float], head_angles: tuple[float, float, float] = (0.0, 0.0, 0.0),
        gaze: tuple[float, float] = (0.0, 0.0)) -> Face:
    """The bust with an expression.

    `action_units`: FACS intensities, 0 to 5 (AU43 0 to 1), also one-sided ("AU12L"). `head_angles`: (yaw, pitch, roll),
    `gaze`: (left, up), all in degrees.
    """
    units = facs.validate(action_units)
    acting = intensities(units)
    pain = acting * PAIN_COLUMNS
    vertices = expression(bust, acting, gaze)
    alone = vertices if gaze == (0.0, 0.0) and (pain == acting).all() else expression(bust, pain, (0.0, 0.0))
    heat = np.linalg.norm(1000 * (alone - bust.vertices), axis=1).astype(np.float32)
    heat *= bust.model.skin_vertices
    vertices, pose = bend(bust, vertices, head_angles)
    return Face(bust, units, vertices, heat, wrinkle_depths(bust.identity, amounts(bust.identity, acting)), pose,
                tuple(map(float, head_angles)), tuple(map(float, gaze)))


def intensities(action_units: Mapping[str, float]) -> np.ndarray:
    """[2, U]: left and right intensity of every unit in the order of `facs.ACTION_UNITS`."""
    table = np.zeros((2, len(UNITS)))
    for unit, sides in facs.sided(action_units).items():
        table[:, UNITS.index(unit)] = sides
    return table


PAIN_COLUMNS = np.isin(UNITS, facs.PAIN_UNITS).astype(float)
EYES_CLOSED = UNITS.index("AU43")


def curve(xp, intensity):
    """The share of the maximal movement, 0..1, strictly rising: monotone cubic Hermite through `CURVE`."""
    knots, slopes = _hermite(xp)
    index = xp.clip(xp.floor(intensity), 0, 4)
    t = intensity - index
    index = index.astype(np.int64) if xp is np else index.long()
    a, b, da, db = knots[index], knots[index + 1], slopes[index], slopes[index + 1]
    return (a + t * da + t**2 * (3 * (b - a) - 2 * da - db) + t**3 * (2 * (a - b) + da + db))


def _hermite(xp):
    knots, slopes = _hermite_tables()
    return (knots, slopes) if xp is np else (xp.from_numpy(knots), xp.from_numpy(slopes))


@lru_cache(maxsize=1)
def _hermite_tables() -> tuple[np.ndarray, np.ndarray]:
    """Slopes by Fritsch and Carlson: harmonic means inside, one-sided at the ends."""
    knots = np.array(CURVE)
    rise = np.diff(knots)
    slopes = np.r_[rise[0], 2 * rise[:-1] * rise[1:] / (rise[:-1] + rise[1:]), rise[-1]]
    return knots, slopes


def amounts(identity: Identity, acting: np.ndarray) -> np.ndarray:
    """Movement shares [2, U] of a person's units, with personal range and asymmetry; AU43 is the lids' closure."""
    gain, lean = personal(identity)
    shares = curve(np, acting) * gain
    shares *= 1 + LEAN * np.stack([lean, -lean])
    shares[:, EYES_CLOSED] = acting[:, EYES_CLOSED]
    return shares


def personal(identity: Identity) -> tuple[np.ndarray, np.ndarray]:
    """(gain [U], asymmetry [U]) in the order of the units."""
    return (np.array([identity.gain.get(unit, 1.0) for unit in UNITS]),
            np.array([identity.asymmetry.get(unit, 0.0) for unit in UNITS]))


def expression(bust: Bust, acting: np.ndarray, gaze: tuple[float, float]) -> np.ndarray:
    """Vertices float32 [V, 3] with an expression, head upright; nothing acting gives the bust's own vertices."""
    model, identity = bust.model, bust.identity
    rest = curve(np, intensities(identity.resting))
    rest[:, EYES_CLOSED] = intensities(identity.resting)[:, EYES_CLOSED]
    moving = amounts(identity, acting)
    closure = 1 - (1 - rest[:, EYES_CLOSED]) * (1 - moving[:, EYES_CLOSED])
    weights = field_weights(np, model.action_names, rest + moving, gaze).astype(np.float32)
    active = np.flatnonzero(weights)
    cage = bust.cage
    if len(active):
        cage = cage + (weights[active] @ bust.basis[active].reshape(len(active), -1)).reshape(-1, 3)
    surface = model.surface(cage)
    radius = np.float32(bust.eye_radius)
    moved = [lids.close(np, surface, eye, centre, radius, np.float32(share))
             for eye, centre, share in zip(bust.lids, bust.eye_centres, closure, strict=True)]
    for eye, points in zip(bust.lids, moved, strict=True):
        surface[eye.rows] = points
    surface[model.lips.rows, 1] = lips.part(np, surface, model.lips)
    eyes = model.eyeballs(bust.eye_centres, bust.eye_radius, gaze_rotation(gaze))
    return np.concatenate([surface, eyes])


def field_weights(xp, names: tuple[str, ...], shares, gaze: tuple[float, float] = (0.0, 0.0)):
    """Weight [A] of every field: a unit's share on its side, the sides' mean for units without, products for pairs."""
    first, second = _field_index(names)
    left, up = gaze
    looks = [(max(up, 0), max(-up, 0), max(-side * left, 0), max(side * left, 0)) for side in (1, -1)]
    look = np.clip(np.array(looks) / list(GAZE_REACH.values()), 0, 1.5)
    look = np.concatenate([look, np.ones((2, 1))], axis=1)
    if xp is not np:
        look = xp.as_tensor(look, dtype=shares.dtype)
    table = xp.concatenate([shares, look], 1)
    table = xp.concatenate([table, table[:1] * 0.5 + table[1:] * 0.5], 0)
    return table[first[0], first[1]] * table[second[0], second[1]]


@lru_cache(maxsize=4)
def _field_index(names: tuple[str, ...]) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """For each field, (row, column) of its one or two factors in the table of `field_weights`."""
    columns = {name: i for i, name in enumerate((*UNITS, *GAZE_REACH, "1"))}
    first, second = [], []
    for name in names:
        side = {"L": 0, "R": 1}.get(name[-1], 2)
        stem = name if side == 2 else name[:-1]
        one, _, two = stem.partition("*")
        first.append((side, columns[one]))
        second.append((side, columns[two or "1"]))
    return tuple(np.array(first).T), tuple(np.array(second).T)


def gaze_rotation(gaze: tuple[float, float]) -> np.ndarray:
    """Eyeball rotation [3, 3] for a gaze (left, up) in degrees."""
    return head_rotation(gaze[0], gaze[1], 0.0)


def head_rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation [3, 3] in the head frame: yaw to the subject's left, then pitch up, then roll clockwise in the image."""
    y, p, r = np.radians([yaw, pitch, -roll])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    tilt = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return tilt @ nod @ turn


def bend(bust: Bust, vertices: np.ndarray, angles: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Turn the head about the neck's pivot; the neck follows by its weight. Also the skull's motion [3, 4]."""
    rotation = head_rotation(*angles)
    pivot = bust.neck_pivot.astype(np.float64)
    pose = np.concatenate([rotation, (pivot - rotation @ pivot)[:, None]], axis=1).astype(np.float32)
    if not any(angles):
        return vertices, pose
    skull, between = bust.model.neck_split
    out = vertices.copy()
    out[skull] = vertices[skull] @ pose[:, :3].T + pose[:, 3]
    axis, angle = axis_angle(rotation)
    arm = vertices[between] - pivot
    theta = (angle * bust.neck_weight[between])[:, None]
    turned = (arm * np.cos(theta) + np.cross(axis, arm) * np.sin(theta)
              + axis * (arm @ axis)[:, None] * (1 - np.cos(theta)))
    out[between] = pivot + turned
    return out, pose


def axis_angle(rotation: np.ndarray) -> tuple[np.ndarray, float]:
    """Unit axis and angle in radians of a rotation below 180 degrees."""
    skew = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    sine = np.linalg.norm(skew) / 2
    angle = float(np.arctan2(sine, (np.trace(rotation) - 1) / 2))
    return (skew / (2 * sine) if sine > 1e-12 else np.array([0.0, 1.0, 0.0])), angle


def settle(model, identity: Identity, cage: np.ndarray, eye_centres: np.ndarray, eye_radius: float) -> Bust:
    """The bust at rest: fields kept to the person's own regions; neutral vertices hold the resting face."""
    surface = model.surface(cage)
    topology = model.topology
    points = landmarks(topology, surface)
    fade = np.ones((len(UNITS), len(cage)), np.float32)
    fade[:, model.front] = fades(surface[model.front, :2], points[:, :2], UNITS, model.front_spacing)
    fitted = tuple(eye.fitted(surface, centre, sign)
                   for eye, centre, sign in zip(model.lids, eye_centres, (1.0, -1.0), strict=True))
    basis = model.actions * fade[model.field_unit][:, :, None]
    bust = Bust(identity, model, topology, np.zeros((0, 3), np.float32), cage.astype(np.float32), basis, fitted,
                eye_centres, eye_radius, model.neck_pivot, model.neck_weight)
    object.__setattr__(bust, "vertices", expression(bust, np.zeros((2, len(UNITS))), (0.0, 0.0)))
    return bust


# Regions of the report: name -> regions of `threedpain.regions` without their side.
REPORT = {"brow": ("brow",), "lids": ("upper_lid", "lower_lid"), "cheeks": ("cheek",), "nose": ("nose",),
          "upper_lip": ("upper_lip",)}


def region_report(face: Face) -> dict[str, dict[str, float]]:
    """Pain heat in millimetres, {"mean", "p95", "max"} for each of brow, lids, cheeks, nose and upper_lip."""
    bust = face.bust
    rows = face_vertices(bust)
    points = landmarks(bust.topology, bust.vertices)
    report = {}
    for name, regions in REPORT.items():
        both = [f"{region}_{side}" for region in regions for side in ("right", "left")]
        heat = face.heat[rows[inside(both, bust.vertices[rows, :2], points[:, :2])]]
        report[name] = {"mean": float(heat.mean()), "p95": float(np.percentile(heat, 95)), "max": float(heat.max())}
    return report


def landmarks(topology, vertices: np.ndarray) -> np.ndarray:
    """The 68 points [68, 3] of vertices [V, 3], iBUG order."""
    corners = vertices[topology.faces[topology.landmark_faces]]
    return np.einsum("lkd,lk->ld", corners, topology.landmark_barycentric)


def face_vertices(bust: Bust) -> np.ndarray:
    """Vertices of the face's outer skin that look forward, are not hidden and lie within `threedpain.regions`."""
    topology, at = bust.topology, bust.vertices
    outer = np.isin(topology.face_class, [MASK_CLASSES.index(name) for name in ("skin", "lips")])
    rows = np.unique(topology.faces[outer & (topology.face_part == PARTS.index("skin"))])
    rows = rows[(vertex_normals(at, topology.faces)[rows, 2] > 0.3) & (at[rows, 2] > 0)]
    points = landmarks(topology, at)
    rows = rows[inside(tuple(REGIONS), at[rows, :2], points[:, :2])]
    cell = np.floor(at[rows, :2] / 0.002).astype(int) - np.floor(at[rows, :2].min(axis=0) / 0.002).astype(int)
    nearest = np.full(cell.max(axis=0) + 1, -np.inf)
    np.maximum.at(nearest, tuple(cell.T), at[rows, 2])
    return rows[at[rows, 2] > nearest[tuple(cell.T)] - 0.005]
