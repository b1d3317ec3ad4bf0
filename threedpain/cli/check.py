"""`3dpain check`: is a dataset whole and lawful, and does it come out the same again?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from threedpain.dataset_script.check import Report

SHOWN = 12  # findings on the screen; the report lists all


def _written(report: "Report", folder: Path) -> Path:
    """The page of the report, in the cache where `folder` cannot be written to: a result is never thrown away."""
    from threedpain.assets import cache_dir
    from threedpain.dataset_script.report import write_report

    try:
        return write_report(report, folder)
    except OSError as problem:
        elsewhere = cache_dir() / "reports" / folder.resolve().name
        typer.echo(f"{folder} cannot be written to ({problem.strerror}).", err=True)
        return write_report(report, elsewhere)


def command(
    folder: Annotated[Path, typer.Argument(help="Folder of a generated dataset.")] = Path("3dpain"),
    judges: Annotated[bool, typer.Option("--judges", help="Also ask independent face analysers, by cell.")] = False,
    replays: Annotated[int, typer.Option(min=0, help="Random rows to render again and compare, from 0.")] = 10,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.json and report.html. Default: the dataset's own.")
    ] = None,
) -> None:
    """Check files, labels, splits, balance and reproducibility; exit code 1 if anything is wrong."""
    from tqdm.auto import tqdm

    from threedpain.dataset_script.check import check
    from threedpain.extras import need_extra

    need_extra("matplotlib", "report")  # before the work, not after it
    with tqdm(total=100, unit="%", bar_format="{l_bar}{bar}| {elapsed} {remaining} left") as bar:
        report = check(folder, judges, replays, progress=lambda share: bar.update(round(100 * share) - bar.n))
    page = _written(report, out or folder)
    for finding in report.findings[:SHOWN]:
        typer.echo(f"{finding.law}: {finding.where}: {finding.what}")
    if len(report.findings) > SHOWN:
        typer.echo(f"... and {len(report.findings) - SHOWN} more.")
    for note in report.notes:
        typer.echo(f"{folder} was {note}.")
    typer.echo(f"{'In order' if report.ok else f'{len(report.findings)} findings'}; see {page}.")
    if not report.ok:
        raise typer.Exit(1)
