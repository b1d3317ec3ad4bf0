"""The shading model as one fused kernel for the CPU: fragments in, linear radiance out. See `shade` for the model."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from threedpain.generation.render.raster.nearest import barycentric, centre

from .model import (
    CLOTH,
    EYE_LEFT,
    EYE_RIGHT,
    GUM_COLOUR,
    HAIR,
    LASHES,
    LOWER_GUM,
    LOWER_TEETH,
    MOUTH,
    NEAR,
    SKIN,
    TEETH,
    TONE_LIMIT,
    TONE_STEPS,
    UPPER_GUM,
    UPPER_TEETH,
)

F = np.float32
ZERO, ONE, HALF = F(0), F(1), F(0.5)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def shade(
    winners,
    nearness,
    vertices,
    faces,
    uvs,
    material,
    table,
    eye,
    environment,
    keys,
    optics,
    texels,
    levels,
    slopes,
    bumps,
    person,
    strands,
    background,
    out,
):
    """Radiance float32 [S, S, 3] into `out`.

    winners int32 and nearness float32 [S n, S n]: see raster_nearest; vertices float32 [V, 3]: NDC and nearness; faces
    int32 [F, 3] and uvs float32 [F, 3, 2]; material uint8 [F]; table float32 [V, 16]; eye float32 [3], the camera;
    environment float32 [9, 3]; keys float32 [K, 7] (direction, colour, softness); optics: shade.OPTICS; texels uint16
    [T, 4] linear RGB and brow opacity, levels int32 [L, 3] (offset, height, width); slopes int16 [X, 3] and bumps
    float32 [B, 8]: wrinkle maps; person float32 [.]: see `surfaces.person_table`; strands uint8 [A, A, 2].
    """
    size = out.shape[0]
    n = winners.shape[0] // size
    per_sample = ONE / F(n * n)
    taken = np.zeros(n * n, np.bool_)
    down, right = np.empty(n * n, np.int64), np.empty(n * n, np.int64)  # a pixel's samples
    for s in range(n * n):
        down[s], right[s] = s // n, s % n
    a = np.empty(16, F)
    lit = np.empty(3, F)
    albedo = np.empty(3, F)
    texel = np.empty(4, F)
    for y in range(size):
        for x in range(size):
            red = green = blue = ZERO
            left = n * n
            for s in range(n * n):
                f = winners[y * n + down[s], x * n + right[s]]
                taken[s] = f < 0
                if f < 0:
                    left -= 1
            empty = n * n - left
            if empty > 0:
                w = F(empty) * per_sample
                red, green, blue = w * background[y, x, 0], w * background[y, x, 1], w * background[y, x, 2]
            while left > 0:
                first = 0
                while taken[first]:
                    first += 1
                f = winners[y * n + down[first], x * n + right[first]]
                z = nearness[y * n + down[first], x * n + right[first]]
                kind = material[f]
                px = py = ZERO
                same = weight = 0
                for s in range(first, n * n):
                    if taken[s]:
                        continue
                    yi, xi = y * n + down[s], x * n + right[s]
                    g = winners[yi, xi]
                    if g == f or (material[g] == kind and abs(nearness[yi, xi] - z) < F(NEAR) * z * nearness[yi, xi]):
                        taken[s] = True
                        weight += 1
                        if g == f:
                            same += 1
                            px += centre(xi, n * size)
                            py += centre(yi, n * size)
                left -= weight
                px, py = px / F(same), py / F(same)

                # barycentric coordinates there, and everything the vertices know
                i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
                b0, b1, b2 = barycentric(px, py, vertices, i0, i1, i2)
                for k in range(16):
                    a[k] = b0 * table[i0, k] + b1 * table[i1, k] + b2 * table[i2, k]
                u = b0 * uvs[f, 0, 0] + b1 * uvs[f, 1, 0] + b2 * uvs[f, 2, 0]
                v = b0 * uvs[f, 0, 1] + b1 * uvs[f, 1, 1] + b2 * uvs[f, 2, 1]
                vx, vy, vz = _unit(eye[0] - a[0], eye[1] - a[1], eye[2] - a[2])
                nx, ny, nz = _unit(a[3], a[4], a[5])
                if kind == HAIR or kind == CLOTH:
                    rows = strands.shape[0]
                    i, j = int(math.floor(v * rows)) & (rows - 1), int(math.floor(u * rows)) & (rows - 1)
                    shine = F(strands[i, j, 1]) / F(128)
                    for k in range(3):
                        albedo[k] = a[10 + k] * shine
                if kind == HAIR:
                    tx, ty, tz = _unit(a[13], a[14], a[15])
                    _hair(nx, ny, nz, tx, ty, tz, vx, vy, vz, a, albedo, shine, environment, keys, lit)
                else:
                    sx, sy, sz, gloss = nx, ny, nz, ONE  # the normal of the specular part, its strength
                    if kind == SKIN or kind == MOUTH:
                        level = _level(uvs, f, vertices, i0, i1, i2, F(size), levels)
                        _texture(u, v, level, texels, levels, texel)
                        body, paint = a[12], a[11]
                        brow = texel[3] * (ONE - body)
                        for k in range(3):
                            base = texel[k] + body * (person[k] - texel[k])
                            base += paint * (person[3 + k] - base)
                            albedo[k] = base + brow * (person[6 + k] - base)
                        gloss = max(a[13] * (ONE - brow) * (ONE - HALF * paint), ZERO)
                        du, dv, dark = _bump(u, v, level, slopes, bumps)
                        if du != ZERO or dv != ZERO:
                            gx, gy, gz = _gradient(du, dv, table, i0, i1, i2, uvs, f)
                            nx, ny, nz = _unit(nx - gx, ny - gy, nz - gz)
                            sx, sy, sz = nx, ny, nz
                        a[6] *= dark
                        if kind == MOUTH:
                            albedo[0], albedo[1], albedo[2] = F(0.30), F(0.085), F(0.075)
                    elif kind == EYE_LEFT or kind == EYE_RIGHT:
                        q = 0 if kind == EYE_LEFT else 3
                        sx, sy, sz, gloss = _eye(
                            u,
                            v,
                            nx,
                            ny,
                            nz,
                            person[30 + q],
                            person[31 + q],
                            person[32 + q],
                            person,
                            environment,
                            keys,
                            a,
                            albedo,
                        )
                    elif kind == TEETH:
                        shade, gum = _tooth(u, v)
                        for k in range(3):
                            albedo[k] = person[18 + k] * shade + gum * (F(GUM_COLOUR[k]) - person[18 + k] * shade)
                    elif kind == LASHES:
                        albedo[0], albedo[1], albedo[2] = person[9], person[10], person[11]
                    _surface(nx, ny, nz, sx, sy, sz, vx, vy, vz, a, albedo, gloss, optics, kind, environment, keys, lit)
                share = F(weight) * per_sample
                red += share * lit[0]
                green += share * lit[1]
                blue += share * lit[2]
            out[y, x, 0], out[y, x, 1], out[y, x, 2] = red, green, blue


@njit(cache=True, inline="always")
def _unit(x, y, z):
    scale = ONE / F(math.sqrt(max(x * x + y * y + z * z, F(1e-20))))
    return x * scale, y * scale, z * scale


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
    gap = F(HALF) * F(edges[k + 1] - edges[k]) * (ONE - abs(across)) / F(0.003)
    shade = (ONE - F(0.12) * across * across) * (ONE - F(0.65) * F(math.exp(-gap * gap)))
    beyond = v - F(line) - F(bow) * away * away
    if not upper:
        beyond = -beyond
    beyond = (beyond + F(0.022) * across * across) / F(0.016) + HALF
    return shade, min(max(beyond, ZERO), ONE)


@njit(cache=True, inline="always")
def _irradiance(x, y, z, c):
    """The environment's irradiance / pi on a normal: red, green, blue."""
    y1, z1, x1 = F(0.488603) * y, F(0.488603) * z, F(0.488603) * x
    xy, yz, xz = F(1.092548) * x * y, F(1.092548) * y * z, F(1.092548) * x * z
    zz, xx = F(0.315392) * (F(3) * z * z - ONE), F(0.546274) * (x * x - y * y)
    r = F(0.282095) * c[0, 0] + y1 * c[1, 0] + z1 * c[2, 0] + x1 * c[3, 0]
    g = F(0.282095) * c[0, 1] + y1 * c[1, 1] + z1 * c[2, 1] + x1 * c[3, 1]
    b = F(0.282095) * c[0, 2] + y1 * c[1, 2] + z1 * c[2, 2] + x1 * c[3, 2]
    r += xy * c[4, 0] + yz * c[5, 0] + zz * c[6, 0] + xz * c[7, 0] + xx * c[8, 0]
    g += xy * c[4, 1] + yz * c[5, 1] + zz * c[6, 1] + xz * c[7, 1] + xx * c[8, 1]
    b += xy * c[4, 2] + yz * c[5, 2] + zz * c[6, 2] + xz * c[7, 2] + xx * c[8, 2]
    return max(r, ZERO), max(g, ZERO), max(b, ZERO)


