"""Light: random environments as spherical harmonics, and one to three key lights, all in the head frame of the bust.

The light belongs to the room, not to the head: turning the head or moving the camera leaves it where it is.
"""

from __future__ import annotations

import numpy as np

from threedpain.generation.records import KeyLight, Light

# Ramamoorthi and Hanrahan (2001), "An efficient representation for irradiance environment maps": the cosine lobe's
# factors per band, divided by pi, so that irradiance / pi is a plain sum of coefficients and basis functions.
COSINE_BAND = np.array([1.0] + [2.0 / 3.0] * 3 + [0.25] * 5)
_DIRECTIONS = 512


def sh_basis(directions: np.ndarray) -> np.ndarray:
    """Real spherical harmonics of bands 0 to 2 of unit vectors, [..., 3] -> [..., 9]; order as in `records.Light`."""
    x, y, z = np.moveaxis(np.asarray(directions, dtype=np.float64), -1, 0)
    one = np.ones_like(x)
    return np.stack(
        [
            0.282095 * one,
            0.488603 * y,
            0.488603 * z,
            0.488603 * x,
            1.092548 * x * y,
            1.092548 * y * z,
            0.315392 * (3 * z * z - 1),
            1.092548 * x * z,
            0.546274 * (x * x - y * y),
        ],
        axis=-1,
    )


def irradiance(light: Light, normals: np.ndarray) -> np.ndarray:
    """What a white card at each unit normal [..., 3] sends back under all lights, before exposure: [..., 3]."""
    total = np.maximum(sh_basis(normals) @ light.environment, 0.0)
    for key in light.keys:
        cosine = np.asarray(normals) @ np.asarray(key.direction)
        wrap = 0.5 * key.softness
        total = total + np.maximum((cosine + wrap) / (1 + wrap), 0.0)[..., None] * np.asarray(key.colour)
    return total


