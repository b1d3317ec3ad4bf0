"""The shading model in torch: the reference the fused kernel is tested against, and the path on a GPU. See `model`."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from threedpain.generation.worn.weaves import APART

from .model import (
    CLOTH,
    EVEN,
    EVENEST,
    EYE_LEFT,
    EYE_RIGHT,
    FLESH,
    GAP,
    GUM_COLOUR,
    HAIR,
    LASHES,
    LINING,
    LOWER_GUM,
    LOWER_TEETH,
    MOUTH,
    NEAR,
    PLASTIC,
    SKIN,
    TEETH,
    THROUGH,
    TURNED,
    UPPER_GUM,
    UPPER_TEETH,
    Colours,
    Geometry,
    Lights,
    Skin,
)


def shade(
    winners: Tensor,
    nearness: Tensor,
    geometry: Geometry,
    skin: Skin,
    lights: Lights,
    colours: Colours,
    eye: Tensor,
    optics: Tensor,
    background: Tensor,
) -> Tensor:
    """Radiance float32 [S, S, 3]; arguments as `kernel.shade`, on one device (integers may be of any width)."""
    geometry = geometry._replace(faces=geometry.faces.long())
    size = len(background)
    n = len(winners) // size

    def by_pixel(samples: Tensor) -> Tensor:
        return samples.reshape(size, n, size, n).permute(0, 2, 1, 3).reshape(size * size, n * n)

    hits, near = by_pixel(winners).long(), by_pixel(nearness)
    kinds = torch.where(hits >= 0, geometry.material.long()[hits.clamp(min=0)], -1)
    centre = 1 - (2 * torch.arange(size * n, device=winners.device) + 1).to(torch.float32) / (size * n)
    px = by_pixel(centre[None].expand(size * n, -1))
    py = by_pixel(centre[:, None].expand(-1, size * n))
    taken = hits < 0
    light = background.reshape(-1, 3) * taken.float().mean(1, keepdim=True)
    while not bool(taken.all()):
        rows = torch.nonzero(~taken.all(1)).squeeze(1)
        free = ~taken[rows]
        first = free.float().argmax(1, keepdim=True)
        face = hits[rows].gather(1, first)
        depth = 1 / near[rows].gather(1, first)
        own = free & (hits[rows] == face)
        like = (kinds[rows] == kinds[rows].gather(1, first)) & ((1 / near[rows] - depth).abs() < NEAR)
        group = own | (free & like)
        count = own.sum(1)
        x, y = (px[rows] * own).sum(1) / count, (py[rows] * own).sum(1) / count
        points = _Points(face.squeeze(1), x, y, geometry)
        kind = kinds[rows].gather(1, first).squeeze(1)
        lit = _lit(points, kind, geometry, skin, lights, colours, eye, optics, size)
        light[rows] += lit * group.float().mean(1, keepdim=True)
        taken[rows] = taken[rows] | group
    return light.reshape(size, size, 3)


class _Points:
    """Shading points: the face, what its corners know there, and uv."""

    def __init__(self, face: Tensor, x: Tensor, y: Tensor, geometry: Geometry) -> None:
        vertices, faces, uvs, _, table, _ = geometry
        self.face, self.corners, self.uv_corners = face, faces[face], uvs[face]
        a, b, c = vertices[self.corners].unbind(1)

        def edge(p, q):
            return (x - p[:, 0]) * (q[:, 1] - p[:, 1]) - (y - p[:, 1]) * (q[:, 0] - p[:, 0])

        weights = torch.stack([edge(b, c) * a[:, 2], edge(c, a) * b[:, 2], edge(a, b) * c[:, 2]], 1)
        weights = (weights / weights.sum(1, keepdim=True))[:, :, None]
        self.known = (table[self.corners] * weights).sum(1)
        self.uv = (self.uv_corners * weights).sum(1)
        self.area = ((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])).abs()


def _lit(
    points: _Points,
    kind: Tensor,
    geometry: Geometry,
    maps: Skin,
    lights: Lights,
    colours: Colours,
    eye: Tensor,
    optics: Tensor,
    size: int,
) -> Tensor:
    """Radiance [P, 3] of shading points."""
    known = points.known.clone()
    view, normal = _unit(eye - known[:, :3]), _unit(known[:, 3:6])
    albedo = torch.zeros_like(normal)
    gloss = torch.ones_like(known[:, 0])

    worn = (kind == HAIR) | (kind == CLOTH) | (kind == PLASTIC) | (kind == FLESH)
    strands = geometry.strands
    side = len(strands)
    place = torch.floor(points.uv * side).long() & (side - 1)
    weave = torch.floor(points.uv[:, 0] / APART).long().clamp(0, strands.shape[2] - 2)
    tone = torch.where(kind == CLOTH, 1 + weave, 1)
    shine = strands[place[:, 1], place[:, 0], tone].float() / 128
    even = (EVEN * known[:, 11]).clamp(max=EVENEST)  # light that passes through fair hair evens out its strands
    shine = torch.where(kind == HAIR, shine + (1 - shine) * even, shine)
    albedo[worn] = (known[:, 10:13] * shine[:, None])[worn]
    behind = torch.where(kind == CLOTH, -_dot(normal, view) - TURNED, 0)
    normal = torch.where(behind[:, None] > 0, -normal, normal)
    known[:, 6:10] *= 1 - LINING * (4 * behind[:, None]).clamp(0, 1)
    mirror_normal = normal.clone()
    teeth = kind == TEETH
    shade, gum = _tooth(points.uv[teeth])
    enamel = colours.teeth * (1 - albedo.new_tensor(THROUGH) * (1 - shade))
    albedo[teeth] = torch.lerp(enamel, albedo.new_tensor(GUM_COLOUR).expand(len(gum), 3), gum)
    albedo[kind == LASHES] = colours.lashes

    skin = (kind == SKIN) | (kind == MOUTH)
    if bool(skin.any()):
        uv, corners = points.uv[skin], points.uv_corners[skin]
        one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        density = (one[:, 0] * two[:, 1] - two[:, 0] * one[:, 1]).abs() * float(maps.levels[0, 1] * maps.levels[0, 2])
        density = density / (points.area[skin] * (0.25 * size * size)).clamp(min=1e-12)
        texel = _texture(uv, 0.5 * torch.log2(density.clamp(min=1e-6)) - 0.4, maps.texels, maps.levels)
        paint, body = known[skin, 11:12], known[skin, 12:13]
        brow = texel[:, 3:] * (1 - body)
        base = torch.lerp(texel[:, :3], colours.neck.expand(len(uv), 3), body)
        base = torch.lerp(base, colours.scalp.expand(len(uv), 3), paint)
        base = torch.lerp(base, colours.brows.expand(len(uv), 3), brow)
        albedo[skin] = torch.where((kind[skin] == MOUTH)[:, None], base.new_tensor([0.30, 0.085, 0.075]), base)
        gloss[skin] = (known[skin, 13] * (1 - brow[:, 0]) * (1 - 0.5 * paint[:, 0])).clamp(min=0)
        slope, dark = _bump(uv, maps.slopes, maps.bumps)
        bent = _unit(normal[skin] - _gradient(slope, geometry.table[points.corners[skin], :3], corners))
        normal[skin] = mirror_normal[skin] = bent
        known[skin, 6] *= dark

    for material, axis in ((EYE_LEFT, colours.axes[0]), (EYE_RIGHT, colours.axes[1])):
        here = kind == material
        if bool(here.any()):
            albedo[here], mirror_normal[here], gloss[here] = _eye(points.uv[here], normal[here], axis, colours)

    hair = kind == HAIR
    light = _surface(normal, mirror_normal, view, known, albedo, gloss, optics[kind], *lights)
    if bool(hair.any()):
        light[hair] = _hair(
            normal[hair],
            _unit(known[hair, 13:16]),
            view[hair],
            known[hair],
            albedo[hair],
            shine[hair],
            *lights,
        )
    return light


def _unit(x: Tensor) -> Tensor:
    return x / x.square().sum(-1, keepdim=True).clamp(min=1e-20).sqrt()


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1)


def _step(x: Tensor, low: float, high: float) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _irradiance(normal: Tensor, environment: Tensor) -> Tensor:
    """The environment's irradiance / pi on normals [P, 3] -> [P, 3]."""
    x, y, z = normal.unbind(1)
    basis = torch.stack(
        [
            torch.full_like(x, 0.282095),
            0.488603 * y,
            0.488603 * z,
            0.488603 * x,
            1.092548 * x * y,
            1.092548 * y * z,
            0.315392 * (3 * z * z - 1),
            1.092548 * x * z,
            0.546274 * (x * x - y * y),
        ],
        1,
    )
    return (basis @ environment).clamp(min=0)


