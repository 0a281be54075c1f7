"""Which genes a trained model decides by: one importance and one direction per gene and method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from exprlab.errors import UserError

if TYPE_CHECKING:
    import torch

# Rows of one pass through a network: enough for the processor, 40 MB at 20,000 genes.
ROWS = 512


@dataclass(frozen=True)
class Attribution:
    """What a method says of each feature.

    Attributes
    ----------
    importance
        How much the model's logit depends on it, >= 0, shape (n_features,).
    direction
        The same with a sign: positive where higher expression raises the logit, (n_features,); 0
        where a method or more than two classes give no direction.
    """

    importance: np.ndarray
    direction: np.ndarray


def explain_model(
    kind: str,
    architecture: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    features: np.ndarray,
    steps: int,
) -> dict[str, Attribution]:
    """Explain a trained model by the methods that its kind allows.

    Parameters
    ----------
    kind, architecture, weights
        The model, as `exprlab.inference.model.Model` holds it.
    features
        Inputs of the samples to explain it on, float32 of shape (n_samples, n_features), scaled so
        that 0 is the mean of the training samples.
    steps
        Points on the path of the integrated gradients.

    Returns
    -------
    dict
        Name of the method to what it says.
    """
    if kind not in EXPLAINERS:
        raise UserError(f"no way to explain a model of kind '{kind}'; known: {list(EXPLAINERS)}")
    return EXPLAINERS[kind](architecture, weights, features, steps)


def _explain_linear(
    architecture: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    features: np.ndarray,
    steps: int,
) -> dict[str, Attribution]:
    """Give the coefficients; inputs have one scale, so their sizes can be compared."""
    coefficients = weights["weight"].astype(np.float64)
    if coefficients.ndim == 1:
        return {"coefficient": Attribution(np.abs(coefficients), coefficients)}
    # More than two classes: only differences between classes change a probability.
    centred = coefficients - coefficients.mean(axis=1, keepdims=True)
    return {"coefficient": Attribution(np.abs(centred).mean(axis=1), np.zeros(len(centred)))}


def _explain_trees(
    architecture: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    features: np.ndarray,
    steps: int,
) -> dict[str, Attribution]:
    """Count the splits on each feature; they tell how often it is asked, not which way it works."""
    asks = weights["left"] != np.arange(weights["left"].size)  # a leaf names itself
    counts = np.bincount(weights["feature"][asks], minlength=features.shape[1])
    return {"splits": Attribution(counts.astype(np.float64), np.zeros(features.shape[1]))}


def _explain_network(
    architecture: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    features: np.ndarray,
    steps: int,
) -> dict[str, Attribution]:
    import torch

    from exprlab.nets.mlp import MLP

    network = MLP(**architecture)
    network.load_state_dict({name: torch.from_numpy(a) for name, a in weights.items()})
    network.eval().requires_grad_(False)
    return attribute(network, features, steps)


def attribute(network: torch.nn.Module, features: np.ndarray, steps: int) -> dict[str, Attribution]:
    """Explain a network by integrated gradients and by plain gradients.

    Integrated gradients [1]_ share out the difference in logit between a sample and the mean of
    the training samples among its genes; they see a sample as a whole. Gradients [2]_ tell how
    fast the logit changes with each gene at the sample itself. Inputs are in standard deviations,
    so a gradient is d logit / d log count times the standard deviation of the log count: the very
    quantity that the oracle's saliency is, and what a gene is worth even in a sample that has the
    mean value of it. Of more than two classes, the logit is that of the predicted class minus the
    mean of all: what speaks for the decision that the network takes.

    Importance is the mean over samples of the absolute attribution. Direction is the mean
    gradient; of integrated gradients, the mean attribution with the sign that it has for values
    above the training mean, since a gene that raises the logit where it is high lowers it where it
    is low. More than two classes have no common direction; it is 0.

    Parameters
    ----------
    network
        From (n, n_features) to (n,) or (n, n_classes) logits.
    features
        Shape (n_samples, n_features).
    steps
        Points on the path from the training mean (zeros) to a sample.

    References
    ----------
    .. [1] Sundararajan et al. (2017), Axiomatic attribution for deep networks.
    .. [2] Simonyan et al. (2014), Deep inside convolutional networks: saliency maps.
    """
    import torch
    from captum.attr import Saliency

    inputs = torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))
    gradient = _Means(features.shape[1])
    integrated = _Means(features.shape[1])
    saliency = Saliency(lambda batch: _logits(network, batch))
    for block in inputs.split(max(1, ROWS // steps)):
        target = _target(network, block)
        one_way = float(target is None)
        integrated.add(integrated_gradients(network, block, steps), one_way * block.sign())
        block.requires_grad_(True)
        slope = saliency.attribute(block, target=target, abs=False).detach()
        gradient.add(slope, one_way * torch.ones_like(slope))
    return {"integrated_gradients": integrated.result(), "gradient": gradient.result()}


def integrated_gradients(
    network: torch.nn.Module, inputs: torch.Tensor, steps: int
) -> torch.Tensor:
    """Return each sample's share of each gene, (n, n_features); a row sums to logit - logit(0)."""
    from captum.attr import IntegratedGradients

    method = IntegratedGradients(lambda batch: _logits(network, batch))
    return method.attribute(
        inputs,
        baselines=0.0,
        target=_target(network, inputs),
        n_steps=steps,
        internal_batch_size=max(ROWS, len(inputs)),
    ).detach()


def _logits(network: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Return logits; of more than two classes centred, as only their differences matter."""
    logits = network(inputs)
    return logits if logits.ndim == 1 else logits - logits.mean(dim=1, keepdim=True)


def _target(network: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor | None:
    """Return the class that each sample is explained for: the predicted one of more than two."""
    logits = network(inputs)
    return None if logits.ndim == 1 else logits.argmax(dim=1)


class _Means:
    """Running sums over samples, in double precision."""

    def __init__(self, n_features: int) -> None:
        self.n = 0
        self.size, self.signed = np.zeros(n_features), np.zeros(n_features)

    def add(self, values: torch.Tensor, signs: torch.Tensor) -> None:
        import torch

        self.n += len(values)
        self.size += values.abs().sum(dim=0, dtype=torch.float64).numpy()
        self.signed += (values * signs).sum(dim=0, dtype=torch.float64).numpy()

    def result(self) -> Attribution:
        return Attribution(self.size / self.n, self.signed / self.n)


EXPLAINERS: dict[str, Callable[..., dict[str, Attribution]]] = {
    "mlp": _explain_network,
    "scratch_mlp": _explain_network,
    "logistic": _explain_linear,
    "boosting": _explain_trees,
}
