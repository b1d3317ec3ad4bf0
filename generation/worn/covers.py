"""What lies before a face for a moment: a hand, one's own or another's, the edge of a blanket, a tissue in the hand.

They are placed against the skin of each expression: they rest on what stands out most, and give way a little to it.
Hands are of the mask's class neck (the body's skin), blanket and tissue of clothes.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull

from threedpain.generation.geometry import smoothstep
from threedpain.generation.records import MASK_CLASSES

from .hand import hand
from .outside import Outside
from .piece import Piece, once, outward, sheet_faces

NECK, CLOTH = MASK_CLASSES.index("neck"), MASK_CLASSES.index("clothes")
OTHERS = ((0.50, 0.33, 0.25), (0.38, 0.23, 0.16), (0.24, 0.13, 0.085), (0.11, 0.058, 0.04))  # hands of other people
BLANKETS = ((0.42, 0.44, 0.46), (0.52, 0.51, 0.48), (0.16, 0.25, 0.36), (0.32, 0.38, 0.30), (0.30, 0.22, 0.25))
PRESSED = 0.0035  # metres that a hand gives way to what stands out of a face


def cover_face(skin: Outside, name: str, rng: np.random.Generator, own: np.ndarray) -> list[Piece]:
    """The cover of this name (`limits.COVERS`) before a face; `own`: linear colour of the person's own skin [3]."""
    u = rng.uniform(size=6)
    side = 1 if u[0] < 0.5 else -1
    if name == "blanket":
        return [_blanket(skin, np.array(BLANKETS[int(len(BLANKETS) * u[1])]), 0.2 + 0.8 * u[2], 2 * np.pi * u[3:6])]
    strange = name != "tissue" and u[1] < 0.3
    colour = np.array(OTHERS[int(len(OTHERS) * u[2])]) if strange else own
    pieces = [_hand(skin, name, side, colour, u, lift=0.003 if name == "tissue" else 0.0)]
    if name == "tissue":
        pieces.append(_tissue(skin, side, 2 * np.pi * u[2:6]))
    return pieces


def _hand(skin: Outside, name: str, side: int, colour: np.ndarray, u: np.ndarray, lift: float) -> Piece:
    """A hand that comes from the subject's `side` (1 left)."""
    marks = skin.marks
    outer, inner = (marks[15], marks[54]) if side > 0 else (marks[1], marks[48])
    brow = marks[24] if side > 0 else marks[19]
    if name in ("mouth_hand", "tissue"):
        spot, out = 0.4 * marks[51] + 0.6 * marks[57] + [0.004 * side, -0.008, 0], np.array([0.12 * side, -0.08, 1.0])
        along, reach = np.array([-0.95 * side, 0.38 + 0.3 * (u[3] - 0.5), 0.0]), 0.095
    elif name == "cheek_hand":
        spot, out = 0.5 * outer + 0.3 * inner + 0.2 * marks[30], np.array([0.85 * side, -0.05, 0.62])
        along, reach = np.array([0.10 * side, 1.0, 0.25 * (u[3] - 0.5)]), 0.080
    else:
        spot = brow + [0.004 * side, 0.014, 0.0]
        out = np.array([0.42 * side, 0.18, 1.0])
        along, reach = np.array([-0.72 * side, 0.62 + 0.3 * (u[3] - 0.5), 0.0]), 0.100
    out /= np.linalg.norm(out)
    along = along - (along @ out) * out
    along /= np.linalg.norm(along)
    frame = np.stack([np.cross(along, out), along, out])  # rows: the hand's own axes, head frame
    elbow = frame @ np.array([0.45 * side, -1.0, -0.05])
    right = side < 0
    if not right:
        elbow = elbow * [-1, 1, 1]
    elbow[2] = min(elbow[2], 0.35)
    points, faces, red = hand(np.full(4, 0.16 + 0.20 * u[4]) * [0.9, 1.0, 1.1, 1.2], elbow, right)
    points = (points - [0.0, reach, 0.0]) @ frame + spot
    points = points + 0.05 * out

    @once
    def place(now: Outside) -> np.ndarray:
        """Moved along `out` until it rests on the face, and pressed in where the face stands out of it."""
        here = points + _shifted(skin, now, spot)
        few = np.arange(0, len(here), 9)
        here = here - _way(now, here[few], out, lift, 3, 0.004) * out
        away, _ = now.around(here, 2, 0.02)
        close = np.flatnonzero(np.isfinite(away[:, 0]))  # the rest of a hand and its arm touch nothing
        here = here - _way(now, here[close], out, lift, 3, 0.01) * out
        doubtful = close
        for _ in range(4):  # where skin folds, the way out is not found at once
            height, normal = now.height(here[doubtful])
            inside = (height < 0.0005 + lift) & (height > -0.03)
            doubtful = doubtful[inside]
            here[doubtful] += (0.0005 + lift - height[inside])[:, None] * normal[inside]
        return here

    tint = 1 + red[:, None] * np.array([0.10, -0.06, -0.05])
    return Piece(place, faces, NECK, np.clip(colour * tint, 0, 0.9), finish="flesh", shades=False, rest=points)


