"""The CPU rasterizer against PyTorch3D, and the renderer's visibility against the CPU rasterizer."""

import numpy as np
import pytest

from threedpain.errors import InvalidInput
from threedpain.generation.frames import look_at, to_ndc
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.render.raster.exact import CpuRasterizer
from threedpain.generation.render.raster.nearest import NO_TEST, nearest
from threedpain.generation.render.raster.pytorch3d import CudaRasterizer, cpu_mesh_rasterizer
from threedpain.generation.render.raster.settings import RasterizationSettings

EDGE, DEPTH = 1e-4, 1e-6  # nearer to an edge (NDC), or to a second surface (depth), rounding may decide


def soup(rng, count=200, size=0.3):
    """Random triangles of all sizes, a fifth of them slivers, some behind the eye, off the picture or across the near
    plane."""
    scale = size * rng.uniform(0.05, 2, (count, 1, 1))
    corners = rng.uniform(-1.3, 1.3, (count, 1, 3)) + rng.normal(0, 1, (count, 3, 3)) * scale
    corners[: count // 5, 2] = corners[: count // 5, 1] + rng.normal(0, 0.004, (count // 5, 3))
    corners[:, :, 2] = rng.uniform(-0.4, 4, (count, 1)) + rng.normal(0, 0.4, (count, 3))
    return corners.reshape(-1, 3).astype(np.float32), np.arange(3 * count).reshape(-1, 3)


def empty():
    return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64)


def head(seed=0, yaw=0.0, size=96):
    bust = ScanHeadModel.load()(sample_identity(seed))
    return to_ndc(look_at(yaw, 5.0, 3.0, size=size), bust.vertices), bust.topology.faces


def edge_distance(points, corners):
    """Distance of points [P, 2] to the nearest edge of their triangles [P, 3, 2], in float64."""
    best = np.full(len(points), np.inf)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        start, along = corners[:, a], corners[:, b] - corners[:, a]
        t = ((points - start) * along).sum(1) / np.maximum((along**2).sum(1), 1e-30)
        best = np.minimum(best, np.linalg.norm(points - start - np.clip(t, 0, 1)[:, None] * along, axis=1))
    return best


def clear_pixels(meshes, ours, theirs, settings):
    """Pixels [N, H, W] on which both must agree: not near an edge of what either saw there, no two depths alike."""
    height, width = ours.pix_to_face.shape[1:3]
    corners = np.concatenate([v[f].reshape(-1, 3, 3) for v, f in meshes])[:, :, :2].astype(np.float64)
    short = min(height, width)
    x = (width - 1 - 2 * np.arange(width)) / short
    y = (height - 1 - 2 * np.arange(height)) / short
    centres = np.broadcast_to(np.stack(np.meshgrid(x, y), -1), (len(meshes), height, width, 2))
    clear = np.ones(ours.pix_to_face.shape[:3], bool)
    for fragments in (ours, theirs):
        faces, depth = fragments.pix_to_face.numpy(), fragments.zbuf.numpy().astype(np.float64)
        for k in range(faces.shape[3]):
            hit = faces[..., k] >= 0
            near = edge_distance(centres[hit], corners[faces[..., k][hit]]) <= EDGE
            if settings.z_clip_value is not None:  # edges made by clipping lie at the plane's depth
                near |= np.abs(depth[..., k][hit] - settings.z_clip_value) < 1e-3
            clear[hit] &= ~near
            if k:
                clear &= ~(hit & (np.abs(depth[..., k] - depth[..., k - 1]) <= DEPTH))
    both = np.concatenate([ours.zbuf.numpy(), theirs.zbuf.numpy()], 3)[..., [0, ours.zbuf.shape[3]]].astype(np.float64)
    different = (ours.pix_to_face != theirs.pix_to_face).numpy()[..., 0]
    return clear & ~(different & (np.abs(both[..., 0] - both[..., 1]) <= DEPTH))


