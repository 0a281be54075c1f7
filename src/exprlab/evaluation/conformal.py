"""Prediction sets at a chosen error rate, by split-conformal prediction on validation samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exprlab.outputs import PredictionSets, by_class


def fit_sets(label: ArrayLike, probability: ArrayLike, error_rate: float) -> PredictionSets:
    """Return the cuts that keep the error rate of each class.

    Parameters
    ----------
    label : (n_samples,) array of whole numbers from 0 on
        Of validation samples.
    probability : (n_samples,) or (n_samples, n_classes) array
        Their calibrated probabilities.
    error_rate : float
        Largest share of the samples of a class whose set may be without it.

    Notes
    -----
    A class belongs to a sample's set if its probability reaches the k-th smallest of the n
    validation samples of this class, ``k = floor((n + 1) * error_rate)``. A new sample that is
    exchangeable with them is as likely to have any rank among the n + 1, so its own class is
    missing with a probability of at most ``k / (n + 1)``, whatever the model. With ``k = 0``,
    fewer than ``1 / error_rate - 1`` samples, nothing can be excluded: the class is in every set.

    The score is one minus the probability of the true class (LAC: Sadinle, Lei and Wasserman
    2019), which gives the smallest sets. The guarantee is for each class rather than for all
    samples together (label-conditional or Mondrian: Vovk 2012): where classes are of unequal size,
    the rare one, often the one that matters, could otherwise be missed in most of its samples
    while the error over all samples is kept.

    Validation samples have also ended the training and set the calibration, which makes their
    probabilities a little too good; how far the rate holds on test samples is in evaluation.json.
    """
    label, each = np.asarray(label), by_class(probability)
    cuts = []
    for k in range(each.shape[1]):
        own = np.sort(each[label == k, k])
        # (9 + 1) * 0.1 is 1, although the product of floating-point numbers may fall below.
        n_excluded = int(np.floor((own.size + 1) * error_rate * (1 + 1e-12)))
        cuts.append(float(own[n_excluded - 1]) if n_excluded else 0.0)
    return PredictionSets(float(error_rate), tuple(cuts))


def describe_sets(
    label: ArrayLike, sets: NDArray[np.bool_], error_rate: float, classes: Sequence[str]
) -> dict[str, Any]:
    """Return how prediction sets did on samples whose label is known.

    Returns
    -------
    dict
        ``error_rate`` as it was asked for; ``coverage``, the share of the samples whose set holds
        their class; ``coverage_by_class`` (None for a class without samples); ``mean_size`` and
        ``share_of_one``, the share of the sets that name one class only.
    """
    label = np.asarray(label)
    covered = sets[np.arange(label.size), label]
    size = sets.sum(axis=1)
    return {
        "error_rate": error_rate,
        "coverage": float(covered.mean()),
        "coverage_by_class": {
            name: float(covered[label == k].mean()) if np.any(label == k) else None
            for k, name in enumerate(classes)
        },
        "mean_size": float(size.mean()),
        "share_of_one": float(np.mean(size == 1)),
    }
