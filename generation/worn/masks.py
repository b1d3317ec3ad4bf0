"""Masks over mouth and nose: the surgical mask of pleated cloth and the clear oxygen mask."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull

from threedpain.generation.geometry import smoothstep

from .glasses import ear_root
from .outside import Outside
from .piece import MEDICAL, Piece, lay, once, outward, rings, sheet_faces, spline, tube, tube_faces

CLOTHS = ((0.30, 0.50, 0.62), (0.36, 0.56, 0.66), (0.33, 0.55, 0.48), (0.72, 0.72, 0.71), (0.05, 0.05, 0.055))
ROWS, COLUMNS = 30, 49  # of the cloth's grid
WIDEST = np.radians(66.0)  # how far the cloth reaches around the face
OFF = 0.0022  # metres from skin to cloth


def wear_surgical_mask(skin: Outside, rng: np.random.Generator) -> list[Piece]:
    """Cloth from the bridge of the nose to under the chin, taut over nose and chin, with loops around the ears."""
    colour = np.array(CLOTHS[int(rng.integers(len(CLOTHS)))])
    u = rng.uniform(size=3)
    down = np.linspace(0, 1, ROWS)
    pleats = 3
    wave = (down * (pleats + 1)) % 1.0
    inner = (down > 0.14) & (down < 0.86)
    ridge = np.where(inner, 0.0012 * (1 - wave), 0.0)
    dark = np.where(inner, 1 - 0.28 * np.exp(-((wave / 0.10) ** 2)) - 0.10 * np.exp(-(((1 - wave) / 0.10) ** 2)), 1.0)
    hem = (down < 0.07) | (down > 0.93)
    tone = np.where(hem, 1.12, 1.0)

    place = once(lambda now: _cloth(skin, now, ridge, 0.30 + 0.12 * u[0]))

    rest = place(skin)
    faces = outward(rest, sheet_faces(ROWS, COLUMNS), rest - _out(rest))
    mask = Piece(
        place,
        faces,
        MEDICAL,
        np.clip(np.repeat(colour[None] * tone[:, None], COLUMNS, axis=0), 0, 0.8),
        finish="cloth",
        occlusion=np.repeat(dark, COLUMNS),
        flattens=np.pad(np.ones((ROWS - 2, COLUMNS - 2), bool), 1).ravel(),
    )
    loops = [_loop(skin, place, side, top) for side in (1, -1) for top in (True, False)]
    return [mask, *loops]


def _out(points: np.ndarray) -> np.ndarray:
    """Away from an axis within the head."""
    return points - [0.0, points[:, 1].mean(), 0.0]


def _cloth(rest: Outside, skin: Outside, ridge: np.ndarray, nose: float) -> np.ndarray:
    """The cloth's grid [ROWS x COLUMNS, 3] on an expression: out of the face's own convex hull, along rays from within
    the head, then down onto the skin along its edges."""
    marks = skin.marks
    v = skin.vertices[skin.ground.rows]
    top = nose * marks[29] + (1 - nose) * marks[28]
    bottom = max(marks[8, 1], rest.marks[8, 1] - 0.012) - 0.004  # a chin that drops farther comes out below
    lower = v[(v[:, 1] < top[1] + 0.012) & (v[:, 1] > bottom - 0.004) & (v[:, 2] > 0.0)]
    quiet = rest.vertices[skin.ground.rows]  # cloth keeps the room it has at rest
    quiet = quiet[(quiet[:, 1] < top[1]) & (quiet[:, 1] > rest.marks[8, 1]) & (quiet[:, 2] > 0.0)]
    planes = ConvexHull(np.concatenate([lower[::2], quiet[::4]])).equations
    turn = WIDEST * np.linspace(1, -1, COLUMNS)
    side = np.abs(turn) / WIDEST
    cheek, jaw = 0.5 * (marks[1, 1] + marks[15, 1]), 0.5 * (marks[4, 1] + marks[12, 1])
    high = top[1] + (0.5 * (cheek + top[1]) - 0.006 - top[1]) * smoothstep(side, 0.05, 0.9)
    low = bottom + (jaw - 0.004 - bottom) * smoothstep(side, 0.2, 1.0)
    down = np.linspace(0, 1, ROWS)[:, None]
    y = high + down * (low - high)
    origin = np.stack([0 * y, y, 0 * y + 0.012], axis=-1).reshape(-1, 3)
    origin[:, 1] = np.clip(origin[:, 1], lower[:, 1].min() + 0.001, lower[:, 1].max() - 0.001)
    ray = np.stack([np.sin(turn) + 0 * y, 0 * y, np.cos(turn) + 0 * y], axis=-1).reshape(-1, 3)
    rate = ray @ planes[:, :3].T
    room = -(origin @ planes[:, :3].T + planes[:, 3])
    reach = np.min(np.where(rate > 1e-9, np.maximum(room, 0) / np.maximum(rate, 1e-9), np.inf), axis=1)
    points = origin + reach[:, None] * ray
    grid = points.reshape(ROWS, COLUMNS, 3)
    for _ in range(3):  # cloth has no creases where the hull has edges
        middle = 0.25 * (grid[:-2, 1:-1] + grid[2:, 1:-1] + grid[1:-1, :-2] + grid[1:-1, 2:])
        grid = grid.copy()
        grid[1:-1, 1:-1] = 0.5 * grid[1:-1, 1:-1] + 0.5 * middle
    # The upper edge is pinched onto nose and cheeks, the lower one runs under the chin.
    points = grid.reshape(-1, 3)
    edge = np.maximum(1 - smoothstep(np.repeat(down[:, 0], COLUMNS), 0.0, 0.22), 0.9 * (np.tile(side, ROWS) > 0.97))
    for _ in range(3):
        height, normal = skin.height(points)
        off = np.where(height > OFF, np.maximum(edge * (OFF - height), -0.004), (edge > 0.02) * (OFF - height))
        points = points + off[:, None] * normal
    ahead = _out(points)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    middle = smoothstep(np.repeat(down[:, 0], COLUMNS), 0.15, 0.45) * (1 - smoothstep(np.tile(side, ROWS), 0.5, 0.95))
    points = points + (np.repeat(ridge, COLUMNS) * np.tile(1 - 0.6 * side, ROWS) + 0.0035 * middle)[:, None] * ahead
    points = np.where((middle < 0.4)[:, None], skin.push_out(points, 0.8 * OFF), points)
    grid = points.reshape(ROWS, COLUMNS, 3)
    under = np.array([0.35, 0.7, 1.0])[:, None, None] * (1 - smoothstep(side, 0.5, 1.0))[None, :, None]
    grid[-3:] += under * [0.0, -0.005, -0.007]  # the lower edge runs under the chin
    return grid.reshape(-1, 3)


def _loop(skin: Outside, cloth, side: int, top: bool) -> Piece:
    """From a corner of the cloth to the ear."""
    corner = (0 if top else ROWS - 1) * COLUMNS + (0 if side > 0 else COLUMNS - 1)

    def path(now: Outside) -> tuple[np.ndarray, np.ndarray]:
        start, root = cloth(now)[corner], ear_root(now, side)
        ear = now.vertices[now.ground.ears]
        ear = ear[ear[:, 0] * side > 0]
        lobe = ear[np.argmin(ear[:, 1])] + [0.0, 0.012, -0.004]
        end = root if top else lobe
        controls = np.stack(
            [start, 0.5 * (start + end) + [0.001 * side, 0, 0], end, end + [0, -0.002 if top else 0.004, -0.014]]
        )
        return lay(now, spline(controls, 18), 0.0015, ears=False, hold=0.3)

    def place(now: Outside) -> np.ndarray:
        points, normal = path(now)
        return tube(points, normal, np.array([0.0009, 0.0016]), 6)

    faces = outward(place(skin), tube_faces(18, 6), rings(path(skin)[0], 6))
    return Piece(place, faces, MEDICAL, np.array([0.72, 0.72, 0.71]), finish="cloth")


def wear_oxygen_mask(skin: Outside, rng: np.random.Generator) -> list[Piece]:
    """A clear cup over nose and mouth with its rim on the skin, a connector with tube below and a strap to the ears."""
    green = rng.random() < 0.5
    tint = np.array([0.30, 0.52, 0.38]) if green else np.array([0.44, 0.47, 0.47])
    clear = (0.855, 0.93, 0.888) if green else (0.90, 0.93, 0.92)
    around, shells = 48, 9

    def rim(now: Outside) -> tuple[np.ndarray, np.ndarray]:
        m = now.marks
        left = [m[28] * 0.35 + m[29] * 0.65]
        for share, a, b in ((0.45, 35, 15), (0.30, 54, 14), (0.22, 54, 12)):
            left.append((1 - share) * m[a] + share * m[b])
        low = 0.62 * m[57] + 0.38 * m[8]
        right = []
        for share, a, b in ((0.22, 48, 4), (0.30, 48, 2), (0.45, 31, 1)):
            right.append((1 - share) * m[a] + share * m[b])
        controls = np.stack([*left, low + [0.014, 0, 0], low - [0.014, 0, 0], *right])
        return lay(now, spline(controls, around, closed=True), 0.0018, closed=True)

    rim = once(rim)

    @once
    def cup(now: Outside) -> np.ndarray:
        edge, _ = rim(now)
        nose = now.marks[30]
        centre = np.array([0.0, 0.45 * nose[1] + 0.55 * now.marks[62, 1], max(nose[2], now.marks[51, 2]) + 0.020])
        loops = []
        for s in np.linspace(0, 1, shells):
            wide = 1 - 0.62 * s**1.6
            loop = edge * [1, 1, 0] + (1 - wide) * ((centre - edge) * [1, 1, 0])
            loop[:, 2] = edge[:, 2] + (centre[2] - edge[:, 2]) * np.sin(0.5 * np.pi * s) ** 0.9
            loops.append(loop)
        whole = np.concatenate([*loops, centre[None] + [0, 0, 0.0015]])
        inner = np.arange(len(whole)) >= around
        pushed = now.push_out(whole, 0.0025)
        return np.where(inner[:, None], pushed, whole)

    faces = tube_faces(shells, around)
    last = (shells - 1) * around + np.arange(around)
    fan = np.stack([last, np.roll(last, -1), np.full(around, shells * around)], axis=1)
    rest = cup(skin)
    faces = outward(rest, np.concatenate([faces, fan]).astype(np.int32), np.array([0.0, rest[:, 1].mean(), 0.0]))
    pieces = [Piece(cup, faces, MEDICAL, np.ones(3), clear=clear, haze=0.035, gloss=1.0, shades=False)]

    def ring(now: Outside) -> np.ndarray:
        path, normal = rim(now)
        return tube(path, normal, np.array([0.0016, 0.0022]), 8, closed=True)

    pieces.append(
        Piece(
            ring, outward(ring(skin), tube_faces(around, 8, True), rings(rim(skin)[0], 8)), MEDICAL, np.ones(3),
            clear=(0.74 * clear[0], 0.74 * clear[1], 0.74 * clear[2]), haze=0.15,
        )
    )  # fmt: skip

    def pipe(now: Outside) -> np.ndarray:
        points = cup(now)
        end = points[-1]
        foot = end + [0.0, -0.012, -0.006]
        return spline(
            np.stack([foot, foot + [0, -0.014, 0.004], foot + [0.004, -0.05, 0.0], foot + [0.02, -0.13, -0.01]]), 22
        )

    def hose(now: Outside) -> np.ndarray:
        path = pipe(now)
        thick = np.where(np.arange(len(path)) < 5, 0.0070, 0.0029)
        return tube(path, np.array([0.0, 0.0, 1.0]), np.stack([thick, thick], axis=1), 12)

    pieces.append(
        Piece(hose, outward(hose(skin), tube_faces(22, 12), rings(pipe(skin), 12)), MEDICAL, tint, shades=False)
    )
    pieces += [_strap(skin, rim, side, tint) for side in (1, -1)]
    return pieces


def _strap(skin: Outside, rim, side: int, colour: np.ndarray) -> Piece:
    """The elastic band from the rim over the cheek and above the ear to behind the head."""

    def path(now: Outside) -> tuple[np.ndarray, np.ndarray]:
        edge, _ = rim(now)
        start = edge[np.argmax(side * edge[:, 0] - 0.3 * np.abs(edge[:, 1] - now.marks[33, 1]))]
        root = ear_root(now, side)
        over = root + [0.0, 0.012, -0.012]
        controls = np.stack(
            [
                start,
                0.5 * (start + root) + [0.004 * side, 0, 0.004],
                root + [0, 0.006, 0.006],
                over,
                over + [-0.004 * side, 0.004, -0.05],
            ]
        )
        return lay(now, spline(controls, 30), 0.0011, ears=False, hold=0.8)

    def place(now: Outside) -> np.ndarray:
        points, normal = path(now)
        return tube(points, normal, np.array([0.0006, 0.0032]), 8)

    return Piece(
        place, outward(place(skin), tube_faces(30, 8), rings(path(skin)[0], 8)), MEDICAL, colour, finish="cloth"
    )
