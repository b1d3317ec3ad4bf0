"""`3dpain clip`: one expression as a film, with its labels for every frame."""

from pathlib import Path
from typing import Annotated

import typer

from threedpain import limits


def command(
    out: Annotated[Path, typer.Option(help="Film to write, .mp4; the labels go beside it as .csv.")] = Path("clip.mp4"),
    au: Annotated[
        list[str] | None, typer.Option(help="Action unit and intensity at the apex, such as AU4=3; repeatable.")
    ] = None,
    seconds: Annotated[float, typer.Option(help=limits.SECONDS.help())] = 5.0,
    fps: Annotated[int, typer.Option(help=limits.FPS.help())] = 24,
    age: Annotated[float | None, typer.Option(help=limits.AGE.help("drawn from the seed"))] = None,
    gender: Annotated[str | None, typer.Option(help="female or male. Default: drawn from the seed.")] = None,
    ethnicity: Annotated[
        str | None,
        typer.Option(help="black, white, middle_eastern, south_asian or east_asian. Default: drawn from the seed."),
    ] = None,
    size: Annotated[int, typer.Option(help=f"{limits.PICTURE_SIZE.help()[:-1]}, even.")] = 512,
    seed: Annotated[int, typer.Option(help=limits.SEED.help())] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Film a face that goes from rest to an expression and back."""
    import csv

    from tqdm.auto import tqdm

    from threedpain import PainFacePipeline, facs, schema
    from threedpain.errors import InvalidInput
    from threedpain.extras import need_extra
    from threedpain.generation.dataset.film import film
    from threedpain.generation.people.identity import sample_identity

    from .arguments import action_units, writable

    units = facs.validate(action_units(au or []))
    if out.suffix != ".mp4":
        raise InvalidInput(f"a film is an .mp4 file, not {out.name!r}.")
    for limit, value in zip(limits.FILM, (seconds, fps, size), strict=True):
        limit.check(value)
    if size % 2:
        raise InvalidInput(f"size is an even number of pixels for a film, not {size}.")
    writable(out)
    head = ["frame", "seconds", *schema.AU_COLUMNS, "PSPI"]
    labels = _free(out.with_suffix(".csv"), ",".join(head))
    need_extra("av", "video")
    pipe = PainFacePipeline.from_pretrained(device=device)
    person = pipe.person(sample_identity(seed, age=age, gender=gender, ethnicity=ethnicity, head=pipe.head))
    with tqdm(total=round(seconds * fps), unit="frame") as bar:
        clip = film(pipe, person, units, seed, size, seconds, fps, progress=lambda done: bar.update(done - bar.n))
    out.write_bytes(clip.mp4())
    with open(labels, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(head)
        for number, frame in enumerate(clip.action_units):
            plain = facs.strongest(frame)
            values = [plain.get(name, 0.0) for name in schema.AU_COLUMNS]
            table.writerow([number, round(number / fps, 4), *values, round(facs.pspi(frame), 3)])
    typer.echo(f"{out} and {labels}: {len(clip.action_units)} frames, PSPI up to {facs.pspi(units):g}")


def _free(labels: Path, head: str) -> Path:
    """The path, if the labels can be written there; nobody named it, so only labels of a former film are replaced."""
    from threedpain.errors import InvalidInput

    from .arguments import writable

    if writable(labels).exists():
        with open(labels, encoding="utf-8", errors="replace") as file:
            if file.readline(len(head) + 2).strip() != head:
                raise InvalidInput(
                    f"{labels} holds no labels of a film and would be replaced by them: name another --out"
                )
    return labels
