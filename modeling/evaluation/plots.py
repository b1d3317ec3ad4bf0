"""Pictures of an evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from threedpain.extras import need_extra


def save_plots(out: Path, results: dict, tables: dict[str, pd.DataFrame]) -> list[Path]:
    """scatter.png (truth against answer, by condition), groups.png (MAE by group) and alarms.png."""
    need_extra("matplotlib", "report")
    from matplotlib.figure import Figure

    paths = []
    figure = Figure(figsize=(4.2 * len(tables), 4), layout="constrained")
    for axes, (name, table) in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True):
        jitter = np.random.default_rng(0).uniform(-0.25, 0.25, len(table))
        axes.plot([0, 16], [0, 16], color="0.7", linewidth=1)
        axes.scatter(table["PSPI"] + jitter, table["pspi_hat"], s=4, alpha=0.25, linewidths=0)
        value = results["conditions"][name]["overall"]
        axes.set(title=f"{name}: MAE {value['mae'][0]:.2f}, r {value['pearson'][0]:.3f}", xlabel="PSPI", ylabel="read")
    paths.append(out / "scatter.png")
    figure.savefig(paths[-1], dpi=110)

    main = results["conditions"].get("realistic") or next(iter(results["conditions"].values()))
    if main["groups"]:
        rows = [
            (f"{column}: {group}", row) for column, report in main["groups"].items() if " x " not in column
            for group, row in report["groups"].items()
        ]  # fmt: skip
        figure = Figure(figsize=(7, 0.3 * len(rows) + 1), layout="constrained")
        axes = figure.subplots()
        for at, (_, row) in enumerate(rows):
            axes.plot([row["low"], row["high"]], [at, at], color="tab:blue", linewidth=1.5)
            axes.plot(row["mae"], at, "o", color="tab:blue", markersize=4)
        axes.set(yticks=range(len(rows)), yticklabels=[name for name, _ in rows], xlabel="PSPI MAE, 95 % over people")
        axes.invert_yaxis()
        paths.append(out / "groups.png")
        figure.savefig(paths[-1], dpi=110)
    if main["false_alarms"]:
        figure = Figure(figsize=(6, 0.3 * len(main["false_alarms"]) + 1.2), layout="constrained")
        axes = figure.subplots()
        names = list(main["false_alarms"])
        axes.barh(names, [main["false_alarms"][name]["share"] for name in names])
        axes.set(xlabel="share read 2 points or more above the truth", xlim=(0, 1))
        axes.invert_yaxis()
        paths.append(out / "alarms.png")
        figure.savefig(paths[-1], dpi=110)
    return paths
