"""`3dpain calibrate`: intervals and thresholds fitted to one's own labelled faces."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    data: Annotated[
        str, typer.Option(help="Labelled faces nobody learned from: a path, a Hub id, or unbc:, folder:, ...:PATH.")
    ],
    out: Annotated[Path, typer.Option(help="New folder for the calibrated model.")],
    model: Annotated[str, typer.Option(help="Model folder, Hub id, or vitpain.")] = "vitpain",
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "all",
    shots: Annotated[int, typer.Option(min=1, max=20, help="References per picture, 1 to 20.")] = 1,
) -> None:
    """Refit a model's 90 % intervals (with a reference, without one, with regions covered) and its pain threshold."""
    import json

    from threedpain.modeling.evaluation.calibrate import calibrate
    from threedpain.modeling.faces.faces import packed_size
    from threedpain.modeling.faces.sets import face_set
    from threedpain.modeling.vitpain.folder import add_pipeline, write_card
    from threedpain.modeling.vitpain.loading import load_model, load_processor, save_model

    from .arguments import new_folder

    new_folder(out)
    fitted, processor = load_model(model), load_processor(model)
    faces = face_set(data, split, packed_size(fitted.config.image_size))
    report = calibrate(fitted, processor, faces, shots=shots)
    save_model(fitted, processor, out)
    add_pipeline(out)
    (out / "calibration.json").write_text(json.dumps({"model": model, "data": data, **report}, indent=1) + "\n")
    write_card(
        out,
        made=f"{model}, its intervals and threshold fitted to {report['pictures']} pictures of {report['people']} "
        "people by `3dpain calibrate`; its weights are unchanged.",
        data=f"{data}, split {split}, people left out of the fit in turns",
        conditions={name: {"coverage of 90 % intervals": value} for name, value in report["coverage"].items()},
    )
    typer.echo(f"{'':22}coverage  half width   (90 % intervals; people left out of the fit in turns)")
    for name, words in (("reference", "with a reference"), ("alone", "without one"), ("covered", "a region covered")):
        typer.echo(f"{words:22}{report['coverage'][name]:8.3f}  {report['mean_half_width'][name]:10.2f}")
    before, after = (report["pain_threshold"][at] for at in ("before", "after"))
    typer.echo(f"pain from PSPI {'none' if after is None else f'{after:.2f}'} (before: {before or 0:.2f})")
    typer.echo(f"The calibrated model is {out}.")
