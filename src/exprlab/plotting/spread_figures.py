"""Figures of many splits: how a number is spread over them, where a row for each is too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from exprlab.keys import LOSSES, metric_title
from exprlab.plotting import style
from exprlab.plotting.run_figures import REFERENCE_LINE

INK = style.Style(style.INK, "-", "o", "")
# How far below a box its mean stands, in rows.
BELOW = 0.32
# What a number stands on where its ground is hatched.
PLATE = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
# Where the interval of a paired difference lies: colour, hatch.
SIDES = {
    "below 0": ("#FFFFFF", "////"),
    "covers 0": (style.GRID, ""),
    "above 0": (style.MUTED, ""),
}


@style.styled
def spread_figure(models: Mapping[str, Any], order: Sequence[str], metric: str) -> Figure:
    """Draw how a metric of each model is spread over the splits, and its mean.

    Parameters
    ----------
    models
        ``datasets[name]["models"]`` of comparison.json: model -> metric -> mean, low, high,
        per_split.
    order
        The models, first at the top.
    metric
        Which metric.
    """
    result = style.figure(7.2, 1.9 + 0.6 * len(order))
    axes = result.subplots()
    for y, model in enumerate(order):
        entry, look = models[model][metric], style.named_style(model, y)
        draw_box(axes, y, [e["value"] for e in entry["per_split"].values()], look, model)
        _draw_mean(axes, y + BELOW, entry, look)
    _label_rows(axes, [style.short(model) for model in order])
    better = "smaller" if metric in LOSSES else "larger"
    axes.set_xlabel(f"{metric_title(metric)} on the test samples ({better} is better)")
    axes.set_ylabel("model")
    result.legend(handles=_handles(), loc="outside upper center", ncols=3)
    return result


@style.styled
def difference_spread_figure(pairs: Sequence[Mapping[str, Any]], metric: str) -> Figure:
    """Draw how paired differences are spread over splits, and on which side their intervals lie.

    Parameters
    ----------
    pairs
        ``datasets[name]["pairs"]`` of comparison.json.
    metric
        Which metric.
    """
    known = [p for p in pairs if p["metric"] == metric and p["difference"] is not None]
    if not known:
        return style.note_figure(f"No paired comparison of {metric_title(metric)} was made.")
    groups = of_each_pair(known)
    result = style.figure(9.6, 2.1 + 0.6 * len(groups))
    left, right = result.subplots(1, 2, sharey=True)
    for y, found in enumerate(groups.values()):
        values = [pair["difference"] for pair in found]
        draw_box(left, y, values, INK, "difference")
        _draw_mean(left, y + BELOW, {"mean": float(np.mean(values))}, INK)
        _draw_sides(right, y, found)
    left.axvline(0, **REFERENCE_LINE)
    _label_rows(left, [f"{style.short(a)} − {style.short(b)}" for a, b in groups])
    left.set_xlabel(f"difference in {metric_title(metric)}\non the same test samples")
    result.supylabel("pair", fontsize=10)
    right.set(xlim=(0, 100), xlabel="splits whose interval lies there (%)")
    right.tick_params(axis="y", length=0)
    right.grid(axis="y", visible=False)
    sides = [
        Patch(facecolor=colour, hatch=hatch, edgecolor=style.INK, label=f"interval {side}")
        for side, (colour, hatch) in SIDES.items()
    ]
    handles = [h for both in zip(_handles(interval=False), sides, strict=True) for h in both]
    result.legend(handles=handles, loc="outside upper center", ncols=3)
    return result


def of_each_pair(
    pairs: Sequence[Mapping[str, Any]],
) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Return the comparisons of each pair of models, pairs in the order of their first one."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for names, group in groupby(pairs, key=lambda pair: (pair["model_a"], pair["model_b"])):
        found.setdefault(names, []).extend(group)
    return found


def side_of(pair: Mapping[str, Any]) -> str:
    """Return where the interval of a difference lies, one of `SIDES`; '' where there is none."""
    low, high = pair["low"], pair["high"]
    if low is None or high is None or low != low or high != high:
        return ""
    return "above 0" if low > 0 else "below 0" if high < 0 else "covers 0"


def draw_box(
    axes: Axes, y: float, values: Sequence[float | None], look: style.Style, gid: str
) -> None:
    """Draw the ends, the middle half and the median of what is defined of some values."""
    known = np.array([v for v in values if v is not None], dtype=float)
    if not known.size:
        return
    low, first, middle, third, high = np.percentile(known, (0, 25, 50, 75, 100))
    axes.plot([low, high], [y, y], color=look.colour, linewidth=1.4, gid=f"{gid}/ends", zorder=2)
    box = Rectangle((first, y - 0.16), third - first, 0.32, facecolor="white", hatch=look.hatch)
    box.set(edgecolor=look.colour, linewidth=1.2, gid=f"{gid}/half", zorder=3)
    axes.add_patch(box)
    axes.plot(
        [middle, middle], [y - 0.2, y + 0.2], color=style.INK, linewidth=2.4,
        gid=f"{gid}/median", zorder=4,
    )  # fmt: skip


def _draw_mean(axes: Axes, y: float, entry: Mapping[str, Any], look: style.Style) -> None:
    if entry["mean"] is None:
        return
    if entry.get("low") is not None and entry.get("high") is not None:
        axes.plot([entry["low"], entry["high"]], [y, y], color=look.colour, linewidth=1.2,
                  linestyle=(0, (2, 1.2)), gid="interval")  # fmt: skip
    axes.plot([entry["mean"]], [y], marker="D", color=look.colour, markeredgecolor=style.INK,
              markersize=6, gid="mean")  # fmt: skip


def _draw_sides(axes: Axes, y: float, pairs: Sequence[Mapping[str, Any]]) -> None:
    """Draw the share of the splits on each side, with their number where it fits."""
    sides = [side_of(pair) for pair in pairs]
    start = 0.0
    for side, (colour, hatch) in SIDES.items():
        n = sides.count(side)
        share = 100 * n / len(sides)
        axes.barh([y], [share], left=start, height=0.5, color=colour, hatch=hatch,
                  edgecolor=style.INK, linewidth=0.8, gid=side)  # fmt: skip
        if share > 8:
            axes.text(start + share / 2, y, f"{n:,}", bbox=PLATE, fontsize=9, ha="center",
                      va="center_baseline")  # fmt: skip
        start += share


def _label_rows(axes: Axes, texts: Sequence[str]) -> None:
    axes.set_yticks(range(len(texts)), texts)
    axes.set_ylim(len(texts) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


def _handles(interval: bool = True) -> list[Any]:
    """Return the legend of boxes and means."""
    return [
        Line2D([], [], color=style.INK, linewidth=1.4, label="smallest to largest split"),
        Patch(facecolor="white", edgecolor=style.INK, label="middle half; bar: median"),
        Line2D([], [], color=style.INK, marker="D", markersize=6, linewidth=1.2,
               linestyle=(0, (2, 1.2)) if interval else "",
               label="mean and its interval" if interval else "mean"),
    ]  # fmt: skip
