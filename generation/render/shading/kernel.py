"""The shading model as one fused kernel for the CPU: fragments in, linear radiance out. See `shade` for the model."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from threedpain.generation.render.raster.nearest import barycentric, centre

from .maps import bump, gradient, level, texture
from .model import (
    CLOTH,
    EYE_LEFT,
    EYE_RIGHT,
    FLESH,
    GUM_COLOUR,
    HAIR,
    LASHES,
    LOWER_GUM,
    LOWER_TEETH,
    MOUTH,
    NEAR,
    PLASTIC,
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
def shade(winners, nearness, geometry, skin, lights, colours, eye, optics, background, out):
    """Radiance float32 [S, S, 3] into `out`.

    winners int32 and nearness float32 [S n, S n]: see raster.nearest; geometry, skin, lights, colours: see `model`; eye
    float32 [3], the camera; optics: model.OPTICS; background float32 [S, S, 3].
    """
    vertices, faces, uvs, material, table, strands = geometry
    texels, levels, slopes, bumps = skin
    environment, keys = lights
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
                if kind == HAIR or kind == CLOTH or kind == PLASTIC or kind == FLESH:
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
                        mip = level(uvs, f, vertices, i0, i1, i2, F(size), levels)
                        texture(u, v, mip, texels, levels, texel)
                        body, paint = a[12], a[11]
                        brow = texel[3] * (ONE - body)
                        for k in range(3):
                            base = texel[k] + body * (colours.neck[k] - texel[k])
                            base += paint * (colours.scalp[k] - base)
                            albedo[k] = base + brow * (colours.brows[k] - base)
                        gloss = max(a[13] * (ONE - brow) * (ONE - HALF * paint), ZERO)
                        du, dv, dark = bump(u, v, mip, slopes, bumps)
                        if du != ZERO or dv != ZERO:
                            gx, gy, gz = gradient(du, dv, table, i0, i1, i2, uvs, f)
                            nx, ny, nz = _unit(nx - gx, ny - gy, nz - gz)
                            sx, sy, sz = nx, ny, nz
                        a[6] *= dark
                        if kind == MOUTH:
                            albedo[0], albedo[1], albedo[2] = F(0.30), F(0.085), F(0.075)
                    elif kind == EYE_LEFT or kind == EYE_RIGHT:
                        axis = colours.axes[0 if kind == EYE_LEFT else 1]
                        sx, sy, sz, gloss = _eye(u, v, nx, ny, nz, axis[0], axis[1], axis[2], colours, albedo)
                    elif kind == TEETH:
                        shade, gum = _tooth(u, v)
                        for k in range(3):
                            tooth = colours.teeth[k] * shade
                            albedo[k] = tooth + gum * (F(GUM_COLOUR[k]) - tooth)
                    elif kind == LASHES:
                        albedo[0], albedo[1], albedo[2] = colours.lashes[0], colours.lashes[1], colours.lashes[2]
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
def _eye(u, v, nx, ny, nz, ax, ay, az, colours, albedo):
    """Sclera, iris, pupil into `albedo`; the wet surface's normal and strength back. UV is polar: see head.sphere."""
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
    sx, sy, sz = _unit(tx + flat * ax, ty + flat * ay, tz + flat * az)
    bulge = ONE - _step(r, F(0.85), F(1.15))
    sx, sy, sz = _unit(nx + bulge * (sx - nx), ny + bulge * (sy - ny), nz + bulge * (sz - nz))
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
    size = light.shape[0]
    picture = np.empty((size, light.shape[1], 3), np.uint8)
    scale = F((TONE_STEPS - 1) / math.sqrt(TONE_LIMIT))
    for y in range(size):
        for x in range(light.shape[1]):
            for k in range(3):
                value = min(max(light[y, x, k] * gain[k], ZERO), F(TONE_LIMIT))
                picture[y, x, k] = table[int(F(math.sqrt(value)) * scale + HALF)]
    return picture
