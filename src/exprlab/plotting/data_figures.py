"""Figures of a cohort before any model: its samples' levels, quality and largest differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from exprlab.keys import BATCH, COUNTS, INTENSITY, LABEL, LOG2, TPM
from exprlab.plotting import style

Overview = Mapping[str, Any]
MOST_BATCHES_IN_LEGEND = 12
NO_LABEL = "no label"
# What a sample's level and quality are, by kind of values.
LEVELS = {
    COUNTS: "library size (reads per sample)",
    TPM: "median expression (log2(1 + TPM))",
    LOG2: "median of a sample (log2)",
    INTENSITY: "median intensity of an array (log2)",
}
QUALITIES = {
    COUNTS: "zero fraction (genes without a read)",
    TPM: "zero fraction (genes at 0 TPM)",
    LOG2: "interquartile range of a sample (log2)",
    INTENSITY: "interquartile range of an array (log2)",
}


def draw_overview(overview: Overview) -> dict[str, Figure]:
    """Draw every figure of overview.json, by name: levels, quality and pca."""
    return {
        "levels": level_figure(overview),
        "quality": quality_figure(overview),
        "pca": pca_figure(overview),
    }


def labels_of(overview: Overview) -> list[str]:
    """Return the classes, in their order; a cohort without them is one group."""
    return list(overview["classes"]) or [NO_LABEL]


def groups_of(overview: Overview) -> tuple[np.ndarray, np.ndarray]:
    """Return the class and the batch of each sample; a cohort without them is one group."""
    n = len(overview["level"])
    label, batch = (
        [name] * n if overview.get(key) is None else overview[key]
        for key, name in ((LABEL, NO_LABEL), (BATCH, "all samples"))
    )
    return np.asarray(label, dtype=str), np.asarray(batch, dtype=str)


@style.styled
def level_figure(overview: Overview) -> Figure:
    """Draw the reads, or the median, of the samples of each class in each batch."""
    result, axes = _boxes(overview, "level")
    axes.set_ylabel(LEVELS[overview["values"]])
    if overview["values"] == COUNTS:
        _count_on_a_log_scale(axes)
    return result


def _count_on_a_log_scale(axes: Axes) -> None:
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    # A decade has enough labelled ticks only if the range spans several.
    marks = (1.0, 2.0, 5.0) if high / low > 10 else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
    marks = (1.0,) if high / low > 300 else marks
    axes.yaxis.set_major_locator(LogLocator(subs=marks))
    axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.yaxis.set_minor_formatter(NullFormatter())


@style.styled
def quality_figure(overview: Overview) -> Figure:
    """Draw the zero fraction, or the spread, of the samples of each class in each batch."""
    result, axes = _boxes(overview, "quality")
    low, high = axes.get_ylim()
    axes.set_ylim(max(0, low), min(1, high) if overview["values"] in (COUNTS, TPM) else high)
    axes.set_ylabel(QUALITIES[overview["values"]])
    return result


def _boxes(overview: Overview, column: str) -> tuple[Figure, Axes]:
    """Draw one box per class and batch, classes side by side."""
    values = np.asarray(overview[column], float)
    label, batch = groups_of(overview)
    labels, batches = labels_of(overview), sorted(set(batch))
    long = len(batches) > 8 or max(map(len, batches)) * len(batches) > 48
    width = min(9.5, 4.6 + 0.45 * max(0, len(batches) - 4))
    result = style.figure(width, 4.8 if long else 3.8)
    axes = result.subplots()
    width = 0.8 / max(1, len(labels))
    for number, name in enumerate(labels):
        look = style.class_style(name, labels)
        groups = [values[(label == name) & (batch == b)] for b in batches]
        centres = np.arange(len(batches)) + width * (number - (len(labels) - 1) / 2)
        axes.boxplot(
            groups, positions=centres, widths=0.82 * width, patch_artist=True, manage_ticks=False,
            boxprops={"facecolor": look.colour, "edgecolor": style.INK, "hatch": look.hatch,
                      "gid": f"data-{name}"},
            medianprops={"color": "white" if style.lightness(look.colour) < 50 else style.INK,
                         "linewidth": 2},
            flierprops={"marker": ".", "markersize": 3, "markeredgecolor": style.MUTED},
        )  # fmt: skip
    axes.set_xticks(
        range(len(batches)), [style.short(b, 16) for b in batches],
        rotation=60 if long else 0, ha="right" if long else "center",
        rotation_mode="anchor" if long else "default", fontsize=7 if len(batches) > 24 else 9,
    )  # fmt: skip
    axes.set_xlim(-0.6, len(batches) - 0.4)
    axes.grid(axis="x", visible=False)
    axes.set_xlabel("batch")
    handles = [_class_patch(name, labels, (label == name).sum()) for name in labels]
    columns = style.legend_columns([h.get_label() for h in handles], result.get_figwidth())
    result.legend(handles=handles, loc="outside upper center", ncols=columns)
    return result, axes


def _class_patch(name: str, labels: Sequence[str], count: int) -> Patch:
    look = style.class_style(name, labels)
    text = f"{style.short(name)} (n = {count})"
    return Patch(facecolor=look.colour, edgecolor=style.INK, hatch=look.hatch, label=text)


@style.styled
def pca_figure(overview: Overview) -> Figure:
    """Draw the samples on their first two principal components, before and after normalisation."""
    label, batch = groups_of(overview)
    labels, batches = labels_of(overview), sorted(set(batch))
    result = style.figure(9.2, 5.0)
    after = "logarithms" if overview["values"] in (COUNTS, TPM) else "equal medians"
    titles = {"raw_pca": "Before normalisation", "log_pca": f"After normalisation ({after})"}
    for axes, (key, title) in zip(result.subplots(1, 2), titles.items(), strict=True):
        _draw_components(axes, overview[key], label, batch, labels)
        axes.set_title(title)
    handles = [_class_handle(name, labels) for name in labels]
    if len(batches) > 1:
        handles += [_batch_handle(n, b) for n, b in enumerate(batches[:MOST_BATCHES_IN_LEGEND])]
    title = None if len(batches) <= len(style.MARKERS) else _repeat_note(batches)
    columns = style.legend_columns([handle.get_label() for handle in handles], 8.8)
    result.legend(handles=handles, loc="outside lower center", ncols=columns, title=title)
    return result


def _draw_components(
    axes: Axes,
    pca: Mapping[str, Any],
    label: np.ndarray,
    batch: np.ndarray,
    labels: Sequence[str],
) -> None:
    x, y = np.asarray(pca["x"], float), np.asarray(pca["y"], float)
    batches = sorted(set(batch))
    size = 16 if len(x) <= 600 else 9
    # Small groups last, so that the many do not cover the few.
    groups = [(b, name) for b in batches for name in labels]
    groups.sort(key=lambda g: -int(((batch == g[0]) & (label == g[1])).sum()))
    for name_of_batch, name in groups:
        chosen = (batch == name_of_batch) & (label == name)
        look = style.class_style(name, labels)
        axes.scatter(
            x[chosen], y[chosen], s=size, color=look.colour, alpha=0.65, linewidths=0,
            marker=_batch_marker(batches.index(name_of_batch)),
            gid=f"data-{name}-{name_of_batch}",
        )  # fmt: skip
    first, second = (100 * share for share in pca["explained"][:2])
    axes.set_xlabel(f"component 1 ({first:.1f} % of variance)")
    axes.set_ylabel(f"component 2 ({second:.1f} % of variance)")
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))


def _batch_marker(number: int) -> str:
    return style.MARKERS[number % len(style.MARKERS)]


def _class_handle(name: str, labels: Sequence[str]) -> Line2D:
    look = style.class_style(name, labels)
    return Line2D(
        [], [], marker="o", linestyle="", color=look.colour, markersize=8, label=style.short(name)
    )


def _batch_handle(number: int, name: str) -> Line2D:
    return Line2D(
        [], [], marker=_batch_marker(number), linestyle="", color=style.MUTED, markersize=6,
        label=f"batch {style.short(name, 16)}",
    )  # fmt: skip


def _repeat_note(batches: Sequence[str]) -> str:
    shown = min(len(batches), MOST_BATCHES_IN_LEGEND)
    return f"{len(batches)} batches, {shown} named here; markers repeat"
