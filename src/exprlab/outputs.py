"""A classifier's outputs: logits, probabilities and decisions, for two classes or more.

Two classes need one number per sample, that of the positive class: shape (n_samples,). K > 2
classes need one each: shape (n_samples, K). Logits and probabilities have that shape wherever they
are kept; `by_class` gives every class its column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logsumexp, softmax

from exprlab.keys import SET_SEPARATOR, output_columns


def n_outputs(n_classes: int) -> int:
    """Return how many numbers per sample tell so many classes apart."""
    return 1 if n_classes == 2 else n_classes


def activate(logit: ArrayLike) -> NDArray[np.float64]:
    """Return sigmoid or softmax of logits, in their shape, without overflow at either end."""
    logit = np.asarray(logit, dtype=np.float64)
    return expit(logit) if logit.ndim == 1 else softmax(logit, axis=1)


def log_odds(logit: ArrayLike) -> NDArray[np.float64]:
    """Return the log odds of each class against the rest, shaped as the logits."""
    logit = np.asarray(logit, dtype=np.float64)
    if logit.ndim == 1:
        return logit
    rest = [logsumexp(np.delete(logit, k, axis=1), axis=1) for k in range(logit.shape[1])]
    return logit - np.column_stack(rest)


@dataclass(frozen=True)
class Isotonic:
    """Calibration by a rising curve from log odds to probability, a curve for each output column.

    Attributes
    ----------
    curves
        Log odds, rising, and their probabilities, (n,) each; linear in between,
        constant outside.
    """

    curves: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]

    def __call__(self, logit: ArrayLike) -> NDArray[np.float64]:
        """Return calibrated probabilities; those of more than two classes are made to sum to 1."""
        odds = log_odds(logit)
        columns = odds[:, None] if odds.ndim == 1 else odds
        each = [np.interp(x, *curve) for x, curve in zip(columns.T, self.curves, strict=True)]
        return each[0] if odds.ndim == 1 else np.column_stack(each) / np.sum(each, axis=0)[:, None]


# A temperature, or a curve.
Calibration = float | Isotonic


def calibrate(logit: ArrayLike, calibration: Calibration) -> NDArray[np.float64]:
    """Return calibrated probabilities: of a temperature ``activate(logit / temperature)``."""
    if isinstance(calibration, Isotonic):
        return calibration(logit)
    return activate(np.asarray(logit, dtype=np.float64) / calibration)


def by_class(probability: ArrayLike) -> NDArray[np.float64]:
    """Return probabilities with a column for each class, (n_samples, n_classes)."""
    probability = np.asarray(probability, dtype=np.float64)
    if probability.ndim == 1:
        return np.column_stack([1 - probability, probability])
    return probability


def decide(probability: ArrayLike, threshold: float | None = None) -> NDArray[np.int8]:
    """Return the class that is called, (n_samples,).

    Of two classes the positive one (1) where its probability reaches the threshold; of more the
    most probable one, the first of equals.
    """
    probability = np.asarray(probability)
    if probability.ndim == 1:
        return (probability >= threshold).astype(np.int8)
    return probability.argmax(axis=1).astype(np.int8)


@dataclass(frozen=True)
class PredictionSets:
    """The classes that cannot be excluded at a chosen error rate.

    Attributes
    ----------
    error_rate
        Of the samples of each class, at most this share has a set without it.
    cuts
        Of each class, the calibrated probability from which on it is in the set.
    """

    error_rate: float
    cuts: tuple[float, ...]

    def of(self, probability: ArrayLike, called: NDArray) -> NDArray[np.bool_]:
        """Return which classes are in each sample's set, (n_samples, n_classes).

        The called class always is: a set is never empty and never without the prediction.
        """
        found = by_class(probability) >= np.array(self.cuts)
        found[np.arange(len(found)), called] = True
        return found


def set_words(sets: NDArray[np.bool_], classes: Sequence[str]) -> NDArray[np.object_]:
    """Return prediction sets as text, e.g. ``benign|malignant``."""
    words = [SET_SEPARATOR.join(np.array(classes, dtype=object)[row]) for row in sets]
    return np.array(words, dtype=object)


def words_set(words: Sequence[str], classes: Sequence[str]) -> NDArray[np.bool_]:
    """Return what `set_words` has written, (n_samples, n_classes)."""
    return np.array([[name in word.split(SET_SEPARATOR) for name in classes] for word in words])


def spread(name: str, values: NDArray, classes: Sequence[str]) -> dict[str, NDArray]:
    """Return a model's output, (n_samples,) or (n_samples, n_classes), as columns of a table."""
    columns = values[:, None] if values.ndim == 1 else values
    return dict(zip(output_columns(name, classes), columns.T, strict=True))


def gathered(name: str, table: Mapping[str, ArrayLike]) -> NDArray:
    """Return what `spread` has laid out: (n_samples,) or (n_samples, n_classes)."""
    if name in table:
        return np.asarray(table[name])
    return np.column_stack([table[column] for column in table if column.startswith(f"{name}_")])
