"""`3dpain face`: one face as a picture."""

import gc
from pathlib import Path
from threading import Thread
from typing import Annotated

import typer


def command(
    out: Annotated[Path, typer.Option(help="Picture to write: .png, .jpg or .webp.")] = Path("face.png"),
    au: Annotated[
        list[str] | None,
        typer.Option(help="Action unit and intensity, 0 to 5 (AU43 0 to 1), such as AU4=3; repeatable."),
    ] = None,
    age: Annotated[float | None, typer.Option(help="Years, 18 to 90. Default: drawn from the seed.")] = None,
    gender: Annotated[str | None, typer.Option(help="female or male. Default: drawn from the seed.")] = None,
    ethnicity: Annotated[
        str | None,
        typer.Option(help="black, white, middle_eastern, south_asian or east_asian. Default: drawn from the seed."),
    ] = None,
    yaw: Annotated[float, typer.Option(help="Degrees the head turns to the subject's own left, -90 to 90.")] = 0.0,
    pitch: Annotated[float, typer.Option(help="Degrees the head tips up, -60 to 60.")] = 0.0,
    roll: Annotated[float, typer.Option(help="Degrees the head tilts clockwise in the image, -60 to 60.")] = 0.0,
    fov: Annotated[
        float | None, typer.Option(help="Vertical field of view in degrees, 5 to 60. Default: drawn from the seed.")
    ] = None,
    light: Annotated[
        str | None, typer.Option(help="indoor, clinical or outdoor. Default: drawn from the seed.")
    ] = None,
    skin_tone: Annotated[
        float | None,
        typer.Option(
            help="Individual typology angle in degrees, -60 (dark) to 70 (light). Default: drawn from the seed."
        ),
    ] = None,
    hair: Annotated[
        str | None,
        typer.Option(help="A hair style, such as bald, short, coily, long or headscarf. Default: drawn from the seed."),
    ] = None,
    size: Annotated[int, typer.Option(help="Pixels, 16 to 2048.")] = 512,
    seed: Annotated[int, typer.Option(help="Who: any whole number from 0.")] = 0,
    texture: Annotated[str, typer.Option(help="embedded, depth-to-image or flat.")] = "embedded",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    heatmap: Annotated[
        Path | None, typer.Option(help="Also write the pain heatmap here (8-bit gray, 0.05 mm a level).")
    ] = None,
    neutral: Annotated[Path | None, typer.Option(help="Also write the same face at rest here.")] = None,
) -> None:
    """Make one face with the action units asked for."""
    gc.set_threshold(100_000)  # imports make many objects that stay: looking among them for garbage takes long
    from threedpain.generation.texture.aside import Aside

    from .arguments import action_units, picture_file

    units = action_units(au or [])
    pictures = [picture_file(path) for path in (out, heatmap, neutral) if path]
    skins = texture if texture == "flat" else Aside(texture, device)  # at work from here on, beside the next import
    from threedpain import PainFacePipeline

    asked = {
        "age": age, "gender": gender, "ethnicity": ethnicity, "yaw": yaw, "pitch": pitch, "roll": roll, "fov": fov,
        "light": light, "size": size,
    }  # fmt: skip
    PainFacePipeline.check_inputs(units, **asked)
    pipe = PainFacePipeline.from_pretrained(texture=skins, device=device)
    Thread(target=pipe.rehearse).start()
    changes = {name: value for name, value in {"skin_tone": skin_tone, "hair": hair}.items() if value is not None}
    face = pipe(units, seed=seed, **asked, **changes)
    for path, picture in ((out, "image"), (heatmap, "heatmap"), (neutral, "neutral")):
        if path:
            getattr(face, picture).save(path)
    typer.echo(f"PSPI {face.pspi:g}: {', '.join(str(path) for path in pictures)}")
