"""report.html of an audit: one self-contained page that says first what matters."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image

from threedpain.demographics import AGE_GROUPS, ETHNICITIES, GENDERS

from .pictures import FACTORS, opened

INK, SOFT, LINE, PAPER = "#1c2230", "#6d7687", "#d9dde5", "#fbfaf7"
REST, PAIN = "#3a7d8c", "#c2452d"  # at rest, in pain
TITLES = {
    "age_group": "age",
    "gender": "gender",
    "ethnicity": "ethnicity",
    "view": "side seen",
    "intensity": "pain",
    "kind": "expression",
}
FACTOR_TITLES = {
    "skin_tone": "skin tone, typology angle in degrees (dark to light)",
    "age": "age, years",
    "gender": "gender",
    "hair": "hair",
    "light": "light",
}
TILE = 132
NOTABLE = 0.1  # PSPI points; less is no headline


def write_page(report: dict[str, Any], changed: pd.DataFrame, path: Path) -> None:
    path.write_text(page(report, changed), encoding="utf-8")


def page(report: dict[str, Any], changed: pd.DataFrame) -> str:
    overall, effects = report["overall"], report["effects"]
    tiles = [
        (_figure(overall["mae"]), "mean absolute error, PSPI points"),
        (_figure(overall["pearson"]), "Pearson correlation"),
        (_figure(overall["auroc"]), "AUROC of pain (PSPI ≥ 1)"),
        (_percent(overall["missed"]["value"]), "of pain missed"),
        (_percent(overall["false_alarms"]["value"]), "false alarms"),
        (_percent(report["failures"]["share"]), "not answered"),
    ]
    sections = [
        ("What else than pain moves the answer", _effects(report)) if effects else None,
        ("The same person, one thing changed", _faces(changed)) if len(changed) else None,
        ("Step by step", _curves(report["curves"])) if report["curves"] else None,
        ("How well it reads whom", _groups(report)),
        ("Cell by cell", _cells(report["cells"])),
        ("Not answered", _failures(report)) if report["failures"]["share"] else None,
        ("How this was done", _method(report)),
    ]
    body = "".join(f"<section><h2>{title}</h2>{content}</section>" for title, content in filter(None, sections))
    cards = "".join(f"<div><b>{value}</b><span>{label}</span></div>" for value, label in tiles)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bias audit of {html.escape(report["model"])}</title><style>{_STYLE}</style></head><body><main>
<header><p>Bias audit of <b>{html.escape(report["model"])}</b></p><h1>{_verdict(report)}</h1></header>
<div class="cards">{cards}</div>{body}
<footer>Generated people only. What holds here is a property of the detector on these pictures; whether it holds for
people must be shown with people.</footer></main></body></html>
"""


# ---- sentences


def _verdict(report: dict[str, Any]) -> str:
    sure = [e for e in report["effects"] if e["low"] > 0 or e["high"] < 0]
    if not report["effects"]:
        return f"Reads pain to within {report['overall']['mae']['value']:.1f} PSPI points"
    first = sure[0] if sure else None
    if first is None or abs(first["value"]) < NOTABLE:
        return f"Nothing but pain is seen to move the answer by {NOTABLE:g} PSPI points or more"
    return (
        f"{html.escape(first['words'][0].upper() + first['words'][1:])} moves the answer {first['expression']} by "
        f"{first['value']:+.1f} PSPI points"
    )


def _figure(figure: dict[str, float]) -> str:
    if np.isnan(figure["value"]):
        return "–"
    return f"{figure['value']:.2f}<i>{figure['low']:.2f} to {figure['high']:.2f}</i>"


def _percent(share: float) -> str:
    return "–" if np.isnan(share) else f"{100 * share:.0f}<i class='unit'>%</i>"


# ---- sections