def _surface(normal, mirror_normal, view, known, albedo, gloss, optics, environment, keys) -> Tensor:
    """Skin, eyes, teeth, cloth: wrapped diffuse, two specular lobes, the environment and its mirror image."""
    occlusion = known[:, 6]
    wrap, f0, wide, narrow, share, mirror, tint = optics.split([3, 1, 1, 1, 1, 1, 3], 1)
    f0, wide, narrow, share, mirror = (t.squeeze(1) for t in (f0, wide, narrow, share, mirror))
    nv = _dot(mirror_normal, view).clamp(min=0.02)
    reflected = 2 * nv[:, None] * mirror_normal - view
    fresnel = f0 + (1 - f0) * (1 - nv) ** 5 * (1 - wide) ** 4  # a rough surface hides its own far slopes
    soft = occlusion[:, None] * (1 + tint * (1 - occlusion[:, None]))
    light = albedo * soft * _irradiance(normal, environment)
    light = light + (fresnel * mirror * gloss * occlusion**2)[:, None] * _irradiance(reflected, environment)
    for i, key in enumerate(keys):
        towards, colour, size = key[:3], key[3:6], key[6]
        visible = known[:, 7 + i]
        half = _unit(towards + view)
        nl, nh = _dot(mirror_normal, towards), _dot(mirror_normal, half)
        lh = _dot(towards.expand_as(half), half).clamp(min=0.1)
        fresnel = f0 + (1 - f0) * (1 - lh) ** 5
        one = (wide + 0.25 * size).clamp(max=1) ** 2
        two = (narrow + size * narrow).clamp(max=1) ** 2
        lobes = (1 - share) * one / (nh**2 * (one - 1) + 1) ** 2 + share * two / (nh**2 * (two - 1) + 1) ** 2
        bright = gloss * visible * nl.clamp(min=0) * fresnel * lobes * 0.25 / lh**2
        spread = wrap + 0.25 * size
        shadow = visible[:, None] * (1 + tint * (1 - visible[:, None]))
        diffuse = (_dot(normal, towards)[:, None] + spread).clamp(min=0) / (1 + spread)
        light = light + colour * (albedo * shadow * diffuse + bright[:, None])
    return light


