"""What so few samples cannot show: limits of a metric that no resample changes.

A bootstrap draws from the samples that there are. Where each of ten is right, so is each of any
resample, and its interval [1, 1] would claim to know what ten samples cannot tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exprlab import keys
from exprlab.evaluation.metrics import classification_metrics
from exprlab.outputs import by_class


class Cases(NamedTuple):
    """What metrics are made from: true and called class, probability, and patient and fold if any.

    All are of shape (n_samples,), `probability` maybe (n_samples, n_classes).
    """

    label: NDArray
    probability: NDArray
    called: NDArray
    patient: NDArray | None = None
    fold: NDArray | None = None


def unseen_metrics(found: Cases, confidence: float, n_bins: int) -> dict[str, NDArray]:
    """Return every metric as if samples had come that could well have been missed.

    Of each class in turn further samples are all wrong, and then all right: as many as make the
    share of those seen tail^(1 / n), with n patients of the class (samples without patients) and
    tail half of what `confidence` leaves. That is the lower limit of Clopper and Pearson [1]_ for
    n of n, so sensitivity and specificity get exactly their interval. So does the auroc that of as
    many independent pairs as there are patients of the class, each in order.

    Parameters
    ----------
    found
        The samples.
    confidence
        Of the interval, e.g. 0.95.
    n_bins
        Bins of the expected calibration error.

    Returns
    -------
    dict
        Metric -> its values, twice per class.

    References
    ----------
    .. [1] Clopper & Pearson (1934), Biometrika 26, 404-413.
    """
    tail = (1 - confidence) / 2
    metrics = [
        classification_metrics(
            np.append(found.label, extra.label),
            np.concatenate([found.probability, extra.probability]),
            weights=np.append(np.ones(found.label.size), extra_weight),
            called=np.append(found.called, extra.called),
            fold=None if found.fold is None else np.append(found.fold, extra.fold),
            n_bins=n_bins,
        )
        for extra, extra_weight in _extra_samples(found, tail)
    ]
    return {name: np.array([each[name] for each in metrics]) for name in keys.METRICS}


def _extra_samples(found: Cases, tail: float) -> Iterator[tuple[Cases, NDArray]]:
    """Yield samples of one class that are called one class, one in each fold, and their weights."""
    n_classes = by_class(found.probability).shape[1]
    of_class = found.label[:, None] == np.arange(n_classes)
    size = of_class.sum(axis=0)
    folds = np.zeros(1) if found.fold is None else np.unique(found.fold)
    for label, members in enumerate(of_class.T):
        n_units = size[label] if found.patient is None else np.unique(found.patient[members]).size
        own = [members if found.fold is None else members & (found.fold == f) for f in folds]
        weight = np.array([rows.sum() for rows in own]) * (tail ** (-1 / max(n_units, 1)) - 1)
        # A wrong call is most likely of the largest other class.
        other = int(np.argmax(np.where(np.arange(n_classes) == label, -1, size)))
        for called in (other, int(label)):
            certain = np.eye(n_classes)[np.full(len(folds), called)]
            probability = certain[:, 1] if found.probability.ndim == 1 else certain
            alike = np.full(len(folds), label)
            yield Cases(alike, probability, np.full(len(folds), called), fold=folds), weight


def widened(limits: tuple[float, float], unseen: NDArray) -> tuple[float, float]:
    """Return limits without width as wide as what was not seen allows; others as they are."""
    low, high = limits
    return (min(low, unseen.min()), max(high, unseen.max())) if low == high else limits
