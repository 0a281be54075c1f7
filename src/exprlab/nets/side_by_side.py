"""Networks of one architecture that are trained side by side, as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import pad

from exprlab.nets.mlp import MLP


class _Layers(nn.Module):
    """The same fully connected layer of all members: weights (n_members, n_inputs, n_units)."""

    def __init__(self, layers: list[nn.Linear]) -> None:
        super().__init__()
        widest = max(layer.in_features for layer in layers)
        weights = [pad(layer.weight.T, (0, 0, 0, widest - layer.in_features)) for layer in layers]
        self.weight = nn.Parameter(torch.stack(weights).detach())
        self.bias = nn.Parameter(torch.stack([layer.bias[None] for layer in layers]).detach())

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (n_members, n_samples, n_units) from (n_members, n_samples, n_inputs)."""
        return torch.baddbmm(self.bias, inputs, self.weight)


class SideBySide(nn.Module):
    """Multilayer perceptrons with their weights stacked, so that a step moves all of them at once.

    No member sees another: its logits are those of its own network, and the gradient of a sum of
    losses is to each member that of its own.

    Parameters
    ----------
    members
        Of one architecture, `n_inputs` excepted; without batch normalisation, which would show a
        member all samples of a batch.
    n_views
        How many kinds of inputs there are: member i looks at view i modulo `n_views`, at its first
        `n_inputs` values.
    """

    def __init__(self, members: list[MLP], n_views: int) -> None:
        super().__init__()
        self._architectures = [member.architecture for member in members]
        self._n_repeats = len(members) // n_views
        self.layers = nn.ModuleList(
            _Layers(list(same)) if isinstance(same[0], nn.Linear) else same[0]
            for same in zip(*(member.layers for member in members), strict=True)
        )
        widths = torch.tensor([each["n_inputs"] for each in self._architectures])
        # Zeros keep what lies beyond a member's inputs, and with it the gradient there, at zero.
        seen = torch.arange(int(widths.max())) < widths[:, None]
        self.register_buffer("seen", seen[:, None].float())

    @property
    def weights(self) -> list[nn.Parameter]:
        """Weights of each layer of all members, without biases; the first meet the inputs."""
        return [part.weight for part in self.modules() if isinstance(part, _Layers)]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return each member's logits from (n_samples, n_views, n_inputs).

        Shape (n_samples, n_members) for two classes, else (n_samples, n_members, n_classes).
        """
        values = features.transpose(0, 1).repeat(self._n_repeats, 1, 1) * self.seen
        for layer in self.layers:
            values = layer(values)
        return values.transpose(0, 1).squeeze(2)

    def mean(self, indices: Sequence[int], weights: Sequence[float]) -> MLP:
        """Return one network whose logits are the weighted mean of those of some members.

        Their hidden units stand beside each other and are joined in the last layer alone. The
        members must look at the same view; the network takes as many inputs as the widest of them.
        """
        members = [self.member(i) for i in indices]
        widest = max(member.architecture["n_inputs"] for member in members)
        stacks = list(zip(*(_linear(member) for member in members), strict=True))
        merged = []
        for number, layers in enumerate(stacks):
            ws, bs = [layer.weight for layer in layers], [layer.bias for layer in layers]
            is_last = number == len(stacks) - 1
            if number == 0:
                ws = [pad(w, (0, widest - w.shape[1])) for w in ws]
            if is_last:
                ws = [w * share for w, share in zip(ws, weights, strict=True)]
                bs = [b * share for b, share in zip(bs, weights, strict=True)]
            merged.append((_join(ws, number == 0, is_last), sum(bs) if is_last else torch.cat(bs)))
        hidden = [units * len(members) for units in members[0].architecture["hidden"]]
        network = MLP(**{**members[0].architecture, "n_inputs": widest, "hidden": hidden})
        for layer, (weight, bias) in zip(_linear(network), merged, strict=True):
            layer.load_state_dict({"weight": weight, "bias": bias})
        return network.eval()

    def member(self, index: int) -> MLP:
        """Return one of the networks by itself."""
        network = MLP(**self._architectures[index])
        for own, stacked in zip(network.layers, self.layers, strict=True):
            if isinstance(own, nn.Linear):
                weight = stacked.weight[index, : own.in_features].T
                own.load_state_dict({"weight": weight, "bias": stacked.bias[index, 0]})
        return network.eval()


def _linear(network: MLP) -> list[nn.Linear]:
    return [layer for layer in network.layers if isinstance(layer, nn.Linear)]


def _join(weights: list[torch.Tensor], is_first: bool, is_last: bool) -> torch.Tensor:
    """Return the weights of networks beside each other, with inputs or outputs in common."""
    if is_first and is_last:
        return sum(weights, torch.zeros_like(weights[0]))
    if is_first:
        return torch.cat(weights)
    return torch.cat(weights, dim=1) if is_last else torch.block_diag(*weights)
