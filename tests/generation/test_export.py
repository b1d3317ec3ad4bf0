"""Faces as files and as PyTorch3D meshes."""

import io

import numpy as np
import pytest

from threedpain.errors import InvalidInput
from threedpain.generation.export import save, textured, to_glb, to_pytorch3d
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.records import SkinMaps

trimesh = pytest.importorskip("trimesh")


@pytest.fixture(scope="module")
def face():
    return rig(ScanHeadModel.load()(sample_identity(5)), {"AU4": 4, "AU9": 3})


@pytest.fixture(scope="module")
def maps():
    x = np.linspace(60, 250, 1384)[None, :, None]
    albedo = np.broadcast_to(x, (768, 1384, 3)).astype(np.uint8)
    return SkinMaps(albedo, np.zeros((768, 1384), np.uint8))


def test_a_glb_is_small_repeatable_and_textured(face, maps):
    data = to_glb(face, maps)
    assert len(data) <= 500_000 and data == to_glb(face, maps)
    mesh = trimesh.load(io.BytesIO(data), file_type="glb").to_mesh()
    low, high = mesh.bounds
    assert np.allclose([low, high], [face.vertices.min(axis=0), face.vertices.max(axis=0)], atol=2e-3)
    picture = np.asarray(mesh.visual.material.baseColorTexture)
    cheek = face.bust.topology.landmark_faces[[3, 13]]
    points = face.vertices[face.bust.topology.faces[cheek]].mean(axis=1)
    nearest = [np.linalg.norm(mesh.vertices - p, axis=1).argmin() for p in points]
    uv = mesh.visual.uv[nearest]
    shade = [picture[int((1 - v) * picture.shape[0]), int(u * picture.shape[1])][0] for u, v in uv]
    assert shade[1] > shade[0] + 30, "the subject's left is the texture's right, and v points up"


def test_heat_travels_with_the_mesh(face, maps):
    mesh = trimesh.load(io.BytesIO(to_glb(face, maps, heat=True)), file_type="glb").to_mesh()
    assert mesh.vertex_attributes["_HEAT"].max() == pytest.approx(face.heat[: len(face.bust.cage)].max(), rel=1e-3)


def test_an_obj_comes_with_its_texture(face, maps, tmp_path):
    path = save(face, maps, tmp_path / "face.obj")
    assert {p.suffix for p in tmp_path.iterdir()} == {".obj", ".mtl", ".png"}
    mesh = trimesh.load(path)
    assert len(mesh.faces) == len(textured(face, maps).faces) and mesh.visual.material.image.size == (1384, 896)


def test_other_formats_are_refused(face, maps, tmp_path):
    with pytest.raises(InvalidInput, match="saved as .glb or .obj, got 'face.fbx'"):
        save(face, maps, tmp_path / "face.fbx")


def test_pytorch3d_gets_meshes_with_textures(face, maps):
    pytest.importorskip("pytorch3d")
    meshes = to_pytorch3d(face, maps)
    assert meshes.verts_packed().shape[0] == len(face.vertices)
    assert np.allclose(meshes.verts_packed().numpy(), face.vertices)
    picture = meshes.textures.maps_padded()
    assert picture.shape[1:] == (896, 1384, 3) and picture.min() >= 0 and picture.max() <= 1
