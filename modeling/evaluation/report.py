"""The figures of an evaluation: overall, by group, view, intensity and expression, with intervals over people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from threedpain.facs import PAIN_UNITS
from threedpain.limits import HEAT_STEP

from . import metrics

THRESHOLDS = (1, 2, 3)
FEWEST_PEOPLE = 8  # for an interval over people: drawn from fewer, it says more than it knows
FALSE_ALARM = 2.0  # points of PSPI above the truth

# What the project set itself, by condition: figure -> (relation, value).
TARGETS = {
    "realistic": {
        "mae": ("<=", 0.9), "pearson": (">=", 0.97), "auroc3": (">=", 0.985), "au_mae": ("<=", 0.45),
        "heat_pearson": (">=", 0.8), "heat_gain": (">=", 0.1), "coverage": (">=", 0.88),
    },
    "aligned": {"mae": ("<=", 0.7)},
    "none": {"mae": ("<=", 1.0)},
}  # fmt: skip


def in_mix(table: pd.DataFrame) -> np.ndarray:
    """The rows of the fixed test mix: neutral and pain; non-pain expressions are judged by false alarms."""
    return ((table["expression"] != "other") & table["PSPI"].notna()).to_numpy()


def overall(table: pd.DataFrame, threshold: float | None, rounds: int, seed: int = 0) -> dict:
    """Every figure of one condition, each with its 95 % interval over people: name -> [value, low, high]."""
    truth, guess = table["PSPI"].to_numpy(float), table["pspi_hat"].to_numpy(float)
    figures = {
        "mae": lambda at: metrics.mae(truth[at], guess[at]),
        "rmse": lambda at: metrics.rmse(truth[at], guess[at]),
        "pearson": lambda at: metrics.pearson(truth[at], guess[at]),
        "icc31": lambda at: metrics.icc31(truth[at], guess[at]),
    }
    for limit in THRESHOLDS:
        over = _over(truth, limit)
        figures[f"auroc{limit}"] = lambda at, over=over: metrics.auroc(over[at], guess[at])
        figures[f"ap{limit}"] = lambda at, over=over: metrics.average_precision(over[at], guess[at])
    if threshold is not None:
        over = _over(truth, 1)
        figures["f1"] = lambda at: metrics.f1(over[at], guess[at] >= threshold)
    if "low" in table:
        inside = ((truth >= table["low"]) & (truth <= table["high"])).to_numpy(float)
        inside[np.isnan(truth)] = np.nan
        figures["coverage"] = lambda at: float(np.nanmean(inside[at]))
    if "AU4_hat" in table:
        known, read = table[list(PAIN_UNITS)].to_numpy(float), table[[f"{u}_hat" for u in PAIN_UNITS]].to_numpy(float)
        figures["au_mae"] = lambda at: metrics.mae(known[at], read[at])
        if "pspi_from_au" in table:
            formula = table["pspi_from_au"].to_numpy(float)
            figures["mae_from_au"] = lambda at: metrics.mae(truth[at], formula[at])
    everyone, people = np.arange(len(table)), table["identity"]
    return {name: [figure(everyone), *over_people(figure, people, rounds, seed)] for name, figure in figures.items()}


def by_unit(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """MAE, RMSE, Pearson and ICC(3,1) of each action unit."""
    return {
        unit: {
            name: getattr(metrics, name)(table[unit], table[f"{unit}_hat"])
            for name in ("mae", "rmse", "pearson", "icc31")
        }
        for unit in PAIN_UNITS if f"{unit}_hat" in table
    }  # fmt: skip


def by_group(table: pd.DataFrame, columns: Sequence[str], rounds: int, seed: int = 0) -> dict:
    """For each column and for all of them crossed: the figures of each group, and the widest gap in MAE by name.
    Pictures of which a column is not known are in none of its groups."""
    report = {}
    crossed = [column for column in columns if column in table and table[column].notna().any()]
    keys = {column: table[column] for column in crossed}
    known = table[crossed].dropna()
    if len(crossed) > 1 and len(known):
        keys[" x ".join(crossed)] = known.astype(str).agg(" / ".join, axis=1).reindex(table.index)
    for name, key in keys.items():
        groups = {}
        for group, at in key.groupby(key).indices.items():
            part = table.iloc[at]
            truth, guess = part["PSPI"].to_numpy(float), part["pspi_hat"].to_numpy(float)
            low, high = over_people(
                lambda rows, t=truth, g=guess: metrics.mae(t[rows], g[rows]), part["identity"], rounds, seed
            )
            groups[str(group)] = {
                "pictures": len(part), "people": int(part["identity"].nunique()),
                "mae": metrics.mae(truth, guess), "low": low, "high": high, "bias": float(np.nanmean(guess - truth)),
                "pearson": metrics.pearson(truth, guess),
            }  # fmt: skip
            if "low" in part:
                groups[str(group)]["coverage"] = float(((truth >= part["low"]) & (truth <= part["high"])).mean())
        errors = {group: figures["mae"] for group, figures in groups.items()}
        best, worst = min(errors, key=errors.get), max(errors, key=errors.get)
        report[name] = {"groups": groups, "gap": errors[worst] - errors[best], "best": best, "worst": worst}
    return report


def by_intensity(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """MAE and bias at PSPI 0, 1-4, 5-8, 9-12, 13-16."""
    bins = pd.cut(table["PSPI"], [-1, 0, 4, 8, 12, 16], labels=["0", "1-4", "5-8", "9-12", "13-16"])
    wrong = table["pspi_hat"] - table["PSPI"]
    return {
        str(name): {"pictures": int((bins == name).sum()), "mae": float(wrong[bins == name].abs().mean()),
                    "bias": float(wrong[bins == name].mean())}
        for name in bins.cat.categories
    }  # fmt: skip


def false_alarms(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """By non-pain expression: the share of pictures read at least FALSE_ALARM points above their true PSPI."""
    others = table[(table["expression"] == "other") & table["PSPI"].notna()]
    report = {}
    for name, part in [("all", others), *others.groupby("expression_name")]:
        if len(part):
            above = part["pspi_hat"] - part["PSPI"]
            report[str(name)] = {
                "pictures": len(part), "share": float((above >= FALSE_ALARM).mean()), "bias": float(above.mean()),
            }  # fmt: skip
    return report


def by_worn(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """MAE and bias of the pictures in which each thing is worn or covers the face, "nothing" first."""
    if "accessories" not in table or table["accessories"].isna().all():
        return {}
    named = table["accessories"].fillna("").str.split(",")
    wrong = table["pspi_hat"] - table["PSPI"]
    names = ["", *sorted({name for names in named for name in names if name})]
    return {
        name or "nothing": {
            "pictures": int(at.sum()), "people": int(table["identity"][at].nunique()),
            "mae": float(wrong[at].abs().mean()), "bias": float(wrong[at].mean()),
        }
        for name in names if (at := named.map(lambda names, name=name: name in names)).any()
    }  # fmt: skip


def heat_agreement(
    table: pd.DataFrame, packed_maps: np.ndarray, packed_masks: np.ndarray, predicted: np.ndarray
) -> dict[str, float]:
    """Pearson of predicted and true pain map inside the face at 64 px, over pictures with PSPI >= 1, beside that of the
    mean map of the same view.

    packed_maps, packed_masks: levels and classes [n, 64, 64] over the crop; predicted: mm [n, 64, 64].
    """
    from threedpain.generation.records import MASK_CLASSES

    face = [MASK_CLASSES.index(name) for name in ("skin", "brows", "eyes", "lips", "mouth")]
    painful = (table["PSPI"] >= 1).to_numpy()
    views = table["view_id"].astype(str).to_numpy()
    maps = packed_maps.astype(np.float32) * HEAT_STEP
    means = {view: maps[painful & (views == view)].mean(0) for view in np.unique(views[painful])}
    scores, plain = [], []
    for at in np.flatnonzero(painful):
        inside = np.isin(packed_masks[at], face)
        if inside.sum() > 50 and np.ptp(maps[at][inside]) > 0:
            scores.append(metrics.pearson(maps[at][inside], predicted[at][inside]))
            plain.append(metrics.pearson(maps[at][inside], means[views[at]][inside]))
    return {
        "heat_pearson": float(np.nanmean(scores)), "heat_pearson_of_mean_map": float(np.nanmean(plain)),
        "heat_gain": float(np.nanmean(scores) - np.nanmean(plain)), "pictures": len(scores),
    }  # fmt: skip


def against_targets(results: dict) -> list[dict]:
    """Every target with what was reached."""
    rows = []
    for condition, targets in TARGETS.items():
        found = results["conditions"].get(condition)
        if found is None:
            continue
        for name, (relation, value) in targets.items():
            reached = found["overall"].get(name, found.get("heatmap", {}).get(name))
            if reached is None:
                continue
            number = reached[0] if isinstance(reached, list) else reached
            met = number <= value if relation == "<=" else number >= value
            rows.append({"condition": condition, "figure": name, "target": f"{relation} {value}",
                         "reached": number, "met": bool(met)})  # fmt: skip
    main = results["conditions"].get("realistic", {})
    for column, report in main.get("groups", {}).items():
        if " x " not in column:
            rows.append({"condition": "realistic", "figure": f"gap by {column}", "target": "< 0.3",
                         "reached": report["gap"], "met": bool(report["gap"] < 0.3)})  # fmt: skip
    limits = {
        "whole_frame_cost": 0.2, "blanked_face_pearson": 0.2, "relit_change": 0.3, "other_hair_change": 0.3,
        "tilted_mae": 1.5, "brows_covered_neutral": 1.0, "stranger_shift": 0.3,
    }  # fmt: skip
    for name, value in limits.items():
        if (number := results.get("checks", {}).get(name)) is not None:
            rows.append({"condition": "realistic", "figure": name, "target": f"< {value}",
                         "reached": number, "met": bool(number < value)})  # fmt: skip
    return rows


def as_markdown(results: dict) -> str:
    """The report a person reads first."""
    lines = [f"# Evaluation of {results['model']}", ""]
    lines += [f"- {key}: {value}" for key, value in results["about"].items()] + [""]
    conditions = results["conditions"]
    lines += ["## By condition of the reference (95 % interval over people)", ""]
    lines += ["| figure | " + " | ".join(conditions) + " |", "|---|" + "---|" * len(conditions)]
    for name in next(iter(conditions.values()))["overall"]:
        cells = []
        for found in conditions.values():
            value, low, high = found["overall"].get(name, (np.nan,) * 3)
            around = _between(low, high)
            cells.append(_number(value) + (f" ({around})" if around else ""))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    if results["people"] < FEWEST_PEOPLE:
        lines += ["", f"No intervals: {results['people']} people are too few for them; {FEWEST_PEOPLE} are needed."]
    main = conditions.get("realistic") or next(iter(conditions.values()))
    if main["units"]:
        lines += ["", "## By action unit", "", "| unit | MAE | RMSE | Pearson | ICC(3,1) |", "|---|---|---|---|---|"]
        for unit, row in main["units"].items():
            cells = " | ".join(f"{row[name]:.3f}" for name in ("mae", "rmse", "pearson", "icc31"))
            lines.append(f"| {unit} | {cells} |")
    for column, report in main["groups"].items():
        gap = f"Gap in MAE: {report['gap']:.3f}, from {report['best']} to {report['worst']}."
        lines += ["", f"## By {column}", "", gap, ""]
        lines += ["| group | people | MAE | interval | bias | Pearson | coverage |", "|---|---|---|---|---|---|---|"]
        for group, row in report["groups"].items():
            lines.append(
                f"| {group} | {row['people']} | {_number(row['mae'])} | {_between(row['low'], row['high']) or '-'} | "
                f"{_number(row['bias'], '+.3f')} | {_number(row['pearson'])} | {_number(row.get('coverage'))} |"
            )
    tables = {
        "By PSPI": "intensity",
        "False alarms by non-pain expression": "false_alarms",
        "By what is worn or covers the face": "worn",
    }
    for title, key in tables.items():
        if main[key]:
            names = list(next(iter(main[key].values())))
            lines += ["", f"## {title}", "", "| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
            lines += [f"| {k} | " + " | ".join(_cell(row[n]) for n in names) + " |" for k, row in main[key].items()]
    if results["targets"]:
        lines += ["", "## The project's own targets", ""]
        lines += ["| condition | figure | target | reached | met |", "|---|---|---|---|---|"]
        for row in results["targets"]:
            met = "yes" if row["met"] else "no"
            lines.append(f"| {row['condition']} | {row['figure']} | {row['target']} | {row['reached']:.3f} | {met} |")
    if results.get("checks"):
        lines += ["", "## Checks", ""] + [f"- {name}: {_number(value)}" for name, value in results["checks"].items()]
    return "\n".join(lines) + "\n"


def over_people(figure, people: pd.Series, rounds: int, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of a figure over people; NaN where they are too few to tell."""
    if people.nunique() < FEWEST_PEOPLE:
        return np.nan, np.nan
    return metrics.bootstrap(figure, people.to_numpy(), rounds, seed)


def _number(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None or not np.isfinite(value) else format(value, form)


def _cell(value: float) -> str:
    """A count as it is, any other number with three digits."""
    return f"{value:,}" if isinstance(value, int) else _number(value, ".3g")


def _between(low: float | None, high: float | None) -> str:
    """An interval in words; nothing where it was not told."""
    return "" if _number(low) == "-" or _number(high) == "-" else f"{low:.3f} to {high:.3f}"


def _over(truth: np.ndarray, limit: float) -> np.ndarray:
    """1 where PSPI >= limit, 0 below, NaN where unknown."""
    return np.where(np.isnan(truth), np.nan, truth >= limit)
