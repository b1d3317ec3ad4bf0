"""What makes reading hard: a reader that leans on the brows, on upright faces or on its reference is told apart."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from drawn_faces import drawn_faces

from threedpain.modeling.evaluation.hardship import BROWS, hardships
from threedpain.modeling.evaluation.report import by_worn
from threedpain.modeling.faces.faces import VISIBLE, FaceSet

PROCESSOR = SimpleNamespace(image_mean=[0.0] * 3, image_std=[1.0] * 3)


class Answer(SimpleNamespace):
    def get(self, name):
        return getattr(self, name, None)


class Reader(torch.nn.Module):
    """Answers by a rule of the picture [n, 3, S, S] and its reference [n, 3, S, S]."""

    def __init__(self, rule):
        super().__init__()
        self.rule, self.weight = rule, torch.nn.Parameter(torch.zeros(1))
        self.config = SimpleNamespace(num_channels=3, image_size=32, reference="compare")

    def forward(self, pixel_values, neutral_pixel_values=None, neutral_index=None):
        neutral = neutral_pixel_values[neutral_index[:, 0]]
        brows = pixel_values[:, :, int(BROWS[1] * 32) + 1 : int(BROWS[3] * 32) - 1, 6:26]
        seen = (brows.std((1, 2, 3)) > 0.01).float()[:, None].expand(-1, 6)
        return Answer(pspi=self.rule(pixel_values, neutral), visible=seen)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    packed = FaceSet.pack(drawn_faces(6, 5, 2), size=40, cache=tmp_path_factory.mktemp("faces"))
    noise = np.random.default_rng(0).integers(0, 255, packed.images.shape).astype(np.uint8)
    table = packed.table.copy()
    table[list(VISIBLE)] = 1.0
    calm = np.arange(len(table)) % 2 == 0
    table["expression"] = np.where(calm, "neutral", "pain")
    table["PSPI"] = np.where(calm, 0.0, 8.0).astype(np.float32)
    return replace(packed, images=noise, table=table)


def test_who_leans_on_nothing_is_hurt_by_nothing(faces):
    found = hardships(Reader(lambda x, n: torch.zeros(len(x))), PROCESSOR, faces)
    assert found["brows_covered_neutral"] == 0 and found["stranger_shift"] == 0
    assert found["tilted_mae"] == pytest.approx(faces.table["PSPI"].mean())


def test_who_takes_covered_brows_for_a_frown_is_found_out(faces):
    grey = lambda x, n: 3.0 * (x[:, :, 14, 6:26].std((1, 2)) < 0.01)  # noqa: E731
    found = hardships(Reader(grey), PROCESSOR, faces)
    assert found["brows_covered_neutral"] == pytest.approx(3.0)
    assert found["brows_covered_noticed"] == 1 and found["brows_doubted_wrongly"] == 0


def test_who_leans_on_the_reference_is_found_out(faces):
    shades = faces.images.copy()
    for number, (_, rows) in enumerate(faces.table.groupby("identity").indices.items()):
        shades[rows] = 20 + 30 * number
    apart = lambda x, n: 10 * (x - n).abs().mean((1, 2, 3))  # noqa: E731
    found = hardships(Reader(apart), PROCESSOR, replace(faces, images=shades))
    assert found["stranger_shift"] > 1 and found["brows_covered_neutral"] > 0


def test_who_needs_upright_faces_is_found_out(faces):
    upright = np.zeros_like(faces.images)
    upright[:, :20] = 200
    rule = lambda x, n: 10 * (x[:, :, :4, :4].mean((1, 2, 3)) - x[:, :, :4, -4:].mean((1, 2, 3))).abs()  # noqa: E731
    flat = faces.table.assign(PSPI=np.float32(0))
    found = hardships(Reader(rule), PROCESSOR, replace(faces, images=upright, table=flat))
    assert found["tilted_mae"] > 1


def test_figures_by_what_is_worn():
    table = pd.DataFrame({
        "identity": ["a", "a", "b", "c"], "accessories": ["", "glasses", "glasses,mouth_hand", None],
        "PSPI": [0.0, 1, 2, 3], "pspi_hat": [0.0, 2, 4, 3],
    })  # fmt: skip
    found = by_worn(table)
    assert list(found) == ["nothing", "glasses", "mouth_hand"]
    assert found["glasses"] == {"pictures": 2, "people": 2, "mae": 1.5, "bias": 1.5}
    assert found["nothing"]["pictures"] == 2 and found["mouth_hand"]["mae"] == 2
    assert by_worn(table.drop(columns="accessories")) == {}
