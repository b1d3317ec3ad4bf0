"""What all adapters share: rows with this project's columns, pictures read when needed, and the `datasets` builder.

An adapter turns a folder into `Entry` objects by split. Rows have the columns of `threedpain.schema` plus `EXTRA`; what
a set does not say is null, never 0 or -1. Configs: `images` (every row), `pairs` (every row that has a neutral
reference of the same person and is not itself that reference, plus `neutral_image`). The reference of a row is the
first of its `references`; each adapter states the rule that orders them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import datasets
from datasets import Features, Image, List, Value

from threedpain.errors import InvalidInput, MissingFile
from threedpain.pictures import open_picture
from threedpain.schema import EXPRESSIONS, features

from .archives import Problems, is_archive, unpack

SPLITS = ("train", "validation", "test")
EXTRA = {
    "source": Value("string"),  # the adapter's name
    "subject": Value("string"),  # the person, as the set names them
    "source_age_group": Value("string"),  # the set's own age band where it is none of this project's
    "source_heatmap": Image(),  # a heatmap in the set's own colours; `heatmap` is in millimetres and stays null
    "references": List(Value("string")),  # ids of neutral pictures of the same person, the preferred one first
    "present_units": List(Value("string")),  # of a FACS-coded picture: the units seen in it, graded or not
    "fold": Value("int32"),  # the set's own cross-validation fold
}
MAXIMUM_PIXELS = 64 << 20
MAXIMUM_BYTES = 512 << 20  # of a picture's file, as of one in an archive


@dataclass(frozen=True)
class Blob:
    """A picture not read yet: its name and the function that gives its bytes (a format of `threedpain.pictures`)."""

    name: str
    read: Callable[[], bytes]

    @classmethod
    def file(cls, path: Path, name: str | None = None) -> Blob:
        return cls(name or path.name, partial(_bytes, path))


def _bytes(path: Path) -> bytes:
    if (size := path.stat().st_size) > MAXIMUM_BYTES:
        raise ValueError(f"{size} bytes, more than the {MAXIMUM_BYTES} that a picture may have")
    return path.read_bytes()


@dataclass
class Entry:
    """One row: columns known without opening a picture, the pictures, and the ids of its neutral references."""

    id: str
    subject: str
    columns: dict[str, Any]
    image: Blob
    source_heatmap: Blob | None = None
    references: list[str] = field(default_factory=list)


@dataclass
class AdapterConfig(datasets.BuilderConfig):
    """`stamp` names the state of the source, so that a changed folder is read again."""

    path: str = ""
    stamp: str = ""
    options: tuple[tuple[str, str], ...] = ()


class Adapter(datasets.GeneratorBasedBuilder):
    """A builder of rows from a local folder. Subclasses give `name`, `option_names` and `index`."""

    VERSION = datasets.Version("1.1.0")  # raised when the same source gives other rows
    BUILDER_CONFIG_CLASS = AdapterConfig
    BUILDER_CONFIGS = [AdapterConfig(name="images"), AdapterConfig(name="pairs")]
    DEFAULT_CONFIG_NAME = "images"

    name = ""
    option_names: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.problems = Problems()
        super().__init__(*args, **kwargs)

    @classmethod
    def index(cls, path: Path, problems: Problems, **options: str) -> dict[str, list[Entry]]:
        """Split -> rows in a fixed order; whatever cannot be a row goes to `problems`."""
        raise NotImplementedError

    @classmethod
    def resolve(cls, path: str | Path) -> Path:
        """The local folder or file; MissingFile otherwise. Adapters of sets on the Hub download here."""
        local = Path(path).expanduser()
        if not local.exists():
            raise MissingFile(f"{cls.name}: {path} does not exist")
        return local

    @cached_property
    def source(self) -> Path:
        """The local folder or file; of an archive, what it holds."""
        path = Path(self.config.path)
        if not is_archive(path):
            return path
        path = unpack(path, self.problems)
        inner = [child for child in path.iterdir() if not child.name.startswith(".")]
        return inner[0] if len(inner) == 1 and inner[0].is_dir() else path

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(features=adapter_features(self.config.name))

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        splits = self.index(self.source, self.problems, **dict(self.config.options))
        entries = {entry.id: entry for rows in splits.values() for entry in rows}
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"rows": rows, "entries": entries})
            for split, rows in splits.items()
            if rows
        ]

    def _generate_examples(self, rows: Sequence[Entry], entries: Mapping[str, Entry]) -> Iterator[tuple[str, dict]]:
        blank = dict.fromkeys(self.info.features)
        checked: dict[str, bytes | None] = {}  # references are read once, not once a row
        for entry in rows:
            image = self._picture(entry.image)
            if image is None:
                continue
            row = blank | {
                "id": entry.id,
                "source": self.name,
                "subject": entry.subject,
                **entry.columns,
                "image": image,
                "references": entry.references,
            }
            if entry.source_heatmap is not None:
                row["source_heatmap"] = self._picture(entry.source_heatmap)
            if self.config.name == "pairs":
                if entry.references[:1] == [entry.id]:
                    continue
                row["neutral_image"] = self._reference(entry, entries, checked)
                if row["neutral_image"] is None:
                    self.problems.add("picture without a neutral reference, left out of pairs", entry.id)
                    continue
            yield entry.id, row

    def _reference(self, entry: Entry, entries: Mapping[str, Entry], checked: dict[str, Any]) -> dict | None:
        for reference in entry.references:
            if reference not in checked:
                checked[reference] = self._picture(entries[reference].image)
            if checked[reference] is not None:
                return checked[reference]
        return None

    def _picture(self, blob: Blob) -> dict[str, Any] | None:
        """The bytes as the Image feature takes them, or None and a problem when no picture can be read from them."""
        try:
            data = blob.read()
            open_picture(data, Path(blob.name).name, MAXIMUM_PIXELS)
        except (OSError, ValueError) as error:
            self.problems.add("picture that cannot be read", f"{blob.name} ({error})")
            return None
        return {"bytes": data, "path": Path(blob.name).name}


def adapter_features(config: str) -> Features:
    """The project's columns of a config, all nullable, then the adapters' own."""
    return Features({**features(config), **EXTRA})


def expression(name: str, where: str) -> str:
    """A set's word for an expression as one of neutral, pain, other."""
    word = name.strip().lower().replace("-", "").replace("_", "").replace(" ", "")
    known = {"neutral": "neutral", "pain": "pain", "nonpain": "other", "other": "other", "nopain": "other"}
    if word not in known:
        raise InvalidInput(f"{where}: unknown expression {name!r}; known are {', '.join(EXPRESSIONS)} and non-pain")
    return known[word]


