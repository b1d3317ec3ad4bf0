"""`3dpain train`: train ViTPain, its teacher, or a baseline."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Role(StrEnum):
    TEACHER = "teacher"
    STUDENT = "student"
    VANILLA = "vanilla"
    PAIRWISE = "pairwise"
    AU_LINEAR = "au-linear"


class Precision(StrEnum):
    NO = "no"
    BF16 = "bf16"
    FP16 = "fp16"


def command(
    role: Annotated[Role, typer.Argument(help="What to train.")],
    data: Annotated[
        list[str],
        typer.Option(help="Data set: a path, a Hub id, or official:, synpain:, unbc:, folder:PATH; repeatable."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; given again, the run continues.")],
    recipe: Annotated[str | None, typer.Option(help="student, teacher or paper. Default: the role's.")] = None,
    teacher: Annotated[str | None, typer.Option(help="Folder of a trained teacher. Default: no distillation.")] = None,
    init: Annotated[str | None, typer.Option(help="Model to begin from: vitpain or a folder. Default: none.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the data, above 0. Default: the recipe's.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Pictures of a step over all processes. Default: 48.")
    ] = None,
    accumulate: Annotated[int, typer.Option(min=1, help="Parts in which a step is computed, from 1.")] = 1,
    learning_rate: Annotated[float | None, typer.Option(help="Above 0. Default: the recipe's.")] = None,
    precision: Annotated[Precision | None, typer.Option(help="Mixed precision. Default: the recipe's.")] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(help="Split to learn from: train, test or others but validation; repeatable. Default: train."),
    ] = None,
    identities: Annotated[
        int | None, typer.Option(min=1, help="Train on the first n people only. Default: all.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Train where column=value[,value], as age_group=18-29; repeatable.")
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(help="Share of a condition: realistic=0.6, aligned=0.25, none=0.15; repeatable."),
    ] = None,
    loss: Annotated[
        list[str] | None, typer.Option(help="Weight of a loss, as heatmap=0; repeatable. 0 switches it off.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Change of the model's configuration, as image_size=96; repeatable.")
    ] = None,
    diet: Annotated[
        list[str] | None,
        typer.Option(help="Share of others, strangers, covered, tilted or small, as small=0.1. Default: the recipe's."),
    ] = None,
    pain_weight: Annotated[float, typer.Option(help="How much more often pictures with pain are drawn, from 1.")] = 1.0,
    lora_rank: Annotated[int | None, typer.Option(min=0, help="Rank of LoRA adapters; 0: none.")] = None,
    freeze_backbone: Annotated[bool, typer.Option(help="Train everything but the backbone.")] = False,
    stem_weights: Annotated[
        str | None, typer.Option(help="Where a named stem begins: imagenet or none. Default: imagenet.")
    ] = None,
    backbone_weights: Annotated[
        str | None, typer.Option(help="Hub id or folder of a pretrained backbone. Default: the recipe's.")
    ] = None,
    augment: Annotated[bool, typer.Option(help="Augment the training pictures.")] = True,
    validations: Annotated[
        int, typer.Option(min=1, help="How often the model is judged, and a checkpoint kept, over the run.")
    ] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Any whole number from 0.")] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the processor. Default: all.")] = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop after this step, to be continued.")] = None,
    tracker: Annotated[str | None, typer.Option(help="tensorboard or wandb. Default: only log.jsonl.")] = None,
) -> None:
    """Train a model; Ctrl-C leaves a run that the same command continues. Several processes: accelerate launch."""
    from contextlib import nullcontext

    from threedpain.extras import need_extra
    from threedpain.generation.process import threads as limited
    from threedpain.modeling.faces.faces import packed_size
    from threedpain.modeling.faces.sets import training_sets
    from threedpain.modeling.training.run import Run, TrainConfig, planned_image_size
    from threedpain.modeling.vitpain.folder import describe_run

    need_extra("accelerate", "train")  # before the work, not after it
    given = {
        "teacher": teacher, "init": init, "epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate,
        "precision": precision.value if precision else None, "lora_rank": lora_rank,
        "stem_weights": stem_weights, "backbone_weights": backbone_weights, "references": _numbers(reference),
        "loss_weights": _numbers(loss), "model": _values(model), "diet": _numbers(diet),
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    config = TrainConfig.of(
        role.value, recipe or "", out=str(out), accumulate=accumulate, pain_weight=pain_weight, augment=augment,
        freeze_backbone=freeze_backbone, validations=validations, seed=seed, max_steps=max_steps,
        tracker=tracker, splits=split or ["train"], **given,
    )  # fmt: skip
    size = packed_size(planned_image_size(config))
    train_set, validation_set = training_sets(data, size, splits=config.splits)
    if where:
        train_set = train_set.where(where)
    if identities:
        train_set = train_set.first_identities(identities)
    with limited(threads) if threads else nullcontext():
        folder = Run(config, train_set, validation_set).fit()
    finished = (folder / "config.json").exists()
    if os.environ.get("RANK", "0") != "0":  # of several processes one speaks
        return
    if finished:
        describe_run(folder, role.value, ", ".join(data))
    typer.echo(f"{folder} is finished." if finished else f"{folder} can be continued.")


def _numbers(pairs: list[str] | None) -> dict[str, float] | None:
    from threedpain.errors import InvalidInput

    values = _values(pairs)
    if values and (wrong := [name for name, value in values.items() if not isinstance(value, (int, float))]):
        raise InvalidInput(f"{wrong[0]} must be a number, got {values[wrong[0]]!r}")
    return values


def _values(pairs: list[str] | None) -> dict | None:
    """["a=1", "b=[2, 3]"] as a dictionary of JSON values."""
    import json

    from threedpain.errors import InvalidInput

    if not pairs:
        return None
    values = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise InvalidInput(f"write name=value, got {pair!r}")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values
