"""Head hair by style: a cover that lets no scalp shine through, and ribbons combed over it (`combs`)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from threedpain.generation.geometry import smoothstep
from threedpain.generation.records import MASK_CLASSES, Hair
from threedpain.generation.seeds import child

from .combs import COMBS, Comb, tie
from .hanging import Parting, company, fringe, gathered
from .mesh import HairMesh
from .scalp import Scalp
from .strands import curled, grow, hair_colour, lock_of, ribbons, sample_roots
from .surface import Surface, waves

HAIR = MASK_CLASSES.index("hair")


@dataclass(frozen=True)
class Cut:
    """A haircut in numbers; lengths in metres."""

    top: float  # length on top
    sides: float  # length at the temples and neck
    volume: float  # thickness of the cover on top
    locks: int
    strands: int  # ribbons to a lock
    width: float  # of a ribbon
    comb: str  # one of combs.COMBS, or parted: `hanging`
    lift: float  # how much hair stands up at the root
    hug: float  # how firmly it lies on the skull, 0..1
    segments: int = 6
    shortest: float = 0.78  # of the hairs in a lock, part of the longest
    fades: float = 0.7  # part of the length from which hairs end
    tip: float = 0.5  # of a ribbon's width, at its end


CUTS = {
    "short": Cut(0.042, 0.014, 0.007, 840, 3, 0.0032, "swept", 0.25, 0.85, 3, fades=0.3, tip=0.6),
    "coif": Cut(0.12, 0.09, 0.023, 540, 2, 0.0078, "parted", 0.4, 0.85, 9, 0.85, 0.75, 0.6),  # a woman's short hair
    "receding": Cut(0.030, 0.014, 0.005, 760, 3, 0.0030, "swept", 0.15, 0.9, 3, fades=0.25, tip=0.6),
    "medium": Cut(0.17, 0.13, 0.017, 490, 2, 0.0088, "parted", 0.4, 0.85, 10, 0.88, 0.78, 0.6),
    "long": Cut(0.36, 0.31, 0.016, 400, 2, 0.0102, "parted", 0.4, 0.85, 13, 0.9, 0.78, 0.45),
    "tied_back": Cut(0.15, 0.13, 0.006, 430, 2, 0.0052, "slick", 0.0, 1.0, 8),
}


TEMPLES = (0.6, 0.8)  # from the first to the second, skull coordinates, hair is as grey as it is at the temples
SHORN = 0.015  # metres over the ends of hanging hair below which the neck is shorn
THROUGH = 0.6  # of the light that strands keep from each other passes through white ones
INNER = 0.55  # of the light does not reach the innermost hair beside the neck
HELD = (-0.3, 0.3)  # skull coordinates, height from which on locks curl less in and out, and not at all
FRINGES = 0.3  # of the women with medium or long hair that is not curly


def dress(
    surface: Surface,
    hair: Hair,
    rng: np.random.Generator,
    keep: np.ndarray | float = 1.0,
    tied: float | None = None,
) -> list[HairMesh]:
    """Meshes of the head hair, where `keep` [V] lets it grow; the first carries the scalp's paint. `tied`: how high the
    knot sits, skull coordinates, if not where this person likes it."""
    scalp = Scalp(surface, hair, rng)
    scalp.tied = scalp.tied if tied is None else tied
    scalp.mask = scalp.mask * keep
    if hair.style == "buzz":
        meshes = [_buzz(scalp, rng)]
    elif hair.style == "coily":
        meshes = _coily(scalp, rng)
    else:
        coif = hair.style == "short" and surface.bust.identity.gender == "female"
        cut = CUTS["coif" if coif else hair.style]
        meshes = [_cover(scalp, cut, rng), *_combed(scalp, cut, rng)]
    return [_lit(mesh) for mesh in meshes]


def _fair(colour: np.ndarray) -> np.ndarray:
    """How light hair of these colours [..., 3] is: 0 black .. 1 white."""
    return np.clip(colour.mean(axis=-1) / 0.35, 0, 1)


def _lit(mesh: HairMesh) -> HairMesh:
    """Light passes through fair hair from strand to strand, so what lies deep in it is less dark."""
    return replace(mesh, occlusion=1 - (1 - mesh.occlusion) * (1 - THROUGH * _fair(mesh.colour)))


def _greyer(hair: Hair, x: np.ndarray) -> np.ndarray:
    """Share of white hairs [N] at these skull coordinates: more at the temples."""
    return np.clip(hair.grey * (1 + 0.25 * smoothstep(np.abs(x), *TEMPLES)), 0, 1)


def _paint(scalp: Scalp, strength: float) -> np.ndarray:
    """How much of the skin between the roots takes the hair's colour [V]; white roots show less."""
    return strength * (1 - 0.4 * scalp.hair.grey) * smoothstep(scalp.mask, 0.3 + 0.15 * scalp.hair.grey, 0.85)


