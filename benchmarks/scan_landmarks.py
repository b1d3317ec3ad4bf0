"""Whether the 68 landmarks lie where the drawn face has them, and where an independent detector (dlib) puts them.

Frontal pictures of bald people, neutral and in pain. Against the picture: brow points and the upper edge of the drawn
brow (where 300-W has them), eye and outer lip points and the edge of what is drawn as eye and lip. Against dlib: the
mean distance by the distance between the outer corners of the eyes, as in judges.py, and how much higher its brows lie.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt

from threedpain import PainFacePipeline, demographics
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.records import MASK_CLASSES, Sample
from threedpain.generation.scene.scene import sample_scene

PAIN = {"AU4": 3, "AU6": 3, "AU7": 3, "AU9": 2, "AU10": 2}
BROWS, EYES, LIPS = range(17, 27), range(36, 48), range(48, 60)
GROUPS = {"jaw": range(17), "brows": BROWS, "nose": range(27, 36), "eyes": EYES, "mouth": range(48, 68)}
NEAR = 2.0  # mm between a landmark and what is drawn, means
FRONTAL = 0.037  # dlib's error on the former head


def drawn_distances(sample: Sample) -> dict[str, float]:
    """Mean distances in mm between landmarks and the picture's mask; "brows above": how much higher the drawn
    brow's upper edge lies, where 300-W has its points."""
    points = sample.landmarks.astype(np.float64)
    ends = sample.landmarks_3d[[36, 45]].astype(np.float64)
    scale = 1000 * np.linalg.norm(ends[0] - ends[1]) / np.linalg.norm(points[36] - points[45])  # mm a pixel
    brows = sample.mask == MASK_CLASSES.index("brows")
    above = []
    for k in BROWS:
        x, y = points[k]
        rows = np.nonzero(brows[:, int(x)])[0]
        if len(rows):
            above.append(scale * (y - rows.min()))
    out = {}
    if above:
        out |= {"brows": float(np.mean(np.abs(above))), "brows above": float(np.mean(above))}
    for name, marks, classes in (("eyes", EYES, ("eyes",)), ("lips", LIPS, ("lips", "mouth"))):
        inside = np.isin(sample.mask, [MASK_CLASSES.index(c) for c in classes])
        if inside.any():
            edge = inside & ~binary_erosion(inside)
            away = distance_transform_edt(~edge)
            x, y = points[marks].astype(int).clip(0, sample.mask.shape[0] - 1).T
            out[name] = float(scale * away[y, x].mean())
    return out


def judged_distances(sample: Sample) -> tuple[np.ndarray, float] | None:
    """dlib's distances [68] by the eyes' distance, and how many mm its brows lie above ours; None without a face."""
    from threedpain.dataset_script.judges import detect_faces, landmarks68

    boxes = detect_faces(sample.image)
    if not boxes:
        return None
    found, points = landmarks68(sample.image, boxes[0]), sample.landmarks.astype(np.float64)
    eyes = np.linalg.norm(points[36] - points[45])
    scale = 1000 * float(np.linalg.norm(sample.landmarks_3d[36] - sample.landmarks_3d[45])) / eyes
    above = scale * float((points[BROWS] - found[BROWS])[:, 1].mean())
    return np.linalg.norm(found - points, axis=1) / eyes, above


def landmark_report(people: int, head: str = "scan", seed: int = 9000, size: int = 512) -> dict[str, float]:
    pipe = PainFacePipeline.from_pretrained(head=head, device="cpu")
    drawn: list[dict[str, float]] = []
    judged = []
    for number in range(people):
        age_group, gender, ethnicity = demographics.cell_of(number)
        traits = {"age": sum(demographics.AGE_GROUPS[age_group]) / 2, "gender": gender, "ethnicity": ethnicity}
        person = pipe.person(sample_identity(seed + number, head=pipe.head, hair="bald", **traits))
        scene = sample_scene(seed + number, view="front", size=size)
        for units in ({}, PAIN):
            sample = pipe.photograph(person, units, scene)
            drawn.append(drawn_distances(sample))
            judged.append(judged_distances(sample))
    found = [row for row in judged if row is not None]
    out = {
        name: float(np.mean([row[name] for row in drawn if name in row]))
        for name in ("brows", "brows above", "eyes", "lips")
    }
    print(f"\nItem 7: landmarks of {people} people, frontal, neutral and in pain, {size} pixels")
    drawn_parts = (f"{name} {out[name]:.1f}: {_said(out[name] <= NEAR)}" for name in ("brows", "eyes", "lips"))
    print(f"  from what is drawn, mm (at most {NEAR:.0f}): {', '.join(drawn_parts)}; ", end="")
    print(f"drawn brows lie {out['brows above']:+.1f} higher")
    out["detected"] = len(found) / len(judged)
    if found:
        errors = np.array([row[0] for row in found])
        out["error"], out["judged brows above"] = float(errors.mean()), float(np.mean([row[1] for row in found]))
        out |= {f"error {name}": float(errors[:, marks].mean()) for name, marks in GROUPS.items()}
        parts = ", ".join(f"{name} {out[f'error {name}']:.3f}" for name in GROUPS)
        print(
            f"  dlib finds {out['detected']:.2f}, error {out['error']:.4f} (under {FRONTAL}): "
            f"{_said(out['error'] < FRONTAL)}; {parts}\n  dlib's brows lie {out['judged brows above']:+.1f} mm higher "
            f"(at most {NEAR:.0f}; the former head's +5.8): {_said(out['judged brows above'] <= NEAR)}"
        )
    return out


def _said(reached: bool) -> str:
    return "ok" if reached else "misses"
