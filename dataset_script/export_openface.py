"""A csv a split with the columns of OpenFace's FeatureExtraction, so that what reads its tables reads a set's truth.

Frames as OpenFace has them: pixels whose centres are whole numbers, millimetres and radians in the camera's frame (x
right, y down, z forward), rotation R = Rx Ry Rz, 0 for a face towards the camera. `pose_T` is the middle of the 68
points. AU43 (eyes closed, 0 to 1) has its own name: OpenFace's AU45 is the blink. The set's own columns come last.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from threedpain.facs import occurs
from threedpain.generation.frames import FRONTAL, rotation
from threedpain.schema import AU_COLUMNS

POINTS = range(68)
GAZE = ("gaze_0_x", "gaze_0_y", "gaze_0_z", "gaze_1_x", "gaze_1_y", "gaze_1_z", "gaze_angle_x", "gaze_angle_y")
POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
OWN = ("id", "identity_id", "expression_name", "view_id", "PSPI", "age", "gender", "ethnicity")


def write_split(rows: Iterable[dict[str, Any]], split: str, out: Path) -> int:
    """The table of one split; how many rows it had."""
    count = 0
    with open(out / f"{split}.csv", "w", newline="") as file:
        table = csv.DictWriter(file, columns(), restval="", lineterminator="\n")
        table.writeheader()
        for count, row in enumerate(rows, 1):
            table.writerow({k: _text(v) for k, v in line(row, count).items()})
    return count


def columns() -> list[str]:
    pixels = [f"{axis}_{point}" for axis in "xy" for point in POINTS]
    solid = [f"{axis}_{point}" for axis in "XYZ" for point in POINTS]
    units = [f"{named(unit)}_{kind}" for kind in "rc" for unit in AU_COLUMNS]
    return ["frame", "face_id", "timestamp", "confidence", "success", *GAZE, *POSE, *pixels, *solid, *units, *OWN]


def named(unit: str) -> str:
    """AU4 -> AU04."""
    return f"AU{int(unit[2:]):02d}"


def line(row: Mapping[str, Any], frame: int) -> dict[str, Any]:
    """Column -> value; what a set does not say is left out."""
    cells: dict[str, Any] = {"frame": frame, "face_id": 0, "timestamp": 0.0, "confidence": 1.0, "success": 1}
    if row.get("gaze") is not None:
        x, y, z = row["gaze"]
        cells |= dict(zip(GAZE, (x, y, z, x, y, z, np.arctan2(x, -z), np.arctan2(y, -z)), strict=True))
    angles = [row[name] for name in ("yaw", "pitch", "roll") if row.get(name) is not None]
    if len(angles) == 3:
        cells |= dict(zip(POSE[3:], euler(FRONTAL @ rotation(*map(float, angles)) @ FRONTAL), strict=True))
    if row.get("landmarks") is not None:
        x, y = np.array(row["landmarks"], float).T - 0.5
        cells |= {f"x_{k}": x[k] for k in POINTS} | {f"y_{k}": y[k] for k in POINTS}
    if row.get("landmarks_3d") is not None:
        solid = 1000 * np.array(row["landmarks_3d"], float)
        cells |= dict(zip(POSE[:3], solid.mean(axis=0), strict=True))
        cells |= {f"{axis}_{k}": solid[k, place] for place, axis in enumerate("XYZ") for k in POINTS}
    for unit in AU_COLUMNS:
        if row.get(unit) is not None:
            cells |= {f"{named(unit)}_r": row[unit], f"{named(unit)}_c": int(occurs(unit, row[unit]))}
    return cells | {name: row.get(name) for name in OWN}


def euler(turned: np.ndarray) -> tuple[float, float, float]:
    """Angles about x, y and z in radians of a rotation [3, 3] = Rx Ry Rz."""
    return (
        float(np.arctan2(-turned[1, 2], turned[2, 2])),
        float(np.arcsin(np.clip(turned[0, 2], -1, 1))),
        float(np.arctan2(-turned[0, 1], turned[0, 0])),
    )


def _text(value: Any) -> Any:
    """Numbers with as many digits as a float32 is good for; nothing for what is unknown."""
    if isinstance(value, float):
        return "" if value != value else f"{value:.7g}"
    return "" if value is None else value
