"""A guard against leakage: labels that were drawn at random must not be predictable.

Labels are permuted among patients, a model is fitted on the training samples and ranks the test
samples, many times over. Given the permuted labels of the training patients, those of the test
patients are exchangeable, so the expected AUROC is exactly 0.5, whatever the model and the
features. It is above 0.5 if something about the test samples' labels has reached the training: a
patient with samples on both sides, or a step that was fitted on the labels of all samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import t as student

from exprlab.evaluation.metrics import classification_metrics
from exprlab.groups import group_equal

# Labels (n_permutations, n_samples) from 0 on -> scores of the test samples, (.., n_test), or of
# more than two classes (.., n_test, n_classes).
Pipeline = Callable[[NDArray[np.int8]], NDArray[np.float64]]
# A false alarm in a thousand splits; leaks worth the name are many standard errors away.
CONFIDENCE = 0.999
# Permutations that an interval needs.
FEWEST = 5
# Ridge penalties as shares of the mean squared length of a sample: a model that follows every
# sample, as a nearest neighbour does, and a smooth one.
PENALTIES = (1e-4, 1.0)


def permuted_labels(
    labels: NDArray, patients: NDArray, n_permutations: int, rng: np.random.Generator
) -> NDArray[np.int8]:
    """Permute labels among patients, so that samples of a patient keep a common label.

    Where a patient has samples of both classes, as in pairs of tumour and normal tissue, labels
    are permuted among the patient's own samples.

    Parameters
    ----------
    labels, patients : (n_samples,) arrays
    n_permutations : int
    rng : numpy.random.Generator

    Returns
    -------
    (n_permutations, n_samples) array
    """
    labels = np.asarray(labels)
    _, first, patient = np.unique(patients, return_index=True, return_inverse=True)
    mixed = np.zeros(len(first), dtype=bool)
    np.logical_or.at(mixed, patient, labels != labels[first][patient])
    pure, of_patients = np.flatnonzero(~mixed), labels[first]
    result = np.empty((n_permutations, labels.size), dtype=np.int8)
    for row in result:
        of_patients[pure] = rng.permutation(labels[first[pure]])
        row[:] = of_patients[patient]
        for p in np.flatnonzero(mixed):
            samples = np.flatnonzero(patient == p)
            row[samples] = rng.permutation(labels[samples])
    return result


def linear_pipeline(features: NDArray, train: NDArray, test: NDArray) -> Pipeline:
    """Return the pipeline of ridge regression on fixed features, the mean over `PENALTIES`.

    One factorisation per penalty serves all permutations: in the dual form the weights of the
    samples are (K + penalty)^-1 y, with the inner products K of the training samples. Of more than
    two classes, each is told from the rest.
    """
    inputs = np.ascontiguousarray(features[train])
    mean = inputs.mean(axis=0)
    inputs -= mean
    inner = (inputs @ inputs.T).astype(np.float64)
    to_test = ((features[test] - mean) @ inputs.T).astype(np.float64)
    scale = np.trace(inner) / len(inner)
    factors = [
        cho_factor(inner + penalty * scale * np.eye(len(inner)), lower=True)
        for penalty in PENALTIES
    ]

    def scores(labels: NDArray[np.int8]) -> NDArray[np.float64]:
        if labels.max() > 1:
            each = [scores((labels == k).astype(np.int8)) for k in range(labels.max() + 1)]
            return np.stack(each, axis=-1)
        targets = labels[:, train].astype(np.float64)
        targets = (targets - targets.mean(axis=1, keepdims=True)).T
        found = [to_test @ cho_solve(factor, targets) for factor in factors]
        return sum(part / part.std(axis=0) for part in found).T

    return scores


def guard(
    pipeline: Pipeline,
    labels: NDArray,
    patients: NDArray,
    test: NDArray,
    n_permutations: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Ask whether a pipeline predicts permuted labels.

    Parameters
    ----------
    pipeline
        From labels of all samples to scores of the test samples. Every step that sees labels has
        to be inside; what it has been fitted on before stays invisible.
    labels, patients : (n_samples,) arrays
        Of all samples; labels are whole numbers from 0 on.
    test : (n_test,) array
        Row numbers of the test samples.
    n_permutations : int
    rng : numpy.random.Generator

    Returns
    -------
    dict
        `n_permutations`, `confidence`, and of the AUROC over permutations `mean`, `low`, `high`
        (Student's t) and `leaks`: whether the interval leaves 0.5 out. Where the test is so small
        that hardly any permutation gives it two classes, these are None and nothing can be said.
    """
    permuted = permuted_labels(labels, patients, n_permutations, rng)
    aurocs = np.array(
        [
            float(classification_metrics(row[test], _within_0_and_1(score), 0.5)["auroc"])
            for row, score in zip(permuted, pipeline(permuted), strict=True)
        ]
    )
    aurocs = aurocs[np.isfinite(aurocs)]  # of a test with one class only there is none
    n = len(aurocs)
    if n < FEWEST or not aurocs.std():
        nothing = {"mean": None, "low": None, "high": None, "leaks": False}
        return {"n_permutations": n, "confidence": CONFIDENCE, **nothing}
    margin = student.ppf((1 + CONFIDENCE) / 2, n - 1) * aurocs.std(ddof=1) / n**0.5
    low, high = float(aurocs.mean() - margin), float(aurocs.mean() + margin)
    return {
        "n_permutations": n,
        "confidence": CONFIDENCE,
        "mean": float(aurocs.mean()),
        "low": low,
        "high": high,
        "leaks": not low <= 0.5 <= high,
    }


def _within_0_and_1(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each column's ranks as a share of the samples; only their order matters."""
    if scores.ndim == 2:
        return np.column_stack([_within_0_and_1(column) for column in scores.T])
    order = group_equal(scores).place
    return order / max(1, order.max())
