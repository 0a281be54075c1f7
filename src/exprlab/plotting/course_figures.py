"""Figures of the course: activations, XOR, steps, the path downhill, hidden units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from exprlab.course.journey import Journey
from exprlab.course.toys import XOR_INPUTS, XOR_LABELS, Path
from exprlab.course.unit import Unit
from exprlab.nets.activations import (
    ACTIVATIONS,
    relu,
    relu_derivative,
    sigmoid,
    sigmoid_derivative,
    softmax,
    softmax_derivative,
)
from exprlab.nets.scratch import MLP
from exprlab.plotting import style
from exprlab.plotting.decisions import MAP, draw_probability

VALUE = {"color": style.INK, "linestyle": "-"}
SLOPE = {"color": "#9E2F00", "linestyle": (0, (5, 1.6))}


@style.styled
def activations_figure() -> Figure:
    """Draw sigmoid, softmax and ReLU with their derivatives and what the course says of them."""
    figure = style.figure(10.5, 3.9)
    panels = figure.subplots(1, 3)
    z = np.linspace(-6, 6, 241)
    three = np.stack([z, np.zeros_like(z), np.zeros_like(z)], axis=-1)
    curves = (
        ("sigmoid", sigmoid(z), sigmoid_derivative(z), "S-shaped, between 0 and 1;\nsaturates: "
         "far from 0 its slope is nearly 0"),
        ("softmax of (z, 0, 0), its first part", softmax(three)[:, 0],
         softmax_derivative(three)[:, 0, 0], "with the two others it sums to 1:\nprobabilities of "
         "three classes"),
        ("ReLU", relu(z), relu_derivative(z), "0 below 0: sparse; unbounded above,\nwhere its "
         "slope stays 1: no saturation"),
    )  # fmt: skip
    for axes, (name, value, slope, words) in zip(panels, curves, strict=True):
        axes.plot(z, value, label="value", **VALUE)
        axes.plot(z, slope, label="derivative", **SLOPE)
        axes.set(title=name, xlabel=f"weighted sum z\n\n{words}", xlim=(-6, 6))
    panels[0].set_ylabel("activation")
    panels[2].set_ylim(-0.2, 6)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    return figure


def activation_table() -> str:
    """Return the activations, ranges, uses and advantages as a Markdown table."""
    rows = ["| activation | range | best use | key advantage |", "|---|---|---|---|"]
    for one in ACTIVATIONS.values():
        rows.append(f"| {one.name} | {one.range} | {one.best_use} | {one.advantage} |")
    rows.append("| softmax | 0 to 1, sum 1 | output for K classes | a probability for each class |")
    return "\n".join(rows) + "\n"


@style.styled
def xor_figure(single: MLP, layered: MLP) -> Figure:
    """Draw what one perceptron and a network with a hidden layer make of XOR."""
    figure = style.figure(8.2, 4.4)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, network, title in (
        (panels[0], single, "one perceptron: a straight line"),
        (panels[1], layered, "a hidden layer: a bent one"),
    ):
        _draw_decision(axes, network)
        right = int(((network.logits(XOR_INPUTS)[:, 0] > 0) == XOR_LABELS).sum())
        axes.set(title=title, xlabel=f"first input\n{right} of 4 right")
    panels[0].set_ylabel("second input")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _draw_decision(axes: Axes, network: MLP) -> None:
    side = np.linspace(-0.4, 1.4, 121)
    a, b = np.meshgrid(side, side)
    probability = network.probabilities(np.column_stack([a.ravel(), b.ravel()]))[:, 1]
    shown = probability.reshape(a.shape)
    draw_probability(axes, a, b, shown)
    axes.plot([], [], color=style.INK, label="probability 1/2")
    for label, words in ((0, "both alike: 0"), (1, "they differ: 1")):
        look = style.class_style(label)
        x, y = XOR_INPUTS[label == XOR_LABELS].T
        axes.plot(x, y, look.marker, color=look.colour, markeredgecolor=style.INK, markersize=11,
                  linestyle="", label=words)  # fmt: skip
    axes.set(xticks=[0, 1], yticks=[0, 1], xlim=(-0.4, 1.4), ylim=(-0.4, 1.4), aspect="equal")


@style.styled
def steps_figure(
    paths: dict[str, Path], first: np.ndarray, second: np.ndarray, surface: np.ndarray
) -> Figure:
    """Draw gradient descent of two weights with steps of several lengths, and its losses."""
    figure = style.figure(11, 3.9)
    panels = figure.subplots(1, len(paths) + 1, width_ratios=[1] * len(paths) + [1.15])
    for number, (axes, (words, path)) in enumerate(zip(panels, paths.items(), strict=False)):
        levels = np.geomspace(surface.min() * 1.02, surface.max(), 14)
        axes.contour(first, second, surface, levels=levels, colors=style.MUTED, linewidths=0.7)
        look = style.model_style(number)
        axes.plot(*path.weights.T, color=look.colour, marker=look.marker, markersize=3.5)
        axes.set(title=f"{words}: {path.learning_rate:g}", xlabel="first weight")
        axes.set(xlim=(first[0], first[-1]), ylim=(second[0], second[-1]))
        panels[-1].plot(path.losses, color=look.colour, linestyle=look.line, label=words)
    panels[0].set_ylabel("second weight")
    panels[-1].set(title="the loss", xlabel="step", ylabel="loss (nats)")
    style.log_scale(panels[-1])
    panels[-1].legend()
    return figure


@style.styled
def descent_figure(journey: Journey) -> Figure:
    """Draw the loss around the path of a real network, and the path."""
    figure = style.figure(7.2, 5.2)
    axes = figure.subplots()
    filled = axes.contourf(*journey.axes, journey.surface, levels=20, cmap=f"{MAP}_r")
    axes.plot(*journey.place.T, color="#E69F00", marker="o", markersize=4, label="after each epoch")
    axes.plot(*journey.place[0], "s", color="#56B4E9", markersize=9, markeredgecolor=style.INK,
              label="random weights", linestyle="")  # fmt: skip
    axes.plot(*journey.place[-1], "*", color="#FFFFFF", markersize=14, markeredgecolor=style.INK,
              label="end of training", linestyle="")  # fmt: skip
    axes.set(
        xlabel="along the direction in which the weights went furthest",
        ylabel="along the second such direction",
    )
    axes.grid(visible=False)
    figure.colorbar(filled, label="training loss (nats); dark is low")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


@style.styled
def hidden_figure(journey: Journey, classes: tuple[str, str]) -> Figure:
    """Draw how far apart the hidden units' mean activations in two classes are, and gradients."""
    figure = style.figure(9.6, 4.0)
    left, right = figure.subplots(1, 2)
    apart = journey.hidden[:, 1] - journey.hidden[:, 0]
    left.plot(apart, color=style.MUTED, linewidth=1)
    left.axhline(0, color=style.INK, linewidth=1)
    left.set(
        title="each hidden unit", xlabel="epoch",
        ylabel=f"mean activation,\n{style.short(classes[1])} less {style.short(classes[0])}",
    )  # fmt: skip
    epochs = np.arange(1, len(journey.gradient_norms) + 1)
    for number, words in enumerate(("hidden layer", "output layer")):
        look = style.model_style(number)
        right.plot(epochs, journey.gradient_norms[:, number], color=look.colour,
                   linestyle=look.line, label=words)  # fmt: skip
    right.set(title="length of the gradient", xlabel="epoch", ylabel="norm")
    style.log_scale(right)
    right.legend()
    return figure