def _hair(normal, tangent, view, known, albedo, shine, environment, keys) -> Tensor:
    """Hair along its tangent: wrapped diffuse of the volume, a white highlight towards the root, a coloured one
    behind."""
    normal = torch.where(_dot(normal, view)[:, None] < 0, -normal, normal)
    occlusion = known[:, 6]
    light = albedo * occlusion[:, None] * _irradiance(normal, environment)
    for i, key in enumerate(keys):
        towards, colour, size = key[:3], key[3:6], key[6]
        visible = known[:, 7 + i] * occlusion.clamp(min=0).sqrt()
        cosine = _dot(normal, towards)
        sine = (1 - _dot(tangent, towards) ** 2).clamp(min=0).sqrt()
        wrap = 0.35 + 0.25 * size
        diffuse = (cosine + wrap).clamp(min=0) / (1 + wrap) * (0.35 + 0.65 * sine)
        gate = (cosine + 0.3).clamp(0, 1)
        across = _dot(tangent, _unit(towards + view))
        sharp = 60 / (1 + 3 * size)
        white = torch.exp(-0.5 * sharp * (across + 0.10) ** 2) * 0.058
        tinted = torch.exp(-0.4 * sharp * (across - 0.12) ** 2) * 0.55
        bright = (gate * shine)[:, None] * (white[:, None] + tinted[:, None] * albedo)
        light = light + colour * visible[:, None] * (albedo * diffuse[:, None] + bright)
    return light


def _tooth(uv: Tensor) -> tuple[Tensor, Tensor]:
    """How bright teeth [P, 1] are at places [P, 2] of their UV square, darker where they meet, and the share of gum."""
    upper, away = uv[:, 1] > 0.5, (uv[:, 0] - 0.5).abs()
    edges = uv.new_tensor([LOWER_TEETH, UPPER_TEETH])
    line, bow = uv.new_tensor([LOWER_GUM, UPPER_GUM])[upper.long()].unbind(1)
    inner = torch.where(upper, *(torch.bucketize(away, row[1:-1]) for row in edges.flip(0)))
    start, end = edges[upper.long(), inner], edges[upper.long(), inner + 1]
    across = 2 * (away - start) / (end - start) - 1
    gap = 0.5 * (end - start) * (1 - across.abs()) / GAP
    shade = (1 - 0.05 * across**2 - 0.13 * across**6) * (1 - 0.48 * torch.exp(-(gap**2)))
    beyond = torch.where(upper, 1.0, -1.0) * (uv[:, 1] - line - bow * away**2)
    return shade[:, None], ((beyond + 0.022 * across**2) / 0.016 + 0.5).clamp(0, 1)[:, None]