def _effects(report: dict[str, Any]) -> str:
    effects = report["effects"]

    def draw(axes) -> None:
        rows = np.arange(len(effects))[::-1]
        axes.axvline(0, color=LINE, linewidth=1)
        for at, effect in zip(rows, effects, strict=True):
            colour = PAIN if effect["expression"] == "in pain" else REST
            sure = effect["low"] > 0 or effect["high"] < 0
            axes.plot([effect["low"], effect["high"]], [at, at], color=colour, linewidth=2.2, alpha=1 if sure else 0.4)
            axes.plot(effect["value"], at, "o", color=colour, markersize=7, markerfacecolor=colour if sure else PAPER)
        axes.set_yticks(rows, [f"{effect['words']}, {effect['expression']}" for effect in effects])
        axes.set_xlabel("change of the answer, PSPI points", color=INK)
        axes.spines["left"].set_visible(False)

    rows = [
        [
            html.escape(e["words"]),
            e["expression"],
            f"{e['value']:+.2f}",
            f"{e['low']:+.2f} to {e['high']:+.2f}",
            "–" if np.isnan(e["d"]) else f"{e['d']:+.2f}",
            f"{e['size']:.2f}",
            f"{100 * e['turned']:.0f} %",
            str(e["people"]),
        ]
        for e in effects
    ]
    return (
        "<p>Each line compares two pictures of one person that differ in nothing else. Filled: the interval leaves "
        "out zero. <span class='rest'>At rest</span> the truth is PSPI 0; <span class='pain'>in pain</span> it is "
        "the same in both pictures: any change is the detector's.</p>"
        + _plot(draw, (9.2, 0.36 * len(effects) + 0.9), "The effects of the table below, with intervals")
        + _table(
            ["changed", "expression", "mean change", "95 % interval", "d", "mean size", "decisions turned", "people"],
            rows,
        )
    )


def _faces(changed: pd.DataFrame) -> str:
    """The people on whom a change did most, one strip a factor: what the detector saw and what it said."""
    strips = []
    for factor, levels in FACTORS.items():
        part = changed[(changed["factor"] == factor) & (changed["expression"] == "in pain")].dropna(subset=["answer"])
        if part.empty:
            continue
        person = part.groupby("person")["answer"].agg(np.ptp).idxmax()
        part = part[part["person"] == person].set_index("level")
        shown = [str(level) for level in levels if str(level) in part.index]
        figures = "".join(
            f"<figure>{_picture(part.loc[level, 'image'], _level(level))}<figcaption>"
            f"<b>{part.loc[level, 'answer']:.1f}</b>{html.escape(_level(level))}</figcaption></figure>"
            for level in shown
        )
        strips.append(
            f"<h3>{FACTOR_TITLES[factor]}</h3><div class='strip'>{figures}"
            f"<p>PSPI is <b>{part['PSPI'].iloc[0]:.0f}</b> in all of them</p></div>"
        )
    return "<p>For each change the person whose answers it spread most.</p>" + "".join(strips)


def _level(level: str) -> str:
    try:
        return f"{float(level):g}"
    except ValueError:
        return level.replace("_", " ")


def _curves(curves: dict[str, dict[str, list[dict]]]) -> str:
    def panel(factor: str) -> Callable:
        def draw(axes) -> None:
            axes.axhline(0, color=LINE, linewidth=1)
            for expression, points in curves[factor].items():
                if not points:
                    continue
                colour, ordered = (PAIN if expression == "in pain" else REST), factor in ("skin_tone", "age")
                x = np.array([float(p["level"]) for p in points]) if ordered else np.arange(len(points), dtype=float)
                shift = 0 if ordered else (0.08 if expression == "in pain" else -0.08)
                y, low, high = (np.array([p[key] for p in points], float) for key in ("value", "low", "high"))
                if ordered:
                    axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
                    axes.plot(x, y, "o-", color=colour, markersize=5, label=expression)
                else:
                    axes.vlines(x + shift, low, high, color=colour, linewidth=2)
                    axes.plot(x + shift, y, "o", color=colour, markersize=6, label=expression)
                axes.set_xticks(x, [_level(p["level"]) for p in points])
            axes.set_xlabel(FACTOR_TITLES[factor], color=INK)
            axes.set_ylabel("answer − own mean", color=INK)
            axes.margins(x=0.12)

        return draw

    plots = "".join(
        _plot(panel(factor), (4.5, 2.7), f"The answer by {FACTOR_TITLES[factor]}")
        for factor in curves
        if any(curves[factor].values())
    )
    return (
        f"<p>The answer at each level less the same person's mean over all levels.</p><div class='grid'>{plots}</div>"
    )


