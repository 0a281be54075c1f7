"""Models against each other: tests for paired samples, and a summary over repeats."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from exprlab import keys
from exprlab.errors import UserError
from exprlab.evaluation.bootstrap import (
    Difference,
    defined,
    paired_bootstrap,
    plain,
    resampling_units,
)
from exprlab.evaluation.repeats import mean_limits
from exprlab.groups import group_equal
from exprlab.outputs import gathered

if TYPE_CHECKING:
    from exprlab.config.steps import EvaluationConfig

# model -> repeat -> columns of predictions.parquet, as a DataFrame or a dict of arrays.
Predictions = Mapping[str, Mapping[str, Mapping[str, ArrayLike]]]
# model -> repeat -> content of evaluation.json.
Evaluations = Mapping[str, Mapping[str, Mapping[str, Any]]]


def delong_test(
    label: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    confidence: float = 0.95,
    patient: ArrayLike | None = None,
    fold: ArrayLike | None = None,
) -> Difference:
    """Compare two areas under the ROC curve on the same samples.

    Parameters
    ----------
    label : (n_samples,) array of whole numbers from 0 on
    score_a, score_b : (n_samples,) or (n_samples, n_classes) arrays
        Of the positive class, or of each class, which is then told from the rest; the area is
        the mean over classes. Only the order of the samples matters.
    confidence : float
        Coverage of the interval.
    patient : (n_samples,) array, optional
        Who is independent of each other; without it each sample is.
    fold : (n_samples,) array, optional
        Of pooled predictions: samples are compared within folds, as in
        `exprlab.evaluation.metrics.classification_metrics`.

    Returns
    -------
    Difference
        auroc of a - auroc of b, with a normal interval cut to [-1, 1]. Where the estimated
        variance is 0 the interval has width 0, and p is 1 for equal areas and 0 otherwise. With
        a single patient in a class there is no variance to estimate: (-1, 1) and p = 1. NaN where
        no fold has both classes.

    Notes
    -----
    The mean area over classes is a mean over samples too: each adds its share as a positive of its
    own class and as a negative of every other one. As patients are drawn stratum by stratum in the
    bootstrap, the variance is the sum over strata of that of the patients' shares; with a sample
    each, strata are classes and this is DeLong's. For patients of several samples it is that of
    Obuchowski.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44, 837-845, by the midranks of Sun & Xu
    (2014), IEEE Signal Processing Letters 21, 1389-1393. Obuchowski (1997), Nonparametric analysis
    of clustered ROC curve data, Biometrics 53, 567-578.
    """
    label = np.asarray(label).astype(np.intp)
    scores = [np.asarray(score).reshape(label.size, -1) for score in (score_a, score_b)]
    folds = np.zeros(label.size) if fold is None else np.asarray(fold)
    # The variance of the difference is that of the differences of the components, so no
    # covariance matrix is needed, and equal models have a variance of exactly 0.
    difference, share = _shares(label, *scores, folds)
    unit, stratum = resampling_units(label, patient)
    if np.isnan(difference):
        return Difference(np.nan, np.nan, np.nan, np.nan)
    if min(np.unique(unit[label == k]).size for k in range(label.max() + 1)) < 2:
        return Difference(difference, -1.0, 1.0, 1.0)
    variance = _variance(np.bincount(unit, weights=share), stratum)
    if variance == 0:
        return Difference(difference, difference, difference, float(difference == 0))
    margin = ndtri((1 + confidence) / 2) * np.sqrt(variance)
    low, high = np.clip([difference - margin, difference + margin], -1, 1)
    p_value = 2 * ndtr(-abs(difference) / np.sqrt(variance))
    return Difference(difference, float(low), float(high), float(p_value))


def _shares(
    label: NDArray, score_a: NDArray, score_b: NDArray, fold: NDArray
) -> tuple[float, NDArray[np.float64]]:
    """Return the difference in area, and how far each sample's share of it is from the mean."""
    n = score_a.shape[1]
    told = range(n) if n > 1 else [1]
    difference, share = 0.0, np.zeros(label.size)
    for k, a, b in zip(told, score_a.T, score_b.T, strict=True):
        sides = [(label == k) & (fold == name) for name in np.unique(fold)]
        rests = [(label != k) & (fold == name) for name in np.unique(fold)]
        pairs = [
            float(own.sum()) * float(rest.sum()) for own, rest in zip(sides, rests, strict=True)
        ]
        if not sum(pairs):
            return np.nan, share
        for own, rest, n_pairs in zip(sides, rests, pairs, strict=True):
            if not n_pairs:
                continue
            weight, both = n_pairs / sum(pairs) / len(told), own | rest
            of_a, of_b = (_components(own[both], score[both]) for score in (a, b))
            for members, x, y in zip((own, rest), of_a, of_b, strict=True):
                gap = x - y
                share[members] += weight * (gap - gap.mean()) / gap.size
            difference += weight * float((of_a[0] - of_b[0]).mean())
    return difference, share


def _variance(share: NDArray[np.float64], stratum: NDArray[np.intp]) -> float:
    """Return the variance of the sum of the units' shares, drawn within strata."""
    total = 0.0
    for value in np.unique(stratum):
        own = share[stratum == value]
        # Of a unit alone in its stratum, its distance from the mean of all is all there is.
        total += own.var(ddof=1) * own.size if own.size > 1 else float(own[0]) ** 2
    return float(total)


def _components(positive: NDArray[np.bool_], score: NDArray) -> tuple[NDArray, NDArray]:
    """Return each positive's share of negatives below it, and each negative's of positives above.

    Ties count half. The mean of either one is the area under the ROC curve.
    """
    x, y = score[positive], score[~positive]
    ranks = _midranks(score)
    below = (ranks[positive] - _midranks(x)) / y.size
    above = 1 - (ranks[~positive] - _midranks(y)) / x.size
    return below, above


