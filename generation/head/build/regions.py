"""What lies where on the head: mask classes, scalp, beard, neck and landmarks, painted on the cage by the build.

Outlines are polygons in texels of the upright 1384 x 768 skin crop (x right, y down), drawn for the subject's right
half (x < 705.5) and mirrored.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from threedpain.generation.geometry import refine, smoothstep, triangles
from threedpain.generation.records import MASK_CLASSES, PARTS, SKIN_HEIGHT, SKIN_WIDTH
from threedpain.regions import MIRROR

from .mesh import islands

AXIS = 705.5  # texel column of the face's symmetry plane

LIPS = (
    (663, 583),
    (668, 575),
    (677, 566),
    (686, 558.5),
    (694, 554.5),
    (700, 555.5),
    (AXIS, 557.5),
    (AXIS, 617),
    (697, 615.5),
    (690, 611.5),
    (681, 604),
    (672, 593.5),
)
SCALP = (
    (AXIS, 262),
    (640, 264),
    (585, 272),
    (548, 290),
    (520, 318),
    (502, 350),
    (484, 385),
    (464, 412),
    (447, 440),
    (437, 425),
    (418, 415),
    (398, 425),
    (386, 455),
    (382, 500),
    (350, 525),
    (260, 548),
    (150, 558),
    (0, 566),
    (0, 0),
    (AXIS, 0),
)
BEARD = (
    (446, 440),
    (462, 440),
    (480, 500),
    (520, 540),
    (575, 566),
    (622, 566),
    (655, 548),
    (680, 536),
    (AXIS, 540),
    (AXIS, 748),
    (640, 735),
    (560, 700),
    (480, 650),
    (420, 605),
    (400, 560),
    (420, 505),
    (438, 480),
)

# Where the fields of units hang, numbered as iBUG's landmarks: the brows stand for the rim of the orbit. Of the
# subject's right half; the others are their mirror images (`threedpain.regions.MIRROR`).
SITES = {
    0: (469.8, 425.7),
    1: (481.5, 465.7),
    2: (489.2, 504.4),
    3: (503, 546.5),
    4: (526.2, 588.2),
    5: (561.8, 624.3),
    6: (606.6, 657.1),
    7: (657, 678.2),
    8: (AXIS, 681.9),
    17: (568.3, 417.8),
    18: (604.1, 404.1),
    19: (634.2, 399.9),
    20: (659.7, 405.2),
    21: (686.1, 416.1),
    27: (AXIS, 435.4),
    28: (AXIS, 459.3),
    29: (AXIS, 484.3),
    30: (AXIS, 504.2),
    31: (681.2, 522.2),
    32: (693.8, 526.1),
    33: (AXIS, 527.2),
    36: (614.6, 438.0),
    37: (628.9, 426),
    38: (648.2, 428.0),
    39: (656.4, 442.6),
    40: (643.1, 450.4),
    41: (624.5, 450.7),
    48: (664.1, 582),
    49: (681.6, 559.2),
    50: (696.8, 555.2),
    51: (AXIS, 558.8),
    57: (AXIS, 614.1),
    58: (696.1, 612.8),
    59: (681.0, 605.6),
    60: (675, 582.5),
    61: (695.9, 570.2),
    62: (AXIS, 570.9),
    66: (AXIS, 589),
    67: (696, 588),
}

# iBUG landmarks 0..67 where annotators and detectors put them on the drawn face: brows on the upper edge of their hair.
LANDMARKS = SITES | {
    0: (465, 419),
    1: (475, 461),
    2: (484, 501),
    3: (497, 545),
    4: (528, 590),
    5: (564, 627),
    6: (610, 659),
    7: (661, 682),
    8: (AXIS, 690),
    17: (576.5, 407.1),
    18: (610.5, 394.5),
    19: (639.4, 392.7),
    20: (663, 397.8),
    21: (683.5, 407.8),
    28: (AXIS, 460.8),
    29: (AXIS, 486),
    36: (616.7, 438.4),
    37: (633.2, 426.3),
    38: (647.6, 429.2),
    40: (642.7, 449.2),
    41: (629.2, 450.2),
    48: (662, 579.8),
    57: (AXIS, 614.6),
    58: (697.8, 613.3),
    59: (682.2, 605.5),
    61: (697.5, 570.5),
    67: (697, 587.2),
}


def paint_regions(base, mean, shapes, keep, quads, parts, tensors) -> dict[str, np.ndarray]:
    """Arrays on the cage: quad_class [Q], and neck, body, scalp, beard [V]."""
    count = len(keep)
    position = mean[keep]
    skin = parts == PARTS.index("skin")
    island = tensors["quad_island"].astype(bool)
    texel = np.full((count, 2), np.nan)
    corner = tensors["uv"][tensors["quad_uv"]] * [SKIN_WIDTH, -SKIN_HEIGHT] + [0, SKIN_HEIGHT]
    texel[quads[island].ravel()] = corner[island].reshape(-1, 2)
    centre = corner.mean(axis=1)

    ear = np.maximum(*(np.linalg.norm(shapes[f"{side}-ear-scale-incr"], axis=1)[keep] for side in "lr")) > 0.06
    bones = {name: weight[keep] for name, weight in base.bones().items()}
    trunk = ("neck", "spine", "clavicle", "shoulder", "upperarm", "lowerarm", "breast")
    below = sum(weight for name, weight in bones.items() if name.startswith(trunk))
    fractions = {"neck03": 0.75, "neck02": 0.5, "neck01": 0.25}
    total = np.maximum(sum(bones.values()), 1e-9)
    neck = 1 - (below - sum(bones[name] * fraction for name, fraction in fractions.items())) / total
    neck[np.unique(quads[~skin])] = 1.0

    on_island = np.zeros(count, bool)
    on_island[np.unique(quads[island])] = True
    depth = cKDTree(position[on_island]).query(position)[0]
    hollow = inner(quads, skin & ~island, position, count)
    torso = ~on_island & ~hollow
    body = np.where(torso, smoothstep(depth / 0.35), 0.0)

    classes = np.full(len(quads), MASK_CLASSES.index("skin"))
    classes[ear[quads].all(axis=1) & island] = MASK_CLASSES.index("ears")
    classes[island & inside(LIPS, centre)] = MASK_CLASSES.index("lips")
    classes[skin & ~island] = MASK_CLASSES.index("neck")
    cavity = hollow[quads].all(axis=1) & skin & ~island
    middle = position[quads].mean(axis=1)
    eye = cavity & (np.abs(middle[:, 0]) > 0.1) & (middle[:, 1] > 7.15)
    classes[cavity] = MASK_CLASSES.index("mouth")
    classes[eye] = MASK_CLASSES.index("eyes")
    for part in ("teeth_upper", "teeth_lower", "tongue"):
        classes[parts == PARTS.index(part)] = MASK_CLASSES.index("mouth")
    classes[parts == PARTS.index("lashes")] = MASK_CLASSES.index("eyes")

    hairy = {"scalp": (SCALP, 22.0), "beard": (BEARD, 14.0)}
    painted = {}
    for name, (outline, blur) in hairy.items():
        weight = np.zeros(count)
        weight[on_island] = soft(outline, texel[on_island], blur)
        painted[name] = weight.astype(np.float32)
    lips = np.zeros(count)
    lips[on_island] = soft(LIPS, texel[on_island], 6.0)
    painted["beard"] = np.clip(painted["beard"] - lips, 0, 1).astype(np.float32)
    return {
        "quad_class": classes.astype(np.int8),
        "neck": np.clip(neck, 0, 1).astype(np.float32),
        "body": body.astype(np.float32),
        **painted,
    }


def inner(quads, chosen, position, count) -> np.ndarray:
    """Vertices [V] of the mouth and eye cavities: skin beyond the head's UV island that lies inside the head."""
    mask = np.zeros(count, bool)
    labels = islands(quads[chosen])
    for label in np.unique(labels):
        rows = np.unique(quads[chosen][labels == label])
        if position[rows][:, 1].min() > 6.2:
            mask[rows] = True
    return mask


