"""Opening model folders with one clear sentence when something is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoImageProcessor, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.image_processing_utils import BaseImageProcessor
from transformers.utils import logging

from threedpain.assets import shipped, weights
from threedpain.errors import InvalidInput, MissingFile
from threedpain.pictures import shown

MOST_LAYERS = 100  # of one kind, in a foreign configuration
MOST_PIXELS = 2048  # of a model's input
MOST = 1_000_000  # any other number
MOST_WEIGHTS = 2_000_000_000
FLOATS = ("F64", "F32", "F16", "BF16")


MODEL_TYPES = ("vitpain", "pairwise-pain", "au-linear-pain")


def model_folder(name: str | Path) -> str:
    """A folder, the name of shipped weights, or a Hub id."""
    if Path(name).is_dir():
        return str(name)
    if str(name) in shipped() or str(name) in ("vitpain", "vitpain-teacher"):
        return str(weights(str(name)))
    if Path(name).exists() or str(name).count("/") != 1 or str(name).startswith((".", "/")):
        raise MissingFile(f"{name} is no model folder, no shipped weights (vitpain, vitpain-teacher) and no Hub id")
    return str(name)


@contextmanager
def _no_bars() -> Iterator[None]:
    """Without the progress bars of transformers, for what takes no second; the setting is left as it was."""
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if bars:
            logging.enable_progress_bar()


def save_model(model: PreTrainedModel, processor: BaseImageProcessor, folder: str | Path) -> None:
    """A model and its processor as a folder that `load_model` and `load_processor` read."""
    with _no_bars():
        model.save_pretrained(folder)
    processor.save_pretrained(folder)


def load_model(name: str | Path) -> PreTrainedModel:
    """A trained model, on the CPU in float32, ready to answer."""
    folder = model_folder(name)
    if Path(folder).is_dir():
        if not (Path(folder) / "config.json").exists():
            raise MissingFile(f"{folder} holds no config.json: it is no model folder")
        if not any(Path(folder).glob("*.safetensors")):
            pickles = [path.name for path in Path(folder).iterdir() if path.suffix in (".bin", ".pt", ".pth", ".ckpt")]
            found = f"; {pickles[0]} is a pickle, which can run foreign code: convert it" if pickles else ""
            raise MissingFile(f"{folder} holds no model.safetensors{found}")
    config = _checked_config(folder)
    _check_weights(folder, config)
    try:
        with _no_bars():
            model, found = AutoModel.from_pretrained(
                folder, config=config, output_loading_info=True, use_safetensors=True, trust_remote_code=False
            )
    except Exception as error:  # any: a foreign folder may be wrong in ways that only its reader knows
        raise InvalidInput(f"{folder} cannot be read as a model: {_line(error)}") from None
    for kind, verb in (
        ("missing_keys", "lacks"),
        ("unexpected_keys", "holds more than"),
        ("mismatched_keys", "differs in"),
    ):
        if names := sorted(str(name) for name in found[kind]):
            raise InvalidInput(
                f"the checkpoint in {folder} {verb} {len(names)} of the model's weights, for instance {names[0]}; "
                "it belongs to another configuration"
            )
    broken = [name for name, value in model.state_dict().items() if not torch.isfinite(value).all()]
    if broken:
        raise InvalidInput(f"{broken[0]} in {folder} holds NaN or infinity: the checkpoint is damaged")
    return model.float().eval()


def load_processor(name: str | Path) -> BaseImageProcessor:
    """The image processor that belongs to a model."""
    folder = model_folder(name)
    try:
        processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
        sides = [processor.size["height"], processor.size["width"]]
        spread = [*processor.image_mean, *processor.image_std]
        fitting = len(processor.image_mean) == len(processor.image_std) == (1 if processor.image_mode == "L" else 3)
        right = {
            f"size must be a square of 16 to {MOST_PIXELS} pixels": sides[0] == sides[1]
            and _whole(sides[0], 16, MOST_PIXELS),
            "crop_scale must be from 0.5 to 5": 0.5 <= processor.crop_scale <= 5,
            "image_mode must be RGB or L": processor.image_mode in ("RGB", "L"),
            "image_mean and image_std must hold one number for each channel": fitting,
            "image_mean must be from -10 to 10, image_std from 0.001 to 10": all(-10 <= one <= 10 for one in spread)
            and min(processor.image_std) >= 0.001,
        }
    except Exception as error:  # any, as above
        raise InvalidInput(f"{folder} cannot be read as an image processor: {_line(error)}") from None
    if wrong := [sentence for sentence, true in right.items() if not true]:
        raise InvalidInput(f"the image processor of {folder}: {wrong[0]}")
    return processor


def _checked_config(folder: str) -> PretrainedConfig:
    """The configuration of a model, no larger than models are: nothing is allocated before this is known."""
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # any, as above
        if not Path(folder).is_dir():
            raise InvalidInput(f"there is no folder {folder}, and no such model was fetched: {_line(error)}") from None
        raise InvalidInput(f"{folder} cannot be read as a model: {_line(error)}") from None
    if config.model_type not in MODEL_TYPES:
        raise InvalidInput(
            f"{folder} is a model of the kind {shown(str(config.model_type))}; known are {', '.join(MODEL_TYPES)}"
        )
    usual = type(config)().to_dict()
    for name, value in config.to_dict().items():
        if isinstance(value, bool) and isinstance(usual.get(name), (int, float)) and not isinstance(usual[name], bool):
            raise InvalidInput(f"{name} in the configuration of {folder} must be a number, got {str(value).lower()}")
    for name, value in _numbers(config.to_dict()):
        most = MOST_LAYERS if "layers" in name or "depths" in name else MOST_PIXELS if name == "image_size" else MOST
        if not abs(value) <= most:  # NaN neither
            raise InvalidInput(
                f"{name} in the configuration of {folder} must be at most {most:,}, got {shown(str(value))}"
            )
    return config


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a configuration with the name it goes by."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, str(key))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _numbers(inner, name)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield name, value


def _check_weights(folder: str, config: PretrainedConfig) -> None:
    """Of a local folder: weights are numbers with a fraction, and the configuration asks for no more than there are."""
    held = 0
    for path in sorted(Path(folder).glob("*.safetensors")):  # none of a Hub id
        try:
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118 - it is no dictionary
                    tensor = file.get_slice(name)
                    held += math.prod(tensor.get_shape())
                    if tensor.get_dtype() not in FLOATS and not name.endswith("num_batches_tracked"):  # a norm counts
                        raise InvalidInput(f"{shown(name)} in {path} is of type {tensor.get_dtype()}, not a float")
        except InvalidInput:
            raise
        except Exception as error:  # any, as above
            raise InvalidInput(f"{path} cannot be read as weights: {_line(error)}") from None
    try:
        with torch.device("meta"):
            wanted = sum(value.numel() for value in AutoModel.from_config(config).state_dict().values())
    except Exception as error:  # any, as above
        raise InvalidInput(f"the configuration of {folder} makes no model: {_line(error)}") from None
    if wanted > (2 * held if held else MOST_WEIGHTS):
        raise InvalidInput(
            f"the configuration of {folder} asks for {wanted:,} weights, and the checkpoint has {held:,}; "
            "it belongs to another configuration"
        )


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _line(error: Exception) -> str:
    """What a library says, as one line."""
    return shown(" ".join(str(error).split())) or type(error).__name__
