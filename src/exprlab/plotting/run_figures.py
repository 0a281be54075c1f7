"""Figures of one run: a model trained on one split and judged on its test samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from exprlab.keys import CLASSES
from exprlab.plotting import style
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
    result = style.figure(4.9, 5.0)
    axes = result.subplots()
    curve, cells = evaluation["curves"]["roc"], evaluation["confusion"]
    axes.plot([0, 1], [0, 1], label="guessing (AUROC 0.5)", **REFERENCE_LINE)
    _draw_oracle(axes, oracle, "roc", ("fpr", "tpr"))
    axes.plot(curve["fpr"], curve["tpr"], label="model", **DATA_LINE)
    fpr = _ratio(cells["fp"], cells["fp"] + cells["tn"])
    tpr = _ratio(cells["tp"], cells["tp"] + cells["fn"])
    _mark_threshold(axes, fpr, tpr, evaluation["threshold"])
    style.square(axes)
    axes.set_title(metric_text(evaluation, "auroc", "AUROC"), fontsize=10)
    axes.set_xlabel("false positive rate\n(fraction of benign samples called malignant)")
    axes.set_ylabel("true positive rate\n(fraction of malignant samples found)")
    axes.legend(loc="lower right")
    return result


@style.styled
def precision_recall_figure(evaluation: Evaluation, oracle: Evaluation | None = None) -> Figure:
    """Draw precision against recall, with the base rate that guessing would reach."""
    result = style.figure(4.9, 5.0)
    axes = result.subplots()
    curve, cells = evaluation["curves"]["precision_recall"], evaluation["confusion"]
    base_rate = _ratio(cells["tp"] + cells["fn"], sum(cells.values()))
    axes.plot([0, 1], [base_rate] * 2, label=f"base rate {base_rate:.2f}", **REFERENCE_LINE)
    _draw_oracle(axes, oracle, "precision_recall", ("recall", "precision"))
    axes.plot(curve["recall"], curve["precision"], label="model", **DATA_LINE)
    recall = _ratio(cells["tp"], cells["tp"] + cells["fn"])
    _mark_threshold(
        axes, recall, _ratio(cells["tp"], cells["tp"] + cells["fp"]), evaluation["threshold"]
    )
    style.square(axes)
    axes.set_title(metric_text(evaluation, "auprc", "AUPRC"), fontsize=10)
    axes.set_xlabel("recall\n(fraction of malignant samples found)")
    axes.set_ylabel("precision\n(fraction of malignant calls that are right)")
    axes.legend(loc="lower left")
    return result


def _draw_oracle(
    axes: Axes, oracle: Evaluation | None, name: str, columns: tuple[str, str]
) -> None:
    """Draw the curve of the best possible classifier, where it is known."""
    if oracle is None:
        return
    curve, look = oracle["curves"][name], style.ORACLE_STYLE
    x, y = (curve[column] for column in columns)
    axes.plot(x, y, color=look.colour, linestyle=look.line, linewidth=1.2, label="oracle (best "
              "possible)", gid="oracle")  # fmt: skip


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _mark_threshold(axes: Axes, x: float, y: float, threshold: float) -> None:
    axes.plot(
        [x], [y], "o", color="white", markeredgecolor=style.INK, markersize=8, markeredgewidth=1.8,
        label=f"decision threshold {threshold:.2f}", zorder=5,
    )  # fmt: skip


@style.styled
def calibration_figure(evaluation: Evaluation, oracle: Evaluation | None = None) -> Figure:
    """Draw observed against predicted fractions of malignant samples, with the samples per bin."""
    result = style.figure(4.9, 5.6)
    axes, below = result.subplots(2, sharex=True, height_ratios=(4, 1.1))
    curve = evaluation["curves"]["calibration"]
    predicted = np.asarray(curve["predicted"], float)
    observed = np.asarray(curve["observed"], float)
    count = np.asarray(curve["count"], float)
    axes.plot([0, 1], [0, 1], label="perfect calibration", **REFERENCE_LINE)
    if len(predicted):
        low, high = wilson_interval(observed, count)
        axes.vlines(predicted, low, high, color=DATA_LINE["color"], alpha=0.6, linewidth=1.5)
    _draw_oracle(axes, oracle, "calibration", ("predicted", "observed"))
    axes.plot(predicted, observed, marker="o", label="model (bars: 95 % interval)", **DATA_LINE)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_title(_calibration_title(evaluation), fontsize=10)
    axes.set_ylabel("observed fraction malignant")
    axes.legend(loc="upper left")
    below.bar(predicted, count, width=0.03, color=DATA_LINE["color"], gid="data")
    below.set_xlabel("predicted probability of malignant (calibrated)")
    below.set_ylabel("samples\nper bin")
    below.set_ylim(0, 1.1 * max(count, default=1))
    result.align_ylabels()
    return result


def _calibration_title(evaluation: Evaluation) -> str:
    after = evaluation["metrics"]["ece"]["value"]
    before = evaluation.get("uncalibrated", {}).get("ece")
    before = before.get("value") if isinstance(before, Mapping) else before
    if after is None:
        return "Calibration"
    return f"Calibration error {after:.3f}" + (
        "" if before is None else f" (before calibration {before:.3f})"
    )


@style.styled
def confusion_figure(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix: counts and the percentage of each true class."""
    cells = evaluation["confusion"]
    counts = np.array([[cells["tn"], cells["fp"]], [cells["fn"], cells["tp"]]])
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    result = style.figure(4.9, 4.3)
    axes = result.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.25, aspect="equal", gid="data")
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        ink = "white" if share > 0.7 else style.INK
        axes.text(column, row - 0.07, f"{count}", ha="center", va="center", color=ink, fontsize=18)
        axes.text(column, row + 0.2, f"{100 * share:.1f} %", ha="center", va="center", color=ink)
    axes.set_xticks((0, 1), CLASSES)
    axes.set_yticks((0, 1), [f"{c}\n(n = {n})" for c, n in zip(CLASSES, totals[:, 0], strict=True)])
    axes.set_xlabel("predicted class (samples, % of the true class)")
    axes.set_ylabel("true class (samples)")
    axes.set_title(f"Test samples at the threshold {evaluation['threshold']:.2f}", fontsize=10)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return result


@style.styled
def scores_figure(evaluation: Evaluation) -> Figure:
    """Draw how the calibrated probability is distributed in each true class."""
    scores = evaluation["curves"]["scores"]
    edges = np.asarray(scores["edges"], float)
    result = style.figure(5.6, 4.0)
    axes = result.subplots()
    highest = 1.0
    for name in CLASSES:
        look, count = style.class_style(name), np.asarray(scores[name], float)
        axes.stairs(
            count, edges, fill=True, facecolor=look.colour, alpha=0.45, hatch=look.hatch,
            edgecolor=look.colour, linewidth=0, gid=f"data-{name}",
        )  # fmt: skip
        label = f"{name} (n = {count.sum():.0f})"
        axes.stairs(count, edges, color=look.colour, linestyle=look.line, linewidth=2, label=label)
        highest = max(highest, count.max(initial=0))
    threshold = evaluation["threshold"]
    axes.axvline(threshold, color=style.INK, linewidth=1.4, label=f"threshold {threshold:.2f}")
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.08 * highest))
    axes.set_xlabel("predicted probability of malignant (calibrated)")
    axes.set_ylabel("test samples per bin")
    result.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return result
