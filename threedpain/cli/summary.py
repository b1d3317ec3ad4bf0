"""`python -m threedpain.cli.summary 3dpain`: what a made dataset holds, read back as its users will; a contact sheet.

The last step of `make demo`. Everything shown is read from the folder with `load_dataset`, nothing from the generator.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from threedpain.errors import MissingFile, ThreeDPainError

READINGS = 8  # rows read by ViTPain and shown, one person each as far as they go
TILE = 192  # pixels


def table(splits: Mapping[str, Any]) -> str:
    """Images and identities by split, and the histogram of PSPI over all images, as text; fractions are rounded up."""
    lines = [f"{'split':12}{'images':>8}{'identities':>12}"]
    scores: Counter[int] = Counter()
    people: set[str] = set()
    for name, rows in splits.items():
        identities = set(rows["identity_id"])
        people |= identities
        scores.update(-int(-score // 1) for score in rows["PSPI"])
        lines.append(f"{name:12}{len(rows):8}{len(identities):12}")
    total = scores.total()
    lines += [f"{'all':12}{total:8}{len(people):12}", "", "PSPI  images"]
    widest = max(scores.values())
    lines += [f"{score:4}  {scores[score]:6}  {'#' * round(50 * scores[score] / widest)}" for score in range(17)]
    return "\n".join(lines)


def choose(rows: Any) -> list[int]:
    """Rows to show: of each person in turn the one whose PSPI is farthest from those already chosen, mildest first."""
    scores, people = rows["PSPI"], rows["identity_id"]
    chosen: list[int] = []
    while len(chosen) < min(READINGS, len(scores)):
        used = Counter(people[i] for i in chosen)
        left = [i for i in range(len(scores)) if i not in chosen]
        fewest = min(used[people[i]] for i in left)
        left = [i for i in left if used[people[i]] == fewest]
        chosen.append(max(left, key=lambda i: min((abs(scores[i] - scores[j]) for j in chosen), default=0)))
    return sorted(chosen, key=lambda i: scores[i])


def resting(images: Any) -> dict[tuple[str, str], list[float]]:
    """Face boxes of the neutral pictures by person and view: who wears a mask is found by no detector."""
    neutral = images.features["expression"].str2int("neutral")
    columns = (images[name] for name in ("identity_id", "view_id", "expression", "bbox"))
    return {(who, view): box for who, view, kind, box in zip(*columns, strict=True) if kind == neutral}


def read(rows: Sequence[Mapping[str, Any]], boxes: Mapping[tuple[str, str], Sequence[float]]) -> list[Any]:
    """ViTPain's reading of each row beside its neutral picture, whose face box is in `boxes` by person and view; none
    at all where its weights are not installed."""
    from transformers.utils.logging import disable_progress_bar

    from threedpain.assets import weights
    from threedpain.modeling.reading.reader import PainReader

    try:
        weights("vitpain")
    except MissingFile as missing:
        print(f"No readings: {missing}")
        return []
    disable_progress_bar()
    reader = PainReader()
    return [
        reader.read(row["image"], row["neutral_image"], row["bbox"], boxes[row["identity_id"], row["view_id"]])
        for row in rows
    ]


def contact_sheet(rows: Sequence[Mapping[str, Any]], readings: Sequence[Any], path: Path) -> None:
    """One column a row: its neutral, its picture, the true heatmap, and ViTPain's where there is a reading."""
    from PIL import Image, ImageDraw, ImageFont

    height = 3 + bool(readings)
    sheet = Image.new("RGB", (TILE * len(rows), TILE * height + 40), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, row in enumerate(rows):
        reading = readings[column] if readings else None
        truth = row["heatmap"].point(lambda level: min(255, level * 2))  # 6.4 mm and more are white
        pictures = [row["neutral_image"], row["image"], truth]
        pictures += [reading.overlay(row["image"])] if reading else []
        for line, picture in enumerate(pictures):
            sheet.paste(picture.convert("RGB").resize((TILE, TILE)), (column * TILE, line * TILE))
        text = f"{row['id']}\nPSPI {row['PSPI']:g}" + (f", read as {reading.pspi:.1f}" if reading else "")
        draw.text((column * TILE + 4, TILE * height + 2), text, fill="black", font=font)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def main(folder: str = "3dpain", sheet: str = "runs/demo/contact-sheet.png") -> None:
    from datasets import concatenate_datasets, load_dataset
    from datasets.utils.logging import disable_progress_bar

    disable_progress_bar()
    images, pairs = load_dataset(folder), load_dataset(folder, "pairs")
    print(f"\nThe dataset lies in {Path(folder).resolve()}; load_dataset({folder!r}) reads it.\n")
    print(table(images))
    everyone = concatenate_datasets(list(pairs.values()))
    rows = [everyone[i] for i in choose(everyone)]
    print("\nViTPain's reading of a few of them, each beside the same person's neutral face")
    readings = read(rows, resting(concatenate_datasets(list(images.values()))))
    for row, reading in zip(rows, readings, strict=False):
        between = "  (90 % interval {:.1f} to {:.1f})".format(*reading.interval) if reading.interval else ""
        name = f"{row['id']} ({row['expression_name']})"
        print(f"  {name:44} PSPI {row['PSPI']:4.1f}  read {reading.pspi:4.1f}{between}")
    contact_sheet(rows, readings, Path(sheet))
    print(f"\nContact sheet: {Path(sheet).resolve()}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ThreeDPainError as mistake:
        sys.exit(str(mistake))
