"""Figures of one run: a model trained on one split and judged on its test samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from exprlab.evaluation.layout import classes_of, curves_of, table_of
from exprlab.keys import metric_title
from exprlab.plotting import style
from exprlab.plotting.panels import name_axes, panels, words_of
from exprlab.plotting.training_figures import training_figure

Evaluation = Mapping[str, Any]
DATA_LINE = {"color": style.model_style(0).colour, "gid": "data"}
REFERENCE_LINE = {"color": style.MUTED, "linestyle": (0, (4, 3)), "linewidth": 1.2}


def draw_run(
    metrics: Mapping[str, Sequence[Any]],
    network: Mapping[str, Any],
    evaluation: Evaluation,
    strengths: Sequence[float] | None = None,
    oracle: Evaluation | None = None,
) -> dict[str, Figure]:
    """Draw every figure of a run, by the name of its file without suffix.

    Parameters
    ----------
    metrics
        Columns of metrics.csv: ``step``, ``epoch``, ``name``, ``value`` (a DataFrame will do).
    network
        network.json.
    evaluation
        evaluation.json.
    strengths
        The regularisation strengths that a logistic regression chose from, if it is one.
    oracle
        The oracle's evaluation.json on the same test samples, if the cohort is simulated.
    """
    return {
        "training": training_figure(metrics, network, strengths),
        "roc": roc_figure(evaluation, oracle),
        "precision_recall": precision_recall_figure(evaluation, oracle),
        "calibration": calibration_figure(evaluation, oracle),
        "confusion": confusion_figure(evaluation),
        "scores": scores_figure(evaluation),
    }


def metric_text(evaluation: Evaluation, name: str, title: str) -> str:
    """Return e.g. ``AUROC 0.953 (95 % interval 0.941 to 0.964)``."""
    metric = evaluation["metrics"][name]
    if metric["value"] is None:
        return f"{title}: not defined"
    text = f"{title} {metric['value']:.3f}"
    if metric.get("low") is None or metric.get("high") is None:
        return text
    level = f"{100 * evaluation['confidence']:g} %"
    return f"{text} ({level} interval {metric['low']:.3f} to {metric['high']:.3f})"


def wilson_interval(fraction: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % interval of a fraction of `count` samples (Wilson, JASA 1927)."""
    z = 1.959963984540054
    centre = (fraction + z**2 / (2 * count)) / (1 + z**2 / count)
    half = np.sqrt(fraction * (1 - fraction) / count + z**2 / (4 * count**2))
    half = z * half / (1 + z**2 / count)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


@style.styled
def roc_figure(evaluation: Evaluation, oracle: Evaluation | None = None) -> Figure:
    """Draw the ROC curve with chance, the oracle and the point of the decision threshold."""
    words, curves = words_of(classes_of(evaluation)), curves_of(evaluation, "roc")
    result, found = _square_panels(evaluation, curves, "auroc")
    for (axes,), (label, curve) in zip(found, curves.items(), strict=True):
        axes.plot([0, 1], [0, 1], label="guessing (AUROC 0.5)", **REFERENCE_LINE)
        _draw_oracle(axes, oracle, "roc", label, ("fpr", "tpr"))
        axes.plot(curve["fpr"], curve["tpr"], label=_model(evaluation), **DATA_LINE)
        if evaluation["threshold"] is not None:
            (tn, fp), (fn, tp) = table_of(evaluation)
            _mark_threshold(axes, _ratio(fp, fp + tn), _ratio(tp, tp + fn), evaluation)
    name_axes(
        result,
        found,
        f"false positive rate\n({words.false_positives})",
        f"true positive rate\n({words.found})",
        legend="lower right",
    )
    return result


