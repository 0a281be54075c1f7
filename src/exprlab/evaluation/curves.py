"""Curves and counts behind the figures of one evaluation, as plain lists ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exprlab import keys
from exprlab.evaluation.layout import lay_out, lay_out_table
from exprlab.evaluation.metrics import bin_index, confusion_table, ranked_counts, top_label

# A curve with more points looks the same and makes a heavier file.
MAX_POINTS = 500
SCORE_BINS = 20

Curve = dict[str, list[float]]


def curves(
    label: ArrayLike, probability: ArrayLike, n_bins: int, classes: Sequence[str] = keys.CLASSES
) -> dict[str, Curve | dict[str, Curve]]:
    """Return the curves of evaluation.json, of each class that is told from the rest.

    Parameters
    ----------
    label, probability
        As for `exprlab.evaluation.metrics.classification_metrics`.
    n_bins : int
        Bins of the reliability diagrams.
    classes
        Names of the classes.

    Returns
    -------
    dict
        `roc`, `precision_recall`, `calibration`, `scores`; with more than two classes also
        `confidence`, the reliability diagram of the most probable class.
    """
    label, probability = np.asarray(label), np.asarray(probability, dtype=np.float64)
    one_column = probability.ndim == 1
    columns = {1: probability} if one_column else dict(enumerate(probability.T))

    def of_each(curve: Callable[[NDArray, NDArray[np.float64]], Curve]) -> Curve | dict[str, Curve]:
        return lay_out([curve(label == k, column) for k, column in columns.items()], classes)

    names = tuple(classes) if one_column else ("rest", "own")
    found = {
        "roc": of_each(roc),
        "precision_recall": of_each(precision_recall),
        "calibration": of_each(lambda own, p: calibration(own, p, n_bins)),
        "scores": of_each(lambda own, p: scores(own, p, names)),
    }
    if not one_column:
        found["confidence"] = calibration(*top_label(label, probability), n_bins)
    return found


def roc(label: NDArray, probability: NDArray[np.float64]) -> Curve:
    """Return the ROC curve from (0, 0) to (1, 1): `fpr`, `tpr`; no points if a class is missing."""
    tp, fp = ranked_counts(label, probability)
    if not (tp[-1] and fp[-1]):
        return {"fpr": [], "tpr": []}
    kept = _thin(fp / fp[-1], tp / tp[-1])
    return {"fpr": (fp / fp[-1])[kept].tolist(), "tpr": (tp / tp[-1])[kept].tolist()}


def precision_recall(label: NDArray, probability: NDArray[np.float64]) -> Curve:
    """Return precision over recall, from recall 0 to 1.

    The first point is (0, 1) by convention: precision is not defined while nothing is called
    positive. Between points the curve is a step, as in the average precision. Without positive
    samples it has no points.
    """
    tp, fp = ranked_counts(label, probability)
    if not tp[-1]:
        return {"recall": [], "precision": []}
    recall = tp / tp[-1]
    precision = np.concatenate([[1.0], tp[1:] / (tp[1:] + fp[1:])])
    kept = _thin(recall, precision)
    return {"recall": recall[kept].tolist(), "precision": precision[kept].tolist()}


def calibration(label: NDArray, probability: NDArray[np.float64], n_bins: int) -> Curve:
    """Return the reliability diagram: mean `predicted`, `observed` share, `count` per used bin.

    The bins are those of the expected calibration error.
    """
    bins = bin_index(probability, n_bins)
    count = np.bincount(bins, minlength=n_bins)
    used = count > 0
    predicted = np.bincount(bins, weights=probability, minlength=n_bins)[used] / count[used]
    observed = np.bincount(bins, weights=label, minlength=n_bins)[used] / count[used]
    return {
        "predicted": predicted.tolist(),
        "observed": observed.tolist(),
        "count": count[used].tolist(),
    }


def scores(
    label: NDArray, probability: NDArray[np.float64], names: Sequence[str] = keys.CLASSES
) -> Curve:
    """Return histograms of the probability where the label is 0 and 1: `edges`, counts by name."""
    bins = bin_index(probability, SCORE_BINS)
    counts = {
        name: np.bincount(bins[label == value], minlength=SCORE_BINS).tolist()
        for value, name in enumerate(names)
    }
    return {"edges": np.linspace(0, 1, SCORE_BINS + 1).tolist(), **counts}


def confusion(
    label: ArrayLike, called: ArrayLike, classes: Sequence[str] = keys.CLASSES
) -> dict[str, int] | dict[str, dict[str, int]]:
    """Return the counts `tn`, `fp`, `fn`, `tp`, or of more classes true class -> called class."""
    label, called = np.asarray(label), np.asarray(called)
    table = confusion_table(label, called, len(classes), np.ones(label.size))
    return lay_out_table(table.astype(int).tolist(), classes)


def _thin(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the indices of at most `MAX_POINTS` points that keep the shape of a curve.

    Points are taken at even distances along the curve (\\|dx\\| + \\|dy\\|), not at even indices,
    so that the steep parts keep as much detail as the flat ones. End points stay.
    """
    if x.size <= MAX_POINTS:
        return np.arange(x.size)
    travelled = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    wanted = np.linspace(0, travelled[-1], MAX_POINTS)
    kept = np.searchsorted(travelled, wanted)
    return np.unique(np.concatenate([[0], kept[1:-1], [x.size - 1]]))
