"""report.json and report.html of a check: one page, self-contained, that a person would rather look at."""

from __future__ import annotations

import base64
import html
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from threedpain import demographics
from threedpain.extras import need_extra
from threedpain.generation.dataset.writer import write_text
from threedpain.page import render_page, table
from threedpain.pictures import open_picture

from .check import Report
from .check_judges import LEAST_SPEARMAN
from .limited import parquet

INK, SOFT, ACCENT, WARM, PAPER = "#1d2433", "#8a93a6", "#2f6f8f", "#c4553b", "#fbfaf7"
TONES = ("#3b2a24", "#e8c7a6", "#b98a5e", "#8c5f3c", "#d9ab72")  # one an ethnicity
PICTURES = 8  # sample rows shown with their labels drawn on them
LISTED = 300  # findings on the page
TILE = 220

# 0 background ... 12 medical: colours of the mask on the sample pictures.
PALETTE = np.array(
    [
        (235, 235, 235), (244, 205, 170), (231, 150, 120), (205, 180, 160), (80, 55, 40), (70, 130, 200), (200, 70, 90),
        (90, 20, 40), (60, 45, 90), (110, 85, 140), (120, 170, 150), (225, 190, 60),
        (150, 200, 225),
    ],
    np.uint8,
)  # fmt: skip


