"""All that is drawn, as one list of triangles: the head's parts, hair and clothes, with their materials and textures.

`Surfaces` holds what stays the same for a person in an outfit; `Posed` what an expression under a light adds: the
table of vertices the shaders read (columns in `shading.model`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from threedpain.generation.colour import to_linear
from threedpain.generation.compiling import njit
from threedpain.generation.geometry import vertex_normals
from threedpain.generation.head.bust import Bust, Face
from threedpain.generation.head.motion import landmarks
from threedpain.generation.head.wrinkles import wrinkle_places
from threedpain.generation.records import MASK_CLASSES, PARTS, Light, SkinMaps
from threedpain.generation.render.shading.model import (
    BODY,
    CLOTH,
    COLOUR,
    CORNEA_RADIUS,
    EYE_LEFT,
    EYE_RIGHT,
    FLESH,
    GLOSS,
    HAIR,
    HEAT,
    IRIS_RADIUS,
    KEYS,
    LASHES,
    MOUTH,
    NORMAL,
    OCCLUSION,
    PAINT,
    PLASTIC,
    POSITION,
    SKIN,
    TANGENT,
    TEETH,
    VISIBILITY,
    Colours,
)
from threedpain.generation.seeds import child
from threedpain.generation.worn.accessories import Fitted
from threedpain.generation.worn.mesh import HairMesh, strand_pattern
from threedpain.generation.worn.weaves import patterns
from threedpain.regions import REGIONS, inside

from .colours import brow_colour, lash_colour, lash_cover, sclera_colour
from .mouth import mouth_light
from .neck import neck_light
from .occlusion import FINE, SHADOW_SIZE, DepthMap, ambient
from .parts import part_vertices
from .relief import active

PART_MATERIAL = dict(zip(PARTS, (SKIN, EYE_LEFT, EYE_RIGHT, TEETH, TEETH, MOUTH, LASHES), strict=True))
GROWN = [MASK_CLASSES.index(name) for name in ("hair", "facial_hair")]  # what is shaded as hair
LEVELS = 6  # mip levels of the skin
LID_SHADOW = 0.0065, 0.0032  # metres on the eyeball below the upper and above the lower lid
TEETH_COLOUR = np.array([0.72, 0.64, 0.53])
YELLOWER = np.array([0.001, 0.0022, 0.0042])  # the share of it that a year takes
IRIS_SHARE = 0.225  # of the lids' opening from corner to corner that an iris of middling size reaches from its middle
LASH_PATTERN = np.array([9.0, 0.05])  # strand patterns over both lids and over a lash: hairs of a tenth of a millimetre
LASH_FAN = 0.05  # of both lids' width by which the outermost lean to the temple
LASH_TAPER = 1.25  # how soon lashes end, shorter ones between longer
BALD = 0.8  # oil of a bare scalp over that of cheeks
SLIT = 0.0022  # metres from where closed lids meet that are dark
BLOOD = np.array([0.85, 0.42, 0.36])  # what vessels leave of the sclera's white


@dataclass(frozen=True)
class HeadSurfaces:
    """A bare head with its skin: all that no outfit changes. Lashes come last: they are tested for coverage."""

    bust: Bust
    faces: np.ndarray  # int32 [G, 3]
    uvs: np.ndarray  # float32 [G, 3, 2]
    material: np.ndarray  # uint8 [G], index into shading.model.MATERIALS
    face_class: np.ndarray  # uint8 [G], index into MASK_CLASSES
    tested: int  # first face of the lashes
    opacity: np.ndarray  # float32 [G - tested, 3]
    ambient: np.ndarray  # float32 [H], share of the sky each head vertex sees
    gloss: np.ndarray  # float32 [H], oil on the skin
    inner: np.ndarray  # bool [H], inside the mouth
    poles: np.ndarray  # int64 [2], the vertices where the eyes' axes leave them
    balls: tuple[np.ndarray, np.ndarray]  # vertices of the eyeballs' front halves
    lids: tuple[np.ndarray, np.ndarray]  # vertices of the lids against them
    texels: np.ndarray  # uint16 [T, 4], mip levels of linear skin colour and brow opacity
    levels: np.ndarray  # int32 [L, 3]: offset, height, width

    @cached_property
    def region_map(self) -> tuple[np.ndarray, np.ndarray, float]:
        return region_map(self.bust)

    @cached_property
    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return part_vertices(self.bust)


@dataclass(frozen=True)
class Surfaces:
    """A person in an outfit: the head's vertices and faces first, then those of hair and clothes."""

    head: HeadSurfaces
    hair: HairMesh
    faces: np.ndarray  # int32 [F, 3]
    uvs: np.ndarray  # float32 [F, 3, 2]
    material: np.ndarray  # uint8 [F]
    face_class: np.ndarray  # uint8 [F]
    test: tuple  # coverage test of lashes, hair and clothes, as raster.nearest takes it
    colours: Colours
    strands: np.ndarray  # uint8 [A, A, P], see worn.weaves.patterns
    worn: Fitted | None  # whose points are the last of all


