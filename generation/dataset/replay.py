"""A row of the dataset photographed again from its own columns."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from threedpain import schema
from threedpain.errors import InvalidInput
from threedpain.generation.frames import project
from threedpain.generation.head.bust import Bust, Head
from threedpain.generation.head.rig import rig
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.process import one_thread
from threedpain.generation.records import Scene
from threedpain.limits import CAMERAS, PLACES

from .plan import Config, Expression, in_order
from .rows import RETAKES, generator_version, image_row, setting, take

NEEDED = (
    "seed",
    "generator_version",
    "expression_id",
    "expression_name",
    "view_id",
    "age",
    "gender",
    "ethnicity",
    *schema.AU_COLUMNS,
)


@dataclass(frozen=True)
class DenseLandmarks:
    """The head's whole surface in a picture, its vertices in one order for everybody with the same head model."""

    points: np.ndarray  # float64 [V, 2], pixels
    points_3d: np.ndarray  # float64 [V, 3], metres, camera frame
    faces: np.ndarray  # int [F, 3]
    face_class: np.ndarray  # int8 [F], index into MASK_CLASSES: what of the surface is skin, lips, eyes ...


def replay(row: Mapping[str, Any], pipe=None) -> Image.Image:
    """The picture of a row of `images` or `pairs`, rendered again.

    The same bytes on the same kind of machine; elsewhere the same parameters and nearly the same pixels. `pipe` is a
    `PainFacePipeline` for rows made with another head or texture than the shipped ones.
    """
    return Image.open(io.BytesIO(replay_row(row, pipe)["image"]["bytes"]))


def replay_row(row: Mapping[str, Any], pipe=None) -> dict:
    """All columns of a row made again, pictures as encoded bytes: what the writer would write."""
    _check(row, "image")
    size, kind = _format(row["image"])
    truth = tuple(name for name in schema.TRUTHS if row.get(name) is not None)
    config = Config(identities=1, size=size, picture=kind, truth=truth)
    with one_thread():
        return _again(row, pipe or _own(row), config, truth)


def dense_landmarks(row: Mapping[str, Any], pipe=None) -> DenseLandmarks:
    """Where every vertex of the head lies in the picture of a row of `images` or `pairs`; nothing is rendered.

    The same points on the same kind of machine, elsewhere within rounding. `pipe` as in `replay`.
    """
    _check(row, "camera")
    head = (pipe or _own(row)).head
    asked = (_plain(name, row[name]) for name in ("seed", "age", "gender", "ethnicity"))
    units = _units(row)
    with one_thread():
        bust = _bust(head, *asked)
        scene, angles = _setting(row)
        face = rig(bust, units, head_angles=angles)
    points, solid = project(scene.camera, face.vertices)
    return DenseLandmarks(points, solid, bust.topology.faces, bust.topology.face_class)


def _units(row: Mapping[str, Any]) -> dict[str, float]:
    """The action units that were drawn."""
    plain = {name: _plain(name, row[name]) for name in schema.AU_COLUMNS}
    return in_order(plain, row["expression_name"], row["expression_id"])


def _setting(row: Mapping[str, Any]) -> tuple[Scene, tuple[float, float, float]]:
    """The take that became the row, known by its camera."""
    K, t = np.asarray(row["camera"]["K"], float), np.asarray(row["camera"]["t"], float)
    places = _places(row)
    for number in range(RETAKES):
        scene, angles = setting(
            row["seed"],
            row["expression_id"],
            row["view_id"],
            round(2 * K[0, 2]),
            number,
            light=places.get("light"),
            background=places.get("background"),
            cameras=cameras(row),
        )
        if np.allclose(scene.camera.K, K, rtol=1e-6) and np.allclose(scene.camera.t, t, rtol=1e-6):
            return scene, angles
    raise InvalidInput(f"the camera of {row['expression_id']} from {row['view_id']} is none that its seed draws.")


def _check(row: Mapping[str, Any], *more: str) -> None:
    missing = [name for name in (*NEEDED, *more) if name not in row]
    if missing:
        raise InvalidInput(
            f"a row of the images config is needed to render it again; this one lacks {', '.join(missing)}."
        )


def _own(row: Mapping[str, Any]):
    """The shipped pipeline, if it is the one that made the row."""
    here = generator_version(Config(identities=1))
    if row["generator_version"] != here:
        raise InvalidInput(
            f"this row was made by generator {row['generator_version']} and here is {here}; "
            "install that version, or give the pipeline that made it as `pipe`."
        )
    return _pipeline()


def _again(row: Mapping[str, Any], pipe, config: Config, truth: tuple[str, ...]) -> dict:
    """The row made again as `config` says, with its `truth`."""
    person = _person(pipe, *(_plain(name, row[name]) for name in ("seed", "age", "gender", "ethnicity")))
    expression = Expression(
        row["expression_id"],
        _plain("expression", row["expression"]),
        row["expression_name"],
        _units(row),
    )
    photo = take(
        pipe, person, expression.id, expression.action_units, row["view_id"], config.size, truth, **_places(row),
        accessories=row.get("accessories") or "", cameras=cameras(row),
    )  # fmt: skip
    again = image_row(config, person, expression, row["view_id"], photo)
    return again | {"generator_version": row["generator_version"]}


def cameras(row: Mapping[str, Any]) -> str:
    """The kind of camera that took a row's picture, of limits.CAMERAS."""
    return (row.get("sensor") or {}).get("kind", CAMERAS[0])


def _places(row: Mapping[str, Any]) -> dict[str, str]:
    """Light and background of a row: they may have been named, not drawn, and named the drawn ones are the same."""
    kinds = {name: row[name]["kind"] for name in ("light", "background") if row.get(name)}
    return {name: kind for name, kind in kinds.items() if kind in PLACES}


@lru_cache(maxsize=1)
def _pipeline():
    from threedpain.generation.pipeline import PainFacePipeline

    return PainFacePipeline.from_pretrained(device="cpu")


@lru_cache(maxsize=4)
def _person(pipe, seed: int, age: float, gender: str, ethnicity: str):
    return pipe.people([sample_identity(seed, age=age, gender=gender, ethnicity=ethnicity, head=pipe.head)])[0]


@lru_cache(maxsize=4)
def _bust(head: Head, seed: int, age: float, gender: str, ethnicity: str) -> Bust:
    return head(sample_identity(seed, age=age, gender=gender, ethnicity=ethnicity, head=head))


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
