"""From logits to calibrated probabilities and decisions, fitted on validation samples."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

# Root mean square of the logits after calibration, at least and at most. At 0.01 probabilities
# stay within about 0.01 of one half; at 20 most are within 1e-8 of 0 or 1, and still distinct
# numbers, so that the order of the samples survives.
WEAKEST, STRONGEST = 0.01, 20.0


def fit_temperature(logit: ArrayLike, label: ArrayLike) -> float:
    """Return the temperature T > 0 under which ``sigmoid(logit / T)`` is most likely.

    Parameters
    ----------
    logit : (n_samples,) array
        Of validation samples; finite.
    label : (n_samples,) array of 0 and 1

    Returns
    -------
    float
        Within ``[rms / 20, rms / 0.01]``, where rms is the root mean square of the logits: a
        temperature in the units of the logits, so that logits ten times as large get ten times
        the temperature. Logits that carry no signal, or point the wrong way, get the upper limit
        (every probability close to 0.5); logits that are all 0 get 1.

    Notes
    -----
    Temperature scaling, Guo et al. (2017). The log-likelihood is concave in 1 / T, so its slope
    has at most one zero, which bisection finds. When each sample lies on its own side of 0 the
    likelihood grows without end as T falls; labels 0 and 1 then give way to the targets
    1 / (n_benign + 2) and (n_malignant + 1) / (n_malignant + 2) of Platt (1999), so that a few
    validation samples cannot make the model boundlessly sure of itself.
    """
    logit, label = np.asarray(logit, dtype=np.float64), np.asarray(label, dtype=np.float64)
    rms = float(np.sqrt(np.mean(logit**2)))
    if rms == 0:
        return 1.0
    scaled = logit / rms
    target = _platt_targets(label) if np.all((2 * label - 1) * scaled >= 0) else label

    def slope(strength: float) -> float:
        return float(np.sum((target - expit(strength * scaled)) * scaled))

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


def _platt_targets(label: NDArray[np.float64]) -> NDArray[np.float64]:
    n_malignant = label.sum()
    n_benign = label.size - n_malignant
    return np.where(label == 1, (n_malignant + 1) / (n_malignant + 2), 1 / (n_benign + 2))


def calibrate(logit: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Return ``sigmoid(logit / temperature)``, float64, without overflow at either end."""
    return expit(np.asarray(logit, dtype=np.float64) / temperature)


def decide(probability: ArrayLike, threshold: float) -> NDArray[np.int8]:
    """Return 1 where the probability reaches the threshold, else 0."""
    return (np.asarray(probability) >= threshold).astype(np.int8)


def choose_threshold(
    label: ArrayLike, probability: ArrayLike, rule: Literal["youden", "accuracy", "half"]
) -> float:
    """Return the decision threshold that a rule finds best on validation samples.

    Parameters
    ----------
    label : (n_samples,) array of 0 and 1
    probability : (n_samples,) array
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
    if rule == "half":
        return 0.5
    label, probability = np.asarray(label), np.asarray(probability, dtype=np.float64)
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
