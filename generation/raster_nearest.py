"""The renderer's own visibility: the nearest triangle of each sample and nothing else, as fast as one core can.

The third coordinate of a vertex is its *nearness*, which must be affine in the picture: 1 / depth under perspective,
any constant minus the depth otherwise. It interpolates without a division. Against `raster.visibility` only samples
within rounding of an edge, or of two equal depths, may differ.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# A coverage test (hair, lashes): the first tested face; uv and opacity at the corners of each tested face [T, 3, 3];
# ranks uint8 [A, A], a pattern that repeats in uv. A sample of a tested face counts where the rank under its uv is
# below 255 x its opacity.
NO_TEST = (1 << 40, np.zeros((0, 3, 3), np.float32), np.zeros((1, 1), np.uint8))


@njit(cache=True, inline="always")
def centre(index, size):
    """NDC coordinate of a sample's centre."""
    return np.float32(1) - np.float32(2 * index + 1) / np.float32(size)


@njit(cache=True, inline="always")
def barycentric(px, py, a, b, c):
    """Weights of the corners a, b, c (NDC x, y, nearness) at a point of the picture, in space if nearness is 1 /
    depth."""
    w0 = ((px - b[0]) * (c[1] - b[1]) - (py - b[1]) * (c[0] - b[0])) * a[2]
    w1 = ((px - c[0]) * (a[1] - c[1]) - (py - c[1]) * (a[0] - c[0])) * b[2]
    w2 = ((px - a[0]) * (b[1] - a[1]) - (py - a[1]) * (b[0] - a[0])) * c[2]
    total = w0 + w1 + w2
    return w0 / total, w1 / total, w2 / total


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def nearest(vertices, faces, culled, test, winners, nearness):
    """Enter all faces into winners int32 (-1: none) and nearness float32 (0: none), both [S, S].

    vertices float32 [V, 3]: NDC x (left), NDC y (up), nearness (a face with a corner at 0 or less is left out); faces
    int32 [F, 3]. Of the first `culled` faces those turned away are left out. `test`: see NO_TEST.
    """
    tested, test_uv, ranks = test
    pattern = ranks.shape[0]
    size = winners.shape[0]
    half = np.float32(size / 2)
    zero = np.float32(0)
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        n0, n1, n2 = vertices[i, 2], vertices[j, 2], vertices[k, 2]
        if not (n0 > 0 and n1 > 0 and n2 > 0):
            continue
        # in samples: column to the right, row down, centres at whole numbers
        x0, y0 = (1 - vertices[i, 0]) * half - np.float32(0.5), (1 - vertices[i, 1]) * half - np.float32(0.5)
        x1, y1 = (1 - vertices[j, 0]) * half - np.float32(0.5), (1 - vertices[j, 1]) * half - np.float32(0.5)
        x2, y2 = (1 - vertices[k, 0]) * half - np.float32(0.5), (1 - vertices[k, 1]) * half - np.float32(0.5)
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)  # negative: seen from the front
        if f < culled and area > 0:
            continue
        low, high = max(min(y0, y1, y2), zero), min(max(y0, y1, y2), np.float32(size - 1))
        left, right = max(min(x0, x1, x2), zero), min(max(x0, x1, x2), np.float32(size - 1))
        if low > high or left > right or not abs(area) > np.float32(1e-9):
            continue
        top, bottom = int(np.ceil(low)), int(np.floor(high))
        begin, end = int(np.ceil(left)), int(np.floor(right))
        scale = 1 / area
        # edge functions over the area: the weights of the corners, affine in column and row
        ax, ay = (y1 - y2) * scale, (x2 - x1) * scale
        bx, by = (y2 - y0) * scale, (x0 - x2) * scale
        slack = np.float32(-1e-6)
        slope = ax * n0 + bx * n1 - (ax + bx) * n2
        for row in range(top, bottom + 1):
            y = np.float32(row)
            a_row = ay * (y - y2) - ax * x2
            b_row = by * (y - y2) - bx * x2
            n_row = a_row * n0 + b_row * n1 + (1 - a_row - b_row) * n2
            first, last = begin, end
            if last - first > 6:  # where the row crosses the edges
                near, far = np.float32(first), np.float32(last)
                for edge in range(3):
                    s = ax if edge == 0 else (bx if edge == 1 else -(ax + bx))
                    o = a_row if edge == 0 else (b_row if edge == 1 else 1 - a_row - b_row)
                    if s > np.float32(1e-12):
                        near = max(near, -o / s)
                    elif s < np.float32(-1e-12):
                        far = min(far, -o / s)
                first, last = max(first, int(near) - 1), min(last, int(far) + 2)
            if f >= tested:
                t = f - tested
                for column in range(first, last + 1):
                    x = np.float32(column)
                    a, b, n = a_row + ax * x, b_row + bx * x, n_row + slope * x
                    c = 1 - a - b
                    if a < slack or b < slack or c < slack or n <= nearness[row, column]:
                        continue
                    cover = a * test_uv[t, 0, 2] + b * test_uv[t, 1, 2] + c * test_uv[t, 2, 2]
                    if cover < 1:
                        u = a * test_uv[t, 0, 0] + b * test_uv[t, 1, 0] + c * test_uv[t, 2, 0]
                        v = a * test_uv[t, 0, 1] + b * test_uv[t, 1, 1] + c * test_uv[t, 2, 1]
                        p, q = int(np.floor(v * pattern)) & (pattern - 1), int(np.floor(u * pattern)) & (pattern - 1)
                        if not ranks[p, q] < cover * 255:
                            continue
                    winners[row, column] = f
                    nearness[row, column] = n
            else:
                for column in range(first, last + 1):
                    x = np.float32(column)
                    a, b, n = a_row + ax * x, b_row + bx * x, n_row + slope * x
                    if a >= slack and b >= slack and 1 - a - b >= slack and n > nearness[row, column]:
                        winners[row, column] = f
                        nearness[row, column] = n
