"""`3dpain predict`: read pain from photographs and clips, one or a hundred thousand."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    files: Annotated[
        list[str], typer.Argument(help="Photographs, clips (.mp4, .mov, .avi, .mkv, .webm), folders and patterns.")
    ],
    neutral: Annotated[
        list[str] | None,
        typer.Option(
            help="The same person at rest: a picture for all (repeatable), a pattern such as 'rest/{person}.jpg' (also "
            "{folder}, {stem}), or first: each person's first picture. Default: none; of a clip, its first frame."
        ),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(help="Regular expression whose first group names the person in a path. Default: its folder."),
    ] = None,
    model: Annotated[str, typer.Option(help="Model folder, Hub id, or vitpain.")] = "vitpain",
    detector: Annotated[str, typer.Option(help="dlib, dlib-cnn (turned heads, slow), or one of your own.")] = "dlib",
    box: Annotated[
        str | None, typer.Option(help="Face box x0,y0,x1,y1 in pixels, for photographs. Default: faces are found.")
    ] = None,
    neutral_box: Annotated[
        str | None, typer.Option(help="Face box of the neutral picture, likewise. Default: with first, that of --box.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Of a clip, read every n-th frame, from 1.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one line a picture or frame.")] = False,
    csv: Annotated[
        Path | None, typer.Option(help="New file of comma-separated values, - to print them; clips always are.")
    ] = None,
    openface: Annotated[bool, typer.Option("--openface", help="Columns named as OpenFace names them.")] = False,
    heatmap: Annotated[
        Path | None, typer.Option(help="Write the photograph with the pain map over it; of a clip, the worst frame.")
    ] = None,
) -> None:
    """Read PSPI, action units and the pain map of faces, best with a neutral picture of the same person."""
    from threedpain.errors import InvalidInput
    from threedpain.modeling.reading.files import Neutrals, gather, read_files
    from threedpain.modeling.reading.reader import CLIPS, PainReader
    from threedpain.modeling.reading.table import Lines, Table, Told, as_lines

    from .arguments import apart, picture_file, writable

    if json and (csv or openface):
        raise InvalidInput("--json excludes --csv and --openface")
    if neutral_box is not None and not neutral:
        raise InvalidInput("--neutral-box says where the face of --neutral is; name that picture too")
    around, at_rest, paths = _box(box), _box(neutral_box), gather(files)
    if at_rest is None and neutral == ["first"]:
        at_rest = around
    if heatmap is not None:
        picture_file(heatmap)
        if len(paths) > 1:
            raise InvalidInput(f"--heatmap draws one picture; {len(paths)} files are given")
        apart([*paths, heatmap], "--heatmap would replace a picture that is read")
    to_file = csv is not None and str(csv) != "-"
    if to_file and writable(csv).exists():
        raise InvalidInput(f"{csv} exists already: name a new file, or remove it")
    reader = PainReader(model, detector)
    readings = read_files(reader, paths, Neutrals(reader, neutral or (), person, at_rest), box=around, every=every)
    tabled = csv is not None or openface or any(path.suffix.lower() in CLIPS for path in paths)
    told = Told(readings, len(paths), bar=to_file)
    if json:
        as_lines(told, Lines(), typer.echo)
    elif tabled and to_file:
        with open(csv, "x", newline="", encoding="utf-8") as out:
            as_lines(told, Table(openface), lambda line: out.write(line + "\n"))
    elif tabled:
        as_lines(told, Table(openface), typer.echo)
    else:
        for read in told:
            _say(read, len(paths) > 1)
    if heatmap is not None:
        told.worst.reading.overlay(told.worst.picture).save(heatmap)


def _box(text: str | None) -> list[float] | None:
    from threedpain.errors import InvalidInput

    if text is None:
        return None
    try:
        edges = [float(part) for part in text.split(",")]
    except ValueError:
        edges = []
    if len(edges) != 4:
        raise InvalidInput(f"a box is written as x0,y0,x1,y1, got {text!r}")
    return edges


def _say(read, short: bool) -> None:
    """A reading in words: all of it, or one line of many."""
    from threedpain.errors import printable

    reading, path = read.reading, printable(str(read.path))
    if reading is None:
        if short:  # of a single picture it is the error that ends the command
            typer.echo(f"{path}: {read.trouble}")
        return
    around = ""
    if reading.interval is not None:
        low, high = reading.interval
        around = f" (90 % interval {low:.1f} to {high:.1f})"
    doubts = "".join(f"; {doubt}" for doubt in reading.doubts)
    if short:
        typer.echo(f"{path}: PSPI {reading.pspi:.1f}{around}{doubts}")
        return
    typer.echo(f"PSPI {reading.pspi:.1f} of 16{around}")
    for name, value in reading.au.items():
        typer.echo(f"{name:<5} {value:4.1f}  {'#' * round(6 * value * (5 if name == 'AU43' else 1))}")
    typer.echo("  ".join(f"P(PSPI>={t}) = {p:.2f}" for t, p in zip((1, 2, 3), reading.probabilities, strict=True)))
    for doubt in reading.doubts:
        typer.echo(f"Beware: {doubt}.")