@njit(cache=True, fastmath=True, error_model="numpy")
def _surface(nx, ny, nz, sx, sy, sz, vx, vy, vz, a, albedo, gloss, optics, kind, environment, keys, lit):
    """Skin, eyes, teeth, cloth: wrapped diffuse, two specular lobes, the environment and its mirror image."""
    ao = a[6]
    nv = max(sx * vx + sy * vy + sz * vz, F(0.02))
    rx, ry, rz = F(2) * nv * sx - vx, F(2) * nv * sy - vy, F(2) * nv * sz - vz
    f0 = optics[kind, 3]
    g = ONE - nv
    mirror = (f0 + (ONE - f0) * g * g * g * g * g * (ONE - optics[kind, 4])) * optics[kind, 7] * gloss * ao * ao
    lit[0], lit[1], lit[2] = _irradiance(nx, ny, nz, environment)
    for k in range(3):
        lit[k] *= albedo[k] * (ao + optics[kind, 8 + k] * ao * (ONE - ao))
    if mirror > ZERO:
        rx, ry, rz = _irradiance(rx, ry, rz, environment)
        lit[0], lit[1], lit[2] = lit[0] + mirror * rx, lit[1] + mirror * ry, lit[2] + mirror * rz
    for i in range(keys.shape[0]):
        lx, ly, lz, wide = keys[i, 0], keys[i, 1], keys[i, 2], keys[i, 6]
        visible = a[7 + i]
        cosine = nx * lx + ny * ly + nz * lz
        bright = ZERO
        nl = sx * lx + sy * ly + sz * lz
        if nl > ZERO and visible > ZERO:
            hx, hy, hz = _unit(lx + vx, ly + vy, lz + vz)
            nh, lh = sx * hx + sy * hy + sz * hz, max(lx * hx + ly * hy + lz * hz, F(0.1))
            g = ONE - lh
            fresnel = f0 + (ONE - f0) * g * g * g * g * g
            one, two = min(optics[kind, 4] + F(0.25) * wide, ONE), min(optics[kind, 5] * (ONE + wide), ONE)
            one, two = one * one, two * two
            d1, d2 = nh * nh * (one - ONE) + ONE, nh * nh * (two - ONE) + ONE
            lobes = (ONE - optics[kind, 6]) * one / (d1 * d1) + optics[kind, 6] * two / (d2 * d2)
            bright = gloss * visible * nl * fresnel * lobes * F(0.25) / (lh * lh)
        for k in range(3):
            wrap = optics[kind, k] + F(0.25) * wide
            shadow = visible + optics[kind, 8 + k] * visible * (ONE - visible)
            lit[k] += keys[i, 3 + k] * (albedo[k] * shadow * max(cosine + wrap, ZERO) / (ONE + wrap) + bright)


