"""What the 68 landmarks (iBUG order, pixels) say of a face in a picture: its box and how far it is tilted."""

from __future__ import annotations

import numpy as np

BROWS, NOSE_TIP, EYES = slice(17, 27), 30, (slice(36, 42), slice(42, 48))


def face_box(landmarks: np.ndarray) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1) in pixels of points [68, 2], NaN where unknown: tight below, to the hairline above, which lies
    as far above the brows as these are above the nose's tip."""
    x0, y0, x1, y1 = *np.nanmin(landmarks, 0), *np.nanmax(landmarks, 0)
    y0 = min(y0, 2 * np.nanmean(landmarks[BROWS, 1]) - landmarks[NOSE_TIP, 1])
    return float(x0), float(y0), float(x1), float(y1)


def roll(landmarks: np.ndarray) -> float:
    """Degrees, > 0 clockwise in the picture: the line through the eyes of points [68, 2] against the horizontal."""
    x, y = np.nanmean(landmarks[EYES[1]], 0) - np.nanmean(landmarks[EYES[0]], 0)
    return float(np.degrees(np.arctan2(y, x)))
