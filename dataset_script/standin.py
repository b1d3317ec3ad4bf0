"""A stand-in for UNBC-McMaster, for those who do not hold it: rendered people in its layout, with its statistics.

    python -m threedpain.dataset_script.standin OUT

25 people, several sequences each, most frames without pain. Every sequence is a film of one person: rest, an expression
that comes and goes, rest. Labels are whole numbers as coders give them. It proves that the protocols run; figures on it
say nothing about the archive.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import PIL.Image
import typer
from tqdm import tqdm

from threedpain import facs
from threedpain.demographics import ETHNICITIES, GENDERS
from threedpain.expressions import sample_for_pspi, sample_other
from threedpain.facs import PAIN_UNITS, pspi
from threedpain.generation.dataset.film import course, sway
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.pipeline import PainFacePipeline
from threedpain.generation.scene.scene import sample_scene
from threedpain.generation.seeds import child

# Frames of each PSPI in the archive, in shares (Lucey, Cohn, Prkachin, Solomon and Matthews, FG 2011, table 1).
PUBLISHED = {
    "0": 0.827,
    "1-2": 0.109,
    "3-4": 0.046,
    "5-6": 0.011,
    "7-8": 0.003,
    "9-10": 0.002,
    "11-12": 0.003,
    "13-16": 0.001,
}
PAIN_SHARE = 0.4  # of the sequences; an expression fills about half of its sequence
_AAM = [i for i in range(68) if i not in (60, 64)]


def write(
    out: Path,
    people: int = 25,
    sequences: int = 4,
    frames: int = 12,
    size: int = 192,
    seed: int = 0,
    pipe: PainFacePipeline | None = None,
) -> Counter:
    """Write the set below `out`, going on where it was interrupted; the count of frames by PSPI."""
    pipe = pipe or PainFacePipeline.from_pretrained()
    counts: Counter = Counter()
    with tqdm(total=people * sequences, desc="stand-in", unit="sequence") as bar:
        for number in range(people):
            name = f"{101 + number:03d}-{_letters(number)}{101 + number:03d}"
            rng = child(seed, "stand-in", number)
            identity = sample_identity(
                int(rng.integers(2**31)),
                age=round(float(rng.uniform(20, 80)), 1),
                gender=GENDERS[number % 2],
                ethnicity=ETHNICITIES[int(rng.integers(5))],
                head=pipe.head,
            )
            for turn in range(sequences):
                labels = out / "Frame_Labels" / "PSPI" / name / f"{name[4:]}t{turn + 1}aaaff"
                if not labels.is_dir():  # the labels of a sequence are written last, and at once
                    _sequence(out, name, labels, pipe, identity, frames, size, child(seed, "sequence", number, turn))
                counts.update(round(float(file.read_text())) for file in labels.glob("*.txt"))
                bar.update()
    return counts


def _letters(number: int) -> str:
    return chr(97 + number % 26) + chr(97 + number // 26)


def _sequence(
    out: Path,
    name: str,
    labels: Path,
    pipe: PainFacePipeline,
    identity,
    frames: int,
    size: int,
    rng: np.random.Generator,
) -> None:
    seed = int(rng.integers(2**31))
    if rng.random() < PAIN_SHARE:
        units = sample_for_pspi(int(min(15, rng.geometric(0.38))), rng)
    else:  # a smile, a word, a look: what is not pain need not be nothing
        units = {key: value for key, value in sample_other(rng)[1].items() if facs.unit_of(key)[0] not in PAIN_UNITS}
    person, scene = pipe.person(identity), sample_scene(seed, view="front", size=size)
    kinds = {kind: out / kind / name / labels.name for kind in ("Images", "Frame_Labels/FACS", "AAM_landmarks")}
    part = labels.with_name(f"{labels.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    for folder in (*kinds.values(), part):
        folder.mkdir(parents=True, exist_ok=True)
    for i, (now, angles) in enumerate(zip(course(units, frames, seed), sway(frames, 4, seed), strict=True), 1):
        sample = pipe.photograph(person, now, scene, head_angles=tuple(float(angle) for angle in angles))
        coded = {unit: float(round(value)) for unit, value in facs.strongest(now).items() if round(value)}
        frame = f"{labels.name}{i:03d}"
        PIL.Image.fromarray(sample.image).save(kinds["Images"] / f"{frame}.png")
        lines = [f"   {int(unit[2:]):.7e}   {value:.7e}   {0:.7e}   {0:.7e}\n" for unit, value in coded.items()]
        (kinds["Frame_Labels/FACS"] / f"{frame}_facs.txt").write_text("".join(lines))
        points = "".join(f"   {x:.7e}   {y:.7e}\n" for x, y in sample.landmarks[_AAM])
        (kinds["AAM_landmarks"] / f"{frame}_aam.txt").write_text(points)
        (part / f"{frame}_facs.txt").write_text(f"   {pspi(coded):.7e}\n")
    part.rename(labels)


def main(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    people: Annotated[int, typer.Option(min=2, max=676, help="People, 2 to 676.")] = 25,
    sequences: Annotated[int, typer.Option(min=1, max=20, help="Sequences a person, 1 to 20.")] = 4,
    frames: Annotated[int, typer.Option(min=2, max=500, help="Frames a sequence, 2 to 500.")] = 12,
    size: Annotated[int, typer.Option(min=64, max=512, help="Pixels, 64 to 512.")] = 192,
    seed: Annotated[int, typer.Option(help="Any whole number from 0.")] = 0,
) -> None:
    """Write a stand-in for UNBC-McMaster in its original layout."""
    counts = write(out, people, sequences, frames, size, seed)
    total = sum(counts.values())
    typer.echo(f"{out}: {total} frames of {people} people; shares of PSPI, the archive's beside:")
    for band, published in PUBLISHED.items():
        least, most = (int(edge) for edge in (band.split("-") * 2)[:2])
        share = sum(count for value, count in counts.items() if least <= value <= most) / total
        typer.echo(f"  {band:>5}  {share:6.1%}  {published:6.1%}")


if __name__ == "__main__":
    typer.run(main)