def deal(entries: Iterable[Entry], shares: Sequence[int] = (7, 2, 1), seed: int = 0) -> dict[str, list[Entry]]:
    """Entries by split, people never divided: subjects in the order of a hash of their names, dealt by `shares`.

    Used where a set has no splits of its own. Deterministic; with at least sum(shares) people every split has some.
    """
    entries = list(entries)
    order = sorted({entry.subject for entry in entries}, key=lambda name: hashed(name, seed))
    total, bounds, taken = sum(shares), [], 0
    for share in shares:
        taken += share
        bounds.append(round(len(order) * taken / total))
    split_of, start = {}, 0
    for split, end in zip(SPLITS, bounds, strict=True):
        split_of.update(dict.fromkeys(order[start:end], split))
        start = end
    splits: dict[str, list[Entry]] = {split: [] for split in SPLITS}
    for entry in entries:
        splits[split_of[entry.subject]].append(entry)
    return splits


def spread(names: Sequence[str], count: int = 5) -> list[str]:
    """At most `count` of the names, evenly spread over the list, the middle one first.

    The one rule for choosing neutral references from many: a recording's neighbouring frames say the same, and its
    first and last are seldom at rest.
    """
    count = min(count, len(names))
    order = sorted(range(count), key=lambda k: (abs(k - (count - 1) / 2), k))
    return [names[int((k + 0.5) * len(names) / count)] for k in order]


def hashed(name: str, seed: int = 0) -> str:
    return hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()
