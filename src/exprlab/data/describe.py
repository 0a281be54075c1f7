"""A first look at a cohort: two numbers and the principal components of its samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.linalg import eigh

from exprlab.data.floor import Floor
from exprlab.data.formats import CountsFile
from exprlab.data.training_table import classes_of
from exprlab.keys import BATCH, COUNTS, INTENSITY, LABEL, LOG2, SAMPLE_ID, TPM

# Components of this many most variable genes; a picture needs no more.
PCA_GENES = 2000


def describe_counts(counts: CountsFile) -> dict[str, Any]:
    """Summarise each sample of a cohort.

    Nothing is fitted from here: this is a picture of the data, no input of a model.

    Parameters
    ----------
    counts
        The open counts file, of any kind of values.

    Returns
    -------
    dict
        The content of overview.json (docs/files.md). Each sample's level is its reads (counts) or
        the median of its logarithms to base 2; its quality is the fraction of genes at 0 (counts
        and TPM) or the interquartile range of its logarithms. Two components each are of the values
        as they are and of comparable logarithms, of the most variable genes.
    """
    logs = _logarithm(counts)
    genes = _most_variable(counts, logs)
    level, quality, raw, log = [], [], [], []
    for block, values in _blocks(counts, logs):
        level.append(_level(block, values, counts.values))
        quality.append(_quality(block, values, counts.values))
        raw.append(block[:, genes])
        log.append(_comparable(values, counts.values)[:, genes])
    samples = counts.samples
    return {
        "values": counts.values,
        "classes": list(classes_of(samples[LABEL])) if LABEL in samples else [],
        SAMPLE_ID: [str(name) for name in samples.index],
        LABEL: [str(value) for value in samples[LABEL]] if LABEL in samples else None,
        BATCH: [str(value) for value in samples[BATCH]] if BATCH in samples else None,
        "level": np.concatenate(level).tolist(),
        "quality": np.concatenate(quality).round(6).tolist(),
        "n_pca_genes": len(genes),
        "raw_pca": _components(np.concatenate(raw)),
        "log_pca": _components(np.concatenate(log)),
    }


def _logarithm(counts: CountsFile) -> Callable[[np.ndarray], np.ndarray]:
    """Return what makes logarithms of a block."""
    if counts.values == COUNTS:
        return _log_cpm
    if counts.values == TPM:
        return lambda block: np.log2(1 + np.maximum(block, 0))
    if counts.values == LOG2:
        return lambda block: block
    floor = Floor()
    for _, block in counts.blocks():
        floor.add(block)
    least = floor.value()
    return lambda block: np.log2(np.maximum(block, least))


def _blocks(
    counts: CountsFile, logs: Callable[[np.ndarray], np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield values and their logarithms, float64 with NaN where missing."""
    for _, block in counts.blocks():
        values = logs(block).astype(np.float64)
        known = block.astype(np.float64)
        if counts.values == COUNTS:
            known[block < 0] = values[block < 0] = np.nan
        yield known, values


def _comparable(logs: np.ndarray, kind: str) -> np.ndarray:
    """Return logarithms that samples can be compared by: arrays are given the same median."""
    return logs - _percentiles(logs, 50)[0][:, None] if kind in (LOG2, INTENSITY) else logs


def _level(known: np.ndarray, logs: np.ndarray, kind: str) -> np.ndarray:
    if kind == COUNTS:
        return np.nansum(known, axis=1).astype(np.int64)
    return _percentiles(logs, 50)[0].round(6)


def _quality(known: np.ndarray, logs: np.ndarray, kind: str) -> np.ndarray:
    if kind in (COUNTS, TPM):
        return (known == 0).mean(axis=1)
    low, high = _percentiles(logs, 25, 75)
    return high - low


def _percentiles(values: np.ndarray, *percents: float) -> np.ndarray:
    """Return percentiles of each row's known values (n_percents, n_rows); 0 where none is known."""
    found = np.zeros((len(percents), len(values)))
    known = ~np.isnan(values).all(axis=1)
    if known.any():
        found[:, known] = np.nanpercentile(values[known], percents, axis=1)
    return found


def _library_sizes(block: np.ndarray) -> np.ndarray:
    return np.maximum(block, 0).sum(axis=1, dtype=np.int64)


def _log_cpm(block: np.ndarray) -> np.ndarray:
    per_million = 1e6 / np.maximum(_library_sizes(block), 1)
    return np.log1p(np.maximum(block, 0) * per_million[:, None])


def _most_variable(counts: CountsFile, logs: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the columns with the largest variance of comparable logarithms."""
    n, total, square = (np.zeros(counts.shape[1]) for _ in range(3))
    for _, block in _blocks(counts, logs):
        values = _comparable(block, counts.values)
        n += (~np.isnan(values)).sum(axis=0)
        total += np.nansum(values, axis=0)
        square += np.nansum(values**2, axis=0)
    n = np.maximum(n, 1)
    variance = square / n - (total / n) ** 2
    return np.sort(np.argsort(-variance, kind="stable")[:PCA_GENES])


def _components(values: np.ndarray) -> dict[str, Any]:
    """Return the first two principal components and their shares of the variance.

    A missing value counts as the mean of its gene.
    """
    known = ~np.isnan(values)
    mean = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, values - mean, 0.0)
    n, p = centred.shape
    gram = centred @ centred.T if n <= p else centred.T @ centred
    top, vectors = eigh(gram, subset_by_index=[len(gram) - 2, len(gram) - 1])
    top, vectors = top[::-1], vectors[:, ::-1]
    scores = vectors * np.sqrt(np.maximum(top, 0)) if n <= p else centred @ vectors
    # The sign of a component is arbitrary; the largest score is made positive.
    scores = scores * np.sign(scores[np.abs(scores).argmax(axis=0), [0, 1]])
    total = np.trace(gram)
    return {
        "x": scores[:, 0].round(5).tolist(),
        "y": scores[:, 1].round(5).tolist(),
        "explained": (top / total if total > 0 else top * 0).round(6).tolist(),
    }
