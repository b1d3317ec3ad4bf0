"""Aligned references: for each picture of a generated set, the same person at rest in the very same scene.

The set itself holds neutral pictures from other moments, as in life. The generator's rules say where each picture's
camera, light, background and sensor come from, so the neutral that shares them all can be photographed afterwards.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache

import numpy as np
from PIL import Image
from tqdm import tqdm

from threedpain.errors import InvalidInput

COLUMN = "aligned_neutral"
_NEEDED = ("seed", "age", "gender", "ethnicity", "expression", "expression_id", "view_id", "image")


def add_aligned(dataset, workers: int = 2, texture: str = "embedded"):
    """The same `datasets.Dataset` with the column `aligned_neutral`; null for pictures that are neutral themselves.

    texture: the backend the set was made with.
    """
    import datasets

    if COLUMN in dataset.column_names:
        return dataset
    if missing := [name for name in _NEEDED if name not in dataset.column_names]:
        raise InvalidInput(
            f"aligned references can be rendered for generated sets only; this one lacks {', '.join(missing)}"
        )
    size = dataset[0]["image"].size[0]
    plain = dataset.select_columns([name for name in _NEEDED if name != "image"])
    names = {name: plain.features[name].int2str for name in ("gender", "ethnicity", "expression")}
    people: dict[int, list[tuple[int, str, str]]] = {}
    who = {}
    for at, row in enumerate(plain):
        row |= {name: text(row[name]) for name, text in names.items()}
        who[row["seed"]] = (row["seed"], round(row["age"], 1), row["gender"], row["ethnicity"])
        if row["expression"] != "neutral":
            people.setdefault(row["seed"], []).append((at, row["expression_id"], row["view_id"]))
    jobs = [(who[seed], wanted, size, texture) for seed, wanted in people.items()]
    pictures: list[bytes | None] = [None] * len(dataset)
    with tqdm(total=sum(map(len, people.values())), desc="aligned references", unit="image") as bar:
        for made in _each(jobs, workers):
            for at, picture in made:
                pictures[at] = picture
            bar.update(len(made))
    stored = [None if picture is None else {"bytes": picture, "path": None} for picture in pictures]
    return dataset.add_column(COLUMN, stored, feature=datasets.Image())


def _each(jobs: list, workers: int) -> Iterator[list[tuple[int, bytes]]]:
    if workers < 2 or len(jobs) < 2:
        yield from map(_person, jobs)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_person, jobs)


def _person(job: tuple) -> list[tuple[int, bytes]]:
    """All aligned neutrals of one person, as (row, JPEG bytes)."""
    from threedpain.generation.identity import sample_identity
    from threedpain.generation.rows import take

    (seed, age, gender, ethnicity), wanted, size, texture = job
    pipe = _pipeline(texture)
    person = pipe.people([sample_identity(seed, age=age, gender=gender, ethnicity=ethnicity)])[0]
    made = []
    for at, expression, view in wanted:
        picture = take(pipe, person, expression, {}, view, size).sample.image
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(picture)).save(buffer, "JPEG", quality=92, subsampling=0)
        made.append((at, buffer.getvalue()))
    return made


@lru_cache(maxsize=1)
def _pipeline(texture: str):
    from threedpain.generation.pipeline import PainFacePipeline
    from threedpain.generation.workers import one_thread

    one_thread()
    return PainFacePipeline.from_pretrained(device="cpu", texture=texture)
