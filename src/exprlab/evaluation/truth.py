"""How far a model is from the best possible classifier, on samples whose posterior is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import rel_entr

from exprlab import keys
from exprlab.errors import UserError
from exprlab.evaluation.bootstrap import Interval, mean_interval
from exprlab.evaluation.comparison import delong_test
from exprlab.outputs import by_class, gathered

if TYPE_CHECKING:
    from exprlab.config.steps import EvaluationConfig

# A linear baseline this close to the oracle leaves no gap that another model could close.
SMALLEST_GAP = 0.002


def distance_from_oracle(
    label: ArrayLike,
    probability: ArrayLike,
    posterior: ArrayLike,
    settings: EvaluationConfig,
    rng: np.random.Generator,
    patient: ArrayLike | None = None,
    fold: ArrayLike | None = None,
) -> dict[str, Interval]:
    """Compare a model's probabilities with the true ones.

    Parameters
    ----------
    label : (n_samples,) array of whole numbers
        As recorded.
    probability, posterior : (n_samples,) or (n_samples, n_classes) arrays
        Of the positive class, or of each of more than two: the model's, calibrated, and the
        oracle's.
    settings : EvaluationConfig
    rng : numpy.random.Generator
        Of the bootstrap.
    patient, fold : (n_samples,) arrays, optional
        Who is resampled, and which of several models judged the sample.

    Returns
    -------
    dict
        `keys.TRUTH_METRICS` with their intervals:

        - ``auroc_gap``: AUROC of the oracle less that of the model (DeLong's interval), of more
          than two classes the mean over classes. A model may rank these samples better by luck;
          then it is negative.
        - ``excess_log_loss``: mean Kullback-Leibler divergence from the posterior to the model,
          in nats. It is the log loss beyond the oracle's, averaged over all labels that the
          samples might have had, so never negative.
        - ``probability_error``: mean of \\|p - p_true\\|, of more than two classes half its sum
          over classes (total variation distance, which is the same number for two).
    """
    label = np.asarray(label)
    p, q = (np.asarray(x, dtype=np.float64) for x in (posterior, probability))
    gap = delong_test(label, p, q, settings.confidence, patient, fold)
    how = {"n_resamples": settings.bootstrap, "confidence": settings.confidence, "rng": rng}
    how["patient"] = patient
    return {
        "auroc_gap": Interval(gap.difference, gap.low, gap.high),
        "excess_log_loss": mean_interval(label, divergence(p, q), **how),
        "probability_error": mean_interval(label, total_variation(p, q), **how),
    }


def divergence(posterior: NDArray[np.float64], probability: NDArray[np.float64]) -> NDArray:
    """Return the Kullback-Leibler divergence of each sample, in nats, (n_samples,).

    Probabilities are kept one float epsilon away from 0 and 1, as in the log loss.
    """
    epsilon = np.finfo(np.float64).eps
    p, q = by_class(posterior), by_class(np.clip(probability, epsilon, 1 - epsilon))
    # The terms of a sample cancel up to rounding; the sum is never below 0.
    return np.maximum(rel_entr(p, q).sum(axis=1), 0.0)


def total_variation(
    posterior: NDArray[np.float64], probability: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the largest difference in probability of any set of classes, (n_samples,)."""
    distance = np.abs(posterior - probability)
    return distance if distance.ndim == 1 else distance.sum(axis=1) / 2


def aligned_posterior(sample_ids: ArrayLike, oracle: Mapping[str, ArrayLike]) -> NDArray:
    """Return the oracle's probabilities in the order of a model's test samples.

    Raises
    ------
    UserError
        If the oracle has judged other samples.
    """
    wanted = np.asarray(sample_ids, dtype=str)
    found = np.asarray(oracle[keys.SAMPLE_ID], dtype=str)
    order = np.argsort(found, kind="stable")
    place = np.minimum(np.searchsorted(found[order], wanted), found.size - 1)
    if found.size != wanted.size or not np.array_equal(found[order][place], wanted):
        raise UserError(
            "the oracle was evaluated on other test samples than the model; delete both "
            "evaluations and run snakemake again"
        )
    return gathered(keys.CALIBRATED, oracle)[order][place]


def share_of_gap_closed(metrics: Mapping[str, Any], baseline: str) -> dict[str, dict[str, Any]]:
    """Return for each model how much of the way from a baseline to the oracle it has come.

    Parameters
    ----------
    metrics
        Model -> metric -> ``{"mean": ...}``, the oracle among the models.
    baseline
        The linear model.

    Returns
    -------
    dict
        Every other model -> metric (auroc, log_loss) -> share: 0 as good as the baseline, 1 as
        good as the oracle, negative if worse than the baseline. None where the baseline is
        already as good as the oracle up to `SMALLEST_GAP`.
    """
    shares: dict[str, dict[str, Any]] = {}
    for model, entry in metrics.items():
        if model in (keys.ORACLE, baseline):
            continue
        shares[model] = {}
        for name in ("auroc", "log_loss"):
            start, end = metrics[baseline][name]["mean"], metrics[keys.ORACLE][name]["mean"]
            open_gap = abs(end - start) >= SMALLEST_GAP
            share = (entry[name]["mean"] - start) / (end - start) if open_gap else None
            shares[model][name] = share
    return shares
