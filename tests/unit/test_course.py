"""What the course shows: XOR, steps of several lengths, and the map of a real training."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from exprlab.config.models import ActivationName
from exprlab.course import journey as journey_module
from exprlab.course.journey import Journey, travel
from exprlab.course.toys import (
    XOR_INPUTS,
    XOR_LABELS,
    learn_xor,
    perceptron,
    surface,
    two_weights,
    walk,
)
from exprlab.course.unit import take_apart
from exprlab.nets.activations import ACTIVATIONS
from exprlab.nets.scratch import MLP, Layer, activation_of, cross_entropy
from exprlab.plotting import course_figures as figures
from exprlab.training.batches import dealt


@pytest.mark.parametrize("seed", range(4))
def test_a_hidden_layer_learns_xor_and_one_perceptron_does_not(seed: int) -> None:
    layered, losses = learn_xor([4], seed)
    assert np.array_equal(layered.logits(XOR_INPUTS)[:, 0] > 0, XOR_LABELS == 1)
    assert losses[-1] < 0.05
    # The best that a straight line can do is to say 1/2 everywhere.
    _, losses = learn_xor([], seed)
    assert losses[-1] == pytest.approx(np.log(2), abs=1e-6)


def test_a_unit_taken_apart_adds_up_to_what_the_network_computes() -> None:
    rng = np.random.default_rng(2)
    network = MLP.random(30, [5], 1, rng, "tanh")
    sample = rng.normal(size=30)
    unit = take_apart(network, 3, sample)
    sums = network.layers[0].weighted_sums(sample[None, :])[0]
    assert unit.total == pytest.approx(sums[3])
    assert unit.output == pytest.approx(np.tanh(sums[3]))
    assert (unit.inputs * unit.weights).sum() + unit.sum_of_others + unit.bias == pytest.approx(
        unit.total
    )
    assert (len(unit.shown), unit.others, unit.activation) == (3, 27, "tanh")
    hidden = np.delete(np.abs(network.layers[0].weights[3]), unit.shown)
    assert np.abs(unit.weights).min() >= hidden.max()
    drawn = [text.get_text() for text in figures.perceptron_figure(unit, "abc").axes[0].texts]
    assert {"a", "b", "c", "27 other genes", f"{unit.total:.3f}", "tanh"} <= set(drawn)


def test_steps_of_the_right_length_descend_and_long_ones_overshoot() -> None:
    inputs, labels = two_weights(0)
    start = np.array([-0.5, -0.6])
    short, right = (walk(inputs, labels, rate, start) for rate in (0.01, 0.3))
    assert (np.diff(short.losses) < 0).all()
    assert (np.diff(right.losses) < 0).all()
    assert right.losses[-1] < short.losses[-1] / 2
    far = walk(inputs, labels, 12.0, start)
    assert far.losses[1] > far.losses[0]
    # Walked for long, the path ends where scikit-learn's optimum is.
    fit = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(inputs, labels)
    ended = walk(inputs, labels, 0.3, start, steps=3000).weights[-1]
    np.testing.assert_allclose(ended, fit.coef_[0], atol=1e-4)


def test_the_surface_is_the_loss_of_each_pair_of_weights() -> None:
    inputs, labels = two_weights(1)
    first, second = np.array([-1.0, 0.5]), np.array([0.0, 2.0, 3.0])
    found = surface(inputs, labels, first, second)
    assert found.shape == (3, 2)
    expected = cross_entropy(perceptron(np.array([0.5, 2.0])).logits(inputs), labels)
    assert found[1, 1] == expected


def journey(n_classes: int = 2) -> tuple[Journey, np.ndarray, np.ndarray, list[np.ndarray], MLP]:
    rng = np.random.default_rng(2)
    labels = np.arange(120) % n_classes
    features = rng.normal(size=(120, 30)).astype(np.float32)
    features[:, :5] += labels[:, None]
    outputs = n_classes if n_classes > 2 else 1
    network = MLP.random(30, [6], outputs, rng, dtype=np.float32)
    begun = [layer.weights.copy() for layer in network.layers]
    batches = [dealt(np.arange(120), 20, 0, epoch) for epoch in range(8)]
    return travel(features, labels, batches, network, 0.05, 9), features, labels, begun, network


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_map_has_the_losses_of_the_network_at_its_places(n_classes: int) -> None:
    found, features, labels, _, network = journey(n_classes)
    assert found.losses[-1] == pytest.approx(
        cross_entropy(network.logits(features), labels), abs=1e-6
    )
    np.testing.assert_array_equal(found.place[-1], [0, 0])
    assert 0.5 < found.explained <= 1
    assert len(found.losses) == len(found.place) == len(found.hidden) == 9
    assert found.gradient_norms.shape == (8, 2)
    assert found.losses[-1] < found.losses[0]


def test_a_plane_point_is_the_network_with_these_weights() -> None:
    rng = np.random.default_rng(0)
    network = MLP.random(5, [3], 1, rng)
    features, labels = rng.normal(size=(20, 5)), np.arange(20) % 2
    plane = rng.normal(size=(2, journey_module._flat(network).size))
    axes = (np.array([0.0, 0.7]), np.array([0.0, -1.2]))
    found = journey_module._surface(network, features, labels, plane, axes)
    moved = journey_module._layers(
        journey_module._flat(network) + 0.7 * plane[0] - 1.2 * plane[1], network
    )
    layers = [Layer(w, b, activation_of("relu")) for w, b in moved]
    layers[-1].activation = None
    assert found[0, 0] == pytest.approx(cross_entropy(network.logits(features), labels))
    assert found[1, 1] == pytest.approx(cross_entropy(MLP(layers).logits(features), labels))


def test_the_table_names_every_activation_of_the_config() -> None:
    rows = figures.activation_table().splitlines()
    names = {row.split("|")[1].strip() for row in rows[2:]}
    assert names == {*get_args(get_args(ActivationName)[0]), "softmax"}
    assert set(ACTIVATIONS) == set(get_args(get_args(ActivationName)[0]))


def test_the_network_drawn_says_how_large_it_is() -> None:
    drawn = figures.network_figure((20000, 16, 1), ("malignant",))
    words = "\n".join(text.get_text() for text in drawn.axes[0].texts)
    assert "20,000" in words
    assert "320,033 with the biases" in words  # 20,000 x 16 + 16 + 16 + 1
    assert "sigmoid" in words
    assert "softmax" in "\n".join(
        text.get_text() for text in figures.network_figure((9, 4, 3), ("a", "b", "c")).axes[0].texts
    )


def test_hidden_units_are_drawn_as_they_were() -> None:
    found, *_ = journey()
    left, right = figures.hidden_figure(found, ("benign", "malignant")).axes
    lines = [line for line in left.lines if len(line.get_ydata()) == 9]
    assert len(lines) == 6
    np.testing.assert_array_equal(
        lines[2].get_ydata(), found.hidden[:, 1, 2] - found.hidden[:, 0, 2]
    )
    assert [line.get_label() for line in right.lines] == ["hidden layer", "output layer"]
