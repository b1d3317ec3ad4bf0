"""The renderer's own visibility: the nearest triangle of each sample and nothing else, as fast as one core can.

The third coordinate of a vertex is its *nearness*, which must be affine in the picture: 1 / depth under perspective,
any constant minus the depth otherwise. It interpolates without a division. Against `exact.visibility` only samples
within rounding of an edge, or of two equal depths, may differ.

Samples are taken LANES in a row, without a branch: the compiler makes vector instructions of that. Hair lies in many
layers, of which one is seen: so faces with a coverage test come last and from front to back, and tiles of samples that
are nearer already are passed over.
"""

from __future__ import annotations

import numpy as np

from threedpain.generation.compiling import njit

# A coverage test (hair, lashes): the first tested face; uv and opacity at the corners of each tested face [T, 3, 3];
# ranks uint8 [A, A], a pattern that repeats in uv. A sample of a tested face counts where the rank under its uv is
# below 255 x its opacity.
NO_TEST = (1 << 40, np.zeros((0, 3, 3), np.float32), np.zeros((1, 1), np.uint8))

LANES, ROWS = 16, 8  # samples taken at once; rows of a tile of that width
STEPS = np.arange(LANES, dtype=np.float32)
STALE = 24  # samples entered in a tile before its farthest one is looked for again
LAYERS = 2048  # steps of nearness in the order from front to back
SLACK = np.float32(1e-6)
ZERO, ONE = np.float32(0), np.float32(1)


@njit(cache=True, inline="always")
def centre(index, size):
    """NDC coordinate of a sample's centre."""
    return np.float32(1) - np.float32(2 * index + 1) / np.float32(size)


@njit(cache=True, inline="always")
def barycentric(px, py, vertices, i, j, k):
    """Weights of the corners i, j, k (NDC x, y, nearness) at a point of the picture, in space if nearness is 1 /
    depth."""
    x0, y0, x1, y1, x2, y2 = (
        vertices[i, 0] - px,
        vertices[i, 1] - py,
        vertices[j, 0] - px,
        vertices[j, 1] - py,
        vertices[k, 0] - px,
        vertices[k, 1] - py,
    )
    w0 = (x1 * y2 - y1 * x2) * vertices[i, 2]
    w1 = (x2 * y0 - y2 * x0) * vertices[j, 2]
    w2 = (x0 * y1 - y0 * x1) * vertices[k, 2]
    scale = ONE / (w0 + w1 + w2)
    return w0 * scale, w1 * scale, w2 * scale


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def nearest(vertices, faces, culled, test, winners, nearness):
    """Enter all faces into winners int32 (-1: none) and nearness float32 (0: none), both [S, S].

    vertices float32 [V, 3]: NDC x (left), NDC y (up), nearness (a face with a corner at 0 or less is left out); faces
    int32 [F, 3]. Of the first `culled` faces those turned away are left out. `test`: see NO_TEST.
    """
    size = winners.shape[0]
    half = np.float32(size / 2)
    placed = np.empty_like(vertices)  # in samples: column to the right, row down, centres at whole numbers; nearness
    for v in range(len(vertices)):
        placed[v, 0] = (ONE - vertices[v, 0]) * half - np.float32(0.5)
        placed[v, 1] = (ONE - vertices[v, 1]) * half - np.float32(0.5)
        placed[v, 2] = vertices[v, 2]
    wide, deep = winners, nearness
    if size < LANES:  # draw into the corner of a picture that is wide enough
        wide, deep = np.full((LANES, LANES), -1, np.int32), np.zeros((LANES, LANES), np.float32)
        _copy(winners, wide, size)
        _copy(nearness, deep, size)
    solid = min(test[0], len(faces))
    _enter_solid(placed, faces[:solid], culled, wide, deep)
    if solid < len(faces):
        _enter_tested(placed, faces, test, wide, deep)
    if size < LANES:
        _copy(wide, winners, size)
        _copy(deep, nearness, size)


