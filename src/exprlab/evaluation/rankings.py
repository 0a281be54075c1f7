"""All rankings of a data set's genes: of the models, of a classical test, and of the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from exprlab.evaluation.attribution import LEFT_OUT, compare_rankings
from exprlab.keys import DIRECTION, MEAN_PREFIX, ORACLE, SALIENCY, STATISTIC, TEST_RANKING

# The oracle has nothing to learn from a split.
EVERY_SPLIT = "all"

Tables = Mapping[str, pd.DataFrame]


def compare_genes(
    attributions: Mapping[str, Tables],
    tests: Tables,
    truth: pd.DataFrame | None,
    oracle: pd.DataFrame | None,
) -> dict[str, Any]:
    """Compare all rankings of a data set's genes.

    Parameters
    ----------
    attributions
        Model to split to its table of importances.
    tests
        Split to the table of Welch's tests.
    truth
        Gene to ``role`` and ``log2_fold_change``; None where it is not known.
    oracle
        Gene to ``saliency``; None where there is no oracle.

    Returns
    -------
    dict
        As `compare_rankings`, with ``classes`` in the order of their labels, and ``genes`` instead
        of ``ranks``: gene id to ``role`` and ``log2_fold_change`` (None without truth),
        ``observed_log2_fold_change`` (the mean over splits that used the gene; None for more than
        two classes) and ``ranks``.
    """
    if truth is not None:
        genes = truth.index
    else:
        tables = [table for splits in attributions.values() for table in splits.values()]
        genes = pd.Index(np.unique(np.concatenate([table.index for table in tables])))
    rankings = {
        f"{model}: {method.replace('_', ' ')}": {
            split: _importance(table[method], genes) for split, table in splits.items()
        }
        for model, splits in attributions.items()
        for method in _methods(next(iter(splits.values())))
    }
    rankings[TEST_RANKING] = {s: _importance(t[STATISTIC], genes) for s, t in tests.items()}
    if oracle is not None:
        rankings[ORACLE] = {EVERY_SPLIT: _importance(oracle[SALIENCY], genes)}
    roles = None if truth is None else truth["role"].astype(str).to_numpy()
    compared = compare_rankings(list(genes), rankings, roles)
    observed = _observed_changes(tests)
    ranks = compared.pop("ranks")
    compared["classes"] = _classes(tests)
    compared["genes"] = {
        gene: {
            "role": None if truth is None else str(truth.at[gene, "role"]),
            "log2_fold_change": None
            if truth is None
            else float(truth.at[gene, "log2_fold_change"]),
            "observed_log2_fold_change": observed.get(gene),
            "ranks": found,
        }
        for gene, found in ranks.items()
    }
    return compared


def _classes(tests: Tables) -> list[str]:
    columns = next(iter(tests.values())).columns
    return [name.removeprefix(MEAN_PREFIX) for name in columns if name.startswith(MEAN_PREFIX)]


def _methods(table: pd.DataFrame) -> list[str]:
    return [name for name in table.columns if not name.endswith(DIRECTION)]


def _importance(values: pd.Series, genes: pd.Index) -> np.ndarray:
    """Return the values in the order of all genes, those left out behind all others."""
    return values.reindex(genes).fillna(LEFT_OUT).to_numpy(dtype=np.float64)


def _observed_changes(tests: Tables) -> dict[str, float]:
    """Return the difference in mean log2 expression of two classes, the mean over splits."""
    changes = []
    for table in tests.values():
        means = [name for name in table.columns if name.startswith(MEAN_PREFIX)]
        if len(means) != 2:
            return {}
        changes.append(table[means[1]] - table[means[0]])
    mean = pd.concat(changes, axis=1).mean(axis=1)
    return {str(gene): float(value) for gene, value in mean.items()}
