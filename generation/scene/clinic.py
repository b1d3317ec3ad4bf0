"""A clinic around a face: beds with pillows, a ward, a waiting room, a treatment chair.

What touches the person is near and nearly sharp, and takes soft shadow from head and body; the room behind is out of
focus. Sizes and colours set by eye from what hospitals buy.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from threedpain.generation.frames import rotation
from threedpain.generation.geometry import smoothstep
from threedpain.generation.records import Background, Camera, Light
from threedpain.generation.seeds import child

from .light import sh_basis
from .posture import POSTURES, room_of
from .solids import Seen, Solid, look

NEAR, ROOM = 240, 120  # lines of sight across the picture: what touches the person, and the room
HIGH = 1.3  # metres above the head: there is only the ceiling
BLUR = (0.012, 0.03)  # of the picture's width: standard deviation of the room's defocus
SOFT = 0.006  # the same of what is near
# Centre and radius in metres, head frame, of what throws the soft shadow: skull, jaw, neck, chest and shoulders.
BODY = ((0, 0.03, 0, 0.095), (0, -0.05, 0.03, 0.07), (0, -0.13, -0.04, 0.075), (0, -0.33, -0.04, 0.17),
        (0.16, -0.3, -0.06, 0.11), (-0.16, -0.3, -0.06, 0.11))  # fmt: skip
DEEPEST = 0.3  # share of the light that comes through linen to where the head lies
Colour = tuple[float, float, float]  # linear albedo
VINYL = ((0.1, 0.2, 0.3), (0.06, 0.06, 0.07), (0.35, 0.38, 0.4), (0.1, 0.26, 0.22))
LINEN = ((0.78, 0.79, 0.8), (0.72, 0.78, 0.84), (0.8, 0.79, 0.74), (0.62, 0.72, 0.74), (0.76, 0.72, 0.78))


def paint(background: Background, light: Light, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Radiance of the room [ROOM, ROOM, 3]; radiance times cover, and cover, of what is near [NEAR, NEAR, 3]."""
    rng = child(background.seed, "clinic", background.kind)
    room = room_of(background.kind, background.seed)
    origin = -camera.R.T @ camera.t
    near, far = _touching(background.kind, rng), _standing(background.kind, rng)
    behind = _room(far, light, room, origin, _rays(camera, ROOM), rng)
    wide = rng.uniform(*BLUR) * ROOM
    behind = gaussian_filter(behind.reshape(ROOM, ROOM, 3), (wide, wide, 0), mode="nearest")
    seen = look(near, origin, _rays(camera, NEAR), background.seed)
    cover = np.repeat((seen.which >= 0).astype(np.float64)[:, None], 3, axis=1)
    colour = _shaded(near, seen, light, np.eye(3)) * _shadow(seen, light) * cover
    soft = (SOFT * NEAR, SOFT * NEAR, 0)
    colour, cover = (gaussian_filter(x.reshape(NEAR, NEAR, 3), soft, mode="nearest") for x in (colour, cover))
    return behind, colour, cover


def _rays(camera: Camera, grid: int) -> np.ndarray:
    pixel = (np.arange(grid) + 0.5) * (camera.size / grid)
    u, v = np.meshgrid(pixel, pixel)
    return (np.stack([u, v, np.ones_like(u)], axis=-1) @ (np.linalg.inv(camera.K).T @ camera.R)).reshape(-1, 3)


def _turn(yaw: float, pitch: float, roll: float) -> tuple[tuple[float, float, float], ...]:
    rows = rotation(yaw, pitch, roll)
    return tuple((float(x), float(y), float(z)) for x, y, z in rows)


