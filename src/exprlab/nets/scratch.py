"""A neural network from scratch, short enough to read aloud. NumPy only.

A perceptron, layers of them, a network of layers; the loss, backpropagation by hand, and gradient
descent. `exprlab.nets.mlp` is the same network in torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exprlab.nets.activations import ACTIVATIONS, Activation, sigmoid, softmax


class Perceptron:
    """One unit: it weighs its inputs, adds a bias, and passes the sum through an activation.

    Parameters
    ----------
    weights
        One for each input, (n_inputs,).
    bias
        What the sum is without any input; also called w0.
    activation
        Name of the activation function.
    """

    def __init__(self, weights: ArrayLike, bias: float = 0.0, activation: str = "sigmoid") -> None:
        self.weights = np.asarray(weights, dtype=np.float64)
        self.bias = float(bias)
        self.activation = activation_of(activation)
        if self.weights.ndim != 1:
            raise ValueError(
                f"weights: found shape {self.weights.shape}; a perceptron has one weight for each "
                "input, shape (n_inputs,). Several units make a Layer"
            )

    def weighted_sum(self, inputs: ArrayLike) -> NDArray:
        """Return w1 x1 + w2 x2 + ... + w0 of one sample (n_inputs,) or several (n, n_inputs)."""
        inputs = np.asarray(inputs)
        _check_width(inputs, len(self.weights))
        return inputs @ self.weights + self.bias

    def __call__(self, inputs: ArrayLike) -> NDArray:
        """Return the activation of the weighted sum."""
        return self.activation.function(self.weighted_sum(inputs))


@dataclass
class Layer:
    """Units that see the same inputs. A layer without an activation gives its sums: logits.

    Attributes
    ----------
    weights
        A row for each unit, (n_units, n_inputs).
    bias
        One for each unit, (n_units,).
    activation
        What the sums pass through, or None.
    """

    weights: NDArray
    bias: NDArray
    activation: Activation | None = None

    def weighted_sums(self, inputs: NDArray) -> NDArray:
        """Return the sums of all units, (n_samples, n_units)."""
        return inputs @ self.weights.T + self.bias

    def activate(self, sums: NDArray) -> NDArray:
        """Return what the layer passes on."""
        return self.activation.function(sums) if self.activation else sums


class Gradient(NamedTuple):
    """How the loss changes with a layer's weights and bias; shapes as those."""

    weights: NDArray
    bias: NDArray


class MLP:
    """A multilayer perceptron: each layer's outputs are the next one's inputs, the last are logits.

    One logit tells two classes apart, and sigmoid makes it a probability; K classes have K, and
    softmax.

    Raises
    ------
    ValueError
        If a layer has not as many inputs as the one before it has units.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)
        for number, (below, layer) in enumerate(pairwise(self.layers), start=2):
            if layer.weights.shape[1] != len(below.bias):
                raise ValueError(
                    f"layer {number}: found weights of shape {layer.weights.shape}, for "
                    f"{layer.weights.shape[1]} inputs; layer {number - 1} has {len(below.bias)} "
                    f"units, and their outputs are these inputs: shape (n_units, {len(below.bias)})"
                )

    @classmethod
    def random(
        cls,
        n_inputs: int,
        hidden: Sequence[int],
        n_outputs: int,
        rng: np.random.Generator,
        activation: str = "relu",
        dtype: type = np.float64,
    ) -> MLP:
        """Draw weights uniformly within 1 / sqrt(n_inputs of the layer), as torch does.

        All alike, the units of a layer would learn alike; too large, their sums would saturate.
        """
        widths = [n_inputs, *hidden, n_outputs]
        layers = []
        for width, units in pairwise(widths):
            limit = 1 / np.sqrt(width)
            weights = rng.uniform(-limit, limit, (units, width)).astype(dtype)
            bias = rng.uniform(-limit, limit, units).astype(dtype)
            layers.append(Layer(weights, bias, activation_of(activation)))
        layers[-1].activation = None
        return cls(layers)

    @property
    def n_classes(self) -> int:
        """How many classes the logits tell apart."""
        return max(2, len(self.layers[-1].bias))

    def logits(self, features: NDArray) -> NDArray:
        """Return the last layer's sums, (n_samples, n_outputs)."""
        _check_features(features, self.layers[0].weights.shape[1])
        for layer in self.layers:
            features = layer.activate(layer.weighted_sums(features))
        return features

    def probabilities(self, features: NDArray) -> NDArray:
        """Return each class's probability, (n_samples, n_classes)."""
        logits = self.logits(features)
        if logits.shape[1] > 1:
            return softmax(logits)
        positive = sigmoid(logits)
        return np.hstack([1 - positive, positive])

    def backpropagate(self, features: NDArray, labels: NDArray) -> tuple[float, list[Gradient]]:
        """Return the mean loss (nats), and its gradient by each layer's weights and bias.

        Forwards, each layer's inputs and sums are kept. Backwards, `error` is the gradient by a
        layer's sums: at the end it is the probability minus the truth; the chain rule takes it
        through a layer's weights and the derivative of the activation below.
        """
        _check_features(features, self.layers[0].weights.shape[1])
        check_labels(labels, self.n_classes, len(features))
        inputs, sums = [features], []
        for layer in self.layers:
            sums.append(layer.weighted_sums(inputs[-1]))
            inputs.append(layer.activate(sums[-1]))

        error = loss_gradient(sums[-1], labels)
        gradients = []
        for depth in reversed(range(len(self.layers))):
            gradients.append(Gradient(error.T @ inputs[depth], error.sum(axis=0)))
            if depth:
                error = error @ self.layers[depth].weights
                below = self.layers[depth - 1].activation
                if below:  # without one the outputs are the sums
                    error = error * below.derivative(sums[depth - 1])
        return cross_entropy(sums[-1], labels), gradients[::-1]


