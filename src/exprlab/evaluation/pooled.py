"""The folds of a repeat together: every sample was tested once, by a model that had not seen it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from exprlab import keys
from exprlab.evaluation.evaluate import Judged, describe
from exprlab.outputs import gathered

if TYPE_CHECKING:
    from exprlab.config.steps import EvaluationConfig


def pool(folds: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Join the predictions of the folds of a repeat, by name, and add the column `fold`."""
    numbered = [
        table.assign(**{keys.FOLD: keys.split_parts(split).fold}) for split, table in folds.items()
    ]
    return pd.concat(numbered, ignore_index=True)


def evaluate_pooled(
    pooled: pd.DataFrame,
    folds: Mapping[str, Mapping[str, Any]],
    settings: EvaluationConfig,
    rng: np.random.Generator,
    posterior: ArrayLike | None = None,
) -> dict[str, Any]:
    """Judge the models of a repeat's folds together.

    Parameters
    ----------
    pooled
        As from `pool`.
    folds
        Split -> content of its evaluation.json.
    settings, rng
        As for `exprlab.evaluation.evaluate.evaluate`.
    posterior
        The oracle's probabilities of these samples, where the cohort is simulated.

    Returns
    -------
    dict
        The content of evaluation.json, of the calibrated probabilities and the decisions that each
        fold's own model makes, with `folds` (split -> `n_test`, `threshold`, `temperature`) in
        place of a threshold and a temperature, which are None. How metrics of several models are
        put together: `exprlab.evaluation.metrics.classification_metrics`. Curves are those of all
        samples in one row.
    """
    judged = Judged(
        label=pooled[keys.LABEL].to_numpy(),
        probability=gathered(keys.CALIBRATED, pooled),
        raw=gathered(keys.PROBABILITY, pooled),
        called=pooled[keys.PREDICTION].to_numpy(),
        patient=pooled[keys.PATIENT].to_numpy(),
        fold=pooled[keys.FOLD].to_numpy(),
    )
    classes = next(iter(folds.values()))["classes"]
    kept = ("n_test", "threshold", "temperature")
    return {
        "threshold": None,
        "temperature": None,
        "folds": {split: {key: found[key] for key in kept} for split, found in folds.items()},
        **describe(judged, settings, rng, classes, posterior),
    }
