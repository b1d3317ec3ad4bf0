"""What independent face analysers make of our pictures, over all 50 cells: `python benchmarks/judges.py --people 300`.

For each person a neutral and a pain face, from the front and from about 35 degrees: detection rate, landmark error, and
how far apart identity embeddings of one person and of two people lie (Cohen's d). The landmark error is the mean
distance over the visible landmarks, divided by the inter-ocular distance as the 300-W benchmark defines it: between the
outer corners of the eyes, in the picture. (A hidden landmark of ours is a point of the head; a detector puts it on the
outline instead.) The report ends with detection and d beside what is wanted of them.
"""

from __future__ import annotations

import argparse
import itertools
import json
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

VIEWS = ("front", "side")
WANTED = {"detected": 0.99, "worst_cell_detected": 0.97, "d_all": 3.0, "d_same_cell": 2.2}  # at least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=300, help="identities, spread evenly over the 50 cells")
    parser.add_argument("--size", type=int, default=512, help="pixels along an edge")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--head", default="scan", choices=("scan", "anny"))
    parser.add_argument("--texture", default="embedded", help="texture backend")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder for report.json and the pictures no face was found in")
    options = parser.parse_args()
    jobs = [
        (index, options.seed, options.size, options.head, options.texture, options.out)
        for index in range(options.people)
    ]
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    if options.workers > 1:
        with ProcessPoolExecutor(options.workers) as pool:
            people = list(tqdm(pool.map(judge_person, jobs), total=len(jobs)))
    else:
        people = [judge_person(job) for job in tqdm(jobs)]
    report = summary(list(itertools.chain.from_iterable(people)))
    report["run"] = {name: getattr(options, name) for name in ("people", "size", "seed", "head", "texture")}
    print(json.dumps(report, indent=2))
    if options.out:
        (options.out / "report.json").write_text(json.dumps(report, indent=2))


@lru_cache(maxsize=1)
def tools(head: str, texture: str) -> tuple:
    """Head, skin and renderer, once a process."""
    from threedpain.generation.head.model import HeadModel
    from threedpain.generation.head.scan import ScanHeadModel
    from threedpain.generation.render.renderer import Renderer
    from threedpain.generation.texture import load_texture

    return {"anny": HeadModel, "scan": ScanHeadModel}[head].load(), load_texture(texture), Renderer()


def judge_person(job: tuple) -> list[dict]:
    """Four pictures of one person: neutral and pain, frontal and to one side."""
    from threedpain import expressions
    from threedpain.dataset_script.judges import detect_faces, embed, landmarks68
    from threedpain.demographics import cell_of
    from threedpain.generation.head.rig import rig
    from threedpain.generation.people.identity import sample_identity
    from threedpain.generation.scene.scene import sample_scene
    from threedpain.generation.seeds import child

    index, seed, size, head_name, texture, out = job
    rng = child(seed, "judged", index)
    age_group, gender, ethnicity = cell = cell_of(index, seed)
    low, high = (int(end) for end in age_group.split("-"))
    head, skin, renderer = tools(head_name, texture)
    identity = sample_identity(
        int(rng.integers(2**31)), age=int(rng.integers(low, high + 1)), gender=gender, ethnicity=ethnicity, head=head
    )
    bust, maps = head(identity), skin([identity])[0]
    rows = []
    for expression in ("neutral", "pain"):
        units = expressions.sample_for_pspi(int(rng.integers(5, 17)), rng) if expression == "pain" else {}
        face = rig(bust, units)
        for view in VIEWS:
            side = "front" if view == "front" else str(rng.choice(["left", "right"]))
            sample = renderer.render(face, maps, sample_scene(int(rng.integers(2**31)), side, size))
            row = {
                "cell": "/".join(cell),
                "person": index,
                "expression": expression,
                "view": view,
                "found": False,
                "hair": identity.hair.style,
            }
            truth = sample.landmarks
            best = max(detect_faces(sample.image), key=lambda box: _overlap(box, sample.bbox), default=None)
            if best is not None and _overlap(best, sample.bbox) > 0.3:
                marks = landmarks68(sample.image, best)
                error = np.linalg.norm(marks - truth, axis=1) / np.linalg.norm(truth[36] - truth[45])
                error[~sample.landmarks_visible] = np.nan
                row |= {
                    "found": True,
                    "error": float(np.nanmean(error)),
                    "errors": error.tolist(),
                    "embedding": embed(sample.image, best).tolist(),
                }
            elif out:
                name = f"missed-{view}-{index:04d}-{expression}-{'-'.join(cell)}-{identity.hair.style}.png"
                Image.fromarray(sample.image).save(Path(out) / name)
            rows.append(row)
    return rows


