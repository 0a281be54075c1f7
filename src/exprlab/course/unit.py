"""One hidden unit of a real network, taken apart for one sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exprlab.nets.scratch import MLP


@dataclass(frozen=True)
class Unit:
    """What a unit makes of a sample: the inputs that count most, and all others together.

    Attributes
    ----------
    shown
        Numbers of these inputs, (n_shown,).
    inputs, weights
        Of these, (n_shown,).
    others
        How many inputs there are besides.
    sum_of_others
        Their weighted sum.
    bias, total, output
        The bias, the weighted sum of all with it, and the activation of that.
    activation
        Its name.
    """

    shown: NDArray
    inputs: NDArray
    weights: NDArray
    others: int
    sum_of_others: float
    bias: float
    total: float
    output: float
    activation: str


def take_apart(network: MLP, number: int, sample: NDArray, n_shown: int = 3) -> Unit:
    """Return what a unit of the first layer makes of a sample, (n_inputs,).

    Shown are the inputs of the largest weights.
    """
    layer = network.layers[0]
    weights, bias = layer.weights[number], float(layer.bias[number])
    shown = np.argsort(-np.abs(weights), kind="stable")[:n_shown]
    parts = weights * sample
    total = float(parts.sum()) + bias
    return Unit(
        shown=shown,
        inputs=sample[shown],
        weights=weights[shown],
        others=len(weights) - len(shown),
        sum_of_others=float(np.delete(parts, shown).sum()),
        bias=bias,
        total=total,
        output=float(layer.activate(np.array([total]))[0]),
        activation=layer.activation.name if layer.activation else "identity",
    )
