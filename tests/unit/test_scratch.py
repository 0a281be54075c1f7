"""The network from scratch: against torch, finite differences, and what the course says."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from exprlab.config.models import MLPConfig, ScratchMLPConfig, TrainerConfig
from exprlab.errors import UserError
from exprlab.keys import TRAIN_STEP_LOSS, VAL_LOSS
from exprlab.nets import mlp
from exprlab.nets.activations import (
    ACTIVATIONS,
    relu,
    sigmoid,
    sigmoid_derivative,
    softmax,
    softmax_derivative,
)
from exprlab.nets.scratch import (
    MLP,
    GradientDescent,
    Layer,
    Perceptron,
    activation_of,
    cross_entropy,
)
from exprlab.training.batches import dealt
from exprlab.training.fit import fit_network
from exprlab.training.module import random_network
from exprlab.training.scratch import fit_scratch

NAMES = sorted(ACTIVATIONS)


@pytest.fixture(autouse=True)
def no_warnings() -> None:
    warnings.simplefilter("error", RuntimeWarning)


def test_softmax_has_the_values_of_the_course() -> None:
    np.testing.assert_allclose(
        softmax([1, 2, 3]), [0.09003057, 0.24472847, 0.66524096], rtol=0, atol=5e-9
    )
    np.testing.assert_array_equal(softmax([3, 3, 3]), [1 / 3] * 3)
    expected = [9.99909208e-01, 4.53958078e-05, 4.53958078e-05]
    np.testing.assert_allclose(softmax([10, 0, 0]), expected, rtol=1e-8)


def test_large_values_are_exact_and_warn_of_nothing() -> None:
    np.testing.assert_array_equal(softmax([1000, 0]), [1, 0])
    np.testing.assert_array_equal(softmax([-1000, 0]), [0, 1])
    np.testing.assert_array_equal(sigmoid([-1000, 0, 1000]), [0, 0.5, 1])
    assert sigmoid(-700) == pytest.approx(np.exp(-700), rel=1e-15)
    np.testing.assert_array_equal(sigmoid_derivative([-1000, 0, 1000]), [0, 0.25, 0])
    for activation in ACTIVATIONS.values():
        for far in (-1e30, 1e30):
            assert np.isfinite(activation.function(far))
            assert np.isfinite(activation.derivative(far))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_and_derivatives_are_those_of_torch(name: str, dtype: type) -> None:
    z = np.linspace(-12, 12, 1001).astype(dtype).reshape(7, 11, 13)
    tensor = torch.from_numpy(z).requires_grad_()
    theirs = mlp.ACTIVATIONS[name]()(tensor)
    (slopes,) = torch.autograd.grad(theirs.sum(), tensor)
    ours = ACTIVATIONS[name]
    # Torch's gelu rounds 1 + erf to a multiple of eps, and multiplies it by z.
    eps = float(np.finfo(dtype).eps)
    tolerance = {"rtol": 16 * eps, "atol": 12 * eps}
    np.testing.assert_allclose(ours.function(z), theirs.detach(), **tolerance)
    np.testing.assert_allclose(ours.derivative(z), slopes, **tolerance)
    assert ours.function(z).dtype == ours.derivative(z).dtype == dtype


@given(st.integers(0, 2**32), st.integers(0, 2))
@settings(max_examples=30, deadline=None)
def test_softmax_along_any_axis_is_that_of_torch(seed: int, axis: int) -> None:
    z = np.random.default_rng(seed).normal(scale=30, size=(3, 4, 5))
    np.testing.assert_allclose(softmax(z, axis), torch.softmax(torch.from_numpy(z), axis))
    np.testing.assert_allclose(softmax(z, axis).sum(axis), 1)
    jacobian = softmax_derivative(z[0, 0])
    theirs = torch.autograd.functional.jacobian(
        lambda t: torch.softmax(t, 0), torch.from_numpy(z[0, 0])
    )
    np.testing.assert_allclose(jacobian, theirs, atol=1e-15)
    assert softmax_derivative(z, axis).shape[-2:] == (z.shape[axis],) * 2


def test_a_perceptron_is_the_sum_of_the_course() -> None:
    unit = Perceptron([0.5, -1.0, 2.0], bias=0.25, activation="relu")
    x1, x2, x3 = 3.0, 1.0, 0.5
    assert unit.weighted_sum([x1, x2, x3]) == 0.5 * x1 - 1.0 * x2 + 2.0 * x3 + 0.25
    assert unit([-x1, x2, x3]) == 0
    both = unit(np.array([[x1, x2, x3], [-x1, x2, x3]]))
    np.testing.assert_array_equal(both, [1.75, 0])


def test_two_layers_compute_xor_and_one_unit_cannot() -> None:
    inputs, labels = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float), np.array([0, 1, 1, 0])
    hidden = Layer(np.ones((2, 2)), np.array([0.0, -1.0]), activation_of("relu"))
    network = MLP([hidden, Layer(np.array([[1.0, -2.0]]), np.array([-0.5]))])
    np.testing.assert_array_equal(network.logits(inputs)[:, 0] > 0, labels == 1)
    rng = np.random.default_rng(0)
    for _ in range(2000):
        unit = Perceptron(rng.normal(size=2), rng.normal())
        assert (np.asarray(unit(inputs) > 0.5) == (labels == 1)).sum() <= 3


@st.composite
def networks(draw: st.DrawFn) -> tuple[MLP, np.ndarray, np.ndarray]:
    """Return a network of any shape, with samples of its size."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_inputs, n_samples = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    hidden = draw(st.lists(st.integers(1, 6), max_size=3))
    n_outputs = draw(st.sampled_from([1, 3, 5]))
    network = MLP.random(n_inputs, hidden, n_outputs, rng, draw(st.sampled_from(NAMES)))
    labels = rng.integers(max(2, n_outputs), size=n_samples)
    return network, rng.normal(scale=2, size=(n_samples, n_inputs)), labels


