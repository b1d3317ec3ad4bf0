"""README.md of a generated folder, from the run itself: the YAML that `load_dataset` reads, and what a person asks."""

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

from threedpain import demographics, schema
from threedpain.generation.dataset.plan import Config
from threedpain.generation.dataset.writer import replacing, write_text
from threedpain.pictures import FORMATS

from .card_text import ABOUT, CITATION, DESCRIPTION, HEADS, LABELS, LEGEND, MEANINGS, SKINS, TEXT
from .croissant import croissant

FOLDER = {
    "images": "images",
    "pairs": "images",
    "expressions": "expressions",
    "identities": "identities",
    "videos": "videos",
}
GRID = "grid.jpg"
CELL = 192  # pixels of a picture in the grid


def write_card(out: Path) -> None:
    """README.md, its sample grid and croissant.json for the finished dataset in `out`; always the same bytes for it."""
    plan = json.loads((out / "plan.json").read_text())
    manifest = json.loads((out / "manifest.json").read_text())
    config = Config.from_json(plan["config"])
    with replacing(out / GRID) as file:
        file.write(_grid(out))
    said = about("images", config, plan["generator_version"])
    write_text(out / "croissant.json", json.dumps(croissant(config, plan, said, MEANINGS), indent=1))
    write_text(out / "README.md", f"---\n{_yaml(config, plan, manifest)}---\n{_text(out, config, plan, manifest)}")


def columns_of(config_name: str, config: Config) -> Features:
    """The columns of one config of a set made with `config`."""
    return schema.features(config_name, config.truth if config_name in ("images", "pairs") else ())


def about(config_name: str, config: Config, version: str) -> dict[str, str]:
    """What `ds.info` says of one config of a set: description, licence, citation, and the generator's version."""
    return {
        "description": DESCRIPTION.format(
            people=config.identities, about=LABELS, name=config_name, row=ABOUT[config_name], legend=LEGEND,
            command=command_of(config),
        ),
        "license": licence(config),
        "citation": CITATION % version,
        "version": version,
    }  # fmt: skip


def licence(config: Config) -> str:
    """By the name that the Hub has for it."""
    return "other" if config.head == "flame" else "cc0-1.0"


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
        infos.append(
            {
                "config_name": name,
                **about(name, config, plan["generator_version"]),
                "features": columns._to_yaml_list(),
                "splits": splits,
                "download_size": total,
                "dataset_size": total,
            }
        )
        entry = {
            "config_name": name,
            "version": plan["generator_version"],
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
        "license": licence(config),
        "task_categories": [
            *("image-classification", "image-segmentation", "keypoint-detection"),
            *(["depth-estimation"] if "depth" in config.truth else []),
            *(["video-classification"] if config.videos else []),
        ],
        "tags": ["pain", "pspi", "facs", "action-units", "face", "synthetic", "healthcare", "3d", "fairness"],
        "size_categories": [_size_category(images)],
        "annotations_creators": ["machine-generated"],
        "generated_by": {
            "generator_version": plan["generator_version"],
            "command": command_of(config),
            "people": config.identities,
            "people_in_each_split": plan["rows"]["identities"],
            "pictures": images,
            "parameters": {k: list(v) if isinstance(v, tuple) else v for k, v in vars(config).items()},
        },
        "configs": configs,
        "dataset_info": infos,
    }
    return yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=10_000)


def _neutral() -> int:
    return schema.features("images")["expression"].str2int("neutral")


def _size_category(rows: int) -> str:
    bounds = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for bound, name in bounds if rows < bound), "1M<n<10M")