@njit(cache=True, fastmath=True, error_model="numpy")
def _hair(nx, ny, nz, tx, ty, tz, vx, vy, vz, a, albedo, shine, environment, keys, lit):
    """Hair along the tangent t: wrapped diffuse of the volume, a white highlight towards the root, a coloured one
    behind it."""
    if nx * vx + ny * vy + nz * vz < ZERO:
        nx, ny, nz = -nx, -ny, -nz
    ao = a[6]
    lit[0], lit[1], lit[2] = _irradiance(nx, ny, nz, environment)
    for k in range(3):
        lit[k] *= albedo[k] * ao
    for i in range(keys.shape[0]):
        lx, ly, lz, wide = keys[i, 0], keys[i, 1], keys[i, 2], keys[i, 6]
        visible = a[7 + i] * F(math.sqrt(max(ao, ZERO)))
        tl = tx * lx + ty * ly + tz * lz
        cosine = nx * lx + ny * ly + nz * lz
        sine = F(math.sqrt(max(ONE - tl * tl, ZERO)))
        wrap = F(0.35) + F(0.25) * wide
        diffuse = max(cosine + wrap, ZERO) / (ONE + wrap) * (F(0.35) + F(0.65) * sine)
        gate = min(max(cosine + F(0.3), ZERO), ONE)
        hx, hy, hz = _unit(lx + vx, ly + vy, lz + vz)
        th = tx * hx + ty * hy + tz * hz
        sharp = F(60) / (ONE + F(3) * wide)
        one, two = th + F(0.10), th - F(0.12)
        white = F(math.exp(-sharp * one * one)) * F(0.045)
        tinted = F(math.exp(-F(0.4) * sharp * two * two)) * F(0.55)
        for k in range(3):
            lit[k] += (
                keys[i, 3 + k] * visible * (albedo[k] * diffuse + gate * (white * shine + tinted * albedo[k] * shine))
            )


