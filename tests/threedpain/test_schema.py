"""The columns of every config, as interface and as what Parquet gives back."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Image, Mesh, Value, Video

from threedpain import InvalidInput
from threedpain.facs import ACTION_UNITS
from threedpain.schema import AU_COLUMNS, CONFIGS, FEATURES, features

IMAGES_BEFORE_SCORES = [
    "id",
    "identity_id",
    "expression_id",
    "view_id",
    "image",
    "heatmap",
    "mask",
    "expression",
    "expression_name",
]
IMAGES_AFTER_SCORES = [
    "PSPI",
    "age",
    "age_group",
    "gender",
    "ethnicity",
    "skin_tone",
    "yaw",
    "pitch",
    "roll",
    "camera",
    "bbox",
    "landmarks",
    "landmarks_3d",
    "landmarks_visible",
    "hair",
    "light",
    "background",
    "shape",
    "movement",
    "identity_number",
    "occurrence",
    "gaze",
    "mask_share",
    "accessories",
    "visible",
    "sensor",
    "seed",
    "generator_version",
]


def test_images_has_the_columns_of_the_contract_in_order():
    assert list(FEATURES["images"]) == [*IMAGES_BEFORE_SCORES, *ACTION_UNITS, *IMAGES_AFTER_SCORES]
    assert tuple(ACTION_UNITS) == AU_COLUMNS and AU_COLUMNS[0] == "AU1" and AU_COLUMNS[-1] == "AU43"


def test_pairs_is_images_with_the_neutral_beside_the_image():
    columns = list(FEATURES["pairs"])
    assert columns[columns.index("image") + 1] == "neutral_image"
    columns.remove("neutral_image")
    assert columns == list(FEATURES["images"])
    assert all(FEATURES["pairs"][name] == FEATURES["images"][name] for name in columns)


def test_types():
    images = FEATURES["images"]
    assert images["expression"].names == ["neutral", "pain", "other"]
    assert images["age_group"].names == ["18-29", "30-44", "45-59", "60-74", "75-90"]
    assert images["gender"].names == ["female", "male"]
    assert images["ethnicity"].names == ["black", "white", "middle_eastern", "south_asian", "east_asian"]
    assert all(images[name] == Value("float32") for name in [*AU_COLUMNS, "PSPI", "skin_tone", "yaw"])
    assert images["seed"] == Value("int64")
    assert all(isinstance(images[name], Image) for name in ("image", "heatmap", "mask"))
    assert isinstance(FEATURES["identities"]["neutral_mesh"], Mesh)
    assert isinstance(FEATURES["videos"]["video"], Video)
    for config in CONFIGS:
        for name in ("age_group", "gender", "ethnicity"):
            assert isinstance(FEATURES[config][name], ClassLabel), config
        assert {"identity_id", "age", "PSPI", "AU43", "seed", "generator_version"} <= set(FEATURES[config])


def test_truth_adds_columns_after_the_mask():
    columns = list(features("images", truth=["regions", "depth"]))
    assert columns[columns.index("mask") + 1 :][:2] == ["depth", "regions"]
    assert "depth" not in features("images")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("faces",), "unknown config 'faces'; known are images, pairs, expressions, identities, videos"),
        (("images", ["normals"]), "unknown truth 'normals'; known are depth, regions, aligned_neutral"),
    ],
)
def test_unknown_names_are_refused(arguments, text):
    with pytest.raises(InvalidInput) as refusal:
        features(*arguments)
    assert text in str(refusal.value)


def test_a_row_survives_parquet(tmp_path):
    rng = np.random.default_rng(0)
    row = {name: float(i % 6) for i, name in enumerate(AU_COLUMNS)}
    row |= {
        "id": "a",
        "image": rng.integers(0, 255, (16, 16, 3), dtype=np.uint8),
        "expression": "pain",
        "age_group": "75-90",
        "gender": "female",
        "ethnicity": "black",
        "landmarks": rng.random((68, 2)),
        "landmarks_3d": rng.random((68, 3)),
        "landmarks_visible": rng.random(68) > 0.5,
        "bbox": [1, 2, 3, 4],
        "seed": 2**62,
        "camera": {"K": np.eye(3), "R": np.eye(3), "t": [0, 0, 1]},
    }
    row |= {name: None for name in FEATURES["images"] if name not in row}
    row["light"] = {
        "kind": "indoor",
        "exposure": 1.0,
        "environment": rng.random((9, 3)),
        "key_directions": rng.random((3, 3)),
        "key_colours": rng.random((3, 3)),
        "key_softness": [0.5, 1, 1],
    }
    Dataset.from_list([row], features=FEATURES["images"]).to_parquet(tmp_path / "one.parquet")
    back = Dataset.from_parquet(str(tmp_path / "one.parquet"), cache_dir=str(tmp_path / "cache"))
    assert back.features == FEATURES["images"]
    got = back[0]
    assert got["seed"] == 2**62 and got["expression"] == 1 and got["light"]["key_softness"] == [0.5, 1, 1]
    np.testing.assert_array_equal(np.array(got["image"]), row["image"])
    np.testing.assert_allclose(got["landmarks"], row["landmarks"], atol=1e-7)
    assert got["landmarks_visible"] == row["landmarks_visible"].tolist()
