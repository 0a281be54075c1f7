"""Bootstrap intervals of test metrics, and of the difference between two models.

The resampled unit is the sample. Where patients give several samples each, these are not
independent and the intervals are somewhat too narrow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exprlab.evaluation.metrics import classification_metrics, sample_losses

# Weights held at once: a megabyte or two stays in the cache, and 100,000 resamples fit in memory.
_WEIGHTS_AT_ONCE = 200_000


class Interval(NamedTuple):
    """A point estimate and the limits of its confidence interval."""

    value: float
    low: float
    high: float


class Difference(NamedTuple):
    """A metric of model a minus that of model b, its confidence interval and two-sided p."""

    difference: float
    low: float
    high: float
    p_value: float


def stratified_weights(
    label: ArrayLike, n_resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return how often each sample is drawn when each class is resampled within itself.

    Class totals stay as they are, so no resample lacks a class.

    Parameters
    ----------
    label : (n_samples,) array
    n_resamples : int
    rng : numpy.random.Generator

    Returns
    -------
    (n_resamples, n_samples) array
        Multinomial counts per class.
    """
    label = np.asarray(label)
    weights = np.empty((n_resamples, label.size))
    for value in np.unique(label):
        members = np.flatnonzero(label == value)
        drawn = rng.integers(members.size, size=(n_resamples, members.size))
        cells = drawn + members.size * np.arange(n_resamples)[:, None]
        counts = np.bincount(cells.ravel(), minlength=n_resamples * members.size)
        weights[:, members] = counts.reshape(n_resamples, members.size)
    return weights


def _chunk_sizes(n_samples: int, n_resamples: int) -> list[int]:
    """Divide resamples into chunks that need little memory; depends on the two numbers only."""
    size = max(1, _WEIGHTS_AT_ONCE // n_samples)
    return [min(size, n_resamples - start) for start in range(0, n_resamples, size)]


def _percentile_limits(
    value: float, resampled: NDArray[np.float64], confidence: float
) -> tuple[float, float]:
    """Return the percentile interval of resampled values, widened if need be to hold `value`.

    A bootstrap that is biased can put its interval beside the estimate: resampling adds noise to
    each bin of a reliability diagram, so the expected calibration error of a resample is mostly
    larger than that of the sample itself.
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return min(float(low), value), max(float(high), value)


def intervals(
    label: ArrayLike,
    probability: ArrayLike,
    threshold: float | None,
    *,
    n_resamples: int,
    confidence: float,
    n_bins: int,
    rng: np.random.Generator,
) -> dict[str, Interval]:
    """Return every metric with its stratified percentile bootstrap interval.

    Parameters
    ----------
    label, probability, threshold
        As for `exprlab.evaluation.metrics.classification_metrics`. The threshold is held fixed: it
        was chosen on validation samples.
    n_resamples : int
    confidence : float
        Coverage of the interval, e.g. 0.95.
    n_bins : int
        Bins of the expected calibration error.
    rng : numpy.random.Generator

    Returns
    -------
    dict
        Name of the metric to (value, low, high); NaN where a class is missing. A metric without
        spread, such as the auroc of perfectly separated classes, has an interval of width 0:
        the bootstrap cannot see what these samples do not show.
    """
    label, probability = np.asarray(label), np.asarray(probability, dtype=np.float64)
    point = classification_metrics(label, probability, threshold, n_bins=n_bins)
    chunks = [
        classification_metrics(
            label, probability, threshold, stratified_weights(label, n, rng), n_bins
        )
        for n in _chunk_sizes(label.size, n_resamples)
    ]
    found = {}
    for name, value in point.items():
        resampled = np.concatenate([chunk[name] for chunk in chunks])
        found[name] = Interval(
            float(value), *_percentile_limits(float(value), resampled, confidence)
        )
    return found


def mean_interval(
    label: ArrayLike,
    values: NDArray[np.float64],
    *,
    n_resamples: int,
    confidence: float,
    rng: np.random.Generator,
) -> Interval:
    """Return the mean of values per sample with its stratified percentile bootstrap interval.

    Parameters
    ----------
    label, values : (n_samples,) arrays
    n_resamples : int
    confidence : float
    rng : numpy.random.Generator
    """
    value = float(values.mean())
    resampled = _resampled_means(label, values, n_resamples, rng)
    return Interval(value, *_percentile_limits(value, resampled, confidence))


def _resampled_means(
    label: ArrayLike, values: NDArray[np.float64], n_resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    return np.concatenate(
        [
            (stratified_weights(label, n, rng) * values).sum(axis=-1) / values.size
            for n in _chunk_sizes(values.size, n_resamples)
        ]
    )


def paired_bootstrap(
    label: ArrayLike,
    probability_a: ArrayLike,
    probability_b: ArrayLike,
    metric: str,
    *,
    n_resamples: int,
    confidence: float,
    rng: np.random.Generator,
) -> Difference:
    """Compare a mean loss of two models on the same samples.

    Parameters
    ----------
    label : (n_samples,) array
    probability_a, probability_b : (n_samples,) or (n_samples, n_classes) arrays
    metric : {"log_loss", "brier"}
    n_resamples : int
        Stratified by class; both models see the same resample, which takes out what makes
        samples hard for either.
    confidence : float
    rng : numpy.random.Generator

    Returns
    -------
    Difference
        Loss of a - loss of b with its percentile interval. p is twice the share of resamples on
        the rarer side of 0, the data themselves counted as one more on both sides (Davison &
        Hinkley 1997, sec. 4.2), so it is never below 2 / (n_resamples + 1).
    """
    label = np.asarray(label)
    loss_a, loss_b = (
        sample_losses(label, np.asarray(probability, dtype=np.float64))[metric]
        for probability in (probability_a, probability_b)
    )
    gap = loss_a - loss_b
    resampled = _resampled_means(label, gap, n_resamples, rng)
    difference = float(gap.mean())
    rarer = min(np.sum(resampled <= 0), np.sum(resampled >= 0))
    p_value = min(1.0, 2 * float(rarer + 1) / (n_resamples + 1))
    return Difference(difference, *_percentile_limits(difference, resampled, confidence), p_value)
