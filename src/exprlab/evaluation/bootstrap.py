"""Bootstrap intervals of test metrics, and of the difference between two models.

The resampled unit is the patient, with all of its samples: another cohort would bring other
patients, and samples of a patient are no independent evidence. Without patients each sample is one
of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exprlab.evaluation.metrics import classification_metrics, sample_losses
from exprlab.evaluation.unseen import Cases, unseen_metrics, widened
from exprlab.groups import group_equal
from exprlab.outputs import decide

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


def defined(value: float) -> float | None:
    """Return a number for JSON, None where it is not defined (NaN)."""
    return None if np.isnan(value) else float(value)


def plain(found: Interval | Difference) -> dict[str, float | None]:
    """Return an interval or a difference for JSON, None where it is not defined."""
    return {name: defined(value) for name, value in found._asdict().items()}


class Units(NamedTuple):
    """What is resampled: the unit of each sample, and the stratum of each unit, from 0 on."""

    unit: NDArray[np.intp]
    stratum: NDArray[np.intp]


def resampling_units(label: ArrayLike, patient: ArrayLike | None = None) -> Units:
    """Return the patients as units, with those whose samples are of the same classes as a stratum.

    Resampled within strata, no resample lacks a class, and where patients have a sample each, class
    totals stay as they are.

    Parameters
    ----------
    label : (n_samples,) array
    patient : (n_samples,) array, optional
        Without it each sample is a unit.
    """
    label = np.asarray(label)
    if patient is None:
        unit = np.arange(label.size)
    else:
        _, first, found = np.unique(np.asarray(patient), return_index=True, return_inverse=True)
        # Numbered as they appear, so that patients of a sample each are as samples without one.
        unit = group_equal(first).place[found.ravel()]
    values, place = group_equal(label)
    has = np.zeros((unit.max(initial=-1) + 1, values.size), dtype=bool)
    has[unit, place] = True
    # Columns backwards: strata of one class come in the order of the labels.
    return Units(unit, group_equal(has[:, ::-1]).place)


def stratified_weights(
    label: ArrayLike,
    n_resamples: int,
    rng: np.random.Generator,
    patient: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Return how often each sample is drawn when patients are resampled within their strata.

    Parameters
    ----------
    label, patient : (n_samples,) arrays
        As for `resampling_units`.
    n_resamples : int
    rng : numpy.random.Generator

    Returns
    -------
    (n_resamples, n_samples) array
        Multinomial counts per stratum, the same for all samples of a patient.
    """
    unit, stratum = resampling_units(label, patient)
    weights = unit_weights(stratum, n_resamples, rng)
    return weights if patient is None else weights[:, unit]


