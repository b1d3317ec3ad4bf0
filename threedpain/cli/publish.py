"""`3dpain publish`: put a dataset, a model or the Space on the Hub."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    folder: Annotated[
        Path, typer.Argument(help="Folder to publish: a finished dataset, a saved model, the Space, or figures.")
    ],
    repo: Annotated[str, typer.Option(help="Repository on the Hub, user/name.")],
    type: Annotated[str, typer.Option(help="dataset, model, space or figures (model_cards/table.py).")] = "dataset",
    tag: Annotated[
        str | None, typer.Option(help="Name of the version. Default: that of a dataset's generator.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    create: Annotated[bool, typer.Option(help="Create the repository if there is none.")] = True,
) -> None:
    """Upload a folder; broken off, the same command goes on where it stopped."""
    from threedpain.dataset_script.publish import publish

    typer.echo(publish(folder, repo, type, private, create, tag))
