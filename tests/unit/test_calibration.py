"""Temperature and threshold, against a known truth and against brute force."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import log_loss

from exprlab.evaluation.calibration import choose_threshold, fit_temperature
from exprlab.outputs import calibrate, decide


def simulated(temperature, n_samples, seed):
    """Logits `temperature` times too large for labels drawn from their true probability."""
    rng = np.random.default_rng(seed)
    true_logit = 2 * rng.normal(size=n_samples)
    label = (rng.random(n_samples) < expit(true_logit)).astype(int)
    return temperature * true_logit, label


@pytest.mark.parametrize("temperature", [0.002, 0.5, 1.0, 3.0, 400.0])
def test_a_known_temperature_is_recovered_whatever_the_scale(temperature):
    logit, label = simulated(temperature, 40_000, seed=1)
    # The standard error of T is about 1 % at this size.
    assert fit_temperature(logit, label) == pytest.approx(temperature, rel=0.04)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_temperature_is_more_likely(seed):
    logit, label = simulated(1.7, 60, seed)
    best = fit_temperature(logit, label)
    loss = log_loss(label, expit(logit / best))
    for other in np.geomspace(best / 20, best * 20, 400):
        assert log_loss(label, expit(logit / other)) >= loss - 1e-12


def test_calibration_lowers_the_loss_on_samples_it_was_not_fitted_on():
    temperature = fit_temperature(*simulated(4.0, 400, seed=2))
    logit, label = simulated(4.0, 4000, seed=3)
    raw, calibrated = (log_loss(label, calibrate(logit, t)) for t in (1.0, temperature))
    assert calibrated < 0.8 * raw


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-8, 8), st.integers(0, 1)), min_size=2, max_size=20),
    st.floats(0.01, 100),
)
def test_temperature_is_positive_bounded_and_in_the_units_of_the_logits(pairs, factor):
    logit, label = np.array([z for z, _ in pairs]), np.array([y for _, y in pairs])
    logit = np.round(logit, 6)
    rms = np.sqrt(np.mean(logit**2))
    if rms == 0:
        assert fit_temperature(logit, label) == 1
        return
    found = fit_temperature(logit, label)
    assert 0.0499 * rms <= found <= 100.01 * rms
    assert fit_temperature(factor * logit, label) == pytest.approx(factor * found, rel=1e-6)


def test_logits_that_point_the_wrong_way_give_probabilities_near_one_half():
    logit = np.linspace(-3, 3, 50)
    temperature = fit_temperature(logit, (logit < 0).astype(int))
    assert np.abs(calibrate(logit, temperature) - 0.5).max() < 0.01


@pytest.mark.parametrize("n_per_class", [3, 30, 300])
def test_separable_samples_give_no_more_certainty_than_their_number_allows(n_per_class):
    """With n samples of a class and no error, Platt's target is 1 - 1 / (n + 2)."""
    logit = np.repeat([-7.0, 7.0], n_per_class)
    probability = calibrate(logit, fit_temperature(logit, np.repeat([0, 1], n_per_class)))
    assert probability[-1] == pytest.approx(1 - 1 / (n_per_class + 2))
    assert probability[0] == pytest.approx(1 / (n_per_class + 2))


def test_probabilities_are_stable_at_both_ends():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probability = calibrate(np.array([-1e4, -40, 0, 40, 1e4], dtype=np.float32), 1.0)
    assert probability.dtype == np.float64
    assert probability[1] == pytest.approx(np.exp(-40.0), rel=1e-12)
    assert (probability[0], probability[2], probability[4]) == (0, 0.5, 1)


def quality(label, probability, threshold, rule):
    call = decide(probability, threshold)
    if rule == "accuracy":
        return np.mean(call == label)
    return np.mean(call[label == 1]) - np.mean(call[label == 0])


SCORES = st.sampled_from([0.0, 0.2, 0.25, 0.5, 0.8, 1.0]) | st.floats(0, 1)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), SCORES), max_size=12),
    SCORES,
    SCORES,
    st.sampled_from(["youden", "accuracy"]),
)
def test_no_threshold_is_better_and_no_equal_cut_is_nearer_to_one_half(pairs, a, b, rule):
    pairs = [(0, a), (1, b), *pairs]
    label, probability = (np.array(column) for column in zip(*pairs, strict=True))
    chosen = choose_threshold(label, probability, rule)
    best = quality(label, probability, chosen, rule)
    distinct = sorted({0.0, 1.0, *probability.tolist()})
    # Where rounding leaves nothing in between, the upper one still parts the two.
    midways = [max((low + high) / 2, np.nextafter(low, 1)) for low, high in pairwise(distinct)]
    assert chosen in [0.0, *midways]
    for other in [*distinct, *midways, *np.linspace(0, 1, 41)]:
        assert quality(label, probability, other, rule) <= best + 1e-12
    for other in midways:
        if quality(label, probability, other, rule) >= best - 1e-12:
            assert abs(chosen - 0.5) <= abs(other - 0.5)


def test_scores_that_are_neighbours_among_floating_point_numbers_are_parted():
    for low in (0.0, 0.3):
        high = np.nextafter(low, 1)
        chosen = choose_threshold([0, 1], [low, high], "accuracy")
        assert decide([low, high], chosen).tolist() == [0, 1]


def test_the_cut_lies_midway_and_the_rules_differ_where_classes_are_uneven():
    label = np.array([0] * 8 + [1] * 2)
    probability = np.array([0.1] * 5 + [0.3, 0.3, 0.3, 0.3, 0.9])
    assert choose_threshold(label, probability, "accuracy") == pytest.approx(0.6)
    assert choose_threshold(label, probability, "youden") == pytest.approx(0.2)
    assert choose_threshold(label, probability, "half") == 0.5


def test_the_order_of_samples_does_not_move_the_threshold():
    rng = np.random.default_rng(0)
    label, probability = rng.integers(0, 2, 200), rng.random(200).round(2)
    order = rng.permutation(200)
    for rule in ("youden", "accuracy"):
        chosen = choose_threshold(label, probability, rule)
        assert choose_threshold(label[order], probability[order], rule) == chosen
