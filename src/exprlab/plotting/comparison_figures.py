"""Figures that put the models of one data set beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from exprlab.evaluation.layout import classes_of, curves_of, table_of, top_label_curve
from exprlab.keys import LOSSES, metric_title, told_apart
from exprlab.many import are_many
from exprlab.plotting import style
from exprlab.plotting.bands import draw_band, pooled_calibration
from exprlab.plotting.panels import Words, words_of
from exprlab.plotting.run_figures import REFERENCE_LINE

# model -> split -> evaluation.json
Evaluations = Mapping[str, Mapping[str, Mapping[str, Any]]]
GRID = np.linspace(0, 1, 201)
POOLED_BINS = 10


@style.styled
def forest_figure(models: Mapping[str, Any], order: Sequence[str], metric: str) -> Figure:
    """Draw a metric of each model in each split with its interval, and the mean over splits.

    Parameters
    ----------
    models
        ``datasets[name]["models"]`` of comparison.json: model -> metric -> mean, sd, per_split.
    order
        The models, first at the top.
    metric
        Which metric.
    """
    rows = [(m, split) for m in order for split in [*models[m][metric]["per_split"], None]]
    result = style.figure(7.2, 1.3 + 0.3 * len(rows))
    axes = result.subplots()
    for y, (model, split) in enumerate(rows):
        look = style.named_style(model, order.index(model))
        entry = models[model][metric]
        if split is None:
            _draw_mean(axes, y, entry["mean"], look)
        else:
            _draw_interval(axes, y, entry["per_split"][split], look)
        if y and split is not None and rows[y - 1][1] is None:
            axes.axhline(y - 0.5, color=style.GRID, linewidth=0.8)
    texts = [f"{style.short(m)}   {style.short(s, 14) if s else 'mean'}" for m, s in rows]
    axes.set_yticks(range(len(rows)), texts)
    for text, (_, split) in zip(axes.get_yticklabels(), rows, strict=True):
        text.set_fontweight("bold" if split is None else "normal")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    better = "smaller" if metric in LOSSES else "larger"
    axes.set_xlabel(f"{metric_title(metric)} on the test samples ({better} is better)")
    axes.set_ylabel("model and split")
    return result


def _draw_interval(axes: Axes, y: float, entry: Mapping[str, Any], look: style.Style) -> None:
    if entry["value"] is None:
        return
    if entry.get("low") is not None and entry.get("high") is not None:
        axes.plot([entry["low"], entry["high"]], [y, y], color=look.colour, linewidth=1.8)
    axes.plot(
        [entry["value"]], [y], marker=look.marker, color=look.colour, markersize=6, gid="value"
    )


def _draw_mean(axes: Axes, y: float, mean: float | None, look: style.Style) -> None:
    if mean is None:
        return
    axes.axvline(mean, color=look.colour, linestyle=look.line, linewidth=1, alpha=0.45, zorder=1)
    axes.plot(
        [mean], [y], marker="D", color=look.colour, markeredgecolor=style.INK, markersize=9,
        gid="mean",
    )  # fmt: skip


@style.styled
def difference_figure(pairs: Sequence[Mapping[str, Any]], metric: str) -> Figure:
    """Draw the paired differences of a metric between models, with intervals and the zero line."""
    rows = [p for p in pairs if p["metric"] == metric and p["difference"] is not None]
    if not rows:
        return style.note_figure(f"No paired comparison of {metric_title(metric)} was made.")
    result = style.figure(7.2, 1.3 + 0.34 * len(rows))
    axes = result.subplots()
    for y, pair in enumerate(rows):
        entry = {"value": pair["difference"], "low": pair["low"], "high": pair["high"]}
        _draw_interval(axes, y, entry, style.Style(style.INK, "-", "o", ""))
    axes.axvline(0, **REFERENCE_LINE)
    texts = [
        f"{style.short(p['model_a'])} − {style.short(p['model_b'])}   {style.short(p['split'], 14)}"
        for p in rows
    ]
    axes.set_yticks(range(len(rows)), texts)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"difference in {metric_title(metric)} on the same test samples")
    axes.set_ylabel("pair and split")
    return result


@style.styled
def roc_overlay(evaluations: Evaluations) -> Figure:
    """Draw the ROC curves of all models: splits faint, their vertical mean strong.

    Of many splits there is a band in place of their curves.
    """
    result, axes = _square_figure(len(evaluations))
    axes.plot([0, 1], [0, 1], label="guessing", **REFERENCE_LINE)
    _draw_overlay(axes, evaluations, "roc", "auroc", _interpolated_roc)
    words = _words(evaluations)
    axes.set_xlabel(f"false positive rate\n({words.false_positives})")
    axes.set_ylabel(f"true positive rate\n({words.found})")
    _legend_below(result, axes)
    return result


@style.styled
def precision_recall_overlay(evaluations: Evaluations) -> Figure:
    """Draw precision against recall of all models: splits faint, their mean strong.

    Of many splits there is a band in place of their curves.
    """
    result, axes = _square_figure(len(evaluations))
    rates = [_base_rate(e) for runs in evaluations.values() for e in runs.values()]
    rate = float(np.mean(rates))
    axes.plot([0, 1], [rate, rate], label=f"base rate {rate:.2f}", **REFERENCE_LINE)
    _draw_overlay(axes, evaluations, "precision_recall", "auprc", _interpolated_precision)
    words = _words(evaluations)
    axes.set_xlabel(f"recall\n({words.found})")
    axes.set_ylabel(f"precision\n({words.right})")
    _legend_below(result, axes)
    return result


@style.styled
def calibration_overlay(evaluations: Evaluations) -> Figure:
    """Draw the calibration curves of all models: the first split strong, the others faint.

    Of many splits the curve of all their test samples, and a band in place of the splits. Of more
    than two classes the curve is that of the most probable class.
    """
    result, axes = _square_figure(len(evaluations))
    axes.plot([0, 1], [0, 1], label="perfect calibration", **REFERENCE_LINE)
    for number, (model, runs) in enumerate(evaluations.items()):
        look = style.named_style(model, number)
        if are_many(runs):
            _draw_pooled(axes, model, runs, look)
            continue
        for position, (split, evaluation) in enumerate(runs.items()):
            curve = top_label_curve(evaluation)
            strong = position == 0
            axes.plot(
                curve["predicted"], curve["observed"], color=look.colour, linestyle=look.line,
                marker=look.marker, markersize=5 if strong else 3, alpha=1 if strong else 0.35,
                linewidth=1.8 if strong else 0.9, gid=f"{model}/{split}",
                label=f"{style.short(model)} ({style.short(split, 14)})" if strong else None,
            )  # fmt: skip
    words = _words(evaluations)
    axes.set_xlabel(words.top_probability)
    axes.set_ylabel(words.top_observed)
    _legend_below(result, axes)
    return result


def _draw_pooled(
    axes: Axes, model: str, runs: Mapping[str, Mapping[str, Any]], look: style.Style
) -> None:
    """Draw one calibration curve of many splits, and how they are spread around it."""
    curves = [top_label_curve(evaluation) for evaluation in runs.values()]
    predicted, observed, splits = pooled_calibration(curves, POOLED_BINS)
    draw_band(axes, predicted, splits, look, model)
    axes.plot(
        predicted, observed, color=look.colour, linestyle=look.line, marker=look.marker,
        markersize=5, label=f"{style.short(model)} ({len(runs):,} splits)", gid=f"{model}/pooled",
    )  # fmt: skip


def _square_figure(n_models: int) -> tuple[Figure, Axes]:
    # Small, because three of them stand side by side: a larger one would be shrunk with its text.
    result = style.figure(4.0, 4.5 + 0.2 * n_models)
    axes = result.subplots()
    style.square(axes)
    return result, axes


def _legend_below(result: Figure, axes: Axes) -> None:
    result.legend(*axes.get_legend_handles_labels(), loc="outside lower center")


def _draw_overlay(
    axes: Axes,
    evaluations: Evaluations,
    name: str,
    metric: str,
    interpolate: Callable[[Mapping[str, Any]], np.ndarray],
) -> None:
    x, y = {"roc": ("fpr", "tpr"), "precision_recall": ("recall", "precision")}[name]
    for number, (model, runs) in enumerate(evaluations.items()):
        look = style.named_style(model, number)
        curves = {split: list(curves_of(e, name).values()) for split, e in runs.items()}
        means = [_mean(each, interpolate) for each in curves.values()]
        if are_many(runs):
            draw_band(axes, GRID, means, look, model)
        for split, each in curves.items() if not are_many(runs) else ():
            line = (GRID, _mean(each, interpolate)) if each[1:] else (each[0][x], each[0][y])
            axes.plot(*line, color=look.colour, alpha=0.35, linewidth=0.8, gid=f"{model}/{split}")
        values = [e["metrics"][metric]["value"] for e in runs.values()]
        known = [v for v in values if v is not None]
        score = f", mean {metric_title(metric)} {np.mean(known):.3f}" if known else ""
        axes.plot(
            GRID, np.mean(means, axis=0), color=look.colour, linestyle=look.line, linewidth=2.2,
            gid=f"{model}/mean", label=f"{style.short(model)}{score}",
        )  # fmt: skip


def _interpolated_roc(curve: Mapping[str, Any]) -> np.ndarray:
    tpr = np.interp(GRID, curve["fpr"], curve["tpr"])
    tpr[0] = 0.0
    return tpr


def _interpolated_precision(curve: Mapping[str, Any]) -> np.ndarray:
    """Return the precision at the first threshold that reaches each recall of the grid."""
    recall, precision = np.asarray(curve["recall"], float), np.asarray(curve["precision"], float)
    order = np.lexsort((-precision, recall))
    recall, precision = recall[order], precision[order]
    return precision[np.minimum(np.searchsorted(recall, GRID), len(recall) - 1)]


def _base_rate(evaluation: Mapping[str, Any]) -> float:
    """Return the share of the positive class, or of more than two classes the mean share."""
    classes, rows = classes_of(evaluation), table_of(evaluation)
    sizes = [
        sum(row) for name, row in zip(classes, rows, strict=True) if name in told_apart(classes)
    ]
    return sum(sizes) / len(sizes) / max(1, sum(map(sum, rows)))


def _mean(
    curves: Sequence[Mapping[str, Any]], interpolate: Callable[[Mapping[str, Any]], np.ndarray]
) -> np.ndarray:
    """Return the mean over classes of their curves, on the grid."""
    return np.mean([interpolate(curve) for curve in curves], axis=0)


def _words(evaluations: Evaluations) -> Words:
    first = next(iter(next(iter(evaluations.values())).values()))
    return words_of(classes_of(first))
