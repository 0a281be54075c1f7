"""Figures of the lessons: what a network makes of two inputs, and curves beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from exprlab.keys import CLASSES
from exprlab.nets.activations import sigmoid
from exprlab.nets.scratch import MLP
from exprlab.plotting import style
from exprlab.plotting.decisions import MAP, draw_probability


@style.styled
def decision_figure(
    classifiers: Mapping[str, Callable[[NDArray], NDArray]],
    inputs: NDArray,
    labels: NDArray,
    names: tuple[str, str] = ("first gene", "second gene"),
) -> Figure:
    """Draw where each classifier is sure of which class, beside each other.

    Parameters
    ----------
    classifiers
        Title -> probability of class 1, (n,), of inputs (n, 2).
    inputs, labels
        Samples to draw, (n, 2), and their classes, (n,).
    names
        Of the two inputs.
    """
    figure = style.figure(1.2 + 3.1 * len(classifiers), 3.9)
    panels = figure.subplots(1, len(classifiers), sharey=True, squeeze=False)[0]
    for axes, (words, classifier) in zip(panels, classifiers.items(), strict=True):
        filled = _draw_decision(axes, classifier, inputs, labels)
        axes.set(title=words, xlabel=names[0])
    panels[0].set_ylabel(names[1])
    panels[0].plot([], [], color=style.INK, label="probability 1/2")
    figure.colorbar(filled, ax=panels[-1], label="probability of malignant")
    handles, found = panels[0].get_legend_handles_labels()
    figure.legend(handles, found, loc="outside upper center", ncols=3)
    return figure


def _draw_decision(
    axes: Axes, classifier: Callable[[NDArray], NDArray], inputs: NDArray, labels: NDArray
) -> ContourSet:
    """Draw the probability around samples, the line where it is 1/2, and the samples."""
    a, b, shown = _around(classifier, inputs)
    filled = draw_probability(axes, a, b, shown)
    _draw_samples(axes, inputs, labels)
    return filled


def _around(
    function: Callable[[NDArray], NDArray], inputs: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Return both axes of a grid around samples, and there a function of two inputs."""
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    margin = 0.12 * (high - low)
    a, b = (np.linspace(*ends, 121) for ends in zip(low - margin, high + margin, strict=True))
    grid = np.stack(np.meshgrid(a, b), axis=-1)
    return a, b, function(grid.reshape(-1, 2)).reshape(grid.shape[:2])


def _draw_samples(axes: Axes, inputs: NDArray, labels: NDArray) -> None:
    for label, name in enumerate(CLASSES):
        look = style.class_style(label)
        axes.plot(*inputs[labels == label].T, look.marker, color=look.colour, markersize=5,
                  markeredgecolor=style.INK, markeredgewidth=0.5, label=name)  # fmt: skip
    axes.grid(visible=False)


@style.styled
def curves_figure(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    x_label: str,
    y_label: str,
    log_y: bool = False,
) -> Figure:
    """Draw curves in one panel: name -> x and y."""
    figure = style.figure(6.4, 3.9)
    axes = figure.subplots()
    for number, (name, (x, y)) in enumerate(curves.items()):
        look = style.model_style(number)
        axes.plot(x, y, color=look.colour, linestyle=look.line, label=name)
    axes.set(xlabel=x_label, ylabel=y_label)
    if log_y:
        style.log_scale(axes)
    axes.legend()
    return figure


@style.styled
def counts_figure(counts: NDArray, labels: NDArray) -> Figure:
    """Draw how deeply samples were sequenced, and in how many of them genes have no read.

    Parameters
    ----------
    counts
        Raw counts, (n_samples, n_genes).
    labels
        Classes of the samples, (n_samples,).
    """
    figure = style.figure(9.2, 3.9)
    left, right = figure.subplots(1, 2)
    millions = counts.sum(axis=1) / 1e6
    edges = np.linspace(0, 5 * np.ceil(millions.max() / 5), 24)
    for label, name in enumerate(CLASSES):
        look = style.class_style(label)
        left.hist(millions[labels == label], edges, histtype="step", color=look.colour,
                  linestyle=look.line, linewidth=2, label=name)  # fmt: skip
    left.set(title="each sample", xlabel="library size (million reads)", ylabel="samples")
    left.set_xlim(0, edges[-1])
    left.legend()
    mean, zeros = counts.mean(axis=0), 100 * (counts == 0).mean(axis=0)
    right.plot(np.maximum(mean, 0.001), zeros, ".", color=style.INK, markersize=2, alpha=0.3)
    right.set(title="each gene", xscale="log", ylim=(-3, 103),
              xlabel="mean reads of a sample", ylabel="samples without a read (%)")  # fmt: skip
    right.set_xticks([0.01, 1, 100, 10_000], ["0.01", "1", "100", "10,000"])
    right.xaxis.set_minor_formatter(NullFormatter())
    return figure


