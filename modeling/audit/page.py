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
from threedpain.extras import need_extra
from threedpain.page import render_page, sideways, table

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
    "worn": "what is worn on the face",
}
TILE = 132
WIDE = 6.0  # inches: a phone shows a wider plot in its own size, to be moved, and not as a stamp


def write_page(report: dict[str, Any], changed: pd.DataFrame, path: Path) -> None:
    path.write_text(page(report, changed), encoding="utf-8")


def page(report: dict[str, Any], changed: pd.DataFrame) -> str:
    overall, effects = report["overall"], report["effects"]
    tiles = [
        (_figure(overall["auroc"]), "AUROC of pain (PSPI ≥ 1), chance 0.5"),
        (_figure(overall["pearson"]), "Pearson correlation with PSPI, chance 0"),
        (_figure(overall["mae"]), "mean absolute error, PSPI points"),
        (_percent(overall["missed"]["value"]), "of pain missed"),
        (_percent(overall["false_alarms"]["value"]), "false alarms"),
        (_percent(report["failures"]["share"]), "not answered"),
    ]
    drawn = {name: curve for name, curve in report["curves"].items() if any(curve.values())}  # of enough people
    sections = [
        ("What else than pain moves the answer", _effects(report)) if effects else None,
        ("The same person, one thing changed", _faces(changed)) if len(changed) else None,
        ("Step by step", _curves(drawn)) if drawn else None,
        ("How well it reads whom", _groups(report)),
        ("Cell by cell", _cells(report["cells"])) if report["gaps"] else None,
        ("Not answered", _failures(report)) if report["failures"]["share"] else None,
        ("How this was done", _method(report)),
    ]
    return render_page(
        title=f"Bias audit of {report['model']}",
        kicker=f"Bias audit of {report['model']}",
        headline=report["headline"],
        cards=tiles,
        sections=sections,
        footer="Generated people only. What holds here is a property of the detector on these pictures; whether it "
        "holds for people must be shown with people.",
        tone="" if report["reading"]["verdict"] in ("reads", "few") else "bad",
    )


# ---- sentences


def _figure(figure: dict[str, float]) -> str:
    if np.isnan(figure["value"]):
        return "–"
    return f"{figure['value']:.2f}<i>{_between(figure) or 'too few people'}</i>"


def _between(figure: dict[str, float], form: str = ".2f", scale: float = 1) -> str:
    """The interval in words; nothing where there are too few people for one."""
    low, high = scale * figure["low"], scale * figure["high"]
    return "" if np.isnan(low) else f"{low:{form}} to {high:{form}}"


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
            sure = effect["sure"]
            low, high = 100 * effect["low_share"], 100 * effect["high_share"]
            if np.isfinite(low):
                axes.plot([low, high], [at, at], color=colour, linewidth=2.2, alpha=1 if sure else 0.4)
            value = 100 * effect["value_share"]
            axes.plot(value, at, "o", color=colour, markersize=7, markerfacecolor=colour if sure else PAPER)
        axes.set_yticks(rows, [f"{effect['words']}, {effect['expression']}" for effect in effects])
        axes.set_xlabel("change of the answer, % of the spread of its answers", color=INK)
        axes.spines["left"].set_visible(False)

    rows = [
        [
            html.escape(e["words"]),
            e["expression"],
            _signed(e["value_share"], 100, " %"),
            _between({"low": e["low_share"], "high": e["high_share"]}, "+.0f", 100) or "too few people",
            "yes" if e["sure"] else "no",
            _signed(e["points"], 1, ""),
            "–" if np.isnan(e["d"]) else f"{e['d']:+.2f}",
            f"{100 * e['turned']:.0f} %",
            str(e["people"]),
        ]
        for e in effects
    ]
    return (
        "<p>Each line compares two pictures of one person that differ in nothing else, in percent of the range "
        "that holds the middle 90 % of the detector's answers. Filled: certain, all contrasts taken together (Holm), "
        "8 people or more. <span class='rest'>At rest</span> the truth is PSPI 0; "
        "<span class='pain'>in pain</span> it is the same in both pictures: any change is the detector's.</p>"
        + _plot(draw, (9.2, 0.36 * len(effects) + 0.9), "The effects of the table below, with intervals")
        + table(
            [
                "changed",
                "expression",
                "mean change",
                "95 % interval",
                "certain",
                "PSPI",
                "d",
                "decisions turned",
                "people",
            ],
            rows,
        )
    )


