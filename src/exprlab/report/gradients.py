"""What gradient reaches the layers of several networks, in the report."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from exprlab.plotting.training_figures import gradient_norms, layers_figure
from exprlab.report.inputs import RunInputs
from exprlab.report.sentences import listing

# Below this share of the last layer's gradient the first layer hardly learns.
VANISHED = 0.01


def gradients_figure(
    dataset: str, runs: Mapping[str, Mapping[str, RunInputs]]
) -> tuple[Figure, str, str] | None:
    """Return the figure, its text and its caption; None unless there are networks to compare.

    Parameters
    ----------
    dataset
        Its name.
    runs
        Model -> split -> run.
    """
    norms = {}
    for model, splits in runs.items():
        first = [_first_epoch(run) for run in splits.values()]
        if first and all(len(found) > 1 for found in first):
            norms[model] = np.mean(first, axis=0)
    if len(norms) < 2:
        return None
    text = f"Gradient norm of each layer in the first epoch, {listing(list(norms))}, {dataset}"
    return layers_figure(norms), text, _caption(norms)


def _first_epoch(run: RunInputs) -> np.ndarray:
    """Return the norm of each layer in the first epoch; of no layer if one is not finite."""
    epochs, norms = gradient_norms(run.metrics)
    found = norms[epochs == 1]
    return found[0] if found.size and np.isfinite(found).all() else np.empty(0)


def _caption(norms: Mapping[str, np.ndarray]) -> str:
    shares = {m: float(norm[0] / norm[-1]) if norm[-1] > 0 else 0.0 for m, norm in norms.items()}
    listed = listing([f"{share:.2g} ({model})" for model, share in shares.items()])
    gone = [model for model, share in shares.items() if share < VANISHED]
    conclusion = (
        f"Where it is below {VANISHED:g} ({listing(gone)}) gradients vanish on their way to the "
        "inputs: with steps of one length for all layers, the first hardly learn."
        if gone
        else "None of them is so small that the first layer could hardly learn."
    )
    return (
        "How strongly the loss pulls at the weights of each layer in the first epoch, mean over "
        f"steps and splits; a layer without any gradient has no mark. Gradient of the first layer "
        f"as a share of the last one's: {listed}. {conclusion}"
    )