def in_torch(network: MLP, dtype: torch.dtype = torch.float64) -> mlp.MLP:
    """Return the same network in torch."""
    hidden = [len(layer.bias) for layer in network.layers[:-1]]
    first = network.layers[0]
    name = first.activation.name if first.activation else "relu"
    twin = mlp.MLP(first.weights.shape[1], hidden, name, n_outputs=len(network.layers[-1].bias)).to(
        dtype
    )
    arrays = [array for layer in network.layers for array in (layer.weights, layer.bias)]
    with torch.no_grad():
        for parameter, array in zip(twin.parameters(), arrays, strict=True):
            parameter.copy_(torch.from_numpy(array))
    return twin


@given(networks())
@settings(max_examples=150, deadline=None)
def test_backpropagation_is_torchs(world: tuple[MLP, np.ndarray, np.ndarray]) -> None:
    network, features, labels = world
    loss, gradients = network.backpropagate(features, labels)
    twin, target = in_torch(network), torch.from_numpy(labels)
    logits = twin.layers(torch.from_numpy(features))
    theirs = (
        functional.binary_cross_entropy_with_logits(logits[:, 0], target.double())
        if logits.shape[1] == 1
        else functional.cross_entropy(logits, target)
    )
    theirs.backward()
    np.testing.assert_allclose(loss, theirs.item(), rtol=1e-10, atol=1e-12)
    ours = [array for gradient in gradients for array in gradient]
    for slope, parameter in zip(ours, twin.parameters(), strict=True):
        np.testing.assert_allclose(slope, parameter.grad, rtol=1e-6, atol=1e-12)


@given(networks())
@settings(max_examples=60, deadline=None)
def test_backpropagation_is_the_slope_of_the_loss(
    world: tuple[MLP, np.ndarray, np.ndarray],
) -> None:
    network, features, labels = world
    _, gradients = network.backpropagate(features, labels)
    kinks = [
        np.abs(layer.weighted_sums(inputs)).min()
        for layer, inputs in zip(network.layers, _inputs(network, features), strict=True)
    ]
    if min(kinks[:-1], default=1) < 1e-4:
        return  # too near a corner of relu for a difference to be the slope
    for layer, gradient in zip(network.layers, gradients, strict=True):
        for array, slopes in ((layer.weights, gradient.weights), (layer.bias, gradient.bias)):
            for index in np.ndindex(array.shape):
                kept, losses = array[index], []
                for shift in (1e-5, -1e-5):
                    array[index] = kept + shift
                    losses.append(cross_entropy(network.logits(features), labels))
                array[index] = kept
                difference = (losses[0] - losses[1]) / 2e-5
                assert slopes[index] == pytest.approx(difference, abs=1e-6, rel=1e-4)


