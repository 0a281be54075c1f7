"""Passes over the training samples: the same blocks whatever the file's, and running moments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

# A pass over the training samples: blocks of shape (n_samples, n_genes).
Blocks = Callable[[], Iterator[np.ndarray]]
# Samples of one block of a pass; 20 MB at 20,000 genes.
ROWS = 256


def regrouped(blocks: Iterable[np.ndarray], rows: int = ROWS) -> Iterator[np.ndarray]:
    """Yield the same samples in blocks of `rows`, the last one smaller.

    Sums over blocks then have the same last bit however the samples came.
    """
    waiting: list[np.ndarray] = []
    n_waiting = 0
    for block in blocks:
        waiting.append(block)
        n_waiting += len(block)
        while n_waiting >= rows:
            joined = waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
            yield joined[:rows]
            waiting, n_waiting = [joined[rows:]], n_waiting - rows
    if n_waiting:
        yield np.concatenate(waiting)


def moments(blocks: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, standard deviation and number per column, NaN left out (Chan et al. 1979)."""
    n = mean = square = 0.0
    for block in blocks:
        values = block.astype(np.float64)
        known = ~np.isnan(values)
        n_block = known.sum(axis=0)
        mean_block = np.where(known, values, 0).sum(axis=0) / np.maximum(n_block, 1)
        square_block = (np.where(known, values - mean_block, 0) ** 2).sum(axis=0)
        total = np.maximum(n + n_block, 1)
        delta = mean_block - mean
        square = square + square_block + delta**2 * n * n_block / total
        mean = mean + delta * n_block / total
        n = n + n_block
    return mean, np.sqrt(square / np.maximum(n, 1)), n
