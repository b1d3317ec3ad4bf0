"""What a generator version fixes on every machine: the plan, identities, vertices, topology, a mask and the columns.

python tests/support/golden.py      # after GENERATOR_VERSION was raised: writes the facts of the new version
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from threedpain.generation.dataset.plan import Config, Plan
from threedpain.generation.head.rig import rig
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.pipeline import PainFacePipeline
from threedpain.schema import CONFIGS, GENERATOR_VERSION, TRUTHS, features

FILE = Path(__file__).parents[1] / "generation" / "golden.safetensors"
EXPRESSION = {"AU4": 3.0, "AU6": 2.0, "AU10": 4.0, "AU12L": 2.0, "AU25": 3.0, "AU43": 0.5}
WHO = {"seed": 7, "age": 63, "gender": "female", "ethnicity": "south_asian"}
STEP = 1e-5  # metres: the vertices' grid


def facts() -> dict[str, np.ndarray]:
    """All facts of this version as arrays; texts are UTF-8."""
    pipe = PainFacePipeline.from_pretrained(texture="flat", device="cpu")
    identity = sample_identity(**WHO)
    face = rig(pipe.head(identity), EXPRESSION)
    topology = {name: digest(value) for name, value in vars(face.bust.topology).items() if value.dtype.kind in "iu"}
    columns = {name: str(features(name, truth=TRUTHS)) for name in CONFIGS}
    people = [sample_identity(seed, age=20 + 9 * seed, gender="male", ethnicity="black") for seed in range(8)]
    return {
        "version": text(GENERATOR_VERSION),
        "plan": text(plan()),
        "identities": text(json.dumps([fields(person) for person in (*people, identity)])),
        "vertices": np.round(face.vertices / STEP).astype(np.int16),
        "topology": text(json.dumps(topology, sort_keys=True)),
        "mask": np.asarray(pipe(EXPRESSION, **WHO, size=64).mask),
        "columns": text(json.dumps(columns, sort_keys=True)),
    }


def plan() -> str:
    """Digests of fifty people of a plan and everything they do, in tenths as drawn, one a line."""
    whole = Plan(Config(identities=50, others=2))
    people = [json.dumps(asdict(whole.person(index)), sort_keys=True) for index in range(50)]
    return "\n".join(hashlib.sha256(person.encode()).hexdigest() for person in people)


def fields(record) -> dict:
    """An identity's fields, numbers to six digits: the last ones may differ between machines."""
    return json.loads(json.dumps(asdict(record), default=np.ndarray.tolist), parse_float=lambda x: round(float(x), 6))


def digest(value: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()


def text(value: str) -> np.ndarray:
    return np.frombuffer(value.encode(), np.uint8).copy()


def plain(value: np.ndarray) -> str:
    """The inverse of `text`."""
    return value.tobytes().decode()


if __name__ == "__main__":
    save_file(facts(), FILE)
    print(f"{FILE.name} holds version {GENERATOR_VERSION}")
