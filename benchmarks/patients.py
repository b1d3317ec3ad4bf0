"""What patients wear and where they are, against its targets: labels, detectors, light.

    python benchmarks/patients.py draw FOLDER [--people 20]
        pictures with and without each accessory, and patients.csv; says which labels are not equal to the byte
    python benchmarks/patients.py score FOLDER [--judge "node people.mjs"]
        how many of them a detector finds: dlib's HOG, or another, whose command is given the folder and prints one JSON
        object a line with file and found
    python benchmarks/patients.py energy
        what harmonics and lamps keep of each panorama's light

What goes through skin: benchmarks/under_skin.py; what things cost in time and memory: benchmarks/accessories.py.
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from threedpain import PainFacePipeline, demographics
from threedpain.expressions import sample_for_pspi
from threedpain.generation.dataset.rows import take
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.process import one_thread
from threedpain.generation.scene import build_panoramas, panorama
from threedpain.generation.seeds import child
from threedpain.limits import ACCESSORIES, COVERS, PANORAMAS

VIEWS = ("front", "left", "right")
LABELS = ("landmarks", "landmarks_3d", "bbox", "covered")
HIDES_HALF = ("surgical_mask", "oxygen_mask")  # of the face: reported apart, as covers are


def draw(folder: Path, people: int, size: int, seed: int) -> None:
    """Each of `people` with each accessory, one picture each, by turns from the three views and neutral or in pain, and
    the same without it."""
    folder.mkdir(parents=True, exist_ok=True)
    pipe = PainFacePipeline.from_pretrained(device="cpu")
    rows, unlike = [], Counter()
    for number in range(people):
        group, gender, ethnicity = demographics.CELLS[17 * number % len(demographics.CELLS)]
        age = float(child(seed, "age", number).uniform(*demographics.AGE_GROUPS[group]))
        who = sample_identity(seed + number, age=round(age, 1), gender=gender, ethnicity=ethnicity, head=pipe.head)
        person = pipe.people([who])[0]
        for place, name in enumerate(ACCESSORIES):
            view, turn = VIEWS[(number + place) % 3], (number + place) // 3
            pspi = 1 + (5 * turn + number) % 16 if turn % 2 else 0
            units = sample_for_pspi(pspi, child(seed, "pain", number, place)) if pspi else {}
            asked = (pipe, person, f"id_{number:05d}_{name}", units, view, size, ("covered",))
            photo = take(*asked, accessories=name)  # a blanket may move it indoors, where other clothes are worn
            place = {
                "light": photo.scene.light.kind,
                "background": photo.scene.background.kind,
            }
            worn, bare = photo.sample, take(*asked, **place).sample
            unlike.update(label for label in LABELS if not np.array_equal(getattr(bare, label), getattr(worn, label)))
            unlike.update(["heat"] if not np.array_equal(bare.heatmap, worn.covered) else [])
            for sample, said in ((bare, ""), (worn, name)):
                file = f"{number:03d}-{name}-{'with' if said else 'without'}.png"
                Image.fromarray(sample.image).save(folder / file)
                rows.append((file, name, said, view))
    with open(folder / "patients.csv", "w", newline="") as file:
        csv.writer(file).writerows([("file", "pair", "worn", "view"), *rows])
    print(f"{len(rows) // 2} pairs; labels ({', '.join((*LABELS, 'heat'))}) not equal to the byte: {dict(unlike) or 0}")


def score(folder: Path, judge: str | None) -> None:
    """Print the shares found without and with each accessory, and from each view."""
    with open(folder / "patients.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    found = dict(answers(folder, [row["file"] for row in rows], judge))
    shares: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        seen = found.get(row["file"], False)
        if not row["worn"]:
            kinds = ["without", f"without, {row['view']}"]
        elif row["worn"] in COVERS:
            kinds = [f"cover: {row['worn']}", "covers"]
        elif row["worn"] in HIDES_HALF:
            kinds = [row["worn"], "masks"]
        else:
            kinds = [row["worn"], "with, neither masks nor covers", f"with, {row['view']}"]
        for kind in kinds:
            shares[kind].append(seen)
    print("| pictures | | found |\n|---|---:|---:|")
    for kind, seen in shares.items():
        print(f"| {kind.replace('_', ' ')} | {len(seen)} | {np.mean(seen):.1%} |")


def answers(folder: Path, files: list[str], judge: str | None) -> Iterable[tuple[str, bool]]:
    if judge:
        said = subprocess.run([*shlex.split(judge), str(folder)], capture_output=True, text=True, check=True).stdout
        for answer in map(json.loads, filter(None, said.splitlines())):
            yield answer["file"], bool(answer["found"])
        return
    from threedpain.dataset_script.judges import detect_faces

    for name in files:
        yield name, bool(detect_faces(np.asarray(Image.open(folder / name))))


def energy() -> None:
    """Print for each panorama what is kept of the mean radiance of its photograph, channel by channel."""
    print("| place | harmonics and lamps | picture | lamps |\n|---|---:|---:|---:|")
    worst = 0.0
    for name in PANORAMAS:
        picture, environment, keys, mean = panorama.stored(name).values()
        light = 0.282095 * environment[0] + (keys[:, 3:6] * (1 + 0.5 * keys[:, 6:]) / 4).sum(0)
        kept = [max(of / mean - 1, key=abs) for of in (light, build_panoramas.mean(picture))]
        worst = max(worst, *map(abs, kept))
        print(f"| {name} | {kept[0]:+.2%} | {kept[1]:+.2%} | {int(keys[:, 3:6].any(1).sum())} |")
    print(f"\nFurthest from the photograph: {worst:.2%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(dest="part", required=True)
    part = parts.add_parser("draw", help="pictures with and without each accessory")
    part.add_argument("folder", type=Path)
    part.add_argument("--people", type=int, default=20)
    part.add_argument("--size", type=int, default=512, help="pixels")
    part.add_argument("--seed", type=int, default=0)
    part = parts.add_parser("score", help="what a detector finds of them")
    part.add_argument("folder", type=Path)
    part.add_argument("--judge", help="a command that is given the folder and prints its answers")
    parts.add_parser("energy", help="what is kept of each panorama")
    options = parser.parse_args()
    if options.part == "draw":
        with one_thread():
            draw(options.folder, options.people, options.size, options.seed)
    elif options.part == "score":
        score(options.folder, options.judge)
    else:
        energy()


if __name__ == "__main__":
    main()