def _groups(report: dict[str, Any]) -> str:
    groups = {name: levels for name, levels in report["groups"].items() if levels}

    def draw_of(figure: str, label: str, zero: bool) -> Callable:
        def draw(axes) -> None:
            at, ticks, names = 0.0, [], []
            for name, levels in groups.items():
                for level, found in levels.items():
                    value = found[figure]
                    if not np.isnan(value["value"]):
                        axes.plot([value["low"], value["high"]], [at, at], color=REST, linewidth=2)
                        axes.plot(value["value"], at, "o", color=REST, markersize=5.5)
                    ticks.append(at)
                    names.append(f"{TITLES[name]}  {level.replace('_', ' ')}")
                    at -= 1
                at -= 0.7
            axes.axvline(0 if zero else report["overall"][figure]["value"], color=LINE, linewidth=1)
            axes.set_yticks(ticks, names)
            axes.set_xlabel(label, color=INK)
            axes.spines["left"].set_visible(False)

        return draw

    height = 0.26 * sum(len(levels) for levels in groups.values()) + 1.4
    plots = _plot(draw_of("mae", "mean absolute error", False), (4.6, height), "Error by group") + _plot(
        draw_of("bias", "answer − PSPI (below 0: too little)", True), (4.6, height), "Bias by group"
    )
    gaps = _table(
        ["among", "read best", "read worst", "gap in error", "chance parts groups as far"],
        [
            [
                TITLES[g["group"]],
                g["best"].replace("_", " "),
                g["worst"].replace("_", " "),
                f"{g['gap']:.2f}",
                f"{100 * g['p']:.0f} % of the time",
            ]
            for g in report["gaps"]
        ],
    )
    rows = []
    for name, levels in groups.items():
        for level, found in levels.items():
            rows.append(
                [
                    TITLES[name],
                    level.replace("_", " "),
                    str(found["people"]),
                    str(found["pictures"]),
                    *(_cell(found[figure]) for figure in ("mae", "bias", "pearson", "auroc")),
                    *(_percent(found[figure]["value"]) for figure in ("missed", "false_alarms", "failed")),
                ]
            )
    table = _table(
        ["by", "", "people", "pictures", "error", "bias", "Pearson", "AUROC", "missed", "false alarms", "not answered"],
        rows,
    )
    return f"<div class='grid'>{plots}</div>{gaps}<details><summary>All figures</summary>{table}</details>"


def _cell(figure: dict[str, float]) -> str:
    if np.isnan(figure["value"]):
        return "–"
    return f"{figure['value']:.2f}<small>{figure['low']:.2f} to {figure['high']:.2f}</small>"


def _cells(cells: list[dict[str, Any]]) -> str:
    found = {(c["age_group"], c["gender"], c["ethnicity"]): c for c in cells}
    most = max([abs(c["bias"]) for c in cells if not np.isnan(c["bias"])] + [0.5])

    def draw(axes) -> None:
        rows = [(gender, age) for gender in GENDERS for age in AGE_GROUPS]
        table = np.array(
            [[found.get((age, gender, e), {}).get("bias", np.nan) for e in ETHNICITIES] for gender, age in rows]
        )
        axes.imshow(table, cmap="RdBu_r", vmin=-1.3 * most, vmax=1.3 * most, aspect="auto")
        axes.set_xticks(range(len(ETHNICITIES)), [name.replace("_", " ") for name in ETHNICITIES])
        axes.set_yticks(range(len(rows)), [f"{gender} {age}" for gender, age in rows])
        axes.xaxis.tick_top()
        axes.spines[:].set_visible(False)
        for (row, column), value in np.ndenumerate(table):
            axes.text(column, row, "" if np.isnan(value) else f"{value:+.1f}", ha="center", va="center", color=INK)

    people = sorted({cell["people"] for cell in cells})
    each = f"{people[0]}" if len(people) == 1 else f"{people[0]} to {people[-1]}"
    return (
        f"<p>Mean of answer − PSPI. Blue reads too little pain, red too much. {each} "
        f"{'person' if people == [1] else 'people'} a cell: a map for questions, not a verdict on any cell.</p>"
        + _plot(draw, (9.2, 3.9), "Bias by demographic cell")
    )


def _failures(report: dict[str, Any]) -> str:
    rows = [
        [html.escape(reason), str(count)]
        for reason, count in sorted(report["failures"]["reasons"].items(), key=lambda item: -item[1])[:10]
    ]
    return (
        "<p>Pictures without an answer are left out of every figure above; who they show is in the table of all "
        "figures.</p>" + _table(["reason", "pictures"], rows)
    )


