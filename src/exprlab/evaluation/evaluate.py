"""Everything that evaluation.json says about one model on the test samples of one split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exprlab import keys
from exprlab.errors import UserError
from exprlab.evaluation.bootstrap import defined, intervals, plain
from exprlab.evaluation.curves import confusion, curves
from exprlab.evaluation.metrics import classification_metrics, metrics_by_class
from exprlab.evaluation.truth import distance_from_oracle
from exprlab.outputs import calibrate, decide

if TYPE_CHECKING:
    from exprlab.config.steps import EvaluationConfig

# What calibration changes: it keeps the order of the samples, so no ranking metric.
CALIBRATION_METRICS = ("brier", "log_loss", "ece")


def evaluate(
    label: ArrayLike,
    logit: ArrayLike,
    temperature: float,
    threshold: float | None,
    settings: EvaluationConfig,
    rng: np.random.Generator,
    classes: Sequence[str] = keys.CLASSES,
    posterior: ArrayLike | None = None,
    patient: ArrayLike | None = None,
) -> dict[str, Any]:
    """Judge a model on test samples.

    Parameters
    ----------
    label : (n_samples,) array of whole numbers
        Places in `classes`.
    logit : (n_samples,) or (n_samples, n_classes) array
        Of the positive class, or of each of more than two.
    temperature, threshold : float
        Fitted on validation samples. The threshold applies to the calibrated probability; more
        than two classes have none.
    settings : EvaluationConfig
    rng : numpy.random.Generator
        Of the bootstrap.
    classes
        Names of the classes.
    posterior : array shaped as `logit`, optional
        The oracle's probabilities, where the cohort is simulated.
    patient : (n_samples,) array, optional
        Who is resampled for intervals; without it each sample is a patient of its own.

    Returns
    -------
    dict
        The content of evaluation.json (docs/files.md): plain numbers, lists and dicts. Metrics,
        confusion and curves are those of the calibrated probability. What is not defined, because
        a class is missing among the test samples, is None, and its curve has no points.

    Raises
    ------
    UserError
        If a logit is not finite.
    """
    label, logit = np.asarray(label), np.asarray(logit, dtype=np.float64)
    _check(logit)
    probability = calibrate(logit, temperature)
    called = decide(probability, threshold)
    judged = Judged(label, probability, calibrate(logit, 1.0), called, patient)
    return {
        "threshold": None if threshold is None else float(threshold),
        "temperature": float(temperature),
        **describe(judged, settings, rng, classes, posterior),
    }


@dataclass(frozen=True)
class Judged:
    """Test samples and what was predicted for them: calibrated and raw probability, class.

    `patient` and `fold` (which of several models judged the sample) are (n_samples,) or None.
    """

    label: NDArray
    probability: NDArray[np.float64]
    raw: NDArray[np.float64]
    called: NDArray
    patient: ArrayLike | None = None
    fold: ArrayLike | None = None


def describe(
    judged: Judged,
    settings: EvaluationConfig,
    rng: np.random.Generator,
    classes: Sequence[str],
    posterior: ArrayLike | None = None,
) -> dict[str, Any]:
    """Return what evaluation.json says of predictions, whichever models made them."""
    label, probability = judged.label, judged.probability
    who = {"patient": judged.patient, "fold": judged.fold}
    found = intervals(
        label,
        probability,
        None,
        called=judged.called,
        n_resamples=settings.bootstrap,
        confidence=settings.confidence,
        n_bins=settings.ece_bins,
        rng=rng,
        **who,
    )
    before = classification_metrics(
        label, judged.raw, called=judged.called, n_bins=settings.ece_bins
    )
    truth = {}
    if posterior is not None:
        distances = distance_from_oracle(label, probability, posterior, settings, rng, **who)
        truth = {"truth": {name: plain(interval) for name, interval in distances.items()}}
    return {
        "n_test": int(label.size),
        "classes": list(classes),
        "n_per_class": {name: int(np.sum(label == value)) for value, name in enumerate(classes)},
        "confidence": float(settings.confidence),
        "settings": settings.settings(),
        "metrics": {name: plain(interval) for name, interval in found.items()},
        "uncalibrated": {name: {"value": float(before[name])} for name in CALIBRATION_METRICS},
        **_of_each_class(judged, classes),
        **truth,
        "confusion": confusion(label, judged.called, classes),
        "curves": curves(label, probability, settings.ece_bins, classes),
    }


def _of_each_class(judged: Judged, classes: Sequence[str]) -> dict[str, Any]:
    """Return each class against the rest; of two classes, the metrics say it already."""
    if len(classes) == 2:
        return {}
    found = metrics_by_class(
        judged.label, judged.probability, called=judged.called, fold=judged.fold
    )
    return {
        "by_class": {
            label: {name: defined(values[k]) for name, values in found.items()}
            for k, label in enumerate(classes)
        }
    }


def _check(logit: NDArray[np.float64]) -> None:
    n_bad = int(np.sum(~np.isfinite(logit)))
    if n_bad:
        raise UserError(
            f"{n_bad} of {logit.size} logits of the test samples are not finite (NaN or infinite): "
            "the training has diverged; lower models.*.learning_rate, or train with precision "
            "32-true"
        )