def _rows(out: Path, columns: list[str], config: str = "images") -> Iterator[dict]:
    for path in sorted(out.glob(f"{config}/*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(batch_size=99, columns=columns):
            yield from batch.to_pylist()


def _grid(out: Path) -> bytes:
    """A column an ethnicity: a woman and a man, at rest and in the strongest pain of theirs, from the front."""
    labels = schema.features("images")
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
                picture = (
                    Image.open(io.BytesIO(pictures[kind]), formats=FORMATS)
                    .convert("RGB")
                    .resize((CELL, CELL), Image.Resampling.LANCZOS)
                )
                sheet.paste(picture, (CELL * ethnicity, CELL * (2 * gender + row)))
    buffer = io.BytesIO()
    sheet.save(buffer, "jpeg", quality=90)
    return buffer.getvalue()


def command_of(config: Config) -> str:
    """The command that makes the same dataset again."""
    usual = vars(Config(identities=config.identities))
    options = [
        f"--{name.replace('_', '-')} {','.join(value) if isinstance(value, tuple) else value}"
        for name, value in vars(config).items()
        if name in ("identities", "expressions", "others", "views", "size", "seed")
        or (value != usual[name] and name != "device")
    ]
    return f"3dpain generate --out 3dpain {' '.join(options)}"


def _text(out: Path, config: Config, plan: dict, manifest: dict) -> str:
    cells, histogram = _census(out)
    rejects: Counter = Counter()
    for entry in manifest["shards"]:
        rejects.update(entry["rejects"])
    environment = manifest["shards"][0]["environment"]
    ages, genders, ethnicities = demographics.AGE_GROUPS, demographics.GENDERS, demographics.ETHNICITIES
    most = max(histogram.values(), default=1)
    return TEXT.format(
        grid=GRID,
        images=sum(plan["rows"]["images"].values()),
        people=config.identities,
        size=config.size,
        views=f"{config.views} view{'s'[: config.views - 1]}",
        megabytes=sum(file["bytes"] for entry in manifest["shards"] for file in entry["files"]) / 1e6,
        splits=" | ".join(demographics.SPLITS),
        rows="\n".join(
            _table_row(f"`{name}`", ABOUT[name], *(f"{rows.get(split, 0):,}" for split in demographics.SPLITS))
            for name, rows in plan["rows"].items()
            if rows
        ),
        columns="\n".join(column_rows(columns_of("pairs", config))),
        ethnicities=", ".join(ethnicities),
        ethnicity_columns=" | ".join(ethnicities),
        ethnicity_rules="---|" * len(ethnicities),
        cells="\n".join(
            _table_row(age, gender, *(cells[age, gender, ethnicity] for ethnicity in ethnicities))
            for age in ages
            for gender in genders
        ),
        bars="\n".join(f"{n:>2} {'█' * round(40 * histogram[n] / most):<40} {histogram[n]}" for n in range(1, 17)),
        others=_others(out),
        skin=SKINS[config.texture],
        head=HEADS[config.head],
        command=command_of(config),
        version=plan["generator_version"],
        packages=", ".join(f"{name} {version}" for name, version in environment["packages"].items()),
        device=environment["device"],
        cpu=environment["cpu"]["name"],
        refused="".join(f"\n- {reason}: {times}" for reason, times in sorted(rejects.items())) or "\n- none",
    )


def _census(out: Path) -> tuple[Counter, Counter]:
    """Identities by cell and pain expressions by PSPI, counted in the files themselves."""
    labels, cells, histogram = schema.features("images"), Counter(), Counter()
    for row in _rows(out, ["identity_id", "age_group", "gender", "ethnicity"], "identities"):
        cells[tuple(labels[name].int2str(row[name]) for name in ("age_group", "gender", "ethnicity"))] += 1
    for row in _rows(out, ["PSPI"], "expressions"):
        histogram[round(row["PSPI"])] += 1
    return cells, histogram


def _others(out: Path) -> str:
    """A sentence about the pictures of expressions that are no pain; nothing where there are none."""
    counts = Counter(row["expression_name"] for row in _rows(out, ["expression_name"]))
    others = [f"{name.replace('_', ' ')} {n:,}" for name, n in counts.most_common() if name not in ("neutral", "pain")]
    return f"\nPictures of other expressions: {', '.join(others)}.\n" if others else ""


def column_rows(columns: Features) -> Iterator[str]:
    """A line a column; the action units share one."""
    for name, kind in columns.items():
        if name == schema.AU_COLUMNS[0]:
            units = ", ".join(f"`{unit}`" for unit in schema.AU_COLUMNS)
            yield _table_row(units, f"{kind_of(kind)} each", "intensity of the FACS action unit, 0 to 5; AU43 0 to 1")
        if name not in schema.AU_COLUMNS:
            yield _table_row(f"`{name}`", kind_of(kind), MEANINGS[name])


def _table_row(*values: object) -> str:
    return f"| {' | '.join(map(str, values))} |"


def kind_of(kind) -> str:
    """A column's type in words."""
    if isinstance(kind, ClassLabel):
        return f"ClassLabel: {', '.join(kind.names)}"
    if isinstance(kind, dict):
        return f"struct of {', '.join(kind)}"
    length = getattr(kind, "length", None)
    if hasattr(kind, "feature"):
        inner = kind_of(kind.feature)
        return f"list of {inner}" if length in (None, -1) else f"{length} x {inner}"
    return getattr(kind, "dtype", None) if type(kind).__name__ == "Value" else type(kind).__name__
