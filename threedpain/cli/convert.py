"""`3dpain convert`: a published ViTPain checkpoint as a folder that AutoModel loads."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    checkpoint: Annotated[Path, typer.Argument(help="The Lightning .ckpt (or its state_dict as .pt or .safetensors).")],
    out: Annotated[Path, typer.Option(help="New folder: config.json, model.safetensors, the image processor.")],
    image_size: Annotated[int, typer.Option(min=16, max=1024, help="Pixels it was trained at, 16 to 1024.")] = 224,
) -> None:
    """Convert the published ViTPain checkpoint (timm names, LoRA) without running code it may hold."""
    from threedpain.modeling.vitpain.convert import convert

    from .arguments import new_folder

    new_folder(out)
    converted = convert(checkpoint, image_size=image_size)
    folder = converted.save(out)
    typer.echo(
        f"{folder}: {converted.model.num_parameters():,} parameters; {len(converted.unused)} keys the published "
        f"model never uses; {len(converted.unknown)} unknown keys"
    )
    for key in converted.unknown:
        typer.echo(f"  {key}")
