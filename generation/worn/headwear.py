"""Headwear: a scarf around head and neck, and a cap; both are the skin's own surface lifted, smoothed and cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve
from scipy.spatial import ConvexHull, cKDTree

from threedpain.generation.geometry import smoothstep, vertex_normals
from threedpain.generation.records import MASK_CLASSES, Hair

from .mesh import HairMesh
from .outside import Ground, Outside
from .piece import sheet_faces
from .scalp import Scalp
from .styles import dress
from .surface import Shell, Surface, waves
from .weaves import CUT, laid, share_of

CLOTH = MASK_CLASSES.index("clothes")
CREPE, RIBS = 0.02, 0.05  # metres of one repeat of a scarf's weave, of a knitted cap's
PRESSED = 0.022  # metres below a cap's edge where hair has its own thickness again
TIED = -0.45  # how high hair is tied under a cap, skull coordinates: at the nape
EAR_ROOM = 0.003  # metres between an ear and the scarf over it


def wrap_scarf(surface: Surface, hair: Hair, rng: np.random.Generator) -> list[HairMesh]:
    """A headscarf that covers hair, ears and neck and frames the face from the hairline to under the chin."""
    level = opening = _face_opening(surface, Scalp(surface, hair, rng))
    base = surface.midline(0.02, front=True)
    radius = np.hypot(surface.vertices[:, 0], surface.vertices[:, 2] - surface.bust.neck_pivot[2])
    hem = np.maximum(
        radius - 0.215 - 0.01 * np.sin(5 * np.arctan2(surface.vertices[:, 0], surface.vertices[:, 2])),
        base[1] - 0.05 - surface.vertices[:, 1],
    )
    level = np.maximum(level, hem)
    shell = surface.cut(level < 0.03)
    inside = smoothstep(-opening[shell.rows], 0.0, 0.03)  # the hem hangs free, over what is worn below
    ground = Ground.of(surface.bust)
    skin, around_ears = ground.at_rest(), np.isin(shell.rows, ground.ears).astype(float)
    around_ears = np.clip(4 * shell.smooth(around_ears, 10), 0, 1)
    points = _draped(shell, _spanned(shell, shell.points, around_ears > 0.04), 0.0025 + 0.0035 * inside, 30, skin)
    points = shell.smooth(_taut(surface, points, smoothstep(-level[shell.rows], 0.002, 0.014)), 10)
    turn = np.arctan2(points[:, 0], points[:, 2])
    slope = points[:, 1] + 0.35 * points[:, 2] + 0.02 * rng.normal() * turn
    folds = waves(np.stack([0.2 * turn * 0.1, slope, 0 * slope], axis=1), rng, 0.028) + 0.4 * waves(points, rng, 0.05)
    neck = 1 - smoothstep(points[:, 1], -0.14, -0.06)
    deep = shell.smooth(-level[shell.rows], 20)  # ears do not crease what spans them
    around = smoothstep(deep, 0.004, 0.016) * (1 - smoothstep(deep, 0.05, 0.10)) * (1 - 0.6 * neck)
    pleats = np.sin(2 * np.pi * deep / 0.020 + 1.3 * folds)  # they run along the edge, around the face
    lift = 0.0050 + inside * (0.005 + 0.011 * neck + (0.0018 + 0.0042 * neck) * folds) + 0.0028 * around * pleats
    normals = shell.smooth(vertex_normals(points.astype(np.float32), shell.faces), 30)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    points = skin.push_out(points + lift[:, None] * normals, 0.0045, ears=False)
    points = shell.smooth(_taut(surface, points, 0.8 * smoothstep(deep, 0.002, 0.014)), 3)
    points = skin.push_out(points, 0.0025, ears=False)
    for _ in range(2):
        points = _over_ears(skin, points, around_ears)
        points = points + around_ears[:, None] * (shell.smooth(points, 6) - points)
    shown = vertex_normals(points.astype(np.float32), shell.faces).astype(np.float64)
    folded = (around_ears > 0) & (shown[:, 0] * np.sign(points[:, 0]) < 0.3)  # what an ear's canal leaves of itself
    shown = _spanned(shell, shown, shell.smooth(folded.astype(float), 3) > 0.02)
    shown /= np.maximum(np.linalg.norm(shown, axis=1, keepdims=True), 1e-9)
    edge = np.exp(-(((level[shell.rows] + 0.004) / 0.004) ** 2))
    colour = np.asarray(hair.headwear) * (1 - 0.18 * edge)[:, None] / share_of("jersey")
    return [
        shell.mesh(
            points,
            CLOTH,
            colour,
            normals=shown,
            uv=laid("jersey", 0.09 * turn / CREPE, slope / CREPE),
            opacity=0.5 - level[shell.rows] / CUT,
            anchor=shell.rows,
            occlusion=1
            - (0.3 + 0.15 * neck) * smoothstep(-folds, 0.0, 1.8) * inside
            - 0.2 * smoothstep(-pleats, 0.0, 1.0) * around,
            shadow=0.55 + 0.45 * smoothstep(level, -0.002, 0.014),
        )
    ]


def _face_opening(surface: Surface, scalp: Scalp) -> np.ndarray:
    """How far each vertex [V] lies inside the opening for the face, metres; below zero there is cloth."""
    v, jaw = surface.vertices, scalp.jaw
    top, bottom = scalp.hairline - 0.004, jaw[8, 1] - 0.005
    middle, half = (top + bottom) / 2, (top - bottom) / 2
    width = np.interp(
        v[:, 1],
        [bottom, jaw[6, 1], jaw[4, 1], jaw[1, 1], top],
        [0.6 * jaw[6, 0], jaw[6, 0], 0.98 * jaw[4, 0], 0.97 * jaw[1, 0], 0.92 * jaw[0, 0]],
    )
    x, y = v[:, 0] / width, (v[:, 1] - middle) / half
    level = half * (1 - (np.abs(x) ** 3.0 + np.abs(y) ** 3.0) ** (1 / 3.0))
    ahead_of_jaw = v[:, 2] - np.interp(v[:, 1], jaw[::-1, 1], jaw[::-1, 2]) + 0.012
    ahead_of_chin = np.where(v[:, 1] < jaw[8, 1] + 0.002, v[:, 2] - jaw[8, 2] + 0.003, np.inf)
    return np.minimum(np.minimum(level, ahead_of_jaw), ahead_of_chin)


def wear_cap(surface: Surface, hair: Hair, rng: np.random.Generator) -> list[HairMesh]:
    """A knitted cap or a cap with a brim, and the hair that shows below it."""
    scalp = Scalp(surface, hair, rng)
    v = surface.vertices
    knitted = rng.random() < 0.55
    share = 0.5 if knitted else 0.64  # of the forehead that stays free
    front, back = scalp.brow + share * (scalp.hairline - scalp.brow), scalp.brow - 0.05
    t = smoothstep(v[:, 2], scalp.centre[2] - scalp.half[2], scalp.centre[2] + scalp.half[2])
    level = back + (front - back) * t - v[:, 1]
    shell = surface.cut((level < 0.03) & (v[:, 1] > scalp.brow - 0.08))
    here = level[shell.rows]
    points = _draped(shell, shell.points, 0.003, 24)
    normals = shell.smooth(vertex_normals(points.astype(np.float32), shell.faces), 6)
    high = smoothstep(-here, 0.0, 0.06)
    if knitted:
        cuff = 1 - smoothstep(-here, 0.036, 0.040)
        lift = 0.002 + 0.003 * cuff + 0.007 * high
        lift = lift + 0.02 * smoothstep(shell.points[:, 1], scalp.brow + 0.07, scalp.brow + 0.11) * (
            0.3 + 0.7 * rng.random()
        )
        occlusion = 0.8 + 0.2 * np.abs(smoothstep(-here, 0.030, 0.044) * 2 - 1)
    else:
        q = scalp.q(shell.points)
        lift = 0.003 + 0.011 * high * smoothstep(q[:, 2], -0.8, 0.7)
        occlusion = np.ones(len(points))
    points = surface.push_out(points + lift[:, None] * normals, 0.003)
    colour = np.asarray(hair.headwear)
    shadow = 0.6 + 0.4 * smoothstep(level, 0.0, 0.012 if knitted else 0.035)  # a brim's falls on the forehead
    uv, share = np.zeros((len(points), 2)), 1.0
    if knitted:
        round_ = np.arctan2(shell.points[:, 0], shell.points[:, 2] - scalp.centre[2])
        uv, share = laid("knit", 0.09 * round_ / RIBS, points[:, 1] / RIBS), share_of("knit")
    given = {"uv": uv, "occlusion": occlusion, "shadow": shadow}
    meshes = [shell.mesh(points, CLOTH, colour / share, opacity=0.5 - here / CUT, **given)]
    if not knitted:
        meshes.append(_brim(shell, points, here, scalp, colour))
    below = smoothstep(level, -0.02, -0.008)
    male = surface.bust.identity.gender == "male"
    under = replace(hair, style="short" if male else ("long" if hair.length > 0.4 else "tied_back"))
    around = vertex_normals(points.astype(np.float32), shell.faces)

    def beneath(mesh: HairMesh) -> HairMesh:
        """Hair pressed under the cap as far as the cap reaches, and a little below its edge."""
        at = mesh.vertices.astype(np.float64)
        t = smoothstep(at[:, 2], scalp.centre[2] - scalp.half[2], scalp.centre[2] + scalp.half[2])
        held = 1 - smoothstep(back + (front - back) * t - at[:, 1], 0.002, PRESSED)
        near = cKDTree(points).query(at)[1]
        out = np.einsum("nd,nd->n", at - points[near], around[near]) + 0.0025
        at = surface.push_out(at - (held * np.maximum(out, 0))[:, None] * around[near], 0.0006)
        return replace(mesh, vertices=at.astype(np.float32))

    return meshes + [beneath(mesh) for mesh in dress(surface, under, rng, below, TIED)]


def _brim(shell: Shell, points: np.ndarray, level: np.ndarray, scalp: Scalp, colour: np.ndarray) -> HairMesh:
    """A stiff visor from the cap's front edge: a sheet of 33 x 7 points, bent down at its sides and a little in front,
    as far as it hides no brow."""
    edge = points[(np.abs(level) < 0.006) & (points[:, 2] > scalp.centre[2])]
    turn = np.arctan2(edge[:, 0], edge[:, 2] - scalp.centre[2])
    angle = np.linspace(-0.95, 0.95, 33)
    near = np.exp(-0.5 * ((angle[:, None] - turn) / 0.07) ** 2)  # the edge's vertices lie on both sides of it
    rim = (near @ edge) / near.sum(axis=1, keepdims=True)
    full = np.sqrt(np.maximum(1 - (angle / 0.95) ** 2, 0))  # it ends in points, on the crown
    reach = 0.072 * full
    out = np.stack([0.35 * np.sin(angle), np.full(33, -0.30), np.cos(0.4 * angle)], axis=1)
    t = np.linspace(-0.06, 1, 7)[None, :, None]
    sheet = rim[:, None] + t * reach[:, None, None] * out[:, None]
    sheet[..., 1] += 0.004 - 0.024 * (full * angle**2)[:, None] * smoothstep(t[..., 0], -0.1, 1.0)
    vertices = sheet.reshape(-1, 3).astype(np.float32)
    faces = sheet_faces(33, 7)
    n, heads = len(vertices), len(shell.surface.vertices)
    normals = vertex_normals(vertices, faces)
    normals *= np.sign(normals[:, 1:2]) + (normals[:, 1:2] == 0)
    tangents = np.repeat((out / np.linalg.norm(out, axis=1, keepdims=True))[:, None], 7, axis=1).reshape(-1, 3)
    ones = np.ones(n, np.float32)
    return HairMesh(
        vertices,
        normals.astype(np.float32),
        tangents.astype(np.float32),
        np.zeros((n, 2), np.float32),
        np.broadcast_to(colour * 0.7, (n, 3)).astype(np.float32),
        ones,
        np.tile(0.35 + 0.65 * smoothstep(t[0, :, 0], 0.0, 0.8), 33).astype(np.float32),  # the crown shades it
        faces,
        np.full(len(faces), CLOTH, np.int8),
        ones,
        np.full(n, -1, np.int32),
        np.zeros(heads, np.float32),
        np.zeros(3, np.float32),
        np.ones(heads, np.float32),
    )


def _spanned(shell: Shell, values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Values [N, K] of the shell, those `inside` [N] stretched between those around, as a membrane without folds."""
    values, inner = values.astype(np.float64), np.flatnonzero(inside)
    if len(inner):
        averages = shell.smoother[inner]
        fixed = averages[:, ~inside] @ values[~inside]
        values[inner] = spsolve((sp.identity(len(inner)) - averages[:, inner]).tocsc(), fixed)
    return values


