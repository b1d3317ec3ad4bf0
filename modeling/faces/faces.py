"""Faces ready for ViTPain: a data set's pictures, cut out once into packed arrays, with their labels and references.

`FaceSet.pack` decodes a data set (config `images`, ours or an adapter's) once and keeps the crops in the user's cache:
an epoch costs no decoding. Crops are MARGIN times larger than the face crop, which leaves room for augmentation.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from threedpain.assets import cache_dir
from threedpain.dataset_script.archives import alone, sweep
from threedpain.errors import InvalidInput
from threedpain.facs import PAIN_UNITS
from threedpain.limits import COVERS
from threedpain.modeling.vitpain.image_processing_vitpain import CROP_SCALE, as_picture, face_crop, whole_picture
from threedpain.pictures import stored_picture
from threedpain.regions import PARTS

logger = logging.getLogger(__name__)

MARGIN = 1.25  # packed crop over face crop
UNKNOWN = 255  # level of a packed mask where the set has none
CONDITIONS = ("realistic", "aligned", "none")
_FORMAT = 4  # of the cache; raised when packed bytes change

TEXTS = (
    "id", "identity_id", "subject", "expression_id", "view_id", "expression", "expression_name", "age_group", "gender",
    "ethnicity", "source", "source_age_group", "fold", "accessories",
)  # fmt: skip
VISIBLE = tuple(f"visible_{part}" for part in PARTS)
ARRAYS = ("images", "heatmaps", "masks", "landmarks")  # as FaceSet holds them
NUMBERS = ("PSPI", *PAIN_UNITS, "age", "yaw", "pitch", "roll", "skin_tone")


@dataclass(frozen=True)
class FaceSet:
    """Pictures with labels and the neutral pictures of the same people.

    table: one row a picture: id, identity, view, expression, expression_name, PSPI, AU4 ... AU43, demographics; NaN or
        None where unknown. `aligned`: row of `images` with the same person at rest in the very same scene, or -1.
    rows: which rows of the packed arrays this set consists of, [N].
    images: uint8 [M, S, S, 3], M >= N: the pictures, then their aligned neutrals.
    landmarks: float32 [M, 68, 2], on the plain face crop, both axes -1..1; NaN where unknown.
    heatmaps, masks: uint8 [M, S / 2, S / 2]; 0.05 mm a level; mask classes, UNKNOWN where there is none.
    references: per row of the packed arrays, rows with other neutral pictures of the person, the preferred one first.
    """

    table: pd.DataFrame
    rows: np.ndarray
    images: np.ndarray
    heatmaps: np.ndarray
    masks: np.ndarray
    landmarks: np.ndarray
    references: Sequence[np.ndarray]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def side(self) -> int:
        """Pixels of the packed crops."""
        return self.images.shape[1]

    @property
    def has_boxes(self) -> bool:
        """Whether the crops follow face boxes (otherwise they are whole pictures)."""
        return bool(self.table["boxed"].all())

    def can(self, condition: str, everyone: bool = True) -> bool:
        """Whether every picture has a reference of this kind, or any ("realistic": always any)."""
        if condition == "aligned":
            has = self.table["aligned"] >= 0
            return bool(has.all() if everyone else has.any())
        return condition == "none" or any(len(self.references[row]) for row in self.rows)

    def subset(self, keep: np.ndarray) -> FaceSet:
        """The pictures at these positions, or where this mask is true; references may lie outside of the subset."""
        keep = np.asarray(keep)
        keep = np.flatnonzero(keep) if keep.dtype == bool else keep
        return replace(self, table=self.table.iloc[keep].reset_index(drop=True), rows=self.rows[keep])

    def where(self, conditions: Sequence[str]) -> FaceSet:
        """Rows that meet every `column=value[,value]`, as in "age_group=18-29,30-44"."""
        keep = np.ones(len(self), dtype=bool)
        for condition in conditions:
            column, equals, values = condition.partition("=")
            if not equals or column not in self.table:
                raise InvalidInput(f"{condition!r} is no column=value; columns are {', '.join(self.table.columns)}")
            keep &= self.table[column].astype(str).isin(values.split(",")).to_numpy()
        if not keep.any():
            raise InvalidInput(f"no picture meets {' and '.join(conditions)}")
        return self.subset(keep)

    def first_identities(self, count: int) -> FaceSet:
        """The pictures of the first `count` people; every identity number follows the balanced rounds of the plan."""
        people = self.table["identity"].drop_duplicates()
        if count > len(people):
            raise InvalidInput(f"{count} identities are asked for, but the set has {len(people)}")
        return self.subset(self.table["identity"].isin(people.iloc[:count]).to_numpy())

    def labels(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """PSPI [n], the pain units [n, 6], whether PSPI >= 1, 2, 3 [n, 3], and the share of each region that can be
        seen [n, 6]; NaN where unknown.

        Where only the kind of expression is known, pain means PSPI >= 1 and anything else that there is none.
        """
        chosen = self.table.iloc[positions]
        pspi = chosen["PSPI"].to_numpy(np.float32)
        kind = chosen["expression"].to_numpy()[:, None]
        by_kind = np.where(kind == "pain", [1.0, np.nan, np.nan], np.where(pd.isna(kind), np.nan, 0.0))
        over = np.where(np.isnan(pspi)[:, None], by_kind, pspi[:, None] >= np.arange(1, 4))
        return {
            "labels": np.array(pspi),
            "au_targets": np.array(chosen[list(PAIN_UNITS)], np.float32),
            "pain_targets": over.astype(np.float32),
            "visible_targets": np.array(chosen[list(VISIBLE)], np.float32),
        }

    def choose_references(
        self, positions: np.ndarray, condition: str, rng: np.random.Generator, shots: int = 1
    ) -> np.ndarray:
        """Rows of `images` [n, shots] that show the same people at rest, -1 where there is none.

        "realistic": another photograph of the person, from another view where there is one; "aligned": the same scene;
        "none": nothing.
        """
        if condition not in CONDITIONS:
            raise InvalidInput(f"the reference must be one of {', '.join(CONDITIONS)}, got {condition!r}")
        chosen = np.full((len(positions), shots), -1)
        if condition == "aligned":
            chosen[:] = self.table["aligned"].to_numpy()[positions, None]
            if (chosen < 0).any():
                raise InvalidInput(
                    "this set has no aligned neutral pictures (the same person at rest in the same scene); "
                    "make it with --truth aligned_neutral, or leave the aligned condition out"
                )
        elif condition == "realistic":
            for at, position in enumerate(positions):
                found = self.references[self.rows[position]]
                if len(found):
                    chosen[at] = rng.choice(found, shots, replace=len(found) < shots)
        return chosen

    @classmethod
    def pack(
        cls, dataset, size: int = 160, whole: bool = False, cache: Path | None = None, workers: int = 2
    ) -> FaceSet:
        """Decode, crop and keep a `datasets.Dataset`.

        size: side of the packed crops; the model sees size / MARGIN of it.
        whole: take the whole picture instead of the face box.
        """
        if len(dataset) == 0:
            raise InvalidInput("the data set is empty")
        if not {"image", "PSPI"} <= set(dataset.column_names):
            raise InvalidInput(f"a data set needs the columns image and PSPI; this one has {dataset.column_names}")
        key = hashlib.sha256(json.dumps([_FORMAT, dataset._fingerprint, size, whole, MARGIN]).encode()).hexdigest()[:20]
        folder = (cache or cache_dir() / "faces") / key
        if not (folder / "table.parquet").exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with alone(folder):  # whoever comes second finds what the first one packed
                if not (folder / "table.parquet").exists():
                    sweep(folder.parent, folder)
                    shutil.rmtree(folder, ignore_errors=True)
                    _pack(dataset, folder, size, whole, workers)
        table = pd.read_parquet(folder / "table.parquet")
        arrays = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS]
        return cls(table.drop(columns="references"), np.arange(len(table)), *arrays, _references(table))


def packed_size(image_size: int) -> int:
    """Side of packed crops that leaves augmentation its margin."""
    return 2 * round(image_size * MARGIN / 2)


def join(sets: Sequence[FaceSet]) -> FaceSet:
    """Several sets as one; their identities stay apart. Copies the pictures the sets use, their references included."""
    tables, rows, references, stacks, start = [], [], [], [], 0
    for number, faces in enumerate(sets):
        table = faces.table.copy()
        aligned = table["aligned"].to_numpy()
        used = np.unique(np.concatenate([faces.rows, *(faces.references[row] for row in faces.rows), aligned]))
        used = used[used >= 0].astype(int)
        place = np.full(len(faces.images), -1)
        place[used] = start + np.arange(len(used))
        table["identity"] = f"{number}/" + table["identity"].astype(str)
        table["aligned"] = np.where(aligned >= 0, place[aligned], -1)
        tables.append(table)
        rows.append(place[faces.rows])
        known = [faces.references[row] if row < len(faces.references) else np.empty(0, int) for row in used]
        references += [place[found][place[found] >= 0] for found in known]
        stacks.append([getattr(faces, name)[used] for name in ARRAYS])
        start += len(used)
    arrays = [np.concatenate(parts) for parts in zip(*stacks, strict=True)]
    return FaceSet(pd.concat(tables, ignore_index=True), np.concatenate(rows), *arrays, references)


def _pack(dataset, folder: Path, size: int, whole: bool, workers: int) -> None:
    from datasets import Image as ImageFeature

    pictures = [name for name in ("image", "heatmap", "mask", "aligned_neutral") if name in dataset.column_names]
    table = _table(dataset)
    table["aligned"] = -1
    boxes = dataset["bbox"] if "bbox" in dataset.column_names and not whole else [None] * len(dataset)
    table["boxed"] = [box is not None and None not in box for box in boxes]
    if "aligned_neutral" in pictures:
        stored = dataset.select_columns(["aligned_neutral"]).with_format("arrow").iter(1000)
        shown = np.concatenate([batch["aligned_neutral"].is_valid().to_numpy(zero_copy_only=False) for batch in stored])
        table.loc[shown, "aligned"] = len(dataset) + np.arange(shown.sum())
        at_rest = (table["expression"] == "neutral").to_numpy() & ~shown
        table.loc[at_rest, "aligned"] = np.flatnonzero(at_rest)
    count = len(dataset) + int((table["aligned"] >= len(dataset)).sum())
    for name in pictures:
        dataset = dataset.cast_column(name, ImageFeature(decode=False))
    keep = [*pictures, *(name for name in ("bbox", "landmarks") if name in dataset.column_names)]
    dataset = dataset.select_columns(keep)

    part = folder.with_name(f"{folder.name}.part")
    part.mkdir()
    half = size // 2
    shapes = {"images": (count, size, size, 3), "heatmaps": (count, half, half), "masks": (count, half, half)}
    arrays = {
        name: np.lib.format.open_memmap(part / f"{name}.npy", "w+", np.uint8, shape) for name, shape in shapes.items()
    }
    arrays["masks"][len(dataset) :] = UNKNOWN
    where = part / "landmarks.npy"
    arrays["landmarks"] = np.lib.format.open_memmap(where, "w+", np.float32, (count, 68, 2))
    arrays["landmarks"][:] = np.nan

    def one(number: int, row: dict) -> None:
        name = f"picture {table['id'].iat[number]}"
        picture = _photo(row["image"], name)
        try:
            square = _square(None if whole else row.get("bbox"), picture.size)
            arrays["images"][number] = _cut(picture, square, size, Image.Resampling.BILINEAR)
        except (ValueError, Image.DecompressionBombError) as problem:
            raise InvalidInput(f"the face box {row.get('bbox')} of {name} cannot be cut out: {problem}") from None
        if (heatmap := stored_picture(row.get("heatmap"))) is not None:
            arrays["heatmaps"][number] = _cut(heatmap.convert("L"), square, half, Image.Resampling.BOX)
        mask = stored_picture(row.get("mask"))
        arrays["masks"][number] = UNKNOWN if mask is None else _cut(mask, square, half, Image.Resampling.NEAREST)
        if (points := row.get("landmarks")) is not None:
            arrays["landmarks"][number] = _on_crop(np.asarray(points, float), square)
        if (aligned := stored_picture(row.get("aligned_neutral"))) is not None:
            place = table["aligned"].iat[number]
            arrays["images"][place] = _cut(as_picture(aligned), square, size, Image.Resampling.BILINEAR)

    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(dataset), desc="packing faces", unit="face", delay=2) as bar,
    ):
        for batch in _batches(len(dataset), 200):
            rows = dataset[batch.start : batch.stop]
            rows = [{name: rows[name][at] for name in rows} for at in range(len(batch))]
            for _ in pool.map(one, batch, rows):
                bar.update()
    for array in arrays.values():
        array.flush()
    table.to_parquet(part / "table.parquet")
    part.replace(folder)


def _table(dataset) -> pd.DataFrame:
    columns = [name for name in (*TEXTS, *NUMBERS, "references") if name in dataset.column_names]
    table = dataset.select_columns(columns).to_pandas()
    for name in columns:
        if names := getattr(dataset.features[name], "names", None):
            table[name] = table[name].map(lambda at, names=names: None if pd.isna(at) else names[int(at)])
    if "visible" in dataset.column_names:
        shares = pd.DataFrame([shares or {} for shares in dataset["visible"]], columns=PARTS)
        table = pd.concat([table, shares.add_prefix("visible_")], axis=1)
    for name in (*NUMBERS, *VISIBLE):
        table[name] = table[name].astype(np.float32) if name in table else np.float32(np.nan)
    for name in TEXTS:
        if name not in table:
            table[name] = None
    if table["id"].isna().any():
        table["id"] = [f"{at:06d}" for at in range(len(table))]
    who = table["identity_id"].where(table["identity_id"].notna(), table["subject"])
    table.insert(1, "identity", who.where(who.notna(), table["id"]))
    if "references" not in table:
        table["references"] = None
    return table


def _references(table: pd.DataFrame) -> list[np.ndarray]:
    """For each row the neutral pictures of the same person, itself excepted: those the set names, else all that are
    neutral; where there are such, those that nothing covers, and of these the ones from another view."""
    place = {name: at for at, name in enumerate(table["id"])}
    neutral = defaultdict(list)
    for at, (who, expression) in enumerate(zip(table["identity"], table["expression"], strict=True)):
        if expression == "neutral":
            neutral[who].append(at)
    views, found = table["view_id"].to_numpy(), []
    bare = [not {*names.split(",")} & {*COVERS} for names in table["accessories"].astype(object).fillna("")]
    for at, (who, named) in enumerate(zip(table["identity"], table["references"], strict=True)):
        if named is not None and len(named):
            found.append(np.array([place[name] for name in named if name in place and place[name] != at], dtype=int))
            continue
        others = [row for row in neutral[who] if row != at]
        others = [row for row in others if bare[row]] or others
        elsewhere = [row for row in others if views[row] != views[at]]
        found.append(np.array(elsewhere or others, dtype=int))
    return found


def _photo(stored: dict | None, name: str) -> Image.Image:
    picture = stored_picture(stored, name)
    if picture is None:
        raise InvalidInput(f"{name} is empty; every row of a set needs its picture")
    try:
        return as_picture(picture)
    except Exception as problem:  # any: a damaged palette or profile shows itself only here
        raise InvalidInput(f"{name} cannot be read as a picture ({type(problem).__name__})") from None


def _square(box: Sequence[float] | None, size: tuple[int, int]) -> tuple[float, ...]:
    """The square to pack: MARGIN times the face crop (without a box: the whole picture)."""
    x0, y0, x1, y1 = whole_picture(*size) if box is None or None in box else face_crop(box, CROP_SCALE)
    pad = (x1 - x0) * (MARGIN - 1) / 2
    return x0 - pad, y0 - pad, x1 + pad, y1 + pad


def _on_crop(points: np.ndarray, square: Sequence[float]) -> np.ndarray:
    """Points [k, 2] in pixels of a picture -> on the plain face crop, -1..1; `square` is what is packed."""
    x0, y0, x1, y1 = square
    return MARGIN * (2 * (points - (x0, y0)) / (x1 - x0, y1 - y0) - 1)


def _cut(picture: Image.Image, square: Sequence[float], size: int, resample: Image.Resampling) -> np.ndarray:
    x0, y0, x1, y1 = (round(edge) for edge in square)
    return np.asarray(picture.crop((x0, y0, x1, y1)).resize((size, size), resample))


def _batches(count: int, size: int) -> Iterator[range]:
    for start in range(0, count, size):
        yield range(start, min(start + size, count))
