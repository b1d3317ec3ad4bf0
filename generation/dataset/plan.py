"""The plan of a dataset: one typed `Config` says who, which expressions and which views; nothing here renders.

Every part of the plan depends on the seed and on its own index alone, never on how many identities there are: a set of
50 is the beginning of the set of 2,500, and a set can grow.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property

from threedpain import demographics, expressions, facs, limits
from threedpain.errors import InvalidInput
from threedpain.generation.seeds import child
from threedpain.generation.worn.choice import draw_accessories, draw_cover
from threedpain.schema import CONFIGS, GENERATOR_VERSION, TRUTHS

# Name -> what `sample_scene` is asked for: a named view, or (yaw, pitch) of the head relative to the camera in degrees.
VIEWS: dict[str, str | tuple[float, float]] = {
    "front": "front",
    "left": "left",
    "right": "right",
    "above": (0.0, 18.0),
    "below": (0.0, -18.0),
    "far_left": (55.0, 0.0),
    "far_right": (-55.0, 0.0),
}
WARD = 0.25  # of a mixed set's views of a person are taken by a ward's camera, the neutral with the others
SMILING = 0.45  # of a training set's others: 11 % of all pictures where a quarter is not pain
IDENTITIES_PER_SHARD = 6  # 6 x 33 rows are two row groups of 99
MAX_VIDEOS = 40  # as many as SynPAIN has
VIDEO_SECONDS, VIDEO_FPS = 5, 24

# For the estimate printed before a run: per core of a 2-core machine without a GPU (benchmarks/generate.py).
PICTURE_SECONDS, MEGAPIXEL_SECONDS, PERSON_SECONDS = 0.031, 0.195, 1.5
PICTURE_BYTES, MEGAPIXEL_BYTES, PERSON_BYTES = 8_000, 240_000, 950_000

_CHOICES = {
    "purpose": ("release", "training"),
    "picture": ("jpeg", "webp"),
    "device": ("auto", "cpu", "cuda"),
    "head": limits.HEADS,
    "texture": ("embedded", "depth-to-image", "flat"),
    "accessories": ("on", "off"),
    "cameras": (*limits.CAMERAS, "mixed"),
}


@dataclass(frozen=True)
class Config:
    """Everything `3dpain generate` can be asked for; saved whole with the output."""

    identities: int = 2500
    expressions: int = 10  # pain expressions per identity
    others: int = 0  # non-pain expressions per identity
    single_units: int = 0  # further expressions, of one action unit alone
    views: int = 3
    size: int = 512  # pixels
    seed: int = 0
    videos: int | None = None  # identities that also get a video; None: one in 50, at most 40
    truth: tuple[str, ...] = ()  # more label pictures, any of schema.TRUTHS
    picture: str = "jpeg"
    device: str = "auto"
    head: str = limits.HEADS[0]
    flame_file: str | None = None
    texture: str = "embedded"
    texture_model: str | None = None
    inpaint_model: str | None = None
    accessories: str = "on"  # about a quarter of the people wear glasses or something of medicine, a hand covers ...
    # training: nearly half of the others smile or laugh, half of all lids droop, more is worn and covered
    purpose: str = "release"
    cameras: str | None = None  # standard, ward or mixed; None: mixed to train on, standard otherwise

    def __post_init__(self) -> None:
        for limit in limits.DATASET:
            limit.check(getattr(self, limit.name))
        if self.cameras is None:
            object.__setattr__(self, "cameras", "mixed" if self.purpose == "training" else "standard")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InvalidInput(f"{name} is one of {', '.join(allowed)}, not {getattr(self, name)!r}.")
        object.__setattr__(self, "truth", tuple(self.truth))
        for name in self.truth:
            if name not in TRUTHS:
                raise InvalidInput(f"truth is any of {', '.join(TRUTHS)}, not {name!r}.")
        if self.videos is None:
            object.__setattr__(self, "videos", min(MAX_VIDEOS, self.identities // 50))
        if not 0 <= self.videos <= self.identities:
            raise InvalidInput(
                f"videos is a whole number from 0 to the {self.identities} identities, not {self.videos}."
            )
        if self.videos and not self.expressions:
            raise InvalidInput("videos show pain expressions: ask for at least one expression, or for no videos.")
        if (self.head == "flame") != (self.flame_file is not None):
            raise InvalidInput("the FLAME head needs its model file: give head 'flame' and flame_file together.")
        if self.texture != "depth-to-image" and (self.texture_model or self.inpaint_model):
            raise InvalidInput("texture_model and inpaint_model belong to the texture backend 'depth-to-image'.")

    @classmethod
    def from_json(cls, data: dict) -> Config:
        known = {f.name for f in fields(cls)}
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in known})

    @property
    def expressions_per_identity(self) -> int:
        """The neutral one among them."""
        return 1 + self.expressions + self.others + self.single_units

    @property
    def rows_per_identity(self) -> int:
        return self.expressions_per_identity * self.views


@dataclass(frozen=True)
class Expression:
    id: str  # id_00012_pain_03
    kind: str  # neutral, pain, other
    name: str
    action_units: dict[str, float]


@dataclass(frozen=True)
class Person:
    """One identity of the plan. `seed` names the first draw; a draw that fails a quality gate is drawn again."""

    index: int
    id: str
    split: str
    age: float
    age_group: str
    gender: str
    ethnicity: str
    expressions: tuple[Expression, ...]  # the neutral one first

    @property
    def cell(self) -> tuple[str, str, str]:
        return self.age_group, self.gender, self.ethnicity


@dataclass(frozen=True)
class Shard:
    """What one worker makes at a time: the pictures, or the videos, of a few identities of one split."""

    kind: str  # images, videos
    split: str
    number: int
    identities: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.split}-{self.number:05d}"


@dataclass(frozen=True)
class Plan:
    config: Config

    def person(self, index: int) -> Person:
        seed = self.config.seed
        group, gender, ethnicity = demographics.cell_of(index, seed)
        low, high = demographics.AGE_GROUPS[group]
        age = round(float(child(seed, "age", index).uniform(low, min(high + 0.9, demographics.OLDEST))), 1)
        return Person(
            index,
            identity_id(index),
            demographics.split_of(index, seed),
            age,
            group,
            gender,
            ethnicity,
            tuple(self._expressions(index)),
        )

    def _expressions(self, index: int) -> Iterator[Expression]:
        """The neutral face; pain, its PSPI targets even over 1..16 across the identity's cell; others by turns; units
        alone."""
        seed, cell, name = self.config.seed, demographics.cell_of(index, self.config.seed), identity_id(index)
        turn = index // len(demographics.CELLS)
        yield Expression(neutral_id(name), "neutral", "neutral", {})
        for number in range(self.config.expressions):
            # Cells go through one order of targets, each from another place: even in a cell, and even across cells.
            block, place = divmod(turn * self.config.expressions + number, 16)
            order = child(seed, "targets", block).permutation(16)
            target = 1 + int(order[(place + 3 * demographics.CELLS.index(cell)) % 16])
            units = expressions.sample_for_pspi(target, child(seed, "pain", *cell, target, block))
            units = self._for_training(units, "pain", index, number)
            yield Expression(f"{name}_pain_{number:02d}", "pain", "pain", in_order(units))
        for number in range(self.config.others):
            turn_of_other = self._turn(cell, turn * self.config.others + number)
            other, units = expressions.sample_other(child(seed, "other", index, number), name=turn_of_other)
            units = self._for_training(units, "other", index, number)
            shown = f"{name}_other_{number:02d}"
            yield Expression(shown, "other", other, in_order(units, other, shown))
        for number in range(self.config.single_units):
            units = expressions.sample_single(child(seed, "single", index, number))
            yield Expression(f"{name}_unit_{number:02d}", "other", expressions.SINGLE, in_order(units))

    def _turn(self, cell: tuple[str, str, str], count: int) -> str:
        """Whose turn it is after `count` others of a cell: every expression before one comes again. Sets for training
        smile or laugh in `SMILING` of their turns."""

        def nth(names: tuple[str, ...], number: int) -> str:
            block, place = divmod(number, len(names))
            return str(child(self.config.seed, "turns", *cell, names[0], block).permutation(names)[place])

        if self.config.purpose == "release":
            return nth(expressions.TURNS, count)
        late = demographics.CELLS.index(cell) / len(demographics.CELLS)  # cells do not smile all at once
        smiles, after = int(SMILING * count + late), int(SMILING * (count + 1) + late)
        if after > smiles:
            return nth(expressions.SMILES, smiles)
        return nth(tuple(name for name in expressions.TURNS if name not in expressions.SMILES), count - smiles)

    def _for_training(self, units: Mapping[str, float], kind: str, index: int, number: int) -> Mapping[str, float]:
        if self.config.purpose == "release":
            return units
        return expressions.with_drooping_lids(units, child(self.config.seed, "lids", kind, index, number))

    def identity_seed(self, index: int, attempt: int = 0) -> int:
        return int(child(self.config.seed, "identity", index, attempt).integers(2**62))

    def accessories(
        self, seed: int, age: float, gender: str, picture: str = "", kind: str = "neutral"
    ) -> tuple[str, ...]:
        """What the person of `seed` wears in all pictures and clips of the set, and what covers the face in the
        `picture` of that id."""
        if self.config.accessories == "off":
            return ()
        worn = draw_accessories(seed, age, gender, self.config.purpose)
        if kind == "neutral" and not self._covers_neutral(seed, picture, worn):
            return worn
        return worn + draw_cover(seed, picture, worn, self.config.purpose)

    def _covers_neutral(self, seed: int, picture: str, worn: tuple[str, ...]) -> bool:
        """Whether a cover may lie on that neutral picture. It is a reference, so nothing comes before it, but in sets
        to train on, whose reader must not take what is hidden for pain; there one of a person's neutral pictures at
        least stays free: the first view's, where all others are covered."""
        if self.config.purpose == "release" or not picture:
            return False
        expression = neutral_id(identity_of(picture))
        first, *others = (picture_id(expression, view) for view in self.views)
        return picture != first or not all(draw_cover(seed, other, worn, self.config.purpose) for other in others)

    def camera(self, index: int, view: str) -> str:
        """The kind of camera, of limits.CAMERAS, that takes all pictures of a person from a view."""
        if self.config.cameras != "mixed":
            return str(self.config.cameras)
        return "ward" if child(self.config.seed, "camera", index, view).random() < WARD else "standard"

    @property
    def views(self) -> tuple[str, ...]:
        return tuple(VIEWS)[: self.config.views]

    @cached_property
    def members(self) -> dict[str, list[int]]:
        """Identity indices of each split that has any."""
        members: dict[str, list[int]] = {split: [] for split in demographics.SPLITS}
        for index in range(self.config.identities):
            members[demographics.split_of(index, self.config.seed)].append(index)
        return {split: indices for split, indices in members.items() if indices}

    @cached_property
    def shards(self) -> list[Shard]:
        shards = []
        for split, indices in self.members.items():
            for number, start in enumerate(range(0, len(indices), IDENTITIES_PER_SHARD)):
                group = tuple(indices[start : start + IDENTITIES_PER_SHARD])
                shards.append(Shard("images", split, number, group))
                filmed = tuple(i for i in group if i < self.config.videos)
                if filmed:
                    shards.append(Shard("videos", split, number, filmed))
        return shards

    @cached_property
    def by_name(self) -> dict[str, Shard]:
        return {shard.name: shard for shard in self.shards}

    def fingerprint(self, shard: Shard) -> str:
        """Equal for two plans when the shard's bytes are: of the set's size, only the shard's own members count."""
        same = {k: v for k, v in asdict(self.config).items() if k not in ("identities", "videos", "device")}
        if not self.config.single_units:  # sets begun before there were such
            del same["single_units"]
        text = json.dumps([GENERATOR_VERSION, same, asdict(shard)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def rows(self, config: str) -> dict[str, int]:
        """Rows of each split in one of `CONFIGS`; splits without rows are left out."""
        c = self.config
        per_identity = {
            "images": c.rows_per_identity,
            "pairs": (c.expressions_per_identity - 1) * c.views,
            "expressions": c.expressions,
            "identities": 1,
        }
        counts = {}
        for split, indices in self.members.items():
            people = sum(i < c.videos for i in indices) if config == "videos" else len(indices)
            counts[split] = people * per_identity.get(config, 1)
        return {split: n for split, n in counts.items() if n}

    def cells(self) -> Counter:
        return Counter(demographics.cell_of(i, self.config.seed) for i in range(self.config.identities))

    def estimate(self, workers: int) -> tuple[float, float]:
        """Seconds and bytes the whole set will take on a CPU, from runs on 2 cores without a GPU."""
        c, megapixels = self.config, (self.config.size / 1000) ** 2
        pictures, frames = sum(self.rows("images").values()), c.videos * VIDEO_SECONDS * VIDEO_FPS
        if "aligned_neutral" in c.truth:
            pictures += sum(self.rows("pairs").values())
        each = PICTURE_SECONDS + MEGAPIXEL_SECONDS * megapixels
        seconds = (pictures + frames) * each + c.identities * PERSON_SECONDS
        size = pictures * (PICTURE_BYTES + MEGAPIXEL_BYTES * megapixels) + c.identities * PERSON_BYTES
        return seconds / workers, size

    def duration(self, workers: int) -> str:
        """The estimate's time in words."""
        return f"{_duration(self.estimate(workers)[0])} with {workers} worker{'s'[: workers - 1]} on a CPU"

    def table(self, workers: int) -> str:
        """The plan in a few lines, with the time and room it will take."""
        splits = tuple(self.members)
        lines = [f"{'':12}" + "".join(f"{split:>12}" for split in (*splits, "all"))]
        for config in CONFIGS:
            rows = self.rows(config)
            if rows:
                numbers = [*(rows.get(split, 0) for split in splits), sum(rows.values())]
                lines.append(f"{config:12}" + "".join(f"{number:12,}" for number in numbers))
        per_cell = self.cells().values()
        _, size = self.estimate(workers)
        people = f"{min(per_cell)}" if min(per_cell) == max(per_cell) else f"{min(per_cell)} to {max(per_cell)}"
        cells = f"{people} in each of {len(per_cell)} cells of age, gender and ethnicity"
        lines.append(
            f"{self.config.identities:,} people, {cells}; views: {', '.join(self.views)}; {self.config.size} pixels."
        )
        lines.append(f"About {self.duration(workers)}, {size / 1e9:.2g} GB.")
        return "\n".join(lines)

    def to_json(self) -> dict:
        return {
            "generator_version": GENERATOR_VERSION,
            "config": asdict(self.config),
            "views": list(self.views),
            "rows": {config: self.rows(config) for config in CONFIGS},
            "identities_per_shard": IDENTITIES_PER_SHARD,
            "shards": len(self.shards),
        }


def in_order(action_units: Mapping[str, float], name: str = "", expression_id: str = "") -> dict[str, float]:
    """The units that act, in the order of the dataset's columns: the same sums whether drawn or read from a row. Rows
    hold no sides: the expression's id says which side an expression of one side alone has."""
    units = facs.strongest(action_units)
    side = "LR"[int(child(0, "side", expression_id).integers(2))] if name in expressions.ONE_SIDED else ""
    sided = expressions.OTHER_EXPRESSIONS[name] if side else {}
    return {unit + (side if unit in sided else ""): units[unit] for unit in facs.ACTION_UNITS if units.get(unit)}


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"


def identity_id(index: int) -> str:
    return f"id_{index:05d}"


def neutral_id(identity: str) -> str:
    return f"{identity}_neutral"


def picture_id(expression_id: str, view: str) -> str:
    return f"{expression_id}_{view}"


def identity_of(expression_id: str) -> str:
    """id_00012_pain_03 -> id_00012."""
    return "_".join(expression_id.split("_")[:2])