def _over_ears(skin: Outside, points: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Points [N, 3] moved sideways, by `amount` [N], out to the convex hull of each ear and the cloth around it."""
    points, ears = points.copy(), skin.vertices[skin.ground.ears]
    for side in (1.0, -1.0):
        near = np.flatnonzero((points[:, 0] * side > 0) & (amount > 0))
        ear = ears[ears[:, 0] * side > 0] + [side * EAR_ROOM, 0, 0]
        if not len(near):
            continue
        planes = ConvexHull(np.concatenate([points[near], ear])).equations
        outer = planes[planes[:, 0] * side > 1e-3]
        hull = -(points[near, 1:] @ outer[:, 1:3].T + outer[:, 3]) / outer[:, 0] * side
        out = hull.min(axis=1) - points[near, 0] * side
        points[near, 0] += side * amount[near] * np.maximum(out, 0)
    return points


def _draped(
    shell: Shell, points: np.ndarray, clearance: float | np.ndarray, rounds: int, skin: Outside | None = None
) -> np.ndarray:
    """The shell's points as taut cloth: smoothed, and pushed off the skin again, until ears and hollows are bridged;
    `skin`: off that alone, without ears."""
    points = points.astype(np.float64)
    for _ in range(3):
        points = shell.smooth(points, rounds // 3)
        points = skin.push_out(points, clearance, False) if skin else shell.surface.push_out(points, clearance)
    return shell.smooth(points, 3)


def _taut(surface: Surface, points: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Points [N, 3] around a head, moved out towards the convex hull of both by `amount` [N]: cloth spans ears."""
    chin = surface.landmarks[8, 1]
    few = np.concatenate([points, surface.vertices[surface.rows]])[::5]  # dense enough for cloth
    hull = ConvexHull(few[few[:, 1] > chin - 0.02])
    axis = np.stack([0 * points[:, 0], np.maximum(points[:, 1], chin), 0 * points[:, 0] - 0.01], axis=1)
    axis[:, 1] = np.minimum(axis[:, 1], surface.landmarks[27, 1])
    ray = points - axis
    rate = ray @ hull.equations[:, :3].T
    room = -(axis @ hull.equations[:, :3].T + hull.equations[:, 3])
    reach = np.min(np.where(rate > 1e-9, room / np.maximum(rate, 1e-9), np.inf), axis=1)
    stretch = 1 + amount * smoothstep(points[:, 1], chin - 0.01, chin + 0.04) * np.clip(reach - 1, 0.0, 0.4)
    return axis + stretch[:, None] * ray
