"""How a head moves: intensities become shares of movement, shares become vertices.

Intensity. FACS scores A to E (1 to 5: trace, slight, marked, severe, maximum) are not evenly spaced: Ekman, Friesen and
Hager (2002) give A and B narrow bands and C and D the widest. `CURVE` maps an intensity to the share of the maximal
movement, a monotone cubic through its knots. What each unit moves at its maximum is documented where the head's fields
are made (`build.scan_units` for the one that people are drawn for, `build.units` for Anny's); the lids close as in
`lids`. Movements of units add, corrected where addition breaks (`PAIRS` there).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from threedpain import facs
from threedpain.generation.compiling import njit
from threedpain.generation.frames import rotation
from threedpain.generation.records import Identity

from . import lids, lips, teeth
from .bust import Anatomy, Bust, Head, Topology
from .manner import with_manner

CURVE = (0.0, 0.12, 0.28, 0.52, 0.78, 1.0)  # share of the maximal movement at intensities 0..5
GAZE_REACH = {"gazeUp": 11.0, "gazeDown": 18.0, "gazeIn": 22.0, "gazeOut": 22.0}  # degrees of full fields
LASHES = {"female": 1.3, "male": 1.05}  # length of lashes, painted ones too, over the head's strips
LEAN = 0.2  # a fully asymmetric person moves one side this much more and the other less
MOST = 1.4  # of a person's amplitude on either side
UNITS = tuple(facs.ACTION_UNITS)


def intensities(action_units: Mapping[str, float]) -> np.ndarray:
    """[2, U]: left and right intensity of every unit in the order of `facs.ACTION_UNITS`."""
    table = np.zeros((2, len(UNITS)))
    for unit, sides in facs.sided(action_units).items():
        table[:, UNITS.index(unit)] = sides
    return table


EYES_CLOSED = UNITS.index("AU43")


def curve(xp, intensity):
    """The share of the maximal movement, 0..1, strictly rising: monotone cubic Hermite through `CURVE`."""
    knots, slopes = _hermite() if xp is np else map(xp.from_numpy, _hermite())
    index = xp.clip(xp.floor(intensity), 0, 4)
    t = intensity - index
    index = index.astype(np.int64) if xp is np else index.long()
    a, b, da, db = knots[index], knots[index + 1], slopes[index], slopes[index + 1]
    return a + t * da + t**2 * (3 * (b - a) - 2 * da - db) + t**3 * (2 * (a - b) + da + db)


@lru_cache(maxsize=1)
def _hermite() -> tuple[np.ndarray, np.ndarray]:
    """Slopes by Fritsch and Carlson: harmonic means inside, one-sided at the ends."""
    knots = np.array(CURVE)
    rise = np.diff(knots)
    slopes = np.r_[rise[0], 2 * rise[:-1] * rise[1:] / (rise[:-1] + rise[1:]), rise[-1]]
    return knots, slopes


def shares(acting: np.ndarray) -> np.ndarray:
    """Movement shares [..., U] of intensities [..., U] on the average person; AU43's is the lids' closure itself."""
    out = curve(np, acting)
    out[..., EYES_CLOSED] = acting[..., EYES_CLOSED]
    return out


def personal(identity: Identity) -> np.ndarray:
    """Personal range with asymmetry, a factor on the shares [2, U]."""
    gain = np.array([identity.gain.get(unit, 1.0) for unit in UNITS])
    lean = np.array([identity.asymmetry.get(unit, 0.0) for unit in UNITS])
    out = np.minimum(gain * (1 + LEAN * np.stack([lean, -lean])), MOST)
    out[:, EYES_CLOSED] = 1
    return out


def expression(bust: Anatomy, acting: np.ndarray, gaze: tuple[float, float]) -> np.ndarray:
    """Vertices float32 [V, 3] with an expression, head upright; nothing acting gives the bust's own vertices."""
    return completed(bust, skins(bust, shares(acting[None]) * bust.range, [gaze])[0], gaze)


def skins(bust: Anatomy, moving: np.ndarray, gazes: Sequence[tuple[float, float]]) -> np.ndarray:
    """Smooth surfaces float32 [B, N, 3] of movement shares [B, 2, U], each with its gaze: skin in its place, lashes,
    teeth and tongue not yet."""
    model = bust.model
    closure = 1 - (1 - bust.rest[:, EYES_CLOSED]) * (1 - moving[:, :, EYES_CLOSED])
    weights = field_weights(np, model.action_names, bust.rest + moving, gazes).astype(np.float32)
    surfaces = model.surface(_blend(bust.cage, bust.basis, weights))
    radius, closure = np.float32(bust.eye_radius), closure.astype(np.float32)
    moved = [
        lids.close(np, surfaces, eye, centre, radius, closure[:, side])
        for side, (eye, centre) in enumerate(zip(bust.lids, bust.eye_centres, strict=True))
    ]
    for surface, left, right in zip(surfaces, *moved, strict=True):
        for eye, points in zip(bust.lids, (left, right), strict=True):
            surface[eye.rows] = points
    for surface, heights in zip(surfaces, lips.part(np, surfaces, model.lips), strict=True):
        surface[model.lips.rows, 1] = heights
    return surfaces


