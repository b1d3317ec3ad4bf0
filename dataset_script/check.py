"""`3dpain check`: is a dataset whole, does it keep its laws, and does it come out the same when rendered again?"""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from threedpain import demographics, facs, strict_json
from threedpain.errors import InvalidInput, MissingFile, ThreeDPainError
from threedpain.extras import need_extra
from threedpain.generation.dataset.manifest import Manifest, environment, read_plan, sound
from threedpain.generation.dataset.plan import VIDEO_FPS, VIDEO_SECONDS, Config, Plan
from threedpain.generation.dataset.swap import JOURNAL
from threedpain.generation.process import each
from threedpain.generation.seeds import child
from threedpain.pictures import open_picture
from threedpain.schema import AU_COLUMNS, GENERATOR_VERSION, TRUTHS, features

from .check_laws import Finding, Seen, digest, names, planned_accessories, row_laws, set_laws
from .limited import parquet

MAX_GROUP_ROWS, MAX_GROUP_BYTES = 100, 100_000_000
MAX_MESH_BYTES = 500_000
SAME_PSNR = 45.0  # dB, between a row and its replay on another machine
MANY = 20  # files from which two processes read faster than two threads, which wait for each other
EVERY = 2000  # findings of one law are listed up to here, then only counted


@dataclass
class Report:
    """What a check found and measured; `report.json` holds it whole."""

    folder: str
    config: dict
    findings: list[Finding] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    replays: list[dict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    judges: dict | None = None
    generator: str = ""  # the version that made the set

    @property
    def ok(self) -> bool:
        return not self.findings

    def to_json(self) -> dict:
        cells = Counter(row.cell for row in {row.identity: row for row in self.seen}.values())
        pspi = Counter(round(p) for _, p in {(r.expression, r.pspi) for r in self.seen if r.kind == "pain"})
        return {
            "folder": self.folder,
            "generator_version": self.generator,
            "ok": self.ok,
            "findings": [asdict(finding) for finding in self.findings],
            "rows": self.rows,
            "cells": {" ".join(cell): cells[cell] for cell in demographics.CELLS},
            "pspi": {level: pspi[level] for level in range(1, 17)},
            "replays": self.replays,
            "notes": self.notes,
            "judges": self.judges,
            "config": self.config,
        }


def check(
    folder: str | Path, judges: bool = False, replays: int = 10, progress: Callable[[float], None] = lambda share: None
) -> Report:
    """Read all of the dataset in `folder`, render `replays` random rows again, and ask the judges if wanted."""
    out = Path(folder)
    if not (out / "plan.json").is_file() or not (out / "manifest.json").is_file():
        raise MissingFile(f"{out} is no finished 3dpain dataset: it has no plan.json and manifest.json.")
    try:
        version, config = read_plan(out / "plan.json")
    except InvalidInput as problem:
        return Report(
            str(out), {}, [Finding("plan", "plan.json", f"cannot be read, so nothing was checked: {problem}")]
        )
    plan = Plan(config)
    report = Report(str(out), asdict(plan.config), generator=version)
    report.findings += _files(out, plan)
    files = sorted(out.glob("images/*.parquet"))
    for number, (seen, findings) in enumerate(_examined(out, files, plan.config)):
        report.seen += seen
        report.findings += findings
        progress((number + 1) / len(files))
    report.rows["images"] = len(report.seen)
    if report.seen:
        report.findings += _whatever(set_laws(report.seen, plan), "images")
    for name, law in (("expressions", _expression_laws), ("identities", _identity_laws), ("videos", _video_laws)):
        count, findings = _read(out, name, plan, law)
        report.rows[name] = count
        report.findings += findings
    if replays and report.seen:
        _replay(out, plan, report, replays)
    if judges:
        from .check_judges import judge

        report.judges, findings = judge(out)
        report.findings += findings
    return report


def _whatever(findings: Iterator[Finding], where: str) -> list[Finding]:
    """The findings; values that no law expects end the laws with a finding instead of the check."""
    found = []
    try:
        found.extend(findings)
    except Exception as trouble:
        found.append(Finding("laws", where, f"holds values no law expects ({_short(trouble)})"))
    return found


def _short(trouble: Exception) -> str:
    return " ".join(f"{type(trouble).__name__}: {trouble}".split())[:120]


def _files(out: Path, plan: Plan) -> Iterator[Finding]:
    """Checksums, and nothing missing or beside the plan."""
    manifest = Manifest(out)
    try:
        written = sound(strict_json.load(manifest.file))
    except (OSError, InvalidInput) as problem:
        yield Finding("manifest", "manifest.json", f"cannot be read, so no checksum is known: {problem}")
        return
    if (out / JOURNAL).is_file():
        yield Finding("shard", JOURNAL, "a run was broken off while it put new files in; `3dpain generate` ends it")
    entries = {entry["shard"]: entry for entry in written["shards"]}
    pages = {page["path"] for page in written["pages"]}
    if not {"README.md", "README.new.md"} & pages:
        yield Finding("checksum", "README.md", "has no checksum in manifest.json")
    for page in written["pages"]:
        wrong = manifest.damage({"files": [page]})
        if wrong:
            yield Finding("checksum", page["path"], wrong)
    told, said = strict_json.load(out / "plan.json"), plan.to_json()
    for name in ("views", "rows", "identities_per_shard", "shards"):
        if told.get(name) != said[name]:
            yield Finding("plan", "plan.json", f"{name} is not what its config gives: {str(told.get(name))[:60]!r}")
    known = set()
    for shard in plan.shards:
        if shard.name not in entries:
            yield Finding("shard", "manifest.json", f"{shard.name} was planned and never finished")
            continue
        for file in entries[shard.name]["files"]:
            known.add(file["path"])
            wrong = manifest.damage({"files": [file]})
            if wrong:
                yield Finding("checksum" if (out / file["path"]).is_file() else "shard", file["path"], wrong)
    for path in sorted(out.glob("*/*.parquet")):
        name = path.relative_to(out).as_posix()
        if name not in known:
            yield Finding("shard", name, "is no file of this dataset")


def _examined(out: Path, files: list[Path], config: Config) -> Iterator[tuple[list[Seen], list[Finding]]]:
    """`_examine` of every file in turn, two at a time: in threads, or in processes where their start is soon paid."""
    jobs = [(out, path, config) for path in files]
    if len(files) < MANY:
        with ThreadPoolExecutor(max_workers=2) as pool:
            yield from pool.map(_examine_job, jobs)
    else:
        yield from each(_examine_job, jobs, workers=2)


def _examine_job(job: tuple[Path, Path, Config]) -> tuple[list[Seen], list[Finding]]:
    out, path, config = job
    return _examine(out, path, Plan(config))


def _examine(out: Path, path: Path, plan: Plan) -> tuple[list[Seen], list[Finding]]:
    """One file of `images`: its form, and the laws of its rows."""
    name, split = path.relative_to(out).as_posix(), path.name.split("-")[0]
    seen, findings = [], []
    try:
        file = parquet(path)
        findings += _form(file, name, features("pairs", plan.config.truth))
        number = 0
        for group in range(file.num_row_groups):
            for raw in file.read_row_group(group).to_pylist():
                where = f"{name} row {number} ({raw['id']})"
                number += 1
                try:
                    row = names(raw)
                    unfinite = [key for key, value in row.items() if not _finite(value)]
                except Exception as trouble:
                    findings.append(Finding("row", where, f"holds values no law expects ({_short(trouble)})"))
                    continue
                if unfinite:
                    findings.append(Finding("numbers", where, f"{', '.join(unfinite)}: empty or no finite number"))
                    continue
                laws = (Finding(law, where, what) for law, what in row_laws(row, plan))
                findings += _whatever(laws, where)
                try:
                    seen.append(_remember(row, where, split))
                except Exception as trouble:
                    findings.append(Finding("row", where, f"holds values no law expects ({_short(trouble)})"))
    except Exception as trouble:  # a damaged file breaks its reader in many ways
        findings.append(Finding("readable", name, f"cannot be read on: {' '.join(str(trouble).split())[:120]}"))
    return seen, findings


def _remember(row: dict, where: str, split: str) -> Seen:
    return Seen(
        row["id"], row["identity_id"], row["expression_id"], row["view_id"], row["expression"], split, where,
        (row["age_group"], row["gender"], row["ethnicity"]), round(row["age"], 1), row["seed"], float(row["PSPI"]),
        digest(row["image"]["bytes"]), digest(row["neutral_image"]["bytes"]),
        (float(row["yaw"]), float(row["pitch"]), float(row["roll"])), float(row["skin_tone"]),
    )  # fmt: skip


def _finite(value: Any) -> bool:
    """Whether no number in a cell, however deep, is NaN or infinite; a list or struct holds no nulls."""
    if isinstance(value, dict):
        return all(_finite(inner) for inner in value.values())
    if isinstance(value, list):
        return all(inner is not None and _finite(inner) for inner in value)
    return not isinstance(value, float) or math.isfinite(value)


def _form(file: pq.ParquetFile, name: str, columns) -> Iterator[Finding]:
    if not file.schema_arrow.equals(columns.arrow_schema):
        different = set(file.schema_arrow.names) ^ set(columns)
        yield Finding(
            "schema", name, f"its columns are not the declared ones ({', '.join(sorted(different)) or 'types'})"
        )
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        if group.num_rows > MAX_GROUP_ROWS or group.total_byte_size > MAX_GROUP_BYTES:
            yield Finding("row group", name, f"group {number} has {group.num_rows} rows, {group.total_byte_size} bytes")


def _read(out: Path, config: str, plan: Plan, law: Callable) -> tuple[int, list[Finding]]:
    """The files of one of the smaller configs, row by row."""
    count, findings = 0, []
    for path in sorted(out.glob(f"{config}/*.parquet")):
        name, split = path.relative_to(out).as_posix(), path.name.split("-")[0]
        try:
            file = parquet(path)
            findings += _form(file, name, features(config))
            for batch in file.iter_batches(batch_size=20):
                for row in batch.to_pylist():
                    where = f"{name} row {count} ({row.get('expression_id', row['identity_id'])})"
                    count += 1
                    who = str(row["identity_id"]).removeprefix("id_")
                    if not who.isdecimal() or not int(who[:9]) < plan.config.identities:
                        findings.append(Finding("plan", where, f"{row['identity_id']} is nobody the plan knows"))
                        continue
                    if demographics.split_of(int(who), plan.config.seed) != split:
                        findings.append(Finding("split", where, f"{row['identity_id']} does not belong to {split}"))
                    unfinite = [key for key, value in row.items() if not _finite(value)]
                    if unfinite:
                        findings.append(Finding("numbers", where, f"{', '.join(unfinite)}: empty or no finite number"))
                        continue
                    findings += _whatever((Finding(rule, where, what) for rule, what in law(row, plan)), where)
        except Exception as trouble:
            findings.append(Finding("readable", name, f"cannot be read on: {' '.join(str(trouble).split())[:120]}"))
    planned = sum(plan.rows(config).values())
    if count != planned:
        findings.append(Finding("plan", config, f"has {count} rows, planned were {planned}"))
    return count, findings


def _expression_laws(row: dict, plan: Plan) -> Iterator[tuple[str, str]]:
    pspi = facs.pspi([row[name] for name in facs.PAIN_UNITS])
    if abs(pspi - row["PSPI"]) > 1e-4:
        yield "PSPI", f"PSPI is {row['PSPI']:g}, its action units give {pspi:g}"
    try:
        open_picture(row["heatmap"]["bytes"])
    except Exception:
        yield "decodable", "heatmap cannot be decoded"


def _identity_laws(row: dict, plan: Plan) -> Iterator[tuple[str, str]]:
    import trimesh

    for name in ("neutral_mesh", "posed_mesh"):
        data = row[name]["bytes"]
        if len(data) > MAX_MESH_BYTES:
            yield "mesh", f"{name} has {len(data)} bytes, more than {MAX_MESH_BYTES}"
        try:
            extents = trimesh.load(io.BytesIO(data), file_type="glb").extents
        except Exception:
            yield "decodable", f"{name} cannot be read"
            continue
        if not 0.1 < max(extents) < 1.5:
            yield "mesh", f"{name} is {max(extents):.2f} m large: no head"


def _video_laws(row: dict, plan: Plan) -> Iterator[tuple[str, str]]:
    need_extra("av", "video")
    import av

    try:
        with av.open(io.BytesIO(row["video"]["bytes"]), format="mp4") as container:
            rate = float(container.streams.video[0].average_rate)
            frames = sum(1 for _ in container.decode(video=0))
    except Exception:
        yield "decodable", "video cannot be decoded"
        return
    if frames != VIDEO_SECONDS * VIDEO_FPS or rate != VIDEO_FPS:
        yield "video", f"has {frames} frames at {rate:g} a second"
    if any(len(row[name]) != frames for name in (*AU_COLUMNS, "PSPI")):
        yield "video", "has another number of labels than of frames"
        return
    pspi = facs.pspi(np.array([row[name] for name in facs.PAIN_UNITS]).T)
    if np.abs(pspi - row["PSPI"]).max() > 1e-3:
        yield "PSPI", "PSPI of a frame is not what its action units give"
    gender = names({"gender": row["gender"]})["gender"]
    yield from planned_accessories(row, plan.accessories(row["seed"], round(row["age"], 1), gender))


def _replay(out: Path, plan: Plan, report: Report, count: int) -> None:
    """Render random rows again: the same bytes on the same kind of machine, otherwise nearly the same pixels."""
    from threedpain.generation.dataset.replay import replay_row
    from threedpain.generation.dataset.workers import load_pipeline

    named = [name for name in ("flame_file", "texture_model", "inpaint_model") if getattr(plan.config, name)]
    if named:  # whoever made the set would choose which file of this machine is opened
        report.notes.append(f"made with models that its plan names ({', '.join(named)}): no row was rendered again")
        return
    older = sorted({_generator(e) for e in Manifest(out).entries().values()} - {GENERATOR_VERSION})
    if older:
        report.notes.append(
            f"made by generator {' and '.join(older)}, and this is {GENERATOR_VERSION}: no row was rendered again"
        )
        return
    try:
        pipe = load_pipeline(replace(plan.config, device="auto"))
    except ThreeDPainError as problem:
        report.notes.append(f"not rendered again: {problem}")
        return
    here = json.loads(json.dumps(environment(pipe.renderer.device)))
    made = {file["path"]: e.get("environment") for e in Manifest(out).entries().values() for file in e["files"]}
    chosen = child(plan.config.seed, "check").choice(len(report.seen), min(count, len(report.seen)), replace=False)
    for place in sorted(int(i) for i in chosen):
        where = report.seen[place].where
        path, _, number = where.split(" (")[0].partition(" row ")
        try:
            row = _row(out / path, int(number))
            again = replay_row(row, pipe)
        except Exception as trouble:  # whatever a row's wrong numbers do to the renderer
            report.findings.append(Finding("replay", where, f"cannot be rendered again ({_short(trouble)})"))
            continue
        pictures = [name for name in ("image", "heatmap", "mask", *TRUTHS) if row.get(name)]
        same_bytes = all(row[name]["bytes"] == again[name]["bytes"] for name in pictures)
        psnr = _psnr(row["image"]["bytes"], again["image"]["bytes"])
        expected = "bytes" if made.get(path) == here else "pixels"
        report.replays.append({"row": where, "expected": expected, "same_bytes": same_bytes, "psnr": psnr})
        if expected == "bytes" and not same_bytes:
            report.findings.append(Finding("replay", where, f"rendered again it has other bytes (PSNR {psnr:.1f} dB)"))
        elif psnr < SAME_PSNR:
            what = f"rendered again it is another picture (PSNR {psnr:.1f} dB)"
            report.findings.append(Finding("replay", where, what))
        for name, value in row.items():
            if name not in ("neutral_image", *features("pairs", plan.config.truth)) or isinstance(value, (dict, str)):
                continue
            if name in again and not np.allclose(np.asarray(value, float), np.asarray(again[name], float), atol=2e-3):
                report.findings.append(Finding("replay", where, f"rendered again it has another {name}"))


def _generator(entry: dict) -> str:
    return str(entry.get("environment", {}).get("generator", "unknown"))


def _row(path: Path, number: int) -> dict:
    file = parquet(path)
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if number < rows:
            return file.read_row_group(group).slice(number, 1).to_pylist()[0]
        number -= rows
    raise IndexError(number)


def _psnr(one: bytes, other: bytes) -> float:
    a, b = (np.asarray(open_picture(data).convert("RGB"), np.float64) for data in (one, other))
    error = ((a - b) ** 2).mean()
    return 99.0 if error == 0 else float(min(99.0, 10 * np.log10(255**2 / error)))