def _cover(scalp: Scalp, cut: Cut, rng: np.random.Generator) -> HairMesh:
    """The layer under the ribbons: the scalp lifted by the hair's thickness, fading out over the hairline."""
    surface, hair = scalp.surface, scalp.hair
    shell = surface.cut(scalp.mask > 0.08)
    mask = scalp.mask[shell.rows]
    q = scalp.q(shell.points)
    inside = shell.smooth(smoothstep(mask, 0.35, 0.95), 6)
    side = cut.sides / max(cut.top, 1e-6) if cut.comb == "swept" else 0.75
    thick = cut.volume * (0.7 + 0.6 * hair.density * (0.5 + 0.5 * hair.length)) * (1 + 0.8 * hair.curl)
    thick = thick * (side + (1 - side) * smoothstep(q[:, 1], 0.3, 0.75)) * inside
    if cut.comb == "parted":
        thick = Parting(scalp, cut.volume).thickness(shell.points) * inside
    points = shell.points + (0.0008 + 0.72 * thick)[:, None] * shell.smooth(shell.normals, 4)
    colour, side = (
        hair_colour(hair, rng, 256, grey).mean(axis=0) for grey in (hair.grey, _greyer(hair, np.ones(1))[0])
    )
    colour = colour + (side - colour) * smoothstep(np.abs(q[:, :1]), *TEMPLES)
    colour = colour * (0.8 + 0.25 * np.sqrt(_fair(colour)) * hair.grey)[:, None]
    turn = np.arctan2(q[:, 0], q[:, 2])
    return shell.mesh(
        points,
        HAIR,
        colour,
        uv=np.stack([turn * 6.0, q[:, 1] * 0.8], axis=1),
        opacity=(mask - 0.38) * 2.2 * (0.6 + 0.6 * hair.density),
        occlusion=0.45 + 0.3 * hair.grey + 0.25 * (1 - 0.6 * hair.grey) * smoothstep(q[:, 1], 0.2, 0.9),
        scalp=_paint(scalp, 0.85),
    )


