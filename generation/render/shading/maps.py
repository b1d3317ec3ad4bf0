"""What the kernel reads from the maps of a person's skin: colour at a mip level, and the slopes of wrinkles."""

from __future__ import annotations

import math

import numpy as np

from threedpain.generation.compiling import njit

F = np.float32
ZERO, ONE, HALF = F(0), F(1), F(0.5)


@njit(cache=True, fastmath=True, error_model="numpy")
def level(uvs, f, vertices, i0, i1, i2, size, levels):
    """The mip level whose texels are about as large as pixels on this triangle."""
    u0, v0, x0, y0 = uvs[f, 0, 0], uvs[f, 0, 1], vertices[i0, 0], vertices[i0, 1]
    texels = abs((uvs[f, 1, 0] - u0) * (uvs[f, 2, 1] - v0) - (uvs[f, 2, 0] - u0) * (uvs[f, 1, 1] - v0))
    texels *= F(levels[0, 1] * levels[0, 2])
    pixels = abs((vertices[i1, 0] - x0) * (vertices[i2, 1] - y0) - (vertices[i2, 0] - x0) * (vertices[i1, 1] - y0))
    density = texels / max(pixels * F(0.25) * size * size, F(1e-12))
    return HALF * F(math.log2(max(density, F(1e-6)))) - F(0.4)


@njit(cache=True, fastmath=True)
def texture(u, v, level, texels, levels, texel):
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
            texel[k] += (
                w00 * F(texels[p00, k]) + w01 * F(texels[p01, k]) + w10 * F(texels[p10, k]) + w11 * F(texels[p11, k])
            )


@njit(cache=True, fastmath=True)
def bump(u, v, level, slopes, bumps):
    """Slopes dh/du, dh/dv of the active wrinkles (metres per unit of u, v) and the darkness of their depths.

    A row of bumps: offset, height, width of the map; its box in uv (left, bottom, right, top); metres per unit
    of uv a count; darkening a count.
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
        a, b, c, d = slopes[p00], slopes[p01], slopes[p10], slopes[p11]
        du += scale * (w00 * F(a[0]) + w01 * F(b[0]) + w10 * F(c[0]) + w11 * F(d[0]))
        dv += scale * (w00 * F(a[1]) + w01 * F(b[1]) + w10 * F(c[1]) + w11 * F(d[1]))
        depth = w00 * F(a[2]) + w01 * F(b[2]) + w10 * F(c[2]) + w11 * F(d[2])
        dark *= min(max(ONE + bumps[m, 8] * depth, F(0.35)), F(1.1))
    return du, dv, dark


@njit(cache=True, fastmath=True)
def gradient(du, dv, table, i0, i1, i2, uvs, f):
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
