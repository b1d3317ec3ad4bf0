"""`3dpain face`: one face as a picture."""

import gc
from pathlib import Path
from threading import Thread
from typing import Annotated, Any

import typer

from threedpain import limits


def command(
    out: Annotated[Path, typer.Option(help="Picture to write: .png, .jpg or .webp.")] = Path("face.png"),
    au: Annotated[
        list[str] | None,
        typer.Option(help="Action unit and intensity, 0 to 5 (AU43 0 to 1), such as AU4=3; repeatable."),
    ] = None,
    age: Annotated[float | None, typer.Option(help=limits.AGE.help("drawn from the seed"))] = None,
    gender: Annotated[str | None, typer.Option(help="female or male. Default: drawn from the seed.")] = None,
    ethnicity: Annotated[
        str | None,
        typer.Option(help="black, white, middle_eastern, south_asian or east_asian. Default: drawn from the seed."),
    ] = None,
    yaw: Annotated[float, typer.Option(help=limits.YAW.help())] = 0.0,
    pitch: Annotated[float, typer.Option(help=limits.PITCH.help())] = 0.0,
    roll: Annotated[float, typer.Option(help=limits.ROLL.help())] = 0.0,
    fov: Annotated[float | None, typer.Option(help=limits.FOV.help("drawn from the seed"))] = None,
    light: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(limits.LIGHTS)}, a photographed place: {', '.join(limits.PANORAMAS)}, or one of a "
            f"clinic: {', '.join(limits.CLINIC)}. Default: any but a clinic's, drawn from the seed."
        ),
    ] = None,
    background: Annotated[
        str | None, typer.Option(help="Where the face is seen, any name of --light. Default: where the light is.")
    ] = None,
    skin_tone: Annotated[
        float | None,
        typer.Option(help=limits.SKIN_TONE.help("drawn from the seed")),
    ] = None,
    hair: Annotated[
        str | None,
        typer.Option(help="A hair style, such as bald, short, coily, long or headscarf. Default: drawn from the seed."),
    ] = None,
    accessory: Annotated[
        list[str] | None,
        typer.Option(help=f"What is worn, repeatable: {', '.join(limits.ACCESSORIES)}. Default: nothing."),
    ] = None,
    cameras: Annotated[
        str, typer.Option(help=f"{' or '.join(limits.CAMERAS)}: a ward's is tilted, in a corner, wide, far or dark.")
    ] = limits.CAMERAS[0],
    size: Annotated[int, typer.Option(help=limits.SIZE.help())] = 512,
    seed: Annotated[int, typer.Option(help=limits.SEED.help())] = 0,
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

    from .arguments import action_units, apart, picture_file

    units = action_units(au or [])
    pictures = [picture_file(path) for path in (out, heatmap, neutral) if path]
    apart(pictures, "--out, --heatmap and --neutral are different files")
    skins = texture if texture == "flat" else Aside(texture, device)  # at work from here on, beside the next import
    from threedpain import PainFacePipeline

    asked: dict[str, Any] = {
        "age": age, "gender": gender, "ethnicity": ethnicity, "yaw": yaw, "pitch": pitch, "roll": roll, "fov": fov,
        "light": light, "background": background, "accessories": tuple(accessory or ()), "cameras": cameras,
        "size": size,
    }  # fmt: skip
    PainFacePipeline.check_inputs(units, **asked)
    pipe = PainFacePipeline.from_pretrained(texture=skins, device=device)
    Thread(target=pipe.rehearse).start()
    changes: dict[str, Any] = {
        name: value for name, value in {"skin_tone": skin_tone, "hair": hair}.items() if value is not None
    }
    face = pipe(units, seed=seed, **asked, **changes)
    for path, picture in ((out, "image"), (heatmap, "heatmap"), (neutral, "neutral")):
        if path:
            getattr(face, picture).save(path)
    typer.echo(f"PSPI {face.pspi:g}: {', '.join(str(path) for path in pictures)}")
