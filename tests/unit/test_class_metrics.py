"""Evaluation of more than two classes, against scikit-learn and against two classes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn import metrics as sk

from exprlab import keys
from exprlab.config.steps import EvaluationConfig
from exprlab.evaluation.bootstrap import stratified_weights
from exprlab.evaluation.calibration import choose_threshold, fit_temperature
from exprlab.evaluation.curves import curves
from exprlab.evaluation.evaluate import evaluate
from exprlab.evaluation.layout import classes_of, curves_of, table_of
from exprlab.evaluation.metrics import classification_metrics, metrics_by_class
from exprlab.outputs import by_class

CLASSES = ("benign", "subtype-1", "subtype-2", "subtype-3")


def draw(n_classes: int, seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, each class among them, and logits that lean towards them, with ties."""
    rng = np.random.default_rng(seed)
    label = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)])
    logit = rng.normal(size=(n, n_classes)) + 1.5 * (label[:, None] == np.arange(n_classes))
    return label, logit.round(1)


def scikit_learn(label, probability, weights):
    """The same metrics from scikit-learn, ece excepted (it has none)."""
    call = probability.argmax(axis=1)
    w = {"sample_weight": weights}
    macro = {**w, "average": "macro", "zero_division": 0}
    classes = range(probability.shape[1])
    return {
        "auroc": sk.roc_auc_score(label, probability, multi_class="ovr", **w),
        "auprc": np.mean(
            [sk.average_precision_score(label == k, probability[:, k], **w) for k in classes]
        ),
        "accuracy": sk.accuracy_score(label, call, **w),
        "balanced_accuracy": sk.balanced_accuracy_score(label, call, **w),
        "sensitivity": sk.recall_score(label, call, **macro),
        "specificity": np.mean(
            [sk.recall_score(label == k, call == k, pos_label=0, **w) for k in classes]
        ),
        "f1": sk.f1_score(label, call, **macro),
        "mcc": sk.matthews_corrcoef(label, call, **w),
        "brier": sk.brier_score_loss(label, probability, **w),
        "log_loss": sk.log_loss(label, probability, **w),
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 6), st.integers(0, 2**31))
def test_metrics_of_more_classes_agree_with_scikit_learn(n_classes, seed):
    label, logit = draw(n_classes, seed)
    probability = softmax(logit, axis=1)
    weights = np.random.default_rng(seed).integers(1, 5, label.size).astype(float)
    ours = classification_metrics(label, probability, weights=weights)
    assert tuple(ours) == keys.METRICS
    for name, expected in scikit_learn(label, probability, weights).items():
        assert float(ours[name]) == pytest.approx(expected, abs=1e-10), name


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31))
def test_two_classes_have_the_same_metrics_with_one_output_and_with_two(seed):
    label, logit = draw(2, seed)
    logit[:, 0] += 0.03  # no ties, of which one output calls the second class and two the first
    two = softmax(logit, axis=1)
    one, both = (classification_metrics(label, p, 0.5) for p in (two[:, 1], two))
    for name in set(keys.METRICS) - {"ece"}:
        assert float(one[name]) == pytest.approx(float(both[name]), abs=1e-10), name
    assert by_class(two[:, 1]) == pytest.approx(two)


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 6), st.integers(0, 2**31))
def test_metrics_do_not_depend_on_the_order_of_the_classes(n_classes, seed):
    label, logit = draw(n_classes, seed)
    # Without ties, since of equals the first class is called.
    logit += np.linspace(0, 1e-3, logit.size).reshape(logit.shape)
    order = np.random.default_rng(seed).permutation(n_classes)
    probability = softmax(logit, axis=1)
    one = classification_metrics(label, probability)
    other = classification_metrics(np.argsort(order)[label], probability[:, order])
    for name in keys.METRICS:
        assert float(one[name]) == pytest.approx(float(other[name]), abs=1e-10), name


def test_a_matrix_of_weights_is_a_stack_of_resampled_data_sets():
    label, logit = draw(4, 1)
    probability = softmax(logit, axis=1)
    weights = stratified_weights(label, 5, np.random.default_rng(0))
    ours = classification_metrics(label, probability, weights=weights)
    for row, counts in enumerate(weights.astype(int)):
        drawn = np.repeat(label, counts), np.repeat(probability, counts, axis=0)
        for name, expected in classification_metrics(*drawn).items():
            assert ours[name][row] == pytest.approx(float(expected), abs=1e-10), name


def test_a_model_that_always_calls_one_class():
    label = np.arange(30) % 3
    found = classification_metrics(label, np.tile([0.5, 0.3, 0.2], (30, 1)))
    assert float(found["mcc"]) == 0
    assert float(found["auroc"]) == pytest.approx(0.5)
    assert float(found["balanced_accuracy"]) == pytest.approx(1 / 3)


def test_the_ece_of_more_classes_is_the_gap_of_the_top_label():
    label, logit = draw(4, 3, n=400)
    probability = softmax(3 * logit, axis=1)
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == label
    expected = 0.0
    for k in range(10):
        inside = (confidence >= k / 10) & (confidence < (k + 1) / 10 if k < 9 else True)
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    found = classification_metrics(label, probability)["ece"]
    assert float(found) == pytest.approx(expected)