@style.styled
def precision_recall_figure(evaluation: Evaluation, oracle: Evaluation | None = None) -> Figure:
    """Draw precision against recall, with the base rate that guessing would reach."""
    words, curves = words_of(classes_of(evaluation)), curves_of(evaluation, "precision_recall")
    table = dict(zip(classes_of(evaluation), table_of(evaluation), strict=True))
    result, found = _square_panels(evaluation, curves, "auprc")
    for (axes,), (label, curve) in zip(found, curves.items(), strict=True):
        rate = _ratio(sum(table[label]), sum(map(sum, table.values())))
        text = f"base rate {rate:.2f}" if len(curves) == 1 else "base rate"
        axes.plot([0, 1], [rate, rate], label=text, **REFERENCE_LINE)
        _draw_oracle(axes, oracle, "precision_recall", label, ("recall", "precision"))
        axes.plot(curve["recall"], curve["precision"], label=_model(evaluation), **DATA_LINE)
        if evaluation["threshold"] is not None:
            (_, fp), (fn, tp) = table_of(evaluation)
            _mark_threshold(axes, _ratio(tp, tp + fn), _ratio(tp, tp + fp), evaluation)
    name_axes(
        result,
        found,
        f"recall\n({words.found})",
        f"precision\n({words.right})",
        legend="lower left",
    )
    return result


def _square_panels(
    evaluation: Evaluation, curves: Mapping[str, Any], metric: str
) -> tuple[Figure, list[tuple[Axes, ...]]]:
    """Return a square panel for each curve, its metric above it."""
    result, found = panels(len(curves), 4.9, 5.0)
    title = metric_title(metric)
    # Of folds together the metric compares samples of the same fold, the curve ranks those of all.
    how = "\ncomparing samples of the same fold" if "folds" in evaluation else ""
    for label, (axes,) in zip(curves, found, strict=True):
        style.square(axes)
        if len(curves) == 1:
            text = metric_text(evaluation, metric, title) + how
        else:
            value = evaluation["by_class"][label][metric]
            told = "not defined" if value is None else f"{value:.3f}"
            text = f"{style.short(label)}: {title} {told}"
        axes.set_title(text, fontsize=10)
    if len(curves) > 1:
        result.suptitle(metric_text(evaluation, metric, f"Mean {title}") + how, fontsize=10)
    return result, found


def _model(evaluation: Evaluation) -> str:
    """Return what the legend calls the curve of the model, or of the models of all folds."""
    return "models of all folds, ranked together" if "folds" in evaluation else "model"


def _draw_oracle(
    axes: Axes, oracle: Evaluation | None, name: str, label: str, columns: tuple[str, str]
) -> None:
    """Draw a class's curve of the best possible classifier, where it is known."""
    if oracle is None:
        return
    curve, look = curves_of(oracle, name)[label], style.ORACLE_STYLE
    x, y = (curve[column] for column in columns)
    axes.plot(x, y, color=look.colour, linestyle=look.line, linewidth=1.2, label="oracle (best "
              "possible)", gid="oracle")  # fmt: skip


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _mark_threshold(axes: Axes, x: float, y: float, evaluation: Evaluation) -> None:
    axes.plot(
        [x], [y], "o", color="white", markeredgecolor=style.INK, markersize=8, markeredgewidth=1.8,
        label=f"decision threshold {evaluation['threshold']:.2f}", zorder=5,
    )  # fmt: skip


@style.styled
def calibration_figure(evaluation: Evaluation, oracle: Evaluation | None = None) -> Figure:
    """Draw observed against predicted fractions of a class, with the samples per bin."""
    words, curves = words_of(classes_of(evaluation)), curves_of(evaluation, "calibration")
    result, found = panels(len(curves), 4.9, 5.6, ratios=(4, 1.1))
    for (axes, below), (label, curve) in zip(found, curves.items(), strict=True):
        axes.plot([0, 1], [0, 1], label="perfect calibration", **REFERENCE_LINE)
        _draw_reliability(axes, below, curve, oracle, label)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        text = style.short(label) if len(curves) > 1 else _calibration_title(evaluation)
        axes.set_title(text, fontsize=10)
        below.set_ylabel("samples\nper bin")
    if len(curves) > 1:
        result.suptitle(_calibration_title(evaluation), fontsize=10)
    name_axes(result, found, words.probability, words.observed, legend="upper left")
    return result


def _draw_reliability(
    axes: Axes, below: Axes, curve: Mapping[str, Any], oracle: Evaluation | None, label: str
) -> None:
    """Draw a class's calibration curve with the oracle's, and below it the samples per bin."""
    predicted, observed, count = (
        np.asarray(curve[name], float) for name in ("predicted", "observed", "count")
    )
    if len(predicted):
        low, high = wilson_interval(observed, count)
        axes.vlines(predicted, low, high, color=DATA_LINE["color"], alpha=0.6, linewidth=1.5)
    _draw_oracle(axes, oracle, "calibration", label, ("predicted", "observed"))
    axes.plot(predicted, observed, marker="o", label="model (bars: 95 % interval)", **DATA_LINE)
    below.bar(predicted, count, width=0.03, color=DATA_LINE["color"], gid="data")
    below.set_ylim(0, 1.1 * max(count, default=1))


