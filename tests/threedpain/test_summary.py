"""The end of `make demo`: the table, the choice of rows, the contact sheet."""

from dataclasses import dataclass

import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from PIL import Image

from threedpain.cli import summary


def test_the_table_counts_images_identities_and_pspi():
    splits = DatasetDict(
        train=Dataset.from_dict({"identity_id": ["a", "a", "b"], "PSPI": [0.0, 3.0, 2.2]}),
        test=Dataset.from_dict({"identity_id": ["c"], "PSPI": [16.0]}),
    )
    lines = summary.table(splits).splitlines()
    assert [line.split() for line in lines[1:4]] == [["train", "3", "2"], ["test", "1", "1"], ["all", "4", "3"]]
    histogram = {int(words[0]): int(words[1]) for words in map(str.split, lines[6:])}
    assert list(histogram) == list(range(17)) and sum(histogram.values()) == 4
    assert {score: n for score, n in histogram.items() if n} == {0: 1, 3: 2, 16: 1}
    assert lines[6 + 3].endswith("#" * 50) and lines[6 + 16].endswith(" " + "#" * 25)


def test_rows_are_chosen_across_people_and_pain():
    rng = np.random.default_rng(0)
    rows = {"PSPI": rng.integers(0, 17, 60).tolist(), "identity_id": [f"id_{i % 6}" for i in range(60)]}
    chosen = summary.choose(rows)
    scores = [rows["PSPI"][i] for i in chosen]
    assert len(set(chosen)) == summary.READINGS and scores == sorted(scores)
    assert {rows["identity_id"][i] for i in chosen} == set(rows["identity_id"])
    assert max(scores) - min(scores) >= 12
    assert summary.choose({"PSPI": [3.0, 1.0], "identity_id": ["a", "a"]}) == [1, 0]


@dataclass
class Reading:
    pspi: float

    def overlay(self, photo):
        return Image.new("RGB", photo.size, (0, 0, 255))


@pytest.mark.parametrize("read", [True, False])
def test_the_contact_sheet_has_a_column_a_row(tmp_path, read):
    def picture(mode, colour):
        return Image.new(mode, (40, 40), colour)

    rows = [
        {
            "id": f"r{i}",
            "PSPI": float(i),
            "neutral_image": picture("RGB", (255, 0, 0)),
            "image": picture("RGB", (0, 255, 0)),
            "heatmap": picture("L", 64),
        }
        for i in range(3)
    ]
    summary.contact_sheet(rows, [Reading(2.0)] * 3 if read else [], tmp_path / "deep" / "sheet.png")
    sheet = np.array(Image.open(tmp_path / "deep" / "sheet.png"))
    tile = summary.TILE
    assert sheet.shape == (tile * (3 + read) + 40, tile * 3, 3)
    colours = [(255, 0, 0), (0, 255, 0), (128, 128, 128)] + [(0, 0, 255)] * read
    for line, colour in enumerate(colours):
        assert (sheet[line * tile : (line + 1) * tile].reshape(-1, 3) == colour).all()
    text = sheet[(3 + read) * tile :]
    assert all((text[:, i * tile : (i + 1) * tile] < 128).any() for i in range(3))
