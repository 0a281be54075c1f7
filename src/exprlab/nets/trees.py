"""Sums of decision trees as plain arrays: a trained model that needs no library and no pickle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# Bounds the memory for the samples' ways through the trees.
BLOCK = 1024


def leaf_values(trees: Mapping[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    """Return what each tree says of each sample.

    Parameters
    ----------
    trees
        Nodes of all trees, one after another: `feature` (which input is asked), `threshold` (up to
        which it goes on `left`, beyond it `right`), `left` and `right` (numbers of nodes; a leaf
        names itself), `value` (of the leaves); and `roots`, shape (n_outputs, n_trees).
    features
        Shape (n_samples, n_features).

    Returns
    -------
    numpy.ndarray
        Values of the leaves, shape (n_samples, n_outputs, n_trees), in units of the logit.
    """
    roots = trees["roots"]
    values = np.empty((len(features), *roots.shape))
    for start in range(0, len(features), BLOCK):
        block = features[start : start + BLOCK]
        rows = np.arange(len(block))[:, None, None]
        node, ahead = None, np.broadcast_to(roots, (len(block), *roots.shape))
        while not np.array_equal(node, ahead):
            node = ahead
            small = block[rows, trees["feature"][node]] <= trees["threshold"][node]
            ahead = np.where(small, trees["left"][node], trees["right"][node])
        values[start : start + BLOCK] = trees["value"][node]
    return values


def tree_logits(trees: Mapping[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    """Return the logits: `baseline` plus the sum of all trees.

    Returns
    -------
    numpy.ndarray
        Shape (n_samples,) for one output, else (n_samples, n_outputs).
    """
    logits = trees["baseline"] + leaf_values(trees, features).sum(axis=-1)
    return logits[:, 0] if logits.shape[1] == 1 else logits
