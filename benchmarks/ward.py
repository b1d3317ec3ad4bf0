"""What a reader makes of patients as they are met: its error by what is worn, what covers, roll, place and camera.

    python benchmarks/ward.py draw FOLDER [--people 30]       a neutral and a painful picture under each condition
    python benchmarks/ward.py read FOLDER [--model vitpain]   one table of all conditions, in Markdown

All pictures of a person show the same two expressions from the same camera in the same light, and a condition changes
one thing. Faces are read as a set has them, by their boxes and not turned upright (`3dpain predict` turns them). The
reference is another photograph of the person at rest, plain, from the left. Intervals are 95 %, people drawn with
replacement; bold where they leave out zero.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from threedpain import PainFacePipeline, demographics
from threedpain.expressions import sample_for_pspi
from threedpain.facs import PAIN_UNITS, pspi
from threedpain.generation.dataset.rows import setting, take
from threedpain.generation.frames import rolled
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.process import one_thread
from threedpain.generation.records import Sample
from threedpain.generation.seeds import child
from threedpain.limits import ACCESSORIES, CLINIC, COVERS, LIGHTS, PANORAMAS
from threedpain.modeling.evaluation import metrics
from threedpain.modeling.evaluation.evaluate import predict
from threedpain.modeling.faces.faces import FaceSet, packed_size
from threedpain.modeling.vitpain.loading import load_model, load_processor

SIZE = 192  # pixels
NOTHING = "nothing"
ROLLS = (15, 30, 45, 90)  # degrees, to one side and the other by turns
CONDITIONS = {  # kind: the conditions of it
    NOTHING: [NOTHING],
    "worn": [name for name in ACCESSORIES if name not in COVERS],
    "cover": list(COVERS),
    "roll": [f"{degrees} degrees" for degrees in ROLLS],
    "painted place": list(LIGHTS),
    "photographed place": list(PANORAMAS),
    "clinic": list(CLINIC),
    "camera": ["a ward's"],
}
FILE = "ward.parquet"


def draw(folder: Path, people: int, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pipe, rows = PainFacePipeline.from_pretrained(device="cpu"), []
    for number in tqdm(range(people), desc="drawing people", unit="person"):
        group, gender, ethnicity = demographics.CELLS[17 * number % len(demographics.CELLS)]
        age = float(child(seed, "age", number).uniform(*demographics.AGE_GROUPS[group]))
        who = sample_identity(seed + number, age=round(age, 1), gender=gender, ethnicity=ethnicity, head=pipe.head)
        person = pipe.people([who])[0]
        level = int(child(seed, "level", number).integers(3, 15))
        pain = sample_for_pspi(level, child(seed, "pain", number))
        rest = take(pipe, person, f"{number:04d}_rest", {}, "left", SIZE, light="indoor", background="indoor").sample
        rows.append(row(f"{number:04d}-rest", number, "neutral", "rest", "", {}, rest))
        for kind, names in CONDITIONS.items():
            for name in names:
                for shown, units in (("rest", {}), ("pain", pain)):
                    sample = photograph(pipe, person, number, shown, units, kind, name)
                    label = f"{number:04d}-{kind}-{name}-{shown}"
                    rows.append(row(label, number, "other", shown, f"{kind}: {name}", units, sample))
    features = datasets.Dataset.from_list(rows[:1]).features | {"image": datasets.Image()}
    datasets.Dataset.from_list(rows, features=datasets.Features(features)).to_parquet(folder / FILE)


def photograph(pipe, person, number: int, shown: str, units: dict[str, float], kind: str, name: str) -> Sample:
    """One picture from the front in painted indoor light, but for what the condition changes."""
    asked = (pipe, person, f"{number:04d}_{shown}", units, "front", SIZE)
    if kind in ("worn", "cover"):
        return take(*asked, light="indoor", background="indoor", accessories=name).sample
    if kind in ("painted place", "photographed place", "clinic"):
        return take(*asked, light=name, background=name).sample
    if kind == "camera":
        return take(*asked, light="indoor", background="indoor", cameras="ward").sample
    scene, head_angles = setting(person.identity.seed, asked[2], "front", SIZE, 0, "indoor", "indoor")
    if kind == "roll":
        degrees = float(name.split()[0]) * (-1 if number % 2 else 1)
        scene = replace(scene, camera=rolled(scene.camera, degrees))
    return pipe.photograph(person, units, scene, head_angles=head_angles)


def row(name: str, number: int, expression: str, shown: str, condition: str, units, sample: Sample) -> dict:
    """What `FaceSet` and the table need; `expression` is neutral for the references alone."""
    return {
        "id": name, "identity_id": f"{number:04d}", "view_id": "left" if expression == "neutral" else "front",
        "image": Image.fromarray(sample.image), "bbox": [float(edge) for edge in sample.bbox],
        "expression": expression, "expression_name": f"{condition}/{shown}", "PSPI": float(pspi(units)),
        **{unit: float(units.get(unit, 0.0)) for unit in PAIN_UNITS},
    }  # fmt: skip


def read(folder: Path, model: str, rounds: int) -> None:
    network, processor = load_model(model), load_processor(model)
    packed = packed_size(network.config.image_size)
    faces = FaceSet.pack(datasets.Dataset.from_parquet(str(folder / FILE)), size=packed)
    told = predict(network, faces, processor=processor, reference="realistic")
    told = told[told["expression"] != "neutral"]
    told[["condition", "shown"]] = told["expression_name"].str.split("/", expand=True).to_numpy()
    told["error"] = told["pspi_hat"] - told["PSPI"]
    print("| | at rest reads | more than plain | in pain, MAE | bias | more than plain |\n|---|---:|---|---:|---:|---|")
    for line in table(told, rounds):
        print("| " + " | ".join(line) + " |")


def table(told: pd.DataFrame, rounds: int) -> Iterator[tuple[str, ...]]:
    """A line a condition: name, the mean reading at rest and its change, error, bias and its change in pain."""
    errors = told.pivot(index="identity", columns=["shown", "condition"], values="error")
    plain = f"{NOTHING}: {NOTHING}"
    for kind, names in CONDITIONS.items():
        for name in names:
            condition = f"{kind}: {name}"
            rest, pain = (errors[shown, condition].to_numpy() for shown in ("rest", "pain"))
            moved = [
                "" if kind == NOTHING else change(errors[shown, condition] - errors[shown, plain], rounds)
                for shown in ("rest", "pain")
            ]
            label = "nothing of all this" if kind == NOTHING else condition.replace("_", " ")
            yield label, f"{rest.mean():.2f}", moved[0], f"{np.abs(pain).mean():.2f}", f"{pain.mean():+.2f}", moved[1]


def change(differences: pd.Series, rounds: int) -> str:
    """The mean of each person's difference with its interval, bold where that leaves out zero."""
    values = differences.to_numpy()
    low, high = metrics.bootstrap(lambda at: float(values[at].mean()), np.arange(len(values)), rounds)
    text = f"{values.mean():+.2f} ({low:+.2f} to {high:+.2f})"
    return f"**{text}**" if low > 0 or high < 0 else text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    part = parts.add_parser("draw", help="the pictures")
    part.add_argument("folder", type=Path)
    part.add_argument("--people", type=int, default=30)
    part.add_argument("--seed", type=int, default=60000, help="people's seeds begin here")
    part = parts.add_parser("read", help="what a model makes of them")
    part.add_argument("folder", type=Path)
    part.add_argument("--model", default="vitpain")
    part.add_argument("--rounds", type=int, default=1000, help="of the bootstrap")
    options = parser.parse_args()
    if options.part == "draw":
        with one_thread():
            draw(options.folder, options.people, options.seed)
    else:
        read(options.folder, options.model, options.rounds)


if __name__ == "__main__":
    main()
