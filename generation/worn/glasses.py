"""Glasses: frames of many kinds as tubes on the nose and the ears, with clear, tinted or dark lenses.

Sizes in metres, after what opticians order by: lens 40 to 58 mm wide, bridge 14 to 22 mm, lens about 12 mm before the
cornea, fronts tilted by a few degrees.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from threedpain.generation.geometry import smoothstep

from .outside import Outside
from .piece import EYEWEAR, Piece, lay, once, outward, rings, smooth, spline, tube, tube_faces

AROUND = 56  # points of a lens' outline
VERTEX = 0.012  # from the cornea to the lens
CLEAR = 0.0012  # between frame and skin
RIDE = 0.005  # how far the skin may lift a front at most


@dataclass(frozen=True)
class Frame:
    tall: float  # height of the lens as a share of its width
    square: float  # exponent of the outline, 2 an ellipse
    flare: float  # how much wider the top is than the bottom
    wing: float  # how far the outer top corner rises, share of the height
    radius: float  # of the rim
    metal: bool
    rim: tuple[float, float] = (-10.0, 10.0)  # drawn where the sine of the angle around the lens lies between


FRAMES = {
    "round": Frame(0.94, 2.0, 0.0, 0.0, 0.0009, True),
    "panto": Frame(0.86, 2.4, 0.10, 0.0, 0.0019, False),
    "rectangle": Frame(0.62, 4.2, 0.03, 0.0, 0.0018, False),
    "slim": Frame(0.56, 3.6, 0.02, 0.0, 0.0008, True),
    "aviator": Frame(0.84, 2.7, 0.22, 0.0, 0.0008, True),
    "cat_eye": Frame(0.70, 3.0, 0.08, 0.14, 0.0020, False),
    "square": Frame(0.80, 3.4, 0.05, 0.0, 0.0022, False),
    "half_rim": Frame(0.60, 3.6, 0.05, 0.0, 0.0014, True, (-0.05, 10.0)),
    "rimless": Frame(0.64, 3.0, 0.04, 0.0, 0.0005, True, (9.0, 10.0)),
}
PLASTICS = (
    (0.012, 0.012, 0.013), (0.012, 0.012, 0.013), (0.045, 0.020, 0.010), (0.10, 0.045, 0.018), (0.012, 0.018, 0.045),
    (0.05, 0.008, 0.012), (0.10, 0.10, 0.105), (0.28, 0.17, 0.10),
)  # fmt: skip
METALS = ((0.40, 0.29, 0.12), (0.42, 0.42, 0.43), (0.13, 0.13, 0.135), (0.02, 0.02, 0.02), (0.36, 0.24, 0.17))
TINTS = ((0.62, 0.50, 0.38), (0.50, 0.52, 0.54), (0.48, 0.55, 0.46), (0.66, 0.48, 0.42))


def wear_glasses(skin: Outside, kind: str, rng: np.random.Generator) -> list[Piece]:
    """Glasses of a `kind` (glasses, tinted_glasses, sunglasses) that sit on this head at rest."""
    names = ("rectangle", "square", "aviator", "panto", "cat_eye") if kind == "sunglasses" else tuple(FRAMES)
    frame = FRAMES[names[int(rng.integers(len(names)))]]
    colours = METALS if frame.metal else PLASTICS
    colour = np.array(colours[int(rng.integers(len(colours)))])
    tint = TINTS[int(rng.integers(len(TINTS)))]
    u = rng.uniform(size=4)
    marks, bust = skin.marks, skin.ground.bust
    eyes = bust.eye_centres.astype(np.float64)
    between = 0.016 + 0.004 * u[0]
    face = np.abs(marks[[0, 16], 0]).mean()
    wide = np.clip(2 * (0.93 + 0.05 * u[1]) * face - 0.012 - between, 0.084, 0.112) / 2
    tall = wide * frame.tall * (0.94 + 0.12 * u[2])
    middle = np.array([(between + wide) / 2, eyes[:, 1].mean() - 0.08 * tall - 0.001, 0.0])
    middle[2] = eyes[:, 2].mean() + bust.eye_radius + VERTEX + 0.002
    outline = [_outline(frame, wide, tall, middle, side) for side in (1, -1)]
    bridge, paths = _bridge(frame, outline), []
    front = np.concatenate([*outline, bridge])
    ahead = _freed(skin, front, frame.radius + CLEAR)
    tilt = np.radians(6.0)
    pivot = np.array([0.0, middle[1] + tall / 2, middle[2]])
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]])

    def set_(points):
        return (points - pivot) @ turn.T + pivot + [0.0, 0.0, ahead]

    outline, bridge = [set_(points) for points in outline], set_(bridge)
    ahead = _freed(skin, np.concatenate([*outline, bridge]), frame.radius + CLEAR)
    outline, bridge = [p + [0.0, 0.0, ahead] for p in outline], bridge + [0.0, 0.0, ahead]
    out = turn @ [0.0, 0.0, 1.0]
    front = np.concatenate([*outline, bridge])
    carry = _Carried(front, frame.radius)

    pieces = []
    sine = np.sin(_angles())
    for points in outline:
        drawn = (sine >= frame.rim[0]) & (sine <= frame.rim[1])
        if drawn.all():
            paths.append((points, True))
        elif drawn.any():
            first = np.flatnonzero(drawn & ~np.roll(drawn, 1))[0]
            paths.append((np.roll(points, -first, axis=0)[: int(drawn.sum())], False))
        pieces.append(_lens(points, out, kind, tint, carry))
        if not drawn.all():  # the polished edge of the bare lens
            edge = _rigid_tube(points, out, (0.0009, 0.0004), np.ones(3), carry, True)
            pieces.append(replace(edge, clear=(0.45, 0.47, 0.46), haze=0.10, shades=False))
    paths.append((bridge, False))
    if frame.metal:
        paths += [(path, False) for path in _pads(skin, outline, middle, between)]
    thick = frame.radius if not frame.metal else max(frame.radius, 0.0008)
    for path, closed in paths:
        pieces.append(_rigid_tube(path, out, (thick, 1.15 * thick), colour, carry, closed))
    for points, side in zip(outline, (1, -1), strict=True):
        pieces += _arm(skin, points, side, frame, colour, carry)
    return pieces


def _angles() -> np.ndarray:
    return 2 * np.pi * np.arange(AROUND) / AROUND


def _outline(frame: Frame, wide: float, tall: float, middle: np.ndarray, side: int) -> np.ndarray:
    """The edge of a lens [AROUND, 3], counted from the outer end upwards; `side` 1 is the subject's left."""
    angle = _angles()
    power = 2 / frame.square
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
    y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
    inner = smoothstep(-x, 0.2, 1.0) * smoothstep(-y, 0.1, 1.0)  # room for the nose
    x = x * (1 + frame.flare * (0.5 * y - 0.25)) + 0.22 * inner
    y = y + frame.wing * smoothstep(x, 0.3, 1.0) * smoothstep(y, 0.0, 1.0)
    x, y = 0.5 * wide * x, 0.5 * tall * y
    depth = -(x**2 + y**2) / (2 * 0.16) - 0.09 * (x + wide / 2)  # a base curve, and wrapped round the face a little
    flat = np.stack([middle[0] + x, middle[1] + y, middle[2] + depth], axis=1)
    return flat * [side, 1, 1]


