"""Rankings of genes: how many of the causal genes they find, and how stable they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from exprlab.evaluation.metrics import ranked_counts

# Kinds of genes to find -> their roles in the truth.
TARGETS = {
    "linear": ("linear",),
    "interaction": ("interaction",),
    "causal": ("linear", "interaction"),
    "gate": ("gate",),
}
# Beside these, precision is told at the number of genes that there are to find.
CUTS = (50, 100)
# Genes of the table of top genes.
TOP = 30
# Importance of a gene that preprocessing left out: behind every gene that was used (>= 0).
LEFT_OUT = -1.0


def rank_genes(importance: np.ndarray) -> np.ndarray:
    """Return each gene's rank, 1 for the most important; equal ones share their mean rank."""
    return rankdata(-importance, method="average")


def average_precision(importance: np.ndarray, is_causal: np.ndarray) -> float | None:
    """Return the mean precision over all causal genes as the list grows; None if there are none.

    Genes of equal importance enter the list together. A random order scores the share of causal
    genes, a perfect one 1.
    """
    if not is_causal.any():
        return None
    found, wrong = ranked_counts(is_causal.astype(int), importance)
    gained = np.diff(found)
    return float((gained * found[1:] / (found[1:] + wrong[1:])).sum() / is_causal.sum())


def precision_at(importance: np.ndarray, is_causal: np.ndarray, k: int) -> float:
    """Return the share of causal genes among the first k.

    Where equal ones stand on both sides of the cut, it is the expectation over their orders.
    """
    found, wrong = ranked_counts(is_causal.astype(int), importance)
    return float(np.interp(k, found + wrong, found) / k)


def top_genes(importance: np.ndarray, k: int) -> np.ndarray:
    """Return the positions of the k most important genes, those of no importance left out."""
    order = np.argsort(-importance, kind="stable")[:k]
    return order[importance[order] > 0]


def score_ranking(importance: np.ndarray, roles: np.ndarray | None) -> dict[str, dict[str, Any]]:
    """Score one ranking against the truth, for each kind of gene to find.

    Parameters
    ----------
    importance
        Shape (n_genes,); larger is more important.
    roles
        Role of each gene, as the simulator's truth names it; None where no truth is known.

    Returns
    -------
    dict
        Target to ``auprc`` and ``precision`` (number of genes -> share), both None where there is
        nothing to find.
    """
    scores = {}
    for target, kinds in TARGETS.items():
        is_causal = np.isin(roles, kinds) if roles is not None else np.zeros(importance.size, bool)
        cuts = {"50": 50, "100": 100, "all": int(is_causal.sum())}
        scores[target] = {
            "auprc": average_precision(importance, is_causal),
            "precision": {
                name: precision_at(importance, is_causal, min(k, len(importance)))
                if is_causal.any()
                else None
                for name, k in cuts.items()
            },
        }
    return scores


def mean_scores(scores: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the mean over splits of what `score_ranking` returns."""
    return {
        target: {
            "auprc": _mean([score[target]["auprc"] for score in scores]),
            "precision": {
                cut: _mean([score[target]["precision"][cut] for score in scores])
                for cut in scores[0][target]["precision"]
            },
        }
        for target in TARGETS
    }


def stability(importances: Sequence[np.ndarray]) -> dict[str, Any]:
    """Say how alike the rankings of several splits are.

    Returns
    -------
    dict
        ``spearman``, the mean rank correlation over pairs of splits, and ``jaccard``, for 50 and
        for 100 top genes their number in common over the number in either, the mean over pairs.
        None with fewer than two splits. Genes that no split has used are left out: that they
        come last everywhere shows no agreement.
    """
    n = len(importances)
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    used = np.any([importance > LEFT_OUT for importance in importances], axis=0)
    ranks = [rank_genes(importance[used]) for importance in importances]
    jaccard = {}
    for k in CUTS:
        tops = [set(top_genes(importance, k).tolist()) for importance in importances]
        jaccard[str(k)] = _mean(
            [len(tops[i] & tops[j]) / max(1, len(tops[i] | tops[j])) for i, j in pairs]
        )
    return {
        "spearman": _mean([_correlation(ranks[i], ranks[j]) for i, j in pairs]),
        "jaccard": jaccard,
    }


def compare_rankings(
    genes: Sequence[str],
    rankings: Mapping[str, Mapping[str, np.ndarray]],
    roles: np.ndarray | None,
) -> dict[str, Any]:
    """Set the rankings of a data set beside each other.

    Parameters
    ----------
    genes
        Ids of all genes of the data set.
    rankings
        Name to split to importance, (n_genes,), `LEFT_OUT` where preprocessing left the gene out.
    roles
        Role of each gene; None where the truth is not known.

    Returns
    -------
    dict
        ``n_genes``; ``n_causal`` and ``chance`` by target (None without truth); ``rankings``, a
        list of ``name``, ``scores``, ``per_split``, ``stability`` and ``top`` (gene ids by mean
        rank over splits); ``ranks``, gene id to the mean rank in each ranking, of all genes that
        are in any ``top``.
    """
    compared, mean_ranks = [], {}
    for name, splits in rankings.items():
        per_split = {split: score_ranking(values, roles) for split, values in splits.items()}
        mean_ranks[name] = np.mean([rank_genes(values) for values in splits.values()], axis=0)
        order = np.argsort(mean_ranks[name], kind="stable")[:TOP]
        compared.append(
            {
                "name": name,
                "scores": mean_scores(list(per_split.values())),
                "per_split": per_split,
                "stability": stability(list(splits.values())),
                "top": [genes[i] for i in order],
            }
        )
    shown = sorted({gene for ranking in compared for gene in ranking["top"]})
    position = {gene: i for i, gene in enumerate(genes)}
    return {
        "n_genes": len(genes),
        **_to_find(roles),
        "rankings": compared,
        "ranks": {
            gene: {name: float(values[position[gene]]) for name, values in mean_ranks.items()}
            for gene in shown
        },
    }


def _to_find(roles: np.ndarray | None) -> dict[str, Any]:
    """Return how many genes there are of each target, and their share: what chance finds."""
    if roles is None:
        return {"n_causal": None, "chance": None}
    n = {target: int(np.isin(roles, kinds).sum()) for target, kinds in TARGETS.items()}
    return {"n_causal": n, "chance": {target: count / len(roles) for target, count in n.items()}}


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return the correlation of two rankings; None where one has no order at all."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
