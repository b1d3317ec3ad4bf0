"""`3dpain predict`: read pain from a photograph or a clip."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    photo: Annotated[Path, typer.Argument(help="A photograph, or a clip (.mp4, .mov, .avi, .mkv, .webm).")],
    neutral: Annotated[
        list[Path] | None,
        typer.Option(help="The same person at rest; repeatable. Default: none; of a clip, its first frame."),
    ] = None,
    model: Annotated[str, typer.Option(help="Model folder, Hub id, or vitpain.")] = "vitpain",
    box: Annotated[
        str | None, typer.Option(help="Face box x0,y0,x1,y1 in pixels, for a photograph. Default: the face is found.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Of a clip, read every n-th frame, from 1.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print JSON (a clip: one line a frame).")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values; a clip always does.")] = False,
    heatmap: Annotated[
        Path | None, typer.Option(help="Write the photograph with the pain map over it; of a clip, the worst frame.")
    ] = None,
) -> None:
    """Read PSPI, action units and the pain map of a face, best with a neutral picture of the same person."""
    from threedpain.errors import InvalidInput
    from threedpain.modeling.reading.reader import CLIPS, PainReader, open_photo

    from .arguments import picture_file

    if json and csv:
        raise InvalidInput("--json and --csv exclude each other")
    if heatmap is not None:
        picture_file(heatmap)
    is_clip = photo.suffix.lower() in CLIPS
    picture = None if is_clip else open_photo(photo)
    rest = [open_photo(path) for path in neutral or []] or None
    reader = PainReader(model)
    if is_clip:
        _clip(reader, photo, rest, every, json, heatmap)
        return
    reading = reader.read(picture, neutral=rest, box=_box(box))
    if heatmap is not None:
        reading.overlay(picture).save(heatmap)
    _say(reading, json, csv)


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


def _say(reading, json: bool, csv: bool) -> None:
    import json as writer

    answer = reading.as_dict()
    if json:
        typer.echo(writer.dumps(answer, allow_nan=False))
    elif csv:
        typer.echo(_header(reading))
        typer.echo(_line(0, 0.0, reading, ""))
    else:
        low, high = answer["interval"] or (None, None)
        around = f" (90 % interval {low:.1f} to {high:.1f})" if low is not None else ""
        typer.echo(f"PSPI {reading.pspi:.1f} of 16{around}")
        for name, value in reading.au.items():
            typer.echo(f"{name:<5} {value:4.1f}  {'#' * round(6 * value * (5 if name == 'AU43' else 1))}")
        typer.echo("  ".join(f"P({name}) = {p:.2f}" for name, p in answer["probabilities"].items()))


def _header(reading) -> str:
    return ",".join(["frame", "seconds", "PSPI", "low", "high", *reading.au, "p1", "p2", "p3", "note"])


def _line(frame: int, seconds: float, reading, note: str, units: int = 6) -> str:
    if reading is None:
        return ",".join([str(frame), f"{seconds:.3f}", *[""] * (6 + units), '"' + note.replace('"', "'") + '"'])
    low, high = reading.interval or (None, None)
    values = [reading.pspi, low, high, *reading.au.values(), *reading.probabilities]
    cells = ["" if value is None else f"{value:.3f}" for value in values]
    return ",".join([str(frame), f"{seconds:.3f}", *cells, note])


def _clip(reader, path: Path, rest, every: int, json: bool, heatmap: Path | None) -> None:
    import json as writer

    from threedpain.errors import InvalidInput
    from threedpain.modeling.reading.reader import read_clip

    worst, found = None, False
    for at, frame in read_clip(reader, path, rest, every):
        if at.reading is not None:
            if not found and not json:
                typer.echo(_header(at.reading))
            found = True
            if worst is None or at.reading.pspi > worst[0].pspi:
                worst = at.reading, frame
        if json:
            answer = {"note": at.trouble} if at.reading is None else at.reading.as_dict()
            typer.echo(writer.dumps({"frame": at.frame, "seconds": round(at.seconds, 3), **answer}, allow_nan=False))
        elif found:
            typer.echo(_line(at.frame, at.seconds, at.reading, at.trouble))
    if worst is None:
        raise InvalidInput(f"no frame of {path.name} shows a single, large enough face")
    if heatmap is not None:
        worst[0].overlay(worst[1]).save(heatmap)