def _combed(scalp: Scalp, cut: Cut, rng: np.random.Generator) -> list[HairMesh]:
    surface, hair = scalp.surface, scalp.hair
    at = scalp.q(surface.vertices)
    crown, locks = np.zeros(len(at)), float(cut.locks)
    if cut.comb == "swept":  # below the ears it is shorn: it would stand out under them like earrings
        crown = -0.66 * _below_ears(scalp)
    if cut.comb == "parted":  # it parts there, and falls over the temples from there
        crown = smoothstep(at[:, 1], 0.5, 0.9) + smoothstep(at[:, 2], 0.2, 0.6)
        locks = locks / (1 + 0.5 * hair.curl)  # curls have more bends
    roots = sample_roots(
        surface,
        smoothstep(scalp.mask, 0.25, 0.9) * (1 + 1.5 * crown),
        int(locks * scalp.left * (0.65 + 0.45 * hair.density)),
        rng,
    )
    if not len(roots.points):
        return []
    if cut.comb == "parted":
        parting = Parting(scalp, cut.volume)
        roots = roots[roots.points[:, 1] > parting.end + SHORN]  # what begins below the ends would stand as spikes
        depth = rng.random(len(roots.points))
        curves = parting.hang(roots, depth, round(cut.segments * (1 + 0.6 * hair.curl)))
        share = 0.75 if hair.style == "long" else 0.2
        straight = gathered(curves, share, child(hair.seed, "locks"))
        curves = _beside(scalp, straight, curled(straight, hair.curl, rng, held=0.14))
        flat = surface.push_out(curves.reshape(-1, 3), 0.002)
        curves = flat.reshape(curves.shape)
        curves[:, 0] = roots.points
        kept = company(scalp, curves)
        meshes = [
            _lay(scalp, curves[kept], cut, roots.weight[kept], depth[kept], rng, free=False),
            _hairline(scalp, parting.comb, cut, rng),
        ]
        female = surface.bust.identity.gender == "female"
        if female and hair.curl < 0.6 and child(hair.seed, "fringe").random() < FRINGES:
            narrow = replace(cut, width=0.0045, strands=2, shortest=0.88, fades=0.68, tip=0.8)
            ends, weight, depth = fringe(scalp, rng)
            meshes.append(_lay(scalp, ends, narrow, weight, depth, rng, free=False))
        return meshes
    q = scalp.q(roots.points)
    scale = (0.7 + 0.6 * hair.length) * rng.uniform(0.85, 1.15, len(q))
    length = (cut.sides + (cut.top - cut.sides) * smoothstep(q[:, 1], 0.3, 0.7)) * scale
    depth = rng.random(len(q))
    thick = cut.volume * (0.7 + 0.6 * hair.density * (0.5 + 0.5 * hair.length)) * (1 + 0.8 * hair.curl)
    low = 1.0 if cut.comb != "swept" else 0.45 + 0.55 * smoothstep(q[:, 1], 0.3, 0.75)
    clearance = (0.0022 + thick * (0.78 + 0.36 * depth)) * low
    if cut.comb == "slick":  # it lies flat from the root on
        clearance = 0.0010 + thick * (0.73 + 0.05 * depth)
    comb = COMBS[cut.comb](scalp, rng)
    curves = grow(
        surface,
        roots,
        length,
        comb,
        clearance,
        lift=cut.lift * (0.5 + rng.random(len(q))),
        segments=cut.segments,
        rise=4 if cut.comb == "slick" else 3,  # slick locks come out of the cover without a step
        stiffness=0.4,
        limit=scalp.clear_face,
        through_ears=cut.comb == "swept",
        hug=lambda p: cut.hug * smoothstep(scalp.q(p)[:, 1], -0.9, -0.3),
    )
    if cut.comb == "slick":  # what would be drawn across an ear runs behind it instead, with the rest
        clear = ~_across_ears(scalp, curves)
        curves, roots, depth = curves[clear], roots[clear], depth[clear]
    else:
        curves = curled(curves, hair.curl * (0.35 if cut.comb == "swept" else 1.0), rng)
        flat = curves.reshape(-1, 3)
        flat = surface.push_out(scalp.clear_face(flat), 0.002, through_ears=cut.comb == "swept")
        curves = flat.reshape(curves.shape)
        curves[:, 0] = roots.points
    if hair.style == "receding":  # a wreath is cut around the ears: few hairs across them would be wires
        clear = ~_across_ears(scalp, curves)
        curves, roots, depth = curves[clear], roots[clear], depth[clear]
    meshes = [_lay(scalp, curves, cut, roots.weight, depth, rng), _hairline(scalp, comb, cut, rng)]
    if cut.comb == "slick":
        meshes.append(tie(scalp, HAIR, rng))
    return meshes


def _across_ears(scalp: Scalp, curves: np.ndarray) -> np.ndarray:
    """Which curves [N, K, 3] lie over an ear somewhere, bool [N]."""
    nearest = scalp.surface.nearest(curves.reshape(-1, 3))
    return scalp.surface.ears[nearest].reshape(curves.shape[:2]).any(axis=1)