def write_report(report: Report, folder: Path) -> Path:
    """Both reports into `folder`; returns the page."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "report.json", json.dumps(report.to_json(), indent=1, allow_nan=False))
    page = folder / "report.html"
    write_text(page, _page(report))
    return page


def _page(report: Report) -> str:
    facts = report.to_json()
    people = len({row.identity for row in report.seen})
    verdict = "In order" if report.ok else f"{len(report.findings):,} finding{'s'[: len(report.findings) - 1]}"
    numbers = [
        (f"{people:,}", "people"),
        (f"{report.rows.get('images', 0):,}", "pictures"),
        (f"{report.rows.get('expressions', 0):,}", "pain expressions"),
        (f"{report.rows.get('videos', 0):,}", "videos"),
        (_replayed(report), "rows rendered again, same bytes"),
    ]
    sections = [
        ("What is wrong", _findings(report)) if report.findings else None,
        ("Who is in it", _figure(lambda axes: _cells(axes, facts["cells"]), (9, 4.2))),
        ("Pain", _figure(lambda axes: _pspi(axes, facts["pspi"]), (9, 2.9))),
        ("Heads and skin", _figures((_poses, report), (_tones, report))),
        ("A few rows, with their labels", _samples(Path(report.folder))),
        ("Independent judges", _judges(report.judges)) if report.judges else None,
        ("Rendered again", _replays(report)) if report.replays else None,
    ]
    return render_page(
        title="3DPain check",
        kicker=f"3DPain check of {report.folder}",
        headline=verdict,
        cards=numbers,
        sections=sections,
        footer=json.dumps(report.config),
        tone="good" if report.ok else "bad",
    )


def _replayed(report: Report) -> str:
    return f"{sum(r['same_bytes'] for r in report.replays)} of {len(report.replays)}"


def _findings(report: Report) -> str:
    counts = Counter(finding.law for finding in report.findings)
    chips = "".join(f"<li><b>{count}</b> {html.escape(law)}</li>" for law, count in counts.most_common())
    rows = [[html.escape(text) for text in (f.law, f.where, f.what)] for f in report.findings[:LISTED]]
    more = f"<p>{len(report.findings) - LISTED:,} more in report.json.</p>" if len(report.findings) > LISTED else ""
    return f"<ul class='chips'>{chips}</ul>{table(['law', 'where', 'what'], rows)}{more}"


def _replays(report: Report) -> str:
    rows = [
        [
            html.escape(r["row"]),
            "same bytes" if r["same_bytes"] else "other bytes",
            "identical" if r["psnr"] >= 99 else f"{r['psnr']:.1f} dB",
        ]
        for r in report.replays
    ]
    machines = "the machine it was made on" if report.replays[0]["expected"] == "bytes" else "another kind of machine"
    return f"<p>Compared on {machines}.</p>{table(['row', 'files', 'pixels'], rows)}"


def _judges(judges: dict) -> str:
    cards = "".join(
        f"<div><b>{html.escape(str(value))}</b><span>{html.escape(name)}</span></div>"
        for name, value in judges["summary"].items()
    )
    parts = [f"<p>{_JUDGES}</p><div class='cards'>{cards}</div>"]
    if "scores" in judges:
        cells = {row["cell"]: row for row in judges["by_cell"]}
        shares = {name: row["detected"] for name, row in cells.items()}
        errors = {name: row["landmark error"] for name, row in cells.items()}
        parts += [
            "<h3>Do action units and expressions show?</h3>",
            _figures((_evidence, judges["tables"]["Action units"]), (_scores, judges["scores"])),
            _table(judges["tables"]["Expressions"]),
            "<h3>Faces detected, by cell</h3>",
            _figure(lambda axes: _cells(axes, shares, "Greens", "{:.0%}"), (9, 4.2)),
            "<h3>Landmark error, share of eye distance, by cell</h3>",
            _figure(lambda axes: _cells(axes, errors, "Oranges", "{:.3f}"), (9, 4.2)),
        ]
    return "".join(parts)


_JUDGES = (
    "Analysers that know nothing of the generator look at the front views of up to 250 people: a detector, 68 "
    "landmarks and an identity embedding (dlib). Brows, lids and lip are measured in their landmarks: for each action "
    "unit against the same person at rest, for the order of expressions as they are. Mann-Whitney tests."
)


def _evidence(axes, table: list[dict]) -> None:
    """Spearman of action units and what shows them best, bars by ethnicity."""
    table = list({line["action unit"]: line for line in reversed(table)}.values())[::-1]  # a unit's first line
    for place, line in enumerate(table):
        for number, name in enumerate(demographics.ETHNICITIES):
            axes.bar(place + 0.16 * (number - 2), line[name], 0.15, color=TONES[number])
        axes.plot([place - 0.42, place + 0.42], [line["overall"]] * 2, color=INK, linewidth=1.2)
    axes.axhline(LEAST_SPEARMAN, color=WARM, linewidth=1, linestyle=":")
    axes.set_xticks(range(len(table)), [line["action unit"] for line in table])
    axes.set_ylabel("Spearman; a line: overall", color=INK)


def _scores(axes, scores: dict[str, list[float]]) -> None:
    """How the landmark score is spread over neutral, other and painful faces."""
    there = {kind: values for kind, values in scores.items() if values}
    boxes = axes.boxplot(there.values(), widths=0.5, patch_artist=True, showfliers=False, medianprops={"color": INK})
    for box, colour in zip(boxes["boxes"], (SOFT, ACCENT, WARM), strict=False):
        box.set(facecolor=colour, edgecolor=INK, alpha=0.8)
    axes.set_xticks(range(1, len(there) + 1), list(there))
    axes.set_ylabel("how closed: brows, lids and lip", color=INK)


def _table(rows: list[dict]) -> str:
    if not rows:
        return ""
    return table(map(html.escape, rows[0]), ([_cell(value) for value in row.values()] for row in rows))


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else html.escape(str(value))


def _figures(*parts: tuple[Callable, object]) -> str:
    """Two plots side by side, each a function of axes and data."""
    drawn = (_figure(lambda axes, draw=draw, data=data: draw(axes, data), (5, 3.4)) for draw, data in parts)
    return f"<div class='grid'>{''.join(drawn)}</div>"


def _figure(draw: Callable, size: tuple[float, float]) -> str:
    """A plot as an inline picture; drawn without the global state of pyplot."""
    need_extra("matplotlib", "report")
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, facecolor="none", layout="constrained")
    axes = figure.add_subplot(facecolor="none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    draw(axes)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    return _inline(buffer.getvalue(), "svg+xml")


def _inline(data: bytes, kind: str) -> str:
    return f"<img class='plot' alt='' src='data:image/{kind};base64,{base64.b64encode(data).decode()}'>"


def _cells(axes, cells: dict[str, float], colours: str = "Blues", form: str = "{:.0f}") -> None:
    """A value a cell: ages and genders down, ethnicities across."""
    columns = list(demographics.ETHNICITIES)
    rows = [(age, gender) for gender in demographics.GENDERS for age in demographics.AGE_GROUPS]
    values = [[cells.get(f"{age} {gender} {ethnicity}") for ethnicity in columns] for age, gender in rows]
    table = np.array([[np.nan if value is None else value for value in line] for line in values], float)
    top = np.nanmax(table) if np.isfinite(table).any() else 1
    axes.imshow(table, cmap=colours, vmin=0, vmax=max(1e-6, top) * 1.6, aspect="auto")
    axes.set_xticks(range(len(columns)), [name.replace("_", " ") for name in columns])
    axes.set_yticks(range(len(rows)), [f"{gender} {age}" for age, gender in rows])
    axes.xaxis.tick_top()
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(table):
        text = form.format(value) if np.isfinite(value) else "none"
        axes.text(column, row, text, ha="center", va="center", color=INK, fontsize=9)


def _pspi(axes, levels: dict) -> None:
    axes.bar(list(levels), list(levels.values()), color=ACCENT, width=0.82)
    axes.set_xticks(list(levels))
    axes.set_xlabel("PSPI of the pain expressions", color=INK)
    axes.set_ylabel("expressions", color=INK)


def _poses(axes, report: Report) -> None:
    yaw, pitch, _roll = np.array([row.pose for row in report.seen]).T if report.seen else np.zeros((3, 0))
    axes.scatter(yaw, pitch, s=4, color=ACCENT, alpha=0.35, linewidths=0)
    axes.set_xlabel("yaw of the head, degrees to their own left", color=INK)
    axes.set_ylabel("pitch, degrees up", color=INK)


def _tones(axes, report: Report) -> None:
    people = {row.identity: row for row in report.seen}.values()
    edges = np.arange(-70, 81, 10)
    values = [[row.skin_tone for row in people if row.cell[2] == name] for name in demographics.ETHNICITIES]
    axes.hist(values, bins=edges, stacked=True, label=[n.replace("_", " ") for n in demographics.ETHNICITIES],
              color=TONES)  # fmt: skip
    axes.legend(frameon=False, fontsize=8)
    axes.set_xlabel("skin tone, typology angle in degrees (dark to light)", color=INK)
    axes.set_ylabel("people", color=INK)


def _samples(folder: Path) -> str:
    """Rows with their landmarks and box, their mask, and their heatmap side by side."""
    tiles = []
    for path in sorted(folder.glob("images/*.parquet")):
        try:
            rows = parquet(path).read_row_group(0).to_pylist()
        except Exception:  # a damaged file is among the findings; here it only gives no picture
            continue
        for row in rows[7 :: max(1, len(rows) // 3)]:
            tiles.append(_sample(row))
            if len(tiles) == PICTURES:
                return f"<div class='grid'>{''.join(tiles)}</div>"
    return f"<div class='grid'>{''.join(tiles)}</div>"


def _sample(row: dict) -> str:
    try:
        photo, heat, mask = (open_picture(row[name]["bytes"]) for name in ("image", "heatmap", "mask"))
        scale = TILE / photo.size[0]
        marked = photo.convert("RGB").resize((TILE, TILE))
        classes = Image.fromarray(PALETTE[np.asarray(mask).clip(0, len(PALETTE) - 1)]).resize(
            (TILE, TILE), Image.Resampling.NEAREST
        )
        warmth = np.asarray(heat.resize((TILE, TILE)), np.float32)[..., None] / 255
    except Exception:
        return ""
    glow = np.asarray(marked, np.float32) * (1 - 0.8 * np.sqrt(warmth)) + np.sqrt(warmth) * 0.8 * np.array(
        [255, 80, 30]
    )
    drawing = ImageDraw.Draw(marked)
    drawing.rectangle([v * scale for v in row["bbox"]], outline="#ffffff")
    for x, y in row["landmarks"]:
        drawing.ellipse([x * scale - 1.2, y * scale - 1.2, x * scale + 1.2, y * scale + 1.2], fill="#62f0c8")
    strip = Image.new("RGB", (3 * TILE, TILE))
    for place, picture in enumerate((marked, classes, Image.fromarray(glow.clip(0, 255).astype(np.uint8)))):
        strip.paste(picture, (place * TILE, 0))
    buffer = io.BytesIO()
    strip.save(buffer, "jpeg", quality=88)
    label = f"{html.escape(row['id'])}: {html.escape(row['expression_name'])}, PSPI {row['PSPI']:g}"
    return f"<figure>{_inline(buffer.getvalue(), 'jpeg')}<figcaption>{label}</figcaption></figure>"
