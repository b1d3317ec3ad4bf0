"""croissant.json describes the very files and columns of its set, by Croissant's rules."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import standin

from threedpain import MASK_CLASSES
from threedpain.schema import FEATURES, GENERATOR_VERSION


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return standin.dataset(tmp_path_factory.getbasetemp() / "standin-set")


@pytest.fixture(scope="module")
def told(folder):
    return json.loads((folder / "croissant.json").read_text())


def nodes(value):
    """Every object of the JSON-LD but those of its context and its inline data."""
    if isinstance(value, dict):
        yield value
        for key, inner in value.items():
            if key not in ("@context", "data"):
                yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def test_what_every_set_must_say(told):
    assert told["@type"] == "sc:Dataset" and told["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert told["license"].startswith("https://creativecommons.org/publicdomain/zero/")
    assert told["version"] == GENERATOR_VERSION and "10 people who do not exist" in told["description"]
    assert {"name", "citeAs", "creator", "distribution", "recordSet"} <= set(told)
    used = {key for node in nodes(told) for key in node if not key.startswith("@")}
    plain = {"license", "version", "creator", "keywords", "distribution", "encodingFormat"}  # schema.org's own words
    assert used <= set(told["@context"]) | plain


def test_identifiers_are_unique_and_every_reference_leads_to_one(told):
    named = [node["@id"] for node in nodes(told) if "@id" in node and "@type" in node]
    assert len(set(named)) == len(named)
    assert {node["@id"] for node in nodes(told) if "@id" in node and "@type" not in node} <= set(named)


def test_every_file_is_in_one_set_and_every_column_in_its_records(folder, told):
    files = {node["@id"]: sorted(folder.glob(node["includes"])) for node in told["distribution"]}
    assert sorted(path for paths in files.values() for path in paths) == sorted(folder.glob("*/*.parquet"))
    records = {record["name"]: record for record in told["recordSet"]}
    for name in ("images", "expressions", "identities", "videos"):
        fields = {field["name"]: field for field in records[name]["field"]}
        split = fields.pop("split")
        there = set(pq.read_schema(files[f"{name}-files"][0]).names) - {"neutral_image"}
        assert set(fields) == there
        leaves = [leaf for field in fields.values() for leaf in field.get("subField", [field])]
        assert all(leaf["source"]["fileSet"]["@id"] == f"{name}-files" and leaf["dataType"] for leaf in leaves)
        assert {leaf["source"]["extract"]["column"] for leaf in leaves} == there
        for path in files[f"{name}-files"]:
            assert re.search(split["source"]["transform"]["regex"], path.name)[1] == path.name.split("-")[0]


def test_shapes_are_those_of_the_columns(told):
    images = next(record for record in told["recordSet"] if record["name"] == "images")
    shapes = {field["name"]: field.get("arrayShape") for field in images["field"]}
    assert shapes["landmarks"] == "68,2" and shapes["bbox"] == "4" and shapes["age"] is None
    keys = next(field for field in images["field"] if field["name"] == "light")["subField"]
    assert {leaf["name"]: leaf.get("arrayShape") for leaf in keys}["key_colours"] == "3,3"


def test_the_legends_are_inside(told):
    inline = {record["name"]: record["data"] for record in told["recordSet"] if "data" in record}
    assert [(r["mask_classes/number"], r["mask_classes/name"]) for r in inline["mask_classes"]] == list(
        enumerate(MASK_CLASSES)
    )
    assert [r["ethnicity_names/name"] for r in inline["ethnicity_names"]] == FEATURES["images"]["ethnicity"].names
    assert [r["splits/name"] for r in inline["splits"]] == ["train", "validation", "test"]


@pytest.mark.filterwarnings("ignore")  # of a library that is none of ours
def test_mlcroissant_reads_it(folder: Path):
    mlcroissant = pytest.importorskip("mlcroissant")
    read = mlcroissant.Dataset(str(folder / "croissant.json"))
    assert not read.metadata.ctx.issues.errors
    rows = list(read.records("images"))
    assert len(rows) == 80 and {row["images/split"] for row in rows} == {b"train", b"validation", b"test"}
    assert len(list(read.records("identities"))) == 10