@style.styled
def perceptron_figure(unit: Unit, names: Sequence[str]) -> Figure:
    """Draw a unit of a network with a sample's numbers: inputs, weights, sum, activation.

    Parameters
    ----------
    unit
        The unit.
    names
        Of the inputs that are shown.
    """
    figure = style.figure(8.6, 4.4)
    axes = figure.subplots()
    left = [
        (style.short(name), f"{x:.2f}", f"x {w:+.3f} = {x * w:+.3f}")
        for name, x, w in zip(names, unit.inputs, unit.weights, strict=True)
    ]
    left.append((f"{unit.others:,} other genes", "...", f"sum {unit.sum_of_others:+.3f}"))
    left.append(("bias", "1", f"x {unit.bias:+.3f} = {unit.bias:+.3f}"))
    for y, (name, value, product) in zip(np.linspace(2.2, -2.2, len(left)), left, strict=True):
        _circle(axes, 0, y, value)
        axes.text(-0.32, y, name, ha="right", va="center")
        _join(axes, (0.17, y), (2.3, 0.0))
        axes.text(0.28, y * 0.93, product, va="center", fontsize=8, zorder=4,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8})  # fmt: skip
    for x, above, value in (
        (2.5, "weighted sum", f"{unit.total:.3f}"),
        (3.6, unit.activation, f"{unit.output:.3f}"),
    ):
        _circle(axes, x, 0, value, size=46)
        axes.text(x, 0.62, above, ha="center", va="bottom")
    _join(axes, (2.75, 0), (3.35, 0))
    _join(axes, (3.85, 0), (4.35, 0))
    axes.text(4.4, 0, "to the\nnext layer", va="center")
    axes.set(xlim=(-2.1, 5.1), ylim=(-2.8, 2.8))
    axes.set_axis_off()
    return figure


