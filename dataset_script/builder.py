"""`load_dataset("3dpain")`: reads the folder ./3dpain where there is one; otherwise makes a set in the cache."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import datasets
import pyarrow.parquet as pq
from datasets.packaged_modules.parquet.parquet import Parquet, ParquetConfig

from threedpain.assets import cache_dir
from threedpain.demographics import SPLITS
from threedpain.errors import InvalidInput, MissingFile
from threedpain.extras import has, need_extra
from threedpain.generation.dataset.manifest import read_plan
from threedpain.generation.dataset.swap import recover
from threedpain.schema import CONFIGS, GENERATOR_VERSION, features

from . import NAME, sample
from .card import FOLDER, about, write_card
from .plain import check

if TYPE_CHECKING:
    from threedpain.generation.dataset.plan import Config

logger = logging.getLogger(__name__)


@dataclass
class PainConfig(ParquetConfig):
    """What to make when there is no folder ./3dpain; giving any of these makes that set, whatever folder there is."""

    identities: int = 50
    expressions: int = 10
    others: int = 0
    single_units: int = 0
    views: int = 3
    size: int = 256
    seed: int = 0
    videos: int | None = None
    truth: tuple[str, ...] = ()
    picture: str = "jpeg"
    texture: str = "embedded"
    device: str = "auto"
    workers: int | None = None  # processes that make the set; None: one a core


PARAMETERS = tuple(f.name for f in fields(PainConfig) if f.name not in {f.name for f in fields(ParquetConfig)})


class ThreeDPain(Parquet):
    """Parquet files as every reader of datasets reads them; what is ours is where they come from."""

    BUILDER_CONFIG_CLASS = PainConfig
    BUILDER_CONFIGS = [
        *(PainConfig(name=name, version=datasets.Version(GENERATOR_VERSION)) for name in CONFIGS),
        PainConfig(name="sample", version=datasets.Version(GENERATOR_VERSION), **sample.PLAN),
    ]
    DEFAULT_CONFIG_NAME = "images"

    def __init__(self, *args, hash: str | None = None, **kwargs):
        self.asked = any(name in kwargs for name in PARAMETERS)
        if kwargs.get("config_name") == "sample":
            if self.asked:
                raise InvalidInput(f"the sample is as it came; other sets are load_dataset({NAME!r}, identities=...)")
            self.folder = sample.shipped()
        else:
            self.folder = None if self.asked or not Path(NAME).is_dir() else Path(NAME).resolve()
            if self.folder is not None:
                recover(self.folder)
        # The library's cache may not outlive the folder it was made from.
        source = (self.folder / "manifest.json").read_bytes() if _whole(self.folder) else GENERATOR_VERSION.encode()
        super().__init__(*args, hash=hashlib.sha256(source).hexdigest()[:32], **kwargs)

    def _split_generators(self, dl_manager):
        folder = self.folder or self._make()
        if not _whole(folder):
            raise MissingFile(f"{folder} is not a finished dataset: `3dpain generate --out {folder}` goes on with one.")
        name = self.config.name
        kind = FOLDER.get(name, "images")
        files = {split: sorted(map(str, folder.glob(f"{kind}/{split}-*.parquet"))) for split in SPLITS}
        files = {split: paths for split, paths in files.items() if paths}
        if not files:
            raise MissingFile(f"{folder} was made without {name}.")
        check((path for paths in files.values() for path in paths), str(folder))
        columns = datasets.Features.from_arrow_schema(pq.read_schema(next(iter(files.values()))[0]))
        if name == "images":
            columns.pop("neutral_image")  # of `pairs`, which reads the same files
            self.config.columns = list(columns)
        if name == "pairs":
            self.config.filters = [("expression", "!=", features("images")["expression"].str2int("neutral"))]
        self.info.features = columns
        version, made_with = read_plan(folder / "plan.json")
        for what, text in about("images" if name == "sample" else name, made_with, version).items():
            setattr(self.info, what, text)
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"files": paths, "row_groups_list": [None] * len(paths)})
            for split, paths in files.items()
        ]

    def to_make(self) -> Config:
        """What is made where there is no folder. Videos that nobody asked for are left out where none can be made."""
        from threedpain.generation.dataset.plan import Config

        asked = {name: getattr(self.config, name) for name in PARAMETERS if name != "workers"}
        if asked["videos"] or self.config.name == "videos":
            need_extra("av", "video")
        elif not has("av"):
            asked["videos"] = 0
        try:
            return Config(**asked)
        except TypeError as mistake:
            raise InvalidInput(str(mistake)) from None

    def _make(self) -> Path:
        """The folder in the cache that holds the set this config describes; made now unless it is there."""
        from threedpain.generation.dataset.generate import generate
        from threedpain.generation.dataset.plan import Plan

        config, workers = self.to_make(), self.config.workers or len(os.sched_getaffinity(0))
        what = json.dumps([GENERATOR_VERSION, asdict(config)], sort_keys=True)
        folder = cache_dir() / "sets" / hashlib.sha256(what.encode()).hexdigest()[:16]
        if not _whole(folder):
            what = f"making {config.identities} identities at {config.size} px in {folder}, once; about "
            what += f"{Plan(config).duration(workers)}."
            if not self.asked and self.config.name != "sample":
                what = (
                    f"There is no folder ./{NAME}: {what} Fewer are made sooner: load_dataset({NAME!r}, identities=10)."
                )
                if sample.shipped():
                    what += f" Some came with the package: load_dataset({NAME!r}, 'sample')."
            logger.warning(what)
            generate(folder, config, workers, finish=write_card, progress=not datasets.are_progress_bars_disabled())
        return folder


def _whole(folder: Path | None) -> bool:
    return folder is not None and (folder / "manifest.json").is_file()
