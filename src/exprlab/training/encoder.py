"""A first linear layer that is not trained by gradients: principal components.

Most of what a network on 20,000 genes loses with a few thousand samples is variance in its first
layer. The genes move together, along a few dozen factors; principal components find these without
labels. The network then learns from the components alone, and afterwards the two linear maps are
multiplied into one: what is kept is a plain network on genes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from exprlab.data.streams import ENCODER, state
from exprlab.nets.mlp import MLP

MOST_COMPONENTS = 100
FEWEST_COMPONENTS = 5


@dataclass(frozen=True)
class Encoder:
    """A linear map from features to uncorrelated components of variance 1.

    Attributes
    ----------
    mean
        Of the features over the training samples, (n_features,).
    weight
        (n_components, n_features).
    """

    mean: torch.Tensor
    weight: torch.Tensor

    def first(self, n: int) -> Encoder:
        """Return the encoder to the first `n` components."""
        return Encoder(self.mean, self.weight[:n].contiguous())

    def encode(self, features: np.ndarray) -> np.ndarray:
        """Return the components of samples, float32 (n_samples, n_components)."""
        shift = self.weight @ self.mean
        return (torch.from_numpy(features) @ self.weight.T - shift).numpy()

    def fold(self, network: MLP) -> MLP:
        """Return the network on features that does what `network` does on their components."""
        whole = MLP(**{**network.architecture, "n_inputs": self.weight.shape[1]})
        weights = network.state_dict()
        name = network.first_layer_name
        weight = weights[f"{name}.weight"].double() @ self.weight.double()
        bias = weights[f"{name}.bias"].double() - weight @ self.mean.double()
        folded = {f"{name}.weight": weight.float(), f"{name}.bias": bias.float()}
        whole.load_state_dict({**weights, **folded})
        return whole.eval()


def fit_encoder(
    features: np.ndarray, train: np.ndarray, seed: int, n_components: int | None = None
) -> Encoder:
    """Find the principal components of the training samples that stand out from noise.

    A component counts if its variance is beyond the upper edge of the law of Marchenko and Pastur
    (1967), v (1 + sqrt(p / n))^2: the largest that n samples of p independent features of mean
    variance v give. There are at least `FEWEST_COMPONENTS` and at most `MOST_COMPONENTS`.

    Parameters
    ----------
    features
        Of all samples, scaled, float32 (n_samples, n_features).
    train
        Row numbers of the training samples; nothing else is looked at.
    seed
        Of the randomised singular value decomposition (Halko et al. 2011).
    n_components
        So many instead, if there are as many.
    """
    threads = torch.get_num_threads()
    # The order of sums, and with it the last bits, must not depend on the number of threads.
    torch.set_num_threads(1)
    torch.manual_seed(state(seed, ENCODER))
    inputs = torch.from_numpy(features[train])
    mean = inputs.mean(dim=0)
    inputs -= mean
    n, p = inputs.shape
    _, lengths, directions = torch.svd_lowrank(inputs, q=min(MOST_COMPONENTS, n, p), niter=4)
    variance = lengths.double() ** 2 / n
    edge = float(inputs.square().mean(dtype=torch.float64)) * (1 + (p / n) ** 0.5) ** 2
    wanted = n_components or max(FEWEST_COMPONENTS, int((variance > edge).sum()))
    kept = min(wanted, int((variance > variance[0] * 1e-9).sum()))
    weight = (directions[:, :kept] / variance[:kept].sqrt()).T.float().contiguous()
    torch.set_num_threads(threads)
    return Encoder(mean, weight)