def _touching(kind: str, rng: np.random.Generator) -> list[Solid]:
    """What holds head and body, head frame."""
    linen, sheet = LINEN[rng.integers(len(LINEN))], LINEN[rng.integers(len(LINEN))]
    tilt, shift = rng.uniform(-6, 6, 3), rng.uniform(-0.03, 0.03, 2)
    if kind in ("bed_back", "bed_propped"):
        centre = (shift[0], 0.02 + shift[1], -0.155)
        wide, tall = rng.uniform(0.22, 0.33), rng.uniform(0.16, 0.22)
        pillows = [
            Solid("cushion", centre, (wide, tall, rng.uniform(0.07, 0.09)), linen, _turn(0, 0, tilt[2]), "creased")
        ]
        if kind == "bed_propped" and rng.random() < 0.7:
            lower = (shift[1], -0.22, -0.22)
            pillows.append(Solid("cushion", lower, (wide + 0.04, 0.26, 0.08), sheet, _turn(0, 0, tilt[1]), "creased"))
        return [*pillows, Solid("box", (0, -0.45, -0.3), (0.45, 0.95, 0.09), sheet, cloth="creased")]
    if POSTURES[kind].down:
        side = POSTURES[kind].down
        high = rng.uniform(0.06, 0.08)  # half the pillow's height
        pillow = Solid(
            "cushion", (side * (0.045 + high), 0.04 + shift[0], -0.12), (0.28, 0.2, high), linen,
            ((0, 1, 0), (0, 0, 1), (1, 0, 0)), "creased",
        )  # fmt: skip
        mattress = Solid("box", (side * 0.29, -0.5, -0.2), (0.09, 1.0, 0.45), sheet, cloth="creased")
        return [pillow, mattress]
    if kind == "treatment_chair":
        vinyl = VINYL[rng.integers(len(VINYL))]
        rest = Solid(
            "cushion", (0, 0.02 + shift[0], -0.15), (rng.uniform(0.13, 0.17), rng.uniform(0.1, 0.14), 0.065), vinyl
        )
        back = Solid("cushion", (0, -0.52, -0.25), (rng.uniform(0.27, 0.33), 0.37, 0.09), vinyl)
        paper = Solid("cushion", (0, 0.02 + shift[0], -0.148), (0.11, 0.15, 0.072), (0.8, 0.8, 0.79), cloth="creased")
        return [rest, back, *([paper] if rng.random() < 0.4 else [])]
    return []


def _standing(kind: str, rng: np.random.Generator) -> list[Solid]:
    """What stands in the room, and the room itself, in the room's frame."""
    back = -rng.uniform(1.3, 3.2)  # the wall behind
    pale = _colour(0.62 + rng.uniform(-0.12, 0.12) + rng.uniform(-0.05, 0.05, 3))
    furniture = _waiting(back, rng) if kind == "waiting_room" else _caring(back, pale, rng)
    return [*furniture, *_ceiling(back, rng), *_window(back, rng), *_walls(back, pale, rng)]


def _waiting(back: float, rng: np.random.Generator) -> list[Solid]:
    """A row of chairs along the wall, notices, a plant."""
    seat, first = _colour(rng.uniform(0.05, 0.4) + rng.uniform(-0.1, 0.15, 3)), rng.uniform(-1.9, -1.3)
    solids = []
    for x in first + 0.62 * np.arange(6):
        solids.append(Solid("cushion", (x, -0.42, back + 0.22), (0.25, 0.24, 0.04), seat, _turn(0, 8, 0)))
        solids.append(Solid("cushion", (x, -0.68, back + 0.45), (0.25, 0.05, 0.25), seat))
    for _ in range(rng.integers(1, 4)):
        at = (rng.uniform(-1.6, 1.6), rng.uniform(0.1, 0.7), back)
        size = (rng.uniform(0.15, 0.4), rng.uniform(0.15, 0.4), 0.02)
        solids.append(Solid("box", at, size, _colour(rng.uniform(0.35, 0.75) + rng.uniform(-0.15, 0.15, 3))))
    if rng.random() < 0.6:
        x = rng.choice([-1.0, 1.0]) * rng.uniform(0.7, 1.5)
        for _ in range(9):
            leaf = _colour(rng.uniform(0.5, 1.2) * np.array([0.05, 0.13, 0.04]))
            at = (x + rng.normal(0, 0.16), rng.uniform(-0.4, 0.35), back + 0.35 + rng.normal(0, 0.1))
            solids.append(Solid("cushion", at, (0.16, 0.09, 0.05), leaf, _turn(*rng.uniform(-60, 60, 3))))
        solids.append(Solid("cushion", (x, -0.75, back + 0.35), (0.16, 0.25, 0.16), (0.3, 0.2, 0.15)))
    return solids


