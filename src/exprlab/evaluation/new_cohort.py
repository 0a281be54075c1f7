"""How models do on the new cohort, where its labels are known; they are used for nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exprlab import keys
from exprlab.evaluation.bootstrap import intervals

if TYPE_CHECKING:
    from exprlab.config.steps import EvaluationConfig

# The oracle knows the batches of the cohort, as one that has seen many of their samples would;
# without them it judges each sample by itself.
ORACLES = {keys.ORACLE: keys.ORACLE_RECORDED, "oracle without batches": keys.ORACLE_BLIND}


def judge_new_cohort(
    label: pd.Series,
    predictions: Mapping[str, Mapping[str, pd.DataFrame]],
    thresholds: Mapping[str, Mapping[str, float]],
    posterior: pd.DataFrame | None,
    settings: EvaluationConfig,
) -> dict[str, Any]:
    """Compare predictions for new samples with their labels.

    Parameters
    ----------
    label
        Name of each sample's class, missing where it is not known; indexed by sample id.
    predictions
        Model -> split -> table of new_samples.tsv, indexed by sample id.
    thresholds
        Model -> split -> calibrated probability from which on the positive class is called.
    posterior
        The oracle's table of the cohort, where it is simulated.
    settings
        Of the evaluation.

    Returns
    -------
    dict
        ``n_samples``, ``n_per_class``, ``confidence``, and in ``models`` model -> split ->
        ``n_predicted`` and ``metrics`` (metric -> value, low, high). ``models`` is empty where a
        class has no sample. Samples without a label or a prediction are left out.
    """
    known = label[label.isin(keys.CLASSES)]
    tables = {
        (model, split): (table[keys.CALIBRATED], thresholds[model][split])
        for model, splits in predictions.items()
        for split, table in splits.items()
    }
    if posterior is not None:
        positive = keys.CLASSES[-1]
        tables |= {
            (name, "all"): (posterior[f"{prefix}{positive}"], 0.5)
            for name, prefix in ORACLES.items()
            if f"{prefix}{positive}" in posterior
        }
    n_per_class = {name: int((known == name).sum()) for name in keys.CLASSES}
    models: dict[str, dict[str, Any]] = {}
    if all(n_per_class.values()):
        for (model, split), (probability, threshold) in tables.items():
            models.setdefault(model, {})[split] = _judged(known, probability, threshold, settings)
    return {
        "n_samples": len(label),
        "n_per_class": n_per_class,
        "confidence": settings.confidence,
        "models": models,
    }


def _judged(
    label: pd.Series, probability: pd.Series, threshold: float, settings: EvaluationConfig
) -> dict[str, Any]:
    """Return the metrics of one model on the samples that it has predicted."""
    probability = probability.reindex(label.index).dropna()
    truth = (label[probability.index] == keys.CLASSES[-1]).to_numpy(dtype=np.int8)
    found = intervals(
        truth,
        probability.to_numpy(),
        threshold,
        n_resamples=settings.bootstrap,
        confidence=settings.confidence,
        n_bins=settings.ece_bins,
        # The same resamples for all, so that models are compared on the same draws.
        rng=np.random.default_rng(0),
    )
    metrics = {name: interval._asdict() for name, interval in found.items()}
    return {"n_predicted": int(probability.size), "metrics": metrics}
