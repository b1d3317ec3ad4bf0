"""A data set of drawn faces whose brows, eyes and mouth follow their labels: quick to make, and learnable."""

import datasets
import numpy as np
from PIL import Image, ImageDraw

UNITS = ("AU4", "AU6", "AU7", "AU9", "AU10", "AU43")
VIEWS = ("front", "left", "right")


def drawn_faces(people=6, expressions=4, views=2, size=64, seed=0, aligned=True) -> datasets.Dataset:
    """Columns as in the config `images`; the first expression of everyone is neutral."""
    rows = []
    for person in range(people):
        rng = np.random.default_rng([seed, person])
        skin = tuple(int(value) for value in rng.integers(90, 220, 3))
        for expression in range(expressions):
            units = np.append(rng.integers(0, 6, 5), rng.integers(0, 2)).astype(float) * (expression > 0)
            for view in range(views):
                back = tuple(int(value) for value in rng.integers(0, 255, 3))
                image, heatmap, mask, box = draw(size, skin, back, view, units)
                rest = draw(size, skin, back, view, np.zeros(6))[0] if expression and aligned else None
                au4, au6, au7, au9, au10, au43 = units
                rows.append({
                    "id": f"{person}-{expression}-{view}", "identity_id": f"{person:04d}",
                    "expression_id": f"{person}-{expression}", "view_id": VIEWS[view],
                    "image": image, "heatmap": heatmap, "mask": mask, "aligned_neutral": rest,
                    "expression": min(expression, 1), "expression_name": "pain" if expression else "neutral",
                    "PSPI": au4 + max(au6, au7) + max(au9, au10) + au43, **dict(zip(UNITS, units, strict=True)),
                    "age": 30.0, "age_group": person % 2, "gender": person // 2 % 2, "ethnicity": person % 3,
                    "yaw": 10.0 * view, "bbox": box,
                })  # fmt: skip
    number, text, picture = datasets.Value("float32"), datasets.Value("string"), datasets.Image()
    features = dict.fromkeys(("id", "identity_id", "expression_id", "view_id", "expression_name"), text)
    features |= dict.fromkeys(("image", "heatmap", "mask", "aligned_neutral"), picture)
    features |= dict.fromkeys((*UNITS, "PSPI", "age", "yaw"), number)
    features |= {
        "expression": datasets.ClassLabel(names=["neutral", "pain", "other"]),
        "age_group": datasets.ClassLabel(names=["18-29", "75-90"]),
        "gender": datasets.ClassLabel(names=["female", "male"]),
        "ethnicity": datasets.ClassLabel(names=["black", "white", "south_asian"]),
        "bbox": datasets.List(number, length=4),
    }
    return datasets.Dataset.from_list(rows, features=datasets.Features({name: features[name] for name in rows[0]}))


def draw(size, skin, back, view, units):
    au4, au6, au7, au9, au10, au43 = units
    middle, radius = size / 2, size * 0.3
    x, y = middle + (view - 0.5) * size / 16, middle
    box = [x - radius * 0.8, y - radius, x + radius * 0.8, y + radius]
    image = Image.new("RGB", (size, size), back)
    heatmap, mask = Image.new("L", image.size), Image.new("L", image.size)
    paint, heat, parts = ImageDraw.Draw(image), ImageDraw.Draw(heatmap), ImageDraw.Draw(mask)
    paint.ellipse(box, fill=skin)
    parts.ellipse(box, fill=1)
    unit = size / 64
    for side in (-1, 1):
        eye, lid = x + side * radius * 0.4, max(0.5, (1 - au43) * radius * 0.14 * (1 - max(au6, au7) / 7))
        inner = y - radius * 0.45 + au4 * unit
        outer = (x + side * radius * 0.6, y - radius * 0.45)
        paint.line([(x + side * radius * 0.15, inner), outer], fill=(20, 20, 20), width=round(2 * unit))
        white = [eye - 4 * unit, y - radius * 0.2 - lid, eye + 4 * unit, y - radius * 0.2 + lid]
        paint.ellipse(white, fill=(250, 250, 250))
        parts.ellipse(white, fill=5)
        brow = [eye - 4 * unit, y - radius * 0.5 - 3 * unit, eye + 4 * unit, y - radius * 0.5 + 3 * unit]
        heat.ellipse(brow, fill=int(au4 * 20))
    lip = y + radius * 0.5 - max(au9, au10) * unit
    paint.ellipse([x - 6 * unit, lip - 2 * unit, x + 6 * unit, lip + 2 * unit], fill=(160, 40, 40))
    return image, heatmap, mask, [float(edge) for edge in box]