@njit(cache=True, fastmath=True, error_model="numpy")
def _eye(u, v, nx, ny, nz, ax, ay, az, person, environment, keys, a, albedo):
    """Sclera, iris, pupil into `albedo`; the wet surface's normal and strength back. UV is polar: see head.sphere."""
    du, dv = u - HALF, v - HALF
    away = F(math.sqrt(du * du + dv * dv))
    angle = away * F(2 * math.pi)
    r = angle / person[15]
    turn = F(math.atan2(dv, du)) * F(0.5 / math.pi) + ONE
    fibre = _noise(person, turn * F(64)) * F(0.6) + _noise(person, turn * F(23) + F(7.3)) * F(0.4)
    pupil = person[16]
    depth = (r - pupil) / (ONE - pupil)
    ring = _step(r, F(0.80), F(1.02))
    inner = ONE - _step(depth, F(0.10), F(0.45))
    shade = (F(0.55) + F(0.9) * fibre) * (ONE - F(0.72) * ring) * (ONE + F(0.25) * inner)
    black = ONE - _step(r, pupil - F(0.09), pupil + F(0.09))
    white = _step(r, F(0.93), F(1.10))
    blood = F(0.55) * _step(angle, F(0.60), F(1.25)) + F(0.10)
    for k in range(3):
        iris = person[12 + k] * shade if k > 0 else person[12] * shade * (ONE + F(0.12) * inner)
        iris += black * (F(0.004) - iris)
        sclera = person[21 + k] * (ONE + blood * (person[24 + k] - ONE))
        albedo[k] = iris + white * (sclera - iris)
    along = nx * ax + ny * ay + nz * az
    steep = person[17]
    tx, ty, tz = steep * (nx - along * ax), steep * (ny - along * ay), steep * (nz - along * az)
    flat = F(math.sqrt(max(ONE - tx * tx - ty * ty - tz * tz, F(0.05))))
    sx, sy, sz = _unit(tx + flat * ax, ty + flat * ay, tz + flat * az)
    bulge = ONE - _step(r, F(0.85), F(1.15))
    sx, sy, sz = _unit(nx + bulge * (sx - nx), ny + bulge * (sy - ny), nz + bulge * (sz - nz))
    return sx, sy, sz, ONE + bulge


@njit(cache=True, inline="always")
def _step(x, low, high):
    t = min(max((x - low) / (high - low), ZERO), ONE)
    return t * t * (F(3) - F(2) * t)


@njit(cache=True)
def _noise(person, x):
    """Smooth periodic noise 0..1 from the 64 random numbers at the end of the person's table."""
    base = F(math.floor(x))
    t = x - base
    i = int(base) & 63
    t = t * t * (F(3) - F(2) * t)
    one, two = person[36 + i], person[36 + ((i + 1) & 63)]
    return one + t * (two - one)


@njit(cache=True, fastmath=True, error_model="numpy")
def _level(uvs, f, vertices, i0, i1, i2, size, levels):
    """The mip level whose texels are about as large as pixels on this triangle."""
    u0, v0, x0, y0 = uvs[f, 0, 0], uvs[f, 0, 1], vertices[i0, 0], vertices[i0, 1]
    texels = abs((uvs[f, 1, 0] - u0) * (uvs[f, 2, 1] - v0) - (uvs[f, 2, 0] - u0) * (uvs[f, 1, 1] - v0))
    texels *= F(levels[0, 1] * levels[0, 2])
    pixels = abs((vertices[i1, 0] - x0) * (vertices[i2, 1] - y0) - (vertices[i2, 0] - x0) * (vertices[i1, 1] - y0))
    density = texels / max(pixels * F(0.25) * size * size, F(1e-12))
    return HALF * F(math.log2(max(density, F(1e-6)))) - F(0.4)


@njit(cache=True, fastmath=True)
def _texture(u, v, level, texels, levels, texel):
    """Trilinear fetch, 0..1: u right, v up, clamped at the borders."""
    level = min(max(level, ZERO), F(levels.shape[0] - 1))
    low = int(level)
    part = level - F(low)
    for k in range(4):
        texel[k] = ZERO
    for step in range(2):
        share = part if step else ONE - part
        if share <= ZERO:
            continue
        start, height, width = levels[low + step, 0], levels[low + step, 1], levels[low + step, 2]
        x = min(max(u * F(width) - HALF, ZERO), F(width - 1))
        y = min(max((ONE - v) * F(height) - HALF, ZERO), F(height - 1))
        i, j = int(y), int(x)
        s, t = y - F(i), x - F(j)
        i2, j2 = min(i + 1, height - 1), min(j + 1, width - 1)
        share *= F(1 / 65535)
        w00, w01, w10, w11 = (ONE - s) * (ONE - t) * share, (ONE - s) * t * share, s * (ONE - t) * share, s * t * share
        p00, p01, p10, p11 = (
            start + i * width + j,
            start + i * width + j2,
            start + i2 * width + j,
            start + i2 * width + j2,
        )
        for k in range(4):
            texel[k] += w00 * texels[p00, k] + w01 * texels[p01, k] + w10 * texels[p10, k] + w11 * texels[p11, k]