@dataclass(frozen=True)
class Posed:
    surfaces: Surfaces
    face: Face
    table: np.ndarray  # float32 [V, 16]
    colours: Colours  # the eyes' axes filled in
    relief: tuple[np.ndarray, np.ndarray]  # wrinkles, see relief.active


def build_head(bust: Bust, maps: SkinMaps) -> HeadSurfaces:
    """Parts, materials, skin and occlusion of a neutral head: once a person."""
    topology = bust.topology
    material = np.array([PART_MATERIAL[part] for part in PARTS], np.uint8)[topology.face_part]
    hollow = np.isin(topology.face_class, [MASK_CLASSES.index("mouth"), MASK_CLASSES.index("eyes")])  # cavity, sockets
    material[hollow & (material == SKIN)] = MOUTH
    order = np.argsort(material == LASHES, kind="stable")
    tested = len(order) - int((material == LASHES).sum())
    uvs = topology.uvs[topology.face_uvs[order]].astype(np.float32)
    uvs[tested:], opacity = lash_pattern(uvs[tested:], lash_cover(bust.identity))
    texels, levels = skin_texture(maps)
    inner = np.zeros(len(bust.vertices), bool)
    inner[topology.faces[topology.face_class == MASK_CLASSES.index("mouth")]] = True
    sky = ambient(bust.vertices, vertex_normals(bust.vertices, topology.faces), topology.faces)
    return HeadSurfaces(
        bust=bust,
        faces=topology.faces[order],
        uvs=uvs,
        material=material[order],
        face_class=topology.face_class[order].astype(np.uint8),
        tested=tested,
        opacity=opacity,
        ambient=neck_light(bust, sky),
        gloss=skin_gloss(bust),
        inner=inner,
        poles=np.array([_pole(bust, part) for part in ("eye_left", "eye_right")]),
        balls=tuple(_front(bust, side) for side in (0, 1)),
        lids=tuple(_lids(bust, side) for side in (0, 1)),
        texels=texels,
        levels=levels,
    )


def dress(head: HeadSurfaces, hair: HairMesh, worn: Fitted | None = None) -> Surfaces:
    """The head with its hair, clothes and accessories: once an outfit."""
    if worn:
        hair = worn.over(hair)
    uvs = np.concatenate([head.uvs, hair.uv[hair.faces]]).astype(np.float32)
    opacity = np.concatenate([head.opacity, hair.opacity[hair.faces]])
    ranks = np.ascontiguousarray(strand_pattern()[:, :, 0])
    drawn = np.where(np.isin(hair.face_class, GROWN), HAIR, np.array([CLOTH, PLASTIC, FLESH])[hair.finishes])
    return Surfaces(
        head=head,
        hair=hair,
        faces=np.concatenate([head.faces, hair.faces + len(head.bust.vertices)]).astype(np.int32),
        uvs=uvs,
        material=np.concatenate([head.material, drawn]).astype(np.uint8),
        face_class=np.concatenate([head.face_class, hair.face_class]).astype(np.uint8),
        test=(head.tested, np.concatenate([uvs[head.tested :], opacity[:, :, None]], 2).astype(np.float32), ranks),
        colours=person_colours(head, hair),
        strands=patterns(),
        worn=worn,
    )


