"""Points that move a little find the same nearest vertices as by a search from the beginning, to the bit."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from threedpain.generation.worn.near import Near


def surface(rng, count=3000):
    """Vertices on a dented ball of 10 cm, some of them twice, as where lips meet."""
    way = rng.normal(size=(count, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    vertices = (0.1 + 0.01 * np.sin(7 * way[:, :1])) * way
    return np.concatenate([vertices, vertices[:200]])


@pytest.mark.parametrize("seed", range(3))
def test_same_neighbours_after_moves_of_all_lengths(seed):
    rng = np.random.default_rng(seed)
    tree = cKDTree(surface(rng))
    near = Near(tree)
    points = tree.data[rng.integers(len(tree.data), size=800)] * rng.uniform(0.8, 2.5, (800, 1))
    points[:100] = tree.data[:100]  # on vertices that are there twice
    for move in (0.0, 0.03, 0.004, 6e-4, 1e-5, 1e-9, 0.0, 0.02):
        points = points + move * rng.normal(size=3)
        points[300:500] += 0.3 * move * rng.normal(size=(200, 3))
        away, rows = tree.query(points, k=3)
        found = near.query(points)
        assert found[0].tobytes() == away.tobytes() and np.array_equal(found[1], rows)


def test_a_place_between_equals_is_searched_for():
    """In the middle of a lattice's cells eight vertices are equally far."""
    lattice = 0.004 * np.stack(np.meshgrid(*[np.arange(12.0)] * 3), axis=-1).reshape(-1, 3)
    tree = cKDTree(lattice)
    near = Near(tree)
    points = lattice[:500] + 0.002
    for _ in range(3):
        away, rows = tree.query(points, k=3)
        found = near.query(points)
        assert found[0].tobytes() == away.tobytes() and np.array_equal(found[1], rows)
        points = points + [1e-5, 0.0, 0.0]
