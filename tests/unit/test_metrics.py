"""Metrics, their intervals, curves and the evaluation record, against independent answers."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, ndtr
from sklearn import metrics as sk

from exprlab import keys
from exprlab.config.steps import EvaluationConfig
from exprlab.errors import UserError
from exprlab.evaluation import curves as curves_module
from exprlab.evaluation.bootstrap import intervals, stratified_weights
from exprlab.evaluation.curves import confusion, curves, precision_recall, roc
from exprlab.evaluation.evaluate import evaluate
from exprlab.evaluation.metrics import classification_metrics

# A coarse grid makes ties; 0 and 1 test the clipping; 0.5 is the threshold itself.
GRID = [0.0, 0.1, 0.25, 0.3, 0.5, 0.500001, 0.7, 0.9, 1.0]
SCORE = st.sampled_from(GRID) | st.floats(0, 1)


@st.composite
def samples(draw):
    """Labels with both classes, probabilities with ties, positive weights."""
    n = draw(st.integers(2, 25))
    label = [0, 1, *draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2))]
    probability = draw(st.lists(SCORE, min_size=n, max_size=n))
    weights = draw(st.lists(st.integers(1, 5) | st.floats(0.1, 3), min_size=n, max_size=n))
    return np.array(label), np.array(probability), np.array(weights, dtype=float)


def scikit_learn(label, probability, threshold, weights=None):
    """The same metrics from scikit-learn, ece excepted (it has none)."""
    call = (probability >= threshold).astype(int)
    w = {"sample_weight": weights}
    return {
        "auroc": sk.roc_auc_score(label, probability, **w),
        "auprc": sk.average_precision_score(label, probability, **w),
        "accuracy": sk.accuracy_score(label, call, **w),
        "balanced_accuracy": sk.balanced_accuracy_score(label, call, **w),
        "sensitivity": sk.recall_score(label, call, **w),
        "specificity": sk.recall_score(label, call, pos_label=0, **w),
        "f1": sk.f1_score(label, call, zero_division=0, **w),
        "mcc": sk.matthews_corrcoef(label, call, **w),
        "brier": sk.brier_score_loss(label, probability, **w),
        "log_loss": sk.log_loss(label, probability, **w),
    }


@settings(max_examples=80, deadline=None)
@given(samples(), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_metrics_agree_with_scikit_learn(drawn, threshold):
    label, probability, weights = drawn
    for w in (None, weights):
        ours = classification_metrics(label, probability, threshold, w)
        for name, expected in scikit_learn(label, probability, threshold, w).items():
            assert float(ours[name]) == pytest.approx(expected, abs=1e-10), name


@settings(max_examples=60, deadline=None)
@given(samples(), st.integers(2, 12))
def test_ece_agrees_with_a_loop_over_bins(drawn, n_bins):
    label, probability, weights = drawn
    expected = 0.0
    for k in range(n_bins):
        lower, upper = np.linspace(0, 1, n_bins + 1)[k : k + 2]
        inside = (probability >= lower) & ((probability < upper) | (k == n_bins - 1))
        if inside.any():
            confidence = np.average(probability[inside], weights=weights[inside])
            accuracy = np.average(label[inside], weights=weights[inside])
            expected += weights[inside].sum() / weights.sum() * abs(confidence - accuracy)
    ours = classification_metrics(label, probability, 0.5, weights, n_bins)["ece"]
    assert float(ours) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(samples(), st.integers(0, 2**32 - 1))
def test_a_matrix_of_counts_is_a_stack_of_resampled_data_sets(drawn, seed):
    label, probability, _ = drawn
    weights = stratified_weights(label, 3, np.random.default_rng(seed))
    ours = classification_metrics(label, probability, 0.5, weights)
    for row, counts in enumerate(weights.astype(int)):
        repeated = classification_metrics(
            np.repeat(label, counts), np.repeat(probability, counts), 0.5
        )
        for name in keys.METRICS:
            assert ours[name].shape == (3,)
            assert ours[name][row] == pytest.approx(float(repeated[name]), abs=1e-12), name


def test_order_of_samples_does_not_matter_for_ties():
    label = np.array([1, 0, 1, 0, 0, 1, 1, 0])
    probability = np.full(8, 0.4)
    ours = classification_metrics(label, probability, 0.5)
    assert float(ours["auroc"]) == 0.5
    assert float(ours["auprc"]) == 0.5
    assert classification_metrics(label[::-1], probability, 0.5) == ours


def test_degenerate_cases_have_the_documented_value_and_no_warning():
    probability = np.array([0.1, 0.2, 0.3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nothing_positive = classification_metrics([0, 1, 1], probability, 0.5)
        all_benign = classification_metrics([0, 0, 0], probability, 0.5)
        all_malignant = classification_metrics([1, 1, 1], probability, 0.5)
        no_weight = classification_metrics([0, 1, 1], probability, 0.5, np.zeros(3))
    assert nothing_positive["f1"] == nothing_positive["mcc"] == 0
    assert nothing_positive["sensitivity"] == 0
    assert {k for k, v in all_benign.items() if np.isnan(v)} == {
        "auroc", "auprc", "sensitivity", "balanced_accuracy"
    }  # fmt: skip
    assert {k for k, v in all_malignant.items() if np.isnan(v)} == {
        "auroc", "specificity", "balanced_accuracy"
    }  # fmt: skip
    assert all_malignant["auprc"] == 1
    assert np.isnan(no_weight["brier"])


def test_stratified_weights_keep_class_totals_and_vary_like_multinomial_counts():
    label = np.array([0] * 30 + [1] * 10)
    weights = stratified_weights(label, 20_000, np.random.default_rng(0))
    assert np.all(weights[:, label == 0].sum(axis=1) == 30)
    assert np.all(weights[:, label == 1].sum(axis=1) == 10)
    assert weights.mean(axis=0) == pytest.approx(np.ones(40), abs=0.04)
    # Multinomial: variance 1 - 1 / n of the class, covariance -1 / n.
    assert weights[:, 35].var() == pytest.approx(0.9, rel=0.05)
    assert np.cov(weights[:, 35], weights[:, 36])[0, 1] == pytest.approx(-0.1, abs=0.03)


@pytest.mark.parametrize(("shift", "seed"), [(0.0, 1), (1.2, 2)])
def test_auroc_intervals_cover_the_truth_as_often_as_they_claim(shift, seed):
    """Two normal classes `shift` apart have auroc Phi(shift / sqrt 2); shift 0 is the null."""
    rng, truth, covered = np.random.default_rng(seed), ndtr(shift / np.sqrt(2)), 0
    label = np.repeat([0, 1], 60)
    for _ in range(300):
        probability = expit(rng.normal(size=120) + shift * label)
        found = intervals(
            label, probability, 0.5, n_resamples=250, confidence=0.9, n_bins=10, rng=rng
        )
        covered += found["auroc"].low <= truth <= found["auroc"].high
    # 90 % claimed; binomial standard error 1.7 %, and percentile intervals run a little narrow.
    assert 0.84 <= covered / 300 <= 0.95


def test_intervals_hold_their_value_and_widen_with_confidence():
    rng = np.random.default_rng(3)
    probability = rng.random(300)
    label = (rng.random(300) < probability).astype(int)
    narrow, wide = (
        intervals(
            label,
            probability,
            0.5,
            n_resamples=500,
            confidence=confidence,
            n_bins=20,
            rng=np.random.default_rng(0),
        )
        for confidence in (0.6, 0.95)
    )
    for name in keys.METRICS:
        assert wide[name].low < narrow[name].low <= narrow[name].value, name
        assert narrow[name].value <= narrow[name].high < wide[name].high, name


def test_a_thinned_roc_keeps_its_ends_and_its_area():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 20_000)
    probability = expit(2 * rng.normal(size=label.size) + label)
    curve, auroc = roc(label, probability), sk.roc_auc_score(label, probability)
    assert len(curve["fpr"]) == len(curve["tpr"]) <= curves_module.MAX_POINTS
    assert (curve["fpr"][0], curve["tpr"][0]) == (0, 0)
    assert (curve["fpr"][-1], curve["tpr"][-1]) == (1, 1)
    assert sk.auc(curve["fpr"], curve["tpr"]) == pytest.approx(auroc, abs=1e-4)


def test_a_thinned_precision_recall_curve_stays_close_to_the_whole():
    rng = np.random.default_rng(0)
    label = (rng.random(20_000) < 0.1).astype(int)
    probability = expit(2 * rng.normal(size=label.size) + 2 * label)
    curve = precision_recall(label, probability)
    precision, recall, _ = sk.precision_recall_curve(label, probability)
    assert len(curve["recall"]) <= curves_module.MAX_POINTS
    assert (curve["recall"][0], curve["precision"][0]) == (0, 1)
    assert curve["recall"][-1] == 1
    assert curve["precision"][-1] == pytest.approx(label.mean())
    late = recall[::-1] > 0.02
    drawn = np.interp(recall[::-1][late], curve["recall"], curve["precision"])
    assert np.max(np.abs(drawn - precision[::-1][late])) < 0.03


@settings(max_examples=40, deadline=None)
@given(samples())
def test_short_curves_are_those_of_scikit_learn(drawn):
    label, probability, _ = drawn
    fpr, tpr, _ = sk.roc_curve(label, probability, drop_intermediate=False)
    ours = roc(label, probability)
    assert ours["fpr"] == pytest.approx(fpr.tolist())
    assert ours["tpr"] == pytest.approx(tpr.tolist())
    precision, recall, _ = sk.precision_recall_curve(label, probability)
    pr = precision_recall(label, probability)
    assert pr["recall"] == pytest.approx(recall[::-1].tolist())
    assert pr["precision"] == pytest.approx(precision[::-1].tolist())
    expected = sk.confusion_matrix(label, probability >= 0.5, labels=[0, 1]).ravel().tolist()
    assert confusion(label, probability >= 0.5) == dict(
        zip(["tn", "fp", "fn", "tp"], expected, strict=True)
    )


@settings(max_examples=40, deadline=None)
@given(samples())
def test_bins_account_for_every_sample_and_give_back_the_ece(drawn):
    label, probability, _ = drawn
    found = curves(label, probability, n_bins=10)
    diagram, histogram = found["calibration"], found["scores"]
    count = np.array(diagram["count"])
    assert count.sum() == label.size
    gap = np.abs(np.array(diagram["predicted"]) - diagram["observed"])
    ece = float(classification_metrics(label, probability, 0.5)["ece"])
    assert np.sum(count * gap) / label.size == pytest.approx(ece)
    assert len(histogram["edges"]) == len(histogram["benign"]) + 1
    assert sum(histogram["benign"]) == np.sum(label == 0)
    assert sum(histogram["malignant"]) == np.sum(label == 1)


def small_evaluation(seed=0):
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, 80)
    logit = (3 * rng.normal(size=80) + 2 * label).astype(np.float32)
    return (
        label,
        logit,
        evaluate(
            label, logit, 2.0, 0.6, EvaluationConfig(bootstrap=200), np.random.default_rng(seed)
        ),
    )


def test_evaluation_is_plain_json_of_the_calibrated_probability():
    label, logit, found = small_evaluation()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    calibrated, raw = expit(logit / 2.0), expit(logit)
    for name, expected in scikit_learn(label, calibrated, 0.6).items():
        assert found["metrics"][name]["value"] == pytest.approx(expected, abs=1e-6), name
    assert found["uncalibrated"]["log_loss"]["value"] == pytest.approx(sk.log_loss(label, raw))
    assert found["n_per_class"] == {"benign": np.sum(label == 0), "malignant": np.sum(label == 1)}
    cells = found["confusion"]
    accuracy = (cells["tn"] + cells["tp"]) / found["n_test"]
    assert accuracy == pytest.approx(found["metrics"]["accuracy"]["value"])


def test_the_same_seed_gives_the_same_evaluation_and_another_moves_only_the_limits():
    first, again, other = (small_evaluation(seed)[2] for seed in (0, 0, 1))
    assert first == again
    assert first["metrics"]["auroc"]["low"] != other["metrics"]["auroc"]["low"]
    assert first["metrics"]["auroc"]["value"] == other["metrics"]["auroc"]["value"]


@pytest.mark.parametrize(
    ("label", "logit", "says"),
    [
        ([0, 1, 1], [0.1, np.nan, np.inf], "2 of 3 logits .* not finite"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(label, logit, says):
    with pytest.raises(UserError, match=says):
        evaluate(label, logit, 1.0, 0.5, EvaluationConfig(), np.random.default_rng(0))
