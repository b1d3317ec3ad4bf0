"""`3dpain evaluate`: judge a model on a set, or run a published protocol."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    model: Annotated[str, typer.Option(help="Model folder, Hub id, vitpain, or a baseline's folder.")] = "vitpain",
    data: Annotated[
        str,
        typer.Option(help="Data set: a path, a Hub id, or official:, synpain:, unbc:, disfa:, ckplus:, folder:PATH."),
    ] = "3dpain",
    out: Annotated[Path, typer.Option(help="Folder for results.json, report.md, answers and plots.")] = Path(
        "runs/evaluation"
    ),
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "test",
    by: Annotated[
        str, typer.Option(help="Columns to compare groups by, separated by commas.")
    ] = "age_group,gender,ethnicity",
    conditions: Annotated[
        str | None,
        typer.Option(help="realistic, aligned, none, separated by commas. Default: all that the set can meet."),
    ] = None,
    render_aligned: Annotated[
        bool, typer.Option(help="Photograph the aligned references of a generated set that has none.")
    ] = False,
    texture: Annotated[str, typer.Option(help="Texture the set was made with, to take pictures again.")] = "embedded",
    changes: Annotated[
        int, typer.Option(min=0, help="Pictures of a generated set to take again: other light, other hair.")
    ] = 0,
    ramp_people: Annotated[int, typer.Option(min=0, help="New people whose expression grows step by step.")] = 0,
    whole_frame: Annotated[bool, typer.Option(help="Also read whole frames without a face box.")] = True,
    shots: Annotated[int, typer.Option(min=1, max=20, help="References per picture, 1 to 20.")] = 1,
    rounds: Annotated[int, typer.Option(min=10, help="Rounds of the bootstrap over people, from 10.")] = 1000,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first n people. Default: all.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that render, from 1.")] = 2,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="unbc-5fold, unbc-loso, disfa-3fold, ckplus-10fold, cv5, cross or augmentation. Default: none."
        ),
    ] = None,
    extra: Annotated[str | None, typer.Option(help="The other set of the protocols cross and augmentation.")] = None,
    pretrain: Annotated[str | None, typer.Option(help="Of a protocol: a set to train on before the folds.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of a protocol's folds. Default: the protocol's.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Likewise.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Likewise, above 0.")] = None,
    image_size: Annotated[int | None, typer.Option(min=16, help="Likewise, pixels of a model from scratch.")] = None,
    age_group: Annotated[
        list[str] | None, typer.Option(help="Of augmentation: age groups of the matched arm; repeatable.")
    ] = None,
) -> None:
    """Error, correlation, agreement, detection, fairness and false alarms of a model, with intervals over people."""
    from .arguments import writable

    _belong(
        protocol,
        {"extra": extra, "pretrain": pretrain, "epochs": epochs, "batch-size": batch_size,
         "learning-rate": learning_rate, "image-size": image_size, "age-group": age_group},
        {"conditions": conditions, "render-aligned": render_aligned, "changes": changes, "ramp-people": ramp_people,
         "limit": limit},
    )  # fmt: skip
    writable(out, folder=True)
    if protocol:
        from threedpain.modeling.protocols.protocols import Settings, run

        given = {
            "extra": extra, "pretrain": pretrain, "epochs": epochs, "shots": shots if shots > 1 else None,
            "batch_size": batch_size, "learning_rate": learning_rate, "image_size": image_size,
            "age_groups": tuple(age_group or ()) or None,
        }  # fmt: skip
        settings = Settings(model, data, **{name: value for name, value in given.items() if value is not None})
        typer.echo(run(protocol, settings, out)["table"])
        return
    from threedpain.dataset_script.load import load, parse_set
    from threedpain.extras import need_extra
    from threedpain.modeling.evaluation.evaluate import check_changes, check_choices, check_ramps, evaluate, save
    from threedpain.modeling.evaluation.hardship import hardships
    from threedpain.modeling.evaluation.report import against_targets
    from threedpain.modeling.faces.faces import CONDITIONS, FaceSet, packed_size
    from threedpain.modeling.faces.retake import add_aligned, ramps
    from threedpain.modeling.vitpain.loading import load_model, load_processor

    need_extra("matplotlib", "report")  # before the work, not after it
    wanted = [name.strip() for name in conditions.split(",") if name.strip()] if conditions is not None else None
    groups = [name.strip() for name in by.split(",") if name.strip()]
    check_choices(CONDITIONS if wanted is None else wanted, groups)
    judged, processor = load_model(model), load_processor(model)
    dataset = load(data, split=split, config="images")
    if limit:
        names = list(dict.fromkeys(dataset["identity_id"]))[:limit]
        dataset = dataset.filter(lambda name: name in set(names), input_columns="identity_id")
    if render_aligned:
        dataset = add_aligned(dataset, workers=workers, texture=texture)
    size = packed_size(judged.config.image_size)
    faces = FaceSet.pack(dataset, size=size)
    whole = FaceSet.pack(dataset, size=size, whole=True) if whole_frame and faces.has_boxes else None
    able = [name for name in CONDITIONS if faces.can(name)]
    about = {
        "data": f"{data}, split {split}: {len(faces)} pictures of {faces.table['identity'].nunique()} people",
        "bootstrap": f"{rounds} rounds over people", "references per picture": shots,
    }  # fmt: skip
    known = dataset["generator_version"] if "generator_version" in dataset.column_names else []
    if versions := set(known) - {None}:  # other people's pictures have none
        about["generator"] = " and ".join(sorted(versions))
    results, tables = evaluate(
        judged, processor, faces, name=str(model), by=groups,
        conditions=wanted or able, shots=shots, rounds=rounds, whole=whole, about=about,
        ours=not parse_set(data).adapter,
    )  # fmt: skip
    if judged.config.num_channels == 3:
        results["checks"] |= hardships(judged, processor, faces)
    save(out, results, tables)  # what follows takes new pictures, which may be interrupted
    if changes:
        results["checks"] |= check_changes(
            judged, processor, dataset, pictures=changes, workers=workers, texture=texture
        )
    if ramp_people:
        results["checks"] |= check_ramps(judged, processor, ramps(ramp_people, texture=texture))
    results["targets"] = against_targets(results) if results["targets"] else []
    save(out, results, tables)
    typer.echo((out / "report.md").read_text().split("## By action unit")[0].rstrip())
    typer.echo(f"\nThe whole report is {out / 'report.md'}.")


def _belong(protocol: str | None, of_protocols: dict[str, object], of_sets: dict[str, object]) -> None:
    """InvalidInput for an option that would do nothing: one of a protocol's without one, or the other way round."""
    from threedpain.errors import InvalidInput

    for name, value in (of_sets if protocol else of_protocols).items():
        if value:
            raise InvalidInput(f"--{name} {'does not go with' if protocol else 'needs'} --protocol")