def _way(now: Outside, points: np.ndarray, out: np.ndarray, lift: float, rounds: int, share: float) -> float:
    """How far points move back along `out`, metres, until all but a `share` of them rest on the face."""
    way, before = 0.0, now.near()
    for _ in range(rounds):
        height, normal = now.height(points - way * out, near=before)
        facing = (np.abs(height) < 0.08) & (normal @ out > 0.25)
        if not facing.any():
            break
        room = (height[facing] - lift) / np.maximum(normal[facing] @ out, 0.4)
        way += float(np.quantile(room, share)) + PRESSED
    return way


def _shifted(rest: Outside, now: Outside, spot: np.ndarray) -> np.ndarray:
    """How far the skin around a spot of the face at rest has moved, [3]."""
    rows = rest.ground.rows
    near = rows[np.argsort(((rest.vertices[rows] - spot) ** 2).sum(axis=1))[:40]]
    return (now.vertices[near] - rest.vertices[near]).mean(axis=0)


def _ahead(planes: np.ndarray, x: np.ndarray, y: np.ndarray, least: float) -> np.ndarray:
    """How far forward cloth lies that falls on a convex body from the front, at places (x, y)."""
    front = planes[planes[:, 2] > 0.02]
    z = -(np.outer(x, front[:, 0]) + np.outer(y, front[:, 1]) + front[:, 3]) / front[:, 2]
    return np.maximum(z.min(axis=1), least)


def _blanket(skin: Outside, colour: np.ndarray, high: float, phase: np.ndarray) -> Piece:
    """A blanket drawn up to chin or mouth: it falls over chin, neck and shoulders, with a turned hem and folds."""
    rows, columns = 44, 81

    @once
    def place(now: Outside) -> np.ndarray:
        marks = now.marks
        v = now.vertices[now.ground.rows]
        top = (1 - high) * (marks[8, 1] - 0.006) + high * marks[51, 1]
        planes = ConvexHull(v[(v[:, 1] < top + 0.03) & (v[:, 2] > -0.06)][::3]).equations
        across = np.linspace(0.30, -0.30, columns)
        down = np.linspace(0, 1, rows)[:, None] ** 1.3
        edge = top - 0.10 * smoothstep(np.abs(across), 0.05, 0.30) + 0.004 * np.sin(24 * across + phase[0])
        y = edge - 0.34 * down
        x = across + 0 * y
        z = _ahead(planes, x.ravel(), y.ravel(), -0.05).reshape(y.shape)
        for _ in range(4):
            z[1:-1, 1:-1] = np.maximum(z[1:-1, 1:-1], 0.25 * (z[:-2, 1:-1] + z[2:, 1:-1] + z[1:-1, :-2] + z[1:-1, 2:]))
        folds = np.sin(38 * x + 9 * y + phase[1]) + 0.7 * np.sin(-21 * x + 34 * y + phase[2])
        z = z + 0.008 + 0.0055 * folds * smoothstep(down, 0.06, 0.35) + 0.004 * np.exp(-((down / 0.05) ** 2))
        z[0] -= 0.004  # the hem turns back to the skin
        points, before = np.stack([x, y, z], axis=-1).reshape(-1, 3), now.near()
        for _ in range(3):
            points = now.push_out(points, 0.004, near=before)
        return points

    rest = place(skin)
    hem = np.repeat(np.linspace(0, 1, rows) ** 1.3 < 0.10, columns)
    return Piece(
        place,
        outward(rest, sheet_faces(rows, columns), rest - [0.0, 0.0, 1.0]),
        CLOTH,
        np.clip(colour * np.where(hem, 1.08, 1.0)[:, None], 0, 0.85),
        finish="cloth",
    )


def _tissue(skin: Outside, side: int, phase: np.ndarray) -> Piece:
    """Crumpled paper held before nose and mouth."""
    rows, columns = 30, 36

    @once
    def place(now: Outside) -> np.ndarray:
        marks = now.marks
        v = now.vertices[now.ground.rows]
        middle = 0.55 * marks[33] + 0.45 * marks[57]
        body = v[(np.abs(v[:, 1] - middle[1]) < 0.06) & (v[:, 2] > 0.02)]
        planes = ConvexHull(body[::2]).equations
        s, t = np.meshgrid(np.linspace(-1, 1, columns), np.linspace(1, -1, rows))
        ragged = 1 + 0.07 * np.sin(7 * s + phase[0]) + 0.07 * np.sin(6 * t + phase[1])
        x, y = middle[0] - side * 0.046 * s * ragged + 0.012 * t, middle[1] + 0.042 * t * ragged - 0.012 * side * s
        z = _ahead(planes, x.ravel(), y.ravel(), 0.02).reshape(x.shape)
        crumple = np.sin(9 * s - 5 * t + phase[2]) + np.sin(6 * s + 11 * t + phase[3])
        z = z + 0.0040 + 0.0009 * crumple
        points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
        low = points[:, 1] < marks[8, 1] + 0.01  # beyond the chin the hull ends
        return np.where(low[:, None], now.push_out(now.push_out(points, 0.002), 0.002), points)

    rest = place(skin)
    return Piece(
        place,
        outward(rest, sheet_faces(rows, columns), rest - [0.0, 0.0, 1.0]),
        CLOTH,
        np.array([0.78, 0.78, 0.77]),
        finish="cloth",
        flattens=np.pad(np.ones((rows - 2, columns - 2), bool), 1).ravel(),
    )