def _inputs(network: MLP, features: np.ndarray) -> list[np.ndarray]:
    inputs = [features]
    for layer in network.layers[:-1]:
        inputs.append(layer.activate(layer.weighted_sums(inputs[-1])))
    return inputs


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "gelu"])
def test_lightning_follows_the_same_losses_from_the_same_weights(
    n_classes: int, activation: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(4)
    labels = np.arange(120) % n_classes
    features = rng.normal(size=(120, 30)).astype(np.float32)
    features[:, :5] += labels[:, None]
    train, val = np.arange(100), np.arange(100, 120)
    descent = {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-3}
    config = MLPConfig(
        encoder="none", tuning="validation", hidden=[16, 8], activation=activation, l1=0,
        optimizer="sgd", max_epochs=10, patience=10, batch_size=20, **descent,
    )  # fmt: skip
    outputs = n_classes if n_classes > 2 else 1
    begun = random_network(30, outputs, config, seed=5)
    fit_network(features, labels, train, val, config, TrainerConfig(accelerator="cpu"), 5, tmp_path)
    table = pd.read_csv(tmp_path / "metrics.csv")
    theirs = table.loc[table["name"] == TRAIN_STEP_LOSS, "value"].to_numpy()

    arrays = [p.detach().numpy().copy() for p in begun.parameters()]
    layers = [
        Layer(w, b, activation_of(activation))
        for w, b in zip(arrays[::2], arrays[1::2], strict=True)
    ]
    layers[-1].activation = None
    network, optimiser, ours = MLP(layers), GradientDescent(**descent), []
    for epoch in range(10):
        for rows in dealt(train, 20, 5, epoch):
            loss, gradients = network.backpropagate(features[rows], labels[rows])
            optimiser.step(network, gradients)
            ours.append(loss)
    assert len(ours) == 50
    assert ours[-1] < ours[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=0)


def network_of(n_outputs: int = 1) -> MLP:
    return MLP.random(4, [3], n_outputs, np.random.default_rng(0))


GOOD, LABELS = np.zeros((5, 4)), np.array([0, 1, 0, 1, 0])


@pytest.mark.parametrize(
    ("features", "labels", "words"),
    [
        (np.zeros((5, 3)), LABELS, ["found shape (5, 3)", "weights for 4"]),
        (np.zeros(4), LABELS, ["found shape (4,)", "(n_samples, 4)", "features[None, :]"]),
        (np.where(np.arange(20).reshape(5, 4) == 6, np.nan, 0), LABELS, ["row 1, column 2", "nan"]),
        (np.where(np.arange(20).reshape(5, 4) == 6, np.inf, 0), LABELS, ["row 1, column 2", "inf"]),
        (GOOD, LABELS + 1, ["found 2", "0 to 1"]),
        (GOOD, LABELS - 1, ["found -1", "0 to 1"]),
        (GOOD, LABELS[:4], ["found shape (4,)", "(5,)"]),
        (GOOD, LABELS[:, None], ["found shape (5, 1)", "(5,)"]),
        (GOOD, LABELS * 0.5, ["float64", "whole numbers"]),
        (GOOD, np.array(["benign"] * 5), ["words, such as benign", "whole numbers"]),
    ],
)
def test_bad_samples_get_a_message_that_teaches(
    features: np.ndarray, labels: np.ndarray, words: list[str]
) -> None:
    with pytest.raises(ValueError) as error:
        network_of().backpropagate(features, labels)
    for word in words:
        assert word in str(error.value)


def test_bad_units_get_a_message_that_teaches() -> None:
    with pytest.raises(ValueError, match="hidden units would compete"):
        MLP.random(4, [3], 3, np.random.default_rng(0), "softmax")
    with pytest.raises(ValueError, match=r"found 'rely'; there are relu, sigmoid"):
        Perceptron([1.0], activation="rely")
    with pytest.raises(ValueError, match="Several units make a Layer"):
        Perceptron([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"3 inputs of a sample; there are weights for 2"):
        Perceptron([1.0, 2.0])([1.0, 2.0, 3.0])


def test_layers_that_do_not_fit_get_a_message_that_teaches() -> None:
    layers = [Layer(np.ones((3, 2)), np.zeros(3)), Layer(np.ones((1, 2)), np.zeros(1))]
    with pytest.raises(ValueError, match=r"layer 2: .* for 2 inputs; layer 1 has 3 units"):
        MLP(layers)


def test_a_hidden_layer_without_activation_passes_the_error_on() -> None:
    rng = np.random.default_rng(0)
    network = MLP.random(4, [3, 2], 1, rng, "tanh")
    network.layers[0].activation = None
    features, labels = rng.normal(size=(6, 4)), np.arange(6) % 2
    _, gradients = network.backpropagate(features, labels)
    first, losses = network.layers[0].weights, []
    for shift in (1e-5, -2e-5):
        first[1, 2] += shift
        losses.append(cross_entropy(network.logits(features), labels))
    assert gradients[0].weights[1, 2] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-6)


def test_relu_of_a_missing_value_is_missing() -> None:
    assert np.isnan(relu(np.nan))


def samples(n_classes: int) -> dict[str, np.ndarray]:
    """Return 300 samples of 50 features, 6 of which carry the label."""
    rng = np.random.default_rng(3)
    labels = np.arange(300) % n_classes
    features = rng.normal(size=(300, 50)).astype(np.float32)
    features[:, :6] += 0.6 * labels[:, None]
    rows = rng.permutation(300)
    return {"features": features, "labels": labels, "train": rows[:200], "val": rows[200:]}


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_trained_network_is_the_one_that_torch_loads(n_classes: int, tmp_path: Path) -> None:
    world = samples(n_classes)
    model = ScratchMLPConfig(hidden=[8, 5], learning_rate=0.05)
    fitted = fit_scratch(**world, model=model, seed=1, folder=tmp_path)
    network = mlp.MLP(**fitted.architecture)
    network.load_state_dict({k: torch.from_numpy(v) for k, v in fitted.weights.items()})
    theirs = network(torch.from_numpy(world["features"])).detach().numpy()
    np.testing.assert_allclose(fitted.logits, theirs, atol=1e-5)
    val = world["val"]
    scores = fitted.logits if n_classes == 2 else softmax(fitted.logits.astype(np.float64))
    assert roc_auc_score(world["labels"][val], scores[val], multi_class="ovr") > 0.75
    curves = pd.read_csv(tmp_path / "metrics.csv")
    losses = curves[curves["name"] == VAL_LOSS]
    best = losses.loc[losses["value"].idxmin()]
    assert fitted.summary["best_epoch"] == best["epoch"]
    assert cross_entropy(
        fitted.logits[val].reshape(len(val), -1), world["labels"][val]
    ) == pytest.approx(best["value"], abs=1e-6)


def test_training_again_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = (
        fit_scratch(**samples(2), model=ScratchMLPConfig(max_epochs=5), seed=7, folder=tmp_path / n)
        for n in ("a", "b")
    )
    for name, array in one.weights.items():
        assert array.tobytes() == other.weights[name].tobytes()
    assert (tmp_path / "a/metrics.csv").read_bytes() == (tmp_path / "b/metrics.csv").read_bytes()


def test_steps_that_leap_over_the_valley_are_told(tmp_path: Path) -> None:
    world = samples(2)
    world["features"] *= 1e6
    with pytest.raises(UserError, match=r"learning_rate 1e\+06 each step leaps"):
        fit_scratch(**world, model=ScratchMLPConfig(learning_rate=1e6), seed=1, folder=tmp_path)
    # The loss before an epoch's only step is finite; what is seen afterwards is not.
    model = ScratchMLPConfig(learning_rate=1e38, batch_size=300)
    with pytest.raises(UserError, match=r"learning_rate 1e\+38 each step leaps"):
        fit_scratch(**world, model=model, seed=1, folder=tmp_path / "last")
