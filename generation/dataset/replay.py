"""A row of the dataset photographed again from its own columns."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from threedpain import schema
from threedpain.errors import InvalidInput
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.process import one_thread

from .plan import Config, Expression, in_order
from .rows import generator_version, image_row, take

NEEDED = (
    "seed",
    "generator_version",
    "expression_id",
    "view_id",
    "age",
    "gender",
    "ethnicity",
    "image",
    *schema.AU_COLUMNS,
)


def replay(row: Mapping[str, Any], pipe=None) -> Image.Image:
    """The picture of a row of `images` or `pairs`, rendered again.

    The same bytes on the same kind of machine; elsewhere the same parameters and nearly the same pixels. `pipe` is a
    `PainFacePipeline` for rows made with another head or texture than the shipped ones.
    """
    return Image.open(io.BytesIO(replay_row(row, pipe)["image"]["bytes"]))


def replay_row(row: Mapping[str, Any], pipe=None) -> dict:
    """All columns of a row made again, pictures as encoded bytes: what the writer would write."""
    missing = [name for name in NEEDED if name not in row]
    if missing:
        raise InvalidInput(
            f"a row of the images config is needed to render it again; this one lacks {', '.join(missing)}."
        )
    size, kind = _format(row["image"])
    truth = tuple(name for name in schema.TRUTHS if row.get(name) is not None)
    config = Config(identities=1, size=size, picture=kind, truth=truth)
    if pipe is None:
        if row["generator_version"] != generator_version(config):
            raise InvalidInput(
                f"this row was made by generator {row['generator_version']} and here is {generator_version(config)}; "
                "install that version, or give the pipeline that made it as `pipe`."
            )
        pipe = _pipeline()
    with one_thread():
        return _again(row, pipe, config, truth)


def _again(row: Mapping[str, Any], pipe, config: Config, truth: tuple[str, ...]) -> dict:
    """The row made again as `config` says, with its `truth`."""
    person = _person(pipe, *(_plain(name, row[name]) for name in ("seed", "age", "gender", "ethnicity")))
    expression = Expression(
        row["expression_id"],
        _plain("expression", row["expression"]),
        row["expression_name"],
        in_order({name: _plain(name, row[name]) for name in schema.AU_COLUMNS}),
    )
    photo = take(pipe, person, expression.id, expression.action_units, row["view_id"], config.size, truth)
    again = image_row(config, person, expression, row["view_id"], photo)
    return again | {"generator_version": row["generator_version"]}


@lru_cache(maxsize=1)
def _pipeline():
    from threedpain.generation.pipeline import PainFacePipeline

    return PainFacePipeline.from_pretrained(device="cpu")


@lru_cache(maxsize=4)
def _person(pipe, seed: int, age: float, gender: str, ethnicity: str):
    return pipe.people([sample_identity(seed, age=age, gender=gender, ethnicity=ethnicity, head=pipe.head)])[0]


def _plain(name: str, value: Any) -> Any:
    """A column's value as the plan had it: labels by name, tenths instead of their nearest float32."""
    if name in ("gender", "ethnicity", "expression") and not isinstance(value, str):
        return schema.FEATURES["images"][name].int2str(int(value))
    if name == "age" or name in schema.AU_COLUMNS:
        return round(float(value), 1)
    return value


def _format(picture: Any) -> tuple[int, str]:
    """Size and kind of a row's picture: a Pillow image, its encoded bytes, or pixels (then JPEG, the usual kind)."""
    if isinstance(picture, dict):
        picture = Image.open(io.BytesIO(picture["bytes"]))
    if isinstance(picture, Image.Image):
        return picture.size[0], (picture.format or "JPEG").lower()
    return int(np.asarray(picture).shape[0]), "jpeg"
