"""How models do on the new cohort, where its labels are known; they are used for nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    samples: pd.DataFrame,
    predictions: Mapping[str, Mapping[str, pd.DataFrame]],
    thresholds: Mapping[str, Mapping[str, float | None]],
    posterior: pd.DataFrame | None,
    settings: EvaluationConfig,
    classes: Sequence[str] = keys.CLASSES,
) -> dict[str, Any]:
    """Compare predictions for new samples with their labels.

    Parameters
    ----------
    samples
        Indexed by sample id. Columns `label`, the name of the class, missing where it is not known,
        and maybe `patient`, whose samples are resampled together; there may be none of these.
    predictions
        Model -> split -> table of new_samples.tsv, indexed by sample id.
    thresholds
        Model -> split -> calibrated probability from which on the positive class is called; more
        than two classes have none.
    posterior
        The oracle's table of the cohort, where it is simulated.
    settings
        Of the evaluation.
    classes
        Names of the classes.

    Returns
    -------
    dict
        ``n_samples``, ``classes``, ``n_per_class``, ``confidence``, and in ``models`` model ->
        split -> ``n_predicted`` and ``metrics`` (metric -> value, low, high). ``models`` is empty
        where a class has no sample. Samples without a label or a prediction are left out.
    """
    known = samples[samples[keys.LABEL].isin(classes)] if keys.LABEL in samples else samples[:0]
    columns = keys.output_columns(keys.CALIBRATED, classes)
    tables = {
        (model, split): (table[columns], thresholds[model][split])
        for model, splits in predictions.items()
        for split, table in splits.items()
    }
    if posterior is not None:
        tables |= {
            (name, "all"): (posterior[[prefix + label for label in keys.told_apart(classes)]], 0.5)
            for name, prefix in ORACLES.items()
            if prefix + classes[-1] in posterior
        }
    n_per_class = {
        name: int((known[keys.LABEL] == name).sum()) if len(known) else 0 for name in classes
    }
    models: dict[str, dict[str, Any]] = {}
    if all(n_per_class.values()):
        for (model, split), (probability, threshold) in tables.items():
            found = _judged(known, probability, threshold, settings, classes)
            models.setdefault(model, {})[split] = found
    return {
        "n_samples": len(samples),
        "classes": list(classes),
        "n_per_class": n_per_class,
        "confidence": settings.confidence,
        "models": models,
    }


def _judged(
    known: pd.DataFrame,
    table: pd.DataFrame,
    threshold: float | None,
    settings: EvaluationConfig,
    classes: Sequence[str],
) -> dict[str, Any]:
    """Return the metrics of one model on the samples that it has predicted."""
    table = table.reindex(known.index).dropna()
    known = known.loc[table.index]
    truth = np.array([classes.index(name) for name in known[keys.LABEL]], dtype=np.int8)
    probability = table.to_numpy()
    found = intervals(
        truth,
        probability[:, 0] if len(classes) == 2 else probability,
        threshold,
        n_resamples=settings.bootstrap,
        confidence=settings.confidence,
        n_bins=settings.ece_bins,
        # The same resamples for all, so that models are compared on the same draws.
        rng=np.random.default_rng(0),
        patient=_patients(known),
    )
    metrics = {name: interval._asdict() for name, interval in found.items()}
    return {"n_predicted": len(table), "metrics": metrics}


def _patients(samples: pd.DataFrame) -> np.ndarray | None:
    """Return whose each sample is; one without a patient is of its own."""
    if keys.PATIENT not in samples:
        return None
    named = samples[keys.PATIENT].astype(object)
    return named.where(named.notna(), samples.index.to_series()).astype(str).to_numpy()
