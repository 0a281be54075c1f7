"""Which genes vary most among the training samples, given how much chance alone makes them vary.

Counts that are only logged vary more the fewer they are, so that their variance would pick silent
genes; it is compared with that of other genes of the same mean instead, as in Seurat v3: Stuart et
al. (2019), Comprehensive integration of single-cell data, Cell 177, 1888-1902.
"""

from __future__ import annotations

import numpy as np

from exprlab.preprocess.passes import Blocks, moments

# Share of the genes that each point of the trend is fitted on.
SPAN = 0.3
# Points of the trend; between them it is interpolated.
POINTS = 200


def most_variable(score: np.ndarray, n: int) -> np.ndarray:
    """Return which genes have the n largest scores; of equal ones, the first."""
    chosen = np.zeros(len(score), dtype=bool)
    chosen[np.argsort(-score, kind="stable")[:n]] = True
    return chosen


def standardised_variance(blocks: Blocks) -> np.ndarray:
    """Return the variance of each gene relative to the trend of variance with mean.

    Parameters
    ----------
    blocks
        Called twice; yields training counts at equal depth, (n, n_genes), NaN where missing.

    Returns
    -------
    numpy.ndarray
        Shape (n_genes,): 1 for a gene as variable as others of its mean, 0 for a constant one.
        Single values count sqrt(n_samples) standard deviations from the mean at most.
    """
    mean, sd, n = moments(blocks())
    variance = sd**2 * n / np.maximum(n - 1, 1)
    varies = (variance > 0) & (mean > 0)
    usual = np.ones_like(mean)
    fitted = local_trend(np.log10(mean[varies]), np.log10(variance[varies]))
    usual[varies] = np.sqrt(10**fitted)
    # Only high values are cut: counts have no outliers below.
    limit = mean + usual * np.sqrt(n)
    squares = np.zeros_like(mean)
    for block in blocks():
        cut = np.minimum(block, limit) - mean
        squares += np.nansum(cut**2, axis=0, dtype=np.float64)
    return np.where(varies, squares / np.maximum(n - 1, 1) / usual**2, 0.0)


def local_trend(x: np.ndarray, y: np.ndarray, span: float = SPAN) -> np.ndarray:
    """Return a smooth trend of y along x, at x (Cleveland 1979: LOESS of degree 2).

    Each point of the trend is the value of a parabola that is fitted to the nearest share `span`
    of the data, weighted by the tricube of the distance.
    """
    order = np.argsort(x, kind="stable")
    sorted_x, sorted_y = x[order], y[order]
    n_near = min(len(x), max(4, int(np.ceil(span * len(x)))))
    points = np.unique(np.quantile(x, np.linspace(0, 1, POINTS))) if len(x) else x
    values = [_parabola(sorted_x, sorted_y, point, n_near) for point in points]
    return np.interp(x, points, values) if len(x) else y


def _parabola(x: np.ndarray, y: np.ndarray, point: float, n_near: int) -> float:
    """Return at a point the value of the parabola through its n nearest neighbours; x is sorted."""
    nearest = np.argsort(np.abs(x - point), kind="stable")[:n_near]
    offset, near = x[nearest] - point, y[nearest]
    reach = np.abs(offset).max()
    if reach == 0:
        return float(near.mean())
    # The farthest neighbour would have weight 0, which a few genes cannot afford.
    weight = np.sqrt((1 - (np.abs(offset) / (reach * 1.001)) ** 3) ** 3)
    design = np.vander(offset / reach, 3, increasing=True) * weight[:, None]
    return float(np.linalg.lstsq(design, near * weight, rcond=None)[0][0])
