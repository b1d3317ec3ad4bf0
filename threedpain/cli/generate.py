"""`3dpain generate`: make a dataset, continue one, or let one grow."""

from pathlib import Path
from typing import Annotated

import typer

from threedpain import limits


def command(
    out: Annotated[Path, typer.Option(help="Folder of the dataset; given again, it is continued.")] = Path("3dpain"),
    identities: Annotated[int, typer.Option(help=limits.IDENTITIES.help())] = 2500,
    expressions: Annotated[int, typer.Option(help=limits.EXPRESSIONS.help())] = 10,
    others: Annotated[int, typer.Option(help=limits.OTHERS.help())] = 0,
    single_units: Annotated[int, typer.Option(help=limits.SINGLE_UNITS.help())] = 0,
    views: Annotated[
        int,
        typer.Option(help=f"{limits.VIEWS.help()[:-1]}: front, left, right, above, below, far left, far right."),
    ] = 3,
    size: Annotated[int, typer.Option(help=limits.PICTURE_SIZE.help())] = 512,
    seed: Annotated[int, typer.Option(help=limits.DATASET_SEED.help())] = 0,
    workers: Annotated[
        int,
        typer.Option(min=1, max=10_000, help="Processes of one thread each, from 1; the bytes do not depend on them."),
    ] = 2,
    videos: Annotated[
        int | None, typer.Option(help="People who also get a video, from 0. Default: one in 50, at most 40.")
    ] = None,
    truth: Annotated[
        str,
        typer.Option(
            help="More pictures, separated by commas: depth, regions, aligned_neutral, covered. Default: none."
        ),
    ] = "",
    picture: Annotated[str, typer.Option(help="jpeg (quality 92, 4:4:4) or webp.")] = "jpeg",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    head: Annotated[str, typer.Option(help="scan, anny, or flame together with --flame-file.")] = limits.HEADS[0],
    flame_file: Annotated[str | None, typer.Option(help="A FLAME model of your own. Default: none.")] = None,
    texture: Annotated[str, typer.Option(help="embedded, depth-to-image or flat.")] = "embedded",
    texture_model: Annotated[
        str | None, typer.Option(help="Hub id or folder for --texture depth-to-image. Default: that backend's own.")
    ] = None,
    inpaint_model: Annotated[
        str | None, typer.Option(help="Hub id or folder of a model that repaints hair and background. Default: none.")
    ] = None,
    accessories: Annotated[
        str,
        typer.Option(
            help="on: a quarter of the people wear glasses, tubes, masks or plasters, hands cover some; or off."
        ),
    ] = "on",
    purpose: Annotated[
        str,
        typer.Option(
            help="release, or training: 45 % of the others smile, lids half closed, more is worn and covered."
        ),
    ] = "release",
    cameras: Annotated[
        str | None,
        typer.Option(
            help="standard, ward (tilted, cornered, wide, far, dark, filmed), or mixed: a quarter by a ward's. "
            "Default: mixed to train on, standard otherwise."
        ),
    ] = None,
    executor: Annotated[
        str, typer.Option(help="local, ray, slurm or jobs; the last three need the extra 'cluster' and docs/scale.md.")
    ] = "local",
) -> None:
    """Make a dataset with every label, or continue one; Ctrl-C leaves a folder that can be continued."""
    from threedpain.dataset_script.card import write_card
    from threedpain.generation.dataset.generate import generate
    from threedpain.generation.dataset.plan import Config, Plan

    config = Config(
        identities=identities, expressions=expressions, others=others, single_units=single_units, views=views,
        size=size, seed=seed, videos=videos,
        truth=tuple(name.strip() for name in truth.split(",") if name.strip()), picture=picture, device=device,
        head=head, flame_file=flame_file, texture=texture, texture_model=texture_model,
        inpaint_model=inpaint_model, accessories=accessories, purpose=purpose,
        cameras=cameras,
    )  # fmt: skip
    typer.echo(Plan(config).table(workers))
    outcome = generate(out, config, workers=workers, executor=executor, finish=write_card)
    for reason, times in outcome.rejects.items():
        typer.echo(f"Drawn again, {reason}: {times}.")
    typer.echo(f"{out} is complete." if outcome.made else f"{out} is complete; nothing was left to do.")
