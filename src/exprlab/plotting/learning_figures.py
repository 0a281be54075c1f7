"""Learning curves: what each model makes of more and more training samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from exprlab.keys import LOSSES, ORACLE, metric_title
from exprlab.plotting import style

# ``datasets[name]`` of learning_curves.json.
Curves = Mapping[str, Any]
PANELS = ("auroc", "log_loss")
# Sizes whose ratio is smaller than this would have their labels in each other's way.
CLOSE = 1.35
# How far to the right of its size each model's splits are marked, as a share of the axis, so that
# none hides another.
ASIDE = 0.01


@style.styled
def learning_figure(curves: Curves) -> Figure:
    """Draw AUROC and log loss of each model over the size of the training part.

    Lines are means over splits, bands their intervals, small marks the splits; the oracle is a
    horizontal line.
    """
    result = style.figure(9.6, 4.6)
    panels = result.subplots(1, len(PANELS))
    sizes = [float(np.mean(list(point["n_train"].values()))) for point in curves["points"]]
    for axes, metric in zip(panels, PANELS, strict=True):
        if curves["oracle"]:
            _draw_oracle(axes, curves["oracle"][metric])
        for number, model in enumerate(curves["models"]):
            entries = [point["models"][model][metric] for point in curves["points"]]
            _draw_model(axes, sizes, entries, model, number)
        _label_sizes(axes, sizes)
        better = "smaller" if metric in LOSSES else "larger"
        axes.set_ylabel(f"{metric_title(metric)} on the test samples\n({better} is better)")
        axes.set_xlabel("training samples (logarithmic)")
    handles, labels = panels[0].get_legend_handles_labels()
    result.legend(handles, labels, loc="outside upper center", ncols=min(6, len(labels)))
    return result


def _draw_oracle(axes: Axes, entry: Mapping[str, Any]) -> None:
    look = style.ORACLE_STYLE
    axes.axhspan(entry["low"], entry["high"], color=style.GRID, alpha=0.6, linewidth=0)
    axes.axhline(
        entry["mean"], color=look.colour, linestyle=look.line, label=ORACLE, gid=f"{ORACLE}/mean"
    )


def _draw_model(
    axes: Axes,
    sizes: Sequence[float],
    entries: Sequence[Mapping[str, Any]],
    model: str,
    number: int,
) -> None:
    look = style.model_style(number)
    low, mean, high = ([entry[key] for entry in entries] for key in ("low", "mean", "high"))
    axes.fill_between(sizes, low, high, color=look.colour, alpha=0.16, linewidth=0)
    axes.plot(
        sizes, mean, color=look.colour, linestyle=look.line, marker=look.marker, markersize=6,
        label=style.short(model), gid=f"{model}/mean", zorder=3,
    )  # fmt: skip
    step = (max(sizes) / min(sizes)) ** ASIDE
    places = [
        (size * step ** (number + 1), split["value"])
        for size, entry in zip(sizes, entries, strict=True)
        for split in entry["per_split"].values()
    ]
    axes.plot(
        *zip(*places, strict=True), linestyle="", marker=look.marker, markersize=3.5,
        markerfacecolor="white", color=look.colour, markeredgewidth=0.9, gid=f"{model}/splits",
    )  # fmt: skip


def _label_sizes(axes: Axes, sizes: Sequence[float]) -> None:
    """Put a tick at each size; of two that are close, the label of the larger stands lower."""
    axes.set_xscale("log")
    labels: list[str] = []
    for size, before in zip(sizes, [0, *sizes], strict=False):
        close = size < CLOSE * before and not labels[-1].startswith("\n")
        labels.append(f"{chr(10) if close else ''}{size:,.0f}")
    axes.set_xticks(sizes, labels)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.06)