def unit_weights(
    stratum: NDArray[np.intp], n_resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return how often each unit is drawn, (n_resamples, n_units)."""
    weights = np.empty((n_resamples, stratum.size))
    for value in np.unique(stratum):
        members = np.flatnonzero(stratum == value)
        drawn = rng.integers(members.size, size=(n_resamples, members.size))
        cells = drawn + members.size * np.arange(n_resamples)[:, None]
        counts = np.bincount(cells.ravel(), minlength=n_resamples * members.size)
        weights[:, members] = counts.reshape(n_resamples, members.size)
    return weights


def chunk_sizes(n_samples: int, n_resamples: int) -> list[int]:
    """Divide resamples into chunks that need little memory; depends on the two numbers only."""
    size = max(1, _WEIGHTS_AT_ONCE // n_samples)
    return [min(size, n_resamples - start) for start in range(0, n_resamples, size)]


def percentile_limits(
    value: float, resampled: NDArray[np.float64], confidence: float
) -> tuple[float, float]:
    """Return the percentile interval of resampled values, widened if need be to hold `value`.

    A bootstrap that is biased can put its interval beside the estimate: resampling adds noise to
    each bin of a reliability diagram, so the expected calibration error of a resample is mostly
    larger than that of the sample itself. Resamples in which it is not defined do not count; of an
    estimate that is not defined there is no interval.
    """
    tail = (1 - confidence) / 2
    resampled = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or not resampled.size:
        return np.nan, np.nan
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
    patient: ArrayLike | None = None,
    called: ArrayLike | None = None,
    fold: ArrayLike | None = None,
) -> dict[str, Interval]:
    """Return every metric with its stratified percentile bootstrap interval.

    Parameters
    ----------
    label, probability, threshold, called, fold
        As for `exprlab.evaluation.metrics.classification_metrics`. The threshold is held fixed: it
        was chosen on validation samples.
    n_resamples : int
    confidence : float
        Coverage of the interval, e.g. 0.95.
    n_bins : int
        Bins of the expected calibration error.
    rng : numpy.random.Generator
    patient : (n_samples,) array, optional
        Who is resampled.

    Returns
    -------
    dict
        Name of the metric to (value, low, high); NaN where a class is missing. Of a metric that no
        resample changes, such as the auroc of perfectly separated classes, the interval is that of
        `exprlab.evaluation.unseen`.
    """
    label, probability = np.asarray(label), np.asarray(probability, dtype=np.float64)
    called = decide(probability, threshold) if called is None else np.asarray(called)
    how = {"n_bins": n_bins, "called": called, "fold": fold}
    point = classification_metrics(label, probability, **how)
    chunks = [
        classification_metrics(
            label, probability, weights=stratified_weights(label, n, rng, patient), **how
        )
        for n in chunk_sizes(label.size, n_resamples)
    ]
    cases = Cases(label, probability, called, *map(_array, (patient, fold)))
    unseen = unseen_metrics(cases, confidence, n_bins)
    found = {}
    for name, value in point.items():
        resampled = np.concatenate([chunk[name] for chunk in chunks])
        limits = percentile_limits(float(value), resampled, confidence)
        found[name] = Interval(float(value), *widened(limits, unseen[name]))
    return found


def _array(given: ArrayLike | None) -> NDArray | None:
    return None if given is None else np.asarray(given)


def mean_interval(
    label: ArrayLike,
    values: NDArray[np.float64],
    *,
    n_resamples: int,
    confidence: float,
    rng: np.random.Generator,
    patient: ArrayLike | None = None,
) -> Interval:
    """Return the mean of values per sample with its stratified percentile bootstrap interval.

    Parameters
    ----------
    label, values : (n_samples,) arrays
    n_resamples : int
    confidence : float
    rng : numpy.random.Generator
    patient : (n_samples,) array, optional
        Who is resampled.
    """
    value = float(values.mean())
    resampled = _resampled_means(label, values, n_resamples, rng, patient)
    return Interval(value, *percentile_limits(value, resampled, confidence))


def _resampled_means(
    label: ArrayLike,
    values: NDArray[np.float64],
    n_resamples: int,
    rng: np.random.Generator,
    patient: ArrayLike | None,
) -> NDArray[np.float64]:
    chunks = (
        stratified_weights(label, n, rng, patient) for n in chunk_sizes(values.size, n_resamples)
    )
    # Patients may have samples in different numbers, so a resample has a size of its own.
    return np.concatenate([(w * values).sum(axis=-1) / w.sum(axis=-1) for w in chunks])


def paired_bootstrap(
    label: ArrayLike,
    probability_a: ArrayLike,
    probability_b: ArrayLike,
    metric: str,
    *,
    n_resamples: int,
    confidence: float,
    rng: np.random.Generator,
    patient: ArrayLike | None = None,
) -> Difference:
    """Compare a mean loss of two models on the same samples.

    Parameters
    ----------
    label : (n_samples,) array
    probability_a, probability_b : (n_samples,) or (n_samples, n_classes) arrays
    metric : {"log_loss", "brier"}
    n_resamples : int
        Stratified by class, whole patients where they are given; both models see the same
        resample, which takes out what makes samples hard for either.
    confidence : float
    rng : numpy.random.Generator
    patient : (n_samples,) array, optional
        Who is resampled.

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
    resampled = _resampled_means(label, gap, n_resamples, rng, patient)
    difference = float(gap.mean())
    rarer = min(np.sum(resampled <= 0), np.sum(resampled >= 0))
    p_value = min(1.0, 2 * float(rarer + 1) / (n_resamples + 1))
    return Difference(difference, *percentile_limits(difference, resampled, confidence), p_value)
