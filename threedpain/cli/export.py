"""`3dpain export`: a model in the format of other runtimes."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    name: Annotated[str, typer.Argument(help="Model folder, Hub id, or vitpain.")],
    onnx: Annotated[Path, typer.Option(help="New ONNX file to write.")],
    batch: Annotated[int, typer.Option(min=1, max=1024, help="Pictures it takes at once, 1 to 1024.")] = 1,
) -> None:
    """Write a model as one ONNX file (needs the extra onnx)."""
    from threedpain.errors import InvalidInput
    from threedpain.modeling.vitpain.loading import load_model, load_processor
    from threedpain.modeling.vitpain.onnx_export import export_onnx

    from .arguments import writable

    if writable(onnx).exists():
        raise InvalidInput(f"{onnx} exists already: name a new file, or remove it")
    told = export_onnx(load_model(name), load_processor(name), onnx, batch)
    typer.echo(f"{onnx}: {', '.join(told['inputs'])} -> {', '.join(told['outputs'])}")
