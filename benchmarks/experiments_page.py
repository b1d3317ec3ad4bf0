"""docs/experiments.md from the figures of `benchmarks/experiments.py`, which lie beside it as JSON.

    python benchmarks/experiments_page.py docs/experiments.json     # writes docs/experiments.md again; trains nothing

The JSON: `about` (how the arms were trained and on what, and how each differs from the base) and `tables` (experiment
-> its lines: `row`, `trained_on`, `tested_on`, `figures` as value, low, high). A `note` in `about` is a sentence of
whoever measured.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

QUESTIONS = {
    "distillation": "Does a teacher that reads the heatmaps help the student? Another seed shows what chance does; the"
    " teacher itself is asked with the heatmaps, which no photograph has.",
    "reference": "What is the neutral face worth: from another moment or from the very same scene, one or three?",
    "au-head": "Does reading action units help PSPI, or stand in its way?",
    "heatmap-head": "Do the dense maps help: the pain heatmap, and the parts of the face learned beside it?",
    "identities": "Does more synthetic data help? The same number of steps on more or fewer people.",
    "age": "Who has learned from one age only, and how does that read the other?",
    "ethnicity": "Trained on 50 people of one ethnicity, or of all, and tested on everybody.",
}


def page(content: Mapping[str, Any]) -> str:
    """The whole page as Markdown."""
    about, tables = content["about"], content["tables"]
    whole = [row for rows in tables.values() for row in rows if row["tested_on"] == "all"]
    test = " --test NEW" if about.get("test") else ""
    tested, guessing = f" Another to test on: {about['test']}." if test else "", ""
    if whole:
        tested += f" Tested on {whole[0]['pictures']:,} pictures of {whole[0]['people']} of them."
        guessing = f" Always answering the mean errs by {whole[0]['guessing']:.1f}."
    parts = [
        "# What each part is worth",
        f"{len(about['arms'])} small runs that differ in one thing each: {about['size']} pixels, {about['steps']} "
        f"steps of 48 pictures, {about['people']} people unless said otherwise, seed {about['seed']}; "
        f"{about['cpu_minutes']} CPU minutes on one thread, no GPU. They are far from the shipped ViTPain: read "
        "differences, not heights.",
        f"`python benchmarks/experiments.py --data SET{test}`. The set: {about['data']}.{tested}{guessing} "
        f"{about.get('note', '')}".rstrip(),
        "Error is the MAE in PSPI points on people never trained on, with a reference from another moment unless said "
        "otherwise. The change is against a table's first row, picture by picture, with a 95 % interval over people; "
        "**bold** where it excludes nought. Intervals say nothing about another seed of the training. All of them: "
        "`docs/experiments.json`.",
    ]
    for name, question in QUESTIONS.items():
        parts += [f"## {title(name)}", question, as_table(tables.get(name, []))]
    return "\n\n".join(part if part.startswith("|") else _wrapped(part) for part in parts) + "\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 125, break_long_words=False, break_on_hyphens=False)


def title(name: str) -> str:
    return name.replace("-", " ").capitalize().replace("Au ", "AU ")


def as_table(rows: Sequence[Mapping]) -> str:
    """Markdown, a line a row; where groups were told apart, how each row reads each of them."""
    lines: dict[str, list[Mapping]] = {}
    for row in rows:
        lines.setdefault(row["row"]["label"], []).append(row)
    if len(lines) < 2:
        return "Not measured yet."
    groups = list(dict.fromkeys(row["tested_on"] for row in rows))[1:]
    varied = len({row["trained_on"] for row in rows}) > 1
    more = groups or ["Pearson", "AUROC(PSPI >= 3)"]
    body = [["", *(["people"] if varied else []), "error", "change", *more]]
    body.append(["---"] * len(body[0]))
    for label, (own, *parts) in lines.items():
        figures = own["figures"]
        rest = (
            [part["figures"]["mae"] for part in parts] if groups else [figures[name] for name in ("pearson", "auroc3")]
        )
        body.append(
            [label, *([str(own["trained_on"])] if varied else []), "{:.2f} ({:.2f} to {:.2f})".format(*figures["mae"]),
             "" if own is rows[0] else change(figures["further"]), *(f"{value[0]:.2f}" for value in rest)]
        )  # fmt: skip
    return "\n".join(f"| {' | '.join(cells)} |" for cells in body)


def change(further: Sequence[float]) -> str:
    """How much more error than the first row; bold where these people can tell."""
    value, low, high = further
    text = f"{value:+.2f} ({low:+.2f} to {high:+.2f})"
    return text if low <= 0 <= high else f"**{text}**"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path, help="the JSON; the page goes beside it")
    figures = parser.parse_args().figures
    figures.with_suffix(".md").write_text(page(json.loads(figures.read_text())))


if __name__ == "__main__":
    main()
