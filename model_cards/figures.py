"""Figures in README.md and docs/, from results files: all between `<!-- figures: NAME -->` and `<!-- /figures -->`.

`python model_cards/render.py` fills them in with the cards; nothing there is written by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from threedpain.schema import GENERATOR_VERSION

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
STUDENT = ROOT / "threedpain" / "weights" / "vitpain" / "results.json"
_BLOCK = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- /figures -->)", re.DOTALL)


def pages() -> Iterator[Path]:
    """Every page that may hold figures."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").rglob("*.md"))


def filled(text: str) -> str:
    """The text with its blocks as the results files say."""
    return _BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found[2]]()}\n{found[3]}", text)


def vitpain(results: Mapping) -> str:
    """Error, correlation and detection of the shipped student by condition of the reference."""
    about, conditions = results["about"], results["conditions"]
    said = [] if about["generator"] == GENERATOR_VERSION else [f"the generator has moved on to {GENERATOR_VERSION}"]
    if learned_from() != about["generator"]:
        said.insert(0, f"it learned from pictures of {learned_from()}")
    moved = "".join(f" {one[0].upper()}{one[1:]}." for one in said)
    lines = [
        f"On {about['data'].split(': ', 1)[-1]} whom no training saw, error and correlation on those at rest and",
        f"in pain; generator {about['generator']}, 95 % intervals over people.{moved}",
        "",
        "| reference | PSPI MAE | Pearson | AUROC, PSPI >= 3 | AU MAE |",
        "|---|---|---|---|---|",
    ]
    for name, found in conditions.items():
        mae, *rest = (found["overall"][figure] for figure in ("mae", "pearson", "auroc3", "au_mae"))
        correlation, area, units = (figure[0] for figure in rest)
        lines.append(
            f"| {name} | {mae[0]:.2f} ({mae[1]:.2f} to {mae[2]:.2f}) | {correlation:.3f} | {area:.3f} | {units:.2f} |"
        )
    return "\n".join(lines)


def learned_from() -> str:
    """The version of the generator whose pictures the shipped weights learned from, by their training.md."""
    return re.search(r"state of the generator \(([\d.]+),", (STUDENT.parent / "training.md").read_text())[1]


def targets(results: Mapping) -> str:
    """What the project asked of itself: missed first."""
    rows = sorted(results["targets"], key=lambda row: row["met"])
    lines = ["| reference | figure | asked for | reached | |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['condition']} | {row['figure']} | {row['target']} | {row['reached']:.3f} | "
        f"{'met' if row['met'] else '**missed**'} |"
        for row in rows
    ]
    return "\n".join(lines)


def judges(results: Mapping) -> str:
    """What face analysers that know nothing of the generator see, from `3dpain check --judges`."""
    if not results:
        return "Nothing measured yet on this generator."
    people, version = results["config"]["identities"], results["generator_version"]
    lines = [
        f"dlib's detector, landmarks and embedding on front views of {people} people, generator {version}; "
        "[the card](../model_cards/3dpain.md) has the command and the rest.",
        "",
        "| figure | found |",
        "|---|---|",
    ]
    lines += [f"| {name} | {value} |" for name, value in results["judges"]["summary"].items()]
    lines += [f"| short of what was asked | {found} |" for found in results["judges_found"]]
    return "\n".join(lines)


def audit(results: Mapping) -> str:
    """What `3dpain audit --model vitpain` found."""
    if not results:
        return "Not measured yet on this generator: `make audit` puts the figures and the page of an audit here."
    plan = results["plan"]
    lines = [
        f"{results['headline']}. ({plan['identities']} people, {plan['counterfactuals']} of them changed, "
        f"{plan['size']} pixels, seed {plan['seed']}, generator {results['generator_version']}.)",
    ]
    if results["effects"]:
        lines += ["", "| changed, all else the same | share of its spread | certain |", "|---|---|---|"]
    for effect in results["effects"]:
        value, low, high = (effect[name] for name in ("value_share", "low_share", "high_share"))
        between = "" if low is None or high is None else f" ({100 * low:+.0f} to {100 * high:+.0f} %)"
        lines.append(
            f"| {effect['words']}, {effect['expression']} | {100 * value:+.0f} %{between} | "
            f"{'yes' if effect['sure'] else 'no'} |"
        )
    if (ROOT / "docs" / "audit" / "report-1440.jpg").is_file():
        lines += ["", "![The page of this audit](audit/report-1440.jpg)"]
    return "\n".join(lines)


def take_audit(report: Mapping) -> dict:
    """What the page needs of an audit's report."""
    kept = ("words", "expression", "value_share", "low_share", "high_share", "sure")
    return {name: report[name] for name in ("model", "plan", "headline", "generator_version")} | {
        "effects": [
            {name: effect[name] for name in kept}
            for effect in report["effects"]
            if effect["value_share"] is not None  # a detector with one answer has no spread
        ],
    }


def read(path: Path) -> Mapping:
    return json.loads(path.read_text()) if path.is_file() else {}


BLOCKS: dict[str, Callable[[], str]] = {
    "vitpain": lambda: vitpain(read(STUDENT)),
    "targets": lambda: targets(read(STUDENT)),
    "judges": lambda: judges(read(HERE / "results" / "3dpain.json")),
    "audit": lambda: audit(read(HERE / "results" / "audit.json")),
}