def _caring(back: float, pale: Colour, rng: np.random.Generator) -> list[Solid]:
    """A curtain, another bed, monitors and cupboards, a stand with a bag."""
    solids = []
    if rng.random() < 0.75:
        cloth = _colour(rng.uniform(0.3, 0.6) * np.array([rng.uniform(0.6, 1), 1, rng.uniform(0.9, 1.15)]))
        at = (rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 1.6), -0.1, rng.uniform(0.75, 0.95) * back)
        size, turn = (rng.uniform(0.5, 1.1), 1.25, 0.03), _turn(rng.uniform(-25, 25), 0, 0)
        solids.append(Solid("box", at, size, cloth, turn, "pleated"))
    if rng.random() < 0.7:
        x, sheet = rng.uniform(-0.9, 0.9), LINEN[rng.integers(len(LINEN))]
        board = _colour(rng.uniform(0.7, 1.2) * np.array([0.4, 0.28, 0.17])) if rng.random() < 0.5 else pale
        solids.append(Solid("box", (x, -0.55, back + 0.15), (0.5, 0.33, 0.03), board))
        solids.append(Solid("cushion", (x, -0.4, back + 0.45), (0.36, 0.1, 0.24), LINEN[0], cloth="creased"))
        solids.append(Solid("box", (x, -0.72, back + 1.0), (0.5, 0.18, 0.8), sheet, cloth="creased"))
    for _ in range(rng.integers(1, 4)):
        x, y, wide, tall = rng.uniform(-1.5, 1.5), rng.uniform(0, 0.7), rng.uniform(0.1, 0.3), rng.uniform(0.08, 0.22)
        solids.append(Solid("box", (x, y, back + 0.1), (wide, tall, 0.08), _colour(np.full(3, rng.uniform(0.05, 0.6)))))
        if rng.random() < 0.4:
            screen = (0.85 * wide, 0.8 * tall, 0.002)
            solids.append(Solid("box", (x, y, back + 0.182), screen, (0.2, 0.45, 0.55), glow=0.7))
    if rng.random() < 0.5:
        x, z = rng.uniform(-1.0, 1.0), 0.6 * back
        solids.append(Solid("box", (x, -0.2, z), (0.012, 1.2, 0.012), (0.5, 0.5, 0.52)))
        solids.append(Solid("cushion", (x + 0.07, 0.45, z), (0.06, 0.12, 0.03), (0.72, 0.74, 0.72)))
    return solids


def _ceiling(back: float, rng: np.random.Generator) -> list[Solid]:
    """Some of the panels of a grid."""
    return [
        Solid("box", (x, 1.4, z), (0.3, 0.02, 0.3), (1.0, 1.0, 1.0), glow=rng.uniform(1.3, 2.2))
        for x in np.arange(-2.1, 2.2, 1.2) + rng.uniform(-0.4, 0.4)
        for z in (back + 0.7, back + 2.1, back + 3.5, back + 4.9)
        if rng.random() < 0.55
    ]


def _window(back: float, rng: np.random.Generator) -> list[Solid]:
    """None, or one in the wall behind or beside."""
    if rng.random() > 0.6:
        return []
    glow, tall, wide = rng.uniform(1.0, 2.2), rng.uniform(0.5, 0.75), rng.uniform(0.4, 0.9)
    if rng.random() < 0.5:
        at, glass, frame = (rng.uniform(-1.4, 1.4), 0.45, back), (wide, tall, 0.015), (wide + 0.05, tall + 0.05, 0.01)
    else:
        at = (rng.choice([-1.0, 1.0]) * 2.2, 0.45, rng.uniform(back + 0.6, 0.5))
        glass, frame = (0.015, tall, wide), (0.01, tall + 0.05, wide + 0.05)
    return [
        Solid("box", at, frame, (0.75, 0.75, 0.73)),
        Solid("box", at, glass, (0.93, 0.98, 1.03), glow=glow),
    ]


