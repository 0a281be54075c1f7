"""A real network on its way: where its weights went, and what its hidden units tell apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exprlab.nets.scratch import MLP, GradientDescent, cross_entropy

# Half the width of the plane that is looked at, in lengths of the path.
MARGIN = 0.6


@dataclass(frozen=True)
class Journey:
    """A training of a network with one hidden layer, watched.

    Attributes
    ----------
    sizes
        Inputs, hidden units, outputs.
    losses
        Over all training samples, before the first epoch and after each, in nats.
    place
        Of the weights in the plane, (n_epochs + 1, 2); the end is (0, 0).
    axes
        Where the surface was taken, each (n,).
    surface
        The loss there, (n, n): rows go with the second axis.
    explained
        Share of the path's squared length that lies in the plane.
    hidden
        Activation of each hidden unit, before the first epoch and after each, of samples of each of
        two classes: (n_epochs + 1, 2, n_hidden), means.
    gradient_norms
        Of the weights of each layer, in each epoch: (n_epochs, n_layers), means over steps.
    """

    sizes: tuple[int, int, int]
    losses: NDArray
    place: NDArray
    axes: tuple[NDArray, NDArray]
    surface: NDArray
    explained: float
    hidden: NDArray
    gradient_norms: NDArray


def travel(
    features: NDArray,
    labels: NDArray,
    batches: list[list[NDArray]],
    network: MLP,
    learning_rate: float,
    n_grid: int = 25,
) -> Journey:
    """Train a network of one hidden layer, and map the loss around its path.

    Parameters
    ----------
    features, labels
        Training samples, (n_samples, n_genes) and (n_samples,).
    batches
        Of each epoch: the row numbers of each step.
    network
        With its random weights; it is trained in place.
    learning_rate
        Of plain gradient descent with momentum 0.9.
    n_grid
        Points of the map on each axis.
    """
    descent = GradientDescent(learning_rate, momentum=0.9)
    stops, losses, hidden, norms = [], [], [], []

    def look() -> None:
        stops.append(_flat(network))
        losses.append(cross_entropy(network.logits(features), labels))
        hidden.append(_means(network, features, labels))

    look()
    for epoch in batches:
        of_steps = []
        for rows in epoch:
            _, gradients = network.backpropagate(features[rows], labels[rows])
            of_steps.append([np.linalg.norm(gradient.weights) for gradient in gradients])
            descent.step(network, gradients)
        norms.append(np.mean(of_steps, axis=0))
        look()
    path = np.array(stops) - stops[-1]
    # The two directions that hold most of the path (Li et al. 2018, arXiv:1712.09913).
    _, lengths, directions = np.linalg.svd(path, full_matrices=False)
    place = path @ directions[:2].T
    axes = (_around(place[:, 0], n_grid), _around(place[:, 1], n_grid))
    return Journey(
        sizes=(features.shape[1], len(network.layers[0].bias), len(network.layers[-1].bias)),
        losses=np.array(losses),
        place=place,
        axes=axes,
        surface=_surface(network, features, labels, directions[:2], axes),
        explained=float((lengths[:2] ** 2).sum() / (lengths**2).sum()),
        hidden=np.array(hidden),
        gradient_norms=np.array(norms),
    )


def _flat(network: MLP) -> NDArray:
    """Return all weights of a network in a row."""
    parts = [array for layer in network.layers for array in (layer.weights, layer.bias)]
    return np.concatenate([part.ravel() for part in parts])


def _layers(flat: NDArray, like: MLP) -> list[tuple[NDArray, NDArray]]:
    """Return weights and bias of each layer from all of them in a row."""
    found, begin = [], 0
    for layer in like.layers:
        middle, end = begin + layer.weights.size, begin + layer.weights.size + layer.bias.size
        found.append((flat[begin:middle].reshape(layer.weights.shape), flat[middle:end]))
        begin = end
    return found


def _means(network: MLP, features: NDArray, labels: NDArray) -> NDArray:
    """Return each hidden unit's mean activation in the first two classes."""
    first = network.layers[0]
    active = first.activate(first.weighted_sums(features))
    return np.array([active[labels == label].mean(axis=0) for label in (0, 1)])


def _around(places: NDArray, n_grid: int) -> NDArray:
    margin = MARGIN * max(np.ptp(places), 1e-6)
    return np.linspace(places.min() - margin, places.max() + margin, n_grid)


def _surface(
    network: MLP, features: NDArray, labels: NDArray, plane: NDArray, axes: tuple[NDArray, NDArray]
) -> NDArray:
    """Return the loss in a plane through the network's weights.

    The sums of the first layer are linear in its weights: three products serve the whole plane.
    """
    ends = [(layer.weights, layer.bias) for layer in network.layers]
    corners = [ends, *(_layers(direction, network) for direction in plane)]
    first = [features @ weights.T + bias for (weights, bias), _ in corners]
    last = [corner[1] for corner in corners]
    hidden = network.layers[0].activation
    assert hidden is not None  # the first of two layers
    losses = np.empty((len(axes[1]), len(axes[0])))
    for row, b in enumerate(axes[1]):
        for column, a in enumerate(axes[0]):
            at = np.array([1, a, b])
            active = hidden.function(sum(s * sums for s, sums in zip(at, first, strict=True)))
            weights = sum(s * w for s, (w, _) in zip(at, last, strict=True))
            bias = sum(s * c for s, (_, c) in zip(at, last, strict=True))
            losses[row, column] = cross_entropy(active @ weights.T + bias, labels)
    return losses
