"""Intervals of metrics that no resample changes, against exact binomial limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from exprlab.config.steps import EvaluationConfig
from exprlab.evaluation.bootstrap import Interval, intervals
from exprlab.evaluation.repeats import mean_limits
from exprlab.evaluation.unseen import Cases, unseen_metrics

LABEL = np.repeat([0, 1], [12, 8])
PERFECT = np.where(LABEL == 1, 0.8, 0.3)


def found_of(
    label: np.ndarray, probability: np.ndarray, confidence: float = 0.95, **who: np.ndarray
) -> dict[str, Interval]:
    rng = np.random.default_rng(0)
    return intervals(
        label, probability, 0.5, n_resamples=200, confidence=confidence, n_bins=10, rng=rng, **who
    )


def exact(right: int, n: int, confidence: float = 0.95) -> pytest.approx:
    return pytest.approx(tuple(binomtest(right, n).proportion_ci(confidence, method="exact")))


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_perfect_calls_get_exact_limits(confidence: float) -> None:
    found = found_of(LABEL, PERFECT, confidence)
    assert found["sensitivity"][1:] == exact(8, 8, confidence)
    assert found["specificity"][1:] == exact(12, 12, confidence)
    # As many independent pairs as there are samples of the smaller class, all in order.
    assert found["auroc"][1:] == exact(8, 8, confidence)
    low, high = exact(20, 20, confidence).expected
    # Errors of one class alone are a little worse than those that any sample may have.
    assert low - 0.04 < found["accuracy"].low <= low
    assert found["accuracy"].high == high == 1
    assert found["mcc"].low < found["balanced_accuracy"].low < 1


def test_what_is_never_called_may_be_called_yet() -> None:
    found = found_of(LABEL, np.linspace(0.1, 0.4, 20))
    assert found["sensitivity"] == (0, *exact(0, 8).expected)
    assert found["specificity"][1:] == exact(12, 12)


def test_samples_of_a_patient_are_no_further_evidence() -> None:
    label, probability = np.repeat(LABEL, 3), np.repeat(PERFECT, 3)
    patient = np.repeat(np.arange(20), 3)
    found = found_of(label, probability, patient=patient)
    assert found["auroc"][1:] == found["sensitivity"][1:] == exact(8, 8)


def test_folds_and_repeats_of_the_same_patients_are_no_further_evidence() -> None:
    fold = np.tile([1, 2], 10)
    assert found_of(LABEL, PERFECT, fold=fold)["auroc"][1:] == exact(8, 8)
    table = {"sample_id": np.arange(20), "label": LABEL, "calibrated_probability": PERFECT,
             "prediction": LABEL, "fold": fold}  # fmt: skip
    limits = mean_limits([table, table], EvaluationConfig(bootstrap=100), seed=0)
    assert limits["auroc"] == limits["sensitivity"] == exact(8, 8)


def test_several_classes() -> None:
    label = np.repeat([0, 1, 2], [9, 7, 4])
    found = found_of(label, 0.7 * np.eye(3)[label] + 0.1)
    # Macro averages: the smallest class is what is known least.
    low, _ = exact(4, 4).expected
    assert found["balanced_accuracy"].low == pytest.approx((2 + low) / 3)
    assert found["auroc"].low < 1 == found["auroc"].high


def test_an_interval_with_width_stays_as_it_is() -> None:
    rng = np.random.default_rng(1)
    probability = np.clip(PERFECT + rng.normal(0, 0.3, 20), 0.01, 0.99)
    found = found_of(LABEL, probability)
    unseen = unseen_metrics(Cases(LABEL, probability, probability >= 0.5), 0.95, 10)
    assert 0 < found["auroc"].low < found["auroc"].high <= 1
    assert unseen["auroc"].min() < found["auroc"].low
