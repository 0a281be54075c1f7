"""The report's part about genes: which ones the models decide by, and whether they are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from exprlab.keys import ORACLE, TEST_RANKING
from exprlab.plotting.gene_figures import TITLES, draw_genes, role_of
from exprlab.report.inputs import read_object, reading
from exprlab.report.sentences import listing, number

Genes = Mapping[str, Any]
# A smaller log2 fold change is a rounding error.
SMALLEST_CHANGE = 1e-6
RECOVERY_CAPTION = (
    "How much of what causes the label each ranking finds. Genes of another kind count as wrong, "
    "so a ranking that finds both linear and interaction genes is high in the third panel, and in "
    "neither of the first two. The yardstick is the dashed line, the saliency of the best possible "
    "classifier, and not 1: the best rule also weighs nuisance genes, to cancel what they add to "
    "the others, and weak genes hardly matter to it."
)
TOP_CAPTION = {
    True: "The first genes of each ranking, each with its role in the simulation. Nuisance and "
    "null genes on top are a sign of chance, or of a model that decides by something else.",
    False: "The first genes of each ranking. Genes that several rankings share, and that keep "
    "their place from split to split, are the ones to look at; none of this shows a cause.",
}


def read_genes(path: Path, datasets: Sequence[str]) -> dict[str, Any]:
    """Read genes.json and check that it covers the data sets of the report."""
    value = read_object(path, ("datasets",))
    with reading(path):
        return {name: value["datasets"][name] for name in datasets}


def genes_part(dataset: str, result: Genes) -> dict[str, Any]:
    """Return what the template shows of a data set: sentences, tables, and figures to embed."""
    return {
        "gene_sentences": gene_sentences(dataset, result),
        "gene_targets": list(TITLES.values()) if _has_scores(result) else [],
        "gene_rankings": [_ranking_row(ranking, result) for ranking in result["rankings"]],
        "gene_names": [ranking["name"] for ranking in result["rankings"]],
        "gene_tops": [(r["name"], _top_rows(r, result)) for r in result["rankings"]],
    }


def gene_figures(dataset: str, result: Genes) -> list[tuple[Any, str, str]]:
    """Return figures with their alternative text and caption."""
    figures = draw_genes(result)
    known = result["n_causal"] is not None
    shown = [(figures["top_genes"], f"Roles of the first genes, {dataset}", TOP_CAPTION[known])]
    if _has_scores(result):
        text = f"Average precision of each ranking on causal genes, {dataset}"
        shown.insert(0, (figures["recovery"], text, RECOVERY_CAPTION))
    return shown


def gene_sentences(dataset: str, result: Genes) -> list[str]:
    """Say which ranking finds the causal genes best, what it misses, and how stable it is."""
    rankings = {ranking["name"]: ranking for ranking in result["rankings"]}
    models = {n: r for n, r in rankings.items() if n not in (TEST_RANKING, ORACLE)}
    if result["n_causal"] is None:
        first = f"On {dataset} it is not known which genes are causal, so no ranking is scored."
    elif not _has_scores(result):
        first = (
            f"On {dataset} no gene has anything to do with the class, so no ranking is scored: "
            "whatever stands on top of one is there by chance."
        )
    else:
        first = _recovery_sentence(dataset, result, rankings, models)
    return [first, *_stability_sentence(models)]


def _recovery_sentence(
    dataset: str, result: Genes, rankings: Mapping[str, Any], models: Mapping[str, Any]
) -> str:
    def score(name: str, target: str) -> float:
        value = rankings[name]["scores"][target]["auprc"]
        return -1.0 if value is None else value

    best = max(models, key=lambda name: score(name, "causal"))
    top = rankings[best]["scores"]["causal"]["precision"]["50"]
    others = [f"{number(score(n, 'causal'))} for {n}" for n in (TEST_RANKING, ORACLE)
              if n in rankings]  # fmt: skip
    text = (
        f"On {dataset}, of the models' rankings {best} finds the causal genes best: "
        f"{100 * top:.0f} % of its first 50 genes are causal (chance: "
        f"{100 * result['chance']['causal']:.0f} %), and its average precision on linear and "
        f"interaction genes is {number(score(best, 'causal'))}, against {listing(others)}."
    )
    if not result["n_causal"]["interaction"]:
        return text
    finder = max(models, key=lambda name: score(name, "interaction"))
    oracle = f", the oracle {number(score(ORACLE, 'interaction'))}" if ORACLE in rankings else ""
    value = number(score(finder, "interaction"))
    return text + (
        f" {_interaction_words(result)} of tests of single genes and of linear models: there "
        f"{finder} has {value}{oracle}, and chance is {number(result['chance']['interaction'])}."
    )


def _interaction_words(result: Genes) -> str:
    """Say what keeps interaction genes from being found."""
    changes = [
        abs(gene["log2_fold_change"])
        for gene in result["genes"].values()
        if gene["role"] == "interaction"
    ]
    # With more classes than lineages the shifts do not cancel.
    if max(changes, default=0.0) > SMALLEST_CHANGE:
        return "Interaction genes, whose shift depends on the lineage, are harder to find by means"
    return "Interaction genes, whose mean is the same in all classes, are out of reach"


def _stability_sentence(models: Mapping[str, Any]) -> list[str]:
    """Say how many of the top genes two splits share; nothing where there is one split."""
    shared = {n: r["stability"]["jaccard"]["50"] for n, r in models.items()}
    known = [f"{100 * value:.0f} % ({n})" for n, value in shared.items() if value is not None]
    if not known:
        return []
    return [
        f"Of the genes that are among the first 50 in either of two splits, {listing(known)} are "
        "in both. A list of genes from one training is one of many possible lists."
    ]


def _has_scores(result: Genes) -> bool:
    return any((result["n_causal"] or {}).values())


def _ranking_row(ranking: Genes, result: Genes) -> dict[str, Any]:
    scores, stability = ranking["scores"], ranking["stability"]
    scored = _has_scores(result)
    return {
        "name": ranking["name"],
        "auprc": [scores[target]["auprc"] for target in TITLES] if scored else [],
        "precision": [scores["causal"]["precision"][k] for k in ("50", "100", "all")]
        if scored
        else [],
        "stability": [stability["spearman"], *(stability["jaccard"][k] for k in ("50", "100"))],
    }


def _top_rows(ranking: Genes, result: Genes) -> list[dict[str, Any]]:
    rows = []
    for gene in ranking["top"]:
        entry = result["genes"][gene]
        ranks = [entry["ranks"][other["name"]] for other in result["rankings"]]
        rows.append(
            {
                "gene": gene,
                "role": entry["role"] or f"{role_of(entry)} (role not known)",
                "true_change": entry["log2_fold_change"],
                "observed_change": entry["observed_log2_fold_change"],
                "ranks": [f"{rank:,.0f}" for rank in ranks],
            }
        )
    return rows
