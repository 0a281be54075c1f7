"""Worlds small enough to see all of: XOR, and a perceptron of two weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exprlab.nets.scratch import MLP, GradientDescent, Layer, cross_entropy

# True where exactly one of the two inputs is: no straight line parts these four.
XOR_INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR_LABELS = np.array([0, 1, 1, 0])


def learn_xor(hidden: list[int], seed: int, steps: int = 2000) -> tuple[MLP, list[float]]:
    """Train a network on XOR by gradient descent; return it, and its loss before each step."""
    network = MLP.random(2, hidden, 1, np.random.default_rng(seed), "tanh")
    descent = GradientDescent(0.5, momentum=0.5)
    losses = []
    for _ in range(steps):
        loss, gradients = network.backpropagate(XOR_INPUTS, XOR_LABELS)
        descent.step(network, gradients)
        losses.append(loss)
    return network, losses


@dataclass(frozen=True)
class Path:
    """Gradient descent of two weights.

    Attributes
    ----------
    learning_rate
        Length of a step, as a multiple of the gradient.
    weights
        Before each step, and after the last, (n_steps + 1, 2).
    losses
        There, in nats, (n_steps + 1,).
    """

    learning_rate: float
    weights: NDArray
    losses: NDArray


def two_weights(seed: int, n_samples: int = 60) -> tuple[NDArray, NDArray]:
    """Return samples of two inputs, the second of a larger scale: (n, 2) and labels (n,)."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n_samples) % 2
    inputs = rng.normal(size=(n_samples, 2)) + 0.9 * (2 * labels[:, None] - 1)
    return inputs * [1.0, 3.0], labels


def perceptron(weights: NDArray) -> MLP:
    """Return a single unit without a bias as a network."""
    return MLP([Layer(np.array([weights], dtype=float), np.zeros(1))])


def walk(
    inputs: NDArray, labels: NDArray, learning_rate: float, start: NDArray, steps: int = 30
) -> Path:
    """Follow the gradient of two weights; the bias stays 0."""
    network, found = perceptron(start), [np.array(start, dtype=float)]
    losses = [cross_entropy(network.logits(inputs), labels)]
    for _ in range(steps):
        _, (gradient,) = network.backpropagate(inputs, labels)
        network.layers[0].weights -= learning_rate * gradient.weights
        found.append(network.layers[0].weights[0].copy())
        losses.append(cross_entropy(network.logits(inputs), labels))
    return Path(learning_rate, np.array(found), np.array(losses))


def surface(inputs: NDArray, labels: NDArray, first: NDArray, second: NDArray) -> NDArray:
    """Return the loss for each pair of weights, (len(second), len(first))."""
    return np.array(
        [
            [cross_entropy(perceptron(np.array([a, b])).logits(inputs), labels) for a in first]
            for b in second
        ]
    )
