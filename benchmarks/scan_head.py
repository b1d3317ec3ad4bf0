"""The scan head beside what it should reach: `python benchmarks/scan_head.py [--people 60] [--ict FOLDER]`.

Prints how long an identity and an expression take, the opening that closed lids leave, and, with the scans at hand, how
far the head lies from them and proportions of faces against samples of the scans (means in their standard deviations,
spread as a ratio). With `--pictures FOLDER` the neutral and single units at 5 are drawn there for outside judges.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from threedpain import demographics
from threedpain.generation.head.motion import landmarks
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity

# Name -> the two landmarks whose distance it is.
PROPORTIONS = {
    "eye opening": (37, 41),
    "fissure": (36, 39),
    "inner distance": (39, 42),
    "nose width": (31, 35),
    "nose length": (27, 33),
    "nose depth": (30, 33),
    "philtrum": (33, 51),
    "lips": (51, 57),
    "mouth width": (48, 54),
    "chin": (57, 8),
    "jaw width": (4, 12),
    "face width": (0, 16),
    "brow height": (19, 37),
    "nasion": (27, 39),
}
JUDGED = {
    "neutral": {},
    "AU1": {"AU1": 5},
    "AU4": {"AU4": 5},
    "AU7": {"AU7": 5},
    "AU10": {"AU10": 5},
    "AU12": {"AU12": 5},
    "AU26": {"AU26": 5},
    "AU43": {"AU43": 1},
    "laughter": {"AU6": 5, "AU7": 3, "AU12": 5, "AU25": 5, "AU26": 2},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--ict", type=Path, help="a clone of ICT-FaceKit, or a folder with model.npz")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of ten people, for outside judges")
    options = parser.parse_args()
    head = ScanHeadModel.load()
    people = [
        sample_identity(
            seed,
            ethnicity=demographics.ETHNICITIES[seed % 5],
            gender=demographics.GENDERS[seed // 5 % 2],
            head=head,
        )
        for seed in range(options.people)
    ]
    busts = [head(person) for person in people]
    began = time.perf_counter()
    for person in people:
        head(person)
    print(f"identity {1000 * (time.perf_counter() - began) / len(people):.1f} ms (under 20)")
    rig(busts[0], {"AU4": 3, "AU12": 2})
    began = time.perf_counter()
    for bust in busts:
        rig(bust, {"AU4": 3, "AU12": 2, "AU43": 0.5})
    print(f"expression {1000 * (time.perf_counter() - began) / len(busts):.2f} ms (under 2.5)")
    left = [
        _opening(rig(bust, {"AU43": 1}).vertices, bust, side) / _opening(bust.vertices, bust, side)
        for bust in busts
        for side in (0, 1)
    ]
    print(f"closed lids leave {100 * np.mean(left):.1f} %, at most {100 * np.max(left):.1f} % (under 5)")
    if options.ict:
        _against_scans(options.ict, head, busts)
    if options.pictures:
        _draw(options.pictures)


def _opening(vertices: np.ndarray, bust, side: int) -> float:
    eye, centre = bust.lids[side], bust.eye_centres[side]
    upper, lower = (vertices[rows] - centre for rows in (eye.upper, eye.lower))
    high, low = (np.arctan2(arm[:, 1], np.hypot(arm[:, 0], arm[:, 2])) for arm in (upper, lower))
    across = [np.arctan2(float(eye.temple) * arm[:, 0], arm[:, 2]) for arm in (upper, lower)]
    return float((high - np.interp(across[0], np.maximum.accumulate(across[1]), low))[3:-3].mean())


def _against_scans(folder: Path, head: ScanHeadModel, busts: list) -> None:
    """Samples of the scans' own shape space, at the landmarks of our topology."""
    from threedpain.generation.head.build.ict import read_scans
    from threedpain.generation.head.build.scan import Transfer
    from threedpain.generation.head.model import HeadModel

    transfer = Transfer(HeadModel.load(), read_scans(folder))
    distance = 1000 * transfer.fit.distance[np.isin(transfer.outer, head.front)]
    print(
        f"registration: median {np.median(distance):.3f} mm (under 0.3), 95 % under {np.percentile(distance, 95):.2f}"
    )
    rng = np.random.default_rng(0)
    modes = head.shapes[:, len(head.base_names) :]
    samples = [head.mean + (modes @ rng.standard_normal(modes.shape[1])).reshape(-1, 3) for _ in range(300)]
    theirs = _measured([landmarks(head.topology, head.surface(cage)) for cage in samples])
    ours = _measured([landmarks(head.topology, bust.vertices) for bust in busts])
    print("proportion: mean in sd of the scans (within 0.5), spread against theirs (0.8 to 1.25)")
    for name in PROPORTIONS:
        off = (ours[name].mean() - theirs[name].mean()) / theirs[name].std()
        print(f"  {name:15} {off:+.2f}  {ours[name].std() / theirs[name].std():.2f}")


def _measured(points: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name: np.array([1000 * np.linalg.norm(p[a] - p[b]) for p in points]) for name, (a, b) in PROPORTIONS.items()
    }


def _draw(folder: Path) -> None:
    from threedpain import PainFacePipeline

    pipe = PainFacePipeline.from_pretrained(head="scan", device="cpu")
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(10):
        who = {"ethnicity": demographics.ETHNICITIES[seed % 5], "gender": demographics.GENDERS[seed // 5 % 2]}
        for name, units in JUDGED.items():
            age = (24, 38, 52, 66, 80)[2 * seed % 5]
            pipe(units, age=age, seed=200 + seed, size=256, **who).image.save(folder / f"{seed}_{name}.png")


if __name__ == "__main__":
    main()
