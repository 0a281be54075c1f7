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
        Metric to the limits; NaN where the metric is not defined in any repeat.

    References
    ----------
    .. [1] Bengio & Grandvalet (2004), No unbiased estimator of the variance of K-fold
       cross-validation, JMLR 5, 1089-1105.
    """
    labels = [np.asarray(table[keys.LABEL]) for table in tables]
    patients = [np.asarray(table.get(keys.PATIENT, table[keys.SAMPLE_ID])) for table in tables]
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
    return {
        name: percentile_limits(
            float(point[name]), np.concatenate([c[name] for c in chunks]), settings.confidence
        )
        for name in keys.METRICS
    }


def _metrics(
    table: Table, weights: NDArray[np.float64] | None, settings: EvaluationConfig
) -> dict[str, NDArray[np.float64]]:
    return classification_metrics(
        np.asarray(table[keys.LABEL]),
        gathered(keys.CALIBRATED, table),
        weights=weights,
        n_bins=settings.ece_bins,
        called=np.asarray(table[keys.PREDICTION]),
        fold=table.get(keys.FOLD),
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
