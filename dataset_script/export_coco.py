"""COCO's form: SPLIT/ID.jpg, and annotations/SPLIT.json with box, landmarks and area of a face, and each mask class's.

Category 100 is the face; the others have the number of their class in the mask (`threedpain.MASK_CLASSES`). Pixels are
counted as COCO counts them, from the upper left corner of the picture. Action units, PSPI and whatever else is one
value a row are `attributes` of the face.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from threedpain.errors import InvalidInput
from threedpain.masks import MASK_CLASSES
from threedpain.pictures import stored_picture

from .export import file_name, suffix

FACE = 100
OF_FACE = ("skin", "brows", "eyes", "lips", "mouth", "facial_hair")
# The 68 points of iBUG: name of each stroke, its first point, its last, and whether it closes.
STROKES = (
    ("jaw", 0, 16, False),
    ("right_brow", 17, 21, False),
    ("left_brow", 22, 26, False),
    ("nose_bridge", 27, 30, False),
    ("nostrils", 31, 35, False),
    ("right_eye", 36, 41, True),
    ("left_eye", 42, 47, True),
    ("outer_lips", 48, 59, True),
    ("inner_lips", 60, 67, True),
)


def write_split(rows: Iterable[dict[str, Any]], split: str, out: Path) -> int:
    """Pictures and annotations of one split; how many rows it had."""
    (out / split).mkdir()
    (out / "annotations").mkdir(exist_ok=True)
    head = {"info": {"description": f"3DPain, {split}"}, "licenses": [], "categories": categories()}
    count = annotated = 0
    with (
        open(out / "annotations" / f"{split}.json", "w") as file,
        tempfile.TemporaryFile("w+", dir=out) as waiting,  # the annotations stand behind the pictures in the file
    ):
        file.write(json.dumps(head)[:-1] + ', "images": [')
        for count, row in enumerate(rows, 1):
            width, height = _image(row).size
            name = f"{file_name(row, count)}.{suffix(row['image'])}"
            (out / split / name).write_bytes(row["image"]["bytes"])
            image = {"id": count, "file_name": name, "width": width, "height": height}
            _join(file, image, count == 1)
            for annotation in marks(row, width, height):
                annotated += 1
                _join(waiting, {"id": annotated, "image_id": count, **annotation}, annotated == 1)
        file.write('], "annotations": [')
        waiting.seek(0)
        shutil.copyfileobj(waiting, file)
        file.write("]}\n")
    return count


def categories() -> list[dict[str, Any]]:
    names = [f"{stroke}_{point - first}" for stroke, first, last, _ in STROKES for point in range(first, last + 1)]
    skeleton = [[point + 1, point + 2] for _, first, last, _ in STROKES for point in range(first, last)]
    skeleton += [[last + 1, first + 1] for _, first, last, closed in STROKES if closed]
    classes = [{"id": k, "name": name, "supercategory": "mask"} for k, name in enumerate(MASK_CLASSES) if k]
    face = {"id": FACE, "name": "face", "supercategory": "person", "keypoints": names, "skeleton": skeleton}
    return [*classes, face]


def marks(row: Mapping[str, Any], width: int, height: int) -> Iterator[dict[str, Any]]:
    """The face, if its box is known, and every class that the mask shows."""
    mask = None
    if row.get("mask"):
        mask = np.asarray(stored_picture(row["mask"], f"the mask of {row['id']}"))
        if mask.shape != (height, width):
            raise InvalidInput(f"the mask of {row['id']} is not as large as its picture")
    if row.get("bbox") is not None:
        x0, y0, x1, y1 = row["bbox"]
        points = _keypoints(row.get("landmarks"), row.get("landmarks_visible"))
        face = {
            "category_id": FACE,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0),
            "iscrowd": 0,
            "keypoints": points,
            "num_keypoints": sum(seen > 0 for seen in points[2::3]),
            "attributes": _attributes(row),
        }
        if mask is not None:
            yield face | _area(np.isin(mask, [MASK_CLASSES.index(name) for name in OF_FACE]))
        else:
            yield face | {"segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]]}
    for number in np.unique(mask) if mask is not None else ():
        if 0 < number < len(MASK_CLASSES):
            there = mask == number
            columns, lines = np.flatnonzero(there.any(axis=0)), np.flatnonzero(there.any(axis=1))
            left, top = int(columns[0]), int(lines[0])
            box = [left, top, int(columns[-1]) + 1 - left, int(lines[-1]) + 1 - top]
            yield {"category_id": int(number), "bbox": box, "iscrowd": 0, **_area(there)}


def run_lengths(mask: np.ndarray) -> str:
    """Bool [H, W] in COCO's compressed form: runs of zeros and ones by turns, down the columns, each written as the
    difference to the run two before, in groups of five bits with a sixth for "more follows"."""
    flat = mask.T.ravel()
    edges: np.ndarray = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    if flat[0]:
        runs.insert(0, 0)
    letters = []
    for place, run in enumerate(runs):
        value = run - runs[place - 2] if place > 2 else run
        more = True
        while more:
            group, value = value & 31, value >> 5
            more = value != (-1 if group & 16 else 0)
            letters.append(chr(48 + group + 32 * more))
    return "".join(letters)


def _area(there: np.ndarray) -> dict[str, Any]:
    height, width = there.shape
    return {"segmentation": {"size": [height, width], "counts": run_lengths(there)}, "area": int(there.sum())}


def _keypoints(points: Any, visible: Any) -> list[float]:
    """x, y and 2 (seen), 1 (hidden) or 0 (unknown, at 0, 0) of each landmark."""
    if points is None:
        return [0.0] * (3 * 68)
    flat: list[float] = []
    for number, (x, y) in enumerate(points):
        known = x is not None and y is not None and x == x and y == y
        flat += [x, y, 2 if visible is None or visible[number] else 1] if known else [0.0, 0.0, 0]
    return flat


def _attributes(row: Mapping[str, Any]) -> dict[str, Any]:
    """What is one value a row."""
    return {name: value for name, value in row.items() if isinstance(value, (str, int, float)) and value == value}


def _image(row: Mapping[str, Any]) -> Image.Image:
    picture = stored_picture(row.get("image"), row["id"])
    if picture is None:
        raise InvalidInput(f"{row['id']} holds no picture")
    return picture


def _join(file: IO[str], record: Mapping[str, Any], first: bool) -> None:
    file.write(("\n" if first else ",\n") + json.dumps(record, allow_nan=False))