def _eye(uv: Tensor, normal: Tensor, axis: Tensor, colours: Colours) -> tuple[Tensor, Tensor, Tensor]:
    """Albedo of sclera, iris and pupil, the wet surface's normal, and its strength."""
    du, dv = (uv - 0.5).unbind(1)
    angle = (du**2 + dv**2).sqrt() * (2 * math.pi)
    r = angle / colours.iris_angle
    turn = torch.atan2(dv, du) * (0.5 / math.pi) + 1
    fibre = 0.6 * _noise(colours.noise, turn * 64) + 0.4 * _noise(colours.noise, turn * 23 + 7.3)
    pupil = colours.pupil
    inner = 1 - _step((r - pupil) / (1 - pupil), 0.10, 0.45)
    shade = (0.55 + 0.9 * fibre) * (1 - 0.72 * _step(r, 0.80, 1.02)) * (1 + 0.25 * inner)
    iris = colours.iris * shade[:, None]
    iris = iris * torch.stack([1 + 0.12 * inner, torch.ones_like(inner), torch.ones_like(inner)], 1)
    black = 1 - _step(r, float(pupil) - 0.09, float(pupil) + 0.09)
    iris = iris + black[:, None] * (0.004 - iris)
    blood = 0.55 * _step(angle, 0.60, 1.25) + 0.10
    sclera = colours.sclera * (1 + blood[:, None] * (colours.vessels - 1))
    albedo = iris + _step(r, 0.93, 1.10)[:, None] * (sclera - iris)
    lateral = colours.cornea * (normal - _dot(normal, axis)[:, None] * axis)
    flat = (1 - lateral.square().sum(1, keepdim=True)).clamp(min=0.05).sqrt()
    bulge = 1 - _step(r, 0.85, 1.15)
    cornea = _unit(lateral + flat * axis)
    return albedo, _unit(normal + bulge[:, None] * (cornea - normal)), 1 + bulge


def _noise(noise: Tensor, x: Tensor) -> Tensor:
    base = torch.floor(x)
    t = x - base
    i = base.long() & 63
    one, two = noise[i], noise[(i + 1) & 63]
    return one + t * t * (3 - 2 * t) * (two - one)


def _bilinear(x: Tensor, y: Tensor, start: Tensor, height: Tensor, width: Tensor, source: Tensor) -> Tensor:
    """Values [P, C] of a map kept row by row from `start` on in `source`, between texel centres x, y."""
    x = torch.minimum((x - 0.5).clamp(min=0), width - 1.0)
    y = torch.minimum((y - 0.5).clamp(min=0), height - 1.0)
    i, j = y.long(), x.long()
    s, t = (y - i)[:, None], (x - j)[:, None]
    below, right = torch.minimum(i + 1, height - 1), torch.minimum(j + 1, width - 1)

    def at(row, column):
        return source[start + row * width + column].float()

    return (1 - s) * ((1 - t) * at(i, j) + t * at(i, right)) + s * ((1 - t) * at(below, j) + t * at(below, right))


def _texture(uv: Tensor, level: Tensor, texels: Tensor, levels: Tensor) -> Tensor:
    """Trilinear fetch [P, 4], 0..1."""
    level = level.clamp(0, len(levels) - 1)
    low = level.long()
    part = (level - low)[:, None]
    result = torch.zeros(len(uv), 4, device=uv.device)
    for step, share in ((0, 1 - part), (1, part)):
        start, height, width = levels.long()[(low + step).clamp(max=len(levels) - 1)].unbind(1)
        value = _bilinear(uv[:, 0] * width, (1 - uv[:, 1]) * height, start, height, width, texels)
        result = result + share * value / 65535
    return result


def _bump(uv: Tensor, slopes: Tensor, bumps: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes [P, 2] of the active wrinkles and the darkness of their depths [P]."""
    slope, dark = torch.zeros_like(uv), torch.ones_like(uv[:, 0])
    for row in bumps:
        left, bottom, right, top = row[3:7]
        rows = torch.nonzero((uv[:, 0] > left) & (uv[:, 0] < right) & (uv[:, 1] > bottom) & (uv[:, 1] < top)).squeeze(1)
        start, height, width = (row[k].long().expand(len(rows)) for k in range(3))
        x = (uv[rows, 0] - left) / (right - left) * width
        y = (top - uv[rows, 1]) / (top - bottom) * height
        value = _bilinear(x, y, start, height, width, slopes)
        slope[rows] += row[7] * value[:, :2]
        dark[rows] *= (1 + row[8] * value[:, 2]).clamp(0.35, 1.1)
    return slope, dark


def _gradient(slope: Tensor, corners: Tensor, uvs: Tensor) -> Tensor:
    """The gradient in space [P, 3] of a height whose slopes in uv are `slope`, on triangles [P, 3, 3]."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = torch.linalg.cross(a, b)
    normal_b, a_normal = torch.linalg.cross(b, normal), torch.linalg.cross(normal, a)
    scale = 1 / normal.square().sum(1, keepdim=True).clamp(min=1e-24)
    one = _dot(slope, uvs[:, 1] - uvs[:, 0])[:, None] * scale
    two = _dot(slope, uvs[:, 2] - uvs[:, 0])[:, None] * scale
    return one * normal_b + two * a_normal