def _bridge(frame: Frame, outline: list[np.ndarray]) -> np.ndarray:
    """From rim to rim over the nose [13, 3]."""
    left = outline[0]
    inner = left[np.argmin(np.abs(_angles() - np.pi * (0.86 if frame.metal else 0.88)))]
    across = np.linspace(1, -1, 13)
    path = np.stack([inner[0] * across, np.full(13, inner[1]), np.full(13, inner[2])], axis=1)
    path[:, 1] += 0.0022 * (1 - across**2)
    path[:, 2] += 0.0025 * (1 - across**2)
    return path


def _freed(skin: Outside, points: np.ndarray, clearance: float) -> float:
    """How far forward points must move together until all are `clearance` above the skin, metres."""
    ahead = 0.0
    for _ in range(6):
        height, normal = skin.height(points + [0.0, 0.0, ahead])
        lack = (clearance - height) / np.maximum(normal[:, 2], 0.45)
        if lack.max() < 1e-5:
            break
        ahead += float(lack.max())
    return ahead


class _Carried:
    """How the skin of an expression lifts the front off its place: glasses ride up and forward on cheeks, a little."""

    def __init__(self, front: np.ndarray, clearance: float) -> None:
        self.front, self.clearance = front, clearance
        self.shift = once(self._shift)

    def _shift(self, skin: Outside) -> np.ndarray:
        ahead = min(_freed(skin, self.front, self.clearance), RIDE)
        return np.array([0.0, 0.35 * ahead, ahead])

    def path(self, skin: Outside, points: np.ndarray, closed: bool) -> np.ndarray:
        """Points [P, 3] of the front on an expression; what the skin still reaches bends out of its way."""
        points = points + self.shift(skin)
        height, normal = skin.height(points)
        lack = np.maximum(self.clearance - height, 0)
        return points + smooth(lack[:, None] * normal, 2, closed) if lack.any() else points


def _rigid_tube(path, up, radii, colour, carry: _Carried, closed: bool) -> Piece:
    up = np.broadcast_to(up, path.shape)
    faces = outward(tube(path, up, radii, 8, closed), tube_faces(len(path), 8, closed), rings(path, 8))
    return Piece(lambda skin: tube(carry.path(skin, path, closed), up, radii, 8, closed), faces, EYEWEAR, colour)


