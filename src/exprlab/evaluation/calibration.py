"""From logits to calibrated probabilities and decisions, fitted on validation samples."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from exprlab.groups import group_equal
from exprlab.outputs import Calibration, Isotonic, activate, log_odds

# Root mean square of the logits after calibration, at least and at most. At 0.01 probabilities
# stay within about 0.01 of one half; at 20 most are within 1e-8 of 0 or 1, and still distinct
# numbers, so that the order of the samples survives.
WEAKEST, STRONGEST = 0.01, 20.0
# Validation samples below which an isotonic curve tends to overfit, and temperature scaling is
# better (Niculescu-Mizil and Caruana 2005, figure 7; scikit-learn's user guide says the same).
TOO_FEW = 1000


def fit_temperature(logit: ArrayLike, label: ArrayLike) -> float:
    """Return the temperature T > 0 under which ``activate(logit / T)`` is most likely.

    Parameters
    ----------
    logit : (n_samples,) or (n_samples, n_classes) array
        Of validation samples; finite.
    label : (n_samples,) array of whole numbers from 0 on

    Returns
    -------
    float
        Within ``[rms / 20, rms / 0.01]``, where rms is the root mean square of the logits: a
        temperature in the units of the logits, so that logits ten times as large get ten times
        the temperature. Logits of several classes count from their mean over the classes, which
        changes no probability. Logits that carry no signal, or point the wrong way, get the upper
        limit (all classes of a sample about equally probable); logits that are all 0 get 1.

    Notes
    -----
    Temperature scaling, Guo et al. (2017). The log-likelihood is concave in 1 / T, so its slope
    has at most one zero, which bisection finds. When no sample has a larger logit for another
    class than its own, the likelihood grows without end as T falls; a label then gives way to the
    targets of Platt (1999), (n + 1) / (n + n_classes) for the sample's class of n samples and
    1 / (n + n_classes) for each other one, so that a few validation samples cannot make the model
    boundlessly sure of itself.
    """
    logit, label = np.asarray(logit, dtype=np.float64), np.asarray(label)
    if logit.ndim == 2:
        logit = logit - logit.mean(axis=1, keepdims=True)
    rms = float(np.sqrt(np.mean(logit**2)))
    if rms == 0:
        return 1.0
    scaled = logit / rms
    target = _targets(label, scaled)

    def slope(strength: float) -> float:
        return float(np.sum((target - activate(strength * scaled)) * scaled))

    low, high = WEAKEST, STRONGEST
    if slope(low) <= 0:
        return rms / low
    if slope(high) >= 0:
        return rms / high
    # 60 halvings of a ratio of 2,000 leave nothing beyond rounding.
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return rms / low


def _targets(label: NDArray, logit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the probabilities, shaped as the logits, are fitted to."""
    # One logit says how far the positive class is above the other.
    scores = logit if logit.ndim == 2 else np.column_stack([np.zeros_like(logit), logit])
    n = scores.shape[1]
    truth = label[:, None] == np.arange(n)
    target = truth.astype(np.float64)
    if np.all(scores[truth] >= scores.max(axis=1)):
        size = truth.sum(axis=0)[label.astype(np.intp), None]
        target = (size * truth + 1) / (size + n)
    return target if logit.ndim == 2 else target[:, 1]


def fit_isotonic(logit: ArrayLike, label: ArrayLike) -> Isotonic:
    """Return the rising curve from log odds to probability that fits the labels best.

    Parameters
    ----------
    logit, label
        As for `fit_temperature`.

    Notes
    -----
    Least squares under the one condition that the curve never falls (Zadrozny and Elkan 2002), of
    more than two classes each against the rest. It has as many free numbers as the samples
    support, so it overfits few of them: see `TOO_FEW`. Probabilities stay within 1 / (n + 2) and
    (n + 1) / (n + 2), what Laplace's rule of succession says of n samples that agree: without that
    the first sample on the wrong side of all others would have a probability of 0.
    """
    odds, label = log_odds(logit), np.asarray(label)
    if odds.ndim == 1:
        return Isotonic((_rising(odds, label == 1),))
    return Isotonic(tuple(_rising(x, label == k) for k, x in enumerate(odds.T)))


def fit_calibration(
    logit: ArrayLike, label: ArrayLike, kind: Literal["temperature", "isotonic"]
) -> tuple[Calibration, str]:
    """Return a calibration fitted on validation samples, and what to say of it."""
    if kind == "temperature":
        temperature = fit_temperature(logit, label)
        return temperature, f"temperature {temperature:.4f}"
    n = np.asarray(label).size
    words = f"isotonic curve from {n} validation samples"
    if n < TOO_FEW:
        words += f" (few: below about {TOO_FEW:,} evaluation.calibration: temperature is safer)"
    return fit_isotonic(logit, label), words


def _rising(
    odds: NDArray[np.float64], is_class: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, place = group_equal(odds)
    weight = np.bincount(place)
    mean = np.bincount(place, weights=is_class) / weight
    y = isotonic_regression(mean, weights=weight).x
    y = np.clip(y, 1 / (odds.size + 2), (odds.size + 1) / (odds.size + 2))
    # Inside a level stretch a knot says nothing.
    level = (y[1:-1] == y[:-2]) & (y[1:-1] == y[2:])
    kept = np.concatenate([[True], ~level, [True]])[: x.size]
    return x[kept], y[kept]


def choose_threshold(
    label: ArrayLike, probability: ArrayLike, rule: Literal["youden", "accuracy", "half"]
) -> float | None:
    """Return the decision threshold that a rule finds best on validation samples.

    More than two classes have none: the most probable class is called, whatever the rule.

    Parameters
    ----------
    label : (n_samples,) array of 0 and 1
    probability : (n_samples,) array, or (n_samples, n_classes)
        Calibrated probabilities, within [0, 1].
    rule : {"youden", "accuracy", "half"}
        Largest sensitivity + specificity (Youden 1950), largest accuracy, or simply 0.5.

    Returns
    -------
    float
        Within [0, 1]. Candidates lie midway between neighbouring distinct scores, and midway
        between the outermost scores and 0 or 1. Of equally good ones the closest to 0.5 wins, of
        two equally close ones the lower. With one class only, every threshold is equally good
        under ``"youden"``.
    """
    label, probability = np.asarray(label), np.asarray(probability, dtype=np.float64)
    if probability.ndim == 2:
        return None
    if rule == "half":
        return 0.5
    knots = np.unique(np.concatenate([[0.0], probability, [1.0]]))
    # A score of exactly 0 or 1 has no room on its outer side; the edge itself still calls
    # everything positive at 0.
    middles = (knots[:-1] + knots[1:]) / 2
    # Between two neighbouring floating-point numbers there is no middle; the upper one parts them.
    cuts = np.concatenate([[0.0], np.where(middles > knots[:-1], middles, knots[1:])])
    benign, malignant = (np.sort(probability[label == value]) for value in (0, 1))
    tn = np.searchsorted(benign, cuts, side="left")
    tp = malignant.size - np.searchsorted(malignant, cuts, side="left")
    # Whole numbers, so that equally good thresholds compare as equal.
    gain = tp + tn if rule == "accuracy" else tp * benign.size + tn * malignant.size
    best = cuts[gain == gain.max()]
    return float(best[np.argmin(np.abs(best - 0.5))])
