"""The shading model for the CPU: fragments in, linear radiance out. See `model`; `light` has its arithmetic."""

from __future__ import annotations

import math

import numpy as np

from threedpain.generation.compiling import njit
from threedpain.generation.render.raster.nearest import barycentric, centre
from threedpain.generation.worn.weaves import APART

from .light import (
    AO,
    COLUMNS,
    LANES,
    LIT_RED,
    NX,
    NY,
    NZ,
    RED,
    SEEN,
    SHINE,
    SX,
    SY,
    SZ,
    VX,
    hair,
    surface,
    unit,
)
from .maps import bump, gradient, level, texture
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
    LINING,
    LOWER_GUM,
    LOWER_TEETH,
    MATERIALS,
    MOUTH,
    NEAR,
    PLASTIC,
    SKIN,
    TEETH,
    THROUGH,
    TONE_LIMIT,
    TONE_STEPS,
    TURNED,
    UPPER_GUM,
    UPPER_TEETH,
)

F = np.float32
ZERO, ONE, HALF = F(0), F(1), F(0.5)


BATCH = 1024  # fragments
KINDS = len(MATERIALS)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def shade(winners, nearness, geometry, skin, lights, colours, eye, optics, background, out):
    """Radiance float32 [S, S, 3] into `out`.

    winners int32 and nearness float32 [S n, S n]: see raster.nearest; geometry, skin, lights, colours: see `model`; eye
    float32 [3], the camera; optics: model.OPTICS; background float32 [S, S, 3].
    """
    material = geometry.material
    size = out.shape[0]
    n = winners.shape[0] // size
    per_sample = ONE / F(n * n)
    seen, near = np.empty(n * n, np.int32), np.empty(n * n, F)  # a pixel's samples
    across, down = np.empty(n * n, np.int64), np.empty(n * n, np.int64)
    middle = np.empty(n * size, F)  # of each row or column of samples
    for i in range(n * size):
        middle[i] = centre(i, n * size)
    pixel, triangle = np.empty(BATCH, np.int64), np.empty(BATCH, np.int32)
    place, share = np.empty((BATCH, 2), F), np.empty(BATCH, F)
    batch = np.ones((BATCH // LANES + KINDS, COLUMNS * LANES), F)
    count = np.int64(0)  # a plain 0 is a type of its own, for which all would be compiled once more
    for y in range(size):
        for x in range(size):
            left = 0
            for i in range(y * n, y * n + n):
                for j in range(x * n, x * n + n):
                    f = winners[i, j]
                    if f >= 0:
                        seen[left], near[left], down[left], across[left] = f, nearness[i, j], i, j
                        left += 1
            w = F(n * n - left) * per_sample
            for k in range(3):
                out[y, x, k] = w * background[y, x, k]
            if count + left > BATCH:
                _light(count, pixel, triangle, place, share, batch, geometry, skin, lights, colours, eye, optics, out)
                count = np.int64(0)
            while left > 0:  # the samples of one surface leave, the others move up
                f, z = seen[0], near[0]
                kind = material[f]
                px = py = ZERO
                same = stay = 0
                for s in range(left):
                    g = seen[s]
                    if g == f:
                        same += 1
                        px += middle[across[s]]
                        py += middle[down[s]]
                    elif material[g] != kind or abs(near[s] - z) >= F(NEAR) * z * near[s]:
                        seen[stay], near[stay], down[stay], across[stay] = g, near[s], down[s], across[s]
                        stay += 1
                weight, left = left - stay, stay
                pixel[count], triangle[count] = y * size + x, f
                place[count, 0], place[count, 1] = px / F(same), py / F(same)
                share[count] = F(weight) * per_sample
                count += 1
    _light(count, pixel, triangle, place, share, batch, geometry, skin, lights, colours, eye, optics, out)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _light(count, pixel, triangle, place, share, batch, geometry, skin, lights, colours, eye, optics, out):
    """Add the light of `count` fragments to their pixels."""
    vertices, faces, uvs, material, table, strands = geometry
    texels, levels, slopes, bumps = skin
    environment, keys = lights
    neck, scalp, brows, lashes, teeth, axes = (  # looked up here: taking an array out of a tuple is not free
        colours.neck, colours.scalp, colours.brows, colours.lashes, colours.teeth, colours.axes
    )  # fmt: skip
    size = out.shape[0]
    a = np.empty(16, F)
    albedo = np.empty(3, F)
    texel = np.empty(4, F)
    start = np.zeros(KINDS + 1, np.int64)  # of each kind's fragments in the batch
    for m in range(count):
        start[material[triangle[m]] + 1] += 1
    for kind in range(KINDS):
        start[kind + 1] = start[kind] + (start[kind + 1] + LANES - 1) // LANES * LANES
    free = start.copy()
    slots = np.empty(count, np.int64)
    for m in range(count):
        f = triangle[m]
        kind = material[f]
        slot = free[kind]
        free[kind] += 1
        slots[m] = slot
        # barycentric coordinates there, and everything the vertices know
        i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
        b0, b1, b2 = barycentric(place[m, 0], place[m, 1], vertices, i0, i1, i2)
        one, two, three = table[i0], table[i1], table[i2]
        for k in range(16):
            a[k] = b0 * one[k] + b1 * two[k] + b2 * three[k]
        u = b0 * uvs[f, 0, 0] + b1 * uvs[f, 1, 0] + b2 * uvs[f, 2, 0]
        v = b0 * uvs[f, 0, 1] + b1 * uvs[f, 1, 1] + b2 * uvs[f, 2, 1]
        nx, ny, nz = unit(a[3], a[4], a[5])
        sx, sy, sz, gloss = nx, ny, nz, ONE  # the normal of the specular part, its strength
        if kind == HAIR or kind == CLOTH or kind == PLASTIC or kind == FLESH:
            rows = strands.shape[0]
            i, j = int(math.floor(v * rows)) & (rows - 1), int(math.floor(u * rows)) & (rows - 1)
            tone = 1
            if kind == CLOTH:  # its weave
                tone += min(max(int(math.floor(u / F(APART))), 0), strands.shape[2] - 2)
            shine = F(strands[i, j, tone]) / F(128)
            if kind == HAIR:  # light that passes through fair hair evens out its strands
                shine += (ONE - shine) * min(F(EVEN) * a[11], F(EVENEST))
            for k in range(3):
                albedo[k] = a[10 + k] * shine
            if kind == HAIR:
                sx, sy, sz, gloss = a[13], a[14], a[15], shine  # the strand's direction instead
            elif kind == CLOTH:
                vx, vy, vz = unit(eye[0] - a[0], eye[1] - a[1], eye[2] - a[2])
                behind = -(nx * vx + ny * vy + nz * vz) - F(TURNED)
                if behind > ZERO:  # the inner side, which lies against the body
                    nx, ny, nz = -nx, -ny, -nz
                    sx, sy, sz = nx, ny, nz
                    dim = ONE - F(LINING) * min(F(4) * behind, ONE)
                    for k in range(6, 10):
                        a[k] *= dim
        elif kind == SKIN or kind == MOUTH:
            mip = level(uvs, f, vertices, i0, i1, i2, F(size), levels)
            texture(u, v, mip, texels, levels, texel)
            body, paint = a[12], a[11]
            brow = texel[3] * (ONE - body)
            for k in range(3):
                base = texel[k] + body * (neck[k] - texel[k])
                base += paint * (scalp[k] - base)
                albedo[k] = base + brow * (brows[k] - base)
            gloss = max(a[13] * (ONE - brow) * (ONE - HALF * paint), ZERO)
            du, dv, dark = bump(u, v, mip, slopes, bumps)
            if du != ZERO or dv != ZERO:
                gx, gy, gz = gradient(du, dv, table, i0, i1, i2, uvs, f)
                nx, ny, nz = unit(nx - gx, ny - gy, nz - gz)
                sx, sy, sz = nx, ny, nz
            a[6] *= dark
            if kind == MOUTH:
                albedo[0], albedo[1], albedo[2] = F(0.30), F(0.085), F(0.075)
        elif kind == EYE_LEFT or kind == EYE_RIGHT:
            side = 0 if kind == EYE_LEFT else 1
            sx, sy, sz, gloss = _eye(u, v, nx, ny, nz, axes[side, 0], axes[side, 1], axes[side, 2], colours, albedo)
        elif kind == TEETH:
            dim, gum = _tooth(u, v)
            for k in range(3):
                tooth = teeth[k] * (ONE - F(THROUGH[k]) * (ONE - dim))
                albedo[k] = tooth + gum * (F(GUM_COLOUR[k]) - tooth)
        else:
            albedo[0], albedo[1], albedo[2] = lashes[0], lashes[1], lashes[2]
        row, n = batch[slot // LANES], slot % LANES
        for k in range(3):
            row[VX + k * LANES + n] = eye[k] - a[k]
            row[RED + k * LANES + n] = albedo[k]
            row[SEEN + k * LANES + n] = a[7 + k]
        row[NX + n], row[NY + n], row[NZ + n] = nx, ny, nz
        row[SX + n], row[SY + n], row[SZ + n] = sx, sy, sz
        row[AO + n], row[SHINE + n] = a[6], gloss
    for kind in range(KINDS):
        for row in range(start[kind] // LANES, start[kind + 1] // LANES):
            if kind == HAIR:
                hair(batch[row], environment, keys)
            else:
                surface(batch[row], optics[kind], environment, keys)
    for m in range(count):
        y, x = pixel[m] // size, pixel[m] % size
        for k in range(3):
            out[y, x, k] += share[m] * batch[slots[m] // LANES, LIT_RED + k * LANES + slots[m] % LANES]


@njit(cache=True, inline="always")
def _tooth(u, v):
    """How bright a tooth is at a place of its UV square, darker where it meets its neighbour, and the share of gum."""
    upper = v > HALF
    edges = UPPER_TEETH if upper else LOWER_TEETH
    line, bow = UPPER_GUM if upper else LOWER_GUM
    away = abs(u - HALF)
    k = 0
    while k < 7 and away > F(edges[k + 1]):
        k += 1
    across = F(2) * (away - F(edges[k])) / F(edges[k + 1] - edges[k]) - ONE
    gap = F(HALF) * F(edges[k + 1] - edges[k]) * (ONE - abs(across)) / F(GAP)
    square = across * across
    shade = (ONE - F(0.05) * square - F(0.13) * square * square * square) * (ONE - F(0.48) * F(math.exp(-gap * gap)))
    beyond = v - F(line) - F(bow) * away * away
    if not upper:
        beyond = -beyond
    beyond = (beyond + F(0.022) * square) / F(0.016) + HALF
    return shade, min(max(beyond, ZERO), ONE)


@njit(cache=True, fastmath=True, error_model="numpy")
def _eye(u, v, nx, ny, nz, ax, ay, az, colours, albedo):
    """Sclera, iris, pupil into `albedo`; the wet surface's normal and strength back. Polar UV: `head.cage.sphere`."""
    du, dv = u - HALF, v - HALF
    away = F(math.sqrt(du * du + dv * dv))
    angle = away * F(2 * math.pi)
    r = angle / colours.iris_angle
    turn = F(math.atan2(dv, du)) * F(0.5 / math.pi) + ONE
    fibre = _noise(colours.noise, turn * F(64)) * F(0.6) + _noise(colours.noise, turn * F(23) + F(7.3)) * F(0.4)
    pupil = colours.pupil
    depth = (r - pupil) / (ONE - pupil)
    ring = _step(r, F(0.80), F(1.02))
    inner = ONE - _step(depth, F(0.10), F(0.45))
    shade = (F(0.55) + F(0.9) * fibre) * (ONE - F(0.72) * ring) * (ONE + F(0.25) * inner)
    black = ONE - _step(r, pupil - F(0.09), pupil + F(0.09))
    white = _step(r, F(0.93), F(1.10))
    blood = F(0.55) * _step(angle, F(0.60), F(1.25)) + F(0.10)
    for k in range(3):
        iris = colours.iris[k] * shade if k > 0 else colours.iris[0] * shade * (ONE + F(0.12) * inner)
        iris += black * (F(0.004) - iris)
        sclera = colours.sclera[k] * (ONE + blood * (colours.vessels[k] - ONE))
        albedo[k] = iris + white * (sclera - iris)
    along = nx * ax + ny * ay + nz * az
    steep = colours.cornea
    tx, ty, tz = steep * (nx - along * ax), steep * (ny - along * ay), steep * (nz - along * az)
    flat = F(math.sqrt(max(ONE - tx * tx - ty * ty - tz * tz, F(0.05))))
    sx, sy, sz = unit(tx + flat * ax, ty + flat * ay, tz + flat * az)
    bulge = ONE - _step(r, F(0.85), F(1.15))
    sx, sy, sz = unit(nx + bulge * (sx - nx), ny + bulge * (sy - ny), nz + bulge * (sz - nz))
    return sx, sy, sz, ONE + bulge


@njit(cache=True, inline="always")
def _step(x, low, high):
    t = min(max((x - low) / (high - low), ZERO), ONE)
    return t * t * (F(3) - F(2) * t)


@njit(cache=True)
def _noise(noise, x):
    """Smooth periodic noise 0..1 from 64 random numbers."""
    base = F(math.floor(x))
    t = x - base
    i = int(base) & 63
    t = t * t * (F(3) - F(2) * t)
    one, two = noise[i], noise[(i + 1) & 63]
    return one + t * (two - one)


@njit(cache=True, nogil=True)
def develop(light, gain, table):
    """Linear light [S, S, 3] through exposure and white balance `gain` [3] and the tone curve: sRGB uint8."""
    height, width = light.shape[:2]
    picture = np.empty((height, width, 3), np.uint8)
    scale = F((TONE_STEPS - 1) / math.sqrt(TONE_LIMIT))
    flat, flat_picture = light.reshape(height, 3 * width), picture.reshape(height, 3 * width)
    gains, steps = np.empty(3 * width, F), np.empty(3 * width, np.int32)
    for i in range(3 * width):
        gains[i] = gain[i % 3]
    for y in range(height):
        row, shown = flat[y], flat_picture[y]
        for i in range(3 * width):  # apart from the table, so that the compiler takes many at once
            value = min(max(row[i] * gains[i], ZERO), F(TONE_LIMIT))
            steps[i] = np.int32(F(math.sqrt(value)) * scale + HALF)
        for i in range(3 * width):
            shown[i] = table[steps[i]]
    return picture
