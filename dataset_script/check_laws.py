"""The laws a dataset keeps, each a small function over a row or over what all rows have in common."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from threedpain import demographics, facs
from threedpain.generation.dataset.plan import Person, Plan
from threedpain.masks import MASK_CLASSES
from threedpain.pictures import open_picture
from threedpain.schema import AU_COLUMNS, FEATURES, TRUTHS

FACE = (1, 4, 5, 6, 7)  # mask classes between the hairline and the chin
FACE_IN_BOX = 0.6  # least share of the face's pixels that lies in the face box
COOL = [255 * (level in (0, 5) or level >= 8) for level in range(256)]  # hair, eyes, clothes, background: no heat
PIXELS = 1.0  # how far two statements about the same point may differ


@dataclass(frozen=True)
class Finding:
    """One broken law: which, where, and what is wrong there."""

    law: str
    where: str
    what: str


@dataclass(frozen=True)
class Seen:
    """What the laws about the whole set need to remember of a row of `images`."""

    id: str
    identity: str
    expression: str
    view: str
    kind: str
    split: str
    where: str
    cell: tuple[str, str, str]
    age: float
    seed: int
    pspi: float
    image: bytes  # digest of the encoded picture
    neutral: bytes
    pose: tuple[float, float, float]
    skin_tone: float


def names(row: dict) -> dict:
    """The row with its class labels by name."""
    labels = FEATURES["images"]
    return {
        key: labels[key].int2str(value) if key in ("expression", "age_group", "gender", "ethnicity") else value
        for key, value in row.items()
    }


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]


def row_laws(row: dict, plan: Plan) -> Iterator[tuple[str, str]]:
    """Broken laws (law, what) of one row of `images`, its class labels by name."""
    yield from _identifiers(row)
    yield from _scores(row)
    yield from _person(row)
    yield from _as_planned(row, plan)
    yield from _worn(row, plan)
    yield from _sensed(row, plan)
    yield from _geometry(row, plan.config.size)
    yield from _pictures(row, plan.config.size)


def _identifiers(row: dict) -> Iterator[tuple[str, str]]:
    if row["id"] != f"{row['expression_id']}_{row['view_id']}":
        yield "identifiers", f"id {row['id']} is not its expression {row['expression_id']} and view {row['view_id']}"
    if not row["expression_id"].startswith(f"{row['identity_id']}_"):
        yield "identifiers", f"expression {row['expression_id']} is not one of {row['identity_id']}"
    if row["identity_id"] != f"id_{row['identity_number']:05d}":
        yield "identifiers", f"identity {row['identity_number']} is not the number of {row['identity_id']}"


def _scores(row: dict) -> Iterator[tuple[str, str]]:
    for name in AU_COLUMNS:
        if not 0 <= row[name] <= facs.ACTION_UNITS[name].maximum:
            yield "action units", f"{name} is {row[name]:g}, outside 0 to {facs.ACTION_UNITS[name].maximum:g}"
            return
    pspi = facs.pspi([row[name] for name in facs.PAIN_UNITS])
    if abs(pspi - row["PSPI"]) > 1e-4:
        yield "PSPI", f"PSPI is {row['PSPI']:g}, its action units give {pspi:g}"
    wrong = [u for u, there in zip(AU_COLUMNS, row["occurrence"], strict=True) if there != facs.occurs(u, row[u])]
    if wrong:
        yield "occurrence", f"{', '.join(wrong)}: occurrence and intensity do not agree"
    if row["expression"] == "neutral" and any(row[name] for name in AU_COLUMNS):
        yield "expression", "a neutral face has action units"
    if row["expression"] == "pain" and not row["PSPI"] > 0:
        yield "expression", "an expression of pain has PSPI 0"


def _person(row: dict) -> Iterator[tuple[str, str]]:
    if demographics.age_group_of(min(max(row["age"], 18), 90)) != row["age_group"]:
        yield "demographics", f"age {row['age']:.1f} is not in {row['age_group']}"


def planned_accessories(row: dict, planned: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if row["accessories"] != ",".join(planned):
        said = row["accessories"] or "nothing", ", ".join(planned) or "nothing"
        yield "accessories", f"{said[0]} is worn, planned was {said[1]}"


def _worn(row: dict, plan: Plan) -> Iterator[tuple[str, str]]:
    """A person wears in every picture what the plan draws for them, it alone covers the face, and nothing else is seen
    there."""
    yield from planned_accessories(
        row, plan.accessories(row["seed"], round(row["age"], 1), row["gender"], row["id"], row["expression"])
    )
    for name, share in row["mask_share"].items():
        if name in ("eyewear", "medical") and share and not row["accessories"]:
            yield "accessories", f"the mask shows {name}, and nothing is worn"
    if not all(0 <= share <= 1 + 1e-6 for share in row["visible"].values()):
        yield "visible", f"a part of the face is seen by a share outside 0 to 1: {row['visible']}"


def _sensed(row: dict, plan: Plan) -> Iterator[tuple[str, str]]:
    """The plan knows what kind of camera takes a person from a view."""
    index = row["identity_number"]
    planned = plan.camera(index, row["view_id"]) if 0 <= index < plan.config.identities else row["sensor"]["kind"]
    if row["sensor"]["kind"] != planned:
        yield "sensor", f"taken by a {row['sensor']['kind']} camera, planned was {planned}"


def _as_planned(row: dict, plan: Plan) -> Iterator[tuple[str, str]]:
    """The plan follows from its config alone, so it knows every label independently of the files."""
    index = row["identity_id"].removeprefix("id_")
    if not index.isdigit() or int(index) >= plan.config.identities:
        yield "plan", f"{row['identity_id']} is nobody the plan knows"
        return
    person = _planned(plan, int(index))
    for name in ("age_group", "gender", "ethnicity"):
        if row[name] != getattr(person, name):
            yield "labels", f"{name} is {row[name]}, planned was {getattr(person, name)}"
    if abs(row["age"] - person.age) > 0.01:
        yield "labels", f"age is {row['age']:.1f}, planned was {person.age:.1f}"
    expression = next((e for e in person.expressions if e.id == row["expression_id"]), None)
    if expression is None:
        yield "plan", f"{row['expression_id']} is no expression the plan knows"
        return
    if (row["expression"], row["expression_name"]) != (expression.kind, expression.name):
        yield "labels", f"expression is {row['expression_name']}, planned was {expression.name}"
    units = facs.strongest(expression.action_units)  # rows hold no sides
    for name in AU_COLUMNS:
        if abs(row[name] - units.get(name, 0.0)) > 1e-4:
            yield "labels", f"{name} is {row[name]:g}, planned was {units.get(name, 0.0):g}"
            break


@lru_cache(maxsize=16)  # the rows of a person follow one another, and their expressions are drawn anew each time
def _planned(plan: Plan, index: int) -> Person:
    return plan.person(index)


def _geometry(row: dict, size: int) -> Iterator[tuple[str, str]]:
    points, solid = np.array(row["landmarks"]), np.array(row["landmarks_3d"])
    if points.min() < 0 or points.max() > size:
        yield "landmarks", "a landmark lies outside the picture"
    x0, y0, x1, y1 = row["bbox"]
    if not (-PIXELS <= x0 < x1 <= size + PIXELS and -PIXELS <= y0 < y1 <= size + PIXELS):
        yield "box", f"the face box {[round(v, 1) for v in row['bbox']]} is not within the picture"
    slack = PIXELS + 0.002 * size
    if points[:, 0].min() < x0 - slack or points[:, 0].max() > x1 + slack or points[:, 1].max() > y1 + slack:
        yield "box", "a landmark lies outside the face box"
    K, R = np.array(row["camera"]["K"]), np.array(row["camera"]["R"])
    flat = solid @ K.T
    if flat[:, 2].min() <= 0 or np.abs(flat[:, :2] / flat[:, 2:] - points).max() > PIXELS:
        yield "camera", "landmarks_3d seen by the camera are not the landmarks"
    if np.abs(R @ R.T - np.eye(3)).max() > 1e-5:
        yield "camera", "R is no rotation"


def _pictures(row: dict, size: int) -> Iterator[tuple[str, str]]:
    decoded: dict[str, Image.Image] = {}
    for name in ("image", "heatmap", "mask", *TRUTHS):
        if row.get(name) is None:
            continue
        try:
            picture = open_picture(row[name]["bytes"])
        except Exception as trouble:  # whatever a decoder makes of broken bytes
            yield "decodable", f"{name} cannot be decoded: {' '.join(str(trouble).split())[:80]}"
            continue
        if picture.size != (size, size):
            yield "decodable", f"{name} is {picture.width} x {picture.height}, not {size} x {size}"
        if name in ("heatmap", "mask") and picture.mode != "L":
            yield "decodable", f"{name} is a picture of mode {picture.mode}, not of 8-bit gray"
            continue
        decoded[name] = picture
    if "aligned_neutral" in row and (row["aligned_neutral"] is None) != (not any(row[name] for name in AU_COLUMNS)):
        yield "aligned neutral", "a face that acts comes with the same picture at rest, a face at rest does not"
    heatmap, mask = decoded.get("heatmap"), decoded.get("mask")
    heated = heatmap is not None and heatmap.getbbox() is not None
    if heated and row["expression"] == "neutral":
        yield "heatmap", "the heatmap of a neutral face is not zero"
    if heatmap is not None and row["PSPI"] >= 4 and not heated:
        yield "heatmap", f"the heatmap of a face with PSPI {row['PSPI']:g} is empty"
    if mask is None:
        return
    # Pillow counts levels, arrays would compare every pixel: a whole set is read in a fifth of the time
    counts = mask.histogram()
    if any(counts[len(MASK_CLASSES) :]):
        yield "mask", f"class {mask.getextrema()[1]} is none of 0 to {len(MASK_CLASSES) - 1}"
    elif any(
        abs(row["mask_share"][name] - count / (mask.width * mask.height)) > 1e-5
        for name, count in zip(MASK_CLASSES, counts, strict=False)
    ):
        yield "mask", "mask_share is not what the mask's pixels give"
    if heated and heatmap.size == mask.size and any(heatmap.histogram(mask.point(COOL))[1:]):
        yield "heatmap", "there is heat on hair, eyes, clothes or background"
    x0, y0, x1, y1 = row["bbox"]
    left, top, right, bottom = math.ceil(x0 - 1), math.ceil(y0 - 1), math.floor(x1 + 1) + 1, math.floor(y1 + 1) + 1
    box = max(left, 0), max(top, 0), min(right, mask.width), min(bottom, mask.height)
    whole, within = _face(mask), _face(mask.crop(box)) if box[0] < box[2] and box[1] < box[3] else 0
    if within < FACE_IN_BOX * whole or not whole:
        share = within / whole if whole else 0.0
        yield "box", f"only {share:.0%} of the face's pixels in the mask lie in the face box"


def _face(mask: Image.Image) -> int:
    """How many pixels of a mask lie on the face."""
    counts = mask.histogram()
    return sum(counts[level] for level in FACE)


def set_laws(seen: list[Seen], plan: Plan) -> Iterator[Finding]:
    """Laws about all rows of `images` together."""
    yield from _counts(seen, plan)
    yield from _splits(seen, plan)
    yield from _people(seen)
    yield from _balance(seen, plan)
    yield from _targets(seen)
    yield from _duplicates(seen)
    yield from _neutrals(seen)


def _counts(seen: list[Seen], plan: Plan) -> Iterator[Finding]:
    for id_, times in Counter(row.id for row in seen).items():
        if times > 1:
            where = ", ".join(sorted({row.where.split(" row ")[0] for row in seen if row.id == id_}))
            yield Finding("identifiers", where, f"{id_} is there {times} times")
    there = Counter(row.identity for row in seen)
    for index in range(plan.config.identities):
        name = f"id_{index:05d}"
        if there[name] != plan.config.rows_per_identity:
            yield Finding("plan", name, f"has {there[name]} rows, planned were {plan.config.rows_per_identity}")


def _splits(seen: list[Seen], plan: Plan) -> Iterator[Finding]:
    splits: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in seen:
        splits[row.identity][row.split] += 1
    for identity, counts in splits.items():
        right = demographics.split_of(int(identity.removeprefix("id_")), plan.config.seed)
        where = next(row.where for row in seen if row.identity == identity and (row.split != right or len(counts) == 1))
        if len(counts) > 1:
            yield Finding("leak", where, f"{identity} is in {' and in '.join(sorted(counts))}")
        elif right not in counts:
            yield Finding("split", where, f"{identity} is in {next(iter(counts))} and belongs to {right}")
    seeds = defaultdict(set)
    for row in seen:
        seeds[row.seed].add(row.identity)
    for seed, identities in seeds.items():
        if len(identities) > 1:
            yield Finding("leak", ", ".join(sorted(identities)), f"are one person: both have seed {seed}")


def _people(seen: list[Seen]) -> Iterator[Finding]:
    facts = defaultdict(set)
    for row in seen:
        facts[row.identity].add((row.cell, row.age, row.seed, row.skin_tone))
    for identity, different in facts.items():
        if len(different) > 1:
            yield Finding("demographics", identity, "has different ages, cells, tones or seeds in different rows")


def _balance(seen: list[Seen], plan: Plan) -> Iterator[Finding]:
    """Identities per cell, as the files tell it: any two cells differ by at most one."""
    cell = {row.identity: row.cell for row in seen}
    counts = Counter(cell.values())
    least = min(counts[c] for c in demographics.CELLS)
    for where, count in counts.items():
        if count > least + 1:
            yield Finding("balance", " ".join(where), f"has {count} identities, another cell only {least}")
    planned = plan.cells()
    for where in demographics.CELLS:
        if counts[where] != planned[where]:
            yield Finding("balance", " ".join(where), f"has {counts[where]} identities, planned were {planned[where]}")


def _targets(seen: list[Seen]) -> Iterator[Finding]:
    """PSPI of the pain expressions in each cell: the sixteen levels differ by at most one."""
    levels: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for cell, _expression, pspi in {(r.cell, r.expression, round(r.pspi)) for r in seen if r.kind == "pain"}:
        levels[cell][pspi] += 1
    for cell, counts in levels.items():
        numbers = [counts[level] for level in range(1, 17)]
        if max(numbers) > min(numbers) + 1:
            most, least = 1 + int(np.argmax(numbers)), 1 + int(np.argmin(numbers))
            what = f"PSPI {most} comes {max(numbers)} times, PSPI {least} only {min(numbers)} times"
            yield Finding("PSPI balance", " ".join(cell), what)


def _duplicates(seen: list[Seen]) -> Iterator[Finding]:
    first: dict[bytes, Seen] = {}
    for row in seen:
        other = first.setdefault(row.image, row)
        if other is not row:
            yield Finding("duplicate", row.where, f"{row.id} has the same picture as {other.id}")


def _neutrals(seen: list[Seen]) -> Iterator[Finding]:
    rest = {(row.identity, row.view): row.image for row in seen if row.kind == "neutral"}
    for row in seen:
        if rest.get((row.identity, row.view)) not in (None, row.neutral):
            yield Finding("pairs", row.where, f"the neutral picture of {row.id} is not that of its person and view")
