"""Learning curves: what each model makes of more and more training samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from exprlab.evaluation.comparison import Evaluations, Predictions, compare
from exprlab.keys import ORACLE

if TYPE_CHECKING:
    from exprlab.config.steps import EvaluationConfig

# Of these there are curves: the order of the samples, and their probabilities.
CURVE_METRICS = ("auroc", "log_loss")
EXCESS = "excess_log_loss"


def learning_curves(
    predictions: Mapping[int | None, Predictions],
    evaluations: Mapping[int | None, Evaluations],
    n_train: Mapping[int | None, Mapping[str, int]],
    settings: EvaluationConfig,
) -> dict[str, Any]:
    """Summarise the models of one data set at each size of the training part.

    Parameters
    ----------
    predictions, evaluations : mapping
        Size (None: all training samples) -> model -> repeat -> content of predictions.parquet and
        of evaluation.json. A repeat has the same name and test samples at each size. The oracle,
        where there is one, is among the evaluations of None: it needs no training.
    n_train : mapping
        Size -> repeat -> samples that really trained.
    settings : EvaluationConfig
        Of the paired tests.

    Returns
    -------
    dict
        `models` (in order), `oracle` (metric -> summary; None where the truth is not known) and
        `points`, smallest size first, all training samples last: `size` (None: all), `n_train`
        (repeat -> samples; of folds the mean), `models` (model -> metric -> summary) and `pairs`
        (the paired tests of comparison.json). A summary is that of comparison.json. How much
        depends on the choice of training samples is not in its limits; it shows in the values per
        repeat.
    """
    sizes = sorted(predictions, key=lambda size: (size is None, size))
    found = {
        size: compare(predictions[size], evaluations[size], settings, seed=0) for size in sizes
    }
    oracle = found[None]["models"].get(ORACLE)
    points = [
        {
            "size": size,
            "n_train": dict(n_train[size]),
            "models": {model: _summaries(found[size], model) for model in predictions[size]},
            "pairs": found[size]["pairs"],
        }
        for size in sizes
    ]
    return {
        "models": list(predictions[None]),
        "oracle": oracle and {name: oracle[name] for name in CURVE_METRICS},
        "points": points,
    }


def _summaries(compared: Mapping[str, Any], model: str) -> dict[str, Any]:
    chosen = {name: compared["models"][model][name] for name in CURVE_METRICS}
    if model in compared["truth"]:
        chosen[EXCESS] = compared["truth"][model][EXCESS]
    return chosen
