"""The figure of what models predict for new samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from exprlab.keys import CLASSES
from exprlab.many import are_many
from exprlab.plotting import style
from exprlab.plotting.bands import BAND, BAND_WORDS
from exprlab.plotting.panels import words_of

SCORE_EDGES = np.linspace(0, 1, 21)


@style.styled
def new_cohort_figure(
    scores: Mapping[str, Mapping[str, Sequence[float]]], classes: Sequence[str] = CLASSES
) -> Figure:
    """Draw the distribution of predicted probabilities on new samples, a panel for each model.

    Parameters
    ----------
    scores
        model -> split -> calibrated probability of each sample: of the positive of two classes,
        of the most probable one of more.
    classes
        Names of the classes.
    """
    columns = min(3, len(scores))
    rows = -(-len(scores) // columns)
    result = style.figure(3.1 * columns + 1.2, 2.6 * rows + 0.9)
    panels = result.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for number, (axes, (model, runs)) in enumerate(zip(panels, scores.items(), strict=False)):
        look = style.model_style(number)
        counts = {split: _histogram(values) for split, values in runs.items()}
        draw = _draw_counts if are_many(runs) else _draw_each
        draw(axes, model, counts, look)
        axes.set_title(style.short(model))
        axes.set(xlim=(-0.01, 1.01))
        axes.xaxis.set_tick_params(labelbottom=True)
    for axes in panels[len(scores) :]:
        axes.set_visible(False)
    result.supxlabel(words_of(classes).top_probability, fontsize=10)
    result.supylabel("new samples per bin", fontsize=10)
    splits = list(next(iter(scores.values())))
    many = are_many(splits)
    handles = _counts_handles(len(splits)) if many else _split_handles(splits)
    result.legend(handles=handles, loc="outside upper center", ncols=min(6, len(handles)))
    return result


def _histogram(values: Sequence[float]) -> np.ndarray:
    known = np.asarray(values, dtype=float)
    return np.histogram(known[np.isfinite(known)], bins=SCORE_EDGES)[0]


def _draw_each(axes: Axes, model: str, counts: Mapping[str, np.ndarray], look: style.Style) -> None:
    """Draw the histogram of each split: the first one filled, the others as lines."""
    for position, (split, count) in enumerate(counts.items()):
        first = position == 0
        axes.stairs(
            count, SCORE_EDGES, fill=first, color=look.colour if first else style.INK,
            alpha=0.55 if first else 0.8, linewidth=1.2, gid=f"{model}/{split}",
            linestyle="-" if first else style.model_style(position).line,
            label=style.short(split, 14),
        )  # fmt: skip


def _draw_counts(
    axes: Axes, model: str, counts: Mapping[str, np.ndarray], look: style.Style
) -> None:
    """Draw the mean histogram of many splits, and where most of them lie in each bin."""
    every = np.stack(list(counts.values()))
    low, high = np.percentile(every, BAND, axis=0)
    axes.stairs(
        every.mean(axis=0), SCORE_EDGES, fill=True, color=look.colour, alpha=0.55,
        gid=f"{model}/mean",
    )  # fmt: skip
    middles = (SCORE_EDGES[:-1] + SCORE_EDGES[1:]) / 2
    axes.vlines(middles, low, high, color=style.INK, linewidth=1.2, gid=f"{model}/band")


def _counts_handles(n_splits: int) -> list[Patch | Line2D]:
    return [
        Patch(color=style.MUTED, alpha=0.55, label=f"mean over {n_splits:,} splits"),
        Line2D([], [], color=style.INK, linewidth=1.2, label=BAND_WORDS),
    ]


def _split_handles(splits: Sequence[str]) -> list[Patch | Line2D]:
    """Return the legend of the splits: the first one filled, the others as lines."""
    first = Patch(color=style.MUTED, alpha=0.55, label=style.short(splits[0], 14))
    lines = [
        Line2D([], [], color=style.INK, linewidth=1.2, linestyle=style.model_style(n).line,
               label=style.short(split, 14))
        for n, split in enumerate(splits[1:], start=1)
    ]  # fmt: skip
    return [first, *lines]
