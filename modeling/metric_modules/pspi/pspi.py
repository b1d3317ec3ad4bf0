"""PSPI error and agreement, for `evaluate.load("<path of this folder>")`."""

import datasets
import evaluate

from threedpain.modeling.evaluation import metrics


class PSPI(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description="MAE, RMSE, Pearson and ICC(3,1) of PSPI (0 to 16); pairs with NaN are left out.",
            citation="Shrout and Fleiss, Intraclass correlations, 1979",
            inputs_description="predictions, references: lists of floats.",
            features=datasets.Features(
                {"predictions": datasets.Value("float32"), "references": datasets.Value("float32")}
            ),
        )

    def _compute(self, predictions, references):
        names = ("mae", "rmse", "pearson", "icc31")
        return {name: getattr(metrics, name)(references, predictions) for name in names}
