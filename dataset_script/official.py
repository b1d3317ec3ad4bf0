"""The published 3D-Pain release: tars of images, annotations, heatmaps and textured meshes, joined by key into rows.

Keys are file names such as `flame_sample_0000_pain_1_annotations.json` and
`flame_sample_0000_pain_1_textured_view_000_inpainted.png`. The folders may hold the published .tar.gz shards or the
files already unpacked; `meshes_inpainted/` is another published name of `images/`. The split csv
(`annotation_base_name,split` with 0 train, 1 validation, 2 test) lists pain expressions alone: neutral pictures follow
their identity. Without a csv people are dealt 7:2:1.

The neutral reference of a picture is its identity's neutral in the same view, then the other views in order.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets import DatasetInfo, Features, Value

from threedpain import strict_json
from threedpain.errors import InvalidInput, MissingFile
from threedpain.facs import PAIN_UNITS, pspi

from . import table
from .adapter import SPLITS, Adapter, AdapterConfig, Blob, Entry, deal
from .archives import Problems, files

FOLDERS = {
    "images": ("images", "meshes_inpainted"),
    "annotations": ("annotations",),
    "heatmaps": ("heatmaps",),
    "meshes": ("textured_meshes", "meshes"),
}
_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_MESHES = (".obj", ".ply", ".glb", ".stl", ".mtl")
_KEY = re.compile(r"^(?P<identity>.+?)_(?P<expression>neutral|pain_\d+)(?P<rest>_.*)?$")
_VIEW = re.compile(r"_view_(\d+)")


class Official(Adapter):
    """load("official", folder or Hub id, split_csv=...)."""

    BUILDER_CONFIGS = [*Adapter.BUILDER_CONFIGS, AdapterConfig(name="identities")]
    name = "official"
    option_names = ("split_csv",)

    @classmethod
    def resolve(cls, path: str | Path) -> Path:
        local = Path(path).expanduser()
        if local.exists():
            return local
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", str(path)):
            raise MissingFile(f"official: {path} is neither a folder nor a Hub id such as SoroushMehraban/3D-Pain")
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            return Path(snapshot_download(str(path), repo_type="dataset"))
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
            raise MissingFile(f"official: {path} is no folder here, and the Hub did not give it: {error}") from None

    @classmethod
    def index(cls, path: Path, problems: Problems, split_csv: str | None = None) -> dict[str, list[Entry]]:
        images, labels, heatmaps = _images(path, problems), _annotations(path, problems), _heatmaps(path, problems)
        neutrals: dict[str, list[str]] = defaultdict(list)
        for identity, expression, view in images:
            if expression == "neutral":
                neutrals[identity].append(view)

        entries = []
        for (identity, expression, view), blob in images.items():
            base = f"{identity}_{expression}"
            if expression == "neutral":
                scores: dict[str, float] = dict.fromkeys([*PAIN_UNITS, "PSPI"], 0.0)
            elif base in labels:
                scores = labels[base]
            else:
                problems.add("image without annotation", blob.name)
                continue
            kind = expression.split("_")[0]
            views = sorted(neutrals.get(identity, ()), key=lambda other, view=view: (other != view, other))
            entries.append(
                Entry(
                    f"{base}_view_{view}",
                    identity,
                    {
                        "identity_id": identity,
                        "expression_id": base,
                        "view_id": view,
                        "expression": kind,
                        "expression_name": kind,
                        **scores,
                    },
                    blob,
                    heatmaps.get(f"{base}_view_{view}", heatmaps.get(base)),
                    [f"{identity}_neutral_view_{other}" for other in views],
                )
            )
            if not views:
                problems.add("identity without a neutral picture", identity)
        seen = {entry.columns["expression_id"] for entry in entries}
        for base in labels.keys() - seen:
            problems.add("annotation without image", base)
        for key in heatmaps:
            if key.split("_view_")[0] not in seen:
                problems.add("heatmap without image", key)
        return _split(entries, _find_csv(path, split_csv), problems)

    def _info(self) -> DatasetInfo:
        if self.config.name != "identities":
            return super()._info()
        text = Value("string")
        return DatasetInfo(
            features=Features(
                {
                    "identity_id": text,
                    "source": text,
                    "subject": text,
                    "mesh": [
                        {"name": text, "bytes": Value("binary")}
                    ],  # as published: obj, its material and texture, ...
                }
            )
        )

    def _generate_examples(self, rows: list[Entry], entries: dict[str, Entry]) -> Iterator[tuple[str, dict[str, Any]]]:
        if self.config.name != "identities":
            yield from super()._generate_examples(rows, entries)
            return
        meshes: dict[str, list[Path]] = defaultdict(list)
        for _, file in _files(self.source, "meshes", self.problems):
            match = _KEY.match(file.stem)
            if match or file.suffix.lower() in (*_MESHES, *_PICTURES):
                meshes[match["identity"] if match else re.sub(r"_(textured|mesh).*$", "", file.stem)].append(file)
        for identity in dict.fromkeys(entry.subject for entry in rows):
            if identity not in meshes:
                self.problems.add("identity without mesh", identity)
            yield (
                identity,
                {
                    "identity_id": identity,
                    "source": self.name,
                    "subject": identity,
                    "mesh": [{"name": file.name, "bytes": file.read_bytes()} for file in meshes[identity]],
                },
            )


def _files(path: Path, kind: str, problems: Problems) -> Iterator[tuple[str, Path]]:
    for name in FOLDERS[kind]:
        if (path / name).is_dir():
            yield from files(path / name, problems)
            return
    if kind in ("images", "annotations"):
        raise InvalidInput(
            f"official: {path} has no folder {' or '.join(FOLDERS[kind])}; the published release has "
            "images/, annotations/, heatmaps/ and textured_meshes/"
        )


def _keyed(path: Path, kind: str, suffixes: tuple[str, ...], problems: Problems) -> Iterator[tuple[re.Match, Path]]:
    for name, file in _files(path, kind, problems):
        if file.suffix.lower() not in suffixes:
            if file.suffix.lower() not in (".txt", ".md", ".csv"):
                problems.add(f"file that does not belong into {kind}", name)
            continue
        match = _KEY.match(file.stem)
        if match is None:
            problems.add(f"name in {kind} that is no key of the release", name)
            continue
        yield match, file


def _images(path: Path, problems: Problems) -> dict[tuple[str, str, str], Blob]:
    images: dict[tuple[str, str, str], Blob] = {}
    for match, file in _keyed(path, "images", _PICTURES, problems):
        view = _VIEW.search(match["rest"] or "")
        key = (match["identity"], match["expression"], view[1] if view else "000")
        if key in images:
            problems.add("image key twice, the first one kept", file.name)
            continue
        images[key] = Blob.file(file)
    if not images:
        raise InvalidInput(
            f"official: {path} holds no image named like flame_sample_0000_pain_1_textured_view_000_inpainted.png"
        )
    return dict(sorted(images.items()))


def _annotations(path: Path, problems: Problems) -> dict[str, dict[str, float]]:
    labels = {}
    for match, file in _keyed(path, "annotations", (".json",), problems):
        base = f"{match['identity']}_{match['expression']}"
        try:
            given = strict_json.load(file, file.name, 1 << 20)
            scores = {name: float(given[name]) for name in (*PAIN_UNITS, "PSPI")}
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            problems.add("annotation that cannot be read", f"{file.name} ({type(error).__name__}: {error})")
            continue
        try:
            if pspi({name: scores[name] for name in PAIN_UNITS}) != scores["PSPI"]:
                problems.add("annotation whose PSPI is not that of its action units, kept as published", base)
        except InvalidInput as error:
            problems.add("annotation outside the scales", f"{base} ({error})")
            continue
        labels[base] = scores
    return labels


def _heatmaps(path: Path, problems: Problems) -> dict[str, Blob]:
    """By expression, and by expression and view where a heatmap's name has one."""
    heatmaps = {}
    for match, file in _keyed(path, "heatmaps", _PICTURES, problems):
        view = _VIEW.search(match["rest"] or "")
        base = f"{match['identity']}_{match['expression']}"
        heatmaps[f"{base}_view_{view[1]}" if view else base] = Blob.file(file)
    return heatmaps


