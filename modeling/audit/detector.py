"""Any pain detector as one function: a model folder, a Python callable, or a transformers pipeline.

A callable is named `module:attribute`, the module found as by `python -m` in the current folder. It is asked once a
picture, `f(photo)` or, when it takes two arguments, `f(photo, neutral)`, with PIL pictures, and answers with a number
or a mapping that holds `pspi` or `score`. A transformers pipeline answers by itself: `pain-assessment` with PSPI, image
classification with the summed scores of its labels that name pain.

A picture on which a detector raises counts as not answered: how often that happens, and to whom, is part of an audit.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from threedpain.errors import InvalidInput

from .pictures import opened

BATCH = 32
# Labels that hold the word pain and say that there is none.
_PAINLESS = re.compile(r"^no|(^|[^a-z])(no|not|non|without)[^a-z].*pain|painless|pain[ _-]?free")


class _NoNumber(InvalidInput):
    """An answer of a kind that is no number on any picture, as opposed to one picture that could not be answered."""


class Detector:
    """`detector(pictures)` -> float [n], NaN where not answered; `failures`: reason -> count; `threshold`: its own."""

    def __init__(
        self,
        name: str,
        ask: Callable[[pd.DataFrame], np.ndarray],
        threshold: float | None = None,
        failures: dict[str, int] | None = None,
    ):
        self.name, self._ask, self.threshold = name, ask, threshold
        self.failures = failures if failures is not None else {}

    def __call__(self, pictures: pd.DataFrame) -> np.ndarray:
        answers = []
        with tqdm(total=len(pictures), desc=f"asking {self.name}", unit="picture") as bar:
            for start in range(0, len(pictures), BATCH):
                part = pictures.iloc[start : start + BATCH]
                answers.append(np.asarray(self._ask(part), float))
                bar.update(len(part))
        answers = np.concatenate(answers)
        answers[np.isinf(answers)] = np.nan  # no number that others can be compared with
        if np.isnan(answers).all():
            reasons = "; ".join(list(self.failures)[:3]) or "none of its answers is a finite number"
            raise InvalidInput(f"{self.name} answered on none of {len(answers)} pictures: {reasons}")
        return answers


def open_detector(model: str | Callable | Any) -> Detector:
    """A detector from a folder, shipped weights or Hub id, from `module:callable`, or from a callable itself."""
    if not isinstance(model, (str, Path)):
        return _callable(model, getattr(model, "__name__", type(model).__name__))
    name = str(model)
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", name) and not Path(name).exists():
        return _callable(_imported(name), name)
    return _model(name)


def _imported(name: str) -> Any:
    module, attribute = name.split(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise InvalidInput(f"{name}: the module {module} cannot be imported: {error}") from None
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InvalidInput(f"{name}: {module} has no {part!r}")
        found = getattr(found, part)
    if not callable(found):
        raise InvalidInput(f"{name} is not callable")
    return found


def _model(name: str) -> Detector:
    import torch

    from threedpain.modeling.vitpain.loading import load_model, load_processor

    model, processor = load_model(name), load_processor(name)
    compares = getattr(model.config, "reference", "compare") != "none"

    def ask(part: pd.DataFrame) -> np.ndarray:
        inputs: dict[str, Any] = {"images": [opened(data) for data in part["image"]], "boxes": list(part["box"])}
        if compares:
            inputs |= {
                "neutral_images": [opened(data) for data in part["neutral"]],
                "neutral_boxes": list(part["neutral_box"]),
            }
        with torch.no_grad():
            return model(**processor(return_tensors="pt", **inputs)).pspi.float().numpy()

    return Detector(name, ask, getattr(model.config, "pain_threshold", None))


def _callable(found: Any, name: str) -> Detector:
    failures: dict[str, int] = {}
    single = _pipeline_question(found) or _plain_question(found)

    def ask(part: pd.DataFrame) -> list[float]:
        answers = []
        for row in part.itertuples():
            try:
                answers.append(_number(single(opened(row.image), opened(row.neutral), row)))
            except _NoNumber:
                raise
            except Exception as error:  # whatever a stranger's detector stumbles over: the audit counts it
                reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".rstrip(": ")
                failures[reason] = failures.get(reason, 0) + 1
                answers.append(float("nan"))
        return answers

    return Detector(name, ask, failures=failures)


def _plain_question(found: Callable) -> Callable:
    try:
        taken = [
            p
            for p in inspect.signature(found).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)
        ]
    except (TypeError, ValueError):
        taken = [None]
    if not taken:
        raise InvalidInput("the callable takes no picture: it must be f(photo) or f(photo, neutral)")
    both = len(taken) > 1 or getattr(taken[0], "kind", None) is inspect.Parameter.VAR_POSITIONAL
    return lambda photo, neutral, row: found(photo, neutral) if both else found(photo)


def _pipeline_question(found: Any) -> Callable | None:
    transformers = sys.modules.get("transformers")
    if transformers is None or not isinstance(found, transformers.Pipeline):
        return None
    if found.task == "pain-assessment":
        return lambda photo, neutral, row: found(
            photo, neutral=neutral, box=list(row.box), neutral_box=list(row.neutral_box)
        )
    if found.task == "image-classification":  # which tells its five likeliest labels unless asked for all
        return lambda photo, neutral, row: found(photo, top_k=found.model.config.num_labels)
    return lambda photo, neutral, row: found(photo)


def _number(answer: Any) -> float:
    if isinstance(answer, Mapping):
        for key in ("pspi", "PSPI", "score"):
            if key in answer:
                return float(answer[key])
        raise _NoNumber(f"the detector answered with {', '.join(map(str, answer))}; expected a number, pspi or score")
    if isinstance(answer, (list, tuple)) and answer and all(isinstance(one, Mapping) for one in answer):
        scores = {str(one.get("label", "")).lower(): float(one["score"]) for one in answer}
        pain = [score for label, score in scores.items() if "pain" in label and not _PAINLESS.search(label)]
        if not pain:
            raise _NoNumber(f"none of the detector's labels names pain: {', '.join(scores)}")
        return sum(pain)
    return float(answer)
