"""What plain NumPy costs: an epoch of the network from scratch against one in bare torch."""

from __future__ import annotations

import json
import sys
import time

from processes import worker

from results import Figure, Result, ratios

WHAT = (
    "Seconds of an epoch of `kind: scratch_mlp` over those of a bare torch loop, one thread: the "
    "same weights, batches of 64, hidden layer of 64, gradient descent with momentum."
)
SIZES = {"2,000 samples of 20,000 genes": (2000, 20000), "2,000 samples of 50": (2000, 50)}


def measure(quick: bool) -> Result:
    """Measure the two in turn, in one process, for wide and for narrow inputs."""
    figures = []
    for words, (n_samples, n_genes) in SIZES.items():
        sizes = {"n_samples": n_samples // (4 if quick else 1), "n_genes": n_genes}
        found = worker("scratch_epoch", 1, epochs=2 if quick else 7, **sizes)
        figures += [
            Figure(f"NumPy / torch, {words}", ratios(found["numpy"], found["torch"]), "", 2),
            Figure(f"epoch of NumPy, {words}", tuple(found["numpy"]), "s"),
            Figure(f"epoch of torch, {words}", tuple(found["torch"]), "s"),
        ]
    return Result(figures, [], [])


def _compare(n_samples: int, n_genes: int, epochs: int) -> dict[str, list[float]]:
    import numpy as np
    import torch

    from exprlab.nets import mlp, scratch
    from exprlab.training.batches import dealt
    from exprlab.training.module import cross_entropy

    rng = np.random.default_rng(0)
    features = rng.standard_normal((n_samples, n_genes), dtype=np.float32)
    labels = rng.integers(2, size=n_samples)
    ours = scratch.MLP.random(n_genes, [64], 1, rng, dtype=np.float32)
    descent = scratch.GradientDescent(1e-3, momentum=0.9)
    theirs = mlp.MLP(n_genes, [64])
    optimiser = torch.optim.SGD(theirs.parameters(), lr=1e-3, momentum=0.9, fused=True)
    inputs, targets = torch.from_numpy(features), torch.from_numpy(labels)

    def in_numpy(rows: np.ndarray) -> None:
        _, gradients = ours.backpropagate(features[rows], labels[rows])
        for gradient in gradients:  # as in training, which logs them
            np.linalg.norm(gradient.weights)
        descent.step(ours, gradients)

    def in_torch(rows: np.ndarray) -> None:
        index = torch.from_numpy(rows)
        optimiser.zero_grad()
        cross_entropy(theirs(inputs.index_select(0, index)), targets[index]).backward()
        optimiser.step()

    found: dict[str, list[float]] = {"numpy": [], "torch": []}
    for epoch in range(epochs + 1):
        for name, step in (("numpy", in_numpy), ("torch", in_torch)):
            start = time.perf_counter()
            for rows in dealt(np.arange(n_samples), 64, 0, epoch):
                step(rows)
            if epoch:  # the first warms up
                found[name].append(time.perf_counter() - start)
    return found


if __name__ == "__main__":
    print(json.dumps(_compare(**json.loads(sys.argv[1]))))
