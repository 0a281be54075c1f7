"""The classical look at single genes: do the classes differ in mean expression?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import f, false_discovery_control

# Least variance of a gene within a class, as a share of its mean variance over classes: a gene
# that is silent in one class has none there, and its weight has to stay finite.
LEAST_VARIANCE = 1e-10


@dataclass(frozen=True)
class GeneTest:
    """Welch's test of every gene; all arrays of shape (n_genes,) but `means`.

    Attributes
    ----------
    means
        Mean of each class, (n_classes, n_genes).
    statistic
        Welch's F; of two classes the square of Welch's t.
    p_value
        That the means of all classes are equal.
    q_value
        The expected share of false discoveries among the genes with this p value or a smaller one
        (Benjamini and Hochberg).
    """

    means: np.ndarray
    statistic: np.ndarray
    p_value: np.ndarray
    q_value: np.ndarray


def welch_test(values: np.ndarray, labels: np.ndarray) -> GeneTest:
    """Test each gene for equal means in all classes, whose variances may differ.

    Parameters
    ----------
    values
        Expression, shape (n_samples, n_genes); scale and origin of a gene do not matter.
    labels
        Class of each sample, whole numbers; two classes or more, two samples of each or more.

    Returns
    -------
    GeneTest
        A gene that is constant has statistic 0 and p value 1.

    Raises
    ------
    ValueError
        If there is one class only, or a class with one sample.

    References
    ----------
    Welch (1951), On the comparison of several mean values, Biometrika 38, 330-336.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    if len(classes) < 2 or sizes.min() < 2:
        raise ValueError(f"two classes of two samples are needed, found sizes {sizes.tolist()}")
    moments = [_moments(values[labels == label]) for label in classes]
    means, variances = (np.array(part) for part in zip(*moments, strict=True))
    statistic, freedom = _welch_f(means, variances, sizes[:, None])
    p_value = f.sf(statistic, len(classes) - 1, freedom)
    return GeneTest(means, statistic, p_value, false_discovery_control(p_value))


def _welch_f(
    means: np.ndarray, variances: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return Welch's F and the degrees of freedom of its denominator."""
    k = len(means)
    spread = variances.mean(axis=0)
    weights = sizes / np.maximum(variances, LEAST_VARIANCE * np.where(spread > 0, spread, 1))
    shares = weights / weights.sum(axis=0)
    centre = (shares * means).sum(axis=0)
    between = (weights * (means - centre) ** 2).sum(axis=0) / (k - 1)
    uncertainty = ((1 - shares) ** 2 / (sizes - 1)).sum(axis=0)
    statistic = between / (1 + 2 * (k - 2) / (k**2 - 1) * uncertainty)
    return statistic, (k**2 - 1) / (3 * uncertainty)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and unbiased variance per column, in double precision without a double copy."""
    n = len(values)
    mean = values.mean(axis=0, dtype=np.float64)
    centred = values - mean.astype(values.dtype)
    # The mean had to be rounded to the values' precision; what that left is taken off here.
    rest = centred.mean(axis=0, dtype=np.float64)
    square = np.einsum("ij,ij->j", centred, centred, dtype=np.float64)
    variance = (square - n * rest**2) / (n - 1)
    return mean, np.where(variance > 1e-12 * mean**2, variance, 0.0)