def compare(meshes, settings, share=1.0):
    vertices, faces = zip(*meshes, strict=True)
    ours, theirs = CpuRasterizer(settings)(vertices, faces), CudaRasterizer(settings, device="cpu")(vertices, faces)
    for name in ("pix_to_face", "zbuf", "bary_coords", "dists"):
        a, b = getattr(ours, name), getattr(theirs, name)
        assert a.shape == b.shape and a.dtype == b.dtype, name
    clear = clear_pixels(meshes, ours, theirs, settings)
    same = (ours.pix_to_face == theirs.pix_to_face).all(-1).numpy()
    assert same[clear].mean() >= share, f"{(~same[clear]).sum()} of {clear.sum()} clear pixels differ"
    assert same.mean() > 0.999
    agree = ours.pix_to_face == theirs.pix_to_face
    hit = agree & (ours.pix_to_face >= 0)
    np.testing.assert_allclose(ours.zbuf[hit], theirs.zbuf[hit], rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(ours.dists[hit], theirs.dists[hit], rtol=1e-4, atol=1e-9)
    sharp = hit & (ours.dists.abs() > 1e-8)  # on slivers barycentric coordinates are rounding noise
    np.testing.assert_allclose(ours.bary_coords[sharp], theirs.bary_coords[sharp], atol=2e-3)
    missed = agree & (ours.pix_to_face < 0)
    for name in ("zbuf", "bary_coords", "dists"):
        assert (getattr(ours, name)[missed] == -1).all(), name
    return ours


@pytest.mark.parametrize("faces_per_pixel", [1, 4])
@pytest.mark.parametrize("perspective", [True, False])
@pytest.mark.parametrize("cull", [True, False])
def test_soups_agree_with_pytorch3d(faces_per_pixel, perspective, cull):
    rng = np.random.default_rng(faces_per_pixel + 2 * perspective + 4 * cull)
    meshes = [soup(rng), empty(), soup(rng, 60, 0.8), soup(rng, 400, 0.05)]
    settings = RasterizationSettings(
        (72, 100), faces_per_pixel=faces_per_pixel, perspective_correct=perspective, cull_backfaces=cull
    )
    compare(meshes, settings, share=0.9999)


@pytest.mark.parametrize("faces_per_pixel", [1, 4])
@pytest.mark.parametrize("perspective", [True, False])
def test_triangles_across_the_near_plane_agree_with_pytorch3d(faces_per_pixel, perspective):
    rng = np.random.default_rng(10 + faces_per_pixel)
    settings = RasterizationSettings(
        80, faces_per_pixel=faces_per_pixel, perspective_correct=perspective, z_clip_value=0.3
    )
    ours = compare([soup(rng), soup(rng, 100, 0.9)], settings, share=0.9999)
    assert ours.zbuf[ours.pix_to_face >= 0].min() >= 0.3 - 1e-5
    assert int(ours.pix_to_face.max()) < 300, "faces are those of the meshes, not the clipped pieces"


@pytest.mark.parametrize("blur", [1e-4, 1e-2])
def test_blurred_triangles_agree_with_pytorch3d(blur):
    rng = np.random.default_rng(3)
    meshes = [soup(rng, 60)]
    settings = RasterizationSettings(64, blur_radius=blur, faces_per_pixel=4, z_clip_value=0.3)
    vertices, faces = zip(*meshes, strict=True)
    ours, theirs = CpuRasterizer(settings)(vertices, faces), CudaRasterizer(settings, device="cpu")(vertices, faces)
    assert (ours.pix_to_face == theirs.pix_to_face).float().mean() > 0.999
    assert (ours.dists[ours.pix_to_face >= 0] < blur).all()


@pytest.mark.parametrize("faces_per_pixel", [1, 4])
def test_heads_agree_with_pytorch3d_on_every_clear_pixel(faces_per_pixel):
    settings = RasterizationSettings(40, faces_per_pixel=faces_per_pixel)
    ours = compare([head(1, 20.0)], settings)
    assert (ours.pix_to_face[..., 0] >= 0).float().mean() > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("cull", [True, False])
@pytest.mark.parametrize("perspective", [True, False])
def test_heads_agree_with_pytorch3d_in_full_size(cull, perspective):
    meshes = [head(seed, yaw, 128) for seed, yaw in ((0, 0.0), (1, 35.0), (2, -60.0))]
    for faces_per_pixel in (1, 4):
        compare(
            meshes,
            RasterizationSettings(
                128, faces_per_pixel=faces_per_pixel, cull_backfaces=cull, perspective_correct=perspective
            ),
        )


def test_the_bridge_is_a_mesh_rasterizer():
    import torch
    from pytorch3d.renderer import FoVPerspectiveCameras, MeshRasterizer, look_at_view_transform
    from pytorch3d.renderer import RasterizationSettings as Theirs
    from pytorch3d.utils import ico_sphere

    spheres = ico_sphere(3).extend(2)
    spheres.offset_verts_(0.05 * torch.sin(37 * spheres.verts_packed()))
    R, T = look_at_view_transform(2.2, torch.tensor([10.0, 40.0]), torch.tensor([20.0, -70.0]))
    cameras = FoVPerspectiveCameras(
        R=R, T=T, znear=1.6
    )  # the near plane, at half of it, cuts nothing; the eye is close
    settings = Theirs(image_size=64, faces_per_pixel=2)
    ours, theirs = cpu_mesh_rasterizer(cameras, settings)(spheres), MeshRasterizer(cameras, settings)(spheres)
    assert type(ours) is type(theirs)
    assert (ours.pix_to_face == theirs.pix_to_face).float().mean() > 0.9995
    same = (ours.pix_to_face == theirs.pix_to_face) & (ours.pix_to_face >= 0)
    torch.testing.assert_close(ours.zbuf[same], theirs.zbuf[same], rtol=1e-5, atol=1e-6)


def test_threads_and_batches_change_nothing():
    rng = np.random.default_rng(5)
    meshes = [soup(rng), soup(rng, 50)]
    vertices, faces = zip(*meshes, strict=True)
    settings = RasterizationSettings(70, faces_per_pixel=2, z_clip_value=0.2)
    together = CpuRasterizer(settings)(vertices, faces)
    parallel = CpuRasterizer(settings, threads=3)(vertices, faces)
    first = 0
    for n in range(2):
        alone = CpuRasterizer(settings)(vertices[n : n + 1], faces[n : n + 1])
        index = alone.pix_to_face[0]
        assert (together.pix_to_face[n] == index + (index >= 0) * first).all()
        assert (together.zbuf[n] == alone.zbuf[0]).all() and (together.dists[n] == alone.dists[0]).all()
        first += len(faces[n])
    for name in ("pix_to_face", "zbuf", "bary_coords", "dists"):
        assert (getattr(together, name) == getattr(parallel, name)).all()


def test_the_renderers_visibility_is_the_rasterizers():
    for yaw, cull in ((0.0, True), (50.0, False)):
        vertices, faces = head(4, yaw)
        size = 160
        fragments = CpuRasterizer(RasterizationSettings(size, cull_backfaces=cull))([vertices], [faces])
        near = vertices.copy()
        near[:, 2] = 1 / vertices[:, 2]
        winners, nearness = np.full((size, size), -1, np.int32), np.zeros((size, size), np.float32)
        nearest(near, faces, len(faces) if cull else 0, NO_TEST, winners, nearness)
        same = winners == fragments.pix_to_face[0, :, :, 0].numpy()
        assert same.mean() > 0.9995
        hit = same & (winners >= 0)
        np.testing.assert_allclose(1 / nearness[hit], fragments.zbuf[0, :, :, 0].numpy()[hit], rtol=1e-5)
        assert ((winners >= 0) == (fragments.pix_to_face[0, :, :, 0] >= 0).numpy()).mean() > 0.9999, "holes"


def test_a_covered_triangle_has_no_holes():
    """A fan of thin triangles covers a disc: no sample falls between two neighbours."""
    turn = np.linspace(0, 2 * np.pi, 301)[:-1]
    ring = np.stack([0.9 * np.cos(turn), 0.9 * np.sin(turn), np.full(300, 0.5)], 1)
    vertices = np.concatenate([[[0, 0, 0.5]], ring]).astype(np.float32)
    faces = np.stack([np.zeros(300, int), 1 + np.arange(300), 1 + (np.arange(300) + 1) % 300], 1).astype(np.int32)
    size = 257
    winners, nearness = np.full((size, size), -1, np.int32), np.zeros((size, size), np.float32)
    nearest(vertices, faces, 0, NO_TEST, winners, nearness)
    y, x = np.mgrid[:size, :size]
    inside = np.hypot(x - 128, y - 128) < 0.88 * size / 2
    assert (winners[inside] >= 0).all()


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(InvalidInput, match="faces_per_pixel must be 1 or more, got 0"):
        CpuRasterizer(RasterizationSettings(faces_per_pixel=0))
    with pytest.raises(InvalidInput, match="blur_radius must be 0 or more, got -1"):
        CpuRasterizer(RasterizationSettings(blur_radius=-1))
    with pytest.raises(InvalidInput, match="one array of faces a mesh, got 1 meshes and 0 arrays"):
        CpuRasterizer()([np.zeros((3, 3))], [])
    with pytest.raises(InvalidInput, match="image_size must be positive, got 0"):
        CpuRasterizer(RasterizationSettings(image_size=0))([], [])