def mirrored(points: np.ndarray) -> np.ndarray:
    """Points [N, 2] folded into the subject's right half."""
    folded = np.array(points, float)
    folded[:, 0] = AXIS - np.abs(folded[:, 0] - AXIS)
    return folded


def inside(outline, points: np.ndarray) -> np.ndarray:
    """Whether points [N, 2] lie in the mirrored outline (even-odd rule)."""
    x, y = mirrored(points).T
    hit = np.zeros(len(points), bool)
    corners = np.array(outline, float)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if ay != by:
            hit ^= ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return hit


def soft(outline, points: np.ndarray, blur: float) -> np.ndarray:
    """0 outside to 1 inside, over `blur` texels; the symmetry plane is no edge."""
    corners = np.array(outline, float)
    folded = mirrored(points)
    distance = np.full(len(points), np.inf)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if a[0] == AXIS and b[0] == AXIS:
            continue
        along = np.clip(((folded - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
        distance = np.minimum(distance, np.linalg.norm(folded - a - along[:, None] * (b - a), axis=1))
    signed = np.where(inside(outline, points), distance, -distance)
    return smoothstep(0.5 + signed / (2 * blur))


def landmarks(tensors, table: dict[int, tuple[float, float]] = LANDMARKS) -> dict[str, np.ndarray]:
    """The 68 points of `table` as faces of the smooth surface and barycentric coordinates, found in UV space."""
    smooth = refine(tensors["quad_uv"], len(tensors["uv"]), smooth=False)
    uv = (smooth.matrix @ tensors["uv"]) * [SKIN_WIDTH, -SKIN_HEIGHT] + [0, SKIN_HEIGHT]
    faces = triangles(smooth.quads)
    chosen = np.flatnonzero(np.repeat(tensors["quad_island"].astype(bool), 8))
    a, b, c = (uv[faces[chosen, k]] for k in range(3))
    double = _cross(b - a, c - a)
    found, weights = np.zeros(68, np.int32), np.zeros((68, 3), np.float32)
    for index in sorted(range(68), key=lambda i: i not in table):
        point = np.array(table[index] if index in table else table[MIRROR[index]])
        near = np.ones(len(chosen), bool)
        if index not in table:  # the mirrored quad's triangles: UVs overlap in the corners of the mouth
            point[0] = 2 * AXIS - point[0]
            twin = np.sort(tensors["mirror"][tensors["quads"][found[MIRROR[index]] // 8]])
            near = (np.sort(tensors["quads"][chosen // 8], axis=1) == twin).all(axis=1)
        bary = (
            np.stack([_cross(b - point, c - point), _cross(c - point, a - point), _cross(a - point, b - point)], axis=1)
            / np.where(np.abs(double) < 1e-9, 1e-9, double)[:, None]
        )
        best = int(np.argmax(np.where(near, bary.min(axis=1), -np.inf)))
        weight = np.clip(bary[best], 0, None)
        found[index], weights[index] = chosen[best], weight / weight.sum()
    return {"landmark_faces": found, "landmark_barycentric": weights}


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
