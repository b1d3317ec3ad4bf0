"""The light that leaves fragments, many at once: the arithmetic of the shading model for the CPU."""

from __future__ import annotations

import math

import numpy as np

from threedpain.generation.compiling import njit

F = np.float32
ZERO, ONE, HALF = F(0), F(1), F(0.5)

# Fragments wait in a batch and are lit together, kind by kind, LANES at once: the compiler makes vector instructions of
# the arithmetic. A row of the batch holds LANES fragments of one kind, column k of lane n at k * LANES + n.
LANES = 16
VX, VY, VZ, NX, NY, NZ, AO, SEEN, RED, GREEN, BLUE, SX, SY, SZ, SHINE, LIT_RED, LIT_GREEN, LIT_BLUE = (
    LANES * k for k in (0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19)
)
COLUMNS = 20


@njit(cache=True, inline="always")
def unit(x, y, z):
    scale = ONE / F(math.sqrt(max(x * x + y * y + z * z, F(1e-20))))
    return x * scale, y * scale, z * scale


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
def surface(b, optic, environment, keys):
    """Skin, eyes, teeth, cloth: wrapped diffuse, two specular lobes, the environment and its mirror image."""
    f0, alpha_one, alpha_two, narrow, strength = optic[3], optic[4], optic[5], optic[6], optic[7]
    tint_red, tint_green, tint_blue = optic[8], optic[9], optic[10]
    rough = ONE - alpha_one
    rough *= rough
    rough *= rough  # a rough surface hides its own far slopes: it mirrors less from the side than Schlick's term says
    for n in range(LANES):
        vx, vy, vz = unit(b[VX + n], b[VY + n], b[VZ + n])
        b[VX + n], b[VY + n], b[VZ + n] = vx, vy, vz
    for n in range(LANES):
        ao = b[AO + n]
        red, green, blue = _irradiance(b[NX + n], b[NY + n], b[NZ + n], environment)
        half = ao * (ONE - ao)
        b[LIT_RED + n] = red * b[RED + n] * (ao + tint_red * half)
        b[LIT_GREEN + n] = green * b[GREEN + n] * (ao + tint_green * half)
        b[LIT_BLUE + n] = blue * b[BLUE + n] * (ao + tint_blue * half)
    for n in range(LANES):
        ao, sx, sy, sz = b[AO + n], b[SX + n], b[SY + n], b[SZ + n]
        vx, vy, vz = b[VX + n], b[VY + n], b[VZ + n]
        nv = max(sx * vx + sy * vy + sz * vz, F(0.02))
        g = ONE - nv
        mirror = (f0 + (ONE - f0) * g * g * g * g * g * rough) * strength * b[SHINE + n] * ao * ao
        red, green, blue = _irradiance(F(2) * nv * sx - vx, F(2) * nv * sy - vy, F(2) * nv * sz - vz, environment)
        b[LIT_RED + n] += mirror * red
        b[LIT_GREEN + n] += mirror * green
        b[LIT_BLUE + n] += mirror * blue
    for i in range(keys.shape[0]):
        lx, ly, lz, wide = keys[i, 0], keys[i, 1], keys[i, 2], keys[i, 6]
        key_red, key_green, key_blue = keys[i, 3], keys[i, 4], keys[i, 5]
        one, two = min(alpha_one + F(0.25) * wide, ONE), min(alpha_two * (ONE + wide), ONE)
        one, two = one * one, two * two
        wrap_red, wrap_green, wrap_blue = (
            optic[0] + F(0.25) * wide,
            optic[1] + F(0.25) * wide,
            optic[2] + F(0.25) * wide,
        )
        turn_red, turn_green, turn_blue = (
            key_red / (ONE + wrap_red),
            key_green / (ONE + wrap_green),
            key_blue / (ONE + wrap_blue),
        )
        many, few = (ONE - narrow) * one, narrow * two
        seen = SEEN + i * LANES
        for n in range(LANES):
            visible, sx, sy, sz = b[seen + n], b[SX + n], b[SY + n], b[SZ + n]
            cosine = b[NX + n] * lx + b[NY + n] * ly + b[NZ + n] * lz
            nl = max(sx * lx + sy * ly + sz * lz, ZERO)
            hx, hy, hz = unit(lx + b[VX + n], ly + b[VY + n], lz + b[VZ + n])
            nh, lh = sx * hx + sy * hy + sz * hz, max(lx * hx + ly * hy + lz * hz, F(0.1))
            g = ONE - lh
            fresnel = f0 + (ONE - f0) * g * g * g * g * g
            d1, d2 = nh * nh * (one - ONE) + ONE, nh * nh * (two - ONE) + ONE
            lobes = many / (d1 * d1) + few / (d2 * d2)
            bright = b[SHINE + n] * visible * nl * fresnel * lobes * F(0.25) / (lh * lh)
            half = visible * (ONE - visible)
            red = turn_red * (visible + tint_red * half) * max(cosine + wrap_red, ZERO)
            green = turn_green * (visible + tint_green * half) * max(cosine + wrap_green, ZERO)
            blue = turn_blue * (visible + tint_blue * half) * max(cosine + wrap_blue, ZERO)
            b[LIT_RED + n] += b[RED + n] * red + key_red * bright
            b[LIT_GREEN + n] += b[GREEN + n] * green + key_green * bright
            b[LIT_BLUE + n] += b[BLUE + n] * blue + key_blue * bright