def _signed(value: float, scale: float, unit: str) -> str:
    return "–" if np.isnan(value) else f"{scale * value:{'+.0f' if unit else '+.2f'}}{unit}"


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

    plots = "".join(_plot(panel(factor), (4.5, 2.7), f"The answer by {FACTOR_TITLES[factor]}") for factor in curves)
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
                    if not np.isnan(value["low"]):
                        axes.plot([value["low"], value["high"]], [at, at], color=REST, linewidth=2)
                    if not np.isnan(value["value"]):
                        axes.plot(value["value"], at, "o", color=REST, markersize=5.5)
                    ticks.append(at)
                    names.append(f"{TITLES[name]}  {level.replace('_', ' ')}")
                    at -= 1
                at -= 0.7
            middle = 0 if zero else report["overall"][figure]["value"]
            if np.isfinite(middle):
                axes.axvline(middle, color=LINE, linewidth=1)
            axes.set_yticks(ticks, names)
            axes.set_xlabel(label, color=INK)
            axes.spines["left"].set_visible(False)

        return draw

    height = 0.26 * sum(len(levels) for levels in groups.values()) + 1.4
    first = ("mae", "mean absolute error", False) if report["gaps"] else ("auroc", "AUROC of pain", False)
    plots = _plot(draw_of(*first), (4.6 if report["gaps"] else 9.2, height), f"{first[1]} by group")
    if report["gaps"]:
        plots += _plot(draw_of("bias", "answer − PSPI (below 0: too little)", True), (4.6, height), "Bias by group")
    gaps = table(
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
    figures = table(
        ["by", "", "people", "pictures", "error", "bias", "Pearson", "AUROC", "missed", "false alarms", "not answered"],
        rows,
    )
    below = gaps if report["gaps"] else ""
    return f"<div class='grid'>{plots}</div>{below}<details><summary>All figures</summary>{figures}</details>"


def _cell(figure: dict[str, float]) -> str:
    if np.isnan(figure["value"]):
        return "–"
    return f"{figure['value']:.2f}<small>{_between(figure) or 'too few people'}</small>"


def _cells(cells: list[dict[str, Any]]) -> str:
    found = {(c["age_group"], c["gender"], c["ethnicity"]): c for c in cells}
    most = max([abs(c["bias"]) for c in cells if not np.isnan(c["bias"])] + [0.5])

    def draw(axes) -> None:
        rows = [(gender, age) for gender in GENDERS for age in AGE_GROUPS]
        biases = np.array(
            [[found.get((age, gender, e), {}).get("bias", np.nan) for e in ETHNICITIES] for gender, age in rows]
        )
        axes.imshow(biases, cmap="RdBu_r", vmin=-1.3 * most, vmax=1.3 * most, aspect="auto")
        axes.set_xticks(range(len(ETHNICITIES)), [name.replace("_", " ") for name in ETHNICITIES])
        axes.set_yticks(range(len(rows)), [f"{gender} {age}" for gender, age in rows])
        axes.xaxis.tick_top()
        axes.spines[:].set_visible(False)
        for (row, column), value in np.ndenumerate(biases):
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
        "figures.</p>" + table(["reason", "pictures"], rows)
    )


def _method(report: dict[str, Any]) -> str:
    plan, threshold = report["plan"], report["threshold"]
    scale = (
        "PSPI"
        if report["scale"] == "pspi"
        else (
            "a score, told in PSPI points quantile by quantile of the balanced set"
            if report["reading"]["verdict"] == "reads"
            else "a score that is not told in PSPI points, as it is not seen to read pain"
        )
    )
    return (
        f"<p>{report['pictures']['set']:,} pictures of {plan['identities']} people balanced over age, gender and "
        "ethnicity: each at rest, in mild, moderate and severe pain and in two expressions that are no pain, from "
        f"three sides. {report['pictures']['counterfactual']:,} counterfactual pictures of "
        f"{plan['counterfactuals']} people. {plan['size']} pixels, seed {plan['seed']}, generator "
        f"{report['generator_version']}: the same plan gives the same pictures to every detector. A detector that "
        "compares is given the person's neutral photograph from another occasion. "
        f"The answers are {scale}. Pain is decided at {threshold['value']:.2f} ({html.escape(threshold['from'])}). "
        "Intervals: 95 %, people drawn with replacement, none for fewer than 8. "
        "Changing gender changes what the generator draws "
        "differently for women and men, shape, skin and hair; changing age likewise.</p>"
    )


# ---- parts of a page


def _picture(data: bytes, alt: str) -> str:
    out = io.BytesIO()
    opened(data).resize((TILE * 2, TILE * 2), PIL.Image.Resampling.LANCZOS).save(out, "JPEG", quality=82)
    source = f"data:image/jpeg;base64,{_encoded(out.getvalue())}"
    return f"<img alt='{html.escape(alt)}' width={TILE} height={TILE} src='{source}'>"


def _plot(draw: Callable, size: tuple[float, float], alt: str) -> str:
    need_extra("matplotlib", "report")
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, facecolor="none", layout="constrained")
    axes = figure.add_subplot(facecolor="none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    draw(axes)
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    wide = size[0] > WIDE
    source = f"data:image/svg+xml;base64,{_encoded(out.getvalue())}"
    drawn = f"<img class='plot{' wide' * wide}' alt='{html.escape(alt)}' src='{source}'>"
    return sideways(drawn, alt) if wide else drawn


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
