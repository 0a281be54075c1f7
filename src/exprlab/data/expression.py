"""The distribution of expression over genes, as a mixture of silent, low and expressed genes."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from exprlab.data.genes import SILENT_SD

ROUNDS = 500
# The search starts at these quantiles of expression.
START = (0.02, 0.25, 0.75)  # of three groups; of two, the last two
SMALLEST_SD = 0.3
SMALLEST_FRACTION = 1e-3


def fit_expression(counts: np.ndarray) -> dict[str, float]:
    """Return the settings of the simulator for the expression of genes.

    Maximum likelihood by expectation maximisation of a mixture of three Gaussians to log2 CPM of
    all samples together, half a read added to each gene. Genes are silent if they have less than
    one read per sample on average; where none are, two Gaussians are fitted.

    Parameters
    ----------
    counts
        Shape (n_samples, n_genes), no missing entries.
    """
    reads = counts.sum(axis=0, dtype=np.int64)
    values = np.log2((reads + 0.5) / reads.sum() * 1e6)
    one_read = np.log2(1e6 / (reads.sum() / len(counts)))
    weight, mean, sd = _fit_mixture(values, np.array([SILENT_SD, np.nan, np.nan]))
    if weight[0] < SMALLEST_FRACTION or mean[0] > one_read:
        # No gene is silent: two groups are left.
        weight, mean, sd = _fit_mixture(values, np.array([np.nan, np.nan]))
        silent = {"silent_fraction": 0.0}
    else:
        silent = {"silent_fraction": weight[0], "silent_mean": mean[0]}
    low, high = sorted((-2, -1), key=lambda k: mean[k])
    expression = {
        "low_fraction": weight[low],
        "low_mean": mean[low],
        "low_sd": sd[low],
        "expressed_mean": mean[high],
        "expressed_sd": sd[high],
    }
    return {name: float(value) for name, value in {**silent, **expression}.items()}


def _fit_mixture(
    values: np.ndarray, fixed_sd: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weights, means and sds of a mixture of Gaussians; a sd that is not fixed is nan."""
    k = fixed_sd.size
    weight, mean = np.full(k, 1 / k), np.quantile(values, START[-k:])
    sd = np.where(np.isnan(fixed_sd), 2.0, fixed_sd)
    for _ in range(ROUNDS):
        density = weight * norm.pdf(values[:, None], mean, sd)
        belongs = density / np.maximum(density.sum(axis=1, keepdims=True), 1e-300)
        total = np.maximum(belongs.sum(axis=0), 1e-9)
        weight, mean = total / total.sum(), (belongs * values[:, None]).sum(axis=0) / total
        spread = (belongs * (values[:, None] - mean) ** 2).sum(axis=0) / total
        free = np.sqrt(np.maximum(spread, SMALLEST_SD**2))
        sd = np.where(np.isnan(fixed_sd), free, fixed_sd)
    return weight, mean, sd
