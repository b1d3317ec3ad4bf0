"""Who is in which fold: the turns of a protocol over the people of a set."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from urllib.parse import quote

import pandas as pd

from threedpain.errors import InvalidInput

logger = logging.getLogger(__name__)

UNIT_PROTOCOLS = ("disfa-3fold", "ckplus-10fold")
PROTOCOLS = ("unbc-5fold", "unbc-loso", "cv5", "cross", "augmentation", *UNIT_PROTOCOLS)
ARMS = ("real", "real + synthetic", "real + age-matched synthetic")


@dataclass(frozen=True)
class Fold:
    """People by their part in one turn; `arm` names the training set where a protocol compares several."""

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    arm: str = ""


def plan(protocol: str, table: pd.DataFrame, seed: int = 0) -> list[Fold]:
    """The turns of a protocol over the people of a set (`FaceSet.table`)."""
    people = sorted(table["identity"].astype(str).unique())
    if protocol == "unbc-loso":
        _enough(protocol, people, 2)
        # the set's own name of a person becomes that of a folder, and must lead to no other
        return [
            Fold(f"person-{quote(name, safe=' ')}", tuple(p for p in people if p != name), (), (name,))
            for name in people
        ]
    if protocol in ("unbc-5fold", *UNIT_PROTOCOLS):
        return _published_folds(protocol, table, people)
    if protocol in ("cv5", "augmentation"):
        _enough(protocol, people, 5)
        order = sorted(people, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
        parts = [order[k::5] for k in range(5)]
        folds = []
        for k in range(5):
            test, validation = parts[k], parts[(k + 1) % 5]
            train = [name for name in order if name not in {*test, *validation}]
            folds += [
                Fold(
                    f"fold-{k}{'' if protocol == 'cv5' else '-' + str(arm)}",
                    tuple(train),
                    tuple(validation),
                    tuple(test),
                    "" if protocol == "cv5" else ARMS[arm],
                )
                for arm in range(1 if protocol == "cv5" else 3)
            ]
        return folds
    raise InvalidInput(f"unknown protocol {protocol!r}; known are {', '.join(PROTOCOLS)}")


def _enough(protocol: str, people: list[str], least: int) -> None:
    if len(people) < least:
        raise InvalidInput(f"{protocol} needs at least {least} people, the set has {len(people)}")


def _published_folds(protocol: str, table: pd.DataFrame, people: list[str]) -> list[Fold]:
    if "fold" not in table or table["fold"].isna().all():
        raise InvalidInput(
            f"{protocol} needs the column fold (unbc:, disfa: and ckplus: have it, folder: may); cv5 needs none"
        )
    fold_of = table.dropna(subset=["fold"]).groupby(table["identity"].astype(str))["fold"]
    if (fold_of.nunique() > 1).any():
        raise InvalidInput(f"{fold_of.nunique().idxmax()} is in more than one fold")
    fold_of = fold_of.first().astype(int)
    if fold_of.nunique() < 2:
        raise InvalidInput(
            f"{protocol} needs people in at least 2 folds, all of this set are in fold {fold_of.iloc[0]}"
        )
    if left := [name for name in people if name not in fold_of]:
        logger.warning("%d people are in no fold and take no part: %s", len(left), ", ".join(left[:5]))
    return [
        Fold(
            f"fold-{k}",
            tuple(p for p in fold_of.index if fold_of[p] != k),
            (),
            tuple(p for p in fold_of.index if fold_of[p] == k),
        )
        for k in sorted(fold_of.unique())
    ]
