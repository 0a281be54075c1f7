"""Figures of the lessons: what a network makes of two inputs, and curves beside each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

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

MAP = "Greys"


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
    filled = axes.contourf(a, b, shown, levels=np.linspace(0, 1, 11), cmap=MAP, alpha=0.55)
    axes.contour(a, b, shown, levels=[0.5], colors=style.INK, linewidths=1.6)
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


@style.styled
def jobs_figure(arrows: Collection[tuple[str, str]], again: Collection[str] = ()) -> Figure:
    """Draw which job needs which, the first on top; arrows that follow from others are left out.

    Parameters
    ----------
    arrows
        From a job to one that takes its files; a name may have several lines.
    again
        Jobs that are drawn dark.
    """
    needed = _needed(arrows)
    depth = _depths(needed)
    place = _places(needed, depth)
    figure = style.figure(7.2, 0.8 * (max(depth.values()) + 1) + 0.1)
    axes = figure.subplots()
    for begin, end in needed:
        # By the place that is kept free for it on each level between.
        levels = range(depth[begin] + 1, depth[end])
        way = [(place[begin, depth[begin]], -depth[begin] - _half(begin))]
        way += [(place[begin, level], -level) for level in levels]
        axes.plot(*zip(*way, strict=True), color=style.MUTED, linewidth=1.1)
        head = {"arrowstyle": "-|>", "color": style.MUTED, "linewidth": 1.1, "shrinkA": 0}
        above = (place[end, depth[end]], -depth[end] + _half(end))
        axes.annotate("", above, way[-1], arrowprops=head)
    for name, level in depth.items():
        dark = name in again
        box = {"boxstyle": "round,pad=0.35", "edgecolor": style.INK, "linewidth": 1.0,
               "facecolor": style.INK if dark else "white"}  # fmt: skip
        axes.text(place[name, level], -level, name, ha="center", va="center", fontsize=9,
                  bbox=box, zorder=3, color="white" if dark else style.INK)  # fmt: skip
    axes.set(xlim=(-1.05, 1.05), ylim=(-max(depth.values()) - 0.45, 0.45))
    axes.set_axis_off()
    return figure


def _half(name: str) -> float:
    """Return half the height of a box, in levels."""
    return 0.13 + 0.11 * name.count("\n")


def _depths(arrows: Collection[tuple[str, str]]) -> dict[str, int]:
    """Return the level of each name, below all that it needs."""
    names = sorted({name for arrow in arrows for name in arrow})
    before = {name: [a for a, b in arrows if b == name] for name in names}
    depth: dict[str, int] = {}
    while len(depth) < len(names):
        ready = [n for n in names if n not in depth and all(b in depth for b in before[n])]
        if not ready:
            raise ValueError("the arrows lead in a circle, so no job could be the first")
        depth |= {n: 1 + max((depth[b] for b in before[n]), default=-1) for n in ready}
    return depth


def _places(
    arrows: Collection[tuple[str, str]], depth: Mapping[str, int]
) -> dict[tuple[str, int], float]:
    """Return where a name, or its arrow on the way to lower levels, lies from left to right.

    On each level they stand evenly, in the order of the middle of what is right above them.
    """
    last = {name: max([depth[b] - 1 for a, b in arrows if a == name] or [0]) for name in depth}
    place: dict[tuple[str, int], float] = {}
    for level in range(max(depth.values()) + 1):
        middle = {}
        for name in depth:
            if depth[name] == level:
                above = [place[a, level - 1] for a, b in arrows if b == name]
                middle[name] = sum(above) / max(1, len(above))
            elif depth[name] < level <= last[name]:
                middle[name] = place[name, level - 1]
        row = sorted(middle, key=lambda name: (middle[name], name))
        place |= {(n, level): (2 * i + 1) / len(row) - 1 for i, n in enumerate(row)}
    return place


def _needed(arrows: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the arrows that do not follow from others."""
    after: dict[str, set[str]] = {}
    for begin, end in arrows:
        after.setdefault(begin, set()).add(end)

    def beyond(name: str) -> set[str]:
        """Return all that is reached from a name."""
        found = after.get(name, set())
        return found.union(*(beyond(other) for other in found))

    return sorted(
        (begin, end)
        for begin, ends in after.items()
        for end in ends
        if not any(end in beyond(other) for other in ends - {end})
    )
