"""A first look at a cohort: depth, zeros and principal components of its samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import eigh

from exprlab.data.formats import CountsFile
from exprlab.data.training_table import classes_of
from exprlab.keys import BATCH, LABEL, SAMPLE_ID

# Components of this many most variable genes; a picture needs no more.
PCA_GENES = 2000


def describe_counts(counts: CountsFile) -> dict[str, Any]:
    """Summarise each sample of a cohort.

    Nothing is fitted from here: this is a picture of the data, no input of a model.

    Parameters
    ----------
    counts
        The open counts file.

    Returns
    -------
    dict
        The content of overview.json (docs/files.md): depth, zeros, and two components of the
        raw counts and of log counts per million of the most variable genes.
    """
    genes = _most_variable(counts)
    sizes, zeros, raw, log = [], [], [], []
    for _, block in counts.blocks():
        sizes.append(_library_sizes(block))
        zeros.append((block == 0).mean(axis=1))
        raw.append(np.maximum(block[:, genes], 0).astype(np.float64))
        log.append(_log_cpm(block)[:, genes])
    samples = counts.samples
    return {
        SAMPLE_ID: [str(name) for name in samples.index],
        LABEL: [str(value) for value in samples[LABEL]] if LABEL in samples else None,
        "classes": list(classes_of(samples[LABEL])) if LABEL in samples else [],
        BATCH: [str(value) for value in samples[BATCH]] if BATCH in samples else None,
        "library_size": np.concatenate(sizes).tolist(),
        "zero_fraction": np.concatenate(zeros).round(6).tolist(),
        "n_pca_genes": len(genes),
        "raw_pca": _components(np.concatenate(raw)),
        "log_pca": _components(np.concatenate(log)),
    }


def _library_sizes(block: np.ndarray) -> np.ndarray:
    return np.maximum(block, 0).sum(axis=1, dtype=np.int64)


def _log_cpm(block: np.ndarray) -> np.ndarray:
    per_million = 1e6 / np.maximum(_library_sizes(block), 1)
    return np.log1p(np.maximum(block, 0) * per_million[:, None])


def _most_variable(counts: CountsFile) -> np.ndarray:
    """Return the columns with the largest variance of log counts per million."""
    n = counts.shape[0]
    total, square = np.zeros(counts.shape[1]), np.zeros(counts.shape[1])
    for _, block in counts.blocks():
        values = _log_cpm(block)
        total += values.sum(axis=0)
        square += (values**2).sum(axis=0)
    variance = square / n - (total / n) ** 2
    return np.sort(np.argsort(-variance, kind="stable")[:PCA_GENES])


def _components(values: np.ndarray) -> dict[str, Any]:
    """Return the first two principal components and their shares of the variance."""
    centred = values - values.mean(axis=0)
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
