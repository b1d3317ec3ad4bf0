"""Detection of pain at PSPI >= 1, 2, 3, for `evaluate.load("<path of this folder>")`."""

import datasets
import evaluate
import numpy as np

from threedpain.modeling.evaluation import metrics


class PainDetection(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description="AUROC, average precision and F1 at PSPI >= 1, 2, 3, scored by predicted PSPI; pairs with NaN "
            "are left out.",
            citation="",
            inputs_description="predictions, references: PSPI; threshold: of F1 (default: the truth's own limit).",
            features=datasets.Features(
                {"predictions": datasets.Value("float32"), "references": datasets.Value("float32")}
            ),
        )

    def _compute(self, predictions, references, threshold=None):
        truth, predictions = np.asarray(references, float), np.asarray(predictions, float)
        known = ~(np.isnan(truth) | np.isnan(predictions))
        truth, predictions = truth[known], predictions[known]
        result = {}
        for limit in (1, 2, 3):
            positive, found = truth >= limit, predictions >= (limit if threshold is None else threshold)
            result[f"auroc_{limit}"] = metrics.auroc(positive, predictions)
            result[f"average_precision_{limit}"] = metrics.average_precision(positive, predictions)
            result[f"f1_{limit}"] = metrics.f1(positive, found)
        return result