def pose(surfaces: Surfaces, face: Face, light: Light) -> Posed:
    """Vertices, normals, occlusion and key visibility of an expression under a light."""
    bare, hair, topology = surfaces.head, surfaces.hair, surfaces.head.bust.topology
    head = len(face.vertices)
    table = np.zeros((head + len(hair.vertices), 16), np.float32)
    table[:head, POSITION] = face.vertices
    table[:head, NORMAL] = vertex_normals(face.vertices, topology.faces)
    sky = bare.ambient.copy()
    sky[bare.inner] = mouth_light(face, bare.inner)
    table[:head, OCCLUSION] = sky * hair.shadow
    _shade_under_lids(bare, face, table)
    table[:head, HEAT] = face.heat
    table[:head, PAINT] = hair.scalp
    table[:head, BODY] = topology.body
    table[:head, GLOSS] = bare.gloss
    if len(hair.vertices):
        table[head:, POSITION], table[head:, NORMAL], table[head:, TANGENT] = hair.posed(face)
        table[head:, OCCLUSION] = hair.occlusion
        table[head:, COLOUR] = hair.colour
    if surfaces.worn:
        table[-len(surfaces.worn.mesh.vertices) :, :6] = np.concatenate(surfaces.worn.posed(face), axis=1)
    points, normals = np.ascontiguousarray(table[:, POSITION]), np.ascontiguousarray(table[:, NORMAL])
    for i, key in enumerate(light.keys[:KEYS]):
        shadow = DepthMap(key.direction, points, SHADOW_SIZE)
        shadow.draw(surfaces.faces, surfaces.test[0], surfaces.test)
        table[:, VISIBILITY.start + i] = shadow.visible(normals, 0.004 + 0.022 * key.softness, FINE)
    table[:head, VISIBILITY] *= np.sqrt(hair.shadow)[:, None]
    _darken_slits(face, table)
    colours = surfaces.colours._replace(axes=np.stack([table[pole, NORMAL] for pole in bare.poles]))
    return Posed(surfaces, face, table, colours, active(face.wrinkles, wrinkle_places(face.bust.identity)))


def _front(bust: Bust, side: int) -> np.ndarray:
    """Vertices of an eyeball's front half."""
    faces = bust.topology.faces[bust.topology.face_part == PARTS.index(("eye_left", "eye_right")[side])]
    vertices = np.unique(faces)
    return vertices[bust.vertices[vertices, 2] > bust.eye_centres[side, 2]]


def _lids(bust: Bust, side: int) -> np.ndarray:
    """Skin vertices that lie against an eyeball's front."""
    away = np.linalg.norm(bust.vertices - bust.eye_centres[side], axis=1) / bust.eye_radius
    skin = np.zeros(len(away), bool)
    skin[bust.topology.faces[bust.topology.face_class == MASK_CLASSES.index("skin")]] = True
    return np.flatnonzero(skin & (away < 1.12) & (bust.vertices[:, 2] > bust.eye_centres[side, 2]))


def _shade_under_lids(head: HeadSurfaces, face: Face, table: np.ndarray) -> None:
    """Lids and lashes darken the eyeball beneath them, the upper ones further down."""
    for side, (ball, lids) in enumerate(zip(head.balls, head.lids, strict=True)):
        above = head.bust.vertices[lids, 1] > head.bust.eye_centres[side, 1]
        near = _nearest(face.vertices[ball], face.vertices[lids], np.where(above, *LID_SHADOW).astype(np.float32))
        table[ball, OCCLUSION] = np.maximum(table[ball, OCCLUSION], 0.7) * (0.4 + 0.6 * near)


