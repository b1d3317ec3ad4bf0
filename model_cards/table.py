"""Every figure of the project as one Parquet, with what was trained on what, to be published beside the set.

    python model_cards/table.py --out runs/figures [--arms runs/experiments/arms]
    3dpain publish runs/figures --repo USER/3dpain-figures --type figures

A line is one figure: whose (`source`, `model`), of what (`trained_on`, `trained_people`), asked about what
(`tested_on`, `people`, `pictures`, `place`), by which version of the generator, and its value with its interval. The
folder also gets a card with the table of the small runs (which people give which error) and, with `--arms`, the models
of those runs. The figures are those of the results files; nothing is measured here.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from huggingface_hub import DatasetCard, DatasetCardData

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WEIGHTS = ROOT / "threedpain" / "weights"
MODELS = ("vitpain", "vitpain-teacher", "texture")
EXPERIMENTS = ROOT / "docs" / "experiments.json"
TABLE = "figures.parquet"
NO_FIGURES = {"scores", "config", "plan", "about", "rounds", "rows"}  # answers one by one, settings, counts of rows
OF_A_FIGURE = {"low", "high", "low_share", "high_share", "people", "pictures"}  # told in the line of the figure itself


@dataclass(frozen=True)
class Line:
    """One figure. `place` is the way to it in its results file; an interval is NaN where none was taken."""

    source: str
    model: str | None
    trained_on: str | None
    trained_people: int | None
    tested_on: str | None
    generator: str | None
    people: int | None
    pictures: int | None
    place: str
    figure: str
    value: float
    low: float
    high: float


def lines() -> Iterator[Line]:
    """All figures there are."""
    for name in MODELS:
        yield from of_results(name, WEIGHTS / name / "results.json", name, *trained_on(name))
    for path in sorted((HERE / "results").glob("*.json")):
        yield from of_results(path.stem, path, None, None, None)
    yield from of_experiments(json.loads(EXPERIMENTS.read_text()))


def of_results(source: str, path: Path, model: str | None, trained: str | None, people: int | None) -> Iterator[Line]:
    """The figures of one results file."""
    if not path.is_file():
        return
    found = json.loads(path.read_text())
    about = found.get("about", {})
    config = found.get("config") or found.get("plan") or {}
    set_of = ", ".join(f"{name} {config[name]}" for name in ("identities", "size", "seed") if name in config)
    tested = about.get("data") or set_of or found.get("machine", "")
    whose = Line(
        source, model or found.get("model"), trained, people, _place(tested) or None,
        about.get("generator") or found.get("generator_version"), None, None, "", "", 0.0, float("nan"), float("nan"),
    )  # fmt: skip
    yield from _walk(found, whose)


def _place(tested: str) -> str:
    """`runs/test, split all: 2400 pictures of 200 people` without the folder of whoever measured."""
    return tested.split(": ", 1)[-1]


def _walk(found: Any, whose: Line) -> Iterator[Line]:
    items = found.items() if isinstance(found, Mapping) else enumerate(found)
    if isinstance(found, Mapping):
        counts = {name: found[name] for name in ("people", "pictures") if isinstance(found.get(name), int)}
        whose = replace(whose, **counts)
    for key, value in items:
        name = str(key)
        if name in NO_FIGURES or name in OF_A_FIGURE:
            continue
        if isinstance(value, Mapping):
            yield from _walk(value, _within(whose, name))
        elif isinstance(value, list):
            if _is_interval(value):
                yield replace(whose, figure=name, **_interval(*value))
            elif all(isinstance(row, Mapping) for row in value):
                for row in value:
                    words = [text for text in row.values() if isinstance(text, str) and _number(text) is None]
                    yield from _walk(row, _within(_within(whose, name), ", ".join(words)))
        elif (number := _number(value)) is not None:
            low, high = (
                _bound(found, name, end) if isinstance(found, Mapping) else float("nan") for end in ("low", "high")
            )
            yield replace(whose, figure=name, value=number, low=low, high=high)


def _within(whose: Line, name: str) -> Line:
    return replace(whose, place=f"{whose.place} / {name}" if whose.place else name)


def _is_interval(value: list) -> bool:
    """A figure with its interval, as value, low, high; null where it could not be told."""
    return len(value) == 3 and isinstance(value[0], float) and all(isinstance(v, float | None) for v in value)


def _interval(value: float, low: float | None, high: float | None) -> dict[str, float]:
    missing = float("nan")
    return {"value": value, "low": missing if low is None else low, "high": missing if high is None else high}


def _bound(found: Mapping, name: str, end: str) -> float:
    """The end of the interval of a figure whose table gives one: the error's by group, and an effect's."""
    bound = found.get({"mae": end, "value": end, "value_share": f"{end}_share"}.get(name, ""))
    return float("nan") if bound is None else float(bound)


def _number(value: Any) -> float | None:
    """A number, a number in a text, or the share that `59 of 60` is."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    parts = re.fullmatch(r"(\d+(?:\.\d+)?(?:e-?\d+)?)(?: of (\d+))?", str(value))
    return float(parts[1]) / (float(parts[2]) if parts[2] else 1.0) if parts else None