@njit(cache=True, fastmath=True)
def _bump(u, v, level, slopes, bumps):
    """Slopes dh/du, dh/dv of the active wrinkles (metres per unit of u, v) and the darkness of their depths.

    A row of bumps: offset, height, width of the map; its box in uv (left, bottom, right, top); metres per count.
    """
    du = dv = ZERO
    dark = ONE
    for m in range(bumps.shape[0]):
        if not ((u > bumps[m, 3]) & (u < bumps[m, 5]) & (v > bumps[m, 4]) & (v < bumps[m, 6])):
            continue
        start, height, width = int(bumps[m, 0]), int(bumps[m, 1]), int(bumps[m, 2])
        x = min(max((u - bumps[m, 3]) / (bumps[m, 5] - bumps[m, 3]) * F(width) - HALF, ZERO), F(width - 1))
        y = min(max((bumps[m, 6] - v) / (bumps[m, 6] - bumps[m, 4]) * F(height) - HALF, ZERO), F(height - 1))
        i, j = int(y), int(x)
        s, t = y - F(i), x - F(j)
        i2, j2 = min(i + 1, height - 1), min(j + 1, width - 1)
        p00, p01, p10, p11 = (
            start + i * width + j,
            start + i * width + j2,
            start + i2 * width + j,
            start + i2 * width + j2,
        )
        w00, w01, w10, w11 = (ONE - s) * (ONE - t), (ONE - s) * t, s * (ONE - t), s * t
        scale = bumps[m, 7]
        du += scale * (w00 * slopes[p00, 0] + w01 * slopes[p01, 0] + w10 * slopes[p10, 0] + w11 * slopes[p11, 0])
        dv += scale * (w00 * slopes[p00, 1] + w01 * slopes[p01, 1] + w10 * slopes[p10, 1] + w11 * slopes[p11, 1])
        depth = w00 * slopes[p00, 2] + w01 * slopes[p01, 2] + w10 * slopes[p10, 2] + w11 * slopes[p11, 2]
        dark *= min(max(ONE + bumps[m, 8] * depth, F(0.35)), F(1.1))
    return du, dv, dark


@njit(cache=True, fastmath=True)
def _gradient(du, dv, table, i0, i1, i2, uvs, f):
    """The gradient in space of a height whose slopes in uv are du, dv, on the triangle i0, i1, i2."""
    ax, ay, az = table[i1, 0] - table[i0, 0], table[i1, 1] - table[i0, 1], table[i1, 2] - table[i0, 2]
    bx, by, bz = table[i2, 0] - table[i0, 0], table[i2, 1] - table[i0, 1], table[i2, 2] - table[i0, 2]
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    scale = ONE / max(nx * nx + ny * ny + nz * nz, F(1e-24))
    one = (du * (uvs[f, 1, 0] - uvs[f, 0, 0]) + dv * (uvs[f, 1, 1] - uvs[f, 0, 1])) * scale
    two = (du * (uvs[f, 2, 0] - uvs[f, 0, 0]) + dv * (uvs[f, 2, 1] - uvs[f, 0, 1])) * scale
    return (
        one * (by * nz - bz * ny) + two * (ny * az - nz * ay),
        one * (bz * nx - bx * nz) + two * (nz * ax - nx * az),
        one * (bx * ny - by * nx) + two * (nx * ay - ny * ax),
    )


@njit(cache=True, nogil=True)
def develop(light, gain, table):
    """Linear light [S, S, 3] through exposure and white balance `gain` [3] and the tone curve: sRGB uint8."""
    size = light.shape[0]
    picture = np.empty((size, light.shape[1], 3), np.uint8)
    scale = F((TONE_STEPS - 1) / math.sqrt(TONE_LIMIT))
    for y in range(size):
        for x in range(light.shape[1]):
            for k in range(3):
                value = min(max(light[y, x, k] * gain[k], ZERO), F(TONE_LIMIT))
                picture[y, x, k] = table[int(F(math.sqrt(value)) * scale + HALF)]
    return picture
