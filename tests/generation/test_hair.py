"""Hair, beards and headwear: on the head, out of the face, following it, coloured by the person."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

from threedpain.generation.colour import mass_colour, pigment
from threedpain.generation.frames import project
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.records import MASK_CLASSES, Clothes
from threedpain.generation.render.colours import brow_colour
from threedpain.generation.render.renderer import Renderer
from threedpain.generation.scene.scene import sample_scene
from threedpain.generation.texture import load_texture
from threedpain.generation.worn.clothes import CLOTHES_KINDS, build_clothes
from threedpain.generation.worn.hair import STYLES, build_hair
from threedpain.generation.worn.mesh import empty, finer, merge, strand_pattern
from threedpain.generation.worn.outside import Ground
from threedpain.generation.worn.strands import hair_colour
from threedpain.generation.worn.surface import Surface

HAIR, FACIAL, CLOTH, SKIN, EARS = (
    MASK_CLASSES.index(name) for name in ("hair", "facial_hair", "clothes", "skin", "ears")
)
MOUTH = tuple(MASK_CLASSES.index(name) for name in ("lips", "mouth"))
FACE = range(27, 68)  # nose, eyes and mouth: never covered by head hair
BROWS = range(17, 27)


@pytest.fixture(scope="module")
def head():
    return ScanHeadModel.load()


def person(head, style="bald", beard="none", seed=0, **change):
    """A bust with this hair; gender and ethnicity come from the seed unless changed."""
    who = {key: change.pop(key) for key in ("age", "gender", "ethnicity") if key in change}
    identity = sample_identity(seed, head=head, **who)
    hair = dataclasses.replace(identity.hair, style=style, beard=beard, **change)
    return head(dataclasses.replace(identity, hair=hair))


@pytest.fixture(scope="module")
def photograph():
    """bust, view, size -> a neutral picture in plain light, or in the random scene of a seed."""
    texture, renderer = load_texture("flat"), Renderer()

    def take(bust, view, size, seed=None):
        scene = sample_scene(seed or 0, view, size, plain=seed is None)
        return renderer.render(rig(bust, {}), texture([bust.identity])[0], scene)

    return take


_built: dict = {}


def built(head, style, seed):
    """A bust of this style and its hair, made once for all tests."""
    if (style, seed) not in _built:
        bust = person(head, style, seed=seed)
        _built[style, seed] = bust, build_hair(bust)
    return _built[style, seed]


def moved(bust, angles=(0.0, 0.0, 0.0), units=None):
    return rig(bust, units or {}, angles)


@pytest.mark.parametrize("people", [2, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("style", STYLES)
def test_every_style_leaves_the_face_free_on_all_heads(head, style, people):
    """Lines from cameras in front and at 35 degrees to nose, eyes and mouth meet no hair or headwear."""
    for seed in range(people):
        bust, mesh = built(head, style, seed)
        surface = Surface(bust)
        if not len(mesh.faces):
            assert style == "bald"
            continue
        marks = surface.landmarks[list(FACE)]
        covered = mesh.vertices[mesh.opacity > 0.5]
        for view in ("front", "left", "right"):
            camera = sample_scene(
                0, {"front": (0, 0), "left": (35, 0), "right": (-35, 0)}[view], 256, plain=True
            ).camera
            pixels, points = project(camera, marks)
            near, depth = project(camera, covered)
            gap = np.linalg.norm(near[:, None] - pixels[None], axis=2)
            front = depth[:, 2][:, None] < points[:, 2][None] - 0.002
            hidden = ((gap < 1.5) & front).any(axis=0)
            if view != "front":  # features turned away may lie behind their own cheek or nose
                toward = np.sign(marks[:, 0]) == (1 if view == "right" else -1)
                hidden &= toward | (np.abs(marks[:, 0]) < 0.005)
            assert not hidden.any(), (style, seed, view, np.flatnonzero(hidden) + 27)


@pytest.mark.parametrize("people", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_brows_are_hidden_in_at_most_two_percent_of_pictures(head, photograph, people):
    """Hair and headwear over the brows, from the front and from 35 degrees, on the styles people really get."""
    hidden = 0
    for seed in range(people):
        bust = head(sample_identity(seed, head=head))
        for view in ("front", "left"):
            sample = photograph(bust, view, 160, seed)
            marks = [k for k in BROWS if sample.landmarks_visible[k] or view == "front"]
            rows = np.clip(sample.landmarks[marks, ::-1].astype(int), 0, 159)
            over = np.isin(sample.mask[rows[:, 0], rows[:, 1]], (HAIR, CLOTH))
            hidden += over.sum() > 2
    assert hidden <= 0.02 * 2 * people


@pytest.mark.parametrize("style", [s for s in STYLES if s != "bald"])
def test_hair_stays_out_of_the_skin(head, style):
    for seed in range(2):
        bust, mesh = built(head, style, seed)
        height = Surface(bust).height(mesh.vertices.astype(np.float64), through_ears=True)[0]
        assert (height < -0.004).mean() < 0.035, (style, seed)


@pytest.mark.parametrize("style", ["short", "medium", "long", "coily", "tied_back"])
def test_no_scalp_shines_through(head, photograph, style):
    """From above and behind, what is well inside the scalp is hair."""
    bust = person(head, style, seed=4, density=0.9)
    sample = photograph(bust, (60, -30), 192)
    surface = Surface(bust)
    toward = -sample.camera.R.T[:, 2]
    inside = (bust.topology.scalp > 0.97) & (surface.normals @ toward > 0.5)
    pixels = project(sample.camera, surface.vertices[inside])[0].astype(int)
    pixels = pixels[((pixels >= 0) & (pixels < 192)).all(axis=1)]
    assert len(pixels) > 100
    assert np.isin(sample.mask[pixels[:, 1], pixels[:, 0]], (HAIR, EARS)).mean() > 0.97


def test_a_headscarf_covers_hair_ears_and_neck(head, photograph):
    bust, mesh = built(head, "headscarf", 0)
    assert set(mesh.face_class) == {CLOTH}
    counts = np.bincount(photograph(bust, "left", 192).mask.ravel(), minlength=len(MASK_CLASSES))
    bare = photograph(built(head, "bald", 0)[0], "left", 192).mask
    assert counts[HAIR] == 0 and counts[EARS] < 0.05 * (bare == EARS).sum()  # the class begins before the ear itself
    assert counts[SKIN] > 1500


def test_a_headscarf_spans_the_ears_without_a_fold(head):
    bust, mesh = built(head, "headscarf", 1)
    ears = bust.vertices[Ground.of(bust).ears]
    reach = np.abs(mesh.vertices[:, 0])
    for side in (1, -1):
        ear, cloth = ears[ears[:, 0] * side > 0], mesh.vertices[:, 0] * side > 0
        near = np.linalg.norm(mesh.vertices[None, cloth, 1:] - ear[::9, None, 1:], axis=2) < 0.006
        assert near.any(axis=1).mean() > 0.95
        assert (np.where(near, reach[cloth], 1.0).min(axis=1) > np.abs(ear[::9, 0])).mean() > 0.95
    over_ears = np.linalg.norm(mesh.vertices[:, None] - ears[None, ::9], axis=2).min(axis=1) < 0.02
    assert (mesh.normals[over_ears, 0] * np.sign(mesh.vertices[over_ears, 0])).min() > 0


def test_a_cap_covers_the_crown_and_shows_hair_below(head):
    bust = person(head, "cap", gender="male", seed=3)
    mesh = build_hair(bust)
    assert {HAIR, CLOTH} <= set(mesh.face_class)
    crown = bust.vertices[:, 1].max()
    cloth = mesh.vertices[np.unique(mesh.faces[mesh.face_class == CLOTH])]
    strands = mesh.vertices[np.unique(mesh.faces[mesh.face_class == HAIR])]
    assert cloth[:, 1].max() > crown > strands[:, 1].max()


@pytest.mark.parametrize("gender", ["female", "male"])
def test_hair_lies_beneath_a_cap(head, gender):
    mesh = build_hair(person(head, "cap", gender=gender, seed=3))
    cap = np.unique(mesh.faces[mesh.face_class == CLOTH])
    cap = cap[mesh.opacity[cap] > 0.5]
    rows = np.unique(mesh.faces[mesh.face_class == HAIR])
    distance, near = cKDTree(mesh.vertices[cap]).query(mesh.vertices[rows])
    out = np.einsum("nd,nd->n", mesh.vertices[rows] - mesh.vertices[cap[near]], mesh.normals[cap[near]])
    above = mesh.vertices[rows, 1] > mesh.vertices[cap[near], 1]  # of the same height the cap's edge is nearest
    assert above.sum() > 100 and np.quantile(out[above & (distance < 0.02)], 0.99) < 0.002


def test_long_hair_ends_alike_on_both_sides(head):
    """Of each side the mean height of the lowest ends."""
    for seed in range(3):
        mesh = built(head, "long", seed)[1]
        hair = mesh.vertices[np.unique(mesh.faces[mesh.face_class == HAIR])]
        left, right = (np.sort(hair[side * hair[:, 0] > 0.02, 1])[:60].mean() for side in (1, -1))
        assert abs(left - right) < 0.03


def test_hair_follows_the_skull_and_long_hair_the_shoulders_below(head):
    bust = person(head, "long", seed=2)
    mesh, face = build_hair(bust), moved(bust, (20.0, 8.0, 0.0))
    posed, _normals, _tangents = mesh.posed(face)
    rigid = mesh.vertices @ face.head_pose[:, :3].T + face.head_pose[:, 3]
    high, low = mesh.vertices[:, 1] > 0.05, mesh.vertices[:, 1] < -0.22
    assert np.allclose(posed[high], rigid[high], atol=2e-4)
    assert low.any()
    travel = np.linalg.norm(posed[low] - mesh.vertices[low], axis=1)
    assert travel.mean() < 0.4 * np.linalg.norm(rigid[low] - mesh.vertices[low], axis=1).mean()
    still = mesh.posed(moved(bust))[0]
    assert np.allclose(still[high], mesh.vertices[high], atol=1e-6)


def test_a_beard_rides_on_the_jaw(head):
    bust = person(head, "bald", "full", gender="male", age=40, seed=2)
    mesh, face, rest = build_hair(bust), moved(bust, units={"AU27": 5}), moved(bust)
    travel = (mesh.posed(face)[0] - mesh.posed(rest)[0])[:, 1]
    chin = np.linalg.norm(mesh.vertices - Surface(bust).landmarks[8], axis=1) < 0.02
    burns = mesh.vertices[:, 1] > 0.0
    assert travel[chin].mean() < -0.008 and np.abs(travel[burns]).mean() < 0.003


def test_beards_leave_the_mouth_free(head, photograph):
    def mouth(beard):
        sample = photograph(person(head, "short", beard, gender="male", age=45, seed=1), "front", 256)
        return np.isin(sample.mask, MOUTH).sum(), (sample.mask == FACIAL).sum()

    bare, _ = mouth("none")
    for beard in ("moustache", "goatee", "full"):
        left, hair = mouth(beard)
        assert left > 0.6 * bare and hair > 100, beard


def test_hair_is_the_same_bytes_every_time_and_differs_between_people(head):
    one, two = (build_hair(person(head, "medium", seed=7)) for _ in range(2))
    for field in dataclasses.fields(one):
        assert np.array_equal(getattr(one, field.name), getattr(two, field.name)), field.name
    other = build_hair(person(head, "medium", seed=8))
    assert other.vertices.shape != one.vertices.shape or not np.allclose(other.vertices, one.vertices)


def test_triangles_stay_within_the_budget(head):
    beard = len(build_hair(person(head, "bald", "full", gender="male", seed=5, density=1.0)).faces)
    for style in STYLES:
        assert len(built(head, style, 0)[1].faces) + beard < 40_000, style


def test_colour_follows_melanin_red_and_grey(head):
    def colour(**change):
        hair = dataclasses.replace(sample_identity(0).hair, red=0.0, **change)
        return hair_colour(hair, np.random.default_rng(0), 500).mean(axis=0)

    brightness = [colour(melanin=m, grey=0.0).sum() for m in (0.0, 0.3, 0.6, 1.0)]
    assert all(np.diff(brightness) < 0) and brightness[0] > 10 * brightness[-1]
    greys = [colour(melanin=1.0, grey=g) for g in (0.0, 0.5, 1.0)]
    assert greys[0].sum() < greys[1].sum() < greys[2].sum()
    assert np.ptp(greys[2]) / greys[2].mean() < 0.1, "grey is not grey"
    red = pigment(dataclasses.replace(sample_identity(0).hair, melanin=0.4, red=0.9))
    assert red[0] > 4 * red[2]


def test_roots_keep_the_hairs_colour_under_a_scarf_or_on_a_bald_head(head):
    for style in ("bald", "headscarf", "short"):
        blond, black = (build_hair(person(head, style, seed=2, grey=0.0, red=0.0, melanin=m)) for m in (0.1, 1.0))
        assert blond.scalp_colour.sum() > 5 * black.scalp_colour.sum() > 0


def test_the_old_recede_more(head):
    def cover(age):
        bust = person(head, "receding", gender="male", age=age, seed=3)
        return build_hair(bust).scalp.sum()

    assert cover(80) < 0.85 * cover(28)


@pytest.mark.parametrize("age", [40, 88])
def test_receding_hair_is_cut_around_the_ears(head, age):
    bust = person(head, "receding", gender="male", age=age, seed=25)
    mesh, surface = build_hair(bust), Surface(bust)
    strands = np.unique(mesh.faces[mesh.face_class == HAIR])
    strands = strands[mesh.opacity[strands] > 0.3]
    assert len(strands) and surface.ears[surface.nearest(mesh.vertices[strands])].mean() < 0.1


def test_strand_pattern_ranks_are_uniform_so_that_opacity_is_coverage():
    rank = strand_pattern()[..., 0].astype(float)
    for opacity in (0.25, 0.5, 0.75):
        assert (rank < 255 * opacity).mean() == pytest.approx(opacity, abs=0.02)
    assert abs(strand_pattern()[..., 1].mean() - 128) < 25


@pytest.mark.parametrize("style", ["short", "medium", "long", "tied_back"])
def test_hair_thins_out_at_its_ends_and_at_the_hairline(head, style):
    """Of the skin where hair begins, a part shows; below the ears, the lowest ends cover nothing."""
    bust, mesh = built(head, style, 0)
    hair = np.unique(mesh.faces[mesh.face_class == HAIR])
    nearest = bust.topology.scalp[Surface(bust).nearest(mesh.vertices[hair])]
    lies = Surface(bust).height(mesh.vertices[hair])[0] < 0.005  # not what hangs over it from further up
    begins = (nearest > 0.2) & (nearest < 0.4) & lies
    assert begins.sum() > 100 and np.clip(mesh.opacity[hair][begins], 0, 1).mean() < 0.5
    low = np.argsort(mesh.vertices[hair, 1])[:20]
    assert mesh.opacity[hair][low].min() < 0.01


def test_merging_keeps_triangles_on_their_own_vertices(head):
    a, b = build_hair(person(head, "short", seed=1)), build_hair(person(head, "bald", "goatee", seed=1, gender="male"))
    both = merge(a, b, empty(len(a.scalp)))
    assert np.array_equal(both.vertices[both.faces[: len(a.faces)]], a.vertices[a.faces])
    assert np.array_equal(both.vertices[both.faces[len(a.faces) :]], b.vertices[b.faces])
    assert np.array_equal(both.scalp, np.maximum(a.scalp, b.scalp))


def test_brows_on_a_black_skin_map_have_a_colour():
    assert np.isfinite(brow_colour(sample_identity(0).hair, np.zeros(3))).all()


@pytest.mark.parametrize("kind", CLOTHES_KINDS[:4])
def test_necklines_are_cut_finely(head, kind):
    """Where the edge crosses a triangle it is straight: those are small, and the skin's own are up to 15 mm."""
    mesh = build_clothes(person(head, seed=3), Clothes(kind, (0.3, 0.3, 0.3), 1))
    over = mesh.opacity[mesh.faces] > 0.5
    edge = mesh.vertices[mesh.faces[over.any(axis=1) & ~over.all(axis=1)]]
    edge = edge[edge[..., 1].min(axis=1) > -0.3]
    assert np.linalg.norm(edge - np.roll(edge, 1, axis=1), axis=2).max() < 0.009