class GradientDescent:
    """Takes steps against the gradient, with torch's meaning of momentum and weight decay.

    Parameters
    ----------
    learning_rate
        Length of a step, as a multiple of the gradient.
    momentum
        Share of the last step that goes on.
    weight_decay
        Pull of the weights towards zero.
    """

    def __init__(self, learning_rate: float, momentum: float = 0.0, weight_decay: float = 0.0):
        self.learning_rate, self.momentum, self.weight_decay = learning_rate, momentum, weight_decay
        self._velocity: list[NDArray] = []

    def step(self, network: MLP, gradients: Sequence[Gradient]) -> None:
        """Change the network's weights in place."""
        values = [array for layer in network.layers for array in (layer.weights, layer.bias)]
        slopes = [array for gradient in gradients for array in gradient]
        if not self._velocity:
            self._velocity = [np.zeros_like(value) for value in values]
        for value, slope, velocity in zip(values, slopes, self._velocity, strict=True):
            velocity *= self.momentum
            velocity += slope
            if self.weight_decay:
                velocity += self.weight_decay * value
            value -= self.learning_rate * velocity


def cross_entropy(logits: NDArray, labels: NDArray) -> float:
    """Return the mean of -log(probability of the true class), in nats.

    From logits: log(1 + exp(z)) - z y of two classes, logsumexp(z) - z_y of more. Neither takes the
    logarithm of a probability that was rounded to 0.
    """
    if logits.shape[1] == 1:
        z = logits[:, 0]
        return float(np.mean(np.logaddexp(0, z) - z * labels))
    largest = logits.max(axis=1)
    log_sum = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1))
    return float(np.mean(log_sum - logits[np.arange(len(labels)), labels]))


def loss_gradient(logits: NDArray, labels: NDArray) -> NDArray:
    """Return the derivative of the mean cross-entropy by each logit: probability minus truth."""
    if logits.shape[1] == 1:
        return (sigmoid(logits) - labels[:, None].astype(logits.dtype)) / len(labels)
    truth = np.eye(logits.shape[1], dtype=logits.dtype)[labels]
    return (softmax(logits) - truth) / len(labels)


def activation_of(name: str) -> Activation:
    """Return an activation by its name.

    Raises
    ------
    ValueError
        If there is none, or it is softmax, which mixes the units of a layer.
    """
    if name == "softmax":
        raise ValueError(
            "softmax is for the output of K classes: it divides each unit by the sum of all, so "
            "hidden units would compete; choose one of " + ", ".join(ACTIVATIONS)
        )
    if name not in ACTIVATIONS:
        raise ValueError(f"activation: found {name!r}; there are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


def check_labels(labels: NDArray, n_classes: int, n_samples: int) -> None:
    """Refuse labels that are not one of 0, 1, ..., n_classes - 1 for each sample.

    Raises
    ------
    ValueError
        Saying what was found, and why the loss needs it otherwise.
    """
    if labels.shape != (n_samples,):
        raise ValueError(
            f"labels: found shape {labels.shape} for {n_samples} samples; each has one, shape "
            f"({n_samples},): the loss compares a sample's probabilities with its own class"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        of_words = labels.dtype.kind in "OSU" and labels.size
        found = f"words, such as {labels[0]!s}" if of_words else labels.dtype
        raise ValueError(
            f"labels: found {found}; they count the classes, as whole numbers: a label "
            "picks the probability whose logarithm is the loss"
        )
    wrong = labels[(labels < 0) | (labels >= n_classes)]
    if wrong.size:
        raise ValueError(
            f"labels: found {wrong[0]}; of {n_classes} classes they are 0 to {n_classes - 1}, "
            "since a label picks one of the network's outputs"
        )


def _check_features(features: NDArray, n_inputs: int) -> None:
    if features.ndim != 2:
        raise ValueError(
            f"features: found shape {features.shape}; a row for each sample and a column for each "
            f"input, (n_samples, {n_inputs}). One sample alone is features[None, :]"
        )
    _check_width(features, n_inputs)
    # The sum of all is a number only if all are; looking at each costs a pass more.
    if not np.isfinite(features.sum()) and not np.isfinite(features).all():
        row, column = np.argwhere(~np.isfinite(features))[0]
        raise ValueError(
            f"features: row {row}, column {column} is {features[row, column]}; a weighted sum with "
            "it is no number either, nor is any gradient after it. Impute it, or leave it out"
        )


def _check_width(inputs: NDArray, n_inputs: int) -> None:
    found = inputs.shape[-1] if inputs.ndim else 0
    if found != n_inputs:
        raise ValueError(
            f"inputs: found shape {inputs.shape}, {found} inputs of a sample; there are weights "
            f"for {n_inputs}: each input is multiplied by a weight of its own"
        )
