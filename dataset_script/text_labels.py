"""Label files that are plain text: numbers in columns, and 68 landmarks as the columns they become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from threedpain.landmarks import face_box

FARTHEST = 100_000  # pixels of a picture's corner, as far as a face box of `folder:` may be


def numbers(file: Path, columns: int) -> np.ndarray:
    """The numbers of a text file as rows [n, >= columns], NaN allowed; ValueError when there are none, or infinite
    ones."""
    lines = [line.replace(",", " ").split() for line in file.read_text(errors="replace").splitlines() if line.strip()]
    found = np.array([[float(word) for word in line] for line in lines], float)
    if found.ndim != 2 or found.shape[1] < columns:
        raise ValueError(f"expected {columns} numbers a line, got {'nothing' if not lines else ' '.join(lines[0])}")
    if np.isinf(found).any():
        raise ValueError("an infinite number")
    return found


def landmark_columns(landmarks: np.ndarray) -> dict[str, Any]:
    """Points [68, 2] in pixels, NaN where a set has none, as landmarks, landmarks_visible and bbox; ValueError when
    they make no face box."""
    known = ~np.isnan(landmarks).any(axis=1)
    if not known.any() or np.abs(landmarks[known]).max() > FARTHEST or np.ptp(landmarks[known], axis=0).min() <= 0:
        raise ValueError(f"points that lie in no picture, on one line, or farther than {FARTHEST:,} pixels")
    return {
        "landmarks": landmarks.tolist(),
        "landmarks_visible": known.tolist(),
        "bbox": list(face_box(np.where(known[:, None], landmarks, np.nan))),
    }