def direction(azimuth: float, elevation: float) -> tuple[float, float, float]:
    """Unit vector in the head frame: azimuth in degrees from straight ahead to the subject's left, elevation up."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return (float(np.sin(a) * np.cos(e)), float(np.sin(e)), float(np.cos(a) * np.cos(e)))


def blackbody(kelvin: float) -> np.ndarray:
    """Linear RGB, green = 1, of a black body for a camera balanced at 6500 K (Planck's law at 610, 545 and 465 nm)."""

    def planck(temperature: float) -> np.ndarray:
        wavelength = np.array([610e-9, 545e-9, 465e-9])
        return wavelength**-5 / np.expm1(1.438777e-2 / (wavelength * temperature))

    colour = planck(kelvin) / planck(6500.0)
    return colour / colour[1]


def sample_light(rng: np.random.Generator, kind: str) -> Light:
    """A random light of a kind: window and lamp indoors, panels in a clinic, sun or overcast sky outdoors."""
    if kind == "plain":
        environment = _project(lambda d: np.full((len(d), 3), 0.62))
        keys = [KeyLight(direction(30, 35), (0.45, 0.45, 0.45), 0.6), KeyLight(direction(-40, 20), (0.15,) * 3, 0.9)]
        return exposed(kind, environment, keys, stops=0.0)
    environment, keys = {"indoor": _indoor, "clinical": _clinical, "outdoor": _outdoor}[kind](rng)
    return exposed(kind, environment, keys, stops=float(np.clip(rng.normal(0.0, 0.22), -0.5, 0.45)))


def _indoor(rng: np.random.Generator) -> tuple[np.ndarray, list[KeyLight]]:
    wall = _tint(rng, 5200, 600) * rng.uniform(0.75, 1.1)
    floor = wall * rng.uniform(0.35, 0.6) * np.array([1.05, 1.0, 0.92])
    side = rng.choice([-1.0, 1.0])
    window = np.array(direction(side * rng.uniform(25, 75), rng.uniform(5, 30)))
    window_colour = _tint(rng, 6800, 500) * rng.uniform(1.5, 4.0)
    environment = _project(lambda d: _gradient(d, floor, wall) + _lobe(d, window, 10.0) * window_colour)
    keys = [KeyLight(tuple(window), tuple(window_colour * rng.uniform(0.12, 0.24)), float(rng.uniform(0.5, 0.95)))]
    if rng.random() < 0.6:
        lamp = direction(-side * rng.uniform(20, 70), rng.uniform(25, 60))
        glow = _tint(rng, 3900, 400) * rng.uniform(0.12, 0.35)
        keys.append(KeyLight(lamp, tuple(glow), float(rng.uniform(0.4, 0.8))))
    return environment, keys


def _clinical(rng: np.random.Generator) -> tuple[np.ndarray, list[KeyLight]]:
    white = _tint(rng, 6300, 500) * rng.uniform(0.9, 1.15)
    panel = np.array(direction(rng.uniform(-40, 40), rng.uniform(55, 80)))
    glow = white * rng.uniform(1.0, 1.8)
    environment = _project(lambda d: _gradient(d, 0.6 * white, white) + _lobe(d, panel, 6.0) * glow)
    keys = [
        KeyLight(
            direction(rng.uniform(-35, 35), rng.uniform(35, 60)),
            tuple(white * rng.uniform(0.25, 0.45)),
            float(rng.uniform(0.7, 1.0)),
        )
    ]
    if rng.random() < 0.5:
        keys.append(
            KeyLight(
                direction(rng.uniform(-70, 70), rng.uniform(5, 30)),
                tuple(white * rng.uniform(0.1, 0.25)),
                float(rng.uniform(0.7, 1.0)),
            )
        )
    return environment, keys


def _outdoor(rng: np.random.Generator) -> tuple[np.ndarray, list[KeyLight]]:
    overcast = rng.random() < 0.5
    sky = (_tint(rng, 6700, 400) if overcast else _tint(rng, 8500, 900)) * rng.uniform(0.8, 1.2)
    ground = rng.uniform(0.2, 0.4) * np.array([1.0, rng.uniform(0.95, 1.08), rng.uniform(0.75, 0.95)])
    sun = np.array(direction(rng.uniform(-65, 65), rng.uniform(25, 60)))
    environment = _project(lambda d: _gradient(d, ground, sky) + _lobe(d, sun, 4.0) * sky * 0.6)
    strength = rng.uniform(0.1, 0.3) if overcast else rng.uniform(0.6, 1.1)
    softness = rng.uniform(0.8, 1.0) if overcast else rng.uniform(0.1, 0.4)
    keys = [KeyLight(tuple(sun), tuple(_tint(rng, 5600, 400) * strength), float(softness))]
    if not overcast and rng.random() < 0.5:  # light thrown back by a wall or the ground
        keys.append(
            KeyLight(
                direction(-np.sign(sun[0]) * rng.uniform(30, 80), rng.uniform(-15, 15)),
                tuple(_tint(rng, 5400, 300) * rng.uniform(0.1, 0.25)),
                1.0,
            )
        )
    return environment, keys


def _tint(rng: np.random.Generator, kelvin: float, spread: float) -> np.ndarray:
    """A light's colour after the camera's own white balance, which removes most of it."""
    return blackbody(float(np.clip(rng.normal(kelvin, spread), 2700, 12000))) ** 0.45


def _gradient(directions: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return low + (high - low) * (0.5 + 0.5 * directions[:, 1:2])


def _lobe(directions: np.ndarray, axis: np.ndarray, sharpness: float) -> np.ndarray:
    return np.exp(sharpness * (directions @ axis - 1.0))[:, None]


def _project(radiance) -> np.ndarray:
    """Radiance over the sphere (function of directions [D, 3] -> [D, 3]) to coefficients of irradiance / pi, [9, 3]."""
    directions = sphere(_DIRECTIONS)
    moments = sh_basis(directions).T @ radiance(directions) * (4 * np.pi / _DIRECTIONS)
    return (moments * COSINE_BAND[:, None]).astype(np.float32)


def sphere(count: int) -> np.ndarray:
    """Unit vectors [count, 3] of a Fibonacci sphere: equal areas, no poles."""
    i = np.arange(count) + 0.5
    y, turn = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    radius = np.sqrt(1 - y * y)
    return np.stack([radius * np.cos(turn), y, radius * np.sin(turn)], axis=1)


def exposed(kind: str, environment: np.ndarray, keys: list[KeyLight], stops: float) -> Light:
    """Exposed for the face: the mean over normals to the front, sides and above sends back 1 on a white card."""
    keys = tuple(
        KeyLight(tuple(float(v) for v in k.direction), tuple(float(v) for v in k.colour), k.softness) for k in keys
    )
    light = Light(kind, environment, keys, 1.0)
    normals = np.array([direction(a, e) for a, e in ((0, 0), (0, 0), (45, 5), (-45, 5), (0, 35), (0, -20))])
    level = float(irradiance(light, normals).mean())
    return Light(kind, environment, keys, float(2.0**stops / level))