# Calibration.


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 6), st.integers(0, 2**31), st.floats(-50, 50))
def test_the_temperature_is_the_most_likely_one(n_classes, seed, shift):
    label, logit = draw(n_classes, seed, n=200)

    def loss(log_temperature: float) -> float:
        return sk.log_loss(label, softmax(logit / np.exp(log_temperature), axis=1))

    found = fit_temperature(logit + shift, label)
    best = minimize_scalar(loss, bounds=(-4, 6), method="bounded", options={"xatol": 1e-8})
    assert loss(np.log(found)) <= best.fun + 1e-9


def test_softmax_of_two_logits_has_the_temperature_of_their_difference():
    label, logit = draw(2, 5, n=300)
    difference = logit[:, 1] - logit[:, 0]
    assert fit_temperature(logit, label) == pytest.approx(fit_temperature(difference, label))


@pytest.mark.parametrize("n_per_class", [2, 20])
def test_separable_classes_give_no_more_certainty_than_their_number_allows(n_per_class):
    label = np.repeat(np.arange(4), n_per_class)
    logit = 5.0 * np.eye(4)[label]
    temperature = fit_temperature(logit, label)
    own = softmax(logit / temperature, axis=1)[np.arange(label.size), label]
    assert own == pytest.approx(np.full(label.size, (n_per_class + 1) / (n_per_class + 4)))


def test_more_classes_have_no_threshold():
    label, logit = draw(3, 0)
    for rule in ("youden", "accuracy", "half"):
        assert choose_threshold(label, softmax(logit, axis=1), rule) is None


# The record.


def evaluation():
    label, logit = draw(4, 7, n=120)
    rng = np.random.default_rng(0)
    chosen = EvaluationConfig(bootstrap=200)
    return label, logit, evaluate(label, logit, 1.5, None, chosen, rng, CLASSES)


def test_the_evaluation_of_four_classes_is_plain_json_by_class():
    label, logit, found = evaluation()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    probability = softmax(logit / 1.5, axis=1)
    for name, expected in scikit_learn(label, probability, np.ones(120)).items():
        entry = found["metrics"][name]
        assert entry["value"] == pytest.approx(expected), name
        assert entry["low"] <= entry["value"] <= entry["high"]
    assert found["threshold"] is None
    assert classes_of(found) == CLASSES
    table = sk.confusion_matrix(label, probability.argmax(axis=1))
    assert np.array_equal(table_of(found), table)
    for k, name in enumerate(CLASSES):
        each = found["by_class"][name]
        assert each["auroc"] == pytest.approx(sk.roc_auc_score(label == k, probability[:, k]))
        assert each["sensitivity"] == pytest.approx(table[k, k] / table[k].sum())
    assert np.mean([found["by_class"][c]["f1"] for c in CLASSES]) == pytest.approx(
        found["metrics"]["f1"]["value"]
    )


def test_the_curves_of_a_class_are_those_of_it_against_the_rest():
    label, logit = draw(4, 9, n=120)
    probability = softmax(logit, axis=1)
    record = {
        "classes": CLASSES,
        "n_per_class": dict.fromkeys(CLASSES, 1),
        "curves": curves(label, probability, 10, CLASSES),
    }
    for name in ("roc", "precision_recall", "calibration"):
        for k, (label_name, curve) in enumerate(curves_of(record, name).items()):
            assert label_name == CLASSES[k]
            assert curve == curves(label == k, probability[:, k], 10)[name]
    for k, histogram in enumerate(curves_of(record, "scores").values()):
        assert sum(histogram["own"]) == np.sum(label == k)
        assert sum(histogram["rest"]) == np.sum(label != k)
    diagram = record["curves"]["confidence"]
    gap = np.abs(np.array(diagram["predicted"]) - diagram["observed"])
    ece = classification_metrics(label, probability)["ece"]
    assert np.sum(np.array(diagram["count"]) * gap) / label.size == pytest.approx(float(ece))


def test_of_two_classes_the_positive_one_is_described():
    label, logit = draw(2, 2)
    probability = softmax(logit, axis=1)[:, 1]
    found = metrics_by_class(label, probability, 0.5)
    whole = classification_metrics(label, probability, 0.5)
    assert {name: value.item() for name, value in found.items()} == {
        name: float(whole[name]) for name in found
    }


def test_a_class_without_test_samples_leaves_its_metrics_undefined():
    label, logit = draw(4, 0)
    few = label != 2
    found = evaluate(
        label[few], logit[few], 1.0, None, EvaluationConfig(), np.random.default_rng(0), CLASSES
    )
    json.dumps(found, allow_nan=False)
    undefined = {name for name, entry in found["metrics"].items() if entry["value"] is None}
    assert undefined == {"auroc", "auprc", "balanced_accuracy", "sensitivity"}
    assert found["by_class"][CLASSES[2]]["auroc"] is None
    assert found["by_class"][CLASSES[1]]["auroc"] is not None
    assert found["curves"]["roc"][CLASSES[2]] == {"fpr": [], "tpr": []}