def _find_csv(path: Path, given: str | None) -> Path | None:
    if given is not None:
        for candidate in (path / given, Path(given).expanduser()):
            if candidate.is_file():
                return candidate
        raise MissingFile(f"official: the split csv {given} does not exist")
    found = [file for file in sorted(path.rglob("*.csv")) if _is_split_csv(file)]
    if len(found) > 1:
        raise InvalidInput(
            f"official: {path} holds {len(found)} split csvs ({', '.join(f.name for f in found)}); "
            "name one with split_csv"
        )
    return found[0] if found else None


def _is_split_csv(file: Path) -> bool:
    with open(file, encoding="utf-8-sig", errors="replace") as lines:
        return "annotation_base_name" in lines.readline()


def _split(entries: list[Entry], given: Path | None, problems: Problems) -> dict[str, list[Entry]]:
    if given is None:
        return deal(entries)
    listed: dict[str, int] = {}
    for row in table.rows(given, ("annotation_base_name", "split")):
        base, number = row.required("annotation_base_name"), row.text("split") or ""
        if number not in ("0", "1", "2"):
            raise InvalidInput(f"{given.name}: split of {base} must be 0, 1 or 2, got {number!r}")
        listed[base] = int(number)

    votes: dict[str, Counter] = defaultdict(Counter)
    for base, number in listed.items():
        match = _KEY.match(base)
        if match:
            votes[match["identity"]][number] += 1
    for identity, numbers in votes.items():
        if len(numbers) > 1:
            problems.add("identity in more than one split; its neutral follows the greater part", identity)
    splits: dict[str, list[Entry]] = {split: [] for split in SPLITS}
    for entry in entries:
        if entry.columns["expression"] == "neutral":
            numbers = votes.get(entry.subject)
            number = numbers.most_common(1)[0][0] if numbers else None
        else:
            number = listed.get(entry.columns["expression_id"])
        if number is None:
            problems.add("picture the split csv does not list", entry.id)
        else:
            splits[SPLITS[number]].append(entry)
    pictured = {entry.columns["expression_id"] for entry in entries}
    for base in listed.keys() - pictured:
        problems.add("expression in the split csv without a picture", base)
    return splits
