"""The About tab: what this is, what it is not, and how evenly it works."""

from __future__ import annotations

import json

import gradio as gr

from threedpain import assets
from threedpain.errors import MissingFile

TEXT = """
## What this is
3DPain makes synthetic faces in pain with exact labels: FACS action units, the Prkachin and Solomon pain intensity
(PSPI = AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43), where the face moved, who is shown, and how the camera stood.
ViTPain learned to read PSPI from such faces.

## What it is not
**It is not a medical device.** It was trained on faces nobody has. It has not been validated on patients, must not
inform a diagnosis or a treatment, and must not be used to doubt what a person says about their pain. A face can show
pain without PSPI noticing, and PSPI can be high without pain: squinting, disgust and effort share its muscles.

## Intended use
Research on pain assessment and its fairness, teaching, testing of face analysis software.

## Your pictures
A picture you upload is read in memory; its temporary file is deleted within minutes and nothing is logged.

## API
Every function of this page can be called with `gradio_client`; the endpoints are `/make_face`, `/read_face` and
`/browse` ("Use via API" at the foot of the page lists their inputs).

## Licence and citation
Code, head, texture weights and model weights: Apache-2.0, made from CC0 sources. Please cite this software
(CITATION.cff) and *3DPain and ViTPain*, arXiv 2509.16727.
"""


def fairness_table() -> str:
    """Mean absolute error by group, from the results file that lies beside the shipped model."""
    try:
        results = json.loads((assets.weights("vitpain") / "results.json").read_text())
    except (MissingFile, FileNotFoundError):
        return "The shipped model has no results file yet, so there is no fairness table to show."
    lines = ["| group | people | PSPI MAE | 95 % interval |", "|---|---|---|---|"]
    for column, report in results["conditions"]["realistic"]["groups"].items():
        for name, row in report["groups"].items():
            if " / " not in name:  # the intersections are in the model card
                interval = f"{row['low']:.2f} to {row['high']:.2f}"
                lines.append(f"| {column}: {name} | {row['people']} | {row['mae']:.2f} | {interval} |")
    return "\n".join(lines)


def build() -> None:
    gr.Markdown(TEXT)
    gr.Markdown("## How evenly ViTPain works\n" + fairness_table())