def _lens(points, out, kind: str, tint, carry: _Carried) -> Piece:
    """A lens within its edge: rings towards the middle, bulging forward."""
    centre = points.mean(axis=0)
    shares = (0.995, 0.8, 0.55, 0.25)
    bulge = 0.0035
    loops = [centre + s * (points - centre) + out * bulge * (1 - s**2) for s in shares]
    whole = np.concatenate([*loops, centre[None] + out * bulge])
    faces = tube_faces(len(shares), AROUND)
    last = (len(shares) - 1) * AROUND + np.arange(AROUND)
    fan = np.stack([last, np.roll(last, -1), np.full(AROUND, len(whole) - 1)], axis=1)
    faces = outward(whole, np.concatenate([faces, fan]).astype(np.int32), whole - out)

    def place(skin: Outside) -> np.ndarray:
        return skin.push_out(whole + carry.shift(skin), 0.0)

    if kind == "sunglasses":
        return Piece(place, faces, EYEWEAR, 0.35 * np.array(tint) * [0.05, 0.05, 0.06], shades=False)
    clear = tint if kind == "tinted_glasses" else (0.95, 0.96, 0.955)
    return Piece(place, faces, EYEWEAR, np.ones(3), clear=clear, gloss=0.5, shades=False)


def _pads(skin: Outside, outline: list[np.ndarray], middle: np.ndarray, between: float) -> list[np.ndarray]:
    """Little arms from the rims to the sides of the nose, [7, 3] each."""
    paths = []
    for points in outline:
        start = points[np.argmin(np.abs(_angles() - 1.06 * np.pi))]
        foot = start * [0.72, 1, 1] + [0.0, -0.004, -0.007]
        foot = skin.push_out(foot[None], 0.0012)[0]
        path = spline(np.stack([start, 0.5 * (start + foot) + [0, 0.001, -0.001], foot, foot + [0, -0.004, 0]]), 7)
        paths.append(skin.push_out(path, 0.0010))
    return paths


def _arm(skin: Outside, points: np.ndarray, side: int, frame: Frame, colour, carry: _Carried) -> list[Piece]:
    """The temple: from the hinge past the temple of the head, over the root of the ear and down behind it."""
    hinge = points[np.argmin(np.abs(_angles() - 0.16 * np.pi))]
    ear = skin.vertices[skin.ground.ears]
    ear = ear[ear[:, 0] * side > 0]
    root = ear_root(skin, side)
    corner = hinge + [0.0025 * side, 0.0, -0.004]
    controls = np.stack(
        [
            hinge,
            corner,
            0.5 * (corner + root) + [0.001 * side, 0.0, 0.0],
            root,
            root + [0.0, -0.004, -0.014],
            root + [-0.001 * side, -0.022, -0.024],
        ]
    )
    path = spline(controls, 30)
    path[:, 0] = side * np.maximum(side * path[:, 0], 0)
    beyond = np.arange(len(path)) > 2
    high = (0.0013, 0.0007) if frame.metal else (0.0024, 0.0012)
    reach = max(high)
    laid, _ = lay(skin, path, reach + 0.0003, ears=False, hold=0.0)
    path = np.where(beyond[:, None], laid, path)
    path = smooth(path, 2)
    still = smoothstep(np.linalg.norm(path - hinge, axis=1), 0.0, float(np.linalg.norm(root - hinge)))
    faces = tube_faces(len(path), 8)
    up = np.array([0.0, 1.0, 0.15])
    faces = outward(tube(path, up, high), faces, rings(path, 8))

    def place(here: Outside) -> np.ndarray:
        moved = path + (1 - still)[:, None] * carry.shift(here)
        moved[3:] = here.push_out(moved[3:], reach, ears=False)
        moved = smooth(moved, 1)
        for _ in range(3):
            moved[3:] = here.push_out(moved[3:], reach + 0.0002, ears=False)
        return tube(moved, up, high)

    return [Piece(place, faces, EYEWEAR, colour)]


def ear_root(skin: Outside, side: int) -> np.ndarray:
    """Where what hangs over an ear lies: between its upper rim and the skull."""
    rows = skin.ground.ears
    ear = skin.vertices[rows]
    ear = ear[ear[:, 0] * side > 0]
    low, top = ear[:, 1].min(), ear[:, 1].max()
    height = low + 0.86 * (top - low)
    level = ear[np.abs(ear[:, 1] - height) < 0.006]
    ahead = level[:, 2].max()
    root = level[level[:, 2] > ahead - 0.008].mean(axis=0)
    for _ in range(2):
        high, out = skin.height(root[None], ears=False)
        root = root + (0.0012 - high[0]) * out[0]
    return root
