"""Figures of the rankings of genes: how many causal genes each finds, and what stands on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from exprlab.keys import ORACLE
from exprlab.many import are_many
from exprlab.plotting import style
from exprlab.plotting.bands import BAND, BAND_WORDS

# ``datasets[name]`` of genes.json.
Genes = Mapping[str, Any]
TITLES = {
    "linear": "linear",
    "interaction": "interaction",
    "causal": "linear + interaction",
    "gate": "gate",
}
# Role -> colour, letter, meaning. Letters and lightness tell them apart without hue.
ROLES = {
    "linear": ("#0072B2", "L", "linear: shifts with the class"),
    "interaction": (
        "#5C1700",
        "I",
        "interaction: shifts with the class, otherwise in each lineage",
    ),
    "gate": ("#E69F00", "G", "gate: tells the lineage"),
    "nuisance": ("#C9C9C9", "n", "nuisance: varies, whatever the class"),
    "null": ("#FFFFFF", "·", "null"),
    "up": ("#5C1700", "+", "higher in {positive}"),
    "down": ("#9BD0F2", "−", "lower in {positive}"),
    "unknown": ("#FFFFFF", " ", "more than two classes"),
}
CHANCE = {"color": style.MUTED, "linestyle": (0, (1.2, 1.2)), "linewidth": 1.4}
YARDSTICK = {"color": style.INK, "linestyle": (0, (5, 1.6)), "linewidth": 1.4}


def draw_genes(result: Genes) -> dict[str, Figure]:
    """Draw the figures of a data set by name: recovery and top_genes."""
    return {"recovery": recovery_figure(result), "top_genes": top_figure(result)}


@style.styled
def recovery_figure(result: Genes) -> Figure:
    """Draw each ranking's average precision on each kind of causal gene.

    Bars are means over splits, dots are splits, of many a line where most of them lie; the
    oracle's saliency is the yardstick, the share of such genes is what chance finds.
    """
    targets = [t for t in TITLES if (result["n_causal"] or {}).get(t)]
    if not targets:
        return style.note_figure(_nothing_to_find(result))
    rankings = result["rankings"]
    figure = style.figure(9.6, 1.7 + 0.32 * len(rankings))
    panels = figure.subplots(1, len(targets), sharey=True, squeeze=False).ravel()
    for axes, target in zip(panels, targets, strict=True):
        for y, ranking in enumerate(rankings):
            _draw_bar(axes, y, ranking, target)
        axes.axvline(result["chance"][target], **CHANCE)
        for ranking in rankings:
            if ranking["name"] == ORACLE:
                axes.axvline(ranking["scores"][target]["auprc"], **YARDSTICK)
        axes.set(xlim=(0, 1.02), xticks=[0, 0.5, 1], ylim=(len(rankings) - 0.4, -0.6))
        axes.set_title(f"{TITLES[target]}\n({result['n_causal'][target]:,} genes)", fontsize=10)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(rankings)), [style.short(r["name"], 32) for r in rankings])
    figure.supxlabel("average precision (AUPRC) on causal genes of this kind", fontsize=10)
    handles = [
        Patch(facecolor=style.GRID, edgecolor=style.INK, label="mean over splits"),
        _split_handle(rankings),
        Line2D([], [], label="chance", **CHANCE),
        Line2D([], [], label="oracle: what a perfect model's saliency finds", **YARDSTICK),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
    return figure


def _draw_bar(axes: Axes, y: int, ranking: Mapping[str, Any], target: str) -> None:
    is_oracle = ranking["name"] == ORACLE
    axes.barh(
        [y], [ranking["scores"][target]["auprc"]], height=0.7, edgecolor=style.INK, linewidth=0.8,
        color=style.MUTED if is_oracle else style.GRID, gid=f"{ranking['name']}/{target}",
    )  # fmt: skip
    splits = [scores[target]["auprc"] for scores in ranking["per_split"].values()]
    if are_many(splits) and not is_oracle:
        known = [value for value in splits if value is not None]
        axes.plot(np.percentile(known, BAND), [y, y], color=style.INK, linewidth=1.8, zorder=3)
    elif not is_oracle:
        axes.plot(splits, [y] * len(splits), "o", color=style.INK, markersize=3.5, zorder=3)


def _split_handle(rankings: Sequence[Mapping[str, Any]]) -> Line2D:
    if any(are_many(ranking["per_split"]) for ranking in rankings):
        return Line2D([], [], color=style.INK, linewidth=1.8, label=BAND_WORDS)
    return Line2D([], [], color=style.INK, marker="o", markersize=4, linestyle="", label="a split")


def _nothing_to_find(result: Genes) -> str:
    if result["n_causal"] is None:
        return "Which genes are causal is not known for this data set."
    return "No gene of this data set has anything to do with the class: there is nothing to find."


@style.styled
def top_figure(result: Genes) -> Figure:
    """Draw the first genes of each ranking, first at the left, each with its role."""
    rankings = result["rankings"]
    width = max(len(ranking["top"]) for ranking in rankings)
    figure = style.figure(9.6, 1.6 + 0.34 * len(rankings))
    axes = figure.subplots()
    seen = set()
    for y, ranking in enumerate(rankings):
        for x, gene in enumerate(ranking["top"], start=1):
            role = role_of(result["genes"][gene])
            seen.add(role)
            _draw_cell(axes, x, y, role)
    axes.set(xlim=(0.4, width + 0.6), ylim=(len(rankings) - 0.4, -0.6))
    axes.set_yticks(range(len(rankings)), [style.short(r["name"], 32) for r in rankings])
    axes.set_xticks([1, *range(5, width + 1, 5)])
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("rank of the gene")
    positive = result["classes"][-1]
    shown = {role: look for role, look in ROLES.items() if role in seen}
    handles = [
        Patch(facecolor=colour, edgecolor=style.INK,
              label=f"{letter}  {meaning.format(positive=style.short(positive, 32))}")
        for colour, letter, meaning in shown.values()
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=min(3, len(shown)))
    return figure


def role_of(gene: Mapping[str, Any]) -> str:
    """Return a gene's role; where no truth is known, whether the positive class has more."""
    if gene["role"] is not None:
        return gene["role"]
    change = gene["observed_log2_fold_change"]
    return "unknown" if change is None else ("up" if change > 0 else "down")


def _draw_cell(axes: Axes, x: int, y: int, role: str) -> None:
    colour, letter, _ = ROLES[role]
    box = Rectangle((x - 0.45, y - 0.4), 0.9, 0.8, facecolor=colour, edgecolor=style.INK)
    box.set(linewidth=0.6, gid=f"{role}/{x}/{y}")
    axes.add_patch(box)
    ink = "white" if style.lightness(colour) < 50 else style.INK
    axes.text(x, y, letter, ha="center", va="center_baseline", color=ink, fontsize=9)
