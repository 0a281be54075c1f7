"""Everything that evaluation.json says about one model on the test samples of one split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exprlab import keys
from exprlab.errors import UserError
from exprlab.evaluation.bootstrap import intervals
from exprlab.evaluation.calibration import calibrate
from exprlab.evaluation.curves import confusion, curves
from exprlab.evaluation.metrics import binary_metrics
from exprlab.evaluation.truth import distance_from_oracle

if TYPE_CHECKING:
    from exprlab.config.steps import EvaluationConfig

# What calibration changes: it keeps the order of the samples, so no ranking metric.
CALIBRATION_METRICS = ("brier", "log_loss", "ece")


def evaluate(
    label: ArrayLike,
    logit: ArrayLike,
    temperature: float,
    threshold: float,
    settings: EvaluationConfig,
    rng: np.random.Generator,
    posterior: ArrayLike | None = None,
) -> dict[str, Any]:
    """Judge a model on test samples.

    Parameters
    ----------
    label : (n_samples,) array of 0 and 1
    logit : (n_samples,) array
    temperature, threshold : float
        Fitted on validation samples. The threshold applies to the calibrated probability.
    settings : EvaluationConfig
    rng : numpy.random.Generator
        Of the bootstrap.
    posterior : (n_samples,) array, optional
        The oracle's probabilities, where the cohort is simulated.

    Returns
    -------
    dict
        The content of evaluation.json (docs/files.md): plain numbers, lists and dicts. Metrics,
        confusion and curves are those of the calibrated probability.

    Raises
    ------
    UserError
        If a class is missing among the test samples, or a logit is not finite.
    """
    label, logit = np.asarray(label), np.asarray(logit, dtype=np.float64)
    _check(label, logit)
    probability = calibrate(logit, temperature)
    found = intervals(
        label,
        probability,
        threshold,
        n_resamples=settings.bootstrap,
        confidence=settings.confidence,
        n_bins=settings.ece_bins,
        rng=rng,
    )
    before = binary_metrics(label, calibrate(logit, 1.0), threshold, n_bins=settings.ece_bins)
    truth = {}
    if posterior is not None:
        distances = distance_from_oracle(label, probability, posterior, settings, rng)
        truth = {"truth": {name: interval._asdict() for name, interval in distances.items()}}
    return {
        "n_test": int(label.size),
        "n_per_class": {
            name: int(np.sum(label == value)) for value, name in enumerate(keys.CLASSES)
        },
        "threshold": float(threshold),
        "temperature": float(temperature),
        "confidence": float(settings.confidence),
        "settings": settings.settings(),
        "metrics": {name: interval._asdict() for name, interval in found.items()},
        "uncalibrated": {name: {"value": float(before[name])} for name in CALIBRATION_METRICS},
        **truth,
        "confusion": confusion(label, probability, threshold),
        "curves": curves(label, probability, settings.ece_bins),
    }


def _check(label: NDArray, logit: NDArray[np.float64]) -> None:
    n_bad = int(np.sum(~np.isfinite(logit)))
    if n_bad:
        raise UserError(
            f"{n_bad} of {logit.size} logits of the test samples are not finite (NaN or infinite): "
            "the training has diverged; lower models.*.learning_rate, or train with precision "
            "32-true"
        )
    for value, name in enumerate(keys.CLASSES):
        if not np.any(label == value):
            raise UserError(
                f"none of the {label.size} test samples is {name}; a test needs both classes. "
                "Raise split.test_fraction or add samples of that class"
            )
