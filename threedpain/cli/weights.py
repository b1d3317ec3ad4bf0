"""`3dpain weights`: the shipped weights as Hub-ready folders."""

from pathlib import Path
from typing import Annotated

import typer

from threedpain.assets import shipped
from threedpain.assets import weights as find


def command(
    name: Annotated[str | None, typer.Argument(help="Which weights, such as vitpain; --list shows them.")] = None,
    out: Annotated[Path | None, typer.Option(help="New folder to write. Default: ./NAME.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the shipped weights with their sizes and end.")] = False,
) -> None:
    """Copy shipped weights to a folder that can be loaded or pushed to the Hub as it is."""
    import shutil
    import tempfile

    from threedpain.modeling.vitpain.folder import add_pipeline

    from .arguments import new_folder

    if list_ or name is None:
        for known, path in shipped().items():
            files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
            typer.echo(f"{known:24} {sum(file.stat().st_size for file in files) / 1e6:8.2f} MB  {path}")
        return
    source = find(name)
    target = new_folder(out or Path(name))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".weights-") as scratch:
        copy = Path(scratch) / "copy"
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            copy.mkdir()
            shutil.copy2(source, copy / source.name)
        if (copy / "modeling_vitpain.py").exists() and name == "vitpain":
            add_pipeline(copy)
        if target.is_dir():
            target.rmdir()
        copy.rename(target)
    typer.echo(f"{name}: {target}")
