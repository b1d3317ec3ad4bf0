"""Hanging hair: cut at a height, gathered in locks."""

import numpy as np
import pytest

from threedpain.generation.worn.hanging import cut_at, gathered


def test_paths_end_at_the_height_asked_for():
    drop = np.linspace(0.1, -0.3, 27)
    path = np.stack([np.zeros((5, 27)), np.tile(drop, (5, 1)), np.zeros((5, 27))], axis=2)
    end = np.array([0.0, -0.05, -0.1, -0.2, -0.28])
    curves = cut_at(path, end, 9)
    assert curves.shape == (5, 10, 3) and np.allclose(curves[:, 0], path[:, 0])
    assert curves[:, -1, 1] == pytest.approx(end, abs=1e-6)
    assert (np.diff(curves[..., 1], axis=1) < 0).all()


def test_ends_draw_together_and_roots_stay():
    rng = np.random.default_rng(0)
    curves = np.zeros((400, 10, 3))
    curves[..., 0] = rng.uniform(-0.1, 0.1, (400, 1))
    curves[..., 1] = np.linspace(0, -0.2, 10)

    def clearings(tips):  # metres between neighbours: few are wide where ends have gathered
        return np.sort(np.diff(np.sort(tips)))[-40:].mean()

    locks = gathered(curves, 0.75, np.random.default_rng(1))
    assert np.allclose(locks[:, 0], curves[:, 0]) and np.allclose(locks[..., 1], curves[..., 1])
    assert clearings(locks[:, -1, 0]) > 1.2 * clearings(curves[:, -1, 0])
