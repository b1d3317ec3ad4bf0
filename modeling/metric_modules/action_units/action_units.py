"""Error of the six pain action units, for `evaluate.load("<path of this folder>")`."""

import datasets
import evaluate
import numpy as np

from threedpain.modeling.evaluation import metrics

UNITS = ("AU4", "AU6", "AU7", "AU9", "AU10", "AU43")


class ActionUnits(evaluate.Metric):
    def _info(self):
        vector = datasets.Sequence(datasets.Value("float32"), length=6)
        return evaluate.MetricInfo(
            description="MAE, Pearson and ICC(3,1) of AU4, AU6, AU7, AU9, AU10 and AU43, and the mean MAE.",
            citation="",
            inputs_description="predictions, references: lists of six floats in that order.",
            features=datasets.Features({"predictions": vector, "references": vector}),
        )

    def _compute(self, predictions, references):
        read, known = np.asarray(predictions), np.asarray(references)
        result = {"mae": metrics.mae(known, read)}
        for column, unit in enumerate(UNITS):
            for name in ("mae", "pearson", "icc31"):
                result[f"{unit}_{name}"] = getattr(metrics, name)(known[:, column], read[:, column])
        return result
