"""The scan head beside what it should reach, item by item of its plan: proportions, fields, mouth, landmarks, judge.

    python benchmarks/scan_head.py --ict FOLDER --eyes FOLDER --python OTHER/bin/python      # everything
    python benchmarks/scan_head.py                                                           # what needs neither

Prints how long an identity and an expression take and what closed lids leave open; with the scans at hand (--ict) how
far the head lies from them, the proportions of faces against samples of the scans' own shapes (item 2: means in their
standard deviations, spread as a ratio) and the fields (item 3, scan_fields.py); whose eyes are hidden though AU43 is 0
(scan_eyes.py); what mouths show (item 5, scan_mouth.py); where the landmarks lie (item 7, scan_landmarks.py); and with
--eyes what a judge trained on photographs sees (item 8, real_eyes.py, whose pictures stay in that folder).
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path

import numpy as np
import real_eyes
from scan_eyes import eyes_report
from scan_fields import field_report
from scan_landmarks import landmark_report
from scan_mouth import mouth_report

from threedpain import demographics
from threedpain.errors import ThreeDPainError
from threedpain.generation.head.build.ict import Scans, read_scans
from threedpain.generation.head.bust import Bust
from threedpain.generation.head.motion import landmarks
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.seeds import child

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
MEANS, SPREAD = 0.5, (0.8, 1.25)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=300, help="whose proportions and lids are measured")
    parser.add_argument("--mouths", type=int, default=50, help="of them, whose mouths are looked at")
    parser.add_argument("--drawn", type=int, default=20, help="people whose landmarks are looked for in pictures")
    parser.add_argument("--ict", type=Path, help="a clone of ICT-FaceKit, or a folder with model.npz")
    parser.add_argument("--eyes", type=Path, help="folder for the expression judge's pictures")
    parser.add_argument("--python", default=sys.executable, help="a Python that has mediapipe, for --eyes")
    parser.add_argument("--task", type=Path, help="face_landmarker.task, for --eyes")
    options = parser.parse_args()
    try:
        scans = read_scans(options.ict) if options.ict else None
    except ThreeDPainError as problem:
        parser.error(str(problem))
    head = ScanHeadModel.load()
    busts = matched(head, options.people)
    speed_and_lids(head, busts)
    if scans:
        against_scans(scans, head, busts)
    eyes_report(busts[: options.mouths])
    mouth_report(busts[: options.mouths])
    landmark_report(options.drawn)
    if options.eyes:
        print("\nItem 8: what a judge trained on photographs sees")
        task = ["--task", str(options.task)] if options.task else []
        real_eyes.main(["--out", str(options.eyes), "--python", options.python, *task])


def matched(head: ScanHeadModel, count: int) -> list[Bust]:
    """Busts of a mix as the scans': adults of 20 to 45 years, three of five men, every origin alike."""
    mix = itertools.cycle(itertools.product(("male", "female", "male", "female", "male"), demographics.ETHNICITIES))
    people = [
        sample_identity(
            seed, age=int(child(seed, "matched").integers(20, 46)), gender=gender, ethnicity=ethnicity, head=head
        )
        for seed, (gender, ethnicity) in zip(range(count), mix, strict=False)
    ]
    return [head(person) for person in people]


def speed_and_lids(head: ScanHeadModel, busts: list[Bust]) -> None:
    began = time.process_time()
    for bust in busts:
        head(bust.identity)
    print(f"identity {1000 * (time.process_time() - began) / len(busts):.1f} ms of a core (under 20)")
    rig(busts[0], {"AU4": 3, "AU12": 2})
    began = time.process_time()
    for bust in busts:
        rig(bust, {"AU4": 3, "AU12": 2, "AU43": 0.5})
    print(f"expression {1000 * (time.process_time() - began) / len(busts):.2f} ms of a core (under 2.5)")
    left = [
        _opening(rig(bust, {"AU43": 1}).vertices, bust, side) / _opening(bust.vertices, bust, side)
        for bust in busts
        for side in (0, 1)
    ]
    print(f"closed lids leave {100 * np.mean(left):.1f} %, at most {100 * np.max(left):.1f} % (under 5)")


def _opening(vertices: np.ndarray, bust: Bust, side: int) -> float:
    eye, centre = bust.lids[side], bust.eye_centres[side]
    upper, lower = (vertices[rows] - centre for rows in (eye.upper, eye.lower))
    high, low = (np.arctan2(arm[:, 1], np.hypot(arm[:, 0], arm[:, 2])) for arm in (upper, lower))
    across = [np.arctan2(float(eye.temple) * arm[:, 0], arm[:, 2]) for arm in (upper, lower)]
    return float((high - np.interp(across[0], np.maximum.accumulate(across[1]), low))[3:-3].mean())


def against_scans(scans: Scans, head: ScanHeadModel, busts: list[Bust]) -> None:
    """Samples of the scans' own shape space, at the landmarks of our topology."""
    from threedpain.generation.head.build.scan import Transfer
    from threedpain.generation.head.model import HeadModel

    transfer = Transfer(HeadModel.load(), scans)
    distance = 1000 * transfer.fit.distance[np.isin(transfer.outer, head.front)]
    print(
        f"registration: median {np.median(distance):.3f} mm (under 0.3), 95 % under {np.percentile(distance, 95):.2f}"
    )
    rng = np.random.default_rng(0)
    modes = head.shapes[:, len(head.base_names) :]
    samples = [head.mean + (modes @ rng.standard_normal(modes.shape[1])).reshape(-1, 3) for _ in range(300)]
    theirs = _measured([landmarks(head.topology, head.surface(cage)) for cage in samples])
    ours = _measured([landmarks(head.topology, bust.vertices) for bust in busts])
    print(
        f"\nItem 2: proportions of {len(busts)} people of the scans' mix: mean in sd of the scans (within {MEANS}), "
        f"spread against theirs ({SPREAD[0]} to {SPREAD[1]})"
    )
    for name in PROPORTIONS:
        off = (ours[name].mean() - theirs[name].mean()) / theirs[name].std()
        spread = ours[name].std() / theirs[name].std()
        bad = [] if abs(off) <= MEANS else ["mean"]
        bad += [] if SPREAD[0] <= spread <= SPREAD[1] else ["spread"]
        print(f"  {name:15} {off:+.2f}  {spread:.2f}  " + (f"misses: {', '.join(bad)}" if bad else "ok"))
    field_report(head, scans, transfer.fit)


def _measured(points: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name: np.array([1000 * np.linalg.norm(p[a] - p[b]) for p in points]) for name, (a, b) in PROPORTIONS.items()
    }


if __name__ == "__main__":
    main()