def completed(bust: Anatomy, surface: np.ndarray, gaze: tuple[float, float]) -> np.ndarray:
    """Vertices float32 [V, 3] of a smooth surface [N, 3] whose skin is in its place."""
    model = bust.model
    eyes = model.eyeballs(bust.eye_centres, bust.eye_radius, None if gaze == (0.0, 0.0) else gaze_rotation(gaze))
    vertices = np.concatenate([surface, eyes])
    for eye, centre in zip(bust.lids, bust.eye_centres, strict=True):
        vertices[eye.lashes] = lids.hang(np, surface, eye, centre)
    vertices[model.teeth.rows, 2] = teeth.behind(np, surface, model.teeth)
    return vertices


@njit(cache=True)
def _blend(cage, basis, weights):
    """cage float32 [C, 3] + weights [B, A] . basis [A, C, 3], summed in the order of the fields, the same bits:
    [B, C, 3]."""
    out = np.empty((len(weights), *cage.shape), np.float32)
    out[:] = cage
    flat, offsets = out.reshape(len(weights), -1), basis.reshape(len(basis), -1)
    for field in range(len(basis)):
        for row in range(len(weights)):
            weight = weights[row, field]
            if weight != 0:
                for k in range(flat.shape[1]):
                    flat[row, k] += weight * offsets[field, k]
    return out


def field_weights(xp, names: tuple[str, ...], moving, gazes: Sequence[tuple[float, float]]):
    """Weights [B, A] of every field of movement shares [B, 2, U] and gazes: a unit's share on its side, the sides' mean
    for units without, products for pairs."""
    first, second = _field_index(names)
    looks = [
        [(max(up, 0), max(-up, 0), max(-side * left, 0), max(side * left, 0)) for side in (1, -1)] for left, up in gazes
    ]
    look = np.clip(np.array(looks) / list(GAZE_REACH.values()), 0, 1.5)
    look = np.concatenate([look, np.ones((len(look), 2, 1))], axis=2)
    if xp is not np:
        look = xp.as_tensor(look, dtype=moving.dtype)
    table = xp.concatenate([moving, look], 2)
    table = xp.concatenate([table, table[:, :1] * 0.5 + table[:, 1:] * 0.5], 1)
    return table[:, first[0], first[1]] * table[:, second[0], second[1]]


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
    return rotation(gaze[0], gaze[1], 0.0)


def settle(model: Head, identity: Identity, cage: np.ndarray, eye_centres: np.ndarray, eye_radius: float) -> Bust:
    """The bust at rest: the person's own fields; neutral vertices hold the resting face."""
    surface = model.surface(cage)
    eye_centres = np.stack(
        [lids.seated(surface, eye, centre, eye_radius) for eye, centre in zip(model.lids, eye_centres, strict=True)]
    )
    fitted = tuple(
        eye.fitted(surface, centre, eye_radius, model.lashes, LASHES[identity.gender])
        for eye, centre in zip(model.lids, eye_centres, strict=True)
    )
    own = with_manner(identity, model.action_names, cage, model.fields(identity, cage, surface))
    basis = model.eased(identity, cage, own)
    rest, reach = shares(intensities(model.resting(identity))), personal(identity)
    cage = cage.astype(np.float32)  # a copy
    probes = rest + shares(np.stack([intensities(units) for units in teeth.PROBES])) * reach
    weights = field_weights(np, model.action_names, probes, [(0.0, 0.0)] * len(probes)).astype(np.float32)
    moved = model.surface(_blend(cage, basis, weights))
    lip = np.stack([landmarks(model.topology, one)[[62, 66]] for one in moved])
    cage[model.teeth.upper, 1] = teeth.seated(identity, cage, surface, lip, model.teeth)
    anatomy = Anatomy(
        identity=identity,
        model=model,
        topology=model.topology,
        cage=cage,
        basis=basis,
        rest=rest,
        range=reach,
        lids=fitted,
        eye_centres=eye_centres,
        eye_radius=eye_radius,
        neck_pivot=model.neck_pivot,
        neck_weight=model.neck_weight,
    )
    return Bust(**vars(anatomy), vertices=expression(anatomy, np.zeros((2, len(UNITS))), (0.0, 0.0)))


def landmarks(topology: Topology, vertices: np.ndarray) -> np.ndarray:
    """The 68 points [68, 3] of vertices [V, 3], iBUG order."""
    corners = vertices[topology.faces[topology.landmark_faces]]
    return np.einsum("lkd,lk->ld", corners, topology.landmark_barycentric)
