"""A transform of counts after which genes vary alike at every mean: that of DESeq2.

Counts of a gene vary by dispersion(mean) * mean^2 + mean; over the genes of a cohort the dispersion
falls with the mean as a0 + a1 / mean. Both numbers are fitted on training samples and frozen.

Anders and Huber (2010), Differential expression analysis for sequence count data, Genome Biology
11:R106; Love, Huber and Anders (2014), Genome Biology 15:550.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import gammaln
from scipy.stats import trim_mean

# Genes and samples that tell the trend, evenly spaced: as many as in DESeq2's vst, and so many
# that memory stays bounded.
TREND_GENES = 1000
TREND_SAMPLES = 1000
# Genes with fewer reads on average say little of the trend.
LEAST_MEAN = 5.0
LEAST_DISPERSION = 1e-8


def stabilised(counts: np.ndarray, trend: tuple[float, float]) -> np.ndarray:
    """Return log2-like values whose variance does not depend on the mean.

    Parameters
    ----------
    counts
        Counts at equal depth, any shape.
    trend
        a0 and a1 of dispersion = a0 + a1 / mean.

    Returns
    -------
    numpy.ndarray
        Close to log2 of large counts.
    """
    a0, a1 = trend
    root = np.sqrt(a0 * counts * (1 + a1 + a0 * counts))
    return np.log2((1 + a1 + 2 * a0 * counts + 2 * root) / (4 * a0))


def trend_genes(mean: np.ndarray) -> np.ndarray:
    """Return the genes to fit the trend on, evenly spaced from low to high mean counts."""
    enough = np.flatnonzero(mean > LEAST_MEAN)
    enough = enough if len(enough) else np.flatnonzero(mean > 0)
    by_mean = enough[np.argsort(mean[enough], kind="stable")]
    if len(by_mean) <= TREND_GENES:
        return np.sort(by_mean)
    places = np.linspace(0, len(by_mean) - 1, TREND_GENES).round().astype(int)
    return np.sort(by_mean[places])


def dispersion_trend(counts: np.ndarray, size_factors: np.ndarray) -> tuple[float, float]:
    """Fit the trend of the dispersion on some genes of the training samples.

    Parameters
    ----------
    counts
        Shape (n_samples, n_genes), missing entries below 0.
    size_factors
        Shape (n_samples,).

    Returns
    -------
    tuple
        a0 and a1. Where no falling trend fits, a1 is 0 and a0 the genes' mean dispersion.
    """
    known = counts >= 0
    scaled = np.where(known, counts / size_factors[:, None], 0.0)
    mean = scaled.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    use = mean > 0
    dispersion = gene_dispersions(counts[:, use], known[:, use], size_factors, mean[use])
    useful = dispersion > 100 * LEAST_DISPERSION
    if not useful.any():
        return LEAST_DISPERSION * 100, 0.0  # counts vary by chance alone
    return _parametric(mean[use][useful], dispersion[useful]) or (
        float(trim_mean(dispersion[useful], 0.001)),
        0.0,
    )


def gene_dispersions(
    counts: np.ndarray, known: np.ndarray, size_factors: np.ndarray, mean: np.ndarray
) -> np.ndarray:
    """Return the dispersion of each gene with the largest Cox-Reid adjusted likelihood.

    The mean is the same for all samples, as nothing is said of classes here.
    """
    expected = size_factors[:, None] * mean
    observed = np.where(known, counts, 0).astype(np.float64)

    def deviance(log_dispersion: np.ndarray) -> np.ndarray:
        alpha = np.exp(log_dispersion)
        size = 1 / alpha
        fit = gammaln(observed + size) - gammaln(size) + observed * np.log(alpha * expected)
        fit -= (observed + size) * np.log1p(alpha * expected)
        weight = np.where(known, expected / (1 + alpha * expected), 0.0).sum(axis=0)
        return 0.5 * np.log(weight) - np.where(known, fit, 0.0).sum(axis=0)

    most = max(10.0, float(len(counts)))
    return np.exp(_minimum(deviance, np.log(LEAST_DISPERSION), np.log(most), len(mean)))


def _minimum(
    function: Callable[[np.ndarray], np.ndarray], low: float, high: float, n: int
) -> np.ndarray:
    """Return the minimum of n functions of one variable: a grid, then golden sections."""
    grid = np.linspace(low, high, 24)
    best = np.argmin([function(np.full(n, x)) for x in grid], axis=0)
    left, right = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, len(grid) - 1)]
    golden = (np.sqrt(5) - 1) / 2
    for _ in range(20):  # down to 0.0001 of a grid step
        inner = right - golden * (right - left), left + golden * (right - left)
        is_left = function(inner[0]) < function(inner[1])
        left, right = np.where(is_left, left, inner[0]), np.where(is_left, inner[1], right)
    return (left + right) / 2


def _parametric(mean: np.ndarray, dispersion: np.ndarray) -> tuple[float, float] | None:
    """Fit a0 + a1 / mean by a gamma regression that leaves outliers out; None if it has no fit."""
    coefficients = np.array([0.1, 1.0])
    design = np.column_stack([np.ones_like(mean), 1 / mean])
    for _ in range(10):
        residual = dispersion / (design @ coefficients)
        good = (residual > 1e-4) & (residual < 15)
        fitted = _gamma_regression(design[good], dispersion[good], coefficients)
        if fitted is None:
            return None
        change = float((np.log(fitted / coefficients) ** 2).sum())
        coefficients = fitted
        if change < 1e-6:
            return float(fitted[0]), float(fitted[1])
    return None


def _gamma_regression(
    design: np.ndarray, values: np.ndarray, start: np.ndarray
) -> np.ndarray | None:
    """Return the coefficients of a gamma regression with identity link, all positive, or None."""
    if len(values) <= design.shape[1]:
        return None
    coefficients = start
    for _ in range(50):
        weight = 1 / (design @ coefficients)
        new = np.linalg.lstsq(design * weight[:, None], values * weight, rcond=None)[0]
        if not (new > 0).all():
            return None
        done = np.abs(np.log(new / coefficients)).max() < 1e-8
        coefficients = new
        if done:
            break
    return coefficients
