"""Facial hair, from stubble to a full beard: it rides on the jaw and lips and leaves the mouth free."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from threedpain.generation.colour import visible_grey
from threedpain.generation.geometry import smoothstep
from threedpain.generation.records import MASK_CLASSES, Hair
from threedpain.generation.seeds import child

from .mesh import HairMesh
from .strands import grow, hair_colour, ribbons, sample_roots
from .surface import Surface, waves

WARM = np.array([1.06, 1.0, 0.90])  # the light that skin throws up between a beard's hairs
STROKES = 6000  # of stubble
FACIAL_HAIR = MASK_CLASSES.index("facial_hair")


def grow_beard(surface: Surface, hair: Hair, rng: np.random.Generator) -> list[HairMesh]:
    """Meshes of a beard other than "none"."""
    mask = _mask(surface, hair, rng)
    grey = 0.8 * hair.grey  # dark hairs stay in a grey beard, the fewest of them on the chin
    if hair.beard == "stubble":
        return [_stubble(surface, hair, mask, grey, rng)]
    shell = surface.cut(mask > 0.1)
    inside = mask[shell.rows]
    points = shell.points + ((0.0010 + 0.0022 * hair.density) * smoothstep(inside, 0.3, 1.0))[:, None] * shell.normals
    around = 0.075 * np.arctan2(shell.points[:, 0], shell.points[:, 2])
    uv = np.stack([around * 110, shell.points[:, 1] * 90], axis=1)  # a centimetre: single hairs
    still = child(0, "stubble")  # that neither stand in rows nor lie quite alike
    uv += np.stack([0.06 * waves(shell.points, still, 0.012), 0.3 * waves(shell.points, still, 0.012)], axis=1)
    cover = shell.mesh(
        points,
        FACIAL_HAIR,
        WARM * hair_colour(hair, rng, 64, grey).mean(axis=0),
        uv=uv,
        opacity=(inside - 0.35) * 1.2,
        occlusion=np.full(len(points), 0.7),
        anchor=shell.rows,
        scalp=mask**1.3 * 0.75 * (0.6 + 0.4 * hair.density),  # no skin shines through a beard
    )
    roots = sample_roots(surface, smoothstep(mask, 0.15, 0.95), 2000 if hair.beard == "full" else 950, rng)
    chin = surface.landmarks[8]
    near_chin = np.exp(-np.sum(((roots.points - chin) / [0.035, 0.03, 0.05]) ** 2, axis=1))
    upper = _upper_lip(surface, roots.points)
    length = (0.006 + 0.006 * hair.length + (0.006 + 0.022 * hair.length) * near_chin) * (1 - 0.4 * upper)
    length = length * rng.uniform(0.85, 1.1, len(length)) * (0.35 + 0.65 * smoothstep(roots.weight, 0.3, 0.9))

    def comb(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        up = _upper_lip(surface, points)[:, None]
        out = np.clip(points[:, :1] / 0.025, -1, 1) * [[0.5, 0.0, 0.0]] + [[0.0, -1.0, 0.1]]
        down = np.array([[0.0, -1.0, 0.15]]) + 0.25 * waves(points, child(0, "beard waves"), 0.02)[:, None] * [
            1.0,
            0,
            0,
        ]
        want = up * out + (1 - up) * down
        want = want - np.einsum("nd,nd->n", want, normals)[:, None] * normals + 0.18 * (1 - up) * normals
        return want / np.linalg.norm(want, axis=1, keepdims=True)

    curves = grow(
        surface,
        roots,
        length,
        comb,
        0.0012 + 0.0035 * rng.random(len(length)),
        lift=0.45,
        segments=3,
        stiffness=0.5,
        hug=lambda p: np.full(len(p), 0.35),
    )
    t = np.linspace(0, 1, 4)[None, :, None]
    wobble = rng.normal(0, 1, curves.shape) * (0.0004 + 0.0010 * hair.curl) * t
    apart = 0.10 * (1 - 0.6 * upper) * length
    wobble += t * apart[:, None, None] * rng.normal(0, 1, (len(length), 1, 3))
    normals = np.repeat(roots.normals[:, None], 4, axis=1)
    share = np.clip(grey + 0.2 * hair.grey * near_chin, 0, 1)
    share = np.clip(share + 0.9 * share * (1 - share) * rng.normal(0, 1, len(length)), 0, 1)  # white beside dark ones
    colours = WARM * hair_colour(hair, rng, len(length), share)
    strands = ribbons(
        surface,
        curves + wobble,
        normals,
        rng.uniform(0.0014, 0.0024, len(length)) * (0.5 + 0.5 * smoothstep(roots.weight, 0.3, 0.9)),
        0.7 * colours + 0.3 * colours.mean(axis=0),  # single hairs mix within a ribbon
        FACIAL_HAIR,
        rng,
        opacity=(0.75 * (0.6 + 0.4 * hair.density), 0.3),
        occlusion=(0.55, 1.0),
        anchor=roots.rows,
        depth=rng.random(len(length)),
        follow=np.repeat(surface.bust.neck_weight[roots.rows][:, None], 4, axis=1),
    )
    return [cover, strands]


def _stubble(surface: Surface, hair: Hair, mask: np.ndarray, grey: float, rng: np.random.Generator) -> HairMesh:
    """Short strokes of a few hairs each, at random over a shadow of what grows beneath the skin."""
    roots = sample_roots(surface, mask**0.8, STROKES, rng)
    n = len(roots.points)
    heading = np.array([0.0, -1.0, 0.0]) + rng.normal(0, 0.45, (n, 3))
    heading -= np.einsum("nd,nd->n", heading, roots.normals)[:, None] * roots.normals
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    length = rng.uniform(0.0012, 0.0034, n) * (0.6 + 0.4 * roots.weight)
    foot = roots.points + rng.normal(0, 0.0006, (n, 3)) * (1 - roots.normals**2) + 0.0004 * roots.normals  # not in rows
    out = length[:, None] * (heading + 0.25 * roots.normals)
    curves = np.stack([foot, foot + 0.5 * out, foot + out], axis=1)
    white = rng.random(n) < visible_grey(grey)  # each hair is one or the other
    colours = np.where(white[:, None], 0.6 * hair_colour(hair, rng, n, 1.0), hair_colour(hair, rng, n, 0.0))
    strokes = ribbons(
        surface,
        curves,
        np.repeat(roots.normals[:, None], 3, axis=1),
        rng.uniform(0.0005, 0.0011, n),
        colours,
        FACIAL_HAIR,
        rng,
        opacity=(0.3 + 0.3 * hair.density, 0.2),
        occlusion=(0.8, 1.0),
        anchor=roots.rows,
        follow=np.repeat(surface.bust.neck_weight[roots.rows][:, None], 3, axis=1),
    )
    shadow = mask * (0.27 + 0.12 * hair.density) * (1 - 0.8 * grey)  # white hair casts none
    return replace(
        strokes,
        scalp=shadow.astype(np.float32),
        scalp_colour=hair_colour(hair, rng, 64, 0.0).mean(axis=0).astype(np.float32),
    )


def _mask(surface: Surface, hair: Hair, rng: np.random.Generator) -> np.ndarray:
    """Where this beard grows, float64 [V]: nobody's is another's, its edges are ragged and its cheeks thin."""
    mask, v, marks = surface.bust.topology.beard.astype(np.float64), surface.vertices, surface.landmarks
    own = child(hair.seed, "beard's edge")
    z, u = own.standard_normal(4).clip(-2, 2), own.random(6)
    patchy = 0.12 * waves(v, rng, 0.035)
    across = np.abs(v[:, 0])
    upper = _upper_lip(surface, v, droop=0.004 - 0.010 * u[0], wide=0.012 + 0.003 * z[2])
    wide = 0.03 + 0.006 * z[0]
    chin = np.exp(-((v[:, 0] / wide) ** 4)) * smoothstep(marks[57, 1] + 0.001 - v[:, 1], 0.0, 0.006)
    beside = np.exp(-(((across - marks[54, 0] - 0.006) / 0.008) ** 2)) * smoothstep(marks[33, 1] - v[:, 1], 0.0, 0.006)
    joined = smoothstep(u[1], 0.3, 0.7)  # whether moustache and chin meet beside the mouth
    goatee = np.maximum(np.maximum(0.9 * upper, chin), joined * beside)
    part = {"moustache": upper, "goatee": goatee}.get(hair.beard, 1.0)
    if hair.beard in ("full", "stubble"):
        mask = np.maximum(mask, _under_jaw(surface, 0.014 + 0.022 * u[2]))
    line = marks[33, 1] + 0.012 * rng.normal() + 0.006 * z[1]
    bow = (0.010 + 0.008 * u[3]) * np.sin(np.pi * np.clip((across - 0.03) / 0.036, 0, 1))  # hollow between ear and lip
    cheek = smoothstep(line - bow - v[:, 1], -0.030, 0.004)  # nothing high on the cheeks
    burns = np.maximum(
        smoothstep(across / marks[16, 0], 0.80, 0.90), smoothstep(marks[14, 2] + 0.007 - v[:, 2], -0.006, 0.004)
    )
    mask = mask + burns * (smoothstep(mask, 0.02, 0.4) - mask)  # up to the hair, narrow as it is there
    mask = mask * (1 - (0.2 + 0.65 * u[4]) * _beside_soul_patch(surface))
    mask = np.clip(mask * part * np.maximum(cheek, np.maximum(burns, upper)) * (1 + patchy), 0, 1)
    sparse = 0.45 * u[5] * np.exp(-(((across - 0.045) / 0.014) ** 2)) * smoothstep(v[:, 1], marks[8, 1], marks[54, 1])
    ragged = 0.16 * waves(v, own, 0.028) + 0.20 * waves(v, own, 0.010)
    mask = np.clip(mask * (1 - sparse) + 3 * mask * (1 - mask) * (1 - 0.6 * burns) * (1 - 0.7 * upper) * ragged, 0, 1)
    jaw = np.interp(v[:, 1], marks[12:17, 1], marks[12:17, 0])
    return np.where(surface.ears & (across > jaw + 0.003), 0.0, mask)  # none on the lobes


def _under_jaw(surface: Surface, low: float) -> np.ndarray:
    """Thinning from the jaw's edge to a line `low` metres under the chin that rises to the ears, float64 [V]."""
    v, marks = surface.vertices, surface.landmarks
    side = np.clip(np.abs(v[:, 0]) / marks[12, 0], 0, 1) ** 2
    line = (1 - side) * (marks[8, 1] - low) + side * (marks[12, 1] - 0.016)
    jaw = (1 - side) * (marks[8, 1] + 0.006) + side * (marks[12, 1] + 0.004)
    front = smoothstep(v[:, 2], -0.005, 0.05) * smoothstep(marks[12, 0] + 0.004 - np.abs(v[:, 0]), 0.0, 0.008)
    return 0.85 * front * smoothstep(v[:, 1] - line, -0.006, 0.012) * (1 - smoothstep(v[:, 1] - jaw, 0.0, 0.006))


