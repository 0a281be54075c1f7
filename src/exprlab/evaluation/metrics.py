"""Test metrics of a binary classifier, for many sets of sample weights at once.

Every metric is a function of weighted sums over samples. A bootstrap resample is a vector of
weights (how often each sample was drawn), so the formula that gives the point estimate, with all
weights one, gives a thousand resamples too, in one pass over a matrix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from exprlab import keys
from exprlab.evaluation.calibration import decide

Floats = NDArray[np.float64]


def binary_metrics(
    label: ArrayLike,
    probability: ArrayLike,
    threshold: float,
    weights: ArrayLike | None = None,
    n_bins: int = 10,
) -> dict[str, Floats]:
    """Return every metric of `keys.METRICS`, once per row of `weights`.

    Parameters
    ----------
    label : (n_samples,) array of 0 and 1
        1 is the positive class (malignant).
    probability : (n_samples,) array
        Of the positive class, within [0, 1].
    threshold : float
        Probabilities from here on are called positive.
    weights : (n_samples,) or (n_resamples, n_samples) array, optional
        Non-negative sample weights; ones if not given.
    n_bins : int
        Bins of the expected calibration error.

    Returns
    -------
    dict
        Name to an array of shape ``()``, or ``(n_resamples,)`` for a matrix of weights.

    Notes
    -----
    - ``auroc``: the Mann-Whitney statistic, ties counted half [1]_. NaN if a class is missing.
    - ``auprc``: average precision, the sum of precision times the gain in recall over the distinct
      scores; no interpolation. NaN without positive samples.
    - ``sensitivity``, ``specificity``, ``balanced_accuracy``: NaN if a class they need is missing.
    - ``f1``, ``mcc``: 0 where they would be 0 / 0, as when nothing is called positive.
    - ``log_loss``: in nats; probabilities are kept one float epsilon away from 0 and 1.
    - ``ece``: expected calibration error over equal-width bins [2]_, the weighted mean over bins
      of \\|mean label - mean probability\\|; see `bin_index` for which bin a boundary falls into.

    A class is missing where its weights sum to 0. No case warns.

    References
    ----------
    .. [1] Hanley & McNeil (1982), Radiology 143, 29-36.
    .. [2] Guo et al. (2017), On calibration of modern neural networks, eq. 3, for the positive
       class.
    """
    label, probability = np.asarray(label), np.asarray(probability, dtype=np.float64)
    weights = np.asarray(np.ones(label.size) if weights is None else weights, dtype=np.float64)
    values = {
        **_ranking(label, probability, weights),
        **_decisions(label, decide(probability, threshold), weights),
        **{
            name: _ratio((weights * loss).sum(axis=-1), weights.sum(axis=-1))
            for name, loss in sample_losses(label, probability).items()
        },
        "ece": _calibration_error(label, probability, weights, n_bins),
    }
    return {name: values[name] for name in keys.METRICS}


def sample_losses(label: NDArray, probability: Floats) -> dict[str, Floats]:
    """Return the proper scores of each sample, ``(n_samples,)``, whose mean is the metric."""
    epsilon = np.finfo(np.float64).eps
    clipped = np.clip(probability, epsilon, 1 - epsilon)
    return {
        "brier": (probability - label) ** 2,
        "log_loss": -xlogy(label, clipped) - xlogy(1 - label, 1 - clipped),
    }


def ranked_counts(
    label: NDArray, probability: Floats, weights: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return true and false positives as the threshold falls past each distinct score.

    Returns
    -------
    tp, fp : (..., n_distinct + 1) arrays
        Weighted counts; the first entry is 0 (nothing called positive), the last one the class
        total. Samples with equal scores cross together, so no order among them matters.
    """
    weights = np.ones(label.size) if weights is None else weights
    order = np.argsort(-probability, kind="stable")
    steps = np.flatnonzero(np.diff(probability[order])) + 1
    bounds = np.concatenate([[0], steps, [label.size]])
    weights = np.take(weights, order, axis=-1)
    positive = label[order] == 1
    return _cumulative(weights * positive, bounds), _cumulative(weights * ~positive, bounds)


def bin_index(probability: Floats, n_bins: int) -> NDArray[np.intp]:
    """Return the equal-width bin of each probability: ``[k / n, (k + 1) / n)``, the last closed."""
    inner_edges = np.linspace(0, 1, n_bins + 1)[1:-1]
    return np.searchsorted(inner_edges, probability, side="right")


def _ranking(label: NDArray, probability: Floats, weights: Floats) -> dict[str, Floats]:
    tp, fp = ranked_counts(label, probability, weights)
    positives, negatives = tp[..., -1], fp[..., -1]
    gained = np.diff(tp, axis=-1)
    # Each negative of a group of ties has all positives above it on its side, and half of its own.
    wins = np.diff(fp, axis=-1) * (tp[..., :-1] + gained / 2)
    precision = _ratio(tp[..., 1:], tp[..., 1:] + fp[..., 1:], empty=0.0)
    return {
        "auroc": _ratio(wins.sum(axis=-1), positives * negatives),
        "auprc": _ratio((gained * precision).sum(axis=-1), positives),
    }


def _decisions(label: NDArray, decision: NDArray, weights: Floats) -> dict[str, Floats]:
    tn, fp, fn, tp = (
        (weights * ((label == truth) & (decision == call))).sum(axis=-1)
        for truth, call in [(0, 0), (0, 1), (1, 0), (1, 1)]
    )
    sensitivity, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    margins = np.sqrt((tp + fp) * (tp + fn)) * np.sqrt((tn + fp) * (tn + fn))
    return {
        "accuracy": _ratio(tp + tn, tp + tn + fp + fn),
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "f1": _ratio(2 * tp, 2 * tp + fp + fn, empty=0.0),
        "mcc": _ratio(tp * tn - fp * fn, margins, empty=0.0),
    }


def _calibration_error(label: NDArray, probability: Floats, weights: Floats, n_bins: int) -> Floats:
    bins = bin_index(probability, n_bins)
    gaps = weights * (label - probability)
    # Bin weight times |mean gap| is |sum of gaps|: no bin mean is needed, and none is 0 / 0.
    total = sum(np.abs(gaps[..., bins == k].sum(axis=-1)) for k in np.unique(bins))
    return _ratio(total, weights.sum(axis=-1))


def _cumulative(values: Floats, bounds: NDArray) -> Floats:
    sums = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=sums[..., 1:])
    return np.take(sums, bounds, axis=-1)


def _ratio(above: ArrayLike, below: ArrayLike, empty: float = np.nan) -> Floats:
    """Divide, with `empty` where there is nothing to divide by."""
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.divide(above, below, out=np.full(below.shape, empty), where=below > 0)