def _calibration_title(evaluation: Evaluation) -> str:
    after = evaluation["metrics"]["ece"]["value"]
    before = evaluation.get("uncalibrated", {}).get("ece")
    before = before.get("value") if isinstance(before, Mapping) else before
    if after is None:
        return "Calibration"
    many = len(classes_of(evaluation)) > 2
    what = "Calibration error" + (" of the most probable class" if many else "")
    return f"{what} {after:.3f}" + ("" if before is None else f" (before calibration {before:.3f})")


@style.styled
def confusion_figure(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix: counts and the percentage of each true class."""
    classes, threshold = [style.short(c) for c in classes_of(evaluation)], evaluation["threshold"]
    counts = np.array(table_of(evaluation))
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    many = len(classes) - 2
    result = style.figure(4.9 + 0.8 * many, 4.3 + 0.6 * many)
    axes = result.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.25, aspect="equal", gid="data")
    size = 18 if not many else 13
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        ink = "white" if share > 0.7 else style.INK
        place = {"ha": "center", "va": "center", "color": ink}
        axes.text(column, row - 0.07, f"{count}", fontsize=size, **place)
        axes.text(column, row + 0.2, f"{100 * share:.1f} %", **place)
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes)
    axes.set_yticks(ticks, [f"{c}\n(n = {n})" for c, n in zip(classes, totals[:, 0], strict=True)])
    axes.set_xlabel("predicted class (samples, % of the true class)")
    axes.set_ylabel("true class (samples)")
    if "folds" in evaluation and not many:
        how = "at the threshold of each fold"
    elif threshold is None:
        how = "by the most probable class"
    else:
        how = f"at the threshold {threshold:.2f}"
    axes.set_title(f"Test samples {how}", fontsize=10)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return result


@style.styled
def scores_figure(evaluation: Evaluation) -> Figure:
    """Draw how the calibrated probability is distributed in each true class."""
    classes, curves = classes_of(evaluation), curves_of(evaluation, "scores")
    result, found = panels(len(curves), 5.6, 4.0)
    for (axes,), (label, scores) in zip(found, curves.items(), strict=True):
        if len(curves) == 1:
            groups = {name: style.class_style(name, classes) for name in classes}
        else:
            groups = {"rest": style.REST_STYLE, "own": style.class_style(label, classes)}
            axes.set_title(style.short(label), fontsize=10)
        _draw_scores(axes, scores, groups, {"rest": "all others", "own": label})
        if evaluation["threshold"] is not None:
            at = evaluation["threshold"]
            axes.axvline(at, color=style.INK, linewidth=1.4, label=f"threshold {at:.2f}")
    name_axes(result, found, words_of(classes_of(evaluation)).probability, "test samples per bin")
    if len(curves) == 1:
        handles = found[0][0].get_legend_handles_labels()
        result.legend(*handles, loc="outside upper center", ncols=3)
    else:
        for (axes,) in found:
            axes.set_ylim(top=1.4 * axes.get_ylim()[1])  # room for the legend
            axes.legend(loc="upper center")
    return result


def _draw_scores(
    axes: Axes,
    scores: Mapping[str, Any],
    groups: Mapping[str, style.Style],
    names: Mapping[str, str],
) -> None:
    """Draw a histogram for each group of samples."""
    edges, highest = np.asarray(scores["edges"], float), 1.0
    for group, look in groups.items():
        count, name = np.asarray(scores[group], float), names.get(group, group)
        axes.stairs(
            count, edges, fill=True, facecolor=look.colour, alpha=0.45, hatch=look.hatch,
            edgecolor=look.colour, linewidth=0, gid=f"data-{name}",
        )  # fmt: skip
        label = f"{style.short(name)} (n = {count.sum():.0f})"
        axes.stairs(count, edges, color=look.colour, linestyle=look.line, linewidth=2, label=label)
        highest = max(highest, count.max(initial=0))
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.08 * highest))
