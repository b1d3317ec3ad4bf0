"""croissant.json beside a set's card: what MLCommons Croissant 1.1 says of it, read by search engines and loaders.

Every Parquet file belongs to a FileSet by its folder and is taken relative to croissant.json; every config but `pairs`
(which is `images` without its neutral rows) is a RecordSet with a Field a column. The mask's legend and the names of
the labels are RecordSets of their own, with their data inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from datasets import ClassLabel, Features, Image, List, Mesh, Value, Video

from threedpain import schema
from threedpain.generation.dataset.plan import Config
from threedpain.masks import MASK_CLASSES

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
LICENCES = {
    "cc0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "other": "https://flame.is.tue.mpg.de/modellicense.html",
}
SPLITS = "splits"
MASK = "mask_classes"


def croissant(
    config: Config, plan: Mapping[str, Any], about: Mapping[str, str], meanings: Mapping[str, str]
) -> dict[str, Any]:
    """The JSON-LD of a set. about: as `ds.info` has it; meanings: column -> words."""
    names = [name for name, rows in plan["rows"].items() if rows and name != "pairs"]
    made = {name: schema.features(name, config.truth if name == "images" else ()) for name in names}
    labels = {c: kind for columns in made.values() for c, kind in columns.items() if isinstance(kind, ClassLabel)}
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": "3DPain",
        "description": about["description"],
        "license": LICENCES[about["license"]],
        "citeAs": about["citation"],
        "version": about["version"],
        "creator": {"@type": "Organization", "name": "The 3DPain authors"},
        "keywords": ["pain", "PSPI", "facial action units", "synthetic faces"],
        "isLiveDataset": False,
        "distribution": [_files(name) for name in names],
        "recordSet": [
            _inline(SPLITS, "The parts of the set; nobody is in two.", list(plan["rows"]["images"])),
            _inline(MASK, "Class of each pixel of a mask, by its number.", MASK_CLASSES, numbered=True),
            *(_inline(f"{c}_names", f"Names of {c}.", kind.names, numbered=True) for c, kind in labels.items()),
            *(_records(name, columns, meanings) for name, columns in made.items()),
        ],
    }


def _files(name: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{name}-files",
        "name": f"{name}-files",
        "encodingFormat": "application/x-parquet",
        "includes": f"{name}/*.parquet",
    }


def _inline(name: str, words: str, values: Iterable[str], numbered: bool = False) -> dict[str, Any]:
    """A RecordSet that holds its records: names, and their numbers from 0 up where these stand in the columns."""
    field = {"@type": "cr:Field", "@id": f"{name}/name", "name": "name", "dataType": "sc:Text"}
    number = {"@type": "cr:Field", "@id": f"{name}/number", "name": "number", "dataType": "cr:Int64"}
    records = [
        {f"{name}/number": k, f"{name}/name": value} if numbered else {f"{name}/name": value}
        for k, value in enumerate(values)
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": words,
        "dataType": "cr:Split" if name == SPLITS else "sc:Enumeration",
        "key": {"@id": f"{name}/{'number' if numbered else 'name'}"},
        "field": [number, field] if numbered else [field],
        "data": records,
    }


def _records(name: str, columns: Features, meanings: Mapping[str, str]) -> dict[str, Any]:
    split = {
        "@type": "cr:Field",
        "@id": f"{name}/split",
        "name": "split",
        "dataType": "sc:Text",
        "references": {"field": {"@id": f"{SPLITS}/name"}},
        "source": {
            "fileSet": {"@id": f"{name}-files"},
            "extract": {"fileProperty": "filename"},
            "transform": {"regex": "^(train|validation|test)"},
        },
    }
    fields = [_field(name, column, kind, meanings.get(column, "")) for column, kind in columns.items()]
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": [split, *fields]}


def _field(config: str, column: str, kind: Any, words: str) -> dict[str, Any]:
    """A column; of a struct, each leaf as a sub-field that reads it from the column's own record."""
    field: dict[str, Any] = {"@type": "cr:Field", "@id": f"{config}/{column}", "name": column}
    if words:
        field["description"] = words
    source = {"fileSet": {"@id": f"{config}-files"}, "extract": {"column": column}}
    if isinstance(kind, dict):
        field["subField"] = [
            {"@type": "cr:Field", "@id": f"{config}/{column}/{leaf}", "name": leaf, **_type(inner),
             "source": source | {"transform": {"jsonPath": leaf}}}
            for leaf, inner in kind.items()
        ]  # fmt: skip
        return field
    if isinstance(kind, (Image, Mesh, Video)):
        source["transform"] = {"jsonPath": "bytes"}
    if isinstance(kind, ClassLabel):
        field["references"] = {"field": {"@id": f"{column}_names/number"}}
    return field | _type(kind) | {"source": source}


def _type(kind: Any) -> dict[str, Any]:
    """dataType of a column, and the shape of an array; -1 where a set does not fix a length."""
    shape = []
    while isinstance(kind, List):
        shape.append(kind.length)
        kind = kind.feature
    types = {"string": "sc:Text", "bool": "sc:Boolean", "int32": "cr:Int32", "int64": "cr:Int64",
             "float32": "cr:Float32", "float64": "cr:Float64"}  # fmt: skip
    if isinstance(kind, Value):
        named = types[kind.dtype]
    else:
        named = {ClassLabel: "cr:Int64", Image: "sc:ImageObject", Video: "sc:VideoObject"}.get(type(kind), "sc:Text")
    array = {"isArray": True, "arrayShape": ",".join(map(str, shape))} if shape else {}
    return {"dataType": named, **array}
