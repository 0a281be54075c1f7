"""Models against each other: tests for paired samples, and a summary over splits."""

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
from exprlab.evaluation.bootstrap import Difference, paired_bootstrap
from exprlab.outputs import gathered

if TYPE_CHECKING:
    from exprlab.config.steps import EvaluationConfig

# model -> split -> columns of predictions.parquet, as a DataFrame or a dict of arrays.
Predictions = Mapping[str, Mapping[str, Mapping[str, ArrayLike]]]
# model -> split -> content of evaluation.json.
Evaluations = Mapping[str, Mapping[str, Mapping[str, Any]]]


def delong_test(
    label: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, confidence: float = 0.95
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

    Returns
    -------
    Difference
        auroc of a - auroc of b, with a normal interval cut to [-1, 1]. Where the estimated
        variance is 0 the interval has width 0, and p is 1 for equal areas and 0 otherwise. With
        a single sample in a class there is no variance to estimate: (-1, 1) and p = 1.

    Notes
    -----
    The mean area over classes is a mean over samples too: each adds its share as a positive of its
    own class and as a negative of every other one. As samples are drawn class by class in the
    bootstrap, the variance is the sum over classes of that of these shares.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44, 837-845, by the midranks of Sun & Xu
    (2014), IEEE Signal Processing Letters 21, 1389-1393.
    """
    label = np.asarray(label).astype(np.intp)
    scores = [np.asarray(score).reshape(label.size, -1).T for score in (score_a, score_b)]
    told = range(len(scores[0])) if len(scores[0]) > 1 else [1]
    sizes = np.bincount(label, minlength=max(2, len(told)))
    # The variance of the difference is that of the differences of the components, so no
    # covariance matrix is needed, and equal models have a variance of exactly 0.
    difference, share = 0.0, np.zeros(label.size)
    for own, a, b in zip((label == k for k in told), *scores, strict=True):
        gaps = [x - y for x, y in zip(_components(own, a), _components(own, b), strict=True)]
        difference += float(gaps[0].mean()) / len(told)
        for members, gap in zip((own, ~own), gaps, strict=True):
            share[members] += gap * (sizes[label[members]] / gap.size)
    if sizes.min() < 2:
        return Difference(difference, -1.0, 1.0, 1.0)
    variance = sum(share[label == k].var(ddof=1) / n for k, n in enumerate(sizes))
    variance /= len(told) ** 2
    if variance == 0:
        return Difference(difference, difference, difference, float(difference == 0))
    margin = ndtri((1 + confidence) / 2) * np.sqrt(variance)
    low, high = np.clip([difference - margin, difference + margin], -1, 1)
    p_value = 2 * ndtr(-abs(difference) / np.sqrt(variance))
    return Difference(difference, float(low), float(high), float(p_value))


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
    _, group, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[group]


def compare(
    predictions: Predictions, evaluations: Evaluations, settings: EvaluationConfig, seed: int
) -> dict[str, Any]:
    """Summarise the models of one data set and test each pair of them.

    Parameters
    ----------
    predictions : mapping
        Model -> split -> columns of predictions.parquet (`sample_id`, `label`,
        `calibrated_probability`, or one for each class), as a DataFrame or a dict of arrays.
    evaluations : mapping
        Model -> split -> content of evaluation.json; of the oracle too, where there is one.
    settings : EvaluationConfig
    seed : int
        Each comparison has a random stream of its own, so a further model changes none.

    Returns
    -------
    dict
        `models`, `pairs` and `truth` of one data set in comparison.json (docs/files.md). Each
        split that two models share gives one entry for auroc (DeLong) and one for log_loss
        (bootstrap).

    Raises
    ------
    UserError
        If two models were tested on different samples in a split.
    """
    pairs = [
        entry
        for model_a, model_b in combinations(predictions, 2)
        for split in predictions[model_a]
        if split in predictions[model_b]
        for entry in _compare_pair(predictions, (model_a, model_b), split, settings, seed)
    ]
    models = {
        model: {name: _summary(by_split, "metrics", name) for name in keys.METRICS}
        for model, by_split in evaluations.items()
    }
    truth = {
        model: {name: _summary(by_split, "truth", name) for name in keys.TRUTH_METRICS}
        for model, by_split in evaluations.items()
        if all("truth" in found for found in by_split.values())
    }
    return {"models": models, "pairs": pairs, "truth": truth}


def _summary(by_split: Mapping[str, Mapping[str, Any]], part: str, name: str) -> dict[str, Any]:
    per_split = {split: dict(found[part][name]) for split, found in by_split.items()}
    values = [entry["value"] for entry in per_split.values()]
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "sd": sd, "per_split": per_split}


def _compare_pair(
    predictions: Predictions,
    models: tuple[str, str],
    split: str,
    settings: EvaluationConfig,
    seed: int,
) -> list[dict[str, Any]]:
    label, a, b = _align(predictions, models, split)
    rng = np.random.default_rng([seed, crc32("/".join([*models, split]).encode())])
    bootstrap = paired_bootstrap(
        label,
        a,
        b,
        "log_loss",
        n_resamples=settings.bootstrap,
        confidence=settings.confidence,
        rng=rng,
    )
    delong = delong_test(label, a, b, settings.confidence)
    who = {"model_a": models[0], "model_b": models[1], "split": split}
    return [
        {**who, "metric": "auroc", **delong._asdict(), "test": "delong"},
        {**who, "metric": "log_loss", **bootstrap._asdict(), "test": "paired_bootstrap"},
    ]


def _align(
    predictions: Predictions, models: tuple[str, str], split: str
) -> tuple[NDArray, NDArray, NDArray]:
    """Return labels and both models' calibrated probabilities, in the order of sample_id."""
    sorted_columns = []
    for model in models:
        table = predictions[model][split]
        order = np.argsort(np.asarray(table[keys.SAMPLE_ID], dtype=str), kind="stable")
        columns = (gathered(name, table) for name in (keys.SAMPLE_ID, keys.LABEL, keys.CALIBRATED))
        sorted_columns.append([column[order] for column in columns])
    (id_a, label_a, a), (id_b, label_b, b) = sorted_columns
    where = f"{split}: {models[0]} and {models[1]}"
    if not np.array_equal(id_a, id_b):
        only = sorted(set(id_a) ^ set(id_b))
        example = f" ({len(only)} samples in one of them only, e.g. {only[0]})" if only else ""
        raise UserError(
            f"{where} were tested on different samples{example}; evaluate both on the same split"
        )
    if not np.array_equal(label_a, label_b):
        raise UserError(f"{where} have different labels for the same test samples; rerun both")
    return label_a, a, b
