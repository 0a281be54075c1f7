"""Test metrics of a classifier, for many sets of sample weights at once.

Every metric is a function of weighted sums over samples. A bootstrap resample is a vector of
weights (how often each sample was drawn), so the formula that gives the point estimate, with all
weights one, gives a thousand resamples too, in one pass over a matrix.

Of two classes the positive one is told from the other; of more, each is told from the rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from exprlab import keys
from exprlab.outputs import by_class, decide, n_outputs

Floats = NDArray[np.float64]


def classification_metrics(
    label: ArrayLike,
    probability: ArrayLike,
    threshold: float | None = None,
    weights: ArrayLike | None = None,
    n_bins: int = 10,
    called: ArrayLike | None = None,
    fold: ArrayLike | None = None,
) -> dict[str, Floats]:
    """Return every metric of `keys.METRICS`, once per row of `weights`.

    Parameters
    ----------
    label : (n_samples,) array of whole numbers
        From 0 on; of two classes, 1 is the positive one (malignant).
    probability : (n_samples,) or (n_samples, n_classes) array
        Of the positive class, or of each class; within [0, 1].
    threshold : float, optional
        Of two classes, probabilities from here on are called positive. More classes need none:
        the most probable one is called.
    weights : (n_samples,) or (n_resamples, n_samples) array, optional
        Non-negative sample weights; ones if not given.
    n_bins : int
        Bins of the expected calibration error.
    called : (n_samples,) array of whole numbers, optional
        The class that was called for each sample, in place of a threshold.
    fold : (n_samples,) array, optional
        Which model judged the sample, where predictions of several are pooled.

    Returns
    -------
    dict
        Name to an array of shape ``()``, or ``(n_resamples,)`` for a matrix of weights.

    Notes
    -----
    With more than two classes ``auroc``, ``auprc``, ``sensitivity``, ``specificity`` and ``f1``
    are the mean over the classes of each one against the rest (macro average).

    - ``auroc``: the Mann-Whitney statistic, ties counted half [1]_. NaN if a class is missing.
    - ``auprc``: average precision, the sum of precision times the gain in recall over the distinct
      scores; no interpolation. NaN without positive samples.
    - ``sensitivity``, ``specificity``, ``balanced_accuracy`` (the mean of all classes' recall):
      NaN if a class they need is missing.
    - ``f1``, ``mcc`` (of more classes, Gorodkin's R_K [2]_): 0 where they would be 0 / 0, as when
      nothing is called positive.
    - ``brier``: of more classes, the sum over them of the squared distances.
    - ``log_loss``: in nats; probabilities are kept one float epsilon away from 0 and 1.
    - ``ece``: expected calibration error over equal-width bins [3]_, the weighted mean over bins
      of \\|observed share - mean probability\\|: of the positive class, or with more classes of
      the one that is most probable. See `bin_index` for which bin a boundary falls into.

    A class is missing where its weights sum to 0. No case warns.

    Of pooled predictions, metrics of decisions, losses and the calibration error are those of all
    samples together: of small folds their ratios are biased (F1) or not defined [4]_. ``auroc``
    and ``auprc`` compare samples within folds only, since scores of different models have no common
    scale, and pooling them is biased, by much in small cohorts [4]_ [5]_: a model of more negative
    samples gives lower scores, to a test fold that has fewer of them. ``auroc`` is the share of all
    pairs of a positive and a negative sample of the same fold that are in order, the mean of the
    folds' own weighted by their pairs; ``auprc`` the mean over positive samples of the precision at
    their score in their fold. So a fold without positives or negatives counts for neither.

    References
    ----------
    .. [1] Hanley & McNeil (1982), Radiology 143, 29-36.
    .. [2] Gorodkin (2004), Computational Biology and Chemistry 28, 367-374.
    .. [3] Guo et al. (2017), On calibration of modern neural networks, eq. 3.
    .. [4] Forman & Scholz (2010), Apples-to-apples in cross-validation studies, SIGKDD
       Explorations 12, 49-57.
    .. [5] Airola et al. (2011), An experimental comparison of cross-validation techniques for
       estimating the area under the ROC curve, Comput. Stat. Data Anal. 55, 1828-1844.
    """
    label, probability = np.asarray(label), np.asarray(probability, dtype=np.float64)
    weights = np.asarray(np.ones(label.size) if weights is None else weights, dtype=np.float64)
    called = decide(probability, threshold) if called is None else np.asarray(called)
    table = confusion_table(label, called, by_class(probability).shape[1], weights)
    each = _against_rest(label, probability, table, weights, _members(fold, label.size))
    total = weights.sum(axis=-1)
    values = {
        **{name: of_classes.mean(axis=-1) for name, of_classes in each.items()},
        **_decisions(table),
        **{
            name: _ratio((weights * loss).sum(axis=-1), total)
            for name, loss in sample_losses(label, probability).items()
        },
        "ece": _calibration_error(*top_label(label, probability), weights, n_bins),
    }
    return {name: values[name] for name in keys.METRICS}


def metrics_by_class(
    label: ArrayLike,
    probability: ArrayLike,
    threshold: float | None = None,
    called: ArrayLike | None = None,
    fold: ArrayLike | None = None,
) -> dict[str, Floats]:
    """Return what is averaged over classes, (n,) each: of two classes for the positive one."""
    label, probability = np.asarray(label), np.asarray(probability, dtype=np.float64)
    weights = np.ones(label.size)
    called = decide(probability, threshold) if called is None else np.asarray(called)
    table = confusion_table(label, called, by_class(probability).shape[1], weights)
    return _against_rest(label, probability, table, weights, _members(fold, label.size))


def _members(fold: ArrayLike | None, n_samples: int) -> list[NDArray[np.intp]]:
    """Return the row numbers of each fold; all together without folds."""
    if fold is None:
        return [np.arange(n_samples)]
    fold = np.asarray(fold)
    return [np.flatnonzero(fold == name) for name in np.unique(fold)]


def sample_losses(label: NDArray, probability: Floats) -> dict[str, Floats]:
    """Return the proper scores of each sample, ``(n_samples,)``, whose mean is the metric."""
    epsilon = np.finfo(np.float64).eps
    probability = by_class(probability)
    truth = label[:, None] == np.arange(probability.shape[1])
    distance = ((probability - truth) ** 2)[:, _told_apart(probability)]
    return {
        "brier": distance.sum(axis=1),
        "log_loss": -xlogy(truth, np.clip(probability, epsilon, 1 - epsilon)).sum(axis=1),
    }


def top_label(label: NDArray, probability: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Return whether an event came, and its probability, (n_samples,) both.

    Of two classes the event is the positive class; of more, that the most probable one is right.
    """
    if probability.ndim == 1:
        return label == 1, probability
    return probability.argmax(axis=1) == label, probability.max(axis=1)


def confusion_table(label: NDArray, called: NDArray, n_classes: int, weights: Floats) -> Floats:
    """Return the weight of true classes (rows) called each class, (..., n_classes, n_classes)."""
    n = n_classes
    cell = n * label.astype(np.intp) + called
    # One product for all resamples; counts are whole numbers, so it is exact.
    sums = weights @ (cell[:, None] == np.arange(n * n)).astype(np.float64)
    return sums.reshape(*weights.shape[:-1], n, n)


def _told_apart(probability: Floats) -> slice:
    """Return which columns of `by_class` belong to classes that are told from the rest."""
    n = probability.shape[1]
    return slice(n - n_outputs(n), n)


def ranked_counts(
    positive: NDArray, probability: Floats, weights: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return true and false positives as the threshold falls past each distinct score.

    Returns
    -------
    tp, fp : (..., n_distinct + 1) arrays
        Weighted counts; the first entry is 0 (nothing called positive), the last one the class
        total. Samples with equal scores cross together, so no order among them matters.
    """
    weights = np.ones(positive.size) if weights is None else weights
    order = np.argsort(-probability, kind="stable")
    steps = np.flatnonzero(np.diff(probability[order])) + 1
    bounds = np.concatenate([[0], steps, [positive.size]])
    weights = np.take(weights, order, axis=-1)
    positive = positive[order] == 1
    return _cumulative(weights * positive, bounds), _cumulative(weights * ~positive, bounds)


def bin_index(probability: Floats, n_bins: int) -> NDArray[np.intp]:
    """Return the equal-width bin of each probability: ``[k / n, (k + 1) / n)``, the last closed."""
    inner_edges = np.linspace(0, 1, n_bins + 1)[1:-1]
    return np.searchsorted(inner_edges, probability, side="right")


def _against_rest(
    label: NDArray,
    probability: Floats,
    table: Floats,
    weights: Floats,
    folds: list[NDArray[np.intp]],
) -> dict[str, Floats]:
    """Return the metrics of one class against the rest, (..., n) for n classes told apart."""
    probability = by_class(probability)
    chosen = _told_apart(probability)
    numbers = range(probability.shape[1])[chosen]
    ranks = [_ranking(label == k, probability[:, k], weights, folds) for k in numbers]
    true, called, hit = (x[..., chosen] for x in _margins(table))
    total = table.sum(axis=(-2, -1))[..., None]
    return {
        "auroc": np.stack([auroc for auroc, _ in ranks], axis=-1),
        "auprc": np.stack([auprc for _, auprc in ranks], axis=-1),
        "sensitivity": _ratio(hit, true),
        "specificity": _ratio(total - true - called + hit, total - true),
        "f1": _ratio(2 * hit, true + called, empty=0.0),
    }


def _ranking(
    positive: NDArray, probability: Floats, weights: Floats, folds: list[NDArray[np.intp]]
) -> tuple[Floats, Floats]:
    """Return the area under the ROC curve and the average precision, within folds."""
    sums = np.zeros((4, *weights.shape[:-1]))
    for members in folds:
        found = np.stack(_ranked(positive[members], probability[members], weights[..., members]))
        # A fold that has one class only has nothing to rank.
        alone = (found[1] == 0) & (len(folds) > 1)
        sums += np.where(alone, 0.0, found)
    wins, pairs, precision, positives = sums
    return _ratio(wins, pairs), _ratio(precision, positives)


def _ranked(
    positive: NDArray, probability: Floats, weights: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return pairs in order, pairs, precision summed over positives, and positives."""
    tp, fp = ranked_counts(positive, probability, weights)
    positives, negatives = tp[..., -1], fp[..., -1]
    gained = np.diff(tp, axis=-1)
    # Each negative of a group of ties has all positives above it on its side, and half of its own.
    wins = np.diff(fp, axis=-1) * (tp[..., :-1] + gained / 2)
    precision = _ratio(tp[..., 1:], tp[..., 1:] + fp[..., 1:], empty=0.0)
    return (
        wins.sum(axis=-1),
        positives * negatives,
        (gained * precision).sum(axis=-1),
        positives,
    )


def _decisions(table: Floats) -> dict[str, Floats]:
    true, called, hit = _margins(table)
    return {
        "accuracy": _ratio(hit.sum(axis=-1), true.sum(axis=-1)),
        "balanced_accuracy": _ratio(hit, true).mean(axis=-1),
        "mcc": _correlation(true, called, hit),
    }


def _margins(table: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the weight of each true class, of each called class, and of right calls."""
    return table.sum(axis=-1), table.sum(axis=-2), np.diagonal(table, axis1=-2, axis2=-1)


def _correlation(true: Floats, called: Floats, hit: Floats) -> Floats:
    """Return the correlation between called and true classes, R_K."""
    total = true.sum(axis=-1)
    covariance = hit.sum(axis=-1) * total - (true * called).sum(axis=-1)
    if true.shape[-1] == 2:
        # The same number, in the form of Matthews (1975).
        spread = np.sqrt(true * called).prod(axis=-1)
        return _ratio(covariance / 2, spread, empty=0.0)
    of_true, of_called = ((x * (total[..., None] - x)).sum(axis=-1) for x in (true, called))
    return _ratio(covariance, np.sqrt(of_true) * np.sqrt(of_called), empty=0.0)


def _calibration_error(event: NDArray, probability: Floats, weights: Floats, n_bins: int) -> Floats:
    bins = bin_index(probability, n_bins)
    gaps = weights * (event - probability)
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
