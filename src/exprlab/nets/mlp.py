"""The multilayer perceptron: layers of weighted sums and activations, ending in logits."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


class MLP(nn.Module):
    """A network of fully connected layers.

    Parameters
    ----------
    n_inputs
        Features of a sample.
    hidden
        Units of each hidden layer; an empty list makes a single perceptron.
    activation
        Name of the hidden layers' activation function.
    batch_norm
        Whether each hidden layer is normalised over the batch.
    input_dropout, dropout
        Fractions of inputs and of hidden units left out at random in training.
    n_outputs
        One logit tells two classes apart; more classes take one each.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden: list[int],
        activation: str = "relu",
        batch_norm: bool = False,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        n_outputs: int = 1,
    ) -> None:
        super().__init__()
        self.architecture: dict[str, Any] = {
            "n_inputs": n_inputs,
            "hidden": list(hidden),
            "activation": activation,
            "batch_norm": batch_norm,
            "input_dropout": input_dropout,
            "dropout": dropout,
            "n_outputs": n_outputs,
        }
        layers: list[nn.Module] = [nn.Dropout(input_dropout)] if input_dropout else []
        width = n_inputs
        for units in hidden:
            layers.append(nn.Linear(width, units))
            if batch_norm:
                layers.append(nn.BatchNorm1d(units))
            layers.append(ACTIVATIONS[activation]())
            if dropout:
                layers.append(nn.Dropout(dropout))
            width = units
        layers.append(nn.Linear(width, n_outputs))
        self.layers = nn.Sequential(*layers)

    @property
    def first_layer_name(self) -> str:
        """Name of the layer that the inputs meet first."""
        return next(name for name, part in self.named_modules() if isinstance(part, nn.Linear))

    @property
    def weights(self) -> list[nn.Parameter]:
        """Weights of each layer, without biases; the first meet the inputs."""
        return [part.weight for part in self.modules() if isinstance(part, nn.Linear)]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits from (n_samples, n_inputs).

        Of the positive class, (n_samples,), or of each class, (n_samples, n_outputs).
        """
        return self.layers(features).squeeze(1)
