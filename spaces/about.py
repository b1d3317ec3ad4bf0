"""The About tab: what this is, what it is not, and how evenly it works."""

from __future__ import annotations

import json

import gradio as gr

from threedpain import assets
from threedpain.errors import MissingFile

from . import api

TEXT = """
## What this is
3DPain makes synthetic faces in pain with exact labels: which muscles act (FACS action units), how intense the pain
looks (PSPI, from 0 to 16), where the skin moved, who is shown, and how the camera stood. ViTPain learned to read pain
intensity from such faces.

**PSPI**, the pain intensity of Prkachin and Solomon, adds up four terms: brows drawn down (AU4) + cheeks raised or
eyelids tightened, the larger (AU6, AU7) + nose wrinkled or upper lip raised, the larger (AU9, AU10) + eyes closed
(AU43).

## What it is not
**It is not a medical device.** It was trained on faces nobody has and has not been validated on patients. It must not
inform a diagnosis or a treatment, and must not be used to doubt what a person says about their pain. A face can be in
pain without PSPI noticing, and PSPI can be high without pain: squinting, disgust and effort share its muscles.

## Intended use
Research on pain assessment and on its fairness, teaching, testing of face analysis software.

## Your pictures
A picture or clip you upload is read in memory. Its temporary file is deleted within minutes, nothing is logged, and
no history is kept in your browser.
"""

LICENCE = """
## Licence and citation
Code and model weights: Apache-2.0; heads: MIT (ICT-FaceKit) and CC0; skin and places: CC0. Please cite this software
(`CITATION.cff` in its repository) and the paper:

    3DPain and ViTPain, arXiv:2509.16727
"""


def fairness_table() -> str:
    """Mean absolute error by group, from the results file that lies beside the shipped model."""
    try:
        results = json.loads((assets.weights("vitpain") / "results.json").read_text())
    except (MissingFile, FileNotFoundError):
        return "The shipped model has no results file yet, so there is no fairness table to show."
    condition = "realistic" if "realistic" in results["conditions"] else next(iter(results["conditions"]))
    found = results["conditions"][condition]
    mae, low, high = found["overall"]["mae"]
    lines = [
        f"How far ViTPain's PSPI (0 to 16) is off on average, for synthetic people it never saw: **{mae:.2f}** "
        f"({low:.2f} to {high:.2f}) over all. The intervals are 95 % bootstrap intervals over people; few people make "
        "them wide.",
        "", "| group | people | off by | 95 % interval | too high or low |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for column, report in found["groups"].items():
        for name, row in report["groups"].items():
            if " / " not in name:  # the intersections are in the model card
                group = f"{column.replace('_', ' ')}: {name.replace('_', ' ')}"
                lines.append(
                    f"| {group} | {row['people']} | {row['mae']:.2f} | {row['low']:.2f} to {row['high']:.2f} "
                    f"| {row['bias']:+.2f} |"
                )
    return "\n".join(lines)


def build() -> None:
    with gr.Row(elem_classes="prose-page"):
        with gr.Column(min_width=320):
            gr.Markdown(TEXT)
            gr.Markdown(LICENCE)
        with gr.Column(min_width=320):
            gr.Markdown("## How evenly ViTPain works\n" + fairness_table(), elem_id="fairness")
            gr.Markdown("## For programs\nEvery function of this page can be called:\n\n" + api.USE)
