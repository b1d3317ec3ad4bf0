"""The README's picture: `python benchmarks/hero.py --out docs/hero.png`.

Six synthetic people at rest, in pain, and where their faces moved; below each, the true PSPI and ViTPain's reading with
the face at rest as its reference.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from threedpain import PainFacePipeline
from threedpain.limits import HEAT_STEP
from threedpain.modeling.reading.reader import PainReader
from threedpain.spaces.drawing import heat_overlay

SIZE = 256
TOP, BOTTOM = 20, 210  # of a picture: the face without the shoulders, so that the sheet is a wide one
HEIGHT = BOTTOM - TOP
CAST = (
    ({"AU4": 4, "AU6": 3, "AU7": 4, "AU9": 2}, {"age": 28, "gender": "female", "ethnicity": "south_asian"}, 11),
    ({"AU4": 3, "AU7": 3, "AU10": 4, "AU25": 3}, {"age": 41, "gender": "male", "ethnicity": "black"}, 8),
    ({"AU4": 5, "AU6": 4, "AU7": 5, "AU9": 4, "AU43": 1}, {"age": 74, "gender": "female", "ethnicity": "white"}, 33),
    ({"AU4": 2, "AU6": 2, "AU7": 2}, {"age": 55, "gender": "male", "ethnicity": "east_asian"}, 5),
    ({"AU4": 4, "AU6": 4, "AU9": 5, "AU10": 4, "AU25": 2}, {"age": 35, "gender": "female", "ethnicity": "black"}, 21),
    ({"AU4": 3, "AU6": 4, "AU7": 5, "AU43": 1}, {"age": 66, "gender": "male", "ethnicity": "middle_eastern"}, 15),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/hero.png"))
    out = parser.parse_args().out
    pipe, reader = PainFacePipeline.from_pretrained(), PainReader()
    sheet = Image.new("RGB", (SIZE * len(CAST), HEIGHT * 3 + 24), (250, 247, 242))
    draw = ImageDraw.Draw(sheet)
    for column, (units, who, seed) in enumerate(CAST):
        made = pipe(units, **who, seed=seed, size=SIZE)
        heat = heat_overlay(made.image, np.asarray(made.heatmap) * HEAT_STEP, 0.85)
        for row, picture in enumerate((made.neutral, made.image, heat)):
            sheet.paste(picture.crop((0, TOP, SIZE, BOTTOM)), (column * SIZE, row * HEIGHT))
        box = made.sample.bbox
        reading = reader.answer(made.image, box, [made.neutral], [box])
        caption = f"PSPI {made.pspi:g}, ViTPain reads {reading.pspi:.1f}"
        draw.text((column * SIZE + SIZE // 2, HEIGHT * 3 + 12), caption, fill=(40, 30, 25), anchor="mm", font_size=14)
    sheet.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(out, optimize=True)


if __name__ == "__main__":
    main()