def test_a_finer_mesh_has_no_gaps(head):
    mesh = build_clothes(person(head, seed=3), Clothes("crew", (0.3, 0.3, 0.3), 1))
    fine, pairs = finer(mesh, mesh.vertices[:, 0] > 0.05)

    def area(mesh):
        a, b, c = mesh.vertices[mesh.faces].astype(float).transpose(1, 0, 2)
        return np.cross(b - a, c - a)

    def rim(mesh):
        sides = np.concatenate([mesh.faces[:, [k, (k + 1) % 3]] for k in range(3)])
        used, times = np.unique(np.sort(sides, axis=1), axis=0, return_counts=True)
        return np.linalg.norm(np.diff(mesh.vertices[used[times == 1]], axis=1), axis=2).sum()

    assert len(pairs) and np.allclose(area(fine).sum(axis=0), area(mesh).sum(axis=0), atol=1e-6)
    assert np.linalg.norm(area(fine), axis=1).sum() == pytest.approx(np.linalg.norm(area(mesh), axis=1).sum(), rel=1e-4)
    assert rim(fine) == pytest.approx(rim(mesh), rel=1e-4)


@pytest.mark.parametrize("skin", [(0.6, 0.4, 0.3), (0.3, 0.15, 0.08), (0.1, 0.05, 0.03)])
def test_brows_are_about_as_grey_as_the_hair_and_dark_where_it_is_dyed(skin):
    hair = dataclasses.replace(sample_identity(0).hair, melanin=0.8, red=0.0)
    dyed, half, white = (brow_colour(dataclasses.replace(hair, grey=g), np.array(skin)) for g in (0.12, 0.6, 1.0))
    assert dyed.mean() < 0.03 < half.mean() < 0.6 * white.mean()
    assert 0.4 * mass_colour(dataclasses.replace(hair, grey=1.0)).mean() < white.mean() < 0.3
    assert np.ptp(white) / white.mean() < 0.4, "grey is not grey"
