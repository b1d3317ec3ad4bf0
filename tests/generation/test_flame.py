"""The FLAME head on a made-up file of FLAME's format."""

import pickle

import numpy as np
import pytest

from threedpain.errors import InvalidInput, MissingFile
from threedpain.generation.head.bust import Anatomy, Head
from threedpain.generation.head.differentiable import DifferentiableFace
from threedpain.generation.head.flame import FlameHeadModel
from threedpain.generation.head.model import HeadModel
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import average_identity, sample_identity


@pytest.fixture(scope="module")
def flame_arrays():
    """Our own coarse head in FLAME's clothes: another scale and place, eyeballs as separate pieces, random directions,
    two that sex and size move along, and expressions that contain what the action units need."""
    head = HeadModel.load()
    bust = head(sample_identity(3, asymmetry=0, resting={}, head=head))
    mesh = head.coarse
    kept = np.isin(mesh["face_part"], [0, 1, 2])
    used, faces = np.unique(mesh["faces"][kept], return_inverse=True)
    vertices = bust.vertices[mesh["rows"]][used]
    rng = np.random.default_rng(0)
    moves = [
        (rig(bust, {f"{unit}{side}": 5}).vertices - bust.vertices)[mesh["rows"]][used]
        for unit in ("AU4", "AU6", "AU7", "AU9", "AU10", "AU12")
        for side in "LR"
    ]
    smooth = [np.sin(vertices @ rng.normal(size=(3, 3)) * 30 + rng.uniform(0, 6, 3)) * 1e-3 for _ in range(34)]
    woman, man = (
        head(sample_identity(3, age=40, gender=gender, ethnicity="white", resting={}, head=head)).vertices
        for gender in ("female", "male")
    )
    traits = [0.5 * (man - woman)[mesh["rows"]][used], 0.03 * vertices]
    directions = np.stack([*traits, *smooth, *moves], axis=-1)
    weights = np.zeros((len(vertices), 5))
    weights[:, 1] = 1
    return {
        "v_template": vertices * 1.1 + [0, 0.03, -0.02],
        "shapedirs": directions,
        "weights": weights,
        "f": faces.reshape(-1, 3).astype("u4"),
        "J_regressor": np.zeros((5, len(vertices))),
    }


@pytest.fixture(scope="module")
def flame(flame_arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("flame") / "model.npz"
    np.savez(path, **flame_arrays)
    return FlameHeadModel.load(path, average_identity())


def test_a_flame_head_rigs_like_ours(flame):
    person = sample_identity(5, resting={}, head=flame)
    bust = flame(person)
    assert rig(bust, {}).vertices.tobytes() == bust.vertices.tobytes()
    brow = rig(bust, {"AU4": 5})
    assert 2 < brow.heat.max() < 15
    moved = bust.vertices[brow.heat > 0.6 * brow.heat.max()]
    eyes = bust.eye_centres[:, 1].mean()
    assert (moved[:, 1] > eyes).mean() > 0.75, "AU4 moves the brows"
    one_sided = rig(bust, {"AU12L": 5})
    change = np.linalg.norm(one_sided.vertices - bust.vertices, axis=1)
    assert bust.vertices[change.argmax(), 0] > 0, "AU12L moves the subject's left"


def test_people_differ_and_repeat(flame):
    first, again, other = (flame(sample_identity(seed, head=flame)) for seed in (1, 1, 2))
    assert first.vertices.tobytes() == again.vertices.tobytes()
    assert np.abs(first.vertices - other.vertices).max() > 1e-3
    assert first.topology.landmark_barycentric.shape == (68, 3)


def test_age_gender_and_size_show_in_the_head(flame):
    woman, man = (
        flame(sample_identity(8, age=40, gender=gender, ethnicity="white", resting={}, head=flame)).vertices
        for gender in ("female", "male")
    )
    ours = [
        HeadModel.load()(
            sample_identity(8, age=40, gender=gender, ethnicity="white", resting={}, head=HeadModel.load())
        ).vertices
        for gender in ("female", "male")
    ]
    count = len(flame.cage)
    change, wanted = (man - woman)[:count], (ours[1] - ours[0])[flame._partner]
    assert (change * wanted).sum() > 0.5 * np.linalg.norm(change) * np.linalg.norm(wanted)
    people = [sample_identity(seed, age=40, gender="male", ethnicity="white", head=flame) for seed in range(12)]
    size = [np.ptp(HeadModel.load()(person).vertices[:, 0]) for person in people]
    assert np.corrcoef(size, [np.ptp(flame(person).vertices[:, 0]) for person in people])[0, 1] > 0.5


def test_a_pickle_gives_the_same_head(flame, flame_arrays, tmp_path):
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(pickle.dumps(flame_arrays, protocol=2))
    assert np.array_equal(FlameHeadModel.load(path, average_identity()).cage, flame.cage)


class Evil:
    def __reduce__(self):
        return (print, ("run",))


def test_a_pickle_never_runs_code(tmp_path, capsys):
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"v_template": Evil()}))
    with pytest.raises(InvalidInput, match="builtins.print, which no FLAME model needs"):
        FlameHeadModel.load(path, average_identity())
    assert capsys.readouterr().out == ""


def test_missing_and_foreign_files_are_said_clearly(tmp_path):
    with pytest.raises(MissingFile, match="needs a FLAME model file, which may not be shipped: register at"):
        FlameHeadModel.load(None, average_identity())
    with pytest.raises(MissingFile, match="no FLAME model at .*nowhere.pkl"):
        FlameHeadModel.load(tmp_path / "nowhere.pkl", average_identity())
    np.savez(tmp_path / "half.npz", v_template=np.zeros((4, 3)))
    with pytest.raises(InvalidInput, match="no 3-dimensional array 'shapedirs'"):
        FlameHeadModel.load(tmp_path / "half.npz", average_identity())


def test_each_head_keeps_the_protocol_and_draws_for_itself(flame):
    for head in (HeadModel.load(), ScanHeadModel.load(), flame):
        promised = {*Head.__annotations__, "__call__", "draw", "surface", "eyeballs"}
        assert not [name for name in promised if not hasattr(head, name)]
        shape = sample_identity(5, head=head).shape
        assert shape.shape == (len(head.shape_names),) and shape.dtype == np.float32
        bust = head(sample_identity(5, head=head))
        assert len(bust.vertices) == len(bust.neck_weight) == len(head.skin_vertices) == len(head.topology.mirror)
        assert head.surface(bust.cage).shape == (head.skin_count, 3) == (len(head.lashes), 3)
        assert head.coarse["faces"].max() < len(head.coarse["rows"])


def test_an_identity_has_the_shape_of_the_head_that_wears_it():
    class Other:
        shape_names = ("long", "wide")

        def draw(self, seed, age, gender, ethnicity, phenotypes, lean):
            return np.array([age, lean], np.float32)

    assert sample_identity(5, age=40, head=Other()).shape.tolist() == [40, 1]
    ours = sample_identity(5, age=40)
    assert len(ours.shape) == len(ScanHeadModel.load().shape_names)


def test_gradients_by_shape_are_of_linear_heads(flame):
    with pytest.raises(InvalidInput, match="FlameHeadModel has no gradients by shape"):
        DifferentiableFace(flame(sample_identity(5, head=flame)))


def test_a_bust_is_whole_when_it_is_made(flame):
    bust = HeadModel.load()(sample_identity(5, head=HeadModel.load()))
    assert isinstance(bust, Anatomy) and bust.vertices.shape == (len(bust.neck_weight), 3)
