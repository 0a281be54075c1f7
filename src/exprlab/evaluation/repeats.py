"""What a model is worth over several repeats that test the same patients anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exprlab import keys
from exprlab.evaluation.bootstrap import (
    chunk_sizes,
    percentile_limits,
    resampling_units,
    unit_weights,
)
from exprlab.evaluation.metrics import classification_metrics
from exprlab.evaluation.unseen import Cases, unseen_metrics, widened
from exprlab.outputs import gathered

if TYPE_CHECKING:
    from exprlab.config.steps import EvaluationConfig

Table = Mapping[str, ArrayLike]


def mean_limits(
    tables: Sequence[Table], settings: EvaluationConfig, seed: int
) -> dict[str, tuple[float, float]]:
    """Return the limits of an interval of each metric's mean over repeats.

    Patients are resampled, whole and within their classes, once for all repeats in which they are
    tested, and each resample gives the mean over repeats. So neither repeats nor the samples of a
    patient count as further evidence: more repeats take out what the luck of a division adds, and
    the interval stays as wide as the number of patients makes it. The trained models are taken as
    they are; how much another cohort would change them is not in the interval, and cannot be told
    without bias from the folds of one [1]_.

    Parameters
    ----------
    tables
        The predictions of each repeat: columns `sample_id`, `label`, `calibrated_probability` (or
        one for each class), `prediction`, and maybe `patient` and `fold`.
    settings
    seed
        Of the resamples; the same for all models, so that they see the same draws.

    Returns
    -------
    dict
        Metric to the limits; NaN where the metric is not defined in any repeat. Of a metric that no
        resample changes they are those of `exprlab.evaluation.unseen`.

    References
    ----------
    .. [1] Bengio & Grandvalet (2004), No unbiased estimator of the variance of K-fold
       cross-validation, JMLR 5, 1089-1105.
    """
    labels = [np.asarray(table[keys.LABEL]) for table in tables]
    patients = [_cases(table).patient for table in tables]
    unit, stratum = resampling_units(np.concatenate(labels), np.concatenate(patients))
    of_table = np.split(unit, np.cumsum([label.size for label in labels])[:-1])
    point = _means([_metrics(table, None, settings) for table in tables])
    rng = np.random.default_rng(seed)
    chunks = []
    for n in chunk_sizes(max(label.size for label in labels), settings.bootstrap):
        drawn = unit_weights(stratum, n, rng)
        found = [
            _metrics(table, drawn[:, units], settings)
            for table, units in zip(tables, of_table, strict=True)
        ]
        chunks.append(_means(found))
    unseen = _means(
        [unseen_metrics(_cases(t), settings.confidence, settings.ece_bins) for t in tables]
    )
    limits = {}
    for name in keys.METRICS:
        resampled = np.concatenate([chunk[name] for chunk in chunks])
        found = percentile_limits(float(point[name]), resampled, settings.confidence)
        limits[name] = widened(found, unseen[name])
    return limits


def _cases(table: Table) -> Cases:
    fold = table.get(keys.FOLD)
    return Cases(
        label=np.asarray(table[keys.LABEL]),
        probability=gathered(keys.CALIBRATED, table),
        called=np.asarray(table[keys.PREDICTION]),
        patient=np.asarray(table.get(keys.PATIENT, table[keys.SAMPLE_ID])),
        fold=None if fold is None else np.asarray(fold),
    )


def _metrics(
    table: Table, weights: NDArray[np.float64] | None, settings: EvaluationConfig
) -> dict[str, NDArray[np.float64]]:
    label, probability, called, _, fold = _cases(table)
    return classification_metrics(
        label, probability, weights=weights, n_bins=settings.ece_bins, called=called, fold=fold
    )


def _means(found: Sequence[Mapping[str, NDArray]]) -> dict[str, NDArray[np.float64]]:
    """Return each metric's mean over the repeats in which it is defined."""
    means = {}
    for name in keys.METRICS:
        values = np.stack([metrics[name] for metrics in found])
        known = np.isfinite(values)
        n = known.sum(axis=0)
        total = np.where(known, values, 0.0).sum(axis=0)
        means[name] = np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0)
    return means
