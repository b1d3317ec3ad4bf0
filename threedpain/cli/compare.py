"""`3dpain compare`: several models on the same pictures in one table."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    model: Annotated[list[str], typer.Option(help="LABEL=MODEL or LABEL=MODEL@REFERENCE; repeatable.")],
    out: Annotated[Path, typer.Option(help="Folder for table.md, report.json and predictions.parquet.")],
    data: Annotated[str, typer.Option(help="Path, Hub id, official:PATH, unbc:PATH or folder:PATH.")] = "3dpain",
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "test",
    thresholds: Annotated[
        str | None, typer.Option(help="Set whose validation people the thresholds come from. Default: of --data.")
    ] = None,
    shots: Annotated[int, typer.Option(min=1, max=50, help="Neutral references averaged, 1 to 50.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of references, from 0.")] = 0,
) -> None:
    """Compare models on one data set, with intervals over identities."""
    from threedpain.modeling.protocols.compare import Entrant, compare

    from .arguments import writable

    writable(out, folder=True)
    report = compare([Entrant.parse(text) for text in model], data, out, split, shots, seed, thresholds)
    typer.echo(f"{report['pictures']:,} pictures of {report['people']} people; 95 % intervals over people\n")
    typer.echo(report["table"])
