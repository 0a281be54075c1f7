"""Figures of the lessons: what a network makes of two inputs, and curves beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from exprlab.keys import CLASSES
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
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    margin = 0.12 * (high - low)
    a, b = (np.linspace(*ends, 121) for ends in zip(low - margin, high + margin, strict=True))
    grid = np.stack(np.meshgrid(a, b), axis=-1)
    for axes, (words, classifier) in zip(panels, classifiers.items(), strict=True):
        shown = classifier(grid.reshape(-1, 2)).reshape(grid.shape[:2])
        filled = axes.contourf(a, b, shown, levels=np.linspace(0, 1, 11), cmap=MAP, alpha=0.55)
        axes.contour(a, b, shown, levels=[0.5], colors=style.INK, linewidths=1.6)
        for label, name in enumerate(CLASSES):
            look = style.class_style(label)
            axes.plot(*inputs[labels == label].T, look.marker, color=look.colour, markersize=5,
                      markeredgecolor=style.INK, markeredgewidth=0.5, label=name)  # fmt: skip
        axes.set(title=words, xlabel=names[0])
        axes.grid(visible=False)
    panels[0].set_ylabel(names[1])
    panels[0].plot([], [], color=style.INK, label="probability 1/2")
    figure.colorbar(filled, ax=panels[-1], label="probability of malignant")
    handles, found = panels[0].get_legend_handles_labels()
    figure.legend(handles, found, loc="outside upper center", ncols=3)
    return figure


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
