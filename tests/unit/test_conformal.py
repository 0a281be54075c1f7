"""Prediction sets and isotonic calibration: promises kept, and second formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit, softmax
from scipy.stats import binom
from sklearn.isotonic import IsotonicRegression

from exprlab.config.steps import EvaluationConfig
from exprlab.evaluation.calibration import fit_isotonic
from exprlab.evaluation.conformal import describe_sets, fit_sets
from exprlab.evaluation.evaluate import evaluate
from exprlab.files import read_json, write_json
from exprlab.inference.decisions import decision_state, read_calibration, read_sets
from exprlab.outputs import calibrate, decide, log_odds, set_words, words_set


@pytest.mark.parametrize(("n", "rate"), [(9, 0.1), (30, 0.1), (99, 0.05), (8, 0.1)])
def test_each_class_is_missed_as_rarely_as_promised(n: int, rate: float) -> None:
    """Over many draws of validation samples, of classes of unequal size and a poor model."""
    rng = np.random.default_rng(0)
    missed = np.zeros(2)
    draws = 5_000
    for _ in range(draws):
        label = np.repeat([0, 1], [4 * n + 1, n + 1])
        probability = expit(rng.normal(0.4 * label - 1, 1))
        new = np.array([0, 4 * n + 1])  # one sample of each class is new
        old = np.setdiff1d(np.arange(label.size), new)
        sets = fit_sets(label[old], probability[old], rate)
        # Without the called class, which is always in: the promise holds before that.
        found = sets.of(probability[new], np.array([1, 0]))
        missed += ~np.array([found[0, 0], found[1, 1]])
    for count, size in zip(missed, (4 * n, n), strict=True):
        promised = np.floor(round((size + 1) * rate, 9)) / (size + 1)
        low, high = binom.interval(0.9999, draws, promised) if promised else (0, 0)
        assert low <= count <= high


def test_few_validation_samples_exclude_nothing() -> None:
    label = np.repeat([0, 1], [8, 9])
    sets = fit_sets(label, np.where(label == 1, 0.9, 0.1), 0.1)
    assert sets.cuts == (0.0, 0.9)
    found = sets.of(np.array([0.2, 0.95]), np.array([0, 1]))
    assert found.tolist() == [[True, False], [True, True]]


@given(seed=st.integers(0, 10_000), n_classes=st.integers(2, 4), rate=st.floats(0.01, 0.5))
def test_sets_hold_the_called_class_and_shrink_with_the_error_rate(
    seed: int, n_classes: int, rate: float
) -> None:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, n_classes, 60)
    probability = softmax(rng.normal(size=(60, n_classes)), axis=1)
    called = probability.argmax(axis=1)
    strict = fit_sets(label, probability, rate / 2).of(probability, called)
    loose = fit_sets(label, probability, rate).of(probability, called)
    assert (loose <= strict).all()
    assert loose[np.arange(60), called].all()
    names = [f"class {k}" for k in range(n_classes)]
    assert (words_set(set_words(loose, names), names) == loose).all()


def test_description_is_what_can_be_counted() -> None:
    sets = np.array([[True, False], [True, True], [False, True], [True, False]])
    found = describe_sets([0, 1, 0, 0], sets, 0.1, ["a", "b"])
    assert found["coverage"] == 0.75
    assert found["coverage_by_class"] == {"a": 2 / 3, "b": 1.0}
    assert (found["mean_size"], found["share_of_one"]) == (1.25, 0.75)
    assert describe_sets([0], sets[:1], 0.1, ["a", "b"])["coverage_by_class"]["b"] is None


@given(seed=st.integers(0, 10_000), n=st.integers(2, 60), digits=st.integers(0, 3))
def test_isotonic_is_that_of_scikit_learn(seed: int, n: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=n), digits)  # with ties
    label = (rng.random(n) < expit(2 * x)).astype(int)
    theirs = IsotonicRegression(y_min=1 / (n + 2), y_max=(n + 1) / (n + 2), out_of_bounds="clip")
    theirs.fit(x, label)
    new = np.concatenate([x, rng.normal(0, 2, 100)])
    np.testing.assert_allclose(calibrate(new, fit_isotonic(x, label)), theirs.predict(new))


@given(seed=st.integers(0, 10_000))
def test_isotonic_rises_and_of_several_classes_sums_to_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits, label = rng.normal(size=(80, 3)), rng.integers(0, 3, 80)
    found = calibrate(logits, fit_isotonic(logits, label))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(log_odds(logits), logit(softmax(logits, axis=1)))
    curve = fit_isotonic(logits[:, 0], (label == 1).astype(int))
    grid = calibrate(np.linspace(-5, 5, 200), curve)
    assert (np.diff(grid) >= 0).all()
    assert ((grid > 0) & (grid < 1)).all()
    # The order of the classes is only a name.
    turned = calibrate(logits[:, ::-1], fit_isotonic(logits[:, ::-1], 2 - label))
    np.testing.assert_allclose(turned[:, ::-1], found)


def test_isotonic_mends_what_a_temperature_cannot() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(0, 2, 8000)
    truth = 0.2 + 0.6 * (x > 0.7)  # a step
    label = (rng.random(x.size) < truth).astype(int)
    found = calibrate(x[4000:], fit_isotonic(x[:4000], label[:4000]))
    assert np.abs(found - truth[4000:]).mean() < 0.03


@pytest.mark.parametrize("kind", ["temperature", "isotonic"])
def test_what_is_written_is_read_back(kind: str, tmp_path) -> None:
    rng = np.random.default_rng(2)
    logits, label = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    calibration = 1.7 if kind == "temperature" else fit_isotonic(logits, label)
    probability = calibrate(logits, calibration)
    sets = fit_sets(label, probability, 0.2)
    classes = ["a", "b", "c"]
    state = {**decision_state(calibration, sets, classes), "classes": classes}
    write_json(tmp_path / "state.json", state)
    again = read_json(tmp_path / "state.json")
    assert read_sets(again) == sets
    np.testing.assert_array_equal(calibrate(logits, read_calibration(again)), probability)
    settings = EvaluationConfig(bootstrap=100, error_rate=0.2)
    found = evaluate(label, logits, calibration, None, settings, rng, classes, sets=sets)
    assert found["calibration"] == kind
    assert (found["temperature"] is None) == (kind == "isotonic")
    covered = sets.of(probability, decide(probability))[np.arange(50), label].mean()
    assert found["prediction_sets"]["coverage"] == pytest.approx(covered)