@njit(cache=True, nogil=True)
def _copy(source, target, size):
    """The first rows and columns, one by one: assigning slices takes three seconds more to compile."""
    for row in range(size):
        for column in range(size):
            target[row, column] = source[row, column]


@njit(cache=True, inline="always")
def _setup(a, b, c, culled, size):
    """What there is to draw of a triangle of placed corners: whether anything, its rows and columns (first and last),
    and the slopes along columns and rows of the first two corners' weights and of nearness."""
    x0, y0, x1, y1 = a[0] - c[0], a[1] - c[1], b[0] - c[0], b[1] - c[1]
    area = x0 * y1 - x1 * y0  # negative: seen from the front
    seen = abs(area) > np.float32(1e-9) and not (culled and area > 0) and a[2] > 0 and b[2] > 0 and c[2] > 0
    last = np.float32(size - 1)
    low, high = max(min(a[1], b[1], c[1]), ZERO), min(max(a[1], b[1], c[1]), last)
    left, right = max(min(a[0], b[0], c[0]), ZERO), min(max(a[0], b[0], c[0]), last)
    if not (seen and low <= high and left <= right):
        return False, 0, 0, 0, 0, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    scale = ONE / area
    ax, ay, bx, by = y1 * scale, -x1 * scale, -y0 * scale, x0 * scale
    n0, n1 = a[2] - c[2], b[2] - c[2]
    rows, columns = (int(np.ceil(low)), int(np.floor(high))), (int(np.ceil(left)), int(np.floor(right)))
    return True, *rows, *columns, ax, ay, bx, by, ax * n0 + bx * n1, ay * n0 + by * n1


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _enter_solid(placed, faces, culled, winners, nearness):
    size = winners.shape[0]
    for f in range(len(faces)):
        corner = placed[faces[f, 2]]
        seen, top, bottom, begin, end, ax, ay, bx, by, nx, ny = _setup(
            placed[faces[f, 0]], placed[faces[f, 1]], corner, f < culled, size
        )
        if not seen:
            continue
        for row in range(top, bottom + 1):
            y = np.float32(row) - corner[1]
            a_row, b_row, n_row = ay * y, by * y, corner[2] + ny * y
            for start in range(begin, end + 1, LANES):
                start = min(start, size - LANES)
                near, won = nearness[row, start : start + LANES], winners[row, start : start + LANES]
                x = np.float32(start) - corner[0]
                for k in range(LANES):
                    a, b, n = a_row + ax * (x + STEPS[k]), b_row + bx * (x + STEPS[k]), n_row + nx * (x + STEPS[k])
                    hit = (a >= -SLACK) & (b >= -SLACK) & (a + b <= ONE + SLACK) & (n > near[k])
                    near[k] = n if hit else near[k]
                    won[k] = f if hit else won[k]


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _enter_tested(placed, faces, test, winners, nearness):
    tested, test_uv, ranks = test
    pattern, size = ranks.shape[0], winners.shape[0]
    scale = np.float32(pattern)
    down, across = (size - 1) // ROWS + 1, (size - 1) // LANES + 1
    farthest = np.zeros((down, across), np.float32)  # of the samples of a tile, or something farther
    entered = np.full((down, across), STALE, np.int32)  # samples of a tile since that was found
    hits = np.zeros(LANES, np.float32)
    for f in _front_to_back(placed, faces, tested):
        corner, uv = placed[faces[f, 2]], test_uv[f - tested]
        seen, top, bottom, begin, end, ax, ay, bx, by, nx, ny = _setup(
            placed[faces[f, 0]], placed[faces[f, 1]], corner, False, size
        )
        if not seen:
            continue
        most = max(placed[faces[f, 0], 2], placed[faces[f, 1], 2], corner[2])
        for i in range(top // ROWS, bottom // ROWS + 1):
            first, last = max(top, i * ROWS), min(bottom, i * ROWS + ROWS - 1)
            for j in range(begin // LANES, end // LANES + 1):
                if most <= farthest[i, j]:
                    continue
                start = min(j * LANES, size - LANES)
                # the tile's corners where nearness and the weights are largest
                x, y = np.float32(start) - corner[0], np.float32(first) - corner[1]
                right, below = x + np.float32(LANES - 1), y + np.float32(last - first)
                if (
                    max(ax * x, ax * right) + max(ay * y, ay * below) < -SLACK
                    or max(bx * x, bx * right) + max(by * y, by * below) < -SLACK
                    or min((ax + bx) * x, (ax + bx) * right) + min((ay + by) * y, (ay + by) * below) > ONE + SLACK
                ):
                    continue
                high = corner[2] + max(nx * x, nx * right) + max(ny * y, ny * below)
                if high > farthest[i, j] and entered[i, j] >= STALE:
                    farthest[i, j], entered[i, j] = _farthest(nearness, i, j), 0
                if high <= farthest[i, j]:
                    continue
                for row in range(first, last + 1):
                    y = np.float32(row) - corner[1]
                    a_row, b_row, n_row = ay * y, by * y, corner[2] + ny * y
                    near, found = nearness[row, start : start + LANES], ZERO
                    for k in range(LANES):
                        a, b, n = a_row + ax * (x + STEPS[k]), b_row + bx * (x + STEPS[k]), n_row + nx * (x + STEPS[k])
                        hit = (a >= -SLACK) & (b >= -SLACK) & (a + b <= ONE + SLACK) & (n > near[k])
                        hits[k] = n if hit else ZERO
                        found += hits[k]
                    if not found > 0:
                        continue
                    for k in range(LANES):
                        if not hits[k] > 0:
                            continue
                        a, b = a_row + ax * (x + STEPS[k]), b_row + bx * (x + STEPS[k])
                        c = ONE - a - b
                        cover = a * uv[0, 2] + b * uv[1, 2] + c * uv[2, 2]
                        if cover < ONE:
                            u = a * uv[0, 0] + b * uv[1, 0] + c * uv[2, 0]
                            v = a * uv[0, 1] + b * uv[1, 1] + c * uv[2, 1]
                            p, q = int(np.floor(v * scale)), int(np.floor(u * scale))
                            if not ranks[p & (pattern - 1), q & (pattern - 1)] < cover * np.float32(255):
                                continue
                        winners[row, start + k] = f
                        nearness[row, start + k] = hits[k]
                        entered[i, j] += 1


@njit(cache=True, nogil=True)
def _front_to_back(placed, faces, tested):
    """The faces from `tested` on, those with the nearest corners first, in LAYERS steps; in a step in their order."""
    count = len(faces) - tested
    key = np.empty(count, np.float32)
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for t in range(count):
        i, j, k = faces[tested + t]
        key[t] = max(placed[i, 2], placed[j, 2], placed[k, 2])
        low, high = min(low, key[t]), max(high, key[t])
    scale = np.float32(LAYERS - 1) / max(high - low, np.float32(1e-9))
    start = np.zeros(LAYERS + 1, np.int64)
    for t in range(count):
        start[int((high - key[t]) * scale) + 1] += 1
    for layer in range(LAYERS):
        start[layer + 1] += start[layer]
    order = np.empty(count, np.int64)
    for t in range(count):
        layer = int((high - key[t]) * scale)
        order[start[layer]] = tested + t
        start[layer] += 1
    return order


@njit(cache=True, nogil=True, fastmath=True)
def _farthest(nearness, i, j):
    """The least nearness of a tile's samples."""
    size = nearness.shape[0]
    start, least = min(j * LANES, size - LANES), np.float32(np.inf)
    for row in range(i * ROWS, min(i * ROWS + ROWS, size)):
        near = nearness[row, start : start + LANES]
        for k in range(LANES):
            least = near[k] if near[k] < least else least
    return least
