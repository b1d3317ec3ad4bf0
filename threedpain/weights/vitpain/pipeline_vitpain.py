"""The `pain-assessment` pipeline: pictures in, plain numbers out. Travels with the weights as remote code: where the
package is installed its own door opens the pictures, elsewhere that of transformers."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from transformers import AutoModel
from transformers.image_utils import load_image
from transformers.pipelines import PIPELINE_REGISTRY, Pipeline

try:
    from threedpain.errors import InvalidInput
    from threedpain.pictures import open_picture
except ImportError:
    open_picture = None

from .configuration_vitpain import PAIN_THRESHOLDS, PAIN_UNITS

MAX_BYTES = 64_000_000  # of a picture behind a URL
SECONDS = 30  # that its server may be silent


def _picture(given):
    """What people call a picture, paths and URLs opened by the one door; anything else is left to the processor."""
    if open_picture is None:
        return load_image(given, timeout=SECONDS)
    if isinstance(given, str) and given.startswith(("http://", "https://")):
        try:
            with urllib.request.urlopen(given, timeout=SECONDS) as answer:
                data = answer.read(MAX_BYTES + 1)
        except (OSError, ValueError) as problem:
            raise InvalidInput(f"{given} cannot be fetched: {problem}") from None
        if len(data) > MAX_BYTES:
            raise InvalidInput(f"{given} has more than {MAX_BYTES // 1_000_000} MB")
        return open_picture(data, given)
    return open_picture(given) if isinstance(given, (str, Path)) else given


class PainAssessmentPipeline(Pipeline):
    """`pipeline("pain-assessment", model=folder, trust_remote_code=True)(photo, neutral=rest, box=face_box)`.

    Pictures are PIL images, paths or URLs. The answer: `pspi`, `interval`, `au` (by name), `probabilities` (of PSPI
    >= 1, 2, 3) and `heatmap` (mm, float32 [S, S] over the crop).
    """

    _load_processor = False
    _load_image_processor = True
    _load_feature_extractor = False
    _load_tokenizer = False

    def _sanitize_parameters(self, neutral=None, box=None, neutral_box=None, **kwargs):
        given = {"neutral": neutral, "box": box, "neutral_box": neutral_box}
        return {name: value for name, value in given.items() if value is not None}, {}, {}

    def preprocess(self, image, neutral=None, box=None, neutral_box=None):
        if isinstance(neutral, (list, tuple)):
            neutral = [_picture(one) for one in neutral]
        elif neutral is not None:
            neutral = _picture(neutral)
        return self.image_processor(
            images=_picture(image), neutral_images=neutral, boxes=box, neutral_boxes=neutral_box, return_tensors="pt"
        )

    def _forward(self, inputs):
        return self.model(**inputs)

    def postprocess(self, output):
        interval, au, heatmap = (output.get(name) for name in ("pspi_interval", "au", "heatmap"))
        return {
            "pspi": float(output["pspi"][0]),
            "interval": None if interval is None else tuple(interval[0].tolist()),
            "au": None if au is None else dict(zip(PAIN_UNITS, au[0].tolist(), strict=True)),
            "probabilities": {
                f"PSPI>={threshold}": float(p)
                for threshold, p in zip(PAIN_THRESHOLDS, output["pain_logits"][0].sigmoid(), strict=True)
            },
            "heatmap": None if heatmap is None else heatmap[0].float().cpu().numpy(),
        }


TASK = "pain-assessment"
# Registered twice where the package is here and a folder brings its copy: registering over the first would warn.
_first = PIPELINE_REGISTRY.supported_tasks.pop(TASK, None)
PIPELINE_REGISTRY.register_pipeline(TASK, pipeline_class=PainAssessmentPipeline, pt_model=AutoModel, type="image")
if _first is not None and __name__.startswith("transformers_modules."):
    PIPELINE_REGISTRY.supported_tasks[TASK] = _first  # a folder's copy serves this folder alone

__all__ = ["PainAssessmentPipeline"]
