"""SET strings as packed faces: what training and evaluation read."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from threedpain.errors import InvalidInput

from .faces import FaceSet, join

logger = logging.getLogger(__name__)


def face_set(spec: str, split: str, size: int, whole: bool = False) -> FaceSet:
    """One split of a data set, packed; with the splits' references inside it."""
    from threedpain.dataset_script.load import load

    return FaceSet.pack(load(spec, split=split, config="images"), size=size, whole=whole)


def training_sets(
    specs: Sequence[str], size: int, seed: int = 0, splits: Sequence[str] = ("train",)
) -> tuple[FaceSet, FaceSet]:
    """What to learn from, `splits` of one set or several together, and their validation."""
    if not splits or "validation" in splits:
        raise InvalidInput(f"splits to learn from are train, test or others but validation, got {', '.join(splits)!r}")
    parted = [_parted(spec, size, seed, list(dict.fromkeys(splits))) for spec in specs]
    if len(parted) == 1:
        return parted[0]
    return join([train_set for train_set, _ in parted]), join([validation_set for _, validation_set in parted])


def _parted(spec: str, size: int, seed: int, splits: Sequence[str]) -> tuple[FaceSet, FaceSet]:
    """A set without a validation split is parted by people, one in five for it."""
    from datasets import concatenate_datasets

    from threedpain.dataset_script.load import load

    found = load(spec, config="images")
    for split in splits:
        if split not in found:
            raise InvalidInput(f"{spec} has no split {split}; it has {', '.join(found)}")
    learned = [found[split] for split in splits]
    train_set = FaceSet.pack(learned[0] if len(learned) == 1 else concatenate_datasets(learned), size=size)
    if "validation" in found:
        return train_set, FaceSet.pack(found["validation"], size=size)
    return by_people(train_set, 0.2, seed)


def by_people(faces: FaceSet, share: float, seed: int = 0) -> tuple[FaceSet, FaceSet]:
    """(the rest, a share of the people), nobody in both."""
    people = np.sort(faces.table["identity"].unique())
    if len(people) < 2:
        raise InvalidInput("a set of one person cannot be parted into training and validation; give two people or more")
    drawn = np.random.default_rng(seed).permutation(people)[: max(1, round(len(people) * share))]
    held = faces.table["identity"].isin(drawn).to_numpy()
    logger.info("no split validation: %d of %d people are held out for it", len(drawn), len(people))
    return faces.subset(~held), faces.subset(held)