@njit(cache=True, inline="always")
def _fade(t):
    """exp(-t) for t >= 0 without a call, to 2e-5 of itself; as good as nothing from 20 on."""
    x = min(t, F(20)) * F(-1 / 32)
    p = ONE + x * (
        ONE + x * (F(1 / 2) + x * (F(1 / 6) + x * (F(1 / 24) + x * (F(1 / 120) + x * (F(1 / 720) + x * F(1 / 5040))))))
    )
    p *= p
    p *= p
    p *= p
    p *= p
    return p * p


@njit(cache=True, fastmath=True, error_model="numpy")
def hair(b, environment, keys):
    """Hair along the tangent, which S holds: wrapped diffuse of the volume, a white highlight towards the root, a
    coloured one behind it."""
    for n in range(LANES):
        vx, vy, vz = unit(b[VX + n], b[VY + n], b[VZ + n])
        b[VX + n], b[VY + n], b[VZ + n] = vx, vy, vz
        tx, ty, tz = unit(b[SX + n], b[SY + n], b[SZ + n])
        b[SX + n], b[SY + n], b[SZ + n] = tx, ty, tz
        side = ONE if b[NX + n] * vx + b[NY + n] * vy + b[NZ + n] * vz >= ZERO else -ONE
        b[NX + n], b[NY + n], b[NZ + n] = side * b[NX + n], side * b[NY + n], side * b[NZ + n]
    for n in range(LANES):
        red, green, blue = _irradiance(b[NX + n], b[NY + n], b[NZ + n], environment)
        ao = b[AO + n]
        b[LIT_RED + n] = red * b[RED + n] * ao
        b[LIT_GREEN + n] = green * b[GREEN + n] * ao
        b[LIT_BLUE + n] = blue * b[BLUE + n] * ao
    for i in range(keys.shape[0]):
        lx, ly, lz, wide = keys[i, 0], keys[i, 1], keys[i, 2], keys[i, 6]
        key_red, key_green, key_blue = keys[i, 3], keys[i, 4], keys[i, 5]
        wrap = F(0.35) + F(0.25) * wide
        sharp = F(60) / (ONE + F(3) * wide)
        seen = SEEN + i * LANES
        for n in range(LANES):
            tx, ty, tz = b[SX + n], b[SY + n], b[SZ + n]
            visible = b[seen + n] * F(math.sqrt(max(b[AO + n], ZERO)))
            tl = tx * lx + ty * ly + tz * lz
            cosine = b[NX + n] * lx + b[NY + n] * ly + b[NZ + n] * lz
            sine = F(math.sqrt(max(ONE - tl * tl, ZERO)))
            diffuse = max(cosine + wrap, ZERO) / (ONE + wrap) * (F(0.35) + F(0.65) * sine)
            gate = min(max(cosine + F(0.3), ZERO), ONE)
            hx, hy, hz = unit(lx + b[VX + n], ly + b[VY + n], lz + b[VZ + n])
            th = tx * hx + ty * hy + tz * hz
            one, two = th + F(0.10), th - F(0.12)
            gate *= b[SHINE + n]
            white = gate * _fade(F(0.5) * sharp * one * one) * F(0.058)
            tinted = diffuse + gate * _fade(F(0.4) * sharp * two * two) * F(0.55)
            b[LIT_RED + n] += key_red * visible * (b[RED + n] * tinted + white)
            b[LIT_GREEN + n] += key_green * visible * (b[GREEN + n] * tinted + white)
            b[LIT_BLUE + n] += key_blue * visible * (b[BLUE + n] * tinted + white)
