"""`3dpain export`: a set in the form of other tools, or a model in the format of other runtimes."""

from pathlib import Path
from typing import Annotated

import typer

from threedpain.errors import InvalidInput


def command(
    name: Annotated[
        str, typer.Argument(help="A SET (with --to), or a model: folder, Hub id, or vitpain (with --onnx).")
    ],
    to: Annotated[str | None, typer.Option(help="Form of a set: coco, webdataset or openface.")] = None,
    out: Annotated[Path | None, typer.Option(help="New folder to write a set to. Default: ./NAME-FORM.")] = None,
    onnx: Annotated[Path | None, typer.Option(help="New ONNX file to write a model to.")] = None,
    batch: Annotated[int, typer.Option(min=1, max=1024, help="Pictures the model takes at once, 1 to 1024.")] = 1,
) -> None:
    """Write a set in the form of other tools, or a model as one ONNX file (needs the extra onnx)."""
    if (to is None) == (onnx is None):
        raise InvalidInput("a set is exported with --to FORM, a model with --onnx FILE: give one of them")
    if onnx is not None:
        if out is not None:
            raise InvalidInput("--out belongs to --to; with --onnx the file is named there")
        _model(name, onnx, batch)
    elif to is not None:
        if batch != 1:
            raise InvalidInput("--batch belongs to --onnx: it is how many pictures a model takes at once")
        _set(name, to, out)


def _set(name: str, form: str, out: Path | None) -> None:
    from threedpain.dataset_script.export import export

    from .arguments import writable

    folder = out or Path(f"{Path(name.partition('?')[0]).name}-{form}")
    counts = export(name, form, writable(folder, folder=True))
    typer.echo(f"{folder}: {', '.join(f'{split} {rows:,}' for split, rows in counts.items())} rows")


def _model(name: str, onnx: Path, batch: int) -> None:
    from threedpain.modeling.vitpain.loading import load_model, load_processor
    from threedpain.modeling.vitpain.onnx_export import export_onnx

    from .arguments import writable

    if writable(onnx).exists():
        raise InvalidInput(f"{onnx} exists already: name a new file, or remove it")
    told = export_onnx(load_model(name), load_processor(name), onnx, batch)
    typer.echo(f"{onnx}: {', '.join(told['inputs'])} -> {', '.join(told['outputs'])}")
