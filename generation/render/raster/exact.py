"""A CPU rasterizer with PyTorch3D's conventions: which triangle each pixel sees, how deep, and where on the triangle.

Frames. Vertices arrive as PyTorch3D's rasterizer takes them: x and y in normalised device coordinates (+x left, +y up,
the shorter side of the picture spans -1..1), z the distance along the optical axis. `generation.frames.to_ndc` makes
them.

PyTorch3D's CPU path tests every pixel against every triangle. Here each triangle visits only the pixels of its own
rows and spans, in the order of the faces, and evaluates at each the very same float32 expressions, so that the
winners, the order and the padding agree. Two kernels: `visibility` finds the nearest faces and depths, `attributes`
computes barycentric coordinates and distances for the winners alone.

Limits, both PyTorch3D's own: a triangle with a vertex nearer than 1e-8 is left out (clip it with `z_clip_value`), and
nothing is differentiable. Pixels whose centre lies on an edge within rounding may fall to either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from threedpain.errors import InvalidInput
from threedpain.generation.compiling import njit

from .clip import clip, unclip
from .settings import Fragments, RasterizationSettings, image_shape

PLAIN = RasterizationSettings()
EPSILON = np.float32(1e-8)  # PyTorch3D's kEpsilon
FAR_AWAY = 64.0  # triangles reaching further than this many half pictures skip the spans: rounding could exceed a pixel


class CpuRasterizer:
    """Rasterize a batch of meshes, each into its own picture. `threads` split the rows of the pictures."""

    def __init__(self, settings: RasterizationSettings = PLAIN, threads: int = 1):
        if settings.faces_per_pixel < 1:
            raise InvalidInput(f"faces_per_pixel must be 1 or more, got {settings.faces_per_pixel}")
        if settings.blur_radius < 0:
            raise InvalidInput(f"blur_radius must be 0 or more, got {settings.blur_radius}")
        self.settings = settings
        self.threads = threads

    def __call__(self, vertices: Sequence[np.ndarray], faces: Sequence[np.ndarray]) -> Fragments:
        """vertices: float [V_n, 3] per mesh (NDC x, NDC y, depth); faces: int [F_n, 3] per mesh."""
        import torch

        if len(vertices) != len(faces):
            raise InvalidInput(
                f"expected one array of faces a mesh, got {len(vertices)} meshes and {len(faces)} arrays"
            )
        counts = np.array([len(f) for f in faces], np.int64)
        corners = [np.asarray(v, np.float32)[np.asarray(f, np.int64)] for v, f in zip(vertices, faces, strict=True)]
        corners = np.concatenate([np.zeros((0, 3, 3), np.float32), *[c.reshape(-1, 3, 3) for c in corners]])
        return Fragments(*(torch.from_numpy(a) for a in rasterize(corners, counts, self.settings, self.threads)))


def rasterize(corners: np.ndarray, counts: np.ndarray, settings: RasterizationSettings, threads: int = 1):
    """Packed triangles float32 [F, 3, 3] and faces per mesh int64 [N] -> the four arrays of `Fragments`."""
    height, width = image_shape(settings.image_size)
    clipped = clip(corners, counts, settings)
    blur = np.float32(settings.blur_radius)
    clamp = settings.clip_barycentric_coords
    clamp = bool(blur > 0) if clamp is None else clamp
    shape = (len(counts), height, width, settings.faces_per_pixel)
    winners = np.full(shape, -1, np.int32)
    zbuf = np.full(shape, -1, np.float32)
    bary = np.full((*shape, 3), -1, np.float32)
    dists = np.full(shape, -1, np.float32)
    xs, ys = pixel_centres(width, height), pixel_centres(height, width)
    ends = np.cumsum(clipped.counts)

    def band(job):
        n, top, bottom = job
        visibility(
            clipped.corners,
            ends[n] - clipped.counts[n],
            ends[n],
            clipped.neighbours,
            xs,
            ys,
            top,
            bottom,
            blur,
            settings.perspective_correct,
            clamp,
            settings.cull_backfaces,
            winners[n],
            zbuf[n],
        )
        attributes(
            clipped.corners, xs, ys, top, bottom, settings.perspective_correct, clamp, winners[n], bary[n], dists[n]
        )

    bands = max(1, min(threads, height))
    edges = [height * i // bands for i in range(bands + 1)]
    jobs = [(n, a, b) for n in range(len(counts)) for a, b in pairwise(edges)]
    if bands == 1:
        for job in jobs:
            band(job)
    else:
        with ThreadPoolExecutor(bands) as pool:
            list(pool.map(band, jobs))
    pix_to_face, bary = unclip(clipped, winners.astype(np.int64), bary)
    return pix_to_face, zbuf, bary, dists


def pixel_centres(size: int, other: int) -> np.ndarray:
    """NDC coordinate of each pixel along an axis of `size` pixels, float32 [size]; pixel 0 has the largest
    coordinate."""
    span = np.float32(size * np.float32(2) / other) if size > other else np.float32(2)
    offset = span / np.float32(2)
    index = np.arange(size - 1, -1, -1).astype(np.float32)
    return -offset + (span * index + offset) / np.float32(size)


@njit(cache=True, inline="always")
def _edge(px, py, ax, ay, bx, by):
    return (px - ax) * (by - ay) - (py - ay) * (bx - ax)


@njit(cache=True, inline="always")
def _segment(px, py, ax, ay, bx, by):
    """Squared distance of a point to a segment."""
    dx, dy = bx - ax, by - ay
    length = dx * dx + dy * dy
    if length <= EPSILON:
        return (px - bx) * (px - bx) + (py - by) * (py - by)
    t = (dx * (px - ax) + dy * (py - ay)) / length
    t = min(max(t, np.float32(0)), np.float32(1))
    qx, qy = px - (ax + t * dx), py - (ay + t * dy)
    return qx * qx + qy * qy


@njit(cache=True)
def _distance(tri, px, py):
    """Squared distance of a point to the nearest edge of a triangle [3, 3]."""
    a = _segment(px, py, tri[0, 0], tri[0, 1], tri[1, 0], tri[1, 1])
    b = _segment(px, py, tri[0, 0], tri[0, 1], tri[2, 0], tri[2, 1])
    c = _segment(px, py, tri[1, 0], tri[1, 1], tri[2, 0], tri[2, 1])
    return min(a, b, c)


@njit(cache=True, inline="always")
def _weights(e0, e1, e2, area, z0, z1, z2, perspective):
    """Barycentric coordinates from the three edge functions, perspective-corrected if asked."""
    b0, b1, b2 = e0 / area, e1 / area, e2 / area
    if perspective:
        t0, t1, t2 = b0 * z1 * z2, z0 * b1 * z2, z0 * z1 * b2
        total = max(t0 + t1 + t2, EPSILON)
        b0, b1, b2 = t0 / total, t1 / total, t2 / total
    return b0, b1, b2


@njit(cache=True, inline="always")
def _clamped(b0, b1, b2):
    b0, b1, b2 = max(b0, np.float32(0)), max(b1, np.float32(0)), max(b2, np.float32(0))
    total = max(b0 + b1 + b2, np.float32(1e-5))
    return b0 / total, b1 / total, b2 / total


@njit(cache=True, inline="always")
def _cut(low, high, slope, offset):
    """Keep the part of low..high where slope * x + offset >= 0."""
    if slope > 0.0:
        low = max(low, -offset / slope)
    elif slope < 0.0:
        high = min(high, -offset / slope)
    elif offset < 0.0:
        high = low - 1e30
    return low, high


@njit(cache=True, nogil=True)
def visibility(corners, start, stop, neighbours, xs, ys, top, bottom, blur, perspective, clamp, cull, winners, zbuf):
    """Enter faces start..stop of `corners` [F, 3, 3] into the rows top..bottom of winners int32 and zbuf float32 [H,
    W, K]."""
    height, width, depth = winners.shape
    reach = np.sqrt(blur)
    step_x = (xs[0] - xs[width - 1]) / (width - 1) if width > 1 else 2.0
    step_y = (ys[0] - ys[height - 1]) / (height - 1) if height > 1 else 2.0
    first_x, first_y = np.float64(xs[0]), np.float64(ys[0])
    for f in range(start, stop):
        tri = corners[f]
        x0, y0, z0 = tri[0, 0], tri[0, 1], tri[0, 2]
        x1, y1, z1 = tri[1, 0], tri[1, 1], tri[1, 2]
        x2, y2, z2 = tri[2, 0], tri[2, 1], tri[2, 2]
        near = min(z0, z1, z2)
        if not near >= EPSILON:
            continue
        area = _edge(x0, y0, x1, y1, x2, y2)
        if (cull and area < 0) or not (area > EPSILON or area < -EPSILON):
            continue
        left, right = min(x0, x1, x2) - reach, max(x0, x1, x2) + reach
        low, high = min(y0, y1, y2) - reach, max(y0, y1, y2) + reach
        if not (right > -1e30 and left < 1e30 and high > -1e30 and low < 1e30):
            continue
        row = max(top, int(min(max((first_y - high) / step_y - 1.0, 0.0), 1e6)))
        last_row = min(bottom - 1, int(min(max((first_y - low) / step_y + 1.0, -1.0), 1e6)))
        if row > last_row:
            continue
        box_first = int(min(max((first_x - right) / step_x - 1.0, 0.0), 1e6))
        box_last = min(width - 1, int(min(max((first_x - left) / step_x + 1.0, -1.0), 1e6)))
        if box_first > box_last:
            continue
        spans = blur == 0 and box_last - box_first > 5 and max(abs(left), abs(right), abs(low), abs(high)) < FAR_AWAY
        divisor = _edge(x2, y2, x0, y0, x1, y1) + EPSILON
        sign = 1.0 if divisor > 0 else -1.0
        neighbour = neighbours[f]
        # Interpolated depth cannot round below this; weights left unnormalised sum to less than 1 on tiny triangles.
        hit_before = near * np.float32(0.999999) if perspective or clamp else np.float32(0)
        for yi in range(row, last_row + 1):
            py = ys[yi]
            if py > high or py < low:
                continue
            k0, k1, k2 = (py - y1) * (x2 - x1), (py - y2) * (x0 - x2), (py - y0) * (x1 - x0)
            first, last = box_first, box_last
            if spans:  # where the row crosses the edges, one pixel wider on either side
                a, b = np.float64(left), np.float64(right)
                d0, d1, d2 = np.float64(y2 - y1) * sign, np.float64(y0 - y2) * sign, np.float64(y1 - y0) * sign
                a, b = _cut(a, b, d0, -np.float64(x1) * d0 - np.float64(k0) * sign)
                a, b = _cut(a, b, d1, -np.float64(x2) * d1 - np.float64(k1) * sign)
                a, b = _cut(a, b, d2, -np.float64(x0) * d2 - np.float64(k2) * sign)
                margin = 1.5 * step_x
                if a > b + 2 * margin:
                    continue
                first = max(first, int(max((first_x - b) / step_x - 0.5, 0.0)))
                last = min(last, int(max((first_x - a) / step_x + 1.5, -1.0)))
            for xi in range(first, last + 1):
                if zbuf[yi, xi, depth - 1] >= 0 and hit_before > zbuf[yi, xi, depth - 1] and neighbour < 0:
                    continue
                px = xs[xi]
                e0 = (px - x1) * (y2 - y1) - k0
                e1 = (px - x2) * (y0 - y2) - k1
                e2 = (px - x0) * (y1 - y0) - k2
                if blur == 0:
                    if divisor > 0:
                        if not (e0 > 0 and e1 > 0 and e2 > 0):
                            continue
                    elif not (e0 < 0 and e1 < 0 and e2 < 0):
                        continue
                if px > right or px < left:
                    continue
                b0, b1, b2 = _weights(e0, e1, e2, divisor, z0, z1, z2, perspective)
                inside = b0 > 0 and b1 > 0 and b2 > 0
                if clamp:
                    b0, b1, b2 = _clamped(b0, b1, b2)
                z = b0 * z0 + b1 * z1 + b2 * z2
                if z < 0 or not (inside or _distance(tri, px, py) < blur):
                    continue
                slot = depth
                if neighbour >= 0:
                    for k in range(depth):
                        if winners[yi, xi, k] == neighbour:
                            slot = k
                if slot < depth:  # the other half of a clipped triangle: only the nearer half stays
                    if not _distance(tri, px, py) < _distance(corners[neighbour], px, py):
                        continue
                    while slot < depth - 1 and winners[yi, xi, slot + 1] >= 0:
                        winners[yi, xi, slot] = winners[yi, xi, slot + 1]
                        zbuf[yi, xi, slot] = zbuf[yi, xi, slot + 1]
                        slot += 1
                    winners[yi, xi, slot], zbuf[yi, xi, slot] = -1, -1
                elif winners[yi, xi, depth - 1] >= 0 and not z < zbuf[yi, xi, depth - 1]:
                    continue
                k = depth - 1
                while k > 0 and (winners[yi, xi, k - 1] < 0 or z < zbuf[yi, xi, k - 1]):
                    winners[yi, xi, k] = winners[yi, xi, k - 1]
                    zbuf[yi, xi, k] = zbuf[yi, xi, k - 1]
                    k -= 1
                winners[yi, xi, k] = f
                zbuf[yi, xi, k] = z


@njit(cache=True, nogil=True)
def attributes(corners, xs, ys, top, bottom, perspective, clamp, winners, bary, dists):
    """Barycentric coordinates and signed squared distances of the winners in the rows top..bottom."""
    _height, width, depth = winners.shape
    for yi in range(top, bottom):
        py = ys[yi]
        for xi in range(width):
            px = xs[xi]
            for k in range(depth):
                f = winners[yi, xi, k]
                if f < 0:
                    break
                tri = corners[f]
                x0, y0, x1, y1, x2, y2 = tri[0, 0], tri[0, 1], tri[1, 0], tri[1, 1], tri[2, 0], tri[2, 1]
                area = _edge(x2, y2, x0, y0, x1, y1) + EPSILON
                e0, e1, e2 = _edge(px, py, x1, y1, x2, y2), _edge(px, py, x2, y2, x0, y0), _edge(px, py, x0, y0, x1, y1)
                b0, b1, b2 = _weights(e0, e1, e2, area, tri[0, 2], tri[1, 2], tri[2, 2], perspective)
                inside = b0 > 0 and b1 > 0 and b2 > 0
                if clamp:
                    b0, b1, b2 = _clamped(b0, b1, b2)
                bary[yi, xi, k, 0], bary[yi, xi, k, 1], bary[yi, xi, k, 2] = b0, b1, b2
                distance = _distance(tri, px, py)
                dists[yi, xi, k] = -distance if inside else distance