def _beside(scalp: Scalp, straight: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """Curled `curves` [N, K, 3] that on the head leave the `straight` ones sideways only: bent in and out, broad locks
    would dip under each other there and end in a row of shingles."""
    out = _facing(scalp, straight)
    held = smoothstep(scalp.q(straight)[..., 1], *HELD) * np.einsum("nkd,nkd->nk", curves - straight, out)
    return curves - held[..., None] * out


def _below_ears(scalp: Scalp) -> np.ndarray:
    """1 where hair of the neck would be seen beside the lobes of the ears .. 0, at head vertices [V]."""
    q = scalp.q(scalp.surface.vertices)
    return smoothstep(-q[:, 1], 0.2, 0.5) * smoothstep(np.abs(q[:, 0]), 0.25, 0.55)


def _hairline(scalp: Scalp, comb: Comb, cut: Cut, rng: np.random.Generator) -> HairMesh:
    """Short fine hairs where the hair begins, ever fewer towards the bare skin."""
    edge = smoothstep(scalp.mask, 0.2, 0.5) * (1 - smoothstep(scalp.mask, 0.7, 0.95))
    if cut.comb == "swept":
        edge = edge * (1 - _below_ears(scalp))
    roots = sample_roots(scalp.surface, edge, int(700 * scalp.left), rng)
    size = rng.random(len(roots.points))
    length = (0.35 + 0.65 * smoothstep(roots.weight, 0.1, 0.9)) * (0.006 + 0.012 * size)
    curves = grow(
        scalp.surface,
        roots,
        np.minimum(length, cut.sides),
        lambda points, normals: comb(points, normals) + 0.5 * rng.normal(size=points.shape) * [1.0, 0.3, 0.3],
        0.0008 + 0.0022 * size,
        lift=0.25,
        segments=2,
        hug=lambda points: np.full(len(points), 0.8),
        through_ears=cut.comb == "swept",
    )
    if scalp.hair.style == "receding":
        clear = ~_across_ears(scalp, curves)
        curves, roots, size = curves[clear], roots[clear], size[clear]
    fine = replace(cut, width=0.0013, strands=1)
    return _lay(scalp, curves, fine, roots.weight, size, rng)


def _facing(scalp: Scalp, curves: np.ndarray) -> np.ndarray:
    """Normals of the hair's volume along curves, [N, K, 3] both."""
    outward = curves - (scalp.centre + np.array([0, 0.25 * scalp.half[1], 0]))
    outward[..., 1] *= smoothstep(curves[..., 1], scalp.centre[1] - 0.05, scalp.centre[1] + 0.06)
    return outward / np.linalg.norm(outward, axis=2, keepdims=True)


def _lay(
    scalp: Scalp, curves: np.ndarray, cut: Cut, weight: np.ndarray, depth: np.ndarray, rng, free: bool = True
) -> HairMesh:
    """Ribbons along curves [N, K, 3], each a lock of `cut.strands`; `free`: they keep the face free."""
    surface, hair = scalp.surface, scalp.hair
    normals = _facing(scalp, curves)
    if cut.strands > 1:
        curves = lock_of(curves, normals, 0.6 * cut.width, cut.strands, rng, cut.shortest)
        normals, weight, depth = (np.repeat(value, cut.strands, axis=0) for value in (normals, weight, depth))
        if free:
            curves = scalp.clear_face(curves.reshape(-1, 3)).reshape(curves.shape)
    chin, shoulder = surface.landmarks[8, 1] + 0.01, surface.midline(0.05, front=True)[1]
    follow = 0.12 + 0.88 * smoothstep(curves[..., 1], shoulder, chin)
    q = scalp.q(curves[:, 0])
    colours = hair_colour(hair, rng, len(curves), _greyer(hair, q[:, 0]))
    width = cut.width * rng.uniform(0.7, 1.25, len(curves)) * (0.75 + 0.25 * smoothstep(weight, 0.4, 0.9))
    width = width * (1 - 0.15 * hair.curl * (cut.comb == "parted"))
    front = smoothstep(weight, 0.3, 0.75)
    mesh = ribbons(
        surface,
        curves,
        normals,
        width,
        colours,
        HAIR,
        rng,
        opacity=(1.0 if cut.comb == "parted" else 0.9, 0.0),  # what hangs is thick: nothing shines through
        occlusion=(0.7, 0.88 if cut.comb == "swept" else 1.0),  # bright tips of short hair would be scales
        depth=depth,
        follow=follow,
        tip=cut.tip,
        fades=cut.fades,
    )
    knots = np.linspace(0, 1, curves.shape[1])
    rooted = 1 - smoothstep(knots, 0.0, 0.25) if cut.comb == "parted" else np.ones_like(knots)
    soft = 1 - 0.45 * (1 - front)[:, None] * rooted  # thin at the hairline; what hangs from there is not
    mesh.opacity[:] = mesh.opacity * np.repeat(soft.ravel(), 2).astype(np.float32)
    if cut.comb == "parted":  # what hangs within is in the shadow of what hangs without, so it is no veil
        inner = (1 - smoothstep(depth, 0.0, 0.7))[:, None] * smoothstep(-scalp.q(curves)[..., 1], 0.1, 0.8)
        fair = _fair(mesh.colour)  # of this shade, neck's and cheek's as well, `_lit` would leave white hair too little
        lost = INNER * (1 - 0.4 * fair) / (1 - THROUGH * fair) * np.repeat(inner.ravel(), 2)
        mesh.occlusion[:] = mesh.occlusion * (1 - lost).astype(np.float32)
    return mesh


def _buzz(scalp: Scalp, rng: np.random.Generator) -> HairMesh:
    """A few millimetres everywhere: paint, and a stippled layer that breaks the outline."""
    shell = scalp.surface.cut(scalp.mask > 0.15)
    mask, q = scalp.mask[shell.rows], scalp.q(shell.points)
    points = shell.points + (0.0006 + 0.0013 * smoothstep(mask, 0.4, 1.0))[:, None] * shell.normals
    colour = hair_colour(scalp.hair, rng, 256).mean(axis=0)
    turn = np.arctan2(q[:, 0], q[:, 2])
    strength = 0.55 + 0.35 * scalp.hair.density
    return shell.mesh(
        points,
        HAIR,
        colour,
        uv=np.stack([turn * 9.0, q[:, 1] * 9.0], axis=1),
        opacity=np.minimum((mask - 0.25) * 1.1, 0.35 + 0.35 * scalp.hair.density),
        occlusion=np.full(len(points), 0.85),
        scalp=_paint(scalp, strength),
    )


def _coily(scalp: Scalp, rng: np.random.Generator) -> list[HairMesh]:
    """Coils stand away from the head: an opaque bumpy body and many small curls around its surface."""
    surface, hair = scalp.surface, scalp.hair
    shell = surface.cut(scalp.mask > 0.08)
    mask, q = scalp.mask[shell.rows], scalp.q(shell.points)
    male = surface.bust.identity.gender == "male"
    height = (0.006 + 0.022 * hair.length**1.3 if male else 0.016 + 0.05 * hair.length) * (0.7 + 0.4 * hair.density)
    inside = shell.smooth(smoothstep(mask, 0.3, 1.0), 5)
    shape = (0.6 + 0.4 * smoothstep(q[:, 1], 0.2, 0.8)) * inside
    normals = shell.smooth(shell.normals, 25)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    bumps = 0.5 * waves(shell.points, rng, 0.022, 10) + 0.6 * waves(shell.points, rng, 0.011, 12)
    points = shell.points + (0.001 + shape * height * (0.85 + 0.08 * bumps))[:, None] * normals
    points = scalp.clear_face(points)  # big hair grows up and back from the hairline, not over the forehead
    colour = hair_colour(hair, rng, 256).mean(axis=0)
    colour = colour * (0.75 + 0.2 * _fair(colour))
    paint = _paint(scalp, 0.95 * (1 - 0.75 * hair.grey))  # white paint beside dark skin would be a halo
    body = shell.mesh(
        points,
        HAIR,
        colour,
        uv=np.stack([np.arctan2(q[:, 0], q[:, 2]) * 14.0, q[:, 1] * 70.0], axis=1),
        opacity=(mask - 0.38) * 2.5,
        occlusion=0.5 + 0.2 * hair.grey + 0.12 * (1 - 0.7 * hair.grey) * np.clip(bumps, -1.5, 1.5),
        scalp=paint,
        shadow=1 - 0.6 * (1 - 0.7 * hair.grey) * paint,  # close coils let little light through to their roots
    )
    roots = sample_roots(surface, smoothstep(scalp.mask, 0.35, 0.8), 2300, rng)
    near = np.searchsorted(shell.rows, roots.rows)
    outward = normals[near]
    start = roots.points + (points - shell.points)[near] - rng.uniform(0.0, 0.003, (len(near), 1)) * outward
    across = np.cross(outward, rng.normal(size=outward.shape))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    angle = np.linspace(-0.35, 1.0, 5)[None, :, None] * np.pi * rng.uniform(0.8, 1.2, (len(near), 1, 1))
    size = (0.0026 + 0.0016 * hair.length) * rng.uniform(0.7, 1.3, (len(near), 1, 1))  # radius of a coil
    fine = 0.35 + 0.65 * smoothstep(roots.weight, 0.3, 1.0)  # small coils line the bare skin
    size = size * fine[:, None, None]
    curves = start[:, None] + size * (np.cos(angle) * across[:, None] + np.sin(angle) * outward[:, None])
    curves = scalp.clear_face(curves.reshape(-1, 3)).reshape(curves.shape)
    facing = np.repeat(outward[:, None] + 0.35 * (1 - 0.6 * hair.grey) * rng.normal(0, 1, (len(near), 1, 3)), 5, axis=1)
    facing /= np.linalg.norm(facing, axis=2, keepdims=True)
    colours = hair_colour(hair, rng, len(near))
    curls = ribbons(
        surface,
        curves,
        facing,
        rng.uniform(0.003, 0.006, len(near)) * fine,
        (0.8 + 0.2 * _fair(colour)) * (0.2 * colours + 0.8 * colours.mean(axis=0)),  # single hairs mix within a curl
        HAIR,
        rng,
        opacity=(0.85, 0.6),
        occlusion=(0.6 + 0.1 * hair.grey, 0.9 - 0.12 * hair.grey),  # white curls are lit through: no specks
        depth=rng.random(len(near)),
        tip=0.9,
        tip_shade=1.0,
    )
    return [body, curls]
