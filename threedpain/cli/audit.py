"""`3dpain audit`: how any detector reads whom, and what else than pain moves its answer."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    model: Annotated[str, typer.Option(help="A model folder, shipped weights, a Hub id, or module:callable.")],
    out: Annotated[Path, typer.Option(help="Folder for report.html, report.json and answers.csv.")],
    identities: Annotated[int, typer.Option(min=2, max=5000, help="People, 2 to 5000; each 50 fill all cells.")] = 50,
    counterfactuals: Annotated[int, typer.Option(min=0, max=5000, help="People shown changed, 0 to 5000.")] = 12,
    size: Annotated[int, typer.Option(min=64, max=1024, help="Pixels of a picture, 64 to 1024.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Which people; any whole number from 0.")] = 0,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that photograph, 1 to 64.")] = 2,
    scale: Annotated[str, typer.Option(help="The answers: pspi (0 to 16) or score (grows with pain).")] = "pspi",
) -> None:
    """Audit a pain detector on generated faces: by group, view and intensity, and on counterfactual pairs."""
    from threedpain.modeling.audit.audit import audit
    from threedpain.modeling.audit.pictures import Plan

    from .arguments import writable

    writable(out, folder=True)
    report = audit(model, out, Plan(identities, counterfactuals, size, seed), scale, workers=workers)
    typer.echo(f"{report['model']}: {report['headline']}")
    for effect in report["effects"][:5] if report["spread"] else ():  # one and the same answer has no spread
        typer.echo(
            f"  {100 * effect['value_share']:+.0f} % of its spread{'' if effect['sure'] else ' (not certain)'}  "
            f"{effect['words']}, {effect['expression']}"
        )
    typer.echo(f"{out / 'report.html'}")
