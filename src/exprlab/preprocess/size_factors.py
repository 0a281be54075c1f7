"""Sequencing depth: what a sample's counts are divided by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exprlab.errors import UserError
from exprlab.keys import MISSING_COUNT


class UndefinedSizeFactor(UserError):
    """A sample too shallow for a size factor; `row` is its row in the counts given."""

    def __init__(self, row: int, sample: str, method: str, n_genes: int) -> None:
        self.row, self.method, self.n_genes = row, method, n_genes
        without = {
            "median_of_ratios": f"half or more of the {n_genes:,} reference genes",
            "upper_quartile": f"three quarters or more of the {n_genes:,} genes",
        }.get(method, f"any of the {n_genes:,} genes that it could be compared by")
        super().__init__(
            f"{sample} has no reads in {without}, so its size factor is undefined; remove it, or "
            "train with preprocess.size_factors: cpm"
        )

    def named(self, sample_ids: Sequence[str]) -> UndefinedSizeFactor:
        """Return the same with the sample's name in the message."""
        name = f"sample '{sample_ids[self.row]}'"
        return UndefinedSizeFactor(self.row, name, self.method, self.n_genes)


def library_sizes(counts: np.ndarray) -> np.ndarray:
    """Return the reads of each sample, shape (n_samples,); missing entries add nothing."""
    return np.where(counts == MISSING_COUNT, 0, counts).sum(axis=1, dtype=np.int64)


def estimated_library_sizes(counts: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the reads that samples would have if none of their entries were missing.

    Parameters
    ----------
    counts
        Shape (n_samples, n_genes), missing entries -1.
    share
        Share of the reads that each gene has in training samples, shape (n_genes,).

    Returns
    -------
    numpy.ndarray
        Shape (n_samples,), float64; 0 for a sample of which nothing is known.
    """
    sizes = library_sizes(counts).astype(np.float64)
    missing = counts == MISSING_COUNT
    if missing.any():
        present = 1 - np.where(missing, share, 0.0).sum(axis=1)
        sizes = np.divide(sizes, present, out=np.zeros_like(sizes), where=present > 1e-9)
    return sizes


def median_of_ratios(counts: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return size factors by the median of ratios (Anders and Huber 2010, eq. 5).

    Parameters
    ----------
    counts
        Shape (n_samples, n_genes), missing entries -1.
    reference
        Geometric mean of each gene over the training samples, shape (n_genes,); 0 for genes that
        are not used because a training sample has no read of them.

    Returns
    -------
    numpy.ndarray
        Shape (n_samples,); 1 for a sample sequenced as deeply as the reference, 0 for one without
        a read of half of the reference genes, whose size factor is undefined.
    """
    used = np.flatnonzero(reference > 0)
    block = counts[:, used]
    return _percentile(block / reference[used], block == MISSING_COUNT, 50)


def upper_quartiles(counts: np.ndarray) -> np.ndarray:
    """Return the upper quartile of each sample's counts (Bullard et al. 2010).

    Parameters
    ----------
    counts
        Shape (n_samples, n_genes), missing entries -1; genes without a read are among them.

    Returns
    -------
    numpy.ndarray
        Shape (n_samples,), in reads; 0 where three quarters of the genes have none.
    """
    return _percentile(counts.astype(np.float64), counts == MISSING_COUNT, 75)


def _percentile(values: np.ndarray, is_missing: np.ndarray, percent: float) -> np.ndarray:
    """Return a percentile of each row without what is missing; 0 where nothing is known."""
    # A row without a single known gene has no percentile; its factor stays 0.
    partial = is_missing.any(axis=1) & ~is_missing.all(axis=1)
    found = np.where(is_missing.all(axis=1), 0.0, np.percentile(values, percent, axis=1))
    found[partial] = np.nanpercentile(
        np.where(is_missing[partial], np.nan, values[partial]), percent, axis=1
    )
    return found


class GeometricMean:
    """Geometric mean of each gene over samples that arrive in blocks."""

    def __init__(self, n_genes: int) -> None:
        self._log_sum = np.zeros(n_genes)
        self._n = np.zeros(n_genes, dtype=np.int64)
        self._has_zero = np.zeros(n_genes, dtype=bool)

    def add(self, counts: np.ndarray) -> None:
        """Take in counts of shape (n_samples, n_genes)."""
        positive = counts > 0
        self._log_sum += np.log(np.where(positive, counts, 1)).sum(axis=0)
        self._n += positive.sum(axis=0)
        self._has_zero |= (counts == 0).any(axis=0)

    def value(self) -> np.ndarray:
        """Return the means, shape (n_genes,), 0 where a sample had no read."""
        usable = ~self._has_zero & (self._n > 0)
        if not usable.any():
            raise UserError(
                "preprocess.size_factors: median_of_ratios needs genes with reads in every "
                "training sample and found none; set preprocess.size_factors: tmm, which compares "
                "each sample with one reference, or cpm"
            )
        return np.where(usable, np.exp(self._log_sum / np.maximum(self._n, 1)), 0.0)