def trained_on(name: str) -> tuple[str | None, int | None]:
    """What a shipped model learned from, as its own record says: the command of its set, its epochs and seed."""
    folder = WEIGHTS / name
    record, settings = folder / "training.md", folder / "train.json"
    if not record.is_file():
        copying = json.loads((folder / "results.json").read_text()).get("cells", {}).get("copying", {})
        return (f"{copying['training']:,} images of skins, CC0: its card" if copying else None), None
    command = re.search(r"`3dpain generate ([^`]*)`", record.read_text())
    options = " ".join(command[1].split()) if command else ""
    people = re.search(r"--identities (\d+)", options)
    found = json.loads(settings.read_text())
    splits = " and ".join(found.get("splits", ["train"]))
    told = f"3dpain generate {options}; split {splits}, {found['epochs']:g} epochs, seed {found['seed']}"
    return told, int(people[1]) if people else None


def of_experiments(content: Mapping) -> Iterator[Line]:
    """The small runs that differ in one thing each."""
    about = content["about"]
    for name, rows in content["tables"].items():
        for row in rows:
            asked = row["row"]
            differ = "".join(f"; {key} {value}" for key, value in about["arms"].get(asked["arm"], {}).items())
            data = f"{about['data']}; {about['steps']} steps at {about['size']} pixels{differ}"
            for figure, interval in row["figures"].items():
                yield Line(
                    "experiments", asked["arm"], data, row["trained_on"], about.get("test", about["data"]), None,
                    row["people"], row["pictures"],
                    f"{name} / {asked['label']} / {asked['reference']} / {row['tested_on']}",
                    "mae less the first row's" if figure == "further" else figure, **_interval(*interval),
                )  # fmt: skip


def card(table: pd.DataFrame, arms: list[str]) -> DatasetCard:
    """README.md of the folder: what a line is, and which people give which error."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        from experiments_page import page
    finally:
        sys.path.pop(0)
    experiments = page(json.loads(EXPERIMENTS.read_text())).replace("\n## ", "\n### ").replace("# What", "## What", 1)
    return DatasetCard.from_template(
        DatasetCardData(
            pretty_name="3DPain, every figure",
            license="cc0-1.0",
            tags=["pain", "evaluation", "ablation", "synthetic"],
            configs=[{"config_name": "default", "data_files": TABLE}],
        ),
        template_path=str(HERE / "templates" / "figures.md"),
        lines=len(table),
        sources=[f"`{name}` ({len(part):,})" for name, part in table.groupby("source", sort=False)],
        arms=arms,
        experiments=experiments,
    )


def write(out: Path, arms: Path | None = None) -> pd.DataFrame:
    """Fill the folder `out`: the Parquet, its card and, of the folder `arms`, the models of the small runs."""
    out.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame([asdict(line) for line in lines()])
    table = table.astype(dict.fromkeys(("trained_people", "people", "pictures"), "Int64"))
    names = sorted(path.parent.name for path in arms.glob("*/config.json")) if arms else []
    for name in names:
        shutil.copytree(arms / name, out / "models" / name, dirs_exist_ok=True, ignore=_not_a_model)
    table.to_parquet(out / TABLE, index=False)
    (out / "README.md").write_text(str(card(table, names)))
    return table


def _not_a_model(folder: str, names: list[str]) -> set[str]:
    """What a run leaves beside its model: its checkpoint and its log."""
    return {name for name in names if not name.endswith((".json", ".py", ".safetensors")) or "checkpoint" in name}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--arms", type=Path, help="folder of trained arms of benchmarks/experiments.py")
    given = parser.parse_args()
    table = write(given.out, given.arms)
    print(f"{given.out / TABLE}: {len(table):,} figures of {', '.join(table['source'].unique())}")


if __name__ == "__main__":
    main()
