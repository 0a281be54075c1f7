"""The page that says how like a real cohort a simulated one is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exprlab.cards.markdown import code, table
from exprlab.report.sentences import listing

WHO = ("simulated", "real")
ALIKE, CHANCE, APART = "alike", "within chance", "apart"
MOST_GENES_APART = 1.05  # ratio of the numbers of genes from which CPM are no longer comparable


def realism_page(result: Mapping[str, Any]) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    result
        As `exprlab.data.realism.compare` returns it, with `names` (of the two files) and
        `within_classes`.
    """
    names, samples, genes = result["names"], result["n_samples"], result["n_genes"]
    lines = [
        "# Simulated and real counts",
        "",
        f"{code(names['simulated'])} ({samples['simulated']} samples, {genes['simulated']:,} "
        f"genes) is compared with {code(names['real'])} ({samples['real']} samples, "
        f"{genes['real']:,} genes). {_variation(result)} Features of genes depend on the number of "
        f"samples and come from {result['n_gene_samples']['real']} of each cohort.",
        "",
        *_warning(genes),
        *_features(result),
        "",
        _verdict(result),
        "",
        "![Distributions of the features](features.png)",
        "",
        "*Cumulative distribution of each feature. KS is the largest vertical gap between the two "
        "lines. Lines side by side: another location; lines that cross: another spread.*",
        "",
        "![Dispersion by expression, zeros by library size](relations.png)",
        "",
        _relations(result),
        "",
    ]
    return "\n".join(lines)


def verdict(feature: Mapping[str, Any], target: float) -> str:
    """Return whether two distributions are alike, apart by no more than chance, or apart."""
    if feature["distance"] <= target:
        return ALIKE
    return CHANCE if feature["distance"] <= feature["chance"] else APART


def _variation(result: Mapping[str, Any]) -> str:
    if result["within_classes"]:
        return "Variation and correlation are those within classes."
    return "Variation and correlation are those over all samples, whatever their class."


def _warning(genes: Mapping[str, int]) -> list[str]:
    if max(genes.values()) <= MOST_GENES_APART * min(genes.values()):
        return []
    return [
        "**The cohorts have different numbers of genes, so counts per million and what follows "
        f"from them do not compare.** Simulate with `n_genes: {genes['real']}`.",
        "",
    ]


def _features(result: Mapping[str, Any]) -> list[str]:
    header = ("feature", "per", "KS distance", "chance", "simulated", "real", "")
    rows = [
        (
            f"{feature['title']} ({feature['unit']})",
            feature["of"],
            f"{feature['distance']:.3f}",
            f"{feature['chance']:.3f}",
            *(f"{feature[f'median_{who}']:.3f} ± {feature[f'sd_{who}']:.3f}" for who in WHO),
            verdict(feature, result["target"]),
        )
        for feature in result["features"].values()
    ]
    return table(header, rows)


def _verdict(result: Mapping[str, Any]) -> str:
    groups: dict[str, list[str]] = {ALIKE: [], CHANCE: [], APART: []}
    for feature in result["features"].values():
        groups[verdict(feature, result["target"])].append(feature["title"])
    words = {
        ALIKE: f"Alike (KS distance up to {result['target']:g})",
        CHANCE: "Farther, but not farther than chance",
        APART: "Apart",
    }
    told = [f"{words[kind]}: {listing(of)}." for kind, of in groups.items() if of]
    return (
        "Columns *simulated* and *real*: median ± standard deviation. *Chance*: the distance that "
        "two cohorts of one law exceed in one case of twenty.\n\n" + " ".join(told) + " Where a "
        "feature hardly varies, a small shift makes a large distance: compare the medians, too."
    )


def _relations(result: Mapping[str, Any]) -> str:
    zeros, mean = (result["relations"][name] for name in ("library_zeros", "mean_dispersion"))
    return (
        "*Left: dispersion (variance = mean + dispersion x mean²) by expression; simulated genes "
        "should be as noisy as real ones of the same expression. Spearman correlation of the two: "
        f"simulated {mean['simulated']:.2f}, real {mean['real']:.2f}. Right: one point per sample; "
        "deeper samples have fewer zeros. Spearman correlation: simulated "
        f"{zeros['simulated']:.2f}, real {zeros['real']:.2f}.*"
    )