def _darken_slits(face: Face, table: np.ndarray) -> None:
    """No light comes out of the slit between closed lids."""
    lashes = face.bust.model.lashes
    for eye in face.bust.lids:
        if not len(eye.upper):
            continue
        upper, lower = face.vertices[eye.upper], face.vertices[eye.lower]
        open_ = np.linalg.norm(upper - lower, axis=1)[2:-2].mean() / face.bust.eye_radius
        closed = np.clip((0.13 - open_) / 0.07, 0, 1)
        if closed > 0:
            rows = eye.rows[lashes[eye.rows] == 0]
            margin = np.concatenate([upper, lower])
            near = _nearest(face.vertices[rows], margin, np.full(len(margin), SLIT, np.float32))
            table[rows, OCCLUSION : VISIBILITY.stop] *= (1 - 0.85 * closed * (1 - near**2))[:, None]


@njit(cache=True, nogil=True)
def _nearest(points, lids, reach):
    """Distance of each point to the nearest lid vertex in units of its reach, at most 1."""
    result = np.ones(len(points), np.float32)
    for p in range(len(points)):
        for q in range(len(lids)):
            x, y, z = points[p, 0] - lids[q, 0], points[p, 1] - lids[q, 1], points[p, 2] - lids[q, 2]
            result[p] = min(result[p], np.sqrt(x * x + y * y + z * z) / reach[q])
    return result


def resting_landmarks(bust: Bust) -> np.ndarray:
    """The 68 landmarks [68, 3] of the neutral bust, head frame."""
    return landmarks(bust.topology, bust.vertices)


def region_map(bust: Bust) -> tuple[np.ndarray, np.ndarray, float]:
    """The regions on the neutral face seen from the front: uint8 [G, G], the grid's origin (x, y) and step in
    metres."""
    marks = resting_landmarks(bust)[:, :2]
    low, high = marks.min(0) - 0.03, marks.max(0) + np.array([0.03, 0.1])
    step = 0.0006
    x, y = (np.arange(low[k], high[k], step) for k in (0, 1))
    points = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    cells = np.zeros(len(points), np.uint8)
    for index, name in enumerate(REGIONS):
        cells[inside([name], points, marks)] = index + 1
    return cells.reshape(len(y), len(x)), low.astype(np.float32), step


def skin_gloss(bust: Bust) -> np.ndarray:
    """Oil on the skin, float32 [H], around 1: more on nose, forehead, lips, less below the head."""
    topology = bust.topology
    gloss = np.full(len(bust.vertices), 0.9, np.float32)
    marks = resting_landmarks(bust)
    for centre, reach, amount in (
        (marks[30], 0.022, 0.6),
        (marks[27:30].mean(0), 0.02, 0.4),
        (marks[27] + [0, 0.045, 0.01], 0.035, 0.45),
        (marks[8], 0.02, 0.15),
    ):
        gloss += amount * np.exp(-(((bust.vertices - centre) / reach) ** 2).sum(1)).astype(np.float32)
    lips = topology.faces[topology.face_class == MASK_CLASSES.index("lips")]
    gloss[lips] = 1.05 + 0.5 * bust.identity.skin.makeup  # women's alone
    gloss += BALD * topology.scalp  # hair takes it back where it covers
    return (gloss * (1 - 0.3 * topology.body)).astype(np.float32)


def _pole(bust: Bust, part: str) -> int:
    """The vertex in the middle of an eye's polar UV square."""
    topology = bust.topology
    rows = topology.face_part == PARTS.index(part)
    uvs, vertices = topology.uvs[topology.face_uvs[rows]].reshape(-1, 2), topology.faces[rows].reshape(-1)
    return int(vertices[np.square(uvs - 0.5).sum(1).argmin()])


def lash_pattern(uvs: np.ndarray, full: float) -> tuple[np.ndarray, np.ndarray]:
    """Where lashes lie in the strand pattern [L, 3, 2], and their opacity [L, 3]: `full` is the share of the skin's
    edge that the upper ones cover at their roots; fewer and shorter below (u < 0.5). They fan out to the temple."""
    below = uvs[:, :, 0] < 0.5
    along = np.where(below, uvs[:, :, 1] / 0.6, uvs[:, :, 1])
    beside = 2 * uvs[:, :, 0] - ~below  # 0 at the nose .. 1 at the temple
    ends = np.clip(np.minimum(beside / 0.08, (1 - beside) / 0.12), 0, 1)
    places = uvs * LASH_PATTERN
    places[:, :, 0] -= LASH_PATTERN[0] * LASH_FAN * (beside - 0.3) * along
    return places, np.where(below, 0.25, 1.0) * full * ends * np.clip(1 - along, 0, 1) ** LASH_TAPER


