"""The trimmed mean of M values: a size factor from the genes that a sample and a reference share.

Robinson and Oshlack (2010), A scaling normalization method for differential expression analysis of
RNA-seq data, Genome Biology 11:R25; details and constants as in edgeR's calcNormFactors.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

# Shares of the genes that are left out at either end: by log ratio (M), by log abundance (A).
TRIM_RATIO = 0.3
TRIM_ABUNDANCE = 0.05


def tmm_factors(counts: np.ndarray, sizes: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return what each sample's library size is to be multiplied by, relative to a reference.

    Parameters
    ----------
    counts
        Shape (n_samples, n_genes); missing entries below 0.
    sizes
        Library size of each sample (n_samples,).
    reference
        Counts of the reference sample (n_genes,); its library size is their sum.

    Returns
    -------
    numpy.ndarray
        Shape (n_samples,); 0 for a sample without a read of any gene that the reference has.
    """
    pairs = zip(counts, sizes, strict=True)
    return np.array([_factor(row, float(size), reference) for row, size in pairs])


def _factor(counts: np.ndarray, size: float, reference: np.ndarray) -> float:
    both = (counts > 0) & (reference > 0)
    if not both.any():
        return 0.0
    reads, reads_of_reference = counts[both].astype(np.float64), reference[both].astype(np.float64)
    share, share_of_reference = reads / size, reads_of_reference / reference.sum()
    ratio = np.log2(share / share_of_reference)
    if np.abs(ratio).max() < 1e-6:
        return 1.0
    abundance = np.log2(share * share_of_reference) / 2
    middle = _untrimmed(ratio, TRIM_RATIO) & _untrimmed(abundance, TRIM_ABUNDANCE)
    # The inverse of the approximate variance of a log ratio, by the delta method.
    variance = (1 - share) / reads + (1 - share_of_reference) / reads_of_reference
    weight = 1 / np.maximum(variance[middle], 1e-12)
    return float(2 ** ((weight @ ratio[middle]) / weight.sum())) if weight.size else 1.0


def _untrimmed(values: np.ndarray, share: float) -> np.ndarray:
    n, rank = len(values), rankdata(values)
    cut = np.floor(n * share)
    return (rank >= cut + 1) & (rank <= n - cut)