def _midranks(values: NDArray) -> NDArray[np.float64]:
    """Return ranks from 1 on; equal values share the mean of their ranks."""
    group = group_equal(values).place
    count = np.bincount(group)
    return (np.cumsum(count) - (count - 1) / 2)[group]


def compare(
    predictions: Predictions, evaluations: Evaluations, settings: EvaluationConfig, seed: int
) -> dict[str, Any]:
    """Summarise the models of one data set and test each pair of them.

    Parameters
    ----------
    predictions : mapping
        Model -> repeat -> columns of predictions.parquet (`sample_id`, `label`, `patient`,
        `calibrated_probability`, or one for each class, `prediction`, and `fold` where they are
        pooled), as a DataFrame or a dict of arrays.
    evaluations : mapping
        Model -> repeat -> content of evaluation.json; of the oracle too, where there is one.
    settings : EvaluationConfig
    seed : int
        Each comparison has a random stream of its own, so a further model changes none.

    Returns
    -------
    dict
        `models`, `pairs` and `truth` of one data set in comparison.json (docs/files.md). Each
        repeat that two models share gives one entry for auroc (DeLong) and one for log_loss
        (bootstrap). Repeats test the same patients anew, so their tests are never combined. The
        limits of a model's mean are those of `mean_limits`; of the oracle, which has no
        predictions here, and of the distance from it, they are the repeats' own, averaged.

    Raises
    ------
    UserError
        If two models were tested on different samples in a repeat.
    """
    pairs = [
        entry
        for model_a, model_b in combinations(predictions, 2)
        for split in predictions[model_a]
        if split in predictions[model_b]
        for entry in _compare_pair(predictions, (model_a, model_b), split, settings, seed)
    ]
    summaries = {
        model: {name: _summary(by_split, "metrics", name) for name in keys.METRICS}
        for model, by_split in evaluations.items()
    }
    for model, by_split in predictions.items():
        limits = mean_limits(list(by_split.values()), settings, seed)
        for name, summary in summaries[model].items():
            summary["low"], summary["high"] = (defined(limit) for limit in limits[name])
    truth = {
        model: {name: _summary(by_split, "truth", name) for name in keys.TRUTH_METRICS}
        for model, by_split in evaluations.items()
        if all("truth" in found for found in by_split.values())
    }
    return {"models": summaries, "pairs": pairs, "truth": truth}


def _summary(by_split: Mapping[str, Mapping[str, Any]], part: str, name: str) -> dict[str, Any]:
    """Return mean, sd and limits over the repeats in which a number is defined.

    The limits are the repeats' own, averaged: on the safe side for a mean.
    """
    per_split = {split: dict(found[part][name]) for split, found in by_split.items()}
    known = [entry for entry in per_split.values() if entry["value"] is not None]
    values = [entry["value"] for entry in known]
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    mean, low, high = (
        float(np.mean([entry[key] for entry in known])) if known else None
        for key in ("value", "low", "high")
    )
    return {"mean": mean, "sd": sd, "low": low, "high": high, "per_split": per_split}


def _compare_pair(
    predictions: Predictions,
    models: tuple[str, str],
    split: str,
    settings: EvaluationConfig,
    seed: int,
) -> list[dict[str, Any]]:
    table, a, b = _align(predictions, models, split)
    label, patient, fold = (table.get(name) for name in (keys.LABEL, keys.PATIENT, keys.FOLD))
    rng = np.random.default_rng([seed, crc32("/".join([*models, split]).encode())])
    bootstrap = paired_bootstrap(
        label,
        a,
        b,
        "log_loss",
        n_resamples=settings.bootstrap,
        confidence=settings.confidence,
        rng=rng,
        patient=patient,
    )
    delong = delong_test(label, a, b, settings.confidence, patient, fold)
    who = {"model_a": models[0], "model_b": models[1], "split": split}
    return [
        {**who, "metric": "auroc", **plain(delong), "test": "delong"},
        {**who, "metric": "log_loss", **plain(bootstrap), "test": "paired_bootstrap"},
    ]


def _align(
    predictions: Predictions, models: tuple[str, str], split: str
) -> tuple[dict[str, NDArray], NDArray, NDArray]:
    """Return what both models share and their calibrated probabilities, sorted by sample_id."""
    (shared_a, a), (shared_b, b) = (_sorted(predictions[model][split]) for model in models)
    id_a, id_b = shared_a[keys.SAMPLE_ID], shared_b[keys.SAMPLE_ID]
    where = f"{split}: {models[0]} and {models[1]}"
    if not np.array_equal(id_a, id_b):
        only = sorted(set(id_a) ^ set(id_b))
        example = f" ({len(only)} samples in one of them only, e.g. {only[0]})" if only else ""
        raise UserError(
            f"{where} were tested on different samples{example}; evaluate both on the same split"
        )
    if not np.array_equal(shared_a[keys.LABEL], shared_b[keys.LABEL]):
        raise UserError(f"{where} have different labels for the same test samples; rerun both")
    return shared_a, a, b


def _sorted(table: Mapping[str, ArrayLike]) -> tuple[dict[str, NDArray], NDArray]:
    order = np.argsort(np.asarray(table[keys.SAMPLE_ID], dtype=str), kind="stable")
    names = (keys.SAMPLE_ID, keys.LABEL, keys.PATIENT, keys.FOLD)
    shared = {name: np.asarray(table[name])[order] for name in names if name in table}
    return shared, gathered(keys.CALIBRATED, table)[order]