def _beside_soul_patch(surface: Surface) -> np.ndarray:
    """1 on the bare skin under the lower lip, left and right of its middle, float64 [V]."""
    marks, across = surface.landmarks, np.abs(surface.vertices[:, 0])
    under = (marks[57, 1] - surface.vertices[:, 1]) / 0.011  # 0 at the lip, 1 where the chin's hair begins
    side = smoothstep(across, 0.002, 0.005) * (1 - smoothstep(across, 0.7 * marks[54, 0], marks[54, 0]))
    return side * smoothstep(under, -1.2, -0.4) * (1 - smoothstep(under, 0.45, 1.0))


def _upper_lip(surface: Surface, points: np.ndarray, droop: float = -0.006, wide: float = 0.012) -> np.ndarray:
    """1 between nose and mouth, to `wide` metres beyond its corners and `droop` over them, 0 elsewhere."""
    marks = surface.landmarks
    corner, nose, lip = marks[54], marks[33], marks[51]
    beyond = np.maximum(np.abs(points[:, 0]) - corner[0], 0)
    low = np.where(np.abs(points[:, 0]) < corner[0], corner[1] + 0.002, corner[1] + droop)
    return (
        smoothstep(points[:, 1] - low, -0.002, 0.002)
        * smoothstep(nose[1] + 0.003 - points[:, 1], 0.0, 0.004)
        * smoothstep(wide - beyond, 0.0, 0.010)
        * smoothstep(points[:, 2], corner[2] - 0.025, lip[2] - 0.02)
    )