def _overlap(a, b) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def summary(rows: list[dict]) -> dict:
    report: dict = {}
    for view in VIEWS:
        seen = [row for row in rows if row["view"] == view]
        cells = sorted({row["cell"] for row in seen})

        def rate(chosen: list[dict]) -> float:
            return float(np.mean([row["found"] for row in chosen]))

        def error(chosen: list[dict]) -> float:
            return float(np.mean([row["error"] for row in chosen if row["found"]] or [np.nan]))

        by_cell = {cell: [row for row in seen if row["cell"] == cell] for cell in cells}
        rates, errors = ({cell: measure(chosen) for cell, chosen in by_cell.items()} for measure in (rate, error))
        found = [row for row in seen if row["found"]]
        per_mark = np.nanmean([row["errors"] for row in found], axis=0)
        groups = {
            "jaw": range(17),
            "brows": range(17, 27),
            "nose": range(27, 36),
            "eyes": range(36, 48),
            "mouth": range(48, 68),
        }
        report[view] = {
            "pictures": len(seen),
            "detected": rate(seen),
            "worst_cell_detected": min(rates.items(), key=lambda x: x[1]),
            "cells_under_95": {cell: value for cell, value in rates.items() if value < 0.95},
            **{f"detected_{name}": rate([r for r in seen if r["expression"] == name]) for name in ("neutral", "pain")},
            "landmark_error": error(seen),
            "worst_cell_error_over_mean": max(
                ((cell, value / error(seen)) for cell, value in errors.items()), key=lambda x: x[1]
            ),
            **{
                f"landmark_error_{name}": error([r for r in seen if r["expression"] == name])
                for name in ("neutral", "pain")
            },
            "landmark_error_by_part": {
                name: float(np.nanmean(per_mark[list(marks)])) for name, marks in groups.items()
            },
            "detected_by_hair": {
                style: rate([r for r in seen if r["hair"] == style]) for style in sorted({r["hair"] for r in seen})
            },
        }
    report["identity"] = identity_distances([row for row in rows if row["view"] == "front" and row["found"]])
    report["against_what_is_wanted"] = against_what_is_wanted(report)
    return report


def against_what_is_wanted(report: dict) -> list[str]:
    """A line a figure: found, wanted, missed or not."""
    figures = {
        **{f"{name} {view}": report[view][name] for view in VIEWS for name in ("detected", "worst_cell_detected")},
        **{name: report["identity"][name] for name in ("d_all", "d_same_cell")},
    }
    lines = []
    for title, found in figures.items():
        value = found[1] if title.startswith("worst") else found
        wanted = WANTED[title.split()[0]]
        if value is None:  # a cell of one person has nobody to tell apart
            lines.append(f"{title} not known from so few people, wanted {wanted}")
            continue
        lines.append(f"{title} {value:.3f}, wanted {wanted}{'' if value >= wanted else ', missed'}")
    return lines


def identity_distances(rows: list[dict]) -> dict:
    """Cohen's d between the distances of one person's neutral and pain and those of different people."""
    neutral = {row["person"]: row for row in rows if row["expression"] == "neutral"}
    pain = {row["person"]: row for row in rows if row["expression"] == "pain"}
    everyone = sorted(set(neutral) & set(pain))
    a = np.array([neutral[p]["embedding"] for p in everyone])
    b = np.array([pain[p]["embedding"] for p in everyone])
    distance = np.linalg.norm(a[:, None] - b[None], axis=2)
    cells = np.array([neutral[p]["cell"] for p in everyone])
    itself = np.eye(len(everyone), dtype=bool)
    same_cell = (cells[:, None] == cells[None]) & ~itself
    same = distance[itself]
    return {
        "people": len(everyone),
        "same": float(same.mean()),
        "different": float(distance[~itself].mean()),
        "d_all": cohens_d(distance[~itself], same),
        "different_same_cell": float(distance[same_cell].mean()) if same_cell.any() else None,
        "d_same_cell": cohens_d(distance[same_cell], same) if same_cell.any() else None,
    }


def cohens_d(far: np.ndarray, near: np.ndarray) -> float:
    """Difference of means over the pooled standard deviation."""
    pooled = ((len(far) - 1) * far.var(ddof=1) + (len(near) - 1) * near.var(ddof=1)) / (len(far) + len(near) - 2)
    return float((far.mean() - near.mean()) / np.sqrt(pooled))


if __name__ == "__main__":
    main()