def _circle(axes: Axes, x: float, y: float, words: str, size: float = 34) -> None:
    axes.plot(x, y, "o", markersize=size, color="white", markeredgecolor=style.INK, zorder=3)
    axes.text(x, y, words, ha="center", va="center", fontsize=8, zorder=4)


def _join(axes: Axes, begin: tuple[float, float], end: tuple[float, float]) -> None:
    arrow = FancyArrowPatch(
        begin, end, arrowstyle="-|>", mutation_scale=10, color=style.MUTED, linewidth=0.9
    )
    axes.add_patch(arrow)


@style.styled
def network_figure(
    sizes: tuple[int, int, int], classes: tuple[str, ...], measured: int | None = None
) -> Figure:
    """Draw a network of one hidden layer: a few of its units, and how many there are.

    Parameters
    ----------
    sizes
        Inputs, hidden units, outputs.
    classes
        Those that have an output.
    measured
        Genes of the cohort, if not all of them are inputs.
    """
    figure = style.figure(7.6, 4.4)
    axes = figure.subplots()
    names = ("inputs: genes", "hidden units", "output")
    of = f" of {measured:,}" if measured is not None and measured > sizes[0] else ""
    columns = [_shown(size) for size in sizes]
    for depth, (size, units) in enumerate(zip(sizes, columns, strict=True)):
        for y in units:
            axes.plot(
                depth, y, "o", markersize=15, color="white", markeredgecolor=style.INK, zorder=3
            )
        if size > len(units):
            axes.text(depth, 0, "...", rotation=90, ha="center", va="center", fontsize=14)
        axes.text(
            depth, 3.1, f"{names[depth]}\n{size:,}{'' if depth else of}", ha="center", va="bottom"
        )
    for depth in (0, 1):
        for y in columns[depth]:
            for end in columns[depth + 1]:
                line = FancyArrowPatch((depth, y), (depth + 1, end), arrowstyle="-",
                                       color=style.MUTED, linewidth=0.6)  # fmt: skip
                axes.add_patch(line)
    weights = sizes[0] * sizes[1] + sizes[1] + sizes[1] * sizes[2] + sizes[2]
    what = "sigmoid" if sizes[2] == 1 else "softmax"
    axes.text(2, -3.2, f"{what}: probability of\n{', '.join(map(style.short, classes))}",
              ha="center", va="top", fontsize=9)  # fmt: skip
    axes.text(0.5, -3.2, f"each line is a weight: {weights:,} with the biases", ha="center",
              va="top", fontsize=9)  # fmt: skip
    axes.set(xlim=(-0.5, 2.5), ylim=(-4.6, 4.4))
    axes.set_axis_off()
    return figure


def _shown(size: int) -> list[float]:
    """Return the heights of the units of a layer that are drawn: all of few, three at each end."""
    if size <= 6:
        return list(np.linspace(2.4, -2.4, size)) if size > 1 else [0.0]
    return [2.5, 1.8, 1.1, -1.1, -1.8, -2.5]