def _walls(back: float, pale: Colour, rng: np.random.Generator) -> list[Solid]:
    dado = _colour(np.array(pale) * rng.uniform(0.7, 1.0, 3))
    floor = _colour(rng.uniform(0.2, 0.45) * np.array([1.0, rng.uniform(0.94, 1.02), rng.uniform(0.82, 1.02)]))
    return [
        Solid("box", (0, 0, back - 0.1), (4, 3, 0.1), pale),
        Solid("box", (0, -0.45, back), (4, 0.08, 0.01), dado),
        Solid("box", (-2.3, 0, 0), (0.1, 3, 6), pale),
        Solid("box", (2.3, 0, 0), (0.1, 3, 6), pale),
        Solid("box", (0, 0, 5.5), (4, 3, 0.1), pale),
        Solid("box", (0, -1.0, 0), (4, 0.1, 6), floor),
        Solid("box", (0, 1.5, 0), (4, 0.1, 6), (0.78, 0.78, 0.77)),
    ]


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = (float(v) for v in np.clip(values, 0.02, 0.85))
    return red, green, blue


def _room(
    solids: list[Solid],
    light: Light,
    room: np.ndarray,
    origin: np.ndarray,
    rays: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Radiance [N, 3] of the room, without the shadows that nobody sees so far out of focus: corners are darker."""
    place = room @ origin
    if place[1] > HIGH:  # a lens over a bed looks through the ceiling
        solids = [solid for solid in solids if solid.centre[1] < HIGH]
    seen = look(solids, place, rays @ room.T, int(rng.integers(2**31)))
    colour = _shaded(solids, seen, light, room)
    edge = np.sort(np.abs(np.abs(seen.points) - [2.2, 1.15, 2.5]), axis=1)[:, 1]
    return colour * (0.72 + 0.28 * smoothstep(edge, 0.0, 0.5))[:, None]


def _shaded(solids: list[Solid], seen: Seen, light: Light, room: np.ndarray) -> np.ndarray:
    """Radiance [N, 3] that each line brings, without shadow; `room` turns the head frame to that of the solids."""
    albedo, glow = np.array([s.albedo for s in solids] + [(0, 0, 0)]), np.array([s.glow for s in solids] + [0.0])
    normals = seen.normals @ room
    lit = np.maximum(sh_basis(normals) @ light.environment, 0.0)
    for key in light.keys:
        wrap = 0.5 * key.softness
        lit = lit + np.maximum((normals @ np.asarray(key.direction) + wrap) / (1 + wrap), 0)[:, None] * key.colour
    shining = glow[seen.which][:, None]
    return albedo[seen.which] * np.where(shining > 0, shining, lit)


def _shadow(seen: Seen, light: Light) -> np.ndarray:
    """Share of the light [N, 1] that head and body leave to what they lie on: of all around by the solid angle of
    spheres, of the strongest key by how near its ray passes."""
    around, key = np.ones(len(seen.points)), np.ones(len(seen.points))
    strongest = max(light.keys, key=lambda one: sum(one.colour), default=None)
    for x, y, z, radius in BODY:
        away = np.array([x, y, z]) - seen.points
        far = np.maximum(np.linalg.norm(away, axis=1), radius)
        facing = np.clip((away * seen.normals).sum(axis=1) / far + 0.25, 0, 1)
        around *= 1 - 0.7 * facing * (radius / far) ** 2
        if strongest is not None:
            ahead = away @ np.asarray(strongest.direction)
            miss = np.sqrt(np.maximum(far**2 - ahead**2, 0)) - radius
            blur = 0.01 + (0.1 + 0.4 * strongest.softness) * np.maximum(ahead, 0)
            key *= np.where(ahead > 0, smoothstep(miss, -blur, blur), 1.0)
    share = 0.3 * (1 - 0.5 * strongest.softness) if strongest is not None else 0.0
    return (np.maximum(around, DEEPEST) * (1 - share + share * key))[:, None]