def _method(report: dict[str, Any]) -> str:
    plan, threshold = report["plan"], report["threshold"]
    scale = (
        "PSPI"
        if report["scale"] == "pspi"
        else (
            f"a score, mapped to PSPI by {report['line'][0]:.3g} × score {report['line'][1]:+.3g}, the line that fits "
            "the balanced set best"
        )
    )
    return (
        f"<p>{report['pictures']['set']:,} pictures of {plan['identities']} people balanced over age, gender and "
        "ethnicity: each at rest, in mild, moderate and severe pain and in two expressions that are no pain, from "
        f"three sides. {report['pictures']['counterfactual']:,} counterfactual pictures of "
        f"{plan['counterfactuals']} people. {plan['size']} pixels, seed {plan['seed']}: the same plan gives the "
        "same pictures to every detector. A detector that compares is given the person's neutral photograph from "
        "another occasion. "
        f"The answers are {scale}. Pain is decided at {threshold['value']:.2f} ({html.escape(threshold['from'])}). "
        "Intervals: 95 %, people drawn with replacement. Changing gender changes what the generator draws "
        "differently for women and men, shape, skin and hair; changing age likewise.</p>"
    )


# ---- parts of a page


def _picture(data: bytes, alt: str) -> str:
    out = io.BytesIO()
    opened(data).resize((TILE * 2, TILE * 2), PIL.Image.Resampling.LANCZOS).save(out, "JPEG", quality=82)
    source = f"data:image/jpeg;base64,{_encoded(out.getvalue())}"
    return f"<img alt='{html.escape(alt)}' width={TILE} height={TILE} src='{source}'>"


def _plot(draw: Callable, size: tuple[float, float], alt: str) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, facecolor="none", layout="constrained")
    axes = figure.add_subplot(facecolor="none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    draw(axes)
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return f"<img class='plot' alt='{html.escape(alt)}' src='data:image/svg+xml;base64,{_encoded(out.getvalue())}'>"


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _table(head: list[str], rows: list[list[str]]) -> str:
    top = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='table'><table><tr>{top}</tr>{body}</table></div>"


_STYLE = """
:root{color:#1c2230;background:#fbfaf7;font:16px/1.55 system-ui,"Segoe UI",Roboto,sans-serif}
main{max-width:980px;margin:0 auto;padding:40px 24px 64px}
header p{margin:0;color:#6d7687}header h1{font-size:2.1rem;line-height:1.2;margin:.25em 0 1em;max-width:24em;
font-weight:650;letter-spacing:-.01em}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:1px;background:#d9dde5;
border:1px solid #d9dde5;border-radius:10px;overflow:hidden}
.cards div{background:#fff;padding:16px}.cards b{display:block;font-size:1.65rem;font-weight:600;line-height:1.2}
.cards i{display:block;font-style:normal;font-size:.8rem;font-weight:400;color:#6d7687;white-space:nowrap}
.cards i.unit{display:inline;font-size:1.1rem;margin-left:.1em}
.cards span{color:#6d7687;font-size:.85rem}
section{margin-top:56px}h2{font-size:1.3rem;font-weight:650;margin:0 0 .5em}
h3{font-size:.9rem;font-weight:600;color:#6d7687;margin:1.6em 0 .5em}
section>p{max-width:44em;color:#454d5e}.rest{color:#3a7d8c;font-weight:600}.pain{color:#c2452d;font-weight:600}
.plot{width:100%;height:auto;display:block}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:16px}
.strip{display:flex;flex-wrap:wrap;gap:10px;align-items:center}.strip figure{margin:0;width:132px}
.strip img{border-radius:8px;display:block}.strip figcaption{display:flex;justify-content:space-between;
font-size:.85rem;color:#6d7687;padding-top:4px}.strip figcaption b{color:#1c2230;font-size:1.05rem}
.strip p{margin:0 0 0 8px;color:#6d7687;font-size:.9rem;width:110px}
.table{overflow-x:auto;margin-top:12px}table{border-collapse:collapse;font-size:.87rem;width:100%}
th{text-align:left;font-weight:600;color:#6d7687;white-space:nowrap}td,th{padding:6px 12px 6px 0;
border-bottom:1px solid #e7eaef;vertical-align:top}td small{display:block;color:#6d7687;white-space:nowrap}
td i{font-style:normal}details{margin-top:16px}summary{cursor:pointer;color:#3a7d8c}
footer{margin-top:56px;padding-top:16px;border-top:1px solid #d9dde5;color:#6d7687;font-size:.9rem;max-width:44em}
"""
