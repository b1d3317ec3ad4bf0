"""Photographs a generated set does not hold, taken again by the generator's own rules.

Where each picture's person, camera, light and sensor come from follows from its row. So the same person at rest in the
very same scene ("rest": the aligned reference), the picture under another light ("light") or with other hair ("hair"),
and an expression growing from nothing to its full strength ("ramp") can be photographed afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import Image
from tqdm import tqdm

from threedpain.errors import InvalidInput
from threedpain.facs import ACTION_UNITS
from threedpain.generation.process import each, one_thread

COLUMN = "aligned_neutral"
CHANGES = ("rest", "light", "hair")
_NEEDED = (
    "seed", "age", "gender", "ethnicity", "expression", "expression_name", "expression_id", "view_id", "image",
    *ACTION_UNITS,
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """One photograph: the row it belongs to, whose scene it takes, and what the face does."""

    row: int
    expression_id: str
    view: str
    action_units: Mapping[str, float]
    cameras: str
    accessories: str  # what is worn or covers, as in the column


def add_aligned(dataset, workers: int = 2, texture: str = "embedded"):
    """The same `datasets.Dataset` with the column `aligned_neutral`; null for pictures that are neutral themselves.

    texture: the backend the set was made with.
    """
    import datasets

    if COLUMN in dataset.column_names:
        return dataset
    painful = np.flatnonzero(np.array(_expressions(dataset)) != "neutral")
    made = retake(dataset, painful, "rest", workers, texture)
    stored = [{"bytes": made[at], "path": None} if at in made else None for at in range(len(dataset))]
    return dataset.add_column(COLUMN, stored, feature=datasets.Image())


def retake(dataset, rows, change: str, workers: int = 2, texture: str = "embedded") -> dict[int, bytes]:
    """JPEG bytes by row of the pictures in `rows` with one thing changed: "rest", "light" or "hair"."""
    from threedpain.generation.dataset.plan import in_order
    from threedpain.generation.dataset.replay import cameras

    if change not in CHANGES:
        raise InvalidInput(f"change must be one of {', '.join(CHANGES)}, got {change!r}")
    if missing := [name for name in _NEEDED if name not in dataset.column_names]:
        raise InvalidInput(f"pictures of generated sets only can be taken again; this one lacks {', '.join(missing)}")
    size = dataset[0]["image"].size[0]
    recent = [name for name in ("sensor", "accessories") if name in dataset.column_names]  # older sets have none
    plain = dataset.select_columns([*(name for name in _NEEDED if name != "image"), *recent])
    names = {name: plain.features[name].int2str for name in ("gender", "ethnicity", "expression")}
    people: dict[tuple, list[Wanted]] = {}
    for at in rows:
        row = plain[int(at)]
        row |= {name: text(row[name]) for name, text in names.items()}
        shown = {} if change == "rest" else {unit: round(row[unit], 1) for unit in ACTION_UNITS}
        units = in_order(shown, row["expression_name"], row["expression_id"])
        who = (row["seed"], round(row["age"], 1), row["gender"], row["ethnicity"])
        worn = row.get("accessories") or ""
        one = Wanted(int(at), row["expression_id"], row["view_id"], units, cameras(row), worn)
        people.setdefault(who, []).append(one)
    jobs = [(who, wanted, size, change, texture) for who, wanted in people.items()]
    found: dict[int, bytes] = {}
    with tqdm(total=len(rows), desc=f"taking again: {change}", unit="image") as bar:
        for made in each(_person, jobs, workers):
            found |= made
            bar.update(len(made))
    return found


@dataclass(frozen=True)
class Ramp:
    """One person's expression growing in one scene, and the person at rest in another."""

    pictures: list[Image.Image]
    boxes: list[tuple[float, ...]]
    action_units: list[dict[str, float]]
    rest: Image.Image
    rest_box: tuple[float, ...]


def ramps(people: int, levels: int = 9, size: int = 256, seed: int = 0, texture: str = "embedded") -> Iterator[Ramp]:
    """Expressions of PSPI 16 downwards, in `levels` equal steps from rest, of people no set was made of."""
    from threedpain.generation.seeds import child

    for number in range(people):
        with one_thread():
            ramp = _ramp(number, levels, size, child(seed, "ramp", number), _pipeline(texture))
        yield ramp


def _ramp(number: int, levels: int, size: int, rng: np.random.Generator, pipe) -> Ramp:
    from threedpain.expressions import sample_for_pspi
    from threedpain.generation.dataset.rows import take
    from threedpain.generation.people.identity import sample_identity

    person = pipe.people([sample_identity(int(rng.integers(2**62)), head=pipe.head)])[0]
    full = sample_for_pspi(16 - number % 8, rng)
    steps = [{unit: value * at / (levels - 1) for unit, value in full.items()} for at in range(levels)]
    samples = [take(pipe, person, "ramp", units, "front", size).sample for units in steps]
    rest = take(pipe, person, "rest", {}, "front", size).sample
    return Ramp(
        [Image.fromarray(sample.image) for sample in samples],
        [sample.bbox for sample in samples],
        steps,
        Image.fromarray(rest.image),
        rest.bbox,
    )


def _expressions(dataset) -> list[str]:
    feature = dataset.features["expression"]
    return [feature.int2str(value) if hasattr(feature, "int2str") else value for value in dataset["expression"]]


def _person(job: tuple) -> dict[int, bytes]:
    """All photographs wanted of one person, by row."""
    from threedpain.generation.dataset.rows import take
    from threedpain.generation.dataset.writer import encode_picture
    from threedpain.generation.people.identity import sample_identity
    from threedpain.generation.scene.scene import sample_scene
    from threedpain.generation.seeds import child
    from threedpain.generation.worn.hair import STYLES

    (seed, age, gender, ethnicity), wanted, size, change, texture = job
    pipe = _pipeline(texture)
    identity = sample_identity(seed, age=age, gender=gender, ethnicity=ethnicity, head=pipe.head)
    person, other = pipe.people([identity])[0], None
    if change == "hair":
        styles = [style for style in STYLES if style != identity.hair.style]
        style = styles[int(child(seed, "other hair").integers(len(styles)))]
        other = pipe.people(
            [sample_identity(seed, age=age, gender=gender, ethnicity=ethnicity, head=pipe.head, hair=style)]
        )[0]
    made = {}
    for one in wanted:
        photo = take(
            pipe, person, one.expression_id, one.action_units, one.view, size,
            accessories=one.accessories, cameras=one.cameras,
        )  # fmt: skip
        sample = photo.sample
        if change == "light":
            elsewhere = sample_scene(int(child(seed, "other light", one.row).integers(2**62)), view="front", size=size)
            scene = replace(photo.scene, light=elsewhere.light, background=elsewhere.background)
            sample = pipe.photograph(person, one.action_units, scene, head_angles=photo.head_angles)
        elif change == "hair":
            sample = pipe.photograph(other, one.action_units, photo.scene, head_angles=photo.head_angles)
        made[one.row] = encode_picture(np.asarray(sample.image))
    return made


@lru_cache(maxsize=1)
def _pipeline(texture: str):
    from threedpain.generation.pipeline import PainFacePipeline

    return PainFacePipeline.from_pretrained(device="cpu", texture=texture)