def person_colours(head: HeadSurfaces, hair: HairMesh) -> Colours:
    """Colours of one person; the eyes' axes are filled in by `pose`."""
    bust, who = head.bust, head.bust.identity
    neck = neck_tone(bust, head.texels, head.levels).astype(np.float32)
    colours = Colours(
        neck=neck,
        scalp=hair.scalp_colour,
        brows=brow_colour(who.hair, neck, who.skin.makeup),
        lashes=lash_colour(who.hair, neck, who.skin.makeup),
        iris=who.eyes.iris,
        iris_angle=iris_angle(bust),
        pupil=who.eyes.pupil,
        cornea=bust.eye_radius / CORNEA_RADIUS,
        teeth=TEETH_COLOUR * (1 - YELLOWER * (who.age - 18)),
        sclera=sclera_colour(who),
        vessels=BLOOD,
        axes=np.zeros((2, 3)),
        noise=child(who.eyes.seed, "iris").random(64),
    )
    return Colours(*(np.asarray(value, np.float32)[()] for value in colours))


def iris_angle(bust: Bust) -> float:
    """Radians from an eye's axis: as people's, less where lids open narrowly, or no white would be left beside it."""
    marks = resting_landmarks(bust)
    wide = np.linalg.norm(marks[[39, 45]] - marks[[36, 42]], axis=1).mean()
    radius = min(IRIS_RADIUS, IRIS_SHARE * float(wide)) * bust.identity.eyes.iris_scale
    return float(np.arcsin(min(radius / bust.eye_radius, 1)))


def neck_tone(bust: Bust, texels: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The linear skin colour where the texture ends: the mean over the corners of skin faces at the border."""
    topology = bust.topology
    weight = topology.body[topology.faces].mean(1)
    border = (topology.face_part == 0) & (weight > 0.02) & (weight < 0.6)
    rows = border if border.any() else topology.face_part == 0
    u, v = topology.uvs[topology.face_uvs[rows]].reshape(-1, 2).T
    start, height, width = levels[3]
    i = np.clip(((1 - v) * height).astype(int), 0, height - 1)
    j = np.clip((u * width).astype(int), 0, width - 1)
    return np.median(texels[start + i * width + j, :3], axis=0) / 65535


def skin_texture(maps: SkinMaps) -> tuple[np.ndarray, np.ndarray]:
    """Mip levels of linear colour and brow opacity: texels uint16 [T, 4], levels int32 [L, 3] (offset, height,
    width)."""
    brows = maps.worn_brows
    height, width = brows.shape
    levels, start = [], 0
    for _ in range(LEVELS):
        levels.append((start, height, width))
        start += height * width
        height, width = max(height // 2, 1), max(width // 2, 1)
    levels = np.array(levels, np.int32)
    texels = np.empty((start, 4), np.uint16)
    curve = np.round(65535 * to_linear(np.arange(256) / 255)).astype(np.uint16)
    _mip(np.ascontiguousarray(maps.albedo), np.ascontiguousarray(brows), curve, levels, texels)
    return texels, levels


@njit(cache=True, nogil=True)
def _mip(albedo, brows, curve, levels, texels):
    height, width = brows.shape
    for i in range(height):
        for j in range(width):
            for k in range(3):
                texels[i * width + j, k] = curve[albedo[i, j, k]]
            texels[i * width + j, 3] = np.uint16(257) * brows[i, j]
    for level in range(1, len(levels)):
        above, start = levels[level - 1, 0], levels[level, 0]
        wide = levels[level - 1, 2]
        for i in range(levels[level, 1]):
            for j in range(levels[level, 2]):
                corner = above + 2 * i * wide + 2 * j
                for k in range(4):
                    total = np.uint32(texels[corner, k]) + texels[corner + 1, k] + texels[corner + wide, k]
                    texels[start + i * levels[level, 2] + j, k] = (total + texels[corner + wide + 1, k] + 2) // 4
