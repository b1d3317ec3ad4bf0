"""Opening model folders with one clear sentence when something is wrong."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoImageProcessor, AutoModel, PreTrainedModel

from threedpain.assets import shipped, weights
from threedpain.errors import InvalidInput, MissingFile


def model_folder(name: str | Path) -> str:
    """A folder, the name of shipped weights, or a Hub id."""
    if Path(name).is_dir():
        return str(name)
    if str(name) in shipped() or str(name) in ("vitpain", "vitpain-teacher"):
        return str(weights(str(name)))
    if Path(name).exists() or str(name).count("/") != 1 or str(name).startswith((".", "/")):
        raise MissingFile(f"{name} is no model folder, no shipped weights (vitpain, vitpain-teacher) and no Hub id")
    return str(name)


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
    try:
        model, found = AutoModel.from_pretrained(folder, output_loading_info=True, use_safetensors=True)
    except (ValueError, OSError) as error:
        raise InvalidInput(f"{folder} cannot be read as a model: {' '.join(str(error).split())}") from None
    if missing := sorted(found["missing_keys"]):
        raise InvalidInput(
            f"the checkpoint in {folder} lacks {len(missing)} of the model's weights, for instance {missing[0]}; "
            "it belongs to another configuration"
        )
    return model.float().eval()


def load_processor(name: str | Path):
    """The image processor that belongs to a model."""
    return AutoImageProcessor.from_pretrained(model_folder(name))