@style.styled
def strips_figure(
    values: Mapping[str, Sequence[float]],
    x_label: str,
    reference: tuple[float, str],
    limits: tuple[float, float] = (0, 1),
) -> Figure:
    """Draw each repeat as a dot and their mean as a line, a row for each name.

    Parameters
    ----------
    values
        Name of the row -> a number for each repeat.
    x_label
        What the numbers are.
    reference
        Where a line is drawn through all rows, and what it is called.
    limits
        Of the axis.
    """
    figure = style.figure(6.8, 1.5 + 0.75 * len(values))
    axes = figure.subplots()
    axes.axvline(reference[0], color=style.MUTED, linestyle=(0, (4, 3)), label=reference[1])
    for row, numbers in enumerate(values.values()):
        look = style.model_style(row)
        # Spread by turns, so that equal numbers stay two dots.
        heights = row + 0.11 * (np.arange(len(numbers)) % 3 - 1)
        axes.plot(numbers, heights, look.marker, color=look.colour, markersize=5, alpha=0.8)
        axes.plot([np.mean(numbers)] * 2, [row - 0.3, row + 0.3], color=style.INK, linewidth=2.4,
                  label=None if row else "mean")  # fmt: skip
    axes.set_yticks(range(len(values)), list(values))
    axes.set(xlabel=x_label, xlim=limits, ylim=(len(values) - 0.5, -0.5))
    axes.grid(visible=False, axis="y")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


@style.styled
def units_figure(
    network: MLP,
    inputs: NDArray,
    labels: NDArray,
    names: tuple[str, str] = ("first gene", "second gene"),
) -> Figure:
    """Draw the line that each unit of the first hidden layer draws, and the output's.

    Parameters
    ----------
    network
        Of two inputs, with a hidden layer, and one output.
    inputs, labels
        Samples to draw, (n, 2), and their classes, (n,).
    names
        Of the two inputs.
    """
    layer = network.layers[0]
    n_units = len(layer.bias)
    figure = style.figure(1.2 + 2.7 * (n_units + 1), 3.6)
    panels = figure.subplots(1, n_units + 1, sharey=True)
    for unit, axes in enumerate(panels[:-1]):
        a, b, sums = _around(lambda x, unit=unit: layer.weighted_sums(x)[:, unit], inputs)
        axes.contourf(a, b, layer.activate(sums), levels=10, cmap=MAP, alpha=0.55)
        axes.contour(a, b, sums, levels=[0], colors=style.INK, linewidths=1.6, linestyles="--")
        _draw_samples(axes, inputs, labels)
        axes.set(title=f"hidden unit {unit + 1}", xlabel=names[0])
    _draw_decision(panels[-1], lambda x: network.probabilities(x)[:, 1], inputs, labels)
    panels[-1].set(title="output", xlabel=names[0])
    panels[0].set_ylabel(names[1])
    panels[0].plot([], [], color=style.INK, linestyle="--", label="sum of the unit 0")
    panels[0].plot([], [], color=style.INK, label="probability 1/2")
    handles, found = panels[0].get_legend_handles_labels()
    figure.legend(handles, found, loc="outside upper center", ncols=4)
    return figure


@style.styled
def description_figure(
    network: MLP,
    inputs: NDArray,
    labels: NDArray,
    names: tuple[str, str] = ("first gene", "second gene"),
) -> Figure:
    """Draw samples as their inputs describe them, and as the two units of a hidden layer do.

    Parameters
    ----------
    network
        Of two inputs, a hidden layer of two units, and one output.
    inputs, labels
        Samples to draw, (n, 2), and their classes, (n,).
    names
        Of the two inputs.
    """
    layer, output = network.layers[0], MLP(network.layers[1:])
    hidden = layer.activate(layer.weighted_sums(inputs))
    figure = style.figure(7.4, 3.9)
    left, right = figure.subplots(1, 2)
    _draw_decision(left, lambda x: network.probabilities(x)[:, 1], inputs, labels)
    left.set(title="by their inputs", xlabel=names[0], ylabel=names[1])
    filled = _draw_decision(right, lambda x: output.probabilities(x)[:, 1], hidden, labels)
    right.set(title="by the hidden layer", xlabel="hidden unit 1", ylabel="hidden unit 2")
    left.plot([], [], color=style.INK, label="probability 1/2")
    figure.colorbar(filled, ax=right, label="probability of malignant")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


@style.styled
def logits_figure(logits: NDArray, labels: NDArray, temperature: float, threshold: float) -> Figure:
    """Draw how logits become probabilities, calibrated ones, and a decision.

    Parameters
    ----------
    logits, labels
        Of samples, (n_samples,), and their true classes.
    temperature
        Divides the logits.
    threshold
        Of the calibrated probability, from which on a sample is called malignant.
    """
    figure = style.figure(7.2, 4.4)
    axes = figure.subplots()
    end = 1.05 * np.abs(logits).max()
    z = np.linspace(-end, end, 241)
    axes.plot(z, sigmoid(z), color=style.MUTED, linestyle=(0, (5, 1.6)), label="probability")
    axes.plot(z, sigmoid(z / temperature), color=style.INK, label="calibrated probability")
    axes.axhline(threshold, color=style.MUTED, linewidth=1, linestyle=(0, (1.2, 1.2)),
                 label="threshold")  # fmt: skip
    for label, name in enumerate(CLASSES):
        look, own = style.class_style(label), logits[labels == label]
        # A little below and above the curve, so that the classes do not hide each other.
        axes.plot(own, sigmoid(own / temperature) + 0.04 * (2 * label - 1), look.marker,
                  color=look.colour, markersize=4, alpha=0.7, label=f"sample, {name}")  # fmt: skip
    axes.set(xlabel="logit", ylabel="probability of malignant", xlim=(-end, end))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure
